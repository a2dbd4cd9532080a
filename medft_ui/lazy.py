"""Screens that are laid out when their tab is first opened, so that the page itself stands sooner.

    lay_out(tab, lambda opened: help.build())

Gradio 6.31 builds its whole tree of components twice before anything is seen, comparing every component with every event,
and then searches the tree at each update (docs/decisions/026): what a page holds from the start is paid for by everybody
at every visit. So only what the poll draws on stands from the start. It does not know: which screens there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import gradio as gr
from gradio.context import Context, LocalContext, get_blocks_context

from medft_ui.events import QUICK
from medft_ui.text import App

Opened = Sequence[Any]
"""The events upon which a screen reads its lists anew: its tab was opened."""
LayOut = Callable[[gr.Tab, Callable[[Opened], object]], None]


@dataclass(frozen=True, slots=True)
class Told:
    """What the poll tells screens that may not be laid out yet: hidden fields, to whose change they listen.

    A field has one screen that listens to it: gradio 6.31 forgets who listened before when another screen is laid out.

    Args:
        datasets: For Train; moves whenever a data set appears or goes, or another one is to be trained on.
        models: For Chat; moves whenever there is something else to talk to.
        talk: The same for whether it is loaded, and for the work that it has to wait for.
        runs: For All runs; moves whenever a data set, a run or an adapter appears, changes its state or goes.
        exports: The same for Export.
        evaluation: Which evaluation is in which state.
        measuring: What is going on in it, drawn; empty while none runs.
        merging: Which merging is in which state.
        answering: Which questions of a review are being answered, and how far that is.
    """

    datasets: gr.Textbox
    models: gr.Textbox
    talk: gr.Textbox
    runs: gr.Textbox
    exports: gr.Textbox
    evaluation: gr.Textbox
    measuring: gr.Textbox
    merging: gr.Textbox
    answering: gr.Textbox


def build_told() -> Told:
    """Lay out the fields."""
    made = {name.name: gr.Textbox("", visible="hidden", interactive=False, label=name.name) for name in fields(Told)}
    return Told(**made)


def at_once(tab: gr.Tab, build: Callable[[Opened], object]) -> None:
    """Lay a screen out with the page, so that its components can be looked at without a browser."""
    build([tab.select])


def when_opened(tab: gr.Tab, build: Callable[[Opened], object]) -> None:
    """Lay a screen out when its tab is first opened; it stays, with what is typed into it, as long as the page does."""
    page = Context.root_block
    assert page is not None, "a screen is laid out inside a page"
    opened = gr.Textbox("", visible="hidden", label=App.OPENED)
    # in the browser alone: the field changes once, however often the tab is opened
    tab.select(None, outputs=opened, js="() => 'yes'", **QUICK)

    # not through the queue, which would open a connection first
    @gr.render(triggers=[opened.change], show_progress="hidden", queue=False)
    def laid_out() -> None:
        # the tab was opened before there was anything to tell, so the screen's own loading counts as well
        build([tab.select, page.load])
        _take_input()


def _take_input() -> None:
    """Let people use what the events of the screen that is being laid out read.

    Gradio 6.31 decides in the browser which components take input, and knows only the events that stood there from the
    start: laid out later, whatever begins with a value would be greyed out.
    """
    page, screen = get_blocks_context(), LocalContext.renderable.get(None)
    assert page is not None and screen is not None, "a screen is laid out inside a page"
    for event in page.fns.values():
        for component in event.inputs if event.rendered_in is screen else ():
            if getattr(component, "interactive", False) is None:
                component.interactive = True
