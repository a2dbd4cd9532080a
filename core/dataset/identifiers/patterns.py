"""Finding what has a shape or a label: the blocking classes, by patterns alone.

    scan("Seen 03/04/2023, MRN: SJ-12345") → (Finding("date", …), Finding("mrn", …))

dates.py, contacts.py and codes.py propose; here they are put in order and what overlaps is settled: e-mail before web
address before labelled code before phone before plain form. Nothing is looked for inside a public web address.
It asks for names and places only to tell whether a month is one person's. It does not know: people's decisions.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Sequence

from core.dataset.identifiers import codes, contacts, dates, people, places, sentences
from core.dataset.identifiers.kinds import Finding

_DIGITS = re.compile(r"\d+")
_DATE_SEPARATORS = ("/", "-", ".")
_REACH_CHARS = 64
_GAP_CHARS = 6
_FEWEST_DIGITS = 4


def scan(text: str) -> tuple[Finding, ...]:
    """Find identifiers that patterns can tell: every class but names and places.

    Args:
        text: One message, as plain text.

    Returns:
        Blocking findings in the order of the text; none overlaps another.
    """
    near = _near(text)
    found = _disjoint(
        Finding(kind, "blocking", start, end, detector) for start, end, kind, detector in _proposals(text, near)
    )
    tied = [
        Finding("date", "blocking", start, end, detector)
        for start, end, detector, is_listed in _months(text, near)
        if is_listed or _is_tied(text, start, end, found)
    ]
    return tuple(finding for finding in _disjoint([*found, *tied]) if finding.kind)


def loose_months(text: str) -> tuple[Finding, ...]:
    """Find "since January 2023" and "last December" where a person is spoken of but nothing else in the sentence tells whom.

    Safe Harbor counts a month among the dates, yet alone it points to nobody: advisory.
    """
    months = [
        Finding("date", "advisory", start, end, detector) for start, end, detector, _ in _months(text, _near(text))
    ]
    if not months:
        return ()
    known = [(finding.start, finding.end) for finding in scan(text)]
    return tuple(month for month in months if not any(month.start < end and start < month.end for start, end in known))


def _disjoint(proposals: Iterable[Finding]) -> list[Finding]:
    """Keep each proposal that overlaps none before it, in the order of the text."""
    kept: list[Finding] = []
    for proposal in proposals:
        place = bisect.bisect_left(kept, proposal.start, key=_start)
        before = place > 0 and kept[place - 1].end > proposal.start
        after = place < len(kept) and kept[place].start < proposal.end
        if not before and not after:
            kept.insert(place, proposal)
    return kept


def _start(finding: Finding) -> int:
    return finding.start


def _is_tied(text: str, start: int, end: int, found: Sequence[Finding]) -> bool:
    """Tell whether the sentence also holds another identifier, a name or a place, that makes the month one person's."""
    low, high = sentences.around(text, start, end)
    if any(low <= finding.start < high for finding in found if finding.kind):
        return True
    sentence = text[low:high]
    names = list(people.spans(sentence))
    return bool(names) or next(places.spans(sentence, names), None) is not None


def _months(text: str, near: _Near) -> Iterator[tuple[int, int, str, bool]]:
    if near.months or "last " in text or "past " in text or "previous " in text:
        yield from dates.months(text, has_digits=near.has_digits)


def _proposals(text: str, near: _Near) -> Iterator[dates.Span]:
    yield from contacts.emails(text)
    for start, end, personal in contacts.web(text):
        # An empty kind keeps the numbers in a public address from being taken for dates or codes.
        yield start, end, "url" if personal else "", "url.personal"
    for low, high in near.codes:
        yield from codes.spans(text, low, high)
    for low, high in near.codes:
        yield from contacts.phones(text, low, high)
        yield from contacts.ips(text, low, high)
    for low, high in near.months:
        yield from dates.written(text, low, high)
    for low, high in near.figures:
        yield from dates.numeric(text, low, high)
    for low, high in near.ages:
        yield from dates.ages(text, low, high)


class _Near:
    """Stretches of text in which a family of patterns can match at all, judged by the digits; most texts have none.

    codes: four digits stand close together that are not just a year; months: a number stands beside a month or a weekday;
    figures: two numbers are parted as in a date, or eight digits stand together; ages: a number from 90 to 119.
    """

    def __init__(self) -> None:
        self.codes: list[tuple[int, int]] = []
        self.months: list[tuple[int, int]] = []
        self.figures: list[tuple[int, int]] = []
        self.ages: list[tuple[int, int]] = []
        self.has_digits = False


def _near(text: str) -> _Near:
    near = _Near()
    if "plate" in text or "Plate" in text or " reg " in text or " rego " in text or text.count(":") >= 3:
        near.codes.append((0, len(text)))
    last_end, digits = -_GAP_CHARS - 1, 0
    for match in _DIGITS.finditer(text):
        start, end = match.span()
        digits = end - start + (digits if start - last_end <= _GAP_CHARS else 0)
        if digits > _FEWEST_DIGITS or (digits == _FEWEST_DIGITS and match.group()[:2] not in ("19", "20")):
            _extend(near.codes, start, end)
        if end - start == 8 or (text[end : end + 1] in _DATE_SEPARATORS and text[end + 1 : end + 2].isdigit()):
            _extend(near.figures, start, end)
        if 2 <= end - start <= 3 and 90 <= int(match.group()) <= 119:
            _extend(near.ages, start, end)
        if dates.MONTH_AFTER.match(text, end) or dates.MONTH_BEFORE.search(text, max(0, start - 16), start):
            _extend(near.months, start, end)
        last_end, near.has_digits = end, True
    return near


def _extend(stretches: list[tuple[int, int]], start: int, end: int) -> None:
    """Add start to end with its surroundings, joined to the stretch before where they touch."""
    low, high = max(0, start - _REACH_CHARS), end + _REACH_CHARS
    if stretches and low <= stretches[-1][1]:
        stretches[-1] = (stretches[-1][0], max(high, stretches[-1][1]))
    else:
        stretches.append((low, high))
