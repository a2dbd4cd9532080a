"""CSV, TSV and other delimited text as rows.

    Source  →  Dialect (delimiter, quoting, header, leading codes)  →  rows, streamed

The dialect is the one under which the first lines have the same number of cells. A row with more cells than columns is
not guessed at: it carries a problem, so that it is counted and shown.
It does not know: what a column means.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from core.dataset.ingest.encoding import Scan, open_text
from core.dataset.ingest.labelled import has_headings, headed_table, is_labelled, labelled_table
from core.dataset.ingest.source import Limits, Row, Source, SourceFile, Table, unique_names
from core.errors import UploadError

DELIMITERS = (",", "\t", ";", "|")
# The line below the names of a Markdown table.
_RULE = re.compile(r"\s*:?-*:?\s*")
_DELIMITER_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
_SNIFF_CHARACTERS = 256 * 1024
_SNIFF_ROWS = 200
_HEADER_LENGTH = 60
_MOST_ABOVE = 10
_LEAST_OF_A_KIND = 3
# A number, a date with or without a time, an e-mail address, a web address.
_KIND = re.compile(
    r"[-+]?\d+(?:[.,]\d+)*%?\Z|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T].{4,20})?\Z|\S+@\S+\.\w+\Z|https?://\S+\Z"
)
# What spreadsheets write above a table to say what parts its cells.
_SEPARATOR = re.compile(r'\A"?sep=(.)"?\r?\n', re.IGNORECASE)
# Judgement files as TREC writes them: one or more codes, then free text, parted by single blanks.
_CODED_LINE = re.compile(r"^(?:\d+[ \t]+){1,3}\S")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited text is written.

    Args:
        delimiter: What parts cells; empty for lines of leading codes and text.
        quoted: Whether double quotes enclose cells.
        escape: A character that protects quotes inside cells; empty where they are doubled.
        header: Whether the first row names the columns.
        names: Column names, given or made ("column 1").
        codes: Leading codes of each line, where there is no delimiter.
        blank: Whether a blank follows each delimiter and is no part of the cell.
        unquoted: Whether there are rows with more cells than columns.
        above: Rows above the table: a title, a date, comments.
    """

    delimiter: str
    quoted: bool
    escape: str
    header: bool
    names: tuple[str, ...]
    codes: int = 0
    blank: bool = False
    unquoted: bool = False
    above: int = 0


def text_table(source: Source, scan: Scan, limits: Limits) -> Table:
    """Read a delimited text, or one whose lines begin with Q: and A:.

    Raises:
        UploadError: if no delimiter gives the lines a common number of cells.
    """
    with open_text(source, scan.encoding) as stream:
        start = stream.read(_SNIFF_CHARACTERS).removeprefix("\ufeff")
        whole = not stream.read(1)
    if source.suffix not in (".csv", ".tsv"):
        if is_labelled(start):
            return labelled_table(source, start, scan, limits)
        if has_headings(start):
            return headed_table(source, scan, limits)
    dialect = _sniff(source, start, whole, limits)
    notes = list(scan.notes)
    if not dialect.header:
        notes.append("The file has no header row; its columns were numbered.")
    if dialect.above:
        notes.append(f"The first {dialect.above} rows stand above the table and were left out.")
    if dialect.delimiter not in ("", ",", "\t"):
        notes.append(f"Cells are parted by a {_DELIMITER_NAMES[dialect.delimiter]}.")
    if dialect.unquoted:
        notes.append("Some cells hold the delimiter without quotes; they were put together where a blank follows it.")
    kind = {",": "csv", ";": "csv", "|": "csv", "\t": "tsv"}.get(dialect.delimiter, "txt")
    if source.suffix == ".txt":
        kind = "txt"
    file = SourceFile(source.name, kind, scan.size_bytes, scan.encoding, dialect.delimiter, scan.sha256, tuple(notes))
    return Table(file, lambda: _rows(source, scan.encoding, dialect, limits), dialect.names)


def rows_above(rows: list[list[str]]) -> int:
    """Count the rows above a table's names: titles and dates fill few cells, comments begin with a sign.

    Only comments with fewer cells than a row are left out where what follows does not look like a row of names.
    """
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    usual = statistics.median_low(filled)
    comments = sum(1 for _ in itertools.takewhile(lambda row: _is_comment(row, usual), rows))
    for above in range(min(_MOST_ABOVE, len(rows) - 1)):
        title = usual > 1 and 2 * filled[above] <= usual
        comment = rows[above][0].lstrip().startswith("#") or _SEPARATOR.match("".join(rows[above]) + "\n")
        if not (title or comment):
            return above if above == 0 or looks_like_header(_trimmed(rows[above]), rows[above + 1 :]) else comments
    return comments if comments < len(rows) else 0


def _is_comment(row: list[str], usual: int) -> bool:
    return row[0].lstrip().startswith("#") and sum(map(bool, row)) < usual


def _trimmed(row: list[str]) -> list[str]:
    while row and not row[-1].strip():
        row = row[:-1]
    return row


def looks_like_header(first: list[str], body: list[list[str]]) -> bool:
    """Tell a row of names from a row of data.

    Names are short, mostly different from each other, no numbers and no sentences. The questions of a form may be
    names, too: above a column of dates, numbers or addresses a text can be nothing else.
    """
    filled = [cell.strip() for cell in first if cell.strip()]
    if not filled or 2 * len(set(filled)) < len(filled):
        return False
    if any(
        _names_a_kind(cell.strip(), [row[place] for row in body if place < len(row)])
        for place, cell in enumerate(first)
    ):
        return True
    if any(len(cell) > _HEADER_LENGTH or cell.endswith(("?", "？", "。", "!")) for cell in filled):
        return False
    # "No." is a name, "Drink more water." is none
    if any(cell.endswith(".") and (" " in cell or len(cell) > 5) for cell in filled):
        return False
    if any(_is_number(cell) for cell in filled):
        return False
    if not body:
        return True
    repeated = sum(cell in {row[place].strip() for row in body if place < len(row)} for place, cell in enumerate(first))
    return repeated <= len(first) / 2 or len(filled) == 1


def _names_a_kind(name: str, below: list[str]) -> bool:
    """Whether all cells below a text are dates, numbers or addresses, and it is none."""
    filled = [cell.strip() for cell in below if cell.strip()]
    if len(filled) < _LEAST_OF_A_KIND or not any(map(str.isalpha, name)):
        return False
    return all(map(_KIND.match, filled)) and not _KIND.match(name)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d+(?:[.,]\d+)*%?", text) is not None


def _sniff(source: Source, start: str, whole: bool, limits: Limits) -> Dialect:
    codes = _leading_codes(start.split("\n"))
    if said := _SEPARATOR.match(start):
        dialect = Dialect(said.group(1), True, "", True, ())
        return _with_names(dialect, _cells(start, dialect, whole, _SNIFF_ROWS), limits, source)
    if not any(delimiter in start.split("\n", 1)[0] for delimiter in DELIMITERS) and (
        single := _single_column(start, source)
    ):
        return single
    scores = {dialect: _steady(start, dialect, whole) for dialect in _candidates(start)}
    best = max(scores, key=lambda dialect: scores[dialect], default=None)
    if codes and (best is None or best.delimiter != "\t" or scores[best] < 0.9):
        return Dialect("", False, "", False, unique_names([""] * (codes + 1)), codes)
    if best is None or scores[best] < 0.6:
        if single := _single_column(start, source):
            return single
        raise UploadError(
            f"{source.name} is text, but no table: its lines do not part into the same number of cells.",
            "Save it as CSV with a header row such as question,answer, or as JSON Lines.",
        )
    return _with_names(best, _cells(start, best, whole, _SNIFF_ROWS), limits, source)


def _with_names(dialect: Dialect, rows: list[list[str]], limits: Limits, source: Source) -> Dialect:
    above = rows_above(rows)
    rows = rows[above:]
    header = looks_like_header(rows[0], rows[1:])
    width = len(rows[0]) if header else Counter(map(len, rows)).most_common(1)[0][0]
    if width > limits.columns:
        raise UploadError(
            f"{source.name} has {width} columns.", f"Keep the ones that matter: {limits.columns} at most."
        )
    names = unique_names(rows[0]) if header else unique_names([""] * width)
    unquoted = any(len(row) > width for row in rows)
    return dataclasses.replace(dialect, header=header, names=names, unquoted=unquoted, above=above)


def _candidates(start: str) -> Iterator[Dialect]:
    escape = "\\" if start.count('\\"') > start.count('""') else ""
    for delimiter in DELIMITERS:
        if delimiter in start:
            blank = start.count(f'{delimiter} "') > start.count(f'{delimiter}"')
            yield Dialect(delimiter, True, escape, True, (), blank=blank)
            yield Dialect(delimiter, False, "", True, ())


def _steady(start: str, dialect: Dialect, whole: bool) -> float:
    """Score a dialect: the share of rows with the usual number of cells; plausible quoting breaks ties."""
    rows = _cells(start, dialect, whole, _SNIFF_ROWS)
    if not rows:
        return 0.0
    wide = len(rows[0])
    rows = [rejoined(row, dialect.delimiter) if len(row) > wide > 1 else row for row in rows]
    widths = Counter(map(len, rows))
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    if width < 2:
        return 0.0
    share = count / len(rows)
    stray = sum(cell.count('"') % 2 for row in rows for cell in row) / (width * len(rows))
    quoted = 0.02 if dialect.quoted and '"' in start else 0.0
    return share - stray + quoted + 0.001 * min(width, 20) + (0.01 if dialect.delimiter == "\t" else 0.0)


def _cells(start: str, dialect: Dialect, whole: bool, most: int) -> list[list[str]]:
    """Parse the first rows; the last one may be cut off and is dropped unless the text is whole."""
    rows: list[list[str]] = []
    try:
        reader = _reader(io.StringIO(start, newline=""), dialect)
        rows = [row for row in itertools.islice(reader, most + 1) if any(cell.strip() for cell in row)]
    except csv.Error:
        return []
    return rows[:most] if whole or len(rows) > most else rows[:-1] or rows


def _reader(lines: Iterable[str], dialect: Dialect) -> Any:
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
        skipinitialspace=dialect.blank,
    )


def _leading_codes(lines: list[str]) -> int:
    """Count the codes that begin (nearly) every line; 0 if the lines are not built so."""
    filled = [line for line in lines[:_SNIFF_ROWS] if line.strip()]
    if len(filled) < 3 or sum(bool(_CODED_LINE.match(line)) for line in filled) < 0.98 * len(filled):
        return 0
    counts = [len(list(itertools.takewhile(str.isdecimal, line.split()[:3]))) for line in filled]
    words = statistics.median(len(line.split()) for line in filled)
    # Nearly every line has this many; a text may begin with a number itself, and a line may be broken.
    common = next((codes for codes in (3, 2, 1) if sum(count >= codes for count in counts) >= 0.95 * len(counts)), 0)
    return common if words >= 6 else 0


def _single_column(start: str, source: Source) -> Dialect | None:
    """One text a line (or one quoted cell a row) with a name on top; plain prose is no table."""
    dialect = Dialect(",", True, "", True, ())
    if source.suffix not in (".csv", ".tsv"):
        return None
    rows = _cells(start, dialect, True, _SNIFF_ROWS)
    if len(rows) > 1 and all(len(row) == 1 for row in rows) and looks_like_header(rows[0], rows[1:]):
        return Dialect(",", True, "", True, unique_names(rows[0]))
    return None


def _rows(source: Source, encoding: str, dialect: Dialect, limits: Limits) -> Iterator[Row]:
    # The limit is one number for the process; it only ever grows, so readers do not disturb each other.
    csv.field_size_limit(max(csv.field_size_limit(), limits.line_bytes))
    with open_text(source, encoding) as stream:
        yield from (_coded_rows if dialect.codes else _delimited_rows)(
            _bounded(stream, source, limits), source, dialect
        )


def _bounded(stream: IO[str], source: Source, limits: Limits) -> Iterator[str]:
    """Give lines, none longer than the limit, the first without its byte order mark."""
    number = 0
    while line := stream.readline(limits.line_bytes + 1):
        number += 1
        if len(line) > limits.line_bytes:
            raise UploadError(f"Line {number} of {source.name} has no end.", "Export the table again, one row a line.")
        yield line.removeprefix("\ufeff") if number == 1 else line


def _coded_rows(lines: Iterator[str], source: Source, dialect: Dialect) -> Iterator[Row]:
    filled = (line.strip() for line in lines if line.strip())
    for position, line in enumerate(filled, start=1):
        parts = line.split(None, dialect.codes)
        values = dict(zip(dialect.names, parts + [""] * len(dialect.names), strict=False))
        yield Row(values, source.name, position)


def _delimited_rows(lines: Iterator[str], source: Source, dialect: Dialect) -> Iterator[Row]:
    reader = _reader(lines, dialect)
    names, width, position = dialect.names, len(dialect.names), 0
    left_out = dialect.above + dialect.header
    try:
        for row in reader:
            if not any(row) or not any(cell.strip() for cell in row):
                continue
            if left_out or (dialect.delimiter == "|" and all(map(_RULE.fullmatch, row))):
                left_out -= left_out > 0
                continue
            position += 1
            if len(row) > width:
                row = rejoined(row, dialect.delimiter)
            yield _row(row, names, width, source.name, position)
    except csv.Error as error:
        raise UploadError(
            f"The table in {source.name} is broken near line {reader.line_num}: {error}.",
            "Look for a double quote that is opened and never closed, or export the table again.",
        ) from error


def rejoined(row: list[str], delimiter: str) -> list[str]:
    """Put a sentence together that was not quoted: a cell that begins with a blank goes on with the one before."""
    result = row[:1]
    for cell in row[1:]:
        if cell.startswith(" "):
            result[-1] += delimiter + cell
        else:
            result.append(cell)
    return result


def _row(row: list[str], names: tuple[str, ...], width: int, name: str, position: int) -> Row:
    if len(row) == width:
        return Row(dict(zip(names, row, strict=True)), name, position)
    if len(row) < width:
        row = row + [""] * (width - len(row))
        return Row(dict(zip(names, row, strict=True)), name, position)
    values = dict(zip(names, row[:width], strict=True))
    if not any(cell.strip() for cell in row[width:]):
        return Row(values, name, position)
    return Row(values, name, position, f"has {len(row)} cells where the table has {width} columns")
