"""A text as numbers that can be compared: a key of what it says, and the hashes of its word sequences.

    key_of("What is gout?") == key_of("  WHAT IS GOUT ") != key_of("What is gout+")
    sequences([words(text), …]).set_of(0) → the sorted 64-bit hashes of its five-word sequences

A shingle is five words in a row (Broder 1997); a text with fewer words has one, of all its words. Chinese, Japanese,
Korean and Thai signs count as words, because these scripts put no blanks between them.
It does not know: records, files, what is done with the numbers.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
WORDS_IN_A_ROW = 5
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
# Plain English needs no pattern: every sign that no word holds becomes a blank, which is twice as fast.
_APART = "".join(chr(code) if re.match(r"\w", chr(code)) else " " for code in range(128))
_MARKS = str.maketrans(dict.fromkeys(".,;:!?'\"()[]{}…·、。「」『』‘’“”¿¡", " "))
_MAX_CACHED_WORDS = 400_000
# Odd multipliers (fractional digits of pi) that give each place in the sequence its own weight.
_PLACES = np.array(
    [0x243F6A8885A308D3, 0x13198A2E03707345, 0xA4093822299F31D1, 0x082EFA98EC4E6C89, 0x452821E638D01377],
    dtype=np.uint64,
)


def words(text: str) -> list[str]:
    """Split a text into lower-case words; marks and blanks do not count."""
    if text.isascii():
        return text.casefold().translate(_APART).split()
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def key_of(*parts: str) -> int:
    """Give a 64-bit number that is the same for texts that differ only in case, blanks and punctuation marks.

    Signs with a meaning (+, -, <, %) count: A+ is not A-. Where one part ends and the next begins counts too. A text
    that says nothing has the key 0. Two different texts share a key with a chance of n² / 2⁶⁵ among n texts: 3 in 100
    million for a million.
    """
    said = "\n".join(_plain(part) for part in parts)
    return _number(said) if said.strip() else 0


def _plain(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().translate(_MARKS).split())


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class Sequences:
    """The hashes of the word sequences of several texts, end to end, in the order of the text and with repeats.

    Args:
        hashes: 64-bit hashes.
        starts: Where each text begins, and the length at the end: one more than there are texts.
    """

    hashes: Hashes
    starts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def set_of(self, index: int) -> Hashes:
        """Give one text's shingles, sorted and without repeats."""
        return np.unique(self.hashes[self.starts[index] : self.starts[index + 1]])


class _WordNumbers(dict[str, int]):
    """The 64-bit number of each word, the same in every process; words come again, so they are remembered."""

    def __missing__(self, word: str) -> int:
        number = self[word] = _number(word)
        return number


_KNOWN = _WordNumbers()


def _word_numbers(texts: Sequence[Sequence[str]], count: int) -> Hashes:
    if len(_KNOWN) > _MAX_CACHED_WORDS:
        _KNOWN.clear()
    numbers = map(_KNOWN.__getitem__, itertools.chain.from_iterable(texts))
    return np.fromiter(numbers, dtype=np.uint64, count=count)


def sequences(texts: Sequence[Sequence[str]]) -> Sequences:
    """Hash each five words in a row of several texts at once.

    Args:
        texts: Each text as its words.
    """
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    begins = np.concatenate(([0], np.cumsum(lengths)))
    flat = _word_numbers(texts, int(begins[-1]))
    counts = np.maximum(lengths - WORDS_IN_A_ROW + 1, (lengths > 0).astype(np.int64))
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    at = np.repeat(begins[:-1] - starts[:-1], counts) + np.arange(starts[-1])
    values = mixed(_weighed(flat))[at] if len(flat) else flat
    for index in np.flatnonzero((lengths > 0) & (lengths < WORDS_IN_A_ROW)):
        values[starts[index]] = mixed(_weighed(flat[begins[index] : begins[index + 1]]) + np.uint64(lengths[index]))[0]
    return Sequences(values, starts)


def _weighed(flat: Hashes) -> Hashes:
    """Weigh and add each five numbers in a row; near the end there are fewer, as if zeros followed."""
    padded = np.concatenate((flat, np.zeros(WORDS_IN_A_ROW, dtype=np.uint64)))
    total = np.zeros(len(flat), dtype=np.uint64)
    for place, weight in enumerate(_PLACES):
        total += padded[place : place + len(flat)] * weight
    return total


def mixed(values: Hashes) -> Hashes:
    """Spread every bit over the whole number (the finaliser of splitmix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def jaccard(left: Hashes, right: Hashes) -> float:
    """Share of all shingles of two texts that both hold, 0 to 1; two empty sets share nothing."""
    both = shared(left, right)
    every = len(left) + len(right) - both
    return both / every if every else 0.0


def shared(left: Hashes, right: Hashes) -> int:
    """Count the shingles that both texts hold; both arrays sorted and without repeats."""
    if len(left) > len(right):
        left, right = right, left
    if not len(right):
        return 0
    at = np.searchsorted(right, left)
    at[at == len(right)] = len(right) - 1
    return int(np.count_nonzero(right[at] == left))
