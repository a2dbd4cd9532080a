"""The last cleaning step: looking for what may point to a patient in every row that stays.

    screen(job, crew) → whether names and places were checked; the findings are written to the workspace

A finding is kept by place, never by text. It does not know: how identifiers are found (identifiers/), who decides.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.dataset import identifiers
from core.dataset.crew import Crew
from core.dataset.identifiers import Finding
from core.dataset.passes import Job, Rows
from core.dataset.processes import NAMES
from core.dataset.rows import Tally
from core.dataset.steps import MAX_EXAMPLES, STEP, Example
from core.dataset.workspace import json_line
from core.records import Record

# A piece should take well under a second, so that a stop is heard; names are read at some hundred rows a second.
PIECE_ROWS, PIECE_CHARS = 500, 500_000
_NAMES_ROWS, _NAMES_CHARS = 100, 100_000
STARTING_NAMES = "Getting ready to look for names"


@dataclass(frozen=True, slots=True)
class ScreenPiece:
    """Some rows to look through.

    Args:
        lines: Rows as JSON.
        part: ``train`` or ``eval``.
        names: Whether to look for names and places, else for patterns.
    """

    lines: tuple[bytes, ...]
    part: str
    names: bool


@dataclass(frozen=True, slots=True)
class Screened:
    """What was found in a piece.

    Args:
        rows: How many rows were looked through.
        findings: Each as it is written to disk.
        examples: Masked sentences of the first findings.
        flagged: Rows with a finding.
        seconds: Time it took.
    """

    rows: int
    findings: list[dict[str, Any]]
    examples: list[Example]
    flagged: int
    seconds: float


def screen(job: Job, crew: Crew) -> bool:
    """Look through all rows that stay, by pattern and for names.

    Returns:
        Whether names and places were looked for.
    """
    if "identifiers" in job.options.steps:
        _look(job, crew, "identifiers")
    if "names" not in job.options.steps:
        return False
    missing = names_problem()
    if missing:
        job.tallies["names"] = Tally(note=missing)
        return False
    _look(job, crew, "names")
    return True


def names_problem() -> str:
    """Say why names and places cannot be looked for; empty if they can."""
    available = identifiers.names_available()
    return "" if available.value else f"Names and places were NOT checked: {available.reason}"


def _look(job: Job, crew: Crew, step: str) -> None:
    names = step == "names"
    # Until the first answer comes, which takes seconds where the language model is loaded first.
    job.pulse.begin(STARTING_NAMES if names else STEP[step].title)
    tally = job.tallies[step] = Tally()
    kinds: Counter[str] = Counter()
    done, total = 0, len(job.rows())
    for screened in crew.map(look_through, _pieces(job, names), NAMES if names else None):
        if not done:
            job.pulse.begin(STEP[step].title)
        done += screened.rows
        job.tick(step, done, total)
        tally.add(Tally(warned=screened.flagged, examples=screened.examples, seconds=screened.seconds))
        kinds.update(finding["kind"] for finding in screened.findings)
        job.space.findings.write(b"".join(json_line(finding) for finding in screened.findings))
    listed = ", ".join(f"{identifiers.KINDS[kind].title} {count:,}" for kind, count in sorted(kinds.items()))
    tally.note = f"Found: {listed}." if listed else "Nothing was found, which does not prove that nothing is there."


def _pieces(job: Job, names: bool) -> Iterator[ScreenPiece]:
    most_rows, most_chars = (_NAMES_ROWS, _NAMES_CHARS) if names else (PIECE_ROWS, PIECE_CHARS)
    for part, held in (("train", False), ("eval", True)):
        rows: Rows = job.rows(held)
        sizes = job.space.sizes[rows, :2].sum(axis=1, dtype=np.int64)
        # A row begins a new piece where its number or the characters before it pass a whole multiple of the most.
        marks = np.stack((np.arange(len(rows)) // most_rows, (np.cumsum(sizes) - sizes) // most_chars), axis=1)
        cuts = np.flatnonzero((marks[1:] != marks[:-1]).any(axis=1)) + 1
        for piece in np.split(rows, cuts) if len(rows) else ():
            yield ScreenPiece(tuple(job.space.lines(piece)), part, names)


def look_through(piece: ScreenPiece) -> Screened:
    """Look for identifiers in some rows."""
    began = time.process_time()
    records = [Record.from_json(json.loads(line)) for line in piece.lines]
    found = list(find(records, names=piece.names))
    findings = [
        finding_json(record, piece.part, message, finding)
        for record, places in zip(records, found, strict=True)
        for message, finding in places
    ]
    examples = [_example(record, places) for record, places in zip(records, found, strict=True) if places][
        :MAX_EXAMPLES
    ]
    return Screened(len(records), findings, examples, sum(map(bool, found)), time.process_time() - began)


def find(records: Sequence[Record], *, names: bool) -> Iterator[list[tuple[int, Finding]]]:
    """Give each record's findings as (message number, finding)."""
    texts = [message.content for record in records for message in record.messages]
    scanned = iter(identifiers.scan_names(texts) if names else map(identifiers.scan, texts))
    for record in records:
        yield [(number, finding) for number in range(len(record.messages)) for finding in next(scanned)]


def find_names(records: Sequence[Record]) -> list[list[tuple[int, Finding]]]:
    """Give each record's names and places, looked for in another process: the language model is slow to load.

    Raises:
        ResourceError: if the system killed that process.
    """
    return NAMES.call(_names_of, tuple(records))


def _names_of(records: Sequence[Record]) -> list[list[tuple[int, Finding]]]:
    return list(find(records, names=True))


def finding_json(record: Record, part: str, message: int, finding: Finding) -> dict[str, Any]:
    """Write a finding as it is kept: where it is, never what it says."""
    return {
        "id": f"{record.id}:{message}:{finding.start}-{finding.end}:{finding.kind}",
        "record": record.id,
        "part": part,
        "message": message,
        "kind": finding.kind,
        "level": finding.level,
        "start": finding.start,
        "end": finding.end,
        "detector": finding.detector,
    }


def _example(record: Record, places: Sequence[tuple[int, Finding]]) -> Example:
    message, finding = places[0]
    said = record.messages[message].content
    # A name's sentence may hold a date, which the other step finds: nothing of it may show.
    others = [*(other for number, other in places if number == message), *identifiers.scan(said)]
    shown = identifiers.masked(said, finding, others=others)
    return Example(shown, "", record.id, identifiers.KINDS[finding.kind].title)
