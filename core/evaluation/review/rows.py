"""What a review is to those who list, rate and save, and its tables inside a transaction that the caller has begun.

It does not know: when a transaction begins and ends (session.py), what the ratings come to (results.py).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import AccessError, InputError
from core.evaluation.review.assignment import Place, places
from core.evaluation.review.form import Rating
from core.evaluation.review.items import MOST_NAME_LETTERS, ReviewItem, ReviewOptions


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it is listed.

    Args:
        id: Its id.
        name: What people call it.
        run_id: The run whose models are compared; empty if none.
        created: When it was made, UTC ISO-8601.
        closed: When it was closed; empty while it is open.
        items: How many items it has.
        sha256: Hash of the items with both answers.
        options: How it was set up; the seed is left out.
    """

    id: str
    name: str
    run_id: str
    created: str
    closed: str
    items: int
    sha256: str
    options: ReviewOptions


@dataclass(frozen=True, slots=True)
class NextItem:
    """What a rater sees now; nothing in it tells which model wrote which answer.

    Args:
        review: The review.
        rater: The rater's name.
        item_key: Names the place in this rater's order.
        position: The same as a number, from 1.
        total: Places in the order, repeats included.
        saved: How many of them are rated.
        question: The question.
        answer_a: The answer shown as A.
        answer_b: The answer shown as B.
        must_have: Statements to tick.
        specialty: What the item is about; empty if unknown.
        token: Goes with the rating, so that a retry never doubles it.
        filled: What this rater has filled in so far, here or on another device.
        is_rated: Whether ``filled`` is a saved rating, looked at again.
        reference: The reference, once the rater has asked for it; None before.
    """

    review: Review
    rater: str
    item_key: str
    position: int
    total: int
    saved: int
    question: str
    answer_a: str
    answer_b: str
    must_have: tuple[str, ...]
    specialty: str
    token: str
    filled: Rating
    is_rated: bool
    reference: str | None


@dataclass(frozen=True, slots=True)
class Saved:
    """A rating that is on the disk.

    Args:
        item_key: Which place.
        at: When it was saved, UTC ISO-8601.
        saved: How many places are rated now.
        total: Places in the order.
        again: Whether it had been saved before (the same token: a retry or a double click).
        replaced: Whether it replaces an earlier rating of this place.
    """

    item_key: str
    at: str
    saved: int
    total: int
    again: bool
    replaced: bool


def utc_now() -> str:
    """The time as UTC ISO-8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def review_row(db: sqlite3.Connection, review_id: str) -> sqlite3.Row:
    """A review's row.

    Raises:
        InputError: if there is none of that id.
    """
    row: sqlite3.Row | None = db.execute("SELECT * FROM reviews WHERE id = ?", (review_id,)).fetchone()
    if row is None:
        raise InputError(f"There is no review {review_id!r}.", "Choose one from the list of reviews.")
    return row


def review_of(row: sqlite3.Row) -> Review:
    """A row as a Review."""
    options = ReviewOptions.from_json(json.loads(row["options"]))
    return Review(
        row["id"], row["name"], row["run_id"], row["created"], row["closed"], row["items"], row["sha256"], options
    )


def item_of(db: sqlite3.Connection, review_id: str, number: int) -> ReviewItem:
    """One item."""
    row = db.execute("SELECT body FROM review_items WHERE review_id = ? AND number = ?", (review_id, number)).fetchone()
    return ReviewItem.from_json(json.loads(row["body"]))


def order_of(row: sqlite3.Row, review: Review, rater: str) -> tuple[Place, ...]:
    """A rater's whole order."""
    return places(review.items, review.options.repeats, int(row["seed"]), rater)


def rated_places(db: sqlite3.Connection, review_id: str, rater: str) -> dict[int, int]:
    """The rating that counts at each rated place, by the place's number."""
    rows = db.execute(
        "SELECT place, MAX(id) AS newest FROM review_ratings WHERE review_id = ? AND rater = ? GROUP BY place",
        (review_id, rater),
    )
    return {row["place"]: row["newest"] for row in rows}


def reference_seen(db: sqlite3.Connection, review_id: str, rater: str, at: int) -> bool:
    """Whether the rater has asked for the reference of a place."""
    query = "SELECT 1 FROM review_references_seen WHERE review_id = ? AND rater = ? AND place = ?"
    return db.execute(query, (review_id, rater, at)).fetchone() is not None


def is_rater(db: sqlite3.Connection, review_id: str, rater: str) -> bool:
    """Whether somebody has joined."""
    query = "SELECT 1 FROM review_raters WHERE review_id = ? AND rater = ?"
    return db.execute(query, (review_id, rater)).fetchone() is not None


def refuse_stranger(db: sqlite3.Connection, review: Review, rater: str) -> None:
    """Refuse who has not joined.

    Raises:
        AccessError: if so.
    """
    if not is_rater(db, review.id, rater):
        raise AccessError(
            f"{rater or 'Nobody'} is not a rater of “{review.name}”.", "Open the review under your own name first."
        )


def admit(db: sqlite3.Connection, review: Review, rater: str) -> str:
    """Let somebody join, and return the name as it is kept.

    Raises:
        InputError: if the name is empty or too long.
        AccessError: if the review is closed, or for named raters only.
    """
    rater = rater.strip()
    if not rater or len(rater) > MOST_NAME_LETTERS:
        raise InputError(f"A rater needs a name of 1 to {MOST_NAME_LETTERS} letters.", "Type the name you rate under.")
    if is_rater(db, review.id, rater):
        return rater
    if review.options.raters:
        raise AccessError(
            f"“{review.name}” is for named raters, and {rater} is none of them.",
            "Type the name you were given, exactly; or ask who made the review.",
        )
    if review.closed:
        raise closed_error(review)
    join(db, review.id, rater)
    return rater


def join(db: sqlite3.Connection, review_id: str, rater: str) -> None:
    """Add a rater, with the next number."""
    number = db.execute("SELECT COUNT(*) FROM review_raters WHERE review_id = ?", (review_id,)).fetchone()[0] + 1
    db.execute(
        "INSERT INTO review_raters (review_id, rater, number, joined) VALUES (?, ?, ?, ?)",
        (review_id, rater.strip(), number, utc_now()),
    )


def place_number(item_key: str, order: Sequence[Place]) -> int:
    """Turn an item key into a place's number, from 0.

    Raises:
        InputError: if there is no such place.
    """
    if not item_key.isascii() or not item_key.isdecimal() or not 1 <= int(item_key) <= len(order):
        raise InputError("There is no such item in this review.", "Reload the page: it goes on where you stopped.")
    return int(item_key) - 1


def closed_error(review: Review) -> AccessError:
    """The error that says that a review is closed."""
    return AccessError(
        f"“{review.name}” was closed on {review.closed[:10]}: it takes no more ratings.",
        "Everything you had saved is kept and counts.",
    )
