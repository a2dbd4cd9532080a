"""The verdict on benchmarks: noise stated honestly, several comparisons corrected, sentences as people read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.evaluation.benchmark.judging import corrected, detectable_difference, notes, verdict_sentence
from core.evaluation.result import Measure
from core.evaluation.statistics import compare_paired, mcnemar_p


def measure(name: str, both: int, gained: int, lost: int, neither: int, **facts: float) -> Measure:
    base = [1.0] * both + [0.0] * gained + [1.0] * lost + [0.0] * neither
    tuned = [1.0] * both + [1.0] * gained + [0.0] * lost + [0.0] * neither
    told = {"chance": 0.25, "detectable_points": 100 * detectable_difference(len(base), gained + lost)}
    return Measure(name, name, "share", compare_paired(base, tuned), facts=told | facts)


@pytest.mark.parametrize(("items", "differing"), [(500, 0.2), (200, 0.3), (1000, 0.1)])
def test_the_detectable_difference_is_found_four_times_in_five(items: int, differing: float) -> None:
    difference = detectable_difference(items, round(items * differing))
    drawn, found, trials = np.random.default_rng(1), 0, 400
    for _ in range(trials):
        gained, lost = drawn.multinomial(
            items, [(differing + difference) / 2, (differing - difference) / 2, 1 - differing]
        )[:2]
        found += mcnemar_p(int(gained), int(lost)) < 0.05
    # McNemar's exact test is a little stricter than the approximation; 400 trials have a standard error of 0.02
    assert 0.70 <= found / trials <= 0.86


def test_the_detectable_difference_shrinks_with_items_and_grows_with_disagreement() -> None:
    assert detectable_difference(2000, 400) < detectable_difference(500, 100) < detectable_difference(500, 200)
    # Connor 1987: n = (1.95996 √ψ + 0.84162 √(ψ − δ²))² / δ²
    delta, differ = detectable_difference(500, 100), 0.2
    assert (1.95996 * differ**0.5 + 0.84162 * (differ - delta**2) ** 0.5) ** 2 / delta**2 == pytest.approx(
        500, rel=1e-4
    )
    assert detectable_difference(10, 0) == pytest.approx(0.75, abs=0.05)  # with ten questions only a landslide shows
    assert detectable_difference(3, 3) <= 1


def test_several_comparisons_are_corrected_as_holm_does() -> None:
    measures = [
        measure("A", 300, 40, 15, 145),  # p = 0.001
        measure("B", 300, 34, 18, 148),  # p = 0.036: alone it would count, as one of four it does not
        measure("C", 300, 20, 20, 160),
        measure("D", 2, 1, 0, 2),
    ]
    assert [one.comparison.verdict for one in measures[:2]] == ["better", "better"]
    after = corrected(measures)
    assert [one.comparison.verdict for one in after] == [
        "better",
        "no measurable difference",
        "no measurable difference",
        "too few items",
    ]
    p_values = [one.comparison.p_value for one in measures]
    assert after[0].facts["p_holm"] == pytest.approx(4 * p_values[0])
    assert after[1].facts["p_holm"] == pytest.approx(3 * p_values[1])
    assert corrected(measures[:1]) == tuple(measures[:1])


def test_no_difference_is_said_with_its_noise() -> None:
    only = measure("PubMedQA", 270, 20, 16, 194, majority=0.552)
    points = only.facts["detectable_points"]
    assert verdict_sentence([only]) == (
        "No measurable difference on PubMedQA: 57.2 % before and 58.0 % after tuning, on 500 questions; "
        f"a difference below {points:.1f} points cannot be seen with so few."
    )
    assert 3 < points < 4


def test_worse_and_better_are_said_with_their_interval() -> None:
    found = verdict_sentence([measure("MedQA", 200, 10, 60, 230)])
    assert found.startswith(
        "Worse on MedQA: 52.0 % before and 42.0 % after tuning, on 500 questions (-10.0 points, 95 %"
    )
    assert verdict_sentence([measure("MedQA", 200, 60, 10, 230)]).startswith("Better on MedQA")
    assert "Too few questions" in verdict_sentence([measure("MedQA", 2, 1, 1, 1)])


def test_several_benchmarks_make_one_sentence() -> None:
    names = ["A", "C", "D", "E"]
    measures: list[Any] = [
        measure("general_mcq", 200, 5, 60, 235),
        *(measure(name, 250, 20, 20, 210) for name in names),
    ]
    assert verdict_sentence(corrected(measures)) == (
        "Worse on general_mcq (52.0 % before, 41.0 % after, 500 questions); no measurable difference on A, C, D, E "
        "(5 comparisons, corrected by Holm)."
    )
    told = list(notes(corrected(measures)))
    assert any("forget" in note for note in told)
    assert sum("would be missed more often than one time in five" in note for note in told) == 4
    assert any("5 comparisons were made" in note for note in told)


def test_notes_name_the_baselines() -> None:
    told = list(notes([measure("PubMedQA", 250, 20, 16, 214, majority=0.552)]))
    assert any("commonest answer every time (55.2 %)" in note for note in told)
    told = list(notes([measure("MedQA", 120, 15, 16, 349, majority=0.26)]))
    assert any("cannot" in note or "neither model" in note for note in told)
    told = list(notes([measure("MedQA", 120, 15, 16, 349, majority=0.26, same_option_percent=97.0)]))
    assert any("to at least 97 % of the questions" in note for note in told)
    told = list(notes([measure("MedQA", 300, 20, 16, 164, majority=0.3, prompts_cut=7)]))
    assert not any("neither model" in note for note in told)
    assert any("7 of 500 prompts are longer" in note for note in told)
