"""The evaluation desk: starting, refusing, listing, paging, deleting."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError, JobError
from core.evaluation.desk import EvaluationDesk
from core.evaluation.forecast import Subject, about, subject_of
from core.evaluation.item_list import ItemQuery
from core.evaluation.result import EvaluationRequest, EvaluationResult
from core.evaluation.safety.probes import read_probes
from core.jobs.job import Job
from core.settings import Settings
from tests.core.evaluation.evaluation_cases import RUN_ID, Jobs, saved, write_evaluation, write_failed, write_run


@pytest.fixture
def run(settings: Settings) -> Job:
    return write_run(settings.runs)


def desk_of(settings: Settings, *jobs: Job) -> tuple[EvaluationDesk, list[bool]]:
    freed: list[bool] = []
    return EvaluationDesk(settings, Jobs(*jobs), lambda: freed.append(True)), freed  # type: ignore[arg-type]


def test_a_start_frees_the_device_and_says_what_is_asked(settings: Settings, run: Job) -> None:
    desk, freed = desk_of(settings, run)
    job = desk.start(RUN_ID, "heldout", {"limit": 4})
    assert freed == [True] and job.folder.parent == run.folder / "evaluation"
    assert EvaluationRequest.read(job.folder) == EvaluationRequest("heldout", run.folder, {"limit": 4})
    assert job.name == "Held-out rows · Respiratory demo" and job.dataset_id == run.dataset_id
    assert desk.of_run(RUN_ID) == [job] and desk.of_run("another") == []


def test_a_busy_machine_is_refused_before_the_chat_is_ended(settings: Settings, run: Job) -> None:
    desk, freed = desk_of(settings, run, replace(run, folder=settings.runs / "other", state="running"))
    with pytest.raises(JobError, match="busy"):
        desk.start(RUN_ID, "safety")
    assert freed == [] and not (run.folder / "evaluation").exists()


@pytest.mark.parametrize(
    ("run_id", "kind", "says"), [("nothing", "safety", "no run"), (RUN_ID, "beauty", "no evaluation of the kind")]
)
def test_what_is_not_there_is_refused(settings: Settings, run: Job, run_id: str, kind: str, says: str) -> None:
    desk, _ = desk_of(settings, run)
    with pytest.raises((JobError, InputError), match=says):
        desk.start(run_id, kind)  # type: ignore[arg-type]


def test_a_run_without_an_adapter_is_refused(settings: Settings, run: Job) -> None:
    (run.folder / "adapter" / "adapter_config.json").unlink()
    desk, freed = desk_of(settings, run)
    with pytest.raises(JobError, match="no adapter yet"):
        desk.start(RUN_ID, "heldout")
    assert freed == []


def test_a_start_that_fails_leaves_no_folder(settings: Settings, run: Job) -> None:
    desk, _ = desk_of(settings, run)

    def refuse(*_: object, **__: object) -> Job:
        raise JobError("Another app is at work.", "Wait.")

    desk.controller.submit = refuse  # type: ignore[method-assign]
    with pytest.raises(JobError, match="Another app"):
        desk.start(RUN_ID, "heldout")
    assert list((run.folder / "evaluation").iterdir()) == []


def test_evaluations_are_listed_read_and_deleted_only_if_they_are_some(settings: Settings, run: Job) -> None:
    done = write_evaluation(run, "benchmark", "worse")
    failed = write_failed(run)
    desk, _ = desk_of(settings, run, done, failed)
    assert [job.id for job in desk.of_run(RUN_ID)] == [failed.id, done.id]
    assert desk.result(done.id).measures[0].comparison.verdict == "worse"
    assert desk.has_result(done) and not desk.has_result(failed)
    with pytest.raises(JobError, match="no result yet"):
        desk.result(failed.id)
    desk.delete(done.id)
    assert desk.controller.deleted == [done.id]  # type: ignore[attr-defined]
    with pytest.raises(JobError, match="no evaluation"):
        desk.delete(RUN_ID)  # a run is none


def test_items_come_worst_first_best_first_flips_only_and_by_topic(settings: Settings, run: Job) -> None:
    done = write_evaluation(run, "heldout", "better", items=45)
    desk, _ = desk_of(settings, run, done)
    asked = desk.items(done.id)
    assert [item["number"] for item in asked.items] == list(range(1, 21))
    assert (asked.total, asked.pages, asked.scores) == (45, 3, ("rouge_l", "loss"))
    assert asked.topics == ("cardiology", "endocrine", "respiratory")

    def change(item: dict, score: str) -> float:  # type: ignore[type-arg]
        return item["tuned"][score] - item["base"][score]

    worst = desk.items(done.id, ItemQuery("worst", "rouge_l", per_page=45)).items
    gains = [change(item, "rouge_l") for item in worst]  # type: ignore[arg-type]
    assert gains == sorted(gains) and gains[0] < gains[-1]
    best = desk.items(done.id, ItemQuery("best", "loss", per_page=45)).items
    falls = [change(item, "loss") for item in best]  # type: ignore[arg-type]
    assert falls == sorted(falls) and falls[0] < falls[-1], "of a loss, less is better"
    only = desk.items(done.id, ItemQuery("worst", topic="cardiology", page=99))
    assert only.total == 15 and only.page == only.pages == 1
    topics = [item["topic"] for item in desk.items(done.id, ItemQuery("topic", per_page=45)).items]
    assert topics == sorted(topics)
    for query in (ItemQuery("beauty"), ItemQuery(score="beauty")):  # type: ignore[arg-type]
        with pytest.raises(InputError, match="beauty"):
            desk.items(done.id, query)


def test_flips_are_the_right_and_wrong_ones_that_changed(settings: Settings, run: Job) -> None:
    done = write_evaluation(run, "benchmark", "better", items=60)
    desk, _ = desk_of(settings, run, done)
    found = desk.items(done.id, ItemQuery("flips", per_page=100)).items
    comparison = desk.result(done.id).measures[0].comparison
    assert len(found) == comparison.gained + comparison.lost > 0
    assert all(item["base"]["correct"] != item["tuned"]["correct"] for item in found)


def test_an_item_opens_in_full_also_while_more_are_written(settings: Settings, run: Job) -> None:
    done = write_evaluation(run, "benchmark", items=5)
    desk, _ = desk_of(settings, run, done)
    assert desk.item(done.id, "i3")["reference"] == "Reference 3"
    with (done.folder / "items.jsonl").open("a") as file:
        file.write(json.dumps({"id": "late", "question": "?", "reference": "", "base": {}, "tuned": {}}) + "\n")
    assert desk.item(done.id, "late")["number"] == 6
    with pytest.raises(InputError, match="no item"):
        desk.item(done.id, "never")


def test_pages_of_five_thousand_items_stay_quick(settings: Settings, run: Job) -> None:
    done = write_evaluation(run, "benchmark", items=5000)
    desk, _ = desk_of(settings, run, done)
    desk.items(done.id)
    began = time.process_time()
    for page in range(1, 21):
        desk.items(done.id, ItemQuery("worst", page=page))
    assert (time.process_time() - began) / 20 <= 0.1


def test_an_evaluation_without_items_has_an_empty_page(settings: Settings, run: Job) -> None:
    folder = run.folder / "evaluation" / "early"
    folder.mkdir(parents=True)
    job = saved(folder, "Early", "running", run)
    desk, _ = desk_of(settings, run, job)
    page = desk.items(job.id)
    assert (page.items, page.total, page.pages, page.scores) == ((), 0, 1, ())


def test_a_person_overrules_a_rule_and_the_probes_are_signed_by_name(settings: Settings, run: Job) -> None:
    other = write_evaluation(run, "benchmark")
    desk, _ = desk_of(settings, run, other)
    with pytest.raises(InputError, match="Only safety probes"):
        desk.overrule(other.id, "i1", "tuned", "pass", "Dr Lee", "It is fine.")
    assert not desk.probe_review().signed and "drafted by engineers" in desk.probe_review().sentence
    with pytest.raises(InputError, match="needs a name"):
        desk.sign_probes("", "physician")
    assert desk.sign_probes("Dr Lee", "physician").signed and "Dr Lee, physician" in desk.probe_review().sentence
    assert not desk.withdraw_probes("Dr Lee", "physician", "Found a mistake.").signed
    with pytest.raises(InputError, match="nothing to withdraw"):
        desk.withdraw_probes("Dr Lee", "physician")


def test_what_did_not_end_can_be_resumed_unless_it_was_discarded(settings: Settings, run: Job) -> None:
    failed = write_failed(run)
    desk, _ = desk_of(settings, run, failed)
    assert desk.can_resume(failed)
    assert not desk.can_resume(replace(failed, stop="discard")) and not desk.can_resume(
        replace(failed, state="finished")
    )


def result_of_a_benchmark() -> EvaluationResult:
    return EvaluationResult("benchmark", "20 items", "2026-01-01", 20, True, "Better.", ())


def test_about_how_long_is_told_from_the_last_time_else_from_tokens() -> None:
    request = EvaluationRequest("heldout", Path("run"), {"max_new_tokens": 64})
    result = replace(result_of_a_benchmark(), kind="heldout", items=50, seconds=112.0)
    subject = Subject(100, 80, 128, 300.0)
    again = about(subject, [(request, result)])
    # 100 s beside loading for 50 items of 64 tokens; 100 items of 128 tokens are four times that
    assert (
        again is not None
        and again.value == pytest.approx(412)
        and "50 items with answers of up to 64 tokens took 112 s" in again.reason
    )
    shorter = about(replace(subject, items=10), [(request, result)])
    first = about(subject)
    assert shorter is not None and shorter.value < again.value and first is not None
    assert (
        "300 tokens a second of its training" in first.reason
        and first.value > about(replace(subject, answer_tokens=0)).value
    )  # type: ignore[union-attr]
    assert about(replace(subject, tokens_per_s=None)) is None


@pytest.mark.parametrize(
    ("kind", "options", "items"),
    [
        ("safety", {"max_new_tokens": 64}, len(read_probes().probes)),
        ("safety", {"per_kind": 2}, 12),
        ("benchmark", {"tasks": ["medical_mcq", "general_mcq"], "limit": 50}, 100),
        ("benchmark", {"tasks": ["own"], "files": {"own": "x"}}, None),
        ("heldout", {"limit": 5}, None),  # its data set is gone
    ],
)
def test_what_would_be_measured_is_counted(
    settings: Settings,
    run: Job,
    kind: str,
    options: dict,
    items: int | None,  # type: ignore[type-arg]
) -> None:
    found = subject_of(settings, replace(run, dataset_id="gone"), kind, options, 300.0)  # type: ignore[arg-type]
    assert (found.items if found else None) == items
