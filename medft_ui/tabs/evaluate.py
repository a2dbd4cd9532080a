"""Evaluate: judge a run against the model it came from; read what was found, item by item; and its scorecard.

Four cards below each other: start (evaluate_start.py), results (evaluate_result.py), items (evaluate_items.py), scorecard
(evaluate_card.py). This module lays them out, keeps their lists fresh, and tells the poll what runs.
It does not know: how anything is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.jobs.job import Job
from core.jobs.snapshot import Snapshot
from medft_ui import parts, text
from medft_ui.errors import shown
from medft_ui.evaluate_html import progress_html
from medft_ui.evaluate_text import TABS, Frame
from medft_ui.events import FOLLOW, SLOW
from medft_ui.lazy import Opened, Told
from medft_ui.tabs import evaluate_card, evaluate_items, evaluate_result, evaluate_safety, evaluate_start
from medft_ui.tabs.evaluate_result import ResultCard
from medft_ui.tabs.export import run_choices

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Evaluate:
    """The screen's components.

    Args:
        run: Which run is judged.
        empty: What stands there before the first run.
        body: Everything else.
        progress: The card of the evaluation that runs.
        running: What is going on in it.
        result: The card that shows what was found.
    """

    run: gr.Dropdown
    empty: gr.HTML
    body: gr.Column
    progress: gr.Column
    running: gr.HTML
    result: ResultCard


def build(studio: Studio, told: Told, opened: Opened) -> Evaluate:
    """Lay out the screen and wire it.

    Args:
        studio: The desk.
        told: What the poll tells; the screen listens to its evaluation.
        opened: When its tab is opened.
    """
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Frame.TITLE, Frame.ASIDE))
        run = gr.Dropdown([], label=Frame.RUN, info=Frame.RUN_INFO)
        empty = gr.HTML(parts.empty(Frame.NO_RUN, Frame.NO_RUN_HINT), visible=False)
    with gr.Column() as body:
        progress, running, keep, discard = _progress()
        with gr.Tabs():
            with gr.Tab(TABS[0], id="measure"):
                start = evaluate_start.build()
                gr.HTML(parts.banner(text.SAFETY))
                result = evaluate_result.build()
                items = evaluate_items.build()
                safety = evaluate_safety.build()
            with gr.Tab(TABS[1], id="scorecard") as card_opened:
                card = evaluate_card.build()
    screen = Evaluate(run, empty, body, progress, running, result)
    evaluate_start.wire(studio, start, run)
    evaluate_result.wire(studio, result, run)
    evaluate_items.wire(studio, items, result)
    evaluate_safety.wire(studio, safety, result, items)
    evaluate_card.wire(studio, card, run, told.evaluation, [*opened, card_opened.select])
    _follow(studio, screen, told, opened)
    _stops(studio, keep, discard)
    return screen


def _progress() -> tuple[gr.Column, gr.HTML, gr.Button, gr.Button]:
    with gr.Column(elem_classes="card", visible=False) as progress:
        running = gr.HTML()
        with gr.Row(elem_classes="actions"):
            keep = gr.Button(Frame.STOP_KEEP, size="sm")
            discard = gr.Button(Frame.DISCARD, size="sm", variant="stop")
    return progress, running, keep, discard


def updates(newest: Snapshot) -> list[Any]:
    """Return what ``Told.evaluation`` and ``Told.measuring`` hold now."""
    job = newest.job
    if job is None or job.kind != "evaluate":
        return [gr.skip(), ""]
    return [f"{job.id} {job.state}", progress_html(newest) if job.is_active else ""]


def _follow(studio: Studio, screen: Evaluate, told: Told, opened: Opened) -> None:
    """Read the lists anew when the tab is opened or an evaluation has moved; the page's one timer stays free of them."""

    @shown
    def look(picked_run: str | None, picked: str | None) -> list[Any]:
        return list_updates(studio, picked_run, picked)

    @shown
    def moved(evaluation: str, picked_run: str | None, picked: str | None) -> list[Any]:
        job_id, _, state = (evaluation or "").partition(" ")
        ended = state in ("finished", "stopped", "failed", "interrupted")
        lists = list_updates(studio, picked_run, job_id if ended else picked)
        # drawn here, too: where it was picked while it ran, the list's value does not change
        return [*lists, *evaluate_result.shown_updates(studio, lists[-1]["value"])]

    def measuring(drawn: str) -> list[Any]:
        return [gr.update(visible=bool(drawn)), drawn]

    outputs = [screen.run, screen.empty, screen.body, screen.result.evaluation]
    inputs = [screen.run, screen.result.evaluation]
    # raw values: what a page holds since before a restart is in no list yet
    gr.on([*opened, screen.run.input], look, inputs, outputs, preprocess=False, **FOLLOW)
    moves = [*outputs, *screen.result.filled]
    told.evaluation.change(moved, [told.evaluation, *inputs], moves, preprocess=False, **FOLLOW)
    shows = [screen.progress, screen.running]
    gr.on([*opened, told.measuring.change], measuring, told.measuring, shows, **FOLLOW)


def list_updates(studio: Studio, picked_run: Any, picked: Any) -> list[Any]:
    """New choices for the runs and the chosen run's evaluations; what is picked stays if it still exists."""
    runs = run_choices(studio.list_runs())
    run = _kept(picked_run, runs)
    evaluations = evaluate_result.choices(studio, run) if run else []
    chosen = _kept(picked, evaluations)
    return [
        gr.update(choices=runs, value=run, visible=bool(runs)),
        gr.update(visible=not runs),
        gr.update(visible=bool(runs)),
        gr.update(choices=evaluations, value=chosen),
    ]


def _kept(pick: Any, choices: Sequence[tuple[str, str]]) -> str | None:
    if any(value == pick for _, value in choices):
        return str(pick)
    return choices[0][1] if choices else None


def _stops(studio: Studio, keep: gr.Button, discard: gr.Button) -> None:
    @shown
    def stop(kept: bool) -> None:
        job = running_evaluation(studio)
        if job is not None:
            studio.evaluations.stop(job.id, kept)
            gr.Info(Frame.STOPPED_TOAST if kept else Frame.DISCARD_TOAST)

    keep.click(lambda: stop(True), **SLOW)
    discard.click(lambda: stop(False), **SLOW)


def running_evaluation(studio: Studio) -> Job | None:
    """The evaluation that holds the device now, if one does."""
    job = studio.controller.active()
    return job if job is not None and job.kind == "evaluate" else None
