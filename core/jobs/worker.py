"""The process that does a job's work: ``python -m core.jobs.worker JOB_DIR --entry MODULE:FUNCTION``.

    job.json → function(job_dir, progress) → events.jsonl, heartbeat, exit code 0 (finished, stopped) or 1 (failed)

It runs in its own session, so it outlives the app; it looks for the note ``stop`` and takes SIGTERM as *stop and
keep*. It does not know: what the function does (it is found by name), who reads the events.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from core.errors import MedftError
from core.jobs.events import EventWriter
from core.jobs.gpu import GIB, DeviceReader
from core.jobs.job import EVENTS_FILE, HEARTBEAT_FILE, JobProblem, asked_to_stop, read_job
from core.jobs.process import DISK_ERRORS, DISK_EXIT_CODE, disk_full
from core.progress import Choice, Progress, StopVerb

log = logging.getLogger(__name__)

Work = Callable[[Path, Progress], Any]
BEAT_S = 1.0
STOP_LOOK_S = 0.1
ADOPTION_S = 10.0


class FileProgress:
    """A Progress that writes every call to events.jsonl; no call raises, and none waits for the disk to be safe.

    Args:
        folder: The job's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.events = EventWriter(folder / EVENTS_FILE)
        self._looked = -STOP_LOOK_S
        self._verb: StopVerb | None = None
        self.obeyed: StopVerb | None = None

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Append a phase event."""
        self.events.write("phase", {"name": name, "done": done, "total": total})

    def metric(self, step: int, **values: float) -> None:
        """Append a metric event; a value that is no number is left out."""
        numbers: dict[str, float] = {}
        for name, value in values.items():
            with suppress(TypeError, ValueError):
                numbers[name] = float(value)
        self.events.write("metric", {"step": int(step)} | numbers)

    def sample(self, step: int, prompt: str, answer: str) -> None:
        """Append a sample event."""
        self.events.write("sample", {"step": int(step), "prompt": prompt, "answer": answer})

    def choice(self, name: str, choice: Choice[Any]) -> None:
        """Append a choice event."""
        self.events.write("choice", {"name": name, "value": choice.value, "reason": choice.reason})

    def log(self, text: str) -> None:
        """Append a log event."""
        self.events.write("log", {"text": text})

    def result(self, values: Mapping[str, Any]) -> None:
        """Append a result event."""
        self.events.write("result", {"values": dict(values)})

    def stop_requested(self) -> StopVerb | None:
        """Look for the person's note, ten times a second at most."""
        now = time.monotonic()
        if now - self._looked >= STOP_LOOK_S:
            self._looked = now
            with suppress(OSError):
                self._verb = asked_to_stop(self._folder) or self._verb
        self.obeyed = self._verb or self.obeyed
        return self._verb

    def stop_and_keep(self) -> None:
        """Behave from now on as if the person had asked to stop and keep."""
        self._verb = self._verb or "keep"


class Heart(threading.Thread):
    """Beats once a second: touches the heartbeat file, measures the machine, retries what the disk refused."""

    def __init__(self, folder: Path, progress: FileProgress) -> None:
        super().__init__(name="heart", daemon=True)
        self._path = folder / HEARTBEAT_FILE
        self._progress = progress
        self._device = DeviceReader()
        self._done = threading.Event()

    def run(self) -> None:
        """Beat until told to rest."""
        while not self._done.is_set():
            with suppress(OSError):  # a full disk is told by the events that wait for it
                self._path.touch()
            self._progress.events.write("gpu", self._measure())
            self._done.wait(BEAT_S)

    def rest(self) -> None:
        """Stop beating."""
        self._done.set()
        self.join(timeout=5)

    def _measure(self) -> dict[str, float]:
        status = self._device.read(os.getpid())
        values: dict[str, float | None] = {"process_gib": status.process_gib}
        if status.kind == "gpu":
            values |= {
                "gpu_used_gib": status.used_gib,
                "gpu_reserved_gib": _reserved_gib(),
                "gpu_utilisation_percent": status.utilisation_percent,
                "gpu_power_w": status.power_w,
                "gpu_temperature_c": status.temperature_c,
            }
        return {name: round(value, 3) for name, value in values.items() if value is not None}


def _reserved_gib() -> float | None:
    """What PyTorch has taken from the GPU, if the work has loaded it and begun to use one."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not hasattr(cuda, "is_initialized") or not cuda.is_initialized():
        return None
    try:
        return float(cuda.memory_reserved()) / GIB
    except RuntimeError:  # CUDA has crashed; the work itself meets the same error and reports it
        return None


def run(folder: Path, entry: str) -> int:
    """Do a job's work and write how it ended; returns the exit code."""
    progress = FileProgress(folder)
    _hear_sigterm(progress)
    progress.events.write("state", {"state": "running", "attempt": read_job(folder).attempt, "pid": os.getpid()})
    heart = Heart(folder, progress)
    heart.start()
    try:
        _find(entry)(folder, progress)
        problem = None
    except BaseException as error:
        log.exception("The work failed.")
        problem = explain(error)
    heart.rest()
    if problem is not None:
        progress.events.write("error", {"message": problem.message, "hint": problem.hint})
    end = "failed" if problem else "stopped" if progress.obeyed else "finished"
    progress.events.write("state", {"state": end})
    if not progress.events.flush():
        log.error("The end could not be written to %s: %s", EVENTS_FILE, progress.events.error)
        return DISK_EXIT_CODE
    return 1 if problem else 0


def _hear_sigterm(progress: FileProgress) -> None:
    worker = os.getpid()

    def heard(*_: object) -> None:
        if os.getpid() == worker:
            progress.stop_and_keep()
            return
        # a forked child (a data loader's) inherits this handler, but has to end when its parent ends it so
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, heard)


def explain(error: BaseException) -> JobProblem:
    """Turn what the work raised into words for a person; details stay in worker.log."""
    if isinstance(error, MedftError):
        return JobProblem(error.message, error.hint)
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        return disk_full(Path(str(error.filename)).name if error.filename else "a file")
    # torch's error is known by its name only: nothing here may load torch
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return JobProblem(
            "The memory is full.",
            "Choose a smaller batch, a shorter length, the preset Low memory or a smaller model, then start again.",
        )
    return JobProblem(
        f"The work stopped at an unexpected error ({type(error).__name__}).",
        "The log holds the details; please report them if they come again.",
    )


def _find(entry: str) -> Work:
    module, _, function = entry.partition(":")
    return cast(Work, getattr(importlib.import_module(module), function))


def _is_adopted(folder: Path) -> bool:
    """Wait until job.json names this process, so that no work ever runs that an app would not find again."""
    until = time.monotonic() + ADOPTION_S
    while time.monotonic() < until:
        if read_job(folder).pid == os.getpid():
            return True
        time.sleep(0.01)
    return False


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and do the job."""
    parser = argparse.ArgumentParser(prog="core.jobs.worker", description="Do one job's work.")
    parser.add_argument("folder", type=Path, help="the job's folder")
    parser.add_argument("--entry", required=True, help="the work, as MODULE:FUNCTION")
    parser.add_argument("--lock", type=int, default=-1, help="open file that holds the device lock")
    options = parser.parse_args(arguments)
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if options.lock >= 0:
        os.set_inheritable(options.lock, False)  # for this process only, not for programs that the work starts
    if not _is_adopted(options.folder):
        log.error("No app has taken this worker on; ending.")
        return 3
    return run(options.folder.resolve(), options.entry)


if __name__ == "__main__":
    sys.exit(main())
