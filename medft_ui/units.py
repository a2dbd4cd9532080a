"""Numbers as people read them: 2,914 rows, 17.1 GiB, 4 min 10 s, 2e-4.

It does not know: where a number comes from, HTML.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

UNKNOWN = "–"


def count(value: float | None) -> str:
    """Write a whole number with thousands parted: 13,410."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:,.0f}"


def plural(value: int, one: str, many: str) -> str:
    """Write a count with its noun: 1 row, 2,914 rows."""
    return f"{count(value)} {one if value == 1 else many}"


def gib(value: float | None) -> str:
    """Write memory in GiB: 0.42 GiB, 17.1 GiB."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return f"{value:.2f} GiB" if value < 1 else f"{value:.1f} GiB"


def rate(value: float | None) -> str:
    """Write how many there are in a second; few need a decimal: 0.4, 9.5, 13,410."""
    return f"{value:.1f}" if value is not None and 0 < value < 9.95 else count(value)


def percent(share: float | None) -> str:
    """Write a share of 1 as a percentage: 62 %."""
    return UNKNOWN if share is None or not math.isfinite(share) else f"{share * 100:.0f} %"


def duration(seconds: float | None) -> str:
    """Write a time span with its two largest units: 42 s, 4 min 10 s, 2 h 05 min, 1 d 3 h."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def loss(value: float | None) -> str:
    """Write a loss with three decimals: 1.314."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:.3f}"


def learning_rate(value: float | None) -> str:
    """Write a learning rate as people say it: 2e-4, 1.1e-4, 0."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def moment(iso: str) -> str:
    """Write a UTC ISO-8601 time short: 24 Nov 2026, 05:40 UTC. What is no such time comes back as it is."""
    try:
        when = datetime.fromisoformat(iso.replace("Z", "+00:00"))
    except ValueError:
        return iso
    return f"{when.astimezone(UTC):%d %b %Y, %H:%M} UTC".lstrip("0")
