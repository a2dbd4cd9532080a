"""Answers that are nearly the same: candidates by MinHash, every one then checked by its true Jaccard similarity.

    near_duplicate_pairs(["…", "…"], threshold=0.8) → [Pair(left=0, right=1, similarity=0.93)]

MinHash (Broder 1997) only proposes pairs; none is reported whose real similarity is below the threshold. Bands are
chosen so that a pair right at the threshold is missed with a chance below 1 in 10,000, unless a larger one is allowed.
Word sequences do not see paraphrases, and nothing here claims to. It does not know: records, files, screens.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import rensa

from core.dataset.shingles import Hashes, Sequences, jaccard, sequences, words

SIGNATURE_LENGTH = 128
SIGNATURE_SEED = 20
Signatures = npt.NDArray[np.uint16]
Rows = npt.NDArray[np.int64]
MOST_MISSED = 1e-4
# Rows of one boilerplate family agree in a band although they are not alike: past this many the rest is left out, and said.
MOST_COMPARED = 2_000
# Groups up to this size are compared all with all at once; larger ones row by row, because most of their rows soon leave.
_SMALL_GROUP = 32
_PAIRS_AT_ONCE = 1 << 16
_MOST_REMEMBERED = 200_000
# Told how far a search is, 0 to 1; may raise to end it.
Tick = Callable[[float], None]


def signatures(texts: Sequences) -> Signatures:
    """Sketch each text by the least of 128 hash functions: shape (texts, 128).

    The low 16 bits are kept: they agree by chance once in 65,536, and a million rows fit into 256 MB.
    """
    if not len(texts):
        return np.zeros((0, SIGNATURE_LENGTH), dtype=np.uint16)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        texts.hashes, texts.starts.astype(np.uint64), SIGNATURE_LENGTH, SIGNATURE_SEED
    )
    minima = np.fromiter(itertools.chain.from_iterable(matrix.to_rows()), np.uint32, len(texts) * SIGNATURE_LENGTH)
    return minima.astype(np.uint16).reshape(-1, SIGNATURE_LENGTH)


def rows_in_a_band(threshold: float, most_missed: float = MOST_MISSED) -> int:
    """Choose how many minima must agree, the most for which a pair at the threshold is hardly ever missed.

    A pair of similarity s agrees in a band of r with chance s^r, and is missed by all b bands with (1 - s^r)^b.
    """
    for rows in range(8, 1, -1):
        if (1 - threshold**rows) ** (SIGNATURE_LENGTH // rows) <= most_missed:
            return rows
    return 1


def least_estimate(threshold: float, most_missed: float = MOST_MISSED) -> float:
    """Give the share of equal minima below which a pair is not worth checking.

    The share is a mean of 128 yes or no answers, so its standard deviation at the threshold t is sqrt(t (1 - t) / 128);
    a hundredth of the pairs that may be missed is left to it.
    """
    deviation = math.sqrt(threshold * (1 - threshold) / SIGNATURE_LENGTH)
    return threshold - NormalDist().inv_cdf(1 - most_missed / 100) * deviation


@dataclass(frozen=True, slots=True)
class Band:
    """The groups of rows that agree in one band.

    Args:
        rows: All rows, ordered so that those which agree stand together, ascending.
        begins: Where each group of two or more begins.
        sizes: How many rows each has.
    """

    rows: Rows
    begins: Rows
    sizes: Rows

    def groups(self, least: int = 2) -> Iterator[Rows]:
        """Give the groups of at least this size."""
        for at in np.flatnonzero(self.sizes >= least).tolist():
            yield self.rows[self.begins[at] : self.begins[at] + self.sizes[at]]

    def pairs(self, most: int) -> Iterator[tuple[Rows, Rows]]:
        """Give all pairs (earlier, later) within the groups of at most this size, some ten thousand at a time."""
        for size in range(2, most + 1):
            begins = self.begins[self.sizes == size]
            earlier, later = np.triu_indices(size, 1)
            step = max(1, _PAIRS_AT_ONCE // len(earlier))
            for start in range(0, len(begins), step):
                first = begins[start : start + step, None]
                yield self.rows[(first + earlier).ravel()], self.rows[(first + later).ravel()]


def bands(sketches: Signatures, rows: Rows, width: int) -> Iterator[Band]:
    """Group rows band by band; only one band is held in memory.

    Args:
        sketches: Shape (texts, 128).
        rows: Which rows take part, ascending.
        width: How many minima make a band.
    """
    for band in range(SIGNATURE_LENGTH // width):
        code = np.zeros(len(rows), dtype=np.uint64)
        for column in range(band * width, (band + 1) * width):
            code = (code ^ sketches[rows, column]) * np.uint64(0x9E3779B97F4A7C15)
            code ^= code >> np.uint64(29)
        order = np.argsort(code, kind="stable")
        edges = np.concatenate(([0], np.flatnonzero(np.diff(code[order])) + 1, [len(rows)]))
        full = np.flatnonzero(np.diff(edges) > 1)
        yield Band(rows[order], edges[full], np.diff(edges)[full])


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts that are nearly the same.

    Args:
        left: Place of the earlier text.
        right: Place of the later text.
        similarity: True Jaccard similarity of their shingles, 0 to 1.
    """

    left: int
    right: int
    similarity: float


def near_duplicate_pairs(texts: Sequence[str], threshold: float) -> list[Pair]:
    """Find every pair of texts whose shingles have at least this Jaccard similarity.

    All pairs of a family are listed, so that their number grows with its square: meant for thousands of texts.

    Args:
        texts: Any texts; a text without words is like nothing.
        threshold: 0.5 to 1.

    Returns:
        Pairs with their true similarity, in the order of their places.
    """
    hashed = sequences([words(text) for text in texts])
    sets = [hashed.set_of(index) for index in range(len(texts))]
    seen: set[tuple[int, int]] = set()
    pairs = []
    filled = np.flatnonzero(np.diff(hashed.starts) > 0)
    for band in bands(signatures(hashed), filled, rows_in_a_band(threshold)):
        for group in band.groups():
            for place, left in enumerate(group[:-1].tolist()):
                for right in group[place + 1 :].tolist():
                    if (left, right) in seen:
                        continue
                    seen.add((left, right))
                    similarity = jaccard(sets[left], sets[right])
                    if similarity >= threshold:
                        pairs.append(Pair(left, right, similarity))
    return sorted(pairs, key=lambda pair: (pair.left, pair.right))


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that are nearly the same as an earlier one.

    Args:
        leader: For each row the kept row that it is like, or itself.
        similarity: True similarity to that row; 0 for rows that lead themselves.
        skipped: Comparisons that were left out in families of more than MOST_COMPARED rows.
    """

    leader: Rows
    similarity: npt.NDArray[np.float32]
    skipped: int = 0

    def rows(self) -> Rows:
        """The rows that are like an earlier one, ascending."""
        return np.flatnonzero(self.leader != np.arange(len(self.leader)))


@dataclass(slots=True)
class _Search:
    """One search for repeats: what is fixed, and what was found so far."""

    sketches: Signatures
    threshold: float
    set_of: Callable[[int], Hashes]
    most_missed: float
    tick: Tick
    unlike: set[int] = field(default_factory=set)
    skipped: int = 0

    @property
    def least(self) -> float:
        return least_estimate(self.threshold, self.most_missed)

    def similarity(self, left: int, right: int) -> float:
        """Give the true similarity of two rows; 0 if it is known to lie below the threshold."""
        pair = left * len(self.sketches) + right
        if pair in self.unlike:
            return 0.0
        value = jaccard(self.set_of(left), self.set_of(right))
        if value < self.threshold:
            if len(self.unlike) >= _MOST_REMEMBERED:
                self.unlike.clear()
            self.unlike.add(pair)
        return value


def find_repeats(
    sketches: Signatures,
    rows: Rows,
    threshold: float,
    set_of: Callable[[int], Hashes],
    *,
    most_missed: float = MOST_MISSED,
    tick: Tick = lambda share: None,
) -> Repeats:
    """Give every row that is nearly the same as an earlier row which stays that row as its leader.

    A row with a leader leads nobody, so each row that leaves is truly like one that stays, and of the rows that stay no
    two are alike. It takes rounds: a row whose leader turned out to have a leader itself is looked at again.

    Args:
        sketches: Shape (texts, 128).
        rows: Which rows take part, ascending.
        threshold: 0.5 to 1.
        set_of: Gives a row's shingles; asked only for likely pairs.
        most_missed: With which chance a pair right at the threshold may be missed.
        tick: Told how far the search is; may raise to end it.
    """
    search = _Search(sketches, threshold, set_of, most_missed, tick)
    leader = np.arange(len(sketches), dtype=np.int64)
    similarity = np.zeros(len(sketches), dtype=np.float32)
    wanted = np.zeros(len(sketches), dtype=bool)
    wanted[rows] = True
    while wanted.any():
        found = _round(search, rows, wanted)
        wanted[:] = False
        for right, (left, value) in sorted(found.items()):
            if leader[left] == left:
                leader[right], similarity[right] = left, value
            else:
                wanted[right] = True
        rows = rows[leader[rows] == rows]
    return Repeats(leader, similarity, search.skipped)


def _round(search: _Search, rows: Rows, wanted: npt.NDArray[np.bool_]) -> dict[int, tuple[int, float]]:
    """Find for each row an earlier one that it is like, in pairs of which at least one row is wanted.

    A row for which one was found stands for nobody from then on.
    """
    found: dict[int, tuple[int, float]] = {}
    gone = np.zeros(len(search.sketches), dtype=bool)
    width = rows_in_a_band(search.threshold, search.most_missed)
    for place, band in enumerate(bands(search.sketches, rows, width)):
        share = place * width / SIGNATURE_LENGTH
        search.tick(share)
        for left, right in band.pairs(_SMALL_GROUP):
            open_pairs = ~(gone[left] | gone[right]) & (wanted[left] | wanted[right])
            _match(search, left[open_pairs], right[open_pairs], gone, found)
            search.tick(share)
        for group in band.groups(_SMALL_GROUP + 1):
            if wanted[group].any():
                _match_group(search, group, gone, found, share)
    return found


def _match(
    search: _Search, left: Rows, right: Rows, gone: npt.NDArray[np.bool_], found: dict[int, tuple[int, float]]
) -> None:
    """Check likely pairs, for each later row the likeliest first."""
    same = np.count_nonzero(search.sketches[left] == search.sketches[right], axis=1) / SIGNATURE_LENGTH
    likely = np.flatnonzero(same >= search.least)
    order = likely[np.lexsort((left[likely], -same[likely], right[likely]))]
    for one, other in zip(left[order].tolist(), right[order].tolist(), strict=True):
        if gone[one] or gone[other]:
            continue
        value = search.similarity(one, other)
        if value >= search.threshold:
            found[other] = one, value
            gone[other] = True


def _match_group(
    search: _Search, group: Rows, gone: npt.NDArray[np.bool_], found: dict[int, tuple[int, float]], share: float
) -> None:
    """Compare each row of a large group with the earlier ones that stay."""
    leading = np.empty(min(len(group), MOST_COMPARED), dtype=np.int64)
    leads = 0
    for row in group[~gone[group]].tolist():
        search.tick(share)
        match = _first_like(search, row, leading[:leads])
        if match:
            found[row] = match
            gone[row] = True
        elif leads < MOST_COMPARED:
            leading[leads] = row
            leads += 1
        else:
            search.skipped += 1


def _first_like(search: _Search, row: int, earlier: Rows) -> tuple[int, float] | None:
    same = np.count_nonzero(search.sketches[earlier] == search.sketches[row], axis=1) / SIGNATURE_LENGTH
    likely = np.flatnonzero(same >= search.least)
    for left in earlier[likely[np.argsort(-same[likely], kind="stable")]].tolist():
        value = search.similarity(left, row)
        if value >= search.threshold:
            return left, value
    return None
