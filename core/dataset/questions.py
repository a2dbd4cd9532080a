"""What sort of question a question is, by its words: symptoms, treatment, diagnosis and so on.

    type_of("What are the symptoms of gout?") → 0 (TYPES[0] is "symptoms")

Meant for a picture of what a data set asks about, not for decisions about rows; English only. It does not know: rows.
"""

from __future__ import annotations

import re

_PATTERNS: dict[str, str] = {
    "symptoms": r"symptom|signs? of|what does .* feel like|how do i know if|manifest|complain",
    "treatment": r"treat|therap|manage|cure|medicat|drug of choice|remed|what should i (?:do|take)|how can i get rid",
    "diagnosis": r"diagnos|test(?:s|ed|ing)?\b|detect|screen|biopsy|most likely|work-?up|investigation",
    "causes": r"\bcaus|\bwhy\b|due to|responsible for|risk factor|at risk|etiolog|aetiolog",
    "inheritance": r"inherit|genetic|\bgenes?\b|mutation|runs? in famil|hereditary",
    "prevention": r"prevent|avoid|vaccin|protect|lower (?:my|the) risk",
    "outlook": r"outlook|prognos|life expectancy|surviv|recover|how long (?:does|will|can)|complication",
    "medicines": r"dos(?:e|age|ing)\b|side effects?|interact|contraindicat|\bmg\b|overdose|is it safe to take|how does .* work",
    "frequency": r"how (?:common|many people|often)|incidence|prevalence|affected by",
    "research": r"clinical trial|research",
    "definition": r"^(?:what|who) (?:is|are)\b|^(?:define|describe|explain)\b|what does .* mean|meaning of",
}
OTHER = "other"
TYPES: tuple[str, ...] = (*_PATTERNS, OTHER)
_ANY = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()))
_PLACE = {name: place for place, name in enumerate(TYPES)}
# In a long message the question itself stands at its end.
_LAST_CHARS = 300


def type_of(question: str) -> int:
    """Give the place in TYPES of a question's sort; of several that fit the first in TYPES."""
    found = {match.lastgroup for match in _ANY.finditer(question[-_LAST_CHARS:].lower())}
    return min((_PLACE[name] for name in found if name), default=len(TYPES) - 1)
