"""A run's curves in plain words: read_curves(train, evaluation) → Reading("overfitting since step 180 …").

Rules of thumb, stated below and tested on recorded curves. It does not know: where the numbers come from, who reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["too early", "learning", "plateau", "overfitting", "diverged"]
Point = tuple[int, float]

# A change below this share of the loss is not worth the waiting.
NOISE_SHARE = 0.005
# The lowest evaluation must lie this many evaluations back, and the last be this much above it, to speak of overfitting.
OVERFITTING_EVALUATIONS, OVERFITTING_SHARE = 2, 0.01
# Training loss this many times its own best, smoothed, and this far above it has left the valley: near zero, as after
# many passes over few rows, a multiple alone says nothing.
DIVERGED_TIMES, DIVERGED_RISE = 1.3, 0.5
FEWEST_TRAIN_POINTS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """What the curves say.

    Args:
        state: In one word.
        text: In a sentence or two, for a person.
        best_step: The step with the lowest evaluation loss; None without evaluations.
        since_step: Since when it is so; None where that means nothing.
    """

    state: State
    text: str
    best_step: int | None
    since_step: int | None = None


def read_curves(train: Sequence[Point], evaluation: Sequence[Point]) -> Reading:
    """Read a run's curves.

    Args:
        train: (step, training loss), rising steps; NaN where it was not a number.
        evaluation: (step, evaluation loss), rising steps, step 0 being the base model.
    """
    finite = [point for point in evaluation if math.isfinite(point[1])]
    best = min(finite, key=lambda point: point[1], default=None)
    if broken := _diverged(train):
        kept = f" The best checkpoint is step {best[0]}." if best and best[0] else ""
        return Reading(
            "diverged", f"Diverged at step {broken}: lower the learning rate.{kept}", best and best[0], broken
        )
    if len(finite) >= 2 and best:
        return _from_evaluations(finite, best)
    return _from_training(train, best)


def _from_evaluations(points: Sequence[Point], best: Point) -> Reading:
    last = points[-1]
    after = [step for step, _ in points if step > best[0]]
    if len(after) >= OVERFITTING_EVALUATIONS and last[1] > best[1] * (1 + OVERFITTING_SHARE):
        held = (
            "the base model was better than every checkpoint"
            if best[0] == 0
            else f"the best checkpoint is step {best[0]}"
        )
        text = f"Overfitting since step {after[0]}: {held}. More of the same rows will not help."
        return Reading("overfitting", text, best[0], after[0])
    gain = _recent_gain(points)
    if gain is not None and gain < NOISE_SHARE:
        flat = points[-3][0]
        text = f"Plateau since step {flat}: the evaluation loss hardly moves. The best checkpoint is step {best[0]}."
        return Reading("plateau", text, best[0], flat)
    percent = 100 * (1 - best[1] / points[0][1])
    return Reading(
        "learning", f"Learning: the evaluation loss has fallen by {percent:.0f} % since step {points[0][0]}.", best[0]
    )


def _recent_gain(points: Sequence[Point]) -> float | None:
    """Share by which the lowest of the last two evaluations lies below the one before them; None before there are four."""
    if len(points) < 4:
        return None
    return (points[-3][1] - min(loss for _, loss in points[-2:])) / points[-3][1]


def _from_training(train: Sequence[Point], best: Point | None) -> Reading:
    smooth = smoothed(train)
    if len(smooth) < FEWEST_TRAIN_POINTS:
        return Reading("too early", "Too early to tell: a few more steps.", best[0] if best else None)
    middle, last = smooth[len(smooth) // 2], smooth[-1]
    if (middle[1] - last[1]) / middle[1] < NOISE_SHARE:
        text = f"Plateau since about step {middle[0]}: the training loss hardly moves. Without evaluation rows nobody knows more."
        return Reading("plateau", text, best[0] if best else None, middle[0])
    return Reading(
        "learning",
        "Learning: the training loss is falling. Evaluation rows would tell whether it generalises.",
        best and best[0],
    )


def smoothed(points: Sequence[Point], weight: float = 0.8) -> list[Point]:
    """Exponential moving average with the start's bias removed, over the points that are numbers.

    Args:
        points: (step, value).
        weight: How much of the past each point keeps, 0 to below 1.
    """
    found: list[Point] = []
    average = 0.0
    for count, (step, value) in enumerate((point for point in points if math.isfinite(point[1])), start=1):
        average = weight * average + (1 - weight) * value
        found.append((step, average / (1 - weight**count)))
    return found


def _diverged(train: Sequence[Point]) -> int | None:
    """The step at which the loss stopped being a number, or left its valley for good."""
    for step, loss in train:
        if not math.isfinite(loss):
            return step
    smooth = smoothed(train)
    if len(smooth) < FEWEST_TRAIN_POINTS:
        return None
    lowest = min(range(len(smooth)), key=lambda index: smooth[index][1])
    limit = max(DIVERGED_TIMES * smooth[lowest][1], smooth[lowest][1] + DIVERGED_RISE)
    if smooth[-1][1] <= limit:
        return None
    return next(step for step, value in smooth[lowest:] if value > limit)
