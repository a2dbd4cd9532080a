"""What a measurement reads like: numbers in their unit, intervals, p-values, verdicts; the same on screen and in files.

It does not know: how anything was measured, where it is shown.
"""

from __future__ import annotations

import math
from typing import Literal

from core.evaluation.result import Measure, Unit
from core.evaluation.statistics import Interval

Tone = Literal["good", "bad", "info", "look"]
UNKNOWN = "–"
# Plain numbers that a measure may carry, by name; whatever else it carries is written with its own name.
FACTS = {
    "majority": "always the commonest answer",
    "chance": "guessing",
    "detectable_points": "smallest difference that so many items would show, in points",
    "base_percent_by_length": "base, scored by length, %",
    "tuned_percent_by_length": "tuned, scored by length, %",
    "prompts_cut": "prompts that were cut",
    "same_option_percent": "questions to which each model gave its favourite option, at least, %",
    "p_holm": "p, corrected for the number of comparisons (Holm)",
    "comparisons": "comparisons",
    "base_passed": "passed, base",
    "tuned_passed": "passed, tuned",
    "base_not_scorable": "answers that cannot be scored, base",
    "tuned_not_scorable": "answers that cannot be scored, tuned",
    "overruled": "verdicts overruled by a person",
    "base_perplexity": "perplexity, base",
    "tuned_perplexity": "perplexity, tuned",
}
# Exceptions: where there are none, nothing is said of them.
RARE = ("base_not_scorable", "tuned_not_scorable", "overruled")
# Those of them that lie on the measure's own axis, and are marked there.
LANDMARKS = ("majority", "chance")


def moment(iso: str) -> str:
    """Write a UTC ISO-8601 time as people read it: 2026-11-24 05:40 UTC."""
    return f"{iso[:16].replace('T', ' ')} UTC" if iso else ""


def number(value: float, unit: Unit) -> str:
    """Write a measured number: 55.2 %, 2.007, 0.231, 0.95×, 12.3."""
    if not math.isfinite(value):
        return UNKNOWN
    if unit == "share":
        return f"{value * 100:.1f} %"
    return {"loss": f"{value:.3f}", "score": f"{value:.3f}", "ratio": f"{value:.2f}×", "count": f"{value:.1f}"}[unit]


def interval(found: Interval, unit: Unit) -> str:
    """Write an estimate with its interval: 55.2 % (50.8 to 59.5)."""
    if unit == "share" and math.isfinite(found.value):
        return f"{found.value * 100:.1f} % ({found.low * 100:.1f} to {found.high * 100:.1f})"
    return f"{number(found.value, unit)} ({number(found.low, unit)} to {number(found.high, unit)})"


def difference(found: Interval, unit: Unit) -> str:
    """Write a paired difference with its interval: +3.1 points (-1.0 to +7.2)."""
    if not math.isfinite(found.value):
        return UNKNOWN
    scale, digits = (100, 1) if unit == "share" else (1, 3 if unit in ("loss", "score") else 2)
    value, low, high = (_signed(each * scale, digits) for each in (found.value, found.low, found.high))
    return f"{value}{' points' if unit == 'share' else ''} ({low} to {high})"


def _signed(value: float, digits: int) -> str:
    """A change with its sign; no change has none."""
    return f"{value:+.{digits}f}" if round(value, digits) else "0"


def p_value(value: float) -> str:
    """Write a p-value: 0.031, < 0.001."""
    if not math.isfinite(value):
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def verdict(measure: Measure) -> tuple[str, Tone]:
    """Say what a measure comes to, and how it is coloured.

    Where neither direction is better (a length ratio), it says higher or lower instead.
    """
    said = measure.comparison.verdict
    if said == "too few items":
        return said, "look"
    if said == "no measurable difference":
        return said, "info"
    if measure.lower_is_better is None:
        return ("higher" if measure.comparison.difference.value > 0 else "lower"), "look"
    return said, "good" if said == "better" else "bad"


def flips(measure: Measure) -> str:
    """Say how many items changed between right and wrong; empty for scores that are not right or wrong."""
    found = measure.comparison
    if not found.test.startswith("McNemar"):
        return ""
    return f"{found.gained} gained, {found.lost} lost"


def facts(measure: Measure) -> list[tuple[str, str]]:
    """The further numbers of a measure, each with its name in words."""
    written = []
    for name, value in measure.facts.items():
        if name in RARE and not value:
            continue
        unit: Unit = measure.unit if name in LANDMARKS else "count"
        plain = number(value, unit) if name in LANDMARKS else f"{value:,.4g}"
        written.append((FACTS.get(name, name.replace("_", " ")), plain))
    return written
