"""Real worker processes under a real controller: the usual course of things."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

import psutil
import pytest

from core.errors import JobError
from core.jobs.job import read_job

pytestmark = pytest.mark.thorough


def test_a_job_runs_to_its_end(bench: Any) -> None:
    controller = bench.controller()
    before = controller.snapshot()
    assert before.job is None
    job = controller.submit("train", bench.folder(steps=30), name="First", note="try", dataset_id="d1")
    assert (job.id, job.state, job.home) == ("run1", "starting", bench.runs.parent)
    picture = bench.ended(controller)
    assert (picture.state, picture.error, picture.step, picture.total_steps) == ("finished", None, 30, 30)
    assert picture.metrics["loss"] == pytest.approx(2 / 30)
    assert picture.history["loss"].steps == tuple(range(1, 31))
    assert picture.choices["engine"].reason == "It needs no model."
    assert picture.result == {"steps": 30}
    assert [sample.step for sample in picture.samples] == [10, 20, 30]
    assert picture.revision > before.revision
    assert picture.history["process_gib"].values[0] > 0.005
    assert controller.snapshot() is controller.snapshot(), "an unchanged picture is the same object"
    assert read_job(bench.runs / "run1").state == "finished"
    assert not picture.resumable


def test_stop_and_keep_is_pause_and_resume_continues(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=400, pause=0.005))
    bench.running(controller, step=15)
    assert controller.snapshot().eta_s == pytest.approx(400 * 0.007, rel=0.8)
    assert controller.stop("run1", keep=True).state == "stopping"
    paused = bench.ended(controller)
    assert (paused.state, paused.error, paused.resumable, paused.eta_s) == ("stopped", None, True, None)
    assert controller.resume("run1").attempt == 2
    picture = bench.ended(controller)
    assert (picture.state, picture.step, picture.job.attempt) == ("finished", 400, 2)
    assert picture.history["loss"].steps == tuple(range(1, 401)), "each step is there once, in order"
    assert list(picture.history["loss"].elapsed_s) == sorted(picture.history["loss"].elapsed_s)


def test_discard_ends_at_once_and_cannot_be_resumed(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=10_000))
    bench.running(controller, step=15)
    controller.stop("run1", keep=True)
    controller.stop("run1", keep=False)
    controller.stop("run1", keep=True)
    picture = bench.ended(controller)
    assert picture.state == "stopped"
    if picture.job.stop == "discard":
        assert not picture.resumable
        with pytest.raises(JobError, match="checkpoint"):
            controller.resume("run1")


def test_sigterm_is_stop_and_keep(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=10_000))
    job = bench.running(controller, step=3)
    os.kill(job.pid, signal.SIGTERM)
    picture = bench.ended(controller)
    assert (picture.state, picture.resumable, picture.error) == ("stopped", True, None)


@pytest.mark.parametrize(
    ("kind", "state", "message"),
    [
        ("refuse", "failed", "The model is gated."),
        ("crash", "failed", "ValueError"),
        ("absent_function", "failed", "AttributeError"),
        ("exit_without_a_word", "failed", "exit code 5"),
        ("segfault", "failed", "signal 11"),
    ],
)
def test_every_bad_end_has_a_cause(bench: Any, kind: str, state: str, message: str) -> None:
    controller = bench.controller()
    controller.submit(kind, bench.folder())
    picture = bench.ended(controller)
    assert picture.state == state
    assert message in picture.error.message
    assert picture.error.hint
    assert read_job(bench.runs / "run1").error == picture.error
    assert "secret" not in picture.error.message + picture.error.hint
    if kind == "crash":
        assert "secret patient words" in (bench.runs / "run1" / "worker.log").read_text()


def test_a_deaf_worker_is_killed_with_its_children_and_it_is_said(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("deaf", bench.folder())
    bench.wait(lambda: controller.snapshot().result)
    child = controller.snapshot().result["child"]
    job = controller.snapshot().job
    assert psutil.pid_exists(child)
    asked = time.monotonic()
    controller.stop("run1", keep=True)
    picture = bench.ended(controller)
    assert 0.9 < time.monotonic() - asked < 6
    assert picture.state == "stopped"
    assert "did not stop within 1 s" in picture.error.message
    bench.wait(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE, 5)
    assert not psutil.pid_exists(job.pid)


def test_a_worker_that_lingers_after_its_end_is_cleared_away(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("linger", bench.folder())
    picture = bench.ended(controller, seconds=10)
    assert (picture.state, picture.error) == ("finished", None)
    assert controller.submit("train", bench.folder("run2", steps=5)).state == "starting", "the device is free"
    bench.ended(controller, "run2")


def test_only_one_job_holds_the_device(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=10_000))
    with pytest.raises(JobError, match="run1 is (starting|running)"):
        controller.submit("train", bench.folder("run2"))
    assert not (bench.runs / "run2" / "job.json").exists(), "nothing half written"
    with pytest.raises(JobError, match="already a job"):
        controller.submit("train", bench.folder("run1"))
    with pytest.raises(JobError, match="cannot be deleted"):
        controller.delete("run1")
    controller.stop("run1", keep=False)
    bench.ended(controller)
    with pytest.raises(JobError, match="nothing to stop"):
        controller.stop("run1", keep=False)
    controller.submit("train", bench.folder("run2", steps=3))
    assert bench.ended(controller, "run2").state == "finished"
    with pytest.raises(JobError, match="finished"):
        controller.resume("run2")


def test_jobs_are_listed_renamed_noted_and_deleted(bench: Any) -> None:
    controller = bench.controller()
    for name in ("run1", "run2", "run2/evaluation/job3"):
        controller.submit("train", bench.folder(name, steps=2))
        bench.ended(controller, name.rpartition("/")[2])
    assert [job.id for job in controller.jobs()] == ["job3", "run2", "run1"]
    before = controller.snapshot("run1").revision
    controller.rename("run1", " Lungs ")
    controller.note("run1", "good")
    assert controller.snapshot("run1").revision > before
    job = read_job(bench.runs / "run1")
    assert (job.name, job.note, job.state) == ("Lungs", "good", "finished")
    with pytest.raises(JobError, match="name"):
        controller.rename("run1", "  ")
    controller.delete("run2")
    assert [job.id for job in controller.jobs()] == ["run1"]
    assert sorted(path.name for path in bench.runs.iterdir()) == [".device.lock", "run1"]
    with pytest.raises(JobError, match="no run named run2"):
        controller.snapshot("run2")


def test_the_page_secrets_do_not_reach_the_worker(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDFT_PASSWORD", "hush")
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=10_000))
    job = bench.running(controller)
    assert "MEDFT_PASSWORD" not in psutil.Process(job.pid).environ()
    controller.stop("run1", keep=False)


def test_a_damaged_job_file_hides_one_job_only(bench: Any) -> None:
    for name, text in (("run1", "{"), ("run2", "[]"), ("run3", json.dumps({"state": "odd", "home": "."}))):
        (bench.folder(name) / "job.json").write_text(text)
    controller = bench.controller()
    assert controller.jobs() == ()
    controller.submit("train", bench.folder("run4", steps=2))
    assert bench.ended(controller, "run4").state == "finished"


def test_work_outside_the_runs_folder_or_of_unknown_kind_is_a_bug(bench: Any) -> None:
    controller = bench.controller()
    with pytest.raises(ValueError):
        controller.submit("train", bench.runs.parent / "elsewhere")
    with pytest.raises(ValueError):
        controller.submit("dance", bench.folder())
