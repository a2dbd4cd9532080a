"""A run, an adapter folder, a model's folder or a Hub id → what the chat has to load, refused early where it cannot be.

Reads only small files and headers. It does not know: weights, devices, processes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from core.errors import ModelError
from core.inference.messages import ChatTarget
from core.model.folder import check_safetensors

ADAPTER = "adapter"
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def target_of(source: Path | str, base: str = "") -> ChatTarget:
    """Say what to load.

    Args:
        source: A run's folder (its adapter, or its base alone before there is one), an adapter's or checkpoint's
            folder, a model's folder, or a Hub id.
        base: For an adapter's folder: the base to use; empty for the one that the adapter names.

    Raises:
        ModelError: if an adapter is damaged, no LoRA, a pickle, or made for another base.
    """
    folder = Path(source)
    if (folder / CONFIG).is_file():
        return _of_adapter(folder, base)
    if (folder / "config.json").is_file() and "model_type" not in _read(folder / "config.json"):
        return _of_run(folder)
    return ChatTarget(str(source))


def check_adapter(folder: Path) -> dict[str, Any]:
    """Make sure that a folder holds a LoRA adapter as safetensors, whole; returns its configuration.

    Raises:
        ModelError: naming what is wrong.
    """
    config = _read(folder / CONFIG)
    if not (folder / WEIGHTS).is_file():
        if (folder / "adapter_model.bin").is_file():
            raise ModelError(
                "The adapter has its weights only in a format that can run foreign code (pickle).",
                f"Use an adapter saved as {WEIGHTS}.",
            )
        raise ModelError(
            f"The adapter has no {WEIGHTS}.", "Choose the folder that training has saved, or export it again."
        )
    check_safetensors(folder / WEIGHTS)
    if config.get("peft_type") != "LORA":
        raise ModelError(
            f"The adapter is of the kind {config.get('peft_type')!r}; only LoRA is understood.",
            "Choose a LoRA adapter.",
        )
    if config.get("auto_mapping") or config.get("modules_to_save"):
        raise ModelError(
            "The adapter replaces whole layers of its base, so the base could not be shown beside it.",
            "Choose a plain LoRA adapter.",
        )
    return config


def _of_adapter(folder: Path, base: str) -> ChatTarget:
    named = check_adapter(folder).get("base_model_name_or_path") or ""
    if base and named and Path(base).name.lower() != Path(named).name.lower():
        raise ModelError(
            f"The adapter was made for {named}, not for {base}.", f"Choose {named} as the base, or another adapter."
        )
    if not base and not named:
        raise ModelError("The adapter does not name its base model.", "Choose the base it was trained on.")
    return ChatTarget(base or named, str(folder), _quantisation(folder.parent))


def _of_run(folder: Path) -> ChatTarget:
    model = _read(folder / "config.json").get("model")
    if not isinstance(model, str):
        raise ModelError("config.json of this run names no model.", "Choose another run.")
    adapter = folder / ADAPTER
    if not (adapter / CONFIG).is_file():
        return ChatTarget(model)
    check_adapter(adapter)
    return ChatTarget(model, str(adapter), _quantisation(folder))


def _quantisation(run: Path) -> Literal["none", "nf4", "int8"]:
    """What the run's plan says; a checkpoint lies two folders deeper. Without a plan: not quantised."""
    for place in (run, run.parent):
        if (place / "plan.json").is_file():
            value = _read(place / "plan.json").get("quantisation", {}).get("value")
            return value if value in ("nf4", "int8") else "none"
    return "none"


def _read(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path.name} of {path.parent.name} cannot be read.", "It is missing or damaged; choose another."
        ) from error
    if not isinstance(body, dict):
        raise ModelError(f"{path.name} of {path.parent.name} is not a JSON object.", "It is damaged; choose another.")
    return body
