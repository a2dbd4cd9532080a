"""Showing a finding without showing it, and putting a typed placeholder in its place.

    masked("Seen on 3 May 2021.", finding) → "Seen on ██████████."
    replace("Seen on 3 May 2021.", [finding]) → "Seen on [DATE]."

It does not know: how findings are made, or who decides about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.dataset.identifiers import sentences
from core.dataset.identifiers.kinds import KINDS, Finding

BLOCK = "█"
_BLANKS = re.compile(r"\s+")


def masked(text: str, finding: Finding, context_chars: int = 60, others: Iterable[Finding] = ()) -> str:
    """Give the sentence around a finding with the finding blacked out.

    The number of blocks does not tell the length: it is 3 to 10.

    Args:
        text: The message that holds the finding.
        finding: What to black out.
        context_chars: Most characters to show on either side.
        others: Further findings of the same text, blacked out where they fall into the same sentence.
    """
    return masked_place(text, finding, context_chars, others)[0]


def masked_place(
    text: str, finding: Finding, context_chars: int = 60, others: Iterable[Finding] = ()
) -> tuple[str, tuple[int, int]]:
    """Do what ``masked`` does, and say where in the sentence the finding's own blocks stand: (start, end)."""
    low, high = _sentence(text, finding.start, finding.end, context_chars)
    hidden = _merged([finding, *others])
    before, at, own = "…" if low > 0 else "", low, (0, 0)
    for start, end in hidden:
        if end <= low or start >= high:
            continue
        before = _blanks_joined(before + text[at : max(start, at)])
        blocks = BLOCK * min(10, max(3, end - start))
        if start <= finding.start and finding.end <= end:
            own = (len(before), len(before) + len(blocks))
        before += blocks
        at = max(at, min(end, high))
    return _blanks_joined(before + text[at:high]).rstrip() + ("…" if high < len(text) else ""), own


def _blanks_joined(text: str) -> str:
    """Make one space of each run of blanks; none at the start."""
    return _BLANKS.sub(" ", text).lstrip()


def placeholder(kind: str) -> str:
    """Give the typed word that replaces a finding of this kind, for example ``[DATE]``."""
    return f"[{KINDS[kind].placeholder}]"


def replace(text: str, findings: Iterable[Finding]) -> str:
    """Put a typed placeholder in place of every finding; of findings that overlap, the longest names the type."""
    out, at = [], 0
    for start, end, kind in _groups(findings):
        out += [text[at:start], placeholder(kind)]
        at = end
    return "".join(out) + text[at:]


def _groups(findings: Iterable[Finding]) -> list[tuple[int, int, str]]:
    """Merge findings that overlap into (start, end, kind of the longest)."""
    groups: list[tuple[int, int, str, int]] = []
    for finding in sorted(findings, key=lambda item: (item.start, -item.end)):
        length = finding.end - finding.start
        if groups and finding.start < groups[-1][1]:
            start, end, kind, longest = groups[-1]
            best = (finding.kind, length) if length > longest else (kind, longest)
            groups[-1] = (start, max(end, finding.end), *best)
        else:
            groups.append((finding.start, finding.end, finding.kind, length))
    return [(start, end, kind) for start, end, kind, _ in groups]


def _merged(findings: Iterable[Finding]) -> list[tuple[int, int]]:
    return [(start, end) for start, end, _ in _groups(findings)]


def _sentence(text: str, start: int, end: int, context_chars: int) -> tuple[int, int]:
    """Find the sentence that holds start to end, cut at words to at most context_chars on either side."""
    low, high = sentences.around(text, start, end, context_chars)
    if low > 0 and low == start - context_chars and not text[low - 1].isspace():
        low = min(start, low + len(text[low:start].split(" ", 1)[0]))
    if high == end + context_chars and high < len(text) and not text[high].isspace():
        cut = text.rfind(" ", end, high)
        high = cut if cut > end else high
    return low, high
