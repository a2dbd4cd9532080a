"""What the planner is asked and what it answers: DatasetStats, Case → Plan. Data only; plan.py makes it.

It does not know: how anything is chosen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.config import Optimizer, Precision, Quantisation, TrainingConfig
from core.model.device import Device
from core.model.memory import Attention, EngineName, MemoryForecast
from core.model.shape import ModelShape
from core.progress import Choice

Verdict = Literal["fits", "tight", "does not fit"]


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
        learning_rate: Peak learning rate for steps of that size.
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
    learning_rate: Choice[float]
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
class Case:
    """What the planner is asked: the config, and what it meets."""

    config: TrainingConfig
    shape: ModelShape
    stats: DatasetStats
    device: Device
