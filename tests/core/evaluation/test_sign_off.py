"""A signature stands for what was seen: it is refused blind, told as "before" after a change, withdrawn, never erased."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError, JobError, ModelError
from core.evaluation.result import EvaluationResult
from core.evaluation.review.items import ReviewItem, ReviewOptions
from core.evaluation.review.session import close_review, create_review
from core.evaluation.sign_off import FILE, NOT_SIGNED, digest_of, evidence, sign, state, withdraw
from core.jobs.job import Job, read_job
from core.settings import Settings
from tests.core.evaluation.evaluation_cases import write_evaluation, write_run

WHO = ("A. Lee", "emergency physician", "Fit for teaching; not for care.")


@pytest.fixture
def run(settings: Settings) -> Job:
    job = write_run(settings.runs, home=settings.home)
    write_evaluation(job, "safety", job_id="e1")
    return job


def signed(run: Job) -> None:
    sign(run.folder, *WHO, digest_of(evidence(run.folder)))


def test_nobody_has_signed_a_new_run(run: Job) -> None:
    assert state(run.folder).sentence == NOT_SIGNED and not state(run.folder).signed


def test_a_signature_names_who_what_and_when(run: Job) -> None:
    signed(run)
    found = state(run.folder)
    assert found.signed and found.sentence == f"Signed by A. Lee, emergency physician, on {found.when[:10]}."
    assert set(found.seen) == {"adapter weights", "evaluation e1"} and found.changed == ()
    body = json.loads((run.folder / FILE).read_text())
    assert body["signed"] and body["name"] == "A. Lee" and body["when"] == found.when


def test_nobody_signs_what_they_have_not_seen(run: Job) -> None:
    looked = digest_of(evidence(run.folder))
    write_evaluation(run, "benchmark", "worse", job_id="e2")
    with pytest.raises(InputError, match="changed since you looked"):
        sign(run.folder, *WHO, looked)
    assert not state(run.folder).signed


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_signature_needs_all_of_name_role_and_statement(run: Job, missing: int) -> None:
    who = [" " if at == missing else word for at, word in enumerate(WHO)]
    with pytest.raises(InputError, match="name, a profession and a statement"):
        sign(run.folder, *who, digest_of(evidence(run.folder)))


def test_there_must_be_something_to_sign(settings: Settings) -> None:
    job = write_run(settings.runs, home=settings.home)
    with pytest.raises(InputError, match="Nothing has been judged"):
        signed(job)
    (job.folder / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="no adapter"):
        signed(job)


def test_what_comes_changes_or_goes_later_is_told(run: Job, settings: Settings) -> None:
    second = write_evaluation(run, "benchmark", "worse", job_id="e2")
    signed(run)
    (run.folder / "adapter" / "adapter_model.safetensors").write_bytes(b"other weights")
    first = run.folder / "evaluation" / "e1"
    replace(EvaluationResult.read(first), verdict="Another one.").save(first)
    (second.folder / "result.json").unlink()
    write_evaluation(run, "heldout", job_id="e3")
    review = create_review(settings.database, "R", run.id, [ReviewItem("Q", "a", "b")], ReviewOptions())
    assert "review" not in state(run.folder).sentence, "an open review is no evidence yet"
    close_review(settings.database, review)
    found = state(run.folder)
    assert found.signed and "before this:" in found.sentence
    assert found.changed == (
        "adapter weights changed",
        "evaluation e1 changed",
        "evaluation e2 deleted",
        "evaluation e3 added",
        f"review {review} added",
    )


def test_a_withdrawal_keeps_the_history(run: Job) -> None:
    signed(run)
    found = withdraw(run.folder, "A. Lee", "emergency physician", "I had overlooked item 7.")
    assert not found.signed and "withdrawn by A. Lee" in found.sentence and found.changed == ()
    with pytest.raises(InputError, match="nothing to withdraw"):
        withdraw(run.folder, "A. Lee", "emergency physician", "Again.")
    signed(run)
    assert [entry["signed"] for entry in state(run.folder).history] == [True, False, True]
    assert state(run.folder).to_json()["history"][1]["statement"] == "I had overlooked item 7."


def test_a_record_changed_by_hand_is_told(run: Job) -> None:
    signed(run)
    path: Path = run.folder / FILE
    path.write_text(path.read_text().replace("A. Lee", "B. Low"))
    with pytest.raises(JobError, match="changed it by hand"):
        state(run.folder)


def test_a_studio_that_was_moved_keeps_what_was_signed(run: Job, settings: Settings) -> None:
    """A home on a drive lies elsewhere on another machine, and its reviews with it."""
    review = create_review(settings.database, "Round 1", run.id, [ReviewItem("Q?", "b", "t")], ReviewOptions())
    close_review(settings.database, review)
    signed(run)
    moved = settings.home.with_name("moved")
    settings.home.rename(moved)
    folder = moved / "runs" / run.id
    assert read_job(folder).home == moved
    found = state(folder)
    assert found.signed and found.changed == () and f"review {review}" in found.seen
