"""events.jsonl: what a worker has to say, one JSON object a line, appended by it alone and read by anybody.

    {"t": "2026-11-24T05:40:00.123+00:00", "s": 12.3, "type": "metric", "step": 10, "loss": 2.13}

t is the time of day for people; s counts seconds since the worker started and is what rates and axes use, because
a clock that is set does not move it. Types: state phase metric sample choice log error result gpu.
It does not know: what the events mean.
"""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.jobs.job import EVENTS_FILE, utc_now

CHUNK_BYTES = 64 * 1024
# What a full disk may leave waiting in memory before the least important events are dropped.
WAITING_LIMIT_BYTES = 8 * 1024 * 1024


class EventWriter:
    """Appends events; never raises, and loses nothing to a disk that is full for a while.

    Lines go straight to the file (no buffer that a kill could empty, no fsync that a step would wait for). What the
    disk refuses waits and is tried again with the next event, so a line is never left half written by us.

    Args:
        path: The file to append to.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._started = time.monotonic()
        # An earlier worker that was killed in the middle of a line must not spoil our first one.
        size = os.fstat(self._file).st_size
        self._waiting = b"\n" if size and os.pread(self._file, 1, size - 1) != b"\n" else b""
        self.error: OSError | None = None

    def write(self, type: str, body: Mapping[str, Any]) -> None:
        """Append one event."""
        stamp = {"t": utc_now(), "s": round(time.monotonic() - self._started, 3), "type": type}
        line = _dump(stamp | dict(body))
        with self._lock:
            if len(self._waiting) + len(line) < WAITING_LIMIT_BYTES or type in ("state", "error", "result"):
                self._waiting += line
            self._flush()

    def flush(self) -> bool:
        """Try once more to write what waits; returns whether everything is on the disk."""
        with self._lock:
            self._flush()
            return not self._waiting

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1

    def _flush(self) -> None:
        if self._file < 0:
            return
        try:
            while self._waiting:
                self._waiting = self._waiting[os.write(self._file, self._waiting) :]
            self.error = None
        except OSError as error:
            self.error = error


def _dump(event: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    except ValueError:
        # JSON knows no infinity and no NaN, but a diverged loss is exactly what has to be told.
        text = json.dumps(_named(event), ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", errors="replace") + b"\n"


def _named(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _named(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(item) for item in value]
    return value


class EventReader:
    """Reads what was appended since it last looked.

    A last line without its end is left for the next time; a line that is no JSON (torn by a kill) is skipped and
    counted.

    Args:
        path: The file to read; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self.torn = 0

    def read(self) -> list[dict[str, Any]]:
        """Return the next events, from about 64 KiB of file; empty when there is nothing new."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return []
        with file:
            file.seek(self._offset)
            while chunk := file.read(CHUNK_BYTES):
                self._offset += len(chunk)
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                events = [event for line in lines if line.strip() and (event := self._parse(line)) is not None]
                if events:
                    return events
        return []

    def _parse(self, line: bytes) -> dict[str, Any] | None:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            self.torn += 1
            return None
        return event


def read_events(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield everything that a job's workers have said so far, oldest first."""
    reader = EventReader(folder / EVENTS_FILE)
    while events := reader.read():
        yield from events
