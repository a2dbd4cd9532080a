"""How much goes into a forward pass and into an optimizer step, and how often the run is evaluated.

    Case → loads(case, base) → (rows in a pass, checkpointing) …, fastest first; accumulation_choice; rate_choice;
    steps_between_evaluations

It does not know: how much memory that takes (memory.py), which of it is taken (plan.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from core.config import EACH_EPOCH, TrainingConfig
from core.model.planned import Case, DatasetStats
from core.progress import Choice

FORWARD_TOKENS = {"big": 8192, "small": 16_384, "old": 4096, "cpu": 1024}
BIG_PARAMETERS = 3_000_000_000
AIMED_STEPS = 100
# The step that learning rates are recommended for: eight rows of a notebook.
USUAL_STEP_TOKENS = 2048
# Evaluations in a run: enough to see a curve, but no more than a share of the training time, each costing half a step.
FEWEST_EVALUATIONS, MOST_EVALUATIONS, EVALUATION_SHARE = 3, 8, 0.25


def forward_tokens_of(case: Case) -> int:
    """Tokens that keep the device busy in one forward pass; more brings nothing."""
    if case.device.kind == "cpu":
        return FORWARD_TOKENS["cpu"]
    if case.device.compute_capability < (8, 0):
        return FORWARD_TOKENS["old"]
    return FORWARD_TOKENS["big" if case.shape.parameters >= BIG_PARAMETERS else "small"]


def aimed_step_tokens(case: Case) -> int:
    """Tokens of an optimizer step: what keeps the device busy, but enough steps to learn in, of eight examples or more."""
    config, stats = case.config, case.stats
    # A fixed number of steps shares out the same passes: a big device must not read a small data set over and over.
    steps = config.max_steps or AIMED_STEPS
    return int(min(forward_tokens_of(case), max(stats.tokens * config.epochs / steps, 8 * stats.mean_tokens)))


def row_tokens_of(case: Case, packing: bool) -> int:
    """Tokens of the longest row of a pass: a packed row is filled to ``max_length``."""
    return case.config.max_length if packing else max(16, min(case.stats.longest, case.config.max_length))


def loads(case: Case, base: dict[str, Choice[Any]]) -> Iterator[tuple[Choice[int], Choice[bool]]]:
    """Rows in a forward pass and checkpointing, fastest first."""
    config = case.config
    if base["packing"].value:
        wanted = max(1, aimed_step_tokens(case) // config.max_length)
    else:
        # Padded rows of short answers are small: eight keep a CPU busy, a GPU takes more if it may.
        wanted = max(1, min(8, forward_tokens_of(case) // row_tokens_of(case, False)))
    if config.batch_rows:
        rows = [Choice(config.batch_rows, "Chosen in the settings.")]
    else:
        rows = [Choice(count, _rows_reason(count, wanted)) for count in _halved(wanted)]
    off = Choice(False, "Activations fit into memory, so nothing is computed twice.")
    on = Choice(True, "Without recomputing, activations would not fit; this costs about a third of the speed.")
    fixed = Choice(config.checkpointing == "on", "Chosen in the settings.")
    for checkpointing in (off, on) if config.checkpointing == "auto" else (fixed,):
        for count in rows:
            yield count, checkpointing


def _halved(count: int) -> list[int]:
    counts = [count]
    while counts[-1] > 1:
        counts.append(counts[-1] // 2)
    return counts


def _rows_reason(count: int, wanted: int) -> str:
    if count == wanted:
        return "Enough tokens to keep the device busy, and enough steps to learn in."
    return f"The most that fits: {wanted} rows would not."


def accumulation_choice(case: Case, packing: bool, rows: int) -> Choice[int]:
    """Passes in a step, so that it holds about as many tokens as aimed at."""
    if case.config.accumulation:
        return Choice(case.config.accumulation, "Chosen in the settings.")
    per_pass = rows * (row_tokens_of(case, True) if packing else case.stats.mean_tokens)
    count = max(1, round(aimed_step_tokens(case) / max(1.0, per_pass)))
    if count == 1:
        return Choice(1, "One forward pass already holds enough examples for a step.")
    return Choice(count, f"{count} passes together hold enough examples for a steady step.")


def rate_choice(config: TrainingConfig, step_tokens: int) -> Choice[float]:
    """The learning rate for steps of this size: with the square root of a step above the usual one.

    Adam divides a gradient by its own size, so that k times the tokens in a step only make it less noisy, by √k; a rate
    √k times as large then learns as much from the same tokens (Malladi et al. 2022, arXiv 2205.10287).

    Args:
        config: The rate of a usual step, and whether it is raised for larger ones.
        step_tokens: Tokens in one optimizer step.
    """
    rate, larger = config.learning_rate, step_tokens / USUAL_STEP_TOKENS
    if not config.scale_rate or larger <= 1:
        return Choice(rate, "Chosen in the settings.")
    raised = float(f"{rate * math.sqrt(larger):.3g}")
    return Choice(
        raised,
        f"{rate:g} is for steps of about {USUAL_STEP_TOKENS:,} tokens; these hold {step_tokens:,}, so that fewer are taken, "
        f"and each goes √{larger:.1f} times as far.",
    )


def rhythm(case: Case, steps: int, step_tokens: int) -> tuple[int, int]:
    """Steps between evaluations, and between checkpoints: as set, once an epoch, or chosen."""
    epoch = max(1, math.ceil(case.stats.tokens / step_tokens))
    chosen = case.config.eval_every or steps_between_evaluations(case.stats, steps, step_tokens)
    eval_every = epoch if chosen == EACH_EPOCH else chosen
    save_every = case.config.save_every or eval_every
    return eval_every, epoch if save_every == EACH_EPOCH else save_every


def steps_between_evaluations(stats: DatasetStats, steps: int, step_tokens: int) -> int:
    """Steps between evaluations when the planner chooses."""
    affordable = EVALUATION_SHARE * steps * step_tokens / max(1.0, stats.eval_tokens / 2)
    count = max(FEWEST_EVALUATIONS, min(MOST_EVALUATIONS, int(affordable)))
    return max(1, math.ceil(steps / count))
