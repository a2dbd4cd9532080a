"""What a review comes to, on cases whose numbers are known beforehand."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path

import pytest
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from core.errors import AccessError, InputError
from core.evaluation.review.form import AnswerRating, Rating
from core.evaluation.review.items import ReviewItem, ReviewOptions
from core.evaluation.review.report import export_review
from core.evaluation.review.results import ReviewResults, results
from core.evaluation.review.sentences import sentences
from core.evaluation.review.session import NextItem, close_review, create_review, review_next, submit_rating
from tests.core.evaluation.review.made_up import make_items, make_rating, number_of, rate_all, side_of


def closed(database: Path, review_id: str) -> ReviewResults:
    close_review(database, review_id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return results(database, review_id)


def prefers(model: str, item: NextItem) -> Rating:
    """Prefer a model, wherever it stands."""
    return make_rating(side_of(item, model))


def test_the_win_rate_is_wilsons_over_decided_items(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(60), ReviewOptions(axes=(), repeats=0.0))

    def judge(item: NextItem) -> Rating:
        number = number_of(item)
        return make_rating("tie") if number >= 54 else prefers("tuned" if number < 33 else "base", item)

    rate_all(database, review_id, "ann", judge)
    found = closed(database, review_id)
    assert found.preference is not None and found.preference.win is not None
    low, high = proportion_confint(33, 54, method="wilson")
    assert (found.preference.win.low, found.preference.win.high) == pytest.approx((low, high))
    assert dict(found.preference.items) == {
        "tuned": 33,
        "base": 21,
        "tie": 6,
        "both_bad": 0,
        "split": 0,
        "not judged": 0,
    }
    assert found.preference.verdict == "no measurable difference"
    more = found.preference.more_items
    assert sentences(found)[0] == (
        "Tuned preferred in 61 % of 54 decided items (95 % interval 48 to 73): not settled; "
        f"about {more} more decided items would settle it if the rate stays as it is."
    )
    assert proportion_confint(round((54 + more) * 33 / 54), 54 + more, method="wilson")[0] > 0.5
    assert more == 19


@pytest.mark.parametrize(("model", "verdict"), [("tuned", "better"), ("base", "worse")])
def test_a_clear_preference_is_said(database: Path, model: str, verdict: str) -> None:
    review_id = create_review(database, "n", "", make_items(20), ReviewOptions(axes=(), repeats=0.2))
    rate_all(database, review_id, "ann", lambda item: prefers(model, item))
    found = closed(database, review_id)
    assert found.preference is not None and found.preference.verdict == verdict
    # who decides by content says the same again when the sides are swapped
    assert found.self_agreement is not None and found.self_agreement.value == 1.0 and found.repeats == 4
    assert f"{model} is preferred, beyond what chance explains" in sentences(found)[0]


def test_who_always_takes_a_is_found_out(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(20), ReviewOptions(axes=(), repeats=0.2))
    rate_all(database, review_id, "ann", lambda item: make_rating("a"))
    found = closed(database, review_id)
    assert found.preference is not None and found.preference.items["tuned"] == 10
    assert found.self_agreement is not None and found.self_agreement.value == 0.0
    assert found.chose_a is not None and found.chose_a.value == 1.0
    assert any(sentence.startswith("Careful: answer A") for sentence in sentences(found))


def test_two_raters_are_compared_by_cohens_kappa_in_models_not_sides(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(30), ReviewOptions(axes=(), repeats=0.0))
    rate_all(database, review_id, "ann", lambda item: prefers("tuned" if number_of(item) < 18 else "base", item))
    rate_all(database, review_id, "bob", lambda item: prefers("tuned" if number_of(item) < 12 else "base", item))
    found = closed(database, review_id)
    agreement = found.agreement[0]
    expected = cohens_kappa([[12, 0], [6, 12]])
    assert agreement.raw == pytest.approx(24 / 30) and agreement.kind == "Cohen's kappa"
    assert agreement.kappa is not None
    assert (agreement.kappa.value, agreement.kappa.low, agreement.kappa.high) == pytest.approx(
        (expected.kappa, expected.kappa_low, expected.kappa_upp)
    )
    assert found.preference is not None
    assert (found.preference.items["tuned"], found.preference.items["split"], found.preference.items["base"]) == (
        12,
        6,
        12,
    )
    assert len(found.to_adjudicate) == 6
    # all said "no harm" throughout: agreement is whole, and kappa does not exist
    assert found.agreement[1].raw == 1.0 and found.agreement[1].kappa is None


def test_three_raters_are_compared_by_fleiss_and_the_majority_decides(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(12), ReviewOptions(axes=(), repeats=0.0))
    for rater, model in (("ann", "tuned"), ("bob", "tuned"), ("cy", "base")):
        rate_all(database, review_id, rater, lambda item, model=model: prefers(model, item))
    item = review_next(database, review_id, "late")  # who has hardly begun does not spoil the agreement
    assert item is not None
    submit_rating(database, review_id, "late", item.item_key, make_rating("tie"), item.token)
    found = closed(database, review_id)
    assert found.preference is not None and found.preference.items["tuned"] == 12
    assert (found.agreement[0].raters, found.agreement[0].units, found.agreement[0].kind) == (3, 12, "Fleiss' kappa")
    assert found.agreement[0].raw == pytest.approx(1 / 3)
    assert found.agreement[0].kappa is not None and found.agreement[0].kappa.value == pytest.approx(-0.5)


def test_harm_counts_in_items_and_severe_harm_calls_somebody_senior(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(20), ReviewOptions(axes=(), repeats=0.0))

    def judge(item: NextItem) -> Rating:
        harmful = {"harm_a" if side_of(item, "base") == "a" else "harm_b": "severe" if number_of(item) < 2 else "mild"}
        return make_rating("tie", **(harmful if number_of(item) < 9 else {}))

    rate_all(database, review_id, "ann", judge)
    found = closed(database, review_id)
    assert found.harm is not None
    assert (found.harm["any"].base.value, found.harm["any"].tuned.value) == (9 / 20, 0.0)
    assert (found.harm["any"].lost, found.harm["any"].gained, found.harm["any"].verdict) == (0, 9, "better")
    assert found.harm["any"].base.low == pytest.approx(proportion_confint(9, 20, method="wilson")[0])
    assert found.harm["severe"].base.value == 0.1
    assert [item.number for item in found.to_adjudicate] == [1, 2]


def test_axes_and_must_have_statements_are_counted_per_model(database: Path) -> None:
    review_id = create_review(
        database, "n", "", make_items(12, ("one", "two")), ReviewOptions(axes=("missing",), repeats=0.0)
    )

    def judge(item: NextItem) -> Rating:
        good = AnswerRating("none", axes={"missing": "none"}, must_have=(True, True))
        poor = AnswerRating("none", axes={"missing": "major"}, must_have=(True, False))
        tuned_first = side_of(item, "tuned") == "a"
        return Rating("a" if tuned_first else "b", *((good, poor) if tuned_first else (poor, good)))

    rate_all(database, review_id, "ann", judge)
    found = closed(database, review_id)
    assert found.axes is not None and found.must_have is not None
    assert (found.axes["missing"].base.value, found.axes["missing"].tuned.value) == (0.0, 1.0)
    assert (found.must_have.base.value, found.must_have.tuned.value) == (0.5, 1.0)


def test_who_cannot_judge_counts_nowhere(database: Path) -> None:
    review_id = create_review(database, "n", "", make_items(3), ReviewOptions(axes=(), repeats=0.0))
    rate_all(database, review_id, "ann", lambda item: Rating("cannot_judge"))
    found = closed(database, review_id)
    assert found.preference is not None and found.preference.items["not judged"] == 3 and found.harm == {}
    assert "nothing can be said" in sentences(found)[0]


def test_an_open_review_reveals_nothing(database: Path, review_id: str) -> None:
    rate_all(database, review_id, "ann", lambda item: make_rating("a"))
    found = results(database, review_id)
    assert not found.is_revealed and found.ratings == 6
    assert found.preference is None and not found.items and found.harm is None
    with pytest.raises(AccessError, match="open"):
        export_review(database, review_id, "csv")


def exported(database: Path) -> str:
    items = [ReviewItem("Q <b>?", "=SUM(A1)", "Tuned. Wrong here.", "R", ("must",))]
    options = ReviewOptions(
        axes=("bias",), repeats=0.0, raters=("Dr Jane Roe",), answers={"temperature": 0.0, "seed": 42}
    )
    review_id = create_review(database, "Round & 1", "run-1", items, options)
    item = review_next(database, review_id, "Dr Jane Roe")
    assert item is not None
    base = AnswerRating("mild", "high", {"bias": "no"}, (False,))
    tuned = AnswerRating("none", None, {"bias": "yes"}, (True,), ((7, 18),))
    first = side_of(item, "tuned") == "a"
    rating = Rating("a" if first else "b", *((tuned, base) if first else (base, tuned)), note="=cmd()")
    submit_rating(database, review_id, "Dr Jane Roe", item.item_key, rating, item.token)
    close_review(database, review_id)
    return review_id


def test_the_csv_tells_models_and_no_names_and_no_formula(database: Path) -> None:
    text = export_review(database, exported(database), "csv").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["preferred"], row["base_harm"], row["base_likelihood"], row["tuned_must_have"]) == (
        "tuned",
        "mild",
        "high",
        "1 of 1",
    )
    assert (row["tuned_wrong_sentences"], row["tuned_bias"], row["note"], row["rater"]) == (
        "Wrong here.",
        "yes",
        "'=cmd()",
        "1",
    )
    assert len(row["items_sha256"]) == 64 and "Jane" not in text


def test_the_json_is_whole_and_strict(database: Path) -> None:
    review_id = exported(database)
    text = export_review(database, review_id, "json").decode()

    def no_constant(name: str) -> None:
        raise AssertionError(name)

    body = json.loads(text, parse_constant=no_constant)
    assert body["results"]["review"]["options"]["answers"] == {"temperature": 0.0, "seed": 42}
    assert body["ratings"][0]["counts"] is True and body["sentences"] and "Jane" not in text
    assert body["ratings_sha256"] == json.loads(export_review(database, review_id, "json"))["ratings_sha256"]


def test_the_page_escapes_what_others_wrote(database: Path) -> None:
    text = export_review(database, exported(database), "html").decode()
    assert "Q &lt;b&gt;?" in text and "Round &amp; 1" in text and "<b>?" not in text and "Jane" not in text
    assert "not a medical device" in text
    with pytest.raises(InputError, match="pdf"):
        export_review(database, "x", "pdf")  # type: ignore[arg-type]
