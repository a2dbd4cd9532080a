"""A rater's session: resumed anywhere, saved once, blind throughout."""

from __future__ import annotations

import dataclasses
import sqlite3
import stat
from pathlib import Path

import pytest

from core.errors import AccessError, ConfigError, InputError, ResourceError
from core.evaluation.review.database import writing
from core.evaluation.review.form import AnswerRating, Rating
from core.evaluation.review.items import ReviewItem, ReviewOptions
from core.evaluation.review.results import results
from core.evaluation.review.session import (
    NextItem,
    close_review,
    create_review,
    join_review,
    progress_of,
    review_next,
    save_draft,
    show_reference,
    submit_rating,
)
from tests.core.evaluation.review.made_up import make_items, make_rating, rate_all


def first(database: Path, review_id: str, rater: str = "ann") -> NextItem:
    item = review_next(database, review_id, rater)
    assert item is not None
    return item


def ratings_in(database: Path) -> int:
    with sqlite3.connect(database) as db:
        return int(db.execute("SELECT COUNT(*) FROM review_ratings").fetchone()[0])


def test_all_is_rated_once_and_then_there_is_nothing_left(database: Path, review_id: str) -> None:
    assert rate_all(database, review_id, "ann", lambda item: make_rating()) == 6
    assert review_next(database, review_id, "ann") is None
    assert progress_of(database, review_id, "ann") == (6, 6)
    assert ratings_in(database) == 6


def test_a_reload_shows_the_same_item_with_what_was_filled_in(database: Path, review_id: str) -> None:
    before = first(database, review_id)
    half = Rating(None, AnswerRating("mild"), note="look at the dose")
    assert save_draft(database, review_id, "ann", before.item_key, half, before.token, 1)
    after = first(database, review_id)
    assert (after.item_key, after.answer_a, after.filled) == (before.item_key, before.answer_a, half)
    assert not after.is_rated and after.saved == 0


def test_a_slow_old_draft_does_not_replace_a_newer_one_or_a_rating(database: Path, review_id: str) -> None:
    item = first(database, review_id)
    newer, older = Rating("a"), Rating("b")
    assert save_draft(database, review_id, "ann", item.item_key, newer, item.token, 2)
    assert not save_draft(database, review_id, "ann", item.item_key, older, item.token, 1)
    assert first(database, review_id).filled == newer
    submit_rating(database, review_id, "ann", item.item_key, make_rating("a"), item.token)
    assert not save_draft(database, review_id, "ann", item.item_key, older, item.token, 3)
    again = review_next(database, review_id, "ann", item.item_key)
    assert again is not None and again.filled.preference == "a" and again.is_rated


def test_a_double_click_saves_once(database: Path, review_id: str) -> None:
    item = first(database, review_id)
    one = submit_rating(database, review_id, "ann", item.item_key, make_rating("a", seconds_s=9.0), item.token)
    two = submit_rating(database, review_id, "ann", item.item_key, make_rating("a", seconds_s=9.4), item.token)
    assert not one.again and two.again and one.at == two.at
    assert ratings_in(database) == 1


def test_a_token_is_not_taken_for_another_rating(database: Path, review_id: str) -> None:
    item = first(database, review_id)
    submit_rating(database, review_id, "ann", item.item_key, make_rating("a"), item.token)
    with pytest.raises(InputError, match="other answers"):
        submit_rating(database, review_id, "ann", item.item_key, make_rating("b"), item.token)
    with pytest.raises(InputError, match="no token"):
        submit_rating(database, review_id, "ann", item.item_key, make_rating("b"), "")


def test_two_devices_rate_the_same_item_and_the_newer_one_counts(database: Path, review_id: str) -> None:
    phone, desk = first(database, review_id), first(database, review_id)
    assert phone.item_key == desk.item_key and phone.token != desk.token
    assert not submit_rating(database, review_id, "ann", phone.item_key, make_rating("a"), phone.token).replaced
    assert submit_rating(database, review_id, "ann", desk.item_key, make_rating("b"), desk.token).replaced
    assert ratings_in(database) == 2  # the earlier one stays, superseded
    assert results(database, review_id).ratings == 1
    assert first(database, review_id).saved == 1


def test_a_rating_is_never_changed_or_deleted(database: Path, review_id: str) -> None:
    item = first(database, review_id)
    submit_rating(database, review_id, "ann", item.item_key, make_rating("a"), item.token)
    for change in ("UPDATE review_ratings SET body = '{}'", "DELETE FROM review_ratings"):
        with pytest.raises(sqlite3.IntegrityError), writing(database) as db:
            db.execute(change)
    assert ratings_in(database) == 1


def test_an_incomplete_rating_names_everything_that_is_missing(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(1), ReviewOptions(axes=("bias",)))
    item = first(database, review_id)
    with pytest.raises(InputError) as caught:
        submit_rating(database, review_id, "ann", item.item_key, Rating(None, AnswerRating("mild")), item.token)
    for words in (
        "how likely the harm of answer A",
        "whether answer B could harm",
        "group of people?” for answer B",
        "prefer",
    ):
        assert words in caught.value.message
    assert ratings_in(database) == 0
    # who cannot judge need answer nothing else
    assert submit_rating(database, review_id, "ann", item.item_key, Rating("cannot_judge"), item.token).saved == 1


def test_the_reference_stays_hidden_until_rated_and_then_the_rating_stands(database: Path, review_id: str) -> None:
    item = first(database, review_id)
    assert item.reference is None
    with pytest.raises(AccessError, match="hidden"):
        show_reference(database, review_id, "ann", item.item_key)
    submit_rating(database, review_id, "ann", item.item_key, make_rating("a"), item.token)
    assert show_reference(database, review_id, "ann", item.item_key).startswith("Reference")
    again = review_next(database, review_id, "ann", item.item_key)
    assert again is not None and again.reference
    with pytest.raises(AccessError, match="stands"):
        submit_rating(database, review_id, "ann", item.item_key, make_rating("b"), again.token)


def test_the_reference_of_an_item_that_comes_again_waits(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(12), ReviewOptions(axes=(), repeats=0.5, seed=1))
    waited = set()
    while (item := review_next(database, review_id, "ann")) is not None:
        submit_rating(database, review_id, "ann", item.item_key, make_rating(), item.token)
        try:
            show_reference(database, review_id, "ann", item.item_key)
        except AccessError as error:
            assert "later" in error.message
            waited.add(item.question)
    assert len(waited) == 6
    for key in range(1, 19):
        assert show_reference(database, review_id, "ann", str(key))


def test_nothing_a_rater_sees_tells_the_model_or_another_rater(database: Path, review_id: str) -> None:
    rate_all(database, review_id, "ann", lambda item: make_rating("a", note="ann was here"))
    item = first(database, review_id, "bob")
    words = str(dataclasses.asdict(item) | {"answer_a": "", "answer_b": ""})
    for secret in ("tuned", "ann", "side", "seed': 7", "repeat':"):
        assert secret not in words


def test_a_closed_review_takes_nothing_more_and_keeps_what_it_has(database: Path, review_id: str) -> None:
    item = first(database, review_id)
    submit_rating(database, review_id, "ann", item.item_key, make_rating("a"), item.token)
    second = first(database, review_id)
    closed = close_review(database, review_id).closed
    assert close_review(database, review_id).closed == closed
    with pytest.raises(AccessError, match="closed"):
        submit_rating(database, review_id, "ann", second.item_key, make_rating("a"), second.token)
    with pytest.raises(AccessError, match="closed"):
        review_next(database, review_id, "ann")
    with pytest.raises(AccessError, match="closed"):
        join_review(database, review_id, "late")
    # a retry of what was saved is still answered, and what was typed meanwhile is kept
    assert submit_rating(database, review_id, "ann", item.item_key, make_rating("a"), item.token).again
    assert save_draft(database, review_id, "ann", second.item_key, Rating("b"), second.token, 1)
    assert results(database, review_id).ratings == 1


def test_strangers_are_refused_by_name(database: Path) -> None:
    review_id = create_review(database, "Round 2", "", make_items(2), ReviewOptions(axes=(), raters=("ann", "bob")))
    assert first(database, review_id, " bob ").rater == "bob"
    with pytest.raises(AccessError, match="eve is none of them"):
        review_next(database, review_id, "eve")
    with pytest.raises(AccessError, match="not a rater"):
        submit_rating(database, review_id, "eve", "1", make_rating(), "t")
    with pytest.raises(InputError, match="name"):
        review_next(database, review_id, "  ")
    with pytest.raises(InputError, match="no review"):
        review_next(database, "nothing", "ann")
    for key in ("0", "3", "-1", "x", "²", ""):
        with pytest.raises(InputError):
            submit_rating(database, review_id, "ann", key, make_rating(), "t")


def test_one_item_is_a_review_too(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(1), ReviewOptions(axes=(), repeats=0.5))
    assert rate_all(database, review_id, "ann", lambda item: make_rating("a")) == 1
    close_review(database, review_id)
    found = results(database, review_id)
    assert (
        found.preference is not None and found.preference.verdict == "too few items" and found.preference.decided == 1
    )


def test_what_cannot_become_a_review_is_refused_with_every_reason(database: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        create_review(database, "n", "", [], ReviewOptions(axes=("beauty",), repeats=0.9))
    assert {problem.field for problem in caught.value.problems} == {"items", "axes", "repeats"}
    with pytest.raises(ConfigError, match="Item 1 has no question"):
        create_review(database, "n", "", [ReviewItem(" ", "a", "b")], ReviewOptions())


def test_a_job_that_runs_again_makes_no_second_review(database: Path, plain: ReviewOptions) -> None:
    ids = {create_review(database, "n", "", make_items(2), plain, review_id="fixed") for _ in range(2)}
    assert ids == {"fixed"}


def test_a_marked_sentence_must_lie_in_the_answer(database: Path, review_id: str) -> None:
    item = first(database, review_id)
    for span in ((0, 9_999), (5, 5), (-1, 3)):
        wrong = dataclasses.replace(make_rating("a"), a=AnswerRating("none", wrong=(span,)))
        with pytest.raises(InputError, match="does not fit"):
            submit_rating(database, review_id, "ann", item.item_key, wrong, item.token)


def test_only_this_user_can_read_the_file(database: Path, review_id: str) -> None:
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_a_newer_or_broken_database_is_said_in_words(database: Path, review_id: str, tmp_path: Path) -> None:
    newer, broken = tmp_path / "newer.sqlite3", tmp_path / "broken.sqlite3"
    create_review(newer, "n", "", make_items(1), ReviewOptions())
    with sqlite3.connect(newer) as db:
        db.execute("UPDATE schema_versions SET version = 99")
    copy = tmp_path / "copy.sqlite3"
    with sqlite3.connect(newer) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    with pytest.raises(ResourceError, match="newer version"):
        review_next(copy, "x", "ann")
    broken.write_bytes(b"no database, but long enough to look at " * 20)
    with pytest.raises(ResourceError, match="could not be used"):
        review_next(broken, "x", "ann")
