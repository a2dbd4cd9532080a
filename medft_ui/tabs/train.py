"""Train: which data, which model, which recipe; the plan beside it; the text that is taught; Start.

It does not know: how a plan is made, how a run is started.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.config import PRESETS, RECOMMENDED
from medft_ui import parts, train_text
from medft_ui.errors import shown
from medft_ui.events import FOLLOW, QUICK, SLOW
from medft_ui.lazy import Opened
from medft_ui.pickers import pick_of, relisted
from medft_ui.tabs import data_views, train_form
from medft_ui.tabs.train_views import plan_view, preset_named, taught_html

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Around:
    """What the screen needs of the page.

    Args:
        wanted: Hidden; which data set is to be trained on, whoever chose it.
        datasets: Hidden; moves whenever a data set appears or goes, or another one is wanted.
        monitor: What opens the Monitor on the newest run.
        arrive: Returns what fills ``monitor``, and says that the run has started.
    """

    wanted: gr.Textbox
    datasets: gr.Textbox
    monitor: list[Any]
    arrive: Callable[[], list[Any]]


@dataclass(frozen=True, slots=True)
class Train:
    """The screen's components; ``form`` holds one control for each of train_form.NAMES."""

    dataset: gr.Dropdown
    preset: gr.Radio
    preset_note: gr.HTML
    name: gr.Textbox
    form: tuple[gr.components.Component, ...]
    plan: gr.HTML
    start: gr.Button
    reasons: gr.HTML
    row: gr.Number
    taught: gr.HTML

    @property
    def planned(self) -> list[Any]:
        """What a plan fills, in the order of ``_plan_updates``."""
        return [self.plan, self.start, self.reasons, self.preset_note]


def build(studio: Studio, around: Around, opened: Opened) -> Train:
    """Lay out the screen and wire it.

    Args:
        studio: The desk.
        around: What it needs of the page.
        opened: When its tab is opened.
    """
    with gr.Row():
        with gr.Column(elem_classes="card", scale=6, min_width=320):
            made = _recipe(studio)
        with gr.Column(elem_classes="card", scale=5, min_width=320):
            plan = gr.HTML(parts.heading(train_text.Train.PLAN))
            start = gr.Button(train_text.Train.START, variant="primary")
            reasons = gr.HTML()
    with gr.Column(elem_classes="card"):
        with gr.Row(elem_classes="spread"):
            gr.HTML(parts.heading(train_text.Train.TAUGHT, train_text.Train.TAUGHT_ASIDE))
            row = gr.Number(1, label=train_text.Train.ROW, precision=0, minimum=1, scale=0, min_width=110)
        taught = gr.HTML(parts.note(train_text.Train.TAUGHT_EMPTY))
    train = Train(plan=plan, start=start, reasons=reasons, row=row, taught=taught, **made)
    _wire(studio, train)
    _follow(studio, train, around, opened)
    _wire_start(studio, train, around)
    return train


def _recipe(studio: Studio) -> dict[str, Any]:
    gr.HTML(parts.heading(train_text.Train.RECIPE))
    dataset, model = _what(studio)
    preset = gr.Radio(
        [entry.name for entry in PRESETS], value=PRESETS[0].name, label=train_text.Train.PRESET, elem_classes="presets"
    )
    preset_note = gr.HTML(parts.note(PRESETS[0].about))
    fields = train_form.controls(train_form.SIMPLE)
    gr.HTML(parts.note(train_text.Train.ZONES))
    with gr.Accordion(train_text.Train.ADVANCED, open=False):
        for title, names in train_form.ADVANCED.items():
            gr.HTML(f"<h3>{escape(title)}</h3>")
            fields |= train_form.controls(names)
    name = gr.Textbox(label=train_text.Train.NAME, info=train_text.Train.NAME_INFO, max_length=80)
    form = (model, *(fields[key] for key in train_form.NAMES if key != "model"))
    return {"dataset": dataset, "preset": preset, "preset_note": preset_note, "name": name, "form": form}


def _what(studio: Studio) -> tuple[gr.Dropdown, gr.Dropdown]:
    listed = data_views.dataset_choices(studio.list_datasets())
    # as it will most likely be, so that nothing is planned twice
    dataset = gr.Dropdown(
        listed, value=pick_of(listed, None), label=train_text.Train.DATASET, info=train_text.Train.DATASET_INFO
    )
    label, info = train_text.SETTINGS["model"]
    choices = train_form.model_choices([model.id for model in studio.models()])
    model = gr.Dropdown(
        choices, value=RECOMMENDED.model, label=label, info=info, allow_custom_value=True, elem_id="set-model"
    )
    return dataset, model


def _wire(studio: Studio, train: Train) -> None:
    @shown
    def choose_preset(name: str, model: str) -> list[Any]:
        return train_form.to_values(preset_named(name).config.changed(model=model))

    @shown
    def show_plan(dataset_id: str | None, preset: str, *values: Any) -> list[Any]:
        return _plan_updates(studio, dataset_id, preset, values)

    @shown
    def show_taught(dataset_id: str | None, row: float | None, *values: Any) -> str:
        return taught_html(studio, dataset_id, int(row or 1), values)

    train.preset.input(choose_preset, [train.preset, train.form[0]], list(train.form), **QUICK)
    # a preset moves every control at once: only the last of that burst is planned
    last: dict[str, Any] = {"trigger_mode": "always_last"} | QUICK
    moved = [control.change for control in (train.dataset, train.preset, *train.form)]
    gr.on(moved, show_plan, [train.dataset, train.preset, *train.form], train.planned, **last)
    length = train.form[train_form.NAMES.index("max_length")]
    triggers = [train.dataset.change, train.form[0].change, length.change, train.row.change]
    gr.on(triggers, show_taught, [train.dataset, train.row, *train.form], train.taught, **last)


def _follow(studio: Studio, train: Train, around: Around, opened: Opened) -> None:
    """Plan and show the text when the tab is opened; keep up with the data sets and with which one is wanted."""

    @shown
    def show(wanted: str, preset: str, row: float | None, *values: Any) -> list[Any]:
        listed = data_views.dataset_choices(studio.list_datasets())
        chosen = pick_of(listed, wanted)
        taught = taught_html(studio, chosen, int(row or 1), values)
        return [relisted(listed, wanted, True), *_plan_updates(studio, chosen, preset, values), taught]

    @shown
    def moved(wanted: str, picked: str | None) -> dict[str, Any]:
        return relisted(data_views.dataset_choices(studio.list_datasets()), wanted, wanted != picked)

    inputs = [around.wanted, train.preset, train.row, *train.form]
    gr.on(opened, show, inputs, [train.dataset, *train.planned, train.taught], **QUICK)
    # raw values: what a page holds may have been deleted in another one
    raw: dict[str, Any] = {"preprocess": False} | FOLLOW
    around.datasets.change(moved, [around.wanted, train.dataset], train.dataset, **raw)
    # what is picked here is what is wanted from now on: told in the browser, so that nothing comes between
    train.dataset.input(None, train.dataset, around.wanted, js="picked => picked ?? ''", **QUICK)


def _wire_start(studio: Studio, train: Train, around: Around) -> None:
    @shown
    def start(dataset_id: str | None, name: str, *values: Any) -> list[Any]:
        start_run(studio, dataset_id, name, values)
        return around.arrive()

    train.start.click(start, [train.dataset, train.name, *train.form], around.monitor, **SLOW)


def _plan_updates(studio: Studio, dataset_id: str | None, preset: str, values: Sequence[Any]) -> list[Any]:
    view = plan_view(studio, dataset_id, preset, values)
    button = gr.update(
        interactive=view.ready, value=train_text.Train.START if view.ready else train_text.Train.START_BLOCKED
    )
    return [view.plan, button, view.reasons, view.note]


def start_run(studio: Studio, dataset_id: str | None, name: str, values: Sequence[Any]) -> str:
    """Start what the form says, and return the run's id.

    Raises:
        ConfigError: with every problem at once.
        JobError: if the machine is busy.
    """
    return studio.start_training(dataset_id or "", train_form.to_config(values), name)
