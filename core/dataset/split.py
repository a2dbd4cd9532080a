"""Which rows are held out for evaluation: whole topics where there are topics, else whole groups of like rows.

    hold_out(groups, share=0.1, seed=42) → array of bool, True for evaluation

Rows of one group never part. The choice depends on the groups' keys and the seed alone, not on the order of the rows.
It does not know: records, files, what makes rows alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.dataset.shingles import mixed
from core.progress import Choice

Keys = npt.NDArray[np.uint64]
# With fewer topics than this a held-out topic is a whole field of medicine that training never sees.
FEWEST_TOPICS = 20
_LEAST_NAMED = 0.5
# A group may carry the evaluation set this far over its size before another group is tried.
_OVERSHOOT = 1.2


@dataclass(frozen=True, slots=True)
class Ties:
    """What binds rows together: rows that share a number in any of these arrays belong to one group.

    Args:
        rows: How many rows there are.
        pairs: Arrays of shape (n, 2): rows that must not part.
        keys: One key a row, for example of its question; 0 binds nothing.
    """

    rows: int
    pairs: Sequence[npt.NDArray[np.int64]] = ()
    keys: Sequence[Keys] = ()


def groups_of(ties: Ties) -> npt.NDArray[np.int64]:
    """Give each row the number of the first row of its group (connected components)."""
    root = np.arange(ties.rows, dtype=np.int64)
    links = [pairs for pairs in ties.pairs if len(pairs)]
    for keys in ties.keys:
        order = np.argsort(keys, kind="stable")
        same = (keys[order][1:] == keys[order][:-1]) & (keys[order][1:] != 0)
        links.append(np.stack((order[:-1][same], order[1:][same]), axis=1))
    if not links:
        return root
    every = np.concatenate(links)
    # Each round hands the smaller root over every link and then follows it home; the number of rounds is logarithmic.
    while True:
        left, right = root[every[:, 0]], root[every[:, 1]]
        if np.array_equal(left, right):
            return root
        low = np.minimum(left, right)
        np.minimum.at(root, left, low)
        np.minimum.at(root, right, low)
        while not np.array_equal(root, root[root]):
            root = root[root]


def by_topic(topics: Keys) -> Choice[bool]:
    """Decide whether topics are fit to split by; the reason is shown in the report."""
    named = topics[topics != 0]
    distinct = len(np.unique(named))
    if not len(named):
        return Choice(
            False, "No row says its topic: rows of the same question or nearly the same answer stay together."
        )
    if distinct < FEWEST_TOPICS:
        return Choice(
            False, f"There are only {distinct} topics; at least {FEWEST_TOPICS} are needed to hold whole ones out."
        )
    if len(named) < _LEAST_NAMED * len(topics):
        return Choice(False, f"Only {len(named):,} of {len(topics):,} rows say their topic.")
    return Choice(True, f"Whole topics are held out ({distinct:,} topics), so that no topic is in both.")


def hold_out(groups: npt.NDArray[np.int64], keys: Keys, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Choose whole groups until their rows make up the share.

    Args:
        groups: The group of each row.
        keys: A number that names each row's content; orders the groups, so that the rows' order does not matter.
        share: Share of rows to hold out, 0 to 0.5; above 0 at least one row, if there are two groups.
        seed: Changes which groups are chosen.

    Returns:
        True for rows held out.
    """
    held = np.zeros(len(groups), dtype=bool)
    names, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if share <= 0 or len(names) < 2:
        return held
    wanted = max(1, round(share * len(groups)))
    least = np.full(len(names), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, member, keys)
    order = np.argsort(_shuffled(least, seed), kind="stable")
    chosen = np.zeros(len(names), dtype=bool)
    rows = 0
    for group in order.tolist():
        if rows >= wanted:
            break
        if rows + sizes[group] <= wanted * _OVERSHOOT or (rows == 0 and sizes[group] == sizes.min()):
            chosen[group] = True
            rows += int(sizes[group])
    return chosen[member] if rows < len(groups) else held


def _shuffled(keys: Keys, seed: int) -> Keys:
    return mixed(keys ^ np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64))
