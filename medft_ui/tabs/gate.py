"""The gate between a data set and training: every place is decided about, one by one or in bulk, then a person vouches.

Places are masked; who wants to see the text itself says so, and that is kept. It does not know: how identifiers are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.approve import STATEMENT, Decision, FindingPage
from core.dataset.identifiers import KINDS
from core.dataset.store import Dataset
from core.errors import InputError
from medft_ui.data_text import Gate as Words
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.tabs import gate_views
from medft_ui.tabs.review_rate import account_of

if TYPE_CHECKING:
    from core.studio import Studio
    from medft_ui.tabs.dataset_view import DatasetView

ACTS = Path(__file__).resolve().parents[1] / "acts.js"
PAGE_PLACES = 12


@dataclass(frozen=True, slots=True)
class Gate:
    """The card's components; ``view`` is filled by ``gate_updates``."""

    card: gr.Column
    about: gr.HTML
    places: gr.Column
    which: gr.Dropdown
    unmask: gr.Checkbox
    found: gr.HTML
    page: gr.Number
    pager: gr.Row
    previous: gr.Button
    next: gr.Button
    by: gr.Textbox
    bulk: gr.Row
    replace: gr.Button
    drop: gr.Button
    leave: gr.Button
    vouching: gr.Column
    attest: gr.Checkbox
    approve: gr.Button

    @property
    def view(self) -> list[Any]:
        """What changes with the data set."""
        return [
            self.card,
            self.about,
            self.by,
            self.places,
            self.which,
            self.unmask,
            self.found,
            self.page,
            self.pager,
            self.bulk,
            self.replace,
            self.vouching,
            self.attest,
        ]

    @property
    def asked(self) -> list[Any]:
        """What decides which places are shown, and who asks."""
        return [self.which, self.page, self.unmask, self.by]


def build() -> Gate:
    """Lay out the card."""
    with gr.Column(elem_classes="card", visible=False) as card:
        about = gr.HTML()
        by = gr.Textbox(label=Words.BY, info=Words.BY_INFO, max_length=200)
        places = _places()
        with gr.Column() as vouching:
            attest = gr.Checkbox(False, label=STATEMENT)
            with gr.Row(elem_classes="actions"):
                approve_button = gr.Button(Words.APPROVE, variant="primary")
    return Gate(card=card, about=about, by=by, vouching=vouching, attest=attest, approve=approve_button, **places)


def _places() -> dict[str, Any]:
    with gr.Column(visible=False) as places:
        with gr.Row():
            which = gr.Dropdown([], label=Words.SHOW, info=Words.SHOW_INFO, min_width=240)
            unmask = gr.Checkbox(False, label=Words.UNMASK, info=Words.UNMASK_INFO, min_width=240)
        found = gr.HTML(js_on_load=ACTS.read_text(encoding="utf-8"))
        with gr.Row(elem_classes="actions", visible=False) as pager:
            previous = gr.Button(Words.PREVIOUS)
            following = gr.Button(Words.NEXT)
            page = gr.Number(1, label=Words.PAGE, precision=0, minimum=1, min_width=150, scale=0)
        with gr.Row(elem_classes="actions", visible=False) as bulk:
            replace = gr.Button(Words.REPLACE_ALL.format(count=""))
            drop = gr.Button(Words.DROP_ALL)
            leave = gr.Button(Words.LEAVE_ALL)
    return {
        "places": places,
        "which": which,
        "unmask": unmask,
        "found": found,
        "page": page,
        "pager": pager,
        "previous": previous,
        "next": following,
        "bulk": bulk,
        "replace": replace,
        "drop": drop,
        "leave": leave,
    }


def wire(studio: Studio, view: DatasetView) -> None:
    """Let the card change the data set that is shown."""
    _wire_places(studio, view)
    _wire_decisions(studio, view)


def _wire_places(studio: Studio, view: DatasetView) -> None:
    gate = view.gate

    def look(step: int | None, keeps_open: bool) -> Any:
        @shown
        def looked(dataset_id: str, which: str, page: float | None, unmask: bool, by: str) -> list[Any]:
            number = 1 if step is None else int(page or 1) + step
            dataset = studio.dataset(dataset_id)
            return gate_updates(studio, dataset, which, number, unmask and keeps_open, by)

        return looked

    inputs = [view.dataset, *gate.asked]
    # a page that was not asked for is never in the open
    gate.which.input(look(None, False), inputs, gate.view, **QUICK)
    gate.unmask.input(look(0, True), inputs, gate.view, **SLOW)
    gate.page.submit(look(0, False), inputs, gate.view, **QUICK)
    gate.previous.click(look(-1, False), inputs, gate.view, **QUICK)
    gate.next.click(look(1, False), inputs, gate.view, **QUICK)


def _wire_decisions(studio: Studio, view: DatasetView) -> None:
    gate = view.gate

    def decided(dataset_id: str, decision: Decision, asked: Sequence[Any]) -> list[Any]:
        which, page, unmask, by = asked
        now = studio.data.resolve(dataset_id, [decision])
        return view.changed(studio, dataset_id, now, which=which, number=int(page or 1), unmask=unmask, by=by)

    def in_bulk(action: Any) -> Any:
        @shown
        def all_decided(dataset_id: str, request: gr.Request, *asked: Any) -> list[Any]:
            what, _, value = str(asked[0]).partition(":")
            chosen = {"level": value} if what == "open" else {"kind": value}
            return decided(dataset_id, Decision(action, by=_named(asked[-1], request), **chosen), asked)

        return all_decided

    @shown
    def one_by_one(event: gr.EventData, request: gr.Request, dataset_id: str, *asked: Any) -> list[Any]:
        sent = event._data or {}
        action, finding = str(sent.get("act", "")), str(sent.get("id", ""))
        return decided(dataset_id, Decision(action, finding=finding, by=_named(asked[-1], request)), asked)  # type: ignore[arg-type]

    @shown
    def vouch(dataset_id: str, by: str, attest: bool, request: gr.Request) -> list[Any]:
        approved = studio.data.approve(dataset_id, attest, by.strip() or account_of(request))
        gr.Info(Words.APPROVED_TOAST)
        return view.changed(studio, dataset_id, approved)

    inputs = [view.dataset, *gate.asked]
    for button, action in ((gate.replace, "replace"), (gate.drop, "drop"), (gate.leave, "not_identifier")):
        button.click(in_bulk(action), inputs, view.after_change, **SLOW)
    gate.found.act(one_by_one, inputs, view.after_change, **SLOW)
    gate.approve.click(vouch, [view.dataset, gate.by, gate.attest], view.after_change, **SLOW)


def _named(by: str, request: gr.Request) -> str:
    name = (by or "").strip() or account_of(request)
    if not name:
        raise InputError(Words.NO_NAME, Words.NO_NAME_HINT)
    return name


def gate_updates(
    studio: Studio, dataset: Dataset | None, which: str = "", number: int = 1, unmask: bool = False, by: str = ""
) -> list[Any]:
    """Return what ``Gate.view`` shows for a data set.

    Args:
        studio: The desk.
        dataset: Which data set; None hides the card.
        which: Which places, as the list of the card says it; empty or gone chooses what matters most.
        number: Which page of them, from 1.
        unmask: Whether to show the text itself.
        by: Who wants to see it.
    """
    hidden = gr.update(visible=False)
    if dataset is None:
        return [hidden, "", hidden, hidden, gr.skip(), False, "", 1, hidden, hidden, gr.skip(), hidden, False]
    choices = which_choices(studio.data.findings(dataset.id, limit=0), dataset)
    known = [value for _, value in choices]
    chosen = which if which in known else known[0] if known else ""
    about = gate_views.about_html(dataset, dataset.report())
    vouching = gr.update(visible=dataset.status != "approved")
    named = gr.update(visible=bool(chosen) or dataset.status != "approved")
    if not chosen:
        nothing = [hidden, gr.update(choices=[], value=None), False, "", 1, hidden, hidden, gr.skip()]
        return [gr.update(visible=True), about, named, *nothing, vouching, False]
    page, number = _page(studio, dataset, chosen, number, unmask, by)
    undecided = chosen != "decided" and page.total > 0
    return [
        gr.update(visible=True),
        about,
        named,
        gr.update(visible=True),
        gr.update(choices=choices, value=chosen),
        unmask,
        gate_views.places_html(page, (number - 1) * PAGE_PLACES, unmask),
        number,
        gr.update(visible=page.total > PAGE_PLACES),
        gr.update(visible=undecided),
        gr.update(value=Words.REPLACE_ALL.format(count=f"{page.total:,}")),
        vouching,
        False,
    ]


def _page(studio: Studio, dataset: Dataset, which: str, number: int, unmask: bool, by: str) -> tuple[FindingPage, int]:
    """Read a page of places; one that is not there any more becomes the last one."""
    what, _, value = which.partition(":")
    chosen: dict[str, Any] = {"state": "decided"} if what == "decided" else {"state": "open", _FIELD[what]: value}
    total = studio.data.findings(dataset.id, limit=0, **chosen).total
    number = min(max(1, number), max(1, -(-total // PAGE_PLACES)))
    place = {"offset": (number - 1) * PAGE_PLACES, "limit": PAGE_PLACES}
    if unmask:
        return studio.data.unmasked_findings(dataset.id, by=by, **chosen, **place), number
    return studio.data.findings(dataset.id, **chosen, **place), number


_FIELD = {"open": "level", "kind": "kind"}


def which_choices(page: FindingPage, dataset: Dataset) -> list[tuple[str, str]]:
    """What can be shown: undecided places by level and by kind, then the decided ones; what there is none of is left out."""
    levels = (
        (Words.BLOCKING, "open:blocking", dataset.open_blocking),
        (Words.ADVISORY, "open:advisory", dataset.open_advisory),
    )
    choices = [(words.format(count=f"{count:,}"), value) for words, value, count in levels if count]
    kinds = sorted(page.open_by_kind.items(), key=lambda item: (KINDS[item[0]].level != "blocking", -item[1]))
    if len(kinds) > 1:
        choices += [
            (Words.KIND.format(title=KINDS[kind].title, count=f"{count:,}"), f"kind:{kind}") for kind, count in kinds
        ]
    return choices + ([(Words.DECIDED.format(count=f"{page.decided:,}"), "decided")] if page.decided else [])
