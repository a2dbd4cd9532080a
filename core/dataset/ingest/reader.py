"""Any files in, one Upload out: recognises formats by their bytes, opens archives, and joins several files.

    paths  →  Sources (archives opened)  →  format by content, then by name  →  Tables  →  Upload

It does not know: what a column means.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from core.dataset.ingest.archive import gzip_member, zip_members
from core.dataset.ingest.encoding import open_text, scan, too_large
from core.dataset.ingest.json_files import json_document, json_lines
from core.dataset.ingest.nested import opened
from core.dataset.ingest.parquet_files import arrow_table, parquet_table
from core.dataset.ingest.source import MIB, Limits, Row, Source, Table, Upload, file_source, size_text
from core.dataset.ingest.tables import text_table
from core.dataset.ingest.talks import talks
from core.dataset.ingest.workbook import workbook_tables
from core.dataset.ingest.xml_files import xml_table
from core.errors import UploadError

_HEAD_BYTES = 1 * MIB
_SUPPORTED = "Choose a JSONL, JSON, CSV, TSV, XLSX, Parquet, XML or ZIP file."
# Formats that are often uploaded and cannot be read, by their first bytes.
_FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", "Extract questions and answers into a table first."),
    (b"\xd0\xcf\x11\xe0", "an old Office file", "Open it and save it as .xlsx or CSV."),
    (b"\x89PNG", "a picture", _SUPPORTED),
    (b"\xff\xd8\xff", "a picture", _SUPPORTED),
    (b"GIF8", "a picture", _SUPPORTED),
    (b"7z\xbc\xaf", "a 7z archive", "Pack the files as ZIP."),
    (b"Rar!", "a RAR archive", "Pack the files as ZIP."),
    (b"BZh", "a bzip2 archive", "Pack the file as ZIP."),
    (b"\xfd7zXZ", "an xz archive", "Pack the file as ZIP."),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Pack the file as ZIP."),
    (b"SQLite format 3", "a database", "Export the table as CSV."),
    (b"\x93NUMPY", "a NumPy array", "Export the rows as CSV or JSON Lines."),
    (b"\x7fELF", "a program", _SUPPORTED),
    (b"MZ", "a program", _SUPPORTED),
)
# Pickles run code when they are opened, so they are named and refused, never loaded.
_PICKLE = re.compile(rb"\x80[\x02-\x05](?:\x95|[\x00-\x7f])")
# Formats whose cells may be objects.
_NESTING = ("json", "jsonl", "parquet", "arrow")
# How an Arrow file begins, and how an Arrow stream does.
_ARROW = (b"ARROW1", b"\xff\xff\xff\xff")
_PICKLE_NAMES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")


def read_upload(paths: Sequence[Path | str], *, limits: Limits = Limits()) -> Upload:  # noqa: B008 - frozen
    """Read one or several files as one table.

    Args:
        paths: Files on disk; archives count as the files they hold.
        limits: What is too large, too deep or too many.

    Raises:
        UploadError: saying which file, what is wrong and what to do.
    """
    if not paths:
        raise UploadError("No file was chosen.", _SUPPORTED)
    if len(paths) > limits.files:
        raise UploadError(f"More than {limits.files:,} files were chosen.", "Choose fewer files, or one combined file.")
    notes: list[str] = []
    tables: list[Table] = []
    for path in paths:
        tables += _tables(file_source(Path(path)), limits, notes)
    total = sum(table.file.size_bytes for table in tables)
    if total > limits.total_bytes:
        raise UploadError(
            f"The files are larger than {size_text(limits.total_bytes)} together.", "Upload them in parts."
        )
    return dataclasses.replace(_joined(tables, limits, notes), paths=tuple(Path(path) for path in paths))


def _tables(source: Source, limits: Limits, notes: list[str]) -> list[Table]:
    """Read what one file holds. Of an archive, members that are no data are left out, with a note."""
    _check_size(source, limits)
    head = _head(source)
    if not head.startswith(b"PK") or _is_workbook(source, head):
        return _read(source, head, limits)
    members, left_out = zip_members(source, limits)
    notes += left_out
    tables: list[Table] = []
    refusals: list[UploadError] = []
    for member in members:
        try:
            tables += _read(member, _head(member), limits)
        except UploadError as error:
            refusals.append(error)
            notes.append(f"Left out: {error.message}")
    if not tables:
        raise (
            refusals[0]
            if len(refusals) == 1
            else UploadError(f"{source.name} holds no file that can be read. {refusals[0].message}", _SUPPORTED)
        )
    return tables


def _read(source: Source, head: bytes, limits: Limits) -> list[Table]:
    """Recognise one file and open it with the reader of its format."""
    if head.startswith(b"\x1f\x8b"):
        source = gzip_member(source)
        head = _head(source)
        if head.startswith((b"PK", b"\x1f\x8b")) or head[257:262] == b"ustar":
            raise UploadError(
                f"{source.name} is an archive inside an archive.", "Upload the files themselves, or as ZIP."
            )
    _refuse_foreign(source, head)
    if _is_workbook(source, head):
        return workbook_tables(source, scan(source, limits, text=False), limits)
    if head.startswith(b"PAR1"):
        return [parquet_table(source, scan(source, limits, text=False), limits)]
    if head.startswith(_ARROW):
        return [arrow_table(source, scan(source, limits, text=False), limits)]
    found = scan(source, limits, text=True)
    with open_text(source, found.encoding) as stream:
        start = stream.read(_HEAD_BYTES).lstrip("\ufeff \t\r\n")
    if not start:
        raise UploadError(f"{source.name} is empty.", "Choose a file that holds questions and answers.")
    if re.match(r"<(!doctype )?html", start, re.IGNORECASE):
        raise UploadError(f"{source.name} is a web page.", "Download the data file that the page links to.")
    if start.startswith("<") and (
        source.suffix == ".xml" or re.match(r"<(\?xml|!--|!DOCTYPE|[A-Za-z][\w.-]*[\s>])", start)
    ):
        return [xml_table(source, found, limits)]
    if _is_json(start, source):
        reader = json_lines if _is_json_lines(start, source) else json_document
        return [reader(source, found, limits)]
    return [text_table(source, found, limits)]


def _check_size(source: Source, limits: Limits) -> None:
    if not source.size_bytes:
        raise UploadError(f"{source.name} is empty.", "Choose a file that holds questions and answers.")
    if source.size_bytes > limits.file_bytes:
        raise too_large(source.name, limits.file_bytes)


def _head(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read(4096)


def _is_workbook(source: Source, head: bytes) -> bool:
    """A workbook is a ZIP that begins with an Office part, whatever its name."""
    office = b"[Content_Types].xml" in head or b"xl/" in head[:200] or b"_rels/" in head[:200]
    return head.startswith(b"PK") and (office or source.suffix in (".xlsx", ".xlsm"))


def _refuse_foreign(source: Source, head: bytes) -> None:
    if source.suffix in _PICKLE_NAMES or _PICKLE.match(head):
        raise UploadError(
            f"{source.name} is a Python pickle, which could run code.", "Export the rows as JSON Lines or CSV."
        )
    for magic, what, hint in _FOREIGN:
        if head.startswith(magic) and not (magic == b"MZ" and head.isascii() and head.count(b"\0") == 0):
            raise UploadError(f"{source.name} is {what}.", hint)
    if head.startswith(b"PK") and not _is_workbook(source, head):
        raise UploadError(f"{source.name} is an archive inside an archive.", "Unpack the inner one and upload that.")
    if head[257:262] == b"ustar":
        raise UploadError(f"{source.name} is a tar archive.", "Pack the files as ZIP.")


def _is_json(start: str, source: Source) -> bool:
    if source.suffix in (".json", ".jsonl", ".ndjson"):
        return True
    return re.match(r"""\{\s*("|\}|'\w+':)|\[\s*(\{|\[|"|\])""", start) is not None


def _is_json_lines(start: str, source: Source) -> bool:
    """One value a line, or one document? The first lines decide, then the name."""
    lines = [line.strip() for line in start.split("\n", 3) if line.strip()]
    named = source.suffix in (".jsonl", ".ndjson")
    if start.startswith("["):
        return len(lines) > 1 and lines[0].endswith("]") and lines[1].startswith("[")
    if len(lines) == 1:
        return named
    if lines[0].endswith(("}", "},")) and lines[1].startswith("{"):
        return True
    return named and not (lines[0] == "{" or lines[0].endswith((",", "{", "[")))


def _joined(tables: list[Table], limits: Limits, notes: list[str]) -> Upload:
    """Join tables to one; a column keeps its first spelling, so that Question and question are one column."""
    spelling: dict[str, str] = {}
    tables = [opened(table) if table.file.format in _NESTING else table for table in tables]
    tables = [table if table.file.format == "xml" else talks(table) for table in tables]
    if len(tables) > 1:
        tables = [Table(table.file, _respelled(table, spelling), table.columns) for table in tables]
    sample = _sample(tables, limits)
    if not sample:
        names = ", ".join(table.file.name for table in tables[:3])
        raise UploadError(f"{names} holds no rows.", "Choose a file that holds questions and answers.")
    columns: dict[str, None] = {}
    for table in tables:
        columns |= dict.fromkeys(_spelled(name, spelling) if len(tables) > 1 else name for name in table.columns)
    for row in sample:
        columns |= dict.fromkeys(row.values)
    own = [note if len(tables) == 1 else f"{table.file.name}: {note}" for table in tables for note in table.file.notes]
    files = tuple(table.file for table in tables)
    return Upload(files, tuple(columns), sample, tuple(dict.fromkeys(notes + own)), tuple(tables))


def _spelled(name: str, spelling: dict[str, str]) -> str:
    return spelling.setdefault(re.sub(r"[\W_]+", " ", name).strip().casefold() or name, name)


def _respelled(table: Table, spelling: dict[str, str]) -> Callable[[], Iterator[Row]]:
    def read() -> Iterator[Row]:
        for row in table.read():
            values = {_spelled(name, spelling): value for name, value in row.values.items()}
            yield Row(values, row.file, row.position, row.problem)

    return read


def _sample(tables: list[Table], limits: Limits) -> tuple[Row, ...]:
    """Take the first rows of each file, as many from each; of very many files, of evenly spaced ones."""
    step = -(-len(tables) // limits.sample_rows)
    chosen = tables[::step]
    share = max(1, limits.sample_rows // len(chosen))
    rows: list[Row] = []
    for table in chosen:
        reader = table.read()
        rows += [row for _, row in zip(range(share), reader, strict=False)]
    return tuple(rows[: limits.sample_rows])
