"""The card above the windows: what is talked to, at which checkpoint, and whether it is loaded; and bringing an adapter.

It does not know: conversations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError, MedftError
from core.inference.desk import BASE, STEP, ChatSource
from core.inference.messages import ChatStatus
from core.inference.shelf import PREFIX
from core.jobs.job import Job
from core.jobs.snapshot import Snapshot
from medft_ui import parts, text, units
from medft_ui.chat_text import Bring, Chat, Clinicians, Status
from medft_ui.errors import shown
from medft_ui.events import SLOW
from medft_ui.pickers import relisted
from medft_ui.run_words import phase_words, share_done
from medft_ui.tabs.export import run_choices

if TYPE_CHECKING:
    from core.studio import Studio

BEST = "best"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The card's components."""

    run: gr.Dropdown
    step: gr.Dropdown
    which: gr.Radio
    status: gr.HTML


@dataclass(frozen=True, slots=True)
class BringCard:
    """Where an adapter is brought along, or deleted."""

    base: gr.Dropdown
    upload: gr.UploadButton
    remove: gr.Button
    told: gr.HTML


def build() -> ModelCard:
    """Lay out the card."""
    with gr.Column(elem_classes="card chat-model"):
        with gr.Row(elem_classes="studio-only"):
            run = gr.Dropdown([], label=Chat.RUN, scale=4)
            step = gr.Dropdown([(Chat.BEST, BEST)], value=BEST, label=Chat.STEP, scale=2, min_width=140, visible=False)
            which = gr.Radio(list(Chat.WHICH_CHOICES), value="both", label=Chat.WHICH, scale=4, min_width=440)
        status = gr.HTML(label=Status.LABEL, elem_classes="chat-status")
    return ModelCard(run, step, which, status)


def build_bring() -> BringCard:
    """Lay out the card where an adapter is brought along."""
    with gr.Accordion(Bring.TITLE, open=False, elem_classes="card studio-only"):
        gr.HTML(parts.note(Bring.HINT))
        base = gr.Dropdown(
            [(Bring.AS_NAMED, "")], value="", label=Bring.BASE, info=Bring.BASE_INFO, allow_custom_value=True
        )
        with gr.Row(elem_classes="actions"):
            upload = gr.UploadButton(
                Bring.UPLOAD, file_count="multiple", file_types=[".zip", ".json", ".safetensors"], size="md"
            )
            remove = gr.Button(Bring.REMOVE, variant="stop", size="md", visible=False)
        told = gr.HTML(min_height=8)
    return BringCard(base, upload, remove, told)


def choices(studio: Studio, runs: Sequence[Job]) -> list[tuple[str, str]]:
    """Everything that can be talked to: runs first, then what was brought along, then bases alone."""
    brought = [(Chat.UPLOADED.format(name=kept.name, base=kept.base), kept.id) for kept in studio.chats.adapters()]
    bases = [(Chat.BASE_ALONE.format(name=name), f"{BASE}{name}") for name in studio.chats.bases()]
    return [*run_choices(runs), *brought, *bases]


def key_of(run: str | None, step: str | None) -> str | None:
    """What is talked to, as the desk's key."""
    if not run or not step or step == BEST or run.startswith((BASE, PREFIX)):
        return run or None
    return f"{run}{STEP}{step}"


def split_key(key: str) -> tuple[str, str]:
    """The list's entry and the checkpoint that a key names."""
    run, _, step = key.partition(STEP) if not key.startswith(BASE) else (key, "", "")
    return run, step or BEST


def step_choices(studio: Studio, run: str | None) -> list[tuple[str, str]]:
    """Checkpoints of a run, the best first; only the best where nothing else can be chosen."""
    if not run or run.startswith((BASE, PREFIX)):
        return [(Chat.BEST, BEST)]
    best = studio.chats.best_step(run)
    first = Chat.BEST if best is None else Chat.BEST_STEP.format(step=units.count(best))
    others = [step for step in studio.chats.steps(run) if step != best]
    return [(first, BEST), *((Chat.AT_STEP.format(step=units.count(step)), str(step)) for step in others)]


def asides(studio: Studio, source: ChatSource) -> tuple[str, str]:
    """The windows' headings: which base, and which adapter at which step."""
    base = parts.heading(Chat.BASE, source.target.model)
    if not source.target.adapter:
        return base, parts.heading(Chat.TUNED)
    if source.key.startswith(PREFIX):
        return base, parts.heading(Chat.TUNED, source.name)
    if source.step is None:
        best = studio.chats.best_step(source.key)
        step = Chat.BEST if best is None else Chat.BEST_STEP.format(step=units.count(best))
    else:
        step = Chat.AT_STEP.format(step=units.count(source.step))
    return base, parts.heading(Chat.TUNED, Chat.TUNED_ASIDE.format(name=source.name, step=step))


def wire(studio: Studio, card: ModelCard, bringing: BringCard) -> None:
    """Wire bringing and deleting an adapter; both end with the list showing it."""

    @shown
    def bring(paths: list[str] | None, base: str | None) -> list[Any]:
        if not paths:
            raise InputError(text.Errors.NO_FILE, text.Errors.NO_FILE_HINT)
        kept = studio.chats.add_adapter([Path(path) for path in paths], base=(base or "").strip())
        note = parts.note(Bring.KEPT.format(name=kept.name, base=kept.base, note=kept.note).strip())
        return [gr.update(choices=choices(studio, studio.list_runs()), value=kept.id), note]

    @shown
    def remove(run: str | None) -> list[Any]:
        studio.chats.remove_adapter(str(run))
        left = choices(studio, studio.list_runs())
        return [gr.update(choices=left, value=left[0][1] if left else None), parts.note(Bring.REMOVED)]

    upload, told = bringing.upload, bringing.told
    upload.upload(bring, [upload, bringing.base], [card.run, told], **SLOW)
    bringing.remove.click(remove, card.run, [card.run, told], **SLOW)


def base_choices(studio: Studio) -> list[tuple[str, str]]:
    """Bases for an adapter that names none of this machine."""
    return [(Bring.AS_NAMED, ""), *((name, name) for name in studio.chats.bases())]


def status_html(status: ChatStatus, newest: Snapshot) -> str:
    """Whether a model is loaded, how far it is, and what stands in the way."""
    if newest.is_active and newest.job is not None:
        left = Status.LEFT.format(time=units.duration(newest.eta_s)) if newest.eta_s is not None else ""
        share = share_done(newest)
        done = f"{phase_words(newest)}, {units.percent(share)}" if share >= 0 else phase_words(newest)
        told = Status.BUSY.format(name=newest.job.name, what=done, left=left)
        return f'<div class="banner" role="status">{escape(told)}</div>'
    if status.state == "off":
        return parts.note(Status.OFF)
    held = units.gib(status.memory_gib)
    if status.state == "loading":
        bar = parts.bar(status.share or -1.0, status.phase)
        memory = f" · {Status.MEMORY.format(gib=held)}" if status.memory_gib else ""
        return f"{parts.note(Status.LOADING.format(phase=status.phase) + memory)}{bar}"
    if not status.device:
        return parts.note(Status.WARM.format(gib=held))
    line = Status.ANSWERING if status.state == "answering" else Status.READY
    waiting = f" · {Status.WAITING.format(count=status.waiting)}" if status.waiting else ""
    return parts.note(line.format(device=status.device, gib=held) + waiting)


def chosen(studio: Studio, run: str | None, key: str) -> list[Any]:
    """The list of what can be talked to, its checkpoints, and whether the link's model is gone.

    Args:
        studio: The desk.
        run: What is chosen; None when the screen has just been laid out.
        key: What the page's link names; empty for none.
    """
    listed = choices(studio, studio.list_runs())
    if run is not None or not key:
        return [relisted(listed, run), gr.skip(), gr.skip()]
    linked, step = split_key(key)
    try:
        studio.chats.source(key)
    except MedftError:
        wrong = gr.update(value=parts.problems([Clinicians.GONE]), visible=True)
        return [relisted(listed, run), gr.skip(), wrong]
    steps = step_choices(studio, linked)
    return [gr.update(choices=listed, value=linked), gr.update(choices=steps, value=step), gr.skip()]


def token_of(studio: Studio, newest: Snapshot) -> str:
    """What the poll compares: moves when the status line would look different, or nothing more can be asked."""
    now = studio.chats.status()
    work = newest.revision if newest.is_active else ""
    return f"{now.state}{now.phase}{now.share:.2f}{now.memory_gib:.2f}{now.waiting}{now.device} {work}"
