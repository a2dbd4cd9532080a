"""Curves stay small, keep their peaks and their ends, and can be cut back."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from core.jobs.series import MAX_POINTS, Curve

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


def curve_of(values: list[float]) -> Curve:
    curve = Curve()
    for index, value in enumerate(values):
        curve.add(index, index / 2, value)
    return curve


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=5000))
def test_a_curve_keeps_extremes_order_and_the_last_point(values: list[float]) -> None:
    series = curve_of(values).series()
    assert 1 <= len(series) <= MAX_POINTS
    assert len(series.steps) == len(series.elapsed_s) == len(series.values)
    assert min(series.values) == min(values) and max(series.values) == max(values)
    assert series.steps[-1] == len(values) - 1 and series.values[-1] == values[-1]
    assert list(series.steps) == sorted(set(series.steps))
    assert all(values[step] == value for step, value in zip(series.steps, series.values, strict=True))


def test_short_curves_are_exact() -> None:
    values = [math.sin(index) for index in range(498)]
    assert list(curve_of(values).series().values) == values


def test_one_spike_among_a_hundred_thousand_points_survives() -> None:
    values = [1.0] * 100_000
    values[43_210] = 9.0
    series = curve_of(values).series()
    assert len(series) <= MAX_POINTS
    assert dict(zip(series.steps, series.values, strict=True))[43_210] == 9.0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 3000), st.integers(0, 400))
def test_a_cut_curve_goes_on_from_the_cut(count: int, at: int, more: int) -> None:
    curve = curve_of([float(index % 7) for index in range(count)])
    curve.cut(at)
    for step in range(at, at + more):
        curve.add(step, 10_000.0 + step, 50.0)
    series = curve.series()
    steps = list(series.steps)
    assert steps == sorted(set(steps)) and len(steps) <= MAX_POINTS
    old = [value for step, value in zip(steps, series.values, strict=True) if step < at]
    assert all(value < 7 for value in old)
    assert bool(old) == (at > 0)
    assert sum(value == 50.0 for value in series.values) > 0 or not more


def test_values_that_are_no_numbers_leave_a_gap() -> None:
    curve = curve_of([1.0, math.nan, math.inf, 2.0])
    assert curve.series().steps == (0, 3)


def test_an_empty_curve() -> None:
    curve = Curve()
    curve.cut(5)
    assert len(curve.series()) == 0
