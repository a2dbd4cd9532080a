"""Rows by hand: find, page, edit, exclude, restore; every change is kept in the history with who and when.

    page(dataset, "asthma", "warned:conflicts", offset=0, limit=50) → Page
    dataset = edit_row(dataset, "r000017", response="…", by="Dr Lee")

Only where lines begin is kept in memory; a search reads the file once, at disk speed, without parsing rows that do not
match. It does not know: screens.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.dataset.changes import (
    FILES,
    Entry,
    Part,
    Removed,
    change_rows,
    fetch,
    fresh,
    history,
    line_id,
    removed_rows,
    rescan,
)
from core.dataset.store import CHANGING, FINDINGS, REMOVED, WARNINGS, Dataset, read_lines
from core.errors import ConfigError, DatasetError, Problem
from core.records import Message, Record

BY_HAND = "by_hand"
MOST_ROWS = 500
_ID_AT_START = re.compile(rb'^\{"id": "([^"\\]*)"', re.M)
# Words that every line holds as keys or roles: a hit on one of these is looked at again in the parsed row.
_KEYS = "id prompt response messages role content topic user assistant system step reason part row train eval"


@dataclass(frozen=True, slots=True)
class RowView:
    """One row on a page.

    Args:
        record: The row.
        part: ``train`` or ``eval``, where it is or was.
        notes: What the cleaning steps say of it: (step, reason).
        edited: Whether somebody changed it by hand.
        removed: Whether it is out of the data set.
    """

    record: Record
    part: str
    notes: tuple[tuple[str, str], ...] = ()
    edited: bool = False
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows and how many fit.

    Args:
        rows: This page.
        total: All rows that fit query and filter.
    """

    rows: tuple[RowView, ...]
    total: int


@dataclass(frozen=True, slots=True)
class _Lines:
    """Where the lines of a file begin, and the ids in their order (empty where rows are nested)."""

    starts: npt.NDArray[np.int64]
    ids: tuple[str, ...]


_INDEX: OrderedDict[tuple[str, int, int], _Lines] = OrderedDict()
_MOST_INDEXES = 8


def page(dataset: Dataset, query: str = "", filter: str = "", offset: int = 0, limit: int = 50) -> Page:
    """Give some rows of a data set.

    Args:
        dataset: Which data set.
        query: Words that must all occur in a row, in any case; empty for all.
        filter: "" (all rows), train, eval, warned, warned:STEP, findings, edited, removed, or removed:STEP (by_hand
            for rows that a person excluded).
        offset: How many fitting rows to skip.
        limit: How many to give, 1 to 500.

    Raises:
        ConfigError: if there is no such filter.
    """
    kind, _, step = filter.partition(":")
    limit, offset = min(max(1, limit), MOST_ROWS), max(0, offset)
    if kind == "removed":
        return _removed_page(dataset, query, step, offset, limit)
    only = _ids_of(dataset, kind, step)
    places: list[tuple[Part, int]] = []
    for part, name in FILES.items():
        if kind in ("train", "eval") and part != kind:
            continue
        places += [(part, at) for at in _matches(dataset.folder / name, query, only)]
    notes, edited = _notes(dataset), _edited(dataset)
    rows = []
    for part, at in places[offset : offset + limit]:
        record = Record.from_json(_line(dataset.folder / FILES[part], at))
        rows.append(RowView(record, part, tuple(notes.get(record.id, ())), record.id in edited))
    return Page(tuple(rows), len(places))


def row(dataset: Dataset, record_id: str) -> RowView:
    """Give one row of a data set, also one that was removed.

    Raises:
        DatasetError: if there is no such row.
    """
    gone = next((item for item in removed_rows(dataset) if item.row.id == record_id), None)
    if gone:
        return RowView(gone.row, gone.part, ((gone.step, gone.reason),), removed=True)
    part, record = fetch(dataset, [record_id])[record_id]
    notes = tuple(_notes(dataset).get(record_id, ()))
    return RowView(record, part, notes, record_id in _edited(dataset))


def _ids_of(dataset: Dataset, kind: str, step: str) -> set[str] | None:
    """Give the ids that a filter lets through; None for all."""
    if kind in ("", "train", "eval"):
        return None
    if kind == "warned":
        return {body["id"] for body in read_lines(dataset.folder / WARNINGS) if step in ("", body["step"])}
    if kind == "findings":
        return {body["record"] for body in read_lines(dataset.folder / FINDINGS) if not body.get("action")}
    if kind == "edited":
        return _edited(dataset)
    raise ConfigError(
        [Problem("filter", f"There is no filter {kind[:40]!r}: use train, eval, warned, findings, edited or removed.")]
    )


def _notes(dataset: Dataset) -> dict[str, list[tuple[str, str]]]:
    notes: dict[str, list[tuple[str, str]]] = {}
    for body in read_lines(dataset.folder / WARNINGS):
        notes.setdefault(body["id"], []).append((body["step"], body["reason"]))
    return notes


def _edited(dataset: Dataset) -> set[str]:
    """Give the rows whose text is not what cleaning left, by the last thing that was done to each."""
    edited: set[str] = set()
    for entry in history(dataset):
        if entry["what"] == "edit":
            edited |= set(entry["records"])
        elif entry["what"] == "restore":
            edited -= set(entry["records"])
    return edited


def _removed_page(dataset: Dataset, query: str, step: str, offset: int, limit: int) -> Page:
    path = dataset.folder / REMOVED
    places = _matches(path, query, None)
    if step:
        places = [at for at in places if _line(path, at)["step"] == step]
    bodies = [Removed.from_json(_line(path, at)) for at in places[offset : offset + limit]]
    rows = tuple(RowView(body.row, body.part, ((body.step, body.reason),), removed=True) for body in bodies)
    return Page(rows, len(places))


def _lines_of(path: Path) -> _Lines:
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size)
    if key not in _INDEX:
        content = path.read_bytes()
        ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == ord("\n")) + 1
        ids = tuple(match.decode() for match in _ID_AT_START.findall(content))
        if len(ids) != len(ends) and path.name != REMOVED:
            ids = tuple(line_id(line) for line in content.split(b"\n")[:-1])  # an id with a quotation mark in it
        _INDEX[key] = _Lines(np.concatenate(([0], ends)).astype(np.int64), ids)
        while len(_INDEX) > _MOST_INDEXES:
            _INDEX.popitem(last=False)
    return _INDEX[key]


def _line(path: Path, at: int) -> dict[str, Any]:
    starts = _lines_of(path).starts
    with path.open("rb") as file:
        file.seek(int(starts[at]))
        body: dict[str, Any] = json.loads(file.read(int(starts[at + 1] - starts[at])))
        return body


def _matches(path: Path, query: str, only: set[str] | None) -> list[int]:
    """Give the numbers of the lines that hold all words of the query and whose id is wanted."""
    lines = _lines_of(path)
    fitting = np.ones(len(lines.starts) - 1, dtype=bool)
    if only is not None:
        fitting &= np.fromiter((id in only for id in lines.ids), dtype=bool, count=len(lines.ids))
    words = query.lower().split()
    if words:
        content = path.read_bytes()
        folded = content.lower() if query.isascii() else content.decode("utf-8").lower().encode()
        starts = lines.starts if len(folded) == len(content) else _starts(folded)
        for word in words:
            fitting &= _holding(folded, json.dumps(word, ensure_ascii=False)[1:-1].encode(), starts)
    found: list[int] = np.flatnonzero(fitting).tolist()
    doubtful = [word for word in words if word in _KEYS or not word.isalnum()]
    return [at for at in found if _says(_line(path, at), doubtful)] if doubtful else found


def _starts(content: bytes) -> npt.NDArray[np.int64]:
    ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == ord("\n")) + 1
    return np.concatenate(([0], ends)).astype(np.int64)


def _holding(content: bytes, word: bytes, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Say which lines hold a word; after a hit the search goes on with the next line."""
    found = np.zeros(len(starts) - 1, dtype=bool)
    at = content.find(word)
    while at >= 0:
        line = int(np.searchsorted(starts, at, side="right")) - 1
        found[line] = True
        at = content.find(word, int(starts[line + 1]))
    return found


def _says(body: Mapping[str, Any], words: Sequence[str]) -> bool:
    record = Record.from_json(body.get("row", body))
    said = f"{record.id} {record.text()} {record.topic}".lower()
    return all(word in said for word in words)


def edit_row(
    dataset: Dataset, record_id: str, *, prompt: str | None = None, response: str | None = None, by: str = ""
) -> Dataset:
    """Change the last question, the answer, or both.

    Args:
        dataset: Which data set.
        record_id: Which row.
        prompt: The new question; None leaves it.
        response: The new answer; None leaves it.
        by: Who changes it.

    Raises:
        ConfigError: if a text would be empty.
        DatasetError: if there is no such row.
    """
    problems = [
        Problem(name, f"The {what} must not be empty; exclude the row instead.")
        for name, what, said in (("prompt", "question", prompt), ("response", "answer", response))
        if said is not None and not said.strip()
    ]
    if problems:
        raise ConfigError(problems)
    with CHANGING:
        dataset = fresh(dataset)
        part, old = fetch(dataset, [record_id])[record_id]
        new = _with(old, prompt, response)
        if new == old:
            return dataset
        entry = Entry("edit", by, (record_id,), {"before": old.to_json(), "after": new.to_json()})
        return change_rows(
            dataset, {record_id: new}, entry, findings=lambda kept: _found_again(dataset, kept, [(part, new)])
        )


def _with(record: Record, prompt: str | None, response: str | None) -> Record:
    messages = list(record.messages)
    if response is not None:
        messages[-1] = Message("assistant", response.strip())
    if prompt is not None:
        at = next((at for at in reversed(range(len(messages))) if messages[at].role == "user"), None)
        if at is None:
            raise DatasetError("This row has no question to change.", "Change its answer, or exclude it.")
        messages[at] = Message("user", prompt.strip())
    return replace(record, messages=tuple(messages))


def _found_again(
    dataset: Dataset, kept: Iterable[dict[str, Any]], rows: Sequence[tuple[Part, Record]]
) -> list[dict[str, Any]]:
    """Replace the findings of some rows by what is found in them now; decisions about what is still there stay."""
    changed = {record.id for _, record in rows}
    kept = list(kept)
    decided = {
        body["id"]: body for body in kept if body["record"] in changed and body.get("action") == "not_identifier"
    }
    return [body for body in kept if body["record"] not in changed] + [
        decided.get(body["id"], body) for body in rescan(dataset, rows)
    ]


def exclude(dataset: Dataset, record_ids: Sequence[str], *, reason: str = "", by: str = "") -> Dataset:
    """Take rows out by hand; they can be restored.

    Raises:
        DatasetError: if a row is not there.
    """
    with CHANGING:
        dataset = fresh(dataset)
        rows = fetch(dataset, record_ids)
        ids = tuple(dict.fromkeys(record_ids))
        left = [Removed(BY_HAND, reason.strip() or "excluded by hand", *rows[id]) for id in ids]
        entry = Entry("exclude", by, ids, {"reason": reason.strip()})
        return change_rows(dataset, dict.fromkeys(ids), entry, removed=lambda old: old + left)


def restore(dataset: Dataset, record_ids: Sequence[str], *, by: str = "") -> Dataset:
    """Put rows back that a step or a person took out, and give edited rows the text they had.

    Rows that come back are looked through for identifiers, and stand at the end of their part.

    Raises:
        DatasetError: if a row was neither removed nor edited.
    """
    with CHANGING:
        dataset = fresh(dataset)
        wanted = dict.fromkeys(record_ids)
        back = {item.row.id: (item.part, item.row) for item in removed_rows(dataset) if item.row.id in wanted}
        originals = _originals(dataset, wanted.keys() - back.keys())
        missing = sorted(wanted.keys() - back.keys() - originals.keys())
        if missing:
            raise DatasetError(
                f"Row {missing[0][:80]} was neither removed nor edited.", "Choose it from the list of removed rows."
            )
        parts = {id: part for id, (part, _) in fetch(dataset, originals).items()}
        touched = [*back.values(), *((parts[id], record) for id, record in originals.items())]
        return change_rows(
            dataset,
            originals,
            Entry("restore", by, tuple(wanted)),
            added=list(back.values()),
            findings=lambda kept: _found_again(dataset, kept, touched),
            removed=lambda old: [item for item in old if item.row.id not in back],
        )


def _originals(dataset: Dataset, ids: Iterable[str]) -> dict[str, Record]:
    """Give edited rows as they were before the first edit that still holds."""
    originals: dict[str, Record] = {}
    wanted = set(ids)
    for entry in history(dataset):
        for id in wanted.intersection(entry["records"]):
            if entry["what"] == "edit":
                originals.setdefault(id, Record.from_json(entry["detail"]["before"]))
            elif entry["what"] == "restore":
                originals.pop(id, None)
    return originals
