"""An experiment tracker that also gets the numbers of a run, if the person wants one: Trackio, W&B or TensorBoard.

    missing(report_to) → Problem or None                       before the start
    with tracked(progress, config, job_dir) as progress: …     while it trains

The libraries' own callbacks also send paths, the whole model config and the console; these send numbers under the names
below and nothing else: no record, no sample answer, no log line. All three write into the run's own folder and work offline;
W&B goes online only if the person sets WANDB_MODE=online. It does not know: the loop, what the numbers mean.
"""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from core.config import ReportTo, TrainingConfig
from core.errors import Problem
from core.progress import Progress

# What a tracker may be told; anything else stays here.
NUMBERS = frozenset({"loss", "eval_loss", "learning_rate", "grad_norm", "epoch", "tokens_per_s", "mfu"})
PROJECT = "medft-studio"
PACKAGES: Mapping[ReportTo, str] = {"trackio": "trackio", "wandb": "wandb", "tensorboard": "tensorboard"}


class Tracker(Protocol):
    """Takes the numbers of one run."""

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Note the numbers of a step."""

    def close(self) -> None:
        """Write what waits, and let go."""


def missing(report_to: ReportTo) -> Problem | None:
    """What stands in the way of a tracker; None if nothing does."""
    package = PACKAGES.get(report_to)
    if package is None or importlib.util.find_spec(package) is not None:
        return None
    said = f"{package} is not installed: run `pip install {package}` and start again, or set “Also report to” to none."
    return Problem("report_to", said)


def only_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """What may go out of ``values``: finite numbers under known names."""
    return {
        name: float(value)
        for name, value in values.items()
        if name in NUMBERS and isinstance(value, (int, float)) and math.isfinite(value)
    }


def tracker_for(report_to: ReportTo, job_dir: Path, name: str) -> Tracker | None:
    """Open a tracker; None where none is wanted.

    Args:
        report_to: Which.
        job_dir: The run's folder; what the tracker keeps lies in a folder of its name there.
        name: What the run is called at the tracker: the run's id.
    """
    if report_to == "none":
        return None
    kinds: dict[str, Any] = {"tensorboard": _TensorBoard, "wandb": _Wandb, "trackio": _Trackio}
    folder = job_dir / report_to
    folder.mkdir(mode=0o700, exist_ok=True)
    tracker: Tracker = kinds[report_to](folder, name)
    return tracker


class _TensorBoard:
    def __init__(self, folder: Path, name: str) -> None:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415

        writer: Any = SummaryWriter
        self._writer = writer(log_dir=str(folder))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    """A W&B run without what it would collect by itself: console, code, git, machine."""

    def __init__(self, folder: Path, name: str) -> None:
        import wandb  # noqa: PLC0415

        self._run = wandb.init(
            project=PROJECT,
            name=name,
            dir=str(folder),
            mode="online" if os.environ.get("WANDB_MODE") == "online" else "offline",
            settings=wandb.Settings(
                console="off",
                disable_code=True,
                disable_git=True,
                host=PROJECT,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
            ),
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        # W&B's own step only grows, and the base model's loss (step 0) comes after the first step
        self._run.log({"step": step, **numbers})

    def close(self) -> None:
        self._run.finish()


class _Trackio:
    """A local Trackio run; nothing is sent to a Space."""

    def __init__(self, folder: Path, name: str) -> None:
        # read when the package is loaded
        os.environ["TRACKIO_DIR"] = str(folder)
        import trackio  # noqa: PLC0415

        self._run = trackio.init(
            project=PROJECT,
            name=name,
            space_id=None,
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        self._run.log(dict(numbers), step=step)

    def close(self) -> None:
        self._run.finish()


class TrackedProgress:
    """A Progress that hands everything on, and the numbers to a tracker too.

    A tracker that fails is told in the log and left out from then on: training goes on without it.

    Args:
        progress: Who listens anyway.
        tracker: Who gets the numbers.
    """

    def __init__(self, progress: Progress, tracker: Tracker) -> None:
        self._progress = progress
        self._tracker: Tracker | None = tracker
        self.phase = progress.phase
        self.sample = progress.sample
        self.choice = progress.choice
        self.log = progress.log
        self.result = progress.result
        self.stop_requested = progress.stop_requested

    def metric(self, step: int, **values: float) -> None:
        """Hand numbers on to both."""
        self._progress.metric(step, **values)
        numbers = only_numbers(values)
        if numbers:
            self._ask(lambda tracker: tracker.log(step, numbers))

    def close(self) -> None:
        """Let go of the tracker."""
        self._ask(lambda tracker: tracker.close())
        self._tracker = None

    def _ask(self, what: Callable[[Tracker], None]) -> None:
        if self._tracker is None:
            return
        try:
            what(self._tracker)
        except Exception as error:
            self._tracker = None
            self._progress.log(f"The experiment tracker failed ({type(error).__name__}); training goes on without it.")


@contextmanager
def tracked(progress: Progress, config: TrainingConfig, job_dir: Path) -> Iterator[Progress]:
    """The Progress to train with: ``progress`` itself, or one that also feeds the tracker of the settings."""
    try:
        tracker = tracker_for(config.report_to, job_dir, job_dir.name)
    except Exception as error:
        # Not installed any more on the machine that resumes, or no room for its folder.
        progress.log(f"{config.report_to} did not start ({type(error).__name__}); training goes on without it.")
        tracker = None
    if tracker is None:
        yield progress
        return
    both = TrackedProgress(progress, tracker)
    try:
        yield both
    finally:
        both.close()
