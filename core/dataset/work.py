"""Cleaning, or loading from the Hub, in the background: a thread does it, the page looks, and a person may stop it.

    works = Works(); id = works.start("Asthma", lambda progress: build(…, progress)); works.now() → WorkState; works.stop()

A page that is closed or reloaded changes nothing. One at a time, because cleaning uses all cores. It does not know: what the
work is, screens.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.dataset.store import Dataset
from core.errors import DatasetError, MedftError
from core.progress import Choice, Progress, StopVerb

LOG = logging.getLogger("medft")
State = Literal["running", "stopping", "finished", "stopped", "failed"]
_CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkState:
    """A picture of the work.

    Args:
        id: Names it.
        title: What is being made.
        state: How it stands; ``stopped`` and ``failed`` kept nothing.
        phase: What is going on now.
        done: How much of it is done.
        total: How much there is; 0 where nobody knows.
        elapsed_s: Seconds since the start, up to the end.
        dataset_id: What was made.
        message: What went wrong, and what to do.
        loads: Whether it only loads rows from the Hub, which makes no data set.
        source_id: The data set whose upload is cleaned again; empty for something new.
        revision: Grows with every change.
    """

    id: str
    title: str
    state: State = "running"
    phase: str = ""
    done: float = 0
    total: float = 0
    elapsed_s: float = 0
    dataset_id: str = ""
    message: str = ""
    loads: bool = False
    source_id: str = ""
    revision: int = 0

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.state in ("running", "stopping")


class Works:
    """The one piece of work under way, or the last one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: WorkState | None = None
        self._began = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(
        self, title: str, work: Callable[[Progress], Dataset | None], source_id: str = "", *, loads: bool = False
    ) -> str:
        """Begin, and return the id of the work at once.

        Args:
            title: What is being made.
            work: Makes it; None where it only loads.
            source_id: The data set whose upload it reads; nobody may delete that meanwhile.
            loads: Whether it only loads.

        Raises:
            DatasetError: if something is under way.
        """
        with self._lock:
            if self._now and self._now.is_active:
                doing = "loaded" if self._now.loads else "cleaned"
                raise DatasetError(
                    f"{self._now.title} is being {doing} right now.", "Wait until it is done, or cancel it first."
                )
            self._stop = threading.Event()
            self._began = time.monotonic()
            before = self._now.revision if self._now else 0
            self._now = WorkState(
                secrets.token_hex(4),
                title,
                phase="Reading the upload",
                source_id=source_id,
                loads=loads,
                revision=before + 1,
            )
            self._thread = threading.Thread(target=self._run, args=(work,), name="cleaning", daemon=True)
            self._thread.start()
            return self._now.id

    def now(self) -> WorkState | None:
        """Give a picture of it; None if there never was any."""
        with self._lock:
            if self._now and self._now.is_active:
                return replace(self._now, elapsed_s=time.monotonic() - self._began)
            return self._now

    def stop(self) -> None:
        """Ask it to stop; nothing of it is kept."""
        with self._lock:
            if self._now and self._now.is_active:
                self._stop.set()
                self._now = replace(self._now, state="stopping", revision=self._now.revision + 1)

    def close(self) -> None:
        """Stop it and wait a little, so that it can tidy up."""
        self.stop()
        if self._thread:
            self._thread.join(_CLOSE_S)

    def _run(self, work: Callable[[Progress], Dataset | None]) -> None:
        try:
            made = work(_Reported(self))
            self._move(state="finished", dataset_id=made.id if made else "")
        except MedftError as error:
            stopped = self._stop.is_set()
            self._move(state="stopped" if stopped else "failed", message="" if stopped else str(error))
        except Exception as error:  # a thread has nobody above it: the log gets the place, never the text of a row
            where = "".join(traceback.format_tb(error.__traceback__))
            LOG.error("cleaning: %s\n%s", type(error).__name__, where)
            self._move(
                state="failed",
                message=f"This is a fault of the app ({type(error).__name__}); the log says where. Nothing was kept.",
            )

    def _move(self, **values: Any) -> None:
        with self._lock:
            if self._now:
                elapsed_s = time.monotonic() - self._began
                self._now = replace(self._now, revision=self._now.revision + 1, elapsed_s=elapsed_s, **values)


class _Reported:
    """The Progress that is handed to the work."""

    def __init__(self, works: Works) -> None:
        self._works = works

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Show it."""
        self._works._move(phase=name, done=done, total=total)

    def metric(self, step: int, **values: float) -> None:
        """Cleaning has none."""

    def sample(self, step: int, prompt: str, answer: str) -> None:
        """Cleaning has none."""

    def choice(self, name: str, choice: Choice[Any]) -> None:
        """The report holds the choices."""

    def log(self, text: str) -> None:
        """The report says everything."""

    def result(self, values: Mapping[str, Any]) -> None:
        """The data set is the result."""

    def stop_requested(self) -> StopVerb | None:
        """Say whether somebody asked to stop."""
        return "discard" if self._works._stop.is_set() else None
