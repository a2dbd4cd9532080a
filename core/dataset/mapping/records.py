"""Rows to Records, by a mapping; a row that gives none says why.

    Upload × ColumnMapping  →  Record | Skipped, one for each row, in order

A Record with an empty question or answer is still given: removing those is a cleaning step, which counts and shows them.
It does not know: how the mapping was found, cleaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from core.dataset.ingest import Upload
from core.dataset.mapping.chat_text import Turn, has_marks, open_turns, split_turns
from core.dataset.mapping.choose import answers_by_key, row_options, squad_answer
from core.dataset.mapping.model import ColumnMapping, Skipped
from core.dataset.mapping.options import are_listed, lettered, resolve
from core.dataset.mapping.turns import (
    PICTURE,
    all_text,
    is_alternating,
    is_conversation,
    plain_text,
    turns_of,
    unpacked,
)
from core.records import Message, Record, Role

# What the model is asked to do with a transcript; without it the answer would not fit any question.
NOTE_REQUEST = "Write the clinical note for this conversation."

# How some write that a task has no input.
_NOTHING = re.compile(r"<?\s*no ?input\s*>?|n/?a|none|null|nan", re.IGNORECASE)
# The mark of a picture that belongs to the question.
_PICTURE = re.compile(rf"{PICTURE}|<image_?\d+>|<\|image(?:_pad|_\d+)?\|>|<ImageHere>|<img>", re.IGNORECASE)


class _Unusable(Exception):
    """A row that gives no record; the text is the reason."""


def to_records(upload: Upload, mapping: ColumnMapping) -> Iterator[Record | Skipped]:
    """Build one record for each row.

    Args:
        upload: What was read.
        mapping: Which column plays which role.

    Yields:
        A Record named ``r000001`` and on by its place among all rows of the upload, or a Skipped with the reason.

    Raises:
        UploadError: where a file turns out to be broken.
    """
    build = _BUILDERS[mapping.kind]
    if mapping.kind == "multiple_choice":
        build = partial(_multiple_choice, keys_first=answers_by_key(upload, mapping))
    needed = [name for role, name in mapping.columns.items() if role not in ("topic", "system", "input", "explanation")]
    for number, row in enumerate(upload.rows(), start=1):
        if row.problem:
            yield Skipped(row.file, row.position, row.problem)
            continue
        if not any(name in row.values for name in needed):
            yield Skipped(row.file, row.position, f"has none of the columns {', '.join(needed[:3])}")
            continue
        try:
            turns = build(row.values, mapping)
            if any(role == "user" and _PICTURE.search(content) for role, content in turns):
                raise _Unusable("asks about a picture, which a model of text does not see")
        except _Unusable as problem:
            yield Skipped(row.file, row.position, str(problem))
            continue
        yield _record(f"r{number:06d}", turns, row.values, mapping)


def _record(id: str, turns: list[Turn], values: Mapping[str, Any], mapping: ColumnMapping) -> Record:
    system = _text(values, mapping.column("system"))
    if system and turns[0][0] != "system":
        turns = [("system", system), *turns]
    topic = _text(values, mapping.column("topic"))
    return Record(id, tuple(Message(role, content) for role, content in turns), topic)


def _text(values: Mapping[str, Any], name: str) -> str:
    if not name:
        return ""
    value = values.get(name, "")
    return value.strip() if isinstance(value, str) else plain_text(value).strip()


def _prompt_response(values: Mapping[str, Any], mapping: ColumnMapping) -> list[Turn]:
    columns = mapping.columns
    response = _text(values, columns["response"])
    given = _text(values, columns.get("input", ""))
    asked = values.get(columns.get("prompt", ""), "")
    prompt = "\n\n".join(
        filter(None, (_text(values, columns.get("prompt", "")), "" if _NOTHING.fullmatch(given) else given))
    )
    if background := all_text(values.get(columns.get("context", ""), "")):
        prompt = f"{background}\n\n{prompt}"
    turns = turns_of(asked) if is_conversation(asked) else split_turns(prompt) if has_marks(prompt) else []
    turns = open_turns(prompt) or turns
    if turns and turns[-1][0] == "user":
        return _conversation([*turns, ("assistant", response)])
    return [("user", prompt), ("assistant", response)]


def _messages(values: Mapping[str, Any], mapping: ColumnMapping) -> list[Turn]:
    cell = values.get(mapping.columns["messages"], "")
    turns = turns_of(cell)
    if not turns and is_alternating(cell):
        roles: tuple[Role, Role] = ("user", "assistant")
        turns = [(roles[place % 2], text.strip()) for place, text in enumerate(unpacked(cell))]
    if not turns:
        raise _Unusable("has no conversation of user and assistant")
    return _conversation(turns)


def _marked_text(values: Mapping[str, Any], mapping: ColumnMapping) -> list[Turn]:
    turns = split_turns(plain_text(values.get(mapping.columns["text"], "")))
    if not turns:
        raise _Unusable("has no marks that part the question from the answer")
    return _conversation(turns)


def _conversation(turns: list[Turn]) -> list[Turn]:
    """Bring turns into a record's order: one system message first, then user and assistant, the assistant last."""
    system = [content for role, content in turns if role == "system"]
    spoken = _merged([turn for turn in turns if turn[0] != "system"])
    while spoken and spoken[0][0] == "assistant":
        spoken = spoken[1:]
    while spoken and spoken[-1][0] == "user":
        spoken = spoken[:-1]
    if not spoken:
        raise _Unusable("has no question followed by an answer")
    return [("system", "\n\n".join(system)), *spoken] if system else spoken


def _merged(turns: list[Turn]) -> list[Turn]:
    """Join neighbouring turns of one speaker, which taking out system messages can leave."""
    result: list[Turn] = []
    for role, content in turns:
        if result and result[-1][0] == role:
            result[-1] = (role, f"{result[-1][1]}\n\n{content}")
        else:
            result.append((role, content))
    return result


def _multiple_choice(values: Mapping[str, Any], mapping: ColumnMapping, keys_first: bool = True) -> list[Turn]:
    """Question and lettered options; the right option with its letter, then the explanation."""
    options = row_options(values, mapping.choice_columns, mapping.column("choices"))
    if len(options) < 2:
        raise _Unusable("has fewer than two options")
    place = resolve(values.get(mapping.columns["answer"], ""), options, mapping.first_index, keys_first=keys_first)
    if place is None or not options[place].strip():
        raise _Unusable("does not say which option is right")
    question = _text(values, mapping.columns["prompt"])
    if background := all_text(values.get(mapping.column("context"), "")):
        question = f"{background}\n\n{question}"
    answer = (
        lettered(options).split("\n")[place]
        if "\n" not in options[place]
        else f"{'ABCDEFGHIJ'[place]}. {options[place]}"
    )
    explanation = _text(values, mapping.column("explanation"))
    return [
        ("user", question if are_listed(question, options) else f"{question}\n{lettered(options)}"),
        ("assistant", f"{answer}\n\n{explanation}" if explanation else answer),
    ]


def _squad(values: Mapping[str, Any], mapping: ColumnMapping) -> list[Turn]:
    answer = squad_answer(values.get(mapping.columns["response"], ""))
    if not answer:
        raise _Unusable("has no answer in its text")
    context = all_text(values.get(mapping.columns["context"], ""))
    return [("user", f"{context}\n\n{_text(values, mapping.columns['prompt'])}"), ("assistant", answer)]


def _dialogue_note(values: Mapping[str, Any], mapping: ColumnMapping) -> list[Turn]:
    dialogue = _text(values, mapping.columns["prompt"])
    prompt = f"{NOTE_REQUEST}\n\n{dialogue}" if dialogue else ""
    return [("user", prompt), ("assistant", _text(values, mapping.columns["response"]))]


_BUILDERS: Mapping[str, Callable[[Mapping[str, Any], ColumnMapping], list[Turn]]] = {
    "prompt_response": _prompt_response,
    "alpaca": _prompt_response,
    "messages": _messages,
    "sharegpt": _messages,
    "multiple_choice": _multiple_choice,
    "squad": _squad,
    "dialogue_note": _dialogue_note,
    "text_with_chat_tokens": _marked_text,
}
