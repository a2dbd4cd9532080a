"""Deleting the data set that is shown, after a question.

    asked → whether it may go is checked → yes → it is gone, and the newest other one is shown

It does not know: what a data set consists of, who uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import DatasetError
from medft_ui import parts, units
from medft_ui.data_text import Delete as Words
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.tabs.data_views import dataset_choices

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class DeleteCard:
    """The components.

    Args:
        delete: Asks whether to delete.
        ask: Visible while it is asked.
        said: What would be lost.
        yes: Deletes.
        no: Does not.
    """

    delete: gr.Button
    ask: gr.Column
    said: gr.HTML
    yes: gr.Button
    no: gr.Button


def build() -> DeleteCard:
    """Lay out the button and its question."""
    with gr.Row(elem_classes="actions"):
        delete = gr.Button(Words.DELETE, size="sm")
    with gr.Column(visible=False, elem_classes="ask") as ask:
        said = gr.HTML()
        with gr.Row(elem_classes="actions"):
            yes = gr.Button(Words.YES, size="sm", variant="stop")
            no = gr.Button(Words.NO, size="sm")
    return DeleteCard(delete, ask, said, yes, no)


def wire(studio: Studio, card: DeleteCard, dataset: gr.Dropdown) -> None:
    """Let it ask and delete.

    Args:
        studio: The desk.
        card: The components.
        dataset: The list in which the data set is chosen.
    """
    hidden = gr.update(visible=False)

    @shown
    def ask(dataset_id: str | None) -> list[Any]:
        found = studio.deletable(_chosen(dataset_id))
        rows = units.count(found.rows_train + found.rows_eval)
        return [gr.update(visible=True), parts.note(Words.ASK.format(name=found.name, rows=rows))]

    @shown
    def remove(dataset_id: str | None) -> list[Any]:
        name = studio.dataset(_chosen(dataset_id)).name
        studio.delete_dataset(_chosen(dataset_id))
        gr.Info(escape(Words.DELETED.format(name=name)))
        left = dataset_choices(studio.list_datasets())
        return [gr.update(choices=left, value=left[0][1] if left else None), hidden]

    # raw values: what a page holds may have been deleted in another one
    raw: dict[str, Any] = {"preprocess": False} | SLOW
    card.delete.click(ask, dataset, [card.ask, card.said], **raw)
    card.yes.click(remove, dataset, [dataset, card.ask], **raw)
    card.no.click(lambda: hidden, outputs=card.ask, **QUICK)


def _chosen(dataset_id: str | None) -> str:
    if not dataset_id:
        raise DatasetError(Words.NONE, Words.NONE_HINT)
    return dataset_id
