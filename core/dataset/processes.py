"""Processes that work for this one: how they start, that they end with it, and one that waits for more work.

    pool = process_pool(2)
    found = NAMES.call(function, argument)

NAMES reads names and places where nobody waits for it: the language model takes seconds to load, in which Python may let
no other thread run, and a few hundred MB. It stays for some minutes, because a person who edits a row edits another one.
It does not know: what the work is.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from core.errors import ResourceError

T = TypeVar("T")
R = TypeVar("R")
_IDLE_S = 300.0


def process_pool(processes: int) -> ProcessPoolExecutor:
    """Plan for processes that start when there is work, and end when this process does, however it ends."""
    # Not fork: the app has threads, and some of its libraries hold locks in them.
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _end_with_parent)


def _end_with_parent() -> None:
    """Watch the process that started this one: a killed one closes nothing, and its workers would wait for ever.

    Ctrl-C reaches workers, too, which would each print where they were; they end when the app does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, daemon=True, name="parent").start()


def _watch_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def ended_early() -> ResourceError:
    """Say that the system killed a process."""
    return ResourceError(
        "The system ended a process that cleans the rows, most likely because memory ran out.",
        "Close other programs, or upload the file in parts.",
    )


class WarmProcess:
    """One process that starts with its first work, stays for the next, and ends when none came for a while.

    Args:
        idle_s: How long it waits for more, seconds.
    """

    def __init__(self, idle_s: float = _IDLE_S) -> None:
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._under_way = 0
        self._timer: threading.Timer | None = None

    @property
    def is_warm(self) -> bool:
        """Whether it is there."""
        return self._pool is not None

    def submit(self, function: Callable[[T], R], argument: T) -> Future[R]:
        """Apply a function that can be imported, after what was asked before."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            future = self._ask(function, argument)
            self._under_way += 1
        future.add_done_callback(self._rest)
        return future

    def call(self, function: Callable[[T], R], argument: T) -> R:
        """Apply a function that can be imported, and wait for it.

        Raises:
            ResourceError: if the system killed the process.
        """
        try:
            return self.submit(function, argument).result()
        except BrokenProcessPool as error:
            raise ended_early() from error

    def close(self) -> None:
        """End it, unless it works."""
        with self._lock:
            if self._pool and not self._under_way:
                self._pool.shutdown(wait=False)
                self._pool = None

    def _ask(self, function: Callable[[T], R], argument: T) -> Future[R]:
        self._pool = self._pool or process_pool(1)
        try:
            return self._pool.submit(function, argument)
        except BrokenProcessPool:  # it was killed at its last work, or since
            self._pool = process_pool(1)
            return self._pool.submit(function, argument)

    def _rest(self, future: Future[Any]) -> None:
        with self._lock:
            self._under_way -= 1
            if not self._under_way:
                self._timer = threading.Timer(self._idle_s, self.close)
                self._timer.daemon = True
                self._timer.start()


NAMES = WarmProcess()
