"""An upload becomes a data set: mapped, cleaned, written aside, and moved into place when it is whole.

    dataset = build_dataset(upload, mapping, CleanOptions(), home=settings.datasets, name="Asthma")

Until the last step the folder has a name that nobody lists, so that a crash or a stop leaves nothing half written.
It does not know: formats (ingest/), what cleaning does (clean.py), screens.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.dataset import sources
from core.dataset.benchmarks import benchmark_questions
from core.dataset.card import write_readable
from core.dataset.clean import Cleaned, CleanOptions, CleanReport, CountTokens, clean
from core.dataset.ingest import Upload
from core.dataset.mapping import ColumnMapping, Skipped, detect, to_records
from core.dataset.pulse import Pulse, check_stop
from core.dataset.report import Origin, report_of
from core.dataset.store import (
    CHANGING,
    EVAL,
    FINDINGS,
    HISTORY,
    REMOVED,
    REPORT,
    TRAIN,
    WARNINGS,
    Approval,
    Dataset,
    hash_of,
    new_id,
    now,
    open_dataset,
    read_lines,
    write_state,
)
from core.errors import DatasetError, ResourceError, UploadError
from core.progress import Progress, SilentProgress
from core.records import Record
from core.settings import SAMPLE_DATA

SAMPLE_ID = "sample"
SAMPLE_NAME = "Sample questions"
READING, WRITING = "Repairing texts", "Writing"
_STALE_S = 24 * 3600
# Cleaned text, its word sequences and the copy of the source, next to what came in; measured 3.4 times.
_DISK_FACTOR = 4
_SPARE_BYTES = 200 * 1024**2


@dataclass(slots=True)
class _Unusable:
    """Counts the rows of an upload that gave no record, by reason."""

    pulse: Pulse
    reasons: Counter[str] = field(default_factory=Counter)

    def records(self, rows: Iterable[Record | Skipped], prefix: str = "") -> Iterator[Record]:
        """Pass records on and count the rest."""
        for row in rows:
            self.pulse(READING)
            if isinstance(row, Skipped):
                self.reasons[row.reason] += 1
            else:
                yield replace(row, id=prefix + row.id) if prefix else row


def build_dataset(
    upload: Upload,
    mapping: ColumnMapping,
    options: CleanOptions,
    *,
    home: Path,
    name: str,
    eval_upload: Upload | None = None,
    count_tokens: CountTokens | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Map, clean, split and keep an upload.

    Args:
        upload: What came in.
        mapping: Which columns are what.
        options: Which cleaning steps, and how.
        home: The folder of data sets.
        name: What to call it.
        eval_upload: Rows to hold out instead of a share of the rows; its columns are detected.
        count_tokens: Counts tokens with the chosen model's tokenizer.
        progress: Told of each step; may ask to stop.

    Raises:
        ConfigError: if the options cannot work.
        DatasetError: if somebody asked to stop.
        ResourceError: if the disk is too full.
        UploadError: if no usable row is left.
    """
    _check_disk(home, [upload, *([eval_upload] if eval_upload else [])])
    progress = progress or SilentProgress()
    pulse = Pulse(progress)
    unusable, unusable_eval = _Unusable(pulse), _Unusable(pulse)
    evaluation = unusable_eval.records(to_records(eval_upload, detect(eval_upload)), "eval-") if eval_upload else None
    asked = options.benchmarks if "contamination" in options.steps else ()
    with _aside(home) as folder:
        cleaned, report = clean(
            unusable.records(to_records(upload, mapping)),
            options,
            count_tokens=count_tokens,
            benchmarks={path.name: benchmark_questions(path) for path in asked},
            eval_records=evaluation,
            progress=progress,
            folder=folder,
        )
        with cleaned:
            if report.rows_train == 0:
                raise _nothing_left(report, unusable.reasons)
            origin = Origin(
                files=tuple(upload.files) + (tuple(eval_upload.files) if eval_upload else ()),
                notes=upload.notes,
                mapping=mapping.to_json() | {"sentence": mapping.sentence()},
                skipped=dict(sorted((unusable.reasons + unusable_eval.reasons).items())),
            )
            _write(folder, cleaned, report, options, origin, pulse)
        uploads = sources.keep(folder, upload, eval_upload, pulse)
        check_stop(progress)
        return _publish(folder, home / new_id(name), _state(folder, name, report, options, origin, uploads))


def rebuild_dataset(
    dataset: Dataset,
    options: CleanOptions,
    *,
    name: str = "",
    mapping: ColumnMapping | None = None,
    count_tokens: CountTokens | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Clean the kept upload again with other options: how a step is undone. The old data set stays.

    Args:
        dataset: Whose upload to clean; changes made to it by hand are not carried over.
        options: Which cleaning steps, and how.
        name: What to call the new one; empty keeps the name.
        mapping: Which columns are what; None keeps what was understood.
        count_tokens: Counts tokens with the chosen model's tokenizer.
        progress: Told of each step; may ask to stop.

    Raises:
        DatasetError: if the upload was not kept, and what ``build_dataset`` raises.
    """
    upload, eval_upload = sources.read_again(dataset.folder, dataset.uploads)
    known = dataset.report()["mapping"]
    mapping = mapping or (ColumnMapping.from_json(known) if known else detect(upload))
    return build_dataset(
        upload,
        mapping,
        options,
        home=dataset.folder.parent,
        name=name or dataset.name,
        eval_upload=eval_upload,
        count_tokens=count_tokens,
        progress=progress,
    )


def sample_dataset(home: Path) -> Dataset:
    """Give the data set that comes with the app; make it if it is not there.

    It is approved from the start: its rows were written for the project, and nobody in them exists.

    Args:
        home: The folder of data sets.
    """
    with CHANGING:
        try:
            return open_dataset(home, SAMPLE_ID)
        except DatasetError:
            shutil.rmtree(home / SAMPLE_ID, ignore_errors=True)
        files = (SAMPLE_DATA / "medical_qa_train.jsonl", SAMPLE_DATA / "medical_qa_eval.jsonl")
        train, evaluation = (
            [Record.from_json(body, f"{mark}{at:06d}") for at, body in enumerate(read_lines(path), 1)]
            for mark, path in zip(("r", "eval-r"), files, strict=True)
        )
        options = CleanOptions().without("names")
        with _aside(home) as folder:
            cleaned, report = clean(train, options, eval_records=evaluation, folder=folder)
            origin = Origin.of_paths(files, "Written for this project; nobody in it exists. Licence: Apache-2.0.")
            with cleaned:
                _write(folder, cleaned, report, options, origin, Pulse(SilentProgress()))
            uploads = sources.keep_files(folder, files[:1], files[1:])
            state = _state(folder, SAMPLE_NAME, report, options, origin, uploads)
            approval = Approval("MedFT Studio", now(), "Written by the project; it holds no patients.")
            return _publish(folder, home / SAMPLE_ID, replace(state, status="approved", approval=approval))


@contextmanager
def _aside(home: Path) -> Iterator[Path]:
    """Give a folder that nobody lists; it is gone afterwards unless it was moved into place."""
    home.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(
    folder: Path, cleaned: Cleaned, report: CleanReport, options: CleanOptions, origin: Origin, pulse: Pulse
) -> None:
    """Write all files that depend on upload and options alone."""
    space = cleaned.space
    pulse.begin(WRITING)
    for name, rows in ((TRAIN, cleaned.train_rows), (EVAL, cleaned.eval_rows)):
        with (folder / name).open("wb") as file:
            file.writelines(pulse.each(space.lines(rows), WRITING, len(rows)))
    for name, kept in ((REMOVED, space.left), (WARNINGS, space.warnings), (FINDINGS, space.findings)):
        kept.flush()
        kept.seek(0)
        with (folder / name).open("wb") as file:
            shutil.copyfileobj(kept, file)
    (folder / HISTORY).touch()
    body = report_of(cleaned, report, options, origin, sha256=hash_of(folder), findings=read_lines(folder / FINDINGS))
    (folder / REPORT).write_bytes((json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace"))


def _state(
    folder: Path,
    name: str,
    report: CleanReport,
    options: CleanOptions,
    origin: Origin,
    uploads: Mapping[str, Sequence[str]],
) -> Dataset:
    """Describe the data set that lies in a folder, as nobody has approved it."""
    levels = Counter(finding["level"] for finding in read_lines(folder / FINDINGS))
    seconds = {step.name: round(step.seconds, 3) for step in report.steps if step.on}
    files = origin.files
    return Dataset(
        id=folder.name,
        name=name,
        folder=folder,
        created=now(),
        rows_train=report.rows_train,
        rows_eval=report.rows_eval,
        sha256=hash_of(folder),
        status="needs_review" if levels["blocking"] else "needs_attestation",
        open_blocking=levels["blocking"],
        open_advisory=levels["advisory"],
        options=options.to_json(),
        sources=tuple({"name": file.name, "sha256": file.sha256, "size_bytes": file.size_bytes} for file in files),
        uploads=uploads,
        seconds=seconds | {"all": round(report.seconds, 3)},
    )


def _publish(folder: Path, target: Path, state: Dataset) -> Dataset:
    """Write the state and the readable pages, and move the folder into place."""
    dataset = replace(state, id=target.name)
    write_state(dataset)
    write_readable(dataset)
    folder.chmod(0o700)
    folder.rename(target)
    return replace(dataset, folder=target)


def _check_disk(home: Path, uploads: Sequence[Upload]) -> None:
    """Refuse at once what would not fit, instead of after minutes."""
    size = sum(file.size_bytes for upload in uploads for file in upload.files)
    where = next(folder for folder in (home, *home.parents) if folder.exists())
    free, needed = shutil.disk_usage(where).free, _DISK_FACTOR * size + _SPARE_BYTES
    if free < needed:
        raise ResourceError(
            f"Cleaning this upload needs about {needed / 1024**3:.1f} GiB of disk, and {free / 1024**3:.1f} GiB are free.",
            "Free some space, or start with MEDFT_HOME on a larger disk.",
        )


def _sweep(home: Path) -> None:
    """Remove what a crash left behind more than a day ago."""
    for folder in [*home.glob(".new-*"), *home.glob(".gone-*")]:
        if time.time() - folder.stat().st_mtime > _STALE_S:
            shutil.rmtree(folder, ignore_errors=True)


def _nothing_left(report: CleanReport, reasons: Mapping[str, int]) -> UploadError:
    if report.rows_in == 0:
        why = "; ".join(f"{count:,} rows: {reason}" for reason, count in Counter(reasons).most_common(3))
        return UploadError(
            f"No row of this upload gives a question with an answer. {why}".strip(),
            "Check the columns, or choose another file.",
        )
    taken = ", ".join(f"{step.title} {step.removed:,}" for step in report.steps if step.removed)
    return UploadError(
        f"No row is left to train on: cleaning took out all {report.rows_in:,} ({taken}).",
        "Switch the step off that took too much, or choose another file.",
    )
