"""What an upload is made of: limits, files, rows, and the openers that read them again and again.

    Source (a name and a way to open it)  →  Table (columns and re-iterable rows)  →  Upload (several tables as one)

It does not know: any format, what a column means, the network.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from core.errors import UploadError

KIB, MIB, GIB = 1024, 1024**2, 1024**3
COPY_BYTES = 1 * MIB
# How columns without names are named: by their place.
NUMBERED = "column "


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an upload may hold before it is refused.

    Args:
        file_bytes: Largest single file, and largest unpacked member of an archive.
        total_bytes: Largest sum over all files, unpacked.
        files: Most files in one upload, members of archives included.
        ratio: Largest unpacked : packed ratio of an archive member above ``ratio_from_bytes`` (text packs 3 to 20 : 1).
        ratio_from_bytes: Members smaller than this are not judged by their ratio.
        document_bytes: JSON documents up to this size are parsed in memory; larger ones are streamed.
        line_bytes: Longest line or cell.
        columns: Most columns of a table.
        depth: Deepest nesting of a JSON or XML file.
        sample_rows: Rows kept in ``Upload.sample``.
    """

    file_bytes: int = 4 * GIB
    total_bytes: int = 8 * GIB
    files: int = 50_000
    ratio: float = 200.0
    ratio_from_bytes: int = 8 * MIB
    document_bytes: int = 64 * MIB
    line_bytes: int = 16 * MIB
    columns: int = 1_000
    depth: int = 100
    sample_rows: int = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was read; None and NaN have become "".

    Args:
        values: Cell by column name.
        file: Name of the file the row stands in.
        position: 1-based number of the row in that file.
        problem: Why the row cannot be used, as a phrase; empty if it can.
    """

    values: dict[str, Any]
    file: str
    position: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """What is known about one file of an upload.

    Args:
        name: Its name; ``archive.zip/member.csv`` inside an archive, ``book.xlsx/Sheet`` for further sheets.
        format: jsonl, json, csv, tsv, txt, xlsx, parquet, arrow, xml or hub.
        size_bytes: Its size, unpacked.
        encoding: Text encoding; empty for binary formats.
        delimiter: What parts the cells; empty where nothing does.
        sha256: Hash of its bytes (of its rows for a Hub data set).
        notes: What a person should know about how it was read, as full sentences.
    """

    name: str
    format: str
    size_bytes: int
    encoding: str
    delimiter: str
    sha256: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes that can be opened again and again.

    Args:
        name: What to call them in messages.
        open: Opens them for reading from the start.
        size_bytes: How many there are.
        seekable: Whether seeking in them is cheap (a file on disk is, an archive member is not).
    """

    name: str
    open: Callable[[], IO[bytes]]
    size_bytes: int
    seekable: bool = True

    @property
    def suffix(self) -> str:
        """The extension in lower case, with its dot."""
        return PurePosixPath(self.name).suffix.lower()

    def open_seekable(self) -> IO[bytes]:
        """Open for random access, by way of a temporary copy where the source cannot seek."""
        if self.seekable:
            return self.open()
        copy = tempfile.SpooledTemporaryFile(max_size=32 * MIB)  # noqa: SIM115 - the caller closes it
        with self.open() as stream:
            while chunk := stream.read(COPY_BYTES):
                copy.write(chunk)
        copy.seek(0)
        return copy


@dataclass(frozen=True, slots=True)
class Table:
    """One file, or one sheet of a file, as rows.

    Args:
        file: What is known about it.
        read: Starts reading from the first row.
        columns: Names where the file declares them; empty where only the rows know.
    """

    file: SourceFile
    read: Callable[[], Iterator[Row]] = field(repr=False)
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upload:
    """Everything that came in, as one table that can be read again and again without holding it in memory.

    Args:
        files: The files that are read, in order.
        columns: Column names over all files, in order of appearance.
        sample: The first rows of each file, ``Limits.sample_rows`` at most.
        notes: What was left out and what was guessed, as full sentences.
        tables: Where ``rows`` come from.
        paths: The files on disk that were chosen (archives unopened); empty for a Hub data set.
    """

    files: tuple[SourceFile, ...]
    columns: tuple[str, ...]
    sample: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = field(default=(), repr=False, compare=False)
    paths: tuple[Path, ...] = field(default=(), compare=False)

    def rows(self) -> Iterator[Row]:
        """Read every row of every file, in order.

        Raises:
            UploadError: where a file turns out to be broken.
        """
        if not self.tables:
            yield from self.sample
            return
        for table in self.tables:
            yield from table.read()


def file_source(path: Path) -> Source:
    """Wrap a file on disk.

    Raises:
        UploadError: if it is not there, a folder, or something else that is no file.
    """
    if path.is_dir():
        raise UploadError(f"{path.name} is a folder.", "Choose the files in it, or pack it as a ZIP file.")
    if not path.is_file():
        raise UploadError(f"{path.name} is not there.", "Choose the file again.")
    return Source(path.name, lambda: _open(path), path.stat().st_size)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UploadError(f"{path.name} cannot be opened ({error.strerror}).", "Upload the file again.") from error


def cell(value: Any) -> Any:
    """Return the value with None and NaN as an empty text."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return value


def cells(values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row's values by column name, with None and NaN as empty text."""
    return {name if isinstance(name, str) else str(name): cell(value) for name, value in values.items()}


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Name unnamed columns by their place and number repeated names, so that no column hides another."""
    seen: dict[str, int] = {}
    result = []
    for place, raw in enumerate(names, start=1):
        name = " ".join(raw.replace("\ufeff", "").split()) or f"{NUMBERED}{place}"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(result)


def size_text(size_bytes: float) -> str:
    """Say a size the way a person reads it."""
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes:.0f} bytes"
