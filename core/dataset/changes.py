"""Changing rows of a kept data set: both files are written anew, hashed, and the change goes into the history.

    change_rows(dataset, {"r000017": new_record, "r000018": None}, Entry("edit", by="Dr Lee", …)) → Dataset

Whatever is changed after the approval makes it void. It does not know: why a row changes, screens.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from core.dataset.card import write_readable
from core.dataset.identifiers import Finding
from core.dataset.rows import line_of
from core.dataset.screening import find, find_names, finding_json, names_problem
from core.dataset.store import (
    CHANGING,
    EVAL,
    FINDINGS,
    HISTORY,
    REMOVED,
    TRAIN,
    Dataset,
    Status,
    hash_of,
    now,
    open_dataset,
    read_lines,
    write_state,
)
from core.dataset.workspace import json_line
from core.errors import DatasetError
from core.records import Record

Part = Literal["train", "eval"]
FILES: Mapping[Part, str] = {"train": TRAIN, "eval": EVAL}
_LINE_ID = re.compile(rb'\{"id": "([^"\\]*)"')


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history.

    Args:
        what: edit, exclude, restore, resolve or approve.
        by: Who did it.
        records: Which records.
        detail: What else is worth keeping, for example the row before and after.
        at: When, UTC ISO-8601; empty means now.
    """

    what: str
    by: str
    records: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """A row that is not in the data set any more.

    Args:
        step: Which step took it out; ``by_hand`` for a person.
        reason: Why.
        part: Where it was.
        row: The row.
    """

    step: str
    reason: str
    part: Part
    row: Record

    def to_line(self) -> bytes:
        """Write it as a line of removed.jsonl."""
        return json_line({"step": self.step, "reason": self.reason, "part": self.part, "row": self.row.to_json()})

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Removed:
        """Read a line of removed.jsonl."""
        return cls(body["step"], body["reason"], body["part"], Record.from_json(body["row"]))


def removed_rows(dataset: Dataset) -> Iterator[Removed]:
    """Read the rows that are not in the data set any more."""
    return map(Removed.from_json, read_lines(dataset.folder / REMOVED))


def history(dataset: Dataset) -> list[dict[str, Any]]:
    """Read what people did to the data set, the oldest first."""
    return list(read_lines(dataset.folder / HISTORY))


def line_id(line: bytes) -> str:
    """Read the id of a row's line without reading the row."""
    match = _LINE_ID.match(line)
    return match[1].decode() if match else str(json.loads(line)["id"])


def fetch(dataset: Dataset, ids: Iterable[str]) -> dict[str, tuple[Part, Record]]:
    """Read some rows by id.

    Raises:
        DatasetError: naming an id that is not in the data set.
    """
    wanted = set(ids)
    found: dict[str, tuple[Part, Record]] = {}
    for part, name in FILES.items():
        with (dataset.folder / name).open("rb") as file:
            for line in file:
                if line_id(line) in wanted:
                    record = Record.from_json(json.loads(line))
                    found[record.id] = (part, record)
    missing = sorted(wanted - set(found))
    if missing:
        raise DatasetError(
            f"Row {missing[0][:80]} is not in this data set.", "Reload the page: somebody may have removed it."
        )
    return found


def change_rows(
    dataset: Dataset,
    changes: Mapping[str, Record | None],
    entry: Entry,
    *,
    added: Sequence[tuple[Part, Record]] = (),
    findings: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None,
    removed: Callable[[list[Removed]], list[Removed]] | None = None,
) -> Dataset:
    """Replace, drop and add rows.

    Args:
        dataset: As it was opened.
        changes: New row by id; None drops the row.
        entry: What goes into the history.
        added: Rows to put at the end of a part.
        findings: Gives the findings from now on, from those there are.
        removed: Gives the rows that left from now on, from those there are.

    Returns:
        The data set as it is now; no longer approved.
    """
    with CHANGING:
        folder = dataset.folder
        counts = {
            part: _rewrite(folder / name, changes, [row for where, row in added if where == part])
            for part, name in FILES.items()
        }
        if removed:
            write_lines(folder / REMOVED, (item.to_line() for item in removed(list(removed_rows(dataset)))))
        kept = [body for body in read_lines(folder / FINDINGS) if changes.get(body["record"], body) is not None]
        kept = findings(kept) if findings else kept
        write_lines(folder / FINDINGS, map(json_line, kept))
        append_history(dataset, entry)
        return settle(
            replace(
                dataset, rows_train=counts["train"], rows_eval=counts["eval"], sha256=hash_of(folder), approval=None
            ),
            kept,
        )


def settle(dataset: Dataset, findings: Iterable[Mapping[str, Any]]) -> Dataset:
    """Bring the state in line with the findings that are open, and write state and pages."""
    levels = Counter(body["level"] for body in findings if not body.get("action"))
    status: Status = "needs_review" if levels["blocking"] else "approved" if dataset.approval else "needs_attestation"
    dataset = replace(dataset, status=status, open_blocking=levels["blocking"], open_advisory=levels["advisory"])
    write_state(dataset)
    write_readable(dataset)
    return dataset


def append_history(dataset: Dataset, entry: Entry) -> None:
    """Add a line to the history."""
    body = asdict(replace(entry, at=entry.at or now()))
    with (dataset.folder / HISTORY).open("ab") as file:
        file.write(json_line(body))


def fresh(dataset: Dataset) -> Dataset:
    """Read the state again: another tab may have changed it."""
    return open_dataset(dataset.folder.parent, dataset.id)


def rescan(dataset: Dataset, records: Sequence[tuple[Part, Record]]) -> list[dict[str, Any]]:
    """Look for identifiers in rows that are new or changed, by the steps that were on."""
    steps = dataset.options.get("steps", ())
    rows = [record for _, record in records]
    looks: list[Iterable[list[tuple[int, Finding]]]] = []
    if "identifiers" in steps:
        looks.append(find(rows, names=False))
    if "names" in steps and rows and not names_problem():
        looks.append(find_names(rows))
    return [
        finding_json(record, part, message, finding)
        for look in looks
        for (part, record), places in zip(records, look, strict=True)
        for message, finding in places
    ]


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Replace a file of lines in one step."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with aside.open("wb") as file:
        file.writelines(lines)
    os.replace(aside, path)


def _rewrite(path: Path, changes: Mapping[str, Record | None], added: Sequence[Record]) -> int:
    """Write a part anew and return its number of rows."""
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        with path.open("rb") as file:
            for line in file:
                id = line_id(line)
                if id not in changes:
                    count += 1
                    yield line
                elif (record := changes[id]) is not None:
                    count += 1
                    yield line_of(record)
        for record in added:
            count += 1
            yield line_of(record)

    write_lines(path, lines())
    return count
