"""Benchmark files: their questions, and which of them were found in the training rows.

    benchmark_questions(Path("medqa_test.jsonl")) → ["A 45-year-old man …", …]
    keep_benchmarks(dataset, paths); kept_benchmarks(dataset); matches(dataset)

The files stay beside the data set, so that it can be cleaned again against them. It does not know: how rows are searched
(leakage.py), what is done with them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from core.dataset.changes import removed_rows
from core.dataset.ingest import read_upload
from core.dataset.shingles import key_of, sequences, words
from core.dataset.store import Dataset, read_object, write_whole
from core.errors import UploadError
from core.records import Record

FOLDER, MATCHES = "benchmarks", "matches.json"
MOST_MATCHES = 500
# The bare question is looked for first: prompts carry options or an abstract, which other copies lack.
_COLUMNS = (
    "question",
    "body",
    "query",
    "question text",
    "prompt",
    "instruction",
    "input",
    "problem",
    "ask",
    "text",
    "sent1",
)


@dataclass(frozen=True, slots=True)
class Match:
    """A training row that left because it holds a benchmark's question.

    Args:
        record_id: The row, as it stands among the removed ones.
        benchmark: Name of the file.
        question: The question that it holds.
        share: Share of the question's word sequences that stand in the row, 0 to 1.
    """

    record_id: str
    benchmark: str
    question: str
    share: float


def benchmark_questions(path: Path) -> list[str]:
    """Read the questions of a benchmark file of any format that an upload may have.

    Raises:
        UploadError: if the file cannot be read, or no column holds questions.
    """
    upload = read_upload([path])
    known = {column.strip().lower().replace("_", " "): column for column in upload.columns}
    column = next((known[name] for name in _COLUMNS if name in known), None)
    if column is None:
        raise UploadError(
            f"No column of the benchmark file {path.name} is called question or prompt.",
            "Rename the column that holds the questions to question.",
        )
    cells = (row.values.get(column) for row in upload.rows())
    return [cell for cell in cells if isinstance(cell, str) and cell.strip()]


def keep_benchmarks(dataset: Dataset, paths: Sequence[Path]) -> None:
    """Copy the files beside the data set, and write down which question was found in which row.

    Args:
        dataset: As cleaning left it.
        paths: The files that it was checked against; none leaves nothing.
    """
    if not paths:
        return
    folder = dataset.folder / FOLDER
    folder.mkdir(exist_ok=True)
    for path in paths:
        shutil.copyfile(path, folder / path.name)
    gone = (item.row for item in removed_rows(dataset) if item.step == "contamination")
    found = [
        asdict(match) for match in _found([folder / path.name for path in paths], list(islice(gone, MOST_MATCHES)))
    ]
    write_whole(folder / MATCHES, (json.dumps({"matches": found}, ensure_ascii=False, indent=1) + "\n").encode())


def kept_benchmarks(dataset: Dataset) -> tuple[Path, ...]:
    """Give the benchmark files that a data set was checked against, in order."""
    paths = [dataset.folder / FOLDER / name for name in dataset.options.get("benchmarks", ())]
    return tuple(path for path in paths if path.is_file())


def matches(dataset: Dataset) -> list[dict[str, Any]]:
    """Read what was found: the fields of ``Match``, at most 500.

    Raises:
        DatasetError: if the file is damaged.
    """
    path = dataset.folder / FOLDER / MATCHES
    return list(read_object(path)["matches"]) if path.is_file() else []


def _found(paths: Sequence[Path], rows: Sequence[Record]) -> Iterator[Match]:
    if not rows:
        return
    asked = [(path.name, question) for path in paths for question in benchmark_questions(path)]
    hashed = sequences([words(question) for _, question in asked])
    sets = [hashed.set_of(at) for at in range(len(asked))]
    sizes = np.array([len(one) for one in sets])
    every, owners = np.concatenate(sets), np.repeat(np.arange(len(asked)), sizes)
    order = np.argsort(every, kind="stable")
    every, owners = every[order], owners[order]
    same = {key_of(question): at for at, (_, question) in reversed(list(enumerate(asked)))}
    for row in rows:
        own = sequences([words(row.text())]).set_of(0)
        low, high = np.searchsorted(every, own, side="left"), np.searchsorted(every, own, side="right")
        met = [owners[start:end] for start, end in zip(low.tolist(), high.tolist(), strict=True) if start < end]
        shares = np.bincount(np.concatenate(met), minlength=len(asked)) / np.maximum(sizes, 1) if met else np.zeros(1)
        best = same.get(key_of(row.prompt), int(shares.argmax()))
        share = 1.0 if key_of(row.prompt) in same else round(float(shares.max()), 3)
        yield Match(row.id, asked[best][0], asked[best][1], share)
