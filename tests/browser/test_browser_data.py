"""The Data screen by role and label: any upload to a data set that somebody vouches for, and what stands in the way."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from core.dataset.build import SAMPLE_ID
from core.dataset.changes import history
from core.dataset.clean import CleanOptions
from core.dataset.store import Dataset
from core.progress import Progress
from tests.ui.fake_studio import FakeStudio

pytestmark = pytest.mark.browser
QUICK_STEPS = CleanOptions().without("names")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def questions(count: int = 30) -> list[dict[str, Any]]:
    """Rows whose columns have names that say nothing."""
    return [
        {
            "one": f"It is invented illness {at}, found by test {at * 7} and treated at home with remedy {at * 13}.",
            "two": f"What is condition number {at} and how is it found?",
            "group": f"ward {at % 5}",
        }
        for at in range(count)
    ]


def with_identifiers(count: int) -> list[dict[str, Any]]:
    rows = [{"question": row["two"], "answer": row["one"]} for row in questions(count + 10)]
    for at in range(count):
        rows[at]["answer"] = (
            f"Seen with MRN: {4829130 + at}; reach her at jane.roe{at}@example.org. " + rows[at]["answer"]
        )
    return rows


def add(studio: FakeStudio, path: Path, name: str, **options: Any) -> Dataset:
    """A data set that is there before the page is opened, made without the slow look for names."""
    return studio.add_dataset([path], name=name, options=QUICK_STEPS.changed(**options))


def pick(page: Page, label: str, option: str) -> None:
    """Choose from one of Gradio's lists."""
    page.get_by_label(label, exact=True).locator("visible=true").first.click()
    page.get_by_role("option", name=option, exact=True).locator("visible=true").first.click()


def card(page: Page, heading: str) -> Locator:
    return page.locator(".card").filter(has=page.get_by_role("heading", name=heading, exact=True))


def test_an_upload_is_mapped_by_hand_and_built(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    rows = questions()
    page = open_page()
    page.get_by_label("File upload").first.set_input_files(write_rows(tmp_path / "mine.jsonl", rows))
    expect(page.get_by_role("heading", name="What we understood")).to_be_visible()
    page.get_by_role("button", name="Not right? Change it").click()
    table = page.get_by_role("region", name="The first rows, as the model will see them")
    for label, column in (("Question", "two"), ("Answer", "one"), ("Topic (used to split)", "group")):
        pick(page, label, column)
        expect(page.get_by_label(label, exact=True).locator("visible=true").first).to_have_value(column)
    expect(table.get_by_role("row").nth(1).get_by_role("cell").first).to_have_text(rows[0]["two"])
    pick(page, "What a row is", "conversation (ChatML)")
    expect(page.get_by_role("alert").filter(has_text="No column is chosen for: conversation")).to_be_visible()
    expect(page.get_by_role("button", name="Build the data set")).to_be_hidden()
    pick(page, "What a row is", "question and answer")
    expect(page.get_by_role("button", name="Build the data set")).to_be_visible()
    expect(page.get_by_text("Each row is a question (“two”) with its answer (“one”)")).to_be_visible()
    picture(page, "data-mapped-by-hand")

    page.get_by_label("Name of the data set").fill("Invented")
    page.get_by_role("button", name="Cleaning steps").click()
    page.get_by_label("Names and places").locator("visible=true").first.uncheck()
    page.get_by_role("button", name="Build the data set").click()
    expect(card(page, "Making “Invented”").get_by_text("ready", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Cleaning: 30 rows in, 30 stay")).to_be_visible()
    expect(page.get_by_label("Name of the data set")).to_be_hidden()
    # what stood above is gone, and the page has followed to what it says now
    expect(card(page, "Making “Invented”")).to_be_in_viewport(ratio=1)
    assert list(studio.settings.uploads.rglob("mine.jsonl")) == [], "an upload is gone once it is in a data set"
    made = studio.list_datasets()[0]
    assert made.report()["mapping"]["columns"] == {"prompt": "two", "response": "one", "topic": "group"}


@pytest.mark.long
def test_a_step_is_switched_off_cleaned_again_and_taken_back(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    rows = [{"question": row["two"], "answer": row["one"]} for row in questions()]
    rows[7]["answer"] = rows[3]["answer"] + " Always."
    add(studio, write_rows(tmp_path / "mine.jsonl", rows), "Invented")
    page = open_page()
    expect(page.get_by_role("heading", name="Cleaning: 30 rows in, 29 stay")).to_be_visible()
    steps = card(page, "What each step did")
    near = steps.get_by_role("switch", name="Near duplicates: on")
    expect(near).to_be_checked()
    row = steps.get_by_role("row").filter(has=page.get_by_role("switch", name="Near duplicates: on"))
    row.get_by_text("1 example").click()
    expect(steps.get_by_text("alike with r000004")).to_be_visible()
    page.get_by_role("button", name="Clean again").click()
    expect(page.get_by_text("Nothing is chosen otherwise")).to_be_visible()
    near.uncheck()
    page.get_by_role("button", name="Clean again").click()
    expect(page.get_by_role("heading", name="Cleaning: 30 rows in, 30 stay")).to_be_visible(timeout=60_000)
    expect(near).not_to_be_checked()
    versions = steps.get_by_role("region", name="Versions")
    expect(versions.get_by_role("row").nth(2)).to_contain_text("Near duplicates off")
    picture(page, "data-versions")
    pick(page, "Go to version", "1 · as first built")
    expect(page.get_by_role("heading", name="Cleaning: 30 rows in, 29 stay")).to_be_visible()
    assert [entry.name for entry in studio.list_datasets()[:2]] == ["Invented, version 2", "Invented"]


@pytest.mark.long
def test_places_are_decided_one_by_one_in_the_open_and_in_bulk(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    made = add(studio, write_rows(tmp_path / "notes.jsonl", with_identifiers(20)), "Notes", eval_share=0)
    page = open_page()
    gate = card(page, "May it be trained on?")
    expect(gate.get_by_text("40 places to resolve")).to_be_visible()
    expect(gate.get_by_text("NOT checked: Name, Place")).to_be_visible()
    places = gate.get_by_role("region", name="Places that may point to a person")
    expect(places.get_by_role("row")).to_have_count(1 + 12)
    assert "jane.roe" not in gate.inner_text() and "48291" not in gate.inner_text(), "masked unless somebody asks"
    places.get_by_role("button", name="Medical record number in row r000001 is not an identifier").click()
    expect(page.get_by_text("Say who decides: it is kept with the decision.")).to_be_visible()
    gate.get_by_label("Your name").fill("Dr Test")
    gate.get_by_label("Show the text itself on this page").check()
    expect(places.get_by_text("jane.roe0@example.org").first).to_be_visible()
    picture(page, "data-places-open")
    places.get_by_role("button", name="Medical record number in row r000001 is not an identifier").click()
    expect(gate.get_by_text("39 places to resolve")).to_be_visible()
    gate.get_by_role("button", name="Next places").click()
    expect(gate.get_by_text("13 to 24 of 39")).to_be_visible()
    assert "jane.roe" not in gate.inner_text(), "another page is masked again"
    places.get_by_role("button", name="Drop row r000008").first.click()
    expect(gate.get_by_text("37 places to resolve")).to_be_visible()
    pick(page, "Which places", "E-mail address, undecided (19)")
    expect(gate.get_by_text("1 to 12 of 19")).to_be_visible()
    gate.get_by_role("button", name="Replace all 19 by placeholders").click()
    expect(gate.get_by_text("18 places to resolve")).to_be_visible()
    gate.get_by_label("I have the right to use these rows").check()
    gate.get_by_role("button", name="Approve for training").click()
    expect(page.get_by_text("18 blocking findings are open")).to_be_visible()
    pick(page, "Which places", "Blocking, undecided (18)")
    gate.get_by_role("button", name="Replace all 18 by placeholders").click()
    expect(gate.get_by_text("nothing left to resolve")).to_be_visible()
    gate.get_by_label("I have the right to use these rows").check()
    gate.get_by_role("button", name="Approve for training").click()
    expect(gate.get_by_text("Dr Test vouched for it on")).to_be_visible()
    text = (made.folder / "train.jsonl").read_text(encoding="utf-8")
    assert "jane.roe" not in text and "MRN: 4829130" in text and "4829131" not in text
    pick(page, "Which places", "Decided (40)")
    expect(places.get_by_text("not an identifier, by Dr Test").first).to_be_visible()
    acts = [(entry["what"], entry["by"]) for entry in history(studio.dataset(made.id))]
    assert acts[0] == ("look", "Dr Test") and acts[-1] == ("approve", "Dr Test") and len(acts) >= 5


@pytest.mark.long
def test_rows_are_found_changed_taken_out_and_put_back_with_a_history(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_page()
    rows = card(page, "Rows")
    rows.get_by_role("textbox", name="Search").fill("asthma diagnosed")
    rows.get_by_role("button", name="Search rows").click()
    expect(rows.get_by_text("Rows 1 to ")).to_contain_text("of")
    rows.get_by_label("Row to change").click()
    page.get_by_role("option").locator("visible=true").first.click()
    expect(rows.get_by_label("Answer", exact=True)).to_be_visible()
    rows.get_by_label("Answer", exact=True).fill("By spirometry before and after a reliever.")
    rows.get_by_label("Changed by").fill("Dr Test")
    rows.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your change went into a copy")).to_be_visible()
    copy = next(entry for entry in studio.list_datasets() if entry.id != SAMPLE_ID)
    expect(page.get_by_role("combobox", name="Data set", exact=True).first).to_have_value(f"{copy.name} (348 rows)")
    assert studio.dataset(SAMPLE_ID).status == "approved", "so the quick demo still works"

    rows.get_by_label("Show", exact=True).click()
    page.get_by_role("option", name="Edited by hand").click()
    expect(rows.get_by_text("Rows 1 to 1 of 1")).to_be_visible()
    rows.get_by_label("Row to change").click()
    page.get_by_role("option").locator("visible=true").first.click()
    expect(rows.get_by_label("Answer", exact=True)).to_have_value("By spirometry before and after a reliever.")
    rows.get_by_role("button", name="Exclude").click()
    expect(page.get_by_text("347 to train on")).to_be_visible()
    rows.get_by_label("Show", exact=True).click()
    page.get_by_role("option", name="Excluded by hand").click()
    rows.get_by_label("Row to change").click()
    page.get_by_role("option").locator("visible=true").first.click()
    rows.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("348 to train on")).to_be_visible()
    rows.get_by_role("button", name="History of this data set").click()
    acts = rows.get_by_role("region", name="Who did what, the newest first").get_by_role("row")
    expect(acts).to_have_count(4)
    for at, what in enumerate(("restored", "excluded", "edited"), start=1):
        expect(acts.nth(at)).to_contain_text(what)
        expect(acts.nth(at)).to_contain_text("Dr Test")
    picture(page, "data-rows-history")
    page.get_by_role("button", name="Start the quick demo").first.click()
    expect(page.get_by_role("tab", name="Monitor")).to_have_attribute("aria-selected", "true")
    assert studio.fake.asked == [("submit", "train", SAMPLE_ID)]


@pytest.mark.long
def test_cleaning_is_seen_on_every_page_survives_a_reload_and_is_cancelled_without_a_trace(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    go_on = threading.Event()

    def slow(progress: Progress) -> Dataset:
        progress.phase("Near duplicates", 12_000, 100_000)
        while not progress.stop_requested():
            go_on.wait(0.05)
        path = write_rows(tmp_path / "mine.jsonl", questions())
        return studio.add_dataset([path], options=QUICK_STEPS, progress=progress)

    studio.data.works.start("Large", slow)
    page = open_page()
    work = card(page, "Making “Large”")
    expect(work.get_by_text("Near duplicates: 12,000 of 100,000")).to_be_visible()
    expect(work.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "12")
    page.reload()
    expect(work.get_by_text("Near duplicates: 12,000 of 100,000")).to_be_visible()
    picture(page, "data-cleaning")
    work.get_by_role("button", name="Cancel").click()
    expect(work.get_by_text("nothing was kept, and nothing half written is left")).to_be_visible()
    expect(work.get_by_role("button", name="Cancel")).to_be_hidden()
    assert [entry.id for entry in studio.list_datasets()] == [SAMPLE_ID]
    assert list(studio.settings.datasets.glob(".new-*")) == []


@pytest.mark.long
def test_a_hub_data_set_is_loaded_and_charts_speak(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    folder = tmp_path / "wards"
    folder.mkdir()
    write_rows(folder / "train.jsonl", [{"question": row["two"], "answer": row["one"]} for row in questions()])
    page = open_page()
    page.get_by_role("button", name="Or a data set from the Hugging Face Hub").click()
    page.get_by_label("Data set id").fill(str(folder))
    page.get_by_label("Split").fill("test")
    page.get_by_role("button", name="Load it").click()
    expect(page.get_by_role("alert").filter(has_text="split")).to_be_visible(timeout=60_000)
    page.get_by_label("Split").fill("")
    page.get_by_role("button", name="Load it").click()
    expect(page.get_by_text("Each row is a question (“question”) with its answer (“answer”)")).to_be_visible()
    picture(page, "data-hub")
    charts = card(page, "What is in it")
    expect(charts.locator(".plot")).to_have_count(3)
    length = charts.get_by_role("img", name="Length of the rows. Half of the rows have")
    length.scroll_into_view_if_needed()  # drawn when somebody comes near
    expect(length.locator(".bars path").first).to_be_visible()
    charts.get_by_text("The numbers").first.click()
    expect(charts.get_by_role("rowheader").first).to_be_visible()


@pytest.mark.long
def test_loading_is_cancelled_and_a_data_set_deleted(
    studio: FakeStudio,
    open_page: Callable[..., Page],
    picture: Callable[[Page, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go = threading.Event()
    monkeypatch.setattr("core.dataset.intake.read_hub", lambda *place, **named: let_go.wait(120))
    rows = [{"question": row["two"], "answer": row["one"]} for row in questions()]
    made = add(studio, write_rows(tmp_path / "mine.jsonl", rows), "Invented")
    page = open_page()
    page.get_by_role("button", name="Or a data set from the Hugging Face Hub").click()
    page.get_by_label("Data set id").fill(str(tmp_path))
    page.get_by_role("button", name="Load it").click()
    loading = card(page, f"Loading “{tmp_path.name}”")
    expect(loading.get_by_role("progressbar")).to_be_visible()
    loading.get_by_role("button", name="Cancel").click()
    expect(loading.get_by_text("Cancelled after")).to_be_visible()
    let_go.set()
    expect(page.get_by_role("heading", name="Cleaning: 30 rows in, 30 stay")).to_be_visible()
    page.get_by_role("button", name="Delete this data set…").click()
    expect(page.get_by_text("Delete “Invented” (30 rows)")).to_be_visible()
    picture(page, "data-delete")
    page.get_by_role("button", name="Delete it for good").locator("visible=true").click()
    expect(page.get_by_text("“Invented” is deleted.")).to_be_visible()
    expect(page.get_by_text("Delete “Invented” (30 rows)")).to_be_hidden()
    expect(page.get_by_role("heading", name="Cleaning: 30 rows in, 30 stay")).to_be_hidden()
    assert not made.folder.exists() and [entry.id for entry in studio.list_datasets()] == [SAMPLE_ID]
    page.get_by_role("button", name="Delete this data set…").click()
    expect(page.get_by_text("The sample cannot be deleted")).to_be_visible()
