"""The one place that starts, stops, resumes and shows jobs; a background thread follows the worker.

    submit(kind, folder) → Job · stop · resume · delete · rename · note · jobs() · snapshot() → Snapshot · device()

One job at a time holds the device, also when several apps share a home. Whatever a browser does, the thread goes on;
whatever the app does, the worker goes on, and the next app follows it again.
It does not know: what the work is (it is named on the worker's command line), screens. It never loads torch.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import JobError
from core.jobs import process
from core.jobs.follower import Follower, Surroundings, Timing
from core.jobs.gpu import DeviceReader, DeviceStatus
from core.jobs.job import (
    JOB_FILE,
    LOG_FILE,
    Job,
    JobProblem,
    ask_to_stop,
    find_jobs,
    forget_last_attempt,
    read_job,
    utc_now,
)
from core.jobs.snapshot import Snapshot
from core.progress import StopVerb
from core.settings import REPOSITORY

log = logging.getLogger(__name__)

ENTRIES: Mapping[str, str] = {
    "train": "core.training.train:train",
    "evaluate": "core.evaluation.evaluate:evaluate",
    "merge": "core.export.merge:merge",
    "review_answers": "core.evaluation.review_answers:generate",
}
LOCK_FILE = ".device.lock"
DISCOVER_S = 5.0
DEVICE_S = 1.0
# The page's own secrets are none of the worker's business.
PRIVATE_VARIABLES = ("MEDFT_USER", "MEDFT_PASSWORD")


def never_resumable(folder: Path) -> bool:
    """Answer for work that keeps no checkpoints."""
    return False


class JobController:
    """Starts, follows and stops jobs.

    Args:
        runs_dir: The folder that holds every job's folder, at most three levels down.
        resumable: Says whether a job folder holds a whole checkpoint to continue from; anything true is yes.
        entries: Which function does which kind of work, as ``module:function``.
        timing: How patient to be.
        clock: Seconds, monotonic; for tests.
        device: Reads the device's load.
    """

    def __init__(
        self,
        runs_dir: Path,
        *,
        resumable: Callable[[Path], Any] = never_resumable,
        entries: Mapping[str, str] = ENTRIES,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        device: DeviceReader | None = None,
    ) -> None:
        self.runs_dir = runs_dir.resolve()
        self._entries = entries
        self._timing = timing or Timing()
        self._clock = clock
        self._device = device or DeviceReader()
        self._device_lock = process.DeviceLock(self.runs_dir / LOCK_FILE)
        # Begins at the time of day, so that a page left open does not meet its old number in a restarted app.
        self._revisions = itertools.count(int(time.time()) * 1000)
        self._nothing = Snapshot(revision=next(self._revisions))
        self._around = Surroundings(
            timing=self._timing,
            clock=clock,
            next_revision=lambda: next(self._revisions),
            is_resumable=lambda folder: bool(resumable(folder)),
            device_is_held=self._device_lock.is_held,
        )
        self._lock = threading.RLock()
        self._followers: dict[str, Follower] = {}
        self._ignored: set[Path] = set()
        self._status: DeviceStatus | None = None
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    # -- the thread -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Find every job on disk, say which were interrupted, follow the one that lives, and keep following."""
        self.runs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for grave in self.runs_dir.glob(".*.deleted"):
            shutil.rmtree(grave)
        self._discover()
        self._look()
        self._thread = threading.Thread(target=self._watch, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following. A worker that runs goes on, and the next start follows it again."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _watch(self) -> None:
        discovered = measured = self._clock()
        while not self._ending.wait(self._timing.poll_s):
            now = self._clock()
            try:
                if now - discovered >= DISCOVER_S:
                    discovered = now
                    self._discover()
                self._look()
                self.snapshot()  # so that whatever takes long is done here and not when the page asks
                if now - measured >= DEVICE_S:
                    measured = now
                    self._status = self._measure()
            except Exception:
                # the thread must not die of one bad moment: a page that shows yesterday's picture is the worst failure
                log.exception("Following the jobs failed for a moment.")

    def _look(self) -> None:
        for follower in self._all():
            try:
                follower.look()
            except Exception:  # nor may one broken folder keep the others from being followed
                log.exception("Following %s failed for a moment.", follower.job.folder)

    def _discover(self) -> None:
        """Take on jobs that another app has made, and let go of those that it has deleted."""
        folders = find_jobs(self.runs_dir) - self._ignored
        with self._lock:
            for name, follower in list(self._followers.items()):
                if not follower.job.folder.is_dir():
                    del self._followers[name]
            known = {follower.job.folder for follower in self._followers.values()}
            for folder in sorted(folders - known):
                try:
                    if folder.name in self._followers:
                        raise JobError(
                            f"There are two jobs named {folder.name}; {folder} is not shown.", "Rename the folder."
                        )
                    self._followers[folder.name] = Follower(read_job(folder), self._around)
                except JobError as error:
                    log.warning("%s", error)
                    self._ignored.add(folder)

    def _measure(self) -> DeviceStatus:
        active = self.active()
        return self._device.read(active.pid if active else 0)

    # -- looking --------------------------------------------------------------------------------------------------

    def jobs(self) -> tuple[Job, ...]:
        """Every job, the newest first."""
        return tuple(sorted((follower.job for follower in self._all()), key=lambda job: job.created, reverse=True))

    def active(self) -> Job | None:
        """The job that holds the device, if any."""
        return next((job for job in self.jobs() if job.is_active), None)

    def snapshot(self, job_id: str | None = None) -> Snapshot:
        """Return a picture of one job.

        Args:
            job_id: Which; None takes the active one, else the one that was started last.

        Raises:
            JobError: if there is no such job.
        """
        if job_id is not None:
            return self._find(job_id).snapshot()
        followers = self._all()
        if not followers:
            return self._nothing
        return max(followers, key=lambda each: (each.job.is_active, each.job.started or each.job.created)).snapshot()

    def device(self) -> DeviceStatus:
        """The device's load, not older than about a second while the thread runs."""
        if self._status is None:
            self._status = self._measure()
        return self._status

    # -- doing ----------------------------------------------------------------------------------------------------

    def submit(self, kind: str, job_dir: Path, *, name: str = "", note: str = "", dataset_id: str = "") -> Job:
        """Start work in a folder.

        Args:
            kind: Which work; a key of ``entries``.
            job_dir: The job's folder, below ``runs_dir``; made if need be. Its name becomes the job's id.
            name: What the person calls it; empty takes the id.
            note: The person's remark.
            dataset_id: The data set it works on.

        Raises:
            JobError: if another job holds the device, the folder holds a job, or the worker cannot be started.
            ResourceError: if the disk is full.
        """
        folder = job_dir.resolve()
        if kind not in self._entries or not 1 <= len(folder.relative_to(self.runs_dir).parts) <= 3:
            raise ValueError(f"no such work, or no such place: {kind} in {folder}")
        with self._lock:
            if folder.name in self._followers or (folder / JOB_FILE).exists():
                raise JobError(f"There is already a job named {folder.name}.", "Resume it, or start a new one.")
            file = self._take_device()
            try:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                home = self.runs_dir.parent
                job = Job(
                    folder, kind, name or folder.name, "queued", utc_now(), home, note=note, dataset_id=dataset_id
                )
                job.save()
                follower = self._followers[folder.name] = Follower(job, self._around)
                return self._launch(follower, file)
            except OSError as error:
                raise process.disk_error(error) from error
            finally:
                os.close(file)

    def resume(self, job_id: str) -> Job:
        """Continue a job from its last whole checkpoint.

        Raises:
            JobError: if it is running or finished, has no whole checkpoint, or another job holds the device.
            ResourceError: if the disk is full.
        """
        with self._lock:
            follower = self._find(job_id)
            job = follower.job
            if job.is_active or job.state == "finished":
                raise JobError(
                    f"{job.name} cannot be resumed: it is {job.state}.", "Only work that has not come to its end can."
                )
            if job.stop == "discard" or not self._around.is_resumable(job.folder):
                raise JobError(f"{job.name} cannot be resumed: it has no whole checkpoint.", "Start it anew.")
            file = self._take_device()
            try:
                fresh = {"attempt": job.attempt + 1, "ended": "", "error": None, "stop": None, "pid": 0, "process": ""}
                follower.replace(job.moved("queued", **fresh))
                return self._launch(follower, file)
            except OSError as error:
                raise process.disk_error(error) from error
            finally:
                os.close(file)

    def stop(self, job_id: str, keep: bool) -> Job:
        """Ask a job to stop; the thread kills its process group if it does not.

        Args:
            job_id: Which.
            keep: True: a checkpoint at the next step, then the end; it can be resumed. False: end and discard.

        Raises:
            JobError: if it is not running.
            ResourceError: if the disk is full (not even the request can be written).
        """
        with self._lock:
            follower = self._find(job_id)
            job = follower.job
            if job.state not in ("starting", "running", "stopping"):
                raise JobError(f"{job.name} is not running: it is {job.state}.", "There is nothing to stop.")
            # who has discarded does not come back by asking to keep
            verb: StopVerb = "keep" if keep and job.stop != "discard" else "discard"
            try:
                ask_to_stop(job.folder, verb)
                follower.replace(
                    job.changed(stop=verb) if job.state == "stopping" else job.moved("stopping", stop=verb)
                )
            except OSError as error:
                raise process.disk_error(error) from error
            return follower.job

    def delete(self, job_id: str) -> None:
        """Delete a job with everything in its folder.

        Raises:
            JobError: if it, or a job inside its folder, is running.
        """
        with self._lock:
            folder = self._find(job_id).job.folder
            inside = [
                name for name, each in self._followers.items() if folder in (each.job.folder, *each.job.folder.parents)
            ]
            busy = next((self._followers[name].job for name in inside if self._followers[name].job.is_active), None)
            if busy is not None:
                raise JobError(f"{busy.name} is {busy.state} and cannot be deleted.", "Stop it first.")
            # out of sight in one step, so that a kill in the middle leaves no half run behind
            grave = folder.with_name(f".{folder.name}.deleted")
            folder.rename(grave)
            for name in inside:
                del self._followers[name]
        shutil.rmtree(grave)

    def rename(self, job_id: str, name: str) -> Job:
        """Give a job another name (its id stays).

        Raises:
            JobError: if the name is empty.
        """
        if not name.strip():
            raise JobError("A run needs a name.", "Type at least one letter.")
        return self._change(job_id, name=name.strip())

    def note(self, job_id: str, note: str) -> Job:
        """Write the person's remark."""
        return self._change(job_id, note=note)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _all(self) -> list[Follower]:
        with self._lock:
            return list(self._followers.values())

    def _find(self, job_id: str) -> Follower:
        with self._lock:
            follower = self._followers.get(job_id)
        if follower is None:
            raise JobError(f"There is no run named {job_id}.", "Choose one from the list of runs.")
        return follower

    def _change(self, job_id: str, **changes: str) -> Job:
        with self._lock:
            follower = self._find(job_id)
            try:
                follower.replace(follower.job.changed(**changes))
            except OSError as error:
                raise process.disk_error(error) from error
            return follower.job

    def _take_device(self) -> int:
        file = self._device_lock.take()
        # the second question is for disks that do not know locks
        busy = self.active()
        if file is not None and busy is None:
            return file
        if file is not None:
            os.close(file)
        who = f"{busy.name} is {busy.state}" if busy else "Another MedFT Studio is at work with the same files"
        raise JobError(f"The machine is busy: {who}.", "Wait until it has ended, or stop it, then start again.")

    def _launch(self, follower: Follower, lock_file: int) -> Job:
        job = follower.job
        forget_last_attempt(job.folder)
        try:
            worker = self._spawn(job, lock_file)
        except OSError as error:
            hint = "Close other programs, then try again."
            problem = JobProblem(f"The worker process could not be started: {error.strerror}.", hint)
            follower.give_up(problem)
            raise JobError(problem.message, problem.hint) from error
        follower.follow(worker)
        try:
            # from here on the worker, who waits for it, knows that it will be found again
            named = {"pid": worker.pid, "process": process.identity(worker.pid), "started": utc_now()}
            follower.replace(job.moved("starting", **named))
        except OSError:
            worker.kill()
            worker.wait()
            follower.give_up(process.disk_full("the job's folder"))
            raise
        return follower.job

    def _spawn(self, job: Job, lock_file: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "core.jobs.worker", str(job.folder), "--entry", self._entries[job.kind]]
        environment = {name: value for name, value in os.environ.items() if name not in PRIVATE_VARIABLES}
        # a file, never a pipe: a pipe that nobody drains would stop the training
        with (job.folder / LOG_FILE).open("ab") as output:
            return subprocess.Popen(
                [*command, "--lock", str(lock_file)],
                cwd=REPOSITORY,
                env=environment | {"PYTHONUNBUFFERED": "1", process.MARK: str(job.folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock_file,),
            )
