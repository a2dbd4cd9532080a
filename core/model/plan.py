"""The set-up that a specialist would choose, with reasons: plan(config, shape, stats, device) → Plan.

    TrainingConfig + ModelShape + DatasetStats + Device → Plan (choices, memory forecast, verdict, steps, time)

Pure arithmetic, so that the screen can call it at every move of a slider (well under 100 ms, no torch).
It does not know: weights, tokens, files.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from core.config import Optimizer, Precision, Quantisation, TrainingConfig
from core.model.device import Device
from core.model.memory import Attention, EngineName, MemoryForecast, Setup, forecast
from core.model.shape import ModelShape
from core.model.speed import estimated_tokens_per_s
from core.progress import Choice

Verdict = Literal["fits", "tight", "does not fit"]

# Families whose attention goes through transformers' attention interface in a form that packed_attention serves.
PACKABLE = frozenset(
    {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma3", "gemma3_text", "smollm3", "phi3", "granite", "olmo2"}
)
UNSLOTH_FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})
FITS_SHARE, TIGHT_SHARE = 0.90, 0.97
FORWARD_TOKENS = {"big": 8192, "small": 16_384, "old": 4096, "cpu": 1024}
BIG_PARAMETERS = 3_000_000_000
AIMED_STEPS = 100
# Evaluations in a run: enough to see a curve, but no more than a share of the training time, each costing half a step.
FEWEST_EVALUATIONS, MOST_EVALUATIONS, EVALUATION_SHARE = 3, 8, 0.25


@dataclass(frozen=True, slots=True)
class DatasetStats:
    """What the plan needs to know of the data.

    Args:
        rows: Training rows.
        tokens: Tokens in them, rows longer than max_length cut.
        longest: Tokens of the longest row, cut.
        eval_rows: Evaluation rows.
        eval_tokens: Tokens in those.
    """

    rows: int
    tokens: int
    longest: int
    eval_rows: int = 0
    eval_tokens: int = 0

    @property
    def mean_tokens(self) -> float:
        """Tokens of a row on average."""
        return self.tokens / max(1, self.rows)

    @classmethod
    def measure(cls, train: Sequence[int], evaluation: Sequence[int], max_length: int) -> DatasetStats:
        """Count rows of these lengths in tokens."""
        cut = [min(length, max_length) for length in train]
        return cls(
            len(cut), sum(cut), max(cut, default=0), len(evaluation), sum(min(n, max_length) for n in evaluation)
        )

    @classmethod
    def estimate(cls, train: Sequence[int], evaluation: Sequence[int], max_length: int) -> DatasetStats:
        """Guess from lengths in characters, before tokenising: about four a token, and the template's own dozen or so."""
        as_tokens = [[n // 4 + 16 for n in lengths] for lengths in (train, evaluation)]
        return cls.measure(as_tokens[0], as_tokens[1], max_length)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is going to be trained.

    Args:
        engine: Library that trains.
        quantisation: How the base weights are kept.
        precision: Number format of the arithmetic.
        packing: Whether several examples share a row.
        attention: How examples are kept apart.
        checkpointing: Whether activations are recomputed.
        optimizer: Which AdamW.
        batch_rows: Rows in one forward pass.
        accumulation: Forward passes in one optimizer step.
        memory: The forecast, by part.
        available_gib: Memory that is free for it.
        verdict: Whether that is enough.
        change: The smallest change that makes it fit; empty where it fits.
        step_tokens: Tokens in one optimizer step, at most.
        total_steps: Optimizer steps of the run.
        eval_every: Steps between evaluations.
        save_every: Steps between checkpoints.
        tokens_per_s: Estimated speed.
        time_s: Estimated duration, evaluations included.
    """

    engine: Choice[EngineName]
    quantisation: Choice[Quantisation]
    precision: Choice[Precision]
    packing: Choice[bool]
    attention: Choice[Attention]
    checkpointing: Choice[bool]
    optimizer: Choice[Optimizer]
    batch_rows: Choice[int]
    accumulation: Choice[int]
    memory: MemoryForecast
    available_gib: float
    verdict: Verdict
    change: str
    step_tokens: int
    total_steps: int
    eval_every: int
    save_every: int
    tokens_per_s: float
    time_s: float

    def choices(self) -> dict[str, Choice[Any]]:
        """Every automatic choice by name."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Choice)}

    def to_json(self) -> dict[str, Any]:
        """Plain values, for plan.json."""
        return dataclasses.asdict(self) | {"total_gib": self.memory.total_gib}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Plan:
        """Read plan.json back, as a resumed run does to go on exactly as it began.

        Raises:
            KeyError: if a value is missing.
        """
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            value = body[field.name]
            is_choice = isinstance(value, Mapping) and set(value) == {"value", "reason"}
            values[field.name] = Choice(value["value"], value["reason"]) if is_choice else value
        return cls(**values | {"memory": MemoryForecast(**body["memory"])})


@dataclass(frozen=True, slots=True)
class _Case:
    """What the planner is asked: the config, and what it meets."""

    config: TrainingConfig
    shape: ModelShape
    stats: DatasetStats
    device: Device


def plan(config: TrainingConfig, shape: ModelShape, stats: DatasetStats, device: Device) -> Plan:
    """Choose the fastest set-up that fits, keep to what the person fixed, and say why.

    Args:
        config: The person's settings; ``auto`` and 0 are chosen here.
        shape: The base model's sizes.
        stats: Rows and tokens of the data.
        device: Where it runs.
    """
    case = _Case(config, shape, stats, device)
    found = _best(case)
    if found.verdict == "does not fit":
        return dataclasses.replace(found, change=_smallest_change(case))
    return found


def _best(case: _Case) -> Plan:
    """The first candidate that fits, fastest first; the smallest one where none does."""
    last: Plan | None = None
    for quantisation in _quantisations(case):
        base = _fixed_choices(case, quantisation)
        for rows, checkpointing in _loads(case, base):
            last = _finished(case, base, rows, checkpointing)
            if last.verdict == "fits":
                return last
    assert last is not None, "there is always one candidate"
    return last


# ---------------------------------------------------------------- choices that do not depend on memory


def engine_choice(config: TrainingConfig, family: str, device: Device) -> Choice[EngineName]:
    """Unsloth where it runs and knows the model, else transformers."""
    if config.engine == "transformers":
        return Choice("transformers", "Chosen in the settings.")
    obstacle = _unsloth_obstacle(config, family, device)
    if obstacle is None:
        reason = "Chosen in the settings." if config.engine == "unsloth" else "Unsloth's kernels are the fastest here."
        return Choice("unsloth", reason)
    return Choice("transformers", obstacle)


def _unsloth_obstacle(config: TrainingConfig, family: str, device: Device) -> str | None:
    if device.kind != "cuda":
        return "Unsloth needs an NVIDIA GPU; transformers also trains on the CPU."
    if importlib.util.find_spec("unsloth") is None:
        return "Unsloth is not installed."
    if family not in UNSLOTH_FAMILIES:
        return f"Unsloth's fast path does not cover {family} models."
    if config.quantisation == "int8":
        return "Unsloth trains on 4-bit or unquantised weights; int8 goes through transformers."
    if config.dora or config.precision == "fp32":
        return "Unsloth's kernels compute plain LoRA in half precision; these settings go through transformers."
    return None


def _quantisations(case: _Case) -> tuple[Choice[Quantisation], ...]:
    """How the base weights may be kept, fastest first."""
    if case.config.quantisation != "auto":
        return (Choice(case.config.quantisation, "Chosen in the settings."),)
    nf4: Choice[Quantisation] = Choice("nf4", "4-bit weights leave the memory to longer steps, at no loss of speed.")
    if case.device.kind == "cuda":
        return (nf4,)
    plain: Choice[Quantisation] = Choice("none", "The weights fit as they are, and a CPU is slower on 4-bit ones.")
    return (plain, Choice("nf4", "Unquantised weights would not fit into the memory that is free."))


def _precision(case: _Case, engine: EngineName, quantisation: Quantisation) -> Choice[Precision]:
    config, device = case.config, case.device
    if config.precision == "fp16" and device.kind == "cpu":
        return Choice(
            "bf16" if device.fast_bf16 else "fp32", "A CPU does not train in fp16; this is its fastest safe format."
        )
    if config.precision == "bf16" and device.kind == "cuda" and not device.fast_bf16:
        return Choice("fp16", "This GPU has no bfloat16 (compute capability below 8.0).")
    if config.precision != "auto":
        return Choice(config.precision, "Chosen in the settings.")
    if device.kind == "cuda":
        if device.fast_bf16:
            return Choice("bf16", "Fast on this GPU, and it cannot overflow as fp16 can.")
        return Choice("fp16", "This GPU has no bfloat16 (compute capability below 8.0).")
    if device.fast_bf16 or quantisation == "int8":
        return Choice("bf16", "This CPU multiplies bfloat16 in hardware; weights stay float32.")
    return Choice("fp32", "This CPU has no bfloat16 instructions: emulating them would be slower than float32.")


def _packing(case: _Case) -> Choice[bool]:
    config, shape = case.config, case.shape
    if shape.family not in PACKABLE:
        return Choice(False, f"Examples cannot be kept apart in one row with {shape.family} models.")
    if config.packing == "auto":
        return Choice(
            True, f"Answers of {case.stats.mean_tokens:.0f} tokens on average share rows: nothing is spent on padding."
        )
    return Choice(config.packing == "on", "Chosen in the settings.")


def _attention(case: _Case, packing: bool) -> Choice[Attention]:
    if not packing:
        return Choice("padded", "One example a row; shorter rows are filled up.")
    if case.device.kind == "cuda" and case.device.compute_capability >= (8, 0) and case.shape.head_width <= 256:
        return Choice("varlen", "torch's flash kernel takes all packed examples at once and none sees another.")
    where = "a CPU" if case.device.kind == "cpu" else "GPUs before compute capability 8.0"
    return Choice(
        "per_example", f"There is no variable-length kernel for {where}: packed examples are attended one by one."
    )


def _optimizer(case: _Case) -> Choice[Optimizer]:
    if case.config.optimizer == "adamw_8bit" and case.device.kind == "cpu":
        return Choice("adamw", "8-bit optimizer states need a GPU.")
    if case.config.optimizer != "auto":
        return Choice(case.config.optimizer, "Chosen in the settings.")
    trained = case.shape.lora_parameters(case.config.rank, case.config.target_modules)
    return Choice(
        "adamw", f"Its two moments for {trained / 1e6:.1f} million adapter weights take {trained * 8 / 1e9:.2f} GB."
    )


def _fixed_choices(case: _Case, quantisation: Choice[Quantisation]) -> dict[str, Choice[Any]]:
    engine = engine_choice(case.config, case.shape.family, case.device)
    packing = _packing(case)
    return {
        "engine": engine,
        "quantisation": quantisation,
        "precision": _precision(case, engine.value, quantisation.value),
        "packing": packing,
        "attention": _attention(case, packing.value),
        "optimizer": _optimizer(case),
    }


# ---------------------------------------------------------------- choices that memory decides


def _forward_tokens(case: _Case) -> int:
    """Tokens that keep the device busy in one forward pass; more brings nothing."""
    if case.device.kind == "cpu":
        return FORWARD_TOKENS["cpu"]
    if case.device.compute_capability < (8, 0):
        return FORWARD_TOKENS["old"]
    return FORWARD_TOKENS["big" if case.shape.parameters >= BIG_PARAMETERS else "small"]


def _aimed_step_tokens(case: _Case) -> int:
    """Tokens of an optimizer step: what keeps the device busy, but enough steps to learn in, of eight examples or more."""
    config, stats = case.config, case.stats
    # With a fixed number of steps the data do not bound the step.
    seen = math.inf if config.max_steps else stats.tokens * config.epochs
    return int(min(_forward_tokens(case), max(seen / AIMED_STEPS, 8 * stats.mean_tokens)))


def _row_tokens(case: _Case, packing: bool) -> int:
    return case.config.max_length if packing else max(16, min(case.stats.longest, case.config.max_length))


def _loads(case: _Case, base: dict[str, Choice[Any]]) -> Iterator[tuple[Choice[int], Choice[bool]]]:
    """Rows in a forward pass and checkpointing, fastest first."""
    config = case.config
    if base["packing"].value:
        wanted = max(1, _aimed_step_tokens(case) // config.max_length)
    else:
        # Padded rows of short answers are small: eight keep a CPU busy, a GPU takes more if it may.
        wanted = max(1, min(8, _forward_tokens(case) // _row_tokens(case, False)))
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


def _setup(case: _Case, base: dict[str, Choice[Any]], rows: int, checkpointing: bool) -> Setup:
    return Setup(
        kind=case.device.kind,
        engine=base["engine"].value,
        quantisation=base["quantisation"].value,
        precision=base["precision"].value,
        attention=base["attention"].value,
        checkpointing=checkpointing,
        optimizer=base["optimizer"].value,
        row_tokens=_row_tokens(case, base["packing"].value),
        batch_rows=rows,
        rank=case.config.rank,
        targets=case.config.target_modules,
        dora=case.config.dora,
    )


def _accumulation(case: _Case, packing: bool, rows: int) -> Choice[int]:
    if case.config.accumulation:
        return Choice(case.config.accumulation, "Chosen in the settings.")
    per_pass = rows * (_row_tokens(case, True) if packing else case.stats.mean_tokens)
    count = max(1, round(_aimed_step_tokens(case) / max(1.0, per_pass)))
    if count == 1:
        return Choice(1, "One forward pass already holds enough examples for a step.")
    return Choice(count, f"{count} passes together hold enough examples for a steady step.")


def _finished(case: _Case, base: dict[str, Choice[Any]], rows: Choice[int], checkpointing: Choice[bool]) -> Plan:
    config, packing = case.config, bool(base["packing"].value)
    setup = _setup(case, base, rows.value, checkpointing.value)
    memory = forecast(case.shape, setup)
    accumulation = _accumulation(case, packing, rows.value)
    per_pass = rows.value * (config.max_length if packing else case.stats.mean_tokens)
    step_tokens = max(1, int(min(per_pass * accumulation.value, max(case.stats.tokens, 1))))
    steps = config.max_steps or max(1, math.ceil(case.stats.tokens * config.epochs / step_tokens))
    eval_every = config.eval_every or _eval_every(case.stats, steps, step_tokens)
    speed = estimated_tokens_per_s(case.shape, setup, case.device)
    evaluations = math.ceil(steps / eval_every) + 1 if case.stats.eval_rows else 0
    return Plan(
        **cast(dict[str, Any], base),
        batch_rows=rows,
        checkpointing=checkpointing,
        accumulation=accumulation,
        memory=memory,
        available_gib=case.device.free_gib,
        verdict=_verdict(memory.total_gib, case.device.free_gib),
        change="",
        step_tokens=step_tokens,
        total_steps=steps,
        eval_every=eval_every,
        save_every=config.save_every or eval_every,
        tokens_per_s=speed,
        # A forward pass alone is about half of forward and backward through frozen weights.
        time_s=(steps * step_tokens + evaluations * case.stats.eval_tokens / 2) / speed,
    )


def _eval_every(stats: DatasetStats, steps: int, step_tokens: int) -> int:
    """Steps between evaluations when the planner chooses."""
    affordable = EVALUATION_SHARE * steps * step_tokens / max(1.0, stats.eval_tokens / 2)
    count = max(FEWEST_EVALUATIONS, min(MOST_EVALUATIONS, int(affordable)))
    return max(1, math.ceil(steps / count))


def _verdict(needed_gib: float, free_gib: float) -> Verdict:
    if needed_gib <= FITS_SHARE * free_gib:
        return "fits"
    return "tight" if needed_gib <= TIGHT_SHARE * free_gib else "does not fit"


def _smallest_change(case: _Case) -> str:
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
        half = max(1, rows // 2)
        smaller = config.changed(batch_rows=half, accumulation=max(1, round(passes * rows / half)))
        return smaller, f"{half} instead of {rows} rows in a forward pass, and more passes in a step"
    if not current.checkpointing.value:
        return config.changed(
            checkpointing="on", batch_rows=1, accumulation=passes
        ), "recomputed activations (checkpointing on)"
    if config.max_length > 256:
        half = config.max_length // 2
        return config.changed(max_length=half), f"rows of at most {half} instead of {config.max_length} tokens"
    return None
