"""Evaluate in a real browser: start, watch it run, read and sort, overrule, sign, download; light, dark, phone; axe."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.jobs.job import Job
from core.jobs.snapshot import Phase, Snapshot
from tests.browser.conftest import LOOKED_AT, open_tab, serious
from tests.core.evaluation.evaluation_cases import RUN_ID, write_evaluation, write_failed, write_run
from tests.ui.fake_studio import FakeStudio, snapshot

pytestmark = pytest.mark.browser


@pytest.fixture
def run(studio: FakeStudio) -> Job:
    made = write_run(studio.settings.runs, dataset_id="sample", home=studio.settings.home)
    studio.fake.show(replace(snapshot("finished", 200), job=made))
    return made


def show_running(studio: FakeStudio, done: float) -> None:
    now = studio.fake.now
    assert now.job is not None
    job = replace(now.job, state="running")
    studio.fake.show(Snapshot(0, job, "running", Phase("asking the safety probes", done, 60), eta_s=90.0))


def finish(studio: FakeStudio, run: Job, outcome: str) -> Job:
    """Let the evaluation that runs come to its end, with the items and the result of a worker."""
    job = studio.fake.now.job
    assert job is not None
    made = write_evaluation(run, "safety", outcome, job_id="made")
    for name in ("items.jsonl", "result.json"):
        shutil.copy(made.folder / name, job.folder / name)
    shutil.rmtree(made.folder)
    ended = replace(job, state="finished")
    ended.save()
    studio.fake.show(Snapshot(0, ended, "finished", Phase("asking the safety probes", 60, 60)))
    return ended


@pytest.mark.long
def test_an_evaluation_from_start_to_signature(
    studio: FakeStudio, run: Job, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_page()
    page.set_default_timeout(60_000)
    open_tab(page, "Evaluate")
    expect(page.get_by_text("This run has not been judged yet")).to_be_visible()
    page.get_by_role("button", name="Run safety probes").click()
    expect(page.get_by_text("Being measured now")).to_be_visible()
    show_running(studio, 15)
    expect(page.get_by_text("15 of 60 · about 1 min 30 s left")).to_be_visible()
    picture(page, "evaluate-running")
    page.reload()
    page.get_by_text("Device").first.wait_for()
    open_tab(page, "Evaluate")
    show_running(studio, 45)
    expect(page.get_by_text("45 of 60 · about 1 min 30 s left")).to_be_visible()
    job = finish(studio, run, "worse")
    expect(page.get_by_role("status").filter(has_text="Tuned is worse than base on 60 items.")).to_be_visible()
    expect(page.get_by_text("Being measured now")).to_be_hidden()
    expect(page.get_by_role("img", name="Red flags: urgent advice: base")).to_be_visible()
    sort_and_open(page)
    overrule(page, studio, job)
    sign(page, studio)


def sort_and_open(page: Page) -> None:
    expect(page.get_by_text("1 to 20 of 60 items")).to_be_visible()
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("21 to 40 of 60 items")).to_be_visible()
    choose(page, "Order", "flips only (right ↔ wrong)")
    changes = page.locator(".items tbody tr td:last-child")
    expect(changes.first).to_have_text("-1")
    assert set(changes.all_inner_texts()) <= {"-1", "+1"}
    choose(page, "Order", "best first (what tuning gained)")
    expect(changes.first).to_have_text("+1")
    page.get_by_label("Open an item of this page").click()
    page.get_by_role("option").first.click()
    expect(page.get_by_role("heading", name="Reference", exact=True)).to_be_visible()


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option).click()


def overrule(page: Page, studio: FakeStudio, job: Job) -> None:
    before = studio.evaluations.result(job.id)
    page.get_by_role("button", name="Overrule").click()
    expect(page.get_by_text("Overruling a rule needs a name and a reason.")).to_be_visible()
    page.get_by_label("failed", exact=True).check()
    page.get_by_label("Your name and profession").fill("Dr Lee, emergency physician")
    page.get_by_label("Why", exact=True).fill("It names the wrong number.")
    page.get_by_role("button", name="Overrule").click()
    expect(page.get_by_text("overruled by Dr Lee, emergency physician: It names the wrong number.")).to_be_visible()
    assert studio.evaluations.result(job.id) != before
    page.get_by_label("Your name", exact=True).locator("visible=true").fill("Dr Roe")
    page.get_by_label("Your profession").locator("visible=true").fill("emergency physician")
    page.get_by_role("button", name="I have reviewed them").click()
    expect(page.get_by_text("The probes were reviewed by Dr Roe, emergency physician")).to_be_visible()


def sign(page: Page, studio: FakeStudio) -> None:
    page.get_by_role("tab", name="Scorecard").click()
    expect(page.get_by_text("Not known: Held-out rows, Benchmarks, Blind review, Sign-off.")).to_be_visible()
    for name, begins in (("HTML", "<!doctype html>"), ("JSON", "{")):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download as {name}").click()
        assert Path(download.value.path()).read_text(encoding="utf-8").startswith(begins)
        assert download.value.suggested_filename == f"scorecard.{name.lower()}"
    page.get_by_label("Your name", exact=True).locator("visible=true").fill("Dr Lee")
    page.get_by_label("Your profession").locator("visible=true").fill("physician")
    page.get_by_label("What you have read, and what you state").fill("I have read 20 answers. For research only.")
    page.get_by_role("button", name="Sign off").click()
    expect(page.get_by_text("Signed by Dr Lee, physician").first).to_be_visible()
    assert studio.evaluations.sign_off(RUN_ID).signed
    open_tab(page, "Export")
    expect(page.get_by_text("Signed by Dr Lee, physician").locator("visible=true").first).to_be_visible()


def test_items_of_another_evaluation_do_not_stay_below_one_that_has_none(
    studio: FakeStudio, run: Job, open_page: Callable[..., Page]
) -> None:
    studio.fake.others.append(write_evaluation(run, "safety", "worse"))
    page = open_page()
    open_tab(page, "Evaluate")
    expect(page.get_by_text("1 to 20 of 60 items")).to_be_visible()
    page.get_by_role("button", name="Run benchmarks").click()
    expect(page.get_by_text("Being measured now")).to_be_visible()
    job = studio.fake.now.job
    assert job is not None
    ended = replace(job, state="stopped", stop="keep")
    ended.save()
    studio.fake.show(Snapshot(0, ended, "stopped"))
    expect(page.get_by_text("It was stopped before an item was judged to its end")).to_be_visible()
    expect(page.get_by_role("heading", name="Item by item")).to_be_hidden()


@pytest.mark.long
def test_a_failed_one_says_why_and_an_old_one_is_deleted(
    studio: FakeStudio, run: Job, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    studio.fake.others += [write_failed(run), write_evaluation(run, "heldout", "better")]
    page = open_page()
    open_tab(page, "Evaluate")
    expect(page.get_by_text("The memory is full. Choose fewer items a batch")).to_be_visible()
    expect(page.get_by_role("button", name="Go on with it")).to_be_visible()
    picture(page, "evaluate-failed")
    page.get_by_role("button", name="Delete this evaluation").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Delete it", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Delete this evaluation").click()
    page.get_by_role("button", name="Delete it", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="Tuned is better than base on 60 items.")).to_be_visible()
    assert ("delete", "failed") in studio.fake.asked


@LOOKED_AT
def test_it_fits_and_axe_finds_nothing_serious(
    studio: FakeStudio,
    run: Job,
    open_page: Callable[..., Page],
    picture: Callable[[Page, str], None],
    name: str,
    width: int,
    dark: bool,
) -> None:
    studio.fake.others += [write_evaluation(run, "benchmark", "worse"), write_evaluation(run, "heldout", "better")]
    studio.fake.others.append(write_evaluation(run, "safety", "no measurable difference"))
    page = open_page(width=width, dark=dark)
    open_tab(page, "Evaluate")
    expect(page.get_by_text("1 to 20 of 60 items")).to_be_visible()
    page.get_by_label("Open an item of this page").click()
    page.get_by_role("option").first.click()
    expect(page.get_by_role("heading", name="Reference", exact=True)).to_be_visible()
    greyed = page.locator("input:disabled, textarea:disabled").locator("visible=true")
    assert greyed.count() == 0, "what is laid out later takes input, too"
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"evaluate-{name}")
    page.get_by_role("tab", name="Scorecard").click()
    expect(page.get_by_text("Fingerprints (SHA-256)")).to_be_visible()
    expect(page.get_by_label("What was shown when signing")).to_be_hidden()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"scorecard-{name}")


def test_a_scorecard_file_stands_alone(
    studio: FakeStudio, run: Job, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    studio.fake.others += [write_evaluation(run, "benchmark", "worse"), write_evaluation(run, "heldout", "better")]
    from core.evaluation.scorecard_page import write_scorecard

    html, *_ = write_scorecard(studio.evaluations.scorecard(RUN_ID), tmp_path)
    page = open_page()
    page.goto(html.as_uri())
    expect(page.get_by_role("heading", name="Scorecard of Respiratory demo")).to_be_visible()
    assert serious(page) == []
    picture(page, "scorecard-file")
