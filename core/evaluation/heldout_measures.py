"""Judged items → what was measured on both models, and the verdict in one sentence.

    measures(items) → (Measure, …), the loss first;  verdict(measures) → "The tuned model fits … better than its base: …"

It does not know: models, files, jobs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.evaluation.result import Measure, Unit
from core.evaluation.statistics import Comparison, compare_paired

Item = Mapping[str, Any]
LIKENESS = "Likeness to the reference, not correctness: a wrong answer can use the reference's words."
# exp of more is no number any more
MOST_NATS = 700.0


@dataclass(frozen=True, slots=True)
class _Score:
    """How a score of scores.py is shown; see Measure."""

    name: str
    label: str
    unit: Unit
    lower_is_better: bool | None
    note: str


SCORES = (
    _Score("rouge_l", "ROUGE-L", "score", False, LIKENESS),
    _Score("f1", "Token F1", "score", False, LIKENESS),
    _Score(
        "length_ratio",
        "Length of the answer",
        "ratio",
        None,
        "Words of the answer for each word of the reference; 1 is as long. Neither direction is better in itself.",
    ),
    _Score(
        "repetition",
        "Repetition",
        "share",
        True,
        "Share of four-word sequences that the answer has said before.",
    ),
    _Score("truncated", "Cut at the length limit", "share", True, "Answers that had not ended at the longest length."),
    _Score(
        "refusal",
        "Refusals",
        "share",
        True,
        "Answers that begin by declining, as far as English patterns tell; these questions are plain ones.",
    ),
)


def measures(items: Sequence[Item]) -> tuple[Measure, ...]:
    """Compare both models on every score that the items have.

    Args:
        items: As items.jsonl holds them, at least one.

    Returns:
        The loss over all answer tokens, the loss with one vote an item, and what was scored of the answers.
    """
    found = [_token_loss(items), _item_loss(items)]
    answered = [item for item in items if all("rouge_l" in item[pane] for pane in ("base", "tuned"))]
    if answered:
        found += [_measured(score, answered) for score in SCORES]
    return tuple(found)


def verdict(found: Sequence[Measure]) -> str:
    """Say in one sentence what the loss comes to, and whether the model's own answers are more like the references."""
    by_name = {measure.name: measure.comparison for measure in found}
    loss, likeness = by_name["loss"], by_name.get("rouge_l")
    questions = f"{loss.items} held-out question{'s' if loss.items > 1 else ''}"
    starts = {
        "better": f"The tuned model fits the answers of {questions} better than its base",
        "worse": f"The tuned model fits the answers of {questions} worse than its base",
        "no measurable difference": f"No measurable difference between the tuned model and its base on {questions}",
        "too few items": f"Too few items for a verdict ({questions})",
    }
    return f"{starts[loss.verdict]}: {_numbers(loss)}{_likeness(likeness)}."


def _numbers(loss: Comparison) -> str:
    difference = loss.difference
    return (
        f"loss {loss.tuned.value:.3f} against {loss.base.value:.3f} per answer token, a difference of "
        f"{difference.value:+.3f} (95 % interval {difference.low:+.3f} to {difference.high:+.3f})"
    )


def _likeness(found: Comparison | None) -> str:
    if found is None or found.verdict == "too few items":
        return ""
    words = {
        "better": "are more like the references",
        "worse": "are less like the references",
        "no measurable difference": "are not measurably more or less like the references",
    }
    return f"; its own answers {words[found.verdict]} (ROUGE-L {found.tuned.value:.3f} against {found.base.value:.3f})"


def _token_loss(items: Sequence[Item]) -> Measure:
    tokens = [int(item["reference_tokens"]) for item in items]
    found = _compared(items, "loss", lower_is_better=True, weights=tokens)
    return Measure(
        name="loss",
        label="Loss per answer token",
        unit="loss",
        comparison=found,
        lower_is_better=True,
        note=(
            "Mean over all tokens of the reference answers, as training counts it; the interval resamples whole items, "
            "and in the test each item has one vote."
        ),
        facts={
            "base_perplexity": _perplexity(found.base.value),
            "tuned_perplexity": _perplexity(found.tuned.value),
            "answer_tokens": float(sum(tokens)),
        },
    )


def _item_loss(items: Sequence[Item]) -> Measure:
    return Measure(
        name="loss_per_item",
        label="Loss per answer token, each item alike",
        unit="loss",
        comparison=_compared(items, "loss", lower_is_better=True),
        lower_is_better=True,
        note="Mean of the items' own means, so that long answers count no more than short ones.",
    )


def _measured(score: _Score, items: Sequence[Item]) -> Measure:
    found = _compared(items, score.name, lower_is_better=bool(score.lower_is_better))
    return Measure(score.name, score.label, score.unit, found, score.lower_is_better, score.note)


def _compared(
    items: Sequence[Item], name: str, *, lower_is_better: bool, weights: Sequence[float] | None = None
) -> Comparison:
    base, tuned = ([float(item[pane][name]) for item in items] for pane in ("base", "tuned"))
    return compare_paired(base, tuned, lower_is_better=lower_is_better, weights=weights)


def _perplexity(loss: float) -> float:
    """Perplexity of a loss in nats per token: its exponential (Jelinek et al. 1977)."""
    return math.exp(min(loss, MOST_NATS))
