"""The job that answers a review's questions once, with base and tuned model, and then makes the review.

    generate(job_dir, progress):  review.json → answers.jsonl (as they are written) → the review in the database

It does not know: raters, screens, how answers are made (an Answerer makes them).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import JobError
from core.evaluation.answering import Answerer, Answering
from core.evaluation.review.items import Question, ReviewItem, ReviewOptions
from core.evaluation.review.session import create_review
from core.inference.messages import ChatOptions
from core.jobs.job import read_job, write_whole
from core.progress import Progress
from core.settings import Settings

REQUEST_FILE = "review.json"
ANSWERS_FILE = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """What review.json says.

    Args:
        review_id: The id that the review will have.
        name: What people call it.
        run_id: The run whose models answer.
        source: The run's folder.
        questions: What is asked.
        options: How the review is set up.
        answers: How the models answer.
    """

    review_id: str
    name: str
    run_id: str
    source: str
    questions: tuple[Question, ...]
    options: ReviewOptions
    answers: ChatOptions

    def save(self, job_dir: Path) -> None:
        """Write review.json."""
        body = asdict(self) | {"questions": [question.to_json() for question in self.questions]}
        write_whole(job_dir / REQUEST_FILE, json.dumps(body, ensure_ascii=False, indent=1))

    @classmethod
    def read(cls, job_dir: Path) -> ReviewRequest:
        """Read review.json.

        Raises:
            JobError: if it is missing or damaged.
        """
        try:
            body = json.loads((job_dir / REQUEST_FILE).read_text(encoding="utf-8"))
            return cls(
                **body
                | {
                    "questions": tuple(Question.from_json(question) for question in body["questions"]),
                    "options": ReviewOptions.from_json(body["options"]),
                    "answers": ChatOptions(**body["answers"]),
                }
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise JobError(f"{REQUEST_FILE} is missing or damaged.", "Create the review again.") from error


def generate(job_dir: Path, progress: Progress, answerer: Answerer | None = None) -> None:
    """Answer the questions and make the review.

    *Stop and keep* makes the review of what has been answered by then; *discard* makes none.

    Args:
        job_dir: The job's folder, with review.json.
        progress: Told how far it is; its result holds ``review_id``.
        answerer: Makes the answers; None loads the run's models.

    Raises:
        JobError: if review.json is missing or damaged, it was stopped before the first answer, or no question can
            be read by the models.
        ModelError: if the run has no adapter or its models cannot be loaded.
    """
    request, home = ReviewRequest.read(job_dir), Settings(home=read_job(job_dir).home)
    answerer = answerer or Answering.open(Path(request.source), home.models, progress)
    items = _answer(request, answerer, job_dir / ANSWERS_FILE, progress)
    if progress.stop_requested() == "discard":
        return
    if not items and not progress.stop_requested():
        raise JobError("Every question is longer than the model can read.", "Create the review with shorter questions.")
    if not items:
        raise JobError("The review was stopped before the first answer.", "Create it again.")
    answers = {**answerer.describe(), **asdict(request.answers)}
    options = ReviewOptions.from_json(request.options.to_json() | {"answers": answers})
    create_review(home.database, request.name, request.run_id, items, options, review_id=request.review_id)
    progress.result({"review_id": request.review_id, "items": len(items), "answers": answers})


def _answer(request: ReviewRequest, answerer: Answerer, path: Path, progress: Progress) -> list[ReviewItem]:
    """Answer batch by batch; what is answered when the person stops is kept, in the order of the questions."""
    items: dict[int, ReviewItem] = {}
    unread = 0
    progress.phase("answering the questions", 0, len(request.questions))
    prompts = [question.prompt for question in request.questions]
    with path.open("w", encoding="utf-8") as file:
        for number, (index, base, tuned) in enumerate(answerer.answers(prompts, request.answers), start=1):
            if progress.stop_requested():
                break
            if "too long" in (base.finish, tuned.finish):
                unread += 1
                continue
            items[index] = request.questions[index].answered(base.text, tuned.text)
            file.write(json.dumps(items[index].to_json(), ensure_ascii=False) + "\n")
            file.flush()
            progress.phase("answering the questions", number, len(request.questions))
    if unread:
        progress.log(f"{unread} questions are longer than the model can read; they are left out of the review.")
    return [items[index] for index in sorted(items)]
