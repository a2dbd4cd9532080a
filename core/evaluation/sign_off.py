"""A named professional signs a run after seeing what is known about it: sign_off.json in the run's folder.

    seen = evidence(run_dir)                                          → hashes of adapter, results and closed reviews
    sign(run_dir, "Dr Lee", "emergency physician", "…", digest_of(seen))
    signed = state(run_dir)                                           → SignOff(signed, sentence, changed …)

A signature holds the hashes of what was seen, so whatever is measured, changed or overruled later is told as "signed
before". A signature is withdrawn by another entry; none is ever taken out. It says that a person has looked, and no more.
It does not know: who may sign (callers see to that), screens, how anything was measured.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import InputError, ModelError
from core.evaluation.ledger import Entry, append, entries
from core.evaluation.result import EVALUATIONS, RESULT_FILE
from core.evaluation.review.session import list_reviews
from core.jobs.job import read_job
from core.model.folder import sha256_of
from core.settings import Settings

FILE = "sign_off.json"
ADAPTER = "adapter weights"
WEIGHTS = Path("adapter") / "adapter_model.safetensors"
NOT_SIGNED = "Not reviewed: no named health professional has signed this run."


@dataclass(frozen=True, slots=True)
class SignOff:
    """Whether a run is signed, and whether it still is what was signed.

    Args:
        signed: Whether a signature stands.
        sentence: The state in words, "signed before" included.
        name: Who signed or withdrew last; empty if nobody has.
        role: Their profession.
        when: When, UTC ISO-8601.
        statement: What they said.
        seen: SHA-256 of what they saw, by name.
        changed: What has come, changed or gone since, in words; empty if nothing has or no signature stands.
        history: Every signature and withdrawal, the oldest first.
    """

    signed: bool
    sentence: str
    name: str = ""
    role: str = ""
    when: str = ""
    statement: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    history: tuple[Entry, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; the history without its hash chain."""
        kept = ("signed", "name", "role", "when", "statement")
        return {
            **{name: getattr(self, name) for name in (*kept, "sentence")},
            "seen": dict(self.seen),
            "changed_since": list(self.changed),
            "history": [{name: entry[name] for name in kept} for entry in self.history],
        }


def evidence(run_dir: Path) -> dict[str, str]:
    """SHA-256 of everything that a signature would speak of: adapter, evaluations' results, closed reviews; by name."""
    found = {}
    if (run_dir / WEIGHTS).is_file():
        found[ADAPTER] = _hash(run_dir / WEIGHTS)
    for path in sorted((run_dir / EVALUATIONS).glob(f"*/{RESULT_FILE}")):
        found[f"evaluation {path.parent.name}"] = _hash(path)
    database = Settings(home=read_job(run_dir).home).database
    for review in list_reviews(database) if database.is_file() else ():
        if review.run_id == run_dir.name and review.closed:
            # a closed review takes no rating any more, so its items and its end name it fully
            found[f"review {review.id}"] = digest_of({"items": review.sha256, "closed": review.closed})
    return found


def digest_of(seen: Mapping[str, str]) -> str:
    """One hash for all of that: a screen keeps it from showing to signing."""
    return hashlib.sha256(json.dumps(dict(seen), sort_keys=True).encode("utf-8")).hexdigest()


def sign(run_dir: Path, name: str, role: str, statement: str, seen: str) -> SignOff:
    """Sign a run.

    Args:
        run_dir: The run's folder.
        name: Who signs.
        role: Their profession, for example ``emergency physician``.
        statement: What they state, for example what the run may be used for.
        seen: ``digest_of(evidence(run_dir))`` as it was when they looked.

    Raises:
        InputError: if name, role or statement is missing, nothing has been judged yet, or something has changed since
            they looked.
        ModelError: if the run has no adapter.
        JobError: if the record is damaged.
        ResourceError: if the disk refuses.
    """
    now = evidence(run_dir)
    if ADAPTER not in now:
        raise ModelError("This run has no adapter yet, so there is nothing to sign.", "Let it finish, then judge it.")
    if len(now) == 1:
        raise InputError(
            "Nothing has been judged yet, so there is nothing to sign.", "Run an evaluation or a blind review first."
        )
    if digest_of(now) != seen:
        raise InputError(
            "Something has changed since you looked at this run.", "Look at the scorecard again, then sign."
        )
    _add(run_dir, name, role, statement, signed=True, seen=now)
    return state(run_dir)


def withdraw(run_dir: Path, name: str, role: str, why: str) -> SignOff:
    """Take the signature back; the record keeps both.

    Raises:
        InputError: if name, role or reason is missing, or the run is not signed.
    """
    if not state(run_dir).signed:
        raise InputError("This run is not signed, so there is nothing to withdraw.", "Look at its record again.")
    _add(run_dir, name, role, why, signed=False, seen={})
    return state(run_dir)


def state(run_dir: Path) -> SignOff:
    """Say whether a run is signed, and what has changed since.

    Raises:
        JobError: if the record is damaged, or somebody has changed it by hand.
    """
    history = entries(run_dir / FILE)
    if not history:
        return SignOff(False, NOT_SIGNED)
    last = history[-1]
    who = f"{last['name']}, {last['role']}, on {last['when'][:10]}"
    changed: tuple[str, ...] = ()
    if last["signed"]:
        changed = tuple(_changes(last["seen"], evidence(run_dir)))
        sentence = f"Signed by {who}."
        if changed:
            sentence = f"Signed by {who}, before this: {'; '.join(changed)}."
    else:
        sentence = f"Not reviewed: the signature was withdrawn by {who}."
    return SignOff(
        bool(last["signed"]),
        sentence,
        last["name"],
        last["role"],
        last["when"],
        last["statement"],
        last["seen"],
        changed,
        history,
    )


def _changes(seen: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(seen.keys() | now.keys(), key=lambda name: (name != ADAPTER, name)):
        if name not in now:
            yield f"{name} deleted"
        elif name not in seen:
            yield f"{name} added"
        elif seen[name] != now[name]:
            yield f"{name} changed"


def _add(run_dir: Path, name: str, role: str, statement: str, *, signed: bool, seen: Mapping[str, str]) -> None:
    if not name.strip() or not role.strip() or not statement.strip():
        raise InputError("A signature needs a name, a profession and a statement.", "Fill in all three.")
    body = {"name": name.strip(), "role": role.strip(), "statement": statement.strip()}
    append(run_dir / FILE, {"signed": signed, **body, "seen": dict(seen)}, _last)


def _last(history: Sequence[Entry]) -> Mapping[str, Any]:
    """What stands now, for whoever opens the file."""
    return {name: history[-1][name] for name in ("signed", "name", "role", "when", "statement")}


def _hash(path: Path) -> str:
    about = path.stat()
    return _hash_of(path, about.st_mtime_ns, about.st_size)


@functools.lru_cache(maxsize=256)
def _hash_of(path: Path, changed_ns: int, size_bytes: int) -> str:
    """Read again only when the file has changed."""
    return sha256_of(path)
