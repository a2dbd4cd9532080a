"""The Monitor in a real browser: charts that are never rebuilt and keep their zoom, and a run that can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from medft_ui.app import build_app
from medft_ui.launch import launch
from tests.browser.conftest import LOOKED_AT, open_tab
from tests.ui.conftest import free_port
from tests.ui.fake_studio import KILLED, FakeStudio, snapshot

pytestmark = pytest.mark.browser

CHART = ".chart .plot"


def zoom(page: Page) -> None:
    """Drag over the middle of the loss chart, as a person would."""
    box = page.locator(f"{CHART} .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=6)
    page.mouse.up()


def x_range(page: Page, chart: int = 0) -> list[float]:
    return page.evaluate("n => document.querySelectorAll('.chart .plot')[n].layout.xaxis.range", chart)


def test_charts_take_sixty_updates_without_a_remount_and_keep_the_zoom(
    studio: FakeStudio, open_page: Callable[..., Page]
) -> None:
    studio.fake.show(snapshot("running", 60))
    page = open_page()
    page.get_by_role("tab", name="Monitor").click()
    expect(page.get_by_role("figure", name="Loss.")).to_be_visible()
    zoom(page)
    page.wait_for_function("document.querySelectorAll('.chart .plot')[1].layout.xaxis.range[0] > 1")
    zoomed = x_range(page)
    assert 0 < zoomed[0] < zoomed[1] < 190
    assert x_range(page, 1) == pytest.approx(zoomed), "the charts share one axis"
    page.evaluate("document.querySelectorAll('.chart .plot').forEach(node => { node.mine = true; })")
    page.evaluate(
        "window.drawn = 0; document.querySelector('.chart .plot').on('plotly_afterplot', () => window.drawn++)"
    )
    for step in range(61, 121):
        before = page.evaluate("window.drawn")
        studio.fake.show(snapshot("running", step))
        page.wait_for_function("before => window.drawn > before", arg=before)
    nodes = page.evaluate(
        "[...document.querySelectorAll('.chart .plot')].map(node => [node.mine, node.dataset.mounts])"
    )
    assert nodes == [[True, "1"]] * 5
    assert x_range(page) == pytest.approx(zoomed)
    assert page.evaluate("document.querySelector('.chart .plot').data[0].x.length") == 120


def test_a_first_point_is_seen_and_before_it_no_numbers_stand_at_the_axes(
    studio: FakeStudio, open_page: Callable[..., Page]
) -> None:
    studio.fake.show(snapshot("starting", 0, history={}, total_steps=0))
    page = open_page()
    page.get_by_role("tab", name="Monitor").click()
    loss = page.locator(CHART).first
    expect(loss.locator(".main-svg").first).to_be_visible()
    expect(loss.locator(".xtick, .ytick")).to_have_count(0)
    expect(loss.locator(".modebar")).to_have_css("opacity", "0")
    studio.fake.show(snapshot("running", 1))
    expect(loss.locator(".point").last).to_be_visible()
    expect(loss.locator(".ytick").first).to_be_visible()
    loss.hover()
    expect(loss.locator(".modebar")).to_have_css("opacity", "1")


def test_reload_and_second_tab_show_the_same_run(studio: FakeStudio, open_page: Callable[..., Page]) -> None:
    studio.fake.show(snapshot("running", 124))
    page = open_page()
    expect(page.get_by_text("62 %")).to_be_visible()
    page.reload()
    expect(page.get_by_text("62 %")).to_be_visible()
    expect(open_page().get_by_text("62 %")).to_be_visible()


def test_a_page_that_outlives_a_restart_of_the_app_loads_itself_again(
    studio: FakeStudio, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medft_ui.app.IDLE_S", 0.25)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(studio.settings.uploads))
    settings = replace(studio.settings, port=free_port())
    demo = build_app(studio)
    page = browser.new_page()
    page.goto(launch(demo, settings, block=False))
    expect(page.get_by_text("Nothing running")).to_be_visible()
    open_tab(page, "Chat")
    expect(page.get_by_label("Your question")).to_be_visible()
    page.evaluate("window.before = true")
    demo.close()
    studio.fake.show(snapshot("finished", 200))
    again = build_app(studio)
    launch(again, settings, block=False)
    try:
        # whether it noticed or not: the app does not know the screen that was laid out before
        page.wait_for_function("!window.before", timeout=20_000)
        expect(page.get_by_text("finished · Respiratory demo")).to_be_visible(timeout=20_000)
        open_tab(page, "Chat")
        page.get_by_label("Your question").fill("Why?")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("Tuned: Tiredness, pallor and breathlessness.")).to_be_visible()
    finally:
        page.close()
        again.close()


def test_pause_asks_the_studio_and_resume_comes_after(studio: FakeStudio, open_page: Callable[..., Page]) -> None:
    studio.fake.show(snapshot("running"))
    page = open_page()
    side = page.locator(".sidebar")
    side.get_by_role("button", name="Pause").click()
    expect(side.get_by_text("stopping · Respiratory demo")).to_be_visible()
    assert studio.fake.asked == [("stop", studio.fake.now.job.id, True)]  # type: ignore[union-attr]
    studio.fake.show(snapshot("stopped", resumable=True))
    side.get_by_role("button", name="Resume").click()
    expect(side.get_by_text("starting · Respiratory demo")).to_be_visible()


def test_stop_asks_before_it_discards(studio: FakeStudio, open_page: Callable[..., Page]) -> None:
    studio.fake.show(snapshot("running"))
    page = open_page()
    side = page.locator(".sidebar")
    side.get_by_role("button", name="Stop…").click()
    side.get_by_role("button", name="Go on").click()
    expect(side.get_by_role("button", name="Discard it")).to_be_hidden()
    assert studio.fake.asked == []
    side.get_by_role("button", name="Stop…").click()
    side.get_by_role("button", name="Discard it").click()
    expect(side.get_by_text("paused · Respiratory demo")).to_be_visible()
    assert studio.fake.asked == [("stop", studio.fake.now.job.id, False)]  # type: ignore[union-attr]


@LOOKED_AT
def test_states_look_right(
    studio: FakeStudio,
    open_page: Callable[..., Page],
    picture: Callable[[Page, str], None],
    name: str,
    width: int,
    dark: bool,
) -> None:
    studio.fake.show(snapshot("running"))
    page = open_page(width=width, dark=dark)
    page.get_by_role("tab", name="Monitor").click()
    expect(page.get_by_role("figure", name="Loss.")).to_be_visible()
    expect(page.get_by_text("<b>See a doctor.</b>")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing may stick out sideways"
    page.wait_for_timeout(500)
    picture(page, f"monitor-{name}")
    studio.fake.show(snapshot("failed", error=KILLED, resumable=True))
    expect(page.get_by_role("alert").get_by_text("signal 9")).to_be_visible()
    picture(page, f"monitor-failed-{name}")
