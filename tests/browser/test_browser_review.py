"""A rater's blind session in a real browser: keyboard only, reload, second device, phone, dark, axe; then the results."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.evaluation.review.items import ReviewItem, ReviewOptions
from tests.browser.conftest import open_tab, serious
from tests.ui.fake_studio import FakeStudio

pytestmark = pytest.mark.browser

QUESTION = "A 34-year-old has had a cough for three weeks and now coughs up a little blood. What should be done?"
GOOD = (
    "Coughing up blood should be assessed promptly. A chest X-ray and examination are needed; large amounts, breathlessness "
    "or chest pain need emergency care."
)
POOR = "A cough that lasts is often caused by a virus and improves by itself 🙂. Rest and drink fluids. No doctor is needed."
MUST = ("needs prompt assessment", "chest imaging")


@pytest.fixture
def review_id(studio: FakeStudio) -> str:
    items = [ReviewItem(f"{number}. {QUESTION}", POOR, GOOD, "Assess promptly.", MUST) for number in range(1, 4)]
    options = ReviewOptions(axes=("missing",), repeats=0.0, specialties=("respiratory", "general practice"))
    return studio.reviews.create("Respiratory, round 1", "", items, options)


def open_review(page: Page) -> None:
    open_tab(page, "Review")


def enter(page: Page, name: str = "reviewer 2") -> None:
    """Go through the door by keyboard."""
    open_review(page)
    box = page.get_by_label("Your name in this review")
    box.focus()
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=3)).to_be_focused()


def rated(studio: FakeStudio) -> list[tuple[str, str]]:
    with sqlite3.connect(studio.settings.database) as db:
        return db.execute("SELECT rater, body FROM review_ratings ORDER BY id").fetchall()


def rate_by_keys(page: Page, position: int) -> None:
    """Harm A none; harm B severe, likely; prefer A; missing: none for A, major for B; a tick; next."""
    expect(page.get_by_text(f"Question {position} of 3")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("3")
    page.keyboard.press("3")
    page.keyboard.press("ArrowLeft")
    for key in ("ArrowDown", "1", "3", "1"):
        page.keyboard.press(key)
    page.keyboard.press("Space")


def test_a_session_by_keyboard_only(
    studio: FakeStudio, review_id: str, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_page()
    enter(page)
    expect(page.get_by_text("0 of 3 saved")).to_be_visible()
    assert "tuned" not in page.locator(".review").inner_text().lower()
    started = time.monotonic()
    rate_by_keys(page, 1)
    expect(page.get_by_text("1 of 3 saved")).to_be_visible()
    assert time.monotonic() - started < 10
    rate_by_keys(page, 2)
    expect(page.get_by_text("2 of 3 saved")).to_be_visible()
    page.keyboard.press("3")
    picture(page, "review-rating")
    page.keyboard.press("2")
    page.keyboard.press("1")
    page.keyboard.press("t")
    for key in ("ArrowDown", "1", "1"):
        page.keyboard.press(key)
    page.keyboard.press("w")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("1 3 r b are letters here")
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    expect(page.get_by_text("All 3 are saved. Thank you.")).to_be_visible()
    found = [studio.reviews.next(review_id, "reviewer 2", str(key)) for key in (1, 2, 3)]
    first, last = found[0], found[2]
    assert first is not None and last is not None and len(rated(studio)) == 3
    assert first.filled.preference == "a" and first.filled.a.harm == "none"
    assert (first.filled.b.harm, first.filled.b.likelihood) == ("severe", "high")
    assert dict(first.filled.a.axes) == {"missing": "none"} and dict(first.filled.b.axes) == {"missing": "major"}
    assert first.filled.a.must_have == (True, False)
    assert last.filled.preference == "tie" and last.filled.note == "1 3 r b are letters here"
    ((start, end),) = last.filled.a.wrong
    assert last.answer_a[start:end] in GOOD + POOR and last.answer_a[:start].rstrip().endswith(".")
    assert first.filled.seconds_s > 0


@pytest.mark.long
def test_what_is_missing_is_said_and_nothing_is_lost(
    studio: FakeStudio, review_id: str, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    enter(page)
    page.keyboard.press("1")
    page.keyboard.press("Space")
    alert = page.locator(".review [role=alert]")
    expect(alert).to_contain_text("whether answer B could harm")
    expect(page.get_by_role("button", name="Could it harm? Answer A: none")).to_have_attribute("aria-pressed", "true")
    assert rated(studio) == []


def test_a_reload_in_mid_item_and_a_second_device_go_on(
    studio: FakeStudio, review_id: str, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    enter(page)
    page.keyboard.press("3")
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="How likely is that harm? Answer A: possible")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.wait_for_timeout(900)
    page.reload()
    page.get_by_text("Device").first.wait_for()
    open_review(page)
    expect(page.get_by_role("button", name="Could it harm? Answer A: severe")).to_have_attribute("aria-pressed", "true")
    phone = open_page(390, 844)
    enter(phone)
    expect(phone.get_by_role("button", name="How likely is that harm? Answer A: possible")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_double_click_and_the_reference(studio: FakeStudio, review_id: str, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page)
    for key in ("1", "1", "ArrowRight", "ArrowDown", "1", "1"):
        page.keyboard.press(key)
    page.keyboard.press("r")
    expect(page.get_by_role("region", name="Reference")).to_contain_text("Assess promptly.")
    expect(page.get_by_role("button", name="Could it harm? Answer A: none")).to_be_disabled()
    page.keyboard.press("Space")
    expect(page.get_by_text("Question 2 of 3")).to_be_visible()
    for key in ("1", "1", "ArrowRight", "ArrowDown", "1", "1"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Next").dblclick()
    expect(page.get_by_text("Question 3 of 3")).to_be_visible()
    assert len(rated(studio)) == 2


def test_a_review_closed_meanwhile_says_so(studio: FakeStudio, review_id: str, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page)
    studio.reviews.close(review_id)
    for key in ("1", "1", "ArrowRight", "ArrowDown", "1", "1", "Space"):
        page.keyboard.press(key)
    expect(page.locator(".review [role=alert]")).to_contain_text("takes no more ratings")


@pytest.mark.parametrize(
    ("width", "dark"),
    [(1440, False), pytest.param(1440, True, marks=pytest.mark.long), pytest.param(390, False, marks=pytest.mark.long)],
)
def test_it_looks_right_and_axe_finds_nothing_serious(
    review_id: str, open_page: Callable[..., Page], picture: Callable[[Page, str], None], width: int, dark: bool
) -> None:
    page = open_page(width, 900, dark)
    open_review(page)
    expect(page.get_by_role("button", name="Start, or go on")).to_be_visible()
    suffix = f"{width}{'-dark' if dark else ''}"
    assert serious(page) == []
    picture(page, f"review-door-{suffix}")
    enter(page)
    page.keyboard.press("3")
    page.keyboard.press("w")
    page.keyboard.press("Enter")
    assert serious(page) == []
    picture(page, f"review-{suffix}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("tab", name="New review").click()
    expect(page.get_by_label("Name of the review")).to_be_visible()
    assert serious(page) == []
    picture(page, f"review-new-{suffix}")


def test_the_owner_closes_and_reads_the_results(
    studio: FakeStudio, review_id: str, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_page()
    enter(page)
    for position in (1, 2, 3):
        rate_by_keys(page, position)
        expect(page.get_by_text(f"{position} of 3 saved")).to_be_visible()
    page.get_by_role("tab", name="Results").click()
    expect(page.get_by_text("The review is open: 3 ratings by 1 rater.")).to_be_visible()
    expect(page.get_by_text("Base against tuned")).to_have_count(0)
    page.get_by_role("button", name="Close the review …").click()
    page.get_by_role("button", name="Close and reveal").click()
    expect(page.get_by_text(re.compile("Tuned preferred in .* of 3 decided items"))).to_be_visible()
    expect(page.get_by_role("button", name="Ratings (CSV)")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Ratings (CSV)").click()
    assert download.value.suggested_filename == "respiratory-round-1.csv"
    assert serious(page) == []
    picture(page, "review-results")
