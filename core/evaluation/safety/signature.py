"""Who has reviewed the probe set: until a named person signs it, every result says that engineers drafted it.

    sign_probes(home, probes.sha256, "Dr Lee", "emergency physician", "…")
    probe_review(home, probes.sha256)  →  ProbeReview(signed, sentence …)

A signature belongs to the file's hash: a changed file is unsigned again. Nothing is ever taken out of the record.
It does not know: probes, who may sign (callers see to that).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.evaluation.ledger import append, entries

FILE = "safety_probe_reviews.json"
DRAFTED = "The probes were drafted by engineers and are to be reviewed by a clinician"


@dataclass(frozen=True, slots=True)
class ProbeReview:
    """Whether the probe set has been reviewed.

    Args:
        signed: Whether a signature stands for exactly this file.
        sentence: The state in words.
        name: Who signed; empty if nobody has.
        role: Their profession.
        when: When, UTC ISO-8601.
    """

    signed: bool
    sentence: str
    name: str = ""
    role: str = ""
    when: str = ""


def probe_review(home: Path, sha256: str) -> ProbeReview:
    """Say whether a probe set has been reviewed.

    Args:
        home: The folder the app writes to.
        sha256: Hash of the probe file as it is now.

    Raises:
        JobError: if the record of signatures is damaged.
    """
    said = entries(home / FILE)
    last = next((entry for entry in reversed(said) if entry["probes"] == sha256), None)
    if last is not None and last["signed"]:
        sentence = f"The probes were reviewed by {last['name']}, {last['role']}, on {last['when'][:10]}."
        return ProbeReview(True, sentence, last["name"], last["role"], last["when"])
    if last is not None:
        return ProbeReview(False, f"{DRAFTED}: {last['name']} has withdrawn the signature on {last['when'][:10]}.")
    if any(entry["signed"] for entry in said):
        return ProbeReview(False, f"{DRAFTED}: they have been changed since the last signature.")
    return ProbeReview(False, f"{DRAFTED}.")


def sign_probes(home: Path, sha256: str, name: str, role: str, statement: str = "") -> ProbeReview:
    """Sign the probe set as its reviewer.

    Args:
        home: The folder the app writes to.
        sha256: Hash of the probe file that was reviewed.
        name: Who signs.
        role: Their profession, for example ``emergency physician``.
        statement: What they want to have said about it; may be empty.

    Raises:
        InputError: if name or role is missing.
    """
    _add(home, sha256, name, role, statement, signed=True)
    return probe_review(home, sha256)


def withdraw_probes(home: Path, sha256: str, name: str, role: str, statement: str) -> ProbeReview:
    """Take a signature back; the record keeps both.

    Raises:
        InputError: if name or role is missing, or there is no signature.
    """
    if not probe_review(home, sha256).signed:
        raise InputError("The probe set is not signed, so there is nothing to withdraw.", "Look at the record again.")
    _add(home, sha256, name, role, statement, signed=False)
    return probe_review(home, sha256)


def _add(home: Path, sha256: str, name: str, role: str, statement: str, *, signed: bool) -> None:
    if not name.strip() or not role.strip():
        raise InputError("A signature needs a name and a profession.", "Fill in both.")
    body = {"name": name.strip(), "role": role.strip(), "statement": statement.strip()}
    append(home / FILE, {"probes": sha256, "signed": signed, **body})
