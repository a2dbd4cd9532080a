"""Cells that are not plain text: lists of turns, lists of alternatives, objects around a text.

    [{"from": "human", "value": …}, …] · [{"role": "user", "content": …}, …] · ["问：…", "答：…"]  →  turns

It does not know: columns, records.
"""

from __future__ import annotations

import ast
import json
from typing import Any

from core.dataset.mapping.chat_text import Turn, split_turns
from core.records import Role

_ROLES: dict[str, Role] = {
    **dict.fromkeys(("user", "human", "prompter", "patient", "question", "client", "instruction", "input"), "user"),
    **dict.fromkeys(("患者", "病人", "用户"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "bot", "ai", "model", "doctor", "answer", "chatgpt", "output", "bing"), "assistant"
    ),
    **dict.fromkeys(("chatbot", "physician", "nurse", "医生", "助手"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
}
_WHO = ("role", "from", "speaker", "author", "sender")
_WHAT = ("content", "value", "text", "message", "utterance", "parts")
_TEXT_KEYS = ("text", "content", "value", "answer", "answer_text", "body", "response", "parts")
# Stands where a message holds a picture.
PICTURE = "<image>"
_LITERAL_LIMIT = 200_000


def unpacked(value: Any) -> Any:
    """Open a text that is a written-out list or object, as CSV exports leave it; anything else stays."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not (2 < len(text) < _LITERAL_LIMIT and text[0] + text[-1] in ("[]", "{}")):
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        # Literals only: names and calls are errors, nothing is run.
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value


def is_conversation(value: Any) -> bool:
    """Whether a cell is a list of turns with a user and an assistant, or of a user alone."""
    opened = unpacked(value)
    return isinstance(opened, list) and len(opened) > 0 and any(role == "user" for role, _ in turns_of(opened))


def is_sharegpt(value: Any) -> bool:
    """Whether the turns are written as from and value."""
    opened = unpacked(value)
    return isinstance(opened, list) and bool(opened) and isinstance(opened[0], dict) and "from" in opened[0]


def is_alternating(value: Any) -> bool:
    """Whether a cell is a list of texts without labels that could be question and answer in turns."""
    opened = unpacked(value)
    texts = isinstance(opened, list) and len(opened) > 1 and all(isinstance(item, str) for item in opened)
    return texts and len(opened) % 2 == 0 and not split_turns("\n".join(opened))


def turns_of(value: Any) -> list[Turn]:
    """Give the turns of a cell; neighbouring turns of one speaker are joined. Empty if it holds none."""
    opened = unpacked(value)
    if not isinstance(opened, list):
        return split_turns(opened) if isinstance(opened, str) else []
    if opened and all(isinstance(item, str) for item in opened):
        return split_turns("\n".join(opened))
    result: list[Turn] = []
    for item in opened:
        turns = _turns(item)
        if not turns:
            return []
        for role, content in turns:
            if content and result and result[-1][0] == role:
                result[-1] = (role, f"{result[-1][1]}\n\n{content}")
            elif content:
                result.append((role, content))
    return result


def _turns(item: Any) -> list[Turn]:
    """Read one turn, or a pair such as {"human": …, "assistant": …}; empty if the speaker is unknown (a tool, for example)."""
    if isinstance(item, (list, tuple)) and len(item) == 2 and all(isinstance(part, str) for part in item):
        item = {"role": item[0], "content": item[1]}
    if not isinstance(item, dict):
        return []
    who = next((item[key] for key in _WHO if isinstance(item.get(key), str)), None)
    what = next((item[key] for key in _WHAT if item.get(key) is not None), None)
    role = _ROLES.get(who.strip().lower()) if who is not None else None
    if who is None:
        spoken = [(_ROLES.get(key.lower()), text) for key, text in item.items() if isinstance(text, str)]
        return [(role, text.strip()) for role, text in spoken if role is not None]
    return [] if role is None or what is None else [(role, plain_text(what).strip())]


def plain_text(value: Any) -> str:
    """Give a cell as text: of a list of alternatives the first, of an object its text.

    A list of content parts ({"type": "text", "text": …}) is joined.
    """
    for _ in range(6):
        if isinstance(value, str):
            return value
        if value is None or value != value:
            return ""
        if isinstance(value, dict):
            inner = next((value[key] for key in _TEXT_KEYS if key in value), None)
            if inner is None:
                return json.dumps(value, ensure_ascii=False, default=str)
            value = inner
        elif isinstance(value, (list, tuple)):
            if parts := [part for item in value if (part := _content_part(item))]:
                return "\n".join(parts)
            value = next((item for item in value if item not in (None, "", [], {})), "")
        else:
            return str(value)
    return ""


def _content_part(item: Any) -> str:
    """Give the text of one part of a message's content, or the mark of a picture; empty if it is no such part."""
    if not isinstance(item, dict):
        return ""
    kind = item.get("type")
    if isinstance(kind, str) and kind in ("image", "image_url", "input_image"):
        return PICTURE
    return str(item["text"]) if "text" in item and (kind in ("text", "input_text") or len(item) == 1) else ""


def all_text(value: Any) -> str:
    """Give every text of a cell, in order, parted by empty lines: for context that came in pieces."""
    pieces: list[str] = []
    _gather(unpacked(value), pieces, 6)
    return "\n\n".join(pieces)


def _gather(value: Any, pieces: list[str], depth: int) -> None:
    if isinstance(value, str):
        if value.strip():
            pieces.append(value.strip())
    elif isinstance(value, (list, tuple)) and depth:
        for item in value:
            _gather(item, pieces, depth - 1)
    elif isinstance(value, dict) and depth:
        inner = next((value[key] for key in ("contexts", *_TEXT_KEYS) if key in value), None)
        if inner is not None:
            _gather(inner, pieces, depth - 1)
    elif isinstance(value, (int, float)):
        pieces.append(str(value))
