"""Work on pieces in several processes, answers in order, with never more than a few pieces under way.

    with Crew(tick=check_stop) as crew:
        for answer in crew.map(function, pieces): …

While it waits for an answer it calls ``tick``, which may raise to end the work: a piece may take seconds. A few pieces are
worked on in this process, in a thread, because starting a process takes longer; or in one that is warm, if the work must
not be done here. It does not know: what the work is.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from core.dataset.processes import WarmProcess, ended_early, process_pool

T = TypeVar("T")
R = TypeVar("R")
_WORTH_A_PROCESS = 4
# A warm process has loaded what new ones would have to load first.
_WORTH_NEW_ONES = 10
_MOST_PROCESSES = 8
_TICK_S = 0.25


class Crew:
    """A few worker processes that start when they are first worth it."""

    def __init__(self, processes: int = 0, tick: Callable[[], None] = lambda: None) -> None:
        """Plan for some processes.

        Args:
            processes: How many; 0 means one for each processor core that this process may use, 8 at most.
            tick: Called several times a second while an answer is waited for; may raise.
        """
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._processes = processes or min(cores, _MOST_PROCESSES)
        self._pool: ProcessPoolExecutor | None = None
        self._tick = tick

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            # After an error nobody waits for pieces that are under way: the processes end by themselves when they are done.
            self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def map(self, function: Callable[[T], R], pieces: Iterable[T], few: WarmProcess | None = None) -> Iterator[R]:
        """Apply a function that can be imported to each piece.

        Args:
            function: What to apply.
            pieces: To what; read as they are needed.
            few: Where up to nine pieces are worked on; without it up to three are, in a thread of this process.

        Raises:
            ResourceError: if the system killed a worker process.
        """
        rest = iter(pieces)
        most = _WORTH_NEW_ONES if few else _WORTH_A_PROCESS
        first = list(itertools.islice(rest, most))
        is_few = len(first) < most and (few is not None or not self._pool)
        try:
            if self._processes < 2 or is_few:
                yield from self._one_by_one(function, itertools.chain(first, rest), few)
            else:
                yield from self._at_once(function, itertools.chain(first, rest))
        except BrokenProcessPool as error:
            raise ended_early() from error

    def _at_once(self, function: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
        self._pool = self._pool or process_pool(self._processes)
        waiting: deque[Future[R]] = deque()
        try:
            for piece in pieces:
                waiting.append(self._pool.submit(function, piece))
                if len(waiting) > self._processes + 2:
                    yield self._answer(waiting.popleft())
            while waiting:
                yield self._answer(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()

    def _one_by_one(self, function: Callable[[T], R], pieces: Iterable[T], few: WarmProcess | None) -> Iterator[R]:
        thread = ThreadPoolExecutor(1, "crew")
        try:
            for piece in pieces:
                yield self._answer((few or thread).submit(function, piece))
        finally:
            # A piece under way after an error changes nothing: its answer is thrown away.
            thread.shutdown(wait=False)

    def _answer(self, future: Future[R]) -> R:
        while not wait([future], _TICK_S).done:
            self._tick()
        return future.result()
