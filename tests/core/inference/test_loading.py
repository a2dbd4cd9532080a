"""Loading is told by the memory that it takes, from a thread that ends with it."""

from __future__ import annotations

import threading

import pytest

from core.inference.loader import LOADING
from core.inference.loading import LoadingWatch
from core.progress import SilentProgress


class Listener(SilentProgress):
    """Keeps phases, and says when enough have come."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, float, float]] = []
        self.enough = threading.Event()

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        self.heard.append((name, done, total))
        if len(self.heard) >= 6:
            self.enough.set()


def test_the_share_follows_the_memory_and_never_reaches_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.inference.loading.TICK_S", 0.01)
    held = iter([1.0, 0.5, 1.5, 2.0, 9.0])
    listener, before = Listener(), set(threading.enumerate())
    with LoadingWatch(listener, lambda: next(held, 9.0)) as watch:
        watch.phase("finding the model")
        watch.phase(LOADING, 0, 2.0)
        assert listener.enough.wait(10)
        watch.phase("loading the adapter")
        told = len(listener.heard)
    shares = [done for name, done, _ in listener.heard if name == LOADING]
    assert shares[:5] == [0, 0.0, 0.5, 1.0, 0.97 * 2.0]
    assert listener.heard[-1][0] == "loading the adapter" and len(listener.heard) == told
    assert set(threading.enumerate()) <= before


def test_a_failure_ends_the_watching() -> None:
    before = set(threading.enumerate())
    with pytest.raises(ValueError), LoadingWatch(Listener(), lambda: 1.0) as watch:
        watch.phase(LOADING, 0, 2.0)
        raise ValueError
    assert set(threading.enumerate()) <= before
