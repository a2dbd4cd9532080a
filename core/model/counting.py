"""How many tokens texts have, counted word by word where that is the same as counting each text whole.

    count = text_counter(tokenizer);  count(["What is gout?", …])  →  [4, …]

Most words come again, so that each is tokenised once: several times as fast. That is the same where the tokenizer parts
every text before a blank and never looks across one, which its own file tells. GPT-2, SmolLM, Llama 3 and Qwen do;
SentencePiece (Llama 2, Gemma, T5) may join or part words otherwise, and is asked for each text whole.
It does not know: templates, records, limits.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

TextCounter = Callable[[Sequence[str]], list[int]]
# In each of these a blank can only begin a match or stand among blanks: whatever comes before a blank that follows a
# letter, a digit or a mark is cut off there, and the expression goes on as at the start of a text. Llama 3 and Qwen 2 and 3.
_SAFE_EXPRESSIONS = frozenset(
    rf"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    for digits in (r"\p{N}{1,3}", r"\p{N}")
)
# Separators and invisible signs, some of which one tokenizer or another counts among the blanks.
_BLANK_CATEGORIES = ("Z", "C")
# Up to about 40 MB. Longer ones hardly come again: codes, addresses, and whole sentences of scripts without blanks.
_MOST_WORDS, _LONGEST_WORD = 200_000, 40
# So far below zero that no text has a sum above it when one of its words cannot be counted alone.
_NOT_ALONE = -(1 << 40)


def text_counter(tokenizer: Tokenizer) -> TextCounter:
    """Give what counts the tokens of texts, without special tokens around them, in the quickest way that is exact.

    Args:
        tokenizer: Without truncation and padding.
    """
    return WordCounter(tokenizer) if adds_up(tokenizer) else lambda texts: _whole(tokenizer, texts)


def adds_up(tokenizer: Tokenizer) -> bool:
    """Tell whether the tokens of a text are those of its words, each with the blank before it.

    A wrong yes would give wrong counts, so that everything unknown means no.
    """
    body = json.loads(tokenizer.to_str())
    # NFC never joins anything with a blank. Other ways to rewrite a text may.
    if body["normalizer"] not in (None, {"type": "NFC"}) or body["model"].get("dropout"):
        return False
    if any(_reaches_across(token) for token in body["added_tokens"]):
        return False
    outer = body["pre_tokenizer"] or {}
    steps = outer["pretokenizers"] if outer.get("type") == "Sequence" else [outer]
    return all(map(_is_local, steps)) and any(map(_cuts_at_blanks, steps))


def _reaches_across(token: Mapping[str, Any]) -> bool:
    """Whether a token of its own may begin before a blank and end behind it."""
    content = str(token["content"])
    return bool(token["rstrip"]) or (not content.isspace() and any(map(str.isspace, content)))


def _is_local(step: Mapping[str, Any]) -> bool:
    """Whether a step cuts the words of a text where it cuts the text."""
    return step.get("type") == "Digits" or _maps_bytes(step) or _cuts_at_blanks(step)


def _maps_bytes(step: Mapping[str, Any]) -> bool:
    return step.get("type") == "ByteLevel" and not step["add_prefix_space"]


def _cuts_at_blanks(step: Mapping[str, Any]) -> bool:
    if step.get("type") == "Split":
        is_safe = step["pattern"].get("Regex") in _SAFE_EXPRESSIONS
        return is_safe and step["behavior"] == "Isolated" and not step["invert"]
    return _maps_bytes(step) and bool(step.get("use_regex", True))  # GPT-2's own expression, inside the library


def _whole(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    return [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


class WordCounter:
    """Counts tokens by adding up those of words, which it remembers.

    Args:
        tokenizer: One that ``adds_up``.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._first, self._later = _Known(tokenizer, ""), _Known(tokenizer, " ")

    def __call__(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text."""
        if len(self._first) + len(self._later) > _MOST_WORDS:
            self._first.clear()
            self._later.clear()
        return [self._count(text) for text in texts]

    def _count(self, text: str) -> int:
        first, *later = text.split(" ")
        count = self._first[first] + sum(map(self._later.__getitem__, later))
        return count if count >= 0 else len(self._tokenizer.encode(text, add_special_tokens=False))


class _Known(dict[str, int]):
    """Tokens of each word with what stands before it; far below zero where the blank behind it may be no place to cut."""

    def __init__(self, tokenizer: Tokenizer, before: str) -> None:
        super().__init__()
        self._tokenizer, self._before = tokenizer, before

    def __missing__(self, word: str) -> int:
        count = _NOT_ALONE
        if word and unicodedata.category(word[-1])[0] not in _BLANK_CATEGORIES:
            count = len(self._tokenizer.encode(self._before + word, add_special_tokens=False))
        if len(word) <= _LONGEST_WORD:
            self[word] = count
        return count
