"""How long work on a data set tells how far it is, and hears that it should stop.

    pulse = Pulse(progress)
    for row in pulse.each(rows, "Exact duplicates"): …

However often it is called, it tells and asks only a few times a second. It does not know: what the work is.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

from core.errors import DatasetError
from core.progress import Progress

TELL_EVERY_S = 0.2
T = TypeVar("T")


def check_stop(progress: Progress) -> None:
    """End the work if somebody asked for it.

    Raises:
        DatasetError: saying that nothing was kept.
    """
    if progress.stop_requested():
        raise DatasetError("Cleaning was stopped, and nothing was kept.", "Start it again when you are ready.")


class Pulse:
    """Says how far work is and ends it if somebody asked for it.

    Args:
        progress: Who is told, and may ask to stop.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told = 0.0

    def __call__(self, title: str, done: float = 0, total: float = 0) -> None:
        """Tell how much of the step is done, unless that was told just now.

        Raises:
            DatasetError: if somebody asked to stop.
        """
        now = time.monotonic()
        if now - self._told > TELL_EVERY_S:
            self._told = now
            check_stop(self._progress)
            self._progress.phase(title, done, total)

    def begin(self, title: str) -> None:
        """Tell at once that a step begins.

        Raises:
            DatasetError: if somebody asked to stop.
        """
        check_stop(self._progress)
        self._progress.phase(title)

    def each(self, items: Iterable[T], title: str, total: int = 0) -> Iterator[T]:
        """Go through items and tell how far that is; ``total`` is only needed where the items have no length."""
        total = len(items) if isinstance(items, Collection) else total
        for place, item in enumerate(items):
            self(title, place, total)
            yield item
