"""Readings of curves that were recorded (SmolLM2 on the sample data) and of curves bent on purpose."""

from __future__ import annotations

import math

import pytest

from core.training.reading import read_curves, smoothed

# Recorded: QUICK_DEMO with SmolLM2-135M on the sample data, two cores, float32.
DEMO_TRAIN = [
    3.721, 3.705, 3.263, 2.895, 3.024, 2.954, 2.939, 2.755, 2.592, 2.771, 2.397, 2.752,
    2.48, 2.819, 2.058, 2.405, 2.342, 2.357, 2.556, 2.245, 2.492, 2.381, 2.297, 2.572,
]  # fmt: skip
DEMO_EVAL = [(0, 3.535), (8, 2.715), (16, 2.51), (24, 2.46)]
# Recorded: the tiny model on 12 noisy rows, learning rate 0.01, held out are 12 others (every fifth training loss).
MEMORISED_TRAIN = [
    (1, 6.404), (6, 4.942), (11, 2.771), (16, 1.636), (21, 0.829), (26, 0.492), (31, 0.298), (36, 0.244), (41, 0.173),
    (46, 0.146), (51, 0.12), (101, 0.068), (151, 0.06), (176, 0.056), (181, 0.053), (186, 0.059), (191, 0.083), (196, 0.233),
]  # fmt: skip
MEMORISED_EVAL = [
    (0, 6.298), (20, 4.138), (40, 4.22), (60, 4.233), (80, 4.283), (100, 4.299), (120, 4.363), (140, 4.37), (160, 4.385), (180, 4.405),
]  # fmt: skip
# Recorded: the same with alpha 512 and a learning rate that rises to 0.02, no clipping.
DIVERGED_TRAIN = [
    6.404, 6.203, 5.065, 4.587, 3.628, 3.744, 3.006, 3.005, 2.402, 3.138, 2.372, 3.292, 2.955, 3.565, 3.01, 3.849, 3.681,
    4.549, 4.398, 4.453, 4.445, 4.83, 4.597, 4.742, 4.452, 4.803, 4.675, 4.507, 4.657, 4.544, 4.616, 4.8, 4.589, 4.772,
]  # fmt: skip
DIVERGED_EVAL = [(0, 6.298), (10, 4.186), (20, 4.766), (30, 4.875)]
# Bent on purpose.
FALLING = [(step, 3.7 - 1.2 * (1 - math.exp(-step / 8))) for step in range(1, 25)]


def steps(losses: list[float]) -> list[tuple[int, float]]:
    return list(enumerate(losses, start=1))


def test_a_recorded_run_is_learning() -> None:
    reading = read_curves(steps(DEMO_TRAIN), DEMO_EVAL)
    assert reading.state == "learning"
    assert reading.best_step == 24
    assert "30 %" in reading.text


def test_a_recorded_run_has_learnt_its_rows_by_heart() -> None:
    reading = read_curves(MEMORISED_TRAIN, MEMORISED_EVAL)
    assert (reading.state, reading.since_step, reading.best_step) == ("overfitting", 40, 20)


def test_a_recorded_run_diverged() -> None:
    reading = read_curves(steps(DIVERGED_TRAIN), DIVERGED_EVAL)
    assert (reading.state, reading.best_step) == ("diverged", 10)
    assert reading.since_step is not None and 16 <= reading.since_step <= 24


def test_overfitting_names_the_step_and_the_best_checkpoint() -> None:
    evaluation = [(0, 3.0), (40, 2.4), (80, 2.2), (120, 2.1), (160, 2.05), (180, 2.08), (200, 2.12), (220, 2.2)]
    reading = read_curves(FALLING, evaluation)
    assert reading.state == "overfitting"
    assert (reading.since_step, reading.best_step) == (180, 160)
    assert reading.text.startswith("Overfitting since step 180: the best checkpoint is step 160")


def test_one_bad_evaluation_is_not_overfitting() -> None:
    assert read_curves(FALLING, [(0, 3.0), (40, 2.4), (80, 2.2), (120, 2.3)]).state == "learning"


def test_plateau() -> None:
    reading = read_curves(FALLING, [(0, 3.0), (40, 2.4), (80, 2.2), (120, 2.198), (160, 2.196)])
    assert reading.state == "plateau"
    assert reading.since_step == 80


def test_a_base_model_that_was_better_is_said() -> None:
    reading = read_curves(FALLING, [(0, 2.0), (10, 2.2), (20, 2.4)])
    assert reading.state == "overfitting" and "base model was better" in reading.text


@pytest.mark.parametrize(
    "train",
    [
        [*FALLING, (25, math.nan)],
        [*FALLING, *((step, 2.5 * 1.2 ** (step - 24)) for step in range(25, 40))],
    ],
)
def test_diverged(train) -> None:
    reading = read_curves(train, DEMO_EVAL)
    assert reading.state == "diverged"
    assert reading.since_step is not None and 25 <= reading.since_step <= 32
    assert "step 24" in reading.text


def test_without_evaluations_the_training_loss_speaks() -> None:
    assert read_curves(FALLING[:5], []).state == "too early"
    assert read_curves(FALLING, []).state == "learning"
    assert read_curves([(step, 2.0 + 0.001 * (step % 3)) for step in range(1, 60)], []).state == "plateau"


def test_smoothing_starts_at_the_first_value_and_skips_what_is_no_number() -> None:
    assert smoothed([(1, 4.0), (2, math.nan), (3, 4.0)]) == [(1, pytest.approx(4.0)), (3, pytest.approx(4.0))]
