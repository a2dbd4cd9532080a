"""What trains: the Engine protocol, and the one that fits the plan.

    choose_engine(config, family, device) → Choice[Engine]; engine.load(folder, config, plan) → LoadedModel

It does not know: data, the training loop.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.config import TrainingConfig
from core.model.device import Device
from core.model.memory import Attention
from core.model.plan import Plan, engine_choice
from core.progress import Choice


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A base model with a fresh LoRA adapter, ready to train.

    Args:
        model: The PEFT model.
        decoder: The part that gives hidden states.
        causal: The causal language model inside, with the output layer.
        attention: How packed examples are kept apart.
    """

    model: Any
    decoder: Any
    causal: Any
    attention: Attention


class Engine(Protocol):
    """A library that loads a model for training and computes its hidden states."""

    name: str

    def prepare(self, quantised: bool = True) -> None:
        """Import the library; before anything else of the process imports transformers.

        Args:
            quantised: Whether the base weights will be 4-bit or 8-bit.
        """

    def load(self, folder: Path, config: TrainingConfig, plan: Plan) -> LoadedModel:
        """Load base weights and add the adapter.

        Args:
            folder: The base model on disk.
            config: Adapter and seed.
            plan: Precision, quantisation, attention and checkpointing.
        """

    def row_arguments(self, loaded: LoadedModel, lengths: tuple[int, ...], device: Any) -> dict[str, Any]:
        """What the decoder needs to keep the examples of a packed row apart, from their lengths in tokens."""

    def answering(self, loaded: LoadedModel) -> AbstractContextManager[None]:
        """Within it, ``loaded.model`` generates."""


def choose_engine(config: TrainingConfig, family: str, device: Device) -> Choice[Engine]:
    """Choose by settings, model family (``model_type``) and device; imports no library yet."""
    choice = engine_choice(config, family, device)
    return Choice(engine_named(choice.value), choice.reason)


def engine_named(name: str) -> Engine:
    """The engine of a plan."""
    from core.training.transformers_engine import TransformersEngine  # noqa: PLC0415
    from core.training.unsloth_engine import UnslothEngine  # noqa: PLC0415

    return UnslothEngine() if name == "unsloth" else TransformersEngine()
