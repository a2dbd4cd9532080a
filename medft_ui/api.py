"""The named endpoints of runs: what people script the app with. The README's table is compared with these.

    client.predict("sample", {"epochs": 2}, api_name="/start_training")

Every endpoint answers plain JSON. It does not know: the page, data sets (dataset_api.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.data_classes import FileData

from core.config import TrainingConfig
from core.jobs.job import Job
from medft_ui.chat_api import add_chat_api
from medft_ui.dataset_api import add_dataset_api
from medft_ui.errors import shown
from medft_ui.tabs.export import zip_for_download

if TYPE_CHECKING:
    from core.studio import Studio


def add_api(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    add_dataset_api(studio)
    _training_endpoints(studio)
    add_chat_api(studio)
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
    def export_adapter(run_id: str) -> FileData:
        """The adapter folder as a zip."""
        made = zip_for_download(studio, run_id)
        return FileData(path=str(made), orig_name=made.name)

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
