"""The order is balanced, repeatable, and lets nobody guess a model from a side."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.evaluation.review.assignment import LEAST_GAP, places


@given(st.integers(1, 120), st.floats(0, 0.5), st.integers(0, 2**64), st.text(min_size=1, max_size=20))
def test_every_item_comes_once_and_a_repeat_later_on_the_other_side(
    items: int, share: float, seed: int, rater: str
) -> None:
    order = places(items, share, seed, rater)
    first = {place.item: at for at, place in enumerate(order) if not place.repeat}
    assert sorted(first) == list(range(items))
    sides = Counter(place.side_a for place in order if not place.repeat)
    assert abs(sides["base"] - sides["tuned"]) <= 1
    for at, place in enumerate(order):
        if place.repeat:
            assert at - first[place.item] > LEAST_GAP
            assert order[first[place.item]].side_a != place.side_a


def test_the_share_of_repeats_is_kept() -> None:
    assert len(places(60, 0.1, 1, "r")) == 66
    assert len(places(60, 0.0, 1, "r")) == 60
    assert len(places(1, 0.5, 1, "r")) == 1


def test_raters_get_orders_and_sides_of_their_own() -> None:
    one, other = places(60, 0.1, 3, "reviewer 1"), places(60, 0.1, 3, "reviewer 2")
    assert [place.item for place in one] != [place.item for place in other]
    sides = [{place.item: place.side_a for place in order if not place.repeat} for order in (one, other)]
    same = sum(sides[0][item] == sides[1][item] for item in range(60))
    assert 15 <= same <= 45


@pytest.mark.parametrize("salt", ["0", "1"])
def test_another_process_computes_the_same_order(salt: str) -> None:
    code = "from core.evaluation.review.assignment import places; print(places(20, 0.2, 5, 'Ärztin'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": salt, "PYTHONPATH": ".", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(places(20, 0.2, 5, "Ärztin"))
