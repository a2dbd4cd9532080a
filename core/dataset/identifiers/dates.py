"""Dates tied to a person, and ages over 89.

    written("Admitted on March 3rd, 2023.") → date; "diagnosed in 2021", "last summer", "5/10 mg" → nothing

A year alone is no identifier (Safe Harbor keeps years), nor is a relative date without a month. A month with its year is
tied to a person only by what else the sentence says: health pages date outbreaks and approvals that way.
It does not know: other kinds, or what becomes of a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.dataset.identifiers import sentences

Span = tuple[int, int, str, str]

_LONG = "January|February|March|April|May|June|July|August|September|October|November|December"
_SHORT = r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?"
MONTH = rf"(?:(?:{_LONG})\b|{_SHORT})"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_ORDINAL = rf"{_DAY}\s?(?:st|nd|rd|th)\b"
_YEAR = r"(?:(?:19|20)\d\d\b|['’]\d\d\b)"
# What makes "May 10" or "5/10" a quantity rather than a date.
_UNIT = (
    r"(?!\s?(?:[-–]\s?\d+\s?)?(?:mg|mcg|µg|μg|g|kg|ml|mL|L|dl|mmol|units?|IU|%|percent|mm|cm|hours?|hrs?|h|minutes?|min"
    r"|days?|weeks?|months?|years?|yrs?|times|people|patients|cases|tablets?|pills?|of (?:the|all|every|these"
    r"|them))\b)(?![\d%/])"
)

_MONTH_DAY_YEAR = re.compile(
    rf"\b{MONTH}\s{{0,4}},?\s{{0,4}}(?:the\s)?{_DAY}\s?(?:st|nd|rd|th)?\s{{0,4}}(?:,|of|in)?\s{{0,4}}{_YEAR}", re.I
)
_ANY_MONTH = rf"(?:{_LONG}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)"
# "14 Mar 24", "9-Sep-22", "22APR2024": the short year only where no unit makes it a quantity.
_DAY_MONTH_SHORT = re.compile(
    rf"\b{_DAY}([ \-./]?){_ANY_MONTH}\1(?:(?:19|20)\d\d|\d\d)(?!\d)(?!\s?(?:mg|mcg|µg|g|ml|mL|units?|IU|%|tablets?)\b)",
    re.I,
)
_WEEKDAY = r"(?:Mon|Tues?|Wed|Thurs?|Thu|Fri|Sat|Sun)(?:day|nesday|rday|urday)?"
_WEEKDAY_ORDINAL = re.compile(rf"\b{_WEEKDAY}\.?,?\s(?:the\s)?{_ORDINAL}(?!\s(?:percentile|week|day|month|year))", re.I)
# The months of other languages count only between a day and a year, because several are ordinary words.
_OTHER_MONTH = (
    r"(?:janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
    r"|Januar|Jänner|Februar|März|Mai|Juni|Juli|Oktober|Dezember"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    r"|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre"
    r"|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro"
    r"|januari|februari|maart|mei|juni|juli|augustus|oktober)"
)
_OTHER_LANGUAGE = re.compile(
    rf"\b(?:{_DAY}|1er)\.?\s(?:de\s|di\s)?{_OTHER_MONTH}(?:\s(?:de|del)\s|\s)(?:19|20)\d\d\b", re.I
)
_DAY_MONTH_YEAR = re.compile(
    rf"\b(?:{_ORDINAL}|{_DAY})(?:\s{{1,4}}of)?[\s.\-/]{{0,4}}{MONTH}[\s.,\-/]{{0,4}}{_YEAR}", re.I
)
_MONTH_ORDINAL = re.compile(rf"\b{MONTH}\s{{0,4}}(?:the\s)?{_ORDINAL}", re.I)
_ORDINAL_MONTH = re.compile(rf"\b{_ORDINAL}(?:\s{{1,4}}of)?\s{{1,4}}{MONTH}", re.I)
# Without ordinal and year only capitalised months count: "may 10" is mostly a verb and a number.
_MONTH_DAY = re.compile(
    rf"\b(?:{_LONG}|(?:(?<=on )|(?<=since )|(?<=from )|(?<=until )|(?<=dated ))(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug"
    rf"|Sept?|Oct|Nov|Dec)\.?)\s{_DAY}\b{_UNIT}"
)
_DAY_MONTH = re.compile(rf"\b{_DAY}[ \-](?:{_LONG}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b(?!\s\d)")
_MONTH_YEAR = re.compile(
    rf"\b(?:{_LONG}|{_SHORT})\s{{0,4}},?\s{{0,4}}(?:of\s)?{_YEAR}|(?<![\d/])(?:0[1-9]|1[0-2])/(?:19|20)\d\d(?!\d)", re.I
)
MONTH_BEFORE = re.compile(
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}[\s.,]{0,4}"
    r"(?:the\s{1,4}|of\s{1,4})?['’]?$",
    re.I,
)
MONTH_AFTER = re.compile(
    r"\s?(?:st|nd|rd|th)?[\s.,\-/]{0,4}(?:of\s{1,4})?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|\s?年"
    rf"|(?:\.|er)?\s(?:de\s|di\s)?{_OTHER_MONTH}",
    re.I,
)
_LAST_MONTH = re.compile(rf"\b(?:last|this past|past|previous)\s(?:{_LONG})\b", re.I)

_FIGURES = re.compile(r"\d{1,4}([/\-.])\d{1,2}\1\d{2,4}|\d{4}([/\-])\d{1,2}\2\d(?!\d)")
_GOES_ON = re.compile(r"\d|[/\-.]\d|\s?(?:mg|mcg|ml|mL|mm|cm|%)")
_CHINESE = re.compile(r"\d{4}\s?年\s?\d{1,2}\s?月(?:\s?\d{1,2}\s?[日号])?")
_SLASHED_DAY = re.compile(
    rf"(?<![\d/.\-])(?!24/7)(?:(?:0?[1-9]|1[0-2])/{_DAY}|{_DAY}/(?:0?[1-9]|1[0-2])){_UNIT}(?!\s?(?:mm|strength"
    rf"|scale|vision|pain|points?|in)\b)"
)
_COMPACT = re.compile(r"(?<![\d\-])(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?!\d)")

_BEFORE_SLASHED = re.compile(
    r"\b(?:seen|admitted|discharged|visit(?:ed)?|dated?|dob|born|died|appointment|surgery|operated|since|evaluated"
    r"|presented|follow[- ]?up|f/u|labs?|scan|period|LMP|EDD|EDC|d/c|tomorrow|tmrw|yesterday|due|admit|bloods?"
    r"|fell)\b[^.\d]{0,25}(?:on|from|of|:)?\s$|\b(?:on|dated|dob:?|since)\s$",
    re.I,
)
_BIRTH = re.compile(
    r"\b(?:dob|d\.o\.b\.?|born|birth\s?date|date of birth|birthday|date|admitted|discharged)\b[\s:,\-(]{0,4}(?:on"
    r"|is|was|of)?\s{0,4}$",
    re.I,
)
# One person is spoken of: a pronoun, an age, a title, "the patient", or a visit.
PERSONAL = re.compile(
    r"\b(?:he|she|his|her|him|hers|my|i|i'm|pt|pts|yo|y/o|patient(?!s)|mr|mrs|ms|dob|mrn|husband|wife|mother"
    r"|father|son|daughter"
    r"|seen|visit|visited|admitted|discharged|appointment|admission|hospitali[sz]ed|referred)\b"
    r"|\d[- ]?(?:years?[- ]old|yo|y/o|yrs?)\b",
    re.I,
)
_PUBLIC = re.compile(
    r"\b(?:FDA|Food and Drug|outbreak|published|publication|approved|isolates|Congress|Act|guidelines?|recommendation"
    r"|study|trial|epidemic|pandemic|report(?:ed)? cases|updated?|released?)\b"
)
# The dates that the rule names itself: birth, death, admission, discharge.
_LISTED = re.compile(
    r"\b(?:dob|born|birth|died|dies|death|passed away|deceased|(?:re)?admitted|admission|discharged?|hospitali[sz]ed)\b[^.\n]{0,20}$",
    re.I,
)
_PRINTED = re.compile(
    r"\b(?:published(?: online)?|accessed|retrieved|posted|copyright|last (?:updated|modified)|FDA[- ]approved"
    r"|approved by the FDA"
    r"|effective|released|issued)\b[\s:,]{0,4}(?:on|by|in)?\s{0,4}$",
    re.I,
)

_AGE = re.compile(
    r"\b(9\d|1[01]\d)[\s\-]{0,4}(?:years?[\s\-]{0,4}olds?|y\.?/?o\.?|yrs?\.?[\s\-]{0,4}old|year[- ]?old)\b|\b(?:aged?"
    r"|turned|age:|age of)\s(9\d|1[01]\d)\b(?!\s?(?:%|mg|days|weeks|months|to \d|[-–]\s?\d))"
    r"|\b(?:he|she|who|patient|pt|mother|father|grandmother|grandfather|grandma|grandpa)(?:'s| is| was"
    r"| turned)\s(?:now\s|already\s)?(9\d|1[01]\d)\b(?!\s?(?:%|kg|lb|pounds|mg|cm|percent|beats|bpm|/))",
    re.I,
)
_GROUP_BEFORE = re.compile(
    r"(?:\b(?:over|above|older|than|to|until|till|least|under|below|between|beyond|by|ages|people|adults"
    r"|persons|those|individuals|patients|women|men)\b[\s,]{0,4}(?:age|aged|the age of)?|\d\s?[-–])\s{0,4}$",
    re.I,
)
_GROUP_AFTER = re.compile(
    r"^\s{0,4}(?:\+|and (?:older|over|above|up)|or (?:older|over|above|more)|to \d|patients|people|adults"
    r"|individuals|women|men|persons|population|participants)",
    re.I,
)

_DATE_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("date.month_day_year", _MONTH_DAY_YEAR),
    ("date.day_month_year", _DAY_MONTH_YEAR),
    ("date.day_month_short_year", _DAY_MONTH_SHORT),
    ("date.other_language", _OTHER_LANGUAGE),
    ("date.month_ordinal", _MONTH_ORDINAL),
    ("date.ordinal_month", _ORDINAL_MONTH),
    ("date.month_day", _MONTH_DAY),
    ("date.day_month", _DAY_MONTH),
    ("date.weekday", _WEEKDAY_ORDINAL),
)


def months(text: str, *, has_digits: bool = True) -> Iterator[tuple[int, int, str, bool]]:
    """Yield (start, end, detector, dates a birth, death, admission or discharge) for "July 2022" and "last December".

    Only where one person is spoken of. Whether the month is tied to that person is for the caller to judge; "last week"
    and "last summer" are no identifiers.

    Args:
        text: Any text.
        has_digits: Whether it holds a digit; a month with its year cannot stand in it otherwise.
    """
    with_year = (("date.month_year", _MONTH_YEAR),) if has_digits else ()
    for detector, pattern in (*with_year, ("date.last_month", _LAST_MONTH)):
        for match in pattern.finditer(text):
            start, end = match.span()
            if _is_personal(text, start, end):
                yield start, end, detector, _LISTED.search(text, max(0, start - 30), start) is not None


def written(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield dates with the month as a word, the fullest form first."""
    for match in _CHINESE.finditer(text, low, high):
        yield match.start(), match.end(), "date", "date.chinese"
    for detector, pattern in _DATE_RULES:
        for match in pattern.finditer(text, low, high):
            if not _PRINTED.search(text, max(0, match.start() - 40), match.start()):
                yield match.start(), match.end(), "date", detector


def numeric(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield dates in figures: 3/4/2021, 2021-04-03, 3.4.2021, and "on 3/4"."""
    for match in _FIGURES.finditer(text, low, high):
        if _is_date(text, match) and not _PRINTED.search(text, max(0, match.start() - 40), match.start()):
            yield match.start(), match.end(), "date", "date.figures"
    for match in _SLASHED_DAY.finditer(text, low, high):
        if _BEFORE_SLASHED.search(text, max(0, match.start() - 45), match.start()):
            yield match.start(), match.end(), "date", "date.slashed_day"
    for match in _COMPACT.finditer(text, low, high):
        if _BIRTH.search(text, max(0, match.start() - 30), match.start()):
            yield match.start(), match.end(), "date", "date.compact"


def ages(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield one person's age of 90 to 119; "people over 90" and "90 or older" tell of nobody."""
    for match in _AGE.finditer(text, low, high):
        before, after = text[max(0, match.start() - 30) : match.start()], text[match.end() : match.end() + 20]
        if not _GROUP_BEFORE.search(before) and not _GROUP_AFTER.match(after):
            yield match.start(), match.end(), "age_over_89", "age.over_89"


def _is_personal(text: str, start: int, end: int) -> bool:
    """Tell whether the sentence speaks of one person, and the words just before not of an agency or a publication."""
    low, high = sentences.around(text, start, end)
    return PERSONAL.search(text, low, high) is not None and not _PUBLIC.search(
        text, max(low, start - 60), min(high, end + 40)
    )


def _is_date(text: str, match: re.Match[str]) -> bool:
    """Tell whether three figures can be year-month-day, month-day-year or day-month-year."""
    start, end, separator = match.start(), match.end(), match.group(1) or match.group(2)
    if (start and (text[start - 1].isdigit() or text[start - 1] in "/-.")) or _GOES_ON.match(text, end):
        return False
    parts = match.group().split(separator)
    first, second, third = map(int, parts)
    if len(parts[0]) == 4:
        return 1900 <= first < 2100 and 1 <= second <= 12 and 1 <= third <= 31
    # With two figures for the year only the slash is read as a date, or what "on" or "seen" stands before: 2-3-04 and
    # 1.2.30 are mostly numbering.
    told = separator == "/" or _BEFORE_SLASHED.search(text, max(0, start - 45), start) is not None
    has_year = 1900 <= third < 2100 if len(parts[2]) == 4 else len(parts[2]) == 2 and told
    day_month = 1 <= min(first, second) <= 12 and max(first, second) <= 31
    return (
        has_year and len(parts[0]) < 3 and (day_month if separator != "." else 1 <= first <= 31 and 1 <= second <= 12)
    )
