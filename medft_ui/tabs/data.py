"""Data: drop a file, see what was understood, fix it, build a data set, read what cleaning did.

What a person chose lives in the controls, and the files in the upload folder, until they are built or taken away.
It does not know: file formats, how a row is understood, how cleaning works.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.mapping import KINDS, ColumnMapping, by_hand
from core.dataset.steps import STEPS, CleanOptions
from core.errors import InputError, MedftError
from core.progress import Choice, StopVerb
from medft_ui import parts, text
from medft_ui.errors import shown
from medft_ui.events import QUICK
from medft_ui.tabs import data_views, gate, rows
from medft_ui.tabs.gate import Gate
from medft_ui.tabs.rows import Rows

if TYPE_CHECKING:
    from core.studio import Preview, Studio

FILE_TYPES = [".jsonl", ".json", ".csv", ".tsv", ".txt", ".xlsx", ".parquet", ".xml", ".zip", ".gz", ".ndjson"]
# Roles that get a list of columns; options in columns of their own (choice_a …) are detected only.
PICKED_ROLES = (
    "prompt",
    "response",
    "input",
    "context",
    "system",
    "topic",
    "messages",
    "text",
    "choices",
    "answer",
    "explanation",
)


@dataclass(frozen=True, slots=True)
class Data:
    """The screen's components.

    Args:
        hero: The first step for somebody new; the poll hides it once something was trained.
        start_demo: Starts the quick demo.
        to_train: Opens the Train screen.
        files: What was dropped.
        held_out: Files to hold out instead of a share of the rows.
        problem: What is wrong with what was dropped.
        understood: The card with the mapping.
        sentence: What was understood.
        kind: How a row is built.
        roles: One list of columns for each of PICKED_ROLES.
        rows: The first rows, before and after.
        cleaning: The card with the options.
        name: What to call the data set.
        options: Steps, share held out, shortest answer, likeness of near duplicates.
        build: Starts building.
        building: Where the bar is drawn meanwhile.
        dataset: Which data set is shown.
        report: What cleaning did to it.
        train_on_it: Takes it to the Train screen.
        gate: Decides about identifiers and approves the data set.
        by_hand: Shows its rows and changes them.
    """

    hero: gr.Column
    start_demo: gr.Button
    to_train: gr.Button
    files: gr.File
    held_out: gr.File
    problem: gr.HTML
    understood: gr.Column
    sentence: gr.HTML
    kind: gr.Dropdown
    roles: tuple[gr.Dropdown, ...]
    rows: gr.HTML
    cleaning: gr.Column
    name: gr.Textbox
    options: tuple[gr.CheckboxGroup, gr.Slider, gr.Number, gr.Slider]
    build: gr.Button
    building: gr.HTML
    dataset: gr.Dropdown
    report: gr.HTML
    train_on_it: gr.Button
    gate: Gate
    by_hand: Rows

    @property
    def previewed(self) -> list[Any]:
        """What a preview fills, in the order of ``_preview``."""
        return [self.problem, self.understood, self.cleaning, self.sentence, self.rows, self.kind, *self.roles]


class ShownProgress:
    """A Progress that draws Gradio's bar over what is being made."""

    def __init__(self, bar: gr.Progress) -> None:
        self._bar = bar

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Move the bar."""
        self._bar((done, total) if total else None, desc=name)

    def metric(self, step: int, **values: float) -> None:
        """Cleaning has no metrics."""

    def sample(self, step: int, prompt: str, answer: str) -> None:
        """Cleaning has no samples."""

    def choice(self, name: str, choice: Choice[Any]) -> None:
        """The report shows choices."""

    def log(self, text: str) -> None:
        """The report says everything."""

    def result(self, values: Mapping[str, Any]) -> None:
        """The data set is the result."""

    def stop_requested(self) -> StopVerb | None:
        """Building is short; nobody stops it."""
        return None


def build(studio: Studio) -> Data:
    """Lay out the screen and wire what stays inside it."""
    with gr.Column(elem_classes="card hero", visible=False) as hero, gr.Row():
        gr.HTML(f"<h2>{escape(text.Data.HERO)}</h2><p>{escape(text.Data.HERO_TEXT)}</p>")
        with gr.Row(elem_classes="actions"):
            start_demo = gr.Button(text.Monitor.START_DEMO, variant="primary")
            to_train = gr.Button(text.Data.HERO_TRAIN)
    made = _upload_card() | _understood_card() | _cleaning_card() | _datasets_card()
    made |= {"gate": gate.build(), "by_hand": rows.build()}
    page = Data(hero=hero, start_demo=start_demo, to_train=to_train, **made)
    _wire(studio, page)
    return page


def _upload_card() -> dict[str, Any]:
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(text.Data.UPLOAD, text.Data.UPLOAD_ASIDE))
        files = gr.File(
            label=text.Data.FILES, file_count="multiple", file_types=FILE_TYPES, height=130, elem_classes="drop"
        )
        gr.HTML(parts.note(text.Data.NO_PATIENTS))
        with gr.Accordion(text.Data.HELD_OUT, open=False):
            held_out = gr.File(
                label=text.Data.HELD_OUT_FILES,
                file_count="multiple",
                file_types=FILE_TYPES,
                height=110,
                elem_classes="drop",
            )
        problem = gr.HTML(visible=False)
    return {"files": files, "held_out": held_out, "problem": problem}


def _understood_card() -> dict[str, Any]:
    with gr.Column(elem_classes="card", visible=False) as understood:
        sentence = gr.HTML()
        rows = gr.HTML()
        with gr.Accordion(text.Data.CHANGE, open=False):
            kind = gr.Dropdown(
                [(text.KINDS[name], name) for name in KINDS], label=text.Data.KIND, info=text.Data.KIND_INFO
            )
            with gr.Row(elem_classes="roles"):
                roles = tuple(
                    gr.Dropdown([], label=text.ROLES[role], visible=False, min_width=200) for role in PICKED_ROLES
                )
    return {"understood": understood, "sentence": sentence, "kind": kind, "roles": roles, "rows": rows}


def _cleaning_card() -> dict[str, Any]:
    default = CleanOptions()
    with gr.Column(elem_classes="card", visible=False) as cleaning:
        gr.HTML(parts.heading(text.Data.CLEAN, text.Data.CLEAN_ASIDE))
        with gr.Row():
            name = gr.Textbox(label=text.Data.NAME, info=text.Data.NAME_INFO, max_length=80)
            share = gr.Slider(
                0, 0.5, value=default.eval_share, step=0.01, label=text.Data.EVAL_SHARE, info=text.Data.EVAL_SHARE_INFO
            )
        with gr.Accordion(text.Data.STEPS, open=False):
            steps = gr.CheckboxGroup(
                [(step.title, step.name) for step in STEPS],
                value=[step.name for step in STEPS if step.name in default.steps],
                label=text.Data.STEPS_LABEL,
            )
            with gr.Row():
                shortest = gr.Number(
                    default.min_answer_chars, label=text.Data.SHORTEST, info=text.Data.SHORTEST_INFO, precision=0
                )
                likeness = gr.Slider(
                    0.5,
                    1,
                    value=default.near_duplicate_threshold,
                    step=0.01,
                    label=text.Data.LIKENESS,
                    info=text.Data.LIKENESS_INFO,
                )
        with gr.Row(elem_classes="actions"):
            build_button = gr.Button(text.Data.BUILD, variant="primary")
        building = gr.HTML(min_height=48)
    return {
        "cleaning": cleaning,
        "name": name,
        "options": (steps, share, shortest, likeness),
        "build": build_button,
        "building": building,
    }


def _datasets_card() -> dict[str, Any]:
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(text.Data.SETS, text.Data.SETS_ASIDE))
        dataset = gr.Dropdown([], label=text.Data.SET)
        report = gr.HTML()
        with gr.Row(elem_classes="actions"):
            train_on_it = gr.Button(text.Data.TRAIN_ON_IT, variant="primary")
    return {"dataset": dataset, "report": report, "train_on_it": train_on_it}


def _wire(studio: Studio, page: Data) -> None:
    @shown
    def show_preview(files: list[str] | None) -> list[Any]:
        return _preview(studio, files, None)

    @shown
    def show_by_hand(files: list[str] | None, kind: str, *columns: str | None) -> list[Any]:
        return _preview(studio, files, (kind, columns))

    @shown
    def make(
        files: list[str] | None, held_out: list[str] | None, name: str, kind: str, *rest: Any, progress: Any
    ) -> list[Any]:
        options, columns = rest[: len(page.options)], rest[len(page.options) :]
        paths, eval_paths = _paths(files), [Path(path) for path in held_out or ()]
        if not paths:
            raise InputError(text.Errors.NO_FILE, text.Errors.NO_FILE_HINT)
        dataset = studio.add_dataset(
            paths,
            name=name.strip(),
            mapping=_mapping(studio.preview(paths), kind, columns),
            options=clean_options(*options),
            eval_paths=eval_paths,
            progress=ShownProgress(progress),
        )
        forget(paths + eval_paths)
        choices = data_views.dataset_choices(studio.list_datasets())
        hidden = gr.update(visible=False)
        return [gr.update(choices=choices, value=dataset.id), None, None, "", hidden, hidden]

    # Gradio fills a parameter whose default is a Progress
    def make_with_bar(*values: Any, progress: gr.Progress = gr.Progress()) -> list[Any]:  # noqa: B008
        return make(*values, progress=progress)

    page.files.change(show_preview, page.files, page.previewed, **QUICK)
    by_hand_inputs = [page.files, page.kind, *page.roles]
    gr.on(
        [page.kind.input, *(role.input for role in page.roles)], show_by_hand, by_hand_inputs, page.previewed, **QUICK
    )
    inputs = [page.files, page.held_out, page.name, page.kind, *page.options, *page.roles]
    outputs = [page.dataset, page.files, page.held_out, page.name, page.understood, page.cleaning]
    page.build.click(make_with_bar, inputs, outputs, show_progress_on=page.building, api_visibility="private")
    gate.wire(studio, page.gate, page.dataset, page.report)
    rows.wire(studio, page.by_hand, page.dataset, page.report, page.gate)


def _paths(files: list[str] | None) -> list[Path]:
    return [Path(path) for path in files or ()]


def _preview(studio: Studio, files: list[str] | None, chosen: tuple[str, Sequence[str | None]] | None) -> list[Any]:
    """Return what ``Data.previewed`` shows; what is wrong with a file stays on the page until it is taken away."""
    paths, hidden = _paths(files), gr.update(visible=False)
    untouched = [gr.skip()] * (3 + len(PICKED_ROLES))
    if not paths:
        return [hidden, hidden, hidden, *untouched]
    try:
        preview = studio.preview(paths)
        if chosen is not None:
            preview = studio.preview(paths, _mapping(preview, *chosen))
    except MedftError as error:
        wrong = gr.update(value=parts.problems([str(error)]), visible=True)
        # after a choice by hand the controls stay, so that it can be put right
        cards = [hidden, hidden] if chosen is None else [gr.skip(), gr.skip()]
        return [wrong, *cards, *untouched]
    mapping, visible = preview.mapping, gr.update(visible=True)
    roles = [_role_update(role, mapping, preview.upload.columns) for role in PICKED_ROLES]
    return [
        hidden,
        visible,
        visible,
        data_views.understood_html(preview),
        data_views.rows_html(preview),
        mapping.kind,
        *roles,
    ]


def _role_update(role: str, mapping: ColumnMapping, columns: Sequence[str]) -> dict[str, Any]:
    needed, optional = KINDS[mapping.kind]
    choices = [(text.Data.NO_COLUMN, ""), *((column, column) for column in columns)]
    return gr.update(choices=choices, value=mapping.column(role), visible=role in needed + optional)


def _mapping(preview: Preview, kind: str, columns: Sequence[str | None]) -> ColumnMapping:
    """What the lists say; the detected mapping itself where they agree with it, because it also knows its reasons."""
    needed, optional = KINDS[kind]  # type: ignore[index]
    allowed = needed + optional
    picked = {role: column for role, column in zip(PICKED_ROLES, columns, strict=True) if column and role in allowed}
    found = preview.mapping
    if kind == found.kind and picked == {
        role: column for role, column in found.columns.items() if role in PICKED_ROLES
    }:
        return found
    own = {role: column for role, column in found.columns.items() if role not in PICKED_ROLES and role in allowed}
    return by_hand(preview.upload, kind, own | picked, found.first_index)  # type: ignore[arg-type]


def clean_options(
    steps: Sequence[str], eval_share: float, min_answer_chars: float | None, likeness: float
) -> CleanOptions:
    """Read the cleaning options.

    Raises:
        ConfigError: naming every value that is missing or of the wrong type.
    """
    return CleanOptions.from_json(
        {
            "steps": list(steps),
            "eval_share": eval_share,
            "min_answer_chars": min_answer_chars,
            "near_duplicate_threshold": likeness,
        }
    )


def forget(paths: Sequence[Path]) -> None:
    """Delete uploads that have been copied into a data set: whoever knows an upload's address could read it."""
    for path in paths:
        shutil.rmtree(path.parent, ignore_errors=True)
