"""Cleaning steps that need to see all rows: duplicates, conflicts, language, split, leakage, contamination.

Each pass takes a Job, takes rows out of it or points at them, and counts what it did. The order is clean.py's business.
It does not know: uploads, folders, screens.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from core.dataset.duplicates import MOST_MISSED, Repeats, find_repeats
from core.dataset.leakage import ProbeIndex
from core.dataset.pulse import Pulse
from core.dataset.rows import Left, Tally, Warned
from core.dataset.shingles import Hashes, key_of, sequences, words
from core.dataset.split import Ties, by_topic, groups_of, hold_out
from core.dataset.steps import STEP, CleanOptions, shortened
from core.dataset.workspace import Workspace
from core.progress import Choice

Rows = npt.NDArray[np.int64]
Benchmarks = Mapping[str, Sequence[str]]
# With fewer shingles than this, holding most of them proves nothing; such a text counts as found only if it is the same.
FEWEST_SHINGLES = 4
# Answers that share half of their sequences are pointed at and kept on one side of the split, though both stay. One pair in
# 250 right at the half is missed there: looking as carefully as for those that leave takes three times as long.
ALIKE_FROM = 0.5
_ALIKE_MISSED = 5e-3
_NAMED_ROWS = 8
_RECORD, _QUESTION, _TOPIC = 0, 1, 2
_CUT_LENGTHS = (256, 512, 1024, 2048, 4096)


@dataclass(slots=True)
class Job:
    """One cleaning on its way.

    Args:
        space: The rows.
        options: Which steps run, and how.
        pulse: Tells how far it is, and hears that it should stop.
        alive: Which rows are still in.
        tallies: What each step did.
        held: Which rows are for evaluation, once that is decided.
        split: How that was decided.
        repeats: Near duplicates, once they are found: those that leave, and those that stay.
        has_own_eval: Whether the upload brought its own evaluation rows.
    """

    space: Workspace
    options: CleanOptions
    pulse: Pulse
    alive: npt.NDArray[np.bool_]
    tallies: dict[str, Tally]
    held: npt.NDArray[np.bool_]
    split: Choice[str] = field(default_factory=lambda: Choice("none", ""))
    repeats: tuple[Repeats, ...] = ()
    has_own_eval: bool = False

    @contextmanager
    def step(self, name: str) -> Iterator[Tally]:
        """Say which step runs, time it, and stop before it if asked to."""
        self.pulse.begin(STEP[name].title)
        tally = self.tallies.setdefault(name, Tally())
        began = time.process_time()
        yield tally
        tally.seconds += time.process_time() - began

    def tick(self, name: str, done: float, total: float) -> None:
        """Say how far a step is.

        Raises:
            DatasetError: if somebody asked to stop.
        """
        self.pulse(STEP[name].title, done, total)

    def each(self, rows: Rows, name: str) -> Iterator[int]:
        """Go through rows and say how far a step is."""
        return self.pulse.each(rows.tolist(), STEP[name].title)

    def take_out(self, row: int, name: str, reason: str, after: str = "") -> None:
        """Take a row out and keep it where it can be shown."""
        tally, line = self.tallies[name], self.space.line(row)
        self.alive[row] = False
        tally.removed += 1
        self.space.leave(Left(line, name, reason), "eval" if self.held[row] else "train")
        body = json.loads(line)
        tally.show(shortened(_shown(self, row)), after, str(body["id"]), reason)

    def point_at(self, row: int, name: str, reason: str) -> None:
        """Keep a row and note what a person should look at."""
        tally, record = self.tallies[name], self.space.record(row)
        tally.warned += 1
        self.space.warn(Warned(record.id, name, reason))
        tally.show(shortened(_shown(self, row)), "", record.id, reason)

    def rows(self, held: bool | None = None) -> Rows:
        """Give the rows that are still in: all, or only those to train on, or only those held out."""
        chosen = self.alive if held is None else self.alive & (self.held == held)
        return np.flatnonzero(chosen)

    def id_of(self, row: int) -> str:
        """Give a row's record id."""
        return str(json.loads(self.space.line(row))["id"])


def _shown(job: Job, row: int) -> str:
    record = job.space.record(row)
    return f"{record.prompt}\n→ {record.response}"


def lengths(job: Job) -> None:
    """Count the rows that training would cut, and take them out if that was asked for."""
    with job.step("too_long") as tally:
        if job.space.tokens is None:
            tally.note = "Not measured: it needs the tokenizer of the chosen model."
            return
        limit, tokens = job.options.max_tokens, job.space.tokens
        for row in job.each(np.flatnonzero(job.alive & (tokens > limit)), "too_long"):
            reason = f"{tokens[row]:,} tokens; training would cut it at {limit:,}"
            if job.options.drop_too_long:
                job.take_out(row, "too_long", reason)
            else:
                job.point_at(row, "too_long", reason)
        counted = ", ".join(f"{np.count_nonzero(tokens > at):,} at {at:,}" for at in sorted({*_CUT_LENGTHS, limit}))
        tally.note = f"Rows that would be cut: {counted} tokens."


def exact_duplicates(job: Job) -> None:
    """Take out rows that say the same as an earlier row of the same part."""
    with job.step("exact_duplicates"):
        for part in (False, True):
            rows = job.rows(part)
            keys = job.space.keys[rows, _RECORD]
            _, first, member = np.unique(keys, return_index=True, return_inverse=True)
            for at in job.each(np.flatnonzero(first[member] != np.arange(len(rows))), "exact_duplicates"):
                earlier = int(rows[first[member[at]]])
                job.take_out(int(rows[at]), "exact_duplicates", f"says the same as {job.id_of(earlier)}")


def conflicts(job: Job) -> None:
    """List questions that are answered in several ways; which answer is right is for a person to say."""
    with job.step("conflicts") as tally:
        rows = job.rows(False)
        keys = job.space.keys[rows, _QUESTION]
        order = np.argsort(keys, kind="stable")
        edges = np.concatenate(([0], np.flatnonzero(np.diff(keys[order])) + 1, [len(rows)]))
        several = np.flatnonzero(np.diff(edges) > 1)
        # in the order of the upload: the sort is stable, so that a group's first row stands first
        several = several[np.argsort(order[edges[several]], kind="stable")]
        for place, at in enumerate(several.tolist()):
            job.tick("conflicts", place, len(several))
            _conflict(job, tally, rows[order[edges[at] : edges[at + 1]]])
        if len(several):
            tally.note = f"{len(several):,} questions have several answers."


def _conflict(job: Job, tally: Tally, group: Rows) -> None:
    """Point at the rows of one question."""
    shown = [job.space.record(row) for row in group[:_NAMED_ROWS].tolist()]
    names = ", ".join(record.id for record in shown) + (" …" if len(group) > _NAMED_ROWS else "")
    reason = f"{len(group)} different answers to this question: {names}"
    tally.warned += len(group)
    answers = "\n→ ".join(record.response[:100] for record in shown[:3])
    tally.show(shortened(shown[0].prompt), shortened(answers), shown[0].id, reason)
    for row in job.each(group, "conflicts"):
        job.space.warn(Warned(job.id_of(row), "conflicts", reason))


def near_duplicates(job: Job) -> None:
    """Find answers that are nearly the same; take the later ones out if the step is on, and point at those less alike.

    Switched off they are still found, because they must not part between training and evaluation.
    """
    with job.step("near_duplicates") as tally:
        on, least = "near_duplicates" in job.options.steps, job.options.near_duplicate_threshold
        found = _repeats(job, least)
        job.repeats = (found,)
        for row in job.each(found.rows(), "near_duplicates") if on else ():
            leader = int(found.leader[row])
            reason = f"{found.similarity[row]:.0%} alike with {job.id_of(leader)}"
            job.take_out(row, "near_duplicates", reason, shortened(_shown(job, leader)))
        skipped = found.skipped
        if least > ALIKE_FROM:
            alike = _repeats(job, ALIKE_FROM, _ALIKE_MISSED)
            job.repeats = (found, alike)
            for row in job.each(alike.rows(), "near_duplicates") if on else ():
                job.point_at(row, "near_duplicates", _alike(job, alike, row, least))
            skipped += alike.skipped
        job.space.forget_sketches()
        if on:
            tally.note = "Same wording only: a question asked in other words is not found."
        if on and skipped:
            tally.note += f" {skipped:,} comparisons inside very large families were left out."


def _repeats(job: Job, threshold: float, most_missed: float = MOST_MISSED) -> Repeats:
    rows = job.rows(False)
    rows = rows[job.space.judged_lengths[rows] > 0]
    return find_repeats(
        job.space.sketches,
        rows,
        threshold,
        job.space.set_of,
        most_missed=most_missed,
        tick=lambda share: job.tick("near_duplicates", share, 1),
    )


def _alike(job: Job, alike: Repeats, row: int, least: float) -> str:
    leader = job.id_of(int(alike.leader[row]))
    return f"{alike.similarity[row]:.0%} alike with {leader}; both stay, because that is below {least:.0%}"


def language(job: Job) -> None:
    """Take out rows in another language than the chosen one, or point at those that differ from most."""
    with job.step("language") as tally:
        names, spoken = job.space.languages, job.space.language
        often = np.bincount(spoken[job.alive], minlength=len(names)).tolist()
        counts = Counter({name: count for name, count in zip(names, often, strict=True) if count})
        unknown = counts.pop("", 0)
        if not counts:
            tally.note = "All rows are too short to tell their language."
            return
        usual = job.options.language or counts.most_common(1)[0][0]
        strange = job.alive & (spoken != job.space.language_number(usual)) & (spoken != 0)
        for row in job.each(np.flatnonzero(strange), "language"):
            reason = f"looks like {names[spoken[row]]}, not {usual}"
            if job.options.language:
                job.take_out(row, "language", reason)
            else:
                job.point_at(row, "language", reason)
        listed = ", ".join(
            f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:8]
        )
        tally.note = f"Found: {listed}" + (f"; too short to tell {unknown:,}." if unknown else ".")


def split(job: Job) -> None:
    """Choose the rows held out for evaluation, unless the upload brought its own."""
    job.pulse.begin("Train/eval split")
    if job.has_own_eval:
        job.split = Choice("own file", "The upload brought its own evaluation file.")
        return
    rows = job.rows()
    keys = job.space.keys[rows]
    topic = by_topic(keys[:, _TOPIC])
    ties = [keys[:, _QUESTION]] + ([keys[:, _TOPIC]] if topic.value else [])
    links = [_links(job, rows, repeats) for repeats in job.repeats]
    groups = groups_of(Ties(len(rows), links, ties))
    job.held[rows] = hold_out(groups, keys[:, _RECORD], job.options.eval_share, job.options.seed)
    job.split = Choice("topic" if topic.value else "groups", topic.reason)
    if job.options.eval_share and not job.held.any():
        job.split = Choice("none", "Nothing was held out: the rows cannot be parted, because all belong together.")


def _links(job: Job, rows: Rows, repeats: Repeats) -> Rows:
    """Give near duplicates that stayed as pairs of places in ``rows``."""
    place = np.full(len(job.alive), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    later = repeats.rows()
    pairs = np.stack((place[repeats.leader[later]], place[later]), axis=1)
    return pairs[(pairs >= 0).all(axis=1)]


def leakage(job: Job) -> None:
    """Take rows out of evaluation that training holds, whole or nearly so."""
    with job.step("leakage") as tally:
        held = job.rows(True)
        same = _keys_in(job, held, job.rows(False))
        hits = _search(job, _OnDisk(job.space, held), "leakage").hits
        for place, row in enumerate(job.each(held, "leakage")):
            if place in same:
                job.take_out(row, "leakage", f"says the same as {job.id_of(same[place])}, which is in training")
            elif place in hits:
                hit = hits[place]
                job.take_out(
                    row, "leakage", f"{hit.share:.0%} of it stands in {job.id_of(hit.row)}, which is in training"
                )
        asked = np.isin(job.space.keys[job.rows(True), _QUESTION], job.space.keys[job.rows(False), _QUESTION])
        if asked.any():
            tally.note = (
                f"{np.count_nonzero(asked):,} evaluation questions are also asked in training, with another answer."
            )


def _keys_in(job: Job, held: Rows, train: Rows) -> dict[int, int]:
    """Find held rows whose whole text is that of a training row: place in ``held`` → training row."""
    keys = job.space.keys[train, _RECORD]
    order = np.argsort(keys, kind="stable")
    wanted = job.space.keys[held, _RECORD]
    at = np.searchsorted(keys[order], wanted)
    return {
        place: int(train[order[spot]])
        for place, spot in enumerate(at.tolist())
        if spot < len(order) and keys[order[spot]] == wanted[place]
    }


def _probe(hashes: Hashes) -> Hashes:
    return hashes if len(hashes) >= FEWEST_SHINGLES else hashes[:0]


class _OnDisk(Sequence[Hashes]):
    """Rows to look for, each read when it is asked for."""

    def __init__(self, space: Workspace, rows: Rows) -> None:
        self._space, self._rows = space, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        return _probe(self._space.whole_set_of(int(self._rows[place])))


def _search(job: Job, probes: Sequence[Hashes], name: str) -> ProbeIndex:
    """Index probes and look for them in all training rows; indexing counts as much as a fifth of the work."""
    index = ProbeIndex(probes, tick=lambda done: job.tick(name, 0.2 * done / len(probes), 1))
    training = job.alive & ~job.held
    for first, hashes, starts in job.space.blocks():
        job.tick(name, 0.2 + 0.8 * first / len(training), 1)
        index.look(first, *_only(hashes, starts, training[first : first + len(starts) - 1]))
    return index


def _only(hashes: Hashes, starts: Rows, wanted: npt.NDArray[np.bool_]) -> tuple[Hashes, Rows]:
    """Empty the rows that are not wanted; the others keep their numbers."""
    counts = np.diff(starts)
    kept = hashes[np.repeat(wanted, counts)]
    return kept, np.concatenate(([0], np.cumsum(np.where(wanted, counts, 0)))).astype(np.int64)


def contamination(job: Job, benchmarks: Benchmarks) -> None:
    """Take rows out of training that hold a question of a benchmark."""
    with job.step("contamination") as tally:
        found = []
        for name, questions in benchmarks.items():
            said = [words(question) for question in questions]
            hashed = sequences(said)
            index = _search(job, [_probe(hashed.set_of(place)) for place in range(len(said))], "contamination")
            asked = {key_of(question) for question in questions} - {0}
            rows = {row: f"{share:.0%} of a question of {name} stands in it" for row, share in index.rows.items()}
            train = job.rows(False)
            same = np.isin(job.space.keys[train, _QUESTION], np.array(sorted(asked), dtype=np.uint64))
            rows |= {int(row): f"its question is in {name}" for row in train[same]}
            for row in job.each(np.array(sorted(rows), dtype=np.int64), "contamination"):
                job.take_out(row, "contamination", rows[row])
            found.append(f"{name}: {len(questions):,} questions, {len(rows):,} training rows hold one")
        tally.note = "; ".join(found) + "." if found else "Not checked: no benchmark file was given."
