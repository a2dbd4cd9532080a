"""The Chat screen in a real browser: by keyboard, on a phone, in the dark, as a clinician's view, and beside a job."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import open_tab, serious
from tests.core.inference.test_target import make_adapter
from tests.ui.fake_chat import DIGEST
from tests.ui.fake_studio import FakeStudio, snapshot

pytestmark = pytest.mark.browser

TUNED = "Tuned: Tiredness, pallor and breathlessness."
BASE = TUNED.replace("Tuned:", "Base:")


@pytest.fixture
def trained(studio: FakeStudio) -> FakeStudio:
    studio.fake.show(snapshot("finished", 200))
    return studio


def opened(page: Page) -> Page:
    open_tab(page, "Chat")
    expect(page.get_by_text("best (step 150)").first).to_be_visible()  # the list has come, and what follows from it
    return page


def type_question(page: Page, question: str) -> None:
    page.get_by_label("Your question").focus()
    page.keyboard.type(question)
    page.keyboard.press("Enter")


def press(page: Page, button: str) -> None:
    """Press a button by keyboard."""
    page.get_by_role("button", name=button, exact=True).focus()
    page.keyboard.press("Enter")


def questions(studio: FakeStudio) -> list[list[str]]:
    """What the tuned model was asked, each time."""
    return [[turn.content for turn in entry[2].tuned] for entry in studio.fake.asked if entry[0] == "chat"]


def test_a_conversation_by_keyboard_only(
    trained: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = opened(open_page())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    trained.chats.script.thinking = "Iron carries oxygen."
    type_question(page, "What causes tiredness?")
    expect(page.get_by_text(TUNED)).to_be_visible()
    expect(page.get_by_text("Iron carries oxygen.").first).not_to_be_visible()  # folded
    type_question(page, "And what else?")
    expect(page.get_by_text(TUNED)).to_have_count(2)
    press(page, "Retry")
    wait_for(lambda: len(questions(trained)) == 3)
    assert questions(trained)[1] == questions(trained)[2] == ["What causes tiredness?", TUNED, "And what else?"]
    press(page, "Another answer")
    wait_for(lambda: len(questions(trained)) == 4)
    seeds = [entry[2].options.seed for entry in trained.fake.asked if entry[0] == "chat"]
    assert seeds[:3] == [42] * 3 and seeds[3] != 42

    # the first question, put otherwise, takes the second one away in both windows
    expect(page.get_by_text("3 tokens · 41 tokens/s")).to_have_count(2)
    pencil = page.locator(".of-tuned").get_by_role("button", name="Edit").first
    pencil.focus()
    page.keyboard.press("Enter")
    box = page.locator(".of-tuned textarea")
    box.fill("What causes pallor?")
    page.locator(".of-tuned").get_by_role("button", name="Submit").focus()
    page.keyboard.press("Enter")
    wait_for(lambda: questions(trained)[-1] == ["What causes pallor?"])
    expect(page.get_by_text("And what else?")).to_have_count(0)
    expect(page.locator(".of-base").get_by_text("What causes pallor?")).to_be_visible()
    expect(page.get_by_text(BASE)).to_have_count(1)

    press(page, "Copy as report")
    expect(page.get_by_text("The report is on the clipboard.")).to_be_visible()
    report = page.evaluate("navigator.clipboard.readText()")
    assert f"> {TUNED}" in report and f"sha256 {DIGEST}" in report and "Research tool" in report
    page.locator("#judge-tuned-flag").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Incomplete")).to_be_visible()
    expect(page.get_by_label("Harmful")).to_be_focused()
    page.keyboard.press("Space")
    page.get_by_label("In your own words").fill("No red flags named.")
    picture(page, "chat-flag")
    press(page, "Save")
    expect(page.get_by_text("Thank you, it is kept.")).to_be_visible()
    expect(page.get_by_label("In your own words")).not_to_be_visible()
    (row,) = trained.feedback.rows()
    assert (row["verdict"], row["about"], row["reasons"]) == ("flag", "tuned", ["harmful"])
    assert (row["question"], row["tuned"]) == ("What causes pallor?", TUNED)

    page.get_by_role("button", name="For clinicians").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Remarks (JSONL)").click()
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["note"] == "No red flags named."
    assert page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)").count("pallor") == 0


def wait_for(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something that the page does not show has happened."""
    ended = threading.Event()
    for _ in range(int(seconds * 10)):
        if true():
            return
        ended.wait(0.1)
    raise AssertionError("it did not happen")


def test_stopping_and_a_job_that_begins_and_ends(trained: FakeStudio, open_page: Callable[..., Page]) -> None:
    page = opened(open_page())
    expect(page.get_by_text("Ready to load")).to_be_visible()  # warmed up when the tab was opened
    trained.chats.script.wait = threading.Event()
    type_question(page, "Will it end?")
    expect(page.get_by_text("Tuned: Tiredness, pallor", exact=True)).to_be_visible()
    press(page, "Stop")
    expect(page.get_by_text(TUNED)).to_be_visible()
    trained.chats.script.wait = None

    trained.fake.show(snapshot("running"))
    told = page.get_by_text("Respiratory demo is using the machine (training, 62 %), about 2 min 09 s left.")
    expect(told).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.get_by_label("Your question").fill("Now?")
    trained.fake.show(snapshot("finished", 200))
    expect(told).not_to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text(TUNED)).to_have_count(2)


@pytest.mark.long
def test_an_adapter_is_brought_along_and_the_base_stands_alone(
    trained: FakeStudio, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = opened(open_page())
    page.get_by_role("button", name="Bring an adapter").click()
    good, bad = make_adapter(tmp_path / "good"), tmp_path / "bad"
    bad.mkdir()
    (bad / "adapter_config.json").write_bytes((good / "adapter_config.json").read_bytes())
    (bad / "adapter_model.bin").write_bytes(b"pickle")
    for folder, told in ((bad, "no adapter_model.safetensors"), (good, "is kept; it goes with org/base")):
        with page.expect_file_chooser() as choosing:
            page.get_by_role("button", name="Upload an adapter").click()
        choosing.value.set_files([path for path in sorted(folder.iterdir()) if path.suffix != ".bin"])
        expect(page.get_by_text(told).first).to_be_visible()
    (kept,) = trained.chats.adapters()
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("brought along, for org/base"))
    type_question(page, "What causes tiredness?")
    expect(page.get_by_text(TUNED)).to_be_visible()
    assert [entry[1] for entry in trained.fake.asked if entry[0] == "chat"] == [kept.id]
    page.get_by_role("button", name="Delete this adapter").click()
    expect(page.get_by_text("Deleted.")).to_be_visible()
    assert trained.chats.adapters() == []


@pytest.mark.long
def test_the_clinicians_view_holds_the_conversation_only(
    trained: FakeStudio, address: str, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = opened(open_page())
    run = trained.fake.now.job.id  # type: ignore[union-attr]
    page.goto(f"{address}?clinician={run}%40200")
    expect(page.get_by_text("Base is the model as it came.")).to_be_visible()
    type_question(page, "What causes tiredness?")
    expect(page.get_by_text(TUNED)).to_be_visible()
    assert [entry[1] for entry in trained.fake.asked if entry[0] == "chat"] == [f"{run}@200"]
    for hidden in ("Copy as report", "How it answers", "Another answer", "For clinicians", "Bring an adapter"):
        expect(page.get_by_role("button", name=hidden)).to_have_count(0)
    assert page.get_by_role("tab").count() == 0
    expect(
        page.get_by_text("Research tool, not a medical device. Answers may be wrong").locator("visible=true")
    ).to_be_visible()
    assert serious(page) == []
    picture(page, "chat-clinician")
    page.locator("#judge-base-up").click()
    expect(page.get_by_text("Thank you, it is kept.")).to_be_visible()
    assert [(row["verdict"], row["about"], row["source"]) for row in trained.feedback.rows()] == [
        ("up", "base", f"{run}@200")
    ]
    press(page, "Leave this view")
    expect(page.get_by_role("tab", name="Train")).to_be_visible()
    expect(page.get_by_text("Base is the model as it came.")).to_be_hidden()
    page.goto(f"{address}?clinician=20260101-gone")
    expect(page.get_by_text("is not here any more")).to_be_visible()


@pytest.mark.parametrize(
    ("width", "dark"), [(1440, False), pytest.param(1440, True, marks=pytest.mark.long), (390, False)]
)
def test_it_looks_right_and_axe_finds_nothing_serious(
    trained: FakeStudio, open_page: Callable[..., Page], picture: Callable[[Page, str], None], width: int, dark: bool
) -> None:
    trained.chats.script.thinking, trained.chats.script.thinks = "Iron carries oxygen.", True
    page = opened(open_page(width, 900, dark))
    type_question(page, "What causes tiredness?")
    expect(page.get_by_text(TUNED)).to_be_visible()
    if width > 1000:  # question and answer are in sight at once
        assert page.get_by_role("button", name="Send").bounding_box()["y"] < 900  # type: ignore[index]
    page.locator("#judge-tuned-down").click()
    expect(page.get_by_label("In your own words")).to_be_visible()
    page.get_by_role("button", name="How it answers").click()
    expect(page.get_by_label("Let it think first")).to_be_visible()
    thought = page.locator(".of-tuned").get_by_role("button", name="Thoughts").first
    thought.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".of-tuned").get_by_text("Iron carries oxygen.")).to_be_visible()
    page.wait_for_timeout(800)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    picture(page, f"chat-{width}{'-dark' if dark else ''}")


def test_an_answer_fetches_nothing_from_elsewhere(trained: FakeStudio, open_page: Callable[..., Page]) -> None:
    """Markdown may hold a picture of any address; its loading would carry what was said out of the house."""
    page = opened(open_page())
    reached: list[str] = []
    page.on("requestfinished", lambda request: reached.append(request.url))
    page.context.route("**://elsewhere.example/**", lambda route: route.fulfill(body="seen"))
    trained.chats.script.thinking = '<video src="https://elsewhere.example/thought.mp4"></video>'
    type_question(page, 'See ![it](https://elsewhere.example/a.png) <img src="https://elsewhere.example/b.png"> there.')
    expect(page.get_by_text(TUNED)).to_be_visible()
    expect(page.locator('.window img[src*="elsewhere.example"]').first).to_be_attached()
    page.wait_for_timeout(1_000)
    assert [url for url in reached if "elsewhere.example" in url] == []
