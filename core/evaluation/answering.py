"""Base and tuned model of a run, opened once to answer and to be measured: what every evaluation asks.

    answering = Answering.open(run_dir, models_dir, progress)
    for index, base, tuned in answering.answers(prompts, ChatOptions(temperature=0)): …   (Answer: text, tokens, finish)
    answering.describe()  →  who answered: base, adapter, hashes, number format

A test brings any object with the two methods of Answerer. It does not know: what is asked, scores, files of jobs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import ModelError
from core.inference.messages import ChatOptions, ChatTarget
from core.inference.target import check_adapter, target_of
from core.model.device import find_device
from core.model.folder import sha256_of, weights_sha256
from core.progress import Progress
from core.records import Message
from core.training.checkpoints import FOLDER, last_whole_checkpoint
from core.training.train import limit_threads

if TYPE_CHECKING:
    from core.inference.batch import Answer, AnswerLoss
    from core.inference.loader import Loaded
    from core.model.encode import Encoded
    from core.model.template import Template

BEST, LAST = "best", "last"
WEIGHTS = "adapter_model.safetensors"


class Answerer(Protocol):
    """Answers with both models."""

    def answers(
        self, prompts: Sequence[Sequence[Message]], options: ChatOptions
    ) -> Iterator[tuple[int, Answer, Answer]]:
        """Answer every prompt, in any order.

        Args:
            prompts: Conversations whose last message is the user's.
            options: How to answer.

        Yields:
            Position in ``prompts``, the base's answer, the tuned model's. Fewer than asked if the person wants to stop.
        """

    def describe(self) -> Mapping[str, Any]:
        """Say who answers, as plain values for EvaluationResult.models."""


class Answering:
    """The real Answerer: batches of both models from one set of weights; made by ``open``."""

    def __init__(self, batch: Any, described: Mapping[str, Any], progress: Progress) -> None:
        self._batch, self._described, self._progress = batch, dict(described), progress

    @classmethod
    def open(cls, run_dir: Path, models_dir: Path, progress: Progress, *, adapter: str = BEST) -> Answering:
        """Load the models of a run.

        Args:
            run_dir: The run's folder.
            models_dir: Where base models are kept.
            progress: Told of each phase of loading; asked at every token whether to stop.
            adapter: ``best`` (what the run has kept), ``last`` (its newest checkpoint), or a checkpoint's name.

        Raises:
            ModelError: if the run has no such adapter, or its models cannot be loaded.
            ResourceError: if the memory is too small.
        """
        device = find_device()
        limit_threads(device)
        from core.inference.batch import Batch  # noqa: PLC0415  (loads the tokenizers library, and then torch)
        from core.inference.loader import load  # noqa: PLC0415

        loaded = load(target_with(run_dir, adapter), models_dir, progress)
        return cls(Batch(loaded), who(loaded, run_dir), progress)

    def answers(
        self, prompts: Sequence[Sequence[Message]], options: ChatOptions
    ) -> Iterator[tuple[int, Answer, Answer]]:
        """Answer every prompt; see Answerer. Batches come with the longest prompts first.

        Raises:
            ConfigError: if the options are out of range, or a prompt holds no question.
            ResourceError: if not even one prompt fits into memory.
        """
        yield from self._batch.answers(prompts, options, self._stopped)

    def losses(self, rows: Sequence[Encoded]) -> Iterator[tuple[int, AnswerLoss]]:
        """Measure the loss of both models on each row's learned tokens, in any order; fewer if asked to stop.

        Raises:
            ResourceError: if not even one row fits into memory.
        """
        yield from self._batch.losses(rows, self._stopped)

    @property
    def template(self) -> Template:
        """What writes conversations for these models."""
        template: Template = self._batch.loaded.template
        return template

    def describe(self) -> Mapping[str, Any]:
        """Say who answers: ids, SHA-256 of the weights, number format."""
        return dict(self._described)

    def _stopped(self) -> bool:
        return self._progress.stop_requested() is not None


def target_with(run_dir: Path, adapter: str) -> ChatTarget:
    """Say what to load to judge one adapter of a run; see Answering.open for its names.

    Raises:
        ModelError: if the run has no such adapter, or it is damaged.
    """
    target = target_of(run_dir)
    if not target.adapter:
        raise ModelError(
            "This run has no adapter yet, so there is nothing to compare.", "Let it train to its end, or stop and keep."
        )
    folder = adapter_folder(run_dir, adapter)
    check_adapter(folder)
    return dataclasses.replace(target, adapter=str(folder))


def who(loaded: Loaded, run_dir: Path) -> dict[str, Any]:
    """Say which models judge or answer, with hashes, for a result's ``models``."""
    adapter = Path(loaded.target.adapter)
    return {
        "base": loaded.resolved.id,
        "base_sha256": weights_sha256(loaded.resolved.folder),
        "run": run_dir.name,
        "adapter": adapter.name,
        "adapter_sha256": sha256_of(adapter / WEIGHTS),
        "form": loaded.form.value,
        "quantisation": loaded.target.quantisation,
        "dtype": str(loaded.model.dtype).removeprefix("torch."),
    }


def adapter_folder(run_dir: Path, adapter: str) -> Path:
    """Find the adapter that is meant; see Answering.open.

    Raises:
        ModelError: if the run does not have it.
    """
    if adapter == BEST:
        return run_dir / "adapter"
    folder = last_whole_checkpoint(run_dir) if adapter == LAST else run_dir / FOLDER / Path(adapter).name
    if folder is None or not folder.is_dir():
        raise ModelError(f"The run has no checkpoint {adapter!r}.", "Choose the best adapter, or another checkpoint.")
    return folder
