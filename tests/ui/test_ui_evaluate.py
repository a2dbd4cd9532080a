"""The Evaluate screen without a browser: what handlers answer, what is escaped, what the poll tells, the endpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core.errors import ConfigError, InputError, JobError
from core.evaluation import heldout
from core.evaluation.item_list import ItemQuery
from core.evaluation.result import EvaluationRequest
from core.jobs.job import Job
from core.jobs.snapshot import Phase
from medft_ui import evaluate_html
from medft_ui.evaluate_text import Frame, Items, Probes, Result
from medft_ui.tabs import (
    evaluate,
    evaluate_card,
    evaluate_items,
    evaluate_result,
    evaluate_safety,
    evaluate_start,
    export,
    export_merge,
)
from tests.core.evaluation.evaluation_cases import RUN_ID, saved, write_evaluation, write_failed, write_run
from tests.ui.fake_studio import FakeStudio, snapshot
from tests.ui.fake_studio import job as fake_job


@pytest.fixture
def run(studio: FakeStudio) -> Job:
    """A finished run with an adapter, shown as the newest work."""
    made = write_run(studio.settings.runs, dataset_id="sample", home=studio.settings.home)
    studio.fake.show(replace(snapshot("finished", 200), job=made))
    return made


def form(kind: str) -> Any:
    import gradio as gr

    with gr.Blocks():
        return next(each for each in evaluate_start.build() if each.kind == kind)


# -- starting ---------------------------------------------------------------------------------------------------------


def test_each_form_starts_its_kind_with_options_that_core_accepts(studio: FakeStudio, run: Job) -> None:
    for kind in ("heldout", "benchmark", "safety"):
        card = form(kind)
        values = [control.value for control in card.controls.values()]
        job_id = evaluate_start.start_evaluation(studio, RUN_ID, card.kind, card.options(values))
        asked = EvaluationRequest.read(run.folder / "evaluation" / job_id)
        assert asked.kind == kind and asked.options
        studio.fake.show(replace(snapshot("finished", 200), job=run))
    assert [entry[1] for entry in studio.fake.asked] == ["evaluate"] * 3


def test_a_file_of_ones_own_becomes_a_task_and_is_copied_into_the_evaluation(
    studio: FakeStudio, run: Job, tmp_path: Path
) -> None:
    path = tmp_path / "My exam (2).jsonl"
    path.write_text('{"question": "Q?", "choices": ["a", "b"], "answer": 0}\n')
    card = form("benchmark")
    values = {name: control.value for name, control in card.controls.items()} | {"file": str(path), "tasks": []}
    options = card.options(list(values.values()))
    assert options["tasks"] == ["My_exam_2"] and options["files"] == {"My_exam_2": str(path)}
    job_id = evaluate_start.start_evaluation(studio, RUN_ID, "benchmark", options)
    kept = EvaluationRequest.read(run.folder / "evaluation" / job_id).options["files"]["My_exam_2"]
    assert Path(kept).read_bytes() == path.read_bytes() and Path(kept).is_relative_to(run.folder)
    known = card.options(list((values | {"read_as": "pubmedqa", "tasks": ["medical_mcq"]}).values()))
    assert known["tasks"] == ["medical_mcq", "pubmedqa"] and known["files"] == {"pubmedqa": str(path)}


@pytest.mark.parametrize(
    ("kind", "options", "raised"),
    [
        ("heldout", {"limit": -1}, ConfigError),
        ("benchmark", {"tasks": ["nothing"]}, ConfigError),
        ("safety", {"beauty": 1}, ConfigError),
        ("benchmark", {"tasks": ["own"], "files": {"own": "/nowhere/x.jsonl"}}, InputError),
    ],
)
def test_what_cannot_work_is_said_before_a_job_is_made(
    studio: FakeStudio, run: Job, kind: Any, options: dict[str, Any], raised: type[Exception]
) -> None:
    with pytest.raises(raised):
        evaluate_start.start_evaluation(studio, RUN_ID, kind, options)
    assert studio.fake.asked == []
    folder = run.folder / "evaluation"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_without_a_run_nothing_is_started(studio: FakeStudio) -> None:
    with pytest.raises(InputError, match="no trained run"):
        evaluate_start.start_evaluation(studio, None, "safety", {})


def test_about_how_long_it_takes_is_said_with_its_reason(studio: FakeStudio, run: Job) -> None:
    options = {"limit": 50, "max_new_tokens": 64}
    first = evaluate_start.about_html(studio, RUN_ID, "heldout", options)
    assert "About" in first and "50 items of about" in first and "tokens a second of its training" in first
    studio.fake.others.append(write_evaluation(run, "heldout", "better"))
    again = evaluate_start.about_html(studio, RUN_ID, "heldout", options)
    assert "60 items took 90 s the last time" in again
    assert "first items" in evaluate_start.about_html(studio, "nothing", "heldout", options)


# -- while it runs ----------------------------------------------------------------------------------------------------


def test_the_poll_tells_phase_share_and_what_is_left(studio: FakeStudio, run: Job) -> None:
    folder = run.folder / "evaluation" / "now"
    folder.mkdir(parents=True)
    job = saved(folder, "Held-out rows · <b>demo</b>", "running", run)
    picture = replace(snapshot("running"), job=job, phase=Phase("judging the items", 12, 40), eta_s=75.0)
    watch, drawn = evaluate.updates(picture)
    assert watch == "now running"
    for words in ("judging the items", "12 of 40", "about 1 min 15 s left", 'aria-valuenow="30"', "&lt;b&gt;demo"):
        assert words in drawn
    loading = evaluate.updates(replace(picture, phase=Phase("loading the base model", 0.1, 0.25)))[1]
    assert "loading the base model 40 %" in loading and "0 of 0" not in loading
    parts_of_items = evaluate.updates(replace(picture, phase=Phase(heldout.PHASE, 3.2, 80)))[1]
    assert f"{heldout.PHASE} 4 %" in parts_of_items and "3 of 80" not in parts_of_items
    assert Frame.STOPPING in evaluate.updates(replace(picture, job=replace(job, state="stopping")))[1]
    assert "no sign of life for 50 s" in evaluate.updates(replace(picture, silent_s=50.0))[1]
    ended = evaluate.updates(replace(picture, job=replace(job, state="finished")))
    assert ended == ["now finished", ""]
    assert evaluate.updates(snapshot("running"))[1] == "", "training is not shown here"


def test_monitor_keeps_its_run_while_an_evaluation_holds_the_machine(studio: FakeStudio, run: Job) -> None:
    from medft_ui.tabs import monitor

    folder = run.folder / "evaluation" / "now"
    folder.mkdir(parents=True)
    job = saved(folder, "Held-out rows", "running", run)
    studio.fake.others.append(run)
    newest = replace(snapshot("running"), job=job)
    assert monitor.snapshot_of(studio, newest, monitor.LATEST, studio.list_runs()).job == run
    assert monitor.snapshot_of(studio, newest, monitor.LATEST, []).job is None


# -- results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "tone"), [("better", "good"), ("worse", "bad"), ("no measurable difference", "info")]
)
def test_every_verdict_is_as_visible_as_the_others(studio: FakeStudio, run: Job, outcome: str, tone: str) -> None:
    job = write_evaluation(run, "benchmark", outcome)
    studio.fake.others.append(job)
    html = evaluate_result.body_html(studio, job)
    assert f'class="verdict {tone}"' in html and f'<span class="pill {tone}">{outcome}</span>' in html
    assert html.index("verdict") < html.index("forest") < html.index("<table")
    measure = studio.evaluations.result(job.id).measures[0]
    for words in (
        "McNemar, exact",
        "always the commonest answer: 55.2 %",
        "guessing: 33.3 %",
        f">{measure.comparison.items}<",
    ):
        assert words in html


def test_one_worse_measure_is_enough_not_to_look_fine(studio: FakeStudio, run: Job) -> None:
    worse = write_evaluation(run, "benchmark", "worse")
    better = write_evaluation(run, "safety", "better")
    studio.fake.others += [worse, better]
    measures = [studio.evaluations.result(job.id).measures[0] for job in (better, worse)]
    assert evaluate_html.tone_of(measures) == "bad" and evaluate_html.tone_of(measures[:1]) == "good"
    assert evaluate_html.tone_of(()) == "look"


def test_a_failed_one_says_what_happened_and_what_to_do(studio: FakeStudio, run: Job) -> None:
    job = write_failed(run)
    (job.folder / "worker.log").write_text("Traceback …\n<script>\n")
    html = evaluate_result.body_html(studio, job)
    assert "The memory is full. Choose fewer items" in html and "&lt;script&gt;" in html
    silent = replace(job, error=None, state="interrupted")
    assert Result.NO_REASON in evaluate_result.body_html(studio, silent)
    stopped = replace(job, state="stopped", error=None)
    assert Result.TOO_EARLY in evaluate_result.body_html(studio, replace(stopped, stop="keep"))
    assert Result.DISCARDED in evaluate_result.body_html(studio, replace(stopped, stop="discard"))
    assert Result.NONE in evaluate_result.body_html(studio, None)


def test_lists_keep_what_is_picked_and_say_when_there_is_nothing(studio: FakeStudio, run: Job) -> None:
    first, second = write_evaluation(run, "benchmark", "worse"), write_failed(run)
    studio.fake.others += [first, second]
    runs, empty, body, evaluations = evaluate.list_updates(studio, RUN_ID, first.id)
    assert runs["value"] == RUN_ID and evaluations["value"] == first.id and body["visible"] and not empty["visible"]
    assert [value for _, value in evaluations["choices"]] == [second.id, first.id]
    assert (
        "failed" in evaluations["choices"][0][0]
        and "Benchmark case, 60 items · finished" in evaluations["choices"][1][0]
    )
    assert evaluate.list_updates(studio, "gone", "gone")[3]["value"] == second.id
    studio.fake.others, studio.fake.now = [], replace(studio.fake.now, job=None)
    assert evaluate.list_updates(studio, None, None)[1]["visible"]


# -- items ------------------------------------------------------------------------------------------------------------


def test_items_are_listed_page_by_page_and_escaped(studio: FakeStudio, run: Job) -> None:
    job = write_evaluation(run, "benchmark", "better", items=45)
    studio.fake.others.append(job)
    card, score, topic, table, page, pick = evaluate_items.listed(studio, job.id, ItemQuery("asked", page=3))
    assert card["visible"] and page == 3 and score["value"] == "correct" and topic["value"] == ""
    assert [value for _, value in topic["choices"]] == ["", "cardiology", "endocrine", "respiratory"]
    assert "41 to 45 of 45 items" in table and "&lt;b&gt;" in table and "<b>" not in table
    assert [value for _, value in pick["choices"]] == [f"i{number}" for number in range(41, 46)]
    opened = evaluate_html.item_html(studio.evaluations.item(job.id, "i41"))
    for words in ("Tuned answer 41", "Base answer 41", "Reference 41", "&lt;b&gt;"):
        assert words in opened
    assert not evaluate_items.listed(studio, "gone", ItemQuery())[0]["visible"]


def test_what_stands_in_brackets_is_said(studio: FakeStudio, run: Job) -> None:
    job = write_evaluation(run, "heldout")
    studio.fake.others.append(job)
    shown = evaluate_items.listed(studio, job.id, ItemQuery("asked", "loss", per_page=10))
    assert "In brackets: loss (lower is better)." in shown[3]
    assert "In brackets: ROUGE-L." in evaluate_items.listed(studio, job.id, ItemQuery("asked", "rouge_l"))[3]
    assert Result.LIKENESS in evaluate_result.body_html(studio, job) and ".." not in evaluate_result.body_html(
        studio, job
    )


def test_an_empty_answer_and_no_reference_are_said(studio: FakeStudio, run: Job) -> None:
    bare = {"id": "x", "number": 1, "question": "Q?", "reference": "", "base": {"answer": ""}, "tuned": {"answer": "A"}}
    html = evaluate_html.item_html(bare)
    assert Items.NO_ANSWER in html and Items.NO_REFERENCE in html


# -- the scorecard, export and the API --------------------------------------------------------------------------------


def test_the_scorecard_is_shown_and_signed_only_as_it_was_seen(studio: FakeStudio, run: Job) -> None:
    studio.fake.others.append(write_evaluation(run, "safety", "worse"))
    page, html, body, seen, state, withdraw = evaluate_card.card_updates(studio, RUN_ID)
    assert "Of 1 measure, tuned is worse on 1" in page and not withdraw["visible"] and "not reviewed" in state
    assert json.loads(Path(body["value"]).read_text())["run_id"] == RUN_ID
    assert Path(html["value"]).read_text().startswith("<!doctype html>")
    write_evaluation(run, "benchmark", "worse")
    with pytest.raises(InputError, match="changed since you looked"):
        studio.evaluations.sign(RUN_ID, "Dr Lee", "physician", "Read 20 answers.", seen)
    studio.evaluations.sign(RUN_ID, "Dr Lee", "physician", "Read 20 answers.", studio.evaluations.seen(RUN_ID))
    assert "Signed by Dr Lee" in evaluate_card.card_updates(studio, RUN_ID)[4]
    exported = export.signed_html(studio, RUN_ID)
    assert "Signed by Dr Lee" in exported and "“Read 20 answers.”" in exported
    assert "pill info" in exported and "pill good" not in exported, "a signature is no praise"


def test_a_review_of_the_probes_can_be_taken_back(studio: FakeStudio) -> None:
    drafted, button = evaluate_safety.reviewed(studio.evaluations.probe_review())
    assert Probes.DRAFTED in drafted and not button["visible"]
    said, button = evaluate_safety.reviewed(studio.evaluations.sign_probes("Dr Lee", "physician"))
    assert "Dr Lee, physician" in said and button["visible"]
    said, button = evaluate_safety.reviewed(studio.evaluations.withdraw_probes("Dr Lee", "physician"))
    assert Probes.DRAFTED in said and not button["visible"]


def test_the_merge_card_says_what_there_is(studio: FakeStudio, run: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    base = studio.settings.home / "base"
    base.mkdir()
    (base / "model.safetensors").write_bytes(b"0" * 2**20)
    monkeypatch.setattr(studio.merges, "_find_model", lambda _: base)
    state, merge, zipped, download = export_merge.card_updates(studio, RUN_ID)
    assert "of disk; " in state and merge["visible"] and not zipped["visible"] and not download["visible"]
    job = studio.start_merge(RUN_ID)
    assert studio.fake.asked[-1][:2] == ("submit", "merge")
    studio.fake.show(replace(studio.fake.now, phase=Phase("adding the adapter", 1, 3)))
    state, merge, *_ = export_merge.card_updates(studio, RUN_ID)
    assert "adding the adapter 33 %" in state and not merge["visible"]
    assert export_merge.updates(studio.fake.now) == [f"{job.id} starting adding the adapter 1"]
    (job.folder / "model").mkdir(parents=True)
    (job.folder / "model" / "config.json").write_text("{}")
    studio.fake.show(replace(studio.fake.now, job=replace(job, state="finished"), state="finished"))
    state, merge, zipped, _ = export_merge.card_updates(studio, RUN_ID)
    assert str(job.folder / "model") in state and zipped["visible"] and merge["value"] == "Merge again"
    assert "Choose a run" in export_merge.card_updates(studio, None)[0]


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    client = Client(address, verbose=False)
    yield client
    client.close()


@pytest.mark.thorough
def test_an_evaluation_by_the_api(client: Client, studio: FakeStudio, run: Job, tmp_path: Path) -> None:
    made = client.predict(RUN_ID, "heldout", {"limit": 5}, api_name="/start_evaluation")
    found = client.predict(made["job_id"], api_name="/evaluation_result")
    assert found["state"] == "starting" and found["result"] is None and found["phase"]["name"] == "loading the model"
    studio.fake.show(replace(snapshot("finished", 200), job=run))
    done = write_evaluation(run, "benchmark", "worse")
    studio.fake.others.append(done)
    found = client.predict(done.id, api_name="/evaluation_result")
    assert found["result"]["measures"][0]["comparison"]["verdict"] == "worse" and found["error"] is None
    card = client.predict(RUN_ID, api_name="/scorecard")
    assert "Blind review" in card["missing"] and len(card["sha256"]) == 64
    path = tmp_path / "exam.jsonl"
    path.write_text('{"question": "Q?", "choices": ["a", "b"], "answer": 0}\n')
    options = {"tasks": ["exam"], "files": {"exam": handle_file(path)}}
    made = client.predict(RUN_ID, "benchmark", options, api_name="/start_evaluation")
    kept = EvaluationRequest.read(run.folder / "evaluation" / made["job_id"]).options["files"]["exam"]
    assert Path(kept).read_bytes() == path.read_bytes()


@pytest.mark.thorough
def test_endpoints_say_what_is_wrong(client: Client, studio: FakeStudio, run: Job) -> None:
    for endpoint, values, says in (
        ("start_evaluation", ["nobody", "heldout", {}], "There is no run"),
        ("start_evaluation", [RUN_ID, "beauty", {}], "no evaluation of the kind"),
        ("start_evaluation", [RUN_ID, "heldout", {"limit": "many"}], "limit must be a whole number"),
        (
            "start_evaluation",
            [RUN_ID, "benchmark", {"tasks": ["x"], "files": {"x": "/etc/passwd"}}],
            "not uploaded here",
        ),
        ("evaluation_result", ["nobody"], "There is no evaluation"),
        ("scorecard", ["nobody"], "There is no run"),
    ):
        with pytest.raises(AppError, match=says):
            client.predict(*values, api_name=f"/{endpoint}")


def test_a_busy_machine_is_said(studio: FakeStudio, run: Job) -> None:
    studio.fake.others.append(run)
    studio.fake.show(replace(snapshot("running"), job=fake_job("running", id="another")))
    with pytest.raises(JobError, match="busy"):
        evaluate_start.start_evaluation(studio, RUN_ID, "safety", {})
