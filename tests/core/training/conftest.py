"""The tiny model, ready to be trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.training.run import Prepared
from tests.tiny_model import prepared_on, write_tiny_llama


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A job has a process of its own, which loads no more than its plan needs. Here one process plays many jobs.
    import bitsandbytes  # noqa: F401
    import peft  # noqa: F401

    return write_tiny_llama(tmp_path_factory.mktemp("tiny-llama"))


@pytest.fixture
def prepare(tiny: Path, tmp_path: Path) -> Callable[..., Prepared]:
    """Makes a Prepared over the tiny model; keyword arguments are settings."""

    def make(progress: Any = None, job: str = "job", rows: int = 40, **config: Any) -> Prepared:
        return prepared_on(tiny, tmp_path / job, progress, rows, **config)

    return make
