"""What the Data screen shows of an upload and of a data set, as HTML.

It does not know: components, how the numbers came about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from core.dataset.mapping import Skipped
from medft_ui import parts, text, units
from medft_ui.data_text import History

if TYPE_CHECKING:
    from core.dataset.desk import Preview
    from core.dataset.store import Dataset

EXCERPT = 220
MOST_ENTRIES = 200


def dataset_choices(datasets: Sequence[Dataset]) -> list[tuple[str, str]]:
    """The data sets to choose from, newest first."""
    named = text.Data.SET_CHOICE
    return [(named.format(name=entry.name, rows=units.count(entry.rows_train)), entry.id) for entry in datasets]


def understood_html(preview: Preview) -> str:
    """The one sentence, which columns are what, and what a person should know."""
    mapping, upload = preview.mapping, preview.upload
    sure = parts.pill(
        text.Data.SURE.format(percent=units.percent(mapping.confidence)),
        "good" if mapping.confidence >= 0.7 else "look",
    )
    files = " · ".join(_file_words(file) for file in upload.files[:4])
    more = text.Data.MORE_FILES.format(count=len(upload.files) - 4) if len(upload.files) > 4 else ""
    pills = "".join(
        parts.pill(f"{column} → {text.ROLES.get(role, role)}", "info") + " " for role, column in mapping.columns.items()
    )
    notes = "".join(parts.note(note) for note in (*mapping.notes, *upload.notes))
    return (
        parts.heading(text.Data.UNDERSTOOD, files + more, sure)
        + f"<p>{escape(mapping.sentence())} {pills}</p>{parts.note(mapping.reason)}{notes}"
    )


def _file_words(file: Any) -> str:
    return " · ".join(part for part in (file.name, file.format, file.encoding) if part)


def rows_html(preview: Preview) -> str:
    """The first rows as they came, and what becomes of them."""
    columns = list(preview.upload.columns)[:8]
    before = [[_cut(str(row.get(column, ""))) for column in columns] for row in preview.rows]
    after = [
        (text.Data.SKIPPED.format(reason=record.reason), "")
        if isinstance(record, Skipped)
        else (_cut(record.prompt), _cut(record.response))
        for record in preview.records
    ]
    return (
        f"<h3>{escape(text.Data.AFTER)}</h3>{parts.table(text.Data.AFTER_COLUMNS, after, text.Data.AFTER)}"
        f"<details><summary>{escape(text.Data.BEFORE)}</summary>{parts.table(columns, before, text.Data.BEFORE)}</details>"
    )


def dataset_html(dataset: Dataset, report: Mapping[str, Any]) -> str:
    """The head of a data set: what came in, what stays, and what a person should know about it."""
    rows = report.get("rows", {})
    label, tone = text.STATUS[dataset.status]
    title = text.Data.REPORT.format(
        read=units.count(rows.get("read")), kept=units.count(dataset.rows_train + dataset.rows_eval)
    )
    aside = text.Data.REPORT_ASIDE.format(train=units.count(dataset.rows_train), eval=units.count(dataset.rows_eval))
    said = [str(report.get("provenance", "")), *map(str, report.get("summary", ())), _split_words(report)]
    notes = "".join(f"<li>{escape(line)}</li>" for line in said if line)
    head = parts.heading(title, aside, parts.pill(label, tone))  # type: ignore[arg-type]
    return f'{head}{_skipped(report)}<ul class="sentences">{notes}</ul>'


def history_html(entries: Sequence[Mapping[str, Any]]) -> str:
    """What people did to a data set, the newest first."""
    if not entries:
        return parts.note(History.NONE)
    rows = [
        (
            units.moment(entry["at"]),
            entry["by"] or History.NOBODY,
            History.WHAT.get(entry["what"], entry["what"]),
            _listed(entry["records"]),
        )
        for entry in reversed(entries[-MOST_ENTRIES:])
    ]
    return parts.table(History.COLUMNS, rows, History.LABEL)


def _listed(records: Sequence[str]) -> str:
    more = History.MORE.format(count=len(records) - 5) if len(records) > 5 else ""
    return ", ".join(records[:5]) + more


def _split_words(report: Mapping[str, Any]) -> str:
    split = report.get("split", {})
    return text.Data.SPLIT.format(reason=split["reason"]) if split.get("reason") else ""


def _skipped(report: Mapping[str, Any]) -> str:
    lines = [
        text.Data.UNUSABLE.format(count=units.count(count), reason=reason)
        for reason, count in report.get("skipped", {}).items()
    ]
    return "".join(parts.note(line) for line in lines)


def _cut(value: str, length: int = EXCERPT) -> str:
    return value if len(value) <= length else value[: length - 1] + "…"
