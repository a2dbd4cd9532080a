"""Lists whose choices follow what is on the disk. It does not know: what is listed, when it is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

Choices = Sequence[tuple[str, str]]


def pick_of(choices: Choices, pick: Any) -> Any:
    """What is picked if it still exists, else the first; None where there is nothing."""
    values = [value for _, value in choices]
    return pick if pick in values else next(iter(values), None)


def relisted(choices: Choices, pick: Any, tell: bool = False) -> dict[str, Any]:
    """A list's new choices.

    Args:
        choices: What there is to choose from now.
        pick: What is to be picked, if it still exists.
        tell: Whether the list itself may show something else; else what is being picked meanwhile stays.
    """
    kept = pick_of(choices, pick)
    return (
        gr.update(choices=choices, value=kept) if tell or kept is None or kept != pick else gr.update(choices=choices)
    )
