"""What the gate's card shows, as HTML: what was checked and what was not, and the places with their buttons.

It does not know: components, how a decision is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from core.dataset.approve import FindingPage, FindingView
from core.dataset.store import Dataset
from medft_ui import parts, units
from medft_ui.data_text import Gate as Words


def about_html(dataset: Dataset, report: Mapping[str, Any]) -> str:
    """The head: how many places are to be decided about, what was looked for, and what was not."""
    count = units.plural(dataset.open_blocking, *Words.PLACE_WORDS)
    if dataset.open_blocking:
        pill, said = parts.pill(Words.TO_RESOLVE.format(count=count), "bad"), Words.WHY
    elif dataset.approval:
        pill = parts.pill(Words.APPROVED, "good")
        said = Words.VOUCHED.format(by=dataset.approval.by, at=units.moment(dataset.approval.at))
    else:
        pill, said = parts.pill(Words.RESOLVED, "good"), Words.VOUCH
    return parts.heading(Words.TITLE, pill_html=pill) + f"<p>{escape(said)}</p>" + _coverage(report)


def _coverage(report: Mapping[str, Any]) -> str:
    lines = report.get("identifiers", {}).get("coverage", ())
    if not lines:
        return parts.note(str(report.get("identifiers_sentence", "")))
    checked = [line["title"] for line in lines if line["checked"]]
    unchecked = [line["title"] for line in lines if not line["checked"]]
    sentence = Words.CHECKED.format(
        checked=", ".join(checked) or Words.NOTHING, unchecked=", ".join(unchecked) or Words.NOTHING
    )
    rows = [(line["title"], Words.YES if line["checked"] else Words.NO, line["how"]) for line in lines]
    table = parts.table(Words.HOW_COLUMNS, rows, Words.HOW)
    return parts.note(sentence) + f"<details><summary>{escape(Words.HOW)}</summary>{table}</details>"


def places_html(page: FindingPage, offset: int, unmasked: bool) -> str:
    """The places as a table with buttons; every text is escaped."""
    if not page.items:
        return parts.note(Words.NONE)
    span = Words.RANGE.format(
        first=units.count(offset + 1), last=units.count(offset + len(page.items)), total=units.count(page.total)
    )
    pill = parts.pill(Words.OPEN, "look") if unmasked else parts.pill(Words.MASKED)
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in Words.COLUMNS)
    body = "".join(map(_row, page.items))
    return (
        f'<p class="note">{escape(span)} {pill}</p>'
        f'<div class="scroll places" tabindex="0" role="region" aria-label="{escape(Words.TABLE, True)}">'
        f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(item: FindingView) -> str:
    tone: parts.Tone = "bad" if item.level == "blocking" else "look"
    said = _sentence(item)
    cells = (parts.pill(item.title, tone), said, escape(item.record_id), _decide(item))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _sentence(item: FindingView) -> str:
    start, end = item.place
    if end > start:
        before, found, after = item.sentence[:start], item.sentence[start:end], item.sentence[end:]
        return f'{escape(before)}<mark class="found {item.level}">{escape(found)}</mark>{escape(after)}'
    return escape(item.sentence)


def _decide(item: FindingView) -> str:
    if item.action in ("replace", "drop"):
        return f'<span class="note">{escape(_decision(item))}</span>'
    names = {"title": item.title, "row": item.record_id}
    acts = [
        ("replace", Words.REPLACE, Words.REPLACE_LABEL),
        ("drop", Words.DROP, Words.DROP_LABEL),
        ("not_identifier", Words.LEAVE, Words.LEAVE_LABEL),
    ]
    buttons = "".join(
        f'<button type="button" data-act="{act}" data-id="{escape(item.id, True)}" '
        f'aria-label="{escape(label.format(**names), True)}">{escape(words)}</button>'
        for act, words, label in acts
        if act != item.action
    )
    said = f'<span class="note">{escape(_decision(item))}</span>' if item.action else ""
    return f'{said}<span class="acts">{buttons}</span>'


def _decision(item: FindingView) -> str:
    return Words.BY_WHOM.format(what=Words.DECIDED_AS[item.action], by=item.by, at=units.moment(item.at))
