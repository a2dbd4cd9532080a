"""Chat: base and tuned side by side, streaming, several turns.

The two conversations live in the two windows themselves, so that nothing has to be kept for a visitor on the server.
It does not know: how answers are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr
from core.inference.process import ChatOptions, ChatRequest

from core.errors import InputError
from core.records import Message
from medft_ui import parts, text
from medft_ui.errors import shown

if TYPE_CHECKING:
    from core.studio import Studio

# Chat and whatever else needs the device take turns.
DEVICE: dict[str, Any] = {"concurrency_id": "gpu", "concurrency_limit": 1, "api_visibility": "private"}
Turns = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Chat:
    """The screen's components."""

    run: gr.Dropdown
    which: gr.Radio
    base: gr.Chatbot
    tuned: gr.Chatbot
    panes: tuple[gr.Column, gr.Column]
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
        left, base = _pane(text.Chat.BASE, text.Chat.BASE_ASIDE)
        right, tuned = _pane(text.Chat.TUNED, text.Chat.TUNED_ASIDE, "tuned")
    with gr.Column(elem_classes="card"):
        message, send, stop, clear = _ask_box()
        gr.HTML(parts.note(text.Chat.EXAMPLES))
        with gr.Row(elem_classes="examples"):
            examples = [gr.Button(question, size="sm") for question in text.Chat.EXAMPLE_QUESTIONS]
        options = _options()
    chat = Chat(run, which, base, tuned, (left, right), message, send, stop, clear, options)
    _wire(studio, chat)
    for button in examples:
        button.click(lambda question: question, button, message, queue=False, api_visibility="private")
    return chat


def _pane(title: str, aside: str, extra: str = "") -> tuple[gr.Column, gr.Chatbot]:
    with gr.Column(elem_classes=f"card pane {extra}", min_width=300) as column:
        gr.HTML(parts.heading(title, aside))
        window = gr.Chatbot(
            label=title,
            show_label=False,
            height=310,
            placeholder=text.Chat.EMPTY,
            buttons=["copy"],
            layout="bubble",
            elem_classes="window",
        )
    return column, window


def _ask_box() -> tuple[gr.Textbox, gr.Button, gr.Button, gr.Button]:
    message = gr.Textbox(
        label=text.Chat.MESSAGE, placeholder=text.Chat.PLACEHOLDER, lines=2, max_lines=8, max_length=8000
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

    inputs = [chat.run, chat.which, chat.message, chat.base, chat.tuned, *chat.options]
    answering = gr.on(
        [chat.send.click, chat.message.submit], ask, inputs, [chat.base, chat.tuned, chat.message], **DEVICE
    )
    chat.stop.click(stop, cancels=[answering], queue=False, api_visibility="private")
    fresh: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    gr.on([chat.clear.click, chat.run.change], lambda: ([], []), outputs=[chat.base, chat.tuned], **fresh)
    chat.which.change(_visible, chat.which, list(chat.panes), **fresh)


def _visible(which: str) -> list[dict[str, Any]]:
    return [gr.update(visible=which != "tuned"), gr.update(visible=which != "base")]


def converse(
    studio: Studio, run: str | None, which: str, question: str, windows: tuple[Turns, Turns], options: Sequence[float]
) -> Iterator[list[Any]]:
    """Ask, and show both answers as they grow.

    Yields:
        The base window, the tuned window, and the question box (emptied at once).

    Raises:
        InputError: if there is no run, or the question is empty.
    """
    if not run:
        raise InputError(text.Errors.NO_RUN, text.Errors.NO_RUN_HINT)
    if not question.strip():
        raise InputError(text.Errors.NO_MESSAGE, text.Errors.NO_MESSAGE_HINT)
    named = dict(zip(("base", "tuned"), windows, strict=True))
    asked = {name: [*turns, {"role": "user", "content": question}] for name, turns in named.items()}
    speaking = ("base", "tuned") if which == "both" else (which,)
    histories = [messages_of(asked[name]) if name in speaking else () for name in ("base", "tuned")]
    temperature, top_p, length = options
    request = ChatRequest(
        which, *histories, ChatOptions(temperature=temperature, top_p=top_p, max_new_tokens=int(length))
    )
    answers = dict.fromkeys(speaking, "")
    yield _windows(named, asked, answers)
    for piece in studio.chat(run, request):
        answers[piece.which] += piece.text
        yield _windows(named, asked, answers)


def _windows(before: dict[str, Turns], asked: dict[str, Turns], answers: dict[str, str]) -> list[Any]:
    shown_now: list[Any] = []
    for name in ("base", "tuned"):
        if name in answers:
            shown_now.append([*asked[name], {"role": "assistant", "content": answers[name] or "…"}])
        else:
            shown_now.append(before[name])
    return [*shown_now, ""]


def messages_of(turns: Turns) -> tuple[Message, ...]:
    """Turn what a window holds into messages; Gradio gives content as text or as a list of typed parts."""
    return tuple(Message(turn["role"], _plain(turn["content"])) for turn in turns)


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") if isinstance(part, dict) else str(part) for part in content)
