"""The named endpoints of evaluations: start_evaluation, evaluation_result, scorecard.

    made = client.predict(run_id, "heldout", {"limit": 50}, api_name="/start_evaluation")
    client.predict(made["job_id"], api_name="/evaluation_result")

Every endpoint answers plain JSON. It does not know: the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.evaluation.desk import EvaluationDesk
from medft_ui.dataset_api import uploaded_path
from medft_ui.errors import shown
from medft_ui.review_api import plain

if TYPE_CHECKING:
    from core.studio import Studio


def add_evaluation_api(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    desk = studio.evaluations

    @shown
    def start_evaluation(run_id: str, kind: str, options: dict) -> dict:
        """Judge a run in the background, base against tuned on the same items.

        kind: heldout {"limit", "seed", "generate", "max_new_tokens", "adapter"}, benchmark {"tasks", "files", "limit",
        "seed", "fewshot", "form", "apply_chat_template", "adapter"}, or safety {"max_new_tokens", "per_kind", "system",
        "adapter"}; what is left out takes its default. files: an uploaded file (handle_file) by task name.
        """
        if not isinstance(options, Mapping):
            raise InputError("The options must be an object.", 'Pass for example {"limit": 50}, or {}.')
        return {"job_id": desk.start(run_id, kind, with_uploads(options)).id}  # type: ignore[arg-type]

    @shown
    def evaluation_result(job_id: str) -> dict:
        """How an evaluation is doing, and what it found once it has ended."""
        return state_of(studio, desk, job_id)

    @shown
    def scorecard(run_id: str) -> dict:
        """Everything that is known about a run on one page, what is missing, and hashes."""
        return desk.scorecard(run_id).to_json()

    for endpoint in (start_evaluation, evaluation_result, scorecard):
        gr.api(endpoint, api_name=endpoint.__name__, queue=False, api_description=endpoint.__doc__)


def with_uploads(options: Mapping[str, Any]) -> dict[str, Any]:
    """Replace uploaded files by where they lie; a path that a caller made up is refused.

    Raises:
        UploadError: if a file was not uploaded here.
    """
    files = options.get("files") or {}
    if not isinstance(files, Mapping):
        raise InputError(
            "files must give an uploaded file by task name.", 'Pass for example {"own": handle_file(path)}.'
        )
    paths = {
        name: str(uploaded_path(file if isinstance(file, dict) else {"path": file})) for name, file in files.items()
    }
    return {**options, "files": paths} if paths else dict(options)


def state_of(studio: Studio, desk: EvaluationDesk, job_id: str) -> dict[str, Any]:
    """What ``evaluation_result`` answers."""
    job = desk.job(job_id)
    snapshot, phase = studio.snapshot(job_id), None
    if snapshot.phase is not None:
        phase = {"name": snapshot.phase.name, "done": snapshot.phase.done, "total": snapshot.phase.total}
    error = {"message": job.error.message, "hint": job.error.hint} if job.error else None
    result = desk.result(job_id).to_json() if not job.is_active and desk.has_result(job) else None
    return plain(
        {
            "state": job.state,
            "phase": phase,
            "share": snapshot.phase.share if snapshot.phase else None,
            "eta_s": snapshot.eta_s,
            "error": error,
            "result": result,
        }
    )
