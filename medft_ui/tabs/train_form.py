"""The form of a training recipe: which control stands for which setting, and back to a TrainingConfig.

Every field of TrainingConfig has exactly one control here, and every control is read by ``to_config``.
It does not know: data sets, plans, runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

import gradio as gr

from core.config import RECOMMENDED, RECOMMENDED_ZONES, TrainingConfig
from core.model.catalogue import CATALOGUE
from medft_ui import train_text
from medft_ui.theme import SLIDERS

HINTS = get_type_hints(TrainingConfig)
# What stands in the open; the rest waits under Advanced, by group.
SIMPLE = ("learning_rate", "epochs", "rank", "alpha", "max_length", "quantisation")
ADVANCED: Mapping[str, tuple[str, ...]] = {
    train_text.Train.GROUP_MEMORY: (
        "engine",
        "precision",
        "batch_rows",
        "accumulation",
        "packing",
        "checkpointing",
        "optimizer",
    ),
    train_text.Train.GROUP_ADAPTER: ("targets", "dropout", "rslora", "dora"),
    train_text.Train.GROUP_SCHEDULE: (
        "schedule",
        "warmup_ratio",
        "weight_decay",
        "max_grad_norm",
        "max_steps",
        "seed",
        "scale_rate",
    ),
    train_text.Train.GROUP_WATCH: (
        "eval_every",
        "save_every",
        "early_stopping",
        "log_every",
        "sample_prompts",
        "sample_tokens",
        "report_to",
    ),
}
NAMES: tuple[str, ...] = ("model", *SIMPLE, *(name for names in ADVANCED.values() for name in names))


def model_choices(kept: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The catalogue, and what else lies on this disk; any other id or folder can be typed in."""
    known = {card.id for card in CATALOGUE}
    listed = [
        (train_text.Train.MODEL_CHOICE.format(title=card.title, gb=f"{card.download_gb:.2g}"), card.id)
        for card in CATALOGUE
    ]
    return listed + [(name, name) for name in kept if name not in known]


def control(name: str) -> gr.components.Component:
    """Make the control of one setting."""
    label, info = train_text.SETTINGS[name]
    value, kind = getattr(RECOMMENDED, name), HINTS[name]
    common: dict[str, Any] = {"label": label, "info": info, "elem_id": f"set-{name}", "interactive": True}
    if name in SLIDERS:
        low, high, step = SLIDERS[name]
        shaded = "zone" if name in RECOMMENDED_ZONES else ""
        return gr.Slider(low, high, value=value, step=step, elem_classes=shaded, **common)
    if kind is bool:
        return gr.Checkbox(value, **common)
    if get_args(kind) and isinstance(get_args(kind)[0], str):
        return gr.Dropdown(
            [(train_text.OPTIONS.get(option, option), option) for option in get_args(kind)], value=value, **common
        )
    if name == "sample_prompts":
        return gr.Textbox("\n".join(value), lines=2, **common)
    return gr.Number(value, precision=0 if kind is int else None, **common)


def controls(names: Sequence[str]) -> dict[str, gr.components.Component]:
    """Make several controls, two abreast."""
    made: dict[str, gr.components.Component] = {}
    for start in range(0, len(names), 2):
        with gr.Row():
            made |= {name: control(name) for name in names[start : start + 2]}
    return made


def to_config(values: Sequence[Any]) -> TrainingConfig:
    """Read the form.

    Args:
        values: One for each of NAMES, in that order.

    Raises:
        ConfigError: naming every value that is missing or of the wrong type.
    """
    body = dict(zip(NAMES, values, strict=True))
    lines = str(body["sample_prompts"] or "").splitlines()
    return TrainingConfig.from_json(
        body | {"model": str(body["model"] or ""), "sample_prompts": [line for line in lines if line.strip()]}
    )


def to_values(config: TrainingConfig) -> list[Any]:
    """What the form shows for a recipe, in the order of NAMES."""
    shown = {name: getattr(config, name) for name in NAMES}
    return list((shown | {"sample_prompts": "\n".join(config.sample_prompts)}).values())


def differences(config: TrainingConfig, preset: TrainingConfig) -> list[str]:
    """Labels of the settings that are not the preset's; the model is the person's own choice."""
    return [
        train_text.SETTINGS[name][0]
        for name in NAMES
        if name != "model" and getattr(config, name) != getattr(preset, name)
    ]
