"""A closed review as a file: every rating as CSV, everything as JSON, or a page for people as HTML.

Raters appear by number. Each file states how the answers were made and the hashes of items and ratings, so that two
copies can be compared. It does not know: where the file goes.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import AccessError, InputError
from core.evaluation.review.database import reading
from core.evaluation.review.form import AXES, SIDES
from core.evaluation.review.results import ReviewResults, results
from core.evaluation.review.sentences import agreement_words, percent, sentences, subject
from core.evaluation.wording import moment

Format = Literal["csv", "json", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
NOTICE = "Research tool, not a medical device. These ratings judge answers to these questions only; they do not approve a model for care."
NO_AGREEMENT = "Not known: no item was judged by two raters."


def export_review(database: Path, review_id: str, format: Format) -> bytes:
    """Write a closed review as a file's bytes.

    Args:
        database: The SQLite file.
        review_id: Which review.
        format: csv, json or html.

    Raises:
        AccessError: if the review is open, for a file would reveal the models.
        InputError: if there is no such review or format.
    """
    if format not in FORMATS:
        raise InputError(f"A review cannot be written as {format!r}.", f"Choose one of {', '.join(FORMATS)}.")
    found = results(database, review_id)
    if not found.is_revealed:
        raise AccessError("The review is open; a file would tell which model is which.", "Close it first.")
    ratings = _ratings(database, review_id)
    text = {"csv": _csv, "json": _json, "html": _html}[format](found, ratings)
    # the mark at the start tells Excel that a CSV is UTF-8
    return text.encode("utf-8-sig" if format == "csv" else "utf-8")


def _ratings(database: Path, review_id: str) -> list[dict[str, Any]]:
    """Every rating ever saved, in order; ``counts`` is false where a newer one supersedes it."""
    with reading(database) as db:
        rows = db.execute(
            "SELECT rating.*, rater.number AS rater_number, rater.specialty, NOT EXISTS (SELECT 1 FROM review_ratings AS"
            " newer WHERE newer.supersedes = rating.id) AS counts FROM review_ratings AS rating JOIN review_raters AS rater"
            " USING (review_id, rater) WHERE review_id = ? ORDER BY rating.id",
            (review_id,),
        ).fetchall()
    return [
        {
            "item": row["item"] + 1,
            "rater": row["rater_number"],
            "specialty": row["specialty"],
            "repeat": bool(row["repeat"]),
            "side_a": row["side_a"],
            "saved": row["saved"],
            "counts": bool(row["counts"]),
            **json.loads(row["body"]),
        }
        for row in rows
    ]


def ratings_hash(ratings: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of all ratings in the order they were saved."""
    return hashlib.sha256(json.dumps(ratings, ensure_ascii=False, sort_keys=True).encode("utf-8")).hexdigest()


def _csv(found: ReviewResults, ratings: Sequence[Mapping[str, Any]]) -> str:
    """One row a rating that counts, told in models instead of sides."""
    answers = ("harm", "likelihood", "must_have", "wrong_sentences", *found.review.options.axes)
    columns = ["item", "rater", "specialty", "repeat", "preferred", "seconds_s", "saved", "note", "question"]
    columns += [f"{model}_{name}" for model in ("base", "tuned") for name in answers]
    columns += ["items_sha256", "ratings_sha256"]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    hashes = {"items_sha256": found.review.sha256, "ratings_sha256": ratings_hash(ratings)}
    for rating in ratings:
        if rating["counts"]:
            row = {
                name: rating[name] for name in ("item", "rater", "specialty", "repeat", "seconds_s", "saved", "note")
            }
            row |= hashes | {"question": found.items[rating["item"] - 1].item.question} | dict(_by_model(found, rating))
            writer.writerow({name: _harmless(value) for name, value in row.items()})
    return file.getvalue()


def _by_model(found: ReviewResults, rating: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    models = _models(rating)
    yield "preferred", models.get(rating["preference"], rating["preference"])
    item = found.items[rating["item"] - 1].item
    for side in SIDES:
        model, answer = models[side], rating[side]
        text = item.base if model == "base" else item.tuned
        yield f"{model}_harm", answer["harm"] or ""
        yield f"{model}_likelihood", answer["likelihood"] or ""
        yield f"{model}_must_have", f"{sum(answer['must_have'])} of {len(item.must_have)}" if item.must_have else ""
        yield f"{model}_wrong_sentences", " | ".join(text[start:end] for start, end in answer["wrong"])
        for axis in found.review.options.axes:
            yield f"{model}_{axis}", answer["axes"].get(axis, "")


def _models(rating: Mapping[str, Any]) -> dict[str, str]:
    return {"a": rating["side_a"], "b": "tuned" if rating["side_a"] == "base" else "base"}


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from taking a rater's or a model's words for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _json(found: ReviewResults, ratings: Sequence[Mapping[str, Any]]) -> str:
    body = {
        "notice": NOTICE,
        "ratings_sha256": ratings_hash(ratings),
        "sentences": sentences(found),
        "results": _plain(dataclasses.asdict(found)),
        "ratings": ratings,
    }
    for rater in body["results"]["raters"]:
        del rater["rater"]
    body["results"]["review"]["options"].pop("raters")
    return json.dumps(body, ensure_ascii=False, indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    """JSON knows no NaN: what could not be computed becomes null."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


STYLE = """body{font:16px/1.55 system-ui,sans-serif;color:#17212b;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;
border-bottom:1px solid #dfe5ea}code{overflow-wrap:anywhere}.notice{background:#fdf1cf;color:#7a5200;padding:.6rem 1rem;
border-radius:8px}h2{margin-top:2rem}td.text{white-space:pre-wrap}@media print{body{margin:0;max-width:none}}"""


def _html(found: ReviewResults, ratings: Sequence[Mapping[str, Any]]) -> str:
    review = found.review
    told = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(found))
    settings = {
        "Run": review.run_id or "none",
        "Created": moment(review.created),
        "Closed": moment(review.closed),
        "Items": f"{review.items}, of which {found.judged} judged",
        "Judged by, besides harm and preference": " · ".join(AXES[key].question for key in review.options.axes)
        or "none",
        "Shown twice": percent(review.options.repeats),
        **{f"Answers: {name}": value for name, value in review.options.answers.items()},
        "SHA-256 of the items": review.sha256,
        "SHA-256 of the ratings": ratings_hash(ratings),
    }
    agreed = [(subject(each.subject), agreement_words(each)) for each in found.agreement]
    agreement = _table(("Question", "How far raters agree"), agreed) if agreed else f"<p>{NO_AGREEMENT}</p>"
    raters = [
        (
            f"rater {each.number}",
            each.specialty or "not said",
            f"{each.saved} of {each.total}",
            f"{each.median_s:.0f} s" if each.median_s else "not measured",
        )
        for each in found.raters
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(review.name)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f'<h1>{escape(review.name)}</h1><p class="notice">{escape(NOTICE)}</p><ul>{told}</ul>'
        f"<h2>Agreement</h2>{agreement}"
        f"<h2>Raters</h2>{_table(('Rater', 'Specialty', 'Rated', 'Median time'), raters)}"
        f"<h2>Items</h2>{_table(('No.', 'Question', 'Base', 'Tuned', 'Outcome', 'Look at it'), _item_rows(found))}"
        f"<h2>How it was made</h2>{_table(('What', 'Value'), settings.items())}</body></html>"
    )


def _item_rows(found: ReviewResults) -> Iterator[tuple[Any, ...]]:
    for each in found.items:
        answers = [
            f"{getattr(each.item, model)}\n[harm: {each.harm.get(model, 'not judged')}]" for model in ("base", "tuned")
        ]
        outcome = f"{each.winner} preferred" if each.winner in ("base", "tuned") else each.winner.replace("_", " ")
        yield each.number, each.item.question, *answers, outcome, "; ".join(each.adjudicate)


def _table(columns: Sequence[str], rows: Any) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f'<td class="text">{escape(str(cell))}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
