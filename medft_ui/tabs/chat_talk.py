"""A conversation as the two windows hold it, and asking: question in, both windows as they grow out.

    for shown in converse(studio, Ask(key, "both", "Why?", (base, tuned), notes, options)): …

The conversation lives in the windows and, what the windows cannot say (settings, hashes, times), in a hidden note beside
them; nothing has to be kept for a visitor on the server. It does not know: components, how answers are made.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError, MedftError
from core.inference.messages import ChatOptions, ChatPiece, ChatRequest, Pane, Which
from core.inference.report import Exchange, Speaker
from core.inference.thinking import join_thinking, split_thinking
from core.records import Message
from medft_ui import parts, text, units
from medft_ui.chat_text import Chat, Report

if TYPE_CHECKING:
    from core.studio import Studio

PANES: tuple[Pane, ...] = ("base", "tuned")
Turns = list[dict[str, Any]]
Notes = dict[Pane, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Said:
    """One question in one window, and what came of it; both parts of the answer may be empty."""

    question: str
    thinking: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything that a question needs.

    Args:
        key: What to talk to; see core.inference.desk.
        which: Who answers.
        question: What is asked.
        windows: What the base's window and the tuned one hold.
        notes: The hidden note beside them.
        options: How to answer.
        asker: Who asks.
        keep: How many turns of each window stay; a pane that is not named keeps all, and its turns go on.
    """

    key: str | None
    which: Which
    question: str
    windows: tuple[Turns, Turns]
    notes: str
    options: ChatOptions
    asker: str = ""
    keep: Mapping[Pane, int] = field(default_factory=dict)

    @property
    def speaking(self) -> tuple[Pane, ...]:
        """Who answers, in the order of the windows."""
        return PANES if self.which == "both" else (self.which,)


def said_in(window: Turns) -> list[Said]:
    """Read a window: each question with its answer; Gradio gives content as text or as a list of typed parts."""
    said: list[Said] = []
    for turn in window or ():
        content = _plain(turn["content"])
        if turn["role"] == "user":
            said.append(Said(content))
        elif said and (turn.get("metadata") or {}).get("title"):
            said[-1] = dataclasses.replace(said[-1], thinking=content)
        elif said:
            said[-1] = dataclasses.replace(said[-1], answer=content)
    return said


def window_of(said: Sequence[Said], *, thinks: bool = False) -> Turns:
    """Write a window; ``thinks``: the last answer is still being thought about."""
    turns: Turns = []
    for at, each in enumerate(said):
        turns.append({"role": "user", "content": each.question})
        if each.thinking:
            title = Chat.THINKS if thinks and at == len(said) - 1 else Chat.THOUGHT
            # "done" is what folds it
            turns.append(
                {"role": "assistant", "content": each.thinking, "metadata": {"title": title, "status": "done"}}
            )
        if each.answer:
            turns.append({"role": "assistant", "content": each.answer})
    return turns


def messages_of(said: Sequence[Said], question: str) -> tuple[Message, ...]:
    """The conversation for the model: thoughts are left out, as thinking models expect, and what got no answer too."""
    turns = [turn for each in said if each.answer for turn in _pair(each)]
    return (*turns, Message("user", question))


def keep_before(windows: tuple[Turns, Turns], speaking: Sequence[Pane], pane: Pane, turn: int) -> dict[Pane, int]:
    """Where to cut so that one window's turn is asked anew: in the other window too, if it was asked the same till there."""
    questions = {each: [said.question for said in said_in(window)] for each, window in zip(PANES, windows, strict=True)}
    wanted = questions[pane][: turn + 1]
    return {each: turn for each in speaking if each == pane or questions[each][: turn + 1] == wanted}


def turn_at(window: Turns, message: int) -> int:
    """Which turn a window's message belongs to."""
    return sum(1 for each in window[: message + 1] if each["role"] == "user") - 1


def last_question(ask: Ask) -> Ask:
    """The same question again, instead of its answer.

    Raises:
        InputError: if nothing was asked yet.
    """
    windows = dict(zip(PANES, ask.windows, strict=True))
    said = {pane: said_in(windows[pane]) for pane in ask.speaking}
    pane = next((pane for pane in ask.speaking if said[pane]), None)
    if pane is None:
        raise InputError(Report.NO_RETRY, Report.NO_RETRY_HINT)
    turn = len(said[pane]) - 1
    keep = keep_before(ask.windows, ask.speaking, pane, turn)
    which: Which = "both" if len(keep) == 2 else next(iter(keep))
    return dataclasses.replace(ask, question=said[pane][turn].question, keep=keep, which=which)


def edited(asked: Ask, pane: Pane, index: int | tuple[int, int], question: str, before: str) -> Ask:
    """An earlier question put otherwise: it is asked anew, and what followed it goes.

    Args:
        asked: What the page holds; its window already shows the new question, because Gradio wrote it there.
        pane: In which window it was put otherwise.
        index: At which of the window's messages.
        question: As it is now.
        before: As it was, by which the other window's turn is found.
    """
    place, at = PANES.index(pane), index if isinstance(index, int) else index[0]
    windows = [list(window) for window in asked.windows]
    windows[place][at] = {"role": "user", "content": before}
    asked = dataclasses.replace(asked, windows=(windows[0], windows[1]))
    keep = keep_before(asked.windows, asked.speaking, pane, turn_at(windows[place], at))
    which: Which = "both" if len(keep) == 2 else pane
    return dataclasses.replace(asked, question=question, keep=keep, which=which)


def converse(studio: Studio, ask: Ask) -> Iterator[list[Any]]:
    """Ask, and show both answers as they grow.

    Yields:
        The base window and the line below it, the tuned window and its line, the question box, and the hidden note.

    Raises:
        InputError: if there is no model, or the question is empty.
        MedftError: of asking; the windows are then as before and the question is back in its box.
    """
    if not ask.key:
        raise InputError(text.Errors.NO_RUN, text.Errors.NO_RUN_HINT)
    if not ask.question.strip():
        raise InputError(text.Errors.NO_MESSAGE, text.Errors.NO_MESSAGE_HINT)
    talk = Talk(studio, ask)
    try:
        yield talk.shown()
        for piece in studio.chats.ask(ask.key, talk.request(), ask.asker):
            talk.add(piece)
            yield talk.shown()
    except MedftError:
        yield talk.shown() if talk.has_text() else [*_untouched(ask), ask.question, ask.notes]
        raise


class Talk:
    """One question while it is answered.

    Args:
        studio: The desk.
        ask: The question.

    Raises:
        MedftError: if what is asked is not there.
    """

    def __init__(self, studio: Studio, ask: Ask) -> None:
        self.studio, self.ask = studio, ask
        self.speaker = studio.chats.speaker(studio.chats.source(str(ask.key)))
        self.at = datetime.now(UTC).isoformat(timespec="milliseconds")
        windows = dict(zip(PANES, ask.windows, strict=True))
        notes = read_notes(ask.notes)
        self.before = {pane: _kept(windows[pane], ask.keep.get(pane)) for pane in ask.speaking}
        self.notes: Notes = {pane: notes[pane][: len(self.before.get(pane, notes[pane]))] for pane in PANES}
        for pane in ask.speaking:  # a window filled by other means has turns without a note
            self.notes[pane] += [{}] * (len(self.before[pane]) - len(self.notes[pane]))
        self.answers = {pane: Answer() for pane in ask.speaking}

    def request(self) -> ChatRequest:
        """What is asked of the models."""
        turns = {pane: messages_of(said, self.ask.question) for pane, said in self.before.items()}
        return ChatRequest(self.ask.which, turns.get("base", ()), turns.get("tuned", ()), self.ask.options)

    def add(self, piece: ChatPiece) -> None:
        """Take in a piece."""
        for pane in self.ask.speaking if piece.phase else (piece.which,):
            self.answers[pane].add(piece)

    def has_text(self) -> bool:
        """Whether anything was said."""
        return any(answer.said for answer in self.answers.values())

    def shown(self) -> list[Any]:
        """Both windows with their lines, the emptied question box, and the note."""
        out: list[Any] = []
        for pane in PANES:
            if pane not in self.answers:
                out += [gr.skip(), gr.skip()]
                continue
            answer = self.answers[pane]
            thought = answer.parts()
            said = [*self.before[pane], Said(self.ask.question, thought.thinking, thought.answer)]
            window = window_of(said, thinks=thought.is_open and not answer.done)
            out += [window, parts.note(answer.line or Chat.WAITING)]
        return [*out, "", self._note()]

    def _note(self) -> str:
        speaker = dataclasses.replace(self.speaker, form=self.studio.chats.status().device)
        common = {
            "at": self.at,
            "speaker": dataclasses.asdict(speaker),
            "options": dataclasses.asdict(self.ask.options),
        }
        notes = dict(self.notes)
        for pane, answer in self.answers.items():
            notes[pane] = [*self.notes[pane], common | {"tokens": answer.tokens, "finish": answer.finish}]
        return json.dumps(notes)


@dataclass(slots=True)
class Answer:
    """One answer as it grows, and what is known about it."""

    said: str = ""
    line: str = ""
    tokens: int = 0
    finish: str = ""
    done: bool = False

    def add(self, piece: ChatPiece) -> None:
        """Take in a piece."""
        self.said += piece.text
        if piece.phase:
            share = f" {units.percent(piece.share)}" if piece.share else ""
            held = f" · {units.gib(piece.memory_gib)}" if piece.memory_gib else ""
            self.line = f"{piece.phase}{share} …{held}"
        elif piece.tokens:
            self.tokens, self.finish, self.done = piece.tokens, piece.finish, piece.done
            self.line = " · ".join(word for word in self._words(piece) if word)

    def parts(self) -> Any:
        """Thinking and answer; see split_thinking."""
        return split_thinking(self.said, growing=not self.done)

    def _words(self, piece: ChatPiece) -> list[str]:
        speed = Chat.SPEED.format(
            tokens=units.count(piece.tokens), speed=units.rate(piece.tokens_per_s), first=f"{piece.first_token_s:.1f}"
        )
        thinks = piece.done and piece.finish != "stop" and self.parts().is_open
        return [speed, Chat.FINISH[piece.finish], Chat.CUT_WHILE_THINKING if thinks else ""]


def exchanges_of(windows: tuple[Turns, Turns], notes_text: str) -> list[Exchange]:
    """Both windows as one conversation: what was asked of both at once stands together, the oldest first."""
    notes = read_notes(notes_text)
    found: dict[tuple[str, int, str], Exchange] = {}
    for pane, window in zip(PANES, windows, strict=True):
        for number, said in enumerate(said_in(window)):
            note = notes[pane][number] if number < len(notes[pane]) else {}
            key = (str(note.get("at", "")), number if not note else 0, said.question)
            exchange = found.get(key) or _exchange(said.question, note)
            answers = {**exchange.answers, pane: join_thinking(said.thinking, said.answer)}
            tokens = {**exchange.tokens, pane: int(note.get("tokens", 0))}
            finish = {**exchange.finish, pane: str(note.get("finish", ""))}
            found[key] = dataclasses.replace(exchange, answers=answers, tokens=tokens, finish=finish)
    return sorted(found.values(), key=lambda exchange: exchange.at)


def read_notes(notes: str) -> Notes:
    """Read the hidden note; one that cannot be read is empty, because it only describes what the windows say."""
    try:
        body = json.loads(notes or "{}")
        return {pane: [dict(each) for each in body.get(pane, ())] for pane in PANES}
    except (ValueError, TypeError, AttributeError):
        return {pane: [] for pane in PANES}


def _exchange(question: str, note: Mapping[str, Any]) -> Exchange:
    try:
        speaker, options = Speaker(**note.get("speaker", {})), ChatOptions(**note.get("options", {}))
    except TypeError:  # a page left open since an older version of the app
        speaker, options = Speaker(), ChatOptions()
    return Exchange(question, {}, speaker, options, str(note.get("at", "")))


def _kept(window: Turns, keep: int | None) -> list[Said]:
    """The turns that stay: up to the cut, and without a last question that nothing came of."""
    said = said_in(window)[:keep]
    while said and not (said[-1].answer or said[-1].thinking):
        said.pop()
    return said


def _untouched(ask: Ask) -> list[Any]:
    base, tuned = (window_of(said_in(window)) for window in ask.windows)
    return [base, "", tuned, ""]


def _pair(said: Said) -> tuple[Message, Message]:
    return Message("user", said.question), Message("assistant", said.answer)


def _plain(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") if isinstance(part, dict) else str(part) for part in content or ())
