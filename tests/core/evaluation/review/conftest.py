"""A review of six made-up items."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.evaluation.review.items import ReviewOptions
from core.evaluation.review.session import create_review
from tests.core.evaluation.review.made_up import make_items


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "medft.sqlite3"


@pytest.fixture
def plain() -> ReviewOptions:
    """Harm and preference only, nothing twice."""
    return ReviewOptions(axes=(), repeats=0.0, seed=7)


@pytest.fixture
def review_id(database: Path, plain: ReviewOptions) -> str:
    return create_review(database, "Round 1", "run-1", make_items(6), plain)
