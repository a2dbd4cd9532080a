"""The scorecard of the chosen run: the page itself, its files, and signing it.

It does not know: what a scorecard joins, what a signature holds.
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
from core.evaluation.scorecard_page import HTML_FILE, JSON_FILE, body, write_scorecard
from core.evaluation.sign_off import SignOff
from medft_ui import parts
from medft_ui.errors import shown
from medft_ui.evaluate_text import Card
from medft_ui.events import FOLLOW, SLOW
from medft_ui.lazy import Opened
from medft_ui.text import Errors

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class ScoreCard:
    """The components.

    Args:
        page: The scorecard.
        html: It as a file.
        json: It as a file.
        seen: Hash of what was shown, so that nobody signs what they have not seen.
        state: Whether it is signed.
        name: Who signs.
        role: Their profession.
        statement: What they state.
        sign: Signs.
        withdraw: Takes the signature back.
    """

    page: gr.HTML
    html: gr.DownloadButton
    json: gr.DownloadButton
    seen: gr.Textbox
    state: gr.HTML
    name: gr.Textbox
    role: gr.Textbox
    statement: gr.Textbox
    sign: gr.Button
    withdraw: gr.Button

    @property
    def filled(self) -> list[Any]:
        """What ``card_updates`` fills."""
        return [self.page, self.html, self.json, self.seen, self.state, self.withdraw]

    @property
    def said(self) -> list[Any]:
        """What a signature is made of."""
        return [self.name, self.role, self.statement]


def build() -> ScoreCard:
    """Lay out the card and the form below it."""
    # gradio 6.31 shows a field that is "hidden" when the inner tab of a screen laid out later is opened: so by style, too
    seen = gr.Textbox("", visible="hidden", label=Card.SEEN, elem_classes="carrier")
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Card.TITLE, Card.ASIDE))
        page = gr.HTML(parts.note(Card.EMPTY), elem_classes="scorecard")
        with gr.Row(elem_classes="actions"):
            html = gr.DownloadButton(Card.HTML, visible=False)
            json = gr.DownloadButton(Card.JSON, visible=False)
    with gr.Column(elem_classes="card"):
        state = gr.HTML(parts.heading(Card.SIGN_TITLE, Card.SIGN_ASIDE))
        with gr.Row():
            name = gr.Textbox(label=Card.WHO, max_length=120)
            role = gr.Textbox(label=Card.ROLE, max_length=120)
        statement = gr.Textbox(label=Card.STATEMENT, max_length=2000, lines=3)
        with gr.Row(elem_classes="actions"):
            sign = gr.Button(Card.SIGN, variant="primary")
            withdraw = gr.Button(Card.WITHDRAW, visible=False)
    return ScoreCard(page, html, json, seen, state, name, role, statement, sign, withdraw)


def wire(studio: Studio, card: ScoreCard, run: gr.Dropdown, watch: gr.Textbox, opened: Opened) -> None:
    """Let the card follow the run, and what is measured of it; sign and withdraw."""

    @shown
    def look(run_id: str | None) -> list[Any]:
        return card_updates(studio, run_id)

    @shown
    def sign(run_id: str | None, seen: str, name: str, role: str, statement: str) -> list[Any]:
        studio.evaluations.sign(_chosen(run_id), name or "", role or "", statement or "", seen)
        gr.Info(Card.SIGNED)
        return card_updates(studio, run_id)

    @shown
    def withdraw(run_id: str | None, name: str, role: str, statement: str) -> list[Any]:
        studio.evaluations.withdraw(_chosen(run_id), name or "", role or "", statement or "")
        gr.Info(Card.WITHDRAWN)
        return card_updates(studio, run_id)

    raw: dict[str, Any] = {"preprocess": False} | FOLLOW
    gr.on([run.change, watch.change, *opened], look, run, card.filled, **raw)
    # through the queue: only there are errors and notes shown
    told: dict[str, Any] = {"preprocess": False} | SLOW
    card.sign.click(sign, [run, card.seen, *card.said], card.filled, **told)
    card.withdraw.click(withdraw, [run, *card.said], card.filled, **told)


def _chosen(run_id: Any) -> str:
    if not run_id:
        raise InputError(Errors.NO_RUN, Errors.NO_RUN_HINT)
    return str(run_id)


def card_updates(studio: Studio, run_id: Any) -> list[Any]:
    """Return what ``ScoreCard.filled`` shows of a run."""
    if run_id not in {job.id for job in studio.list_runs()}:
        hidden = gr.update(visible=False)
        return [parts.note(Card.EMPTY), hidden, hidden, "", parts.heading(Card.SIGN_TITLE, Card.SIGN_ASIDE), hidden]
    seen = studio.evaluations.seen(run_id)  # before the page, so that what comes in between is not taken for seen
    made, signed = studio.evaluations.scorecard(run_id), studio.evaluations.sign_off(run_id)
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
    files = {path.name: path for path in write_scorecard(made, folder)}
    downloads = [gr.update(value=str(files[name]), visible=True) for name in (HTML_FILE, JSON_FILE)]
    return [body(made), *downloads, seen, sign_html(signed), gr.update(visible=signed.signed)]


def sign_html(signed: SignOff) -> str:
    """Whether a run is signed, and what a signature means."""
    # a signature is no praise: what is stated may be that it is fit for nothing
    tone: parts.Tone = "look" if signed.changed or not signed.signed else "info"
    pill = parts.pill(Card.REVIEWED if signed.signed else Card.UNSIGNED, tone)
    title = parts.heading(Card.SIGN_TITLE, Card.SIGN_ASIDE, pill)
    stated = f"<p>{escape(Card.STATED.format(statement=signed.statement))}</p>" if signed.signed else ""
    return f"{title}<p>{escape(signed.sentence)}</p>{stated}{parts.note(Card.SIGN_WHAT)}"
