"""Headless Chromium on a page that runs on a fake studio; screenshots go to test-output/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.chromium import find
from tests.ui.conftest import address, studio

__all__ = ["address", "studio"]

# a busy machine may take its time; a page that never shows it still fails
expect.set_options(timeout=20_000)
# One look of each screen is always taken, the others by make test-long.
LOOKS = [("light", 1440, False), pytest.param("dark", 1440, True, marks=pytest.mark.long), ("phone", 390, True)]
LOOKED_AT = pytest.mark.parametrize(("name", "width", "dark"), LOOKS)
OUTPUT = Path(__file__).resolve().parents[2] / "test-output"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium of this machine."""
    found = find()
    assert found, "there is no Chromium: run `python -m tests.browser.chromium`"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page in a fresh window; a script error on it fails the test."""
    contexts, wrong = [], []

    def opened(width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        scheme = "dark" if dark else "light"
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address)
        page.get_by_text("Device").first.wait_for(timeout=60_000)  # seven pages at once take their time
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def open_tab(page: Page, name: str) -> None:
    """Open a tab, from the menu of those that do not fit if it is there.

    Gradio measures which tabs fit only some time after the page stands, and moves them meanwhile: so try again.
    """
    tab = page.get_by_role("tab", name=name, exact=True)
    menu = page.locator(".overflow-menu > button").first
    for _ in range(60):
        with suppress(PlaywrightTimeout):
            if tab.is_visible():
                return tab.click(timeout=2_000)
            if menu.is_visible():
                menu.click(timeout=2_000)
                return page.locator(".overflow-dropdown button", has_text=name).click(timeout=2_000)
        page.wait_for_timeout(200)
    raise AssertionError(f"the tab {name} is nowhere to be seen")


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or worse, on the whole page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found if each["impact"] in ("serious", "critical")
    ]


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keeps a screenshot for whoever looks at the CI run."""

    def taken(page: Page, name: str) -> None:
        OUTPUT.mkdir(exist_ok=True)
        page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)

    return taken
