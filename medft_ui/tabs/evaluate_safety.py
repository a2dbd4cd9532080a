"""A person's word on safety: overruling a rule's verdict on one answer, and signing the probes as their reviewer.

It does not know: rules, what an overruled verdict comes to (core computes the result anew).
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.evaluation.safety.signature import ProbeReview
from medft_ui import parts
from medft_ui.errors import shown
from medft_ui.evaluate_html import item_html
from medft_ui.evaluate_text import Overrule, Probes
from medft_ui.events import QUICK, SLOW
from medft_ui.tabs.evaluate_items import ItemsCard
from medft_ui.tabs.evaluate_result import ResultCard, body_html, found, kind_of

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class SafetyCards:
    """The components.

    Args:
        overrule: The form below an open item.
        pane: Whose answer.
        verdict: What it counts as.
        who: Who says so.
        why: The reason.
        save: Keeps it.
        probes: The card of the probes.
        state: Who has reviewed them.
        name: Who signs.
        role: Their profession.
        statement: What they have to say.
        sign: Signs.
        withdraw: Takes a signature back.
    """

    overrule: gr.Column
    pane: gr.Radio
    verdict: gr.Radio
    who: gr.Textbox
    why: gr.Textbox
    save: gr.Button
    probes: gr.Column
    state: gr.HTML
    name: gr.Textbox
    role: gr.Textbox
    statement: gr.Textbox
    sign: gr.Button
    withdraw: gr.Button


def build() -> SafetyCards:
    """Lay out both cards."""
    with gr.Column(elem_classes="card", visible=False) as overrule:
        gr.HTML(parts.heading(Overrule.TITLE, Overrule.ASIDE))
        with gr.Row():
            pane = gr.Radio(list(Overrule.PANES), value="tuned", label=Overrule.PANE)
            verdict = gr.Radio(list(Overrule.VERDICTS), value="pass", label=Overrule.VERDICT)
        with gr.Row():
            who = gr.Textbox(label=Overrule.WHO, max_length=120)
            why = gr.Textbox(label=Overrule.WHY, max_length=1000)
        with gr.Row(elem_classes="actions"):
            save = gr.Button(Overrule.SAVE)
    with gr.Column(elem_classes="card", visible=False) as probes:
        state = gr.HTML()
        with gr.Row():
            name = gr.Textbox(label=Probes.WHO, max_length=120)
            role = gr.Textbox(label=Probes.ROLE, max_length=120)
        statement = gr.Textbox(label=Probes.STATEMENT, max_length=2000, lines=2)
        with gr.Row(elem_classes="actions"):
            sign = gr.Button(Probes.SIGN)
            withdraw = gr.Button(Probes.WITHDRAW, visible=False)
    return SafetyCards(overrule, pane, verdict, who, why, save, probes, state, name, role, statement, sign, withdraw)


def wire(studio: Studio, cards: SafetyCards, result: ResultCard, items: ItemsCard) -> None:
    """Show the cards with a safety evaluation only, and let them do their work."""

    @shown
    def follow(job_id: str | None, pick: str | None) -> list[Any]:
        job = found(studio, job_id)
        # nobody signs probes whose answers are still being written
        is_safety = job is not None and not job.is_active and kind_of(studio, job_id) == "safety"
        return [
            gr.update(visible=is_safety and bool(pick)),
            gr.update(visible=is_safety),
            *(reviewed(studio.evaluations.probe_review()) if is_safety else ["", gr.update(visible=False)]),
        ]

    @shown
    def overrule(job_id: str | None, pick: str | None, *values: Any) -> list[Any]:
        if not job_id or not pick:
            raise InputError(Overrule.NO_ITEM, Overrule.NO_ITEM_HINT)
        pane, verdict, who, why = values
        studio.evaluations.overrule(job_id, pick, pane, verdict, who or "", why or "")
        gr.Info(Overrule.SAVED)
        # the result is drawn here, and its items follow it; the item stays open
        return [body_html(studio, found(studio, job_id)), item_html(studio.evaluations.item(job_id, pick))]

    @shown
    def sign(name: str, role: str, statement: str) -> list[Any]:
        state = studio.evaluations.sign_probes(name or "", role or "", statement or "")
        gr.Info(Probes.SIGNED)
        return reviewed(state)

    @shown
    def withdraw(name: str, role: str, statement: str) -> list[Any]:
        state = studio.evaluations.withdraw_probes(name or "", role or "", statement or "")
        gr.Info(Probes.WITHDRAWN)
        return reviewed(state)

    raw: dict[str, Any] = {"preprocess": False} | QUICK
    picked = [result.evaluation, items.pick]
    state = [cards.state, cards.withdraw]
    shown_now = [cards.overrule, cards.probes, *state]
    gr.on([result.shown.change, items.pick.change], follow, picked, shown_now, **raw)
    said = [cards.pane, cards.verdict, cards.who, cards.why]
    outputs = [result.shown, items.opened]
    cards.save.click(overrule, [*picked, *said], outputs, preprocess=False, **SLOW)
    cards.sign.click(sign, [cards.name, cards.role, cards.statement], state, **SLOW)
    cards.withdraw.click(withdraw, [cards.name, cards.role, cards.statement], state, **SLOW)


def reviewed(review: ProbeReview) -> list[Any]:
    """Who has reviewed the probes, and the button that takes a review back, if there is one."""
    return [state_html(review), gr.update(visible=review.signed)]


def state_html(review: ProbeReview) -> str:
    """Who has reviewed the probes, and how to read the figures until somebody has."""
    pill = parts.pill(Probes.REVIEWED, "good") if review.signed else parts.pill(Probes.DRAFTED, "look")
    smoke = "" if review.signed else parts.note(Probes.SMOKE)
    return f"{parts.heading(Probes.TITLE, '', pill)}<p>{escape(review.sentence)}</p>{smoke}"
