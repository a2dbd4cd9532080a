"""What each cleaning step did, its switch and its options; cleaning again, and the versions that came of it.

Cleaning again makes a new data set from the kept upload, so an old version is never lost. It does not know: how a step works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.mapping import ColumnMapping
from core.dataset.steps import STEP_NAMES, CleanOptions
from core.dataset.store import Dataset
from core.errors import DatasetError, InputError
from core.progress import Progress
from medft_ui import parts
from medft_ui.data_text import Source, Steps
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.tabs import clean_form, delete_card, steps_views, work_card
from medft_ui.tabs.delete_card import DeleteCard
from medft_ui.tabs.work_card import WorkCard

if TYPE_CHECKING:
    from core.studio import Studio

SWITCHES = Path(__file__).resolve().parents[1] / "switches.js"


@dataclass(frozen=True, slots=True)
class StepsCard:
    """The components.

    Args:
        card: Visible while a data set is shown.
        head: The heading, and what matched benchmarks.
        steps: The table with the switches; its value holds what is on.
        form: One control for each of clean_form.NAMES.
        group: The column whose values stay on one side of the split.
        benchmarks: Further benchmark files.
        again: Cleans again.
        versions: The versions as a table.
        version: Goes to one of them.
        delete: Deletes the version that is shown.
    """

    card: gr.Column
    head: gr.HTML
    steps: gr.HTML
    form: tuple[gr.components.Component, ...]
    options: gr.Accordion
    group: gr.Dropdown
    benchmarks: gr.File
    again: gr.Button
    versions: gr.HTML
    version: gr.Dropdown
    delete: DeleteCard

    @property
    def view(self) -> list[Any]:
        """What ``steps_updates`` fills."""
        return [self.card, self.head, self.steps, self.group, self.versions, self.version, *self.form]


def build(file_types: Sequence[str]) -> StepsCard:
    """Lay out the card.

    Args:
        file_types: Endings of files that can be read.
    """
    with gr.Column(elem_classes="card", visible=False) as card:
        head = gr.HTML(parts.heading(Steps.TITLE, Steps.ASIDE))
        steps = gr.HTML(
            label=Steps.TABLE,
            html_template='<div class="switches"></div>',  # no ${value} in it: the switches keep their node
            js_on_load=SWITCHES.read_text(encoding="utf-8"),
        )
        with gr.Accordion(clean_form.Words.TITLE, open=False) as options:
            form = clean_form.build()
            group = gr.Dropdown([], label=Steps.GROUP, info=Steps.GROUP_INFO)
            benchmarks = gr.File(
                label=Steps.MORE_BENCHMARKS,
                file_count="multiple",
                file_types=list(file_types),
                height=110,
                elem_classes="drop",
            )
            gr.HTML(parts.note(Source.BENCHMARKS_NOTE))
        gr.HTML(parts.note(Steps.AGAIN_NOTE))
        with gr.Row(elem_classes="actions"):
            again = gr.Button(Steps.AGAIN)
        versions = gr.HTML()
        version = gr.Dropdown([], label=Steps.VERSION_PICK, info=Steps.VERSION_PICK_INFO, visible=False)
        delete = delete_card.build()
    return StepsCard(card, head, steps, form, options, group, benchmarks, again, versions, version, delete)


def steps_updates(studio: Studio, dataset: Dataset | None) -> list[Any]:
    """Return what ``StepsCard.view`` shows for a data set."""
    hidden = gr.update(visible=False)
    if dataset is None:
        return [hidden, "", None, gr.skip(), "", hidden, *[gr.skip()] * len(clean_form.NAMES)]
    report, family = dataset.report(), studio.data.versions(dataset.id)
    topic = report["mapping"].get("columns", {}).get("topic", "")
    choices = [(steps_views.version_name(at, version), version.dataset.id) for at, version in enumerate(family, 1)]
    on = [name for name in STEP_NAMES if name in dataset.options.get("steps", ())]
    return [
        gr.update(visible=True),
        steps_views.head_html(studio.data.matches(dataset.id)),
        {"html": steps_views.steps_html(report), "on": on},
        gr.update(choices=[(Steps.NO_GROUP, ""), *([(topic, topic)] if topic else [])], value=topic),
        steps_views.versions_html(family, dataset.id) if len(family) > 1 else "",
        gr.update(choices=choices, value=dataset.id, visible=len(family) > 1),
        *clean_form.values_of(dataset.options),
    ]


def wire(studio: Studio, card: StepsCard, dataset: gr.Dropdown, work: WorkCard) -> None:
    """Let the card clean again, and go from version to version.

    Args:
        studio: The desk.
        card: The card.
        dataset: The list in which the data set is chosen.
        work: Where the work is shown.
    """

    @shown
    def show_columns(dataset_id: str | None, group: str) -> Any:
        if not dataset_id:
            return gr.skip()
        try:
            columns = studio.data.source_columns(dataset_id)
        except DatasetError:  # the upload is gone: then only what was chosen is known
            return gr.skip()
        return gr.update(choices=[(Steps.NO_GROUP, ""), *((name, name) for name in columns)], value=group)

    @shown
    def again(
        dataset_id: str, switches: dict[str, Any] | None, group: str, files: list[str] | None, *values: Any
    ) -> list[Any]:
        old = studio.dataset(dataset_id)
        paths = tuple(Path(path) for path in files or ())
        chosen = clean_form.options((switches or {}).get("on", ()), values).changed(benchmarks=paths)
        mapping = _regrouped(old, group or "")
        if mapping is None and not paths and _same(chosen, old):
            raise InputError(Steps.SAME, Steps.SAME_HINT)

        def clean(progress: Progress) -> Dataset:
            return studio.data.rebuild(dataset_id, chosen, mapping=mapping, progress=progress)

        mine = f"again:{studio.data.works.start(old.name, clean, source_id=old.id)}"
        return [mine, *work_card.updates(studio.data.works.now(), mine)]

    inputs = [dataset, card.steps, card.group, card.benchmarks, *card.form]
    card.again.click(again, inputs, [work.mine, *work.view], **SLOW)
    card.options.expand(show_columns, [dataset, card.group], card.group, **SLOW)
    card.version.input(lambda id: id, card.version, dataset, **QUICK)
    delete_card.wire(studio, card.delete, dataset)


def _regrouped(dataset: Dataset, group: str) -> ColumnMapping | None:
    """The data set's mapping with another column to group by; None where that stays."""
    body = dataset.report()["mapping"]
    if not body or body["columns"].get("topic", "") == group:
        return None
    mapping = ColumnMapping.from_json(body)
    columns = {role: name for role, name in mapping.columns.items() if role != "topic"}
    return mapping.changed(columns=columns | ({"topic": group} if group else {}))


def _same(chosen: CleanOptions, dataset: Dataset) -> bool:
    body = chosen.to_json()
    return all(dataset.options.get(name) == body[name] for name in body if name != "benchmarks")
