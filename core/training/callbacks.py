"""What the loop tells whoever listens, and the stop button it obeys: metrics, phases, sample answers.

It does not know: files, processes, screens.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.errors import JobError
from core.progress import Progress

PASSED_ON = ("loss", "learning_rate", "grad_norm", "eval_loss", "epoch")


@dataclass(frozen=True, slots=True)
class Listening:
    """Who listens, and what a step is.

    Args:
        progress: Gets phases, metrics and samples.
        total_steps: Optimizer steps of the run.
        work_per_token: Floating-point operations of a trained token.
        peak_flops: Operations a second that the device reaches at best; 0 where unknown.
        evaluates: Whether there are evaluation rows.
        samples: Called with the step after an evaluation, or after a checkpoint where there is none.
    """

    progress: Progress
    total_steps: int
    work_per_token: float
    peak_flops: float
    evaluates: bool
    samples: Callable[[int], None]


class TrainingDiverged(JobError):
    """The loss is not a number any more."""


class Reporter:
    """The state behind the callback: when the last step ended, how many tokens came since.

    Args:
        listening: Who listens.
    """

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.judge_base: Callable[[], None] | None = None
        """Called once, when the first step has been told: people see at once that training works, the base can wait."""
        self.tokens = 0
        self.trained_s = 0.0
        self._since = time.monotonic()

    def count(self, tokens: int) -> None:
        """Add the tokens of a step."""
        self.tokens += tokens

    def step_begins(self, step: int) -> None:
        """Say which step is under way."""
        self.listening.progress.phase("training", step, self.listening.total_steps)

    def restart_clock(self) -> None:
        """Leave out what passed since the last step: evaluations and checkpoints do not count as training time."""
        self._since = time.monotonic()

    def step_ended(self, step: int, control: Any) -> None:
        """Read the clock, and look at the stop button."""
        self.trained_s += time.monotonic() - self._since
        self.restart_clock()
        if step >= self.listening.total_steps:
            # The end is always judged and kept, whatever the rhythm was.
            control.should_evaluate, control.should_save = self.listening.evaluates, True
        verb = self.listening.progress.stop_requested()
        if verb:
            control.should_training_stop, control.should_evaluate = True, False
            control.should_save = verb == "keep"

    def logged(self, step: int, logs: dict[str, float]) -> None:
        """Pass metrics on.

        Raises:
            TrainingDiverged: if the loss is not a number.
        """
        values = {name: float(logs[name]) for name in PASSED_ON if name in logs}
        if "loss" in values and self.trained_s:
            values["tokens_per_s"] = self.tokens / self.trained_s
            if self.listening.peak_flops:
                values["mfu"] = values["tokens_per_s"] * self.listening.work_per_token / self.listening.peak_flops
            self.tokens, self.trained_s = 0, 0.0
        if values:
            finite = {name: value for name, value in values.items() if math.isfinite(value)}
            self.listening.progress.metric(step, **finite)
        if not math.isfinite(values.get("loss", 0.0)):
            raise TrainingDiverged(
                f"The loss was not a number at step {step}: training has diverged and was stopped.",
                "Lower the learning rate (a third is a good start) or choose bf16; the last good state was kept.",
            )
        if "loss" in values and self.judge_base:
            judge, self.judge_base = self.judge_base, None
            judge()
            self.restart_clock()


@functools.cache
def callback_class() -> Any:
    """The callback; made on first use, because its base class is transformers'."""
    from transformers import TrainerCallback  # noqa: PLC0415

    class ProgressCallback(TrainerCallback):
        """Hands the loop's events to a Reporter."""

        def __init__(self, reporter: Reporter) -> None:
            self.reporter = reporter

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.reporter.restart_clock()

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.reporter.step_begins(state.global_step)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.reporter.step_ended(state.global_step, control)

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            self.reporter.logged(state.global_step, logs or {})

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if not self.reporter.listening.evaluates:
                self.reporter.listening.samples(state.global_step)
            self.reporter.restart_clock()

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.reporter.listening.samples(state.global_step)
            self.reporter.restart_clock()

    return ProgressCallback
