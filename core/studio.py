"""The desk: what the screens, the API and the terminal ask for, in one place and in the words people use.

    studio = Studio(settings); studio.open()
    dataset = studio.add_dataset([path], name="Respiratory")
    run_id = studio.start_training(dataset.id, config)
    studio.snapshot(run_id) …
    for piece in studio.chat(run_id, request): …
    studio.data.approve(dataset.id, attest=True, name="Dr Lee")
    studio.close()

It joins the rooms and decides nothing that a room could decide. It does not know: gradio, HTML, who asks.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from core.config import DEFAULT_MODEL, TrainingConfig
from core.dataset.clean import CleanOptions, CountTokens
from core.dataset.desk import DatasetDesk, Preview
from core.dataset.intake import Intake
from core.dataset.mapping import ColumnMapping
from core.dataset.sample import pristine_sample
from core.dataset.store import Dataset, list_datasets, open_dataset
from core.errors import ConfigError, DatasetError, JobError, MedftError, Problem, ResourceError
from core.evaluation.desk import EvaluationDesk
from core.evaluation.feedback import FeedbackStore
from core.evaluation.of_run import can_go_on
from core.evaluation.review.desk import ReviewDesk
from core.evaluation.scorecard_page import scorecard_files
from core.export.adapter import export_adapter, file_hashes, write_adapter_folder
from core.export.audit import audit_of
from core.export.card import card_text
from core.export.hub import push
from core.export.merged import MergeDesk, Room
from core.inference.desk import ChatDesk
from core.inference.messages import ChatPiece, ChatRequest
from core.jobs.controller import JobController
from core.jobs.gpu import DeviceStatus
from core.jobs.history import RunSummary, summary
from core.jobs.job import Job, write_whole
from core.jobs.snapshot import Snapshot
from core.model.device import find_device
from core.model.encode import highlight
from core.model.hub import find_cached
from core.model.plan import DatasetStats, Plan, plan
from core.model.resolve import ResolvedModel, list_kept
from core.model.shape import ModelShape
from core.model.template import Template
from core.progress import Progress
from core.settings import Settings
from core.training.checkpoints import last_whole_checkpoint
from core.training.trackers import missing

LEAST_FREE_GIB = 1.0


class Studio:
    """The rooms, joined.

    Args:
        settings: Where files lie.
        controller: Runs jobs; made here unless a test brings one.
    """

    def __init__(self, settings: Settings, controller: JobController | None = None) -> None:
        self.settings = settings
        self.controller = controller or JobController(settings.runs, resumable=_resumable)
        self.chats = ChatDesk(settings, self.controller, self.model_folder)
        self.feedback = FeedbackStore(settings.database)
        self.data = DatasetDesk(settings.datasets, self._token_counter, local_folders=not settings.is_public)
        self.reviews = ReviewDesk(settings, self.controller, free_device=self.chats.close)
        self.evaluations = EvaluationDesk(settings, self.controller, free_device=self.chats.close)
        self.merges = MergeDesk(self.controller, self.model_folder, free_device=self.chats.close)

    def open(self) -> None:
        """Make the folders, lay out the sample data, and pick up jobs that an earlier app has left."""
        self.settings.make_folders()
        self.sample()
        self.controller.start()

    def close(self) -> None:
        """End the chat process and a cleaning under way, and stop following jobs; a worker that runs goes on."""
        self.chats.close()
        self.data.works.close()
        self.controller.close()

    # -- data -----------------------------------------------------------------------------------------------------

    def list_datasets(self) -> list[Dataset]:
        """Every data set, the newest first."""
        return list(list_datasets(self.settings.datasets))

    def sample(self) -> Dataset:
        """The data set that comes with the app, as it was written: what the quick demo trains on."""
        return pristine_sample(self.settings.datasets)

    def dataset(self, dataset_id: str) -> Dataset:
        """Open one data set.

        Raises:
            DatasetError: if there is none of that id, or it is damaged.
        """
        return open_dataset(self.settings.datasets, dataset_id)

    def preview(self, paths: Sequence[Path], mapping: ColumnMapping | None = None) -> Preview:
        """Read the first rows of an upload and say what they are; keeps nothing.

        Raises:
            UploadError: if the files cannot be read, or hold no questions with answers.
        """
        return self.data.preview(Intake(tuple(paths)), mapping)

    def add_dataset(
        self,
        paths: Sequence[Path],
        *,
        name: str = "",
        mapping: ColumnMapping | None = None,
        options: CleanOptions | None = None,
        eval_paths: Sequence[Path] = (),
        progress: Progress | None = None,
    ) -> Dataset:
        """Read, clean, split and keep an upload.

        Args:
            paths: The files.
            name: What to call it; empty takes the first file's name.
            mapping: Which columns are what; None detects it.
            options: Which cleaning steps; None takes the defaults.
            eval_paths: Files to hold out, instead of a share of the rows.
            progress: Told of each step.

        Raises:
            UploadError: if the files cannot be read, or nothing usable is left.
            ResourceError: if the disk is too full.
        """
        intake = Intake(tuple(paths), held_out=tuple(eval_paths))
        return self.data.add(intake, name=name, mapping=mapping, options=options, progress=progress)

    def deletable(self, dataset_id: str) -> Dataset:
        """Give a data set that may be deleted.

        Raises:
            DatasetError: if it is the sample, or a job or a cleaning works on it.
        """
        dataset = self.data.deletable(dataset_id)
        job = next((job for job in self.controller.jobs() if job.is_active and job.dataset_id == dataset_id), None)
        if job:
            raise DatasetError(
                f"{dataset.name} cannot be deleted: {job.name} works on it ({job.state}).",
                "Wait until that has ended, or stop it first.",
            )
        return dataset

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a data set for good; runs that were trained on it stay.

        Raises:
            DatasetError: as ``deletable`` says.
        """
        self.data.delete(self.deletable(dataset_id).id)

    def _token_counter(self) -> CountTokens | None:
        """Count as the default model will see rows; None until it is on this disk, and cleaning says so."""
        folder = self.model_folder(DEFAULT_MODEL)
        return Template.from_folder(folder).count if folder else None

    # -- train ----------------------------------------------------------------------------------------------------

    def models(self) -> tuple[ResolvedModel, ...]:
        """The base models that lie on this disk."""
        return list_kept(self.settings.models)

    def model_folder(self, model: str) -> Path | None:
        """Where a model lies on this disk; None if it would have to be fetched first."""
        if Path(model).expanduser().is_dir():
            return Path(model).expanduser()
        kept = next((found.folder for found in self.models() if found.id == model), None)
        return kept or find_cached(model)

    def plan(self, dataset_id: str, config: TrainingConfig) -> Plan | None:
        """What the planner would do; None while the model's config.json is not on this disk.

        Raises:
            DatasetError: if there is no such data set.
        """
        folder = self.model_folder(config.model)
        if folder is None:
            return None
        lengths = self.dataset(dataset_id).lengths_chars()
        stats = DatasetStats.estimate(*lengths, config.max_length)
        device, held_gib = find_device(), self.chats.status().memory_gib
        # A start closes the chat first, so what the chat holds counts as free.
        device = replace(device, free_gib=min(device.total_gib, device.free_gib + held_gib))
        return plan(config, ModelShape.read(folder), stats, device)

    def problems(self, dataset_id: str, config: TrainingConfig) -> tuple[Problem, ...]:
        """Everything that stands in the way of starting, all at once."""
        found = list(config.problems())
        dataset = self.dataset(dataset_id)
        if dataset.status != "approved":
            found.append(Problem("dataset", f"{dataset.name} is not approved yet: approve it on the Data screen."))
        if dataset.rows_train == 0:
            found.append(Problem("dataset", f"{dataset.name} has no training rows."))
        if absent := missing(config.report_to):
            found.append(absent)
        free_gib = shutil.disk_usage(self.settings.home).free / 1024**3
        if free_gib < LEAST_FREE_GIB:
            found.append(Problem("disk", f"Only {free_gib:.1f} GiB of disk are free; checkpoints need at least 1 GiB."))
        if not found and (planned := self.plan(dataset_id, config)) and planned.verdict == "does not fit":
            found.append(Problem("memory", f"This does not fit into memory. {planned.change}"))
        return tuple(found)

    def highlight(self, dataset_id: str, config: TrainingConfig, row: int = 0) -> list[tuple[str, bool]] | None:
        """The exact text of one training row, in pieces, each with whether it is learnt; None without the tokenizer."""
        folder = self.model_folder(config.model)
        record = next(islice(self.dataset(dataset_id).train(), row, None), None)
        if folder is None or record is None:
            return None
        return highlight(record, Template.from_folder(folder), config.max_length)

    def start_training(self, dataset_id: str, config: TrainingConfig, name: str = "") -> str:
        """Start a run in the background and return its id.

        Raises:
            ConfigError: with every problem at once.
            JobError: if the machine is busy.
            ResourceError: if the disk is full.
        """
        problems = self.problems(dataset_id, config)
        if problems:
            raise ConfigError(problems)
        self.chats.close()  # frees the device's memory; a chat starts again by itself when somebody asks
        if (typed := Path(config.model).expanduser()).is_dir():
            config = config.changed(model=str(typed.resolve()))  # the worker runs in another folder than the app
        name = name.strip() or self.dataset(dataset_id).name
        folder = self.settings.runs / _new_id(name)
        try:
            folder.mkdir(parents=True, mode=0o700)
            write_whole(folder / "config.json", json.dumps(config.to_json(), indent=1, ensure_ascii=False))
            return self.controller.submit("train", folder, name=name, dataset_id=dataset_id).id
        except (MedftError, OSError) as error:
            # busy or full: nothing half made stays, unless the job itself is there to tell what happened
            if not (folder / "job.json").exists():
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, MedftError):
                raise
            raise ResourceError(
                f"The run's folder could not be written ({error.strerror}).", "Free some disk space and start again."
            ) from error

    def stop_training(self, run_id: str, keep: bool) -> Job:
        """Stop and keep (it can be resumed), or discard."""
        return self.controller.stop(run_id, keep)

    def resume_training(self, run_id: str) -> Job:
        """Continue from the last whole checkpoint."""
        self.chats.close()
        return self.controller.resume(run_id)

    def list_runs(self) -> list[Job]:
        """Training runs, the newest first."""
        return [job for job in self.controller.jobs() if job.kind == "train"]

    def run_summaries(self) -> list[RunSummary]:
        """What a table says of each training run, the newest first."""
        return [summary(job, self.controller.snapshot(job.id)) for job in self.list_runs()]

    def rename_run(self, run_id: str, name: str) -> Job:
        """Give a run another name; its id stays."""
        return self.controller.rename(run_id, name)

    def note_run(self, run_id: str, note: str) -> Job:
        """Write the person's remark about a run."""
        return self.controller.note(run_id, note)

    def delete_run(self, run_id: str) -> None:
        """Delete a run with everything in its folder; a chat that has it loaded lets go of it first.

        Raises:
            JobError: if there is no such run, or it is at work.
        """
        folder, loaded = self._run(run_id), self.chats.status().adapter
        if loaded and folder in (Path(loaded), *Path(loaded).parents):
            self.chats.close()
        self.controller.delete(run_id)

    def snapshot(self, run_id: str | None = None) -> Snapshot:
        """A picture of one run, or of the one that matters now."""
        return self.controller.snapshot(run_id)

    def device(self) -> DeviceStatus:
        """The device's load."""
        return self.controller.device()

    def run_config(self, run_id: str) -> TrainingConfig:
        """The settings a run was started with."""
        return TrainingConfig.from_json(json.loads((self._run(run_id) / "config.json").read_text(encoding="utf-8")))

    def run_plan(self, run_id: str) -> dict[str, Any]:
        """The plan a run began with, as plan.json holds it; empty until it was planned."""
        path = self._run(run_id) / "plan.json"
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    # -- chat -----------------------------------------------------------------------------------------------------

    def chat(self, source: str, request: ChatRequest) -> Iterator[ChatPiece]:
        """Answer with base, tuned, or both in one batch, piece by piece; see ChatDesk.ask for what ``source`` may name.

        Raises:
            JobError: while a job holds the device.
            ModelError: if the run has no adapter, or its base is missing.
        """
        yield from self.chats.ask(source, request)

    # -- export ---------------------------------------------------------------------------------------------------

    def export_adapter(self, run_id: str) -> Path:
        """Write the adapter folder, with card, audit and scorecard, as a zip and return its path."""
        audit, extra = self._audit(run_id)
        return export_adapter(self._run(run_id), audit, self.evaluations.run(run_id).name, extra)

    def model_card(self, run_id: str) -> str:
        """The model card as it would be exported."""
        return card_text(self._audit(run_id)[0])

    def push(self, run_id: str, repo_id: str, *, private: bool = True) -> str:
        """Push the adapter folder to the Hub and return the page's address."""
        with write_adapter_folder(self._run(run_id), *self._audit(run_id)) as folder:
            return push(folder, repo_id, private=private)

    def start_merge(self, run_id: str) -> Job:
        """Merge a run's adapter into its base, in the background."""
        return self.merges.start(self.evaluations.run(run_id))

    def merge_of(self, run_id: str) -> tuple[Job | None, Room]:
        """The job that merges, or has merged, a run, if there is one; and how much disk it needs."""
        run = self.evaluations.run(run_id)
        return self.merges.job(run), self.merges.room(run)

    def merged_zip(self, run_id: str, folder: Path) -> Path:
        """Write the merged model, with audit and scorecard, as a zip into a folder and return its path."""
        audit, extra = self._audit(run_id)
        run = self.evaluations.run(run_id)
        model = self.merges.folder(run)
        audit |= {"files_sha256": file_hashes(model)} if model else {}
        body = json.dumps(audit, indent=2, ensure_ascii=False) + "\n"
        return self.merges.zip(run, folder, {**extra, "audit.json": body})

    def _audit(self, run_id: str) -> tuple[dict[str, Any], dict[str, str]]:
        """The audit of a run, and the files of its scorecard by name."""
        run, card = self.evaluations.run(run_id), self.evaluations.scorecard(run_id)
        try:
            dataset = self.dataset(run.dataset_id)
        except DatasetError:
            dataset = None  # deleted since; the audit says so
        return audit_of(run.folder, dataset, card), scorecard_files(card)

    def _run(self, run_id: str) -> Path:
        job = next((job for job in self.list_runs() if job.id == run_id), None)
        if job is None:
            raise JobError(f"There is no run {run_id!r}.", "Choose one from the list of runs.")
        return job.folder


def _resumable(folder: Path) -> bool:
    """Whether a job's folder holds something to go on from: a run's checkpoint, or an evaluation's items."""
    return can_go_on(folder) or last_whole_checkpoint(folder) is not None


def _new_id(name: str) -> str:
    """A folder name that sorts by time and can be read: 20261124-0540-respiratory-3f2a."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24] or "run"
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{words}-{uuid.uuid4().hex[:4]}"
