"""The form with what a person may set about the cleaning steps; it stands before a data set is built, and below its report.

    form = clean_form.build();  options(steps, *values) → CleanOptions;  values_of(dataset.options) → the controls' values

It does not know: which button reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from core.dataset.steps import RANGES, CleanOptions
from medft_ui.data_text import Options as Words

NAMES = (
    "min_answer_chars",
    "max_tokens",
    "drop_too_long",
    "near_duplicate_threshold",
    "language",
    "eval_share",
    "seed",
)


def build() -> tuple[gr.components.Component, ...]:
    """Lay out one control for each of NAMES, in this order."""
    default = CleanOptions()
    with gr.Row():
        share = gr.Slider(
            *RANGES["eval_share"], value=default.eval_share, step=0.01, label=Words.SHARE, info=Words.SHARE_INFO
        )
        likeness = gr.Slider(
            *RANGES["near_duplicate_threshold"],
            value=default.near_duplicate_threshold,
            step=0.01,
            label=Words.LIKENESS,
            info=Words.LIKENESS_INFO,
        )
    with gr.Row():
        shortest = gr.Number(
            default.min_answer_chars, label=Words.SHORTEST, info=Words.SHORTEST_INFO, precision=0, min_width=180
        )
        longest = gr.Number(
            default.max_tokens, label=Words.LONGEST, info=Words.LONGEST_INFO, precision=0, min_width=180
        )
        language = gr.Dropdown(
            list(Words.LANGUAGES),
            value="",
            label=Words.LANGUAGE,
            info=Words.LANGUAGE_INFO,
            allow_custom_value=True,
            min_width=180,
        )
        seed = gr.Number(default.seed, label=Words.SEED, info=Words.SEED_INFO, precision=0, min_width=180)
    drop = gr.Checkbox(default.drop_too_long, label=Words.DROP_LONG, info=Words.DROP_LONG_INFO)
    return (shortest, longest, drop, likeness, language, share, seed)


def options(steps: Sequence[str], values: Sequence[Any]) -> CleanOptions:
    """Read the options.

    Args:
        steps: Names of the steps that run.
        values: One value for each of NAMES.

    Raises:
        ConfigError: naming every value that is missing, of the wrong type, or out of range.
    """
    return CleanOptions.from_json({"steps": list(steps), **dict(zip(NAMES, values, strict=True))})


def values_of(body: Mapping[str, Any]) -> list[Any]:
    """Give the values of NAMES that a data set was cleaned with."""
    default = CleanOptions().to_json()
    return [body.get(name, default[name]) for name in NAMES]
