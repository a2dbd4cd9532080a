"""The gate between a data set and training: identifiers are decided about, then a person vouches for the rows.

It does not know: how identifiers are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.approve import STATEMENT, Decision, approve, findings, resolve_findings
from core.dataset.store import Dataset
from medft_ui import parts, text, units
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.tabs.data_views import dataset_html

if TYPE_CHECKING:
    from core.studio import Studio

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Gate:
    """The card's components; ``view`` is filled by ``gate_updates``."""

    card: gr.Column
    found: gr.HTML
    bulk: gr.Column
    by: gr.Textbox
    replace: gr.Button
    drop: gr.Button
    leave: gr.Button
    attest: gr.Checkbox
    approve: gr.Button

    @property
    def view(self) -> list[Any]:
        """What changes with the data set."""
        return [self.card, self.found, self.bulk, self.attest]


def build() -> Gate:
    """Lay out the card."""
    with gr.Column(elem_classes="card", visible=False) as card:
        found = gr.HTML()
        by = gr.Textbox(label=text.Gate.BY, info=text.Gate.BY_INFO, max_length=200)
        with gr.Column(visible=False) as bulk, gr.Row(elem_classes="actions"):
            replace = gr.Button(text.Gate.REPLACE)
            drop = gr.Button(text.Gate.DROP)
            leave = gr.Button(text.Gate.LEAVE)
        attest = gr.Checkbox(False, label=STATEMENT)
        with gr.Row(elem_classes="actions"):
            approve_button = gr.Button(text.Gate.APPROVE, variant="primary")
    return Gate(card, found, bulk, by, replace, drop, leave, attest, approve_button)


def wire(studio: Studio, gate: Gate, dataset: gr.Dropdown, report: gr.HTML) -> None:
    """Let the card change the data set that is shown."""
    outputs = [report, *gate.view]

    @shown
    def show(dataset_id: str | None) -> list[Any]:
        return _updates(studio.dataset(dataset_id)) if dataset_id else ["", *gate_updates(None)]

    def decide(action: Any) -> Any:
        @shown
        def decided(dataset_id: str, by: str) -> list[Any]:
            decision = Decision(action, level="blocking", by=by)
            return _updates(resolve_findings(studio.dataset(dataset_id), [decision]))

        return decided

    @shown
    def vouch(dataset_id: str, by: str, attest: bool) -> list[Any]:
        approved = approve(studio.dataset(dataset_id), attest, by)
        gr.Info(text.Gate.APPROVED)
        return _updates(approved)

    dataset.change(show, dataset, outputs, **QUICK)
    for button, action in ((gate.replace, "replace"), (gate.drop, "drop"), (gate.leave, "not_identifier")):
        button.click(decide(action), [dataset, gate.by], outputs, **SLOW)
    gate.approve.click(vouch, [dataset, gate.by, gate.attest], outputs, **SLOW)


def _updates(dataset: Dataset) -> list[Any]:
    return [dataset_html(dataset, dataset.report()), *gate_updates(dataset)]


def gate_updates(dataset: Dataset | None) -> list[Any]:
    """Return what ``Gate.view`` shows for a data set."""
    if dataset is None or dataset.status == "approved":
        return [gr.update(visible=False), "", gr.update(visible=False), False]
    return [gr.update(visible=True), _found_html(dataset), gr.update(visible=dataset.open_blocking > 0), False]


def _found_html(dataset: Dataset) -> str:
    open_count = dataset.open_blocking
    count = units.plural(open_count, *text.Gate.PLACE_WORDS)
    pill = (
        parts.pill(text.Gate.TO_RESOLVE.format(count=count), "bad")
        if open_count
        else parts.pill(text.Gate.RESOLVED, "good")
    )
    title = parts.heading(text.Gate.TITLE, pill_html=pill)
    if not open_count:
        return title + parts.note(text.Gate.VOUCH)
    page = findings(dataset, level="blocking", limit=SHOWN)
    rows = [(item.title, item.sentence) for item in page.items]
    more = parts.note(text.Gate.MORE.format(count=page.total - SHOWN)) if page.total > SHOWN else ""
    return f"{title}<p>{escape(text.Gate.WHY)}</p>{parts.table(text.Gate.COLUMNS, rows, text.Gate.TITLE)}{more}"
