"""The chat desk: what can be talked to, by a short key, and talking to it; in the words that screens and API use.

    key                        what it names
    20261124-0540-demo-3f2a    a run: its adapter, or its base alone while it has none
    20261124-0540-demo-3f2a@120   the run's checkpoint of step 120
    adapter-respiratory-1f0c2a    an adapter that somebody has uploaded
    base:org/model             a base model alone

While a job holds the device nothing is answered or loaded, and a chat that is under way gives way to it.
It does not know: gradio, who is logged in, how jobs are run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from core.dataset.store import open_dataset
from core.errors import DatasetError, InputError, JobError, ModelError
from core.inference.fit import WEIGHTS
from core.inference.messages import ChatPiece, ChatRequest, ChatStatus, ChatTarget
from core.inference.process import ChatProcess
from core.inference.report import Speaker
from core.inference.shelf import PREFIX, KeptAdapter, find_adapter, keep_adapter, list_adapters, remove_adapter
from core.inference.target import CONFIG, target_of
from core.jobs.controller import JobController
from core.jobs.job import Job
from core.model.device import GIB, find_device
from core.model.folder import sha256_of
from core.model.resolve import list_kept
from core.model.template import Template
from core.settings import Settings
from core.training.checkpoints import MANIFEST, checkpoints, step_of

BASE = "base:"
STEP = "@"
BUSY_CHECK_S = 0.5
# Questions that fit on a button, from among the first rows held out.
LONGEST_EXAMPLE, EXAMPLE_ROWS = 90, 400
# Above this share of a GPU's memory, 16-bit weights leave too little for the rest.
WEIGHTS_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class ChatSource:
    """Something that can be talked to.

    Args:
        key: Names it; see the module.
        name: What people call it.
        target: What has to be loaded.
        dataset_id: The data set that its run learnt from; empty where none is known.
        step: The checkpoint's step; None where it is no checkpoint.
        note: What to know about it, as a sentence; may be empty.
    """

    key: str
    name: str
    target: ChatTarget
    dataset_id: str = ""
    step: int | None = None
    note: str = ""


class ChatDesk:
    """Talking to models, in one place.

    Args:
        settings: Where files lie.
        controller: Knows the runs, and which job holds the device.
        find_base: Gives the folder of a base model that lies on this disk.
    """

    def __init__(
        self, settings: Settings, controller: JobController, find_base: Callable[[str], Path | None] = lambda _: None
    ) -> None:
        self.settings = settings
        self.controller = controller
        self.process = ChatProcess(settings.models)
        self._find_base = find_base

    # -- what can be talked to ------------------------------------------------------------------------------------

    def adapters(self) -> list[KeptAdapter]:
        """Every uploaded adapter, the newest first."""
        return list_adapters(self.settings.adapters)

    def bases(self) -> list[str]:
        """Base models that lie in the app's own folder."""
        return [model.id for model in list_kept(self.settings.models)]

    def steps(self, run_id: str) -> list[int]:
        """Steps of a run's checkpoints that can be talked to, the newest first."""
        return [step_of(path) for path in checkpoints(self._run(run_id).folder) if _has_adapter(path)]

    def best_step(self, run_id: str) -> int | None:
        """The step that a run's own adapter was taken from; None if it does not say."""
        step = self.controller.snapshot(run_id).result.get("adapter_step")
        return step if isinstance(step, int) else None

    def source(self, key: str) -> ChatSource:
        """Say what a key names.

        Raises:
            InputError: if it is no key.
            JobError: if there is no such run.
            ModelError: if there is no such checkpoint or adapter, or it cannot be used.
        """
        key = key.strip()
        if key.startswith(BASE):
            model = key.removeprefix(BASE).strip()
            if not model:
                raise InputError(
                    "No base model is named.", "Pass for example base:HuggingFaceTB/SmolLM2-135M-Instruct."
                )
            return ChatSource(key, model, self._fitted(ChatTarget(model)))
        if key.startswith(PREFIX):
            kept = find_adapter(self.settings.adapters, key)
            return ChatSource(key, kept.name, self._fitted(kept.target), note=kept.note)
        run_id, _, step = key.partition(STEP)
        run = self._run(run_id)
        if not step or step == "best":
            return ChatSource(run_id, run.name, target_of(run.folder), run.dataset_id)
        return self._checkpoint(run, step)

    def speaker(self, source: ChatSource, form: str = "") -> Speaker:
        """Which models answer, for a report: with the hash of the adapter's weights."""
        name = source.name if source.step is None else f"{source.name}, step {source.step}"
        adapter = source.target.adapter
        digest = _digest(Path(adapter) / WEIGHTS) if adapter else ""
        return Speaker(source.key, name, source.target.model, digest, form)

    def thinks(self, source: ChatSource) -> bool | None:
        """Whether its template has thinking blocks; None while its base is not on this disk."""
        folder = self._find_base(source.target.model)
        return _thinks(folder) if folder is not None else None

    def examples(self, key: str, count: int = 4) -> list[str]:
        """Short questions from the rows that a run never learnt; none where there are no such rows."""
        if not key or key.startswith((BASE, PREFIX)):
            return []
        try:
            dataset = open_dataset(self.settings.datasets, self._run(key.partition(STEP)[0]).dataset_id)
        except (DatasetError, JobError):
            return []  # deleted since; the screen has general questions then
        asked = (record.prompt.strip() for record in islice(dataset.eval(), EXAMPLE_ROWS))
        short = list(dict.fromkeys(ask for ask in asked if ask and len(ask) <= LONGEST_EXAMPLE and "\n" not in ask))
        # spread over the rows, so that they are not all about one topic
        return [short[at * len(short) // count] for at in range(count)] if len(short) >= count else short

    # -- bringing an adapter --------------------------------------------------------------------------------------

    def add_adapter(self, paths: Sequence[Path], *, name: str = "", base: str = "") -> KeptAdapter:
        """Check and keep an uploaded adapter; see shelf.keep_adapter."""
        return keep_adapter(paths, self.settings.adapters, name=name, base=base, find_base=self._find_base)

    def remove_adapter(self, id: str) -> None:
        """Delete an uploaded adapter; one that is loaded is let go first."""
        kept = find_adapter(self.settings.adapters, id)
        if self.process.status().adapter == str(kept.folder):
            self.process.close()
        remove_adapter(self.settings.adapters, id)

    # -- talking --------------------------------------------------------------------------------------------------

    def status(self) -> ChatStatus:
        """How the chat's process is."""
        return self.process.status()

    def ask(self, key: str, request: ChatRequest, asker: str = "") -> Iterator[ChatPiece]:
        """Answer with base, tuned, or both in one batch, piece by piece.

        Args:
            key: What to talk to.
            request: The conversations and how to answer.
            asker: Who asks; ``stop`` with the same name ends this answer only.

        Raises:
            ConfigError: if the request cannot be answered as it is.
            JobError: while a job holds the device, or when one starts meanwhile.
            ModelError: if there is no adapter, or the model or the conversation cannot be used.
        """
        request.check()
        self._refuse_while_busy()
        target = self.source(key).target
        looked = time.monotonic()
        for piece in self.process.ask(target, request, asker):
            if time.monotonic() - looked > BUSY_CHECK_S:
                looked = time.monotonic()
                self._give_way()
            yield piece

    def stop(self, asker: str = "") -> None:
        """End the answer that is being written, if this visitor (or, empty, anybody) asked for it."""
        self.process.stop(asker)

    def warm(self) -> bool:
        """Let the chat's process import its libraries, unless a job holds the device; returns at once whether it does."""
        if self.controller.active() is not None:
            return False
        self.process.warm()
        if self.controller.active() is not None:  # one began in between: it goes first
            self.process.close()
            return False
        return True

    def close(self) -> None:
        """End the process, so that its memory is free; the next question starts another."""
        self.process.close()

    # -- inside ---------------------------------------------------------------------------------------------------

    def _refuse_while_busy(self) -> None:
        if (busy := self.controller.active()) is not None:
            raise JobError(
                f"{busy.name} is using the machine.", "Chat again when it has ended, or pause it in the sidebar."
            )

    def _give_way(self) -> None:
        if (busy := self.controller.active()) is not None:
            self.process.close()
            raise JobError(
                f"{busy.name} has started and needs the machine, so the answer was cut off.",
                "Ask again when it has ended.",
            )

    def _run(self, run_id: str) -> Job:
        run = next((job for job in self.controller.jobs() if job.id == run_id and job.kind == "train"), None)
        if run is None:
            raise JobError(f"There is no run {run_id[:80]!r}.", "Choose one from the list of runs.")
        return run

    def _checkpoint(self, run: Job, step: str) -> ChatSource:
        folder = next((path for path in checkpoints(run.folder) if str(step_of(path)) == step), None)
        if folder is None or not _has_adapter(folder):
            raise ModelError(
                f"{run.name} has no checkpoint of step {step[:20]!r}.",
                "Only the newest two and the best are kept: choose one from the list.",
            )
        found = target_of(folder)
        # a checkpoint names its base as this machine's folder; the run names it by its id
        target = replace(found, model=target_of(run.folder).model)
        return ChatSource(f"{run.id}{STEP}{step}", run.name, target, run.dataset_id, int(step))

    def _fitted(self, target: ChatTarget) -> ChatTarget:
        """With 4-bit weights where 16-bit ones would not fit into the GPU: nothing says here how it was trained."""
        folder, device = self._find_base(target.model), find_device()
        if folder is None or device.kind != "cuda":
            return target
        size_gib = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
        return replace(target, quantisation="nf4") if size_gib > WEIGHTS_SHARE * device.total_gib else target


def _has_adapter(checkpoint: Path) -> bool:
    """Whether a checkpoint was written to its end, and holds an adapter."""
    return all((checkpoint / name).is_file() for name in (MANIFEST, CONFIG, WEIGHTS))


def _digest(path: Path) -> str:
    stat = path.stat()
    return _digest_of(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _digest_of(path: Path, changed_ns: int, size: int) -> str:
    return sha256_of(path)


@lru_cache(maxsize=16)
def _thinks(folder: Path) -> bool:
    return Template.from_folder(folder).habits.thinks
