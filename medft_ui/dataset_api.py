"""The named endpoints of data sets: upload, report, findings, approval, rows, export.

    made = client.predict(handle_file("my.jsonl"), "My questions", {"eval_share": 0.1}, api_name="/upload_dataset")
    client.predict(made["dataset_id"], [{"action": "replace", "level": "blocking", "by": "Dr Lee"}],
                   api_name="/resolve_findings")
    client.predict(made["dataset_id"], True, "Dr Lee", api_name="/approve_dataset")

Every endpoint answers plain JSON, or a file. It does not know: the page.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.data_classes import FileData

from core.dataset.approve import Decision
from core.dataset.clean import CleanOptions
from core.errors import InputError, UploadError
from medft_ui import text
from medft_ui.errors import shown
from medft_ui.rows_text import Api
from medft_ui.tabs.data import forget
from medft_ui.tabs.review_rate import account_of
from medft_ui.tabs.rows import folder_for_download

if TYPE_CHECKING:
    from core.dataset.store import Dataset
    from core.studio import Studio


def add_dataset_api(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    _kept_endpoints(studio)
    _gate_endpoints(studio)


def _kept_endpoints(studio: Studio) -> None:
    @shown
    def upload_dataset(file: FileData, name: str, options: dict = {}) -> dict:  # noqa: B006 gradio copies a default
        """Read, clean, split and keep a file; an empty name takes the file's own.

        options: steps, eval_share, min_answer_chars, max_tokens, drop_too_long, near_duplicate_threshold, language, seed;
        what is left out takes the recommended value.
        """
        path, chosen = uploaded_path(file), clean_options(options)
        dataset = studio.add_dataset([path], name=name.strip(), options=chosen)
        forget([path])
        return dataset_json(dataset)

    @shown
    def list_datasets() -> list:
        """Every data set, the newest first."""
        names = ("name", "rows_train", "rows_eval", "status")
        entries = studio.list_datasets()
        return [{"dataset_id": entry.id} | {name: getattr(entry, name) for name in names} for entry in entries]

    @shown
    def dataset_report(dataset_id: str) -> dict:
        """What came in, what left and why, the state, and the open findings in masked sentences (500 at most)."""
        return studio.data.report(dataset_id)

    @shown
    def export_dataset(dataset_id: str) -> FileData:
        """Rows, report and card as a zip; without the upload, rows that left, and findings."""
        made = studio.data.export(dataset_id, folder_for_download())
        return FileData(path=str(made), orig_name=made.name)

    gr.api(upload_dataset, api_name="upload_dataset", api_description=upload_dataset.__doc__)
    gr.api(list_datasets, api_name="list_datasets", queue=False)
    gr.api(dataset_report, api_name="dataset_report", queue=False)
    gr.api(export_dataset, api_name="export_dataset")


def _gate_endpoints(studio: Studio) -> None:
    @shown
    def resolve_findings(dataset_id: str, decisions: list, request: gr.Request) -> dict:
        """Decide about findings, one by one or in bulk; the data set has to be approved again.

        decisions: [{"action": "replace" | "drop" | "not_identifier", "by", and "finding", "kind" or "level"}].
        """
        return state_json(studio.data.resolve(dataset_id, read_decisions(decisions, account_of(request))))

    @shown
    def approve_dataset(dataset_id: str, attest: bool, name: str) -> dict:
        """Vouch for the data set under a name, so that it may be trained on."""
        return state_json(studio.data.approve(dataset_id, attest is True, name))

    @shown
    def edit_row(dataset_id: str, row_id: str, prompt: str | None, response: str | None, request: gr.Request) -> dict:
        """Change a row's question, answer, or both (null leaves it); an approval becomes void."""
        by = account_of(request) or Api.BY
        return state_json(studio.data.edit_row(dataset_id, row_id, prompt=prompt, response=response, by=by))

    for endpoint in (resolve_findings, approve_dataset, edit_row):
        gr.api(endpoint, api_name=endpoint.__name__, api_description=endpoint.__doc__)


def uploaded_path(file: Any) -> Path:
    """Where an uploaded file lies; a path that a caller made up is refused, or any file of this machine could be read.

    Raises:
        UploadError: if the file was not uploaded here.
    """
    body = file if isinstance(file, dict) else file.model_dump()
    path, folder = Path(str(body.get("path", ""))).resolve(), Path(os.environ["GRADIO_TEMP_DIR"]).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise UploadError(text.Errors.FOREIGN_FILE, text.Errors.FOREIGN_FILE_HINT)
    return path


def clean_options(body: Any) -> CleanOptions:
    """Read cleaning options; benchmarks are refused, because a caller could name any file of this machine.

    Raises:
        ConfigError: naming every option that is unknown or of the wrong type.
        InputError: if they are no object, or name files.
    """
    if not isinstance(body or {}, Mapping):
        raise InputError(Api.OPTIONS, Api.OPTIONS_HINT)
    if body and "benchmarks" in body:
        raise InputError(Api.BENCHMARKS, Api.BENCHMARKS_HINT)
    return CleanOptions.from_json(body or {})


def read_decisions(bodies: Any, account: str) -> Sequence[Decision]:
    """Read decisions about findings; with a login, a decision is that account's.

    Raises:
        ConfigError: naming what is wrong with a decision.
        InputError: if they are no list of objects.
    """
    if not isinstance(bodies, list) or not all(isinstance(body, Mapping) for body in bodies):
        raise InputError(Api.DECISIONS, Api.DECISIONS_HINT)
    return [Decision.from_json({**body, "by": account} if account else body) for body in bodies]


def dataset_json(dataset: Dataset) -> dict[str, Any]:
    """What ``upload_dataset`` answers."""
    report = dataset.report()
    removed = {step["name"]: step["removed"] for step in report["steps"] if step["on"]}
    return {
        "dataset_id": dataset.id,
        "rows_read": report["rows"]["read"],
        "rows_kept": dataset.rows_train + dataset.rows_eval,
        "removed": removed,
        "problems": [f"{count} rows: {reason}" for reason, count in report["skipped"].items()],
        "status": dataset.status,
    }


def state_json(dataset: Dataset) -> dict[str, Any]:
    """How a data set stands, as what changes it answers."""
    body = dataset.to_json()
    names = ("rows_train", "rows_eval", "sha256", "status", "open_blocking", "open_advisory", "approval")
    return {"dataset_id": dataset.id} | {name: body[name] for name in names}
