"""A page on a fake studio, and the same page on a real port."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core.jobs.snapshot import Snapshot
from core.settings import Settings
from medft_ui.launch import launch, prepare
from tests.ui.fake_studio import CPU, FakeStudio


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def opened(home: Path) -> Iterator[FakeStudio]:
    """A fake studio with the sample data set, and no run yet."""
    studio = FakeStudio(home)
    studio.open()
    yield studio
    studio.close()


@contextmanager
def served(studio: FakeStudio) -> Iterator[str]:
    """The page of a studio on a real port of this machine."""
    from medft_ui.app import build_app

    with pytest.MonkeyPatch.context() as patch:
        # a poll each quarter of a second, so that nobody waits for the page
        patch.setattr("medft_ui.app.BUSY_S", 0.25)
        patch.setattr("medft_ui.app.IDLE_S", 0.25)
        settings: Settings = replace(studio.settings, port=free_port())
        # what prepare sets stays for this page only
        patch.setenv("GRADIO_TEMP_DIR", str(settings.uploads))
        patch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
        prepare(settings)
        demo = build_app(studio)
        yield launch(demo, settings, block=False)
        demo.close()


def clear(studio: FakeStudio) -> None:
    """Leave a studio as it was when it was opened, for the next test of a module that shares one."""
    studio.fake.now, studio.fake.status = Snapshot(0), CPU
    studio.fake.others.clear()
    studio.fake.asked.clear()
    for dataset in studio.list_datasets():
        if dataset.id != "sample":
            shutil.rmtree(dataset.folder)
    for folder in (studio.settings.runs, studio.settings.uploads):
        for path in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[FakeStudio]:
    """A fake studio of the test's own."""
    with opened(tmp_path / "home") as studio:
        yield studio


@pytest.fixture
def address(studio: FakeStudio) -> Iterator[str]:
    """Where its page is."""
    with served(studio) as address:
        yield address
