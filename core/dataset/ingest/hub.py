"""A Hugging Face data set as an Upload, through the ``datasets`` library.

    read_hub("owner/name", config, split)  ·  read_hub("/a/local/folder", split="train")

Loading scripts are never run (``datasets`` 4 has none left, and no option here switches them on).
It does not know: what a column means; tokens (the Hub's own login is used).
"""

from __future__ import annotations

import hashlib
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from core.dataset.ingest.nested import opened
from core.dataset.ingest.source import Limits, Row, SourceFile, Table, Upload, cells
from core.dataset.ingest.talks import talks
from core.dataset.pulse import Pulse
from core.errors import UploadError
from core.progress import Progress, SilentProgress

_BATCH = 500
_ANSWER_S = 5.0


def read_hub(
    dataset_id: str,
    config: str = "",
    split: str = "train",
    revision: str = "",
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Upload:
    """Load one split of a data set from the Hub, the local cache or a folder.

    Args:
        dataset_id: ``owner/name``, or a local folder with data files.
        config: The subset's name; empty for the only or default one.
        split: Which split.
        revision: A commit or tag to pin; empty for the newest.
        limits: Only ``sample_rows`` applies: the library keeps rows on disk.
        progress: Told how many rows are read; may ask to stop.

    Raises:
        DatasetError: if somebody asked to stop.
        UploadError: if it does not exist, is gated, needs a config, has no such split, or cannot be reached.
    """
    name = dataset_id.strip()
    if not name:
        raise UploadError("No data set is named.", "Type its id, for example owner/name.")
    table = _load(name, config.strip(), split.strip() or "train", revision.strip())
    if not len(table):
        raise UploadError(f"{name} holds no rows in the split {split}.", "Choose another split.")
    columns = tuple(table.column_names)
    title = f"{name}:{split}" if not config else f"{name}/{config}:{split}"
    notes = (f"Rows come from the split {split} of {name}.",)
    size = int(getattr(table, "dataset_size", None) or table.data.nbytes)
    file = SourceFile(title, "hub", size, "", "", _hash(table, title, Pulse(progress or SilentProgress())), notes)
    rows = talks(opened(Table(file, lambda: _rows(table, title), columns)))
    sample = tuple(row for _, row in zip(range(limits.sample_rows), rows.read(), strict=False))
    return Upload((rows.file,), rows.columns, sample, rows.file.notes, (rows,))


def _load(name: str, config: str, split: str, revision: str) -> Any:
    # datasets imports pandas and pyarrow, which takes seconds.
    import datasets  # noqa: PLC0415

    if not Path(name).is_dir() and not _is_cached(name, datasets.config) and not _is_reachable(datasets.config):
        # The library itself would try for half a minute and then say as much.
        raise UploadError(
            f"The Hugging Face Hub cannot be reached, and {name} is not on this disk.",
            "Connect this machine to the net, or download the data set's files elsewhere and upload them here.",
        )
    try:
        return datasets.load_dataset(name, config or None, split=split, revision=revision or None)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise UploadError(
            f"There is no data set named {name} that you may read.",
            "Check the spelling; if it is gated, accept its terms on its page and log in with `hf auth login`.",
        ) from error
    except ValueError as error:
        raise UploadError(
            f"{name} cannot be loaded as asked: {_first_line(error)}", "Give its config and split."
        ) from error
    except Exception as error:
        # The library lets through the errors of every layer below it: network, file formats, Arrow.
        raise UploadError(
            f"{name} could not be loaded ({type(error).__name__}).",
            "Check the connection and that the data set has data files; or download its files and upload them.",
        ) from error


def _is_cached(name: str, config: Any) -> bool:
    """Say whether the library has kept the data set from an earlier time."""
    return (Path(config.HF_DATASETS_CACHE) / name.replace("/", "___")).is_dir()


def _is_reachable(config: Any) -> bool:
    """Ask once whether the Hub answers; behind a proxy only the library knows."""
    if config.HF_HUB_OFFLINE:
        return False
    if urllib.request.getproxies():
        return True
    address = urlsplit(config.HF_ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), _ANSWER_S).close()
    except OSError:
        return False
    return True


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).splitlines()), "").strip()
    return line[:200] if line.endswith((".", "]", ")")) else f"{line[:200]}."


def _rows(table: Any, title: str) -> Iterator[Row]:
    position = 0
    for start in range(0, len(table), _BATCH):
        batch = table[start : start + _BATCH]
        names = list(batch)
        for values in zip(*batch.values(), strict=True):
            position += 1
            yield Row(cells(dict(zip(names, values, strict=True))), title, position)


def _hash(table: Any, title: str, pulse: Pulse) -> str:
    """Hash the rows, so that the same rows have the same hash wherever they were cached."""
    digest = hashlib.sha256()
    for row in pulse.each(_rows(table, title), "Reading the rows", len(table)):
        digest.update(orjson.dumps(row.values, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS))
    return digest.hexdigest()
