"""What is said of runs that have been, and in what several differ; deleting one that somebody talks to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.config import QUICK_DEMO
from core.errors import JobError
from core.inference.messages import ChatStatus
from core.jobs.history import differences
from core.jobs.job import read_job
from core.settings import Settings
from core.studio import Studio
from tests.ui.past_runs import write_past_run


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    write_past_run(tmp_path, "First", 10)
    write_past_run(tmp_path, "Second", 20, QUICK_DEMO.changed(learning_rate=5e-4, rank=8), best=1.2, note="lower rate")
    studio = Studio(Settings(home=tmp_path))
    studio.open()
    yield studio
    studio.close()


def test_a_table_has_what_people_ask_of_a_run(studio: Studio) -> None:
    second, first = studio.run_summaries()
    assert (second.job.name, second.job.note, first.job.name) == ("Second", "lower rate", "First")
    assert (second.step, second.total_steps, second.best_step) == (60, 60, 60)
    assert second.best_eval_loss == pytest.approx(1.2183, abs=1e-3), "not the base model's at step 0"
    assert second.config is not None and second.config.rank == 8
    assert second.forecast_error == pytest.approx(-0.0385, abs=1e-3)
    body = second.to_json()
    assert body["model"] == "HuggingFaceTB/SmolLM2-135M-Instruct" and body["measured_gib"] > body["forecast_gib"]


def test_only_what_differs_is_named(studio: Studio) -> None:
    second, first = studio.run_summaries()
    assert dict(differences([second, first])) == {"learning_rate": (5e-4, 1e-3), "rank": (8, 16)}
    assert differences([first, first]) == []
    elsewhere = replace(first, job=replace(first.job, dataset_id="other"), chosen={**first.chosen, "precision": "bf16"})
    assert [name for name, _ in differences([first, elsewhere])] == ["dataset", "precision"]


def test_a_damaged_or_foreign_config_hides_nothing_else(studio: Studio) -> None:
    newest = studio.run_summaries()[0].job
    (newest.folder / "config.json").write_text('{"from_another_version": 1}')
    (newest.folder / "plan.json").write_text("{torn")
    shown = studio.run_summaries()[0]
    assert (shown.config, shown.job.name, shown.step) == (None, "Second", 60)
    assert shown.to_json()["model"] == "" and len(differences(studio.run_summaries())) > 10


def test_a_run_is_renamed_noted_and_deleted(studio: Studio) -> None:
    job = studio.list_runs()[0]
    studio.rename_run(job.id, " Third ")
    studio.note_run(job.id, "Best so far.")
    assert (read_job(job.folder).name, read_job(job.folder).note) == ("Third", "Best so far.")
    with pytest.raises(JobError, match="needs a name"):
        studio.rename_run(job.id, "  ")
    studio.delete_run(job.id)
    assert not job.folder.exists() and [run.job.name for run in studio.run_summaries()] == ["First"]
    with pytest.raises(JobError, match="no run"):
        studio.delete_run(job.id)


@pytest.mark.parametrize(("loaded", "closes"), [("adapter", 1), ("checkpoints/checkpoint-20", 1), ("", 0), ("../x", 0)])
def test_a_chat_lets_go_of_a_run_before_it_is_deleted(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, loaded: str, closes: int
) -> None:
    job, closed = studio.list_runs()[0], []
    adapter = str((job.folder / loaded).resolve()) if loaded else ""
    monkeypatch.setattr(studio.chats, "status", lambda: ChatStatus("idle", adapter=adapter))
    monkeypatch.setattr(studio.chats, "close", lambda: closed.append(job.folder.exists()))
    studio.delete_run(job.id)
    assert closed == [True] * closes and not job.folder.exists()
