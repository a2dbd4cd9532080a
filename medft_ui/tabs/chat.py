"""Chat: base and tuned side by side, streaming, several turns, any of which can be asked again or otherwise.

    chat_model.py   what is talked to        chat_talk.py   the conversation        chat_remarks.py   good, poor, flag

This module lays them out and wires them. It does not know: how answers are made.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.inference.messages import ChatOptions
from core.inference.report import report_text
from core.jobs.snapshot import Snapshot
from medft_ui import parts, text
from medft_ui.chat_text import Chat as Words
from medft_ui.chat_text import Clinicians, Report
from medft_ui.errors import shown
from medft_ui.events import FOLLOW, QUICK, SLOW
from medft_ui.lazy import Opened, Told
from medft_ui.pickers import relisted
from medft_ui.tabs import chat_model, chat_remarks, chat_scripts
from medft_ui.tabs.chat_model import BringCard, ModelCard, key_of
from medft_ui.tabs.chat_talk import PANES, Ask, Turns, converse, edited, exchanges_of, last_question

if TYPE_CHECKING:
    from core.studio import Studio

EXAMPLES = 4
# The chat's process answers one question at a time and tells the others that they wait, so they must get that far.
TALK: dict[str, Any] = SLOW | {"concurrency_id": "chat", "concurrency_limit": 16}
# A seed that a person can read out.
SEEDS = 100_000


@dataclass(frozen=True, slots=True)
class Window:
    """One model's conversation, and a line below it: what it waits for, then how fast it was."""

    column: gr.Column
    head: gr.HTML
    turns: gr.Chatbot
    line: gr.HTML
    judge: tuple[gr.Button, gr.Button, gr.Button]


@dataclass(frozen=True, slots=True)
class Composer:
    """Where questions are asked."""

    message: gr.Textbox
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    another: gr.Button
    clear: gr.Button
    report: gr.Button
    about_examples: gr.HTML
    examples: tuple[gr.Button, ...]
    options: tuple[Any, ...]
    report_panel: gr.Accordion
    report_box: gr.Textbox
    notes: gr.Textbox


@dataclass(frozen=True, slots=True)
class Chat:
    """The screen's components; base comes first in ``panes``."""

    card: ModelCard
    panes: tuple[Window, Window]
    composer: Composer
    bring: BringCard
    clinicians: chat_remarks.ClinicianCard
    gone: gr.HTML

    @property
    def live(self) -> list[Any]:
        """What follows the chat's process and the work that is going on, in the order of ``updates``."""
        return [self.card.status, self.composer.send]

    @property
    def talk(self) -> list[Any]:
        """The conversation: both windows, and the note beside them."""
        return [self.panes[0].turns, self.panes[1].turns, self.composer.notes]

    @property
    def answered(self) -> list[Any]:
        """What asking updates."""
        base, tuned = self.panes
        return [base.turns, base.line, tuned.turns, tuned.line, self.composer.message, self.composer.notes]


def build(studio: Studio, told: Told, opened: Opened) -> Chat:
    """Lay out the screen and wire it.

    Args:
        studio: The desk.
        told: What the poll tells; the screen listens to its models and to its talk.
        opened: When its tab is opened.
    """
    gr.HTML(parts.banner(text.SAFETY))
    gr.HTML(parts.note(Clinicians.WELCOME), elem_classes="clinician-only")
    gone = gr.HTML(visible=False)
    card = chat_model.build()
    with gr.Row(equal_height=True):
        panes = (_window(Words.BASE, "base"), _window(Words.TUNED, "tuned"))
    form = chat_remarks.build_form()
    composer = _composer()
    bring = chat_model.build_bring()
    clinicians = chat_remarks.build_card()
    leave = gr.Button(Clinicians.LEAVE, size="sm", elem_classes="clinician-only")
    chat = Chat(card, panes, composer, bring, clinicians, gone)
    leave.click(None, js=chat_scripts.LEAVE, **QUICK)
    chat_model.wire(studio, card, bring)
    chat_remarks.wire_remarks(studio, form, [pane.judge for pane in panes], chat.talk)
    chat_remarks.wire_card(studio, clinicians, [card.run, card.step])
    _wire_asking(studio, chat)
    _wire_again(studio, chat)
    _wire_choice(studio, chat)
    _wire_report(chat)
    _follow(studio, chat, told, opened)
    return chat


def follow_link(demo: gr.Blocks, tabs: gr.Tabs) -> None:
    """Open the chat when the page was opened by a clinician's link; the browser alone does it."""
    demo.load(None, outputs=tabs, js=chat_scripts.ON_LOAD, **QUICK)


def _follow(studio: Studio, chat: Chat, told: Told, opened: Opened) -> None:
    """Keep up with what can be talked to and whether it is loaded."""
    card = chat.card

    @shown
    def show(run: str | None, request: gr.Request) -> list[Any]:
        # the chat's process imports its libraries while somebody thinks about a question
        studio.chats.warm()
        now = updates(studio, studio.snapshot(None))
        bases = gr.update(choices=chat_model.base_choices(studio))
        return [*now, bases, *chat_model.chosen(studio, run, _linked(request))]

    @shown
    def moved(run: str | None) -> dict[str, Any]:
        return relisted(chat_model.choices(studio, studio.list_runs()), run)

    # raw values: what a page holds may have been deleted in another one
    raw: dict[str, Any] = {"preprocess": False}
    gr.on(opened, show, card.run, [*chat.live, chat.bring.base, card.run, card.step, chat.gone], **raw | QUICK)
    told.models.change(moved, card.run, card.run, **raw | FOLLOW)
    told.talk.change(lambda: updates(studio, studio.snapshot(None)), outputs=chat.live, **FOLLOW)


def _linked(request: gr.Request) -> str:
    """The key that the page's link names; empty for none."""
    return str(request.query_params.get(chat_scripts.LINK_PARAMETER) or "")


def updates(studio: Studio, newest: Snapshot) -> list[Any]:
    """What ``Chat.live`` shows now."""
    return [chat_model.status_html(studio.chats.status(), newest), gr.update(interactive=not newest.is_active)]


def _window(title: str, pane: str) -> Window:
    with gr.Column(elem_classes=f"card window-card of-{pane}", min_width=300) as column:
        head = gr.HTML(parts.heading(title))
        turns = gr.Chatbot(
            label=title,
            show_label=False,
            height=280,
            placeholder=Words.EMPTY,
            buttons=["copy"],
            layout="bubble",
            editable="user",
            feedback_options=None,
            elem_classes="window",
        )
        with gr.Row(elem_classes="below"):
            line = gr.HTML(min_height=24)
            judge = chat_remarks.build_buttons(pane)
    return Window(column, head, turns, line, judge)


def _composer() -> Composer:
    with gr.Column(elem_classes="card"):
        message = gr.Textbox(label=Words.MESSAGE, placeholder=Words.PLACEHOLDER, lines=1, max_lines=8)
        with gr.Row(elem_classes="actions"):
            send, stop = gr.Button(Words.SEND, variant="primary"), gr.Button(Words.STOP)
            retry, another = gr.Button(Words.RETRY), gr.Button(Words.ANOTHER, elem_classes="studio-only")
            clear, report = gr.Button(Words.CLEAR), gr.Button(Words.REPORT, elem_classes="studio-only")
        with gr.Column(elem_classes="studio-only"):
            about = gr.HTML(parts.note(Words.GENERAL_EXAMPLES))
            with gr.Row(elem_classes="examples"):
                examples = tuple(gr.Button(question, size="sm") for question in Words.EXAMPLE_QUESTIONS)
        options = _options()
        with gr.Accordion(Report.TITLE, open=False, visible=False, elem_classes="studio-only") as panel:
            box = gr.Textbox(label=Report.FIELD, lines=8, max_lines=16, interactive=False)
        notes = gr.Textbox("", visible="hidden", label=Words.NOTES)
    return Composer(message, send, stop, retry, another, clear, report, about, examples, options, panel, box, notes)


def _options() -> tuple[Any, ...]:
    default = ChatOptions()
    with gr.Accordion(Words.SETTINGS, open=False, elem_classes="studio-only"):
        with gr.Row():
            temperature = gr.Slider(
                0, 2, value=default.temperature, step=0.05, label=Words.TEMPERATURE, info=Words.TEMPERATURE_INFO
            )
            top_p = gr.Slider(0.05, 1, value=default.top_p, step=0.05, label=Words.TOP_P, info=Words.TOP_P_INFO)
            length = gr.Slider(
                16, 2048, value=default.max_new_tokens, step=16, label=Words.LENGTH, info=Words.LENGTH_INFO
            )
        with gr.Row():
            seed = gr.Number(default.seed, precision=0, minimum=0, label=Words.SEED, info=Words.SEED_INFO)
            system = gr.Textbox(label=Words.SYSTEM, info=Words.SYSTEM_INFO, lines=1, max_lines=6, scale=2)
        thinking = gr.Checkbox(False, label=Words.THINKING, info=Words.THINKING_INFO, visible=False)
    return temperature, top_p, length, seed, system, thinking


def options_of(values: Sequence[Any]) -> ChatOptions:
    """The settings as the form holds them; what is out of range is named when somebody asks."""
    temperature, top_p, length, seed, system, thinking = values
    return ChatOptions(temperature, top_p, int(length), seed, (system or "").strip(), bool(thinking))


def _asked(values: Sequence[Any], request: gr.Request | None) -> Ask:
    """What the page holds, as a question: run, step, which, question, both windows, the note, then the options."""
    run, step, which, question, base, tuned, notes, *options = values
    asker = str(getattr(request, "session_hash", None) or "")
    return Ask(key_of(run, step), which, question or "", (base, tuned), notes, options_of(options), asker)


def _inputs(chat: Chat) -> list[Any]:
    card, composer = chat.card, chat.composer
    return [card.run, card.step, card.which, composer.message, *chat.talk, *composer.options]


def _wire_asking(studio: Studio, chat: Chat) -> None:
    composer = chat.composer

    @shown
    def ask(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        yield from converse(studio, _asked(values, request))

    @shown
    def stop(request: gr.Request) -> None:
        studio.chats.stop(str(request.session_hash or ""))

    gr.on([composer.send.click, composer.message.submit], ask, _inputs(chat), chat.answered, **TALK)
    # not by cancels=: the answer itself ends, and says that it was stopped
    composer.stop.click(stop, **QUICK)
    gr.on(
        [composer.clear.click, chat.card.run.input],
        lambda: [[], "", [], "", gr.skip(), ""],
        outputs=chat.answered,
        **QUICK,
    )
    for button in composer.examples:
        button.click(lambda question: question, button, composer.message, **QUICK)


def _wire_again(studio: Studio, chat: Chat) -> None:
    """Retry, another answer, and a question put otherwise."""
    composer = chat.composer

    @shown
    def retry(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        yield from again(studio, _asked(values, request))

    @shown
    def another(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        asked = _asked(values, request)
        seed = secrets.randbelow(SEEDS)
        asked = dataclasses.replace(asked, options=dataclasses.replace(asked.options, seed=seed))
        for shown_now in again(studio, asked):
            yield [*shown_now, seed]

    composer.retry.click(retry, _inputs(chat), chat.answered, **TALK)
    composer.another.click(another, _inputs(chat), [*chat.answered, composer.options[3]], **TALK)
    for place, pane in enumerate(PANES):
        chat.panes[place].turns.edit(_editing(studio, pane), _inputs(chat), chat.answered, **TALK)


def again(studio: Studio, asked: Ask) -> Iterator[list[Any]]:
    """Ask the last question again; what stands in the question box stays there."""
    typed = asked.question
    for shown_now in converse(studio, last_question(asked)):
        shown_now[4] = typed
        yield shown_now


def _editing(studio: Studio, pane: Any) -> Any:
    @shown
    def edit(event: gr.EditData, request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        asked = _asked(values, request)
        typed = asked.question
        before = str(event.previous_value)
        for shown_now in converse(studio, edited(asked, pane, event.index, str(event.value), before)):
            shown_now[4] = typed
            yield shown_now

    return edit


def _wire_choice(studio: Studio, chat: Chat) -> None:
    """What follows from choosing a model: checkpoints, headings, who can answer, examples."""
    card, composer, (base, tuned) = chat.card, chat.composer, chat.panes

    @shown
    def choose(run: str | None, step: str | None, request: gr.Request) -> list[Any]:
        steps = chat_model.step_choices(studio, run)
        # a link's checkpoint holds, whichever of the page's first events comes last
        linked_run, linked = chat_model.split_key(_linked(request))
        wanted = linked if run == linked_run and step in (None, chat_model.BEST) else step
        chosen = wanted if wanted in [value for _, value in steps] else chat_model.BEST
        return [gr.update(choices=steps, value=chosen, visible=len(steps) > 1), *describe(run, chosen)]

    @shown
    def choose_step(run: str | None, step: str | None) -> list[Any]:
        return describe(run, step)

    def describe(run: str | None, step: str | None) -> list[Any]:
        key = key_of(run, step)
        if key is None:
            return [gr.skip()] * (len(described))
        source = studio.chats.source(key)
        is_tuned = bool(source.target.adapter)
        which = gr.update(value="both", interactive=True) if is_tuned else gr.update(value="base", interactive=False)
        examples = studio.chats.examples(key, EXAMPLES)
        told = Words.EXAMPLES if examples else Words.GENERAL_EXAMPLES
        listed = (examples or list(Words.EXAMPLE_QUESTIONS)) + [""] * EXAMPLES
        buttons = [gr.update(value=question, visible=bool(question)) for question in listed[:EXAMPLES]]
        heads = chat_model.asides(studio, source)
        thinks = gr.update(visible=bool(studio.chats.thinks(source)))
        removes = gr.update(visible=key.startswith(chat_model.PREFIX))
        return [*heads, which, thinks, removes, parts.note(told), *buttons]

    described = [base.head, tuned.head, card.which, composer.options[5], chat.bring.remove, composer.about_examples]
    described += composer.examples
    card.run.change(choose, [card.run, card.step], [card.step, *described], **QUICK)
    card.step.input(choose_step, [card.run, card.step], described, **QUICK)
    card.which.change(_visible, card.which, [base.column, tuned.column], **QUICK)


def _visible(which: str) -> list[dict[str, Any]]:
    return [gr.update(visible=which != "tuned"), gr.update(visible=which != "base")]


def _wire_report(chat: Chat) -> None:
    composer = chat.composer

    @shown
    def make(base: Turns, tuned: Turns, notes: str) -> list[Any]:
        return [report_of((base, tuned), notes), gr.update(visible=True, open=True)]

    def told(copied: str) -> None:
        if copied:
            gr.Info(Report.COPIED)
        else:
            gr.Warning(Report.BY_HAND)

    made = composer.report.click(make, chat.talk, [composer.report_box, composer.report_panel], **SLOW)
    # through the queue: without it a toast never reaches the page
    made.success(told, composer.report_box, None, js=chat_scripts.COPY, **SLOW)


def report_of(windows: tuple[Turns, Turns], notes: str) -> str:
    """The conversation as a report.

    Raises:
        InputError: if nothing was answered yet.
    """
    asked = [each for each in exchanges_of(windows, notes) if any(said.strip() for said in each.answers.values())]
    if not asked:
        raise InputError(Report.EMPTY, Report.EMPTY_HINT)
    return report_text(asked, text.SAFETY)
