"""Where the rows lie in a JSON document.

    document  →  Shape(kind, paths)  →  rows

    list      [row, …]                          paths ((),)
    nested    {"questions": [row, …], …}        paths (("questions",),), one path for each list of rows
    keyed     {"123": row, "124": row, …}       the key becomes the column ``key``
    columns   {"question": [cell, …], …}
    split     {"columns": ["question", …], "data": [[cell, …], …]}
    squad     [{"paragraphs": [{"context", "qas"}]}]    one row for each question
    folded    [{"topic": …, "faqs": [row, …]}]          one row for each inner one, with what stands around it
    pairs     {"question?": "answer", …}            columns ``key`` and ``value``
    single    one object, one row

It does not know: files, encodings, what a column means.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["list", "keyed", "columns", "split", "squad", "pairs", "single"]
_LOOK = 50
_DEEPEST = 6
_FOLDS = 3
# Words in the names of columns that tell a row of questions and answers from other lists inside of a row.
_ASKING_WORDS = """
question questions q query prompt instruction qtext ask input stem problem frage pregunta pergunta domanda 问题
"""
_TELLING_WORDS = """
answer answers a response responses output completion reply ra correct antwort respuesta réponse resposta risposta 答案
"""
_ASKING, _TELLING = frozenset(_ASKING_WORDS.split()), frozenset(_TELLING_WORDS.split())


# Under these names questions and answers follow one another in one talk.
_TALK = re.compile(r"conversation|dialog|turn|history|chat", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Shape:
    """Where rows lie.

    Args:
        kind: How they are kept.
        paths: Keys from the document's root to each list or object of rows.
        notes: What a person should know.
        folds: Columns, from the outer to the inner one, whose lists hold the rows.
    """

    kind: Kind
    paths: tuple[tuple[str, ...], ...] = ((),)
    notes: tuple[str, ...] = ()
    folds: tuple[str, ...] = ()

    def first(self) -> Shape:
        """The same with its first path only."""
        return dataclasses.replace(self, paths=self.paths[:1])

    def place(self) -> str:
        """Name the place for a person."""
        return f'"{".".join(self.paths[0])}"' if self.paths[0] else "the outer list"


def find_shape(document: Any) -> Shape | None:
    """Find the rows; None where there are none."""
    shape = _find(document, ())
    if shape is None or shape.kind not in ("list", "keyed"):
        return shape
    rows = document
    for key in shape.paths[0]:
        rows = rows[key]
    folds = find_folds(list(rows.values() if isinstance(rows, dict) else rows)[:_LOOK])
    if not folds:
        return shape
    return dataclasses.replace(shape, folds=folds, notes=(*shape.notes, fold_note(folds)))


def fold_note(folds: tuple[str, ...]) -> str:
    """Say that rows hold rows."""
    return f"Each of them holds a list of rows under {_quoted((folds,))}; all were read."


def find_folds(items: list[Any], depth: int = _FOLDS) -> tuple[str, ...]:
    """Find the column whose lists hold rows with a question and an answer; empty if the items are such rows themselves."""
    objects = [item for item in items if isinstance(item, dict)]
    if not objects or not depth or any(map(_asks_and_tells, objects)):
        return ()
    for name in dict.fromkeys(name for item in objects for name in item):
        if _TALK.search(name):
            continue
        lists = [item[name] for item in objects if isinstance(item.get(name), list)]
        inner = [row for rows in lists for row in rows[:_LOOK] if isinstance(row, dict)][:_LOOK]
        if 2 * len(lists) < len(objects) or not inner:
            continue
        if all(map(_asks_and_tells, inner)):
            return (name,)
        if deeper := find_folds(inner, depth - 1):
            return (name, *deeper)
    return ()


def _asks_and_tells(row: dict[str, Any]) -> bool:
    words = {word for name in row for word in re.findall(r"[^\W_]+", name.casefold())}
    return bool(words & _ASKING) and bool(words & _TELLING)


def unfolded(row: dict[str, Any], folds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Give the inner rows, each with the plain values of the objects around it."""
    around = {name: value for name, value in row.items() if isinstance(value, (str, int, float))}
    for inner in row.get(folds[0]) or ():
        if isinstance(inner, dict):
            whole = {**around, **inner}
            yield from unfolded(whole, folds[1:]) if len(folds) > 1 else (whole,)


def rows_of(document: Any, shape: Shape) -> Iterator[Any]:
    """Give the rows of a parsed document."""
    for path in shape.paths:
        place = document
        for key in path:
            place = place[key]
        if shape.kind == "keyed":
            for key, value in place.items():
                yield from expand(value, shape, key)
        elif shape.kind == "columns":
            yield from _transposed(place)
        elif shape.kind == "split":
            yield from (
                dict(zip(place["columns"], cells, strict=False)) for cells in place["data"] if isinstance(cells, list)
            )
        elif shape.kind == "pairs":
            yield from ({"key": key, "value": value} for key, value in place.items())
        elif shape.kind == "single":
            yield place
        else:
            for value in place:
                yield from expand(value, shape)


def expand(value: Any, shape: Shape, key: str | None = None) -> Iterator[Any]:
    """Give the row or rows that one item holds: SQuAD's articles hold many; a keyed row learns its key."""
    if shape.kind == "squad" and isinstance(value, dict):
        yield from _squad_rows(value)
    elif shape.folds and isinstance(value, dict):
        yield from unfolded(value if key is None else {"key": key, **value}, shape.folds)
    elif key is not None and isinstance(value, dict):
        yield value if "key" in value or "id" in value else {**value, "key": key}
    else:
        yield value


def _find(value: Any, path: tuple[str, ...]) -> Shape | None:
    if isinstance(value, list):
        return _find_in_list(value, path)
    if not isinstance(value, dict) or not value or len(path) > _DEEPEST:
        return None
    if _is_keyed(value) or _is_keyed_turns(value):
        return Shape("keyed", (path,), ("Rows are kept under their ids.",))
    if _is_split(value):
        return Shape("split", (path,), ("The file keeps the names of the columns apart from the rows.",))
    if _is_columns(value):
        return Shape("columns", (path,), ("The file keeps one list for each column.",))
    if _is_pairs(value):
        return Shape("pairs", (path,), ("The file keeps one text under each name; names are in the column key.",))
    if _is_row(value):
        return Shape("single", (path,))
    return _find_below(value, path)


def _find_in_list(value: list[Any], path: tuple[str, ...]) -> Shape | None:
    items = value[:_LOOK]
    objects = [item for item in items if isinstance(item, dict)]
    if objects and all("paragraphs" in item for item in objects):
        return Shape("squad", (path,), ("The file is built like SQuAD: articles, paragraphs, questions.",))
    if not items or not (objects or all(isinstance(item, (list, str)) for item in items)):
        return None
    notes = (f'Rows are kept under "{".".join(path)}".',) if path else ()
    return Shape("list", (path,), notes)


def _find_below(value: dict[str, Any], path: tuple[str, ...]) -> Shape | None:
    """Look under each key; lists of rows of one kind under several keys are read one after the other."""
    found = [shape for key, item in value.items() if (shape := _find(item, (*path, key))) and shape.kind != "single"]
    found = [shape for shape in found if not _is_list_of_texts(value, shape, path)] or found
    if not found:
        single = [shape for key, item in value.items() if (shape := _find(item, (*path, key)))]
        return single[0] if single else Shape("single", (path,))
    main = max(found, key=lambda shape: _weight(_at(value, shape, path)))
    same = [
        shape for shape in found if shape.kind == main.kind and _alike(_at(value, shape, path), _at(value, main, path))
    ]
    paths = tuple(path for shape in same for path in shape.paths)
    notes = () if len(paths) > 1 else same[0].notes
    if len(paths) > 1:
        notes += (f"Rows are kept under {_quoted(paths)}; all were read.",)
    if left := tuple(path for shape in found if shape not in same for path in shape.paths):
        notes += (f"What is kept under {_quoted(left)} has other columns and was left out.",)
    return Shape(main.kind, paths, notes)


def _quoted(paths: tuple[tuple[str, ...], ...]) -> str:
    return ", ".join(f'"{".".join(path)}"' for path in paths[:6]) + (" and others" if len(paths) > 6 else "")


def _at(value: Any, shape: Shape, path: tuple[str, ...]) -> Any:
    for key in shape.paths[0][len(path) :]:
        value = value[key]
    return value


def _weight(rows: Any) -> float:
    """Say how much text some rows hold, from the first few: a list of column names is not what was meant."""
    first = list(rows.values() if isinstance(rows, dict) else rows)[:10]
    return len(rows) * sum(len(str(row)) for row in first) / max(len(first), 1)


def _alike(one: Any, other: Any) -> bool:
    """Whether two lists (or keyed objects) of rows share at least half of their columns."""
    first, second = (next(iter(rows.values() if isinstance(rows, dict) else rows), None) for rows in (one, other))
    if not isinstance(first, dict) or not isinstance(second, dict):
        return type(first) is type(second)
    return 2 * len(set(first) & set(second)) >= max(len(first), len(second))


def _is_list_of_texts(value: dict[str, Any], shape: Shape, path: tuple[str, ...]) -> bool:
    place = _at(value, shape, path)
    return isinstance(place, list) and not any(isinstance(item, dict) for item in place[:_LOOK])


def _is_keyed(value: dict[str, Any]) -> bool:
    """Whether every value is an object and they share columns: {"1": {…}, "2": {…}}."""
    items = list(value.values())[:_LOOK]
    if len(value) < 2 or not all(isinstance(item, dict) and item for item in items):
        return False
    if any(2 * sum(isinstance(inner, dict) for inner in item.values()) > len(item) for item in items):
        return _is_wrapped(items)
    names = [set(item) for item in items]
    return len(set.intersection(*names)) >= max(1, 0.5 * max(map(len, names))) and not _is_columns(value)


def _is_keyed_turns(value: dict[str, Any]) -> bool:
    """Whether every value is a conversation: {"1": [{"role": …}, …], "2": […]}."""
    items = list(value.values())[:_LOOK]
    filled = all(isinstance(item, list) and item and all(isinstance(turn, dict) for turn in item) for item in items)
    return len(value) > 1 and filled and all(_is_turn(item[0]) for item in items)


def _is_turn(item: dict[str, Any]) -> bool:
    return any(key in item for key in ("role", "from", "speaker")) and len(item) <= 4


def _is_wrapped(items: list[dict[str, Any]]) -> bool:
    """Whether every item is one object under one and the same name: {"1": {"qa": {…}}, "2": {"qa": {…}}}."""
    names = {tuple(item) for item in items}
    return len(names) == 1 and len(items[0]) == 1 and not next(iter(items[0])).isdecimal()


def _is_columns(value: dict[str, Any]) -> bool:
    """Whether the object keeps one list, or one {index: cell} object as pandas writes it, for each column."""
    items = list(value.values())
    if len(items) < 2:
        return False
    if all(isinstance(item, list) for item in items):
        plain = not any(isinstance(inner, dict) for item in items for inner in item[:3])
        return plain and len({len(item) for item in items}) == 1 and len(items[0]) > 0
    if all(isinstance(item, dict) and item for item in items):
        keys = [tuple(item) for item in items]
        plain = not any(isinstance(inner, dict) for item in items for inner in list(item.values())[:3])
        same = len(set(keys)) == 1 and all(key.isdecimal() for key in keys[0])
        return plain and same and len(items) <= len(keys[0]) + 20
    return False


def _is_split(value: dict[str, Any]) -> bool:
    """Whether the object holds names and rows as pandas writes them with orient="split"."""
    names, rows = value.get("columns"), value.get("data")
    if not isinstance(names, list) or not isinstance(rows, list) or not names or not rows:
        return False
    return all(isinstance(name, str) for name in names) and all(
        isinstance(row, list) and len(row) == len(names) for row in rows[:_LOOK]
    )


def _is_pairs(value: dict[str, Any]) -> bool:
    """Whether names are sentences and every value is a text: an FAQ written as one object."""
    if len(value) < 3 or not all(isinstance(item, str) for item in value.values()):
        return False
    return sum(" " in name.strip() or "？" in name or len(name) > 30 for name in value) > 0.8 * len(value)


def _is_row(value: dict[str, Any]) -> bool:
    """Whether the object is itself one row: most of its values are texts or numbers, and two or more."""
    plain = [item for item in value.values() if isinstance(item, (str, int, float))]
    lists = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
    turns = [items for items in lists if any(key in items[0] for key in ("role", "from", "content", "value"))]
    return bool(turns) or (len(plain) >= 2 and not lists)


def _transposed(place: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Turn columns into rows."""
    columns = {name: list(item.values()) if isinstance(item, dict) else item for name, item in place.items()}
    for values in zip(*columns.values(), strict=False):
        yield dict(zip(columns, values, strict=True))


def _squad_rows(article: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each question of each paragraph; impossible questions have an empty answer."""
    for paragraph in article.get("paragraphs") or ():
        if not isinstance(paragraph, dict):
            continue
        for question in paragraph.get("qas") or ():
            if isinstance(question, dict):
                yield {"title": article.get("title", ""), "context": paragraph.get("context", ""), **question}
