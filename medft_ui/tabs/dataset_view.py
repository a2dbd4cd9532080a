"""What follows the data set that is shown: its head, the gate, the steps, the pictures, its history.

    view = DatasetView(…);  view.updates(studio, dataset)  after it was chosen;  view.changed(studio, was, now) after a change

Both answer in the order of ``outputs``. It does not know: which event asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.store import Dataset
from medft_ui.data_charts import charts_of
from medft_ui.data_text import Gate as Words
from medft_ui.tabs import data_views
from medft_ui.tabs.gate import Gate, gate_updates
from medft_ui.tabs.steps_card import StepsCard, steps_updates

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class DatasetView:
    """The components.

    Args:
        dataset: The list in which the data set is chosen.
        report: Its head: what came in, what stays, what a person should know.
        gate: Decides about identifiers and approves.
        steps: What each step did, and its versions.
        pictures: The column with the charts.
        charts: The charts.
        history: Who did what.
    """

    dataset: gr.Dropdown
    report: gr.HTML
    gate: Gate
    steps: StepsCard
    pictures: gr.Column
    charts: gr.HTML
    history: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        """Everything, in the order of ``updates``."""
        ask = self.steps.delete.ask
        return [self.report, self.history, *self.gate.view, self.pictures, self.charts, *self.steps.view, ask]

    @property
    def after_change(self) -> list[Any]:
        """What a change of rows or decisions fills, in the order of ``changed``."""
        return [self.dataset, self.report, self.history, *self.gate.view]

    def updates(self, studio: Studio, dataset: Dataset | None) -> list[Any]:
        """Show another data set, or none."""
        if dataset is None:
            hidden = gr.update(visible=False)
            return ["", "", *gate_updates(studio, None), hidden, [], *steps_updates(studio, None), hidden]
        pictures = charts_of(dataset.report())
        return [
            data_views.dataset_html(dataset, dataset.report()),
            data_views.history_html(studio.data.history(dataset.id)),
            *gate_updates(studio, dataset),
            gr.update(visible=bool(pictures)),
            pictures,
            *steps_updates(studio, dataset),
            gr.update(visible=False),
        ]

    def changed(self, studio: Studio, was: str, now: Dataset, **asked: Any) -> list[Any]:
        """Show what a change left; a change to the sample went into a copy, which is chosen instead.

        Args:
            studio: The desk.
            was: Id of the data set that was to be changed.
            now: What it has become.
            asked: What the gate is to show, as ``gate_updates`` takes it.
        """
        if now.id != was:
            gr.Info(Words.COPIED)
            choices = data_views.dataset_choices(studio.list_datasets())
            picked = gr.update(choices=choices, value=now.id)
            return [picked, *[gr.skip()] * (len(self.after_change) - 1)]
        return [
            gr.skip(),
            data_views.dataset_html(now, now.report()),
            data_views.history_html(studio.data.history(now.id)),
            *gate_updates(studio, now, **asked),
        ]
