"""The job that answers a review's questions once, with base and tuned model, and then makes the review.

    generate(job_dir, progress):  review.json → answers.jsonl (as they are written) → the review in the database

It does not know: raters, screens, how answers are made (an Answerer makes them).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from core.errors import JobError
from core.evaluation.review.items import Question, ReviewItem, ReviewOptions
from core.evaluation.review.session import create_review
from core.inference.messages import ChatOptions
from core.jobs.job import read_job, write_whole
from core.progress import Progress
from core.records import Message
from core.settings import Settings

REQUEST_FILE = "review.json"
ANSWERS_FILE = "answers.jsonl"


class Answerer(Protocol):
    """Answers questions with both models."""

    def answer_pairs(self, prompts: Sequence[Sequence[Message]], options: ChatOptions) -> list[tuple[str, str]]:
        """Return the base's and the tuned model's answer to each prompt."""

    def describe(self) -> Mapping[str, Any]:
        """Say which models answer, for the review's stated settings."""


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


class ChatAnswerer:
    """Answers with base and tuned in one batch, from one set of weights.

    Args:
        source: The run's folder.
        models_dir: Where base models are kept.
        progress: Told of each phase of loading.
    """

    def __init__(self, source: Path, models_dir: Path, progress: Progress) -> None:
        from core.inference.chat import ChatModel  # noqa: PLC0415  (both load the tokenizers library, and then torch)
        from core.inference.loader import load  # noqa: PLC0415
        from core.inference.target import target_of  # noqa: PLC0415

        self.model = ChatModel(load(target_of(source), models_dir, progress))

    def answer_pairs(self, prompts: Sequence[Sequence[Message]], options: ChatOptions) -> list[tuple[str, str]]:
        """Answer each prompt; see Answerer."""
        return [self._pair(tuple(prompt), options) for prompt in prompts]

    def describe(self) -> Mapping[str, Any]:
        """Say which models answer; see Answerer."""
        loaded = self.model.loaded
        return {"base": loaded.target.model, "adapter_of": self._adapter_name(), "form": str(loaded.form.value)}

    def _pair(self, prompt: tuple[Message, ...], options: ChatOptions) -> tuple[str, str]:
        from core.inference.messages import ChatPiece, ChatRequest  # noqa: PLC0415

        answers = {"base": "", "tuned": ""}

        def collect(piece: ChatPiece) -> None:
            answers[piece.which] += piece.text

        self.model.answer(ChatRequest("both", prompt, prompt, options), collect)
        return answers["base"].strip(), answers["tuned"].strip()

    def _adapter_name(self) -> str:
        adapter = self.model.loaded.target.adapter
        return Path(adapter).parent.name if adapter else ""


def generate(job_dir: Path, progress: Progress, answerer: Answerer | None = None) -> None:
    """Answer the questions and make the review.

    *Stop and keep* makes the review of what has been answered by then; *discard* makes none.

    Args:
        job_dir: The job's folder, with review.json.
        progress: Told how far it is; its result holds ``review_id``.
        answerer: Makes the answers; None loads the run's models.

    Raises:
        JobError: if review.json is missing or damaged, or it was stopped before the first answer.
        ModelError: if the run has no adapter or its models cannot be loaded.
    """
    request, home = ReviewRequest.read(job_dir), Settings(home=read_job(job_dir).home)
    answerer = answerer or ChatAnswerer(Path(request.source), home.models, progress)
    items = _answer(request, answerer, job_dir / ANSWERS_FILE, progress)
    if progress.stop_requested() == "discard":
        return
    if not items:
        raise JobError("The review was stopped before the first answer.", "Create it again.")
    answers = {**answerer.describe(), **asdict(request.answers)}
    options = ReviewOptions.from_json(request.options.to_json() | {"answers": answers})
    create_review(home.database, request.name, request.run_id, items, options, review_id=request.review_id)
    progress.result({"review_id": request.review_id, "items": len(items), "answers": answers})


def _answer(request: ReviewRequest, answerer: Answerer, path: Path, progress: Progress) -> list[ReviewItem]:
    items: list[ReviewItem] = []
    with path.open("w", encoding="utf-8") as file:
        for question in request.questions:
            progress.phase("answering the questions", len(items), len(request.questions))
            if progress.stop_requested():
                break
            ((base, tuned),) = answerer.answer_pairs([question.prompt], request.answers)
            items.append(question.answered(base, tuned))
            file.write(json.dumps(items[-1].to_json(), ensure_ascii=False) + "\n")
            file.flush()
    return items
