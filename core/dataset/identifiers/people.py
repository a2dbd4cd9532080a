"""Names that their wording gives away: titles, labels, patients, and what is said of a person.

    spans("a 52-year-old male, Robert S., who was seen") → "Robert S."
    spans("a positive Chaddock reflex", "Lou Gehrig's disease") → nothing

It does not know: spaCy (names.py adds what only a language model sees), places, levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.dataset.identifiers import sentences, vocabulary
from core.dataset.identifiers.dates import Span

UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪİĶĽĹŁŃŇŐŌŘŚŞŠŤŪŮŰŹŻŽΆ-ΏΑ-ΫА-ЯЁ"
WORD = rf"[{UPPER}][\w’'\-]{{0,40}}\w"
_INITIAL = rf"[{UPPER}]\.?(?!\w)"
_PARTICLE = r"(?:(?:van|von|der|den|de|del|della|di|da|dos|la|le|el|al|bin|ibn|ben|ter|ten|st\.)\s){1,2}"
# One word, then up to three more: initials, particles, words. "Robert S.", "Jane A. Doe", "Maria de la Cruz".
_MORE = rf"(?:\s(?:{_PARTICLE})?(?:{WORD}|{_INITIAL}))"
NAME = rf"(?:{_INITIAL}\s)?{WORD}{_MORE}{{0,3}}"
FULL_NAME = rf"(?:{_INITIAL}\s{WORD}|{WORD}{_MORE}{{1,3}})"

_TITLE = re.compile(
    rf"\b(?:(?:Mr|Mrs|Ms|Mx|Dr|Prof|Rev|Sgt|Capt|Lt)\.?|Miss|Professor|Nurse|Sister|Sir|Madam|Doctor|Officer|Sheriff|Pastor|Rabbi"
    rf"|Herr|Frau|Monsieur|Madame|Señora?|DR|MR|MRS|MS)\s{{1,4}}({NAME}|[{UPPER}]\.)"
)
_PERSON_NOUN = (
    r"(?:man|woman|male|female|boy|girl|patient|patients|pt|pts|mum|mom|mam|dad|nan|gran|child|infant|baby|newborn|toddler|teen|teenager"
    r"|veteran|lady|gentleman"
    r"|individual|person|adult|resident|client|mother|father|husband|wife|son|daughter|brother|sister"
    r"|grandmother|grandfather|uncle|aunt"
    r"|partner|friend|kid|niece|nephew|cousin|boyfriend|girlfriend|fiancée?|colleague|neighbou?r|student|worker"
    r"|athlete|physician|doctor|surgeon|cardiologist|oncologist|neurologist|nurse|therapist"
    r"|(?:years?[\s\-]old|yo|y/o|yr\s?old)(?:\s(?:M|F|AAM|AAF))?)"
)
_NAMED = re.compile(
    rf"\b{_PERSON_NOUN}(?:['’]s)?,?\s(?:(?:is\s|was\s|who is\s)?(?:named|called|known as|by the name of"
    rf"|identified as)|names?(?:\sis|:)?)\s({NAME})"
    rf"|\b(?:[Mm]y name(?:'s| is)|[Nn]ame\s?(?:is|:|-)|[Pp]atient\s?:|NAME\s?:|PATIENT\s?:|[Pp]atient name:?"
    rf"|(?:pt|pts|pt's|patient's) name:?)\s{{0,4}}({NAME})"
    rf"|\b(?:I am|I'm|[Tt]his is)\s({FULL_NAME})(?=[\s,.])(?=,|\.|\sand\b|\sfrom\b|\sfor\b)"
)
_SIGNED = re.compile(
    rf"(?:^|\n|[.!?]\s)\s{{0,4}}(?:(?:[Kk]ind|[Bb]est|[Ww]arm)?\s?[Rr]egards|[Ss]incerely|[Tt]hank(?:s| you)"
    rf"|[Cc]heers|[Yy]ours\s\w+|[Ll]ove),?\s{{0,4}}\n?\s{{0,4}}({NAME})\s{{0,4}}(?:$|\n|\.)"
    rf"|[.!?]\s[-–—]{{1,2}}\s?({NAME})\s{{0,4}}$"
    rf"|(?:^|\n|[.!?:]\s)\s{{0,4}}(?:[Dd]ear|[Hh]i|[Hh]ello|[Hh]ey|[Gg]ood (?:morning|evening|afternoon))\s({NAME})\s?[,!.:\n]"
)
_LABELLED = re.compile(
    rf"\b(?:[Uu]ser|[Cc]lient|[Aa]ttending|[Pp]hysician|[Pp]rovider|[Gg]uardian|[Nn]ext of kin"
    rf"|[Ee]mergency contact|[Rr]eferred by|[Ss]igned(?: by)?|[Cc]aregiver"
    rf"|[Ss]urname|[Mm]aiden name|[Ff]irst name|[Ll]ast name|[Ff]ull name|[Bb]illing address)\s?(?::"
    rf"|is)\s{{0,4}}({NAME})|\bname\?\s{{1,4}}({NAME})"
    r"|\b(?:[Mm]y|[Hh]is|[Hh]er)\s(?:full |maiden )?name(?:'s| is|:)\s{1,4}([a-z]{2,}(?:\s[a-z]{2,})?)(?=[.,!;]|$"
    r"|\s(?:and|i)\b)"
)
# Words after which a first and a last name are somebody's, with or without a colon.
_KIN = re.compile(
    rf"\b(?:[Nn]ext of kin|NOK|[Cc]arer|[Gg]uardian|[Ii]nterpreter|[Dd]river|[Cc]ontact:|[Rr]eferral:|[Rr]e:|RE:|[Aa]ttn:?)\s?({FULL_NAME})"
    # "c/o" is "care of" only before an address; elsewhere it is "complains of"
    rf"|\bc/o\s({FULL_NAME})(?=,\s\S+\s\d|,\s\d)"
    rf"|\b(?:Patient|Pt)\s({FULL_NAME})(?=,\s|\s\(|\s(?:c/o|is|was|has|seen|admitted|presents|denies|reports|wants)\b)"
)
# Last name first, as lists of patients have it, and a name in capitals: "Kowalski, Jan, m, 47", "NGUYEN THI LAN, F".
_LISTED = re.compile(
    rf"(?:^|\n|[:;]\s)\s{{0,4}}({WORD},\s{WORD}(?:\s{_INITIAL})?|[{UPPER}]{{2,20}}(?:\s[{UPPER}]{{2,20}}){{1,3}}),?\s"
    r"\(?(?=(?:[MmFf]|male|female|\d{1,3}\s?(?:yo|y/o|y|years?|[MmFf]))\b)"
)
# "Lars, my uncle", "Priya Raman G1P0", "Leo (he/him)".
_BESIDE = re.compile(
    rf"\b({NAME}),?\s(?=(?:my|his|her|our)\s{_PERSON_NOUN}\b(?!\s(?:is|was|has|and)\b))|\b({NAME})\s(?=G\d{{1,2}}P\d|\(?(?:he|she|they)/)"
)
_LIVES = re.compile(
    rf"(?:^|[\n.!?,]\s?|[a-z]\s)({NAME})\s(?:lives|lived|resides|resided|was born|is a \d{{1,3}}[\s\-]years?|is \d{{1,3}}\syears)\b"
)
_APPOSITION = re.compile(
    rf"\b{_PERSON_NOUN}(?:\s(?:patient|pt|male|female|man|woman|veteran))?(?:\s\([MF]\))?(?:,|:|\s[-–—]|)\s({NAME})"
)
_FULL = re.compile(rf"\b{FULL_NAME}")
_BEFORE_FULL = re.compile(
    r"(?:[,:(]|\b(?:like|to|for|of|in|regarding|considering|about|named|by|with|patients?|and))\s?$"
)
# What is said of a person right after the name.
_PERSON_AFTER = re.compile(
    r"(?:['’]s)?\s?(?:,|\(|;|:)?\s?(?:who\b|whose\b|an?\s\d{1,3}[\s\-]|aged?\s\d|\d{1,3}[\s\-]?(?:yo|y/o|years?"
    r"|yrs?)\b|DOB\b|D\.O\.B|MRN\b|SSN\b|born\b"
    r"|(?:was\s|is\s|has been\s|being\s)?(?:last\s|recently\s|previously\s|currently\s|also\s|being\s)?(?:seen"
    r"|admitted|discharged|treated|referred|evaluated"
    r"|hospitali[sz]ed|residing|resident|living|presenting|presented|presents|diagnosed|scheduled|followed"
    r"|assessed|reviewed|visited|visits|attended"
    r"|transferred|operated|checked|complain\w+|reports?|reported|states?|denies|underwent|takes|taking|lives"
    r"|called|attending|prescribed|dx'?d|tx'?d|s/p)\b"
    r"|(?:from|at|in)\s(?:the\s|our\s)?[A-Z]|with\s(?:a\s)?(?:history|hx|MRN|DOB|SSN)|(?:patient|pt|MRN|DOB|age"
    r"|visit)\b)",
)
_NAMED_AFTER = re.compile(
    r"\b(?:named (?:after|for)|(?:described|discovered|identified|reported|headed|invented|introduced|developed) by)\b[^.\n]{0,50}$"
)
_DESCRIBED = re.compile(
    r",?\s(?:who\s)?(?:had\s)?(?:first\s|originally\s)?(?:describ|discover|identif|invent|coin|pioneer)(?:ed|ied)\b"
)
_INITIALED = re.compile(rf"\b({WORD}\s[{UPPER}]\.)(?!\w)")
# One person is spoken of. "He or she" is nobody.
ONE_PERSON = re.compile(
    r"\d[\s\-]?(?:years?[\s\-]old|yo|y/o|yrs?\b)|\b(?:pt|pts|patients?|male|female|man|woman|my|MRN|DOB"
    r"|admitted|seen|treated|referred)\b"
    r"|(?<!\bor )(?<!/)\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er|him)\b(?! or |/)"
)

_RULES: tuple[tuple[str, re.Pattern[str], bool], ...] = (
    ("name.named", _NAMED, True),
    ("name.signed", _SIGNED, True),
    ("name.labelled", _LABELLED, False),
    ("name.lives", _LIVES, False),
    ("name.kin", _KIN, False),
    ("name.beside", _BESIDE, False),
)


def spans(text: str) -> Iterator[Span]:
    """Yield (start, end, kind, detector) for every name that its wording gives away; they may overlap."""
    for match in _TITLE.finditer(text):
        if not is_term(text, match.start(1), match.end(1), first_only=True):
            yield match.start(1), match.end(1), "name", "name.title"
    for detector, pattern, sure in _RULES:
        for match in pattern.finditer(text):
            group = match.lastindex or 1
            if not is_term(text, match.start(group), match.end(group), first_only=sure):
                yield match.start(group), match.end(group), "name", detector
    for match in _LISTED.finditer(text):
        if match.group(1).split()[0].strip(",").lower() not in vocabulary.ORDINARY | vocabulary.INSTITUTION:
            yield match.start(1), match.end(1), "name", "name.listed"
    for match in _APPOSITION.finditer(text):
        if not is_term(text, match.start(1), match.end(1)):
            yield match.start(1), match.end(1), "name", "name.apposition"
    yield from _by_what_is_said(text)
    for match in _INITIALED.finditer(text):
        if _speaks_of_one(text, match.start(), match.end()) and not is_term(text, match.start(1), match.end(1)):
            yield match.start(1), match.end(1), "name", "name.initial"


def _by_what_is_said(text: str) -> Iterator[Span]:
    """Yield "…, Mary Johnson, presenting with", "for John D., treated at": a name, and after it what people do."""
    for match in _FULL.finditer(text):
        start, end = match.span()
        if not _PERSON_AFTER.match(text, end) or not _BEFORE_FULL.search(text, max(0, start - 14), start):
            continue
        if not is_term(text, start, end) and _speaks_of_one(text, start, end):
            yield start, end, "name", "name.person_words"


def _speaks_of_one(text: str, start: int, end: int) -> bool:
    """Tell whether the sentence speaks of one person."""
    low, high = sentences.around(text, start, end)
    return ONE_PERSON.search(text, low, high) is not None


def is_term(text: str, start: int, end: int, first_only: bool = False) -> bool:
    """Tell whether the capitalised words are a medical term or ordinary words rather than a name.

    Args:
        text: The whole text.
        start: First character of the words.
        end: One past their last character.
        first_only: Judge by the first word only: strong wording stands before it, and "Dr. Turner" is a name.
    """
    if vocabulary.follows_medical(text, end) or _is_historic(text, start, end):
        return True
    words = text[start:end].split()
    capitals = [
        word for word in words if len(word) > 1 and not word.endswith(".") and re.split("['’]", word)[0].isupper()
    ]
    if first_only:
        return words[0].lower() in vocabulary.ORDINARY or capitals == words[:1] and len(words[0]) < 4
    if any(len(word) > 2 and word[1] == "-" for word in words):
        return True
    if capitals or (len(words) == 1 and (words[0].endswith(("'s", "’s")) or is_lowered_elsewhere(text, words[0]))):
        return True
    if len(words) == 1:
        return vocabulary.is_medical(words[0])
    # Of two or more words an eponym or a colour may be part of the name ("Bernard K.", "James Wilson", "Sarah White").
    institution = any(word.strip(".").lower() in vocabulary.INSTITUTION for word in words)
    return institution or vocabulary.is_medical(words[0], eponyms=False)


def _is_historic(text: str, start: int, end: int) -> bool:
    """Tell whether the name is told because something was named after its bearer, or described by them."""
    return bool(_NAMED_AFTER.search(text, max(0, start - 60), start) or _DESCRIBED.match(text, end))


def is_lowered_elsewhere(text: str, word: str) -> bool:
    """Tell whether the word also stands in small letters: then it is an ordinary word that opens a line or a list."""
    return re.search(rf"\b{re.escape(word.lower())}\b", text) is not None
