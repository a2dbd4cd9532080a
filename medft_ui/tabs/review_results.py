"""Results: what a review has found, for whoever made it; closing it; taking it home as files.

It does not know: how results are computed or said.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.evaluation.review.form import AXES
from core.evaluation.review.report import FORMATS
from core.evaluation.review.results import Agreement, ReviewResults
from core.evaluation.review.rows import Review
from core.evaluation.review.sentences import interval, percent, sentences, subject
from core.evaluation.statistics import Comparison
from medft_ui import parts
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.review_text import Rate, Results
from medft_ui.tabs.review_rate import account_of

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class ResultsScreen:
    """The screen's components."""

    review: gr.Dropdown
    refresh: gr.Button
    ask: gr.Button
    sure: gr.Column
    close: gr.Button
    keep: gr.Button
    shown: gr.HTML
    files: tuple[gr.DownloadButton, ...]


def build(studio: Studio, opened: gr.Tab) -> ResultsScreen:
    """Lay out the screen and wire it; it reads the ratings anew whenever its tab is opened."""
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Results.TITLE, Results.ASIDE))
        review = gr.Dropdown(
            all_choices(studio.reviews.reviews()), value=None, label=Results.REVIEW, info=Results.REVIEW_INFO
        )
        with gr.Row(elem_classes="actions"):
            refresh = gr.Button(Results.REFRESH)
            ask = gr.Button(Results.CLOSE, visible=False)
        with gr.Column(visible=False) as sure:
            gr.HTML(parts.note(Results.SURE))
            with gr.Row(elem_classes="actions"):
                close = gr.Button(Results.CLOSE_NOW, variant="primary")
                keep = gr.Button(Results.KEEP)
        with gr.Row(elem_classes="actions"):
            files = tuple(gr.DownloadButton(Results.DOWNLOAD[name], visible=False) for name in FORMATS)
    body = gr.HTML(parts.empty(Results.EMPTY, Results.EMPTY_HINT), elem_classes="review-results")
    screen = ResultsScreen(review, refresh, ask, sure, close, keep, body, files)
    _wire(studio, screen, opened)
    return screen


def all_choices(reviews: Sequence[Review]) -> list[tuple[str, str]]:
    """Every review, the newest first."""
    return [
        (
            Results.CHOICE.format(
                name=review.name, items=review.items, state=Results.CLOSED if review.closed else Results.OPEN
            ),
            review.id,
        )
        for review in reviews
    ]


def _wire(studio: Studio, screen: ResultsScreen, opened: gr.Tab) -> None:
    desk = studio.reviews

    def updates(found: ReviewResults, account: str) -> list[Any]:
        closed = found.is_revealed
        made = [str(write_file(studio, found.review, name, account)) if closed else None for name in FORMATS]
        buttons = [gr.update(value=path, visible=closed) for path in made]
        return [results_html(found), gr.update(visible=not closed), gr.update(visible=False), *buttons]

    @shown
    def look(review_id: str | None, request: gr.Request) -> list[Any]:
        if not review_id:
            hidden = [gr.update(visible=False)] * (2 + len(FORMATS))
            return [parts.empty(Results.EMPTY, Results.EMPTY_HINT), *hidden]
        return updates(desk.results(review_id, account_of(request)), account_of(request))

    @shown
    def close(review_id: str | None, request: gr.Request) -> list[Any]:
        if not review_id:
            raise InputError(Rate.NO_REVIEW, Rate.NO_REVIEW_HINT)
        account = account_of(request)
        desk.close(review_id, account)
        return [*updates(desk.results(review_id, account), account), gr.update(choices=all_choices(desk.reviews()))]

    outputs = [screen.shown, screen.ask, screen.sure, *screen.files]
    gr.on(
        [screen.review.change, screen.refresh.click, opened.select],
        look,
        screen.review,
        outputs,
        **QUICK,
    )
    screen.ask.click(lambda: gr.update(visible=True), outputs=screen.sure, **QUICK)
    screen.keep.click(lambda: gr.update(visible=False), outputs=screen.sure, **QUICK)
    screen.close.click(close, screen.review, [*outputs, screen.review], **SLOW)


def write_file(studio: Studio, review: Review, format: Any, account: str) -> Path:
    """Lay an export where the server may hand it out."""
    words = re.sub(r"[^a-z0-9]+", "-", review.name.lower()).strip("-")[:40] or "review"
    folder = Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
    path = folder / f"{words}.{format}"
    path.write_bytes(studio.reviews.export(review.id, format, account))
    return path


def results_html(found: ReviewResults) -> str:
    """The whole result as HTML; everything from outside is escaped."""
    told = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(found))
    cards = [f"{parts.heading(found.review.name)}<ul class='sentences'>{told}</ul>", _raters(found)]
    if found.is_revealed:
        cards += [_rates(found), _outcomes(found), _agreement(found.agreement), _adjudicate(found), _made(found)]
    body = "".join(f'<div class="card">{card}</div>' for card in cards if card)
    return f'<div style="display: grid; gap: 16px">{body}</div>'


def _titled(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return parts.heading(title) + parts.table(columns, rows, title)


def _raters(found: ReviewResults) -> str:
    rows = [
        (
            rater.rater,
            rater.specialty or Results.UNSAID,
            f"{rater.saved} / {rater.total}",
            Results.SECONDS.format(seconds=rater.median_s) if rater.median_s else Results.UNSAID,
        )
        for rater in found.raters
    ]
    return _titled(Results.RATERS_TITLE, Results.RATERS, rows)


def _rates(found: ReviewResults) -> str:
    rows = list(_rate_rows(found))
    return _titled(Results.RATES_TITLE, Results.RATES, rows) if rows else ""


def _rate_rows(found: ReviewResults) -> Iterator[Sequence[str]]:
    for key, name in (("any", Results.ANY_HARM), ("severe", Results.SEVERE_HARM)):
        if found.harm:
            yield _comparison(name, found.harm[key])
    for key, comparison in (found.axes or {}).items():
        yield _comparison(Results.BEST.format(question=AXES[key].question, level=AXES[key].levels[0]), comparison)
    if found.must_have:
        yield _comparison(Results.MUST_HAVE, found.must_have)


def _comparison(name: str, found: Comparison) -> Sequence[str]:
    gap = found.difference
    points = [f"{round(value * 100):+d}" if round(value * 100) else "0" for value in (gap.value, gap.low, gap.high)]
    difference = Results.POINTS.format(value=points[0], low=points[1], high=points[2])
    return (
        name,
        interval(found.base),
        interval(found.tuned),
        difference,
        "< 0.001" if found.p_value < 0.001 else f"{found.p_value:.3f}",
        found.verdict,
    )


def _outcomes(found: ReviewResults) -> str:
    if not found.preference:
        return ""
    rows = [(Results.OUTCOME[name], str(count)) for name, count in found.preference.items.items()]
    return _titled(Results.OUTCOMES_TITLE, Results.OUTCOMES, rows)


def _agreement(found: Sequence[Agreement]) -> str:
    rows = [
        (subject(each.subject), str(each.raters), str(each.units), percent(each.raw), _kappa(each)) for each in found
    ]
    return _titled(Results.AGREEMENT_TITLE, Results.AGREEMENT, rows) if rows else ""


def _kappa(found: Agreement) -> str:
    kappa = found.kappa
    if kappa is None or math.isnan(kappa.value):
        return Results.NO_KAPPA
    if math.isnan(kappa.low):
        return Results.BARE_KAPPA.format(kind=found.kind, value=kappa.value)
    return Results.KAPPA.format(kind=found.kind, value=kappa.value, low=kappa.low, high=kappa.high)


def _adjudicate(found: ReviewResults) -> str:
    rows = [
        (
            str(each.number),
            each.item.question,
            each.item.base,
            each.item.tuned,
            "; ".join(each.adjudicate),
            "\n".join(each.notes),
        )
        for each in found.to_adjudicate
    ]
    if not rows:
        return parts.heading(Results.ADJUDICATE_TITLE) + parts.note(Results.NOBODY)
    return _titled(Results.ADJUDICATE_TITLE, Results.ADJUDICATE, rows)


def _made(found: ReviewResults) -> str:
    settings = [(str(name), str(value)) for name, value in found.review.options.answers.items()]
    return _titled(Results.MADE_TITLE, Results.MADE, [*settings, (Results.HASH, found.review.sha256)])
