"""The one data unit: a Record is a conversation whose last message is the answer to learn.

    {"prompt": …, "response": …}  ⇄  Record  ⇄  {"messages": [{"role": …, "content": …}, …]}

It does not know: files, cleaning, templates, tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Args:
        role: Who speaks: ``system``, ``user`` or ``assistant``.
        content: What is said, as plain text.
    """

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Record:
    """A conversation that ends with the assistant's answer.

    Args:
        id: Names the record within its data set and never changes (for example ``r000017``).
        messages: An optional system message, then user and assistant in turns; the last is the assistant's.
        topic: What the record is about, where the source says so; used to split train from eval. Empty if unknown.
    """

    id: str
    messages: tuple[Message, ...]
    topic: str = ""

    @classmethod
    def of(cls, id: str, prompt: str, response: str, system: str = "", topic: str = "") -> Record:
        """Build the common record of one question and one answer."""
        start = (Message("system", system),) if system else ()
        return cls(id, (*start, Message("user", prompt), Message("assistant", response)), topic)

    @property
    def prompt(self) -> str:
        """The last thing the user asks."""
        return next((message.content for message in reversed(self.messages) if message.role == "user"), "")

    @property
    def response(self) -> str:
        """The answer: the last message."""
        return self.messages[-1].content

    @property
    def context(self) -> tuple[Message, ...]:
        """Everything before the answer."""
        return self.messages[:-1]

    def text(self) -> str:
        """All messages, one after the other, parted by an empty line."""
        return "\n\n".join(message.content for message in self.messages)

    def to_json(self) -> dict[str, Any]:
        """The form on disk: prompt and response where that says everything, messages otherwise."""
        body: dict[str, Any] = {"id": self.id}
        if [message.role for message in self.messages] == ["user", "assistant"]:
            body |= {"prompt": self.messages[0].content, "response": self.messages[1].content}
        else:
            body["messages"] = [{"role": message.role, "content": message.content} for message in self.messages]
        return body | ({"topic": self.topic} if self.topic else {})

    @classmethod
    def from_json(cls, body: Mapping[str, Any], id: str = "") -> Record:
        """Read the form on disk. ``id`` names a record that carries none.

        Raises:
            ValueError: if the mapping holds neither prompt and response nor well-formed messages.
        """
        name, topic = str(body.get("id") or id), str(body.get("topic") or "")
        if "messages" in body:
            messages = tuple(_messages(body["messages"]))
            if not messages or messages[-1].role != "assistant":
                raise ValueError("a record must end with an assistant message")
            return cls(name, messages, topic)
        if not isinstance(body.get("prompt"), str) or not isinstance(body.get("response"), str):
            raise ValueError("a record needs prompt and response as text, or messages")
        return cls.of(name, body["prompt"], body["response"], topic=topic)


def _messages(turns: Any) -> Iterator[Message]:
    if not isinstance(turns, list):
        raise ValueError("messages must be a list")
    for turn in turns:
        if not isinstance(turn, Mapping) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise ValueError("each message needs a role (system, user, assistant) and content as text")
        yield Message(turn["role"], turn["content"])
