"""What the card of the steps shows, as HTML: the table with switches, what matched a benchmark, the versions.

It does not know: components, how a step works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.dataset.steps import STEP
from core.dataset.versions import Version
from medft_ui import parts, text, units
from medft_ui.data_text import Steps

COUNTS = ("changed", "removed", "warned")
MOST_MATCHES = 50


def head_html(matches: Sequence[Mapping[str, Any]]) -> str:
    """The heading; below it what matched a benchmark, where something did."""
    head = parts.heading(Steps.TITLE, Steps.ASIDE)
    if not matches:
        return head
    rows = [
        (match["record_id"], match["benchmark"], match["question"], units.percent(match["share"]))
        for match in matches[:MOST_MATCHES]
    ]
    table = parts.table(Steps.MATCH_COLUMNS, rows, Steps.MATCHES)
    summary = escape(f"{Steps.MATCHES} ({units.count(len(matches))})")
    return f"{head}<details open><summary>{summary}</summary>{table}{parts.note(Steps.MATCH_NOTE)}</details>"


def steps_html(report: Mapping[str, Any]) -> str:
    """Every step with its switch: those that found something or are off in the open, the others folded away."""
    steps = list(report.get("steps", ()))
    loud = [step for step in steps if not step["on"] or any(step[name] for name in COUNTS)]
    quiet = [step for step in steps if step not in loud]
    folded = Steps.QUIET.format(count=units.plural(len(quiet), *Steps.QUIET_WORDS))
    first = _table(loud) if loud else parts.note(text.Data.ALL_QUIET)
    return f"{first}<details><summary>{escape(folded)}</summary>{_table(quiet)}</details>" if quiet else first


def _table(steps: Sequence[Mapping[str, Any]]) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in Steps.COLUMNS)
    body = "".join(map(_row, steps))
    return (
        f'<div class="scroll steps" tabindex="0" role="region" aria-label="{escape(Steps.TABLE, True)}">'
        f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _row(step: Mapping[str, Any]) -> str:
    label = escape(Steps.SWITCH.format(title=step["title"]), True)
    switch = f'<input type="checkbox" role="switch" data-step="{escape(step["name"], True)}" aria-label="{label}">'
    about = STEP[step["name"]].about if step["name"] in STEP else ""
    name = f'<b>{escape(step["title"])}</b><br><span class="note">{escape(about)}</span>'
    counts = [
        f'<td class="number" data-label="{escape(label, True)}">{units.count(step[what])}</td>'
        for what, label in zip(COUNTS, Steps.COLUMNS[2:5], strict=True)
    ]
    found = f"<td>{_found(step)}</td>"
    return f"<tr><td>{switch}</td><td>{name}</td>{''.join(counts)}{found}</tr>"


def _found(step: Mapping[str, Any]) -> str:
    if not step["on"]:
        return f'<span class="note">{escape(Steps.OFF)}</span>'
    note = f"<span>{escape(step['note'])}</span>" if step.get("note") else ""
    examples = list(step.get("examples", ()))
    if not examples:
        return note
    summary = units.plural(len(examples), *Steps.EXAMPLE_WORDS)
    body = "".join(_example(example, bool(step["removed"])) for example in examples)
    return f"{note}<details><summary>{escape(summary)}</summary>{body}</details>"


def _example(example: Mapping[str, Any], leaves: bool) -> str:
    """One row before and after; of a row that left, what it was compared with stands in the place of after."""
    before = Steps.GONE if leaves else Steps.BEFORE
    after = Steps.ALIKE if leaves else Steps.AFTER
    told = escape(" · ".join(filter(None, (example["record_id"], example["reason"]))))
    lines = f'<p class="note">{told}</p><pre class="was"><i>{escape(before)}</i>{escape(example["before"])}</pre>'
    if example["after"]:
        lines += f'<pre class="is"><i>{escape(after)}</i>{escape(example["after"])}</pre>'
    return f'<div class="example">{lines}</div>'


def version_name(number: int, version: Version) -> str:
    """One version in a list."""
    return f"{number} · {'; '.join(version.changes) or Steps.FIRST}"


def versions_html(family: Sequence[Version], shown: str) -> str:
    """All versions as a table."""
    rows = [
        (
            f"{at} · {Steps.HERE}" if version.dataset.id == shown else str(at),
            units.moment(version.dataset.created),
            units.count(version.dataset.rows_train),
            units.count(version.dataset.rows_eval),
            text.STATUS[version.dataset.status][0],
            "; ".join(version.changes) or Steps.FIRST,
        )
        for at, version in enumerate(family, start=1)
    ]
    return parts.heading(Steps.VERSIONS, Steps.VERSIONS_ASIDE) + parts.table(
        Steps.VERSION_COLUMNS, rows, Steps.VERSIONS
    )
