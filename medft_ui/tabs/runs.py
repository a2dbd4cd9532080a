"""All runs: the table, several compared, and one renamed, noted or deleted.

It does not know: how a run is kept, how a curve is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import JobError
from core.jobs.history import RunSummary
from medft_ui import parts
from medft_ui.charts import live_chart
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.lazy import Opened, Told
from medft_ui.run_charts import Axis
from medft_ui.run_table import MOST, choices, differences_html, overlaid, table_html
from medft_ui.runs_text import Compare, Manage, Table

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Runs:
    """The screen's components.

    Args:
        table: Every run.
        cards: What can be done with runs, where there is any.
        picked: Which are compared.
        axis: Along what.
        compared: Train curves, eval curves, differences.
        run: Which is changed.
        words: Its name and its note.
        ask: Asks before it is deleted.
    """

    table: gr.HTML
    cards: tuple[gr.Column, gr.Column]
    picked: gr.Dropdown
    axis: gr.Radio
    compared: tuple[gr.HTML, gr.HTML, gr.HTML]
    run: gr.Dropdown
    words: tuple[gr.Textbox, gr.Textbox]
    ask: gr.Column

    @property
    def all(self) -> list[Any]:
        """Everything that follows what is on the disk, in the order of ``_all``."""
        return [self.table, *self.cards, self.picked, *self.compared, self.run, *self.words, self.ask]


def build(studio: Studio, told: Told, opened: Opened) -> Runs:
    """Lay out the screen and wire it.

    Args:
        studio: The desk.
        told: What the poll tells; the screen listens to its runs.
        opened: When its tab is opened; then what it shows is read.
    """
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Table.TITLE, Table.ASIDE))
        table = gr.HTML()
    with gr.Column(elem_classes="card") as comparing:
        gr.HTML(parts.heading(Compare.TITLE, Compare.ASIDE))
        with gr.Row():
            picked = gr.Dropdown(
                [], label=Compare.PICK, info=Compare.PICK_INFO, multiselect=True, max_choices=MOST, scale=3
            )
            axis = gr.Radio(list(Compare.AXES), value="steps", label=Compare.AXIS, scale=1, min_width=180)
        with gr.Row():
            compared = _charts()
        differ = gr.HTML()
    with gr.Column(elem_classes="card") as changing:
        run, words, save, delete, ask, yes, no = _manage()
    runs = Runs(table, (comparing, changing), picked, axis, (*compared, differ), run, words, ask)
    _wire(studio, runs, told, opened)
    _wire_changes(studio, runs, (save, delete, yes, no))
    return runs


def _charts() -> tuple[gr.HTML, gr.HTML]:
    made = []
    for title in (Compare.TRAIN, Compare.EVAL):
        with gr.Column(min_width=300):
            gr.HTML(parts.heading(title))
            made.append(live_chart(title))
    return made[0], made[1]


def _manage() -> tuple[Any, ...]:
    gr.HTML(parts.heading(Manage.TITLE))
    with gr.Row():
        run = gr.Dropdown([], label=Manage.PICK)
        name = gr.Textbox(label=Manage.NAME, max_length=80)
    note = gr.Textbox(label=Manage.NOTE, info=Manage.NOTE_INFO, lines=2, max_length=2000)
    with gr.Row(elem_classes="actions"):
        save = gr.Button(Manage.SAVE, size="sm", variant="primary")
        delete = gr.Button(Manage.DELETE, size="sm")
    with gr.Column(visible=False, elem_classes="ask") as ask:
        gr.HTML(parts.note(Manage.ASK))
        with gr.Row(elem_classes="actions"):
            yes = gr.Button(Manage.YES, size="sm", variant="stop")
            no = gr.Button(Manage.NO, size="sm")
    return run, (name, note), save, delete, ask, yes, no


def _wire(studio: Studio, runs: Runs, told: Told, opened: Opened) -> None:
    @shown
    def show(picked: list[str], axis: Axis, run: str | None) -> list[Any]:
        return _all(studio, picked, axis, run)

    @shown
    def moved(picked: list[str], axis: Axis, run: str | None) -> list[Any]:
        now = _all(studio, picked, axis, run)
        # the run is still there: what is being typed about it, or asked, stays
        still = run is not None and run in {job.id for job in studio.list_runs()}
        return [*now[:-3], *[gr.skip()] * 3] if still else now

    @shown
    def compare(picked: list[str], axis: Axis) -> list[Any]:
        return _compared(studio, studio.run_summaries(), picked, axis)

    @shown
    def choose(run: str | None) -> list[Any]:
        return [*_words(studio.run_summaries(), run), gr.update(visible=False)]

    # raw values: what a page holds may have been deleted in another one
    raw: dict[str, Any] = {"preprocess": False} | QUICK
    gr.on(opened, show, [runs.picked, runs.axis, runs.run], runs.all, **raw)
    told.runs.change(moved, [runs.picked, runs.axis, runs.run], runs.all, **raw)
    gr.on([runs.picked.input, runs.axis.input], compare, [runs.picked, runs.axis], list(runs.compared), **raw)
    runs.run.input(choose, runs.run, [*runs.words, runs.ask], **raw)


def _wire_changes(studio: Studio, runs: Runs, buttons: tuple[gr.Button, ...]) -> None:
    save, delete, yes, no = buttons

    @shown
    def keep_words(picked: list[str], axis: Axis, run: str | None, name: str, note: str) -> list[Any]:
        studio.rename_run(_chosen(run), name)
        studio.note_run(_chosen(run), note)
        gr.Info(Manage.SAVED)
        return _all(studio, picked, axis, run)

    @shown
    def remove(picked: list[str], axis: Axis, run: str | None) -> list[Any]:
        studio.delete_run(_chosen(run))
        gr.Info(Manage.DELETED)
        return _all(studio, picked, axis, None)

    # through the queue: only there are errors and notes shown
    raw: dict[str, Any] = {"preprocess": False} | SLOW
    save.click(keep_words, [runs.picked, runs.axis, runs.run, *runs.words], runs.all, **raw)
    delete.click(lambda: gr.update(visible=True), outputs=runs.ask, **QUICK)
    no.click(lambda: gr.update(visible=False), outputs=runs.ask, **QUICK)
    yes.click(remove, [runs.picked, runs.axis, runs.run], runs.all, **raw)


def _chosen(run: str | None) -> str:
    if not run:
        raise JobError(Manage.NONE, Manage.NONE_HINT)
    return run


def _all(studio: Studio, picked: Sequence[str] | None, axis: Axis, run: str | None) -> list[Any]:
    """What ``Runs.all`` shows now; what is picked stays as long as it is there."""
    found = studio.run_summaries()
    listed, ids = choices(found), [each.job.id for each in found]
    kept = [one for one in picked or () if one in ids] or ids[:2]
    run = run if run in ids else next(iter(ids), None)
    return [
        table_html(found, _datasets(studio)),
        *[gr.update(visible=bool(found))] * 2,
        gr.update(choices=listed, value=kept),
        *_compared(studio, found, kept, axis),
        gr.update(choices=listed, value=run),
        *_words(found, run),
        gr.update(visible=False),
    ]


def _compared(studio: Studio, found: Sequence[RunSummary], picked: Sequence[str] | None, axis: Axis) -> list[Any]:
    runs = [run for one in picked or () for run in found if run.job.id == one][:MOST]
    drawn = overlaid(runs, [studio.snapshot(run.job.id) for run in runs], axis)
    return [*(chart.to_json() for chart in drawn), differences_html(runs, _datasets(studio))]


def _words(found: Sequence[RunSummary], run: str | None) -> list[str]:
    job = next((each.job for each in found if each.job.id == run), None)
    return [job.name, job.note] if job else ["", ""]


def _datasets(studio: Studio) -> dict[str, str]:
    return {entry.id: entry.name for entry in studio.list_datasets()}
