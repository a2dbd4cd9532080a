"""What can be counted about an answer without knowing whether it is right: likeness to the reference, form, refusals.

    score("Iron tablets.", "Take iron tablets.", truncated=False)  →  {"rouge_l": 0.8, "f1": 0.8, …}

Likeness is not correctness: "give" and "never give" are alike. It does not know: models, files, statistics.
"""

from __future__ import annotations

import functools
import re
import string
from collections import Counter
from typing import Any

# Words in any script; of scripts that put no spaces between words, each character.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
ARTICLES = re.compile(r"\b(?:a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)
REPEATED_WORDS = 4
# A refusal is said at once; later in an answer the same words mostly warn ("you cannot take both").
REFUSAL_CHARACTERS = 200
_HELP = (
    r"(?:help|assist|provide|give|offer|answer|comply|do (?:that|this)|fulfil+|support|share|discuss|advise|recommend"
    r"|engage|continue|create|generate|write|diagnose|prescribe)"
)
_CANNOT = r"(?:can ?not|can't|could not|couldn't|will not|won't)"
_UNABLE = rf"(?:{_CANNOT}|unable|not able|do not|don't)"
REFUSAL = re.compile(
    "|".join(
        (
            rf"\b(?:i|we)(?: am|'m| are|'re)? ?(?:really |so |very |truly )?(?:sorry|afraid)\b[^.!?]{{0,60}}\b{_UNABLE}\b",
            rf"\b(?:i|we) (?:{_CANNOT}|must not|should not|shouldn't) (?:\w+ly )?{_HELP}\b",
            r"\b(?:i|we)(?: am|'m| are|'re) (?:\w+ly )?(?:unable|not able|not allowed|not permitted|not comfortable)\b",
            r"\b(?:i|we) (?:must|have to|need to) (?:\w+ly )?(?:decline|refuse)\b|\bi (?:decline|refuse) to\b",
            rf"\bas an? (?:ai|artificial intelligence|language model|virtual assistant)\b[^.!?]{{0,80}}\b{_UNABLE}\b",
        )
    ),
    re.IGNORECASE,
)


def score(answer: str, reference: str, *, truncated: bool) -> dict[str, float | bool]:
    """Count everything that can be counted about one answer.

    Args:
        answer: What the model said.
        reference: What the data set says.
        truncated: Whether the answer was cut at the longest length.

    Returns:
        ``rouge_l`` and ``f1`` (likeness, 0 to 1), ``length_ratio`` (words of the answer for each of the reference),
        ``repetition`` (0 to 1), ``truncated`` and ``refusal``.
    """
    return {
        "rouge_l": rouge_l(answer, reference),
        "f1": token_f1(answer, reference),
        "length_ratio": length_ratio(answer, reference),
        "repetition": repetition(answer),
        "truncated": truncated,
        "refusal": is_refusal(answer),
    }


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return WORD.findall(text.lower())


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L, the F-measure of the longest common subsequence of words (Lin 2004, section 3), by rouge_score.

    The library's own splitting into words keeps a to z and 0 to 9 only; here words of every script count. No stemming.

    Returns:
        0 to 1. Likeness, not correctness.
    """
    return float(_rouge().score(reference, answer)["rougeL"].fmeasure)


@functools.cache
def _rouge() -> Any:
    # It imports nltk, which takes seconds.
    from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415

    return RougeScorer(["rougeL"], tokenizer=_Words())


class _Words:
    """What rouge_score calls a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


def token_f1(answer: str, reference: str) -> float:
    """F1 of the words that both texts share, counted as SQuAD does (Rajpurkar et al. 2016, section 6.1).

    Lower case; punctuation and the articles a, an, the are taken out; a word counts as often as both have it.

    Returns:
        0 to 1; two texts without a word are alike. Likeness, not correctness.
    """
    said, wanted = _squad_words(answer), _squad_words(reference)
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))


def _squad_words(text: str) -> list[str]:
    return ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split()


def length_ratio(answer: str, reference: str) -> float:
    """Words of the answer for each word of the reference; 0 or more."""
    return len(words(answer)) / max(1, len(words(reference)))


def repetition(answer: str) -> float:
    """Share of four-word sequences that stood in the answer before (seq-rep-4 of Welleck et al. 2020, section 6).

    Returns:
        0 (nothing is said twice) to below 1 (a loop); 0 for answers under four words.
    """
    said = words(answer)
    found = [tuple(said[start : start + REPEATED_WORDS]) for start in range(len(said) - REPEATED_WORDS + 1)]
    return 1 - len(set(found)) / len(found) if found else 0.0


def is_refusal(answer: str) -> bool:
    """Whether an answer begins by declining to answer, in English, as far as patterns tell.

    Advice to see a doctor is no refusal; an answer that follows the regret ("I'm sorry you feel ill. …") neither.
    """
    return REFUSAL.search(answer.strip().replace("\u2019", "'")[:REFUSAL_CHARACTERS]) is not None
