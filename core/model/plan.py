"""The set-up that a specialist would choose, with reasons: plan(config, shape, stats, device) → Plan.

    TrainingConfig + ModelShape + DatasetStats + Device → Plan (choices, memory forecast, verdict, steps, time)

choices.py says what does not depend on memory, step.py how much a pass and a step may hold, memory.py what that takes; here
the fastest that fits is picked, or the smallest change named after which something does. Pure arithmetic, so that the
screen can call it at every move of a slider (well under 100 ms, no torch). It does not know: weights, tokens, files.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, cast

from core.config import TrainingConfig
from core.model.choices import engine_choice, fixed_choices, quantisations
from core.model.device import Device
from core.model.memory import Setup, forecast
from core.model.planned import Case, DatasetStats, Plan, Verdict
from core.model.shape import ModelShape
from core.model.speed import estimated_tokens_per_s
from core.model.step import accumulation_choice, loads, rate_choice, rhythm, row_tokens_of
from core.progress import Choice

__all__ = ["DatasetStats", "Plan", "Verdict", "engine_choice", "next_smaller", "plan"]

FITS_SHARE, TIGHT_SHARE = 0.90, 0.97


def plan(config: TrainingConfig, shape: ModelShape, stats: DatasetStats, device: Device) -> Plan:
    """Choose the fastest set-up that fits, keep to what the person fixed, and say why.

    Args:
        config: The person's settings; ``auto`` and 0 are chosen here.
        shape: The base model's sizes.
        stats: Rows and tokens of the data.
        device: Where it runs.
    """
    case = Case(config, shape, stats, device)
    found = _best(case)
    if found.verdict == "does not fit":
        return dataclasses.replace(found, change=_smallest_change(case))
    return found


def _best(case: Case) -> Plan:
    """The first candidate that fits, fastest first; the smallest one where none does."""
    last: Plan | None = None
    for quantisation in quantisations(case):
        base = fixed_choices(case, quantisation)
        for rows, checkpointing in loads(case, base):
            last = _finished(case, base, rows, checkpointing)
            if last.verdict == "fits":
                return last
    assert last is not None, "there is always one candidate"
    return last


def _setup(case: Case, base: dict[str, Choice[Any]], rows: int, checkpointing: bool) -> Setup:
    row_tokens, there = row_tokens_of(case, base["packing"].value), max(1, case.stats.rows)
    if base["packing"].value:
        # A pass never holds more than all the data: a few short rows do not fill a long one.
        row_tokens = min(row_tokens, max(16, case.stats.tokens))
        there = max(1, math.ceil(case.stats.tokens / row_tokens))
    return Setup(
        kind=case.device.kind,
        engine=base["engine"].value,
        quantisation=base["quantisation"].value,
        precision=base["precision"].value,
        attention=base["attention"].value,
        checkpointing=checkpointing,
        optimizer=base["optimizer"].value,
        row_tokens=row_tokens,
        batch_rows=min(rows, there),
        rank=case.config.rank,
        targets=case.config.target_modules,
        dora=case.config.dora,
    )


def _finished(case: Case, base: dict[str, Choice[Any]], rows: Choice[int], checkpointing: Choice[bool]) -> Plan:
    config, packing = case.config, bool(base["packing"].value)
    setup = _setup(case, base, rows.value, checkpointing.value)
    memory = forecast(case.shape, setup)
    accumulation = accumulation_choice(case, packing, rows.value)
    per_pass = rows.value * (config.max_length if packing else case.stats.mean_tokens)
    step_tokens = max(1, int(min(per_pass * accumulation.value, max(case.stats.tokens, 1))))
    # Padded rows can be counted; how well others pack is known only when they are packed.
    rows_a_step = rows.value * accumulation.value
    epoch = math.ceil(case.stats.tokens / step_tokens if packing else case.stats.rows / rows_a_step)
    steps = config.max_steps or max(1, math.ceil(epoch * config.epochs))
    eval_every, save_every = rhythm(case, steps, step_tokens)
    speed = estimated_tokens_per_s(case.shape, setup, case.device)
    evaluations = math.ceil(steps / eval_every) + 1 if case.stats.eval_rows else 0
    return Plan(
        **cast(dict[str, Any], base),
        batch_rows=rows,
        checkpointing=checkpointing,
        accumulation=accumulation,
        learning_rate=rate_choice(config, step_tokens),
        memory=memory,
        available_gib=case.device.free_gib,
        verdict=_verdict(memory.total_gib, case.device.free_gib),
        change="",
        step_tokens=step_tokens,
        total_steps=steps,
        eval_every=eval_every,
        save_every=save_every,
        tokens_per_s=speed,
        # A forward pass alone is about half of forward and backward through frozen weights.
        time_s=(steps * step_tokens + evaluations * case.stats.eval_tokens / 2) / speed,
    )


def _verdict(needed_gib: float, free_gib: float) -> Verdict:
    if needed_gib <= FITS_SHARE * free_gib:
        return "fits"
    return "tight" if needed_gib <= TIGHT_SHARE * free_gib else "does not fit"


def _smallest_change(case: Case) -> str:
    """The first single change, from harmless to far-reaching, after which the plan fits."""
    config = case.config
    changes: list[tuple[str, Callable[[], TrainingConfig]]] = [
        ("Set rows per pass to auto.", lambda: config.changed(batch_rows=0)),
        ("Set checkpointing to auto.", lambda: config.changed(checkpointing="auto")),
        ("Set rows per pass and checkpointing to auto.", lambda: config.changed(batch_rows=0, checkpointing="auto")),
        ("Choose 4-bit weights (NF4).", lambda: config.changed(quantisation="nf4")),
        ("Choose the 8-bit optimizer.", lambda: config.changed(optimizer="adamw_8bit")),
        (
            f"Halve the length to {config.max_length // 2} tokens.",
            lambda: config.changed(max_length=max(16, config.max_length // 2)),
        ),
        ("Take the Low memory preset.", lambda: _low_memory(config)),
    ]
    for name, changed in changes:
        if _best(dataclasses.replace(case, config=changed())).verdict != "does not fit":
            return name
    return "Choose a smaller model: this one does not fit even with the smallest settings."


def _low_memory(config: TrainingConfig) -> TrainingConfig:
    return config.changed(
        quantisation="nf4",
        batch_rows=1,
        accumulation=0,
        checkpointing="on",
        optimizer="adamw_8bit",
        max_length=min(512, config.max_length),
        rank=min(8, config.rank),
    )


def next_smaller(config: TrainingConfig, current: Plan) -> tuple[TrainingConfig, str] | None:
    """The settings to retry with after memory ran out, and what changes; None where nothing is left to give.

    Args:
        config: The settings that ran out.
        current: The plan made from them.
    """
    rows, passes = current.batch_rows.value, current.accumulation.value
    if rows > 1:
        # A divisor: the step then holds exactly the same rows, so that a checkpoint can be continued.
        fewer = next(count for count in range(rows // 2, 0, -1) if rows % count == 0)
        smaller = config.changed(batch_rows=fewer, accumulation=passes * rows // fewer)
        return smaller, f"{fewer} instead of {rows} rows in a forward pass, and more passes in a step"
    if not current.checkpointing.value:
        return config.changed(
            checkpointing="on", batch_rows=1, accumulation=passes
        ), "recomputed activations (checkpointing on)"
    if config.max_length > 256:
        half = config.max_length // 2
        return config.changed(max_length=half), f"rows of at most {half} instead of {config.max_length} tokens"
    return None
