"""Honest numbers: intervals and paired tests, by scipy and statsmodels.

    wilson(60, 100)  →  Interval(0.6, 0.502, 0.691)
    compare_paired(base_right, tuned_right)  →  Comparison(difference, interval, p, verdict)

It does not know: where the answers came from.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

Verdict = Literal["better", "worse", "no measurable difference", "too few items"]

# Below this many items an interval spans so much that a verdict would be noise.
FEWEST_ITEMS = 10
BOOTSTRAP_SAMPLES = 9_999


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval.

    Args:
        value: The estimate.
        low: Lower end.
        high: Upper end.
        level: Confidence level, 0 to 1.
    """

    value: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Comparison:
    """Tuned against base on the same items.

    Args:
        items: How many items both answered.
        base: Mean of the base, with its interval.
        tuned: Mean of the tuned model, with its interval.
        difference: tuned - base, with a bootstrap interval over items.
        gained: Items that only the tuned model got right, or spared a failure (0 for continuous scores).
        lost: Items that only the base got right, or spared a failure (0 for continuous scores).
        p_value: Two-sided p of the paired test named in ``test``.
        test: Name of the test.
        verdict: What that comes to.
    """

    items: int
    base: Interval
    tuned: Interval
    difference: Interval
    gained: int
    lost: int
    p_value: float
    test: str
    verdict: Verdict


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Share of successes with the Wilson score interval (Wilson 1927), by statsmodels.

    Args:
        successes: 0 to trials.
        trials: At least 1.
        level: Confidence level.

    Raises:
        ValueError: if the counts make no sense.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is not a share")
    from statsmodels.stats.proportion import proportion_confint  # noqa: PLC0415  (heavy, here and below)

    low, high = proportion_confint(successes, trials, alpha=1 - level, method="wilson")
    return Interval(successes / trials, float(low), float(high), level)


def mcnemar_p(gained: int, lost: int) -> float:
    """Two-sided p of McNemar's exact test on the discordant pairs (McNemar 1947), by statsmodels."""
    if gained + lost == 0:
        return 1.0
    from statsmodels.stats.contingency_tables import mcnemar  # noqa: PLC0415

    return float(mcnemar([[0, lost], [gained, 0]], exact=True).pvalue)


def compare_paired(
    base: Sequence[float],
    tuned: Sequence[float],
    *,
    lower_is_better: bool = False,
    seed: int = 42,
    weights: Sequence[float] | None = None,
) -> Comparison:
    """Compare two models on the same items, right/wrong (0 and 1) or any score.

    Right/wrong items are tested by McNemar's exact test, scores by Wilcoxon's signed-rank test. The verdict needs both the
    test (p < 0.05) and a bootstrap interval of the difference that excludes zero.

    Args:
        base: One score an item, shape (items,).
        tuned: The same items in the same order, shape (items,).
        lower_is_better: True for losses.
        seed: Seed of the bootstrap.
        weights: How much each item counts in the means and their intervals, for example its tokens, shape (items,);
            None: all the same. The test gives each item one vote in either case.

    Raises:
        ValueError: if the lengths differ or there is no item.
    """
    if len(base) != len(tuned) or not base:
        raise ValueError(f"{len(base)} base scores and {len(tuned)} tuned scores are not pairs")
    binary = all(score in (0, 1) for score in (*base, *tuned))
    rose = sum(after > before for before, after in zip(base, tuned, strict=True)) if binary else 0
    fell = sum(after < before for before, after in zip(base, tuned, strict=True)) if binary else 0
    gained, lost = (fell, rose) if lower_is_better else (rose, fell)
    differences = [after - before for before, after in zip(base, tuned, strict=True)]
    p_value = mcnemar_p(gained, lost) if binary else _wilcoxon_p(differences)
    if binary and weights is None and len(set(differences)) == 1:
        difference = _alike(differences)
    else:
        difference = bootstrap_mean(differences, seed=seed, weights=weights)
    return Comparison(
        items=len(base),
        base=_mean(base, binary, seed, weights),
        tuned=_mean(tuned, binary, seed, weights),
        difference=difference,
        gained=gained,
        lost=lost,
        p_value=p_value,
        test="McNemar, exact" if binary else "Wilcoxon signed-rank",
        verdict=_verdict(len(base), difference, p_value, lower_is_better),
    )


def _mean(scores: Sequence[float], binary: bool, seed: int, weights: Sequence[float] | None) -> Interval:
    if binary and weights is None:
        return wilson(int(sum(scores)), len(scores))
    return bootstrap_mean(scores, seed=seed, weights=weights)


def _alike(differences: Sequence[float]) -> Interval:
    """Difference of shares where all pairs differ alike, with Tango's score interval (Tango 1998, section 3).

    Resampling such pairs gives the same difference each time, as if no further item could ever differ. Solved for the
    difference, Tango's equation gives -z²/(n + z²) to z²/(n + z²) where no pair differs, and (n - z²)/(n + z²) to 1 where
    all do; z²/(n + z²) is also the end of Wilson's interval of 0 of n.
    """
    value = float(differences[0])
    reach = wilson(0, len(differences)).high
    if value == 0:
        return Interval(0.0, -reach, reach)
    return Interval(value, min(value, value * (1 - 2 * reach)), max(value, value * (1 - 2 * reach)))


def _verdict(items: int, difference: Interval, p_value: float, lower_is_better: bool) -> Verdict:
    if items < FEWEST_ITEMS:
        return "too few items"
    # said so that what is not a number shows nothing
    if not (p_value < 0.05 and (difference.low > 0 or difference.high < 0)):
        return "no measurable difference"
    return "better" if (difference.value < 0) == lower_is_better else "worse"


def bootstrap_mean(
    values: Sequence[float], *, level: float = 0.95, seed: int = 42, weights: Sequence[float] | None = None
) -> Interval:
    """Mean with the percentile bootstrap interval over items (Efron 1979), by scipy.

    Args:
        values: shape (items,), at least one.
        level: Confidence level.
        seed: Seed of the resampling.
        weights: How much each item counts, shape (items,); an item is drawn together with its weight. None: the same.
    """
    import numpy as np  # noqa: PLC0415
    from scipy.stats import bootstrap  # noqa: PLC0415

    data = np.asarray(values, dtype=float)
    count = np.ones_like(data) if weights is None else np.asarray(weights, dtype=float)
    mean = float((data * count).sum() / count.sum())
    if len(data) < 2 or bool((data == data[0]).all()):
        return Interval(mean, mean, mean, level)
    result = bootstrap(
        (data * count, count),
        lambda part, weight, axis: part.sum(axis=axis) / weight.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=BOOTSTRAP_SAMPLES,
        batch=500,
        confidence_level=level,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(mean, float(result.confidence_interval.low), float(result.confidence_interval.high), level)


def _wilcoxon_p(differences: Sequence[float]) -> float:
    if not any(differences):
        return 1.0
    from scipy.stats import wilcoxon  # noqa: PLC0415

    return float(wilcoxon(differences).pvalue)


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Interval:
    """Agreement of two raters beyond chance with its asymptotic interval (Cohen 1960; Fleiss, Cohen & Everitt 1969), by statsmodels.

    Where both gave one single category throughout, chance agreement is 1 and kappa is undefined: NaN is returned. Where they
    agree throughout, or one of them gave a single category, the asymptotic error is 0, which says nothing of how sure kappa
    is: the ends are NaN then. An end beyond -1 or 1 is set to it.

    Args:
        first: One category an item.
        second: The other rater's, same items.
    """
    import numpy as np  # noqa: PLC0415
    from statsmodels.stats.inter_rater import cohens_kappa  # noqa: PLC0415

    labels = sorted(set(first) | set(second), key=str)
    if len(labels) < 2:
        return Interval(float("nan"), float("nan"), float("nan"))
    table = [[0] * len(labels) for _ in labels]
    for one, other in zip(first, second, strict=True):
        table[labels.index(one)][labels.index(other)] += 1
    with np.errstate(invalid="ignore", divide="ignore"):  # of a test that nobody asks for, where the error is 0
        result = cohens_kappa(table)
    return _known(float(result.kappa), float(result.kappa_low), float(result.kappa_upp))


def _known(kappa: float, low: float, high: float) -> Interval:
    """A kappa with its interval within -1 and 1; without ends where they would claim that it is known exactly."""
    if not high - low > 1e-6:
        return Interval(kappa, float("nan"), float("nan"))
    return Interval(kappa, max(low, -1.0), min(high, 1.0))


def fleiss_kappa(ratings: Sequence[Sequence[Hashable]], *, seed: int = 42) -> Interval:
    """Agreement of several raters beyond chance (Fleiss 1971), by statsmodels; bootstrap interval over items.

    Where every resample gives the same kappa, as where all raters agree throughout, the ends are NaN.

    Args:
        ratings: shape (items, raters): each item rated by the same number of raters, two or more.
        seed: Seed of the resampling.
    """
    import numpy as np  # noqa: PLC0415
    from statsmodels.stats.inter_rater import fleiss_kappa as kappa  # noqa: PLC0415

    labels = sorted({label for item in ratings for label in item}, key=str)
    if len(labels) < 2:
        return Interval(float("nan"), float("nan"), float("nan"))
    counts = np.array([[list(item).count(label) for label in labels] for item in ratings])
    generator = np.random.default_rng(seed)
    resampled = []
    for _ in range(2_000):
        table = counts[generator.integers(0, len(counts), len(counts))]
        if (table.sum(axis=0) > 0).sum() > 1:  # a resample with one category only has no kappa
            resampled.append(float(kappa(table)))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return _known(float(kappa(counts)), float(low), float(high))


def raw_agreement(ratings: Sequence[Sequence[Hashable]]) -> float:
    """Share of rater pairs, over all items, that gave the same category. ``ratings``: items of any number of raters."""
    pairs = sum(comb(len(item), 2) for item in ratings)
    same = sum(comb(list(item).count(label), 2) for item in ratings for label in set(item))
    return same / pairs if pairs else float("nan")


def items_to_settle(wins: int, decided: int, most: int = 100_000) -> int:
    """How many more decided items would make the Wilson interval exclude one half, if the win rate stays as it is.

    Args:
        wins: Decided items won.
        decided: Items with a winner (ties left out).
        most: Give up here.

    Returns:
        0 if it is settled, else the number of further items; ``most`` if even that would not do.
    """
    if decided == 0:
        return most
    rate = wins / decided
    low, high = decided, most

    def settled(items: int) -> bool:
        interval = wilson(round(rate * items), items)
        return interval.low > 0.5 or interval.high < 0.5

    if settled(decided):
        return 0
    if not settled(most):
        return most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high - decided
