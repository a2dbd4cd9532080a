"""Looking for what may point to a patient, before anything is trained on.

    scan(text)               → blocking findings, by patterns with context
    scan_names(texts)        → advisory findings, names and places (needs spaCy; see names_available)
    masked, replace          → show a finding without showing it; put [DATE] in its place
    coverage(names_checked)  → what was checked and what was not, class by class

Its arrow: core.errors and core.progress only. It does not know: records, files, decisions. It never says that text is free of
identifiers, because no detector can: it says what was looked for.
"""

from __future__ import annotations

from core.dataset.identifiers.kinds import KINDS, Coverage, Finding, Kind, coverage
from core.dataset.identifiers.masking import masked, masked_place, placeholder, replace
from core.dataset.identifiers.names import names_available, scan_names
from core.dataset.identifiers.patterns import scan

__all__ = [
    "KINDS",
    "Coverage",
    "Finding",
    "Kind",
    "coverage",
    "masked",
    "masked_place",
    "names_available",
    "placeholder",
    "replace",
    "scan",
    "scan_names",
]
