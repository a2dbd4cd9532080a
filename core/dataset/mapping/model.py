"""What was understood of an upload, and what could not be used of it.

It does not know: how it was found out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Kind = Literal[
    "prompt_response",
    "alpaca",
    "messages",
    "sharegpt",
    "multiple_choice",
    "squad",
    "dialogue_note",
    "text_with_chat_tokens",
]
CHOICE_ROLES = tuple(f"choice_{letter}" for letter in "abcdefghij")
# Which columns each kind needs, and which it can use besides. Multiple choice needs ``choices`` or ``choice_a`` and on.
KINDS: Mapping[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "prompt_response": (("prompt", "response"), ("context", "system", "topic")),
    "alpaca": (("response",), ("prompt", "input", "system", "topic")),
    "messages": (("messages",), ("system", "topic")),
    "sharegpt": (("messages",), ("system", "topic")),
    "multiple_choice": (("prompt", "answer"), ("choices", *CHOICE_ROLES, "explanation", "context", "system", "topic")),
    "squad": (("context", "prompt", "response"), ("system", "topic")),
    "dialogue_note": (("prompt", "response"), ("system", "topic")),
    "text_with_chat_tokens": (("text",), ("system", "topic")),
}
ROLES: Mapping[str, str] = {
    "prompt": "question or instruction",
    "response": "answer",
    "input": "input that belongs to the instruction",
    "context": "text the question is about",
    "system": "system prompt",
    "topic": "topic",
    "messages": "conversation",
    "text": "text with question and answer",
    "choices": "options",
    "answer": "right option",
    "explanation": "explanation",
    **{role: f"option {role[-1].upper()}" for role in CHOICE_ROLES},
}
_SENTENCES: Mapping[Kind, str] = {
    "prompt_response": "Each row is a question ({prompt}) with its answer ({response})",
    "alpaca": "Each row is a task ({prompt}{input}) with its answer ({response})",
    "messages": "Each row is a conversation ({messages}) whose last turn is the answer",
    "sharegpt": "Each row is a conversation in ShareGPT form ({messages}) whose last turn is the answer",
    "multiple_choice": "Each row is a multiple-choice question ({prompt}) with options ({choices}) and the right one ({answer})",
    "squad": "Each row is a question ({prompt}) about a text ({context}) with its answer ({response})",
    "dialogue_note": "Each row is a conversation of doctor and patient ({prompt}) with the note written from it ({response})",
    "text_with_chat_tokens": "Each row is one text ({text}) in which marks part the question from the answer",
}


@dataclass(frozen=True)
class ColumnMapping:
    """Which column plays which role.

    Args:
        kind: How a row is built.
        columns: Column name by role; see ``KINDS`` for the roles of each kind.
        confidence: How sure the detection is, 0 to 1; 1 for a mapping made by hand.
        reason: On what evidence, in plain words.
        notes: What else a person should know, as full sentences.
        first_index: Which number means the first option, where the right option is a number: 0 or 1.
    """

    kind: Kind
    columns: Mapping[str, str]
    confidence: float = 1.0
    reason: str = "It was chosen by hand."
    notes: tuple[str, ...] = ()
    first_index: int = field(default=0)

    def column(self, role: str) -> str:
        """Name of the column in a role; empty if none is."""
        return self.columns.get(role, "")

    @property
    def choice_columns(self) -> tuple[str, ...]:
        """The columns that hold one option each, in order."""
        return tuple(self.columns[role] for role in CHOICE_ROLES if self.columns.get(role))

    @property
    def answer_column(self) -> str:
        """The column whose emptiness makes a row useless."""
        return next(
            (self.columns[role] for role in ("response", "answer", "messages", "text") if role in self.columns), ""
        )

    def sentence(self) -> str:
        """Say in one sentence what was understood."""
        names = {role: f"“{name}”" for role, name in self.columns.items()}
        choices = self.choice_columns
        if choices:
            names["choices"] = f"“{choices[0]}” to “{choices[-1]}”"
        names["input"] = f" and “{self.columns['input']}”" if self.columns.get("input") and "prompt" in names else ""
        names.setdefault("prompt", f"“{self.column('input')}”")
        text = _SENTENCES[self.kind].format_map(_Missing(names))
        also = [
            f"{ROLES[role]} from {names[role]}" for role in ("explanation", "system", "topic") if self.columns.get(role)
        ]
        if self.columns.get("context") and self.kind != "squad":
            also.append(f"background from {names['context']}")
        return text + "".join(f", {part}" for part in also) + "."

    def changed(self, **values: Any) -> ColumnMapping:
        """Return a copy with these fields replaced."""
        return dataclasses.replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for report.json and the API."""
        return dataclasses.asdict(self) | {"columns": dict(self.columns), "notes": list(self.notes)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ColumnMapping:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: if the kind is unknown or a field is missing.
        """
        if body.get("kind") not in get_args(Kind):
            raise ValueError(f"there is no kind of mapping named {body.get('kind')!r}")
        names = {item.name for item in dataclasses.fields(cls)}
        values = {name: value for name, value in body.items() if name in names}
        return cls(**values | {"columns": dict(body["columns"]), "notes": tuple(body.get("notes", ()))})


class _Missing(dict[str, str]):
    """A sentence about a mapping that is not complete yet still reads as one."""

    def __missing__(self, role: str) -> str:
        return "no column yet"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that gave no record.

    Args:
        file: The file it stands in.
        position: Its 1-based number in that file.
        reason: Why, as a phrase that can be counted ("has no answer in the conversation").
    """

    file: str
    position: int
    reason: str
