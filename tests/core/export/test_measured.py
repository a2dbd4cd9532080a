"""Audit and card say "measured" of what was measured, "not measured" of what was not, and neither of the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.evaluation.result import EvaluationResult
from core.evaluation.review.form import AnswerRating, Rating
from core.evaluation.review.items import ReviewItem, ReviewOptions
from core.evaluation.review.session import close_review, create_review, review_next, submit_rating
from core.evaluation.safety.signature import sign_probes
from core.evaluation.scorecard import adapter_sha256
from core.export.audit import audit_of
from core.export.card import card_text
from core.export.measured import BIAS, JUDGED, UNKNOWN
from core.jobs.job import Job
from core.settings import Settings
from tests.core.evaluation.evaluation_cases import HASH, write_evaluation, write_run


@pytest.fixture
def run(settings: Settings) -> Job:
    return write_run(settings.runs, home=settings.home)


def line(run: Job, start: str) -> dict[str, str]:
    found: list[dict[str, str]] = [
        line for line in audit_of(run.folder, None)["measured"] if line["what"].startswith(start)
    ]
    assert len(found) == 1, found
    return found[0]


def missing(run: Job) -> list[str]:
    lines: list[str] = audit_of(run.folder, None)["not_measured"]
    return lines


def reviewed(settings: Settings, run: Job, name: str = "Round | 1", items: int = 12, close: bool = True) -> str:
    """A review in which one rater prefers the tuned answer of all items but one, and sees harm in one base answer."""
    rows = [ReviewItem(f"Question {number}", "base says", "tuned says") for number in range(items)]
    review = create_review(settings.database, name, run.id, rows, ReviewOptions(axes=(), repeats=0.0))
    for number in range(items):
        item = review_next(settings.database, review, "Dr Lee")
        assert item is not None
        tuned = "a" if item.answer_a == "tuned says" else "b"
        base = "b" if tuned == "a" else "a"
        answers = {tuned: AnswerRating(harm="none"), base: AnswerRating(harm="none")}
        if number == 0:
            answers[base] = AnswerRating(harm="severe", likelihood="low")
        rating = Rating(preference=base if number == 1 else tuned, **answers)  # type: ignore[arg-type]
        submit_rating(settings.database, review, "Dr Lee", item.item_key, rating, item.token)
    if close:
        close_review(settings.database, review)
    return review


def test_nothing_judged_is_all_listed_as_not_measured(run: Job) -> None:
    assert missing(run) == [*UNKNOWN.values(), JUDGED, BIAS]
    assert [line["what"] for line in audit_of(run.folder, None)["measured"]] == [
        "Held-out loss per answer token (lower is better)"
    ]


def test_what_was_measured_is_no_longer_called_not_measured(run: Job, settings: Settings) -> None:
    for kind in UNKNOWN:
        write_evaluation(run, kind)
    reviewed(settings, run)
    assert missing(run) == [BIAS], "nobody measures that"
    text = card_text(audit_of(run.folder, None))
    told = text[text.index("## What was measured") : text.index("## Intended use")]
    assert "PubMedQA" in told and "Red flags" in told and "ROUGE-L" in told and "Preferred answer" in told
    assert "safety: urgent cases" not in told and "medical benchmarks" not in told


def test_a_line_gives_both_models_with_intervals_and_the_verdict(run: Job) -> None:
    job = write_evaluation(run, "benchmark", "worse")
    found = EvaluationResult.read(job.folder).measures[0].comparison
    told = line(run, "PubMedQA")
    assert told["base"].startswith(f"{found.base.value * 100:.1f} % (") and told["tuned"].startswith(
        f"{found.tuned.value * 100:.1f} % ("
    )
    assert told["note"].startswith("worse; difference -") and "60 items" in told["note"]


def test_the_newest_complete_measurement_counts_not_the_best(run: Job) -> None:
    write_evaluation(run, "benchmark", "better", job_id="old", created="2026-11-24T06:00:00.000+00:00")
    write_evaluation(run, "benchmark", "worse", job_id="new", created="2026-11-24T07:00:00.000+00:00")
    cut = write_evaluation(
        run, "benchmark", "better", job_id="cut", complete=False, created="2026-11-24T08:00:00.000+00:00"
    )
    told = line(run, "PubMedQA")
    assert told["note"].startswith("worse") and "the newest of 3 measurements" in told["note"]
    assert cut.folder.is_dir() and "stopped early" not in told["note"]


def test_an_evaluation_that_was_stopped_is_measured_only_in_part(run: Job) -> None:
    write_evaluation(run, "safety", complete=False, items=30)
    assert f"{UNKNOWN['safety']} (only in part: stopped after 30 items)" in missing(run)
    assert "stopped early" in line(run, "Red flags")["note"]


def test_figures_of_other_weights_are_not_these_weights_figures(run: Job) -> None:
    write_evaluation(run, "safety", adapter_sha256=HASH)
    assert f"{UNKNOWN['safety']} (only of other weights than these)" in missing(run)
    assert "measured on other weights" in line(run, "Red flags")["note"]


def test_a_later_look_at_a_checkpoint_does_not_hide_these_weights_figures(run: Job) -> None:
    own = adapter_sha256(run.folder)
    write_evaluation(run, "benchmark", "worse", job_id="own", adapter_sha256=own)
    later = "2026-11-24T09:00:00.000+00:00"
    write_evaluation(run, "benchmark", "better", job_id="step", adapter_sha256=HASH, created=later)
    told = line(run, "PubMedQA")["note"]
    assert told.startswith("worse") and "other weights" not in told and "newest of" not in told


def test_a_damaged_result_measures_nothing(run: Job) -> None:
    job = write_evaluation(run, "safety")
    (job.folder / "result.json").write_text("{")
    assert UNKNOWN["safety"] in missing(run)


def test_safety_says_who_has_reviewed_its_probes(run: Job, settings: Settings) -> None:
    job = write_evaluation(run, "safety")
    result = EvaluationResult.read(job.folder)
    replace(result, settings={**result.settings, "probes_sha256": "a" * 64}).save(job.folder)
    assert "drafted by engineers" in line(run, "Red flags")["note"]
    sign_probes(settings.home, "a" * 64, "Dr Lee", "emergency physician")
    assert "reviewed by Dr Lee, emergency physician" in line(run, "Red flags")["note"]


def test_a_closed_review_is_a_measurement_and_an_open_one_is_not(run: Job, settings: Settings) -> None:
    reviewed(settings, run, "Open one", close=False)
    assert f"{JUDGED} (1 review still open)" in missing(run)
    assert not [each for each in audit_of(run.folder, None)["measured"] if "Open one" in each["what"]]
    reviewed(settings, run)
    assert not [each for each in missing(run) if each.startswith(JUDGED)]
    told = line(run, "Preferred answer")
    assert told["base"] == "1 of 12 decided" and told["tuned"] == "11 of 12 decided"
    assert told["note"].startswith("better; blind review of 12 items by 1 rater, closed 2")
    harm = line(run, "Items with answers that could do severe harm")
    assert harm["base"].startswith("8.3 % (") and harm["tuned"].startswith("0.0 % (")
    assert "Round \\| 1" in card_text(audit_of(run.folder, None)), "a name cannot break the table"


def test_a_review_of_another_run_says_nothing_about_this_one(run: Job, settings: Settings) -> None:
    other = write_run(settings.runs, "20261124-060000-other-0a1b", home=settings.home)
    reviewed(settings, other)
    assert JUDGED in missing(run)


def test_no_question_and_no_answer_goes_into_the_audit(run: Job, settings: Settings) -> None:
    write_evaluation(run, "safety")
    reviewed(settings, run)
    text = str(audit_of(run.folder, None)) + card_text(audit_of(run.folder, None))
    assert "Question" not in text and "says" not in text and "answer 1" not in text
