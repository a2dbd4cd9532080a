"""The recipe of a training run: one frozen dataclass for the form, the API, the command line and the notebook.

    config = RECOMMENDED.changed(learning_rate=1e-4)
    config.problems()  →  () or every Problem at once

It stands below the rooms, because the planner (model/) and the engines (training/) both read it.
It does not know: models' shapes, data sets, devices; what fits is the planner's business.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from core.errors import ConfigError, Problem

Engine = Literal["auto", "unsloth", "transformers"]
Quantisation = Literal["auto", "nf4", "int8", "none"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]
Switch = Literal["auto", "on", "off"]
Targets = Literal["attention_qv", "attention", "all_linear"]
Optimizer = Literal["auto", "adamw", "adamw_8bit"]
Schedule = Literal["linear", "cosine", "constant"]
ReportTo = Literal["none", "trackio", "wandb", "tensorboard"]

DEFAULT_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
TARGET_MODULES: Mapping[Targets, tuple[str, ...]] = {
    "attention_qv": ("q_proj", "v_proj"),
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "all_linear": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
}
# In eval_every and save_every.
EACH_EPOCH = -1
SAMPLE_PROMPTS = ("What are the symptoms of iron deficiency?",)


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train. ``auto`` and 0 mean: the planner chooses and says why.

    Args:
        model: A Hub id, a catalogue id, or a local folder.
        engine: Which library trains.
        quantisation: How the frozen base weights are kept: NF4 (4-bit), int8, or as they are.
        precision: Number format of the arithmetic.
        rank: LoRA rank r, 1 to 256.
        alpha: LoRA alpha; the update is scaled by alpha / r (alpha / sqrt(r) with rslora), 1 to 512.
        dropout: LoRA dropout, 0 to 0.5.
        targets: Which linear layers get an adapter.
        rslora: Rank-stabilised scaling (Kalajdzievski 2023).
        dora: Weight-decomposed LoRA (Liu et al. 2024).
        learning_rate: Peak learning rate of a step of about 2,048 tokens, 1e-7 to 1e-1.
        scale_rate: Raise it with the square root of a larger step (Malladi et al. 2022, arXiv 2205.10287).
        schedule: How the learning rate falls after the warm-up.
        warmup_ratio: Share of the steps over which the learning rate rises, 0 to 0.5.
        weight_decay: AdamW weight decay, 0 to 1.
        max_grad_norm: Gradients are clipped to this norm; 0 switches clipping off.
        optimizer: Full-precision AdamW or 8-bit states.
        epochs: Passes over the training rows, above 0 up to 100.
        max_steps: Optimizer steps; above 0 it replaces epochs.
        max_length: Longest row in tokens, 16 to 131072; longer rows are cut and counted.
        batch_rows: Rows (with packing: packed rows of max_length) in one forward pass; 0 is auto.
        accumulation: Forward passes in one optimizer step; 0 is auto.
        packing: Several short examples in one row, without attention between them.
        checkpointing: Recompute activations in the backward pass to save memory.
        eval_every: Optimizer steps between evaluations; 0 is auto (about eight in a run), -1 once an epoch.
        save_every: Optimizer steps between checkpoints; 0 is auto (at each evaluation), -1 once an epoch.
        early_stopping: Stop after this many evaluations without improvement; 0 is off.
        log_every: Optimizer steps between logged losses.
        seed: Seed of every random choice.
        sample_prompts: Questions answered at each evaluation.
        sample_tokens: Longest sample answer in tokens; 0 switches samples off.
        report_to: An experiment tracker that also gets the numbers.
    """

    model: str = DEFAULT_MODEL
    engine: Engine = "auto"
    quantisation: Quantisation = "auto"
    precision: Precision = "auto"
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: Targets = "all_linear"
    rslora: bool = False
    dora: bool = False
    learning_rate: float = 2e-4
    scale_rate: bool = False
    schedule: Schedule = "cosine"
    warmup_ratio: float = 0.03
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    optimizer: Optimizer = "auto"
    epochs: float = 3.0
    max_steps: int = 0
    max_length: int = 1024
    batch_rows: int = 0
    accumulation: int = 0
    packing: Switch = "auto"
    checkpointing: Switch = "auto"
    eval_every: int = 0
    save_every: int = 0
    early_stopping: int = 0
    log_every: int = 1
    seed: int = 42
    sample_prompts: tuple[str, ...] = SAMPLE_PROMPTS
    sample_tokens: int = 96
    report_to: ReportTo = "none"

    def changed(self, **values: Any) -> TrainingConfig:
        """Return a copy with these fields replaced."""
        return dataclasses.replace(self, **values)

    @property
    def target_modules(self) -> tuple[str, ...]:
        """Names of the linear layers that get an adapter."""
        return TARGET_MODULES[self.targets]

    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong with these settings, whatever the model, the data and the machine."""
        return tuple(_problems(self))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for config.json and the API."""
        return dataclasses.asdict(self) | {"sample_prompts": list(self.sample_prompts)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> TrainingConfig:
        """Read settings from JSON, an API call or a form.

        Raises:
            ConfigError: naming every unknown setting and every value of the wrong type, all at once.
        """
        values, problems = {}, []
        hints = get_type_hints(cls)
        for name, value in body.items():
            if name not in hints:
                problems.append(Problem(name, f"There is no setting named {name!r}."))
                continue
            try:
                values[name] = _coerced(hints[name], value)
            except (TypeError, ValueError, OverflowError):
                problems.append(Problem(name, f"{name} cannot be {value!r}."))
        config = cls(**values)
        if problems:
            raise ConfigError(problems)
        return config


def _coerced(kind: Any, value: Any) -> Any:
    """Bring a JSON value to a field's type without losing anything."""
    if kind is bool:
        if not isinstance(value, bool):
            raise TypeError
        return value
    if kind is int:
        if isinstance(value, bool) or int(value) != float(value):
            raise ValueError
        return int(value)
    if kind is float:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    if kind == tuple[str, ...]:
        if isinstance(value, str) or not all(isinstance(item, str) for item in value):
            raise TypeError
        return tuple(value)
    if not isinstance(value, str):
        raise TypeError
    return value


RANGES: Mapping[str, tuple[float, float]] = {
    "rank": (1, 256),
    "alpha": (1, 512),
    "dropout": (0, 0.5),
    "learning_rate": (1e-7, 1e-1),
    "warmup_ratio": (0, 0.5),
    "weight_decay": (0, 1),
    "max_grad_norm": (0, 1000),
    "epochs": (0.01, 100),
    "max_steps": (0, 10_000_000),
    "max_length": (16, 131_072),
    "batch_rows": (0, 4096),
    "accumulation": (0, 4096),
    "eval_every": (EACH_EPOCH, 10_000_000),
    "save_every": (EACH_EPOCH, 10_000_000),
    "early_stopping": (0, 1000),
    "log_every": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
    "sample_tokens": (0, 2048),
}


def _problems(config: TrainingConfig) -> Iterator[Problem]:
    if not config.model.strip():
        yield Problem("model", "Choose a model, or type a Hub id or a folder.")
    for name, kind in get_type_hints(TrainingConfig).items():
        allowed = get_args(kind)
        value = getattr(config, name)
        if allowed and isinstance(allowed[0], str) and value not in allowed:
            yield Problem(name, f"{name} must be one of {', '.join(allowed)}; it is {value!r}.")
    for name, (low, high) in RANGES.items():
        value = getattr(config, name)
        if not low <= value <= high:
            yield Problem(name, f"{name} must lie between {low:g} and {high:g}; it is {value:g}.")
    if config.dora and config.quantisation == "int8":
        yield Problem("dora", "DoRA does not work on an int8 base: choose NF4 or none, or switch DoRA off.")
    if config.quantisation == "int8" and config.precision == "fp32":
        yield Problem("precision", "An int8 base computes in half precision: choose auto, bf16 or fp16.")
    if config.early_stopping and config.save_every and config.eval_every and config.save_every % config.eval_every:
        yield Problem(
            "save_every",
            "With early stopping, save_every must be a multiple of eval_every, so that the best state is kept.",
        )


@dataclass(frozen=True, slots=True)
class Preset:
    """A named recipe.

    Args:
        name: What the person picks.
        about: One sentence: for whom and what to expect.
        config: The settings; the person's choice of model replaces ``config.model``.
    """

    name: str
    about: str
    config: TrainingConfig


RECOMMENDED = TrainingConfig()
QUICK_DEMO = RECOMMENDED.changed(learning_rate=1e-3, max_steps=24, max_length=256, schedule="linear", sample_tokens=48)
LOW_MEMORY = RECOMMENDED.changed(
    quantisation="nf4", batch_rows=1, checkpointing="on", optimizer="adamw_8bit", max_length=512, rank=8, alpha=16
)
ORIGINAL_RECIPE = RECOMMENDED.changed(
    quantisation="int8",
    rank=8,
    alpha=32,
    dropout=0.05,
    targets="attention_qv",
    max_length=1024,
    batch_rows=1,
    accumulation=8,
    epochs=3.0,
    learning_rate=2e-4,
    precision="fp16",
    schedule="linear",
    warmup_ratio=0.0,
    weight_decay=0.0,
    optimizer="adamw",
    packing="off",
    checkpointing="off",
    eval_every=EACH_EPOCH,
    save_every=EACH_EPOCH,
    log_every=50,
    sample_tokens=200,
)

PRESETS: tuple[Preset, ...] = (
    Preset("Recommended", "A sound start for most data sets; the planner fits it to your machine.", RECOMMENDED),
    Preset("Quick demo", "A few minutes even without a GPU, to see the whole way once.", QUICK_DEMO),
    Preset("Low memory", "The smallest footprint: 4-bit base, short rows, recomputed activations.", LOW_MEMORY),
    Preset(
        "Original recipe", "The settings this project began with: 8-bit base, r 8, q and v only, fp16.", ORIGINAL_RECIPE
    ),
)

# Zones that the sliders shade, from the original recipe's advice.
RECOMMENDED_ZONES: Mapping[str, tuple[float, float]] = {
    "learning_rate": (1e-4, 2e-4),
    "epochs": (2, 5),
    "batch_rows": (1, 4),
    "accumulation": (4, 16),
    "rank": (4, 16),
    "alpha": (16, 32),
}
