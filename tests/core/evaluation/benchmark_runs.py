"""A run with a tiny base and an adapter, benchmark jobs on it, and a listener that can ask to stop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.evaluation.result import EvaluationRequest
from core.jobs.job import Job, utc_now
from core.progress import SilentProgress, StopVerb
from tests.core.inference.tiny_model import save_adapter
from tests.tiny_model import write_tiny_llama


def make_run(home: Path, base: Path | None = None, **adapter: Any) -> Path:
    """A finished run of a tiny model whose context is 512 bytes; its tuned answers differ from its base's."""
    if base is None:
        base = home / "models" / "tiny"
        base.mkdir(parents=True)
        write_tiny_llama(base)
    run = home / "runs" / "run-1"
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps({"model": str(base)}))
    save_adapter(run / "adapter", base, **adapter)
    return run


def make_job(run: Path, name: str, **options: Any) -> tuple[Path, EvaluationRequest]:
    """A benchmark job's folder and request."""
    folder = run / "evaluation" / name
    folder.mkdir(parents=True, exist_ok=True)
    Job(folder, "evaluate", "Benchmarks", "running", utc_now(), run.parent.parent).save()
    request = EvaluationRequest("benchmark", run, options)
    request.save(folder)
    return folder, request


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class Listener(SilentProgress):
    """Keeps the phases and choices; asks to stop after so many looks, or raises as a killed process would end."""

    def __init__(self, verb: StopVerb | None = None, after: int = 10**9, kill_at: int = 10**9) -> None:
        self.verb, self.left, self.kill_at = verb, after, kill_at
        self.phases: list[tuple[str, float, float]] = []
        self.looks = 0
        self.values: dict[str, Any] = {}

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        self.phases.append((name, done, total))

    def result(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def stop_requested(self) -> StopVerb | None:
        self.looks += 1
        if self.looks > self.kill_at:
            raise KeyboardInterrupt
        return self.verb if self.looks > self.left else None
