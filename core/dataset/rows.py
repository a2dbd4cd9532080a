"""What cleaning does to rows one by one, so that several processes can do it: repair, judge, measure.

    scrub(Piece(records, options)) → Scrubbed

It does not know: other rows (duplicates and leaks are found afterwards), files, screens.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.dataset import checks, text
from core.dataset.duplicates import Signatures, signatures
from core.dataset.questions import type_of
from core.dataset.shingles import WORDS_IN_A_ROW, Sequences, key_of, sequences, words
from core.dataset.steps import MAX_EXAMPLES, CleanOptions, Example, excerpt, shortened
from core.records import Message, Record

# Answers of fewer words than this are compared together with their question: "Yes." is no duplicate of "Yes.".
FEWEST_WORDS_ALONE = 12
# Of question and answer each: 2,000 clean rows were all named rightly with 300, and more only costs time.
_LANGUAGE_CHARS = 200
_LANGUAGE_LEAST_CHARS = 20
# Small words that no other language written in plain Latin letters has. Three different ones settle it: most rows of most
# uploads, and ten times as fast as the language model.
_ENGLISH = frozenset(
    {"the", "and", "with", "which", "that", "are", "this", "from", "they", "have", "what", "should", "there"}
)
_ENGLISH_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows to scrub.

    Args:
        records: The rows as mapped.
        options: Which steps run, and how.
    """

    records: tuple[Record, ...]
    options: CleanOptions


@dataclass(slots=True)
class Tally:
    """What one step has done so far."""

    changed: int = 0
    removed: int = 0
    warned: int = 0
    examples: list[Example] = field(default_factory=list)
    seconds: float = 0.0
    note: str = ""

    def show(self, before: str, after: str, record_id: str, reason: str) -> None:
        """Keep an example, if there is room."""
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(Example(before, after, record_id, reason))

    def add(self, other: Tally) -> None:
        """Take over what another process counted."""
        self.changed += other.changed
        self.removed += other.removed
        self.warned += other.warned
        self.seconds += other.seconds
        self.examples += other.examples[: MAX_EXAMPLES - len(self.examples)]


@dataclass(frozen=True, slots=True)
class Left:
    """A row that cleaning took out.

    Args:
        line: The row as JSON.
        step: Which step took it out.
        reason: Why, in plain words.
    """

    line: bytes
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A row that a person should look at.

    Args:
        record_id: Which.
        step: Which step points at it.
        reason: Why, in plain words.
    """

    record_id: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """Rows that are clean one by one, and the numbers that later steps need.

    Args:
        lines: Each row that stays, as a line of JSON.
        left: The rows that do not.
        warned: What a person should look at among those that stay.
        tallies: What each step did.
        keys: Shape (rows, 3): keys of the whole row, of all before its answer, and of its topic (0: none).
        sizes: Shape (rows, 4): characters of the question, of the answer, words of both, and the sort of question.
        languages: ISO 639-1 code of each row; empty where it is too short to tell or the step is off.
        hashes: Word sequences of each whole row.
        compared_from: Where in ``hashes`` of its row that part begins which near duplicates are judged by.
        sketches: Shape (rows, 128): signatures of that part.
    """

    lines: list[bytes]
    left: list[Left]
    warned: list[Warned]
    tallies: dict[str, Tally]
    keys: npt.NDArray[np.uint64]
    sizes: npt.NDArray[np.int32]
    languages: list[str]
    hashes: Sequences
    compared_from: npt.NDArray[np.int64]
    sketches: Signatures


REPAIRS: dict[str, Callable[[str], str]] = {
    "html": text.strip_html,
    "encoding": text.repair_encoding,
    "blanks": text.tidy_blanks,
    "chat_marks": text.strip_chat_marks,
    "greetings": text.strip_greetings,
}


def scrub(piece: Piece) -> Scrubbed:
    """Repair and judge rows; the steps run one after the other over all rows of the piece."""
    rows, tallies = list(piece.records), dict[str, Tally]()
    judged = _Judged()
    for name, repair in REPAIRS.items():
        if name in piece.options.steps:
            tallies[name] = tally = Tally()
            began = time.process_time()
            rows = [_repaired(row, name, repair, tally) for row in rows]
            tally.seconds = time.process_time() - began
    for name, judge in _judges(piece.options).items():
        if name in piece.options.steps:
            tallies[name] = tally = Tally()
            began = time.process_time()
            rows = [row for row in rows if judged.stays(row, name, judge(row), tally)]
            tally.seconds = time.process_time() - began
    return _measured(rows, judged, tallies, piece.options)


def line_of(record: Record) -> bytes:
    """Write a record as one line of JSON; half a surrogate pair, which UTF-8 cannot hold, becomes a question mark."""
    return json.dumps(record.to_json(), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _repaired(row: Record, name: str, repair: Callable[[str], str], tally: Tally) -> Record:
    messages = [_message(message, name, repair) for message in row.messages]
    if all(new is old for new, old in zip(messages, row.messages, strict=True)):
        return row
    tally.changed += 1
    if len(tally.examples) < MAX_EXAMPLES:
        old, new = next(pair for pair in zip(row.messages, messages, strict=True) if pair[0] is not pair[1])
        tally.show(*excerpt(old.content, new.content), row.id, f"in the {_part(old)}")
    return Record(row.id, tuple(messages), row.topic)


def _message(message: Message, name: str, repair: Callable[[str], str]) -> Message:
    if name == "greetings" and message.role != "assistant":
        repair = text.strip_template_rest
    new = repair(message.content)
    return message if new == message.content else Message(message.role, new)


def _part(message: Message) -> str:
    return {"user": "question", "assistant": "answer", "system": "system message"}[message.role]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a judge says of a row: whether it leaves, why, and which text shows it."""

    leaves: bool
    reason: str
    shown: str


def _judges(options: CleanOptions) -> dict[str, Callable[[Record], _Verdict | None]]:
    return {
        "placeholders": _placeholder,
        "damage": _damage,
        "empty": _empty,
        "too_short": functools.partial(_too_short, options.min_answer_chars),
        "accents": _accent,
        "refusals": _refusal,
    }


@dataclass(slots=True)
class _Judged:
    """What judging all rows of a piece has brought so far."""

    left: list[Left] = field(default_factory=list)
    warned: list[Warned] = field(default_factory=list)

    def stays(self, row: Record, name: str, verdict: _Verdict | None, tally: Tally) -> bool:
        """Note a verdict and say whether the row stays."""
        if verdict is None:
            return True
        tally.show(shortened(verdict.shown), "", row.id, verdict.reason)
        if not verdict.leaves:
            tally.warned += 1
            self.warned.append(Warned(row.id, name, verdict.reason))
            return True
        tally.removed += 1
        self.left.append(Left(line_of(row), name, verdict.reason))
        return False


def _placeholder(row: Record) -> _Verdict | None:
    for part, said in (("question", row.prompt), ("answer", row.response)):
        if checks.is_placeholder(said):
            return _Verdict(True, f"the {part} is only a placeholder", said)
    for message in row.messages:
        if checks.has_gap(message.content):
            return _Verdict(False, f"the {_part(message)} has a gap that was never filled in", message.content)
    return None


def _damage(row: Record) -> _Verdict | None:
    for message in row.messages:
        place = checks.pasted_over(message.content)
        if place is not None:
            return _Verdict(
                True, f"in the {_part(message)} a product name replaced words", message.content[max(0, place - 80) :]
            )
    return None


def _empty(row: Record) -> _Verdict | None:
    if not any(map(str.isalnum, row.response)):
        return _Verdict(True, "the answer is empty", row.prompt)
    if not any(map(str.isalnum, row.prompt)):
        return _Verdict(True, "the question is empty", row.response)
    return None


def _too_short(min_chars: int, row: Record) -> _Verdict | None:
    if checks.is_too_short(row.response, min_chars):
        return _Verdict(True, f"the answer has {len(row.response)} characters", row.response)
    return None


def _accent(row: Record) -> _Verdict | None:
    for message in row.messages:
        place = checks.lost_accent(message.content)
        if place is not None:
            start = max(0, place - 60)
            return _Verdict(False, f"a letter is missing in the {_part(message)}", message.content[start:])
    return None


def _refusal(row: Record) -> _Verdict | None:
    return _Verdict(True, "the answer only refuses", row.response) if checks.is_refusal(row.response) else None


def _measured(rows: Sequence[Record], judged: _Judged, tallies: dict[str, Tally], options: CleanOptions) -> Scrubbed:
    began = time.process_time()
    before = [[word for message in row.context for word in words(message.content)] for row in rows]
    answers = [words(row.response) for row in rows]
    hashes = sequences([question + answer for question, answer in zip(before, answers, strict=True)])
    alone = np.array([len(answer) >= FEWEST_WORDS_ALONE for answer in answers], dtype=bool)
    own = np.array([len(answer) - WORDS_IN_A_ROW + 1 for answer in answers], dtype=np.int64)
    compared_from = np.where(alone, np.diff(hashes.starts) - own, 0)
    keys = [_keys(row) for row in rows]
    sizes = [
        (
            sum(len(message.content) for message in row.context),
            len(row.response),
            len(question) + len(answer),
            type_of(row.prompt),
        )
        for row, question, answer in zip(rows, before, answers, strict=True)
    ]
    compared = _slices(hashes, compared_from)
    sketches = signatures(compared)
    if "near_duplicates" in options.steps:
        tallies["near_duplicates"] = Tally(seconds=time.process_time() - began)
    return Scrubbed(
        lines=[line_of(row) for row in rows],
        left=judged.left,
        warned=judged.warned,
        tallies=tallies,
        keys=np.array(keys, dtype=np.uint64).reshape(-1, 3),
        sizes=np.array(sizes, dtype=np.int32).reshape(-1, 4),
        languages=_languages(rows, tallies) if "language" in options.steps else [""] * len(rows),
        hashes=hashes,
        compared_from=compared_from,
        sketches=sketches,
    )


def _keys(row: Record) -> tuple[int, int, int]:
    before = [message.content for message in row.context]
    return key_of(*before, row.response), key_of(*before), key_of(row.topic)


def _slices(hashes: Sequences, begin: npt.NDArray[np.int64]) -> Sequences:
    """Cut the first ``begin`` sequences off each text."""
    counts = np.diff(hashes.starts) - begin
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    at = np.repeat(hashes.starts[:-1] + begin - starts[:-1], counts) + np.arange(starts[-1])
    return Sequences(hashes.hashes[at], starts)


def _languages(rows: Sequence[Record], tallies: dict[str, Tally]) -> list[str]:
    """Name each row's language from question and answer together: questions alone are too short to tell."""
    began = time.process_time()
    languages = [language_of(f"{row.prompt[-_LANGUAGE_CHARS:]} {row.response[:_LANGUAGE_CHARS]}") for row in rows]
    tallies["language"] = Tally(seconds=time.process_time() - began)
    return languages


def language_of(said: str) -> str:
    """Give the ISO 639-1 code of a text; empty where it is too short to tell."""
    if said.isascii() and len(_ENGLISH.intersection(said.lower().split())) >= _ENGLISH_ENOUGH:
        return "en"
    # The model takes half a second to load, which only a process that names languages should pay.
    import py3langid  # noqa: PLC0415

    if len(said) < _LANGUAGE_LEAST_CHARS and said.isascii():
        return ""
    return str(py3langid.classify(said)[0])
