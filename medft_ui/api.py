"""The named endpoints of runs: what people script the app with. The README's table is compared with these.

    client.predict("sample", {"epochs": 2}, api_name="/start_training")

Every endpoint answers plain JSON. It does not know: the page, data sets (dataset_api.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.data_classes import FileData

from core.config import TrainingConfig
from core.errors import InputError
from core.inference.messages import ChatOptions, ChatRequest
from core.jobs.job import Job
from core.records import Message
from medft_ui import text
from medft_ui.dataset_api import add_dataset_api
from medft_ui.errors import shown
from medft_ui.tabs.export import zip_for_download

if TYPE_CHECKING:
    from core.studio import Studio

WHICH = ("base", "tuned", "both")


def add_api(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    add_dataset_api(studio)
    _training_endpoints(studio)
    _result_endpoints(studio)


def _training_endpoints(studio: Studio) -> None:
    @shown
    def start_training(dataset_id: str, config: dict) -> dict:
        """Start a run in the background; settings that are left out take the recommended value."""
        return {"run_id": studio.start_training(dataset_id, TrainingConfig.from_json(config))}

    @shown
    def status(run_id: str) -> dict:
        """How a run is doing."""
        snapshot = studio.snapshot(run_id)
        error = {"message": snapshot.error.message, "hint": snapshot.error.hint} if snapshot.error else None
        return {
            "state": snapshot.state,
            "step": snapshot.step,
            "total_steps": snapshot.total_steps,
            "metrics": dict(snapshot.metrics),
            "eta_s": snapshot.eta_s,
            "error": error,
        }

    @shown
    def stop_training(run_id: str, keep: bool) -> dict:
        """Stop and keep (it can be resumed), or discard."""
        return job_json(studio.stop_training(run_id, keep))

    @shown
    def resume_training(run_id: str) -> dict:
        """Continue from the last whole checkpoint."""
        return job_json(studio.resume_training(run_id))

    @shown
    def list_runs() -> list:
        """Every training run, the newest first."""
        return [run.to_json() for run in studio.run_summaries()]

    for endpoint in (start_training, status, stop_training, resume_training, list_runs):
        gr.api(endpoint, api_name=endpoint.__name__, queue=False)


def _result_endpoints(studio: Studio) -> None:
    @shown
    def chat(run_id: str, message: str, history: list, which: str, options: dict) -> Iterator[dict]:
        """Answer as base, tuned, or both at once; streams {"base": text so far, "tuned": text so far}."""
        if which not in WHICH:
            raise InputError(text.Errors.WHICH.format(value=which), text.Errors.WHICH_HINT)
        turns = (*read_history(history), Message("user", message))
        answers = {name: "" for name in WHICH[:2] if which in (name, "both")}
        request = ChatRequest(which, turns, turns, chat_options(options))  # type: ignore[arg-type]
        for piece in studio.chat(run_id, request):
            answers[piece.which] += piece.text
            yield dict(answers)

    @shown
    def export_adapter(run_id: str) -> FileData:
        """The adapter folder as a zip."""
        made = zip_for_download(studio, run_id)
        return FileData(path=str(made), orig_name=made.name)

    gr.api(chat, api_name="chat", concurrency_id="gpu", concurrency_limit=1)
    gr.api(export_adapter, api_name="export_adapter")


def job_json(job: Job) -> dict[str, Any]:
    """A run in plain values."""
    return {
        "run_id": job.id,
        "name": job.name,
        "state": job.state,
        "created": job.created,
        "dataset_id": job.dataset_id,
    }


def read_history(history: Any) -> tuple[Message, ...]:
    """Read earlier turns.

    Raises:
        InputError: if they are not a list of messages with role and content.
    """
    try:
        return tuple(Message(turn["role"], str(turn["content"])) for turn in history or ())
    except (TypeError, KeyError) as error:
        raise InputError(text.Errors.HISTORY, text.Errors.HISTORY_HINT) from error


def chat_options(body: Any) -> ChatOptions:
    """Read temperature, top_p, max_new_tokens; what is left out takes its default.

    Raises:
        InputError: if an option is unknown or of the wrong type.
    """
    try:
        return ChatOptions(**(body or {}))
    except TypeError as error:
        raise InputError(text.Errors.OPTIONS, text.Errors.OPTIONS_HINT) from error
