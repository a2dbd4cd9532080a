"""The reviews' file on drives that can share memory, and on those that cannot."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.evaluation.review import database
from core.evaluation.review.database import holds_wal, reading, writing

CONNECT = sqlite3.connect


def without_shared_memory(path: Path, **options: object) -> sqlite3.Connection:
    """As on a drive without it: where SQLite wants to make its index of the log, something is in the way."""
    shared = Path(f"{path}-shm")
    if not shared.exists():
        shared.mkdir()
    return CONNECT(path, **options)


def journal(path: Path) -> str:
    with reading(path) as db:
        return str(db.execute("PRAGMA journal_mode").fetchone()[0])


def test_an_ordinary_disk_holds_a_log(tmp_path: Path) -> None:
    assert holds_wal(tmp_path)
    assert journal(tmp_path / "medft.sqlite3") == "wal"
    assert [left.name for left in tmp_path.iterdir() if left.name.startswith(".journal-")] == []


def test_a_drive_without_shared_memory_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "connect", without_shared_memory)
    path = tmp_path / "medft.sqlite3"
    assert not holds_wal(tmp_path)
    assert journal(path) == "delete"

    def one(number: int) -> None:
        with writing(path) as db:
            db.execute(
                "INSERT INTO reviews (id, name, run_id, created, options, seed, items, sha256) VALUES (?, '', '', '', '', '', 0, '')",
                (str(number),),
            )

    with ThreadPoolExecutor(8) as crew:
        list(crew.map(one, range(200)))
    with reading(path) as db:
        assert db.execute("SELECT count(*) FROM reviews").fetchone()[0] == 200


def test_a_file_keeps_the_journal_that_it_was_made_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "medft.sqlite3"
    with monkeypatch.context() as drive:
        drive.setattr(database, "holds_wal", lambda folder: False)
        assert journal(path) == "delete"
    with ThreadPoolExecutor(1) as another:
        assert another.submit(journal, path).result() == "delete"


def test_another_program_finds_the_file_in_use(tmp_path: Path) -> None:
    path = tmp_path / "medft.sqlite3"
    assert journal(path) == "wal"
    with ThreadPoolExecutor(1) as another:  # a second thread opens the file, too
        assert another.submit(journal, path).result() == "wal"
    # what sqlite does when the last user of a database leaves, and what must not happen while it is in use
    alone = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode = DELETE')"
    told = subprocess.run([sys.executable, "-c", alone, str(path)], capture_output=True, text=True)
    assert "database is locked" in told.stderr
    assert journal(path) == "wal"
