"""The loop: transformers.Trainer with our loss, our evaluation and our checkpoints.

    trainer_class()(parts, model=…, args=…, train_dataset=…, data_collator=…).train(resume_from_checkpoint=…)

Optimizer, schedule, accumulation, clipping, data order, random state and resume are the library's. It does not know:
where data and settings come from, who listens.
"""

from __future__ import annotations

import functools
import itertools
import math
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ResourceError
from core.progress import Progress
from core.training.callbacks import Reporter
from core.training.checkpoints import FOLDER, WRITING, drop_old, is_refused, seal
from core.training.engine import Engine, LoadedModel
from core.training.loss import OutputLayer, answer_loss

# Besides the checkpoint itself, so much must stay free on the disk while it is written.
DISK_MARGIN_BYTES = 200 * 2**20


@dataclass(frozen=True, slots=True)
class LoopParts:
    """What the loop needs beside the library's own arguments.

    Args:
        engine: The engine that loaded the model.
        loaded: The model.
        output: Its frozen output layer.
        job_dir: Where checkpoints go.
        reporter: Counts tokens, hears how far an evaluation is, and says when to stop.
    """

    engine: Engine
    loaded: LoadedModel
    output: OutputLayer
    job_dir: Path
    reporter: Reporter

    @property
    def progress(self) -> Progress:
        """Who listens."""
        return self.reporter.listening.progress


def batch_loss(parts: LoopParts, batch: dict[str, Any]) -> Any:
    """Sum the loss of the trained tokens of one batch.

    Args:
        parts: Engine and model.
        batch: What a collator of batches.py made, on the model's device.
    """
    arguments: dict[str, Any] = {"input_ids": batch["input_ids"], "use_cache": False}
    if "lengths" in batch:
        arguments |= {"position_ids": batch["position_ids"]}
        arguments |= parts.engine.row_arguments(parts.loaded, batch["lengths"], batch["input_ids"].device)
    elif "attention_mask" in batch:
        arguments |= {"attention_mask": batch["attention_mask"]}
    hidden = parts.loaded.decoder(**arguments)[0]
    return answer_loss(hidden, batch["predict_at"], batch["targets"], parts.output)


def mean_loss(trainer: Any, parts: LoopParts, batches: Any) -> float:
    """Mean loss per trained token over all batches, in evaluation mode; no logits are kept.

    Args:
        trainer: Gives the number format and moves tensors.
        parts: Engine, model and who listens.
        batches: The evaluation rows, with a length.

    Returns:
        Sum of losses over sum of trained tokens; NaN if the person asked to stop meanwhile.
    """
    import torch  # noqa: PLC0415

    total, tokens = torch.zeros((), dtype=torch.float64), 0
    parts.loaded.model.eval()
    try:
        with torch.no_grad(), trainer.accelerator.autocast():
            for number, batch in enumerate(batches):
                if parts.progress.stop_requested():
                    return math.nan
                parts.progress.phase("evaluating", number, len(batches))
                batch = trainer._prepare_inputs(batch)
                total += batch_loss(parts, batch).double().cpu()
                tokens += len(batch["targets"])
    finally:
        parts.loaded.model.train()
    return float(total) / max(1, tokens)


def write_checkpoint(trainer: Any, parts: LoopParts, save: Any) -> None:
    """Have the library write a checkpoint aside, then seal it and rename it.

    Args:
        trainer: The trainer, whose output folder is moved aside for the time of writing.
        parts: Model and job folder.
        save: The library's own saving.

    Raises:
        ResourceError: if the disk has not enough room; the checkpoints before stay as they are.
    """
    step = trainer.state.global_step
    if not adapter_is_finite(parts.loaded.model):
        return
    _check_disk(parts, parts.job_dir)
    aside = parts.job_dir / FOLDER / WRITING
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    place = trainer.args.output_dir
    trainer.args.output_dir = str(aside)
    try:
        save()
        _name_best_in_its_place(trainer, parts.job_dir, aside / f"checkpoint-{step}")
        seal(aside / f"checkpoint-{step}", parts.job_dir)
    except Exception as error:
        if not is_refused(error):
            raise
        why = getattr(error, "strerror", None) or "the disk refused it"
        raise ResourceError(
            f"The checkpoint of step {step} could not be written: {why}.",
            "Free some disk space, then resume: the checkpoints before this one are whole.",
        ) from error
    finally:
        trainer.args.output_dir = place
        shutil.rmtree(aside, ignore_errors=True)
    drop_old(parts.job_dir, trainer.state.best_global_step or None)


def _name_best_in_its_place(trainer: Any, job_dir: Path, written: Path) -> None:
    """Record the best checkpoint under the path it will have, not where it was written.

    The library looks for it in its output folder, which is moved aside just then; a resumed run would warn that the
    best checkpoint does not exist any more, and forget it.
    """
    from transformers.trainer import TRAINER_STATE_NAME  # noqa: PLC0415

    state = trainer.state
    if not state.best_global_step:
        return
    place = job_dir / FOLDER / f"checkpoint-{state.best_global_step}"
    state.best_model_checkpoint = str(place) if place.name == written.name or place.is_dir() else None
    state.save_to_json(str(written / TRAINER_STATE_NAME))


def _check_disk(parts: LoopParts, folder: Path) -> None:
    trained = sum(p.numel() * p.element_size() for p in parts.loaded.model.parameters() if p.requires_grad)
    # Weights and two moments.
    needed = 3 * trained + DISK_MARGIN_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ResourceError(
            f"The disk has {free / 2**30:.1f} GiB left, a checkpoint needs {needed / 2**30:.1f} GiB.",
            "Free some disk space, then resume: the checkpoints before this one are whole.",
        )


def random_state_kept() -> AbstractContextManager[None]:
    """Within it, torch's random numbers may be drawn; afterwards it is as if they had not been."""
    import torch  # noqa: PLC0415

    kept: AbstractContextManager[None] = torch.random.fork_rng(devices=range(torch.cuda.device_count()))
    return kept


def adapter_is_finite(model: Any) -> bool:
    """Whether every trained weight is a number."""
    import torch  # noqa: PLC0415

    with torch.no_grad():
        return all(bool(torch.isfinite(p).all()) for p in model.parameters() if p.requires_grad)


@functools.cache
def trainer_class() -> Any:
    """The trainer; made on first use, because its base class is transformers' (and Unsloth must have patched it)."""
    from transformers import Trainer, TrainerState  # noqa: PLC0415

    class AnswerTrainer(Trainer):
        """Trainer whose loss is the mean over the trained tokens of a whole optimizer step."""

        def __init__(self, parts: LoopParts, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.parts = parts
            # compute_loss divides by the step's trained tokens, so the library must not divide by the passes again.
            self.model_accepts_loss_kwargs = True

        def get_batch_samples(
            self, epoch_iterator: Iterator[Any], num_batches: int, device: Any
        ) -> tuple[list[Any], int]:
            batches = list(itertools.islice(epoch_iterator, num_batches))
            self.parts.reporter.count(sum(batch["tokens"] for batch in batches))
            return batches, max(1, sum(len(batch["targets"]) for batch in batches))

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            with self.accelerator.autocast():
                total = batch_loss(self.parts, inputs)
            loss = total / (num_items_in_batch or max(1, len(inputs["targets"])))
            return (loss, {}) if return_outputs else loss

        def evaluate(
            self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
        ) -> dict[str, float]:
            name = f"{metric_key_prefix}_loss"
            # Looking must not change what follows: loaders draw from the global random state.
            with random_state_kept():
                metrics = {name: mean_loss(self, self.parts, self.get_eval_dataloader(eval_dataset))}
                if math.isnan(metrics[name]) and (verb := self.parts.progress.stop_requested()):
                    self.control.should_training_stop, self.control.should_save = True, verb == "keep"
                    return metrics
                self.log(dict(metrics))
                self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            # The library asks this only in the loop, not for an evaluation that a resumed run catches up on.
            if self.state.global_step and self._determine_best_metric(metrics, None):
                # The best is kept, whether or not a checkpoint is due: it is what the adapter is made of.
                self.control.should_save = True
            return metrics

        def take_up(self, checkpoint: Path) -> None:
            """Stand where a run that is through had ended, and evaluate there if that is still owed."""
            self._load_from_checkpoint(str(checkpoint))
            self.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
            if self.args.eval_on_start:
                self.evaluate()

        def evaluate_base(self) -> float:
            """Evaluate the untrained base model, whenever it is asked for: the adapter is switched off meanwhile."""
            with random_state_kept(), self.parts.loaded.model.disable_adapter():
                return mean_loss(self, self.parts, self.get_eval_dataloader())

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            write_checkpoint(self, self.parts, lambda: super(AnswerTrainer, self)._save_checkpoint(model, trial))

    return AnswerTrainer
