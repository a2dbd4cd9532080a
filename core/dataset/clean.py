"""Step 2 of a data set: records in, cleaned rows out, with evidence for everything that changed.

    cleaned, report = clean(records, CleanOptions())
    with cleaned:
        cleaned.train(), cleaned.evaluation()

    records → rows.scrub (several processes) → duplicates → language → split → leakage → contamination → identifiers

Only hashes and signatures are held for every row; the text lies on disk between the passes. Nothing in the result depends
on time or on the number of processes. It does not know: uploads, the data set's folder, screens.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from core.dataset import passes
from core.dataset.crew import Crew
from core.dataset.passes import Benchmarks, Job
from core.dataset.pulse import Pulse, check_stop
from core.dataset.rows import Piece, Scrubbed, Tally, scrub
from core.dataset.screening import screen
from core.dataset.steps import STEPS, CleanOptions, Example, Step, StepReport
from core.dataset.workspace import Workspace
from core.errors import ConfigError
from core.progress import Choice, Progress, SilentProgress
from core.records import Record

__all__ = ["STEPS", "CleanOptions", "CleanReport", "Cleaned", "Example", "Step", "StepReport", "clean"]

CountTokens = Callable[[list[str]], list[int]]
# A piece should take well under a second, so that a stop is heard; most rows are short, some are whole documents.
PIECE_ROWS, PIECE_CHARS = 500, 500_000
_COUNTED_ROWS = 100


@dataclass(frozen=True, slots=True)
class CleanReport:
    """What cleaning did.

    Args:
        rows_in: Rows that came in, evaluation file included.
        rows_train: Rows to train on.
        rows_eval: Rows held out.
        steps: What each step did, in order; all steps, on or off.
        split: How rows were held out, and why so.
        languages: Rows by ISO 639-1 code, of those that stayed; "" is unknown.
        names_checked: Whether names and places were looked for.
        seconds: How long it took.
    """

    rows_in: int
    rows_train: int
    rows_eval: int
    steps: tuple[StepReport, ...]
    split: Choice[str]
    languages: Mapping[str, int]
    names_checked: bool
    seconds: float

    def step(self, name: str) -> StepReport:
        """Give one step's report."""
        return next(step for step in self.steps if step.name == name)


class Cleaned:
    """Cleaned rows; a context manager, because they lie in a temporary folder until they are written somewhere."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.space = job.space
        self.train_rows = job.rows(False)
        self.eval_rows = job.rows(True)
        self._folder = folder

    def __enter__(self) -> Cleaned:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary files."""
        self.space.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def train(self) -> Iterator[Record]:
        """Give the rows to train on, in the order of the upload."""
        return (self.space.record(row) for row in self.train_rows.tolist())

    def evaluation(self) -> Iterator[Record]:
        """Give the rows held out, in the order of the upload."""
        return (self.space.record(row) for row in self.eval_rows.tolist())

    def __iter__(self) -> Iterator[Record]:
        return itertools.chain(self.train(), self.evaluation())


def clean(
    records: Iterable[Record],
    options: CleanOptions,
    *,
    count_tokens: CountTokens | None = None,
    benchmarks: Benchmarks | None = None,
    eval_records: Iterable[Record] | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> tuple[Cleaned, CleanReport]:
    """Clean records and part them into training and evaluation.

    Args:
        records: The rows as mapped; read once. Ids must differ.
        options: Which steps run, and how.
        count_tokens: Counts the tokens of texts with the chosen model's tokenizer; None leaves lengths in tokens open.
        benchmarks: Questions that must not be in training, by the name of their file.
        eval_records: Rows to hold out; None holds out a share of the records.
        progress: Told of each step; may ask to stop.
        folder: Where to put temporary files; None means the system's own place.

    Returns:
        The rows that stay (close them when they are written), and what each step did.

    Raises:
        ConfigError: if the options cannot work.
        DatasetError: if somebody asked to stop.
        ResourceError: if the disk or memory does not suffice.
    """
    if problems := options.problems():
        raise ConfigError(problems)
    began = time.perf_counter()
    progress = progress or SilentProgress()
    temporary = Path(tempfile.mkdtemp(prefix="cleaning-", dir=folder))
    space = Workspace(temporary)
    try:
        with Crew(tick=lambda: check_stop(progress)) as crew:
            tallies = _scrub_all(space, crew, options, (records, eval_records), count_tokens, progress)
            rows_in = len(space) + sum(tally.removed for tally in tallies.values())
            job = Job(space, options, Pulse(progress), np.ones(len(space), dtype=bool), tallies, space.is_eval.copy())
            job.has_own_eval = eval_records is not None
            _judge_all(job, benchmarks or {})
            names_checked = screen(job, crew)
        cleaned = Cleaned(job, temporary)
        return cleaned, _report(job, cleaned, rows_in, names_checked, time.perf_counter() - began)
    except BaseException:
        space.close()
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _scrub_all(
    space: Workspace,
    crew: Crew,
    options: CleanOptions,
    parts: tuple[Iterable[Record], Iterable[Record] | None],
    count_tokens: CountTokens | None,
    progress: Progress,
) -> dict[str, Tally]:
    """Repair and judge rows one by one, in several processes, and keep those that stay."""
    tallies: dict[str, Tally] = {}
    counting = count_tokens if "too_long" in options.steps else None
    done, pulse = 0, Pulse(progress)
    pulse.begin("Repairing texts")
    for is_eval, records in ((False, parts[0]), (True, parts[1] or ())):
        pieces = (Piece(piece, options) for piece in _batched(records))
        for scrubbed in crew.map(scrub, pieces):
            for name, tally in scrubbed.tallies.items():
                tallies.setdefault(name, Tally()).add(tally)
            counts = _counted(scrubbed, counting, tallies, progress) if counting else None
            space.add(scrubbed, is_eval, counts)
            done += len(scrubbed.lines) + len(scrubbed.left)
            pulse("Repairing texts", done)
    space.freeze()
    return tallies


def _batched(records: Iterable[Record]) -> Iterator[tuple[Record, ...]]:
    """Cut rows into pieces that take about as long as each other."""
    piece, chars = list[Record](), 0
    for record in records:
        piece.append(record)
        chars += sum(len(message.content) for message in record.messages)
        if len(piece) >= PIECE_ROWS or chars >= PIECE_CHARS:
            yield tuple(piece)
            piece, chars = [], 0
    if piece:
        yield tuple(piece)


def _counted(scrubbed: Scrubbed, count_tokens: CountTokens, tallies: dict[str, Tally], progress: Progress) -> list[int]:
    """Count some rows at a time, because counting a piece may take a second."""
    began = time.process_time()
    counts: list[int] = []
    for start in range(0, len(scrubbed.lines), _COUNTED_ROWS):
        check_stop(progress)
        lines = scrubbed.lines[start : start + _COUNTED_ROWS]
        counts += count_tokens([Record.from_json(json.loads(line)).text() for line in lines])
    tallies.setdefault("too_long", Tally()).seconds += time.process_time() - began
    return counts


def _judge_all(job: Job, benchmarks: Benchmarks) -> None:
    """Run the passes that need all rows, in order; each is skipped where its step is off."""
    on = job.options.steps
    if "too_long" in on:
        passes.lengths(job)
    if "exact_duplicates" in on:
        passes.exact_duplicates(job)
    if "conflicts" in on:
        passes.conflicts(job)
    passes.near_duplicates(job)
    if "language" in on:
        passes.language(job)
    passes.split(job)
    if "leakage" in on:
        passes.leakage(job)
    if "contamination" in on:
        passes.contamination(job, benchmarks)


def _report(job: Job, cleaned: Cleaned, rows_in: int, names_checked: bool, seconds: float) -> CleanReport:
    steps = tuple(_step_report(step, job.options, job.tallies.get(step.name, Tally())) for step in STEPS)
    names = job.space.languages
    often = np.bincount(job.space.language[job.rows()], minlength=len(names)).tolist()
    languages = {name: count for name, count in zip(names, often, strict=True) if count}
    if "language" not in job.options.steps:
        languages = {}
    ordered = dict(sorted(languages.items(), key=lambda item: (-item[1], item[0])))
    return CleanReport(
        rows_in, len(cleaned.train_rows), len(cleaned.eval_rows), steps, job.split, ordered, names_checked, seconds
    )


def _step_report(step: Step, options: CleanOptions, tally: Tally) -> StepReport:
    on = step.name in options.steps
    if not on:
        return StepReport(step.name, step.title, False)
    return StepReport(
        name=step.name,
        title=step.title,
        on=True,
        changed=tally.changed,
        removed=tally.removed,
        warned=tally.warned,
        examples=tuple(tally.examples),
        seconds=tally.seconds,
        note=tally.note,
    )
