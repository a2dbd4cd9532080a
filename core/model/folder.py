"""Is this folder a whole model that is safe to load?

Safe: weights as safetensors only, because the older formats are pickles, and a pickle runs what its author wrote.
Whole: every shard is there and as long as its own header says, so that a download cut off midway is never half used.
It does not know: the Hub, packages, templates, or what the weights mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.errors import ModelError

MANIFEST = "medft-manifest.json"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")
CHUNK_BYTES = 1024 * 1024
LONGEST_HEADER_BYTES = 100_000_000  # the limit that the safetensors format sets itself

_verified: set[tuple[str, int, int]] = set()


def check_folder(folder: Path) -> None:
    """Make sure that a folder holds a whole model as safetensors, with its tokenizer.

    Reads only headers and sizes, so that it takes milliseconds whatever the model's size.

    Args:
        folder: The model's folder.

    Raises:
        ModelError: naming what is missing, damaged or unsafe.
    """
    if not folder.is_dir():
        raise ModelError(f"There is no folder {folder}.", "Check the path, or choose a model from the list.")
    if not (folder / "config.json").is_file() and (folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{folder.name} is an adapter, not a whole model.",
            "Choose the base model it was trained on; load the adapter in Chat.",
        )
    if not isinstance(_read_json(folder / "config.json").get("model_type"), str):
        raise ModelError(
            f"config.json of {folder.name} names no model_type.", "Choose a model in the transformers format."
        )
    refuse_unsafe(folder.name, [path.name for path in folder.iterdir()])
    for shard in _shards(folder):
        check_safetensors(shard)
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(
            f"{folder.name} has no tokenizer.json.",
            "Choose a model that brings one, or convert its tokenizer with transformers first.",
        )


def refuse_unsafe(name: str, files: Iterable[str]) -> None:
    """Refuse a model whose file names show no safetensors.

    Args:
        name: How to call the model in the message.
        files: Names of the files beside config.json.

    Raises:
        ModelError: saying which other format there is.
    """
    names = [file.lower() for file in files]
    if any(file.endswith(".safetensors") for file in names):
        return
    if any(file.endswith(".gguf") for file in names):
        raise ModelError(
            f"{name} holds GGUF files, which cannot be trained.", "Choose the original model with safetensors weights."
        )
    if any(file.endswith(PICKLES) for file in names):
        raise ModelError(
            f"{name} has its weights only in a format that can run foreign code (pickle).",
            "Choose a model with safetensors weights, or convert it on a machine where you may trust it.",
        )
    raise ModelError(
        f"{name} holds no weights.", "Choose a model with safetensors weights; a download may have been cut off."
    )


def check_safetensors(path: Path) -> None:
    """Compare a safetensors file's length with what its header says.

    The format: 8 bytes of header length (little endian), the header as JSON, then the tensors' bytes; each tensor's
    data_offsets count from the end of the header (https://github.com/huggingface/safetensors#format).

    Args:
        path: The file.

    Raises:
        ModelError: if it is missing, cut off, or no safetensors file.
    """
    damaged = ModelError(
        f"{path.parent.name}/{path.name} is damaged or cut off.", "Delete the folder and fetch the model again."
    )
    if not path.is_file():
        raise ModelError(f"{path.parent.name} lacks {path.name}.", "Fetch the model again: it is not whole.")
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= LONGEST_HEADER_BYTES:
                raise damaged
            header = json.loads(file.read(length))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise damaged from error
    if not ends or path.stat().st_size != 8 + length + max(ends):
        raise damaged


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def weights_sha256(folder: Path) -> str:
    """SHA-256 of a model's weights: of the file itself where there is one, else of the list of its files' hashes."""
    files = sorted(folder.glob("*.safetensors"))
    hashes = [f"{path.name} {sha256_of(path)}" for path in files]
    if len(files) == 1:
        return hashes[0].split()[1]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def write_manifest(folder: Path, origin: dict[str, Any]) -> None:
    """Record where a folder came from, and the size and SHA-256 of each of its files."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != MANIFEST
    }
    text = json.dumps(origin | {"files": files}, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def verify_manifest(folder: Path) -> None:
    """Compare a folder with its manifest, byte for byte; a file that this process found good is not read again.

    A folder without a manifest (put there by hand) has nothing to compare with.

    Raises:
        ModelError: naming the first file that is missing or changed.
    """
    if not (folder / MANIFEST).is_file():
        return
    for name, expected in _read_json(folder / MANIFEST).get("files", {}).items():
        path = folder / name
        changed = ModelError(
            f"{folder.name}/{name} is not as it was written.", "Delete the folder; it is fetched again."
        )
        if not path.is_file() or path.stat().st_size != expected["bytes"]:
            raise changed
        seen = (str(path.resolve()), path.stat().st_mtime_ns, path.stat().st_size)
        if seen in _verified:
            continue
        if sha256_of(path) != expected["sha256"]:
            raise changed
        _verified.add(seen)


def _shards(folder: Path) -> list[Path]:
    if (folder / INDEX).is_file():
        names = sorted(set(_read_json(folder / INDEX).get("weight_map", {}).values()))
        if any(Path(name).name != name for name in names):
            raise ModelError(f"{INDEX} of {folder.name} points outside its folder.", "Do not use this model.")
        return [folder / name for name in names] or [folder / "model.safetensors"]
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    raise ModelError(
        f"{folder.name} has neither model.safetensors nor {INDEX}.",
        "Choose a model in the transformers format, or fetch it again.",
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{path.parent.name} has no {path.name}.", "Choose a model in the transformers format."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.name} of {path.parent.name} cannot be read.", "Fetch the model again.") from error
    if not isinstance(body, dict):
        raise ModelError(f"{path.name} of {path.parent.name} is not a JSON object.", "Fetch the model again.")
    return body
