"""What a person brings for a new data set: files or a Hub data set, files to hold out, benchmark files.

    Intake(files=(path,)) · Intake(hub=HubSet("owner/name"))  ─Reader.read→  Upload

The last uploads stay open, because somebody who tries out a mapping reads the same one again and again.
It does not know: mapping, cleaning, screens.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from core.dataset.ingest import Upload, read_hub, read_upload
from core.errors import ConfigError, Problem, UploadError
from core.progress import Progress

_HUB_PAGE = re.compile(r"^https?://huggingface\.co/datasets/([^/?#]+/[^/?#]+).*$")
_HUB_ID = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)?")
_MOST_OPEN = 4


@dataclass(frozen=True, slots=True)
class HubSet:
    """One split of a data set on the Hugging Face Hub.

    Args:
        id: ``owner/name``, the address of its page, or a folder of this machine.
        config: The subset's name; empty for the only or default one.
        split: Which split.
        revision: A commit or tag to pin; empty for the newest.
    """

    id: str
    config: str = ""
    split: str = "train"
    revision: str = ""

    @classmethod
    def from_json(cls, body: Any) -> HubSet:
        """Read it from a form or an API call.

        Raises:
            ConfigError: naming what is unknown, missing, or no text.
        """
        known = [item.name for item in fields(cls)]
        if not isinstance(body, Mapping) or not isinstance(body.get("id"), str) or not body["id"].strip():
            raise ConfigError([Problem("hub", "hub must name a data set, for example {'id': 'owner/name'}.")])
        wrong = [name for name, value in body.items() if name not in known or not isinstance(value, str)]
        if wrong:
            raise ConfigError([Problem("hub", f"hub takes {', '.join(known)} as text; {wrong[0]!r} is not one.")])
        values = {name: value.strip() for name, value in body.items()}
        page = _HUB_PAGE.match(values["id"])
        return cls(**values | {"id": page[1] if page else values["id"], "split": values.get("split") or "train"})

    @property
    def is_folder(self) -> bool:
        """Whether it names a folder of this machine."""
        return Path(self.id).expanduser().is_dir()

    def title(self) -> str:
        """What to call a data set that is made of it."""
        return Path(self.id).name if self.is_folder else self.id.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Intake:
    """What a data set is made of.

    Args:
        files: Files with questions and answers.
        hub: A Hub data set instead of files.
        held_out: Files to hold out instead of a share of the rows.
        benchmarks: Files whose questions must not be in training.
    """

    files: tuple[Path, ...] = ()
    hub: HubSet | None = None
    held_out: tuple[Path, ...] = ()
    benchmarks: tuple[Path, ...] = ()

    def title(self) -> str:
        """What to call the data set if nobody says."""
        return self.hub.title() if self.hub else self.files[0].stem if self.files else "Upload"

    def check(self) -> None:
        """Refuse what cannot be told apart later.

        Raises:
            UploadError: if two benchmark files have one name.
        """
        name, count = Counter(path.name for path in self.benchmarks).most_common(1)[0] if self.benchmarks else ("", 0)
        if count > 1:
            raise UploadError(
                f"{count} benchmark files are called {name}.", "Rename them, so that they can be told apart."
            )


class Reader:
    """Reads uploads and keeps the last few open.

    Args:
        local_folders: Whether a Hub data set may be a folder of this machine; not where strangers reach the page.
    """

    def __init__(self, local_folders: bool = True) -> None:
        self._local_folders = local_folders
        self._open: OrderedDict[tuple[Any, ...], Upload] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, intake: Intake, *, afresh: bool = False, progress: Progress | None = None) -> Upload:
        """Read what was brought.

        Args:
            intake: Files, or a Hub data set.
            afresh: Whether to ask again even if it is still open.
            progress: Told how many rows of a Hub data set are read; may ask to stop.

        Raises:
            UploadError: if it cannot be read, or nothing was brought.
        """
        key = (intake.hub, *((str(path), _stamp(path)) for path in intake.files))
        with self._lock:
            known = None if afresh else self._open.get(key)
        if known:
            return known
        upload = self._read_hub(intake.hub, progress) if intake.hub else read_upload(intake.files)
        with self._lock:
            self._open[key] = upload
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
        return upload

    def _read_hub(self, hub: HubSet, progress: Progress | None) -> Upload:
        if hub.is_folder and not self._local_folders:
            raise UploadError(
                "A folder of this machine cannot be read while others can reach the page.",
                "Upload its files, or give the id of a data set on the Hub.",
            )
        if not hub.is_folder and not _HUB_ID.fullmatch(hub.id):
            raise UploadError(
                f"{hub.id[:80]!r} is no id of a data set.", "Type it as on its page, for example owner/name."
            )
        name = str(Path(hub.id).expanduser()) if hub.is_folder else hub.id
        return read_hub(name, hub.config, hub.split, hub.revision, progress=progress)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (0, 0)  # reading it will say what is wrong
    return (stat.st_mtime_ns, stat.st_size)
