"""Runs that have been, written as a worker leaves them: settings, plan, events, forecast against measured."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from core.config import QUICK_DEMO, TrainingConfig
from core.jobs.events import EventWriter
from core.jobs.job import EVENTS_FILE, Job
from core.jobs.worker import FileProgress
from core.model.device import Device
from core.model.plan import DatasetStats, plan
from core.model.shape import ModelShape

MACHINE = Device("Fake CPU", "cpu", 23.4, 18.0, (0, 0), 2, False)
SMOLLM2 = ModelShape("llama", 576, 1536, 30, 9, 3, 64, 49152, True, 8192)
STATS = DatasetStats(348, 31_333, 119, 84, 7_566)


def write_past_run(
    home: Path, name: str, minute: int, config: TrainingConfig = QUICK_DEMO, best: float = 1.4, **job: Any
) -> Job:
    """A run of 60 steps that ended; ``job`` are fields of its Job."""
    folder = home / "runs" / f"20261124-05{minute:02d}00-{name.lower().replace(' ', '-')}"
    (folder / "checkpoints").mkdir(parents=True)
    planned = plan(config, SMOLLM2, STATS, MACHINE)
    (folder / "config.json").write_text(json.dumps(config.to_json()))
    (folder / "plan.json").write_text(json.dumps(planned.to_json()))
    total = round(planned.memory.total_gib, 3)
    forecast = {"forecast_gib": total, "measured_gib": round(total * 1.04, 3), "error_percent": -3.8,
                "measured": "memory of the process"}  # fmt: skip
    (folder / "forecast.json").write_text(json.dumps(forecast))
    progress = FileProgress(folder)
    events: EventWriter = progress.events
    events.write("state", {"state": "running", "attempt": 1})
    progress.phase("training", 0, 60)
    for step in range(1, 61):
        loss = best + 1.1 * math.exp(-step / 18) + 0.08 * math.sin(step * 1.7)
        progress.metric(step, loss=loss, learning_rate=1e-3, grad_norm=0.6, tokens_per_s=300.0)
        if step == 1:
            progress.metric(0, eval_loss=best + 1.1)
        if step % 20 == 0:
            progress.metric(step, eval_loss=best + math.exp(-step / 15))
    progress.result({"step": 60, "forecast": forecast})
    events.write("state", {"state": job.get("state", "finished")})
    events.close()
    assert (folder / EVENTS_FILE).stat().st_size
    created = f"2026-11-24T05:{minute:02d}:00.000+00:00"
    made = Job(folder, "train", name, "finished", created, home, started=created, ended=created, dataset_id="sample")
    made = dataclasses.replace(made, **job)
    made.save()
    return made
