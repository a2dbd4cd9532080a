"""Where a sentence begins and ends, well enough for clinical shorthand.

    around("Seen by Dr. Lee at 9. He left.", 8, 15) → (0, 22)

"Dr. Lee", "John T. in" and "St. Mary's" end no sentence. It does not know: words, languages, identifiers.
"""

from __future__ import annotations

import re

# The mark comes first and the exceptions look back from it: that way only marks are tried, not every character.
BREAK = re.compile(
    r"[.!?](?<![A-Z]\.)(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bSt\.)(?<!\bMt\.)(?<!\bvs\.)(?<!\bpt\.)(?<!\bno\.)(?<!\bMrs\.)"
    r"(?<!\bins\.)(?<!\bMed\.)[\"')\]]?\s+|\n+"
)


def around(text: str, start: int, end: int, reach_chars: int = 160) -> tuple[int, int]:
    """Find the sentence that holds start to end.

    Args:
        text: Any text.
        start: First character that must be inside.
        end: One past the last character that must be inside.
        reach_chars: Look no further than this on either side.

    Returns:
        First character of the sentence and one past its last.
    """
    low, high = max(0, start - reach_chars), min(len(text), end + reach_chars)
    for match in BREAK.finditer(text, low, start):
        low = match.end()
    stop = BREAK.search(text, end, high)
    return low, stop.end() if stop else high
