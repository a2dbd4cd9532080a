from __future__ import annotations

import math

import pytest

from medft_ui.curve import read_curve

FALLING = [3.0 - 0.05 * step for step in range(30)]


@pytest.mark.parametrize(
    ("evals", "word"),
    [
        ([2.5], "waiting"),
        ([2.5, 2.2, 2.0, 1.9], "learning"),
        ([2.5, 2.0, 1.801, 1.800, 1.799], "levelling off"),
        ([2.5, 1.9, 1.8, 1.95, 2.1], "overfitting"),
        ([2.5, 2.6, 2.7], "no better"),
        ([2.5, 2.0, 2.05], "learning"),
        ([2.5, math.nan], "diverged"),
    ],
)
def test_reads_what_the_eval_loss_does(evals: list[float], word: str) -> None:
    assert read_curve(FALLING, [25 * at for at in range(len(evals))], evals).word == word


def test_a_train_loss_that_breaks_away_is_bad() -> None:
    reading = read_curve([2.0] * 10 + [6.0, 8.0, 9.0], [0], [2.4])
    assert (reading.word, reading.tone) == ("diverged", "bad")


def test_overfitting_names_the_best_step() -> None:
    assert "at step 50" in read_curve(FALLING, [0, 25, 50, 75, 100], [2.5, 1.9, 1.8, 1.95, 2.1]).sentence
