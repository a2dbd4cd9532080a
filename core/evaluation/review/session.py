"""A review's life: create → next → submit → close.

    review_id = create_review(database, "Respiratory, round 1", run_id, items, ReviewOptions())
    item = review_next(database, review_id, "reviewer 2")
    submit_rating(database, review_id, "reviewer 2", item.item_key, rating, item.token)
    close_review(database, review_id)

Where a rater stands is read from the database each time, so any device goes on where another stopped. A rater meets items
by their place in the rater's own order, which tells neither the model nor a repeat. Raters never see each other.
It does not know: what the ratings come to (results.py), screens, accounts.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import AccessError, InputError
from core.evaluation.review.assignment import Place
from core.evaluation.review.database import reading, writing
from core.evaluation.review.form import Rating, missing
from core.evaluation.review.items import MOST_NAME_LETTERS, ReviewItem, ReviewOptions, check, content_hash
from core.evaluation.review.rows import (
    NextItem,
    Review,
    Saved,
    admit,
    closed_error,
    is_rater,
    item_of,
    join,
    order_of,
    place_number,
    rated_places,
    reference_seen,
    refuse_stranger,
    review_of,
    review_row,
    utc_now,
)

MOST_TOKEN_LETTERS = 200


def create_review(
    database: Path,
    name: str,
    run_id: str,
    items: Sequence[ReviewItem],
    options: ReviewOptions,
    *,
    review_id: str = "",
) -> str:
    """Make a review and return its id.

    Args:
        database: The SQLite file; made if need be.
        name: What people call it.
        run_id: The run whose models are compared; may be empty.
        items: What is rated.
        options: How.
        review_id: An id of one's own, so that a job that is run again makes no second review; empty draws one.

    Raises:
        ConfigError: with everything that is wrong with the items and options.
        ResourceError: if the disk refuses.
    """
    check(items, options)
    seed = secrets.randbits(64) if options.seed is None else options.seed
    review_id = review_id or new_id()
    with writing(database) as db:
        if db.execute("SELECT 1 FROM reviews WHERE id = ?", (review_id,)).fetchone():
            return review_id
        db.execute(
            "INSERT INTO reviews (id, name, run_id, created, options, seed, items, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                review_id,
                name.strip() or "Review",
                run_id,
                utc_now(),
                json.dumps(options.to_json() | {"seed": None}, ensure_ascii=False),
                str(seed),
                len(items),
                content_hash(items),
            ),
        )
        rows = [
            (review_id, number, json.dumps(item.to_json(), ensure_ascii=False)) for number, item in enumerate(items)
        ]
        db.executemany("INSERT INTO review_items VALUES (?, ?, ?)", rows)
        for rater in options.raters:
            join(db, review_id, rater)
    return review_id


def list_reviews(database: Path) -> list[Review]:
    """Every review, the newest first."""
    with reading(database) as db:
        rows = db.execute("SELECT * FROM reviews ORDER BY created DESC, rowid DESC").fetchall()
    return [review_of(row) for row in rows]


def find_review(database: Path, review_id: str) -> Review:
    """One review.

    Raises:
        InputError: if there is none of that id.
    """
    with reading(database) as db:
        return review_of(review_row(db, review_id))


def join_review(database: Path, review_id: str, rater: str, specialty: str = "") -> None:
    """Take part; who has joined before stays who they were.

    Raises:
        InputError: if the name is empty, or there is no such review.
        AccessError: if the review is for named raters and this is none of them.
    """
    with writing(database) as db:
        review = review_of(review_row(db, review_id))
        rater = admit(db, review, rater)
        if specialty:
            db.execute(
                "UPDATE review_raters SET specialty = ? WHERE review_id = ? AND rater = ?",
                (specialty[:MOST_NAME_LETTERS], review_id, rater),
            )


def review_next(database: Path, review_id: str, rater: str, item_key: str = "") -> NextItem | None:
    """What this rater should rate now; None when all is rated.

    Args:
        database: The SQLite file.
        review_id: Which review.
        rater: The rater's name; a new name joins an open review.
        item_key: Look at this place again, or come back to it; empty takes the first that is not rated.

    Raises:
        InputError: if there is no such review or place, or the name is empty.
        AccessError: if the review is closed, or not for this rater.
    """
    with reading(database) as db:
        row = review_row(db, review_id)
        known = is_rater(db, review_id, rater.strip())
    if not known:
        join_review(database, review_id, rater)
    with reading(database) as db:
        row = review_row(db, review_id)
        review = review_of(row)
        rater = rater.strip()
        if review.closed:
            raise closed_error(review)
        order = order_of(row, review, rater)
        rated = rated_places(db, review_id, rater)
        if item_key:
            at = place_number(item_key, order)
        else:
            at = next((number for number in range(len(order)) if number not in rated), -1)
            if at < 0:
                return None
        return _show(db, review, rater, order, rated, at)


def submit_rating(database: Path, review_id: str, rater: str, item_key: str, rating: Rating, token: str) -> Saved:
    """Save a rating; when this returns it is on the disk.

    The same token with the same rating is a retry and changes nothing. A new token for a rated place supersedes the
    earlier rating, which stays in the database.

    Raises:
        InputError: if something is still to be answered, or the token belongs to another rating.
        AccessError: if the review is closed, the rater unknown, or the reference has been seen.
        ResourceError: if the disk refuses; nothing is saved then.
    """
    body = json.dumps(rating.to_json(), ensure_ascii=False, sort_keys=True)
    if not 0 < len(token) <= MOST_TOKEN_LETTERS:
        raise InputError("The rating has no token.", "Pass the token that came with the item.")
    with writing(database) as db:
        row = review_row(db, review_id)
        review, rater = review_of(row), rater.strip()
        refuse_stranger(db, review, rater)
        order = order_of(row, review, rater)
        at = place_number(item_key, order)
        before = db.execute(
            "SELECT * FROM review_ratings WHERE review_id = ? AND rater = ? AND token = ?", (review_id, rater, token)
        ).fetchone()
        if before is not None:
            return _again(before, at, body, len(rated_places(db, review_id, rater)), len(order))
        if review.closed:
            raise closed_error(review)
        item = item_of(db, review_id, order[at].item)
        _check(rating, review, item, order[at])
        rated = rated_places(db, review_id, rater)
        if at in rated and reference_seen(db, review_id, rater, at):
            raise AccessError(
                "You have seen the reference of this item, so your rating of it stands.", "Go on with the next item."
            )
        saved = utc_now()
        db.execute(
            "INSERT INTO review_ratings (review_id, rater, place, item, repeat, side_a, body, token, saved, supersedes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                review_id,
                rater,
                at,
                order[at].item,
                int(order[at].repeat),
                order[at].side_a,
                body,
                token,
                saved,
                rated.get(at),
            ),
        )
        db.execute("DELETE FROM review_drafts WHERE review_id = ? AND rater = ? AND place = ?", (review_id, rater, at))
    return Saved(item_key, saved, len(rated | {at: 0}), len(order), False, at in rated)


def save_draft(database: Path, review_id: str, rater: str, item_key: str, draft: Rating, token: str, edit: int) -> bool:
    """Keep a half-filled form, so that a reload or another device finds it.

    Args:
        database: The SQLite file.
        review_id: Which review.
        rater: Who.
        item_key: Which place.
        draft: What is filled in.
        token: The token that came with the item.
        edit: Counts the changes of this form from 1: a slower, older one does not replace a newer one.

    Returns:
        Whether it was kept; False if the place was rated with this token or a newer draft is there.

    Raises:
        InputError, AccessError: as ``submit_rating``; a closed review still keeps drafts, but never counts them.
    """
    with writing(database) as db:
        row = review_row(db, review_id)
        review, rater = review_of(row), rater.strip()
        refuse_stranger(db, review, rater)
        at = place_number(item_key, order_of(row, review, rater))
        used = "SELECT 1 FROM review_ratings WHERE review_id = ? AND rater = ? AND token = ?"
        if db.execute(used, (review_id, rater, token)).fetchone():
            return False
        changed = db.execute(
            "INSERT INTO review_drafts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (review_id, rater, place) DO UPDATE SET"
            " token = excluded.token, edit = excluded.edit, body = excluded.body, saved = excluded.saved"
            " WHERE excluded.token <> token OR excluded.edit > edit",
            (review_id, rater, at, token, edit, json.dumps(draft.to_json(), ensure_ascii=False), utc_now()),
        )
        return changed.rowcount > 0


def show_reference(database: Path, review_id: str, rater: str, item_key: str) -> str:
    """Give the reference of an item that this rater has rated; from then on that rating stands.

    Raises:
        AccessError: if the place is not rated yet, or the rater will be asked about it once more.
        InputError: if there is no such review or place.
    """
    with writing(database) as db:
        row = review_row(db, review_id)
        review, rater = review_of(row), rater.strip()
        refuse_stranger(db, review, rater)
        order = order_of(row, review, rater)
        at = place_number(item_key, order)
        rated = rated_places(db, review_id, rater)
        if at not in rated:
            raise AccessError("The reference stays hidden until you have rated the item.", "Rate it first.")
        if any(place.item == order[at].item and number not in rated for number, place in enumerate(order)):
            raise AccessError("The reference of this item is shown later in the review.", "Go on with the next item.")
        db.execute(
            "INSERT OR IGNORE INTO review_references_seen VALUES (?, ?, ?, ?)", (review_id, rater, at, utc_now())
        )
        return item_of(db, review_id, order[at].item).reference


def close_review(database: Path, review_id: str) -> Review:
    """End a review: no rating is taken any more, and the models are revealed. Closing twice changes nothing.

    Raises:
        InputError: if there is no such review.
    """
    with writing(database) as db:
        db.execute("UPDATE reviews SET closed = ? WHERE id = ? AND closed = ''", (utc_now(), review_id))
        return review_of(review_row(db, review_id))


def progress_of(database: Path, review_id: str, rater: str) -> tuple[int, int]:
    """How many places of a rater's order are rated, and how many there are."""
    with reading(database) as db:
        row = review_row(db, review_id)
        order = order_of(row, review_of(row), rater.strip())
        return len(rated_places(db, review_id, rater.strip())), len(order)


def new_id() -> str:
    """An id that sorts by time and cannot be guessed."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-review-{secrets.token_hex(4)}"


def _show(
    db: sqlite3.Connection, review: Review, rater: str, order: Sequence[Place], rated: Mapping[int, int], at: int
) -> NextItem:
    item = item_of(db, review.id, order[at].item)
    a, b = (item.base, item.tuned) if order[at].side_a == "base" else (item.tuned, item.base)
    draft = db.execute(
        "SELECT body FROM review_drafts WHERE review_id = ? AND rater = ? AND place = ?", (review.id, rater, at)
    ).fetchone()
    if draft is None and at in rated:
        draft = db.execute("SELECT body FROM review_ratings WHERE id = ?", (rated[at],)).fetchone()
    return NextItem(
        review=review,
        rater=rater,
        item_key=str(at + 1),
        position=at + 1,
        total=len(order),
        saved=len(rated),
        question=item.question,
        answer_a=a,
        answer_b=b,
        must_have=item.must_have,
        specialty=item.specialty,
        token=secrets.token_hex(8),
        filled=Rating.from_json(json.loads(draft["body"])) if draft else Rating(),
        is_rated=at in rated,
        reference=item.reference if reference_seen(db, review.id, rater, at) else None,
    )


def _check(rating: Rating, review: Review, item: ReviewItem, place: Place) -> None:
    """Refuse a rating that is not whole, or does not fit the item."""
    open_points = missing(rating, review.options.axes)
    if open_points:
        raise InputError(f"Still to be answered: {'; '.join(open_points)}.", "Nothing is lost: fill it in, then go on.")
    texts = (item.base, item.tuned) if place.side_a == "base" else (item.tuned, item.base)
    for answer, text in zip((rating.a, rating.b), texts, strict=True):
        fits = len(answer.must_have) in (0, len(item.must_have))
        if not fits or any(not 0 <= start < end <= len(text) for start, end in answer.wrong):
            raise InputError("The rating does not fit this item.", "Reload the page and rate the item again.")


def _again(before: sqlite3.Row, at: int, body: str, saved: int, total: int) -> Saved:
    """Answer a retry as the first time, unless it is another rating under the same token."""
    if before["place"] != at or _without_time(before["body"]) != _without_time(body):
        raise InputError("This rating was saved before with other answers.", "Reload the page to change it.")
    return Saved(str(at + 1), before["saved"], saved, total, True, before["supersedes"] is not None)


def _without_time(body: str) -> Any:
    return json.loads(body) | {"seconds_s": 0}
