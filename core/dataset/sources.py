"""The upload's own bytes, kept beside the data set, so that a cleaning step can be undone by cleaning again.

    keep(folder, upload, eval_upload) → {"train": ["a.csv"], "eval": []}
    train, evaluation = read_again(folder, kept)

It does not know: mapping, cleaning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from core.dataset.ingest import Upload, read_upload
from core.dataset.ingest.source import COPY_BYTES
from core.dataset.pulse import Pulse
from core.errors import DatasetError
from core.progress import SilentProgress

SOURCE = "source"
_HUB_ROWS = "hub_rows.jsonl"
_TITLE = "Keeping the upload"


def keep(folder: Path, upload: Upload, eval_upload: Upload | None, pulse: Pulse) -> dict[str, list[str]]:
    """Copy what came in and return the names under which it is kept, in order.

    Rows of a Hub data set are written as they were read, because their revision may be gone tomorrow.
    """
    kept = {"train": _keep(folder / SOURCE, upload, pulse), "eval": list[str]()}
    if eval_upload:
        kept["eval"] = _keep(folder / SOURCE / "eval", eval_upload, pulse)
    return kept


def keep_files(folder: Path, train: Sequence[Path], evaluation: Sequence[Path]) -> dict[str, list[str]]:
    """Do the same for files that were read without an upload."""
    silent = Pulse(SilentProgress())
    return {"train": _copy(folder / SOURCE, train, silent), "eval": _copy(folder / SOURCE / "eval", evaluation, silent)}


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


def _keep(folder: Path, upload: Upload, pulse: Pulse) -> list[str]:
    if upload.paths:
        return _copy(folder, upload.paths, pulse)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _HUB_ROWS).open("w", encoding="utf-8", errors="replace") as file:
        for row in pulse.each(upload.rows(), _TITLE):
            file.write(json.dumps(row.values, ensure_ascii=False, default=str) + "\n")
    return [_HUB_ROWS]


def _copy(folder: Path, paths: Sequence[Path], pulse: Pulse) -> list[str]:
    """Copy files; of several with one name the later ones get a number."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for path in paths:
        target, number = folder / path.name, 2
        while target.exists():
            target, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
        with path.open("rb") as source, target.open("wb") as copy:
            for chunk in pulse.each(iter(partial(source.read, COPY_BYTES), b""), _TITLE):
                copy.write(chunk)
        names.append(target.name)
    return names
