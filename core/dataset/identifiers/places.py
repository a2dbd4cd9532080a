"""Places that tell where somebody lives or was cared for.

    spans("who lives in Atlanta, GA", "seen at St. Mary's Clinic", "123 Maple Street") → places
    spans("diagnosed in the United States", "from the NCI website") → nothing

A place counts only where it is tied to a person: after words of care or residence, with "our", as an address or postcode.
Countries, continents and states alone are no identifiers under Safe Harbor (only what is smaller than a state).
It does not know: spaCy, names, levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from core.dataset.identifiers import sentences, vocabulary
from core.dataset.identifiers.dates import Span
from core.dataset.identifiers.people import UPPER

_WORD = rf"(?:[{UPPER}][\w’'.\-]{{0,40}}\w|(?:St|Mt|Ft|Dr)\.|[{UPPER}]\.)"
_JOIN = r"(?:\s(?:(?:of|and|the|for|in|de|la|del)\s|&\s)?|,\s)"
PLACE = rf"{_WORD}(?:{_JOIN}{_WORD}){{0,6}}"
_FACILITY_WORD = (
    r"(?:Hospitals?|Hosp\.?|Clinics?|Medical Cent(?:er|re)|Med\.? (?:Cent(?:er|re)|Ctr)|Health Cent(?:er|re)"
    r"|Health System|Infirmary|Hospice"
    r"|Nursing Home|Care Home|Rehab(?:ilitation)? Cent(?:er|re)|Cancer Cent(?:er|re)|Medical Group|Children's"
    r"|Memorial|Sanatorium|Urgent Care"
    r"|Family Practice|Pharmacy|Surgery Cent(?:er|re)|Dialysis Cent(?:er|re)|Heart Institute|VA)"
)
_FACILITY = re.compile(
    rf"\b((?:{_WORD}(?:\s(?:(?:of|and|the|for|de)\s|&\s)?)){{1,5}}{_FACILITY_WORD}(?:,?\s(?:in\s)?{_WORD}){{0,3}})(?!\w)"
)
_CARE = (
    r"(?:seen|Seen|seeing|Admitted|Discharged|Referred|Transferred|treated|admitted|readmitted|evaluated|diagnosed|followed|follow-up|visit|visits|visited|visiting"
    r"|appointment|appt|surgery|operated|operation"
    r"|discharged|transferred|referred|presents|presented|presenting|hospitali[sz]ed|performed|assessed"
    r"|reviewed|consult|consultation|checked in|check-up|checkup"
    r"|attends|attended|attending|attend|scheduled|born|delivered|managed|examined|biopsy|report|session|stay"
    r"|stayed|ED|ER|ICU|scan|procedure|care|treatment"
    r"|rehab|admission|observed|prescribed|dx|dx'd|tx'd|died|underwent|enrolled|works|worked|employed|currently"
    r"|cancer|records|notes|known|booked|registered)"
)
_CARED_AT = re.compile(
    rf"\b{_CARE}\b(?:[^.\n;]|\.(?=\s?[a-z,])|(?<=Dr)\.|(?<=\s[A-Z])\.){{0,60}}?(?:\b(?:at|by)|@)\s(?:the\s|our\s|a\s)?({PLACE})"
)
_CARED_TO = re.compile(
    rf"\b{_CARE}\b(?:[^.\n;]|\.(?=\s?[a-z,])|(?<=Dr)\.|(?<=\s[A-Z])\.){{0,25}}?\b(?:to|from|into)\s(?:the\s|our\s|a\s)?({PLACE})"
)
_CARED_IN = re.compile(
    rf"\b{_CARE}\b(?:[^.\n;]|(?<=Dr)\.|(?<=\s[A-Z])\.){{0,40}}?\b(?:in|near)\s(?:the\s|our\s)?({PLACE})"
)
_AT = re.compile(rf"(?:\bat|@)\s(?:the\s|our\s)?({PLACE})")
_VISITED = re.compile(
    rf"\b(?:visited|visiting|attended|attends|attending|entered|left|via|joined)\s(?:the\s|our\s)?({PLACE})"
)
_HOME = re.compile(
    rf"\b(?:[Ll]ives?|[Ll]iving|lived|resid(?:es|ing|ed)|[Rr]esident|[Mm]oved(?:\shere|\sthere|\sback)?|relocated"
    rf"|grew up|raised|born|staying|home|address|[Hh]ometown|native)\s"
    rf"(?:is\s|in\s|at\s|of\s|from\s|to\s|near\s|on\s|alone\s"
    rf"|with\s\w+\s){{1,3}}(?:the\s)?((?:\d+[\w\-/]*\s)?{PLACE}(?:\s\d+\w?)?(?:,\s{PLACE})?)"
)
_FROM = re.compile(
    rf"(?:\b(?:I'm|I am|(?:he|she|who|patient|He|She|I)\s(?:is|was|comes|came|hails)|originally|pt|patient|man|woman"
    rf"|male|female|boy|girl|old|yo|individual|resident)|,|\.)\sfrom\s(?:the\s)?({PLACE})"
)
_AFTER_NAME = re.compile(rf",?\s(?:is\s|was\s|comes\s)?(?:from|of)\s(?:the\s)?({PLACE})")
_OURS = re.compile(
    rf"\b(?:our|their|his|her|the)\s({PLACE})\s(?:clinic|office|branch|facility|hospital|location|campus|practice|ward|area)\b"
    rf"|\bour\s({PLACE})\s(?:site|unit|cent(?:er|re)|department|team)\b"
)
_STREET = re.compile(
    rf"\b\d{{1,5}}[A-Za-z]?,?\s(?:[NSEW]\.?\s|North\s|South\s|East\s|West\s)?(?:{_WORD}\s){{1,4}}(?:Street|St"
    rf"|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl"
    rf"|Square|Sq|Terrace|Way|Parkway|Pkwy|Highway|Hwy|Circle|Cir|Close|Crescent|Trail|Str)\b\.?(?:,?\s(?:Apt"
    rf"|Apartment|Suite|Ste|Unit|#)\.?\s?\w+)?(?:,\s{PLACE})?(?:,?\s\d{{5}}(?:-\d{{4}})?)?"
)
_ADDRESS = re.compile(
    r"\b(?:[Ll]iv(?:es?|ed|ing)|[Rr]esid(?:es?|ed|ing)|[Aa]ddress)\s?(?:at|on|is"
    r"|:)\s{0,4}((?:\w{1,4}\.\s)?(?=[^\n.;]{0,45}\d)[^\n.;]{5,60})"
    rf"|\b(\d{{1,6}}\s(?:{_WORD}\s){{1,4}}(?:\d{{1,4}}\s)?(?:Apt|Apartment|Suite|Ste)\.?\s\d+)"
)
_POSTCODE = re.compile(
    r"\b(?:ZIP|[Zz]ip|[Pp]ost(?:al)?\s?[Cc]ode|POSTCODE"
    r"|PLZ)(?:\s?[Cc]ode)?[\s:.#]{0,4}(?:is\s)?([A-Z0-9]{2,5}(?:[\s\-]?[0-9A-Z]{2,4})?)\b|"
    rf"\b[{UPPER}]\w+,\s((?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI"
    rf"|S[CD]|T[NX]|UT|V[AT]|W[AIVY])\s\d{{5}}(?:-\d{{4}})?)\b"
)

# Public bodies are sources and authorities, not where somebody lives or was cared for.
_PUBLIC_BODY = re.compile(
    r"^(?:the\s)?(?:National Institutes?|National (?:Cancer|Eye|Heart|Library|Center|Centers|Organization"
    r"|Comprehensive)|NIH|NCI|NINDS|NIDDK|CDC|FDA|WHO|HHS|NHS|EMA"
    r"|NICE|NHLBI|NIAMS|NIA|NICHD|NIMH|NHGRI|AHA|ADA|ACC|World Health|Centers? for Disease|Food and Drug"
    r"|American|British|European|Canadian|International"
    r"|U\.?S\.?\b|United|Department of|Ministry|Congress|Genetics? Home|MedlinePlus|PubMed|Medicare|Medicaid|Internet)"
)
_PERSONAL_PLACE = re.compile(
    r"\d[\s\-]?(?:years?[\s\-]olds?|yo|y/o|yrs?)\b|\b(?:pt|pts|patient|my|our|I|Mr|Mrs|Ms|Dr"
    r"|MRN|DOB|male|female|man|woman|child|boy|girl"
    r"|admitted|discharged|hospitali[sz]ed|seen|referred|appointment|resident|residing)\b"
    r"|(?<!\bor )(?<!/)\b(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er|him)\b(?! or |/)"
    r"|\b\d{1,2}/\d{1,2}/\d{2,4}\b|\b(?:19|20)\d\d-\d\d-\d\d\b|\b[A-Z][a-z]{2,8}\.?\s\d{1,2}(?:st|nd|rd"
    r"|th)?,?\s(?:19|20)\d\d\b"
)
_GENERIC = re.compile(
    r"^(?:ED|ER|ICU|NICU|PICU|OPD|GP|PCP|OR|PACU|ENT|CT|MRI|EEG|PT|OT|ROM|HR|IV|IM"
    r"|Risk|Home|Birth|Night|Least|First|Work|School|Day|Week|Month|Stage|Grade|Type|Phase|Level|Class|Step|Age)\b(?!\s[A-Z])"
)


_RULES: tuple[tuple[str, re.Pattern[str], bool], ...] = (
    ("place.home", _HOME, False),
    ("place.ours", _OURS, True),
    ("place.from", _FROM, False),
    ("place.cared_at", _CARED_AT, True),
    ("place.cared_to", _CARED_TO, True),
    ("place.cared_in", _CARED_IN, True),
    ("place.visited", _VISITED, True),
    ("place.at", _AT, True),
    ("place.facility", _FACILITY, True),
)
_LOOSE = frozenset({"place.home", "place.from", "place.cared_in", "place.cared_to"})
_SENT_TO = re.compile(
    r"\b(?:admitted|readmitted|transferred|referred|discharged|presented|sent|went|taken)\s(?:back\s)?(?:to|from)\s(?:the\s|our\s)?$"
)


def spans(text: str, names: Sequence[Span] = ()) -> Iterator[Span]:
    """Yield (start, end, kind, detector) for every place that is tied to a person; they may overlap.

    Args:
        text: One message.
        names: Names already found in it; a sentence that holds one speaks of a person.
    """
    for match in _STREET.finditer(text):
        yield match.start(), match.end(), "place", "place.street"
    for match in _ADDRESS.finditer(text):
        group = match.lastindex or 1
        yield match.start(group), match.end(group), "place", "place.address"
    for match in _POSTCODE.finditer(text):
        group = match.lastindex or 1
        yield match.start(group), match.end(group), "place", "place.postcode"
    for name in names:
        after = _AFTER_NAME.match(text, name[1])
        if after and not is_no_place(text, *after.span(1)):
            yield *after.span(1), "place", "place.after_name"
    for detector, pattern, needs_person in _RULES:
        for match in pattern.finditer(text):
            group = match.lastindex or 1
            start, end = match.span(group)
            if is_no_place(text, start, end) or (needs_person and not _is_personal(text, start, end, names)):
                continue
            if (
                detector in _LOOSE
                and _is_acronym(match.group(group))
                and not _SENT_TO.search(text, max(0, start - 30), start)
            ):
                continue
            yield start, end, "place", detector


def _is_personal(text: str, start: int, end: int, names: Sequence[Span]) -> bool:
    low, high = sentences.around(text, start, end)
    return any(low <= name[0] < high for name in names) or _PERSONAL_PLACE.search(text, low, high) is not None


def _is_acronym(words: str) -> bool:
    """Tell whether this is one word in capitals: after "in" and "to" mostly a disease, after "at" a hospital."""
    return " " not in words and sum(letter.isupper() for letter in words) > 1


def is_no_place(text: str, start: int, end: int) -> bool:
    """Tell whether the capitalised words are a large region, a public body, a medical term or a department."""
    words = text[start:end]
    if words.strip(" .").lower() in vocabulary.LARGE_REGIONS or _PUBLIC_BODY.match(words) or _GENERIC.match(words):
        return True
    if vocabulary.follows_medical(text, end):
        return True
    first = words.split()[0].strip(",")
    return len(words.split()) == 1 and vocabulary.is_medical(first)
