"""Does an adapter fit a base? Said from the headers of both, before any weight is loaded.

    check_fit(adapter folder, base folder)

A LoRA adapter holds, for each layer that it adapts, A of shape (rank, in) and B of shape (out, rank) (Hu et al. 2021);
the base's weight of that layer has shape (out, in). So shapes tell a wrong base at once, and by name. Equal shapes do not
prove the right base: the name in adapter_config.json has to agree as well (target.py).
It does not know: torch, devices, what the weights mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from core.errors import ModelError

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
A, B = ".lora_A.weight", ".lora_B.weight"
Shape = tuple[int, ...]


def tensor_shapes(path: Path) -> dict[str, Shape]:
    """Name and shape of each tensor in a safetensors file, as the format's own library reads them.

    Raises:
        ModelError: if the file is damaged or no safetensors.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415  (Rust; loads no torch)

    try:
        with safe_open(str(path), framework="np") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path.name} is damaged: {str(error)[:120]}.", "Export or download the adapter again."
        ) from error


def adapted_layers(shapes: dict[str, Shape]) -> dict[str, tuple[Shape, Shape]]:
    """Each adapted layer by its name in the base, with the shapes of A and B.

    Raises:
        ModelError: if there is none, or a layer has only one of the two.
    """
    layers = {}
    for name, shape in shapes.items():
        if name.endswith(A):
            pair = shapes.get(name.removesuffix(A) + B)
            if pair is None or len(shape) < 2 or len(pair) < 2 or pair[1] != shape[0]:
                raise ModelError(
                    "The adapter is not whole: a layer's two matrices do not belong together.",
                    "Export or download the adapter again.",
                )
            layers[name.removesuffix(A).removeprefix(PREFIX)] = (shape, pair)
    if not layers:
        raise ModelError("The adapter holds no LoRA weights.", "Choose a LoRA adapter in PEFT's format.")
    return layers


def check_fit(adapter: Path, base: Path) -> None:
    """Refuse an adapter that was made for a base of another shape.

    A base whose weights are stored quantised or under other names than its layers cannot be compared; loading decides then.

    Args:
        adapter: The adapter's folder.
        base: The base model's folder.

    Raises:
        ModelError: naming the first layer that does not fit, with both shapes.
    """
    layers = adapted_layers(tensor_shapes(adapter / WEIGHTS))
    if _is_quantised(base):
        return
    weights = {name: shape for path in base.glob("*.safetensors") for name, shape in tensor_shapes(path).items()}
    known = {layer: weights[f"{layer}.weight"] for layer in layers if f"{layer}.weight" in weights}
    if not known:
        return
    for layer, problem in _misfits(layers, known):
        raise ModelError(
            f"The adapter does not fit {base.name}: {layer} {problem}.",
            "Choose the base model that it was trained on.",
        )


def _misfits(layers: dict[str, tuple[Shape, Shape]], known: dict[str, Shape]) -> Iterator[tuple[str, str]]:
    for layer, (a, b) in layers.items():
        wanted = (b[0], a[1])
        if layer not in known:
            yield layer, "is a layer that this model does not have"
        elif tuple(sorted(known[layer])) != tuple(sorted(wanted)):  # some models (GPT-2) store weights as (in, out)
            yield layer, f"is {_words(wanted)} in the adapter and {_words(known[layer])} in the model"


def _words(shape: Shape) -> str:
    return " × ".join(f"{size:,}" for size in shape)


def _is_quantised(base: Path) -> bool:
    try:
        return "quantization_config" in json.loads((base / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # resolving the base says what is wrong with it
