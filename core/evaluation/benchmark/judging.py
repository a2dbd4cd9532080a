"""What the answers come to: accuracy with intervals, the paired test, several comparisons corrected, and plain sentences.

    corrected([judge(asked, items, seed), …])  →  Measures;  verdict_sentence(measures)

It does not know: how anything was answered.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from statistics import NormalDist
from typing import Any

from core.evaluation.benchmark.harness import Asked
from core.evaluation.benchmark.tasks import SCORES_TEXTS, find_task
from core.evaluation.result import Measure
from core.evaluation.statistics import Comparison, Verdict, compare_paired

# Up to so many benchmarks without a difference are listed with their numbers.
MOST_LISTED = 3
# A model that gives one option to so many of the questions does not read them.
SAME_PERCENT = 90


def judge(asked: Asked, items: Sequence[Mapping[str, Any]], seed: int) -> Measure:
    """Compare both models on one benchmark.

    Args:
        asked: The benchmark.
        items: Its answered items, at least one.
        seed: Seed of the bootstrap.
    """
    task = asked.chosen.task
    right = {pane: [float(item[pane]["right"]) for item in items] for pane in ("base", "tuned")}
    comparison = compare_paired(right["base"], right["tuned"], seed=seed)
    places = {question.id: question for question in asked.questions}
    answers = Counter(places[item["id"]].answer for item in items)
    facts = {
        "chance": sum(1 / len(item["choices"]) for item in items) / len(items),
        "detectable_points": 100 * detectable_difference(len(items), comparison.gained + comparison.lost),
    }
    if task.columns in SCORES_TEXTS:
        for pane in ("base", "tuned"):
            by_length = [item[pane]["right_by_length"] for item in items]
            facts[f"{pane}_percent_by_length"] = 100 * sum(by_length) / len(items)
    else:  # only where the model is shown the options, or they are always the same, can it favour one place
        facts["majority"] = max(answers.values()) / len(items)
        facts["same_option_percent"] = 100 * min(_favourite(items, pane) for pane in ("base", "tuned"))
    if cut := sum(item["cut"] for item in items):
        facts["prompts_cut"] = cut
    return Measure(task.name, task.label, "share", comparison, note=f"Prompt: {task.prompt}.", facts=facts)


def _favourite(items: Sequence[Mapping[str, Any]], pane: str) -> float:
    """Share of the questions to which a model gave its favourite place (A, B, … or yes, no, maybe)."""
    likelihoods = [item[pane]["loglikelihoods"] for item in items]
    places = Counter(found.index(max(found)) for found in likelihoods)
    return max(places.values()) / len(items)


def detectable_difference(items: int, discordant: int, *, level: float = 0.05, power: float = 0.8) -> float:
    """Smallest true difference that McNemar's test would find four times in five, by the normal approximation (Connor 1987).

    n = (z₁ √ψ + z₂ √(ψ − δ²))² / δ², solved for δ; ψ is the share of items on which the models differ, as it was seen,
    but at least 8 / n, below which even differences that all go one way would mostly be missed.

    Args:
        items: How many both answered, at least 1.
        discordant: Items that only one of them got right.
        level: Two-sided level of the test.
        power: How often the difference shall be found.

    Returns:
        A difference of shares, 0 to 1.
    """
    z_level, z_power = NormalDist().inv_cdf(1 - level / 2), NormalDist().inv_cdf(power)
    differ = min(1.0, max(discordant, 8) / items)
    low, high = 0.0, differ
    for _ in range(60):
        middle = (low + high) / 2
        needed = z_level * sqrt(differ) + z_power * sqrt(max(0.0, differ - middle**2))
        low, high = (middle, high) if needed > middle * sqrt(items) else (low, middle)
    return high


def corrected(measures: Sequence[Measure]) -> tuple[Measure, ...]:
    """Correct the verdicts for the number of comparisons (Holm 1979), by statsmodels.

    A verdict of better or worse stays only if its p-value still counts among all that were computed.
    """
    if len(measures) < 2:
        return tuple(measures)
    from statsmodels.stats.multitest import multipletests  # noqa: PLC0415  (heavy)

    rejected, adjusted, _, _ = multipletests([measure.comparison.p_value for measure in measures], method="holm")
    return tuple(
        dataclasses.replace(
            measure,
            comparison=dataclasses.replace(measure.comparison, verdict=_after(measure.comparison, bool(kept))),
            facts={**measure.facts, "p_holm": float(p_value), "comparisons": len(measures)},
        )
        for measure, kept, p_value in zip(measures, rejected, adjusted, strict=True)
    )


def _after(comparison: Comparison, kept: bool) -> Verdict:
    if comparison.verdict in ("better", "worse") and not kept:
        return "no measurable difference"
    return comparison.verdict


def verdict_sentence(measures: Sequence[Measure]) -> str:
    """Say in one plain sentence what came out, noise included.

    Args:
        measures: At least one, corrected.
    """
    if len(measures) == 1:
        return _single(measures[0])
    parts = [f"{word} on {_listed(found)}" for word in ("better", "worse") if (found := _with(measures, word))]
    if same := _with(measures, "no measurable difference"):
        parts.append(f"no measurable difference on {_listed(same)}")
    if few := _with(measures, "too few items"):
        parts.append(f"too few questions for a verdict on {_names(few)}")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]} ({len(measures)} comparisons, corrected by Holm)."


def _single(measure: Measure) -> str:
    found = measure.comparison
    if found.verdict == "too few items":
        return f"Too few questions for a verdict on {measure.label}: {found.items}."
    if found.verdict == "no measurable difference":
        return (
            f"No measurable difference on {measure.label}: {_percent(found.base.value)} before and "
            f"{_percent(found.tuned.value)} after tuning, on {found.items:,} questions; "
            f"a difference below {measure.facts['detectable_points']:.1f} points cannot be seen with so few."
        )
    span = found.difference
    return (
        f"{found.verdict.capitalize()} on {measure.label}: {_percent(found.base.value)} before and "
        f"{_percent(found.tuned.value)} after tuning, on {found.items:,} questions "
        f"({100 * span.value:+.1f} points, 95 % interval {100 * span.low:+.1f} to {100 * span.high:+.1f})."
    )


def _with(measures: Sequence[Measure], verdict: str) -> list[Measure]:
    return [measure for measure in measures if measure.comparison.verdict == verdict]


def _listed(measures: Sequence[Measure]) -> str:
    if len(measures) > MOST_LISTED and measures[0].comparison.verdict == "no measurable difference":
        return f"{_names(measures)}"
    return ", ".join(
        f"{measure.label} ({_percent(measure.comparison.base.value)} before, "
        f"{_percent(measure.comparison.tuned.value)} after, {measure.comparison.items:,} questions)"
        for measure in measures
    )


def _names(measures: Sequence[Measure]) -> str:
    return ", ".join(measure.label for measure in measures)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def notes(measures: Sequence[Measure]) -> Iterator[str]:
    """What a reader has to know beside the verdict."""
    for measure in measures:
        found, facts = measure.comparison, measure.facts
        best = max(found.base.value, found.tuned.value)
        if best <= facts.get("majority", 0):
            yield (
                f"{measure.label}: neither model does better than giving the commonest answer every time "
                f"({_percent(facts['majority'])})."
            )
        elif facts["chance"] >= max(found.base.low, found.tuned.low):
            yield f"{measure.label}: neither model can be told from guessing ({_percent(facts['chance'])})."
        if facts.get("same_option_percent", 0) >= SAME_PERCENT:
            yield (
                f"{measure.label}: both models gave the same option, whatever was asked, to at least "
                f"{facts['same_option_percent']:.0f} % of the questions, so this says nothing of what they know. Small models "
                "do that where letters are scored; the form “texts”, or ARC's, tells more."
            )
        if found.verdict == "no measurable difference":
            yield (
                f"{measure.label}: with {found.items:,} questions, of which {found.gained + found.lost:,} changed between "
                f"right and wrong, a true difference below {facts['detectable_points']:.1f} points would be missed more "
                "often than one time in five."
            )
        if cut := facts.get("prompts_cut"):
            yield (
                f"{measure.label}: {int(cut):,} of {found.items:,} prompts are longer than the model's context; "
                "their beginning was cut, for both models alike."
            )
        task = find_task(measure.name)
        if task and task.about == "general" and found.verdict == "worse":
            yield f"{measure.label} fell: tuning has made the model forget some of what it could do before."
    if len(measures) > 1:
        yield (
            f"{len(measures)} comparisons were made; a verdict of better or worse takes that into account (Holm), "
            "the p-values in the table do not."
        )
