"""Numbers pinned against published tables and other implementations."""

from __future__ import annotations

import math
import random

import pytest

from core.evaluation.statistics import (
    bootstrap_mean,
    cohen_kappa,
    compare_paired,
    fleiss_kappa,
    items_to_settle,
    mcnemar_p,
    raw_agreement,
    wilson,
)


def test_wilson_agrees_with_its_formula() -> None:
    share, n, z = 0.6, 100, 1.959963984540054
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    interval = wilson(60, 100)
    assert interval.low == pytest.approx(centre - half, abs=1e-9)
    assert interval.high == pytest.approx(centre + half, abs=1e-9)
    assert round(interval.low * 100) == 50 and round(interval.high * 100) == 69


def test_wilson_at_the_ends_stays_inside() -> None:
    assert wilson(0, 20).low == pytest.approx(0, abs=1e-12)
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=1e-4)
    with pytest.raises(ValueError, match="not a share"):
        wilson(3, 2)


def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs() -> None:
    # 12 against 3 of 15: 2 * P(X <= 3), X ~ Binomial(15, 1/2)
    by_hand = 2 * sum(math.comb(15, k) for k in range(4)) / 2**15
    assert mcnemar_p(12, 3) == pytest.approx(by_hand)
    assert mcnemar_p(0, 0) == 1.0


def test_a_clear_gain_is_called_better_and_its_mirror_worse() -> None:
    base, tuned = [0] * 40 + [1] * 60, [1] * 30 + [0] * 10 + [1] * 58 + [0] * 2
    better = compare_paired(base, tuned)
    assert (better.gained, better.lost, better.verdict) == (30, 2, "better")
    assert better.difference.value == pytest.approx(0.28)
    assert compare_paired(tuned, base).verdict == "worse"


def test_noise_is_called_no_measurable_difference() -> None:
    base, tuned = [0, 1] * 50, [0, 1] * 47 + [1, 0] * 3
    assert compare_paired(base, tuned).verdict == "no measurable difference"


def tango_score(difference: float, gained: int, lost: int, items: int) -> float:
    """Tango's statistic (1998, equations 5 and 6) of a difference of paired shares."""
    root = -gained - lost + (2 * items - gained + lost) * difference
    constant = -lost * difference * (1 - difference)
    lost_share = (math.sqrt(root**2 - 8 * items * constant) - root) / (4 * items)
    spread = items * (2 * lost_share + difference * (1 - difference))
    return (gained - lost - items * difference) / math.sqrt(spread)


@pytest.mark.parametrize("items", [10, 50, 500])
def test_where_no_pair_differs_a_difference_is_still_possible(items: int) -> None:
    found = compare_paired([1] * items, [1] * items)
    assert (found.verdict, found.p_value, found.difference.value) == ("no measurable difference", 1.0, 0.0)
    assert abs(tango_score(found.difference.high, 0, 0, items)) == pytest.approx(1.959964, abs=1e-4)
    assert found.difference.low == -found.difference.high


def test_where_all_pairs_differ_alike_the_difference_may_be_smaller() -> None:
    found = compare_paired([0] * 12, [1] * 12)
    assert (found.verdict, found.difference.value, found.difference.high) == ("better", 1.0, 1.0)
    assert tango_score(found.difference.low, 12, 0, 12) == pytest.approx(1.959964, abs=1e-4)
    mirrored = compare_paired([1] * 12, [0] * 12)
    assert (mirrored.difference.low, mirrored.difference.high) == (-1.0, -found.difference.low)


@pytest.mark.filterwarnings("ignore::scipy.stats.DegenerateDataWarning")
def test_what_is_not_a_number_gets_no_verdict() -> None:
    assert compare_paired([0.5] * 12, [math.nan] * 12).verdict == "no measurable difference"


def test_few_items_get_no_verdict() -> None:
    assert compare_paired([0.0] * 5, [1.0] * 5).verdict == "too few items"


def test_lower_losses_are_better() -> None:
    base = [2.5 + 0.01 * i for i in range(40)]
    tuned = [loss - 0.4 - 0.001 * i for i, loss in enumerate(base)]
    result = compare_paired(base, tuned, lower_is_better=True)
    assert (result.verdict, result.test) == ("better", "Wilcoxon signed-rank")
    assert result.difference.high < 0


def test_bootstrap_agrees_with_the_normal_interval_on_many_values() -> None:
    values = [math.sin(i) for i in range(1000)]
    mean = sum(values) / 1000
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / 999) / math.sqrt(1000)
    interval = bootstrap_mean(values)
    assert interval.low == pytest.approx(mean - 1.96 * error, abs=0.1 * error)
    assert interval.high == pytest.approx(mean + 1.96 * error, abs=0.1 * error)


def test_cohen_kappa_of_a_known_table() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: po = 0.7, pe = 0.5, kappa = 0.4
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    kappa = cohen_kappa(first, second)
    assert kappa.value == pytest.approx(0.4)
    assert kappa.low < 0.4 < kappa.high
    assert math.isnan(cohen_kappa(["yes"] * 5, ["yes"] * 5).value)


@pytest.mark.parametrize("second", [["yes", "no", "yes", "no", "yes"], ["yes"] * 5])
def test_kappa_is_never_said_to_be_known_exactly(second: list[str]) -> None:
    """The asymptotic error of perfect agreement is 0, also of five items; so there is no interval to show."""
    kappa = cohen_kappa(["yes", "no", "yes", "no", "yes"], second)
    assert kappa.value in (0.0, 1.0)
    assert math.isnan(kappa.low) and math.isnan(kappa.high)
    several = fleiss_kappa([["yes", "yes", "yes"], ["no", "no", "no"]] * 4)
    assert several.value == 1.0 and math.isnan(several.low)


def test_the_ends_of_kappa_stay_within_its_range() -> None:
    # 11 of 12 alike: 1.96 standard errors above 0.83 lie beyond 1
    kappa = cohen_kappa([0, 1] * 6, [0, 1] * 5 + [0, 0])
    assert 0.8 < kappa.value < kappa.high == 1.0
    assert kappa.low < kappa.value


def test_fleiss_kappa_of_the_paper_table() -> None:
    # Table of Fleiss (1971) as commonly reproduced: ten subjects, fourteen raters, five categories; kappa = 0.210
    table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    ratings = [[label for label, count in enumerate(row) for _ in range(count)] for row in table]
    kappa = fleiss_kappa(ratings)
    assert kappa.value == pytest.approx(0.210, abs=5e-4)
    assert kappa.low < kappa.value < kappa.high


def test_raw_agreement_counts_pairs() -> None:
    assert raw_agreement([["a", "a", "b"], ["a", "a"]]) == pytest.approx(2 / 4)
    assert math.isnan(raw_agreement([["a"]]))


def test_sixty_percent_needs_about_a_hundred_decided_items() -> None:
    assert items_to_settle(60, 100) == 0
    assert items_to_settle(12, 20) == pytest.approx(77, abs=12)
    assert items_to_settle(10, 20, most=1000) == 1000


def test_weighted_means_are_those_of_all_tokens_together() -> None:
    draw = random.Random(3)
    tokens = [draw.randint(20, 300) for _ in range(80)]
    base = [draw.gauss(2.5, 0.4) + 0.001 * count for count in tokens]
    tuned = [loss - draw.gauss(0.3, 0.1) for loss in base]
    found = compare_paired(base, tuned, lower_is_better=True, weights=tokens)
    pooled = sum(loss * count for loss, count in zip(base, tokens, strict=True)) / sum(tokens)
    assert found.base.value == pytest.approx(pooled) != pytest.approx(sum(base) / len(base))
    # the ratio estimator's standard error by linearisation (Cochran 1977, section 2.11)
    residuals = [count * (loss - pooled) for loss, count in zip(base, tokens, strict=True)]
    half = 1.96 * math.sqrt(sum(part * part for part in residuals)) / sum(tokens)
    assert (found.base.high - found.base.low) / 2 == pytest.approx(half, rel=0.05)
    alike = compare_paired(base, tuned, lower_is_better=True)
    assert (found.verdict, found.p_value, found.test) == ("better", alike.p_value, alike.test)
    assert compare_paired(base, tuned, lower_is_better=True, weights=[1.0] * 80) == alike


def test_a_failure_that_tuning_spares_is_gained() -> None:
    found = compare_paired([1.0] * 14 + [0.0] * 6, [0.0] * 20, lower_is_better=True)
    assert (found.gained, found.lost, found.verdict) == (14, 0, "better")
    assert found.p_value == pytest.approx(2 * 0.5**14)
