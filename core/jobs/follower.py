"""Follows one job: reads what its worker wrote, notices how it ended, and ends it when it does not stop as asked.

    look() many times a second, from the controller's thread  →  snapshot() from anywhere

It only reads, but for job.json, and the worker's group when that has to be killed.
It does not know: other jobs, what is drawn, what the work is.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import JobError
from core.jobs import process
from core.jobs.events import EventReader
from core.jobs.job import EVENTS_FILE, HEARTBEAT_FILE, JOB_FILE, Job, JobProblem, State, read_job, utc_now
from core.jobs.snapshot import Snapshot, Story

log = logging.getLogger(__name__)

# Time of so many steps is given at least to a worker that is to end one and write a checkpoint.
SLOW_STEPS = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient the controller is, in seconds of a clock that nobody sets.

    Args:
        poll_s: Between two looks.
        silent_s: Without a heartbeat before it is said that the worker is silent.
        keep_grace_s: Given to *stop and keep* before the worker is killed, more where steps are slow.
        discard_grace_s: Given to *discard*.
        linger_s: Given to a worker that said how it ended, to be gone.
        launch_s: Given to an app between taking the device and naming its worker.
        stranger_s: Given to the app that started a worker to say how it ended, before another app says so.
    """

    poll_s: float = 0.2
    silent_s: float = 30.0
    keep_grace_s: float = 120.0
    discard_grace_s: float = 15.0
    linger_s: float = 20.0
    launch_s: float = 15.0
    stranger_s: float = 1.5


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a follower needs from its controller.

    Args:
        timing: How patient to be.
        clock: Seconds, monotonic.
        next_revision: Gives a number never given before.
        is_resumable: Whether a job folder holds a whole checkpoint.
        device_is_held: Whether somebody holds the device lock.
    """

    timing: Timing
    clock: Callable[[], float]
    next_revision: Callable[[], int]
    is_resumable: Callable[[Path], bool]
    device_is_held: Callable[[], bool]


class Follower:
    """One job, as far as it is known now.

    Args:
        job: What job.json says.
        around: The controller's clock, patience and questions.
    """

    def __init__(self, job: Job, around: Surroundings) -> None:
        self.job = job
        self._around = around
        self._lock = threading.RLock()
        self._reader = EventReader(job.folder / EVENTS_FILE)
        self._story = Story()
        self._worker: subprocess.Popen[bytes] | None = None
        self._file_mark = _mark(job.folder / JOB_FILE)
        self._unsaved = False
        self._beat: tuple[int, float] = (0, around.clock())
        self._silent_s = 0.0
        self._since: dict[str, float] = {}
        self._oom_before = process.oom_kills()
        self._was_killed = False
        self._can_resume: bool | None = None
        self._revision = around.next_revision()
        self._picture: Snapshot | None = None

    # -- what the controller asks ---------------------------------------------------------------------------------

    def follow(self, worker: subprocess.Popen[bytes]) -> None:
        """Take on the worker that this app has just started."""
        with self._lock:
            self._worker = worker
            self._since.clear()
            self._was_killed = False
            self._oom_before = process.oom_kills()
            self._beat = (0, self._around.clock())

    def replace(self, job: Job) -> None:
        """Save and show a job that the controller has changed.

        Raises:
            OSError: if it cannot be saved; nothing has changed then.
        """
        with self._lock:
            job.save()
            self._show(job)

    def give_up(self, problem: JobProblem) -> None:
        """Show that the worker could not be started, even if that cannot be saved now."""
        with self._lock:
            self._worker = None
            self._can_resume = None
            self._move("failed", error=problem, ended=utc_now())

    def snapshot(self) -> Snapshot:
        """Return the picture; the same object until something changes."""
        with self._lock:
            if not self.job.is_active and self._can_resume is None:
                self._read_all()
                self._can_resume = self._ask_resumable()
            if self._picture is None or self._picture.revision != self._revision:
                resumable = bool(self._can_resume) and not self.job.is_active
                self._picture = self._story.snapshot(self.job, self._revision, resumable, self._silent_s)
            return self._picture

    def look(self) -> None:
        """Look once at everything that may have changed."""
        with self._lock:
            self._reload()
            if self._unsaved:
                self._save()
            if not self.job.is_active:
                return
        while self._read():
            pass
        with self._lock:
            if self._is_alive():
                self._listen()
                self._press()
                return
        while self._read():  # what it wrote between our look and its end
            pass
        if self._leaves_the_word_to_its_app():
            return
        # hashes a checkpoint, perhaps for a second: the page must not wait for that
        can_resume = self._ask_resumable()
        with self._lock:
            self._can_resume = can_resume
            self._conclude()

    # -- reading --------------------------------------------------------------------------------------------------

    def _read(self) -> bool:
        with self._lock:
            events = self._reader.read()
            for event in events:
                self._take(event)
            if events:
                self._touch()
            return bool(events)

    def _read_all(self) -> None:
        while self._read():
            pass

    def _take(self, event: dict[str, Any]) -> None:
        try:
            self._story.tell(event)
        except (KeyError, ValueError, TypeError, OverflowError):
            log.warning("An event of type %r in %s is malformed and was skipped.", event.get("type"), self.job.folder)
            return
        if self._is_this_attempt and self._story.has_started and self.job.state == "starting":
            self._move("running", error=None)

    @property
    def _is_this_attempt(self) -> bool:
        return self._story.attempt == self.job.attempt

    def _reload(self) -> None:
        """Notice what another app has written into job.json."""
        mark = _mark(self.job.folder / JOB_FILE)
        if mark != self._file_mark and mark is not None and not self._unsaved:
            self._file_mark = mark
            try:
                job = read_job(self.job.folder)
            except JobError as error:
                log.warning("%s", error)  # what is known here stays right, and is written again with the next move
                return
            if job != self.job:
                self._show(job)

    def _is_alive(self) -> bool:
        if self._worker is not None and self._worker.pid == self.job.pid:
            if self._worker.returncode is not None:
                return False
            # looked at without collecting it, so that its number stays taken until its group has been dealt with
            return os.waitid(os.P_PID, self._worker.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        if self.job.state == "queued":
            # somebody is starting it right now, and holds the lock while doing so
            return self._waited("queued") < self._around.timing.launch_s and self._around.device_is_held()
        return process.is_alive(self.job.pid, self.job.process)

    # -- signs of life and of the end -----------------------------------------------------------------------------

    def _listen(self) -> None:
        """Measure silence by our own clock between two changes of the heartbeat, whatever the time of day does."""
        now = self._around.clock()
        beat = _mark(self.job.folder / HEARTBEAT_FILE) or 0
        if beat != self._beat[0]:
            self._beat = (beat, now)
        silent = now - self._beat[1]
        silent = round(silent) if silent >= self._around.timing.silent_s else 0
        if silent != self._silent_s:
            self._silent_s = silent
            self._touch()

    def _waited(self, what: str) -> float:
        """Seconds since this was asked for the first time."""
        now = self._around.clock()
        return now - self._since.setdefault(what, now)

    def _press(self) -> None:
        """Kill a worker that does not go when it should."""
        is_done = self._said is not None
        is_late = self.job.state == "stopping" and self._waited(f"stop {self.job.stop}") > self._grace_s
        if is_done and self._waited("end") > self._around.timing.linger_s:
            log.warning("Job %s has ended but its process stays; killing its group.", self.job.id)
        elif is_late and not is_done:
            log.warning("Job %s did not stop within %g s; killing its group.", self.job.id, self._grace_s)
            self._was_killed = True
        else:
            return
        process.end_group(self.job.pid, self.job.process)

    @property
    def _grace_s(self) -> float:
        """What a worker that was asked to stop is given: to keep, it has to end its step first, however long that takes."""
        timing = self._around.timing
        if self.job.stop == "discard":
            return timing.discard_grace_s
        return max(timing.keep_grace_s, SLOW_STEPS * self._story.step_s)

    def _leaves_the_word_to_its_app(self) -> bool:
        """Whether another app may be about to say how its worker ended, which it knows better."""
        is_strange = self._worker is None and self.job.pid != 0
        return is_strange and self._said is None and self._waited("gone") < self._around.timing.stranger_s

    @property
    def _said(self) -> State | None:
        """How this attempt's worker said that it ended."""
        return self._story.final if self._is_this_attempt else None

    def _conclude(self) -> None:
        said, code = self._said, self._collect()
        self._silent_s = 0.0
        error: JobProblem | None
        if said is not None:
            state, error = said, self._story.error
        elif self._was_killed:
            state, error = "stopped", self._killed_words()
        else:
            during = self._story.phase.name if self._story.phase and self._is_this_attempt else ""
            state, error = process.explain_exit(code, during, self._ending())
        self._move(state, error=error, ended=utc_now(), pid=0, process="")

    def _ending(self) -> process.Ending:
        return process.Ending(process.oom_kills() > self._oom_before, bool(self._can_resume))

    def _collect(self) -> int | None:
        """Clear away a dead worker's group, then the worker itself; returns its exit code if it was ours."""
        if self._worker is None:
            process.end_leftovers(self.job.pid, self.job.folder)
            return None
        if self._worker.returncode is None:
            with suppress(ProcessLookupError, PermissionError):  # it left nobody behind
                os.killpg(self._worker.pid, signal.SIGKILL)
        code, self._worker = self._worker.wait(), None
        return code

    def _killed_words(self) -> JobProblem:
        hint = (
            "Resume continues from the last checkpoint."
            if self._can_resume
            else "There is no checkpoint to continue from."
        )
        return JobProblem(f"The work did not stop within {self._grace_s:.0f} s, so its process was killed.", hint)

    def _ask_resumable(self) -> bool:
        if "finished" in (self.job.state, self._said) or self.job.stop == "discard":
            return False
        return self._around.is_resumable(self.job.folder)

    # -- changing -------------------------------------------------------------------------------------------------

    def _move(self, state: State, **changes: Any) -> None:
        self._show(self.job.moved(state, **changes))
        self._save()

    def _save(self) -> None:
        """Write job.json; a disk that is full now is tried again at the next look, and the picture is right anyway."""
        try:
            self.job.save()
        except FileNotFoundError:
            self._unsaved = False  # the folder has been deleted under us
        except OSError as error:
            if not self._unsaved:
                log.error("Job %s cannot be saved now: %s", self.job.id, error.strerror)
            self._unsaved = True
        else:
            self._unsaved = False
            self._file_mark = _mark(self.job.folder / JOB_FILE)

    def _show(self, job: Job) -> None:
        if job.attempt != self.job.attempt:
            self._since.clear()
            self._story.begin(job.attempt)
        self.job = dataclasses.replace(job, folder=self.job.folder)
        if job.is_active:
            self._can_resume = None
        self._file_mark = _mark(job.folder / JOB_FILE)
        self._touch()

    def _touch(self) -> None:
        self._revision = self._around.next_revision()


def _mark(path: Path) -> int | None:
    """Return a number that changes whenever the file is written or touched; None if there is none."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return hash((stat.st_mtime_ns, stat.st_ino))
