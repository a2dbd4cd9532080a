"""Which held-out texts are in the training texts, whole or nearly so; exact, without sampling.

    index = ProbeIndex([shingles of each held-out text], least_share=0.75)
    for row, hashes in training: index.look(row, hashes)
    index.hits → {probe: Hit(row, share)};  index.rows → {row: largest share of any probe}

A probe counts as leaked when one training text holds at least this share of its shingles. That finds copies whose case,
blanks or marks changed, copies with an introduction, and copies that were cut. "Any 13 words in common" was measured too:
it calls a third of clean medical rows leaked, because inheritance and trial paragraphs repeat. Which rows are looked at
is decided by the prefix filter (Bayardo, Ma, Srikant 2007): whoever holds a share s of n shingles must hold one of any
n - ceil(s n) + 1 of them, so only that many, the rarest, are indexed. It does not know: records, files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.dataset.shingles import Hashes, shared

# Measured on 50 leaked and 50 clean MedQuAD rows: leaked rows share 0.79 or more, clean ones 0.69 or less.
LEAK_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a probe was found.

    Args:
        row: The training row.
        share: Share of the probe's shingles that the row holds, 0 to 1.
    """

    row: int
    share: float


class ProbeIndex:
    """Looks for probes (held-out texts) in rows that stream past."""

    def __init__(self, probes: Sequence[Hashes], least_share: float = LEAK_SHARE) -> None:
        """Index the rarest shingles of each probe.

        Args:
            probes: Shingles of each probe, sorted and without repeats; an empty one is never found.
            least_share: From which share on a probe counts as found, above 0 up to 1.
        """
        self.hits: dict[int, Hit] = {}
        self.rows: dict[int, float] = {}
        self._probes = probes
        self._least = least_share
        self._keys, self._owners = _prefixes(probes, least_share)

    def look(self, first_row: int, hashes: Hashes, starts: npt.NDArray[np.int64]) -> None:
        """Look for every probe in some rows.

        Args:
            first_row: Number of the first of these rows.
            hashes: Shingles of these rows, end to end.
            starts: Where each row begins in ``hashes``, and its end: one more than there are rows.
        """
        if not len(self._keys) or not len(hashes):
            return
        low = np.searchsorted(self._keys, hashes, side="left")
        inside = low < len(self._keys)
        met = np.flatnonzero(inside)[self._keys[low[inside]] == hashes[inside]]
        if not len(met):
            return
        rows = np.searchsorted(starts, met, side="right") - 1
        high = np.searchsorted(self._keys, hashes[met], side="right")
        counts = high - low[met]
        at = np.repeat(low[met] - np.concatenate(([0], np.cumsum(counts)))[:-1], counts) + np.arange(counts.sum())
        pairs = np.unique(np.stack((np.repeat(rows, counts), self._owners[at]), axis=1), axis=0)
        self._verify(first_row, hashes, starts, pairs)

    def _verify(
        self, first_row: int, hashes: Hashes, starts: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64]
    ) -> None:
        of_row, own = -1, hashes[:0]
        for row, probe in pairs.tolist():
            if row != of_row:
                of_row, own = row, np.unique(hashes[starts[row] : starts[row + 1]])
            share = shared(self._probes[probe], own) / len(self._probes[probe])
            if share < self._least:
                continue
            if probe not in self.hits or share > self.hits[probe].share:
                self.hits[probe] = Hit(first_row + row, share)
            self.rows[first_row + row] = max(share, self.rows.get(first_row + row, 0.0))


def _prefixes(probes: Sequence[Hashes], least_share: float) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """Give the rarest shingles of all probes, sorted, and whose each is."""
    filled = [probe for probe in probes if len(probe)]
    if not filled:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    known, often = np.unique(np.concatenate(filled), return_counts=True)
    keys, owners = [], []
    for number, probe in enumerate(probes):
        take = len(probe) - math.ceil(least_share * len(probe)) + 1
        rarity = often[np.searchsorted(known, probe)]
        keys.append(probe[np.argsort(rarity, kind="stable")[:take]] if len(probe) else probe)
        owners.append(np.full(len(keys[-1]), number, dtype=np.int64))
    every, whose = np.concatenate(keys), np.concatenate(owners)
    order = np.argsort(every, kind="stable")
    return every[order], whose[order]
