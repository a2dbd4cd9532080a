"""The evaluation desk: what the screens and the API ask for about evaluations, in the words people use.

    desk = EvaluationDesk(settings, controller)
    job = desk.start(run_id, "heldout", {"limit": 50})      → runs/<run>/evaluation/<id>/
    desk.result(job.id).verdict · desk.items(job.id, ItemQuery(sort="worst"))

It does not know: how anything is measured (each kind does, in the job's own process), gradio.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from core.errors import InputError, JobError, MedftError, ResourceError
from core.evaluation import item_list
from core.evaluation.item_list import Item, ItemPage, ItemQuery
from core.evaluation.of_run import TITLES, run_of
from core.evaluation.result import EVALUATIONS, KINDS, RESULT_FILE, EvaluationRequest, EvaluationResult, Kind
from core.evaluation.scorecard import Scorecard, scorecard
from core.jobs.controller import JobController
from core.jobs.job import JOB_FILE, Job
from core.settings import Settings


def _nothing() -> None:
    """Free nothing."""


class EvaluationDesk:
    """Evaluations, in one place.

    Args:
        settings: Where files lie.
        controller: Runs the jobs.
        free_device: Called before a job starts; for example ends the chat, which holds the device's memory.
    """

    def __init__(
        self, settings: Settings, controller: JobController, free_device: Callable[[], None] = _nothing
    ) -> None:
        self.settings = settings
        self.controller = controller
        self._free_device = free_device

    # -- doing ----------------------------------------------------------------------------------------------------

    def start(self, run_id: str, kind: Kind, options: Mapping[str, Any] | None = None) -> Job:
        """Judge a run in the background.

        Args:
            run_id: Which run.
            kind: heldout, benchmark or safety.
            options: That kind's own options, as plain values; what is left out takes its default.

        Raises:
            InputError: if there is no such kind.
            ConfigError: with everything that is wrong with the options.
            JobError: if there is no such run, it has no adapter yet, or another job holds the device.
            ResourceError: if the disk is full.
        """
        if kind not in KINDS:
            raise InputError(f"There is no evaluation of the kind {kind!r}.", f"Choose one of {', '.join(KINDS)}.")
        run = self.run(run_id)
        if not (run.folder / "adapter" / "adapter_config.json").is_file():
            raise JobError(f"{run.name} has no adapter yet.", "Let it finish, or resume it, then judge it.")
        self._refuse_while_busy()
        self._free_device()
        folder = run.folder / EVALUATIONS / _new_id(kind)
        try:
            folder.mkdir(parents=True, mode=0o700)
            EvaluationRequest(kind, run.folder, dict(options or {})).save(folder)
            name = f"{TITLES[kind]} · {run.name}"
            return self.controller.submit("evaluate", folder, name=name, dataset_id=run.dataset_id)
        except (MedftError, OSError) as error:
            # busy or full: nothing half made stays, unless the job itself is there to tell what happened
            if not (folder / JOB_FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, MedftError):
                raise
            raise ResourceError(
                f"The evaluation's folder could not be written ({error.strerror}).",
                "Free some disk space and start again.",
            ) from error

    def stop(self, job_id: str, keep: bool) -> Job:
        """End an evaluation: keep what has been measured by then, or discard it."""
        return self.controller.stop(self.job(job_id).id, keep)

    def delete(self, job_id: str) -> None:
        """Delete an evaluation with its answers.

        Raises:
            JobError: if there is none of that id, or it is running.
        """
        self.controller.delete(self.job(job_id).id)

    # -- looking --------------------------------------------------------------------------------------------------

    def of_run(self, run_id: str) -> list[Job]:
        """A run's evaluations, the newest first, whatever became of them."""
        return [job for job in self.controller.jobs() if job.kind == "evaluate" and run_of(job) == run_id]

    def job(self, job_id: str) -> Job:
        """One evaluation.

        Raises:
            JobError: if there is none of that id.
        """
        job = next((job for job in self.controller.jobs() if job.id == job_id and job.kind == "evaluate"), None)
        if job is None:
            raise JobError(f"There is no evaluation {job_id!r}.", "Choose one from the run's list.")
        return job

    def request(self, job_id: str) -> EvaluationRequest:
        """What an evaluation was asked."""
        return EvaluationRequest.read(self.job(job_id).folder)

    def result(self, job_id: str) -> EvaluationResult:
        """What an evaluation found.

        Raises:
            JobError: if there is no such evaluation, or it has no result.
        """
        return EvaluationResult.read(self.job(job_id).folder)

    def has_result(self, job: Job) -> bool:
        """Whether there is something to read."""
        return (job.folder / RESULT_FILE).is_file()

    def items(self, job_id: str, query: ItemQuery | None = None) -> ItemPage:
        """One page of an evaluation's items.

        Raises:
            JobError: if there is no such evaluation.
            InputError: if the query asks for what is not there.
        """
        job = self.job(job_id)
        measures = self.result(job_id).measures if self.has_result(job) else ()
        return item_list.pick(job.folder, query or ItemQuery(), measures)

    def item(self, job_id: str, item_id: str) -> Item:
        """One item in full.

        Raises:
            JobError, InputError: if there is no such evaluation or item.
        """
        return item_list.find(self.job(job_id).folder, item_id)

    def scorecard(self, run_id: str) -> Scorecard:
        """Everything that is known about a run on one page, with what is missing.

        Raises:
            JobError: if there is no such run, or one of its files is damaged.
        """
        return scorecard(self.settings, self.run(run_id), self.of_run(run_id))

    def run(self, run_id: str) -> Job:
        """The run that is judged.

        Raises:
            JobError: if there is none of that id.
        """
        run = next((job for job in self.controller.jobs() if job.id == run_id and job.kind == "train"), None)
        if run is None:
            raise JobError(f"There is no run {run_id!r}.", "Choose one from the list of runs.")
        return run

    # -- inside ---------------------------------------------------------------------------------------------------

    def _refuse_while_busy(self) -> None:
        """Ask before anything is freed: a refusal must not end somebody's chat."""
        busy = self.controller.active()
        if busy is not None:
            raise JobError(
                f"The machine is busy: {busy.name} is {busy.state}.",
                "Wait until it has ended, or stop it, then start again.",
            )


def _new_id(kind: str) -> str:
    """A folder name that sorts by time and can be read: 20261124-0540-heldout-3f2a."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{re.sub(r'[^a-z]+', '', kind)}-{uuid.uuid4().hex[:4]}"
