"""Repairs of one text, each a function from str to str: tags, mojibake, blanks, chat marks, greetings.

    strip_html("<p>BP &lt; 90</p>") → "BP < 90"

Every repair leaves a text that needs none exactly as it was, and doing it twice changes nothing more.
It does not know: records, counts, files.
"""

from __future__ import annotations

import html
import re

import ftfy

# Only what HTML calls a tag counts as one: "BP < 90 and > 60" and "p<0.05" are medicine.
_BLOCK = (
    "p|br|div|li|ul|ol|dl|dt|dd|tr|table|thead|tbody|tfoot|h[1-6]|hr|section|article|header|footer|blockquote|pre|center|"
    "form|fieldset|main|nav|aside|figure|figcaption"
)
_INLINE = (
    "a|abbr|acronym|b|big|button|caption|cite|code|col|colgroup|del|em|font|i|iframe|img|input|ins|kbd|label|link|mark|"
    "meta|noscript|object|option|picture|q|samp|select|small|source|span|strike|strong|sub|sup|svg|td|th|time|tt|u|var|"
    "video|html|head|body|title|base|embed|audio"
)
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^>]*>.*?</\1\s*>|<!doctype[^>]*>|<!\[CDATA\[|\]\]>", re.I | re.S)
_ITEM = re.compile(r"\s*(?:</li\s*>\s*)?<li\b[^<>]*>\s*", re.I)
_CELL = re.compile(r"\s*</t[dh]\s*>\s*(?=<t[dh]\b)", re.I)
_BLOCK_TAG = re.compile(rf"[ \t]*</?(?:{_BLOCK})(?:\s[^<>]*)?/?>[ \t]*", re.I)
_INLINE_TAG = re.compile(rf"</?(?:{_INLINE})(?:\s[^<>]*)?/?>", re.I)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")

# Fullwidth punctuation is right in Chinese and Japanese, curly quotes are right everywhere: both stay.
_FTFY = ftfy.TextFixerConfig(
    unescape_html=False, uncurl_quotes=False, fix_character_width=False, fix_line_breaks=False, explain=False
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_ODD_BLANK = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\t\v\f]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_BLANKS = re.compile(r" {2,}")
_LINE_EDGE = re.compile(r" *\n *")
_EMPTY_LINES = re.compile(r"\n{3,}")
_LOOSE_MARKS = (" ?", " !", " ,", " ;", " :", " .")
_BLANK_BEFORE_MARK = re.compile(r"(?<=\S) +(?=[?!,;:.](?:\s|$))")

_CHAT_MARK = re.compile(
    r"<\|start_header_id\|>\s*\w+\s*<\|end_header_id\|>|<\|im_start\|>[ \t]*(?:system\b|user\b|assistant\b)?|<\|[A-Za-z_]{2,30}\|?>"
    r"|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>(?:[ \t]*(?:user|model)\b)?|<bos>|<eos>|<pad>|<unk>"
    r"|<\uff5c[^<>|]{2,40}\uff5c>|</?(?:user|bot|assistant|human)>"
)
_SECTION_LABEL = re.compile(
    r"\A\s*(?:#{2,4}\s*(?:instruction|input|question|response|answer|output|human|assistant|user)s?\s*:?\s*(?:\n|(?<=:))"
    r"|(?:human|user|patient question|question|q|assistant|ai|bot|answer|a|response)\s*:\s+)",
    re.I,
)

_SITE = r"(?:chat ?doctor|health ?care ?magic|i ?cliniq|(?:this|our) (?:site|forum|service))(?:\.com)?"
_HELLO = re.compile(
    r"\A\s*(?:(?:hi+|hello|hey|good (?:morning|day|evening|afternoon)|greetings)"
    r"(?: there| dear| friend| doctor| sir| madam| user)?(?:\s*[,.!:;]+\s*|\s+(?=(?-i:[A-Z]))|\s*-\s+|\s*\Z))+",
    re.I,
)
_OPENING = re.compile(
    r"\A\s*(?:dear (?:patient|user|friend|sir|madam|sir or madam)\s*[,.!:]+\s*"
    rf"|(?:and )?(?:a )?(?:very )?(?:warm )?welcome (?:to|back to) {_SITE}\s*[,.!]*\s*"
    r"|(?:many )?(?:thanks|thank you)(?: very much| so much)?(?: for (?:your (?:query|question|trust)"
    r"|(?:using|choosing|posting|contacting|writing|consulting|asking|the query|being)\b[^.!?\n]{0,60}"
    rf"|{_SITE}))\s*[.!,]+\s*"
    rf"|i(?: am|'m) (?:dr\.? )?{_SITE}\s*[,.]+\s*"
    r"|i (?:have )?(?:read|gone through|reviewed|understand|understood)(?: all)?(?: of)? your "
    r"(?:query|question|concern|message)s?[^.!?\n]{0,60}[.!]\s*)",
    re.I,
)
_CLOSING = re.compile(
    r"(?:(?<=[.!?\n,])|\A)\s*(?:(?:i )?hope (?:this|that|i|my|it|the)\b[^.!?\n]{0,60}(?:help|answer|useful|clear|satisf)"
    r"[^.!?\n]{0,60}[.!]*"
    r"|(?:please )?(?:feel free to|do not hesitate to|don't hesitate to) (?:ask|contact|write|reach)\b[^.!?\n]{0,80}[.!]*"
    r"|(?:please )?let me know if (?:you have|i can)\b[^.!?\n]{0,80}[.!]*"
    rf"|(?:thanks|thank you)(?: again)?(?: for (?:using|choosing|consulting|asking) {_SITE})?[.!]*"
    r"|(?:wish(?:ing)?(?: you)?|have) (?:a |an )?(?:good|speedy|quick|nice|healthy|best|all)\b[^.!?\n]{0,40}[.!]*"
    r"|take care[.!]*"
    r"|(?:(?:with )?(?:best|kind|warm)? ?(?:regards|wishes)|sincerely|yours (?:truly|sincerely))\s*[,.!-]*"
    r"(?:\s*(?:dr\.? ?[A-Za-z. ]{0,40}|chat ?doctor)[.,]?)?"
    rf"|{_SITE}[.,]?)\s*\Z",
    re.I,
)
# A closing is short: looking for one in the last characters alone is twenty times as fast on long answers.
_CLOSING_CHARS = 240
# MedQuAD's question templates left "(are)" and "(s)" behind.
_TEMPLATE_REST = re.compile(r"\b(What|Who|Where|How) (is|was|does) \((?:are|were|do)\) ")


def strip_html(text: str) -> str:
    """Take out tags, comments, scripts and entities; blocks become lines, list items become dashes."""
    if "<" not in text and "&" not in text:
        return text
    before = text
    text = _ENTITY.sub(lambda match: html.unescape(match[0]), _without_tags(text))
    # Text that was escaped twice shows its tags only now.
    text = _without_tags(text)
    return text.strip() if text != before else before


def _without_tags(text: str) -> str:
    if "<" not in text:
        return text
    text = _HIDDEN.sub("", text)
    text = _ITEM.sub("\n- ", text)
    text = _CELL.sub(" | ", text)
    return _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", text))


def repair_encoding(text: str) -> str:
    """Undo text that was decoded as the wrong encoding (mojibake), and drop control characters.

    Symbols such as µ, ½, ≥ and β, curly quotes and fullwidth punctuation stay.
    """
    if text.isascii() and not _CONTROL.search(text):
        return text
    return ftfy.fix_text(text, _FTFY)


def tidy_blanks(text: str) -> str:
    """Make every blank a plain one, no line padded, no more than one empty line, none before ? or a comma."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = _INVISIBLE.sub("", _ODD_BLANK.sub(" ", text.replace("\u2028", "\n").replace("\u2029", "\n\n")))
    elif any(blank in text for blank in "\t\v\f"):
        text = _ODD_BLANK.sub(" ", text)
    if "  " in text:
        text = _BLANKS.sub(" ", text)
    if "\n" in text:
        text = _EMPTY_LINES.sub("\n\n", _LINE_EDGE.sub("\n", text))
    if any(mark in text for mark in _LOOSE_MARKS):
        text = _BLANK_BEFORE_MARK.sub("", text)
    return text.strip()


def strip_chat_marks(text: str) -> str:
    """Take out the marks of chat templates (<|im_end|>, [INST], </s>) and a role label at the very start."""
    before = text
    if any(mark in text for mark in ("<", "[")):
        text = _CHAT_MARK.sub("", text)
    text = _SECTION_LABEL.sub("", text)
    return text.strip() if text != before else before


def strip_greetings(text: str) -> str:
    """Take out what a help desk says before and after the answer; keep a text that says nothing else."""
    opened = _HELLO.sub("", text)
    while (shorter := _HELLO.sub("", _OPENING.sub("", opened))) != opened:
        opened = shorter
    while (shorter := _without_closing(opened)) != opened:
        opened = shorter
    opened = opened.strip()
    if opened == text.strip() or not opened:
        return text
    return opened[0].upper() + opened[1:]


def _without_closing(text: str) -> str:
    match = _CLOSING.search(text, max(0, len(text) - _CLOSING_CHARS))
    return text[: match.start()] if match else text


def strip_template_rest(text: str) -> str:
    """Take out what a question template left behind: "What is (are) X" becomes "What is X"."""
    return _TEMPLATE_REST.sub(r"\1 \2 ", text)
