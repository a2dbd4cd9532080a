"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real files that are not part of the project; skips the test, saying so, where it is absent."""
    folder = Path(os.environ.get("MEDFT_REALDATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real files are not here: {folder} (set MEDFT_REALDATA to their folder)")
    return folder


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The folder of the default model (about 270 MB), prepared once in data/models as `make test` does; for slow tests."""
    from core.model.resolve import prepare_default
    from core.progress import SilentProgress

    return prepare_default(Settings().models, SilentProgress()).folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose home is a fresh, empty folder."""
    settings = Settings(home=tmp_path / "home")
    settings.make_folders()
    return settings
