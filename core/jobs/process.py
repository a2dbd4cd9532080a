"""What the system knows about a worker process: is it this one, does it live, why did it end; and the one device lock.

    identity(pid) → "boot:ticks"   is_alive(pid, identity)   end_group(pid, identity)   explain_exit(code) → JobProblem

It does not know: jobs' folders, events, what the work is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.errors import ResourceError
from core.jobs.job import JobProblem, State

# From outside, by whoever shares the machine; the work itself did nothing wrong.
OUTSIDE_SIGNALS = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# In the environment of a worker and of whatever it starts: its job's folder.
MARK = "MEDFT_JOB"
DISK_EXIT_CODE = 74  # EX_IOERR in sysexits.h: the worker could not write how it ended


def identity(pid: int) -> str:
    """Name a living process so that a later one with the same number is not taken for it.

    On Linux this is the boot and the start in clock ticks since then: unlike a time of day it does not move when the
    clock is set. Elsewhere it is the start time. Empty if there is no such process, or only its unclaimed remains.
    """
    if sys.platform != "linux":
        try:
            process = psutil.Process(pid)
            return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
        except psutil.NoSuchProcess:
            return ""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # The name in brackets may itself hold spaces and brackets; fields count from behind its last one (proc(5)).
    fields = stat.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}:{fields[19]}"


def is_alive(pid: int, process: str) -> bool:
    """Whether exactly this process still runs."""
    return bool(pid and process) and identity(pid) == process


def end_group(pid: int, process: str) -> bool:
    """Kill a worker and everything it started; returns whether it was still there."""
    if not is_alive(pid, process):
        return False
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return True


def end_leftovers(pid: int, folder: Path) -> None:
    """Kill what a dead worker left behind: the processes of its group that carry its job's mark.

    The number alone proves nothing: after the machine or its container was started anew it may be that of strangers.
    """
    for left in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getpgid(left.pid) == pid and left.environ().get(MARK) == str(folder):
                left.kill()


def oom_kills() -> int:
    """How often the system has killed for lack of memory in this control group so far; 0 where it does not say."""
    try:
        line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        events = Path("/sys/fs/cgroup") / line[3:].lstrip("/") / "memory.events"
        counts = dict(row.split() for row in events.read_text().splitlines())
        return int(counts.get("oom_kill", "0"))
    except (OSError, StopIteration, ValueError):
        return 0


@dataclass(frozen=True, slots=True)
class Ending:
    """What else is known of a worker's end.

    Args:
        out_of_memory: Whether the system counted a kill for lack of memory meanwhile.
        resumable: Whether there is a whole checkpoint to continue from.
    """

    out_of_memory: bool = False
    resumable: bool = False


def explain_exit(code: int | None, during: str, ending: Ending) -> tuple[State, JobProblem]:
    """Say why a worker ended that did not say so itself.

    Args:
        code: Its exit code, negative for a signal; None if nobody was there to see it.
        during: The phase it was in; may be empty.
        ending: What else is known.
    """
    where = f" while it was in the phase “{during}”" if during else ""
    on = (
        "Resume continues from the last checkpoint."
        if ending.resumable
        else "There is no checkpoint yet: start it anew."
    )
    if code is None:
        return "interrupted", JobProblem(f"The work ended{where} when the app was not there to see why.", on)
    if code == -signal.SIGKILL:
        return "interrupted", _killed(where, on, ending)
    if code < 0:
        name = signal.strsignal(-code) or "unknown"
        state: State = "interrupted" if -code in OUTSIDE_SIGNALS else "failed"
        verb = "was ended from outside" if state == "interrupted" else "crashed"
        return state, JobProblem(
            f"The work {verb}{where} (signal {-code}, {name}).", f"The log shows its last lines. {on}"
        )
    if code == DISK_EXIT_CODE:
        return "failed", disk_full("the job's folder")
    said = f"The work ended{where} without saying how (exit code {code})."
    return "failed", JobProblem(said, f"The log shows its last lines. {on}")


def _killed(where: str, on: str, ending: Ending) -> JobProblem:
    memory = "a smaller model, a shorter length, a smaller batch or the preset Low memory, and close other programs."
    if ending.out_of_memory:
        said = f"The system killed the work{where}: the memory was full (signal 9)."
        return JobProblem(said, f"{on} If it happens again, use {memory}")
    said = f"The work was killed from outside{where} (signal 9); most often the system does so for lack of memory."
    return JobProblem(said, f"{on} If it was not you who ended it, use {memory}")


def disk_full(where: str) -> JobProblem:
    """The words for a disk that takes no more."""
    return JobProblem(
        f"The disk is full: {where} could not be written.",
        "Free some space (delete old runs or models, or move MEDFT_HOME to a larger disk), then resume.",
    )


def disk_error(error: OSError) -> ResourceError:
    """Turn a refusal to write a job's folder into words."""
    if error.errno in DISK_ERRORS:
        problem = disk_full("the job's folder")
        return ResourceError(problem.message, problem.hint)
    return ResourceError(
        f"The job's folder cannot be written: {error.strerror}.", "Check the folder's rights and the disk."
    )


class DeviceLock:
    """Who holds it may use the device; one holder at a time, also among several apps on one home.

    The open file travels on to the worker, so the system itself keeps the lock exactly as long as the worker lives,
    whether or not the app does.

    Args:
        path: The lock file; it stays, only the lock on it comes and goes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self) -> int | None:
        """Return an open file that holds the lock, or None if somebody else does. Close it to let go."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except OSError:
            os.close(file)
            raise
        return file

    def is_held(self) -> bool:
        """Whether somebody holds it now."""
        file = self.take()
        if file is None:
            return True
        os.close(file)
        return False
