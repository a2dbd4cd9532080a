"""A studio whose data, plan and texts are real, and whose jobs and answers are made up: any state, at once, without weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.config import DEFAULT_MODEL, QUICK_DEMO, TrainingConfig
from core.errors import JobError
from core.jobs.gpu import NO_GPU_NOTE, DeviceStatus
from core.jobs.job import Job, JobProblem
from core.jobs.series import Series
from core.jobs.snapshot import Phase, Sample, Snapshot
from core.model.device import Device
from core.model.plan import DatasetStats, Plan, plan
from core.model.shape import ModelShape
from core.progress import Choice
from core.settings import Settings
from core.studio import Studio
from tests.ui.fake_chat import FakeChatDesk, Script

CPU = DeviceStatus("cpu", "Fake CPU (2 cores)", 5.4, 23.4, 12.0, note=NO_GPU_NOTE)
GPU = DeviceStatus("gpu", "NVIDIA L4", 17.1, 22.5, 96.0, 61.0, 64.0, 16.8)
MACHINE = Device("Fake CPU", "cpu", 23.4, 18.0, (0, 0), 2, False)
SMOLLM2 = ModelShape("llama", 576, 1536, 30, 9, 3, 64, 49152, True, 8192)
QUESTION = "What are the symptoms of iron deficiency?"
SAMPLES = (
    (0, "Iron deficiency is a condition where there is a lack of iron in the body."),
    (50, "Tiredness, pale skin and shortness of breath are common."),
    (100, "Fatigue, pallor, breathlessness on exertion, brittle nails, and cravings for ice. <b>See a doctor.</b>"),
)
KILLED = JobProblem("The training process was ended by the system (signal 9).", "Choose Low memory, then resume.")


def job(state: Any = "running", name: str = "Respiratory demo", id: str = "20261124-054000-demo-0a1b") -> Job:
    created, started = "2026-11-24T05:40:00.000+00:00", "2026-11-24T05:40:02.000+00:00"
    return Job(
        Path("/nowhere") / id, "train", name, state, created, Path("/nowhere"), started=started, dataset_id="sample"
    )


def history(steps: int) -> dict[str, Series]:
    """Curves of a run that learns, up to this step."""
    every = tuple(range(1, steps + 1))
    evals = tuple(range(0, steps + 1, 25))

    def curve(at: tuple[int, ...], value: Any) -> Series:
        return Series(at, tuple(step * 1.7 for step in at), tuple(value(step) for step in at))

    return {
        "loss": curve(
            every, lambda step: 1.2 + 1.3 * math.exp(-step / 45) + 0.12 * math.sin(step * 1.7) * math.cos(step * 0.6)
        ),
        "eval_loss": curve(evals, lambda step: 1.28 + 1.2 * math.exp(-step / 60)),
        "learning_rate": curve(every, lambda step: 1e-3 * min(step / 10, 1 - step / 220)),
        "tokens_per_s": curve(every, lambda step: 310 + 20 * math.sin(step)),
        "process_gib": curve(every, lambda step: 1.5 + 0.4 * (1 - math.exp(-step / 6))),
    }


def snapshot(state: Any = "running", step: int = 124, **more: Any) -> Snapshot:
    """A picture of a run of 200 steps."""
    curves = history(step)
    values: dict[str, Any] = {
        "job": job(state),
        "state": state,
        "phase": Phase("training", step, 200),
        "step": step,
        "total_steps": 200,
        "metrics": {name: curve.values[-1] for name, curve in curves.items() if len(curve)},
        "eta_s": 129.0 if state == "running" else None,
        "elapsed_s": step * 1.7,
        "tokens_per_s": 312.0,
        "history": curves,
        "samples": tuple(Sample(at, QUESTION, answer) for at, answer in SAMPLES if at <= step),
        "log": ("05:40:02  Loading the model", "05:40:09  First batch checked: 1,204 of 3,310 tokens are trained"),
        "choices": {"engine": Choice("transformers", "No CUDA device."), "precision": Choice("fp32", "No fast bf16.")},
    }
    return Snapshot(**{"revision": 1} | values | more)


@dataclass
class FakeController:
    """Shows the pictures it is given, and notes what it is asked to do."""

    now: Snapshot = field(default_factory=lambda: Snapshot(0))
    status: DeviceStatus = CPU
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    others: list[Job] = field(default_factory=list)  # jobs beside the one that is shown

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def jobs(self) -> tuple[Job, ...]:
        shown = (self.now.job,) if self.now.job else ()
        beside = [job for job in self.others if job.id not in {each.id for each in shown}]
        return tuple(sorted([*shown, *beside], key=lambda job: job.created, reverse=True))

    def active(self) -> Job | None:
        return self.now.job if self.now.is_active else None

    def device(self) -> DeviceStatus:
        return self.status

    def snapshot(self, job_id: str | None = None) -> Snapshot:
        other = next((job for job in self.others if job.id == job_id), None)
        if job_id is not None and (self.now.job is None or self.now.job.id != job_id):
            if other is not None:
                return replace(snapshot(other.state, 200), job=other, error=other.error)
            raise JobError(f"There is no run {job_id!r}.", "Choose one from the list of runs.")
        return self.now

    def show(self, picture: Snapshot) -> None:
        """Show another picture, as the next revision."""
        self.now = replace(picture, revision=self.now.revision + 1)

    def submit(self, kind: str, job_dir: Path, *, name: str = "", note: str = "", dataset_id: str = "") -> Job:
        self.asked.append(("submit", kind, dataset_id))
        if self.now.job is not None:
            self.others.append(self.now.job)
        started = replace(job("starting", name, job_dir.name), folder=job_dir, kind=kind, dataset_id=dataset_id)
        self.show(Snapshot(0, started, "starting", Phase("loading the model")))
        return started

    def delete(self, job_id: str) -> None:
        self.asked.append(("delete", job_id))
        self.others = [job for job in self.others if job.id != job_id]
        if self.now.job is not None and self.now.job.id == job_id:
            self.show(Snapshot(0))

    def stop(self, job_id: str, keep: bool) -> Job:
        self.asked.append(("stop", job_id, keep))
        self._move("stopping" if keep else "stopped", resumable=False)
        return self.now.job  # type: ignore[return-value]

    def resume(self, job_id: str) -> Job:
        self.asked.append(("resume", job_id))
        self._move("starting", resumable=False)
        return self.now.job  # type: ignore[return-value]

    def _move(self, state: Any, **more: Any) -> None:
        moved = replace(self.now.job, state=state)  # type: ignore[type-var]
        self.show(replace(self.now, job=moved, state=state, error=None, **more))


class FakeStudio(Studio):
    """The real studio, on a home of its own, with made-up jobs and answers."""

    def __init__(self, home: Path, picture: Snapshot | None = None, status: DeviceStatus = CPU) -> None:
        self.fake = FakeController(picture or Snapshot(0), status)
        super().__init__(Settings(home=home), self.fake)  # type: ignore[arg-type]
        self.chats = FakeChatDesk(self.settings, self.fake, Script(asked=self.fake.asked))
        self.pushed: list[tuple[str, str, bool]] = []

    def plan(self, dataset_id: str, config: TrainingConfig) -> Plan | None:
        if config.model != DEFAULT_MODEL:
            return None
        return plan(
            config,
            SMOLLM2,
            DatasetStats.estimate(*self.dataset(dataset_id).lengths_chars(), config.max_length),
            MACHINE,
        )

    def highlight(self, dataset_id: str, config: TrainingConfig, row: int = 0) -> list[tuple[str, bool]] | None:
        record = next((record for at, record in enumerate(self.dataset(dataset_id).train()) if at == row), None)
        if record is None or config.model != DEFAULT_MODEL:
            return None
        return [
            (f"<|im_start|>user\n{record.prompt}<|im_end|>\n<|im_start|>assistant\n", False),
            (f"{record.response}<|im_end|>\n", True),
        ]

    def run_config(self, run_id: str) -> TrainingConfig:
        return QUICK_DEMO

    def run_plan(self, run_id: str) -> dict[str, Any]:
        return {"total_gib": 1.8}

    def export_adapter(self, run_id: str) -> Path:
        path = self.settings.runs / f"{run_id}-adapter.zip"
        path.write_bytes(b"PK made up")
        return path

    def model_card(self, run_id: str) -> str:
        front = "---\nlicense: apache-2.0\n---\n"
        return (
            front
            + "# Respiratory demo\n\n**Not reviewed.** No named health professional has reviewed this model's answers."
        )

    def push(self, run_id: str, repo_id: str, *, private: bool = True) -> str:
        self.pushed.append((run_id, repo_id, private))
        return f"https://huggingface.co/{repo_id}"
