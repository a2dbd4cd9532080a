"""A run, an adapter folder, a model's folder or a Hub id → what the chat has to load, refused early where it cannot be.

Reads only small files and headers. It does not know: weights, devices, processes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from core.errors import ModelError
from core.inference.fit import WEIGHTS, adapted_layers, tensor_shapes
from core.inference.messages import ChatTarget
from core.model.folder import check_safetensors

ADAPTER = "adapter"
CONFIG = "adapter_config.json"
PICKLE = "adapter_model.bin"
# Longest configuration that is read: real ones have a few thousand characters.
CONFIG_BYTES = 1024 * 1024


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
        raise no_weights(has_pickle=(folder / PICKLE).is_file())
    check_safetensors(folder / WEIGHTS)
    if config.get("peft_type") != "LORA":
        raise ModelError(
            f"The adapter is of the kind {config.get('peft_type')!r}; only LoRA is understood.",
            "Choose a LoRA adapter.",
        )
    # "auto_mapping" only names the base's class: Unsloth writes it into every adapter, PEFT where no task was named.
    if config.get("modules_to_save"):
        raise ModelError(
            "The adapter replaces whole layers of its base, so the base could not be shown beside it.",
            "Choose a plain LoRA adapter.",
        )
    adapted_layers(tensor_shapes(folder / WEIGHTS))
    return config


def no_weights(*, has_pickle: bool) -> ModelError:
    """Say that an adapter has no weights that are safe to load."""
    if has_pickle:
        return ModelError(
            "The adapter has its weights only in a format that can run foreign code (pickle).",
            f"Use an adapter saved as {WEIGHTS}.",
        )
    return ModelError(
        f"The adapter has no {WEIGHTS}.", "Choose the folder that training has saved, or export it again."
    )


def same_model(one: str, other: str) -> bool:
    """Whether two names mean the same model, as far as names tell: organisation and upper case do not count."""
    return _last(one) == _last(other)


def is_hub_id(name: str) -> bool:
    """Whether a base is named as on the Hub, and not as a folder of some machine."""
    return name.count("/") <= 1 and "\\" not in name and not name.startswith(("/", ".", "~"))


def _last(name: str) -> str:
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()


def _of_adapter(folder: Path, base: str) -> ChatTarget:
    named = check_adapter(folder).get("base_model_name_or_path") or ""
    if base and named and is_hub_id(named) and not same_model(base, named):
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
        if path.stat().st_size > CONFIG_BYTES:
            raise ValueError("too long")
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path.name} of {path.parent.name} cannot be read.", "It is missing or damaged; choose another."
        ) from error
    if not isinstance(body, dict):
        raise ModelError(f"{path.name} of {path.parent.name} is not a JSON object.", "It is damaged; choose another.")
    return body
