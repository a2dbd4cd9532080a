"""Rows of a data set: search and page through them, correct one, take it out, put it back; and who has done so.

    rows.build() → Rows;  rows.wire(studio, rows, view)

Which page and which row is a matter of the controls. It does not know: how rows are found, or kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.curate import Page, RowView
from core.dataset.store import Dataset
from core.errors import InputError
from medft_ui import parts, units
from medft_ui.data_text import History
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.rows_text import FILTERS, PARTS
from medft_ui.rows_text import Rows as Words

if TYPE_CHECKING:
    from core.studio import Studio
    from medft_ui.tabs.dataset_view import DatasetView

PAGE_ROWS = 25
EXCERPT = 160
HIDDEN = {"visible": False}


@dataclass(frozen=True, slots=True)
class Rows:
    """The card's components.

    Args:
        query: Words to look for.
        find: Starts the search.
        filter: Which rows.
        table: The page.
        page: Its number, from 1.
        previous: One page back.
        next: One page on.
        pick: Which row of the page to change.
        editor: What changes the picked row.
        held: Which row of which data set the editor holds, so that a text never lands in another row.
        about: What is known about it.
        by: Who changes it.
        prompt: Its question.
        response: Its answer.
        save: Keeps both.
        exclude: Takes the row out.
        restore: Puts it back as it was.
        history: Who did what, drawn with the data set.
    """

    query: gr.Textbox
    find: gr.Button
    filter: gr.Dropdown
    table: gr.HTML
    page: gr.Number
    previous: gr.Button
    next: gr.Button
    pick: gr.Dropdown
    editor: gr.Column
    held: gr.Textbox
    about: gr.HTML
    by: gr.Textbox
    prompt: gr.Textbox
    response: gr.Textbox
    save: gr.Button
    exclude: gr.Button
    restore: gr.Button
    history: gr.HTML

    @property
    def asked(self) -> list[Any]:
        """What decides which rows are shown."""
        return [self.query, self.filter, self.page, self.pick]

    @property
    def listed(self) -> list[Any]:
        """What ``_listed`` fills."""
        return [self.table, self.page, self.filter, self.pick]

    @property
    def opened(self) -> list[Any]:
        """What ``_opened`` fills."""
        return [self.editor, self.held, self.about, self.prompt, self.response, self.save, self.exclude, self.restore]


def build() -> Rows:
    """Lay out the card."""
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Words.TITLE, Words.ASIDE) + parts.note(Words.VOID))
        with gr.Row():
            query = gr.Textbox(label=Words.SEARCH, info=Words.SEARCH_INFO, max_length=200, min_width=200)
            filter = gr.Dropdown(list(FILTERS), value="", label=Words.FILTER, info=Words.FILTER_INFO, min_width=200)
        with gr.Row(elem_classes="actions"):
            find = gr.Button(Words.FIND)
        table = gr.HTML(parts.note(Words.EMPTY), elem_classes="listed")
        with gr.Row(elem_classes="actions"):
            previous = gr.Button(Words.PREVIOUS)
            following = gr.Button(Words.NEXT)
        with gr.Row():
            page = gr.Number(1, label=Words.PAGE, precision=0, minimum=1, min_width=100, scale=1)
            pick = gr.Dropdown([], value=None, label=Words.PICK, info=Words.PICK_INFO, scale=4, min_width=200)
        editor = _editor()
        with gr.Accordion(History.TITLE, open=False):
            history = gr.HTML()
    return Rows(
        query=query,
        find=find,
        filter=filter,
        table=table,
        page=page,
        previous=previous,
        next=following,
        pick=pick,
        history=history,
        **editor,
    )


def _editor() -> dict[str, Any]:
    # outside of the column, which would show it when it is shown itself
    held = gr.Textbox("", visible="hidden", label=Words.HELD)
    with gr.Column(visible=False) as editor:
        about = gr.HTML()
        prompt = gr.Textbox(label=Words.PROMPT, lines=2, max_lines=8)
        response = gr.Textbox(label=Words.RESPONSE, lines=4, max_lines=16)
        by = gr.Textbox(label=Words.BY, info=Words.BY_INFO, max_length=200)
        with gr.Row(elem_classes="actions"):
            save = gr.Button(Words.SAVE, variant="primary")
            exclude = gr.Button(Words.EXCLUDE)
            restore = gr.Button(Words.RESTORE)
    return {
        "editor": editor,
        "held": held,
        "about": about,
        "prompt": prompt,
        "response": response,
        "by": by,
        "save": save,
        "exclude": exclude,
        "restore": restore,
    }


def wire(studio: Studio, rows: Rows, view: DatasetView) -> None:
    """Let the card follow what is done with the data set that is shown, and change it."""
    _wire_list(studio, rows, view)
    _wire_changes(studio, rows, view)


def _wire_list(studio: Studio, rows: Rows, view: DatasetView) -> None:
    def show(step: int | None) -> Any:
        @shown
        def listed(dataset_id: str | None, query: str, filter: str, page: float | None, pick: str | None) -> list[Any]:
            number = 1 if step is None else int(page or 1) + step
            return _listed(studio, dataset_id, query, filter, number, pick)

        return listed

    @shown
    def opened(dataset_id: str | None, pick: str | None) -> list[Any]:
        return _opened(studio, dataset_id, pick)

    inputs = [view.dataset, *rows.asked]
    gr.on([rows.query.submit, rows.find.click, rows.filter.input], show(None), inputs, rows.listed, **QUICK)
    rows.page.submit(show(0), inputs, rows.listed, **QUICK)
    rows.previous.click(show(-1), inputs, rows.listed, **QUICK)
    rows.next.click(show(1), inputs, rows.listed, **QUICK)
    # The head is drawn anew whenever the gate or this card has changed the rows.
    view.report.change(show(0), inputs, rows.listed, **QUICK)
    rows.pick.change(opened, [view.dataset, rows.pick], rows.opened, **QUICK)


def _wire_changes(studio: Studio, rows: Rows, view: DatasetView) -> None:
    def change(act: Any, said: str) -> Any:
        @shown
        def changed(dataset_id: str | None, held: str, by: str, prompt: str, response: str, *asked: Any) -> list[Any]:
            chosen, pick = _chosen(dataset_id), asked[-1]
            if not pick or held != _held(chosen, pick):
                raise InputError(Words.NO_ROW, Words.NO_ROW_HINT)
            if not (by or "").strip():
                raise InputError(Words.NO_NAME, Words.NO_NAME_HINT)
            was = studio.dataset(chosen)
            now = act(chosen, pick, prompt, response, by.strip())
            gr.Info(said.format(id=pick))
            seen = view.changed(studio, chosen, now)
            if now.id != chosen:
                return [*seen, *[gr.skip()] * len(rows.listed + rows.opened)]
            if was.status == "approved" != now.status:
                gr.Warning(Words.UNAPPROVED)
            query, filter, page, _ = asked
            listed = _listed(studio, chosen, query, filter, int(page or 1), pick)
            return [*seen, *listed, *_opened(studio, chosen, pick)]

        return changed

    def save(dataset_id: str, row_id: str, prompt: str, response: str, by: str) -> Dataset:
        asks = bool(studio.data.row(dataset_id, row_id).record.prompt)
        return studio.data.edit_row(dataset_id, row_id, prompt=prompt if asks else None, response=response, by=by)

    def exclude(dataset_id: str, row_id: str, prompt: str, response: str, by: str) -> Dataset:
        return studio.data.exclude_row(dataset_id, row_id, by=by)

    def restore(dataset_id: str, row_id: str, prompt: str, response: str, by: str) -> Dataset:
        return studio.data.restore_row(dataset_id, row_id, by=by)

    inputs = [view.dataset, rows.held, rows.by, rows.prompt, rows.response, *rows.asked]
    outputs = [*view.after_change, *rows.listed, *rows.opened]
    for button, act, said in (
        (rows.save, save, Words.SAVED),
        (rows.exclude, exclude, Words.EXCLUDED),
        (rows.restore, restore, Words.RESTORED),
    ):
        button.click(change(act, said), inputs, outputs, **SLOW)


def first_page(studio: Studio, dataset_id: str | None, query: str, filter: str) -> list[Any]:
    """Return what ``Rows.listed`` shows of another data set; it may have a row of the same id, so nothing stays picked."""
    return _listed(studio, dataset_id, query, filter, 1, None)


def _listed(
    studio: Studio, dataset_id: str | None, query: str, filter: str, number: int, pick: str | None
) -> list[Any]:
    """Return what ``Rows.listed`` shows; a page that is not there any more becomes the last one."""
    if not dataset_id:
        return [parts.note(Words.EMPTY), 1, gr.skip(), gr.update(choices=[], value=None)]
    filters = filter_choices(studio.dataset(dataset_id).report())
    chosen = filter if any(value == filter for _, value in filters) else ""
    number = max(1, number)
    page = studio.data.page(dataset_id, query or "", chosen, (number - 1) * PAGE_ROWS, PAGE_ROWS)
    last = max(1, -(-page.total // PAGE_ROWS))
    if number > last:
        number = last
        page = studio.data.page(dataset_id, query or "", chosen, (number - 1) * PAGE_ROWS, PAGE_ROWS)
    choices = [
        (Words.CHOICE.format(id=row.record.id, question=_cut(row.record.prompt, 70)), row.record.id)
        for row in page.rows
    ]
    kept = pick if any(value == pick for _, value in choices) else None
    return [
        page_html(page, (number - 1) * PAGE_ROWS),
        number,
        gr.update(choices=filters, value=chosen),
        gr.update(choices=choices, value=kept),
    ]


def _opened(studio: Studio, dataset_id: str | None, pick: str | None) -> list[Any]:
    """Return what ``Rows.opened`` shows of the picked row."""
    if not dataset_id or not pick:
        return [gr.update(**HIDDEN), "", "", "", "", *[gr.skip()] * 3]
    row = studio.data.row(dataset_id, pick)
    standing = not row.removed
    return [
        gr.update(visible=True),
        _held(dataset_id, pick),
        about_html(row),
        gr.update(value=row.record.prompt, interactive=standing and bool(row.record.prompt)),
        gr.update(value=row.record.response, interactive=standing),
        gr.update(visible=standing),
        gr.update(visible=standing),
        gr.update(visible=row.removed or row.edited),
    ]


def filter_choices(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What can be shown of a data set: the fixed filters, then each step that took rows out or points at some."""
    choices = list(FILTERS)
    for step in report.get("steps", ()):
        for count, what, name in (("removed", Words.TAKEN_OUT, "removed"), ("warned", Words.WARNED, "warned")):
            if step[count]:
                label = Words.STEP_FILTER.format(title=step["title"], what=what, count=units.count(step[count]))
                choices.append((label, f"{name}:{step['name']}"))
    return choices


def page_html(page: Page, offset: int) -> str:
    """The rows as a table under the range they are; everything in them is escaped."""
    if not page.rows:
        return parts.note(Words.NONE)
    span = Words.RANGE.format(
        first=units.count(offset + 1), last=units.count(offset + len(page.rows)), total=units.count(page.total)
    )
    body = [
        (
            row.record.id,
            PARTS.get(row.part, row.part),
            _cut(row.record.prompt, EXCERPT),
            _cut(row.record.response, EXCERPT),
            _notes(row),
        )
        for row in page.rows
    ]
    return parts.note(span) + parts.table(Words.COLUMNS, body, Words.TABLE)


def about_html(row: RowView) -> str:
    """What is known about one row."""
    pills = (parts.pill(Words.REMOVED, "bad") if row.removed else "") + (
        parts.pill(Words.EDITED, "info") if row.edited else ""
    )
    turns = len(row.record.messages)
    more = parts.note(Words.TURNS.format(count=turns)) if turns > 2 else ""
    said = "".join(parts.note(reason) for _, reason in row.notes)
    return parts.heading(row.record.id, row.record.topic or "", pills) + said + more


def _notes(row: RowView) -> str:
    marks = [Words.REMOVED] * row.removed + [Words.EDITED] * row.edited
    return "; ".join([*marks, *(reason for _, reason in row.notes)])


def _held(dataset_id: str, row_id: str) -> str:
    return f"{dataset_id}/{row_id}"


def _chosen(dataset_id: str | None) -> str:
    if not dataset_id:
        raise InputError(Words.NO_SET, Words.NO_SET_HINT)
    return dataset_id


def _cut(value: str, length: int) -> str:
    return value if len(value) <= length else value[: length - 1] + "…"
