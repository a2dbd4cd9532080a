"""The merging desk: the job that makes a merged model, whether there is room for it, and the model as a zip.

    desk = MergeDesk(controller, find_model)
    job = desk.start(run)                  → runs/<run>/<run>-merged/model/
    zip_path = desk.zip(run, folder, extra)

It does not know: how weights are merged (merge.py does, in the job's own process), gradio.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import JobError, ModelError, ResourceError
from core.export.merge import OUTPUT
from core.jobs.controller import JobController
from core.jobs.job import Job

GIB = 1024**3
# The merged weights as large as the base's, and some air for everything else on the disk.
ROOM_FACTOR = 1.1


def _nothing() -> None:
    """Free nothing."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much disk a merged model takes.

    Args:
        needed_gib: What it needs; None while the base model is not on this disk.
        free_gib: What is free.
    """

    needed_gib: float | None
    free_gib: float

    @property
    def fits(self) -> bool:
        """Whether it fits, as far as anybody knows."""
        return self.needed_gib is None or self.needed_gib <= self.free_gib


class MergeDesk:
    """Merged models, one a run.

    Args:
        controller: Runs the jobs.
        find_model: Says where a base model lies on this disk, by its id.
        free_device: Called before a job starts; for example ends the chat, which holds memory.
    """

    def __init__(
        self,
        controller: JobController,
        find_model: Callable[[str], Path | None],
        free_device: Callable[[], None] = _nothing,
    ) -> None:
        self.controller = controller
        self._find_model = find_model
        self._free_device = free_device

    def room(self, run: Job) -> Room:
        """How much disk the merged model of a run needs, as far as its files say, and how much is free."""
        try:
            base = str(json.loads((run.folder / "config.json").read_text(encoding="utf-8"))["model"])
        except (OSError, ValueError, KeyError, TypeError):
            base = ""  # missing or damaged; the job itself refuses to merge it
        folder = self._find_model(base) if base else None
        weights = [] if folder is None else [path.stat().st_size for path in folder.glob("*.safetensors")]
        needed_gib = ROOM_FACTOR * sum(weights) / GIB if weights else None
        return Room(needed_gib, shutil.disk_usage(run.folder).free / GIB)

    def start(self, run: Job) -> Job:
        """Merge a run's adapter into its base, in the background; a merged model from before is replaced.

        Raises:
            ModelError: if the run has no adapter.
            ResourceError: if the disk is too full.
            JobError: if another job holds the device.
        """
        if not (run.folder / "adapter" / "adapter_model.safetensors").is_file():
            raise ModelError(f"{run.name} has no adapter to merge.", "Let it finish, or resume it, then merge it.")
        self._refuse_while_busy()
        earlier = self.job(run)
        room = self.room(run)
        if not room.fits:
            raise ResourceError(
                f"The merged model needs {room.needed_gib:.1f} GiB of disk; {room.free_gib:.1f} GiB are free.",
                "Free some disk space, or take the adapter home and merge it elsewhere.",
            )
        self._free_device()
        if earlier is not None:
            self.controller.delete(earlier.id)
        name = f"Merged model · {run.name}"
        return self.controller.submit("merge", run.folder / f"{run.id}-merged", name=name, dataset_id=run.dataset_id)

    def job(self, run: Job) -> Job | None:
        """The job that merges, or has merged, a run; None if nobody asked for it."""
        found = (job for job in self.controller.jobs() if job.kind == "merge" and job.folder.parent == run.folder)
        return next(found, None)

    def folder(self, run: Job) -> Path | None:
        """Where the merged model of a run lies; None if there is none."""
        job = self.job(run)
        folder = job.folder / OUTPUT if job is not None and job.state == "finished" else None
        return folder if folder is not None and (folder / "config.json").is_file() else None

    def zip(self, run: Job, target: Path, extra: Mapping[str, str]) -> Path:
        """Write the merged model as a zip into a folder and return its path.

        Args:
            run: Which run.
            target: The folder that the zip goes to.
            extra: Text files that go with it, by name.

        Raises:
            JobError: if there is no merged model.
            ResourceError: if the disk is too full.
        """
        folder = self.folder(run)
        if folder is None:
            raise JobError("There is no merged model of this run.", "Merge it first.")
        size_bytes = sum(path.stat().st_size for path in folder.iterdir())
        free_bytes = shutil.disk_usage(target).free
        if free_bytes < ROOM_FACTOR * size_bytes:
            raise ResourceError(
                f"The zip needs {size_bytes / GIB:.1f} GiB of disk; {free_bytes / GIB:.1f} GiB are free.",
                f"Copy the folder instead: {folder}",
            )
        path = target / f"{run.id}-merged.zip"
        try:
            # weights do not compress; storing them is as quick as copying
            with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
                for file in sorted(folder.iterdir()):
                    archive.write(file, f"{run.id}-merged/{file.name}")
                for name, text in extra.items():
                    archive.writestr(f"{run.id}-merged/{name}", text)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise ResourceError(
                f"The zip could not be written ({error.strerror}).", "Free some disk space and try again."
            ) from error
        return path

    def _refuse_while_busy(self) -> None:
        busy = self.controller.active()
        if busy is not None:
            raise JobError(
                f"The machine is busy: {busy.name} is {busy.state}.",
                "Wait until it has ended, or stop it, then merge again.",
            )
