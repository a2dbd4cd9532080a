"""Good, poor, flag: what a person says about an answer, below the windows; and the view that holds nothing else.

It does not know: where remarks are kept, how answers are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.evaluation.feedback import About, Feedback, Format, Verdict
from medft_ui import parts, units
from medft_ui.chat_text import REPORT_FILE, Chat, Clinicians, Remark, Report
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.tabs import chat_scripts
from medft_ui.tabs.chat_model import key_of
from medft_ui.tabs.chat_talk import Turns, exchanges_of
from medft_ui.tabs.review_rate import account_of

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class RemarkForm:
    """What opens when an answer is not good."""

    panel: gr.Column
    about: gr.Radio
    verdict: gr.Radio
    reasons: gr.CheckboxGroup
    note: gr.Textbox
    save: gr.Button
    cancel: gr.Button

    @property
    def fields(self) -> list[Any]:
        """What a remark is made of."""
        return [self.about, self.verdict, self.reasons, self.note]


@dataclass(frozen=True, slots=True)
class ClinicianCard:
    """The card about the clinician's view, and the button that leaves it."""

    link: gr.Button
    open: gr.Button
    field: gr.Textbox
    files: tuple[gr.Button, gr.Button]
    count: gr.HTML
    carrier: gr.Textbox


def build_buttons(pane: str) -> tuple[gr.Button, gr.Button, gr.Button]:
    """The three buttons below one window; the page shows them once there is an answer."""
    with gr.Row(elem_classes="actions judge"):
        up, down, flag = (
            gr.Button(word, size="sm", elem_id=f"judge-{pane}-{verdict}", min_width=64)
            for word, verdict in ((Remark.UP, "up"), (Remark.DOWN, "down"), (Remark.FLAG, "flag"))
        )
    return up, down, flag


def build_form() -> RemarkForm:
    """The form that asks why; closed until somebody says that an answer is not good."""
    with gr.Column(visible=False, elem_classes="card remark") as panel:
        gr.HTML(parts.heading(Remark.TITLE))
        with gr.Row():
            about = gr.Radio([(Chat.BASE, "base"), (Chat.TUNED, "tuned")], value="tuned", label=Remark.ABOUT)
            verdict = gr.Radio(list(Remark.VERDICTS), value="down", label=Remark.VERDICT)
        reasons = gr.CheckboxGroup(list(Remark.REASON_CHOICES), label=Remark.REASONS)
        note = gr.Textbox(label=Remark.NOTE, info=Remark.NOTE_INFO, lines=2, max_length=2000)
        with gr.Row(elem_classes="actions"):
            save = gr.Button(Remark.SAVE, variant="primary")
            cancel = gr.Button(Remark.CANCEL)
    return RemarkForm(panel, about, verdict, reasons, note, save, cancel)


def build_card() -> ClinicianCard:
    """The card below everything, which the clinician's view hides."""
    with gr.Accordion(Clinicians.TITLE, open=False, elem_classes="card studio-only"):
        gr.HTML(parts.note(Clinicians.HINT))
        with gr.Row(elem_classes="actions"):
            link = gr.Button(Clinicians.LINK, size="md")
            open_here = gr.Button(Clinicians.OPEN, size="md")
            csv, jsonl = gr.Button(Clinicians.CSV, size="md"), gr.Button(Clinicians.JSONL, size="md")
        field = gr.Textbox(label=Clinicians.LINK_FIELD, visible=False, interactive=False)
        count = gr.HTML(min_height=8)
        carrier = gr.Textbox(visible="hidden", label=REPORT_FILE)
    return ClinicianCard(link, open_here, field, (csv, jsonl), count, carrier)


def wire_remarks(studio: Studio, form: RemarkForm, buttons: Sequence[Sequence[gr.Button]], talk: list[Any]) -> None:
    """Wire the buttons and the form.

    Args:
        studio: The desk.
        form: The form.
        buttons: Up, down and flag of the base's window, then of the tuned one's.
        talk: The two windows and the hidden note.
    """
    closed = [gr.update(visible=False), [], ""]
    emptied = [form.panel, form.reasons, form.note]

    @shown
    def save(
        about: Any,
        verdict: Any,
        reasons: list[str],
        note: str,
        base: Turns,
        tuned: Turns,
        notes: str,
        request: gr.Request,
    ) -> list[Any]:
        keep_remark(studio, (about, verdict, tuple(reasons or ()), note or ""), (base, tuned), notes, request)
        return closed

    # through the queue: without it a toast never reaches the page
    form.save.click(save, [*form.fields, *talk], emptied, **SLOW)
    form.cancel.click(lambda: closed, outputs=emptied, **QUICK)
    for pane, (up, *others) in zip(("base", "tuned"), buttons, strict=True):
        up.click(_praise(studio, pane), talk, **SLOW)
        for verdict, button in zip(("down", "flag"), others, strict=True):
            opened = button.click(_opening(pane, verdict), talk, [form.panel, form.about, form.verdict], **QUICK)
            opened.then(None, js=chat_scripts.FOCUS_REMARK, **QUICK)


def keep_remark(
    studio: Studio,
    said: tuple[About, Verdict, tuple[Any, ...], str],
    windows: tuple[Turns, Turns],
    notes: str,
    request: gr.Request | None,
) -> None:
    """Keep what was said about the last answer of a window.

    Raises:
        InputError: if there is no answer yet, or a flag has no reason.
    """
    about, verdict, reasons, note = said
    asked = exchanges_of(windows, notes)
    answered = [exchange for exchange in asked if exchange.answers.get(about, "").strip()]
    if not answered:
        raise InputError(Remark.NO_ANSWER, Remark.NO_ANSWER_HINT)
    last = answered[-1]
    earlier = tuple(exchange.question for exchange in asked[: asked.index(last)])
    kept = studio.feedback.save(Feedback(verdict, about, last, reasons, note, account_of(request), earlier))
    gr.Info(Remark.KEPT if kept else Remark.KEPT_BEFORE)


def wire_card(studio: Studio, card: ClinicianCard, key: list[Any]) -> None:
    """Wire the link, the view and the files.

    Args:
        studio: The desk.
        card: The card.
        key: The components that say what is talked to.
    """

    def told(link: str) -> dict[str, Any]:
        if link:
            gr.Info(Report.LINK_COPIED)
        return gr.update(value=link, visible=bool(link))

    name = card.link.click(lambda run, step: key_of(run, step) or "", key, card.carrier, **SLOW)
    name.then(told, card.carrier, card.field, js=chat_scripts.LINK, **SLOW)
    card.open.click(None, js=chat_scripts.ENTER, **QUICK)
    kinds: tuple[tuple[Format, str], ...] = (("csv", "text/csv"), ("jsonl", "application/jsonl"))
    for button, (format, kind) in zip(card.files, kinds, strict=True):
        made = button.click(_exporting(studio, format), None, [card.carrier, card.count], **SLOW)
        made.then(None, card.carrier, js=chat_scripts.save_as(f"{REPORT_FILE}.{format}", kind), **QUICK)


def _exporting(studio: Studio, format: Format) -> Any:
    @shown
    def export() -> list[str]:
        count = units.plural(studio.feedback.count(), *Clinicians.COUNT_WORDS)
        return [studio.feedback.export(format).decode("utf-8"), parts.note(Clinicians.COUNT.format(count=count))]

    return export


def _praise(studio: Studio, pane: Any) -> Any:
    @shown
    def praise(base: Turns, tuned: Turns, notes: str, request: gr.Request) -> None:
        keep_remark(studio, (pane, "up", (), ""), (base, tuned), notes, request)

    return praise


def _opening(pane: Any, verdict: str) -> Any:
    @shown
    def opening(base: Turns, tuned: Turns, notes: str) -> list[Any]:
        if not any(exchange.answers.get(pane, "").strip() for exchange in exchanges_of((base, tuned), notes)):
            raise InputError(Remark.NO_ANSWER, Remark.NO_ANSWER_HINT)
        return [gr.update(visible=True), pane, verdict]

    return opening
