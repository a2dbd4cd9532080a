"""Rate: a clinician opens a review under a name and fills in the form, item after item.

    the form (review_form.js)  ⇄  one payload an item: what to show, what is filled in, a token

The form keeps itself; each handler here answers with the next payload. It does not know: how items are assigned or saved.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import AccessError, InputError, MedftError
from core.evaluation.review.form import AXES, Rating
from core.evaluation.review.rows import NextItem, Review
from medft_ui import parts, text
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.review_text import FORM, LEVELS, Rate

if TYPE_CHECKING:
    from core.evaluation.review.desk import ReviewDesk
    from core.studio import Studio

HERE = Path(__file__).resolve().parents[1]
SCRIPT, STYLE = HERE / "review_form.js", HERE / "review_form.css"
# Each answer of these is a few milliseconds of SQLite: they need no queue.
Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RateScreen:
    """The screen's components.

    Args:
        none: What stands there while no review is open.
        ways: The fields and the button that lead into one.
        door: The card around both; it goes when somebody rates.
    """

    none: gr.HTML
    ways: gr.Column
    review: gr.Dropdown
    name: gr.Textbox
    specialty: gr.Textbox
    start: gr.Button
    door: gr.Column
    form: gr.HTML


def build(studio: Studio) -> RateScreen:
    """Lay out the screen and wire it."""
    # filled when it is laid out, which is when it is opened: a quick rater finds the newest review chosen
    choices = open_choices(studio.reviews.reviews())
    newest = choices[0][1] if choices else None
    names = specialties(studio.reviews, newest)
    gr.HTML(parts.banner(text.SAFETY))
    with gr.Column(elem_classes="card") as door:
        gr.HTML(parts.heading(Rate.TITLE, Rate.ASIDE))
        none = gr.HTML(parts.empty(Rate.NONE, Rate.NONE_HINT), visible=not choices)
        with gr.Column(visible=bool(choices)) as ways:
            review, name, specialty, start = _fields(choices, newest, names)
    form = gr.HTML(
        None,
        label=Rate.TITLE,
        html_template='<div class="review"></div>',  # no ${value} in it: the form keeps its node
        css_template=STYLE.read_text(encoding="utf-8"),
        js_on_load=form_script(),
        apply_default_css=False,
    )
    screen = RateScreen(none, ways, review, name, specialty, start, door, form)
    _wire(studio, screen)
    return screen


def _fields(choices: Sequence[tuple[str, str]], newest: str | None, names: Sequence[str]) -> tuple[Any, ...]:
    with gr.Row():
        review = gr.Dropdown(choices, value=newest, label=Rate.REVIEW, info=Rate.REVIEW_INFO)
        name = gr.Textbox(label=Rate.NAME, info=Rate.NAME_INFO, max_length=60)
        specialty = gr.Textbox(
            label=Rate.SPECIALTY,
            info=Rate.SPECIALTY_INFO.format(names=", ".join(names)),
            max_length=60,
            visible=bool(names),
        )
    with gr.Row(elem_classes="actions"):
        start = gr.Button(Rate.START, variant="primary")
    return review, name, specialty, start


def form_script() -> str:
    """The form's script with its strings in front."""
    words = f"const WORDS = {json.dumps(FORM, ensure_ascii=False)};\nconst LEVELS = {json.dumps(LEVELS)};\n"
    return words + SCRIPT.read_text(encoding="utf-8")


def open_choices(reviews: Sequence[Review]) -> list[tuple[str, str]]:
    """Reviews that take ratings, the newest first."""
    return [
        (Rate.CHOICE.format(name=review.name, items=review.items), review.id) for review in reviews if not review.closed
    ]


def specialties(desk: ReviewDesk, review_id: str | None) -> Sequence[str]:
    """Whom a review asks for; empty for everybody, or for no review."""
    return desk.review(review_id).options.specialties if review_id else ()


def rater_of(studio: Studio, typed: str, request: gr.Request | None) -> str:
    """Under which name somebody rates.

    A typed name is no account. Whoever is logged in under an account of their own rates under that; the one login that a
    studio shares among all its visitors names nobody, so there (and without a login) the typed name tells raters apart.
    """
    account = account_of(request)
    return account if account and account != studio.settings.user else typed.strip()


def account_of(request: gr.Request | None) -> str:
    """The account that is logged in; empty without a login."""
    return str(getattr(request, "username", None) or "")


def payload(item: NextItem | None, review: Review, rater: str, counts: tuple[int, int], told: str = "") -> Payload:
    """What the form is sent.

    Args:
        item: What to show; None when all is rated.
        review: The review.
        rater: The rater's name.
        counts: Places rated, and places.
        told: A sentence to show below the form.
    """
    saved, total = counts
    # the time makes each payload new, so that the form hears of it even if nothing else differs
    head = {
        "review_id": review.id,
        "review": review.name,
        "rater": rater,
        "saved": saved,
        "total": total,
        "at": time.time_ns(),
    }
    if item is None:
        return head | {"item_key": ""}
    return head | {
        "item_key": item.item_key,
        "position": item.position,
        "question": item.question,
        "answers": {"a": item.answer_a, "b": item.answer_b},
        "must_have": list(item.must_have),
        "axes": [
            {"key": key, "question": AXES[key].question, "levels": list(AXES[key].levels)}
            for key in review.options.axes
        ],
        "token": item.token,
        "filled": item.filled.to_json(),
        "is_rated": item.is_rated,
        "reference": item.reference,
        "told": told,
    }


def show(desk: ReviewDesk, review_id: str, rater: str, item_key: str = "", told: str = "") -> Payload:
    """The next item, or one place of the rater's order, as a payload."""
    item = desk.next(review_id, rater, item_key)
    return payload(item, desk.review(review_id), rater, desk.progress(review_id, rater), told)


def refused(error: MedftError) -> Payload:
    """A payload that changes nothing but says why; the form keeps all that is filled in."""
    return {"problem": f"{error.message} {error.hint}", "at": time.time_ns()}


def save(desk: ReviewDesk, rater: str, sent: Mapping[str, Any]) -> Payload:
    """Save a rating and give what comes next: the following item, or the same one with its reference."""
    review_id, key = str(sent["review_id"]), str(sent["item_key"])
    try:
        desk.submit(review_id, rater, key, Rating.from_json(sent.get("rating")), str(sent.get("token") or ""))
        if sent.get("then") == "reference":
            return reference(desk, rater, sent)
        return show(desk, review_id, rater)
    except MedftError as error:
        return refused(error)


def reference(desk: ReviewDesk, rater: str, sent: Mapping[str, Any]) -> Payload:
    """Show the reference of a rated item; where it has to wait, the next item with a word about it."""
    review_id, key = str(sent["review_id"]), str(sent["item_key"])
    try:
        desk.reference(review_id, rater, key)
        return show(desk, review_id, rater, key)
    except AccessError as error:
        return show(desk, review_id, rater, told=error.message)
    except MedftError as error:
        return refused(error)


def go(desk: ReviewDesk, rater: str, sent: Mapping[str, Any]) -> Payload:
    """Show another place of the rater's order; an empty key goes on where nothing is rated yet."""
    try:
        return show(desk, str(sent["review_id"]), rater, str(sent.get("item_key") or ""))
    except MedftError as error:
        return refused(error)


def _wire(studio: Studio, screen: RateScreen) -> None:
    desk = studio.reviews

    @shown
    def start(review_id: str | None, name: str, specialty: str, request: gr.Request) -> list[Any]:
        if not review_id:
            raise InputError(Rate.NO_REVIEW, Rate.NO_REVIEW_HINT)
        rater = rater_of(studio, name, request)
        desk.join(review_id, rater, (specialty or "").strip())
        return [show(desk, review_id, rater), gr.update(visible=False)]

    @shown
    def resume(event: gr.EventData, request: gr.Request) -> list[Any]:
        sent = event._data or {}
        try:
            found = show(desk, str(sent["review_id"]), rater_of(studio, str(sent["rater"]), request))
        except MedftError:  # closed or gone meanwhile: begin at the door
            return [None, gr.update(visible=True)]
        return [found, gr.update(visible=False)]

    @shown
    def ask_specialty(review_id: str | None) -> dict[str, Any]:
        names = specialties(desk, review_id)
        return gr.update(visible=bool(names), info=Rate.SPECIALTY_INFO.format(names=", ".join(names)))

    outputs = [screen.form, screen.door]
    gr.on(
        [screen.start.click, screen.name.submit],
        start,
        [screen.review, screen.name, screen.specialty],
        outputs,
        **SLOW,
    )
    screen.form.resume(resume, outputs=outputs, **QUICK)
    screen.form.leave(lambda: [None, gr.update(visible=True)], outputs=outputs, **QUICK)
    screen.review.change(ask_specialty, screen.review, screen.specialty, **QUICK)
    _wire_form(studio, screen)


def _wire_form(studio: Studio, screen: RateScreen) -> None:
    desk = studio.reviews

    def sent_by(event: gr.EventData, request: gr.Request) -> tuple[str, Mapping[str, Any]]:
        sent = event._data or {}
        return rater_of(studio, str(sent.get("rater", "")), request), sent

    @shown
    def rate(event: gr.EventData, request: gr.Request) -> Payload:
        return save(desk, *sent_by(event, request))

    @shown
    def move(event: gr.EventData, request: gr.Request) -> Payload:
        return go(desk, *sent_by(event, request))

    @shown
    def show_reference(event: gr.EventData, request: gr.Request) -> Payload:
        return reference(desk, *sent_by(event, request))

    @shown
    def keep_draft(event: gr.EventData, request: gr.Request) -> None:
        rater, sent = sent_by(event, request)
        draft = Rating.from_json(sent["rating"])
        desk.save_draft(
            str(sent["review_id"]), rater, str(sent["item_key"]), draft, str(sent["token"]), int(sent["edit"])
        )

    screen.form.rate(rate, outputs=screen.form, **QUICK)
    screen.form.go(move, outputs=screen.form, **QUICK)
    screen.form.reference(show_reference, outputs=screen.form, **QUICK)
    screen.form.draft(keep_draft, **QUICK)
