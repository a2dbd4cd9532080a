"""XML as rows: one for each answer, with what its surroundings say.

MedQuAD's QAPair, LiveQA's question with several answers and MEDIQA's ranked answers differ in names and depth, but all put
an answer below the question it belongs to. So a first pass finds which elements are answers; the second gives each answer
as a row, together with the texts and attributes of the elements around it. A file without answers gives one row for
each repeated element, so that the refusal can name its columns.

Entities are refused (defusedxml), depth is limited, nothing external is ever fetched.
It does not know: what a column means beyond the name "answer".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from core.dataset.ingest.encoding import Scan
from core.dataset.ingest.source import Limits, Row, Source, SourceFile, Table
from core.errors import UploadError

_ANSWERS = {"answer", "answertext", "response", "reply", "output", "completion", "antwort", "reponse", "respuesta"}
# Formatting inside a text; such elements are part of the text, not rows or columns.
_FORMATTING = "p br b i u em strong a ul ol li span sub sup div table tr td th tbody h1 h2 h3 h4 pre code img hr"
_INLINE = frozenset(_FORMATTING.split())


@dataclass(slots=True)
class _Frame:
    """An open element: its name, the columns found in it so far, and the answers that wait for it to close."""

    tag: str
    values: dict[str, str]
    answers: list[dict[str, str]] = field(default_factory=list)
    has_children: bool = False
    gave_rows: bool = False


def xml_table(source: Source, scan: Scan, limits: Limits) -> Table:
    """Find the repeated element that makes a row.

    Raises:
        UploadError: if the XML is broken, defended against, or holds nothing that repeats.
    """
    inline = _INLINE
    leaves, parents = _census(source, limits, inline)
    if any(_fold(tag) == "q" for tag in leaves):
        # <a> is a link in a text, but the answer beside <q>
        inline = _INLINE - {"a"}
        leaves, parents = _census(source, limits, inline)
    answers = {tag for tag in leaves if _fold(tag) in _ANSWERS or (_fold(tag) == "a" and "a" not in inline)}
    record = "" if answers else _record_tag(parents)
    if not answers and not record:
        raise UploadError(
            f"{source.name} is XML without questions and answers.",
            "Give elements such as <QAPair><Question>…</Question><Answer>…</Answer></QAPair>.",
        )
    file = SourceFile(source.name, "xml", scan.size_bytes, scan.encoding, "", scan.sha256)
    return Table(file, lambda: _rows(source, limits, _Plan(answers, record, inline)))


def _fold(tag: str) -> str:
    return re.sub(r"[^a-z]", "", tag.rpartition("}")[2].lower())


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _events(source: Source, limits: Limits) -> Iterator[tuple[str, Element]]:
    """Parse step by step; closed elements are emptied, so that memory does not grow with the file."""
    depth = 0
    with source.open() as stream:
        try:
            for event, element in iterparse(stream, events=("start", "end")):
                depth += 1 if event == "start" else -1
                if depth > limits.depth:
                    raise UploadError(f"{source.name} is nested too deep to be rows.", "Give a flat list of pairs.")
                yield event, element
        except ParseError as error:
            line, column = error.position
            raise UploadError(
                f"The XML in {source.name} is broken in line {line}, column {column + 1}: {str(error).partition(':')[0]}.",
                "Correct that place, or export the file again.",
            ) from error
        except DefusedXmlException as error:
            raise UploadError(
                f"{source.name} declares XML entities, which is not safe to read.", "Remove the <!DOCTYPE …> part."
            ) from error
        except (ValueError, LookupError) as error:
            raise UploadError(f"{source.name} names an encoding that is not its own.", "Save it as UTF-8.") from error


def _census(source: Source, limits: Limits, inline: frozenset[str]) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Count the elements that hold text only, and for each other element which children it has."""
    leaves: Counter[str] = Counter()
    parents: dict[str, Counter[str]] = {}
    open_tags: list[tuple[str, list[str]]] = []
    for event, element in _events(source, limits):
        if event == "start":
            open_tags.append((element.tag, []))
            continue
        tag, children = open_tags.pop()
        named = len(element.attrib) > 1
        element.clear()
        if _name(tag).lower() in inline:
            continue
        if open_tags:
            open_tags[-1][1].append(tag)
        if children:
            parents.setdefault(tag, Counter())[""] += 1
            parents[tag].update(set(children))
        else:
            leaves[tag] += 1
            if named:
                # a row whose cells are attributes
                parents.setdefault(tag, Counter()).update(("", "first", "second"))
    return leaves, parents


def _record_tag(parents: dict[str, Counter[str]]) -> str:
    """The most frequent element that has at least two kinds of children."""
    usable = {tag: children[""] for tag, children in parents.items() if len(children) > 2 and children[""] > 1}
    return max(usable, key=lambda tag: usable[tag], default="")


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which elements are answers, or else rows, and which belong to the text around them."""

    answers: set[str]
    record: str
    inline: frozenset[str]


def _rows(source: Source, limits: Limits, plan: _Plan) -> Iterator[Row]:
    frames: list[_Frame] = []
    position = 0
    for event, element in _events(source, limits):
        if _name(element.tag).lower() in plan.inline and frames:
            continue
        if event == "start":
            if frames:
                frames[-1].has_children = True
            frames.append(_Frame(element.tag, _attributes(element)))
            continue
        for values in _close(frames, element, plan):
            position += 1
            yield Row(values, source.name, position)


def _close(frames: list[_Frame], element: Element, plan: _Plan) -> Iterator[dict[str, str]]:
    """Close the innermost element: a text joins its parent, an answer waits there, a finished element gives its rows."""
    frame = frames.pop()
    parent = frames[-1] if frames else None
    text = "" if frame.has_children else _text(element)
    element.clear()
    if frame.has_children:
        around: dict[str, str] = {}
        for outer in frames:
            around |= outer.values
        for answer in frame.answers:
            yield {**around, **frame.values, **answer}
        if frame.tag == plan.record:
            yield {**around, **frame.values}
        if parent is None:
            return
        parent.gave_rows |= frame.gave_rows or bool(frame.answers) or frame.tag == plan.record
        if not parent.gave_rows:
            _merge(parent.values, frame.values)
        return
    values = {**frame.values, _name(frame.tag): text}
    if parent is None:
        return
    if frame.tag == plan.record:
        yield values
        parent.gave_rows = True
    elif frame.tag in plan.answers:
        parent.answers.append(values)
    else:
        _merge(parent.values, values)


def _merge(target: dict[str, str], values: dict[str, str]) -> None:
    """Add columns; the first text under a name stays (synonyms and second codes do not replace it)."""
    for name, text in values.items():
        if not target.get(name):
            target[name] = text


def _attributes(element: Element) -> dict[str, str]:
    tag = _name(element.tag)
    return {f"{tag} {_name(name)}": value for name, value in element.attrib.items() if value}


def _text(element: Element) -> str:
    """All text below an element, with line breaks where formatting has them."""
    if not len(element):
        return (element.text or "").strip()
    parts: list[str] = []
    _collect(element, parts)
    return re.sub(r"\n{3,}", "\n\n", "".join(parts)).strip()


def _collect(element: Any, parts: list[str]) -> None:
    if element.text:
        parts.append(element.text)
    for child in element:
        if _name(child.tag).lower() in ("p", "br", "li", "tr", "div"):
            parts.append("\n")
        _collect(child, parts)
        if child.tail:
            parts.append(child.tail)
