"""Adapters that somebody brought along: kept below the data home, each with its base, its hash and where it came from.

    kept = keep_adapter([path], settings.adapters, base="")     →  KeptAdapter(id="adapter-respiratory-1f0c2a9b", …)
    list_adapters(settings.adapters)

An adapter is written aside, checked whole, and renamed into its place; what is refused leaves nothing behind.
It does not know: runs, processes, how answers are made.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import ModelError, ResourceError
from core.inference.fit import WEIGHTS, check_fit
from core.inference.messages import ChatTarget
from core.inference.target import CONFIG, check_adapter, is_hub_id, target_of
from core.inference.upload import unpack, upload_name
from core.model.folder import sha256_of

FACTS = "upload.json"
PREFIX = "adapter-"
SPARE_BYTES = 512 * 1024**2
_ID = re.compile(r"adapter-[a-z0-9-]{1,60}")
FindBase = Callable[[str], Path | None]


@dataclass(frozen=True, slots=True)
class KeptAdapter:
    """An uploaded adapter.

    Args:
        id: Its folder's name.
        name: What people call it.
        folder: Where it lies.
        base: The base model it goes with: a Hub id or a folder.
        rank: LoRA rank.
        sha256: Hash of its weights.
        bytes: Size of its weights.
        added: When it was uploaded, UTC ISO-8601.
        note: What to know about it, as a sentence; may be empty.
    """

    id: str
    name: str
    folder: Path
    base: str
    rank: int
    sha256: str
    bytes: int
    added: str
    note: str = ""

    @property
    def target(self) -> ChatTarget:
        """What the chat has to load."""
        return target_of(self.folder, self.base)


def keep_adapter(
    paths: Sequence[Path], shelf: Path, *, name: str = "", base: str = "", find_base: FindBase = lambda _: None
) -> KeptAdapter:
    """Check an upload and keep it; the same adapter for the same base is kept once.

    Args:
        paths: One zip, or the files of an adapter's folder.
        shelf: The folder of uploaded adapters.
        name: What to call it; empty takes the zip's name.
        base: The base model it goes with; empty takes the one that it names.
        find_base: Gives the folder of a base that lies on this disk; its layers are then compared with the adapter's.

    Raises:
        UploadError: if there is no adapter in it, more than one, or it is damaged or built to harm.
        ModelError: if it is a pickle, damaged, no plain LoRA, or made for another base.
        ResourceError: if the disk is too full.
    """
    shelf.mkdir(parents=True, exist_ok=True, mode=0o700)
    size = sum(path.stat().st_size for path in paths)
    if shutil.disk_usage(shelf).free < size + SPARE_BYTES:
        raise ResourceError("The disk is too full for this adapter.", "Free some space, then upload it again.")
    aside = shelf / f".writing-{secrets.token_hex(4)}"
    aside.mkdir(mode=0o700)
    try:
        unpack(paths, aside)
        facts = _facts(aside, name.strip() or upload_name(paths), base.strip(), find_base)
        return _put(aside, shelf, facts)
    except OSError as error:
        raise ResourceError(
            f"The adapter could not be written ({error.strerror}).", "Free some disk space, then upload it again."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def list_adapters(shelf: Path) -> list[KeptAdapter]:
    """Every uploaded adapter, the newest first; a damaged folder does not hide the others."""
    found = []
    for folder in shelf.iterdir() if shelf.is_dir() else ():
        if _ID.fullmatch(folder.name):
            try:
                found.append(_read(folder))
            except ModelError:
                continue  # choosing it by its id says what is wrong
    return sorted(found, key=lambda kept: (kept.added, kept.id), reverse=True)


def find_adapter(shelf: Path, id: str) -> KeptAdapter:
    """Give one uploaded adapter.

    Raises:
        ModelError: if there is none of that id, or it is damaged.
    """
    folder = shelf / id
    if not _ID.fullmatch(id) or not folder.is_dir():
        raise ModelError(f"There is no uploaded adapter {id[:80]!r}.", "Choose one from the list, or upload it again.")
    return _read(folder)


def remove_adapter(shelf: Path, id: str) -> None:
    """Delete an uploaded adapter for good.

    Raises:
        ModelError: if there is none of that id.
    """
    folder = find_adapter(shelf, id).folder
    aside = shelf / f".gone-{secrets.token_hex(4)}"
    folder.rename(aside)
    shutil.rmtree(aside)


def _facts(folder: Path, name: str, base: str, find_base: FindBase) -> dict[str, Any]:
    """Check what was unpacked against the base, and describe it."""
    config = check_adapter(folder)
    named = str(config.get("base_model_name_or_path") or "")
    target = target_of(folder, base)
    base_folder = find_base(target.model)
    note = ""
    if base_folder is not None:
        check_fit(folder, base_folder)
    elif not is_hub_id(target.model):
        raise ModelError(
            f"The adapter names its base as a folder that is not on this machine: {target.model[:200]}.",
            "Choose the base model it was trained on, then upload it again.",
        )
    else:
        note = "Its base model is not on this disk; the first question fetches it."
    if named and base and not is_hub_id(named) and base_folder is not None:
        note = f"It names its base only as a folder of another machine ({named[:120]}); its layers fit {base}."
    return {
        "name": name[:80],
        "base": target.model,
        "rank": int(config.get("r") or 0),
        "sha256": sha256_of(folder / WEIGHTS),
        "bytes": (folder / WEIGHTS).stat().st_size,
        "added": datetime.now(UTC).isoformat(timespec="seconds"),
        "note": note,
    }


def _put(aside: Path, shelf: Path, facts: dict[str, Any]) -> KeptAdapter:
    for kept in list_adapters(shelf):
        if (kept.sha256, kept.base) == (facts["sha256"], facts["base"]):
            return kept
    slug = re.sub(r"[^a-z0-9]+", "-", facts["name"].lower()).strip("-")[:32].strip("-") or "upload"
    place = shelf / f"{PREFIX}{slug}-{secrets.token_hex(3)}"
    (aside / FACTS).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
    aside.rename(place)
    return _read(place)


def _read(folder: Path) -> KeptAdapter:
    try:
        body = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        kept = KeptAdapter(id=folder.name, folder=folder, **body)
        if not (folder / CONFIG).is_file() or (folder / WEIGHTS).stat().st_size != kept.bytes:
            raise ValueError("incomplete")
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"The uploaded adapter {folder.name} is damaged.", "Delete it, then upload it again."
        ) from error
    return kept


def as_json(kept: KeptAdapter) -> dict[str, Any]:
    """Plain values for the API; where it lies stays here."""
    return {key: value for key, value in asdict(kept).items() if key != "folder"}
