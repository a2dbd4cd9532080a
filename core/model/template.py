"""How a conversation is written for a model: one Template for training, chat, evaluation and export.

    template = Template.from_folder(model.folder)
    template.pieces(record.messages)  →  (text, trained) …: prompt untrained, answer and its end token trained
    template.prompt_text(messages)    →  ends exactly where the answer starts

The prompt that the model sees in chat is, token for token, the beginning of what it was trained on: answers are
appended to the prompt, and each piece is tokenised for itself, as it will be in chat. What a template does otherwise
(thinking blocks, rewritten history, no system role, no generation prompt, no end token) is found by trying it once,
handled, and said in ``choice``.

It needs tokenizers and jinja2 only, so that the app's process can show the exact text without loading torch.
It does not know: labels, lengths, data sets (encode.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from core.errors import ModelError
from core.model.counting import TextCounter, text_counter
from core.model.jinja import Renderer, TemplateRefusal
from core.model.tokenizer_files import NAMES, pick_template, read_chat_template, read_special_tokens
from core.progress import Choice
from core.records import Message

PLAIN = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'user' %}### Question:\n{{ message.content }}\n\n"
    "{% elif message.role == 'assistant' %}### Answer:\n{{ message.content }}{{ eos_token }}\n\n"
    "{% else %}{{ message.content }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Answer:\n{% endif %}"
)
OWN, FALLBACK = "the model's own chat template", "plain questions and answers"
CLOSED_THINKING = "<think>\n\n</think>\n\n"
OPEN_AT_END = re.compile(r"<think>\s*\Z")
THOUGHT = re.compile(r"\s*<think>(.*?)</think>(.*)\Z", re.DOTALL)
QUESTION, ANSWER, FOLLOW_UP = "Qzq7w question", "Zxq9v answer", "Qzq8w question"
Piece = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class Habits:
    """What trying a template once showed.

    Args:
        lead: Text that the template writes between its generation prompt and the answer.
        closes_thinking: Whether the prompt ends in an open thinking block that is closed here.
        thinks: Whether the template has thinking blocks.
        end: Text after an answer, up to and including the token that ends it.
        takes_system: Whether the template accepts a system message.
        keeps_history: Whether an answer stays as it was trained when the conversation goes on.
        notes: What to tell the person, in full sentences.
    """

    lead: str
    closes_thinking: bool
    thinks: bool
    end: str
    takes_system: bool
    keeps_history: bool
    notes: tuple[str, ...]


class Template:
    """Writes conversations as a model expects them.

    Args:
        tokenizer: The model's tokenizer.
        source: The model's chat template (Jinja), or None for the plain fallback.
        special: Special tokens by name (``bos_token``, ``eos_token`` …), as text.
        name: How to call the model in messages.

    Raises:
        ModelError: if the model has no token that ends an answer.
    """

    def __init__(self, tokenizer: Tokenizer, source: str | None, special: Mapping[str, str], *, name: str) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.special = dict(special)
        self.name = name
        self._added = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
        self._added |= set(self.special.values())
        if not self.special.get("eos_token"):
            raise ModelError(
                f"{name} names no end token (eos_token).",
                "Choose an instruct model, or complete its tokenizer_config.json.",
            )
        self.source, why = (source, "The model brings it.") if source else (PLAIN, "The model brings no chat template.")
        try:
            self.habits = self._try_out()
        except TemplateRefusal as refusal:
            self.source, why = PLAIN, f"The model's own chat template does not work ({refusal})."
            self.habits = self._try_out()
        self.choice: Choice[str] = Choice(
            FALLBACK if self.source == PLAIN else OWN, " ".join((why, *self.habits.notes))
        )

    @classmethod
    def from_folder(cls, folder: Path) -> Template:
        """Read tokenizer.json, tokenizer_config.json and the chat template of a model's folder.

        Raises:
            ModelError: if the tokenizer is missing, damaged, or has no end token.
        """
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the library raises bare Exceptions
            raise ModelError(
                f"The tokenizer of {folder.name} cannot be read.", "Fetch the model again, or choose another."
            ) from error
        return cls(tokenizer, read_chat_template(folder), read_special_tokens(folder), name=folder.name)

    @classmethod
    def from_tokenizer(cls, tokenizer: Any, *, name: str) -> Template:
        """Take over a transformers tokenizer (a fast one), without importing transformers.

        Raises:
            ModelError: if it is not a fast tokenizer, or has no end token.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None) or getattr(tokenizer, "_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise ModelError(f"{name} has no fast tokenizer.", "Choose a model that brings a tokenizer.json.")
        special = {key: str(value) for key, value in tokenizer.special_tokens_map.items() if key in NAMES}
        copy = Tokenizer.from_str(
            backend.to_str()
        )  # so that no setting of the caller's changes under us, nor the other way
        return cls(copy, pick_template(tokenizer.chat_template), special, name=name)

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """Write a conversation that ends with an answer.

        Args:
            messages: As in a Record: the last is the assistant's.

        Returns:
            Pieces of text and whether they are trained. Answers are trained with their end token; an earlier answer
            only where the template keeps it as it was. Nothing follows the last end token.

        Raises:
            ModelError: if the template refuses such a conversation.
        """
        answer = messages[-1].content.strip()
        thought = THOUGHT.match(answer) if self.habits.thinks else None
        start = self._start(messages[:-1], thinking=thought is not None)
        if thought:
            opened = OPEN_AT_END.search(start[-1][0])
            answer = f"{thought[1].strip()}\n</think>\n\n{thought[2].strip()}"
            answer = answer if opened else f"<think>\n{answer}"
        return [*start, (answer + self.habits.end, True)] if answer else start

    def prompt_text(self, messages: Sequence[Message], *, thinking: bool = False) -> str:
        """Write a conversation up to where the next answer starts.

        Args:
            messages: The last is the user's.
            thinking: Let a thinking model think, instead of closing its thinking block.

        Raises:
            ModelError: if the template refuses such a conversation.
        """
        return "".join(text for text, _ in self._start(messages, thinking=thinking))

    def prompt_ids(self, messages: Sequence[Message], *, thinking: bool = False) -> list[int]:
        """Token ids of prompt_text; the beginning of full_ids of the same conversation with its answer."""
        return [
            id
            for text, first in _with_first(self._start(messages, thinking=thinking))
            for id in self.ids(text, first=first)
        ]

    def full_ids(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation that ends with an answer and its end token."""
        return [id for text, first in _with_first(self.pieces(messages)) for id in self.ids(text, first=first)]

    def count(self, texts: list[str]) -> list[int]:
        """Count the tokens of rows that are given as their texts alone: a question with an answer, written for the model.

        Args:
            texts: One for each row, all its messages.

        Returns:
            Tokens with what the template puts around one question and one answer; each further turn adds a few that
            are not counted here.
        """
        return [tokens + self._around for tokens in self._counter(texts)]

    @cached_property
    def _around(self) -> int:
        """Tokens that the template puts around one question and one answer."""
        whole = len(self.full_ids((Message("user", "x"), Message("assistant", "x"))))
        return whole - 2 * len(self.tokenizer.encode("x", add_special_tokens=False).ids)

    @cached_property
    def _counter(self) -> TextCounter:
        return text_counter(self.tokenizer)

    def ids(self, text: str, *, first: bool) -> list[int]:
        """Token ids of one piece.

        Args:
            text: The piece.
            first: Whether it begins the conversation; some tokenizers put a space before the beginning of a text.
        """
        if first or not self._anchor:
            return list(self.tokenizer.encode(text, add_special_tokens=False).ids)
        return list(self.tokenizer.encode(self._anchor + text, add_special_tokens=False).ids)[len(self._anchor_ids) :]

    @property
    def anchor(self) -> str:
        """Text to put before a piece that does not begin the conversation; its tokens are then cut off. Mostly empty."""
        return self._anchor

    @cached_property
    def _anchor(self) -> str:
        whole, alone = (self.tokenizer.encode(text, add_special_tokens=False).ids for text in ("x\nx", "x"))
        return "" if whole[-len(alone) :] == alone else "\n"

    @cached_property
    def _anchor_ids(self) -> list[int]:
        return list(self.tokenizer.encode(self._anchor, add_special_tokens=False).ids)

    @property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids of the tokens that end an answer: the template's end token first, then the tokenizer's eos."""
        end = self.tokenizer.encode(self.habits.end, add_special_tokens=False).ids[-1]
        return tuple(dict.fromkeys((end, self.id_of("eos_token"))))

    @property
    def pad_id(self) -> int:
        """Id to fill short rows with: the padding token, else eos. Filled places carry no label and no attention."""
        return self.id_of("pad_token") if "pad_token" in self.special else self.id_of("eos_token")

    def id_of(self, name: str) -> int:
        """The id of a special token by name, for example ``eos_token``.

        Raises:
            ModelError: if the vocabulary lacks it.
        """
        id = self.tokenizer.token_to_id(self.special[name])
        if id is None:
            raise ModelError(
                f"The vocabulary of {self.name} lacks its {name}.",
                "Choose another model, or repair its tokenizer_config.json.",
            )
        return int(id)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that decides which tokens a conversation becomes."""
        sample = f"{self._write_probe()} In 2024: 12.5 mg/dl, naïve; 葡萄糖 \n\n  \u0950"
        ids = self.tokenizer.encode(sample, add_special_tokens=False).ids
        habits = [self.habits.lead, self.habits.end, self.habits.closes_thinking, self.habits.takes_system]
        facts = [self.source, sorted(self.special.items()), habits, ids, self.tokenizer.get_vocab_size()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _write_probe(self) -> str:
        return "".join(text for text, _ in self.pieces((Message("user", QUESTION), Message("assistant", ANSWER))))

    def _start(self, messages: Sequence[Message], *, thinking: bool) -> list[Piece]:
        try:
            return self._prompt_pieces(messages, thinking=thinking)
        except TemplateRefusal as refusal:
            raise ModelError(
                f"The chat template of {self.name} refuses a conversation: {refusal}.",
                "Bring it to question and answer in turns, or choose another model.",
            ) from refusal

    def _prompt_pieces(self, messages: Sequence[Message], *, thinking: bool) -> list[Piece]:
        """Split a prompt at the earlier answers that stand in it exactly as they were trained."""
        prompt = self._prompt(messages, thinking=thinking)
        pieces: list[Piece] = []
        done = 0
        for index, message in enumerate(messages):
            if message.role != "assistant" or not self.habits.keeps_history:
                continue
            start = self._prompt(messages[:index], thinking=False)
            answer = message.content.strip() + self.habits.end
            if len(start) >= done and prompt.startswith(start + answer):
                pieces += [(prompt[done : len(start)], False), (answer, True)]
                done = len(start) + len(answer)
        return [*pieces, (prompt[done:], False)]

    def _prompt(self, messages: Sequence[Message], *, thinking: bool) -> str:
        prompt = self._render(messages, ask=True, thinking=thinking)
        if thinking and self.habits.thinks:
            return prompt
        if self.habits.closes_thinking:
            return OPEN_AT_END.sub("", prompt) + CLOSED_THINKING
        return prompt + self.habits.lead

    def _render(
        self, messages: Sequence[Message], *, ask: bool, thinking: bool = False, merge: bool | None = None
    ) -> str:
        merge = not self.habits.takes_system if merge is None else merge
        turns = [{"role": message.role, "content": message.content.strip()} for message in messages]
        if merge and len(turns) > 1 and turns[0]["role"] == "system":
            system, question, *rest = turns
            turns = [question | {"content": f"{system['content']}\n\n{question['content']}"}, *rest]
        special = self.special if self.source != PLAIN else self.special | {"bos_token": self._plain_start}
        return self._renderer.render(turns, ask=ask, thinking=thinking, special=special)

    @property
    def _renderer(self) -> Renderer:
        return Renderer.of(self.source)

    @cached_property
    def _plain_start(self) -> str:
        """The token that begins every text, if this tokenizer puts one there."""
        start = self.special.get("bos_token", "")
        begun = self.tokenizer.encode("x", add_special_tokens=True).ids
        return start if start and begun[0] == self.tokenizer.token_to_id(start) else ""

    def _try_out(self) -> Habits:
        """Write one conversation and see what the template does with it."""
        question, answer = Message("user", QUESTION), Message("assistant", ANSWER)
        prompt = self._render([question], ask=True, merge=False)
        full = self._render([question, answer], ask=False, merge=False)
        if full.count(ANSWER) != 1 or QUESTION not in prompt:
            raise TemplateRefusal("it does not write the question and the answer once each")
        before, after = full.split(ANSWER)
        notes: list[str] = []
        opened = OPEN_AT_END.search(prompt)
        closes = opened is not None and not before.startswith(prompt)
        lead = before[len(prompt) :] if before.startswith(prompt) else ""
        thinks = opened is not None or "<think>" in before or "<think>" in self.source or "</think>" in self.source
        if closes or "</think>" in lead or "</think>" in prompt:
            notes.append(
                "Its thinking block is closed, empty and untrained, before each answer, so that answers are not learned as thoughts."
            )
        elif not before.startswith(prompt):
            notes.append(
                "It writes answers otherwise than it asks for them; here they follow its own generation prompt."
            )
        elif lead:
            notes.append("It has no generation prompt; what it writes before answers ends the prompt.")
        end, end_note = self._end_of(after)
        system, system_note = self._tries_system()
        notes += [note for note in (end_note, system_note) if note]
        habits = Habits(lead, closes, thinks, end, system, True, ())
        keeps = self._tries_history(habits)
        notes.append(
            "Every answer of a conversation is trained."
            if keeps
            else "Of a conversation only the last answer is trained, because the template rewrites earlier ones."
        )
        return Habits(lead, closes, thinks, end, system, keeps, tuple(notes))

    def _end_of(self, after: str) -> tuple[str, str]:
        places = [(after.index(token) + len(token), token) for token in self._added if token and token in after]
        if places:
            first = min(places, key=lambda place: (place[0] - len(place[1]), -len(place[1])))
            return after[: first[0]], ""
        eos = self.special["eos_token"]
        return eos, f"It puts no end token after an answer, so {eos} is added."

    def _tries_system(self) -> tuple[bool, str]:
        messages = [Message("system", FOLLOW_UP), Message("user", QUESTION)]
        try:
            if FOLLOW_UP in self._render(messages, ask=True, merge=False):
                return True, ""
        except TemplateRefusal:
            pass  # what it says is told below
        return False, "It takes no system message; one is put before the first question."

    def _tries_history(self, habits: Habits) -> bool:
        self.habits = habits
        answered = [Message("user", QUESTION), Message("assistant", ANSWER)]
        try:
            return any(
                trained for _, trained in self._prompt_pieces([*answered, Message("user", FOLLOW_UP)], thinking=False)
            )
        except TemplateRefusal:
            return False


def _with_first(pieces: Sequence[Piece]) -> list[tuple[str, bool]]:
    return [(text, index == 0) for index, (text, _) in enumerate(pieces)]
