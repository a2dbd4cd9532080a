"""Rows and objects inside of rows, opened to rows and columns of their own.

    {"row": {"question": …, "answer": …}, "row_idx": 0}  →  columns row.question, row.answer, row_idx
    {"item": {"question": …, "answer": …}}               →  columns question, answer
    {"result": [{"value": …, "type": …}]}                →  columns result.value, result.type, where each list holds one
    {"id": 7, "qas": [{"question": …, "answer": …}, …]}  →  a row for each of them
    ["question", "answer"], ["…", "…"], …                →  columns named by the first row

Objects that stand for one text ({"text": …}) or for a set of options ({"A": …, "B": …}) stay whole.
It does not know: files, what a column means.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from core.dataset.ingest.json_shape import find_folds, fold_note, unfolded
from core.dataset.ingest.source import NUMBERED, Row, Table, cells, unique_names
from core.dataset.ingest.tables import looks_like_header

_LOOK = 50
_DEEPEST = 4
# An object with one of these is a text with something about it, not a row in a row.
_TEXTS = frozenset(
    ("text", "texts", "value", "content", "contexts", "label", "labels", "answer_text", "role", "from", "parts")
)
# … and one with these is a turn of a conversation.
_SPEAKERS = frozenset(("human", "user", "assistant", "gpt", "bot", "patient", "doctor"))
_Path = tuple[str, ...]


def opened(table: Table) -> Table:
    """Give a table whose nested rows are rows and columns; the same table where nothing is nested."""
    first = _first(table)
    if _is_headed(first):
        return _headed(table, tuple(str(cell).strip() for cell in first[0].values()))
    if folds := find_folds(list(first)):
        file = dataclasses.replace(table.file, notes=(*table.file.notes, fold_note(folds)))
        table = Table(file, partial(_unfolded_rows, table, folds))
        first = _first(table)
    paths = _nested(first, ())
    if not paths:
        return table
    # A wrapper that is all there is says nothing, so that its name is left out of the columns' names.
    bare = 0
    while all(len(path) > bare for path in paths) and all(_alone(values, paths[0][: bare + 1]) for values in first):
        bare += 1
    plan = _Plan(frozenset(paths), bare)
    columns = dict.fromkeys(name for values in first for name in plan.flat(values)) if table.columns else ()
    return dataclasses.replace(table, read=lambda: _rows(table, plan), columns=tuple(columns))


def _first(table: Table) -> list[dict[str, Any]]:
    return [row.values for row in itertools.islice(table.read(), _LOOK) if not row.problem]


def _is_headed(first: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rows without names of columns begin with a row of names."""
    if len(first) < 2 or not all(name.startswith(NUMBERED) for values in first for name in values):
        return False
    cells = [[str(cell) for cell in values.values()] for values in first]
    return len(cells[0]) > 1 and len(set(map(len, cells))) == 1 and looks_like_header(cells[0], cells[1:])


def _headed(table: Table, names: tuple[str, ...]) -> Table:
    """Name the columns by the first row, and leave that row out."""
    columns = unique_names(names)

    def read() -> Iterator[Row]:
        for row in itertools.islice(table.read(), 1, None):
            yield dataclasses.replace(row, values=dict(zip(columns, row.values.values(), strict=False)))

    return dataclasses.replace(table, read=read, columns=columns)


def _unfolded_rows(table: Table, folds: tuple[str, ...]) -> Iterator[Row]:
    position = 0
    for row in table.read():
        for values in (row.values,) if row.problem else unfolded(row.values, folds):
            position += 1
            yield Row(cells(values), row.file, position, row.problem)


def _one(value: Any) -> Any:
    """Give the object in a list of one; anything else as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else value


def _alone(values: Mapping[str, Any], path: _Path) -> bool:
    for name in path:
        if list(values) != [name] or not isinstance(values[name], dict):
            return False
        values = values[name]
    return True


def _nested(rows: Sequence[Mapping[str, Any]], path: _Path) -> list[_Path]:
    """Find the columns, by their path, whose cells are all rows of their own."""
    found: list[_Path] = []
    for name in dict.fromkeys(name for values in rows for name in values):
        inner = [_one(values[name]) for values in rows if values.get(name) not in (None, "", {}, [])]
        if inner and len(path) < _DEEPEST and all(isinstance(value, dict) for value in inner) and _is_row(inner):
            found += [(*path, name), *_nested(inner, (*path, name))]
    return found


def _is_row(inner: Sequence[dict[str, Any]]) -> bool:
    names = [set(map(str, value)) for value in inner]
    every = set.union(*names)
    common = set.intersection(*names)
    if every & _TEXTS or every & _SPEAKERS or 2 * len(common) < len(every):
        return False
    return not all(len(name) == 1 or name.isdecimal() for name in every)


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """Which columns are opened, and how many outer names are left out."""

    paths: frozenset[_Path]
    bare: int

    def flat(self, values: Mapping[str, Any], path: _Path = ()) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, value in values.items():
            place = (*path, name)
            if place in self.paths:
                value = value[0] if isinstance(value, list) and value else value
            if place in self.paths and isinstance(value, dict):
                result |= self.flat(cells(value), place)
            elif place not in self.paths or value not in (None, "", []):
                result[".".join(place[self.bare :] or place)] = value
        return result


def _rows(table: Table, plan: _Plan) -> Iterator[Row]:
    for row in table.read():
        yield Row(plan.flat(row.values), row.file, row.position, row.problem)
