"""Help: the first steps, what the words mean, what to do when something fails, and what this must not be used for.

It does not know: anything but its texts.
"""

from __future__ import annotations

import gradio as gr

from medft_ui import help_text, parts, text
from medft_ui.lazy import Opened


def build(_: Opened = ()) -> None:
    """Lay out the screen; it has nothing to read anew when it is opened."""
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.banner(text.SAFETY))
        gr.Markdown(help_text.FIRST_STEPS)
    with gr.Column(elem_classes="card"):
        for title, body in help_text.SECTIONS:
            with gr.Accordion(title, open=False):
                gr.Markdown(body, elem_classes="modelcard")
