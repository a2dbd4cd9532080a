"""Data sets on disk: one folder each, found by id.

    dataset = open_dataset(home, "asthma-3f9a21"); dataset.train(); dataset.report()

    <id>/  source/ (bytes as they came)  train.jsonl  eval.jsonl  report.json  dataset.json  README.md  report.html
           removed.jsonl (what left, with the reason)  warnings.jsonl  findings.jsonl  history.jsonl (what people did)

Only dataset.json holds times, names of people and the state; the same upload and options give the same other files.
It does not know: how a data set is made (build.py) or changed (curate.py, approve.py).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import secrets
import shutil
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from core.errors import DatasetError
from core.records import Record

Status = Literal["needs_review", "needs_attestation", "approved"]
STATE, TRAIN, EVAL, REPORT = "dataset.json", "train.jsonl", "eval.jsonl", "report.json"
REMOVED, WARNINGS, FINDINGS, HISTORY = "removed.jsonl", "warnings.jsonl", "findings.jsonl", "history.jsonl"
FORMAT = 1
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
# Screens, the API and a second tab share one process: whoever changes a data set holds this.
CHANGING = threading.RLock()


@dataclass(frozen=True, slots=True)
class Approval:
    """Who vouched for a data set.

    Args:
        by: The person's name as given.
        at: When, UTC ISO-8601.
        statement: What the person confirmed.
    """

    by: str
    at: str
    statement: str


@dataclass(frozen=True)
class Dataset:
    """A cleaned data set; what it was when it was opened.

    Args:
        id: Its folder's name.
        name: What people call it.
        folder: Where it lies.
        created: When it was made, UTC ISO-8601.
        rows_train: Rows to train on.
        rows_eval: Rows held out.
        sha256: Hash of train.jsonl and eval.jsonl together.
        status: ``needs_review`` (blocking findings are open), ``needs_attestation``, or ``approved``.
        open_blocking: Blocking findings that nobody has decided about.
        open_advisory: Advisory findings that nobody has decided about.
        approval: Who vouched for it; None until then.
        options: How it was cleaned.
        sources: Name and hash of each file that came in.
        seconds: Processor time of each step of cleaning, summed over processes, and "all" by the clock.
        uploads: Names in source/ (and source/eval/) of what came in, by part.
    """

    id: str
    name: str
    folder: Path
    created: str
    rows_train: int
    rows_eval: int
    sha256: str
    status: Status
    open_blocking: int = 0
    open_advisory: int = 0
    approval: Approval | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    sources: tuple[Mapping[str, Any], ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    uploads: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def train(self) -> Iterator[Record]:
        """Read the rows to train on."""
        return _records(self.folder / TRAIN)

    def eval(self) -> Iterator[Record]:
        """Read the rows held out."""
        return _records(self.folder / EVAL)

    def report(self) -> dict[str, Any]:
        """Read the cleaning report.

        Raises:
            DatasetError: if it is damaged.
        """
        return read_object(self.folder / REPORT)

    def lengths_chars(self) -> tuple[list[int], list[int]]:
        """Give the characters of each row to train on and each row held out, all messages together."""
        train, evaluation = (
            [sum(len(m.content) for m in record.messages) for record in part] for part in (self.train(), self.eval())
        )
        return train, evaluation

    def to_json(self) -> dict[str, Any]:
        """Plain values, for dataset.json and the API; the folder is left out."""
        body = {item.name: getattr(self, item.name) for item in dataclasses.fields(self) if item.name != "folder"}
        approval = dataclasses.asdict(self.approval) if self.approval else None
        return body | {
            "format": FORMAT,
            "approval": approval,
            "options": dict(self.options),
            "sources": [*map(dict, self.sources)],
        }


def now() -> str:
    """Give the time, UTC ISO-8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_id(name: str) -> str:
    """Make a readable id that no other data set has."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-") or "dataset"
    return f"{slug}-{secrets.token_hex(3)}"


def list_datasets(home: Path) -> list[Dataset]:
    """Give all whole data sets, the newest first.

    Args:
        home: The folder of data sets.
    """
    if not home.is_dir():
        return []
    found = []
    for folder in home.iterdir():
        if _ID.fullmatch(folder.name) and (folder / STATE).is_file():
            try:
                found.append(_open(folder))
            except DatasetError:
                continue  # a damaged folder must not hide the others; opening it by id says what is wrong
    return sorted(found, key=lambda dataset: (dataset.created, dataset.id), reverse=True)


def open_dataset(home: Path, id: str) -> Dataset:
    """Open one data set.

    Raises:
        DatasetError: if there is none of that id, or it is damaged.
    """
    folder = home / id
    if not _ID.fullmatch(id) or not (folder / STATE).is_file():
        raise DatasetError(f"There is no data set {id[:80]!r}.", "Choose one from the list, or upload a file.")
    return _open(folder)


def delete_dataset(home: Path, id: str) -> None:
    """Remove a data set and its source files for good.

    Raises:
        DatasetError: if there is none of that id.
    """
    dataset_folder = open_dataset(home, id).folder
    with CHANGING:
        aside = home / f".gone-{secrets.token_hex(4)}"
        dataset_folder.rename(aside)
        shutil.rmtree(aside)


def export_dataset(dataset: Dataset, folder: Path) -> Path:
    """Pack a data set for others: rows, report and card, without the upload, rows that left, and findings.

    Args:
        dataset: Which data set.
        folder: Where to put the file.

    Returns:
        The ZIP file, named after the data set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{dataset.id}.zip"
    aside = folder / f".{dataset.id}.{secrets.token_hex(4)}"
    with CHANGING, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (TRAIN, EVAL, REPORT, "README.md", "report.html"):
            archive.write(dataset.folder / name, name)
    os.replace(aside, target)
    return target


def write_state(dataset: Dataset) -> None:
    """Write dataset.json so that a crash leaves the old or the new one, whole."""
    write_whole(dataset.folder / STATE, (json.dumps(dataset.to_json(), ensure_ascii=False, indent=2) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    aside.write_bytes(content)
    os.replace(aside, path)


def hash_of(folder: Path) -> str:
    """Hash train.jsonl and eval.jsonl together, with their names."""
    whole = hashlib.sha256()
    for name in (TRAIN, EVAL):
        with (folder / name).open("rb") as file:
            whole.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read a JSON Lines file; a file that is not there is empty.

    Raises:
        DatasetError: naming the line that is damaged.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                body = json.loads(line)
            except ValueError as error:
                raise _damaged(path, f"line {number} of {path.name}") from error
            yield body


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises:
        DatasetError: if it is missing or damaged.
    """
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(path, path.name) from error
    if not isinstance(body, dict):
        raise _damaged(path, path.name)
    return body


def _damaged(path: Path, what: str) -> DatasetError:
    return DatasetError(
        f"The data set {path.parent.name} is damaged: {what} cannot be read.", "Make it again from its source."
    )


def _records(path: Path) -> Iterator[Record]:
    for number, body in enumerate(read_lines(path), start=1):
        try:
            yield Record.from_json(body)
        except (ValueError, AttributeError) as error:
            raise _damaged(path, f"line {number} of {path.name}") from error


def _open(folder: Path) -> Dataset:
    body = read_object(folder / STATE)
    try:
        approval = Approval(**body["approval"]) if body.get("approval") else None
        values = {item.name: body[item.name] for item in dataclasses.fields(Dataset) if item.name in body}
        return Dataset(**values | {"folder": folder, "approval": approval, "sources": tuple(body.get("sources", ()))})
    except (KeyError, TypeError) as error:
        raise _damaged(folder / STATE, STATE) from error
