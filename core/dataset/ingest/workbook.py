"""XLSX workbooks as rows, one table a sheet.

Read only and streamed; formulas stay the text they are and are never computed; macros are never looked at. The workbook
is a ZIP of XML, so it is held to the limits of both before openpyxl sees it.
It does not know: what a column means.
"""

from __future__ import annotations

import datetime
import itertools
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import openpyxl

from core.dataset.ingest.archive import check_members
from core.dataset.ingest.encoding import Scan
from core.dataset.ingest.source import Limits, Row, Source, SourceFile, Table, unique_names
from core.dataset.ingest.tables import looks_like_header, rows_above
from core.errors import UploadError

_BATCH = 500
_LOOK_ROWS = 50


def workbook_tables(source: Source, scan: Scan, limits: Limits) -> list[Table]:
    """Give one table for each sheet that holds anything.

    Raises:
        UploadError: if the workbook is damaged, defended against, or empty.
    """
    _check(source, limits)
    tables: list[Table] = []
    for sheet in _sheet_names(source):
        first = [row for row in itertools.islice(_sheet_rows(source, sheet), _LOOK_ROWS) if any(row)]
        if first:
            name = source.name if not tables else f"{source.name}/{sheet}"
            tables.append(_table(source, sheet, name, first, scan, limits))
    if not tables:
        raise UploadError(
            f"{source.name} holds no rows.", "Choose a workbook with questions and answers in its sheets."
        )
    return tables


def _table(source: Source, sheet: str, name: str, first: list[list[str]], scan: Scan, limits: Limits) -> Table:
    above = rows_above(first)
    first = first[above:]
    header = looks_like_header(_trimmed(first[0]), first[1:])
    width = max(len(_trimmed(row)) for row in first)
    if width > limits.columns:
        raise UploadError(f"{name} has {width} columns.", f"Keep the ones that matter: {limits.columns} at most.")
    names = unique_names((first[0] + [""] * width)[:width] if header else [""] * width)
    notes: tuple[str, ...] = (f'Rows are read from the sheet "{sheet}".',)
    if not header:
        notes += ("The sheet has no header row; its columns were numbered.",)
    if above:
        notes += (f"Its first {above} rows stand above the table and were left out.",)
    file = SourceFile(name, "xlsx", scan.size_bytes, "", "", scan.sha256, notes)
    return Table(file, lambda: _rows(source, sheet, name, names, above + header), names)


def _rows(source: Source, sheet: str, name: str, names: tuple[str, ...], left_out: int) -> Iterator[Row]:
    position = 0
    for cells in _sheet_rows(source, sheet):
        if not any(cells):
            continue
        if left_out:
            left_out -= 1
            continue
        position += 1
        values = dict(zip(names, cells + [""] * (len(names) - len(cells)), strict=False))
        extra = any(cells[len(names) :])
        yield Row(values, name, position, "has more cells than the sheet has columns" if extra else "")


def _sheet_rows(source: Source, sheet: str) -> Iterator[list[str]]:
    """Read a sheet in batches.

    A damaged workbook makes openpyxl raise whatever its parser stumbles over (KeyError, ValueError, TypeError, expat's
    errors …), and it warns about every extension it does not know; neither is the person's concern.
    """
    with source.open_seekable() as stream:
        book = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                book = openpyxl.load_workbook(stream, read_only=True, data_only=False, keep_links=False)
                rows = book[sheet].iter_rows(values_only=True)
            while True:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    batch = [[_text(value) for value in row] for row in itertools.islice(rows, _BATCH)]
                if not batch:
                    return
                yield from batch
        except Exception as error:
            raise _damaged(source.name) from error
        finally:
            if book is not None:
                book.close()


def _sheet_names(source: Source) -> list[str]:
    with source.open_seekable() as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            book = openpyxl.load_workbook(stream, read_only=True, keep_links=False)
            names = [sheet.title for sheet in book.worksheets]
            book.close()
        except Exception as error:
            raise _damaged(source.name) from error
    return names


def _check(source: Source, limits: Limits) -> None:
    """Hold the parts to the archive's limits and refuse document type declarations, which no workbook needs."""
    with source.open_seekable() as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                check_members(archive, source.name, limits)
                for member in archive.infolist():
                    if member.filename.endswith((".xml", ".rels")):
                        with archive.open(member) as part:
                            if b"<!DOCTYPE" in part.read(4096):
                                raise UploadError(
                                    f"{source.name} declares XML entities, which is not safe to read.",
                                    "Save the workbook again from a spreadsheet program.",
                                )
        except UploadError:
            raise
        except Exception as error:
            raise _damaged(source.name) from error


def _damaged(name: str) -> UploadError:
    return UploadError(
        f"{name} is a damaged workbook.", "Open it in a spreadsheet program and save it again, or as CSV."
    )


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row = row[:-1]
    return row


def _text(value: Any) -> str:
    """Write a cell as text; a formula (also an array formula) is its own text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return "" if value != value else f"{value:.15g}"
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if hasattr(value, "text") and hasattr(value, "ref"):
        return str(value.text or "")
    return str(value)
