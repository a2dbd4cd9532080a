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
from pathlib import Path
from typing import Any

from core.errors import InputError, JobError, MedftError, ResourceError
from core.evaluation import item_list, sign_off
from core.evaluation.benchmark.options import BenchmarkOptions
from core.evaluation.forecast import about, subject_of
from core.evaluation.heldout import HeldoutOptions
from core.evaluation.item_list import Item, ItemPage, ItemQuery
from core.evaluation.of_run import TITLES, can_go_on, run_of
from core.evaluation.result import EVALUATIONS, KINDS, RESULT_FILE, EvaluationRequest, EvaluationResult, Kind
from core.evaluation.safety.measure import Pane
from core.evaluation.safety.overrule import HumanVerdict, overrule
from core.evaluation.safety.probes import read_probes
from core.evaluation.safety.run import SafetyOptions
from core.evaluation.safety.signature import ProbeReview, probe_review, sign_probes, withdraw_probes
from core.evaluation.scorecard import Scorecard, scorecard
from core.evaluation.sign_off import SignOff
from core.jobs.controller import JobController
from core.jobs.job import JOB_FILE, Job
from core.progress import Choice
from core.settings import Settings

FILES = "files"  # of an evaluation: copies of what was uploaded for it
READERS: Mapping[Kind, Callable[[Mapping[str, Any]], object]] = {
    "heldout": HeldoutOptions.from_json,
    "benchmark": BenchmarkOptions.from_json,
    "safety": SafetyOptions.read,
}


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
            options: That kind's own options, as plain values; what is left out takes its default. Files that they name
                are copied into the evaluation's folder.

        Raises:
            InputError: if there is no such kind.
            ConfigError: with everything that is wrong with the options.
            JobError: if there is no such run, it has no adapter yet, or another job holds the device.
            ResourceError: if the disk is full.
        """
        if kind not in KINDS:
            raise InputError(f"There is no evaluation of the kind {kind!r}.", f"Choose one of {', '.join(KINDS)}.")
        READERS[kind](options or {})  # what is wrong is said now, and not by a job that fails in a minute
        run = self.run(run_id)
        if not (run.folder / "adapter" / "adapter_config.json").is_file():
            raise JobError(f"{run.name} has no adapter yet.", "Let it finish, or resume it, then judge it.")
        self._refuse_while_busy()
        self._free_device()
        folder = run.folder / EVALUATIONS / _new_id(kind)
        try:
            folder.mkdir(parents=True, mode=0o700)
            EvaluationRequest(kind, run.folder, _with_files(options or {}, folder)).save(folder)
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

    def resume(self, job_id: str) -> Job:
        """Go on with an evaluation that did not come to its end, behind the last item that was measured.

        Raises:
            JobError: if it is running or finished, was discarded, or another job holds the device.
        """
        job = self.job(job_id)
        self._refuse_while_busy()
        self._free_device()
        return self.controller.resume(job.id)

    def can_resume(self, job: Job) -> bool:
        """Whether ``resume`` would work, but for a busy machine."""
        ended = job.state in ("stopped", "failed", "interrupted")
        return ended and job.stop != "discard" and can_go_on(job.folder)

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
        return item_list.pick(item_list.all_items(job.folder), query or ItemQuery(), measures)

    def item(self, job_id: str, item_id: str) -> Item:
        """One item in full.

        Raises:
            JobError, InputError: if there is no such evaluation or item.
        """
        return item_list.find(item_list.all_items(self.job(job_id).folder), item_id)

    def about(self, run_id: str, kind: Kind, options: Mapping[str, Any]) -> Choice[float] | None:
        """About how many seconds an evaluation would take, with the reason; None if nothing is known to tell it from.

        Raises:
            JobError: if there is no such run.
        """
        run = self.run(run_id)
        subject = subject_of(self.settings, run, kind, options, self.controller.snapshot(run_id).tokens_per_s)
        earlier = []
        for job in self.of_run(run_id):
            try:
                request, result = EvaluationRequest.read(job.folder), EvaluationResult.read(job.folder)
            except JobError:  # it has no result, so it tells nothing about time
                continue
            if request.kind == kind:
                earlier.append((request, result))
        return about(subject, earlier) if subject else None

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

    # -- a person's word ------------------------------------------------------------------------------------------

    def overrule(
        self, job_id: str, item_id: str, pane: Pane, verdict: HumanVerdict, who: str, why: str
    ) -> EvaluationResult:
        """Overrule a safety rule's verdict on one answer, and compute the result anew; see safety.overrule.

        Raises:
            InputError: if the evaluation is none of safety, there is no such item, or something is missing.
            JobError: if there is no such evaluation, or it has no result yet.
        """
        if self.request(job_id).kind != "safety":
            raise InputError("Only safety probes are judged by rules.", "Open a safety evaluation.")
        return overrule(self.job(job_id).folder, item_id, pane, verdict, who, why)

    def probe_review(self) -> ProbeReview:
        """Whether a named reviewer has signed the safety probes as they are now."""
        return probe_review(self.settings.home, read_probes().sha256)

    def sign_probes(self, name: str, role: str, statement: str = "") -> ProbeReview:
        """Sign the safety probes as their reviewer.

        Raises:
            InputError: if name or role is missing.
        """
        return sign_probes(self.settings.home, read_probes().sha256, name, role, statement)

    def withdraw_probes(self, name: str, role: str, statement: str = "") -> ProbeReview:
        """Take the signature of the safety probes back; the record keeps both.

        Raises:
            InputError: if name or role is missing, or nobody has signed.
        """
        return withdraw_probes(self.settings.home, read_probes().sha256, name, role, statement)

    def sign_off(self, run_id: str) -> SignOff:
        """Whether a run is signed, by whom, and what has changed since."""
        return sign_off.state(self.run(run_id).folder)

    def seen(self, run_id: str) -> str:
        """A hash of everything that a signature would speak of; a screen keeps it from showing to signing."""
        return sign_off.digest_of(sign_off.evidence(self.run(run_id).folder))

    def sign(self, run_id: str, name: str, role: str, statement: str, seen: str) -> SignOff:
        """Sign a run; see sign_off.sign.

        Raises:
            InputError: if something is missing, nothing has been judged, or something has changed since ``seen``.
        """
        return sign_off.sign(self.run(run_id).folder, name, role, statement, seen)

    def withdraw(self, run_id: str, name: str, role: str, why: str) -> SignOff:
        """Take a signature back; the record keeps both.

        Raises:
            InputError: if something is missing, or the run is not signed.
        """
        return sign_off.withdraw(self.run(run_id).folder, name, role, why)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _refuse_while_busy(self) -> None:
        """Ask before anything is freed: a refusal must not end somebody's chat."""
        busy = self.controller.active()
        if busy is not None:
            raise JobError(
                f"The machine is busy: {busy.name} is {busy.state}.",
                "Wait until it has ended, or stop it, then start again.",
            )


def _with_files(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Copy the files that options name into the evaluation's folder, where nobody tidies them away.

    Raises:
        InputError: if one is not there.
    """
    files = options.get("files") or {}
    if not files:
        return dict(options)
    kept, place = {}, folder / FILES
    place.mkdir(mode=0o700)
    for number, (name, path) in enumerate(files.items(), start=1):
        source = Path(path)
        if not source.is_file():
            raise InputError(f"The file of {name} is not there any more.", "Choose it again.")
        (place / str(number)).mkdir()
        kept[name] = str(shutil.copyfile(source, place / str(number) / source.name))
    return dict(options) | {"files": kept}


def _new_id(kind: str) -> str:
    """A folder name that sorts by time and can be read: 20261124-0540-heldout-3f2a."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{re.sub(r'[^a-z]+', '', kind)}-{uuid.uuid4().hex[:4]}"
