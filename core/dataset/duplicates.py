"""Answers that are nearly the same: candidates by MinHash, every one then checked by its true Jaccard similarity.

    near_duplicate_pairs(["…", "…"], threshold=0.8) → [Pair(left=0, right=1, similarity=0.93)]

MinHash (Broder 1997) only proposes pairs; none is reported whose real similarity is below the threshold. Bands are
chosen so that a pair right at the threshold is missed with a chance below 1 in 10,000. Word sequences do not see
paraphrases, and nothing here claims to. It does not know: records, files, screens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import rensa

from core.dataset.shingles import Hashes, Sequences, jaccard, sequences, words

SIGNATURE_LENGTH = 128
SIGNATURE_SEED = 20
Signatures = npt.NDArray[np.uint16]
Rows = npt.NDArray[np.int64]
_MOST_MISSED = 1e-4
# The estimate of 128 minima is off by at most 0.045 (one standard deviation); five of them are never reached in practice.
_ESTIMATE_SLACK = 5 * 0.5 / SIGNATURE_LENGTH**0.5
# Rows of one boilerplate family agree in a band although they are not alike: past this many the rest is left out, and said.
MOST_COMPARED = 2_000


def signatures(texts: Sequences) -> Signatures:
    """Sketch each text by the least of 128 hash functions: shape (texts, 128).

    The low 16 bits are kept: they agree by chance once in 65,536, and a million rows fit into 256 MB.
    """
    if not len(texts):
        return np.zeros((0, SIGNATURE_LENGTH), dtype=np.uint16)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        texts.hashes, texts.starts.astype(np.uint64), SIGNATURE_LENGTH, SIGNATURE_SEED
    )
    return np.array(matrix.to_rows(), dtype=np.uint32).astype(np.uint16)


def rows_in_a_band(threshold: float) -> int:
    """Choose how many minima must agree, the most for which a pair at the threshold is hardly ever missed.

    A pair of similarity s agrees in a band of r with chance s^r, and is missed by all b bands with (1 - s^r)^b.
    """
    for rows in range(8, 1, -1):
        if (1 - threshold**rows) ** (SIGNATURE_LENGTH // rows) <= _MOST_MISSED:
            return rows
    return 1


def bands(sketches: Signatures, rows: Rows, threshold: float) -> Iterator[list[Rows]]:
    """Yield, band by band, the groups of rows that agree in it, each ascending; only one band is held in memory.

    Args:
        sketches: Shape (texts, 128).
        rows: Which rows take part, ascending.
        threshold: Similarity that must not be missed.
    """
    width = rows_in_a_band(threshold)
    for band in range(SIGNATURE_LENGTH // width):
        part = sketches[rows, band * width : (band + 1) * width].astype(np.uint64)
        code = np.zeros(len(rows), dtype=np.uint64)
        for column in range(width):
            code = (code ^ part[:, column]) * np.uint64(0x9E3779B97F4A7C15)
            code ^= code >> np.uint64(29)
        order = np.argsort(code, kind="stable")
        edges = np.concatenate(([0], np.flatnonzero(np.diff(code[order])) + 1, [len(rows)]))
        full = np.flatnonzero(np.diff(edges) > 1)
        yield [rows[order[edges[at] : edges[at + 1]]] for at in full]


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
    for groups in bands(signatures(hashed), np.flatnonzero(np.diff(hashed.starts) > 0), threshold):
        for group in groups:
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
    stopped: Callable[[], bool]
    unlike: set[tuple[int, int]] = field(default_factory=set)
    skipped: int = 0


def find_repeats(
    sketches: Signatures,
    rows: Rows,
    threshold: float,
    set_of: Callable[[int], Hashes],
    stopped: Callable[[], bool] = lambda: False,
) -> Repeats:
    """Give every row that is nearly the same as an earlier row which stays that row as its leader.

    A row with a leader leads nobody, so each row that leaves is truly like one that stays, and of the rows that stay no
    two are alike. It takes rounds: a row whose leader turned out to have a leader itself is looked at again.

    Args:
        sketches: Shape (texts, 128).
        rows: Which rows take part, ascending.
        threshold: 0.5 to 1.
        set_of: Gives a row's shingles; asked only for likely pairs.
        stopped: Asked between bands; True ends the search early.
    """
    search = _Search(sketches, threshold, set_of, stopped)
    leader = np.arange(len(sketches), dtype=np.int64)
    similarity = np.zeros(len(sketches), dtype=np.float32)
    while len(rows):
        gone = []
        for right, (left, value) in sorted(_round(search, rows).items()):
            if leader[left] == left:
                leader[right], similarity[right] = left, value
                gone.append(right)
        if not gone or stopped():
            break
        rows = rows[leader[rows] == rows]
    return Repeats(leader, similarity, search.skipped)


def _round(search: _Search, rows: Rows) -> dict[int, tuple[int, float]]:
    """Find for each row an earlier one that it is like; within a band a row that has one stands for nobody."""
    found: dict[int, tuple[int, float]] = {}
    search.skipped = 0
    for groups in bands(search.sketches, rows, search.threshold):
        if search.stopped():
            break
        for group in groups:
            leading = np.empty(min(len(group), MOST_COMPARED), dtype=np.int64)
            leads = 0
            for row in group.tolist():
                if row in found:
                    continue
                match = _first_like(search, row, leading[:leads])
                if match:
                    found[row] = match
                elif leads < MOST_COMPARED:
                    leading[leads] = row
                    leads += 1
                else:
                    search.skipped += 1
    return found


def _first_like(search: _Search, row: int, earlier: Rows) -> tuple[int, float] | None:
    if not len(earlier):
        return None
    same = np.count_nonzero(search.sketches[earlier] == search.sketches[row], axis=1) / SIGNATURE_LENGTH
    likely = np.flatnonzero(same >= search.threshold - _ESTIMATE_SLACK)
    own: Hashes | None = None
    for at in likely[np.argsort(-same[likely], kind="stable")].tolist():
        left = int(earlier[at])
        if (left, row) in search.unlike:
            continue
        own = search.set_of(row) if own is None else own
        value = jaccard(search.set_of(left), own)
        if value >= search.threshold:
            return left, value
        search.unlike.add((left, row))
    return None
