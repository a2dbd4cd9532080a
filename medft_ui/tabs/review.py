"""Review: clinicians rate answers blind; whoever made the review reads what it has found.

Three screens: rate (review_rate.py), results (review_results.py), new review (review_new.py). This module lays them side
by side and keeps their lists fresh. It does not know: how any of it is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.evaluation.review.rows import Review
from core.jobs.job import Job
from core.jobs.snapshot import Snapshot
from medft_ui.errors import shown
from medft_ui.events import FOLLOW
from medft_ui.lazy import Opened, Told
from medft_ui.review_text import Rate
from medft_ui.tabs import review_new, review_rate, review_results
from medft_ui.tabs.export import run_choices
from medft_ui.tabs.review_new import NewScreen
from medft_ui.tabs.review_rate import RateScreen
from medft_ui.tabs.review_results import ResultsScreen

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class ReviewTab:
    """The screen's components."""

    rate: RateScreen
    results: ResultsScreen
    new: NewScreen

    @property
    def lists(self) -> list[Any]:
        """What follows what is on the disk."""
        lists = [self.rate.review, self.results.review, self.new.run]
        return [*lists, self.rate.none, self.rate.ways, self.new.answering]


def build(studio: Studio, told: Told, opened: Opened) -> ReviewTab:
    """Lay out the screens.

    Args:
        studio: The desk.
        told: What the poll tells; the screen listens to the questions that are being answered.
        opened: When its tab is opened.
    """
    with gr.Tabs():
        with gr.Tab(Rate.TABS[0], id="rate") as rate_opened:
            rate = review_rate.build(studio)
        with gr.Tab(Rate.TABS[1], id="results") as results_opened:
            results = review_results.build(studio, results_opened)
        with gr.Tab(Rate.TABS[2], id="new") as new_opened:
            new = review_new.build(studio)
    tab = ReviewTab(rate, results, new)
    selected = [each.select for each in (rate_opened, results_opened, new_opened)]
    _follow(studio, tab, [*opened, *selected, told.answering.change])
    return tab


def updates(newest: Snapshot) -> list[Any]:
    """Return what ``Told.answering`` holds now: a word that moves with the questions that are answered."""
    job = newest.job
    if job is None or job.kind != "review_answers":
        return [gr.skip()]
    share = newest.phase.share if newest.phase else None
    return [f"{job.id} {job.state} {share or 0:.2f}"]


def _follow(studio: Studio, tab: ReviewTab, opened: Opened) -> None:
    """Read the lists anew when a screen is opened or a review is being made: the page's one timer stays free of them."""

    @shown
    def look(rated: str | None, read: str | None, run: str | None) -> list[Any]:
        reviews = studio.reviews.reviews()
        updates = list_updates(reviews, studio.list_runs(), (rated, read, run))
        is_open = bool(review_rate.open_choices(reviews))
        return [
            *updates,
            gr.update(visible=not is_open),
            gr.update(visible=is_open),
            review_new.answering_html(studio, studio.reviews.answering()),
        ]

    inputs = [tab.rate.review, tab.results.review, tab.new.run]
    gr.on(opened, look, inputs, tab.lists, **FOLLOW)


def list_updates(reviews: Sequence[Review], runs: Sequence[Job], picks: Sequence[Any]) -> list[Any]:
    """New choices for the three lists; what is picked stays if it still exists, else the newest is picked."""
    listed = [review_rate.open_choices(reviews), review_results.all_choices(reviews), run_choices(runs)]
    return [_picker(choices, pick) for choices, pick in zip(listed, picks, strict=True)]


def _picker(choices: Sequence[tuple[str, str]], pick: Any) -> dict[str, Any]:
    if any(value == pick for _, value in choices):
        return gr.update(choices=choices)
    return gr.update(choices=choices, value=choices[0][1] if choices else None)
