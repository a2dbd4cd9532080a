"""What is said between the app and the chat's process: a request, and the pieces of the answers.

It does not know: models, processes, screens.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.errors import ConfigError, Problem
from core.records import Message

Pane = Literal["base", "tuned"]
Which = Literal["base", "tuned", "both"]
Finish = Literal["", "stop", "length", "stopped"]
Turns = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """How to answer.

    Args:
        temperature: 0 takes the likeliest token each time (greedy); above, up to 2, answers vary.
        top_p: Sample among the likeliest tokens that together have this probability, above 0 up to 1.
        max_new_tokens: Longest answer in tokens, 1 to 8192.
        seed: The same seed gives the same answer to the same request; 0 to 2**31 - 1.
        system: Said before the conversation, if it does not begin with a system message itself.
        thinking: Let a thinking model think aloud first, instead of closing its thinking block.
    """

    temperature: float = 0.7
    top_p: float = 0.9
    max_new_tokens: int = 256
    seed: int = 42
    system: str = ""
    thinking: bool = False

    def problems(self) -> tuple[Problem, ...]:
        """Everything out of range, at once."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[Problem]:
        ranges = (("temperature", 0, 2), ("top_p", 0, 1), ("max_new_tokens", 1, 8192), ("seed", 0, 2**31 - 1))
        for name, low, high in ranges:
            value = getattr(self, name)
            kinds = int if name in ("max_new_tokens", "seed") else (int, float)
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                yield Problem(name, f"{name} must be a number between {low} and {high}; it is {value!r}.")
        for name, kind, words in (("system", str, "text"), ("thinking", bool, "true or false")):
            if not isinstance(getattr(self, name), kind):
                yield Problem(name, f"{name} must be {words}.")
        if self.top_p == 0:
            yield Problem("top_p", "top_p must be above 0; for the likeliest answer set temperature to 0.")


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to one model or to both.

    Args:
        which: Who answers.
        base: The base pane's conversation; the last message is the user's. Not read if only the tuned model answers.
        tuned: The tuned pane's conversation likewise; the two differ once the models have answered differently.
        options: How to answer.
    """

    which: Which
    base: Turns = ()
    tuned: Turns = ()
    options: ChatOptions = ChatOptions()

    @property
    def panes(self) -> tuple[Pane, ...]:
        """Who answers, in order."""
        return ("base", "tuned") if self.which == "both" else (self.which,)

    def turns(self, pane: Pane) -> Turns:
        """The conversation of a pane, with the system message in front."""
        turns = self.base if pane == "base" else self.tuned
        if self.options.system.strip() and not (turns and turns[0].role == "system"):
            return (Message("system", self.options.system.strip()), *turns)
        return turns

    def check(self) -> None:
        """Refuse what cannot be answered.

        Raises:
            ConfigError: with every problem at once.
        """
        problems = list(self.options.problems())
        said: Mapping[Pane, Turns] = {"base": self.base, "tuned": self.tuned}
        if self.which not in ("base", "tuned", "both"):
            problems.append(Problem("which", f"which must be base, tuned or both; it is {self.which!r}."))
        elif any(
            not turns or turns[-1].role != "user" or not turns[-1].content.strip()
            for turns in (said[pane] for pane in self.panes)
        ):
            problems.append(Problem("message", "There is no question to answer."))
        if problems:
            raise ConfigError(problems)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ChatRequest:
        """Read to_json back."""
        return cls(body["which"], _turns(body["base"]), _turns(body["tuned"]), ChatOptions(**body["options"]))


@dataclass(frozen=True, slots=True)
class ChatPiece:
    """Some more text of one answer; or, with a phase, word of what the wait is for.

    Args:
        which: Whose answer.
        text: What is new since the last piece; may be empty.
        done: Whether this answer has ended; each pane's last piece says so.
        tokens: Tokens of this answer so far.
        tokens_per_s: Speed of this answer since its first token, tokens per second.
        first_token_s: Seconds from the request to this answer's first token.
        finish: Why it ended: ``stop`` (the model ended it), ``length`` (the limit), ``stopped`` (the person).
        phase: What is going on before the first token (loading …); empty once text comes.
        share: How far that is, 0 to 1; 0 if unknown.
        memory_gib: With a phase: memory that the chat's process holds meanwhile; 0 if unknown.
    """

    which: Pane
    text: str = ""
    done: bool = False
    tokens: int = 0
    tokens_per_s: float = 0.0
    first_token_s: float = 0.0
    finish: Finish = ""
    phase: str = ""
    share: float = 0.0
    memory_gib: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class ChatTarget:
    """What to talk to.

    Args:
        model: The base: a Hub id or a folder.
        adapter: The adapter's folder; empty to talk to the base alone.
        quantisation: How the base's weights are kept: as the run kept them, so that the adapter meets what it knows.
    """

    model: str
    adapter: str = ""
    quantisation: Literal["none", "nf4", "int8"] = "none"


@dataclass(frozen=True, slots=True)
class ChatStatus:
    """How the chat's process is.

    Args:
        state: ``off`` (no process), ``loading``, ``ready`` (to answer; or, with no device, to load) or ``answering``.
        phase: What it does now, in words.
        share: How far that is, 0 to 1; 0 if unknown.
        waiting: How many questions wait for their turn.
        device: What it computes on, and in which number format; empty until loaded.
        memory_gib: Memory that it holds: the GPU's if it uses one, else its own; 0 if off.
        adapter: The adapter it holds; empty for none.
        reason: Why it is loaded as it is.
    """

    state: Literal["off", "loading", "ready", "answering"] = "off"
    phase: str = ""
    share: float = 0.0
    waiting: int = 0
    device: str = ""
    memory_gib: float = 0.0
    adapter: str = ""
    reason: str = ""


def _turns(turns: Sequence[Mapping[str, Any]]) -> Turns:
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)
