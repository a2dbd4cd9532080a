"""Results: a run's evaluations, the one that is chosen in full, and deleting it.

It does not know: how results are computed or drawn (evaluate_html.py), items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import JobError
from core.evaluation.result import EvaluationRequest, EvaluationResult
from core.jobs.job import Job
from medft_ui import parts
from medft_ui.errors import shown
from medft_ui.evaluate_html import choice_of, failed_html, result_html
from medft_ui.evaluate_text import Frame, Result
from medft_ui.events import QUICK, SLOW

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class ResultCard:
    """The card's components.

    Args:
        evaluation: Which evaluation is shown.
        shown: What it found.
        resume: Goes on with one that did not come to its end.
        ask: Asks before deleting.
        sure: The question.
        delete: Deletes.
        keep: Does not.
    """

    evaluation: gr.Dropdown
    shown: gr.HTML
    resume: gr.Button
    ask: gr.Button
    sure: gr.Column
    delete: gr.Button
    keep: gr.Button

    @property
    def filled(self) -> list[Any]:
        """What ``shown_updates`` fills."""
        return [self.shown, self.resume, self.ask, self.sure]


def build() -> ResultCard:
    """Lay out the card."""
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(Result.TITLE, Result.ASIDE))
        evaluation = gr.Dropdown([], label=Result.PICK, info=Result.PICK_INFO)
        body = gr.HTML(parts.empty(Result.NONE, Result.NONE_HINT))
        with gr.Row(elem_classes="actions"):
            resume = gr.Button(Frame.RESUME, size="sm", variant="primary", visible=False)
            ask = gr.Button(Result.DELETE, size="sm", visible=False)
        with gr.Column(visible=False, elem_classes="ask") as sure:
            gr.HTML(parts.note(Result.SURE))
            with gr.Row(elem_classes="actions"):
                delete = gr.Button(Result.DELETE_NOW, size="sm", variant="stop")
                keep = gr.Button(Result.KEEP, size="sm")
    return ResultCard(evaluation, body, resume, ask, sure, delete, keep)


def wire(studio: Studio, card: ResultCard, run: gr.Dropdown) -> None:
    """Show what is chosen, and delete it if asked twice."""

    @shown
    def look(job_id: str | None) -> list[Any]:
        return shown_updates(studio, job_id)

    @shown
    def resume(job_id: str | None) -> None:
        if job_id:
            studio.evaluations.resume(job_id)
            gr.Info(Frame.RESUMED_TOAST)

    @shown
    def delete(run_id: str | None, job_id: str | None) -> list[Any]:
        if job_id:
            studio.evaluations.delete(job_id)
            gr.Info(Result.DELETED)
        left = choices(studio, run_id) if run_id else []
        picker = gr.update(choices=left, value=left[0][1] if left else None)
        return [picker, gr.update(visible=False)]

    card.resume.click(resume, card.evaluation, None, preprocess=False, **SLOW)
    card.evaluation.change(look, card.evaluation, card.filled, preprocess=False, **QUICK)
    card.ask.click(lambda: gr.update(visible=True), outputs=card.sure, **QUICK)
    card.keep.click(lambda: gr.update(visible=False), outputs=card.sure, **QUICK)
    inputs = [run, card.evaluation]
    card.delete.click(delete, inputs, [card.evaluation, card.sure], preprocess=False, **SLOW)


def shown_updates(studio: Studio, job_id: Any) -> list[Any]:
    """Return what ``ResultCard.filled`` shows of an evaluation."""
    job = found(studio, job_id)
    ended = job is not None and not job.is_active
    can_resume = job is not None and studio.evaluations.can_resume(job)
    return [body_html(studio, job), *(gr.update(visible=each) for each in (can_resume, ended, False))]


def found(studio: Studio, job_id: Any) -> Job | None:
    """The evaluation of that id; None if there is none any more."""
    try:
        return studio.evaluations.job(str(job_id)) if job_id else None
    except JobError:
        return None


def kind_of(studio: Studio, job_id: Any) -> str:
    """What kind of evaluation it is; empty if there is none of that id."""
    job = found(studio, job_id)
    try:
        return EvaluationRequest.read(job.folder).kind if job else ""
    except JobError:
        return ""


def result_of(job: Job) -> EvaluationResult | None:
    """What an evaluation found; None if it has no result that can be read."""
    try:
        return EvaluationResult.read(job.folder)
    except JobError:
        return None


def choices(studio: Studio, run_id: str) -> list[tuple[str, str]]:
    """A run's evaluations, the newest first."""
    return [(choice_of(job, result_of(job)), job.id) for job in studio.evaluations.of_run(run_id)]


def body_html(studio: Studio, job: Job | None) -> str:
    """What the card shows of an evaluation."""
    if job is None:
        return parts.empty(Result.NONE, Result.NONE_HINT)
    if job.is_active or not studio.evaluations.has_result(job):
        return failed_html(job)
    return result_html(studio.evaluations.result(job.id))
