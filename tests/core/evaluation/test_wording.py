"""Numbers of an evaluation in words: signs, units, and that no change has no sign."""

from __future__ import annotations

import math

import pytest

from core.evaluation.forest import forest
from core.evaluation.result import Measure, Unit
from core.evaluation.scorecard_page import measure_notes
from core.evaluation.statistics import Interval, compare_paired
from core.evaluation.wording import difference, facts


@pytest.mark.parametrize(
    ("found", "unit", "said"),
    [
        (Interval(0.031, -0.01, 0.072, 0.95), "share", "+3.1 points (-1.0 to +7.2)"),
        (Interval(0.0, 0.0, 0.0, 0.95), "share", "0 points (0 to 0)"),
        (Interval(-0.0001, -0.25, 0.0004, 0.95), "share", "0 points (-25.0 to 0)"),
        (Interval(-0.819, -0.941, -0.701, 0.95), "loss", "-0.819 (-0.941 to -0.701)"),
        (Interval(-0.012, -0.04, 0.001, 0.95), "ratio", "-0.01 (-0.04 to 0)"),
        (Interval(math.nan, 0.0, 0.0, 0.95), "loss", "–"),
    ],
)
def test_a_change_is_written_with_its_sign_and_none_without(found: Interval, unit: Unit, said: str) -> None:
    assert difference(found, unit) == said


def test_a_note_that_is_a_sentence_ends_once() -> None:
    compared = compare_paired([0.1] * 12, [0.2] * 12)
    measure = Measure("f1", "Token F1", "score", compared, note="Likeness, not correctness.", facts={"chance": 0.5})
    assert list(measure_notes([measure])) == ["Token F1: Likeness, not correctness; guessing: 0.500."]


def test_what_never_happened_is_not_listed_and_facts_have_names() -> None:
    compared = compare_paired([0.0] * 12, [1.0] * 12)
    facts_of = {"base_passed": 0.0, "tuned_passed": 12.0, "base_not_scorable": 0.0, "overruled": 2.0}
    said = facts(Measure("urgent", "Emergencies", "share", compared, facts=facts_of))
    assert said == [("passed, base", "0"), ("passed, tuned", "12"), ("verdicts overruled by a person", "2")]


def test_the_axis_of_shares_ends_at_a_hundred_points() -> None:
    measure = Measure("urgent", "Emergencies", "share", compare_paired([0.0] * 12, [1.0] * 12))
    drawn = forest([measure])
    assert "+100.0 points" in drawn and "110" not in drawn
