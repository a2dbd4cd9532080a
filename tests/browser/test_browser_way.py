"""The whole way through the page by role and label: start, upload, approve, train, export; and the looks of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import LOOKED_AT, open_tab, serious
from tests.ui.fake_studio import FakeStudio, snapshot

pytestmark = pytest.mark.browser


def write_rows(path: Path, count: int = 30) -> Path:
    """Questions and answers of a kind, under other names than ours."""
    rows = [
        {
            "q": f"What is condition number {at} and how is it found?",
            "a": f"It is an invented illness of kind {at}, found by test {at * 7}.",
        }
        for at in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def panel(page: Page) -> object:
    return page.get_by_role("tabpanel")


def test_a_newcomer_starts_with_one_click(studio: FakeStudio, open_page: Callable[..., Page]) -> None:
    page = open_page()
    expect(page.get_by_role("heading", name="New here? Start with a click.")).to_be_visible()
    page.get_by_role("button", name="Start the quick demo").first.click()
    expect(page.get_by_role("tab", name="Monitor")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name="Quick demo")).to_be_visible()
    assert studio.fake.asked == [("submit", "train", "sample")]
    open_tab(page, "Data")
    expect(page.get_by_role("heading", name="New here? Start with a click.")).to_be_hidden()


def test_an_upload_is_understood_built_approved_and_taken_to_train(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    page = open_page()
    page.locator("input[type=file]").first.set_input_files(write_rows(tmp_path / "mine.jsonl"))
    expect(page.get_by_role("heading", name="What we understood")).to_be_visible()
    expect(page.get_by_text("Each row is a question (“q”) with its answer (“a”)")).to_be_visible()
    picture(page, "data-preview")
    page.get_by_label("Name of the data set").fill("Invented illnesses")
    page.get_by_role("button", name="Build the data set").click()
    expect(page.get_by_role("heading", name="Cleaning: 30 rows in")).to_be_visible()
    assert list(studio.settings.uploads.rglob("*.jsonl")) == [], "an upload is gone once it is in a data set"
    page.get_by_label("Your name").fill("Dr Test")
    page.get_by_label("I have the right to use these rows").check()
    page.get_by_role("button", name="Approve for training").click()
    expect(page.get_by_text("ready to train")).to_be_visible()
    picture(page, "data-approved")
    assert studio.list_datasets()[0].approval.by == "Dr Test"  # type: ignore[union-attr]
    page.get_by_role("button", name="Train on it").click()
    expect(page.get_by_role("heading", name="Plan for this machine")).to_be_visible()
    picked = page.get_by_label("Data set", exact=True).last
    assert picked.input_value().startswith("Invented illnesses")
    # what is picked on Train stays when the lists move, the sidebar follows it, and the Data screen may ask again
    beside = page.locator(".sidebar .dataset")
    picked.click()
    page.get_by_role("option", name="Sample questions").click()
    expect(beside).to_contain_text("Sample questions")
    studio.fake.show(snapshot("finished", 200))
    expect(page.locator(".sidebar").get_by_text("finished · Respiratory demo")).to_be_visible()
    page.wait_for_timeout(500)
    assert picked.input_value().startswith("Sample questions")
    open_tab(page, "Data")
    page.get_by_role("button", name="Train on it").click()
    expect(beside).to_contain_text("Invented illnesses")
    expect(picked).to_have_value(re.compile("^Invented illnesses"))
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Invented illnesses")).to_be_visible()
    assert studio.fake.asked == [("submit", "train", studio.list_datasets()[0].id)]


def test_identifiers_stand_in_the_way_until_somebody_decides(
    studio: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "notes.jsonl")
    row = {
        "q": "What was found at the visit?",
        "a": "Seen with MRN: 00482913, reach her at jane.roe@example.org for the result.",
    }
    path.write_text(path.read_text() + json.dumps(row) + "\n")
    page = open_page()
    page.locator("input[type=file]").first.set_input_files(path)
    page.get_by_role("button", name="Build the data set").click()
    expect(page.get_by_text("identifiers to resolve")).to_be_visible()
    expect(page.get_by_text("2 places to resolve")).to_be_visible()
    assert (
        "jane.roe" not in page.content()
        and "00482913" not in page.get_by_role("region", name="Places that").inner_text()
    )
    picture(page, "data-identifiers")
    page.get_by_label("Your name").fill("Dr Test")
    page.get_by_label("I have the right to use these rows").check()
    page.get_by_role("button", name="Approve for training").click()
    expect(page.get_by_text("blocking findings are open")).to_be_visible()
    page.get_by_role("button", name="Replace all 2 by placeholders").click()
    expect(page.get_by_text("nothing left to resolve")).to_be_visible()
    page.get_by_label("I have the right to use these rows").check()
    page.get_by_role("button", name="Approve for training").click()
    expect(page.get_by_text("ready to train")).to_be_visible()
    kept = (studio.list_datasets()[0].folder / "train.jsonl").read_text() + (
        studio.list_datasets()[0].folder / "eval.jsonl"
    ).read_text()
    assert "jane.roe" not in kept and "00482913" not in kept


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.jsonl", b"", "empty"),
        ("junk.csv", bytes(range(256)) * 40, "junk.csv"),
        ("broken.jsonl", b'{"q": "a?", "a": "b"}\n' * 16 + b'{"q": "a?", "a": \n', "17"),
        ("columns.csv", b"height,weight\n1,2\n3,4\n", "“height” and “weight”"),
        ("silent.csv", b"question,answer\nWhat is gout?,\nWhat is asthma?,\n", "empty"),
    ],
)
def test_a_bad_file_says_what_is_wrong(
    open_page: Callable[..., Page], tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    page = open_page()
    (tmp_path / name).write_bytes(content)
    page.locator("input[type=file]").first.set_input_files(tmp_path / name)
    wrong = page.get_by_role("alert").first
    expect(wrong).to_be_visible()
    assert says in wrong.inner_text()
    expect(page.get_by_role("button", name="Build the data set")).to_be_hidden()


def test_the_recipe_moves_the_plan_and_blocks_what_cannot_work(open_page: Callable[..., Page]) -> None:
    page = open_page()
    open_tab(page, "Train")
    expect(page.get_by_text("fits:")).to_be_visible()
    page.get_by_label("Quick demo").check()
    expect(page.get_by_label("number input for Learning rate")).to_have_value("0.001")
    page.get_by_label("Longest row (tokens)").fill("512")
    page.get_by_label("Longest row (tokens)").blur()
    expect(page.get_by_text("Changed from Quick demo: Longest row (tokens).")).to_be_visible()
    page.get_by_label("Longest row (tokens)").fill("5")
    expect(page.get_by_label("Longest row (tokens)")).to_have_css("box-shadow", "rgb(15, 118, 110) 0px 0px 0px 1px")
    page.get_by_label("Longest row (tokens)").blur()
    expect(page.get_by_role("alert").get_by_text("“Longest row (tokens)” must lie between")).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_be_disabled()


def test_export_gives_the_zip(studio: FakeStudio, open_page: Callable[..., Page]) -> None:
    studio.fake.show(snapshot("finished", 200))
    page = open_page()
    open_tab(page, "Export")
    expect(page.get_by_text("Not reviewed.")).to_be_visible()
    page.get_by_role("button", name="Prepare the zip").click()
    link = page.get_by_role("button", name="-adapter.zip")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes() == b"PK made up"
    page.get_by_label("Repository").fill("me/mine")
    page.get_by_role("button", name="Push").click()
    expect(page.get_by_role("link", name="https://huggingface.co/me/mine")).to_be_visible()
    assert studio.pushed == [(studio.fake.now.job.id, "me/mine", True)]  # type: ignore[union-attr]


def open_screen(page: Page, name: str) -> None:
    """Open a tab, and wait until its screen is laid out and has come to rest."""
    open_tab(page, name)
    expect(page.locator(".card").locator("visible=true").first).to_be_visible()
    page.wait_for_timeout(700)


# What is left of the page cannot be scrolled to, so its width does not tell.
CUT_ON_THE_LEFT = """[...document.querySelectorAll('.main button, .main h2, .main p')]
    .filter((it) => it.offsetParent && it.getBoundingClientRect().left < 0).map((it) => it.textContent)"""
SCROLLED_ACCORDIONS = """[...document.querySelectorAll('.gr-accordion')].filter((it) => it.offsetParent
    && getComputedStyle(it).overflowX !== 'visible' && it.scrollWidth > it.clientWidth).map((it) => it.textContent)"""


def test_a_phone_shows_a_newcomer_both_buttons_whole(
    open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_page(width=390)
    expect(page.get_by_role("button", name="Start the quick demo").first).to_be_visible()
    assert page.evaluate(CUT_ON_THE_LEFT) == []
    picture(page, "data-new-phone")


def test_the_plan_stays_in_its_card_on_a_small_laptop(open_page: Callable[..., Page]) -> None:
    page = open_page(width=1024)
    open_tab(page, "Train")
    expect(page.get_by_text("Chosen for you, and why")).to_be_visible()
    beside = page.locator(".card").filter(has_text="Plan for this machine").locator("table.facts").last
    edges = "it => [it.getBoundingClientRect().right, it.closest('.card').getBoundingClientRect().right]"
    table, card = beside.evaluate(edges)
    assert table < card


@LOOKED_AT
def test_every_screen_fits(
    studio: FakeStudio,
    open_page: Callable[..., Page],
    picture: Callable[[Page, str], None],
    name: str,
    width: int,
    dark: bool,
) -> None:
    studio.fake.show(snapshot("finished", 200))
    page = open_page(width=width, dark=dark)
    for tab in ("Data", "Train", "Chat", "Export", "Help"):
        open_screen(page, tab)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{tab} sticks out sideways"
        assert page.evaluate(SCROLLED_ACCORDIONS) == [], f"{tab} has scroll bars below accordions"
        picture(page, f"{tab.lower()}-{name}")


@pytest.mark.long
def test_seven_tabs_of_a_browser_stay_usable(studio: FakeStudio, open_page: Callable[..., Page]) -> None:
    pages = [open_page() for _ in range(7)]
    studio.fake.show(snapshot("running"))
    for page in pages:
        page.bring_to_front()
        expect(page.get_by_text("62 %")).to_be_visible()


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.long)], ids=["light", "dark"])
def test_axe_finds_nothing_serious(studio: FakeStudio, open_page: Callable[..., Page], dark: bool) -> None:
    studio.fake.show(snapshot("finished", 200))
    page = open_page(dark=dark)
    for tab in ("Data", "Train", "Monitor", "Chat", "Export", "Help"):
        open_screen(page, tab)
        assert serious(page) == [], tab
