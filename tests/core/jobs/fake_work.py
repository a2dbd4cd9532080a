"""Work that needs no model: real processes for the tests of core/jobs. Found by name through PYTHONPATH."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from core.errors import ModelError
from core.progress import Choice, Progress

CHECKPOINT = "checkpoint"


def resumable(folder: Path) -> Path | None:
    """The fake's own last_whole_checkpoint."""
    path = folder / CHECKPOINT
    return path if path.is_file() and path.read_text().isdigit() else None


def _save(folder: Path, step: int) -> None:
    aside = folder / f"{CHECKPOINT}.new"
    aside.write_text(str(step))
    aside.replace(folder / CHECKPOINT)


def train(folder: Path, progress: Progress) -> None:
    """Count to ``steps``, a checkpoint every tenth; continues from the last one."""
    options = json.loads((folder / "options.json").read_text()) if (folder / "options.json").exists() else {}
    steps, pause = options.get("steps", 50), options.get("pause", 0.002)
    first = int((folder / CHECKPOINT).read_text()) if resumable(folder) else 0
    progress.choice("engine", Choice("fake", "It needs no model."))
    progress.phase("loading the model")
    time.sleep(options.get("loading", 0.0))
    for step in range(first + 1, steps + 1):
        time.sleep(pause)
        progress.phase("training", step, steps)
        progress.metric(step, loss=2.0 / step, tokens_per_s=100.0, epoch=step / steps)
        verb = progress.stop_requested()
        if verb == "keep" or (step % 10 == 0 and verb is None):
            _save(folder, step)
            progress.sample(step, "What is iron deficiency?", f"answer at {step}")
        if verb:
            return
    progress.result({"steps": steps})


def refuse(folder: Path, progress: Progress) -> None:
    raise ModelError("The model is gated.", "Accept its licence on the Hub.")


def crash(folder: Path, progress: Progress) -> None:
    raise ValueError("secret patient words")


def exit_without_a_word(folder: Path, progress: Progress) -> None:
    os._exit(5)


def segfault(folder: Path, progress: Progress) -> None:
    os.kill(os.getpid(), 11)
    time.sleep(10)


def deaf(folder: Path, progress: Progress) -> None:
    """Never look for the note; and have a child that does not either."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    progress.result({"child": child.pid})
    while True:
        time.sleep(0.05)


def linger(folder: Path, progress: Progress) -> None:
    """Say everything, then refuse to exit: a thread that is no daemon keeps the process."""
    import threading

    threading.Thread(target=time.sleep, args=(600,)).start()


def fill_the_disk(folder: Path, progress: Progress) -> None:
    """Meet a disk that takes no more, in the midst of an event, for good."""
    import resource

    size = (folder / "events.jsonl").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, resource.RLIM_INFINITY))
    for step in range(1, 200):
        progress.metric(step, loss=1.0)
    if (folder / "recovers").exists():
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        progress.log("there is room again")
        return
    (folder / "adapter.bin").write_bytes(b"0" * 100_000)


def flood(folder: Path, progress: Progress) -> None:
    """Report as fast as it goes, and what processor time each call took."""
    count = json.loads((folder / "options.json").read_text())["steps"]
    started = time.thread_time()
    for step in range(1, count + 1):
        progress.metric(step, loss=2.0 / step, learning_rate=1e-4, grad_norm=1.0, tokens_per_s=100.0)
    progress.result({"us_per_metric": (time.thread_time() - started) / count * 1e6})
