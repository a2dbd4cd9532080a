"""Ways to reach a person: phone, fax, e-mail, web address, IP address.

Decisions, because health texts are full of public contacts:
    phone   toll-free numbers (800, 833, 844, 855, 866, 877, 888) and numbers that a help line, association or institute
            announces are public; every other number that has the shape or the label of a phone number is found
    e-mail  open mailboxes of an organisation (info@, contact@, support@ …) are public; every other address is found
    web     a page is an identifier only if it leads to a person: a patient portal or record with an id in it, a personal
            profile, "my website"; medlineplus.gov and its like are sources, and dropping them would cost provenance
It does not know: other kinds, or what becomes of a finding.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from core.dataset.identifiers.dates import Span

_EMAIL = re.compile(r"[\w.+%'\-]{1,64}@(?:[\w\-]{1,63}\.){1,5}[a-zA-Z]{2,24}\b")
_OPEN_MAILBOX = re.compile(
    r"(?:info|information|contact|contactus|support|help|helpdesk|webmaster|admin|office|press|media|enquiries"
    r"|inquiries|inquiry"
    r"|feedback|questions|customerservice|service|mail|no-?reply|editor|privacy|orders|publications"
    r"|[a-z]{2,12}(?:info|inquiries))@",
    re.I,
)

URL = re.compile(r"\b(?:https?://|ftp://|www\.)[^\s<>\"'()\[\]{}，。]+", re.I)
_PERSONAL_WORD = re.compile(
    r"patient|portal|mychart|/(?:record|user|users|profile|profiles|member|members|account|chart|people|person"
    r"|u|~)[/=]|/~\w"
    r"|[?&](?:id|user|uid|patient|mrn|token|session|email|name|account|member|record|case)=",
    re.I,
)
_HAS_ID = re.compile(
    r"\d{3,}|[?&](?:user|uid|patient|mrn|token|session|email|name|account|member)=\S|/~\w|/(?:users?|u"
    r"|profiles?|people|person)/\w",
    re.I,
)
_SOCIAL = re.compile(
    r"(?:facebook\.com/(?!groups|events|pages|share)|linkedin\.com/in/|instagram\.com/|(?:twitter|x"
    r"|tiktok)\.com/@?(?!intent|share|hashtag))\w",
    re.I,
)
# A profile of a person, also without https:// before it.
_PROFILE = re.compile(rf"(?<![\w/.@\-])(?:[a-z]{{1,3}}\.)?(?:{_SOCIAL.pattern})[\w.\-/]*\w", re.I)
_OWN_PAGE = re.compile(
    r"\b(?:my|his|her|their|patient'?s?|personal|our family)\s(?:own\s|personal\s)?(?:web\s?site|site"
    r"|home\s?page|page|blog|profile|link|url)\b[^.]{0,20}$",
    re.I,
)

_NANP = re.compile(
    r"(?<![\w.\-/])(?:\+?1[\s.\-]?)?(?:\((\d{3})\)\s?|(\d{3})[\s.\-])\d{3}[\s.\-]\d{4}(?![\w\-]|\.\d)(?:\s?(?:x"
    r"|ext\.?)\s?\d{1,5})?",
    re.I,
)
_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+|00(?=[1-9]\d\s?\d))[1-9]\d{0,2}(?:[\s.\-/]?\(?\d{1,5}\)?){2,6}(?!\w)")
_CHINESE_MOBILE = re.compile(r"(?<!\d)1[3-9]\d[\s\-]?\d{4}[\s\-]?\d{4}(?!\d)")
_PHONE_LABEL = re.compile(
    r"(?:\b(?:tele)?phones?|\btel|\bmobile|\bcell(?:\s?phone)?|\bcall(?:ed|ing)?(?:\sback)?|\bcontact(?:ed)?"
    r"|\breach(?:ed|able)?|\btext(?:ed)?"
    r"|\bdial|\bring|\bwhatsapp|\bsms|\breply|\bpager|\bfax|\bph|\bt[eé]l[eé]phone|\btél|\btel[eé]fono|\bmóvil"
    r"|\bcelular|\btelefon|\bhandy|\bmobil|电话|手机|联系)\b[\s.:#]{0,4}"
    r"(?:(?:no|number|num|is|was|me|him|her|them|us|at|on|to|back|by|via|his|my|home|work|office|cell"
    r"|contact)\b[\s.:#]{0,4}){0,4}$",
    re.I,
)
# "Text my husband Miguel at 5125550144": somebody is to be reached, and the number comes last.
_PHONE_OF = re.compile(
    r"\b(?:call|text|ring|phone|reach|contact|message|sms|whatsapp)\s(?:my|his|her|the|our|me|him|them)\b[^.;:!?\n\d]{0,30}"
    r"\b(?:at|on|under|via)\s$",
    re.I,
)
# The national form of many countries: a leading 0 and groups, nine to eleven figures, which no other number has.
_TRUNK = re.compile(
    r"(?<![\w.,/+\-])(?<!\d )(?:\(0[1-9]\d{0,3}\)|0[1-9]\d{0,4})(?:[ \-]\d{2,8}){1,4}(?![\w%]|[.,]\d|[ \-]\d)"
)
_TRUNK_FIGURES = range(9, 12)
_LOOSE_PHONE = re.compile(r"(?<![\w.])\(?\+?\d(?:[\s.\-()/]{0,2}\d){6,14}(?![\w])")
_FAX_LABEL = re.compile(r"\bfax\b[^\d\n]{0,18}$", re.I)
_FAX_AFTER = re.compile(r"^[\s\-(]{0,2}\(?fax\b", re.I)
_TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})
_PUBLIC_LINE = re.compile(
    r"\b(?:hot\s?line|help\s?line|life\s?line|crisis line|poison|clearinghouse|information (?:line|service"
    r"|center)|association|foundation"
    r"|society|national institute|information center|toll[- ]?free|www\.[\w.\-]+)\b[^\n]{0,50}$",
    re.I,
)
_PAGE_FOLLOWS = re.compile(
    r"\s{0,4}(?:\(?TTY\S{0,20}\s{0,4})?(?:e-?mail:?\s{0,4}\S{1,100}\s{1,4})?(?:or\s{1,4})?(?:(?:visit|see|go to)\s{1,4})?www\.",
    re.I,
)
_OF_A_PERSON = re.compile(r"\b(?:his|her|my|him|me|patient'?s?|pt|cell|mobile|home)\b", re.I)

_IPV4 = re.compile(r"(?<![\d.\w])(?:\d{1,3}\.){3}\d{1,3}(?![\d\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.I)
_IP_WORD = re.compile(r"\b(?:ip|address|host|from|client|server|login|logged)\b[^.\n]{0,25}$", re.I)
_NUMBERING = re.compile(
    r"\b(?:version|ver|v|section|sect|chapter|table|figure|fig|ec|enzyme|release|build|§)\.?\s{0,4}$", re.I
)


def web(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, leads to a person) for every web address."""
    for match in _PROFILE.finditer(text) if ".com/" in text else ():
        yield match.start(), match.end(), True
    if "//" not in text and "www." not in text.lower():
        return
    for match in URL.finditer(text):
        address = match.group().rstrip(".,;:!?")
        own = _OWN_PAGE.search(text, max(0, match.start() - 45), match.start()) is not None
        personal = own or _SOCIAL.search(address) is not None
        personal = personal or (_PERSONAL_WORD.search(address) is not None and _HAS_ID.search(address) is not None)
        yield match.start(), match.start() + len(address), personal


def emails(text: str) -> Iterator[Span]:
    """Yield every e-mail address that is not an organisation's open mailbox."""
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        if not _OPEN_MAILBOX.match(match.group()):
            yield match.start(), match.end(), "email", "email.address"


def phones(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield phone and fax numbers."""
    for detector, pattern in (
        ("phone.north_american", _NANP),
        ("phone.international", _INTERNATIONAL),
        ("phone.cn", _CHINESE_MOBILE),
    ):
        for match in pattern.finditer(text, low, high):
            if not _is_public_line(text, match):
                yield match.start(), match.end(), _phone_or_fax(text, match), detector
    for match in _TRUNK.finditer(text, low, high):
        if sum(map(str.isdigit, match.group())) in _TRUNK_FIGURES and not _is_public_line(text, match):
            yield match.start(), match.end(), _phone_or_fax(text, match), "phone.national"
    for match in _LOOSE_PHONE.finditer(text, low, high):
        labelled = _PHONE_LABEL.search(text, max(0, match.start() - 40), match.start())
        labelled = labelled or _PHONE_OF.search(text, max(0, match.start() - 60), match.start())
        if labelled and not _is_public_line(text, match):
            yield match.start(), match.end(), _phone_or_fax(text, match), "phone.labelled"


def ips(text: str, low: int, high: int) -> Iterator[Span]:
    """Yield IPv4 and IPv6 addresses; four numbers after "version" or "section" are none."""
    for match in _IPV4.finditer(text, low, high):
        before = text[max(0, match.start() - 30) : match.start()]
        small = all(len(part) == 1 for part in match.group().split("."))
        if _is_ip(match.group()) and not _NUMBERING.search(before) and (not small or _IP_WORD.search(before)):
            yield match.start(), match.end(), "ip", "ip.v4"
    if text.count(":") >= 3:
        for match in _IPV6.finditer(text, low, high):
            if match.group().count(":") >= 3 and sum(c.isalnum() for c in match.group()) >= 4 and _is_ip(match.group()):
                yield match.start(), match.end(), "ip", "ip.v6"


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _phone_or_fax(text: str, match: re.Match[str]) -> str:
    fax = _FAX_LABEL.search(text, max(0, match.start() - 25), match.start()) or _FAX_AFTER.match(
        text[match.end() : match.end() + 8]
    )
    return "fax" if fax else "phone"


def _is_public_line(text: str, match: re.Match[str]) -> bool:
    digits = "".join(character for character in match.group() if character.isdigit())
    local = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    if len(local) == 10 and local[:3] in _TOLL_FREE:
        return True
    if _PAGE_FOLLOWS.match(text, match.end()):
        return True
    before = text[max(0, match.start() - 80) : match.start()]
    announced = _PUBLIC_LINE.search(before)
    return announced is not None and not _OF_A_PERSON.search(before[announced.start() :])
