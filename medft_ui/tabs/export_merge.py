"""Merged model: one folder that needs no PEFT; whether there is room for it, how far it is, and taking it home.

It does not know: how weights are merged, how a job is followed.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.jobs.snapshot import Snapshot
from medft_ui import parts, units
from medft_ui.errors import shown
from medft_ui.events import FOLLOW, SLOW
from medft_ui.export_text import Merge
from medft_ui.lazy import Opened
from medft_ui.run_words import phase_words, silence_words
from medft_ui.text import Errors

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class MergeCard:
    """The card's components.

    Args:
        state: What there is: nothing yet, a job that runs, a merged model, or why there is none.
        merge: Starts merging.
        zip: Prepares the zip.
        making: Where its progress is drawn.
        download: The zip.
    """

    state: gr.HTML
    merge: gr.Button
    zip: gr.Button
    making: gr.HTML
    download: gr.DownloadButton

    @property
    def filled(self) -> list[Any]:
        """What ``card_updates`` fills."""
        return [self.state, self.merge, self.zip, self.download]


def build() -> MergeCard:
    """Lay out the card."""
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Merge.TITLE, Merge.ASIDE) + parts.note(Merge.WHAT))
        state = gr.HTML()
        with gr.Row(elem_classes="actions"):
            merge = gr.Button(Merge.START)
            zipped = gr.Button(Merge.ZIP, visible=False)
            download = gr.DownloadButton(Merge.DOWNLOAD, visible=False)
        making = gr.HTML(min_height=8)
    return MergeCard(state, merge, zipped, making, download)


def wire(studio: Studio, card: MergeCard, run: gr.Dropdown, triggers: Opened) -> None:
    """Let the card follow the run, and the job that merges it."""

    @shown
    def look(run_id: str | None) -> list[Any]:
        return card_updates(studio, run_id)

    @shown
    def start(run_id: str | None) -> list[Any]:
        studio.start_merge(_chosen(run_id))
        gr.Info(Merge.STARTED)
        return card_updates(studio, run_id)

    @shown
    def make_zip(run_id: str | None) -> dict[str, Any]:
        folder = Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
        path = studio.merged_zip(_chosen(run_id), folder)
        size = units.gib(path.stat().st_size / 1024**3)
        return gr.update(value=str(path), label=Merge.DOWNLOAD_FILE.format(name=path.name, size=size), visible=True)

    raw: dict[str, Any] = {"preprocess": False} | FOLLOW
    gr.on([run.change, *triggers], look, run, card.filled, **raw)
    card.merge.click(start, run, card.filled, preprocess=False, **SLOW)
    card.zip.click(
        make_zip, run, card.download, show_progress_on=card.making, api_visibility="private", preprocess=False
    )


def updates(newest: Snapshot) -> list[Any]:
    """Return what ``Told.merging`` holds now: a word that moves whenever the card has to be drawn anew."""
    job, phase = newest.job, newest.phase
    if job is None or job.kind != "merge":
        return [gr.skip()]
    return [f"{job.id} {job.state} {phase.name if phase else ''} {phase.done if phase else 0:g}"]


def card_updates(studio: Studio, run_id: Any) -> list[Any]:
    """Return what ``MergeCard.filled`` shows of a run."""
    hidden = gr.update(visible=False)
    if run_id not in {job.id for job in studio.list_runs()}:
        return [parts.note(Merge.NO_RUN), gr.update(visible=True, interactive=False), hidden, hidden]
    job, room = studio.merge_of(str(run_id))
    folder = studio.merges.folder(studio.evaluations.run(str(run_id)))
    if job is not None and job.is_active:
        return [running_html(studio.snapshot(job.id)), hidden, hidden, hidden]
    again = gr.update(visible=True, interactive=room.fits, value=Merge.AGAIN if folder else Merge.START)
    if folder is not None:
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1024**3
        done = f"<p>{escape(Merge.DONE.format(size=units.gib(size)))}</p><p><code>{escape(str(folder))}</code></p>"
        return [done, again, gr.update(visible=True), hidden]
    said = _room_html(room.needed_gib, room.free_gib, room.fits)
    if job is not None and job.error is not None:
        said = parts.problems([f"{job.error.message} {job.error.hint}"]) + said
    return [said, again, hidden, hidden]


def running_html(snapshot: Snapshot) -> str:
    """How far the merging is."""
    phase = snapshot.phase
    share = -1.0 if phase is None or phase.share is None else phase.share
    silence = f" · {words}" if (words := silence_words(snapshot)) else ""
    line = escape(f"{phase_words(snapshot)}{silence}")
    return f'{parts.bar(share, Merge.PROGRESS)}<p class="aside">{line}</p>'


def _room_html(needed_gib: float | None, free_gib: float, fits: bool) -> str:
    if needed_gib is None:
        return parts.note(Merge.ROOM_UNKNOWN.format(free=units.gib(free_gib)))
    words = Merge.ROOM.format(needed=units.gib(needed_gib), free=units.gib(free_gib))
    return parts.note(words) if fits else parts.problems([f"{words} {Merge.NO_ROOM}"])


def _chosen(run_id: Any) -> str:
    if not run_id:
        raise InputError(Errors.NO_RUN, Errors.NO_RUN_HINT)
    return str(run_id)
