"""Fifty SIGKILLs at random moments of real training: no run is lost, and every one ends with the same bits as one left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from core.jobs.events import read_events
from core.jobs.job import Job, utc_now
from core.jobs.snapshot import Story
from core.settings import REPOSITORY
from core.training.checkpoints import checkpoints, is_whole

HERE = Path(__file__).resolve().parent
KILLS = 50


@pytest.mark.long
@pytest.mark.timeout(1800)  # two minutes on a quiet machine
def test_fifty_kills_lose_no_run_and_change_no_bit(tiny: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "many_lives.py"), str(tiny), str(tmp_path), str(KILLS)]
    # threads do not survive a fork
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1700)
    assert done.returncode == 0, done.stderr[-3000:]
    lives = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert sum(life["killed"] for life in lives) == KILLS
    assert all(life["after"] >= life["before"] for life in lives), "a kill takes no whole checkpoint away"
    ended = [life for life in lives if not life["killed"]]
    assert ended and all((life["status"], life["after"]) == (0, 24) for life in ended), done.stdout[-3000:]
    assert len({life["after"] - life["before"] for life in lives if life["killed"]}) > 3, "the moments differ"
    assert any(0 < life["before"] < life["after"] < 24 for life in lives), "some were killed in mid training"
    straight = tmp_path / "runs" / "straight"
    for life in ended:
        folder = tmp_path / "runs" / life["run"]
        _same_adapter(straight, folder)
        _goes_on_where_the_checkpoint_was(folder, [each for each in lives if each["run"] == life["run"]])
        assert all(is_whole(path) for path in checkpoints(folder))
        assert not (folder / "checkpoints" / ".writing").exists()


def _same_adapter(straight: Path, folder: Path) -> None:
    ours, theirs = (load_file(run / "adapter" / "adapter_model.safetensors") for run in (folder, straight))
    assert ours.keys() == theirs.keys()
    assert all(bool((ours[name] == theirs[name]).all()) for name in ours)


def _goes_on_where_the_checkpoint_was(folder: Path, lives: list[dict]) -> None:
    """Each attempt's first step follows its checkpoint; what the page shows is one curve of every step."""
    story, attempt, first = Story(), 0, {}
    for event in read_events(folder):
        story.tell(event)
        if event["type"] == "state" and event["state"] == "running":
            attempt = event["attempt"]
        if event["type"] == "metric" and "loss" in event:
            first.setdefault(attempt, event["step"])
    for number, life in enumerate(lives, start=1):
        assert first.get(number, life["before"] + 1) == life["before"] + 1
    job = Job(folder, "train", folder.name, "finished", utc_now(), folder)
    assert story.snapshot(job, 1, False, 0.0).history["loss"].steps == tuple(range(1, 25))
