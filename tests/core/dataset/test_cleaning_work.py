"""Cleaning in the background: seen, stopped, and never half kept."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from core.dataset.desk import DatasetDesk
from core.dataset.intake import HubSet, Intake
from core.dataset.steps import CleanOptions
from core.dataset.store import Dataset
from core.dataset.work import Works, WorkState
from core.errors import DatasetError, UploadError
from core.progress import Progress, SilentProgress


def ended(works: Works, within_s: float = 60) -> WorkState:
    until = time.monotonic() + within_s
    while (now := works.now()) and now.is_active and time.monotonic() < until:
        time.sleep(0.01)
    assert now and not now.is_active
    return now


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    body = [{"question": f"What is number {at}?", "answer": f"It is kind {at} of test {at * 7}."} for at in range(60)]
    path.write_text("".join(json.dumps(row) + "\n" for row in body), encoding="utf-8")
    return path


def test_a_data_set_is_made_while_the_page_looks(tmp_path: Path, upload: Path) -> None:
    desk, seen = DatasetDesk(tmp_path / "datasets"), set()
    works = desk.works
    assert works.now() is None
    options = CleanOptions().without("names")
    id = works.start("Mine", lambda progress: desk.add(Intake((upload,)), options=options, progress=progress))
    while (now := works.now()) and now.is_active:
        seen.add(now.phase)
        time.sleep(0.002)
    done = ended(works)
    assert (done.id, done.state, done.message) == (id, "finished", "") and done.elapsed_s > 0
    assert desk.open(done.dataset_id).rows_train > 40 and len(seen) > 2


def test_cancelled_work_leaves_nothing(tmp_path: Path, upload: Path) -> None:
    desk, reached, go_on = DatasetDesk(tmp_path / "datasets"), threading.Event(), threading.Event()

    class Watched:
        """Passes on what it hears, and waits in the middle until the test lets it go on."""

        def __init__(self, progress: Progress) -> None:
            self._progress = progress

        def __getattr__(self, name: str) -> object:
            return getattr(self._progress, name)

        def phase(self, name: str, done: float = 0, total: float = 0) -> None:
            self._progress.phase(name, done, total)
            if name == "Near duplicates":
                reached.set()
                assert go_on.wait(30)

    def work(progress: Progress) -> Dataset:
        return desk.add(Intake((upload,)), progress=Watched(progress))  # type: ignore[arg-type]

    desk.works.start("Mine", work)
    assert reached.wait(60)
    with pytest.raises(DatasetError, match="Mine is being cleaned right now"):
        desk.works.start("Another", work)
    desk.works.stop()
    assert desk.works.now().state == "stopping"  # type: ignore[union-attr]
    go_on.set()
    assert (ended(desk.works).state, ended(desk.works).message) == ("stopped", "")
    assert list((tmp_path / "datasets").iterdir()) == [], "nothing half written"
    desk.works.start("Mine", lambda progress: desk.add(Intake((upload,)), options=CleanOptions().without("names")))
    assert ended(desk.works).state == "finished", "it can be started again"


def test_loading_from_the_hub_is_seen_and_then_at_hand(tmp_path: Path, upload: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    upload.rename(folder / "train.jsonl")
    desk, intake, seen = DatasetDesk(tmp_path / "datasets"), Intake(hub=HubSet(str(folder))), list[str]()

    class Noted(SilentProgress):
        def phase(self, name: str, done: float = 0, total: float = 0) -> None:
            seen.append(name)

    desk.works.start("set", lambda progress: desk.load(intake, Noted()), loads=True)
    done = ended(desk.works)
    assert (done.state, done.dataset_id, done.loads) == ("finished", "", True)
    assert seen[:2] == ["Fetching it from the Hub", "Reading the rows"]
    shutil.rmtree(folder)
    assert len(desk.preview(intake).upload.sample) == 60, "it is not read again"
    desk.works.start("set", lambda progress: desk.load(Intake(hub=HubSet(str(folder))), progress), loads=True)
    assert ended(desk.works).state == "failed"


def test_loading_that_hangs_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, let_go = threading.Event(), threading.Event()

    def read_hub(*args: object, **named: object) -> None:
        hangs.set()
        let_go.wait(60)
        raise UploadError("It came too late.")

    monkeypatch.setattr("core.dataset.intake.read_hub", read_hub)
    desk, intake = DatasetDesk(tmp_path / "datasets"), Intake(hub=HubSet(str(tmp_path)))
    desk.works.start("far away", lambda progress: desk.load(intake, progress), loads=True)
    try:
        assert hangs.wait(30)
        with pytest.raises(DatasetError, match="far away is being loaded right now"):
            desk.works.start("far away", lambda progress: desk.load(intake, progress), loads=True)
        desk.works.stop()
        assert ended(desk.works, within_s=30).state == "stopped" and not let_go.is_set()
    finally:
        let_go.set()


def test_what_went_wrong_is_said_and_a_fault_never_quotes_a_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    works, path = Works(), tmp_path / "empty.jsonl"
    path.write_text("")
    desk = DatasetDesk(tmp_path / "datasets")
    works.start("Empty", lambda progress: desk.add(Intake((path,)), progress=progress))
    failed = ended(works)
    assert failed.state == "failed" and "empty" in failed.message

    row = "Jane Roe, born 1980"

    def broken(progress: Progress) -> Dataset:
        raise KeyError(row)

    works.start("Broken", broken)
    failed = ended(works)
    assert failed.state == "failed" and "fault of the app (KeyError)" in failed.message
    assert "Jane" not in caplog.text + failed.message and "in broken" in caplog.text
    works.stop()
    works.close()
    assert works.now() == failed, "what has ended cannot be stopped"
