"""A data set by its id: read its report, decide about findings, change rows, vouch for it, hand it out.

    desk = DatasetDesk(settings.datasets)
    desk.resolve("asthma-3f9a21", [Decision("replace", level="blocking", by="Dr Lee")])
    desk.approve("asthma-3f9a21", attest=True, name="Dr Lee")

Each call opens the data set anew, because another tab or a script may have changed it. It does not know: models, screens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.dataset import curate
from core.dataset.approve import Decision, FindingPage, approve, findings, resolve_findings
from core.dataset.build import rebuild_dataset
from core.dataset.card import page as report_page
from core.dataset.clean import CleanOptions, CountTokens
from core.dataset.curate import Page, RowView
from core.dataset.mapping import ColumnMapping
from core.dataset.store import Dataset, export_dataset, open_dataset, write_whole
from core.progress import Progress

MOST_FINDINGS = 500


class DatasetDesk:
    """What people ask of a data set that is kept.

    Args:
        home: The folder of data sets.
        token_counter: Gives a counter of tokens when a data set is cleaned again; None where lengths stay open.
    """

    def __init__(self, home: Path, token_counter: Callable[[], CountTokens | None] = lambda: None) -> None:
        self._home = home
        self._token_counter = token_counter

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
        }

    def findings(self, dataset_id: str, **chosen: Any) -> FindingPage:
        """List findings; ``chosen`` as in ``core.dataset.approve.findings``."""
        return findings(self.open(dataset_id), **chosen)

    def resolve(self, dataset_id: str, decisions: Sequence[Decision]) -> Dataset:
        """Carry out decisions about findings.

        Raises:
            ConfigError: naming every decision that cannot be carried out.
        """
        return resolve_findings(self.open(dataset_id), decisions)

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
        return curate.edit_row(self.open(dataset_id), row_id, prompt=prompt, response=response, by=by)

    def exclude_row(self, dataset_id: str, row_id: str, *, reason: str = "", by: str = "") -> Dataset:
        """Take a row out; an approval becomes void."""
        return curate.exclude(self.open(dataset_id), [row_id], reason=reason, by=by)

    def restore_row(self, dataset_id: str, row_id: str, *, by: str = "") -> Dataset:
        """Put a row back, or give an edited one the text it had; an approval becomes void."""
        return curate.restore(self.open(dataset_id), [row_id], by=by)

    def export(self, dataset_id: str, folder: Path) -> Path:
        """Pack rows, report and card as a ZIP in a folder, and return its path."""
        return export_dataset(self.open(dataset_id), folder)

    def export_report(self, dataset_id: str, folder: Path) -> Path:
        """Write the readable report as one page of HTML into a folder, and return its path."""
        dataset = self.open(dataset_id)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{dataset.id}-report.html"
        write_whole(target, report_page(dataset, dataset.report()).encode("utf-8", "replace"))
        return target

    def rebuild(
        self,
        dataset_id: str,
        options: CleanOptions,
        *,
        name: str = "",
        mapping: ColumnMapping | None = None,
        progress: Progress | None = None,
    ) -> Dataset:
        """Clean the kept upload again with other options; the old data set stays.

        Raises:
            ConfigError: if the options cannot work.
        """
        return rebuild_dataset(
            self.open(dataset_id),
            options,
            name=name,
            mapping=mapping,
            count_tokens=self._token_counter(),
            progress=progress,
        )
