"""The upload's own bytes, kept beside the data set, so that a cleaning step can be undone by cleaning again.

    keep(folder, upload, eval_upload) → {"train": ["a.csv"], "eval": []}
    train, evaluation = read_again(folder, kept)

It does not know: mapping, cleaning.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.dataset.ingest import Upload, read_upload
from core.errors import DatasetError

SOURCE = "source"
_HUB_ROWS = "hub_rows.jsonl"


def keep(folder: Path, upload: Upload, eval_upload: Upload | None) -> dict[str, list[str]]:
    """Copy what came in and return the names under which it is kept, in order.

    Rows of a Hub data set are written as they were read, because their revision may be gone tomorrow.
    """
    kept = {"train": _keep(folder / SOURCE, upload), "eval": list[str]()}
    if eval_upload:
        kept["eval"] = _keep(folder / SOURCE / "eval", eval_upload)
    return kept


def keep_files(folder: Path, train: Sequence[Path], evaluation: Sequence[Path]) -> dict[str, list[str]]:
    """Do the same for files that were read without an upload."""
    return {"train": _copy(folder / SOURCE, train), "eval": _copy(folder / SOURCE / "eval", evaluation)}


def read_again(folder: Path, kept: Mapping[str, Sequence[str]]) -> tuple[Upload, Upload | None]:
    """Read what was kept.

    Raises:
        DatasetError: if the source is not there any more.
        UploadError: if it cannot be read.
    """
    parts = {
        "train": [folder / SOURCE / name for name in kept.get("train", ())],
        "eval": [folder / SOURCE / "eval" / name for name in kept.get("eval", ())],
    }
    if not parts["train"] or not all(path.is_file() for paths in parts.values() for path in paths):
        raise DatasetError("The files that this data set was made from are not there any more.", "Upload them again.")
    return read_upload(parts["train"]), read_upload(parts["eval"]) if parts["eval"] else None


def _keep(folder: Path, upload: Upload) -> list[str]:
    if upload.paths:
        return _copy(folder, upload.paths)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _HUB_ROWS).open("w", encoding="utf-8", errors="replace") as file:
        for row in upload.rows():
            file.write(json.dumps(row.values, ensure_ascii=False, default=str) + "\n")
    return [_HUB_ROWS]


def _copy(folder: Path, paths: Sequence[Path]) -> list[str]:
    """Copy files; of several with one name the later ones get a number."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for path in paths:
        target, number = folder / path.name, 2
        while target.exists():
            target, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
        shutil.copyfile(path, target)
        names.append(target.name)
    return names
