"""The job that answers a review's questions, with a made-up answerer and then, slowly, with real weights."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError, JobError
from core.evaluation.review.desk import ReviewDesk
from core.evaluation.review.items import Question, ReviewOptions
from core.evaluation.review.questions import from_multiple_choice, from_record, from_text, pick
from core.evaluation.review.session import list_reviews, review_next
from core.evaluation.review_answers import ANSWERS_FILE, ReviewRequest, generate
from core.inference.batch import Answer
from core.inference.messages import ChatOptions
from core.jobs.controller import JobController
from core.jobs.job import Job, log_tail, utc_now
from core.progress import SilentProgress, StopVerb
from core.records import Message, Record
from core.settings import SAMPLE_DATA, Settings
from tests.core.inference.tiny_model import save_adapter, save_base

pytestmark = pytest.mark.thorough


class Parrot:
    """Answers with what it was asked."""

    def answers(
        self, prompts: Sequence[Sequence[Message]], options: ChatOptions
    ) -> Iterator[tuple[int, Answer, Answer]]:
        for index in reversed(range(len(prompts))):
            said, finish = prompts[index][-1].content, "too long" if "novel" in prompts[index][-1].content else "stop"
            yield index, Answer(f"base: {said}", 3, finish), Answer(f"tuned: {said}", 3, finish)

    def describe(self) -> Mapping[str, Any]:
        return {"base": "parrot"}


class Listener(SilentProgress):
    """Keeps the result, and asks to stop after some questions."""

    def __init__(self, verb: StopVerb | None = None, after: int = 0) -> None:
        self.verb, self.left, self.values = verb, after, {}  # type: ignore[var-annotated]

    def result(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def stop_requested(self) -> StopVerb | None:
        self.left -= 1
        return self.verb if self.left < 0 else None


@pytest.fixture
def job_dir(settings: Settings) -> Path:
    folder = settings.runs / "run-1" / "evaluation" / "review-1"
    folder.mkdir(parents=True)
    Job(folder, "review_answers", "Review", "running", utc_now(), settings.home).save()
    questions = tuple(Question(f"Q{number}?", "R", ("must",)) for number in range(4))
    options = ReviewOptions(axes=("bias",), seed=1)
    ReviewRequest("review-1", "Round 1", "run-1", str(folder.parent.parent), questions, options, ChatOptions(0.0)).save(
        folder
    )
    return folder


def test_the_answers_become_a_review_with_its_settings_stated(job_dir: Path, settings: Settings) -> None:
    listener = Listener()
    generate(job_dir, listener, Parrot())
    (review,) = list_reviews(settings.database)
    assert (review.id, review.items, review.run_id, listener.values["review_id"]) == (
        "review-1",
        4,
        "run-1",
        "review-1",
    )
    assert review.options.answers["base"] == "parrot" and review.options.answers["temperature"] == 0.0
    item = review_next(settings.database, "review-1", "ann")
    assert (
        item is not None and {item.answer_a[:4], item.answer_b[:4]} == {"base", "tune"} and item.must_have == ("must",)
    )
    answers = [json.loads(line)["question"] for line in (job_dir / ANSWERS_FILE).read_text().splitlines()]
    assert answers == ["Q3?", "Q2?", "Q1?", "Q0?"]  # as they came; the review has them as they were asked
    generate(job_dir, Listener(), Parrot())
    assert len(list_reviews(settings.database)) == 1


def test_stop_and_keep_reviews_what_was_answered_and_discard_nothing(job_dir: Path, settings: Settings) -> None:
    generate(job_dir, Listener("discard", 2), Parrot())
    assert list_reviews(settings.database) == []
    with pytest.raises(JobError, match="before the first answer"):
        generate(job_dir, Listener("keep", 0), Parrot())
    generate(job_dir, Listener("keep", 2), Parrot())
    assert list_reviews(settings.database)[0].items == 2


def test_questions_that_the_models_cannot_read_are_left_out(job_dir: Path, settings: Settings) -> None:
    request = ReviewRequest.read(job_dir)
    replace(request, questions=(Question("A novel?"), *request.questions)).save(job_dir)
    generate(job_dir, Listener(), Parrot())
    assert list_reviews(settings.database)[0].items == 4
    replace(request, questions=(Question("A novel?"),)).save(job_dir)
    with pytest.raises(JobError, match="longer than the model can read"):
        generate(job_dir, Listener(), Parrot())


def test_a_damaged_request_is_said(job_dir: Path) -> None:
    (job_dir / "review.json").write_text('{"name": 1}')
    with pytest.raises(JobError, match="review.json"):
        generate(job_dir, Listener(), Parrot())


def test_own_questions_are_read_with_what_belongs_to_them() -> None:
    text = "What now?\r\nSecond line.\n- chest imaging\n- ask about smoking\nReference: Assess\npromptly.\n\n\nAnother?"
    one, other = from_text(text)
    assert one == Question("What now?\nSecond line.", "Assess\npromptly.", ("chest imaging", "ask about smoking"))
    assert other == Question("Another?")
    with pytest.raises(InputError, match="no question yet"):
        from_text(" \n ")
    with pytest.raises(InputError, match="Part 2 has no question"):
        from_text("Q?\n\n- only a statement")


def test_questions_are_drawn_by_topic_and_seed() -> None:
    questions = [from_record(Record.of(f"r{n}", f"Q{n}", f"A{n}", topic="ab"[n % 2])) for n in range(20)]
    assert {question.specialty for question in pick(questions, 5, ["a"])} == {"a"}
    assert pick(questions, 5, seed=1) == pick(questions, 5, seed=1) != pick(questions, 5, seed=2)
    assert len(pick(questions, 99)) == 20
    with pytest.raises(InputError, match="no questions"):
        pick(questions, 5, ["z"])


def test_a_conversation_is_shown_whole_and_the_models_get_its_turns() -> None:
    turns = (
        Message("system", "s"),
        Message("user", "one"),
        Message("assistant", "two"),
        Message("user", "three"),
        Message("assistant", "R"),
    )
    question = from_record(Record("r", turns))
    assert question.question == "Patient: one\n\nAnswer: two\n\nPatient: three"
    assert question.prompt == turns[:-1] and question.reference == "R"


def test_the_multiple_choice_sample_becomes_questions(tmp_path: Path) -> None:
    questions = from_multiple_choice(SAMPLE_DATA / "medical_mcq.jsonl")
    assert (
        len(questions) == 72 and "\nA. " in questions[0].question and questions[0].reference.startswith("D. Spirometry")
    )
    with pytest.raises(InputError, match="multiple-choice"):
        from_multiple_choice(tmp_path / "nothing.jsonl")


@pytest.mark.slow
def test_a_worker_answers_with_a_real_run_and_the_review_appears(settings: Settings, tmp_path: Path) -> None:
    """The whole way in a process of its own, with a model of 100,000 weights."""
    run = settings.runs / "run-1"
    base = save_base(tmp_path / "base")
    save_adapter(run / "adapter", base)
    (run / "config.json").write_text(json.dumps({"model": str(base)}))
    done = Job(run, "train", "Run", "finished", utc_now(), settings.home, dataset_id="sample")
    done.save()
    controller = JobController(settings.runs)
    controller.start()
    try:
        freed: list[bool] = []
        desk = ReviewDesk(settings, controller, lambda: freed.append(True))
        questions = [Question("What causes tiredness?", "Many things."), Question("And cough?")]
        options = ReviewOptions(axes=(), repeats=0.0)
        review_id = desk.start("", "run-1", questions, options, ChatOptions(temperature=0.0, max_new_tokens=12))
        assert freed and [job.id for job in desk.answering()] == [review_id]
        until = time.monotonic() + 120
        while controller.snapshot(review_id).is_active and time.monotonic() < until:
            time.sleep(0.2)
        snapshot = controller.snapshot(review_id)
        assert snapshot.state == "finished", (snapshot.error, log_tail(snapshot.job.folder))  # type: ignore[union-attr]
    finally:
        controller.close()
    assert desk.answering() == []
    review = desk.review(review_id)
    assert (review.name, review.items) == ("Review of Run", 2)
    assert review.options.answers["base"] == str(base) and review.options.answers["max_new_tokens"] == 12
    item = desk.next(review_id, "ann")
    assert item is not None and item.answer_a and item.answer_b and item.answer_a != item.answer_b
