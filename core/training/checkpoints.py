"""Checkpoints that are whole or absent: written aside, listed in a manifest with sizes and hashes, then renamed.

    checkpoints/.writing/checkpoint-40 ─seal→ checkpoints/checkpoint-40/whole.json …

Kept are the newest two and the best. It does not know: what is in a checkpoint, the trainer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

FOLDER, MANIFEST, WRITING = "checkpoints", "whole.json", ".writing"
NAME = re.compile(r"checkpoint-(\d+)")
KEPT = 2


def step_of(folder: Path) -> int:
    """The optimizer step that a checkpoint folder is named after; -1 where it is no checkpoint."""
    match = NAME.fullmatch(folder.name)
    return int(match.group(1)) if match else -1


def checkpoints(job_dir: Path) -> list[Path]:
    """All checkpoint folders of a job, newest step first, whole or not."""
    folder = job_dir / FOLDER
    found = [path for path in folder.iterdir() if step_of(path) >= 0] if folder.is_dir() else []
    return sorted(found, key=step_of, reverse=True)


def last_whole_checkpoint(job_dir: Path) -> Path | None:
    """The newest checkpoint of a job whose every file is as it was written, or None."""
    return next((path for path in checkpoints(job_dir) if is_whole(path)), None)


def seal(written: Path, job_dir: Path) -> Path:
    """Add the manifest to a finished folder, flush it to disk, and move it to its place in one step.

    Args:
        written: ``.writing/checkpoint-N`` under the job's checkpoints folder.
        job_dir: The job.

    Returns:
        The checkpoint in its place.
    """
    sizes = {name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for name, path in _files(written)}
    manifest = written / MANIFEST
    manifest.write_text(json.dumps(sizes, indent=1), encoding="utf-8")
    for path in (manifest, *(path for _, path in _files(written)), written):
        _flush(path)
    place = job_dir / FOLDER / written.name
    if place.exists():
        shutil.rmtree(place)
    written.rename(place)
    _flush(place.parent)
    return place


def is_whole(folder: Path) -> bool:
    """Whether every file named in the manifest is there with its size and hash."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return bool(manifest) and all(
            (folder / name).stat().st_size == facts["bytes"] and _sha256(folder / name) == facts["sha256"]
            for name, facts in manifest.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A manifest or a file that is missing or damaged is what this function is asked about.
        return False


def drop_old(job_dir: Path, best_step: int | None) -> None:
    """Delete all checkpoints but the newest two and the best."""
    for path in checkpoints(job_dir)[KEPT:]:
        if step_of(path) != best_step:
            shutil.rmtree(path)


def clear_unfinished(job_dir: Path) -> None:
    """Delete what an interrupted write left behind."""
    shutil.rmtree(job_dir / FOLDER / WRITING, ignore_errors=True)


def is_refused(error: Exception) -> bool:
    """Whether this is how a write ends that the disk refuses: safetensors and torch.save have errors of their own."""
    if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
        return True
    return isinstance(error, RuntimeError) and ("inline_container" in str(error) or "PytorchStreamWriter" in str(error))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below a folder with its relative name, the manifest excepted."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            yield path.relative_to(folder).as_posix(), path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Push a file or folder to the disk, so that a rename never outlives its content in a power cut."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
