"""Options of a multiple-choice question, and which of them is right.

    {"A": …, "B": …} · ["…", "…"] · {"text": […], "label": […]} · [{"aid": 1, "atext": …}] · "A. … B. …"  →  ("…", "…")
    resolve("B", options) · resolve(2, options, first_index=1) · resolve("the option's text", options)  →  1

It does not know: columns, records.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from core.dataset.mapping.turns import plain_text, unpacked

LETTERS = "ABCDEFGHIJ"
_KEY = re.compile(r"\(?([A-Ja-j])\)?|(?:op|option|choice|answer)[ _]?([A-Ja-j1-9])", re.IGNORECASE)
_INLINE = re.compile(r"(?:^|[\s;|])\(?([A-J])[.)、:：]\s*|^\s*([A-J])\s+", re.MULTILINE)
_ANSWER_LETTER = re.compile(r"\(?\s*([A-Ja-j])\s*\)?[.、:：)]?(?:\s.*)?", re.DOTALL)
# "Option 2", "Answer: (B)": the mark alone counts.
_MARKED = re.compile(
    r"(?:the )?(?:correct )?(?:option|choice|answer|ans|opt|op)[ _.:#-]*\(?([A-Ja-j]|\d{1,2})\)?\.?", re.IGNORECASE
)
_ITEM_TEXT = ("text", "atext", "option", "content", "value", "answer")


def options_of(value: Any) -> tuple[str, ...]:
    """Read the options in one cell; empty if it holds none."""
    value = unpacked(value)
    if isinstance(value, dict):
        return _from_object(value)
    if isinstance(value, list):
        return _from_list(value)
    if isinstance(value, str):
        return _from_text(value)
    return ()


def resolve(value: Any, options: Sequence[str], first_index: int = 0, *, keys_first: bool = True) -> int | None:
    """Find the right option's place.

    Args:
        value: A letter, a number, or the option's text, as the file gives it.
        options: The options' texts.
        first_index: The number that means the first option.
        keys_first: How to read "A" or "2" where an option's text is "A" or "2", too: as the key of an option, or as the
            text. Only the whole file can tell; see ``choose.answers_by_key``.

    Returns:
        0-based place, or None if the value names no option, or several.
    """
    key, text = by_key(value, options, first_index), by_text(value, options)
    first, second = (key, text) if keys_first else (text, key)
    return second if first is None else first


def by_key(value: Any, options: Sequence[str], first_index: int = 0) -> int | None:
    """Read a value as the letter or the number of an option, or as "B. its text"; None if it is neither."""
    cell, text = _answer_of(value)
    if isinstance(cell, (int, float)) or text.isdecimal():
        number = float(text) if text else math.nan
        place = int(number) - first_index if number.is_integer() else -1
        return place if 0 <= place < len(options) else None
    letter = _ANSWER_LETTER.fullmatch(text)
    if letter and (len(text) <= 3 or _names(text, letter.group(1), options)):
        place = LETTERS.index(letter.group(1).upper())
        return place if place < len(options) else None
    return None


def by_text(value: Any, options: Sequence[str]) -> int | None:
    """Read a value as the text of an option; None if none or several have it."""
    text = _answer_of(value)[1].casefold()
    same = [place for place, option in enumerate(options) if option.strip().casefold() == text]
    return same[0] if len(same) == 1 and text else None


def _answer_of(value: Any) -> tuple[Any, str]:
    """Give the cell without a list around it, and its text; a list of several answers, or yes and no, name no option."""
    value = unpacked(value)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else ""
    if isinstance(value, bool) or value is None:
        return "", ""
    return value, bare_mark(plain_text(value).strip())


def bare_mark(text: str) -> str:
    """Give the letter or number that "Option 2" names; any other text as it is."""
    marked = _MARKED.fullmatch(text)
    return marked.group(1) if marked else text


def lettered(options: Sequence[str]) -> str:
    """Write options the way exams and the usual benchmarks do: one a line, with its letter."""
    return "\n".join(f"{letter}. {option.strip()}" for letter, option in zip(LETTERS, options, strict=False))


def are_listed(text: str, options: Sequence[str]) -> bool:
    """Whether a question lists its options itself, each behind its letter."""
    marked = (
        rf"\(?\b{letter}[).:、．]\s*{re.escape(option.strip())}"
        for letter, option in zip(LETTERS, options, strict=False)
    )
    return all(re.search(pattern, text) for pattern in marked)


def _names(text: str, letter: str, options: Sequence[str]) -> bool:
    """Whether "B. its text" repeats the text of option B."""
    place = LETTERS.index(letter.upper())
    rest = re.sub(r"^\(?\s*[A-Ja-j]\s*\)?[.、:：)]?\s*", "", text)
    return place < len(options) and options[place].strip().casefold() == rest.strip().casefold()


def _from_object(value: dict[str, Any]) -> tuple[str, ...]:
    texts, labels = value.get("text"), value.get("label")
    if isinstance(texts, list) and isinstance(labels, list):
        return tuple(plain_text(text) for text in texts)
    if not 2 <= len(value) <= len(LETTERS):
        return ()
    if not all(isinstance(key, str) and (_KEY.fullmatch(key.strip()) or key.strip().isdecimal()) for key in value):
        return ()
    # A letter may stand for an option that this question does not have.
    items = sorted((key.strip().upper(), value[key]) for key in value)
    return tuple(text for _, item in items if (text := plain_text(item).strip()))


def _from_list(value: list[Any]) -> tuple[str, ...]:
    if not 2 <= len(value) <= len(LETTERS):
        return ()
    if all(isinstance(item, dict) for item in value):
        texts = [next((item[key] for key in _ITEM_TEXT if key in item), None) for item in value]
        known = all(any(key in item for key in ("aid", "label", "key", "id", "letter", "option")) for item in value)
        return tuple(plain_text(text) for text in texts) if known and None not in texts else ()
    if all(isinstance(item, (str, int, float)) for item in value):
        return tuple(re.sub(r"^\(?[A-J][.)、:：]\s*", "", str(item)) for item in value)
    return ()


def _from_text(value: str) -> tuple[str, ...]:
    """Part "A. … B. …"; the letters must come in order from A."""
    found = list(_INLINE.finditer(value))
    letters = "".join(match.group(1) or match.group(2) for match in found)
    if len(letters) < 2 or letters != LETTERS[: len(letters)] or value[: found[0].start()].strip():
        return ()
    ends = [match.start() for match in found[1:]] + [len(value)]
    return tuple(value[match.end() : end].strip(" ;|\n\t") for match, end in zip(found, ends, strict=True))
