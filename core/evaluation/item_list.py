"""The items of an evaluation, sorted, filtered and cut into pages, so that a screen never holds them all.

    pick(all_items(job_dir), ItemQuery(sort="worst"), measures) → ItemPage

An item's scores are the numbers that stand under both ``base`` and ``tuned``. It does not know: how anything was scored.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import InputError
from core.evaluation.result import ITEMS_FILE, Measure, read_items
from core.evaluation.safety.overrule import OVERRULES_FILE, safety_items

Sort = Literal["asked", "worst", "best", "flips", "topic"]
SORTS: tuple[Sort, ...] = get_args(Sort)
MOST_PER_PAGE = 200
# Of each, lower is better, whether or not a measure of that name says so.
LOWER = frozenset({"loss", "perplexity", "repetition", "truncated", "refusal", "tokens"})
TOPIC_KEYS = ("topic", "task")

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which items, in which order.

    Args:
        sort: ``asked`` as they were asked, ``worst`` and ``best`` by what tuning changed, ``flips`` only those whose
            right/wrong score changed, ``topic`` by what they are about.
        score: Which score to sort by; empty takes the first.
        topic: Only items about this; empty takes all.
        page: From 1; one beyond the last becomes the last.
        per_page: 1 to 200.
    """

    sort: Sort = "asked"
    score: str = ""
    topic: str = ""
    page: int = 1
    per_page: int = 20


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One page of items.

    Args:
        items: The items, as items.jsonl holds them, each with its place in ``number``.
        total: How many items the query finds.
        page: Which page this is, from 1.
        pages: How many there are, at least 1.
        score: The score they are sorted by; empty if items have none.
        scores: Every score that items have.
        topics: Everything that items are about, in order.
    """

    items: tuple[Item, ...]
    total: int
    page: int
    pages: int
    score: str
    scores: tuple[str, ...]
    topics: tuple[str, ...]


def pick(everything: Sequence[Item], query: ItemQuery, measures: Sequence[Measure] = ()) -> ItemPage:
    """Sort, filter and cut.

    Args:
        everything: What ``all_items`` returns.
        query: What is asked for.
        measures: What was measured; says of which scores lower is better.

    Raises:
        InputError: if the query names no way of sorting, or a score that items do not have.
    """
    if query.sort not in SORTS:
        raise InputError(f"Items cannot be sorted by {query.sort!r}.", f"Choose one of {', '.join(SORTS)}.")
    scores = score_names(everything)
    if query.score and query.score not in scores:
        raise InputError(f"Items have no score {query.score!r}.", f"Choose one of {', '.join(scores) or 'none'}.")
    score = query.score or next(iter(scores), "")
    found = [item for item in everything if not query.topic or topic_of(item) == query.topic]
    if query.sort == "flips":
        found = [item for item in found if is_flip(item, score)]
    elif query.sort == "topic":
        found = sorted(found, key=topic_of)
    elif query.sort in ("worst", "best"):
        sign = -1.0 if lower_is_better(score, measures) else 1.0
        found = sorted(found, key=_gain(score, sign if query.sort == "worst" else -sign))
    per_page = min(max(1, query.per_page), MOST_PER_PAGE)
    pages = max(1, math.ceil(len(found) / per_page))
    page = min(max(1, query.page), pages)
    shown = tuple(found[(page - 1) * per_page : page * per_page])
    topics = tuple(sorted({topic for item in everything if (topic := topic_of(item))}))
    return ItemPage(shown, len(found), page, pages, score, scores, topics)


def find(everything: Sequence[Item], item_id: str) -> Item:
    """One item in full.

    Raises:
        InputError: if there is none of that id.
    """
    item = next((item for item in everything if str(item["id"]) == str(item_id)), None)
    if item is None:
        raise InputError(f"There is no item {item_id!r} in this evaluation.", "Choose one from the list.")
    return item


def all_items(job_dir: Path) -> tuple[Item, ...]:
    """Every item in the order it was asked, with what people overruled; read again only when a file has changed."""
    stamps = [path.stat() for path in (job_dir / ITEMS_FILE, job_dir / OVERRULES_FILE) if path.is_file()]
    return _read(job_dir, tuple((stamp.st_mtime_ns, stamp.st_size) for stamp in stamps))


@functools.lru_cache(maxsize=2)
def _read(job_dir: Path, stamps: tuple[tuple[int, int], ...]) -> tuple[Item, ...]:
    items = safety_items(job_dir) if (job_dir / OVERRULES_FILE).is_file() else read_items(job_dir)
    return tuple(_counted(item) | {"number": number} for number, item in enumerate(items, start=1))


def _counted(item: Item) -> dict[str, Any]:
    """Let a person's word count in the score, too; without one it is the rule's."""
    said = {pane: item[pane] for pane in ("base", "tuned") if (item.get(pane) or {}).get("overruled")}
    return dict(item) | {pane: body | {"passed": float(body["stands"] == "pass")} for pane, body in said.items()}


def score_names(items: Sequence[Item]) -> tuple[str, ...]:
    """The names of the numbers that stand under both models, in the order they first come."""
    names: dict[str, None] = {}
    for item in items[:50]:
        tuned = item.get("tuned") or {}
        names.update(
            dict.fromkeys(key for key, value in (item.get("base") or {}).items() if _number(value, tuned.get(key)))
        )
    return tuple(names)


def _number(*values: Any) -> bool:
    return all(isinstance(value, (bool, int, float)) for value in values)


def gain(item: Item, score: str) -> float:
    """What tuning changed about a score, tuned minus base; NaN if the item has no such score."""
    try:
        return float(item["tuned"][score]) - float(item["base"][score])
    except (KeyError, TypeError, ValueError):
        return math.nan


def is_flip(item: Item, score: str) -> bool:
    """Whether a right/wrong score differs between the models."""
    values = [(item.get(which) or {}).get(score) for which in ("base", "tuned")]
    return all(value in (0, 1) for value in values) and values[0] != values[1]


def lower_is_better(score: str, measures: Sequence[Measure] = ()) -> bool:
    """Whether a smaller number is the better one."""
    said = next((measure.lower_is_better for measure in measures if measure.name == score), None)
    return score in LOWER if said is None else said


def topic_of(item: Item) -> str:
    """What an item is about; empty if it does not say."""
    return next((str(item[key]) for key in TOPIC_KEYS if item.get(key)), "")


def _gain(score: str, sign: float) -> Callable[[Item], tuple[bool, float]]:
    def key(item: Item) -> tuple[bool, float]:
        change = gain(item, score)
        return math.isnan(change), 0.0 if math.isnan(change) else sign * change  # what has no score comes last

    return key
