"""Where rows lie while they are cleaned: text and word sequences on disk, a few numbers a row in memory.

    space.add(scrubbed) → space.freeze() → space.keys, space.sizes …; space.record(row); space.set_of(row)

A row costs about 350 bytes of memory, whatever its length. It does not know: which rows stay.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from core.dataset.duplicates import SIGNATURE_LENGTH, Signatures
from core.dataset.rows import Left, Scrubbed, Warned
from core.dataset.shingles import Hashes
from core.errors import ResourceError
from core.records import Record

_HASH_BYTES = 8
_BLOCK_ROWS = 4096
_SPARE_BYTES = 200 * 1024**2
_CHECK_EVERY = 50

Integers = npt.NDArray[np.int64]


def json_line(body: Mapping[str, Any]) -> bytes:
    """Write one line of JSON Lines."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class Workspace:
    """Rows on their way through cleaning.

    Args:
        folder: An empty folder for the files; whoever made it removes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.languages: list[str] = []
        self.keys: npt.NDArray[np.uint64] = np.zeros((0, 3), dtype=np.uint64)
        self.sizes: npt.NDArray[np.int32] = np.zeros((0, 4), dtype=np.int32)
        self.sketches: Signatures = np.zeros((0, SIGNATURE_LENGTH), dtype=np.uint16)
        self.is_eval: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self.tokens: npt.NDArray[np.int32] | None = None
        self._ends: list[Integers] = []
        self._hash_ends: list[Integers] = []
        self._compared: list[Integers] = []
        self._parts: list[tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32], Signatures]] = []
        self._evaluation: list[npt.NDArray[np.bool_]] = []
        self._counted: list[npt.NDArray[np.int32]] = []
        self._lines: IO[bytes] = (folder / "rows.jsonl").open("w+b")
        self._hashes: IO[bytes] = (folder / "sequences.u64").open("w+b")
        self.left: IO[bytes] = (folder / "removed.jsonl").open("w+b")
        self.warnings: IO[bytes] = (folder / "warnings.jsonl").open("w+b")
        self.findings: IO[bytes] = (folder / "findings.jsonl").open("w+b")
        self._at = self._hash_at = self._adds = 0

    def close(self) -> None:
        """Close the files."""
        for file in (self._lines, self._hashes, self.left, self.warnings, self.findings):
            file.close()

    def add(self, scrubbed: Scrubbed, is_eval: bool = False, tokens: Iterable[int] | None = None) -> None:
        """Keep some more rows, in order.

        Raises:
            ResourceError: if the disk is nearly full.
        """
        self._check_disk()
        lengths = np.array([len(line) for line in scrubbed.lines], dtype=np.int64)
        self._lines.write(b"".join(scrubbed.lines))
        self._hashes.write(scrubbed.hashes.hashes.tobytes())
        self._ends.append(self._at + np.cumsum(lengths))
        self._hash_ends.append(self._hash_at + scrubbed.hashes.starts[1:])
        self._at += int(lengths.sum())
        self._hash_at += int(scrubbed.hashes.starts[-1])
        self._compared.append(scrubbed.compared_from)
        self._parts.append((scrubbed.keys, scrubbed.sizes, scrubbed.sketches))
        self._evaluation.append(np.full(len(lengths), is_eval))
        self.languages += map(sys.intern, scrubbed.languages)
        if tokens is not None:
            self._counted.append(np.fromiter(tokens, dtype=np.int32))
        for left in scrubbed.left:
            self.leave(left, "eval" if is_eval else "train")
        for warned in scrubbed.warned:
            self.warn(warned)

    def _check_disk(self) -> None:
        self._adds += 1
        if self._adds % _CHECK_EVERY == 1 and shutil.disk_usage(self.folder).free < _SPARE_BYTES:
            raise ResourceError(
                "The disk is nearly full, so the rows cannot be kept while they are cleaned.",
                "Free some space, or start with MEDFT_HOME on a larger disk; nothing was kept.",
            )

    def leave(self, left: Left, part: str) -> None:
        """Note a row that is taken out, so that it can be shown and put back."""
        row = json.loads(left.line)
        self.left.write(json_line({"step": left.step, "reason": left.reason, "part": part, "row": row}))

    def warn(self, warned: Warned) -> None:
        """Note a row that a person should look at."""
        self.warnings.write(json_line({"id": warned.record_id, "step": warned.step, "reason": warned.reason}))

    def freeze(self) -> None:
        """End adding: join the numbers to arrays."""
        self._lines.flush()
        self._hashes.flush()
        zero = np.zeros(1, dtype=np.int64)
        self._starts = np.concatenate([zero, *self._ends])
        self._hash_starts = np.concatenate([zero, *self._hash_ends])
        self._compared_from = np.concatenate([zero[:0], *self._compared])
        self.keys = np.concatenate([self.keys, *(keys for keys, _, _ in self._parts)])
        self.sizes = np.concatenate([self.sizes, *(sizes for _, sizes, _ in self._parts)])
        self.sketches = np.concatenate([self.sketches, *(sketches for _, _, sketches in self._parts)])
        self.is_eval = np.concatenate([self.is_eval, *self._evaluation])
        self.tokens = np.concatenate(self._counted) if self._counted else None
        self._parts, self._ends, self._hash_ends, self._compared = [], [], [], []

    def __len__(self) -> int:
        return len(self.is_eval)

    @property
    def judged_lengths(self) -> Integers:
        """Number of word sequences in the part of each row that near duplicates are judged by."""
        lengths: Integers = np.diff(self._hash_starts) - self._compared_from
        return lengths

    def line(self, row: int) -> bytes:
        """Give a row as its line of JSON."""
        self._lines.seek(self._starts[row])
        return self._lines.read(int(self._starts[row + 1] - self._starts[row]))

    def record(self, row: int) -> Record:
        """Give a row as a record."""
        return Record.from_json(json.loads(self.line(row)))

    def lines(self, rows: Integers) -> Iterator[bytes]:
        """Give rows as lines of JSON, in this order, reading ahead."""
        for row in rows.tolist():
            yield self.line(row)

    def set_of(self, row: int) -> Hashes:
        """Give the shingles of the part of a row that near duplicates are judged by, sorted, without repeats."""
        return np.unique(
            self._read_hashes(int(self._hash_starts[row] + self._compared_from[row]), int(self._hash_starts[row + 1]))
        )

    def whole_set_of(self, row: int) -> Hashes:
        """Give the shingles of the whole row, sorted, without repeats."""
        return np.unique(self._read_hashes(int(self._hash_starts[row]), int(self._hash_starts[row + 1])))

    def blocks(self) -> Iterator[tuple[int, Hashes, Integers]]:
        """Give the sequences of all rows, some thousand rows at a time: (first row, hashes, starts)."""
        for first in range(0, len(self), _BLOCK_ROWS):
            last = min(first + _BLOCK_ROWS, len(self))
            low, high = int(self._hash_starts[first]), int(self._hash_starts[last])
            yield first, self._read_hashes(low, high), self._hash_starts[first : last + 1] - low

    def _read_hashes(self, start: int, end: int) -> Hashes:
        self._hashes.seek(start * _HASH_BYTES)
        return np.frombuffer(self._hashes.read((end - start) * _HASH_BYTES), dtype=np.uint64)
