"""Chat: base and tuned side by side, streaming, several turns.

The two conversations live in the two windows themselves, so that nothing has to be kept for a visitor on the server.
It does not know: how answers are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.inference.messages import ChatOptions, ChatPiece, ChatRequest, Pane
from core.records import Message
from medft_ui import parts, text, units
from medft_ui.errors import shown
from medft_ui.events import ON_DEVICE, QUICK

if TYPE_CHECKING:
    from core.studio import Studio

PANES: tuple[Pane, ...] = ("base", "tuned")
Turns = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Window:
    """One model's conversation, and a line below it: what it waits for, then how fast it was."""

    column: gr.Column
    turns: gr.Chatbot
    line: gr.HTML


@dataclass(frozen=True, slots=True)
class Chat:
    """The screen's components; base comes first in ``panes``."""

    run: gr.Dropdown
    which: gr.Radio
    panes: tuple[Window, Window]
    message: gr.Textbox
    send: gr.Button
    stop: gr.Button
    clear: gr.Button
    options: tuple[gr.Slider, gr.Slider, gr.Slider]


def build(studio: Studio) -> Chat:
    """Lay out the screen and wire it."""
    gr.HTML(parts.banner(text.SAFETY))
    with gr.Column(elem_classes="card"), gr.Row():
        run = gr.Dropdown([], label=text.Chat.RUN, info=text.Chat.RUN_INFO, scale=2)
        which = gr.Radio(list(text.Chat.WHICH_CHOICES), value="both", label=text.Chat.WHICH, scale=2)
    with gr.Row(equal_height=True):
        base = _window(text.Chat.BASE, text.Chat.BASE_ASIDE)
        tuned = _window(text.Chat.TUNED, text.Chat.TUNED_ASIDE)
    with gr.Column(elem_classes="card"):
        message, send, stop, clear = _ask_box()
        gr.HTML(parts.note(text.Chat.EXAMPLES))
        with gr.Row(elem_classes="examples"):
            examples = [gr.Button(question, size="sm") for question in text.Chat.EXAMPLE_QUESTIONS]
        options = _options()
    chat = Chat(run, which, (base, tuned), message, send, stop, clear, options)
    _wire(studio, chat)
    for button in examples:
        button.click(lambda question: question, button, message, **QUICK)
    return chat


def _window(title: str, aside: str) -> Window:
    with gr.Column(elem_classes="card", min_width=300) as column:
        gr.HTML(parts.heading(title, aside))
        turns = gr.Chatbot(
            label=title,
            show_label=False,
            height=300,
            placeholder=text.Chat.EMPTY,
            buttons=["copy"],
            layout="bubble",
            elem_classes="window",
        )
        line = gr.HTML(min_height=24)
    return Window(column, turns, line)


def _ask_box() -> tuple[gr.Textbox, gr.Button, gr.Button, gr.Button]:
    message = gr.Textbox(
        label=text.Chat.MESSAGE, placeholder=text.Chat.PLACEHOLDER, lines=1, max_lines=8, max_length=8000
    )
    with gr.Row(elem_classes="actions"):
        send = gr.Button(text.Chat.SEND, variant="primary")
        stop = gr.Button(text.Chat.STOP)
        clear = gr.Button(text.Chat.CLEAR)
    return message, send, stop, clear


def _options() -> tuple[gr.Slider, gr.Slider, gr.Slider]:
    default = ChatOptions()
    with gr.Accordion(text.Chat.SETTINGS, open=False), gr.Row():
        return (
            gr.Slider(
                0, 2, value=default.temperature, step=0.05, label=text.Chat.TEMPERATURE, info=text.Chat.TEMPERATURE_INFO
            ),
            gr.Slider(0.05, 1, value=default.top_p, step=0.05, label=text.Chat.TOP_P, info=text.Chat.TOP_P_INFO),
            gr.Slider(
                16, 1024, value=default.max_new_tokens, step=16, label=text.Chat.LENGTH, info=text.Chat.LENGTH_INFO
            ),
        )


def _wire(studio: Studio, chat: Chat) -> None:
    @shown
    def ask(
        run: str | None, which: str, question: str, base: Turns, tuned: Turns, *options: float
    ) -> Iterator[list[Any]]:
        yield from converse(studio, run, which, question, (base, tuned), options)

    @shown
    def stop() -> None:
        studio.stop_chat()

    base, tuned = chat.panes
    inputs = [chat.run, chat.which, chat.message, base.turns, tuned.turns, *chat.options]
    answered = [base.turns, base.line, tuned.turns, tuned.line]
    gr.on([chat.send.click, chat.message.submit], ask, inputs, [*answered, chat.message], **ON_DEVICE)
    # not by cancels=: the answer itself ends, and says that it was stopped
    chat.stop.click(stop, **QUICK)
    gr.on([chat.clear.click, chat.run.change], lambda: [[], "", [], ""], outputs=answered, **QUICK)
    chat.which.change(_visible, chat.which, [base.column, tuned.column], **QUICK)


def _visible(which: str) -> list[dict[str, Any]]:
    return [gr.update(visible=which != "tuned"), gr.update(visible=which != "base")]


def converse(
    studio: Studio, run: str | None, which: str, question: str, windows: tuple[Turns, Turns], options: Sequence[float]
) -> Iterator[list[Any]]:
    """Ask, and show both answers as they grow.

    Yields:
        The base window and the line below it, the tuned window and its line, and the question box, emptied at once.

    Raises:
        InputError: if there is no run, or the question is empty.
    """
    if not run:
        raise InputError(text.Errors.NO_RUN, text.Errors.NO_RUN_HINT)
    if not question.strip():
        raise InputError(text.Errors.NO_MESSAGE, text.Errors.NO_MESSAGE_HINT)
    speaking: tuple[Pane, ...] = PANES if which == "both" else (which,)  # type: ignore[assignment]
    asked = {pane: _asked(turns, question) for pane, turns in zip(PANES, windows, strict=True) if pane in speaking}
    answers = {pane: Answer() for pane in speaking}
    temperature, top_p, length = options
    request = ChatRequest(
        which,  # type: ignore[arg-type]
        base=messages_of(asked.get("base", [])),
        tuned=messages_of(asked.get("tuned", [])),
        options=ChatOptions(temperature=temperature, top_p=top_p, max_new_tokens=int(length)),
    )
    yield _shown(asked, answers)
    for piece in studio.chat(run, request):
        for pane in speaking if piece.phase else (piece.which,):
            answers[pane].add(piece)
        yield _shown(asked, answers)


@dataclass(slots=True)
class Answer:
    """One answer as it grows, and what is known about it."""

    said: str = ""
    line: str = ""

    def add(self, piece: ChatPiece) -> None:
        """Take in a piece."""
        self.said += piece.text
        if piece.phase:
            share = f" {units.percent(piece.share)}" if piece.share else ""
            self.line = f"{piece.phase}{share} …"
        elif piece.tokens:
            speed = text.Chat.SPEED.format(tokens=units.count(piece.tokens), speed=units.count(piece.tokens_per_s))
            self.line = " · ".join(part for part in (speed, text.Chat.FINISH[piece.finish]) if part)


def _asked(turns: Turns, question: str) -> Turns:
    """The conversation with the new question; an earlier one that got no answer gives way to it."""
    answered = list(turns)
    while answered and answered[-1]["role"] == "user":
        answered.pop()
    return [*answered, {"role": "user", "content": question}]


def _shown(asked: dict[Pane, Turns], answers: dict[Pane, Answer]) -> list[Any]:
    shown_now: list[Any] = []
    for pane in PANES:
        if pane not in answers:
            shown_now += [gr.skip(), gr.skip()]
            continue
        answer = answers[pane]
        said = [{"role": "assistant", "content": answer.said}] if answer.said else []
        shown_now += [[*asked[pane], *said], parts.note(answer.line or text.Chat.WAITING)]
    return [*shown_now, ""]


def messages_of(turns: Turns) -> tuple[Message, ...]:
    """Turn what a window holds into messages; Gradio gives content as text or as a list of typed parts."""
    return tuple(Message(turn["role"], _plain(turn["content"])) for turn in turns)


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") if isinstance(part, dict) else str(part) for part in content)
