"""Reads a loss curve and says in plain words what it shows.

It does not know: charts, runs, where the numbers came from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from medft_ui import text
from medft_ui.parts import Tone

LEVEL_SHARE = 0.005  # less than half a percent of the loss counts as no movement
DIVERGED_FACTOR = 1.5  # a train loss this much above its start has broken away


@dataclass(frozen=True, slots=True)
class Reading:
    """A verdict on a curve: one word, how serious it is, and one sentence."""

    word: str
    tone: Tone
    sentence: str


def read_curve(train: Sequence[float], eval_steps: Sequence[float], evals: Sequence[float]) -> Reading:
    """Read a run's losses.

    Args:
        train: Train losses in order of steps.
        eval_steps: Steps of the evaluations; step 0 is the base model.
        evals: Eval losses at those steps.
    """
    if _has_diverged(train, evals):
        return Reading(text.Reading.DIVERGED[0], "bad", text.Reading.DIVERGED[1])
    if len(evals) < 2:
        return Reading(text.Reading.WAITING[0], "plain", text.Reading.WAITING[1])
    best = min(range(len(evals)), key=lambda index: evals[index])
    step = f"{eval_steps[best]:,.0f}"
    margin = LEVEL_SHARE * evals[best]
    if best == 0 and evals[-1] > evals[0] - margin:
        return Reading(text.Reading.NO_BETTER[0], "look", text.Reading.NO_BETTER[1])
    if evals[-1] > evals[best] + margin and len(evals) - 1 - best >= 2:
        return Reading(text.Reading.OVERFITTING[0], "look", text.Reading.OVERFITTING[1].format(best_step=step))
    if len(evals) >= 4 and evals[-3] - min(evals[-2:]) < margin:
        return Reading(text.Reading.LEVEL[0], "info", text.Reading.LEVEL[1].format(best_step=step))
    return Reading(text.Reading.LEARNING[0], "good", text.Reading.LEARNING[1].format(best_step=step))


def _has_diverged(train: Sequence[float], evals: Sequence[float]) -> bool:
    if any(not math.isfinite(value) for value in (*train, *evals)):
        return True
    return len(train) >= 10 and sum(train[-3:]) / 3 > DIVERGED_FACTOR * max(train[0], 0.5)
