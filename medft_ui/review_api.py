"""The named endpoints of the blind review: create_review, review_next, submit_rating, review_results.

    made = client.predict(run_id, "Round 1", [], {"count": 20}, api_name="/create_review")
    item = client.predict(made["review_id"], "reviewer 2", api_name="/review_next")

Every endpoint answers plain JSON. It does not know: the page.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.evaluation.review.form import Rating
from core.evaluation.review.items import Question, ReviewItem, ReviewOptions
from core.evaluation.review.sentences import sentences
from medft_ui.chat_api import chat_options
from medft_ui.errors import shown
from medft_ui.tabs.review_rate import account_of, rater_of

if TYPE_CHECKING:
    from core.studio import Studio

DEFAULT_COUNT = 60
# Options of create_review that say which questions and how to answer; the rest are ReviewOptions.
OWN_OPTIONS = ("count", "topics", "draw_seed", "generation")


def add_review_api(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    desk = studio.reviews

    @shown
    def create_review(run_id: str, name: str, items: list, options: dict, request: gr.Request) -> dict:
        """Make a review: of items with both answers at once, else its questions are answered first, by a job.

        items: [{"question", "base", "tuned", "reference", "must_have"}], or questions without base and tuned, or [] to
        draw options["count"] from the rows that the run never learnt. options: axes, repeats, specialties, raters, seed;
        count, topics, draw_seed; generation {"temperature", "max_new_tokens", "seed"}.
        """
        return make_review(studio, run_id, name, items, options, account_of(request))

    @shown
    def review_next(review_id: str, rater: str, request: gr.Request) -> dict:
        """What this rater should rate now; {"finished": true} when nothing is left."""
        who = rater_of(studio, rater, request)
        item = desk.next(review_id, who)
        saved, total = desk.progress(review_id, who)
        if item is None:
            return {"finished": True, "saved": saved, "total": total}
        return {
            "finished": False,
            "item_key": item.item_key,
            "question": item.question,
            "answer_a": item.answer_a,
            "answer_b": item.answer_b,
            "must_have": list(item.must_have),
            "axes": list(item.review.options.axes),
            "token": item.token,
            "filled": item.filled.to_json(),
            "saved": saved,
            "total": total,
        }

    @shown
    def submit_rating(review_id: str, rater: str, item_key: str, rating: dict, token: str, request: gr.Request) -> dict:
        """Save a rating; the same token again changes nothing.

        rating: {"a": {"harm", "likelihood", "axes", "must_have", "wrong"}, "b": {…}, "preference", "note"}.
        """
        who = rater_of(studio, rater, request)
        return dataclasses.asdict(desk.submit(review_id, who, item_key, Rating.from_json(rating), token))

    @shown
    def review_results(review_id: str, request: gr.Request) -> dict:
        """What a review comes to; only progress while it is open."""
        found = desk.results(review_id, account_of(request))
        return {"is_revealed": found.is_revealed, "sentences": sentences(found)} | plain(dataclasses.asdict(found))

    for endpoint in (create_review, review_next, submit_rating, review_results):
        gr.api(endpoint, api_name=endpoint.__name__, queue=False, api_description=endpoint.__doc__)


def make_review(studio: Studio, run_id: str, name: str, items: Any, options: Any, owner: str) -> dict[str, Any]:
    """What ``create_review`` does: returns the review's id, and the job's if one answers the questions first."""
    if not isinstance(items, list) or not isinstance(options, Mapping):
        raise InputError("items must be a list and options an object.", 'Pass for example [] and {"count": 20}.')
    chosen = ReviewOptions.from_json(
        {key: value for key, value in options.items() if key not in OWN_OPTIONS} | {"owner": owner}
    )
    if items and all(isinstance(item, Mapping) and "base" in item and "tuned" in item for item in items):
        answered = [ReviewItem.from_json(item) for item in items]
        return {"review_id": studio.reviews.create(name, run_id, answered, chosen), "job_id": ""}
    questions = [_question(item) for item in items] or _drawn(studio, run_id, options)
    generation = options.get("generation") or {}
    if not isinstance(generation, Mapping):
        raise InputError("generation must be an object.", 'Pass for example {"max_new_tokens": 200}.')
    answers = chat_options({"temperature": 0.0, **generation})
    review_id = studio.reviews.start(name, run_id, questions, chosen, answers)
    return {"review_id": review_id, "job_id": review_id}


def _drawn(studio: Studio, run_id: str, options: Mapping[str, Any]) -> list[Question]:
    count, seed, topics = options.get("count", DEFAULT_COUNT), options.get("draw_seed", 0), options.get("topics") or []
    if not all(isinstance(number, int) for number in (count, seed)) or not isinstance(topics, list):
        raise InputError(
            "count and draw_seed must be whole numbers, and topics a list.",
            'Pass for example {"count": 20, "topics": []}.',
        )
    return studio.reviews.held_out(run_id, count, topics, seed)


def _question(body: Any) -> Question:
    if not isinstance(body, Mapping) or not isinstance(body.get("question"), str):
        raise InputError("Each item needs a question as text.", 'Pass for example [{"question": "…"}].')
    return Question.from_json(body)


def plain(value: Any) -> Any:
    """JSON knows no NaN: what could not be computed becomes null."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
