"""Who sees which item when, and on which side: a pure function of the review's secret seed and the rater's name.

    places(items=60, repeats=0.1, seed=…, rater="reviewer 2")  →  66 × Place(item, repeat, side_a)

So nothing has to be stored: any device computes the same order again. It does not know: what the items say.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Model = Literal["base", "tuned"]

# Between an item and its repeat lie at least this many others, so that memory does not answer for judgement.
LEAST_GAP = 4


@dataclass(frozen=True, slots=True)
class Place:
    """One place in a rater's order.

    Args:
        item: Number of the item, from 0.
        repeat: Whether this rater has met the item before.
        side_a: Which model's answer is shown as A.
    """

    item: int
    repeat: bool
    side_a: Model


@lru_cache(maxsize=256)
def places(items: int, repeats: float, seed: int, rater: str) -> tuple[Place, ...]:
    """Lay out a rater's whole session.

    Each model stands on side A for half of the items, drawn at random. A repeat swaps the sides: who answers by position
    and not by content then disagrees with themselves, and the result shows it.

    Args:
        items: How many items the review has, at least 1.
        repeats: Share of them to show twice, 0 to 0.5; fewer where there is no room for the gap.
        seed: The review's secret.
        rater: The rater's name.
    """
    # hash() is salted anew in each process; a digest is not
    digest = hashlib.sha256(f"{seed}\n{rater}".encode()).digest()
    dice = random.Random(int.from_bytes(digest, "big"))  # noqa: S311 (a shuffle, not a key; the seed is the secret)
    sides: list[Model] = ["base", "tuned"] * ((items + 1) // 2)
    dice.shuffle(sides)
    order = list(range(items))
    dice.shuffle(order)
    laid = [Place(item, False, side) for item, side in zip(order, sides, strict=False)]
    gap = max(LEAST_GAP, items // 5)
    wanted = min(max(0, items - gap), round(repeats * items) or (1 if repeats else 0))
    # a repeat stands right behind a first showing that comes at least the gap later than its own
    spots: list[tuple[float, Place]] = list(enumerate(laid))
    for at in dice.sample(range(max(0, items - gap)), wanted):
        behind = dice.randrange(at + gap, items) + dice.random()
        spots.append((behind, Place(laid[at].item, True, "tuned" if laid[at].side_a == "base" else "base")))
    return tuple(place for _, place in sorted(spots, key=lambda spot: spot[0]))
