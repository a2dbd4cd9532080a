"""Items: what both models said to each question, sorted and paged on the server; one item in full; overruling a rule.

It does not know: how items are sorted (core), what a rule says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.evaluation.item_list import ItemPage, ItemQuery
from medft_ui import parts
from medft_ui.errors import shown
from medft_ui.evaluate_html import item_html, page_html, score_name
from medft_ui.evaluate_text import Items
from medft_ui.events import QUICK
from medft_ui.tabs.evaluate_result import ResultCard, found

if TYPE_CHECKING:
    from core.studio import Studio

PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class ItemsCard:
    """The card's components.

    Args:
        card: The whole card.
        sort: In which order.
        score: By which score.
        topic: Only what is about this; empty takes all.
        table: One page.
        page: Its number.
        previous: One page back.
        next: One page on.
        pick: Which item of the page is open.
        opened: It, in full.
    """

    card: gr.Column
    sort: gr.Dropdown
    score: gr.Dropdown
    topic: gr.Dropdown
    table: gr.HTML
    page: gr.Number
    previous: gr.Button
    next: gr.Button
    pick: gr.Dropdown
    opened: gr.HTML

    @property
    def asked(self) -> list[Any]:
        """What decides which items are shown."""
        return [self.sort, self.score, self.topic, self.page]

    @property
    def listed(self) -> list[Any]:
        """What ``listed`` fills."""
        return [self.card, self.score, self.topic, self.table, self.page, self.pick]


def build() -> ItemsCard:
    """Lay out the card."""
    with gr.Column(elem_classes="card", visible=False) as card:
        gr.HTML(parts.heading(Items.TITLE, Items.ASIDE))
        with gr.Row():
            sort = gr.Dropdown(list(Items.SORTS), value="worst", label=Items.SORT, min_width=180)
            score = gr.Dropdown([], label=Items.SCORE, min_width=140)
            topic = gr.Dropdown([(Items.ALL, "")], value="", label=Items.TOPIC, min_width=140)
        table = gr.HTML(parts.note(Items.EMPTY))
        with gr.Row(elem_classes="actions"):
            previous = gr.Button(Items.PREVIOUS)
            following = gr.Button(Items.NEXT)
        with gr.Row():
            page = gr.Number(1, label=Items.PAGE, precision=0, minimum=1, min_width=90, scale=1)
            pick = gr.Dropdown([], value=None, label=Items.OPEN, info=Items.OPEN_INFO, scale=5, min_width=220)
        opened = gr.HTML()
    return ItemsCard(card, sort, score, topic, table, page, previous, following, pick, opened)


def wire(studio: Studio, items: ItemsCard, result: ResultCard) -> None:
    """Let the card follow the evaluation that is shown."""

    def show(step: int | None) -> Any:
        @shown
        def shown_page(job_id: str | None, sort: str, score: str | None, topic: str | None, page: Any) -> list[Any]:
            number = 1 if step is None else int(page or 1) + step
            return listed(studio, job_id, ItemQuery(sort, score or "", topic or "", number, PER_PAGE))  # type: ignore[arg-type]

        return shown_page

    @shown
    def follow(job_id: str | None, sort: str) -> list[Any]:
        return listed(studio, job_id, ItemQuery(sort, per_page=PER_PAGE))  # type: ignore[arg-type]

    @shown
    def open_item(job_id: str | None, pick: str | None) -> str:
        return item_html(studio.evaluations.item(str(job_id), pick)) if job_id and pick else ""

    raw: dict[str, Any] = {"preprocess": False} | QUICK
    evaluation = result.evaluation
    inputs = [evaluation, *items.asked]
    # whenever the result is drawn anew, its items may be others; and where list and result move at once, gradio 6.31 tells of
    # the result with what the list held before
    gr.on([result.shown.change, evaluation.change], follow, [evaluation, items.sort], items.listed, **raw)
    gr.on([each.input for each in (items.sort, items.score, items.topic)], show(None), inputs, items.listed, **raw)
    items.page.submit(show(0), inputs, items.listed, **raw)
    items.previous.click(show(-1), inputs, items.listed, **raw)
    items.next.click(show(1), inputs, items.listed, **raw)
    items.pick.change(open_item, [evaluation, items.pick], items.opened, **raw)


def listed(studio: Studio, job_id: Any, query: ItemQuery) -> list[Any]:
    """Return what ``ItemsCard.listed`` shows."""
    job = found(studio, job_id)
    if job is None:
        return [gr.update(visible=False), *[gr.skip()] * 4, gr.update(choices=[], value=None)]
    page = studio.evaluations.items(job.id, query)
    return [
        gr.update(visible=bool(page.total or page.scores)),
        gr.update(choices=[(score_name(name), name) for name in page.scores], value=page.score or None),
        gr.update(choices=[(Items.ALL, ""), *((name, name) for name in page.topics)], value=query.topic),
        page_html(page, query.per_page),
        page.page,
        gr.update(choices=item_choices(page), value=None),
    ]


def item_choices(page: ItemPage) -> list[tuple[str, str]]:
    """The items of a page, to open one."""
    return [
        (Items.CHOICE.format(number=item["number"], question=str(item.get("question", ""))[:80]), str(item["id"]))
        for item in page.items
    ]
