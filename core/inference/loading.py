"""How far loading is, told by the memory that the process has taken: the library that loads says nothing until it is done.

    with LoadingWatch(progress, held_gib) as watch: load(target, models_dir, watch)

The phase LOADING begins with the memory that the weights will take; from then on a thread compares. An estimate: it is
shown as a share and never reaches the whole before the phase is over. It does not know: models, what is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from core.inference.loader import LOADING
from core.progress import Progress, SilentProgress

TICK_S = 0.25
NEARLY = 0.97


class LoadingWatch(SilentProgress):
    """A Progress that passes phases on, and between them tells how much of the expected memory has been taken.

    Args:
        listener: Who is told of phases; may be called from another thread.
        held_gib: Memory that this process holds now.
    """

    def __init__(self, listener: Progress, held_gib: Callable[[], float]) -> None:
        self.listener, self.held_gib = listener, held_gib
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> LoadingWatch:
        return self

    def __exit__(self, *_: Any) -> None:
        self._end()

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Pass a phase on; while it is LOADING, keep telling."""
        self._end()
        self.listener.phase(name, done, total)
        if name == LOADING and total > 0:
            self._over = threading.Event()
            self._thread = threading.Thread(target=self._watch, args=(self.held_gib(), total), daemon=True)
            self._thread.start()

    def _watch(self, before_gib: float, total_gib: float) -> None:
        while not self._over.wait(TICK_S):
            taken = max(self.held_gib() - before_gib, 0.0)
            self.listener.phase(LOADING, min(taken, NEARLY * total_gib), total_gib)

    def _end(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
