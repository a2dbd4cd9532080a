"""A page on a fake studio, and the same page on a real port."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.settings import Settings
from medft_ui.launch import launch, prepare
from tests.ui.fake_studio import FakeStudio


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[FakeStudio]:
    """A fake studio with the sample data set, and no run yet."""
    studio = FakeStudio(tmp_path / "home")
    studio.open()
    yield studio
    studio.close()


@pytest.fixture
def address(studio: FakeStudio, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page on a real port of this machine."""
    from medft_ui.app import build_app

    # a poll each quarter of a second, so that nobody waits for the page
    monkeypatch.setattr("medft_ui.app.BUSY_S", 0.25)
    monkeypatch.setattr("medft_ui.app.IDLE_S", 0.25)
    settings: Settings = replace(studio.settings, port=free_port())
    # what prepare sets stays for this test only
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(settings.uploads))
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    prepare(settings)
    demo = build_app(studio)
    yield launch(demo, settings, block=False)
    demo.close()
