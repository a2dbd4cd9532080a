"""The adapter folder that goes home: run → folder and zip that PEFT, Unsloth, TGI, vLLM and older loaders open.

    zip_path = export_adapter(run_dir, audit)

It does not know: how the adapter was trained, who downloads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ModelError, ResourceError
from core.export.card import write_card

REQUIRED = ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "tokenizer_config.json")
SPECIAL_TOKENS = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
    "additional_special_tokens",
)
WEIGHT_ENDINGS = (".safetensors", ".json", ".jinja", ".model", ".txt", ".md")


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file of a folder, by name."""
    hashes = {}
    for path in sorted(folder.iterdir()):
        if path.is_file():
            with path.open("rb") as file:
                hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def build_adapter_folder(
    run_dir: Path, audit: Mapping[str, Any], target: Path, extra: Mapping[str, str] | None = None
) -> Path:
    """Copy a run's adapter and put beside it what loaders and readers expect.

    Args:
        run_dir: The run's folder, which holds ``adapter/``.
        audit: What ``core.export.audit.audit_of`` returns; goes in as ``audit.json`` and as the model card.
        target: An empty or missing folder.
        extra: Text files that go with it, by name; for example the scorecard.

    Raises:
        ModelError: if the adapter is missing or not complete.
    """
    source = run_dir / "adapter"
    missing = [name for name in REQUIRED if not (source / name).is_file()]
    if missing:
        raise ModelError(
            f"This run has no complete adapter yet ({', '.join(missing)} missing).",
            "Let the run finish, or resume it, then export again.",
        )
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file() and path.suffix in WEIGHT_ENDINGS and path.name != "README.md":
            shutil.copy2(path, target / path.name)
    _write_special_tokens_map(target)
    for name, text in (extra or {}).items():
        (target / name).write_text(text, encoding="utf-8")
    write_card(audit, target)
    hashes = file_hashes(target)
    body = json.dumps({**audit, "files_sha256": hashes}, indent=2, ensure_ascii=False)
    (target / "audit.json").write_text(body + "\n", encoding="utf-8")
    return target


@contextmanager
def write_adapter_folder(
    run_dir: Path, audit: Mapping[str, Any], extra: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """Lend the complete adapter folder for as long as the block lasts, for an upload."""
    with tempfile.TemporaryDirectory() as scratch:
        yield build_adapter_folder(run_dir, audit, Path(scratch) / "adapter", extra)


def export_adapter(
    run_dir: Path, audit: Mapping[str, Any], name: str = "", extra: Mapping[str, str] | None = None
) -> Path:
    """Write ``export/<name>-adapter.zip`` into the run's folder and return its path.

    The zip is written aside and renamed, so that a half-written one is never offered.

    Raises:
        ModelError: if the adapter is missing or not complete.
        ResourceError: if the disk is full.
    """
    folder = run_dir / "export"
    folder.mkdir(exist_ok=True)
    stem = (
        "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in (name or run_dir.name)).strip("-")
        or "run"
    )
    target = folder / f"{stem}-adapter.zip"
    try:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            content = build_adapter_folder(run_dir, audit, Path(scratch) / stem, extra)
            partial = Path(scratch) / "adapter.zip"
            # Weights do not compress; storing them makes the export instant.
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
                for path in sorted(content.iterdir()):
                    archive.write(path, f"{stem}/{path.name}")
            os.replace(partial, target)
    except OSError as error:
        raise ResourceError(
            f"The zip could not be written ({error.strerror}).", "Free some disk space and export again."
        ) from error
    return target


def _write_special_tokens_map(folder: Path) -> None:
    """Write the file that transformers 5 no longer writes and older loaders still read."""
    path = folder / "special_tokens_map.json"
    if path.exists():
        return
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokens = {name: config[name] for name in SPECIAL_TOKENS if config.get(name)}
    path.write_text(json.dumps(tokens, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
