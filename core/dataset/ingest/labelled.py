r"""Plain text in which lines begin with Q: and A: (or Question:, 问：…), one row for each question.

    "Q: Why?\nA: Because.\n\nQ: …"  →  rows with one column ``text``, which the mapping parts by its labels

It does not know: tables, what the labels mean beyond where a row begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.dataset.ingest.encoding import Scan, open_text
from core.dataset.ingest.source import Limits, Row, Source, SourceFile, Table, size_text
from core.errors import UploadError

_QUESTION = re.compile(
    r"[ \t#*>]*(?:\d+[.)][ \t]*)?[*]*(?:q|question|human|user|patient|prompt|frage|问|问题|患者)[ \t]*\d*[ \t*]*[:：]",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"[ \t#*>]*(?:\d+[.)][ \t]*)?[*]*(?:a|answer|assistant|ai|doctor|response|antwort|答|答案|回答|医生)[ \t]*\d*[ \t*]*[:：]",
    re.IGNORECASE,
)
_LEAST_PAIRS = 2
_GAP = re.compile(r"\n[ \t\r]*\n[ \t\r]*\n\s*")
_GAP_LINES = 2


def is_labelled(start: str) -> bool:
    """Whether questions and answers take turns in the first lines of a text."""
    lines = start.split("\n")
    questions = sum(_QUESTION.match(line) is not None for line in lines)
    answers = sum(_ANSWER.match(line) is not None for line in lines)
    return questions >= _LEAST_PAIRS and answers >= _LEAST_PAIRS and 0.5 <= questions / answers <= 2


def labelled_table(source: Source, start: str, scan: Scan, limits: Limits) -> Table:
    """Give one row for each question with what follows it, or for each conversation where empty lines part them.

    Args:
        source: The file.
        start: Its first characters.
        scan: What is known of its bytes.
        limits: How long a row may be.
    """
    gaps = _has_gaps(start)
    where = "two empty lines stand" if gaps else "a line begins with a label such as Q:"
    notes = (*scan.notes, f"The text was parted where {where}.")
    file = SourceFile(source.name, "txt", scan.size_bytes, scan.encoding, "", scan.sha256, notes)
    return Table(file, lambda: _rows(source, scan.encoding, gaps, limits), ("text",))


def _has_gaps(start: str) -> bool:
    """Whether two empty lines part the text into pieces that hold a question and an answer each."""
    pieces = [piece.split("\n") for piece in _GAP.split(start.strip())][:-1]
    whole = [any(map(_QUESTION.match, lines)) and any(map(_ANSWER.match, lines)) for lines in pieces]
    return bool(whole) and sum(whole) > 0.9 * len(whole)


def _rows(source: Source, encoding: str, gaps: bool, limits: Limits) -> Iterator[Row]:
    position, block, size, empty = 0, list[str](), 0, 0
    with open_text(source, encoding) as stream:
        while line := stream.readline(limits.line_bytes):
            begins = empty >= _GAP_LINES and line.strip() if gaps else _QUESTION.match(line)
            if begins and any(map(_ANSWER.match, block)):
                position += 1
                yield Row({"text": _from_question(block)}, source.name, position)
                block, size = [], 0
            block.append(line.removeprefix("\ufeff"))
            size += len(line)
            empty = 0 if line.strip() else empty + 1
            if size > limits.line_bytes:
                raise UploadError(
                    f"A question in {source.name} is longer than {size_text(limits.line_bytes)}.",
                    "Begin every question with Q: and every answer with A:.",
                )
    if "".join(block).strip():
        yield Row({"text": _from_question(block)}, source.name, position + 1)


def _from_question(block: list[str]) -> str:
    """Leave out what stands above the first question: a number, an address, a heading."""
    first = next((place for place, line in enumerate(block) if _QUESTION.match(line)), 0)
    return "".join(block[first:]).strip()
