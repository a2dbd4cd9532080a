"""A studio without models, files or processes, that can be put into any state the screens must show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config import QUICK_DEMO
from core.jobs.gpu import DeviceStatus
from core.jobs.job import Job, JobProblem
from core.jobs.series import Series
from core.jobs.snapshot import Phase, Sample, Snapshot
from core.progress import Choice

CPU = DeviceStatus(
    "cpu", "Fake CPU (2 cores)", 5.4, 23.4, 12.0, note="No NVIDIA GPU: showing the memory of the training process."
)
GPU = DeviceStatus("gpu", "NVIDIA L4", 17.1, 22.5, 96.0, 61.0, 64.0, 16.8)
QUESTION = "What are the symptoms of iron deficiency?"


def job(state: str = "running", name: str = "Respiratory demo", id: str = "20261124-054000-demo", **more: Any) -> Job:
    return Job(Path("/nowhere") / id, "train", name, state, "2026-11-24T05:40:00.000+00:00", Path("/nowhere"),
               started="2026-11-24T05:40:02.000+00:00", **more)  # fmt: skip


def history(steps: int) -> dict[str, Series]:
    """Curves of a run that learns, up to this step."""
    every = tuple(range(1, steps + 1))
    evals = tuple(step for step in range(0, steps + 1, 25))
    seconds = tuple(step * 1.7 for step in every)

    def loss(step: int) -> float:
        return 1.2 + 1.3 * math.exp(-step / 45) + 0.12 * math.sin(step * 1.7) * math.cos(step * 0.6)

    return {
        "loss": Series(every, seconds, tuple(loss(step) for step in every)),
        "eval_loss": Series(
            evals, tuple(step * 1.7 for step in evals), tuple(1.28 + 1.2 * math.exp(-step / 60) for step in evals)
        ),
        "learning_rate": Series(every, seconds, tuple(1e-3 * min(step / 10, 1 - step / 220) for step in every)),
        "tokens_per_s": Series(every, seconds, tuple(310 + 20 * math.sin(step) for step in every)),
        "process_gib": Series(every, seconds, tuple(1.5 + 0.4 * (1 - math.exp(-step / 6)) for step in every)),
    }


def snapshot(state: str = "running", step: int = 124, revision: int = 1, **more: Any) -> Snapshot:
    curves = history(step)
    values: dict[str, Any] = {
        "job": job(state), "state": state, "phase": Phase("training", step, 200), "step": step, "total_steps": 200,
        "metrics": {name: curve.values[-1] for name, curve in curves.items() if len(curve)},
        "eta_s": 129.0 if state == "running" else None, "elapsed_s": step * 1.7, "tokens_per_s": 312.0, "history": curves,
        "samples": tuple(Sample(at, QUESTION, answer) for at, answer in SAMPLES if at <= step),
        "log": ("05:40:02  Loading the model", "05:40:09  First batch checked: 1,204 of 3,310 tokens are trained"),
        "choices": {"engine": Choice("transformers", "No CUDA device."), "precision": Choice("fp32", "No fast bf16.")},
    }  # fmt: skip
    return Snapshot(revision=revision, **values | more)


SAMPLES = (
    (0, "Iron deficiency is a condition where there is a lack of iron in the body."),
    (50, "Tiredness, pale skin and shortness of breath are common."),
    (100, "Fatigue, pallor, breathlessness on exertion, brittle nails, and cravings for ice. <b>See a doctor.</b>"),
)
KILLED = JobProblem(
    "The training process was ended by the system (signal 9), most likely for lack of memory.",
    "Choose Low memory, then resume.",
)


@dataclass
class FakeStudio:
    """Answers what it is told to answer, and notes what it is asked to do."""

    now: Snapshot = field(default_factory=lambda: Snapshot(0))
    device_status: DeviceStatus = CPU
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    runs: list[Job] = field(default_factory=list)

    def snapshot(self, run_id: str | None = None) -> Snapshot:
        return self.now

    def device(self) -> DeviceStatus:
        return self.device_status

    def list_runs(self) -> list[Job]:
        return self.runs or ([self.now.job] if self.now.job else [])

    def run_settings(self, run_id: str) -> Mapping[str, Any]:
        return {"config": QUICK_DEMO.to_json(), "forecast_gib": 1.8}

    def stop_training(self, run_id: str, keep: bool) -> None:
        self.asked.append(("stop", run_id, keep))

    def resume_training(self, run_id: str) -> None:
        self.asked.append(("resume", run_id))
