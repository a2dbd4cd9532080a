"""Objects inside of rows, opened to columns of their own.

    {"row": {"question": …, "answer": …}, "row_idx": 0}  →  columns row.question, row.answer, row_idx
    {"item": {"question": …, "answer": …}}               →  columns question, answer

Objects that stand for one text ({"text": …}) or for a set of options ({"A": …, "B": …}) stay whole.
It does not know: files, what a column means.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.dataset.ingest.source import Row, Table, cells

_LOOK = 50
_DEEPEST = 4
# An object with one of these is a text with something about it, not a row in a row.
_TEXTS = frozenset(("text", "texts", "value", "content", "contexts", "label", "labels", "answer_text", "role", "from"))
_Path = tuple[str, ...]


def opened(table: Table) -> Table:
    """Give a table whose nested rows are columns; the same table where nothing is nested."""
    first = [row.values for row in itertools.islice(table.read(), _LOOK) if not row.problem]
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
        inner = [values[name] for values in rows if values.get(name) not in (None, "", {})]
        if inner and len(path) < _DEEPEST and all(isinstance(value, dict) for value in inner) and _is_row(inner):
            found += [(*path, name), *_nested(inner, (*path, name))]
    return found


def _is_row(inner: Sequence[dict[str, Any]]) -> bool:
    names = [set(map(str, value)) for value in inner]
    every = set.union(*names)
    common = set.intersection(*names)
    if every & _TEXTS or 2 * len(common) < len(every):
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
            if place in self.paths and isinstance(value, dict):
                result |= self.flat(cells(value), place)
            elif place not in self.paths or value not in (None, ""):
                result[".".join(place[self.bare :] or place)] = value
        return result


def _rows(table: Table, plan: _Plan) -> Iterator[Row]:
    for row in table.read():
        yield Row(plan.flat(row.values), row.file, row.position, row.problem)
