"""The review desk: everything that the screens and the API ask for about reviews, in the words people use.

    desk = ReviewDesk(settings, controller)
    review_id = desk.start("Respiratory, round 1", run_id, desk.held_out(run_id, 60), ReviewOptions(), ChatOptions())

It does not know: gradio, who is logged in (callers pass the account).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.dataset.store import open_dataset
from core.errors import AccessError, ConfigError, InputError, JobError
from core.evaluation.review import questions as sources
from core.evaluation.review import session
from core.evaluation.review.form import Rating
from core.evaluation.review.items import Question, ReviewItem, ReviewOptions, check
from core.evaluation.review.report import Format, export_review
from core.evaluation.review.results import ReviewResults, results
from core.evaluation.review.rows import NextItem, Review, Saved
from core.evaluation.review_answers import ReviewRequest
from core.inference.messages import ChatOptions
from core.jobs.controller import JobController
from core.jobs.job import JOB_FILE, Job
from core.settings import SAMPLE_DATA, Settings

MULTIPLE_CHOICE = SAMPLE_DATA / "medical_mcq.jsonl"


def _nothing() -> None:
    """Free nothing."""


class ReviewDesk:
    """Reviews, in one place.

    Args:
        settings: Where files lie.
        controller: Runs the job that makes the answers.
        free_device: Called before that job starts; for example ends the chat, which holds the device's memory.
    """

    def __init__(
        self, settings: Settings, controller: JobController, free_device: Callable[[], None] = _nothing
    ) -> None:
        self.settings = settings
        self.controller = controller
        self._free_device = free_device

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.settings.database

    # -- making a review ------------------------------------------------------------------------------------------

    def topics(self, run_id: str) -> list[str]:
        """What a run's held-out rows are about, in order; empty if they do not say."""
        return sorted({question.specialty for question in self._held_out(run_id) if question.specialty})

    def held_out(self, run_id: str, count: int, topics: Sequence[str] = (), seed: int = 0) -> list[Question]:
        """Draw questions from the rows that a run never learnt.

        Raises:
            JobError, DatasetError: if there is no such run, or its data set is gone.
            InputError: if nothing is left to draw from.
        """
        return sources.pick(self._held_out(run_id), count, topics, seed)

    def multiple_choice(self, count: int, seed: int = 0) -> list[Question]:
        """Draw from the multiple-choice questions that come with the app."""
        return sources.pick(sources.from_multiple_choice(MULTIPLE_CHOICE), count, (), seed)

    def own(self, text: str) -> list[Question]:
        """Read one's own questions; see ``questions.from_text``."""
        return sources.from_text(text)

    def start(
        self, name: str, run_id: str, questions: Sequence[Question], options: ReviewOptions, answers: ChatOptions
    ) -> str:
        """Answer the questions in the background, then make the review; returns its id, which is also the job's.

        Raises:
            ConfigError: if the review cannot be made so, or nothing can be answered so.
            JobError: if there is no such run, or another job holds the device.
        """
        check([question.answered("", "") for question in questions], options)
        if problems := answers.problems():
            raise ConfigError(problems)
        run = self._run(run_id)
        review_id = session.new_id()
        folder = run.folder / "evaluation" / review_id
        name = name.strip() or f"Review of {run.name}"
        request = ReviewRequest(review_id, name, run_id, str(run.folder), tuple(questions), options, answers)
        self._free_device()
        folder.mkdir(parents=True, mode=0o700)
        try:
            request.save(folder)
            self.controller.submit("review_answers", folder, name=name, dataset_id=run.dataset_id)
        except JobError:
            if not (folder / JOB_FILE).exists():
                shutil.rmtree(folder)
            raise
        return review_id

    def create(self, name: str, run_id: str, items: Sequence[ReviewItem], options: ReviewOptions) -> str:
        """Make a review of answers that are already there."""
        return session.create_review(self.database, name, run_id, items, options)

    def reviews(self) -> list[Review]:
        """Every review, the newest first."""
        return session.list_reviews(self.database)

    def review(self, review_id: str) -> Review:
        """One review."""
        return session.find_review(self.database, review_id)

    def answering(self) -> list[Job]:
        """Jobs that still answer questions for a review, or ended without one; the newest first."""
        made = {review.id for review in self.reviews()}
        return [job for job in self.controller.jobs() if job.kind == "review_answers" and job.id not in made]

    # -- rating ---------------------------------------------------------------------------------------------------

    def join(self, review_id: str, rater: str, specialty: str = "") -> None:
        """Take part."""
        session.join_review(self.database, review_id, rater, specialty)

    def next(self, review_id: str, rater: str, item_key: str = "") -> NextItem | None:
        """What a rater should rate now, or one place of the rater's order."""
        return session.review_next(self.database, review_id, rater, item_key)

    def submit(self, review_id: str, rater: str, item_key: str, rating: Rating, token: str) -> Saved:
        """Save a rating."""
        return session.submit_rating(self.database, review_id, rater, item_key, rating, token)

    def save_draft(self, review_id: str, rater: str, item_key: str, draft: Rating, token: str, edit: int) -> bool:
        """Keep a half-filled form."""
        return session.save_draft(self.database, review_id, rater, item_key, draft, token, edit)

    def reference(self, review_id: str, rater: str, item_key: str) -> str:
        """The reference of an item that the rater has rated."""
        return session.show_reference(self.database, review_id, rater, item_key)

    def progress(self, review_id: str, rater: str) -> tuple[int, int]:
        """Places rated, and places."""
        return session.progress_of(self.database, review_id, rater)

    # -- the owner's ----------------------------------------------------------------------------------------------

    def close(self, review_id: str, account: str = "") -> Review:
        """End a review and reveal the models.

        Raises:
            AccessError: if somebody else made it.
        """
        self._refuse_others(review_id, account)
        return session.close_review(self.database, review_id)

    def results(self, review_id: str, account: str = "") -> ReviewResults:
        """What a review comes to.

        Raises:
            AccessError: if somebody else made it.
        """
        self._refuse_others(review_id, account)
        return results(self.database, review_id)

    def export(self, review_id: str, format: Format, account: str = "") -> bytes:
        """Write a closed review as a file's bytes."""
        self._refuse_others(review_id, account)
        return export_review(self.database, review_id, format)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _refuse_others(self, review_id: str, account: str) -> None:
        owner = self.review(review_id).options.owner
        if owner and account != owner:
            raise AccessError("Only who made this review may do this.", "Log in with that account.")

    def _held_out(self, run_id: str) -> list[Question]:
        dataset = open_dataset(self.settings.datasets, self._run(run_id).dataset_id)
        return [sources.from_record(record) for record in dataset.eval()]

    def _run(self, run_id: str) -> Any:
        run = next((job for job in self.controller.jobs() if job.id == run_id and job.kind == "train"), None)
        if run is None:
            raise JobError(f"There is no run {run_id!r}.", "Choose one from the list of runs.")
        if not run.dataset_id:
            raise InputError(f"{run.name} does not say which data set it learnt from.", "Choose another run.")
        return run
