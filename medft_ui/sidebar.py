"""The column beside every screen: what the machine is doing, how long it will take, how to stop it.

It does not know: how a run is followed, which screen is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.jobs.gpu import DeviceStatus
from core.jobs.job import Job
from core.jobs.snapshot import TRAINING_PHASE, Snapshot
from medft_ui import parts, text, units
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.run_words import phase_words, share_done, silence_words, state_word, step_words

if TYPE_CHECKING:
    from core.dataset.store import Dataset
    from core.studio import Studio

# What can go on where it was; whatever else runs is stopped, not paused.
RESUMABLE = ("train", "evaluate")
IDLE_PERCENT = 20


@dataclass(frozen=True, slots=True)
class Sidebar:
    """Its components; ``live`` are those that the poll updates, in the order of ``updates``."""

    tiles: gr.HTML
    dataset: gr.HTML
    pause: gr.Button
    stop: gr.Button
    resume: gr.Button
    ask: gr.Column

    @property
    def live(self) -> list[gr.components.Component]:
        """What the poll updates."""
        return [self.tiles, self.dataset, self.pause, self.stop, self.resume, self.ask]


def build(studio: Studio) -> Sidebar:
    """Lay out the sidebar and wire its buttons."""
    with gr.Sidebar(label=text.App.SIDEBAR, width=272, elem_classes="mf-sidebar"):
        gr.HTML(f'<div class="brand"><b>{escape(text.App.TITLE)}</b><span>{escape(text.App.CLAIM)}</span></div>')
        tiles = gr.HTML(label=text.App.SIDEBAR)
        with gr.Row(elem_classes="actions"):
            pause = gr.Button(text.Sidebar.PAUSE, size="sm", visible=False)
            stop = gr.Button(text.Sidebar.STOP, size="sm", visible=False)
            resume = gr.Button(text.Sidebar.RESUME, size="sm", visible=False)
        with gr.Column(visible=False, elem_classes="tile ask") as ask:
            gr.HTML(parts.note(text.Sidebar.ASK))
            keep = gr.Button(text.Sidebar.KEEP, size="sm")
            discard = gr.Button(text.Sidebar.DISCARD, size="sm", variant="stop")
            go_on = gr.Button(text.Sidebar.GO_ON, size="sm")
        dataset = gr.HTML(label=text.Sidebar.DATASET)
        gr.HTML(f'<div class="disclaimer">{escape(text.App.DISCLAIMER)}</div>', elem_classes="last")

    @shown
    def stop_and_keep() -> dict[str, Any]:
        stop_active(studio, keep=True)
        return gr.update(visible=False)

    @shown
    def discard_run() -> dict[str, Any]:
        stop_active(studio, keep=False)
        return gr.update(visible=False)

    @shown
    def resume_newest() -> None:
        snapshot = studio.snapshot(None)
        if snapshot.job is not None:
            studio.resume_training(snapshot.job.id)
            gr.Info(text.Monitor.RESUMED_TOAST)

    stop.click(lambda: gr.update(visible=True), outputs=ask, **QUICK)
    go_on.click(lambda: gr.update(visible=False), outputs=ask, **QUICK)
    gr.on([pause.click, keep.click], stop_and_keep, outputs=ask, **SLOW)
    discard.click(discard_run, outputs=ask, **SLOW)
    resume.click(resume_newest, **SLOW)
    return Sidebar(tiles, dataset, pause, stop, resume, ask)


def stop_active(studio: Studio, keep: bool) -> None:
    """Stop the run that is active now, if there is one, and say what happens next."""
    snapshot = studio.snapshot(None)
    if snapshot.job is not None and snapshot.job.is_active:
        studio.stop_training(snapshot.job.id, keep)
        gr.Info(text.Monitor.PAUSED_TOAST if keep else text.Monitor.DISCARD_TOAST)


def updates(snapshot: Snapshot, device: DeviceStatus, dataset: Dataset | None) -> list[Any]:
    """Return what ``Sidebar.live`` shows now."""
    active = snapshot.job is not None and snapshot.job.is_active
    stoppable = active and snapshot.state != "stopping"
    resumable = not active and snapshot.resumable
    ask = gr.skip() if stoppable else gr.update(visible=False)
    pausable = stoppable and snapshot.job is not None and snapshot.job.kind in RESUMABLE
    buttons = [gr.update(visible=pausable), gr.update(visible=stoppable), gr.update(visible=resumable)]
    tiles = f'<div class="tiles">{_device_tile(snapshot, device)}{_job_tile(snapshot)}</div>'
    return [tiles, _dataset_tile(dataset), *buttons, ask]


def _tile(over: str, body: str, extra: str = "") -> str:
    return f'<section class="tile {extra}" aria-label="{escape(over, True)}"><div class="over">{escape(over)}</div>{body}</section>'


def _device_tile(snapshot: Snapshot, device: DeviceStatus) -> str:
    said = [text.Sidebar.MEMORY.format(used=units.gib(device.used_gib), total=units.gib(device.total_gib))]
    # what other programs do keeps a machine busy too, which nobody would call idle
    idle = (device.utilisation_percent or 0) < IDLE_PERCENT and (snapshot.job is None or not snapshot.job.is_active)
    if device.utilisation_percent is not None and not idle:
        said.append(text.Sidebar.BUSY.format(percent=units.percent(device.utilisation_percent / 100)))
    if device.temperature_c is not None:
        said.append(text.Sidebar.TEMPERATURE.format(degrees=f"{device.temperature_c:.0f}"))
    if idle:
        said.append(text.Sidebar.IDLE)
    share = device.used_gib / device.total_gib if device.total_gib else 0.0
    return _tile(
        text.Sidebar.DEVICE,
        f'<div class="big">{escape(device.name)}</div>{parts.bar(share, text.Sidebar.MEMORY_LABEL)}'
        f'<p class="small">{" · ".join(f"<span>{escape(each)}</span>" for each in said)}</p>',
    )


def _job_tile(snapshot: Snapshot) -> str:
    job = snapshot.job
    if job is None:
        return _tile(text.Sidebar.NOTHING, f'<div class="big">{escape(text.Sidebar.NOTHING_HINT)}</div>')
    over = f"{state_word(job)} · {job.name}"
    if not job.is_active:
        error = snapshot.error.message if snapshot.error else _ended(job)
        bad = "bad" if snapshot.state in ("failed", "interrupted") else ""
        return _tile(over, f'<p class="small">{escape(error)}</p>', bad)
    return _tile(over, _progress(snapshot))


def _ended(job: Job) -> str:
    """Where to go on when work has ended."""
    if job.kind == "train":
        return text.STATE_HINTS[job.state]
    return text.DONE_HINTS.get(job.kind, "") if job.state == "finished" else state_word(job)


def _progress(snapshot: Snapshot) -> str:
    share, phase = share_done(snapshot), phase_words(snapshot)
    numbers = []
    if snapshot.tokens_per_s:
        numbers.append(text.Sidebar.TOKENS.format(tokens=units.count(snapshot.tokens_per_s)))
    if "eval_loss" in snapshot.metrics:
        numbers.append(text.Sidebar.EVAL.format(loss=units.loss(snapshot.metrics["eval_loss"])))
    also = [phase] if share >= 0 and phase != TRAINING_PHASE else []
    silence = [words] if (words := silence_words(snapshot)) else []
    told = [" · ".join(line) for line in (step_words(snapshot), numbers, also, silence) if line]
    lines = "".join(f'<p class="small">{escape(line)}</p>' for line in told)
    huge = units.percent(share) if share >= 0 else phase
    return f'<div class="huge">{escape(huge)}</div>{parts.bar(share, text.Sidebar.PROGRESS_LABEL)}{lines}'


def _dataset_tile(dataset: Dataset | None) -> str:
    if dataset is None:
        return _tile(text.Sidebar.DATASET, f'<p class="small">{escape(text.Sidebar.NO_DATASET)}</p>', "dataset")
    rows = text.Sidebar.ROWS.format(train=units.count(dataset.rows_train), eval=units.count(dataset.rows_eval))
    return _tile(
        text.Sidebar.DATASET,
        f'<div class="big">{escape(dataset.name)}</div><p class="small">{escape(rows)}</p>',
        "dataset",
    )
