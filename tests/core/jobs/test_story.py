"""What a Story makes of events, without any process."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from core.jobs.job import ACTIVE, ENDED, MOVES, STATES, Job, JobProblem, ask_to_stop, asked_to_stop, log_tail, read_job
from core.jobs.snapshot import Snapshot, Story

JOB = Job(Path("/nowhere/run1"), "train", "First", "running", "2026-01-01T00:00:00.000+00:00", Path("/nowhere"))


def told(*events: dict[str, Any], job: Job = JOB) -> Snapshot:
    story = Story()
    for event in events:
        story.tell(event)
    return story.snapshot(job, 1, False, 0)


def started(attempt: int = 1) -> dict[str, Any]:
    return {"type": "state", "s": 0.0, "state": "running", "attempt": attempt}


def steps(first: int, last: int, pace_s: float = 2.0, total: int = 100) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for index, step in enumerate(range(first, last + 1)):
        seconds = 10 + index * pace_s
        events.append({"type": "phase", "s": seconds, "name": "training", "done": step, "total": total})
        events.append({"type": "metric", "s": seconds, "step": step, "loss": 1 / step})
    return events


def test_time_left_follows_the_pace_of_this_attempt_whatever_the_time_of_day_says() -> None:
    events = steps(1, 21)
    for index, event in enumerate(events):
        event["t"] = f"20{10 + index % 80}-01-01T00:00:00.000+00:00"  # a clock gone mad
    picture = told(started(), *events)
    assert picture.eta_s == pytest.approx(79 * 2)
    assert picture.elapsed_s == 50
    again = told(started(), *events, started(2), *steps(11, 21, pace_s=0.5))
    assert again.eta_s == pytest.approx(79 * 0.5), "the faster machine of the second attempt counts"
    assert again.elapsed_s == pytest.approx(50 + 15)


def test_an_evaluation_in_between_does_not_hide_the_time_left() -> None:
    picture = told(started(), *steps(1, 10), {"type": "phase", "s": 40, "name": "evaluating", "done": 1, "total": 2})
    assert picture.eta_s == pytest.approx(90 * 2)
    assert picture.phase is not None and picture.phase.share == 0.5


def test_work_without_steps_has_the_time_left_of_its_phase() -> None:
    events = [{"type": "phase", "s": second, "name": "asking", "done": second, "total": 60} for second in range(5, 21)]
    assert told(started(), *events).eta_s == pytest.approx(40)
    assert told(started(), {"type": "phase", "s": 1, "name": "loading"}).eta_s is None


def test_a_resumed_run_forgets_what_came_after_its_checkpoint() -> None:
    sample = {"type": "sample", "s": 60, "prompt": "q", "answer": "a"}
    picture = told(started(), *steps(1, 30), sample | {"step": 10}, sample | {"step": 30}, started(2), *steps(21, 25))
    assert picture.history["loss"].steps == tuple(range(1, 26))
    assert picture.step == 25
    assert [each.step for each in picture.samples] == [10]
    assert list(picture.history["loss"].elapsed_s) == sorted(picture.history["loss"].elapsed_s)


def test_an_evaluation_of_the_checkpoint_itself_keeps_the_loss_of_its_step() -> None:
    evaluation = {"type": "metric", "s": 1, "step": 20, "eval_loss": 1.0}
    sample = {"type": "sample", "s": 60, "prompt": "q", "answer": "a", "step": 20}
    begun = (started(), *steps(1, 20), evaluation, sample, *steps(21, 25))
    again = told(*begun, started(2), evaluation, sample, *steps(21, 22))
    assert again.history["loss"].steps == tuple(range(1, 23))
    assert again.history["eval_loss"].steps == (20,)
    assert [each.step for each in again.samples] == [20]


def test_a_resumed_run_shows_its_checkpoints_step_before_the_first_new_one() -> None:
    picture = told(started(), *steps(1, 15), started(2), steps(10, 10)[0])
    assert (picture.step, picture.eta_s) == (10, None)
    assert picture.history["loss"].steps == tuple(range(1, 11))


def test_a_worker_that_goes_back_by_itself_is_drawn_like_a_resumed_one() -> None:
    """Memory ran out at step 30, the smaller plan goes on from the checkpoint of step 20."""
    back = [event | {"s": event["s"] + 100} for event in steps(20, 24)]
    picture = told(started(), *steps(1, 30), {"type": "phase", "s": 105, "name": "loading the model"}, *back)
    assert picture.step == 24
    assert picture.history["loss"].steps == tuple(range(1, 25))
    assert picture.eta_s == pytest.approx(76 * 2)


def test_a_late_evaluation_of_an_earlier_step_cuts_nothing() -> None:
    picture = told(started(), *steps(1, 30), {"type": "metric", "s": 99, "step": 20, "eval_loss": 1.0})
    assert len(picture.history["loss"]) == 30
    assert picture.step == 30


def test_a_diverged_loss_is_told_as_such() -> None:
    picture = told(started(), {"type": "metric", "s": 1, "step": 1, "loss": "nan", "learning_rate": 1e-4})
    assert math.isnan(picture.metrics["loss"])
    assert len(picture.history["loss"]) == 0


def test_the_machine_is_drawn_against_time_and_not_cut() -> None:
    gpu = [{"type": "gpu", "s": second, "gpu_used_gib": 5.0, "process_gib": 1.0, "other": 3} for second in range(20)]
    picture = told(started(), *gpu, *steps(1, 30), started(2), *steps(21, 25))
    assert len(picture.history["gpu_used_gib"]) == 20
    assert "other" not in picture.history


def test_unknown_events_change_nothing() -> None:
    assert told(started(), {"type": "poem", "s": 0}) == told(started())


def test_each_picture_is_complete_in_itself() -> None:
    story = Story()
    for event in (started(), *steps(1, 5)):
        story.tell(event)
    before = story.snapshot(JOB, 1, False, 0)
    for event in steps(6, 9):
        story.tell(event)
    assert before.history["loss"].steps == (1, 2, 3, 4, 5)
    assert before.metrics["loss"] == pytest.approx(1 / 5)


def test_the_table_of_moves() -> None:
    assert set(MOVES) == set(STATES) == ACTIVE | ENDED
    for state in STATES:
        for other in STATES:
            job = JOB if state == "running" else Job(JOB.folder, "train", "n", state, "c", JOB.home)
            if other in MOVES[state]:
                assert job.moved(other).state == other
            else:
                with pytest.raises(ValueError):
                    job.moved(other)
    assert MOVES["finished"] == frozenset(), "what is finished stays so"
    assert all(MOVES[state] == {"queued"} for state in ENDED - {"finished"})


def test_a_job_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    job = Job(tmp_path, "train", "Ärzte", "failed", "c", tmp_path, note="n", pid=7, process="b:1", attempt=3)
    job = job.changed(error=JobProblem("What.", "Do."), stop="keep", dataset_id="d", started="s", ended="e")
    job.save()
    assert read_job(tmp_path) == job
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


def test_the_note_to_stop(tmp_path: Path) -> None:
    assert asked_to_stop(tmp_path) is None
    ask_to_stop(tmp_path, "keep")
    assert asked_to_stop(tmp_path) == "keep"
    ask_to_stop(tmp_path, "discard")
    assert asked_to_stop(tmp_path) == "discard"


def test_the_end_of_the_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    assert log_tail(tmp_path) == ""
    (tmp_path / "worker.log").write_text("".join(f"line {index}\n" for index in range(1000)))
    tail = log_tail(tmp_path, 100).splitlines()
    assert tail[-1] == "line 999" and tail[0] == f"line {1000 - len(tail)}"
