"""A small record of what people have decided: entries are added, never changed, and each names the one before it.

    append(path, {"who": "Dr Lee", "verdict": "fail"})   → the entry with its time and hash
    entries(path)                                        → all of them, the oldest first

Every entry carries the SHA-256 of the one before, so a changed or removed entry is noticed at the next reading (a whole
chain written anew is not: this shows mistakes and careless edits, it is no notary). It does not know: what entries mean.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import JobError, ResourceError
from core.jobs.job import utc_now, write_whole

Entry = Mapping[str, Any]


def entries(path: Path) -> tuple[Entry, ...]:
    """Every entry, the oldest first; none if there is no file.

    Raises:
        JobError: if the file is damaged, or an entry was changed or taken out.
    """
    if not path.is_file():
        return ()
    try:
        found = tuple(json.loads(path.read_text(encoding="utf-8"))["entries"])
        previous = ""
        for entry in found:
            if entry["previous"] != previous or entry["sha256"] != _hash(entry):
                raise ValueError("the chain is broken")
            previous = entry["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(
            f"{path.name} is damaged, or somebody has changed it by hand.", "Restore it from a copy."
        ) from error
    return found


def append(
    path: Path,
    entry: Entry,
    summary: Callable[[Sequence[Entry]], Mapping[str, Any]] | None = None,
) -> Entry:
    """Add an entry; when this returns it is on the disk.

    Args:
        path: The file.
        entry: Plain values; ``when``, ``previous`` and ``sha256`` are added.
        summary: What to write beside the entries, made of all of them.

    Raises:
        JobError: if the file is damaged.
        ResourceError: if the disk refuses; nothing is added then.
    """
    with _alone(path):
        before = entries(path)
        added = {**entry, "when": utc_now(), "previous": before[-1]["sha256"] if before else ""}
        added["sha256"] = _hash(added)
        everything = (*before, added)
        body = {**(summary(everything) if summary else {}), "entries": everything}
        try:
            write_whole(path, json.dumps(body, ensure_ascii=False, indent=1))
        except OSError as error:
            raise ResourceError(
                f"{path.name} could not be written ({error.strerror}).", "Free some disk space and try again."
            ) from error
    return added


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let nobody else add in the meantime, neither a thread nor another process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _hash(entry: Entry) -> str:
    body = {key: value for key, value in entry.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode("utf-8")).hexdigest()
