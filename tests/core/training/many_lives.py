"""A program for test_kills.py: python many_lives.py MODEL HOME KILLS. It loads the libraries once and then forks workers.

Each worker is the real one (core.jobs.worker.run with the training entry) in a process group of its own, but spared the imports;
it is killed with SIGKILL after a random time and followed by another, which resumes, until the run comes to its end. Prints a
JSON line for each life.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from core.config import TrainingConfig
from core.dataset.build import SAMPLE_ID, sample_dataset
from core.jobs import worker
from core.jobs.job import Job, utc_now
from core.training.checkpoints import last_whole_checkpoint, step_of
from core.training.libraries import load_libraries

ENTRY = "core.training.train:train"
STEPS = 24


def make_run(home: Path, model: Path, name: str) -> Path:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    config = TrainingConfig(
        model=str(model), quantisation="none", precision="fp32", max_length=256, batch_rows=1, accumulation=1, rank=4, dropout=0.1,
        learning_rate=5e-3, max_steps=STEPS, eval_every=8, save_every=1, sample_tokens=0,
    )  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config.to_json()))
    return folder


def begin(folder: Path, home: Path, attempt: int) -> int:
    """Fork a worker and return its process id."""
    Job(
        folder,
        "train",
        folder.name,
        "starting",
        utc_now(),
        home,
        dataset_id=SAMPLE_ID,
        pid=0,
        process="",
        attempt=attempt,
    ).save()
    child = os.fork()
    if child:
        return child
    os.setsid()
    with (folder / "worker.log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os._exit(worker.run(folder, ENTRY))


def step_in(folder: Path) -> int:
    found = last_whole_checkpoint(folder)
    return step_of(found) if found else 0


def wait_for_the_moment(folder: Path, child: int, chance: random.Random, whole_s: float) -> None:
    """One kill in four comes at any time, most often while it loads; the others a moment after a step, however fast the machine."""
    if chance.random() < 0.25:
        return time.sleep(chance.uniform(0, 0.7 * whole_s))
    until = steps_told(folder) + chance.randint(1, 6)
    # looked at without collecting it, so that its number stays taken
    while steps_told(folder) < until and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.002)
    return time.sleep(chance.uniform(0, 1.5 * whole_s / STEPS))


def steps_told(folder: Path) -> int:
    path = folder / "events.jsonl"
    return path.read_bytes().count(b'"type":"metric"') if path.exists() else 0


def main() -> None:
    model, home, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    sample_dataset(home / "datasets")
    load_libraries(quantised=False)
    straight = make_run(home, model, "straight")
    began = time.monotonic()
    assert os.waitpid(begin(straight, home, 1), 0)[1] == 0, (straight / "worker.log").read_text()[-3000:]
    whole_s = time.monotonic() - began
    chance, killed, number = random.Random(11), 0, 0
    while killed < kills:
        number += 1
        folder, attempt, ended = make_run(home, model, f"run{number}"), 0, False
        while not ended:
            attempt += 1
            before = step_in(folder)
            child = begin(folder, home, attempt)
            if killed < kills:
                wait_for_the_moment(folder, child, chance, whole_s)
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            ended = not os.WIFSIGNALED(status)
            killed += not ended
            life = {
                "run": folder.name,
                "before": before,
                "after": step_in(folder),
                "killed": not ended,
                "status": status,
            }
            sys.stdout.write(json.dumps(life) + "\n")
            sys.stdout.flush()
            if ended and os.waitstatus_to_exitcode(status):
                sys.stdout.write((folder / "worker.log").read_text()[-3000:])
                return


if __name__ == "__main__":
    main()
