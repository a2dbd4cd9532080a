"""Export: take the adapter home as a zip, or push it to the Hub; and read the model card first.

It does not know: what belongs into an adapter folder, how the Hub is reached.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.jobs.job import Job
from medft_ui import parts, text, units
from medft_ui.errors import shown
from medft_ui.events import FOLLOW, QUICK
from medft_ui.export_text import EXPORT_FILES, NoRun, Signed, Zip
from medft_ui.export_text import Export as Words
from medft_ui.lazy import Opened, Told
from medft_ui.tabs import export_merge
from medft_ui.tabs.export_merge import MergeCard

if TYPE_CHECKING:
    from core.studio import Studio

HAS_ADAPTER = ("finished", "stopped", "interrupted", "failed")


@dataclass(frozen=True, slots=True)
class Export:
    """The screen's components.

    Args:
        empty: What stands there before the first run.
        body: Everything that needs one.
    """

    empty: gr.HTML
    body: gr.Column
    run: gr.Dropdown
    make: gr.Button
    making: gr.HTML
    download: gr.DownloadButton
    repository: gr.Textbox
    private: gr.Checkbox
    push: gr.Button
    pushed: gr.HTML
    card: gr.Markdown
    signed: gr.HTML
    merge: MergeCard


def build(studio: Studio, told: Told, opened: Opened) -> Export:
    """Lay out the screen and wire it.

    Args:
        studio: The desk.
        told: What the poll tells; the screen listens to its exports and to what is merged.
        opened: When its tab is opened.
    """
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Words.TITLE, Words.ASIDE))
        run = gr.Dropdown([], label=Words.RUN, info=Words.RUN_INFO)
        signed = gr.HTML()
        empty = gr.HTML(parts.empty(NoRun.TITLE, NoRun.HINT))
    with gr.Column(visible=False) as body:
        ways, merge, card = _ways()
    export = Export(empty, body, run, *ways, card, signed, merge)
    _wire(studio, export)
    _follow(studio, export, told, opened)
    return export


def _ways() -> tuple[tuple[Any, ...], MergeCard, gr.Markdown]:
    with gr.Row(equal_height=True, elem_classes="level"):
        with gr.Column(elem_classes="card", min_width=320):
            gr.HTML(parts.heading(Words.HOME, Words.HOME_ASIDE))
            gr.HTML(_files_html())
            making = gr.HTML(min_height=8)
            with gr.Row(elem_classes="actions"):
                make = gr.Button(Words.MAKE, variant="primary")
                download = gr.DownloadButton(Words.DOWNLOAD, visible=False)
        with gr.Column(elem_classes="card", min_width=320):
            gr.HTML(parts.heading(Words.HUB, Words.HUB_ASIDE))
            repository = gr.Textbox(label=Words.REPOSITORY, placeholder="user/name", info=Words.REPOSITORY_INFO)
            private = gr.Checkbox(True, label=Words.PRIVATE, info=Words.PRIVATE_INFO)
            pushed = gr.HTML(min_height=8)
            with gr.Row(elem_classes="actions"):
                push = gr.Button(Words.PUSH)
    merge = export_merge.build()
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Words.CARD, Words.CARD_ASIDE))
        gr.HTML(parts.banner(text.SAFETY))
        card = gr.Markdown(Words.CARD_EMPTY, label=Words.CARD, elem_classes="modelcard", max_height=560)
    return (make, making, download, repository, private, push, pushed), merge, card


def _files_html() -> str:
    """What is in the zip, folded: eight files, each with what it is for."""
    table = parts.table(Zip.COLUMNS, EXPORT_FILES, Zip.FILES)
    return f"{parts.note(Zip.WHAT)}<details><summary>{escape(Zip.FILES)}</summary>{table}</details>"


def _wire(studio: Studio, export: Export) -> None:
    @shown
    def make_zip(run: str | None) -> dict[str, Any]:
        path = zip_for_download(studio, _chosen(run))
        size = f"{path.stat().st_size / 1e6:,.1f} MB"
        return gr.update(value=str(path), label=Words.DOWNLOAD_FILE.format(name=path.name, size=size), visible=True)

    @shown
    def push_adapter(run: str | None, repository: str, private: bool) -> str:
        address = studio.push(_chosen(run), (repository or "").strip(), private=private)
        return f'<p class="note"><a href="{escape(address, True)}" target="_blank" rel="noopener">{escape(address)}</a></p>'

    @shown
    def show_card(run: str | None) -> list[Any]:
        return [card_body(studio, run), gr.update(visible=False), signed_html(studio, run)]

    export.make.click(make_zip, export.run, export.download, show_progress_on=export.making, api_visibility="private")
    export.push.click(
        push_adapter, [export.run, export.repository, export.private], export.pushed, api_visibility="private"
    )
    export.run.change(show_card, export.run, [export.card, export.download, export.signed], **QUICK)


def _follow(studio: Studio, export: Export, told: Told, opened: Opened) -> None:
    """Read the runs, the model card of the chosen one and whether it is signed, when the tab is opened or a run moved."""

    @shown
    def show(picked: str | None) -> list[Any]:
        choices = run_choices(studio.list_runs())
        run = picked if any(value == picked for _, value in choices) else next((value for _, value in choices), None)
        picker = gr.update(choices=choices, value=run, visible=bool(choices))
        there = [gr.update(visible=not choices), gr.update(visible=bool(choices))]
        return [*there, picker, card_body(studio, run), signed_html(studio, run)]

    # raw values: what a page holds since before a restart is in no list yet
    shows = [export.empty, export.body, export.run, export.card, export.signed]
    gr.on([*opened, told.exports.change], show, export.run, shows, preprocess=False, **FOLLOW)
    export_merge.wire(studio, export.merge, export.run, [*opened, told.merging.change])


def run_choices(runs: Sequence[Job]) -> list[tuple[str, str]]:
    """Runs that may have an adapter, newest first."""
    return [(f"{job.name} · {units.moment(job.created)}", job.id) for job in runs if job.state in HAS_ADAPTER]


def card_body(studio: Studio, run: str | None) -> str:
    """The model card as people read it: without the fields in front that only the Hub reads."""
    if not run:
        return Words.CARD_EMPTY
    card = studio.model_card(run)
    if not card.startswith("---\n"):
        return card
    return card.partition("\n---\n")[2].lstrip()


def signed_html(studio: Studio, run: str | None) -> str:
    """Whether a run is signed, what its scorecard comes to, and what is not known of it."""
    if not run:
        return ""
    signed, card = studio.evaluations.sign_off(run), studio.evaluations.scorecard(run)
    if not signed.signed:
        pill = parts.pill(Signed.UNSIGNED, "bad")
    else:
        pill = parts.pill(Signed.CHANGED, "look") if signed.changed else parts.pill(Signed.SIGNED, "info")
    stated = [Signed.STATED.format(statement=signed.statement)] if signed.signed else []
    said = "".join(f"<p>{escape(line)}</p>" for line in (signed.sentence, *stated, card.headline))
    return parts.heading(Signed.TITLE, Signed.ASIDE, pill) + said + parts.note(Signed.WHERE)


def zip_for_download(studio: Studio, run_id: str) -> Path:
    """Make the zip and lay it where the server may hand it out: the data folders themselves stay closed to it."""
    made = studio.export_adapter(run_id)
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
    return Path(shutil.copy2(made, folder / made.name))


def _chosen(run: str | None) -> str:
    if not run:
        raise InputError(text.Errors.NO_RUN, text.Errors.NO_RUN_HINT)
    return run
