"""New review: which questions, who rates, what is asked, how the models answer.

It does not know: how questions are drawn or answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError, MedftError
from core.evaluation.review.form import AXES, DEFAULT_AXES
from core.evaluation.review.items import Question, ReviewOptions
from core.inference.messages import ChatOptions
from core.jobs.job import Job
from medft_ui import parts
from medft_ui.chat_text import Chat
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.review_text import New
from medft_ui.tabs.export import run_choices
from medft_ui.tabs.review_rate import account_of

if TYPE_CHECKING:
    from core.studio import Studio

DEFAULT_ITEMS, MOST_ITEMS = 60, 500
DEFAULT_TOKENS = 256


@dataclass(frozen=True, slots=True)
class NewScreen:
    """The screen's components."""

    name: gr.Textbox
    run: gr.Dropdown
    source: gr.Radio
    count: gr.Slider
    topics: gr.Dropdown
    own: gr.Textbox
    axes: gr.CheckboxGroup
    repeats: gr.Slider
    specialties: gr.Textbox
    raters: gr.Textbox
    temperature: gr.Slider
    length: gr.Slider
    seed: gr.Number
    create: gr.Button
    answering: gr.HTML

    @property
    def form(self) -> list[Any]:
        """What ``create`` reads, in its order."""
        return [
            self.name,
            self.run,
            self.source,
            self.count,
            self.topics,
            self.own,
            self.axes,
            self.repeats,
            self.specialties,
            self.raters,
            self.temperature,
            self.length,
            self.seed,
        ]


def build(studio: Studio) -> NewScreen:
    """Lay out the screen and wire it."""
    runs = run_choices(studio.list_runs())
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(New.TITLE, New.ASIDE))
        with gr.Row():
            name = gr.Textbox(label=New.NAME, info=New.NAME_INFO, max_length=80)
            run = gr.Dropdown(runs, value=runs[0][1] if runs else None, label=New.RUN, info=New.RUN_INFO)
        source = gr.Radio(list(New.SOURCES), value="held_out", label=New.SOURCE)
        with gr.Row():
            count = gr.Slider(1, MOST_ITEMS, value=DEFAULT_ITEMS, step=1, label=New.COUNT, info=New.COUNT_INFO)
            topics = gr.Dropdown([], multiselect=True, label=New.TOPICS, info=New.TOPICS_INFO)
        own = gr.Textbox(
            label=New.OWN, info=New.OWN_INFO, placeholder=New.OWN_PLACEHOLDER, lines=6, max_lines=20, visible=False
        )
    with gr.Column(elem_classes="card"):
        axes, repeats, specialties, raters = _who()
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(New.ANSWERS))
        with gr.Row():
            temperature = gr.Slider(0, 2, value=0, step=0.05, label=New.TEMPERATURE, info=New.TEMPERATURE_INFO)
            length = gr.Slider(16, 1024, value=DEFAULT_TOKENS, step=16, label=New.LENGTH, info=Chat.LENGTH_INFO)
            seed = gr.Number(42, precision=0, label=New.SEED)
        with gr.Row(elem_classes="actions"):
            create = gr.Button(New.CREATE, variant="primary")
        answering = gr.HTML()
    parts_of = (name, run, source, count, topics, own, axes, repeats, specialties, raters, temperature, length, seed)
    screen = NewScreen(*parts_of, create, answering)
    _wire(studio, screen)
    return screen


def _who() -> tuple[gr.CheckboxGroup, gr.Slider, gr.Textbox, gr.Textbox]:
    choices = [(axis.question, key) for key, axis in AXES.items()]
    axes = gr.CheckboxGroup(choices, value=list(DEFAULT_AXES), label=New.AXES, info=New.AXES_INFO)
    with gr.Row():
        repeats = gr.Slider(0, 0.5, value=0.1, step=0.05, label=New.REPEATS, info=New.REPEATS_INFO)
        specialties = gr.Textbox(label=New.SPECIALTIES, info=New.SPECIALTIES_INFO)
        raters = gr.Textbox(label=New.RATERS, info=New.RATERS_INFO)
    return axes, repeats, specialties, raters


def _wire(studio: Studio, screen: NewScreen) -> None:
    desk = studio.reviews

    @shown
    def create(request: gr.Request, *values: Any) -> str:
        start(studio, values, account_of(request))
        gr.Info(New.CREATED)
        return answering_html(studio, desk.answering())

    @shown
    def list_topics(run: str | None) -> dict[str, Any]:
        try:
            return gr.update(choices=desk.topics(run) if run else [], value=[])
        except MedftError:  # the data set was deleted since: the other sources still work
            return gr.update(choices=[], value=[])

    screen.create.click(create, screen.form, screen.answering, **SLOW)
    screen.run.change(list_topics, screen.run, screen.topics, **QUICK)
    screen.source.change(_source_fields, screen.source, [screen.count, screen.topics, screen.own], **QUICK)


def _source_fields(source: str) -> list[dict[str, Any]]:
    return [
        gr.update(visible=source != "own"),
        gr.update(visible=source == "held_out"),
        gr.update(visible=source == "own"),
    ]


def start(studio: Studio, form: Sequence[Any], owner: str) -> str:
    """Start a review from the values of ``NewScreen.form``; returns its id.

    Raises:
        InputError: if there is no run, or no question.
        ConfigError: if the options cannot work together.
        JobError: if another job holds the device.
    """
    name, run, source, count, topics, own, axes, repeats, specialties, raters, temperature, length, seed = form
    if not run:
        raise InputError(New.NO_RUN, New.NO_RUN_HINT)
    if seed is None or count is None:  # a field that was emptied
        raise InputError(New.NO_NUMBER, New.NO_NUMBER_HINT)
    questions = _questions(studio, run, source, int(count), topics or (), own or "", int(seed))
    chosen = tuple(key for key in AXES if key in (axes or ()))  # in the order of the form, not of the clicks
    options = ReviewOptions(chosen, float(repeats), _names(specialties), _names(raters), owner=owner)
    answers = ChatOptions(temperature=float(temperature), max_new_tokens=int(length), seed=int(seed))
    return studio.reviews.start(name or "", run, questions, options, answers)


def _questions(
    studio: Studio, run: str, source: str, count: int, topics: Sequence[str], own: str, seed: int
) -> list[Question]:
    if source == "own":
        return studio.reviews.own(own)
    if source == "multiple_choice":
        return studio.reviews.multiple_choice(count, seed)
    return studio.reviews.held_out(run, count, topics, seed)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def answering_html(studio: Studio, jobs: Sequence[Job]) -> str:
    """What the jobs that answer questions are doing, or why they ended without a review."""
    lines = []
    for job in jobs[:3]:
        if job.is_active:
            phase = studio.snapshot(job.id).phase
            share = phase.share if phase else None
            words = New.ANSWERING_SHARE if share is not None else New.ANSWERING
            lines.append(parts.note(words.format(name=job.name, state=job.state, percent=round((share or 0) * 100))))
        elif job.error:
            lines.append(parts.problems([f"{job.name}: {job.error.message} {job.error.hint}"]))
    return "".join(lines)
