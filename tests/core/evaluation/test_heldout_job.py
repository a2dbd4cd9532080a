"""The held-out job in a worker process of its own with real weights, killed in the middle and resumed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.dataset.store import EVAL, TRAIN, Dataset, hash_of, write_state
from core.evaluation.answering import Answering
from core.evaluation.of_run import can_go_on
from core.evaluation.result import EVALUATIONS, EvaluationRequest, EvaluationResult, read_items
from core.inference.messages import ChatOptions
from core.jobs.controller import JobController
from core.jobs.job import Job, log_tail, utc_now
from core.progress import SilentProgress
from core.records import Message, Record
from core.settings import Settings
from tests.core.inference.tiny_model import save_adapter, save_base

# Two workers load torch; on a busy machine that alone can take minutes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 48


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Path:
    """A finished run of a model of 100,000 weights, with its data set."""
    rows = [
        Record.of(f"r{n}", f"What helps with {'very ' * (n % 5)}low iron?", "Iron tablets. " * 6) for n in range(ROWS)
    ]
    folder = settings.datasets / "iron-1"
    folder.mkdir()
    for name in (TRAIN, EVAL):
        (folder / name).write_text("".join(json.dumps(row.to_json()) + "\n" for row in rows))
    dataset = Dataset("iron-1", "Iron", folder, utc_now(), ROWS, ROWS, hash_of(folder), "approved")
    write_state(dataset)
    made = settings.runs / "run-1"
    base = save_base(tmp_path / "base")
    save_adapter(made / "adapter", base)
    save_adapter(made / "checkpoints" / "checkpoint-4", base, seed=9)
    (made / "config.json").write_text(json.dumps({"model": str(base), "max_length": 256}))
    (made / "plan.json").write_text(json.dumps({"dataset_sha256": dataset.sha256}))
    Job(made, "train", "Run", "finished", utc_now(), settings.home, dataset_id=dataset.id).save()
    return made


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 400
    while not done():
        assert time.monotonic() < until, "it takes too long"
        time.sleep(0.05)


def test_a_killed_worker_resumes_without_asking_anything_twice(settings: Settings, run: Path) -> None:
    folder = run / EVALUATIONS / "heldout-1"
    folder.mkdir(parents=True)
    EvaluationRequest("heldout", run, {"max_new_tokens": 160}).save(folder)
    controller = JobController(settings.runs, resumable=can_go_on)
    controller.start()
    try:
        job = controller.submit("evaluate", folder)
        wait_until(lambda: len(list(read_items(folder))) > 0 or not controller.snapshot(job.id).is_active)
        os.kill(job.pid, signal.SIGKILL)
        wait_until(lambda: not controller.snapshot(job.id).is_active)
        before = [item["id"] for item in read_items(folder)]
        assert 0 < len(before) < ROWS, (len(before), log_tail(folder))
        controller.resume(job.id)
        wait_until(lambda: not controller.snapshot(job.id).is_active)
        ended = controller.snapshot(job.id)
        assert ended.state == "finished", (ended.error, log_tail(folder))
    finally:
        controller.close()
    items = list(read_items(folder))
    assert [item["id"] for item in items[: len(before)]] == before
    assert sorted(item["id"] for item in items) == sorted(f"r{number}" for number in range(ROWS))
    found = EvaluationResult.read(folder)
    assert (found.items, found.complete, ended.result["verdict"]) == (ROWS, True, found.verdict)
    assert {item["base"]["finish"] for item in items} == {"length"} and items[0]["base"]["tokens"] == 160
    assert len(found.models["base_sha256"]) == len(found.models["adapter_sha256"]) == 64


def test_the_adapter_that_was_asked_for_answers(settings: Settings, run: Path) -> None:
    prompts = [(Message("user", "What helps with low iron?"),)]
    said = {}
    for name in ("best", "checkpoint-4"):
        answering = Answering.open(run, settings.models, SilentProgress(), adapter=name)
        ((_, base, tuned),) = answering.answers(prompts, ChatOptions(temperature=0, max_new_tokens=24))
        said[name] = (base.text, tuned.text, answering.describe()["adapter_sha256"])
    assert said["best"][0] == said["checkpoint-4"][0]
    assert said["best"][1] != said["checkpoint-4"][1] and said["best"][2] != said["checkpoint-4"][2]
