"""The review's endpoints and handlers, without a browser: a whole review by API, jobs, logins, what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from core.errors import AccessError, ConfigError, InputError
from core.evaluation.review.items import ReviewItem, ReviewOptions
from core.evaluation.review_answers import ReviewRequest
from medft_ui.review_api import make_review
from medft_ui.review_text import FORM
from medft_ui.tabs import review_new, review_rate, review_results
from tests.ui.fake_studio import FakeStudio, job, snapshot

ITEMS = [{"question": f"Q{n}?", "base": f"base {n}", "tuned": f"tuned {n}", "must_have": ["one"]} for n in range(3)]
GOOD = {"harm": "none", "axes": {"consensus": "agrees", "missing": "none"}, "must_have": [True]}


def request(username: str | None) -> Any:
    return SimpleNamespace(username=username)


@pytest.fixture
def with_run(studio: FakeStudio) -> FakeStudio:
    """A studio with a finished run whose folder is below its own home."""
    finished = job("finished")
    studio.fake.show(snapshot("finished", 200))
    studio.fake.now = replace(studio.fake.now, job=replace(finished, folder=studio.settings.runs / finished.id))
    return studio


@pytest.mark.thorough
def test_a_whole_review_by_the_api(studio: FakeStudio, address: str) -> None:
    client = Client(address, verbose=False)
    made = client.predict("", "By API", ITEMS, {"repeats": 0}, api_name="/create_review")
    review_id = made["review_id"]
    for saved in (1, 2, 3):
        item = client.predict(review_id, "bot", api_name="/review_next")
        assert not item["finished"] and "tuned" not in json.dumps({**item, "answer_a": "", "answer_b": ""})
        side = "a" if item["answer_a"].startswith("tuned") else "b"
        rating = {"preference": side, "a": GOOD, "b": GOOD}
        sent = (review_id, "bot", item["item_key"], rating, item["token"])
        first, again = (client.predict(*sent, api_name="/submit_rating") for _ in range(2))
        assert first["saved"] == saved and not first["again"] and again["again"]
    assert client.predict(review_id, "bot", api_name="/review_next") == {"finished": True, "saved": 3, "total": 3}
    assert client.predict(review_id, api_name="/review_results")["preference"] is None
    studio.reviews.close(review_id)
    found = client.predict(review_id, api_name="/review_results")
    assert found["preference"]["items"]["tuned"] == 3 and found["is_revealed"]
    with pytest.raises(AppError, match="no review"):
        client.predict("nothing", "bot", api_name="/review_next")
    client.close()


def test_questions_without_answers_start_a_job(with_run: FakeStudio) -> None:
    run_id = with_run.fake.now.job.id  # type: ignore[union-attr]
    made = make_review(with_run, run_id, "Held out", [], {"count": 5, "generation": {"max_new_tokens": 64}}, "")
    assert with_run.fake.asked[-1][:2] == ("submit", "review_answers")
    folder = with_run.settings.runs / run_id / "evaluation" / made["job_id"]
    asked = ReviewRequest.read(folder)
    assert len(asked.questions) == 5 and asked.answers.max_new_tokens == 64 and asked.answers.temperature == 0.0
    assert all(question.reference for question in asked.questions) and asked.review_id == made["review_id"]


@pytest.mark.parametrize(
    ("items", "options"),
    [
        ({}, {}),
        ([{"no": "question"}], {}),
        ([], {"axis": ["typo"]}),
        (ITEMS, {"axes": ["beauty"]}),
        (ITEMS, {"repeats": "much"}),
        (ITEMS, {"raters": ["x" * 61]}),
        ([{**ITEMS[0], "must_have": "one"}], {}),
        ([{**ITEMS[0], "must_have": 5}], {}),
        ([{"question": "Q?", "messages": [{"role": "robot", "content": "Q?"}]}], {}),
        ([{"question": "Q?", "messages": [{"content": "Q?"}]}], {}),
        ([{"question": "Q?", "messages": [{"role": "assistant", "content": "A."}]}], {}),
        ([], {"count": "many"}),
        ([], {"topics": 5}),
        ([], {"generation": [1]}),
        ([], {"generation": {"temperature": "hot"}}),
    ],
)
def test_a_review_that_makes_no_sense_is_refused(with_run: FakeStudio, items: Any, options: Any) -> None:
    with pytest.raises((InputError, ConfigError)):
        make_review(with_run, with_run.fake.now.job.id, "n", items, options, "")  # type: ignore[union-attr]
    assert with_run.reviews.reviews() == []
    assert not any(entry[0] == "submit" for entry in with_run.fake.asked)


def test_the_form_starts_a_review_from_each_source(with_run: FakeStudio) -> None:
    run = with_run.fake.now.job.id  # type: ignore[union-attr]

    def form(source: str, own: str = "") -> list[Any]:
        return ["", run, source, 4, [], own, ["missing", "consensus"], 0.1, "a, b ,", " ann,bob,ann", 0, 128, 7]

    for source, own, count in (("held_out", "", 4), ("multiple_choice", "", 4), ("own", "One?\n\nTwo?", 2)):
        review_id = review_new.start(with_run, form(source, own), "owner")
        asked = ReviewRequest.read(with_run.settings.runs / run / "evaluation" / review_id)
        assert len(asked.questions) == count
        assert (asked.options.axes, asked.options.raters) == (("consensus", "missing"), ("ann", "bob"))
        assert (asked.options.specialties, asked.options.owner, asked.answers.seed) == (("a", "b"), "owner", 7)
        with_run.fake.now = replace(
            snapshot("finished", 200), job=replace(job("finished"), folder=with_run.settings.runs / run)
        )
    with pytest.raises(InputError, match="no trained run"):
        review_new.start(with_run, ["", None, *form("own")[2:]], "")
    with pytest.raises(InputError, match="number is missing"):
        review_new.start(with_run, [*form("own", "One?")[:-1], None], "")
    with pytest.raises(ConfigError, match="seed"):
        review_new.start(with_run, [*form("own", "One?")[:-1], -1], "")


def test_whoever_has_an_account_of_their_own_rates_under_it(studio: FakeStudio) -> None:
    assert review_rate.rater_of(studio, " ann ", request(None)) == "ann"
    assert review_rate.rater_of(studio, "ann", request("dr.roe")) == "dr.roe"
    studio.settings = replace(studio.settings, user="clinic", password="long enough")
    assert review_rate.rater_of(studio, "ann", request("clinic")) == "ann"  # the login that all share names nobody


def test_only_who_made_a_review_closes_and_reads_it(studio: FakeStudio) -> None:
    items = [ReviewItem.from_json(item) for item in ITEMS]
    review_id = studio.reviews.create("n", "", items, ReviewOptions(owner="ann"))
    for refused in (studio.reviews.close, studio.reviews.results):
        with pytest.raises(AccessError, match="Only who made"):
            refused(review_id, "bob")
    assert studio.reviews.close(review_id, "ann").closed


def test_results_are_escaped(studio: FakeStudio) -> None:
    items = [ReviewItem("<script>1</script>", "<b>base</b>", "tuned")]
    review_id = studio.reviews.create("<i>n</i>", "", items, ReviewOptions(axes=()))
    item = studio.reviews.next(review_id, "<u>ann</u>")
    assert item is not None
    rating = {
        "preference": "a",
        "a": {"harm": "severe", "likelihood": "low"},
        "b": {"harm": "none"},
        "note": "<s>n</s>",
    }
    sent = {"review_id": review_id, "item_key": item.item_key, "token": item.token, "rating": rating}
    assert review_rate.save(studio.reviews, item.rater, sent)["item_key"] == ""
    studio.reviews.close(review_id)
    html = review_results.results_html(studio.reviews.results(review_id))
    for tag in ("<script>", "<b>base", "<i>n", "<u>ann", "<s>n"):
        assert tag not in html
    assert "&lt;b&gt;base" in html


def test_the_form_has_all_its_words() -> None:
    script = review_rate.SCRIPT.read_text(encoding="utf-8")
    used = set(re.findall(r"WORDS\.(\w+)", script))
    computed = {name for name in FORM if name.startswith("prefer_")}
    assert used == set(FORM) - computed
