"""The card that shows a data set being made: what is going on, how far it is, and Cancel.

The work is the studio's and goes on without a page; this only looks. It does not know: what cleaning does.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.dataset.steps import STEPS
from core.dataset.work import WorkState
from medft_ui import parts, units
from medft_ui.data_text import Work as Words
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW

if TYPE_CHECKING:
    from core.studio import Studio

# What a page begins is shown far from some of the buttons that begin it, and what stood above goes when it is ready: so the
# page moves to where it is told, once that is laid out.
LOOK = (
    "(mine) => { if (mine) setTimeout(() => { const done = mine.startsWith('done:'); "
    "const told = (done && document.querySelector('.card.understood')) || document.querySelector('.card.work'); "
    "told?.scrollIntoView({ block: done ? 'start' : 'nearest', behavior: 'smooth' }); }, 200); }"
)


@dataclass(frozen=True, slots=True)
class WorkCard:
    """The components.

    Args:
        card: Visible while there is something to say.
        said: What is going on.
        cancel: Stops it.
        token: Changes with the work; the page's poll writes it.
        mine: The work that this page has begun, as KIND:ID; empty if none.
    """

    card: gr.Column
    said: gr.HTML
    cancel: gr.Button
    token: gr.Textbox
    mine: gr.Textbox

    @property
    def view(self) -> list[Any]:
        """What ``updates`` fills."""
        return [self.card, self.said, self.cancel]


def build(studio: Studio) -> WorkCard:
    """Lay out the card."""
    with gr.Column(elem_classes="card work", visible=False) as card:
        said = gr.HTML()
        with gr.Row(elem_classes="actions"):
            cancel = gr.Button(Words.CANCEL)
    # hidden, not State: a State opens a connection for each tab of the browser
    token = gr.Textbox("", visible="hidden", label=Words.LABEL)
    mine = gr.Textbox("", visible="hidden", label=Words.LABEL)
    made = WorkCard(card, said, cancel, token, mine)

    @shown
    def stop(mine: str) -> list[Any]:
        studio.data.works.stop()
        return updates(studio.data.works.now(), mine)

    cancel.click(stop, mine, made.view, **SLOW)
    mine.change(None, mine, js=LOOK, **QUICK)
    return made


def token_of(state: WorkState | None) -> str:
    """What changes whenever the card has to be drawn anew."""
    return f"{state.id} {state.revision} {state.elapsed_s:.0f}" if state else ""


def updates(state: WorkState | None, mine: str) -> list[Any]:
    """Return what ``WorkCard.view`` shows; that something is ready is told only to the page that asked for it."""
    if state is None or (state.state == "finished" and mine.partition(":")[2] != state.id):
        return [gr.update(visible=False), "", gr.update(visible=False)]
    return [gr.update(visible=True), work_html(state), gr.update(visible=state.state == "running")]


def work_html(state: WorkState) -> str:
    """Say how the work stands."""
    label, tone = Words.STATES[state.state]
    aside = Words.ASIDE if state.is_active and not state.loads else ""
    title = Words.LOADING if state.loads else Words.TITLE
    head = parts.heading(title.format(title=state.title), aside, parts.pill(label, tone))  # type: ignore[arg-type]
    time = units.duration(state.elapsed_s)
    if state.state == "finished":
        return head + parts.note((Words.LOADED if state.loads else Words.READY).format(time=time))
    if state.state == "stopped":
        return head + parts.note((Words.LOAD_STOPPED if state.loads else Words.STOPPED).format(time=time))
    if state.state == "failed":
        return head + parts.problems([state.message]) + ("" if state.loads else parts.note(Words.FAILED))
    share = state.done / state.total if state.total else -1
    stopping = Words.LOAD_STOPPING if state.loads else Words.STOPPING
    words = stopping if state.state == "stopping" else _phase(state)
    told = escape(f"{words} · {Words.ELAPSED.format(time=time)}")
    return f'{head}{parts.bar(share, Words.LABEL)}<p class="note">{told}</p>'


def _phase(state: WorkState) -> str:
    place = next((at for at, step in enumerate(STEPS, start=1) if step.title == state.phase), 0)
    name = Words.STEP.format(place=place, count=len(STEPS), title=state.phase) if place else state.phase
    if state.total:
        return Words.DONE_OF.format(phase=name, done=units.count(state.done), total=units.count(state.total))
    return Words.DONE.format(phase=name, done=units.count(state.done)) if state.done else name
