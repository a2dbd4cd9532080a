"""The scorecard: what it joins, what it says is missing, and that its files say the same."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from core.dataset.build import sample_dataset
from core.evaluation.result import EvaluationResult
from core.evaluation.review.form import AnswerRating, Rating
from core.evaluation.review.items import ReviewItem, ReviewOptions
from core.evaluation.review.session import close_review, create_review, review_next, submit_rating
from core.evaluation.scorecard import Scorecard, adapter_sha256, scorecard
from core.evaluation.scorecard_page import as_json, markdown, page, write_scorecard
from core.evaluation.sign_off import NOT_SIGNED, digest_of, evidence, sign
from core.jobs.job import Job
from core.settings import Settings
from tests.core.evaluation.evaluation_cases import HASH, RUN_ID, write_evaluation, write_failed, write_run


@pytest.fixture
def run(settings: Settings) -> Job:
    dataset = sample_dataset(settings.datasets)
    return write_run(settings.runs, dataset_id=dataset.id)


def test_what_nobody_has_measured_is_said(settings: Settings, run: Job) -> None:
    card = scorecard(settings, run, [write_failed(run)])
    assert card.missing == ("Held-out rows", "Benchmarks", "Safety probes", "Blind review", "Sign-off")
    assert card.headline == "Nothing has been judged yet: whether tuning helped is not known."
    assert card.part("sign_off").sentence == NOT_SIGNED
    assert card.part("training").sentence.startswith("Held-out loss per answer token went from 3.500 to 2.500")
    assert card.part("data").state == "done" and card.hashes["data: sha256"]
    for text in (page(card), markdown(card)):
        assert "Not measured" in text and NOT_SIGNED in text and "not a medical device" in text


def test_worse_comes_first_and_every_section_is_joined(settings: Settings, run: Job) -> None:
    jobs = [
        write_evaluation(run, "benchmark", "worse"),
        write_evaluation(run, "heldout", "better", complete=False),
        write_evaluation(run, "safety", "no measurable difference"),
    ]
    sign(run.folder, "A. Reviewer", "physician", "Fit for teaching.", digest_of(evidence(run.folder)))
    card = scorecard(settings, run, jobs)
    assert card.headline.startswith("Of 4 measures, tuned is worse on 1, better on 2, no measurable difference on 1.")
    assert card.missing == ("Blind review",)
    assert card.part("heldout").state == "partial" and "Stopped early" in card.part("heldout").notes[0]
    assert card.part("sign_off").sentence.startswith("Signed by A. Reviewer, physician, on 2")
    assert card.part("sign_off").state == "done"
    result = hashlib.sha256((jobs[0].folder / "result.json").read_bytes()).hexdigest()
    assert card.hashes["benchmark: result.json sha256"] == result
    assert card.hashes["adapter_model.safetensors"] == adapter_sha256(run.folder)


def test_the_verdicts_in_the_headline_add_up(settings: Settings, run: Job) -> None:
    job = write_evaluation(run, "heldout", "better")
    result = EvaluationResult.read(job.folder)
    longer = dataclasses.replace(result.measures[1], name="length_ratio", lower_is_better=None)
    dataclasses.replace(result, measures=(*result.measures, longer)).save(job.folder)
    said = scorecard(settings, run, [job]).headline
    counts = [int(number) for number in re.findall(r"\d+", said.partition(" Not ")[0])]
    assert counts[0] == 3 == sum(counts[1:]) and "neither better nor worse, on 1" in said


def test_a_signature_from_before_the_last_measurement_says_so(settings: Settings, run: Job) -> None:
    first = write_evaluation(run, "safety")
    sign(run.folder, "A. Reviewer", "physician", "Fit for teaching.", digest_of(evidence(run.folder)))
    card = scorecard(settings, run, [write_evaluation(run, "benchmark", "worse"), first])
    assert card.part("sign_off").state == "partial"
    assert card.part("sign_off").sentence.endswith("before this: evaluation benchmark-worse added.")


def test_a_run_that_ended_before_its_plan_says_so(settings: Settings, run: Job) -> None:
    training = scorecard(settings, run, []).part("training")
    assert training.notes == ("Trained for 10 of 20 planned steps.",)
    said = {"type": "result", "values": {"step": 20, "total_steps": 20, "adapter_step": 10}}
    with (run.folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"type": "metric", "step": 20, "loss": 2.0}) + "\n" + json.dumps(said) + "\n")
    training = scorecard(settings, run, []).part("training")
    assert training.notes == ()
    assert ("Steps", "Trained for 20 of 20 planned steps; the adapter holds step 10.") in training.facts


def test_of_each_kind_the_newest_with_a_result_counts(settings: Settings, run: Job) -> None:
    newer = write_evaluation(run, "benchmark", "worse", created="2026-11-24T09:00:00.000+00:00")
    older = write_evaluation(run, "benchmark", "better")
    card = scorecard(settings, run, [write_failed(run), newer, older])
    assert card.part("benchmark").source["evaluation"] == newer.id and "worse" in card.part("benchmark").sentence


def test_figures_of_other_weights_are_marked(settings: Settings, run: Job) -> None:
    same = write_evaluation(run, "benchmark", adapter_sha256=adapter_sha256(run.folder))
    other = write_evaluation(run, "heldout", adapter_sha256=HASH)
    card = scorecard(settings, run, [same, other])
    assert card.part("benchmark").state == "done"
    assert card.part("heldout").state == "partial" and "other weights" in card.part("heldout").notes[0]


def test_figures_of_other_weights_neither_count_nor_hide_those_of_the_adapter(settings: Settings, run: Job) -> None:
    own = write_evaluation(run, "benchmark", "worse", adapter_sha256=adapter_sha256(run.folder))
    checkpoint = write_evaluation(
        run, "benchmark", "better", adapter_sha256=HASH, created="2026-11-24T09:00:00.000+00:00"
    )
    card = scorecard(settings, run, [checkpoint, own])
    assert card.part("benchmark").source["evaluation"] == own.id
    assert card.headline.startswith("Of 1 measure, tuned is worse on 1, better on 0")
    only = scorecard(settings, run, [checkpoint])
    assert only.headline.startswith("Nothing has been judged yet of the adapter that goes home")


def test_a_benchmark_does_not_hide_another_that_was_run_before(settings: Settings, run: Job) -> None:
    bad = write_evaluation(run, "benchmark", "worse")
    good = write_evaluation(run, "benchmark", "better", created="2026-11-24T09:00:00.000+00:00")
    result = EvaluationResult.read(good.folder)
    renamed = replace(result, measures=tuple(replace(each, name="own", label="Own") for each in result.measures))
    renamed.save(good.folder)
    card = scorecard(settings, run, [good, bad])
    part = card.part("benchmark")
    assert [measure.name for measure in part.measures] == ["own", "correct"]
    assert "better" in part.sentence and "Measured apart from it: Tuned is worse" in part.sentence
    assert "worse on 1, better on 1" in card.headline
    digest = hashlib.sha256((bad.folder / "result.json").read_bytes()).hexdigest()
    assert card.hashes["benchmark: evaluation 2 result.json sha256"] == digest


def test_what_is_neither_better_nor_worse_is_counted_too(settings: Settings, run: Job) -> None:
    job = write_evaluation(run, "benchmark", "better")
    result = EvaluationResult.read(job.folder)
    neutral = tuple(replace(each, lower_is_better=None) for each in result.measures)
    replace(result, measures=neutral).save(job.folder)
    assert "neither better nor worse, on 1" in scorecard(settings, run, [job]).headline


def test_a_deleted_or_changed_data_set_is_said(settings: Settings, run: Job) -> None:
    (run.folder / "plan.json").write_text(json.dumps({"dataset_sha256": HASH}))
    changed = scorecard(settings, run, []).part("data")
    assert changed.state == "partial" and "changed since" in changed.notes[0]
    gone = write_run(settings.runs, "gone", dataset_id="nothing")
    card = scorecard(settings, gone, [])
    assert card.part("data").state == "missing" and "deleted since" in card.part("data").sentence


def rate(settings: Settings, review_id: str, items: int) -> None:
    """Prefer the tuned answer of the first so many items."""
    for _ in range(items):
        found = review_next(settings.database, review_id, "ann")
        assert found is not None
        side = "a" if found.answer_a == "tuned" else "b"
        rating = Rating(a=AnswerRating("none"), b=AnswerRating("none"), preference=side)
        submit_rating(settings.database, review_id, "ann", found.item_key, rating, found.token)


def review_of_three(settings: Settings, name: str) -> str:
    items = [ReviewItem(f"Q{number}", "base", "tuned") for number in range(3)]
    return create_review(settings.database, name, RUN_ID, items, ReviewOptions(axes=(), repeats=0.0))


def test_a_closed_review_is_joined_and_an_open_one_reveals_nothing(settings: Settings, run: Job) -> None:
    review_id = review_of_three(settings, "Round 1")
    rate(settings, review_id, 3)
    part = scorecard(settings, run, []).part("review")
    assert part.state == "partial" and "stays hidden" in part.sentence and "tuned" not in " ".join(part.notes)
    close_review(settings.database, review_id)
    part = scorecard(settings, run, []).part("review")
    assert part.state == "done" and "Tuned preferred in 100 %" in part.sentence


def test_a_review_that_judged_nothing_is_none_and_one_that_judged_a_part_is_not_complete(
    settings: Settings, run: Job
) -> None:
    close_review(settings.database, review_of_three(settings, "Closed at once"))
    card = scorecard(settings, run, [])
    assert card.part("review").state == "missing" and "before an item was judged" in card.part("review").sentence
    partly = review_of_three(settings, "Round 1")
    rate(settings, partly, 2)
    close_review(settings.database, partly)
    close_review(settings.database, review_of_three(settings, "Closed at once, too"))
    card = scorecard(settings, run, [write_evaluation(run, "heldout", "better")])
    part = card.part("review")
    assert "Not complete: Blind review. Not known:" in card.headline
    assert part.state == "partial" and ("Review", "Round 1") in part.facts and ("Judged", "2 of 3 items") in part.facts


class Outline(HTMLParser):
    """Counts what is open, and keeps what could run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "link", "iframe") or any(name in ("src", "onclick") for name, _ in attrs):
            self.foreign.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def full_card(settings: Settings, run: Job) -> Scorecard:
    kinds = (("benchmark", "worse"), ("heldout", "better"), ("safety", "no measurable difference"))
    return scorecard(settings, run, [write_evaluation(run, kind, outcome) for kind, outcome in kinds])  # type: ignore[arg-type]


def test_the_files_say_the_same_and_need_nothing_else(settings: Settings, run: Job, tmp_path: Path) -> None:
    card = full_card(settings, run)
    html, text, body = (path.read_text(encoding="utf-8") for path in write_scorecard(card, tmp_path))
    outline = Outline()
    outline.feed(html)
    assert outline.open == [] and outline.foreign == []
    said = json.loads(body)
    for measure in card.measures:
        assert f">{measure.comparison.verdict}<" in html and f"| {measure.comparison.verdict} |" in text
    assert said["sha256"] in html and said["sha256"] in text and said["headline"] in html
    assert {part["name"] for part in said["parts"]} == {part.name for part in card.parts}
    assert "always the commonest answer: 55.2 %" in html and "not correctness" in text


def test_the_hash_covers_everything_but_the_time(settings: Settings, run: Job) -> None:
    card, without = full_card(settings, run), scorecard(settings, run, [])
    later = dataclasses.replace(card, written="2030-01-01T00:00:00.000+00:00")
    hashes = [json.loads(as_json(each))["sha256"] for each in (card, later, without)]
    assert hashes[0] == hashes[1] != hashes[2] and re.fullmatch("[0-9a-f]{64}", hashes[0])


def test_no_question_and_no_answer_is_in_it(settings: Settings, run: Job) -> None:
    card = full_card(settings, run)
    text = page(card) + as_json(card)
    assert "Question 1 about" not in text and "Base answer" not in text and "Reference 1" not in text


def test_what_comes_from_outside_is_escaped(settings: Settings, run: Job) -> None:
    card = dataclasses.replace(full_card(settings, run), run_name="<script>1</script> | x")
    assert "<script>" not in page(card)
