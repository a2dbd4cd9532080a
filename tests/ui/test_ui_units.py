from __future__ import annotations

import math

import pytest

from medft_ui import units


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0.4, "0 s"),
        (42, "42 s"),
        (250, "4 min 10 s"),
        (59.7, "1 min 00 s"),
        (7500, "2 h 05 min"),
        (97_200, "1 d 3 h"),
    ],
)
def test_duration(seconds: float | None, words: str) -> None:
    assert units.duration(seconds) == words


@pytest.mark.parametrize(("value", "words"), [(2e-4, "2e-4"), (1.1e-4, "1.1e-4"), (0, "0"), (1, "1e0"), (None, "–")])
def test_learning_rate(value: float | None, words: str) -> None:
    assert units.learning_rate(value) == words


def test_counts_memory_and_shares() -> None:
    assert (units.count(13410), units.count(None), units.count(math.inf)) == ("13,410", "–", "–")
    assert [units.rate(value) for value in (0.42, 9.5, 9.97, 13410, 0, None)] == [
        "0.4",
        "9.5",
        "10",
        "13,410",
        "0",
        "–",
    ]
    assert (units.plural(1, "row", "rows"), units.plural(2914, "row", "rows")) == ("1 row", "2,914 rows")
    assert (units.gib(17.12), units.gib(0.42), units.gib(None)) == ("17.1 GiB", "0.42 GiB", "–")
    assert (units.percent(0.617), units.loss(1.3137), units.loss(math.nan)) == ("62 %", "1.314", "–")


def test_moments_are_utc_and_strangers_pass() -> None:
    assert units.moment("2026-11-04T05:40:00.123+00:00") == "4 Nov 2026, 05:40 UTC"
    assert units.moment("2026-11-24T06:40:00+01:00") == "24 Nov 2026, 05:40 UTC"
    assert units.moment("yesterday") == "yesterday"
