"""Tables with one row for each thing that was said, as conversations.

    dialogue_id, speaker, utterance      {"dialogue_id": 7, "messages": [{"role": "patient", "content": …},
    7, patient, My knee hurts.       →                                   {"role": "doctor", "content": …}]}
    7, doctor, Since when?

A conversation is a run of rows with the same id. It does not know: files, how roles are told apart beyond their words.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.dataset.ingest.source import Row, Table
from core.dataset.ingest.speakers import ANSWER, QUESTION

_LOOK = 200
_ASKS = frozenset((*QUESTION.split("|"), "prompter"))
_TELLS = frozenset((*ANSWER.split("|"), "model", "gpt", "nurse"))
_KNOWN = _ASKS | _TELLS | {"system"}
_NOTE = "Each row holds what one speaker said; rows with the same “{}” were read as one conversation."


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which columns hold the conversation's id, the speaker and what was said."""

    id: str
    who: str
    what: str


def talks(table: Table) -> Table:
    """Give one row for each conversation; the same table where rows are no turns."""
    first = [row for row in itertools.islice(table.read(), _LOOK) if not row.problem]
    plan = _plan(first)
    if plan is None:
        return table
    file = dataclasses.replace(table.file, notes=(*table.file.notes, _NOTE.format(plan.id)))
    return Table(file, lambda: _conversations(table, plan), (plan.id, "messages"))


def _plan(rows: Sequence[Row]) -> _Plan | None:
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    # Where rows name the one they reply to, neighbours may be answers to one and the same question.
    if len(rows) < 4 or len(names) < 3 or any("parent" in name.casefold() for name in names):
        return None
    texts = {name: [_text(row, name) for row in rows] for name in names}
    who = next((name for name in names if _are_speakers(texts[name])), "")
    id = next((name for name in names if name != who and _are_runs(texts[name], texts[who])), "") if who else ""
    others = [name for name in names if name not in (who, id)]
    if not who or not id or not others:
        return None
    what = max(others, key=lambda name: sum(map(len, texts[name])))
    return _Plan(id, who, what) if sum(map(len, texts[what])) > 8 * len(rows) else None


def _text(row: Row, name: str) -> str:
    value = row.values.get(name, "")
    return value.strip() if isinstance(value, str) else "" if isinstance(value, (list, dict)) else str(value)


def _are_speakers(texts: Sequence[str]) -> bool:
    spoken = {text.casefold() for text in texts}
    return spoken <= _KNOWN and bool(spoken & _ASKS) and bool(spoken & _TELLS)


def _are_runs(ids: Sequence[str], who: Sequence[str]) -> bool:
    """Whether rows with the same id stand together, and both speakers speak in nearly every such run."""
    runs = [
        [speaker.casefold() for _, speaker in run] for _, run in itertools.groupby(zip(ids, who, strict=True), _first)
    ]
    runs = runs[:-1] or runs
    both = [bool(_ASKS & set(run)) and bool(_TELLS & set(run)) for run in runs]
    return len(runs) > 1 and all(ids) and len(set(ids)) in (len(runs), len(runs) + 1) and sum(both) >= 0.9 * len(both)


def _first(pair: tuple[str, str]) -> str:
    return pair[0]


def _conversations(table: Table, plan: _Plan) -> Iterator[Row]:
    for position, (id, run) in enumerate(itertools.groupby(table.read(), lambda row: _text(row, plan.id)), start=1):
        rows = list(run)
        turns = [{"role": _text(row, plan.who), "content": _text(row, plan.what)} for row in rows]
        problem = next((row.problem for row in rows if row.problem), "")
        yield Row({plan.id: id, "messages": turns}, rows[0].file, position, problem)
