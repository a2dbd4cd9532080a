"""Curves that stay small however long a run is: at most 500 points each, with every peak still in them.

Points fall into buckets of equal count; a bucket keeps its lowest and highest point, and when the buckets are too many,
neighbours merge and the count doubles. Adding a point is O(1) on average, and nothing is ever read again.
It does not know: what the curves show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_POINTS = 500
_MAX_BUCKETS = (MAX_POINTS - 2) // 2

Point = tuple[int, float, float]  # step, elapsed_s, value


@dataclass(frozen=True, slots=True)
class Series:
    """One curve, ready to draw; the three tuples have equal lengths, at most 500.

    Args:
        steps: The optimizer step of each point.
        elapsed_s: Seconds of work (all attempts, pauses not counted) at each point, never falling.
        values: The numbers, all finite.
    """

    steps: tuple[int, ...] = ()
    elapsed_s: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(slots=True)
class _Bucket:
    count: int
    low: Point
    high: Point


class Curve:
    """Takes points one by one and gives a Series at any time."""

    def __init__(self) -> None:
        self._buckets: list[_Bucket] = []
        # Two points are both kept, so the first 498 points are exact.
        self._per_bucket = 2
        self._last: Point | None = None
        self._series: Series | None = None

    def add(self, step: int, elapsed_s: float, value: float) -> None:
        """Append a point; a value that is not finite leaves a gap."""
        if not math.isfinite(value):
            return
        point = (step, elapsed_s, value)
        self._last, self._series = point, None
        bucket = self._buckets[-1] if self._buckets else None
        if bucket is None or bucket.count >= self._per_bucket:
            self._buckets.append(_Bucket(1, point, point))
            if len(self._buckets) > _MAX_BUCKETS:
                self._halve()
            return
        bucket.count += 1
        if value < bucket.low[2]:
            bucket.low = point
        if value >= bucket.high[2]:
            bucket.high = point

    def cut(self, step: int) -> None:
        """Forget every point at this step or later: the run continues from a checkpoint before it."""
        self._series = None
        while self._buckets:
            bucket = self._buckets[-1]
            kept = [point for point in (bucket.low, bucket.high) if point[0] < step]
            if len(kept) == 2:
                break
            if kept:
                bucket.low = bucket.high = kept[0]
                break
            self._buckets.pop()
        if self._last is not None and self._last[0] >= step:
            self._last = max((self._buckets[-1].low, self._buckets[-1].high)) if self._buckets else None

    def series(self) -> Series:
        """Return the curve as it is now."""
        if self._series is None:
            points: list[Point] = []
            for bucket in self._buckets:
                # a tie in step and time keeps the order of the values: harmless, and stable
                points.extend(sorted({bucket.low, bucket.high}))
            if self._last is not None and points and points[-1] != self._last:
                points.append(self._last)
            steps, elapsed, values = zip(*points, strict=True) if points else ((), (), ())
            self._series = Series(steps, elapsed, values)
        return self._series

    def _halve(self) -> None:
        merged = []
        for left, right in zip(self._buckets[::2], self._buckets[1::2], strict=False):
            low = left.low if left.low[2] <= right.low[2] else right.low
            high = left.high if left.high[2] > right.high[2] else right.high
            merged.append(_Bucket(left.count + right.count, low, high))
        if len(self._buckets) % 2:
            merged.append(self._buckets[-1])
        self._buckets = merged
        self._per_bucket *= 2
