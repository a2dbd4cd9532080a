"""How long work says what it is doing, without knowing who listens.

A step that takes time is handed a Progress and calls it; the worker process writes those calls to events.jsonl, the
terminal demo draws a bar, a test keeps them in a list.

    progress.phase("tokenising", done=1200, total=3400)
    progress.metric(step=10, loss=2.13, learning_rate=1e-4)
    if progress.stop_requested(): …

It does not know: files, processes, screens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar

StopVerb = Literal["keep", "discard"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice(Generic[T]):
    """A value that was chosen automatically, with the reason why, so that both travel together.

    Args:
        value: What was chosen.
        reason: Why, in one plain sentence that a person can read beside it.
    """

    value: T
    reason: str


class Progress(Protocol):
    """Receives what long work has to say. Every method returns at once and never raises."""

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Say what is going on now, in words a person reads; done of total is a share (total 0: unknown)."""

    def metric(self, step: int, **values: float) -> None:
        """Report numbers measured at an optimizer step (loss, eval_loss, learning_rate, grad_norm, tokens_per_s …)."""

    def sample(self, step: int, prompt: str, answer: str) -> None:
        """Show an answer that the model gives at this step."""

    def choice(self, name: str, choice: Choice[Any]) -> None:
        """Report an automatic choice and its reason."""

    def log(self, text: str) -> None:
        """Add a line to the log. Never record text."""

    def result(self, values: Mapping[str, Any]) -> None:
        """Report what the work produced; values must be JSON."""

    def stop_requested(self) -> StopVerb | None:
        """Return how the person asked to stop: ``keep`` (checkpoint, then end), ``discard``, or None: go on."""


class SilentProgress:
    """A Progress for when nobody listens."""

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Ignore."""

    def metric(self, step: int, **values: float) -> None:
        """Ignore."""

    def sample(self, step: int, prompt: str, answer: str) -> None:
        """Ignore."""

    def choice(self, name: str, choice: Choice[Any]) -> None:
        """Ignore."""

    def log(self, text: str) -> None:
        """Ignore."""

    def result(self, values: Mapping[str, Any]) -> None:
        """Ignore."""

    def stop_requested(self) -> StopVerb | None:
        """Nobody can ask."""
        return None
