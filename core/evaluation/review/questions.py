"""Questions for a review: a run's held-out rows, a multiple-choice file, or one's own text.

It does not know: answers, models, raters.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.errors import InputError
from core.evaluation.review.items import MOST_ITEMS, Question
from core.records import Record

LETTERS = "ABCDEFGHIJ"
SPEAKERS = {"system": "System", "user": "Patient", "assistant": "Answer"}
REFERENCE_MARK = "reference:"


def from_record(record: Record) -> Question:
    """Ask what a held-out record asks; its answer becomes the reference."""
    asked = [message for message in record.context if message.role != "system"]
    text = record.prompt
    if len(asked) > 1:
        text = "\n\n".join(f"{SPEAKERS[message.role]}: {message.content}" for message in asked)
    return Question(text, record.response, specialty=record.topic, messages=record.context)


def pick(questions: Iterable[Question], count: int, topics: Sequence[str] = (), seed: int = 0) -> list[Question]:
    """Draw questions at random.

    Args:
        questions: To draw from.
        count: How many, 1 to MOST_ITEMS; fewer where there are not as many.
        topics: Only these; empty takes all.
        seed: Decides the draw.

    Raises:
        InputError: if nothing is left to draw from.
    """
    fitting = [question for question in questions if not topics or question.specialty in topics]
    if not fitting:
        raise InputError("There are no questions to review.", "Choose other topics, or another source.")
    drawn = min(max(1, count), MOST_ITEMS, len(fitting))
    return random.Random(seed).sample(fitting, drawn)  # noqa: S311 (a draw of questions, nothing secret)


def from_multiple_choice(path: Path) -> list[Question]:
    """Read a file of multiple-choice questions (JSON Lines: question, choices, answer, explanation, topic).

    Raises:
        InputError: if it is missing or holds something else.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return [_choice_question(row) for row in rows]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"{path.name} is missing, or holds no multiple-choice questions.", "Use another file."
        ) from error


def _choice_question(row: dict[str, object]) -> Question:
    choices, right = row["choices"], row["answer"]
    if not isinstance(choices, list) or not isinstance(right, int):
        raise TypeError("choices must be a list and answer a number")
    options = "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
    reference = f"{LETTERS[right]}. {choices[right]}\n{row.get('explanation') or ''}".strip()
    return Question(f"{row['question']}\n{options}", reference, specialty=str(row.get("topic") or ""))


def from_text(text: str) -> list[Question]:
    r"""Read one's own questions: parted by empty lines, each with what belongs to it.

        A 34-year-old coughs up a little blood. What should be done?
        - needs prompt assessment
        - chest imaging
        Reference: Coughing up blood should be assessed promptly …

    Raises:
        InputError: if there is no question, or a part has statements but no question.
    """
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n") if block.strip()]
    questions = [_block(lines, number) for number, lines in enumerate(blocks, 1)]
    if not questions:
        raise InputError("There is no question yet.", "Type one question, or several with an empty line between them.")
    return questions


def _block(lines: Sequence[str], number: int) -> Question:
    asked: list[str] = []
    statements: list[str] = []
    reference: list[str] = []
    for line in (line.strip() for line in lines if line.strip()):
        if reference or line.lower().startswith(REFERENCE_MARK):
            reference.append(line if reference else line[len(REFERENCE_MARK) :].strip())
        elif line.startswith(("- ", "• ", "* ")):
            statements.append(line[2:].strip())
        else:
            asked.append(line)
    if not asked:
        raise InputError(f"Part {number} has no question.", "Begin each part with its question.")
    return Question("\n".join(asked), "\n".join(reference), tuple(statements))
