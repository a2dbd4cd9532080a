"""All runs in a real browser: compare, rename, note, delete; what another window changed is not stale; phone; axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.config import QUICK_DEMO
from core.settings import Settings
from core.studio import Studio
from tests.browser.conftest import LOOKED_AT, open_tab, serious
from tests.ui.past_runs import write_past_run

pytestmark = pytest.mark.browser


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A real studio with three runs that have been."""
    home = tmp_path / "home"
    write_past_run(home, "First try", 10)
    write_past_run(home, "Lower rate", 20, QUICK_DEMO.changed(learning_rate=5e-4), best=1.2)
    write_past_run(home, "Small rank", 30, QUICK_DEMO.changed(rank=4), best=1.6, state="stopped", note="Ask Dr Lee.")
    studio = Studio(Settings(home=home))
    studio.open()
    yield studio
    studio.close()


def open_runs(page: Page) -> Locator:
    """Open the screen and return its table."""
    open_tab(page, "Monitor")
    page.get_by_role("tab", name="All runs").click()
    table = page.get_by_role("region", name="All runs")
    expect(table).to_be_visible()
    return table


def curves(page: Page, chart: str) -> list[str]:
    """The names of the curves of a chart."""
    figure = page.get_by_role("figure", name=chart)
    expect(figure.locator(".main-svg").first).to_be_visible()
    return figure.evaluate("plot => plot.data.map(curve => curve.name)")


def test_runs_are_compared_renamed_noted_and_deleted(
    studio: Studio, open_page: Callable[..., Page], picture: Callable[[Page, str], None]
) -> None:
    page = open_page()
    table = open_runs(page)
    expect(table.get_by_text("1.218 at step 60")).to_be_visible()
    expect(table.get_by_text("Ask Dr Lee.")).to_be_visible()
    differ = page.get_by_role("region", name="Where they differ")
    assert differ.locator("tbody tr td:first-child").all_inner_texts() == ["LoRA rank", "Learning rate"]
    for chart in ("Train loss, smoothed", "Eval loss (held out)"):
        assert curves(page, chart) == ["Small rank", "Lower rate"]
    page.get_by_label("Minutes").check()
    expect(page.get_by_role("figure", name="Eval loss").get_by_text("minutes since the start")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("Rank 4")
    page.get_by_role("textbox", name="Note").fill("The weaker one.")
    page.get_by_role("button", name="Save name and note").click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible()
    expect(table.get_by_text("The weaker one.")).to_be_visible()
    expect(differ.get_by_text("Rank 4")).to_be_visible()
    assert [(job.name, job.note) for job in studio.list_runs()][0] == ("Rank 4", "The weaker one.")
    picture(page, "runs")
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Delete it for good")).to_be_hidden()
    assert len(studio.list_runs()) == 3
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("button", name="Delete it for good").click()
    expect(table.get_by_text("Rank 4")).to_have_count(0)
    assert [job.name for job in studio.list_runs()] == ["Lower rate", "First try"]


@pytest.mark.long
def test_what_another_window_deletes_is_told_here(studio: Studio, open_page: Callable[..., Page]) -> None:
    page, other = open_page(), open_page()
    table = open_runs(page)
    open_runs(other)
    other.get_by_role("button", name="Delete…").click()
    other.get_by_role("button", name="Delete it for good").click()
    expect(page.get_by_role("region", name="All runs").get_by_text("Small rank")).to_have_count(0)
    expect(table.get_by_text("Lower rate")).to_be_visible()


@pytest.mark.long
@LOOKED_AT
def test_it_fits_and_axe_finds_nothing_serious(
    studio: Studio,
    open_page: Callable[..., Page],
    picture: Callable[[Page, str], None],
    name: str,
    width: int,
    dark: bool,
) -> None:
    page = open_page(width=width, dark=dark)
    open_runs(page)
    assert len(curves(page, "Eval loss (held out)")) == 2
    page.get_by_role("button", name="Delete…").click()
    expect(page.get_by_role("button", name="Delete it for good")).to_be_visible()
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing may stick out sideways"
    picture(page, f"runs-{name}")
