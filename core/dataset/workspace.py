"""Where rows lie while they are cleaned: text and word sequences on disk, a few numbers a row in memory.

    space.add(scrubbed) → space.freeze() → space.keys, space.sizes …; space.record(row); space.set_of(row)

A row costs about 75 bytes of memory, whatever its length, and until near duplicates are found 256 bytes of signature in a
file that is mapped into memory. It does not know: which rows stay.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
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
_BLOCK_HASHES = 1 << 19
_SPARE_BYTES = 200 * 1024**2
_CHECK_EVERY = 50

Integers = npt.NDArray[np.int64]


def json_line(body: Mapping[str, Any]) -> bytes:
    """Write one line of JSON Lines."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class _Numbers:
    """Numbers of each row that are written to a file piece by piece and read back as one array when all are there.

    Joining pieces in memory would need room for them twice.
    """

    def __init__(self, path: Path, kind: Any, width: int = 1) -> None:
        self._kind, self._width = np.dtype(kind), width
        self._file: IO[bytes] = path.open("w+b")

    def add(self, values: npt.NDArray[Any]) -> None:
        self._file.write(np.ascontiguousarray(values, dtype=self._kind).tobytes())

    def joined(self) -> Any:
        """Read all of it: shape (rows,), or (rows, width) if wider than one."""
        self._file.flush()
        self._file.seek(0)
        return self._shaped(np.fromfile(self._file, dtype=self._kind))

    def mapped(self) -> Any:
        """Map the file into memory; the system may take that memory back at any time."""
        self._file.flush()
        if not self._file.tell():
            return self._shaped(np.zeros(0, dtype=self._kind))
        return self._shaped(np.memmap(self._file, dtype=self._kind, mode="r"))

    def _shaped(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values.reshape(-1, self._width) if self._width > 1 else values

    def close(self) -> None:
        self._file.close()


class Workspace:
    """Rows on their way through cleaning.

    Args:
        folder: An empty folder for the files; whoever made it removes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.languages: list[str] = [""]
        self.language: npt.NDArray[np.uint16] = np.zeros(0, dtype=np.uint16)
        self.keys: npt.NDArray[np.uint64] = np.zeros((0, 3), dtype=np.uint64)
        self.sizes: npt.NDArray[np.int32] = np.zeros((0, 4), dtype=np.int32)
        self.sketches: Signatures = np.zeros((0, SIGNATURE_LENGTH), dtype=np.uint16)
        self.is_eval: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
        self.tokens: npt.NDArray[np.int32] | None = None
        self._ends = _Numbers(folder / "ends", np.int64)
        self._hash_ends = _Numbers(folder / "hash_ends", np.int64)
        self._compared = _Numbers(folder / "compared", np.int32)
        self._language = _Numbers(folder / "language", np.uint16)
        self._keys = _Numbers(folder / "keys", np.uint64, 3)
        self._sizes = _Numbers(folder / "sizes", np.int32, 4)
        self._sketches = _Numbers(folder / "sketches", np.uint16, SIGNATURE_LENGTH)
        self._evaluation = _Numbers(folder / "evaluation", np.bool_)
        self._counted = _Numbers(folder / "tokens", np.int32)
        self._lines: IO[bytes] = (folder / "rows.jsonl").open("w+b")
        self._hashes: IO[bytes] = (folder / "sequences.u64").open("w+b")
        self.left: IO[bytes] = (folder / "removed.jsonl").open("w+b")
        self.warnings: IO[bytes] = (folder / "warnings.jsonl").open("w+b")
        self.findings: IO[bytes] = (folder / "findings.jsonl").open("w+b")
        self._at = self._hash_at = self._adds = 0

    def close(self) -> None:
        """Close the files."""
        self.forget_sketches()
        for file in (self._lines, self._hashes, self.left, self.warnings, self.findings):
            file.close()
        for numbers in self._numbers():
            numbers.close()

    def _numbers(self) -> tuple[_Numbers, ...]:
        by_place = self._ends, self._hash_ends, self._compared
        return *by_place, self._language, self._keys, self._sizes, self._sketches, self._evaluation, self._counted

    def add(self, scrubbed: Scrubbed, is_eval: bool = False, tokens: Sequence[int] | None = None) -> None:
        """Keep some more rows, in order.

        Raises:
            ResourceError: if the disk is nearly full.
        """
        self._check_disk()
        lengths = np.array([len(line) for line in scrubbed.lines], dtype=np.int64)
        self._lines.write(b"".join(scrubbed.lines))
        self._hashes.write(scrubbed.hashes.hashes.tobytes())
        self._ends.add(self._at + np.cumsum(lengths))
        self._hash_ends.add(self._hash_at + scrubbed.hashes.starts[1:])
        self._at += int(lengths.sum())
        self._hash_at += int(scrubbed.hashes.starts[-1])
        self._compared.add(scrubbed.compared_from)
        self._keys.add(scrubbed.keys)
        self._sizes.add(scrubbed.sizes)
        self._sketches.add(scrubbed.sketches)
        self._evaluation.add(np.full(len(lengths), is_eval))
        self._language.add(np.array([self.language_number(name) for name in scrubbed.languages], dtype=np.uint16))
        if tokens is not None:
            self._counted.add(np.array(tokens, dtype=np.int32))
        for left in scrubbed.left:
            self.leave(left, "eval" if is_eval else "train")
        for warned in scrubbed.warned:
            self.warn(warned)

    def language_number(self, name: str) -> int:
        """Give the place of a language in ``languages``, where it is entered if it is new; 0 is unknown."""
        if name not in self.languages:
            self.languages.append(name)
        return self.languages.index(name)

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
        """End adding: read the numbers back as arrays."""
        self._lines.flush()
        self._hashes.flush()
        zero = np.zeros(1, dtype=np.int64)
        self._starts: Integers = np.concatenate((zero, self._ends.joined()))
        self._hash_starts: Integers = np.concatenate((zero, self._hash_ends.joined()))
        self._compared_from = self._compared.joined()
        self.keys, self.sizes = self._keys.joined(), self._sizes.joined()
        self.is_eval, self.language = self._evaluation.joined(), self._language.joined()
        self.sketches = self._sketches.mapped()
        counted = self._counted.joined()
        self.tokens = counted if len(counted) else None

    def forget_sketches(self) -> None:
        """Let go of the signatures, the largest numbers of a row, once near duplicates are found."""
        self.sketches = np.zeros((0, SIGNATURE_LENGTH), dtype=np.uint16)

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
        """Give the sequences of all rows, half a million at a time or one row: (first row, hashes, starts)."""
        first = 0
        while first < len(self):
            low = int(self._hash_starts[first])
            last = int(np.searchsorted(self._hash_starts, low + _BLOCK_HASHES, side="right")) - 1
            last = min(max(last, first + 1), len(self))
            high = int(self._hash_starts[last])
            yield first, self._read_hashes(low, high), self._hash_starts[first : last + 1] - low
            first = last

    def _read_hashes(self, start: int, end: int) -> Hashes:
        self._hashes.seek(start * _HASH_BYTES)
        return np.frombuffer(self._hashes.read((end - start) * _HASH_BYTES), dtype=np.uint64)
