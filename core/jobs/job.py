"""A job: a folder that holds everything about one piece of long work, and the table of states it may pass through.

    runs/<id>/  job.json (this module) · events.jsonl · worker.log · heartbeat · stop

job.json is written aside and renamed, so that a reader always finds a whole one.
It does not know: what the work does, processes, threads, screens.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import JobError
from core.progress import StopVerb
from core.settings import RUNS

State = Literal["queued", "starting", "running", "stopping", "finished", "stopped", "failed", "interrupted"]
STATES: tuple[State, ...] = get_args(State)
ACTIVE: frozenset[State] = frozenset({"queued", "starting", "running", "stopping"})
ENDED: frozenset[State] = frozenset(STATES) - ACTIVE
MOVES: Mapping[State, frozenset[State]] = {
    "queued": frozenset({"starting", "failed", "interrupted"}),
    # a quick worker may be through before anybody looked
    "starting": frozenset({"running", "stopping", *ENDED}),
    "running": frozenset({"stopping", *ENDED}),
    "stopping": ENDED,
    "finished": frozenset(),
    "stopped": frozenset({"queued"}),
    "failed": frozenset({"queued"}),
    "interrupted": frozenset({"queued"}),
}

JOB_FILE = "job.json"
EVENTS_FILE = "events.jsonl"
LOG_FILE = "worker.log"
HEARTBEAT_FILE = "heartbeat"
STOP_FILE = "stop"


@dataclass(frozen=True, slots=True)
class JobProblem:
    """Why a job ended otherwise than wished; the traceback, if there is one, stands in worker.log.

    Args:
        message: What happened, as a full sentence.
        hint: What the person can do now, as a full sentence.
    """

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Job:
    """What job.json says.

    Args:
        folder: Where the job lives; its name is the id.
        kind: Which work: ``train``, ``evaluate``, ``merge`` …
        name: What the person calls it.
        state: One of STATES.
        created: When it was made, UTC ISO-8601.
        home: The folder the app writes to, where data sets and models lie.
        note: The person's remark.
        started: When the present attempt started; empty before.
        ended: When it ended; empty before.
        dataset_id: The data set it works on; may be empty.
        pid: The worker's process id; 0 when none.
        process: Tells the worker from a later process with the same id (see process.identity).
        attempt: 1 for the first start, one more with every resume.
        stop: How the person asked this attempt to stop; None: not asked.
        error: Why it ended otherwise than wished.
    """

    folder: Path
    kind: str
    name: str
    state: State
    created: str
    home: Path
    note: str = ""
    started: str = ""
    ended: str = ""
    dataset_id: str = ""
    pid: int = 0
    process: str = ""
    attempt: int = 1
    stop: StopVerb | None = None
    error: JobProblem | None = None

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def is_active(self) -> bool:
        """Whether it holds, or is about to hold, the machine."""
        return self.state in ACTIVE

    def moved(self, state: State, **changes: Any) -> Job:
        """Return the job in another state.

        Raises:
            ValueError: if the table of moves does not allow it.
        """
        if state not in MOVES[self.state]:
            raise ValueError(f"a job cannot go from {self.state} to {state}")
        return dataclasses.replace(self, state=state, **changes)

    def changed(self, **changes: Any) -> Job:
        """Return a copy with these fields replaced; the state moves through ``moved`` only."""
        assert "state" not in changes
        return dataclasses.replace(self, **changes)

    def save(self) -> None:
        """Write job.json whole or not at all.

        Raises:
            OSError: if the disk refuses; the file from before is then still there.
        """
        body = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "folder"}
        body["home"] = str(self.home)
        body["error"] = dataclasses.asdict(self.error) if self.error else None
        write_whole(self.folder / JOB_FILE, json.dumps({"id": self.id} | body, indent=1, ensure_ascii=False))


def read_job(folder: Path) -> Job:
    """Read a folder's job.json.

    Raises:
        JobError: if it is missing or damaged.
    """
    try:
        body = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(Job)}
        values = {name: value for name, value in body.items() if name in known}
        error = values.pop("error", None)
        job = Job(
            folder=folder,
            **values | {"home": _home_of(folder, values["home"]), "error": JobProblem(**error) if error else None},
        )
        if job.state not in STATES:
            raise ValueError(job.state)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise JobError(
            f"The job {folder.name} cannot be read: its {JOB_FILE} is missing or damaged.",
            "Delete the folder, or restore it from a copy.",
        ) from error
    return job


def _home_of(folder: Path, written: str) -> Path:
    """The home that a job's folder lies in now: it may have been moved or copied since job.json was written."""
    return next((place.parent for place in folder.parents if place.name == RUNS), Path(written))


def find_jobs(runs_dir: Path) -> set[Path]:
    """Return every job's folder: a run is a folder of runs/, what belongs to it lies one or two folders deeper."""
    patterns = (f"*/{JOB_FILE}", f"*/*/{JOB_FILE}", f"*/*/*/{JOB_FILE}")
    found = (path.parent for pattern in patterns for path in runs_dir.glob(pattern))
    # what begins with a dot is being deleted
    return {folder for folder in found if not any(part.startswith(".") for part in folder.relative_to(runs_dir).parts)}


def write_whole(path: Path, text: str) -> None:
    """Write a text file aside, and rename it into place once it is safely on the disk.

    Raises:
        OSError: if the disk refuses; nothing is left behind then.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def ask_to_stop(folder: Path, verb: StopVerb) -> None:
    """Leave the worker a note; it looks for it at every step."""
    write_whole(folder / STOP_FILE, verb)


def asked_to_stop(folder: Path) -> StopVerb | None:
    """Read the note, if there is one."""
    try:
        text = (folder / STOP_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return "discard" if text.strip() == "discard" else "keep"


def forget_last_attempt(folder: Path) -> None:
    """Take away the note and the heartbeat that an earlier attempt left."""
    for name in (STOP_FILE, HEARTBEAT_FILE):
        (folder / name).unlink(missing_ok=True)


def log_tail(folder: Path, limit_bytes: int = 20_000) -> str:
    """Return the end of worker.log, in whole lines; empty if there is none."""
    path = folder / LOG_FILE
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        start = max(file.seek(0, os.SEEK_END) - limit_bytes, 0)
        file.seek(start)
        text = file.read().decode("utf-8", errors="replace")
    return text.partition("\n")[2] if start else text


def utc_now() -> str:
    """Return the time as UTC ISO-8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
