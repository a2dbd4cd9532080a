"""Versions: the data sets that were cleaned from one upload, one after the other, each with its own options.

    versions_of(dataset) → (Version 1, Version 2, …)

A version is a data set like any other; its history names the one it was made from. It does not know: how cleaning works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.dataset.changes import history
from core.dataset.steps import STEP
from core.dataset.store import Dataset, list_datasets

CLEANED_AGAIN = "clean_again"
_NUMBERED = re.compile(r"^(?P<name>.*), version (?P<number>\d+)$")


@dataclass(frozen=True, slots=True)
class Version:
    """One of them.

    Args:
        dataset: The data set.
        changes: What differs from the version it was made from, as phrases; empty for the first.
    """

    dataset: Dataset
    changes: tuple[str, ...] = ()


def versions_of(dataset: Dataset) -> tuple[Version, ...]:
    """Give all versions, the oldest first.

    Args:
        dataset: Any of them.
    """
    every = {entry.id: entry for entry in list_datasets(dataset.folder.parent)}
    made_from = {id: source for id, entry in every.items() if (source := _made_from(entry))}

    def root(id: str) -> str:
        seen = {id}
        while (source := made_from.get(id, "")) and source not in seen:
            seen.add(source)
            id = source
        return id

    family = sorted(
        (entry for id, entry in every.items() if root(id) == root(dataset.id)),
        key=lambda entry: (entry.created, made_from.get(entry.id, "") != "", entry.name),
    )
    return tuple(Version(entry, changes(every.get(made_from.get(entry.id, "")), entry)) for entry in family)


def next_name(dataset: Dataset) -> str:
    """Name the next version: “Asthma, version 2”."""
    match = _NUMBERED.match(dataset.name)
    return f"{match['name'] if match else dataset.name}, version {len(versions_of(dataset)) + 1}"


def changes(old: Dataset | None, new: Dataset) -> tuple[str, ...]:
    """Say what was chosen otherwise for the new data set than for the old one."""
    if old is None:
        return ()
    before, after = _steps(old.options), _steps(new.options)
    said = [f"{STEP[name].title} off" for name in STEP if name in before - after]
    said += [f"{STEP[name].title} on" for name in STEP if name in after - before]
    for name, value in new.options.items():
        if name != "steps" and old.options.get(name) != value:
            said.append(f"{name.replace('_', ' ')} {_shown(value)}")
    topics = [entry.report()["mapping"].get("columns", {}).get("topic", "") for entry in (old, new)]
    return (*said, f"groups by {topics[1] or 'nothing'}") if topics[0] != topics[1] else tuple(said)


def _steps(options: Mapping[str, Any]) -> set[str]:
    return {name for name in options.get("steps", ()) if name in STEP}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value) or "any"


def _made_from(dataset: Dataset) -> str:
    entry = next((entry for entry in history(dataset) if entry["what"] == CLEANED_AGAIN), None)
    return str(entry["detail"]["from"]) if entry else ""
