"""The named endpoints of data sets: upload, report, findings, approval, rows, export.

    made = client.predict(handle_file("my.jsonl"), "My questions", {"eval_share": 0.1}, api_name="/upload_dataset")
    client.predict(made["dataset_id"], [{"action": "replace", "level": "blocking", "by": "Dr Lee"}],
                   api_name="/resolve_findings")
    client.predict(made["dataset_id"], True, "Dr Lee", api_name="/approve_dataset")
    client.predict(None, "", {"hub": {"id": "owner/name"}, "benchmarks": [handle_file("medqa.jsonl")]},
                   api_name="/upload_dataset")

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
from core.dataset.intake import HubSet, Intake
from core.dataset.mapping import ColumnMapping, by_hand
from core.errors import InputError, UploadError
from medft_ui import text
from medft_ui.errors import shown
from medft_ui.rows_text import Api
from medft_ui.tabs.bring_card import forget
from medft_ui.tabs.downloads import folder_for_download
from medft_ui.tabs.review_rate import account_of

if TYPE_CHECKING:
    from core.dataset.store import Dataset
    from core.studio import Studio

BRINGING = ("hub", "held_out", "benchmarks", "mapping")


def add_dataset_api(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""
    _kept_endpoints(studio)
    _gate_endpoints(studio)


def _kept_endpoints(studio: Studio) -> None:
    @shown
    def upload_dataset(file: FileData | None, name: str, options: dict = {}) -> dict:  # noqa: B006 gradio copies a default
        """Read, clean, split and keep a file, or a data set of the Hugging Face Hub; an empty name takes its own.

        options: steps, eval_share, min_answer_chars, max_tokens, drop_too_long, near_duplicate_threshold, language, seed;
        what is left out takes the recommended value. Besides: hub, {"id", "config", "split", "revision"}, instead of a file;
        benchmarks, uploaded files whose questions must not be in training; held_out, uploaded files to evaluate with;
        mapping, {"kind", "columns": {role: column}}, instead of what is understood.
        """
        brought, chosen = read_intake(file, options), clean_options(options)
        mapping = read_mapping(studio, brought, options)
        dataset = studio.data.add(brought, name=name, mapping=mapping, options=chosen)
        forget((*brought.files, *brought.held_out, *brought.benchmarks))
        return dataset_json(dataset)

    @shown
    def clean_again(dataset_id: str, options: dict) -> dict:
        """Clean the kept upload again with other options: a new version; the old one stays.

        options: as for upload_dataset, without hub, held_out and mapping; what is left out stays as it was.
        """
        old = studio.dataset(dataset_id)
        kept = {name: value for name, value in old.options.items() if name != "benchmarks"}
        added = tuple(uploaded_path(file) for file in _files_in(options, "benchmarks"))
        chosen = clean_options(kept | cleaning_only(options)).changed(benchmarks=added)
        return dataset_json(studio.data.rebuild(dataset_id, chosen, by=Api.BY))

    @shown
    def list_datasets() -> list:
        """Every data set, the newest first."""
        names = ("name", "rows_train", "rows_eval", "status")
        entries = studio.list_datasets()
        return [{"dataset_id": entry.id} | {name: getattr(entry, name) for name in names} for entry in entries]

    @shown
    def dataset_report(dataset_id: str) -> dict:
        """What came in, what left and why, what matched a benchmark, the state, and open findings, masked (500 at most)."""
        return studio.data.report(dataset_id)

    @shown
    def export_dataset(dataset_id: str) -> FileData:
        """Rows, report and card as a zip; without the upload, rows that left, and findings."""
        made = studio.data.export(dataset_id, folder_for_download())
        return FileData(path=str(made), orig_name=made.name)

    gr.api(upload_dataset, api_name="upload_dataset", api_description=upload_dataset.__doc__)
    gr.api(clean_again, api_name="clean_again", api_description=clean_again.__doc__)
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
        """Change a row's question, answer, or both (null leaves it); an approval becomes void.

        The sample is never changed: its change goes into a copy, whose dataset_id is in the answer.
        """
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


def read_intake(file: Any, options: Any) -> Intake:
    """Read what a call brings: a file or a Hub data set, files to hold out, benchmark files.

    Raises:
        InputError: if there is neither or both, or something is no uploaded file.
    """
    if not isinstance(options or {}, Mapping):
        raise InputError(Api.OPTIONS, Api.OPTIONS_HINT)
    hub = HubSet.from_json(options["hub"]) if (options or {}).get("hub") else None
    if bool(file) == bool(hub):
        raise InputError(Api.SOURCE, Api.SOURCE_HINT)
    held_out, benchmarks = (
        tuple(uploaded_path(one) for one in _files_in(options, name)) for name in ("held_out", "benchmarks")
    )
    return Intake((uploaded_path(file),) if file else (), hub, held_out, benchmarks)


def _files_in(options: Any, name: str) -> list[Any]:
    files = (options or {}).get(name) or []
    if not isinstance(files, list) or not all(isinstance(file, Mapping) for file in files):
        raise InputError(Api.FILES.format(name=name), Api.FILES_HINT)
    return [dict(file) for file in files]


def read_mapping(studio: Studio, intake: Intake, options: Any) -> ColumnMapping | None:
    """Read a mapping by hand; None where a call leaves it to the detection.

    Raises:
        InputError: if it has no kind and columns.
        UploadError: if it does not fit the upload.
    """
    body = (options or {}).get("mapping")
    if not body:
        return None
    if not isinstance(body, Mapping) or not isinstance(body.get("columns"), Mapping):
        raise InputError(Api.MAPPING, Api.MAPPING_HINT)
    upload = studio.data.open_upload(intake)
    return by_hand(upload, str(body.get("kind", "")), dict(body["columns"]), int(body.get("first_index") or 0))  # type: ignore[arg-type]


def cleaning_only(options: Any) -> dict[str, Any]:
    """Leave out what says where rows come from."""
    return {name: value for name, value in (options or {}).items() if name not in BRINGING}


def clean_options(body: Any) -> CleanOptions:
    """Read cleaning options; files are no part of them, because a caller could name any file of this machine.

    Raises:
        ConfigError: naming every option that is unknown or of the wrong type.
        InputError: if they are no object.
    """
    if not isinstance(body or {}, Mapping):
        raise InputError(Api.OPTIONS, Api.OPTIONS_HINT)
    return CleanOptions.from_json(cleaning_only(body))


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
