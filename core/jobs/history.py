"""Runs that have been: what a table says of each, and in what several differ.

    summary(job, snapshot) → RunSummary;  differences([summary, …]) → [(name, (value, value, …)), …]

It reads the small files of a run's folder, which training has left there. It does not know: how a run is trained or drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.errors import ConfigError
from core.jobs.job import Job
from core.jobs.snapshot import Snapshot

# What the planner chose for settings that were left to it; these differ where the machine or the data did.
PLANNED = ("engine", "quantisation", "precision", "packing", "checkpointing", "optimizer", "batch_rows", "accumulation")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in a line.

    Args:
        job: Name, state, note, data set, times.
        config: Its own settings; None where its config.json cannot be read.
        step: Optimizer steps done.
        total_steps: Steps it was to take; 0 if unknown.
        best_eval_loss: The lowest loss on held-out rows so far, the base model's left out; None where nothing was evaluated.
        best_step: The step of that.
        elapsed_s: Seconds of work, over all attempts.
        forecast_gib: Memory that was forecast; None before it was planned.
        measured_gib: The peak that was measured, of the same kind; None before the end.
        chosen: What the planner chose, by name.
    """

    job: Job
    config: TrainingConfig | None
    step: int
    total_steps: int
    best_eval_loss: float | None
    best_step: int | None
    elapsed_s: float
    forecast_gib: float | None
    measured_gib: float | None
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def forecast_error(self) -> float | None:
        """Forecast against measured, as a share of the measured: positive where too much was forecast."""
        if not self.forecast_gib or not self.measured_gib:
            return None
        return (self.forecast_gib - self.measured_gib) / self.measured_gib

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the API."""
        job = self.job
        return {
            "run_id": job.id,
            "name": job.name,
            "note": job.note,
            "state": job.state,
            "created": job.created,
            "started": job.started,
            "ended": job.ended,
            "dataset_id": job.dataset_id,
            "model": self.config.model if self.config else "",
            "step": self.step,
            "total_steps": self.total_steps,
            "best_eval_loss": self.best_eval_loss,
            "best_step": self.best_step,
            "elapsed_s": round(self.elapsed_s, 1),
            "forecast_gib": self.forecast_gib,
            "measured_gib": self.measured_gib,
        }


def summary(job: Job, snapshot: Snapshot) -> RunSummary:
    """Gather what a table says of a run.

    Args:
        job: The run.
        snapshot: Its picture.
    """
    plan, forecast = _read(job.folder / "plan.json"), _read(job.folder / "forecast.json")
    evals = snapshot.history.get("eval_loss")
    points = zip(evals.values, evals.steps, strict=True) if evals else ()
    best = min((point for point in points if point[1] > 0), default=None)
    planned = plan.get("total_gib")
    return RunSummary(
        job=job,
        config=_config(job.folder),
        step=snapshot.step,
        total_steps=snapshot.total_steps,
        best_eval_loss=best[0] if best else None,
        best_step=best[1] if best else None,
        elapsed_s=snapshot.elapsed_s,
        # after the end both numbers count the same thing: on a GPU tensors only, without the CUDA context
        forecast_gib=forecast.get("forecast_gib", planned),
        measured_gib=forecast.get("measured_gib"),
        chosen={name: plan[name]["value"] for name in PLANNED if isinstance(plan.get(name), dict)},
    )


def differences(runs: Sequence[RunSummary]) -> list[tuple[str, tuple[Any, ...]]]:
    """Settings in which the runs are not all alike, by name, one value for each run; None where it is not known.

    What the planner chose counts where the setting was left to it.
    """
    settings = [_settings(run) for run in runs]
    names = dict.fromkeys(name for each in settings for name in each)
    rows = [(name, tuple(each.get(name) for each in settings)) for name in names]
    return [(name, values) for name, values in rows if any(value != values[0] for value in values)]


def _settings(run: RunSummary) -> dict[str, Any]:
    config = run.config.to_json() if run.config else {}
    return {"dataset": run.job.dataset_id} | config | dict(run.chosen)


def _config(folder: Path) -> TrainingConfig | None:
    try:
        return TrainingConfig.from_json(_read(folder / "config.json"))
    except ConfigError:  # of another version of the app
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not written yet, or damaged: then it is not known
        return {}
    return body if isinstance(body, dict) else {}
