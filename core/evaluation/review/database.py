"""The reviews' tables in SQLite: one connection a thread, every acknowledged write on the disk.

    with writing(path) as db: db.execute(…)      # all of it or nothing, and safe on the disk when the block has ended
    with reading(path) as db: …                  # one consistent picture

WAL lets raters read while another's rating is written. ``synchronous=FULL`` syncs the log at each commit: with NORMAL a
killed process loses nothing, but a power cut may take the last ratings that the page had called saved; a rating is rare
and dear, and a sync is milliseconds. Drives that cannot share memory (a mounted Google Drive, NFS, a Windows folder in
WSL) cannot hold a WAL: there a new file keeps SQLite's roll-back journal, and raters wait for each other's commits.
Ratings are append-only: triggers refuse to change or delete one.
It does not know: what the tables mean.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import ResourceError

VERSION = 1
BUSY_S = 20.0
# The file is shared with other rooms (accounts), so each keeps its own version, and its tables carry its name.
ROOM = "review"
SCHEMA = """
CREATE TABLE reviews (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, run_id TEXT NOT NULL, created TEXT NOT NULL, closed TEXT NOT NULL DEFAULT '',
    options TEXT NOT NULL, seed TEXT NOT NULL, items INTEGER NOT NULL, sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE review_items (
    review_id TEXT NOT NULL REFERENCES reviews (id), number INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (review_id, number)
) STRICT;
CREATE TABLE review_raters (
    review_id TEXT NOT NULL REFERENCES reviews (id), rater TEXT NOT NULL, number INTEGER NOT NULL, joined TEXT NOT NULL,
    specialty TEXT NOT NULL DEFAULT '', PRIMARY KEY (review_id, rater), UNIQUE (review_id, number)
) STRICT;
CREATE TABLE review_ratings (
    id INTEGER PRIMARY KEY, review_id TEXT NOT NULL, rater TEXT NOT NULL, place INTEGER NOT NULL, item INTEGER NOT NULL,
    repeat INTEGER NOT NULL, side_a TEXT NOT NULL CHECK (side_a IN ('base', 'tuned')), body TEXT NOT NULL,
    token TEXT NOT NULL, saved TEXT NOT NULL, supersedes INTEGER UNIQUE REFERENCES review_ratings (id),
    UNIQUE (review_id, rater, token),
    FOREIGN KEY (review_id, rater) REFERENCES review_raters (review_id, rater),
    FOREIGN KEY (review_id, item) REFERENCES review_items (review_id, number)
) STRICT;
CREATE UNIQUE INDEX review_first_rating ON review_ratings (review_id, rater, place) WHERE supersedes IS NULL;
CREATE INDEX review_rating_place ON review_ratings (review_id, rater, place);
CREATE TRIGGER review_ratings_stay BEFORE UPDATE ON review_ratings
    BEGIN SELECT RAISE (ABORT, 'a rating is never changed: a newer one supersedes it'); END;
CREATE TRIGGER review_ratings_remain BEFORE DELETE ON review_ratings
    BEGIN SELECT RAISE (ABORT, 'a rating is never deleted'); END;
CREATE TABLE review_drafts (
    review_id TEXT NOT NULL, rater TEXT NOT NULL, place INTEGER NOT NULL, token TEXT NOT NULL, edit INTEGER NOT NULL,
    body TEXT NOT NULL, saved TEXT NOT NULL, PRIMARY KEY (review_id, rater, place)
) STRICT;
CREATE TABLE review_references_seen (
    review_id TEXT NOT NULL, rater TEXT NOT NULL, place INTEGER NOT NULL, seen TEXT NOT NULL,
    PRIMARY KEY (review_id, rater, place)
) STRICT;
"""
_threads = threading.local()
_making = threading.Lock()


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Change the database: all or nothing, on the disk when the block has ended.

    Raises:
        ResourceError: if the disk is full or the file cannot be written; nothing of the block is kept.
    """
    with _transaction(path, "BEGIN IMMEDIATE") as db:
        yield db


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Look at one consistent picture of the database.

    Raises:
        ResourceError: if the file cannot be read.
    """
    with _transaction(path, "BEGIN") as db:
        yield db


@contextmanager
def _transaction(path: Path, begin: str) -> Iterator[sqlite3.Connection]:
    try:
        db = _connection(path)
        db.execute(begin)
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself, on a full disk for example
                db.execute("ROLLBACK")
            raise
    except sqlite3.IntegrityError:
        raise  # a fault of the program, not of the machine
    except sqlite3.DatabaseError as error:
        raise ResourceError(
            f"The database {path.name} could not be used: {error}.",
            "Nothing of this step was kept. Look whether the disk is full, then try again.",
        ) from error


def _connection(path: Path) -> sqlite3.Connection:
    """This thread's connection; a new one after a fork, or when the file was replaced."""
    kept: dict[tuple[int, str], tuple[int, sqlite3.Connection]] = _threads.__dict__.setdefault("kept", {})
    key = (os.getpid(), str(path))
    if key in kept:
        inode, db = kept[key]
        with suppress(FileNotFoundError):
            if path.stat().st_ino == inode:
                return db
        db.close()
    db = _connect(path)
    kept[key] = (path.stat().st_ino, db)
    return db


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    _make_file(path)
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        db.row_factory = sqlite3.Row
        # What a file was made with, it keeps.
        if path.stat().st_size == 0 and holds_wal(path.parent):
            _switch_to_wal(db)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        _make_tables(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _make_file(path: Path) -> None:
    """Make a new file that this user alone may read (the -wal and -shm files take over its mode); never open one that is there.

    Closing any file handle of a database gives up all locks that this process holds on it (POSIX), and another program
    would then take the log for abandoned and delete it (sqlite.org/howtocorrupt.html, section 2.2).
    """
    with _making, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def holds_wal(folder: Path) -> bool:
    """Whether a database there can write ahead; tried on one of its own, since a failed switch spoils a file."""
    with tempfile.TemporaryDirectory(prefix=".journal-", dir=folder) as place:
        trial = sqlite3.connect(Path(place) / "trial.sqlite3", isolation_level=None)
        try:
            (mode,) = trial.execute("PRAGMA journal_mode = WAL").fetchone()
            trial.execute("CREATE TABLE trial (number INTEGER)")
            return bool(mode == "wal")
        except sqlite3.OperationalError:
            return False
        finally:
            trial.close()


def _switch_to_wal(db: sqlite3.Connection) -> None:
    """Switch a new file to WAL; SQLite does not wait here when others do the same at once, so this does."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _make_tables(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables once, whoever comes first."""
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(
            "CREATE TABLE IF NOT EXISTS schema_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"
        )
        row = db.execute("SELECT version FROM schema_versions WHERE room = ?", (ROOM,)).fetchone()
        if row is None:
            for statement in _statements(SCHEMA):
                db.execute(statement)
            db.execute("INSERT INTO schema_versions VALUES (?, ?)", (ROOM, VERSION))
        elif row["version"] > VERSION:
            raise ResourceError(
                f"The database {path.name} was made by a newer version of the app.",
                "Update the app, or start it with another home folder.",
            )
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """Part a script at the semicolons that end a statement; ``executescript`` would commit on its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
