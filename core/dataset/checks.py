"""What is wrong with a text that nobody should repair: placeholders, pasted-over words, lost accents, refusals.

    is_placeholder("N/A") → True

Each check answers for one text. It does not know: records, counts, files.
"""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(
    r"\W*(?:n/?a|nan|undefined|tbd|tba|todo|xxx+|lorem ipsum\b.*|deleted|removed|same as above"
    r"|to be (?:added|determined|done|filled in)"
    r"|no (?:answer|response|reply|data|content|text)(?: (?:given|provided|available|yet|found))?"
    r"|not (?:available|applicable|answered|provided)|see (?:above|below|attached|attachment)"
    r"|#(?:n/a|ref!|value!|name\?)"
    r"|[\[{<(]{1,2}\s*(?:insert|your|add|enter|deleted|removed|answer|question|response|placeholder)"
    r"[^\]}>)]{0,60}[\]}>)]{1,2})\W*",
    re.I | re.S,
)
# "None." is an answer that clinicians write; a bare None is what software writes.
_BARE = frozenset({"none", "null", "nil", "(none)", "<none>", "[none]", "(null)", "<null>", "[null]"})
_PLACEHOLDER_CHARS = 400
_GAP_SIGNS = ("[", "{", "<", "XXXX", "xxxx")
# Not lines to fill in (exam questions have them), and not the X of a karyotype such as 48,XXXX.
_GAP = re.compile(
    r"\[(?:insert|your|patient'?s?|name of|add|enter|drug|disease|condition|date|link|url|citation needed)\b[^\]\n]{0,40}\]"
    r"|\{\{?\s*[a-z_][a-z0-9_ ]{0,30}\s*\}?\}|<(?:insert|your|name|drug|disease|condition)\b[^<>\n]{0,40}>"
    r"|(?<!\d,)\bX{4,}\b",
    re.I,
)
# ChatDoctor's release replaced parts of words by its own name: "lactic acid dehy ChatDoctor." After the greetings are
# gone, the name is rightly used only after a small word ("ask ChatDoctor", "from ChatDoctor") or as a subject.
_PRODUCT_SIGNS = ("Doctor", "CareMagic", "Care Magic", "iCliniq")
_PRODUCT = r"(?:Chat ?Doctor|Health ?Care ?Magic|iCliniq)"
_BEFORE_PRODUCT = re.compile(rf"(\w+)[ -]?{_PRODUCT}|{_PRODUCT}(?=[a-z])")
_RIGHT_BEFORE = re.compile(
    r"an?|the|to|at|on|in|by|from|with|of|for|and|or|as|via|like|is|am|your|our|this|dear|hello|hi|thanks|regards|welcome|dr"
    r"|ask(?:ing)?|us(?:e|ing|ed)|consult(?:ing)?|contact(?:ing)?|visit(?:ing)?|cho(?:ose|osing|se)|called|named",
    re.I,
)
# Names whose accented letter is gone, or has become a question mark. Plain substrings are looked for first: that is
# forty times as fast as the pattern, and hardly any text holds one.
_LOST_SIGNS = (
    "\ufffd", "Sjgren", "Guillain-Barr", "Guillain Barr", "Mnire", "Mniere", "Menire", "Behet", "Waldenstrm", "Schnlein",
    "Kbner", "Lffler", "Lfgren", "Mllerian", "Mbius", "Rntgen", "Franois", "Grnblad", "Ltterer", "Hrthle",
    "Caf-au-lait", "caf-au-lait", "caf au lait", "dj vu", "Khlmeier", "Strmpell", "Hnermann", "Mnchausen",
)  # fmt: skip
_LETTER_LOST = re.compile(r"\?[a-z]")
_LOST_ACCENT = re.compile(
    r"\ufffd|\bSj\??gren|\bGuillain[- ]Barr\b(?!é)|\bM(?:\?n|n)i\??e?re|\bMeni\?re|\bMenire\b|\bBeh\??et\b|\bWaldenstr\??m\b"
    r"|\bSch\??nlein|\bK\??bner\b|\bL\??ffler\b|\bL\??fgren\b|\bM\??llerian\b|\bM\??bius\b|\bR\??ntgen\b|\bFran\??ois\b"
    r"|\bGr\??nblad\b|\bH\??rthle\b|\bStr\??mpell\b|\bH\??nermann\b|\bM\??nchausen\b|\b[Cc]af\??[- ]au[- ]lait\b|\bd\??j\?? vu\b"
    r"|\b[A-Za-z]+\?s (?:disease|syndrome|sarcoma)\b"
)
_REFUSAL = re.compile(
    r"\A\W*(?:i(?:'|\u2019)?m (?:really |so |very )?sorry\b|sorry\b|i apologi[sz]e\b"
    r"|as an? (?:ai|artificial|language|large)\b|i(?:'m|\u2019m| am)? (?:just |only )?an? (?:ai|language model)\b"
    r"|i (?:can(?:no|'|\u2019)t|am (?:not able|unable)|do not|don(?:'|\u2019)t))[^\n]{0,160}?"
    r"(?:(?:can(?:not|'t|\u2019t)|unable to|not able to) "
    r"(?:provide|give|offer|assist|help|answer|diagnose|fulfil|do that|comply|advise|discuss)"
    r"|as an? (?:ai|artificial intelligence|language model)|(?:ai|language model)[^\n]{0,40}(?:not|n't) )"
    r"|\A\W*(?:unfortunately,? )?i(?: can(?:not|'t|\u2019t)|(?:'m| am) (?:not able|unable) to) "
    r"(?:provide|give|offer|assist|help|answer|diagnose|fulfil|do that|comply|advise|discuss)",
    re.I,
)
_REFUSAL_CHARS = 600
_SHORT_ANSWER = re.compile(
    r"\W*(?:(?:option|answer|choice)?\s*(?:is)?[:\s]*\(?[A-Ha-h1-9]\)?[.:)]?(?:\s+\S.*)?"
    r"|yes|no|maybe|true|false|unknown|none of (?:the above|these)|[-+<>≤≥~]?\s*\d[\d.,/ -]*\s?[%\w/µ°]*)\W*",
    re.I,
)
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def is_placeholder(text: str) -> bool:
    """Say whether a text stands for one that was never written; an empty text is not one."""
    if len(text) >= _PLACEHOLDER_CHARS:
        return False
    return text.strip().lower() in _BARE or bool(_PLACEHOLDER.fullmatch(text))


def has_gap(text: str) -> bool:
    """Say whether a text holds a field that was never filled in, such as [insert name] or {drug}."""
    return any(sign in text for sign in _GAP_SIGNS) and bool(_GAP.search(text))


def pasted_over(text: str) -> int | None:
    """Find where a product name stands in place of the end of a word; None if nowhere."""
    if not any(sign in text for sign in _PRODUCT_SIGNS):
        return None
    for match in _BEFORE_PRODUCT.finditer(text):
        if match[1] is None or not _RIGHT_BEFORE.fullmatch(match[1]):
            return match.start()
    return None


def lost_accent(text: str) -> int | None:
    """Find where a known medical word misses its accented letter, or a letter is the mark for unreadable."""
    if not _LETTER_LOST.search(text) and not any(map(text.__contains__, _LOST_SIGNS)):
        return None
    match = _LOST_ACCENT.search(text)
    return match.start() if match else None


def is_refusal(text: str) -> bool:
    """Say whether an answer only says that it will not answer; a long one that begins so still teaches something."""
    return len(text) <= _REFUSAL_CHARS and bool(_REFUSAL.match(text))


def is_too_short(text: str, min_chars: int) -> bool:
    """Say whether an answer is below the least length; a Chinese, Japanese or Korean sign counts as three.

    Answers that are short by nature (yes, a letter, a number with its unit) never are.
    """
    if len(text) >= min_chars:
        return False
    return len(text) + 2 * len(_WIDE.findall(text)) < min_chars and not _SHORT_ANSWER.fullmatch(text)
