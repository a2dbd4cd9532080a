"""A controller with fake work and little patience."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.jobs import process
from core.jobs.controller import JobController
from core.jobs.follower import Timing
from core.jobs.job import ENDED, Job
from core.jobs.snapshot import Snapshot

HERE = Path(__file__).resolve().parent
ENTRIES = {
    name: f"fake_work:{name}"
    for name in (
        [
            "train",
            "refuse",
            "crash",
            "exit_without_a_word",
            "segfault",
            "deaf",
            "linger",
            "fill_the_disk",
            "flood",
            "absent_function",
        ]
    )
}
QUICK = Timing(poll_s=0.02, silent_s=2.0, keep_grace_s=1.0, discard_grace_s=0.5, linger_s=0.5, stranger_s=0.3)


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until it is true, and return it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s")


class Bench:
    """Starts fake jobs under real controllers, and leaves no process behind."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self.controllers: list[JobController] = []

    wait = staticmethod(wait_for)

    def controller(self, **options: Any) -> JobController:
        import fake_work

        settings: dict[str, Any] = {"entries": ENTRIES, "timing": QUICK, "resumable": fake_work.resumable}
        controller = JobController(self.runs, **settings | options)
        controller.start()
        self.controllers.append(controller)
        return controller

    def folder(self, name: str = "run1", **options: Any) -> Path:
        folder = self.runs / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "options.json").write_text(json.dumps(options))
        return folder

    def ended(self, controller: JobController, name: str = "run1", seconds: float = 30) -> Snapshot:
        wait_for(lambda: controller.snapshot(name).state in ENDED, seconds)
        return controller.snapshot(name)

    def running(self, controller: JobController, name: str = "run1", step: int = 1) -> Job:
        wait_for(lambda: controller.snapshot(name).step >= step)
        job = controller.snapshot(name).job
        assert job is not None
        return job

    def close(self) -> None:
        for controller in self.controllers:
            controller.close()
            for job in controller.jobs():
                if job.is_active:
                    process.end_group(job.pid, job.process)
                    with contextlib.suppress(AssertionError):
                        wait_for(lambda job=job: not process.is_alive(job.pid, job.process), 5)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setattr(sys, "path", [*sys.path, str(HERE)])
    bench = Bench(tmp_path / "runs")
    yield bench
    bench.close()
