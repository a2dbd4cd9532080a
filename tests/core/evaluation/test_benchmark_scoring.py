"""Likelihoods that are no numbers are no answers."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ModelError
from core.evaluation.benchmark.scoring import BatchRoom, _likelihoods

pytestmark = pytest.mark.slow


class Lm:
    """What the harness calls a model, saying always the same."""

    batch_size_per_gpu = 1

    def __init__(self, likelihoods: list[float]) -> None:
        self.likelihoods = likelihoods

    def loglikelihood(self, requests: list[Any], **_: Any) -> list[tuple[float, bool]]:
        return [(likelihood, False) for likelihood in self.likelihoods[: len(requests)]]


def test_a_likelihood_that_is_no_number_is_refused() -> None:
    """Half precision may overflow; the first option would then pass for the model's answer to everything."""
    piece: Any = [SimpleNamespace(requests=("a", "b"), tokens=9)]
    assert _likelihoods(Lm([-3.0, -1.0]), piece, BatchRoom(0, 90)) == [[(-3.0, False), (-1.0, False)]]
    with pytest.raises(ModelError, match="not a number"):
        _likelihoods(Lm([-3.0, math.nan]), piece, BatchRoom(0, 90))
