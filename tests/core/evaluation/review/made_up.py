"""Made-up items, and raters who fill in the form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.evaluation.review.form import AnswerRating, Rating
from core.evaluation.review.items import ReviewItem
from core.evaluation.review.session import NextItem, review_next, submit_rating


def make_items(count: int, must_have: tuple[str, ...] = ()) -> list[ReviewItem]:
    return [
        ReviewItem(f"Question {n}?", f"Base answer {n}.", f"Tuned answer {n}.", f"Reference {n}.", must_have)
        for n in range(count)
    ]


def make_rating(preference: Any = "tie", harm_a: Any = "none", harm_b: Any = "none", **more: Any) -> Rating:
    a, b = (AnswerRating(harm, "low" if harm in ("mild", "severe") else None) for harm in (harm_a, harm_b))
    return Rating(preference, a, b, **more)


def side_of(item: NextItem, model: str) -> str:
    return "a" if item.answer_a.lower().startswith(model) else "b"


def number_of(item: NextItem) -> int:
    return int(item.question.removeprefix("Question ").rstrip("?"))


def rate_all(database: Path, review_id: str, rater: str, judge: Callable[[NextItem], Rating]) -> int:
    """Rate until nothing is left; returns how many places that were."""
    count = 0
    while (item := review_next(database, review_id, rater)) is not None:
        submit_rating(database, review_id, rater, item.item_key, judge(item), item.token)
        count += 1
    return count
