"""Data: bring files or a Hub data set, see what was understood, fix it, build a data set, read what cleaning did.

    upload → understood → cleaning options → work_card (progress, cancel) → the data set: head, gate, steps, charts, rows

What a person chose lives in the controls, and the files in the upload folder, until they are built or taken away.
It does not know: file formats, how a row is understood, how cleaning works.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.desk import Preview
from core.dataset.intake import HubSet, Intake
from core.dataset.mapping import ColumnMapping
from core.dataset.steps import STEPS, CleanOptions
from core.dataset.store import Dataset
from core.dataset.work import WorkState
from core.errors import InputError, MedftError
from core.progress import Progress
from medft_ui import data_charts, parts, text
from medft_ui.data_text import Charts
from medft_ui.data_text import Mapping as MappingWords
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.tabs import bring_card, clean_form, data_views, downloads, gate, mapping_form, rows, steps_card, work_card
from medft_ui.tabs.bring_card import Bring, forget, intake_of
from medft_ui.tabs.dataset_view import DatasetView
from medft_ui.tabs.downloads import Downloads
from medft_ui.tabs.mapping_form import Chosen, MappingForm
from medft_ui.tabs.rows import Rows
from medft_ui.tabs.work_card import WorkCard

if TYPE_CHECKING:
    from core.studio import Studio

FILE_TYPES = [
    ".jsonl",
    ".json",
    ".csv",
    ".tsv",
    ".txt",
    ".md",
    ".xlsx",
    ".parquet",
    ".arrow",
    ".feather",
    ".xml",
    ".zip",
]
FILE_TYPES += [".gz", ".ndjson"]
HIDDEN = {"visible": False}


@dataclass(frozen=True, slots=True)
class Data:
    """The screen's components.

    Args:
        hero: The first step for somebody new; the poll hides it once something was trained.
        start_demo: Starts the quick demo.
        to_train: Opens the Train screen.
        bring: Where rows come from.
        understood: The card with the mapping.
        sentence: What was understood.
        mapping: Changes it by hand.
        rows: The first rows, before and after.
        cleaning: The card with the options.
        name: What to call the data set.
        steps: Which steps run.
        form: One control for each of clean_form.NAMES.
        build: Starts building.
        work: What is being made.
        view: The data set that is shown.
        train_on_it: Takes it to the Train screen.
        downloads: Takes it home.
        by_hand: Shows its rows and changes them.
    """

    hero: gr.Column
    start_demo: gr.Button
    to_train: gr.Button
    bring: Bring
    understood: gr.Column
    sentence: gr.HTML
    mapping: MappingForm
    rows: gr.HTML
    cleaning: gr.Column
    name: gr.Textbox
    steps: gr.CheckboxGroup
    form: tuple[gr.components.Component, ...]
    build: gr.Button
    work: WorkCard
    view: DatasetView
    train_on_it: gr.Button
    downloads: Downloads
    by_hand: Rows

    @property
    def dataset(self) -> gr.Dropdown:
        """Which data set is shown."""
        return self.view.dataset

    @property
    def previewed(self) -> list[Any]:
        """What a preview fills, in the order of ``_preview``."""
        return [
            self.bring.problem,
            self.understood,
            self.cleaning,
            self.sentence,
            self.rows,
            *self.mapping.view,
        ]

    @property
    def ended(self) -> list[Any]:
        """What the end of the work changes, in the order of ``_after_work``."""
        bring = self.bring
        emptied = [bring.files, bring.held_out, bring.benchmarks, bring.loaded, self.name]
        return [self.dataset, self.work.mine, *emptied, *self.previewed]


def build(studio: Studio) -> Data:
    """Lay out the screen and wire what stays inside it."""
    with gr.Column(elem_classes="card hero", visible=False) as hero, gr.Row():
        gr.HTML(f"<h2>{escape(text.Data.HERO)}</h2><p>{escape(text.Data.HERO_TEXT)}</p>")
        with gr.Row(elem_classes="actions"):
            start_demo = gr.Button(text.Monitor.START_DEMO, variant="primary")
            to_train = gr.Button(text.Data.HERO_TRAIN)
    bring = bring_card.build(studio, FILE_TYPES)
    made = _understood_card() | _cleaning_card()
    work = work_card.build(studio)
    made |= _dataset_cards()
    page = Data(hero=hero, start_demo=start_demo, to_train=to_train, bring=bring, work=work, **made)
    _wire_preview(studio, page)
    _wire_build(studio, page)
    _wire_dataset(studio, page)
    return page


def _understood_card() -> dict[str, Any]:
    with gr.Column(elem_classes="card understood", visible=False) as understood:
        sentence = gr.HTML()
        mapping = mapping_form.build()
        shown_rows = gr.HTML()
    return {"understood": understood, "sentence": sentence, "mapping": mapping, "rows": shown_rows}


def _cleaning_card() -> dict[str, Any]:
    default = CleanOptions()
    with gr.Column(elem_classes="card", visible=False) as cleaning:
        gr.HTML(parts.heading(text.Data.CLEAN, text.Data.CLEAN_ASIDE))
        name = gr.Textbox(label=text.Data.NAME, info=text.Data.NAME_INFO, max_length=80)
        with gr.Accordion(text.Data.STEPS, open=False):
            steps = gr.CheckboxGroup(
                [(step.title, step.name) for step in STEPS],
                value=[step.name for step in STEPS if step.name in default.steps],
                label=text.Data.STEPS_LABEL,
            )
            form = clean_form.build()
        with gr.Row(elem_classes="actions"):
            build_button = gr.Button(text.Data.BUILD, variant="primary")
    return {"cleaning": cleaning, "name": name, "steps": steps, "form": form, "build": build_button}


def _dataset_cards() -> dict[str, Any]:
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(text.Data.SETS, text.Data.SETS_ASIDE))
        dataset = gr.Dropdown([], label=text.Data.SET)
        report = gr.HTML()
        with gr.Row(elem_classes="actions"):
            train_on_it = gr.Button(text.Data.TRAIN_ON_IT, variant="primary")
            prepare = downloads.build_button()
        home = downloads.build(prepare)
    gate_card, steps = gate.build(), steps_card.build(FILE_TYPES)
    with gr.Column(elem_classes="card", visible=False) as pictures:
        gr.HTML(parts.heading(Charts.TITLE, Charts.ASIDE))
        charts = data_charts.bar_charts()
    by_hand = rows.build()
    view = DatasetView(dataset, report, gate_card, steps, pictures, charts, by_hand.history)
    return {"view": view, "train_on_it": train_on_it, "downloads": home, "by_hand": by_hand}


def _wire_preview(studio: Studio, page: Data) -> None:
    bring, form = page.bring, page.mapping

    @shown
    def show_preview(files: list[str] | None, loaded: str) -> list[Any]:
        if loaded and not files:  # files gave way to a Hub data set, which is shown when it is there
            return [gr.skip()] * len(page.previewed)
        return _preview(studio, intake_of(files, loaded), None)

    @shown
    def show_by_hand(files: list[str] | None, loaded: str, *controls: Any) -> list[Any]:
        return _preview(studio, intake_of(files, loaded), Chosen.of(*controls))

    @shown
    def load(*hub: str) -> list[Any]:
        named = HubSet.from_json(dict(zip(("id", "config", "split", "revision"), hub, strict=True)))
        body = json.dumps({"id": named.id, "config": named.config, "split": named.split, "revision": named.revision})
        intake = Intake(hub=named)
        title = intake.title()
        mine = f"load:{studio.data.works.start(title, lambda progress: studio.data.load(intake, progress), loads=True)}"
        # what was brought before counts no more: the last thing does, and is shown when it is there
        seen = [None, body, *_preview(studio, Intake(), None)]
        return [*seen, mine, *work_card.updates(studio.data.works.now(), mine)]

    @shown
    def dropped(files: list[str] | None, loaded: str) -> Any:
        return "" if files else loaded

    source = [bring.files, bring.loaded]
    bring.files.change(show_preview, source, page.previewed, **QUICK)
    bring.files.upload(dropped, source, bring.loaded, **QUICK)
    triggers = [control.input for control in form.controls]
    gr.on(triggers, show_by_hand, [*source, *form.controls], page.previewed, **QUICK)
    loads = [*bring.hub[1:], bring.hub[0]]
    gr.on(
        [bring.load.click, *(box.submit for box in loads)],
        load,
        list(bring.hub),
        [*source, *page.previewed, page.work.mine, *page.work.view],
        **SLOW,
    )


def _wire_build(studio: Studio, page: Data) -> None:
    bring, form, work = page.bring, page.mapping, page.work

    @shown
    def make(
        files: list[str] | None,
        loaded: str,
        held_out: list[str] | None,
        benchmarks: list[str] | None,
        name: str,
        steps: list[str],
        *values: Any,
    ) -> list[Any]:
        intake = intake_of(files, loaded, held_out, benchmarks)
        if not intake.files and not intake.hub:
            raise InputError(text.Errors.NO_FILE, text.Errors.NO_FILE_HINT)
        settings, controls = values[: len(page.form)], values[len(page.form) :]
        options = clean_form.options(steps, settings)
        mapping = mapping_form.chosen_mapping(
            studio.data.open_upload(intake), Chosen.of(*controls), _detected(studio, intake)
        )

        def clean(progress: Progress) -> Dataset:
            made = studio.data.add(intake, name=name, mapping=mapping, options=options, progress=progress)
            forget((*intake.files, *intake.held_out, *intake.benchmarks))
            return made

        mine = f"build:{studio.data.works.start(name.strip() or intake.title(), clean)}"
        return [mine, *work_card.updates(studio.data.works.now(), mine)]

    @shown
    def look(token: str, mine: str, files: list[str] | None, loaded: str) -> list[Any]:
        state = studio.data.works.now()
        return [*work_card.updates(state, mine), *_after_work(studio, page, state, mine, intake_of(files, loaded))]

    inputs = [bring.files, bring.loaded, bring.held_out, bring.benchmarks, page.name, page.steps, *page.form]
    page.build.click(make, [*inputs, *form.controls], [work.mine, *work.view], **SLOW)
    work.token.change(look, [work.token, work.mine, bring.files, bring.loaded], [*work.view, *page.ended], **QUICK)


def _wire_dataset(studio: Studio, page: Data) -> None:
    view = page.view

    @shown
    def show(dataset_id: str | None, query: str, filter: str) -> list[Any]:
        # one answer for the whole screen: each event more would keep the page from its first click
        dataset = studio.dataset(dataset_id) if dataset_id else None
        return [*view.updates(studio, dataset), *rows.first_page(studio, dataset_id, query, filter)]

    asked, listed = [page.by_hand.query, page.by_hand.filter], page.by_hand.listed
    view.dataset.change(show, [view.dataset, *asked], [*view.outputs, *listed], **QUICK)
    gate.wire(studio, view)
    steps_card.wire(studio, view.steps, view.dataset, page.work)
    rows.wire(studio, page.by_hand, view)
    downloads.wire(studio, page.downloads, view.dataset, view.report)


def _detected(studio: Studio, intake: Intake) -> ColumnMapping | None:
    """What is found without help; None where nothing is."""
    try:
        return studio.data.preview(intake).mapping
    except MedftError:
        return None


def _preview(studio: Studio, intake: Intake, chosen: Chosen | None, *, afresh: bool = False) -> list[Any]:
    """Return what ``Data.previewed`` shows; what is wrong with an upload stays on the page until it is taken away."""
    hidden = gr.update(**HIDDEN)
    form = [gr.skip()] * len(mapping_form.PICKED_ROLES + ("box", "kind", "options", "first"))
    if not intake.files and not intake.hub:
        return [hidden, hidden, hidden, "", "", *form]
    try:
        upload = studio.data.preview(intake, afresh=afresh) if chosen is None else None
    except MedftError as error:
        return _not_understood(studio, intake, error)
    if upload is None:
        return _by_hand(studio, intake, chosen)  # type: ignore[arg-type]
    return _understood(upload)


def _understood(preview: Preview, by_hand: bool = False) -> list[Any]:
    visible, chosen = gr.update(visible=True), mapping_form.as_chosen(preview.mapping)
    controls = mapping_form.form_updates(chosen, preview.upload.columns, by_hand=by_hand)
    seen = (data_views.understood_html(preview), data_views.rows_html(preview))
    return [gr.update(**HIDDEN), visible, visible, *seen, *controls]


def _by_hand(studio: Studio, intake: Intake, chosen: Chosen) -> list[Any]:
    """Show the rows as the controls say; while a column is missing, say which, and keep the controls."""
    upload = studio.data.open_upload(intake)
    try:
        mapping = mapping_form.chosen_mapping(upload, chosen, _detected(studio, intake))
        return _understood(studio.data.preview(intake, mapping), by_hand=True)
    except MedftError as error:
        wrong = gr.update(value=parts.problems([str(error), MappingWords.NOT_YET]), visible=True)
        controls = mapping_form.form_updates(chosen, upload.columns, by_hand=True)
        return [wrong, gr.update(visible=True), gr.update(**HIDDEN), gr.skip(), gr.skip(), *controls]


def _not_understood(studio: Studio, intake: Intake, error: MedftError) -> list[Any]:
    """Say what is wrong; where the file itself can be read, a person may still say what is what."""
    hidden = gr.update(**HIDDEN)
    wrong = gr.update(value=parts.problems([str(error)]), visible=True)
    try:
        columns = studio.data.open_upload(intake).columns
    except MedftError:
        columns = ()
    if len(columns) < 2:
        return [wrong, hidden, hidden, "", "", *[gr.skip()] * (4 + len(mapping_form.PICKED_ROLES))]
    head = parts.heading(text.Data.UNDERSTOOD) + parts.note(MappingWords.BY_HAND)
    controls = mapping_form.form_updates(Chosen("prompt_response", {}), columns, opened=True)
    return [wrong, gr.update(visible=True), hidden, head, "", *controls]


def _after_work(studio: Studio, page: Data, state: WorkState | None, mine: str, intake: Intake) -> list[Any]:
    """Return what ``Data.ended`` shows: what this page began is shown when it is ready, and what was built is gone."""
    untouched = [gr.skip()] * len(page.ended)
    kind, _, id = mine.partition(":")
    if state is None or state.id != id or state.state != "finished":
        return untouched
    if kind == "load":
        brought = _preview(studio, intake, None) if intake.hub else untouched[7:]
        return [gr.skip(), f"done:{id}", *untouched[2:7], *brought]
    choices = data_views.dataset_choices(studio.list_datasets())
    shown_now = [gr.update(choices=choices, value=state.dataset_id), f"done:{id}"]
    if kind == "again":
        return [*shown_now, *untouched[2:]]
    if kind != "build":
        return untouched
    return [*shown_now, None, None, None, "", "", *_preview(studio, Intake(), None)]
