"""What a column holds: shares and lengths over the sample, the half of the evidence that names do not give.

    Upload.sample  →  {column: Evidence}

It does not know: roles, which column wins.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.dataset.ingest import Upload
from core.dataset.mapping.chat_text import has_turns, looks_like_dialogue
from core.dataset.mapping.options import options_of
from core.dataset.mapping.turns import is_conversation, plain_text, unpacked

_ASKS = re.compile(
    r"[?？؟]|^\W*(?:what|how|why|when|where|who|which|is|are|can|could|do|does|did|should|will|would|has|have|am|may|"
    r"describe|explain|define|list|name|tell me|was|wie|was|warum|welche|comment|pourquoi|quel|qué|cómo|cuál|por qué)\b(?:\s+\S+){3}"
    r"|吗|呢|怎么办|怎么回事|怎么治|是什么|什么意思|为什么|有哪些|如何|怎样|多少|哪些|か。?$",
    re.IGNORECASE,
)
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\u3040-\u30ff]")
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)*|true|false", re.IGNORECASE)
_OPPOSITES = ({"0", "1"}, {"0.0", "1.0"}, {"true", "false"}, {"yes", "no"}, {"-1", "1"})
_URL = re.compile(r"(?:https?://|www\.)\S+$")
_LETTER = re.compile(r"\(?[A-Ja-j]\)?\.?")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One column over the sample; every share is 0 to 1 of the filled cells.

    Args:
        name: The column.
        rows: Rows looked at.
        filled: Share of rows that hold something.
        weight: Median length in characters; East Asian characters count two and a half times.
        asks: Share that asks something (question mark, question word).
        distinct: Share of different values.
        both: Whether the cells are yes and no, true and false, or 1 and 0, and both occur.
        numbers: Share that is a number, true or false only.
        urls: Share that is an address only.
        letters: Share that is a single letter A to J.
        words: Median number of words.
        lists: Share that is a list or an object.
        objects: Share that is an object, or a list of objects, in which no text stands out.
        conversations: Share that is a list of turns.
        dialogues: Share that is text with several speakers' labels.
        chats: Share that is text with chat marks for question and answer.
        options: Share that is a set of options.
        keyed_options: Share whose options carry their letters, which lists of statements do not.
    """

    name: str
    rows: int
    filled: float
    weight: float = 0.0
    asks: float = 0.0
    distinct: float = 0.0
    both: bool = False
    numbers: float = 0.0
    urls: float = 0.0
    letters: float = 0.0
    words: float = 0.0
    lists: float = 0.0
    objects: float = 0.0
    conversations: float = 0.0
    dialogues: float = 0.0
    chats: float = 0.0
    options: float = 0.0
    keyed_options: float = 0.0

    @property
    def is_text(self) -> bool:
        """Whether the cells are words that somebody could read."""
        return self.numbers < 0.5 and self.urls < 0.5 and self.objects < 0.5 and self.weight >= 2

    @property
    def is_long(self) -> bool:
        """Whether the cells are sentences rather than terms."""
        return self.is_text and self.weight >= 25 and self.words >= 3 or self.weight >= 60


def gather(upload: Upload) -> dict[str, Evidence]:
    """Look at every column of the sample."""
    rows = [row.values for row in upload.sample if not row.problem]
    return {name: _evidence(name, [row.get(name, "") for row in rows]) for name in upload.columns}


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: no text, no items."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {}, ())


def asks_something(text: str) -> bool:
    """Whether a text holds a question mark, begins with a question word, or asks as Chinese and Japanese do."""
    return _ASKS.search(text) is not None


def weight(text: str) -> float:
    """Length in characters, where an East Asian character counts two and a half times."""
    return len(text) if text.isascii() else len(text) + 1.5 * len(_WIDE.findall(text))


def _evidence(name: str, values: Sequence[Any]) -> Evidence:
    filled = [value for value in values if not is_empty(value)]
    if not filled:
        return Evidence(name, len(values), 0.0)
    texts = [plain_text(value).strip() for value in filled]
    return Evidence(
        name=name,
        rows=len(values),
        filled=len(filled) / len(values),
        weight=statistics.median(map(weight, texts)),
        asks=_share(map(asks_something, texts)),
        distinct=len(set(texts)) / len(texts),
        both={text.casefold() for text in texts} in _OPPOSITES,
        numbers=_share(_NUMBER.fullmatch(text) is not None for text in texts),
        urls=_share(_URL.match(text) is not None for text in texts),
        letters=_share(_LETTER.fullmatch(text) is not None for text in texts),
        words=statistics.median(len(text.split()) + len(_WIDE.findall(text)) / 2 for text in texts),
        lists=_share(isinstance(value, (list, dict)) for value in filled),
        objects=_share(
            isinstance(value, (list, dict)) and text.startswith("{") for value, text in zip(filled, texts, strict=True)
        ),
        conversations=_share(is_conversation(value) for value in filled),
        dialogues=_share(looks_like_dialogue(text) for text in texts),
        chats=_share(has_turns(text) for text in texts),
        options=_share(len(options_of(value)) > 1 for value in filled),
        keyed_options=_share(len(options_of(value)) > 1 and not isinstance(unpacked(value), list) for value in filled),
    )


def _share(hits: Iterable[bool]) -> float:
    found = list(hits)
    return sum(found) / len(found)
