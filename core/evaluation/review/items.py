"""What is rated, and how a review is set up.

    ReviewItem(question, reference, must_have, base, tuned)      ReviewOptions(axes, repeats, raters, …)

It does not know: who rates, the database, how the answers were made.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import ConfigError, InputError, Problem
from core.evaluation.review.form import AXES, DEFAULT_AXES
from core.records import ROLES, Message

MOST_ITEMS = 2_000
MOST_MUST_HAVE = 12
MOST_REPEATS = 0.5
MOST_NAME_LETTERS = 60


@dataclass(frozen=True, slots=True)
class Question:
    """An item that has no answers yet.

    Args:
        question: What the rater reads.
        reference: The reference answer, hidden until the item is rated; empty if there is none.
        must_have: Statements that a good answer makes, for the rater to tick.
        specialty: What it is about; empty if unknown.
        messages: The conversation the models are given; empty gives them the question alone.
    """

    question: str
    reference: str = ""
    must_have: tuple[str, ...] = ()
    specialty: str = ""
    messages: tuple[Message, ...] = ()

    @property
    def prompt(self) -> tuple[Message, ...]:
        """What the models are given."""
        return self.messages or (Message("user", self.question),)

    def answered(self, base: str, tuned: str) -> ReviewItem:
        """Join the answers to the question."""
        return ReviewItem(self.question, base, tuned, self.reference, self.must_have, self.specialty)

    def to_json(self) -> dict[str, Any]:
        """The form on disk."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Question:
        """Read what a client sent, or the form on disk.

        Raises:
            InputError: if there is no question as text, or must_have or messages is no list of what it should hold.
        """
        try:
            turns = tuple(_turn(turn) for turn in _sequence(body.get("messages") or ()))
            statements = tuple(str(statement) for statement in _sequence(body.get("must_have") or ()))
            question = _text(body["question"])
            if turns and turns[-1].role != "user":
                raise TypeError("nothing is asked")
        except (TypeError, KeyError) as error:
            raise InputError(
                "A question of a review cannot be read.",
                'Pass for example {"question": "…", "must_have": ["…"], "messages": [{"role": "user", "content": "…"}]}.',
            ) from error
        return cls(question, str(body.get("reference") or ""), statements, str(body.get("specialty") or ""), turns)


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A question with both answers.

    Args:
        question: What the rater reads.
        base: The base model's answer; may be empty, for models do answer so.
        tuned: The tuned model's answer.
        reference: The reference answer, hidden until the item is rated; empty if there is none.
        must_have: Statements that a good answer makes.
        specialty: What it is about; empty if unknown.
    """

    question: str
    base: str
    tuned: str
    reference: str = ""
    must_have: tuple[str, ...] = ()
    specialty: str = ""

    def to_json(self) -> dict[str, Any]:
        """The form in the database and in exports."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ReviewItem:
        """Read what a client sent, or the database holds.

        Raises:
            InputError: if the question or an answer is not there as text.
        """
        texts = [body.get(name) if isinstance(body, Mapping) else None for name in ("question", "base", "tuned")]
        if not all(isinstance(text, str) for text in texts):
            raise InputError(
                "An item of a review needs question, base and tuned as text.",
                'Pass for example {"question": "…", "base": "…", "tuned": "…", "reference": "…", "must_have": ["…"]}.',
            )
        question = Question.from_json(body)
        return question.answered(str(body["base"]), str(body["tuned"]))


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """How a review is set up.

    Args:
        axes: Keys of ``AXES`` that each answer is judged by, besides harm and preference; in this order.
        repeats: Share of the items that each rater meets twice, to measure self-agreement; 0 to 0.5.
        specialties: Who should rate: shown to the raters, who say which is theirs. Empty: not asked.
        raters: Who may rate, by name; empty lets anybody join who gives a name.
        seed: Decides order, sides and repeats; None draws one at random. It is a secret until the review closes.
        answers: How the answers were made: models, sampling settings, hashes. Stated in every export.
        owner: The account that made the review, and alone may close it; empty where there is no login.
    """

    axes: tuple[str, ...] = DEFAULT_AXES
    repeats: float = 0.1
    specialties: tuple[str, ...] = ()
    raters: tuple[str, ...] = ()
    seed: int | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    owner: str = ""

    def problems(self) -> list[Problem]:
        """Everything wrong, at once."""
        found = [
            Problem("axes", f"There is no axis {axis!r}; there are {', '.join(AXES)}.")
            for axis in self.axes
            if axis not in AXES
        ]
        if len(set(self.axes)) < len(self.axes):
            found.append(Problem("axes", "An axis is named twice."))
        if not 0 <= self.repeats <= MOST_REPEATS:
            found.append(Problem("repeats", f"The share of repeats must lie between 0 and {MOST_REPEATS}."))
        if any(not name.strip() for name in self.raters) or len(set(self.raters)) < len(self.raters):
            found.append(Problem("raters", "Each rater needs a name of their own."))
        if any(len(name) > MOST_NAME_LETTERS for name in self.raters):
            found.append(Problem("raters", f"A rater's name may have at most {MOST_NAME_LETTERS} letters."))
        return found

    def to_json(self) -> dict[str, Any]:
        """The form in the database."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ReviewOptions:
        """Read what a client sent, or the database holds; what is left out takes its default.

        Raises:
            ConfigError: if a name is unknown or a value of the wrong kind.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        strange = [str(name) for name in body if name not in known]
        if strange:
            raise ConfigError([Problem(name, f"A review has no option {name!r}.") for name in strange])
        values = dict(body)
        try:
            for name in ("axes", "specialties", "raters"):
                if name in values:
                    values[name] = tuple(str(each).strip() for each in _sequence(values[name]))
            if "repeats" in values:
                values["repeats"] = float(values["repeats"])
            if values.get("seed") is not None:
                values["seed"] = int(values["seed"])
            values["answers"] = dict(values.get("answers") or {})
        except (TypeError, ValueError) as error:
            raise ConfigError([Problem("options", "An option of the review has a value of the wrong kind.")]) from error
        return cls(**values)


def check(items: Sequence[ReviewItem], options: ReviewOptions) -> None:
    """Refuse what cannot become a review, with every reason at once.

    Raises:
        ConfigError: if there are no items or too many, a question is empty, or the options cannot work.
    """
    found = options.problems()
    if not items:
        found.append(Problem("items", "A review needs at least one item."))
    if len(items) > MOST_ITEMS:
        found.append(Problem("items", f"A review holds at most {MOST_ITEMS:,} items; these are {len(items):,}."))
    empty = [number for number, item in enumerate(items, 1) if not item.question.strip()]
    if empty:
        found.append(Problem("items", f"Item {empty[0]} has no question."))
    long = [number for number, item in enumerate(items, 1) if len(item.must_have) > MOST_MUST_HAVE]
    if long:
        found.append(Problem("items", f"Item {long[0]} has more than {MOST_MUST_HAVE} must-have statements."))
    if found:
        raise ConfigError(found)


def content_hash(items: Sequence[ReviewItem]) -> str:
    """SHA-256 of the items as they are rated: questions, references, statements and both answers."""
    body = json.dumps([item.to_json() for item in items], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode("utf-8")).hexdigest()


def _turn(body: Any) -> Message:
    role, content = body["role"], body["content"]
    if role not in ROLES:
        raise TypeError("such a role is unknown")
    return Message(role, _text(content))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is needed")
    return value


def _sequence(value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError("a list is needed")
    return value
