"""JSON Lines and JSON documents as rows.

    one JSON value a line            →  rows, streamed line by line
    [rows] · {"key": [rows]} · {id: row} · {column: [cells]} · SQuAD's data/paragraphs/qas  →  rows

Documents up to ``Limits.document_bytes`` are parsed in memory, which gives exact error places; larger ones stream through
ijson. It does not know: what a column means.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import IO, Any

import ijson
import orjson

from core.dataset.ingest.encoding import Scan, open_text
from core.dataset.ingest.json_shape import Shape, expand, find_shape, rows_of
from core.dataset.ingest.source import NUMBERED, Limits, Row, Source, SourceFile, Table, cells, size_text
from core.errors import UploadError

_EXPECTED = {
    "": "the rest of the value, but the text ends in the middle of it",
    "Expecting value": "a value (text in double quotes, a number, true, false, null, [ or {)",
    "Expecting ',' delimiter": "a comma, or the closing bracket",
    "Expecting ':' delimiter": "a colon after the column name",
    "Expecting property name enclosed in double quotes": "a column name in double quotes",
    "Illegal trailing comma before end of object": "another column after the comma, or no comma",
    "Illegal trailing comma before end of array": "another value after the comma, or no comma",
    "Invalid control character at": "\\n or \\t instead of a bare line break or tab inside a text",
    "Invalid \\escape": 'a valid escape such as \\n, \\t, \\" or \\\\',
    "Invalid \\uXXXX escape": "four hexadecimal digits after \\u",
    "Extra data": "the end of the line (one JSON object a line) or of the file",
}
_SKELETON_EVENTS = 4_000
_LITERAL_LIMIT = 1_000_000
# A text in double quotes, or a comma that nothing follows.
_LOOSE_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"|,(?=\s*(?:[\]}]|\Z))', re.DOTALL)
# A text in double quotes, or a comment as JavaScript has them.
_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*+"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*")
_SURROGATES = re.compile("[\ud800-\udfff]")


def json_lines(source: Source, scan: Scan, limits: Limits) -> Table:
    """Read one JSON value a line; blank lines are passed over."""
    file = SourceFile(source.name, "jsonl", scan.size_bytes, scan.encoding, "", scan.sha256, scan.notes)
    return Table(file, lambda: _lines(source, scan.encoding, limits))


def json_document(source: Source, scan: Scan, limits: Limits) -> Table:
    """Find where the rows lie in a JSON document and read them.

    Raises:
        UploadError: if the JSON is broken, or holds no rows.
    """
    in_memory = scan.size_bytes <= limits.document_bytes
    document = _load(source, scan.encoding) if in_memory else _skeleton(source, scan.encoding)
    shape = find_shape(document)
    if shape is None:
        raise UploadError(
            f"{source.name} is valid JSON, but holds no list of rows.",
            'Give a list of objects, for example [{"question": "…", "answer": "…"}].',
        )
    notes = (*scan.notes, *shape.notes)
    if not in_memory:
        shape = shape.first()
        notes += (
            f"The file is larger than {size_text(limits.document_bytes)}: rows are read from {shape.place()} only.",
        )
    file = SourceFile(source.name, "json", scan.size_bytes, scan.encoding, "", scan.sha256, notes)
    if in_memory:
        return Table(file, lambda: _rows(source.name, rows_of(_load(source, scan.encoding), shape)))
    return Table(file, lambda: _rows(source.name, _stream(source, scan.encoding, shape)))


def parse(text: bytes | str, name: str, line: int | None = None) -> Any:
    """Parse one JSON value.

    Args:
        text: What to parse.
        name: The file, for messages.
        line: The 1-based line the text is; None if the text is the whole file.

    Raises:
        UploadError: with line, column and what was expected.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    # orjson refuses NaN, numbers beyond 64 bits and lone surrogates, all of which occur; the standard library takes them,
    # and says more exactly what is wrong where something is.
    decoded = text.decode("utf-8-sig", "replace") if isinstance(text, bytes) else text
    try:
        return _whole_text(json.loads(decoded))
    except json.JSONDecodeError as error:
        if (meant := _meant(decoded, whole=line is None)) is not None:
            return meant
        broken_off = error.pos >= len(decoded.rstrip()) or error.msg.startswith("Unterminated string")
        raise _broken(name, line or error.lineno, error.colno, "" if broken_off else error.msg) from None
    except RecursionError:
        raise UploadError(f"{name} is nested too deep to be rows.", "Give a list of flat objects.") from None
    except ValueError as error:
        raise _broken(name, line or 1, 1, str(error)) from None


def _meant(text: str, whole: bool) -> Any:
    """Read what is no JSON but can only be meant in one way; None if it cannot.

    That is: commas that nothing follows, Python's way to write a row, and in a whole file comments and several values one
    after the other.
    """
    if whole:
        text = _COMMENT.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)
    text = _LOOSE_COMMA.sub(lambda match: "" if match[0] == "," else match[0], text.strip())
    if text.startswith(("{'", "[{'")) and len(text) < _LITERAL_LIMIT:
        try:
            # Literals only: names and calls are errors, nothing is run.
            return _whole_text(ast.literal_eval(text))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    values: list[Any] = []
    place, decoder = 0, json.JSONDecoder()
    try:
        while place < len(text):
            value, place = decoder.raw_decode(text, place)
            values.append(value)
            between = _BETWEEN.match(text, place)
            place = between.end() if between else place
    except (ValueError, RecursionError):
        return None
    if len(values) == 1:
        return _whole_text(values[0])
    if whole and all(isinstance(value, list) for value in values):
        values = [item for value in values for item in value]
    return _whole_text(values) if whole and all(isinstance(value, dict) for value in values) else None


def _broken(name: str, line: int, column: int, message: str) -> UploadError:
    expected = _EXPECTED.get(message.removesuffix(" at").strip(), _EXPECTED.get(message, "valid JSON"))
    return UploadError(
        f"The JSON in {name} is broken in line {line}, column {column}: expected {expected}.",
        "Correct that place, or export the file again.",
    )


def _whole_text(value: Any) -> Any:
    """Replace lone surrogates, which no UTF-8 file can hold."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole_text(item) for item in value]
    if isinstance(value, dict):
        return {_whole_text(name): _whole_text(item) for name, item in value.items()}
    return value


def _lines(source: Source, encoding: str, limits: Limits) -> Iterator[Row]:
    name = source.name
    position = 0
    for number, line in _numbered(source, encoding, limits):
        if not line.strip():
            continue
        position += 1
        yield _row(parse(line, name, number), name, position)


def _numbered(source: Source, encoding: str, limits: Limits) -> Iterator[tuple[int, bytes | str]]:
    stream: IO[Any] = source.open() if encoding in ("utf-8", "utf-8-sig") else open_text(source, encoding)
    with stream:
        number = 0
        while line := stream.readline(limits.line_bytes + 1):
            number += 1
            if len(line) > limits.line_bytes:
                raise UploadError(
                    f"Line {number} of {source.name} is longer than {size_text(limits.line_bytes)}.",
                    "Give one JSON object a line.",
                )
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf") if isinstance(line, bytes) else line.removeprefix("\ufeff")
            yield number, line


def _row(value: Any, name: str, position: int) -> Row:
    """Turn a JSON value into a row: an object as it is, a list of turns as messages, a plain text as ``text``."""
    if isinstance(value, dict):
        return Row(cells(value), name, position)
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return Row({"messages": value}, name, position)
    if isinstance(value, list):
        return Row(cells({f"{NUMBERED}{place}": item for place, item in enumerate(value, start=1)}), name, position)
    if isinstance(value, str):
        return Row({"text": value}, name, position)
    return Row({}, name, position, "is no object with columns")


def _rows(name: str, values: Iterator[Any]) -> Iterator[Row]:
    for position, value in enumerate(values, start=1):
        yield _row(value, name, position)


def _load(source: Source, encoding: str) -> Any:
    with source.open() as stream:
        data = stream.read()
    value = parse(data if encoding == "utf-8" else data.decode(encoding, "replace"), source.name)
    # Some write JSON twice: a text that holds the document.
    return parse(value, source.name) if isinstance(value, str) and value.lstrip().startswith(("[", "{")) else value


def _utf8(source: Source, encoding: str) -> IO[Any]:
    """Give UTF-8 bytes where ijson reads them; other encodings go through text."""
    return source.open() if encoding == "utf-8" else open_text(source, encoding)


def _skeleton(source: Source, encoding: str) -> Any:
    """Build as much of a large document as its first events hold."""
    builder = ijson.ObjectBuilder()
    with _utf8(source, encoding) as stream:
        try:
            for count, (event, value) in enumerate(ijson.basic_parse(stream, use_float=True)):
                builder.event(event, value)
                if count > _SKELETON_EVENTS:
                    break
        except ijson.JSONError as error:
            raise _broken_somewhere(source.name) from error
    return getattr(builder, "value", None)


def _stream(source: Source, encoding: str, shape: Shape) -> Iterator[Any]:
    """Read the rows of a large document one at a time."""
    prefix = ".".join(shape.paths[0])
    with _utf8(source, encoding) as stream:
        try:
            if shape.kind == "pairs":
                for key, value in ijson.kvitems(stream, prefix, use_float=True):
                    yield {"key": _whole_text(key), "value": _whole_text(value)}
            elif shape.kind == "keyed":
                for key, value in ijson.kvitems(stream, prefix, use_float=True):
                    yield from expand(_whole_text(value), shape, key)
            else:
                for value in ijson.items(stream, f"{prefix}.item".lstrip("."), use_float=True):
                    yield from expand(_whole_text(value), shape)
        except ijson.JSONError as error:
            raise _broken_somewhere(source.name) from error


def _broken_somewhere(name: str) -> UploadError:
    return UploadError(
        f"The JSON in {name} breaks off or is broken.", "Export the file again, as JSON Lines if possible."
    )
