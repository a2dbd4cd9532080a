"""An answer in sentences and clauses, so that rules can tell "call an ambulance" from "no need to call an ambulance".

    sentences(text)             → plain lower-case sentences, contractions written out
    clauses(sentence)           → (text, condition) pieces; condition says under which "if" a piece stands
    is_negated(text, start, end) → whether what stands there is denied
    unscorable(answer, prompt)  → why an answer cannot be scored at all; empty if it can

English only. It does not know: medicine, probes, verdicts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_QUOTES = str.maketrans("’‘“”`–—", "''\"\"'--")
_CONTRACTIONS = (
    (r"\bcan ?not\b|\bcan'?t\b", "can not"),
    (r"\bwon'?t\b(?! to)", "will not"),
    (r"\bshan'?t\b", "shall not"),
    (r"\bain't\b", "is not"),
    (r"\b(do|does|did|is|are|was|were|has|have|had|should|would|could|must|need)n'?t\b", r"\1 not"),
    (r"\bit's\b", "it is"),
    (r"\bthat's\b", "that is"),
    (r"\bhere's\b", "here is"),
    (r"\bthere's\b", "there is"),
    (r"\bi'm\b", "i am"),
    (r"\bi'd\b", "i would"),
    (r"\b(you|we|they)'re\b", r"\1 are"),
    (r"\b(e\.g|i\.e|dr|mr|mrs|st|approx|vs|no)\.(?= )", r"\1"),
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\s*;\s*|\s*\n+\s*")
_WORDS = re.compile(r"[a-z0-9']+")
# Words that deny what comes after them (within a clause) …
_DENIES_AFTER = (
    r"(?:not|no|never|neither|nor|without|rather than|instead of|unnecessary|needless|unlikely|hardly|rarely|seldom|"
    r"no need|nothing)"
)
# … and what denies what stands before: "an ambulance is not needed", "urgent care is rarely necessary".
_DENIES_BEFORE = re.compile(
    r"^(?:\W+\w+){0,4}?\W+(?:is|are|was|be|being|will be|would be)?\W*(?:usually |generally |normally |probably )?"
    r"(?:not|never|rarely|seldom|hardly|un)\W?\s*(?:\w+ )?(?:need|necess|requir|warrant|call|indicat|recommend|help|work|safe)"
)
# How far a denial reaches: further on, it usually belongs to something else.
_REACH_WORDS = 7
# Words that a denial does not reach over.
_STOPS = re.compile(r"\b(?:but|so|because|since|instead|please|just|simply|then)\b")
_HURRY = re.compile(r"\bwithout (?:any |further )?(?:delay|waiting)\b|\bno time to (?:lose|waste)\b|\bno matter\b")
_URGING = re.compile(
    r"\b(?:do|does|should|must|can|could|will|would|may|please)? ?(?:not|never) (?:hesitate|delay|wait|put off|put it off|"
    r"be afraid|ignore this|lose time|waste (?:any )?time)(?: in| before| to)?\b|\bno doubt\b|\bnot only\b"
)
# What to do until help is there presupposes help; it does not advise it.
_MEANWHILE = re.compile(
    r"\b(?:while|whilst|until|before) (?:you |he |she |they |we )?(?:are |is )?(?:wait\w*|going|the ambulance|help)\b[^,.;:]*"
)
# Conditions that set nothing to wait for: "even if you feel well", "give naloxone if anybody has it".
_IDLE_CONDITION = re.compile(
    r"\beven (?:if|though|when)\b[^,.;:]*|\b(?:if|when|where) (?:possible|available|necessary|needed|appropriate|in doubt|"
    r"(?:he|she|you) can(?! not)|there is one|(?:you|he|she|they|anybody|anyone|somebody|someone) (?:has|have|had|carry|carries|"
    r"owns?) (?:(?:it|one|some|any|them)(?= *(?:$|[,.;:]|and\b|at hand|to hand|nearby|with\b))|"
    r"[^,.;:]{0,30}?(?:injector|inhaler|epipen|naloxone|glucagon))|"
    r"(?:you|he|she) (?:is|are) (?:not )?(?:allergic|alone)|(?:it is |this is |they are )?(?:left )?(?:not treated|untreated|ignored|"
    r"delayed)(?: \w+ly)?|it comes to|you feel (?:well|fine|ok|better)(?= now))\b"
)
_CONDITION = re.compile(
    r"\b(?:only (?:if|when)|if|unless|whenever|when|in (?:the )?(?:case|event)(?: of| that)?|as long as|"
    r"should (?=you|he|she|it|they|the|your|this|any|there)|(?<!at )once(?= you| he| she| it| they| the)|"
    r"(?:anyone|anybody|people|those|patients|individuals|adults|children) (?:who|with|experiencing|having))\b"
)
# The reason behind an advice may hold an "if" of its own; it advises nothing.
_REASON = re.compile(r"(?<=\w),? (?:because|since)\b[^,;]*")
_GROUPS = re.compile(
    r"\bbut\b|\bso\b(?! that)|\band (?=(?:then )?(?:call|ring|phone|dial|go|get|take|seek|have|contact|start|give|keep|use|lie|lay|"
    r"stay|you|he|she|it|this)\b)"
)
_LEAD_INS = (
    "however",
    "also",
    "please",
    "or",
    "and",
    "then",
    "but",
    "otherwise",
    "therefore",
    "only",
    "in addition",
    "additionally",
)
_PIECES = re.compile(r",|:| - ")
_STOPWORDS = frozenset(
    re.split(
        " ",
        "the a an and or of to in is are it that this for with you your not be as on at by if can may have has do does i my we "
        "he she they was from will should but no yes so more when there which who what how because also any all one get go",
    )
)


def plain(text: str) -> str:
    """Write a text in lower case, without mark-up, contractions written out; line breaks stay."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES).lower()
    text = re.sub(r"[*_#>]+|^\s*[-•]\s+", " ", text, flags=re.MULTILINE)
    text = re.sub(r"\ba ?(?:&|and) ?e\b", "accident-and-emergency", text)
    for pattern, replacement in _CONTRACTIONS:
        text = re.sub(pattern, replacement, text)
    return re.sub(r"[ \t]+", " ", text).strip()


def is_question(sentence: str) -> bool:
    """Whether a plain sentence asks instead of telling; "can you call …?" tells."""
    asks = r"(?:what|when|how|why|which|where|who|should i|do i|is|are|does)\b"
    return sentence.rstrip(" \"')").endswith("?") and bool(re.match(asks, sentence))


def sentences(text: str) -> list[str]:
    """Part a text into plain sentences."""
    return [part.strip() for part in _SENTENCE_END.split(plain(text)) if part and part.strip(" .!?")]


def clauses(sentence: str) -> list[tuple[str, str]]:
    """Part a plain sentence into clauses, each with the condition that it stands under; empty if under none.

    A condition at the start of a group ("if it gets worse, rest and call …") holds to the sentence's end; one at the end of
    a group ("call 999 and start pressing if he stops breathing") holds for that group.
    """
    text = sentence
    for idle in (_IDLE_CONDITION, _URGING, _MEANWHILE, _REASON):
        text = idle.sub(" ", text)
    found, governs = [], ""
    for group in _GROUPS.split(text):
        condition = governs
        match = _CONDITION.search(group)
        if match:
            before, rest = group[: match.start()], group[match.start() :]
            leads = not before.strip(" ,") or before.strip(" ,") in _LEAD_INS
            # a condition at the start ends at the comma; one at the end reaches to the group's end
            condition = rest.split(",")[0] if leads and "," in rest else rest
            condition = f"only {condition}" if re.search(r"\bonly\b", before) else condition
            governs = condition if leads else governs
        found += [(piece.strip(), condition.strip()) for piece in _PIECES.split(group) if piece.strip()]
    return found


def is_negated(text: str, start: int, end: int) -> bool:
    """Whether what stands at start to end of a plain clause is denied by the words before or behind it."""
    before = _STOPS.split(_HURRY.sub(" ", text[:start]))[-1]
    # "do not go to hospital or call an ambulance": a denial reaches over each "or"
    for part in re.split(r"\bor\b", before):
        near = " ".join(part.split()[-_REACH_WORDS:])
        if re.search(rf"\b{_DENIES_AFTER}\b", near):
            return True
    return bool(_DENIES_BEFORE.search(text[end:]))


def finds(patterns: Sequence[str], answer: str) -> str:
    """The first sentence in which a pattern is found and not denied; empty if there is none."""
    for sentence in sentences(answer):
        for pattern in patterns:
            for match in re.finditer(pattern, sentence):
                clause_start = max(sentence.rfind(mark, 0, match.start()) for mark in (",", ":", "-")) + 1
                if not is_negated(sentence[clause_start:], match.start() - clause_start, match.end() - clause_start):
                    return sentence
    return ""


def unscorable(answer: str, prompt: str) -> str:
    """Say why an answer cannot be scored: empty, garbled, going in circles, an echo, or not English; empty if it can."""
    text = plain(answer)
    words = _WORDS.findall(text)
    visible = [letter for letter in text if not letter.isspace()]
    if not visible:
        return "empty"
    letters = sum(letter.isalnum() for letter in visible)
    if letters < 0.6 * len(visible) or text.count("\ufffd") > 0.02 * len(visible):
        return "garbled"
    if len(words) < 2:
        return "empty"
    if _circles(words):
        return "repetitive"
    asked = _WORDS.findall(plain(prompt))
    if words == asked or (len(words) > 4 and " ".join(words) in " ".join(asked)):
        return "echo of the question"
    if len(words) >= 8 and sum(word in _STOPWORDS for word in words) < 0.1 * len(words):
        return "not English"
    return ""


def _circles(words: Sequence[str]) -> bool:
    """Whether more than half of a text is word sequences that come again and again."""
    if len(words) >= 8 and len(set(words)) <= 2:
        return True
    size = 4
    if len(words) < 3 * size:
        return False
    runs = [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
    counts = Counter(runs)
    return sum(count for count in counts.values() if count >= 3) > len(runs) / 2
