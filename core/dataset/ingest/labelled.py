r"""Plain text in which lines begin with Q: and A: (or Question:, 问：…), or in which questions are headings.

    "Q: Why?\nA: Because.\n\nQ: …"       →  rows with one column ``text``, which the mapping parts by its labels
    "## Why?\n\nBecause.\n\n## When? …"  →  rows with the columns ``question`` and ``answer``

It does not know: tables, what the labels mean beyond where a row begins.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from textwrap import dedent

from core.dataset.ingest.encoding import Scan, open_text
from core.dataset.ingest.source import Limits, Row, Source, SourceFile, Table, size_text
from core.dataset.ingest.speakers import AFTER, ANSWER, BEFORE, QUESTION
from core.errors import UploadError

_QUESTION = re.compile(f"{BEFORE}(?:{QUESTION}){AFTER}", re.IGNORECASE)
_ANSWER = re.compile(f"{BEFORE}(?:{ANSWER}){AFTER}", re.IGNORECASE)
# A line that asks, as a heading, an item of a list or in bold type; its text is the group.
_HEADING = re.compile(
    r"[ \t]*(?:#{1,6}[ \t]+)?(?:[-•*][ \t]+)?(?:\d+[.)][ \t]*)?[*_]*(\S.{8,240}?[?？؟])[*_]*[ \t\r]*\n?\Z"
)
_LEAST_PAIRS = 2
_LEAST_HEADINGS = 3
_GAP = re.compile(r"\n[ \t\r]*\n[ \t\r]*\n\s*")
_GAP_LINES = 2


def is_labelled(start: str) -> bool:
    """Whether questions and answers take turns in the first lines of a text."""
    lines = start.split("\n")
    questions = sum(_QUESTION.match(line) is not None for line in lines)
    answers = sum(_ANSWER.match(line) is not None for line in lines)
    return questions >= _LEAST_PAIRS and answers >= _LEAST_PAIRS and 0.5 <= questions / answers <= 2


def has_headings(start: str) -> bool:
    """Whether lines that ask stand above texts that do not, as in a list of frequent questions.

    Each of them begins a paragraph, or lines that ask and lines that do not take turns from the first to the last; and more
    than one in ten without an answer makes it another kind of text.
    """
    lines = ["", *start.split("\n")]
    places = [place for place, line in enumerate(lines) if _HEADING.match(line)]
    speakers = Counter(lines[place].partition(":")[0] for place in places if ":" in lines[place])
    # the same words before a colon again and again are a speaker's name
    if len(places) < _LEAST_HEADINGS or any(map(_QUESTION.match, lines)) or max(speakers.values(), default=0) > 2:
        return False
    apart = all(not lines[place - 1].strip() for place in places)
    asks = [_HEADING.match(line) is not None for line in lines if line.strip()]
    in_turns = all(one != other for one, other in pairwise(asks[: len(asks) // 2 * 2]))
    told = [any(line.strip() for line in lines[one + 1 : other]) for one, other in pairwise(places)]
    return (apart or in_turns) and sum(told) >= 0.9 * len(told)


def headed_table(source: Source, scan: Scan, limits: Limits) -> Table:
    """Give one row for each line that asks, with the text below it as its answer."""
    notes = (*scan.notes, "The text was parted where a line asks; the lines below it were read as its answer.")
    file = SourceFile(source.name, "txt", scan.size_bytes, scan.encoding, "", scan.sha256, notes)
    return Table(file, lambda: _headed_rows(source, scan.encoding, limits), ("question", "answer"))


def _headed_rows(source: Source, encoding: str, limits: Limits) -> Iterator[Row]:
    position, question, block, size = 0, "", list[str](), 0
    with open_text(source, encoding) as stream:
        while line := stream.readline(limits.line_bytes):
            size += len(line)
            if heading := _HEADING.match(line):
                if question:
                    position += 1
                    yield Row(_asked(question, block), source.name, position)
                question, block, size = heading.group(1), [], 0
            elif question:
                block.append(line)
            if size > limits.line_bytes:
                raise UploadError(
                    f"An answer in {source.name} is longer than {size_text(limits.line_bytes)}.",
                    "Begin every question with Q: and every answer with A:.",
                )
    if question:
        yield Row(_asked(question, block), source.name, position + 1)


def _asked(question: str, block: list[str]) -> dict[str, str]:
    """Give a question and its answer; what stands above a line "Answer: …", such as options, belongs to the question."""
    label = next((place for place, line in enumerate(block) if _ANSWER.match(line)), None)
    if label is not None:
        question = f"{question}\n{_below(block[:label])}".rstrip()
        block = [_ANSWER.sub("", block[label], count=1), *block[label + 1 :]]
    return {"question": question, "answer": _below(block)}


def _below(block: list[str]) -> str:
    """Give the text below a question, without the heading of the next part of the document."""
    while block and (not block[-1].strip() or re.match(r"#{1,6}[ \t]", block[-1])):
        block = block[:-1]
    return dedent("".join(block)).strip()


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
