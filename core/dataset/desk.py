"""The desk of data sets: make one, read its report, decide about findings, change rows, vouch for it, hand it out.

    desk = DatasetDesk(settings.datasets)
    desk.works.start("Asthma", lambda progress: desk.add(Intake(files=(path,)), name="Asthma", progress=progress))
    desk.resolve("asthma-3f9a21", [Decision("replace", level="blocking", by="Dr Lee")])
    desk.approve("asthma-3f9a21", attest=True, name="Dr Lee")

Each call opens the data set anew, because another tab or a script may have changed it. The sample is never changed: its
change goes into a copy, so look at the id of the answer. It does not know: models, screens.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from core.dataset import curate, sources
from core.dataset.approve import Decision, FindingPage, approve, findings, resolve_findings
from core.dataset.benchmarks import keep_benchmarks, kept_benchmarks, matches
from core.dataset.build import build_dataset, rebuild_dataset
from core.dataset.card import page as report_page
from core.dataset.changes import Entry, append_history, history
from core.dataset.clean import CleanOptions, CountTokens
from core.dataset.crew import Crew
from core.dataset.curate import Page, RowView
from core.dataset.ingest import Upload, read_upload
from core.dataset.intake import Intake, Reader
from core.dataset.mapping import ColumnMapping, Skipped, detect, to_records
from core.dataset.pulse import check_stop
from core.dataset.sample import is_sample, own_copy
from core.dataset.store import REPORT, Dataset, delete_dataset, export_dataset, open_dataset, write_whole
from core.dataset.versions import CLEANED_AGAIN, Version, next_name, versions_of
from core.dataset.work import Works
from core.errors import ConfigError, DatasetError, Problem
from core.progress import Progress, SilentProgress
from core.records import Record

MOST_FINDINGS = 500
PREVIEW_ROWS = 10


@dataclass(frozen=True, slots=True)
class Preview:
    """What was understood of an upload, before anything is kept.

    Args:
        upload: The files as read.
        mapping: Which columns are what, with the reason.
        rows: The first rows as they came, at most ten.
        records: What becomes of them, in the same order.
    """

    upload: Upload
    mapping: ColumnMapping
    rows: tuple[dict[str, Any], ...]
    records: tuple[Record | Skipped, ...]


class DatasetDesk:
    """What people ask of a data set that is kept.

    Args:
        home: The folder of data sets.
        token_counter: Gives a counter of tokens when rows are cleaned; None where lengths stay open.
        local_folders: Whether a Hub data set may be a folder of this machine.
    """

    def __init__(
        self,
        home: Path,
        token_counter: Callable[[], CountTokens | None] = lambda: None,
        *,
        local_folders: bool = True,
    ) -> None:
        self._home = home
        self._token_counter = token_counter
        self._reader = Reader(local_folders)
        self.works = Works()

    # -- making one -----------------------------------------------------------------------------------------------

    def preview(self, intake: Intake, mapping: ColumnMapping | None = None, *, afresh: bool = False) -> Preview:
        """Read the first rows of an upload and say what they are; keeps nothing.

        Args:
            intake: Files or a Hub data set.
            mapping: Which columns are what; None detects it.
            afresh: Whether to read again what is still open from the last time.

        Raises:
            UploadError: if it cannot be read, or holds no questions with answers.
        """
        upload = self._reader.read(intake, afresh=afresh)
        mapping = mapping or detect(upload)
        rows = tuple(row.values for row in upload.sample[:PREVIEW_ROWS])
        return Preview(upload, mapping, rows, tuple(islice(to_records(upload, mapping), PREVIEW_ROWS)))

    def load(self, intake: Intake, progress: Progress) -> None:
        """Read a Hub data set afresh, however long that takes; afterwards ``preview`` has it at hand.

        The library that fetches it cannot be stopped: after a cancel it ends what it fetches in a thread of its own, and
        that stays in its cache.

        Raises:
            UploadError: if it cannot be read.
            DatasetError: if somebody asked to stop.
        """
        progress.phase("Fetching it from the Hub")
        with Crew(1, tick=lambda: check_stop(progress)) as crew:
            list(crew.map(lambda one: self._reader.read(one, afresh=True, progress=progress), [intake]))

    def open_upload(self, intake: Intake) -> Upload:
        """Give the upload itself, whatever it means.

        Raises:
            UploadError: if it cannot be read.
        """
        return self._reader.read(intake)

    def add(
        self,
        intake: Intake,
        *,
        name: str = "",
        mapping: ColumnMapping | None = None,
        options: CleanOptions | None = None,
        progress: Progress | None = None,
    ) -> Dataset:
        """Read, clean, split and keep an upload.

        Args:
            intake: Files or a Hub data set, files to hold out, benchmark files.
            name: What to call it; empty takes the first file's name.
            mapping: Which columns are what; None detects it.
            options: Which cleaning steps; None takes the defaults. Its benchmarks are those of the intake.
            progress: Told of each step; may ask to stop.

        Raises:
            UploadError: if something cannot be read, or nothing usable is left.
            DatasetError: if somebody asked to stop.
            ResourceError: if the disk is too full.
        """
        intake.check()
        chosen = options or CleanOptions()
        if intake.benchmarks:
            chosen = chosen.changed(benchmarks=intake.benchmarks)
        upload = self._reader.read(intake)
        dataset = build_dataset(
            upload,
            mapping or detect(upload),
            chosen,
            home=self._home,
            name=name.strip() or intake.title(),
            eval_upload=read_upload(intake.held_out) if intake.held_out else None,
            count_tokens=self._token_counter(),
            progress=progress or SilentProgress(),
        )
        keep_benchmarks(dataset, _checked(chosen))
        return dataset

    # -- reading one ----------------------------------------------------------------------------------------------

    def open(self, dataset_id: str) -> Dataset:
        """Open one data set.

        Raises:
            DatasetError: if there is none of that id, or it is damaged; so does each method below.
        """
        return open_dataset(self._home, dataset_id)

    def report(self, dataset_id: str) -> dict[str, Any]:
        """Give the cleaning report, the state, and the first 500 open findings in masked sentences, as plain values."""
        dataset = self.open(dataset_id)
        found = findings(dataset, limit=MOST_FINDINGS)
        state = dataset.to_json()
        names = ("name", "created", "status", "open_blocking", "open_advisory", "approval", "seconds")
        return dataset.report() | {
            "dataset_id": dataset.id,
            **{name: state[name] for name in names},
            # the report was written when the data set was made; these are as of now
            "now": {"train": dataset.rows_train, "eval": dataset.rows_eval, "sha256": dataset.sha256},
            "findings": [asdict(item) for item in found.items],
            "findings_total": found.total,
            "matches": matches(dataset),
        }

    def findings(self, dataset_id: str, **chosen: Any) -> FindingPage:
        """List findings; ``chosen`` as in ``core.dataset.approve.findings``, but always masked."""
        return findings(self.open(dataset_id), **chosen | {"unmasked": False})

    def unmasked_findings(self, dataset_id: str, *, by: str, **chosen: Any) -> FindingPage:
        """List findings with their text in the open, and keep in the history who looked and when.

        Raises:
            ConfigError: if nobody is named.
        """
        dataset = self.open(dataset_id)
        if not by.strip():
            raise ConfigError([Problem("by", "Say who looks at the text itself: it is kept in the history.")])
        found = findings(dataset, **chosen | {"unmasked": True})
        seen = {
            row
            for entry in history(dataset)
            if (entry["what"], entry["by"]) == ("look", by.strip())
            for row in entry["records"]
        }
        new = tuple(dict.fromkeys(item.record_id for item in found.items if item.record_id not in seen))
        if new:
            append_history(dataset, Entry("look", by.strip(), new))
        return found

    def history(self, dataset_id: str) -> list[dict[str, Any]]:
        """Read what people did to the data set, the oldest first: what, by, at, records, detail."""
        return history(self.open(dataset_id))

    def matches(self, dataset_id: str) -> list[dict[str, Any]]:
        """Say which rows left because they hold a benchmark's question: record_id, benchmark, question, share."""
        return matches(self.open(dataset_id))

    def versions(self, dataset_id: str) -> tuple[Version, ...]:
        """Give the data sets that were made of the same upload, the oldest first; the data set itself is one of them."""
        return versions_of(self.open(dataset_id))

    def source_columns(self, dataset_id: str) -> tuple[str, ...]:
        """Give the columns of the kept upload.

        Raises:
            DatasetError: also if the upload was not kept.
        """
        dataset = self.open(dataset_id)
        return sources.read_again(dataset.folder, {"train": dataset.uploads.get("train", ())})[0].columns

    # -- deleting one ---------------------------------------------------------------------------------------------

    def deletable(self, dataset_id: str) -> Dataset:
        """Give a data set that may be deleted.

        Raises:
            DatasetError: also if it is the sample, or is being cleaned again right now.
        """
        dataset, work = self.open(dataset_id), self.works.now()
        if is_sample(dataset):
            raise DatasetError(
                "The sample cannot be deleted: the quick demo trains on it.", "It takes less than a megabyte."
            )
        if work and work.is_active and work.source_id == dataset_id:
            raise DatasetError(
                f"{dataset.name} is being cleaned again right now.", "Wait until that is done, or cancel it first."
            )
        return dataset

    def delete(self, dataset_id: str) -> None:
        """Delete a data set with its upload and everything in its folder; other versions of it stay.

        Raises:
            DatasetError: as ``deletable`` says.
        """
        delete_dataset(self._home, self.deletable(dataset_id).id)

    # -- changing one ---------------------------------------------------------------------------------------------

    def _changed(self, dataset_id: str, change: Callable[[Dataset], Dataset]) -> Dataset:
        """Change a data set, or a copy of it if it is the sample; a copy that nothing happened to is gone again."""
        dataset = self.open(dataset_id)
        if not is_sample(dataset):
            return change(dataset)
        copy = own_copy(dataset)
        kept = False
        try:
            changed = change(copy)
            kept = changed.approval is None
            return changed if kept else dataset
        finally:
            if not kept:
                shutil.rmtree(copy.folder, ignore_errors=True)

    def resolve(self, dataset_id: str, decisions: Sequence[Decision]) -> Dataset:
        """Carry out decisions about findings.

        Raises:
            ConfigError: naming every decision that cannot be carried out.
        """
        return self._changed(dataset_id, lambda dataset: resolve_findings(dataset, decisions))

    def approve(self, dataset_id: str, attest: bool, name: str) -> Dataset:
        """Let a person vouch for the data set.

        Raises:
            ConfigError: if the confirmation or the name is missing.
            DatasetError: also if blocking findings are open.
        """
        return approve(self.open(dataset_id), attest, name)

    def page(self, dataset_id: str, query: str = "", filter: str = "", offset: int = 0, limit: int = 25) -> Page:
        """Give some rows; see ``core.dataset.curate.page`` for the filters.

        Raises:
            ConfigError: if there is no such filter.
        """
        return curate.page(self.open(dataset_id), query, filter, offset, limit)

    def row(self, dataset_id: str, row_id: str) -> RowView:
        """Give one row, also one that was removed."""
        return curate.row(self.open(dataset_id), row_id)

    def edit_row(
        self, dataset_id: str, row_id: str, *, prompt: str | None = None, response: str | None = None, by: str = ""
    ) -> Dataset:
        """Change a row's question, answer, or both; an approval becomes void.

        Raises:
            ConfigError: if a text would be empty.
        """
        return self._changed(
            dataset_id, lambda dataset: curate.edit_row(dataset, row_id, prompt=prompt, response=response, by=by)
        )

    def exclude_row(self, dataset_id: str, row_id: str, *, reason: str = "", by: str = "") -> Dataset:
        """Take a row out; an approval becomes void."""
        return self._changed(dataset_id, lambda dataset: curate.exclude(dataset, [row_id], reason=reason, by=by))

    def restore_row(self, dataset_id: str, row_id: str, *, by: str = "") -> Dataset:
        """Put a row back, or give an edited one the text it had; an approval becomes void."""
        return self._changed(dataset_id, lambda dataset: curate.restore(dataset, [row_id], by=by))

    def export(self, dataset_id: str, folder: Path) -> Path:
        """Pack rows, report and card as a ZIP in a folder, and return its path."""
        return export_dataset(self.open(dataset_id), folder)

    def export_report(self, dataset_id: str, folder: Path) -> Path:
        """Write the readable report as one page of HTML into a folder, and return its path."""
        dataset = self.open(dataset_id)
        return _written(
            folder / f"{dataset.id}-report.html", report_page(dataset, dataset.report()).encode("utf-8", "replace")
        )

    def export_file(self, dataset_id: str, name: str, folder: Path) -> Path:
        """Copy report.json or the data set card (README.md) into a folder, and return its path.

        Raises:
            ConfigError: if it is another file.
        """
        dataset = self.open(dataset_id)
        if name not in (REPORT, "README.md"):
            raise ConfigError([Problem("name", f"{name[:40]!r} cannot be taken home: it is report.json or README.md.")])
        return _written(folder / f"{dataset.id}-{name}", (dataset.folder / name).read_bytes())

    def rebuild(
        self,
        dataset_id: str,
        options: CleanOptions,
        *,
        name: str = "",
        mapping: ColumnMapping | None = None,
        by: str = "",
        progress: Progress | None = None,
    ) -> Dataset:
        """Clean the kept upload again with other options: a new version; the old one stays.

        Args:
            dataset_id: Whose upload.
            options: Which steps, and how. Its benchmarks are new files; those that were given before are kept.
            name: What to call it; empty takes the old name with the next number.
            mapping: Which columns are what; None keeps what was understood.
            by: Who asked for it.
            progress: Told of each step; may ask to stop.

        Raises:
            ConfigError: if the options cannot work.
        """
        dataset = self.open(dataset_id)
        given = {path.name for path in options.benchmarks}
        older = tuple(path for path in kept_benchmarks(dataset) if path.name not in given)
        chosen = options.changed(benchmarks=(*older, *options.benchmarks))
        made = rebuild_dataset(
            dataset,
            chosen,
            name=name.strip() or next_name(dataset),
            mapping=mapping,
            count_tokens=self._token_counter(),
            progress=progress,
        )
        keep_benchmarks(made, _checked(chosen))
        append_history(made, Entry(CLEANED_AGAIN, by.strip(), detail={"from": dataset.id}))
        return made


def _checked(options: CleanOptions) -> Sequence[Path]:
    """Give the benchmark files that cleaning looks at."""
    return options.benchmarks if "contamination" in options.steps else ()


def _written(target: Path, content: bytes) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content)
    return target
