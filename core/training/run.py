"""One run of the loop on rows that are ready: load, check the first batch, train, keep the adapter.

    Prepared + Plan ─run_loop→ Ending

It does not know: data sets, jobs, where settings come from.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import EACH_EPOCH, TrainingConfig
from core.errors import JobError
from core.model.device import Device
from core.model.memory import logits_slice_tokens
from core.model.plan import DatasetStats, Plan
from core.model.resolve import ResolvedModel
from core.model.shape import ModelShape
from core.model.speed import known_tflops, work_per_token
from core.model.template import Template
from core.progress import Progress
from core.training.arguments import training_arguments
from core.training.batches import Bins, Row, check_first_batch, collate_packed, collate_padded
from core.training.callbacks import Listening, Reporter, TrainingDiverged, callback_class
from core.training.checkpoints import FOLDER, step_of
from core.training.engine import Engine, LoadedModel
from core.training.loss import OutputLayer
from core.training.outcome import keep_adapter
from core.training.samples import SamplePrompts, show_samples
from core.training.trackers import tracked
from core.training.trainer import LoopParts, random_state_kept, trainer_class


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is fixed before a plan is made.

    Args:
        job_dir: The job's folder.
        config: The person's settings.
        base: The base model on disk.
        shape: Its sizes.
        template: How conversations are written for it.
        device: Where training runs.
        engine: What trains; imported.
        train: Encoded training rows, each at most ``config.max_length`` tokens.
        evaluation: Encoded evaluation rows.
        progress: Who listens.
    """

    job_dir: Path
    config: TrainingConfig
    base: ResolvedModel
    shape: ModelShape
    template: Template
    device: Device
    engine: Engine
    train: Sequence[Row]
    evaluation: Sequence[Row]
    progress: Progress

    def stats(self) -> DatasetStats:
        """Rows and tokens, for the planner."""
        lengths = [[len(row) for row in rows] for rows in (self.train, self.evaluation)]
        return DatasetStats.measure(lengths[0], lengths[1], self.config.max_length)

    def changed(self, **values: Any) -> Prepared:
        """Return a copy with these fields replaced."""
        return dataclasses.replace(self, **values)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Args:
        step: The last optimizer step done.
        total_steps: Steps it was to take.
        best_step: The step of the lowest evaluation loss; None where nothing was evaluated.
        best_eval_loss: That loss.
        adapter_step: The step that ``adapter/`` holds; None where there is none.
        train_s: Seconds in the loop.
    """

    step: int
    total_steps: int
    best_step: int | None
    best_eval_loss: float | None
    adapter_step: int | None
    train_s: float


def run_loop(prepared: Prepared, plan: Plan, resume: Path | None) -> Ending:
    """Train as planned.

    Args:
        prepared: Model, rows and settings.
        plan: What was chosen.
        resume: A whole checkpoint to go on from, or None.

    Raises:
        TrainingDiverged: if the loss is not a number; ``adapter/`` then holds the last good state, if there is one.
        DatasetError: if the first batch trains other tokens than the data set marks.
    """
    with tracked(prepared.progress, prepared.config, prepared.job_dir) as progress:
        return _run(prepared.changed(progress=progress), plan, resume)


def _run(prepared: Prepared, plan: Plan, resume: Path | None) -> Ending:
    progress = prepared.progress
    progress.phase("loading the model")
    loaded = prepared.engine.load(prepared.base.folder, prepared.config, plan)
    progress.phase("packing the rows")
    state = _state_of(resume) if resume else {}
    trainer, steps = _trainer(prepared, plan, loaded, state)
    # A step at which the person stopped before its evaluation was done is evaluated now.
    trainer.args.eval_on_start = bool(state) and _owes_evaluation(state, trainer.args)
    if resume is None:
        trainer.parts.reporter.judge_base = functools.partial(_judge_base, prepared, trainer)
    _check_first_batch(trainer, progress)
    progress.phase("starting")
    began = time.monotonic()
    try:
        if resume and _is_through(state, steps, prepared.config.early_stopping):
            trainer.take_up(resume)
        else:
            trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    except TrainingDiverged as error:
        kept = keep_adapter(prepared.job_dir, prepared.base, trainer.state.best_global_step or None)
        if kept is None:
            raise JobError(
                error.message, "Lower the learning rate and start again: no state before it was worth keeping."
            ) from error
        raise
    return _ending(prepared, trainer.state, steps, time.monotonic() - began)


def _trainer(prepared: Prepared, plan: Plan, loaded: LoadedModel, state: dict[str, Any]) -> tuple[Any, int]:
    """Build the trainer; returns it and the steps of the run. ``state`` is a checkpoint's, empty where there is none."""
    packing, capacity = plan.packing.value, prepared.config.max_length
    train = Bins.of(prepared.train, capacity, packing)
    evaluation = Bins.of(prepared.evaluation, capacity, packing) if prepared.evaluation else None
    steps = total_steps(prepared.config, plan, len(train))
    plan = _each_epoch(prepared.config, plan, len(train))
    reporter = Reporter(_listening(prepared, loaded, steps))
    parts = LoopParts(
        engine=prepared.engine,
        loaded=loaded,
        output=OutputLayer.of(loaded.causal, logits_slice_tokens(prepared.shape.vocabulary)),
        job_dir=prepared.job_dir,
        reporter=reporter,
    )
    trainer = trainer_class()(
        parts,
        model=loaded.model,
        args=training_arguments(prepared.config, plan, prepared.job_dir / FOLDER, steps, evaluation is not None),
        train_dataset=train,
        eval_dataset=evaluation,
        data_collator=collate_packed if packing else functools.partial(collate_padded, pad_id=prepared.template.pad_id),
        callbacks=_callbacks(prepared.config, reporter, evaluation is not None, state),
    )
    _silence(trainer)
    return trainer, steps


def _listening(prepared: Prepared, loaded: LoadedModel, steps: int) -> Listening:
    questions = SamplePrompts(prepared.template, prepared.config.sample_prompts, prepared.config.sample_tokens)
    return Listening(
        progress=prepared.progress,
        total_steps=steps,
        work_per_token=work_per_token(prepared.shape),
        peak_flops=peak_flops(prepared.device),
        evaluates=bool(prepared.evaluation),
        samples=lambda step: show_samples(prepared.engine, loaded, questions, step, prepared.progress),
    )


def _judge_base(prepared: Prepared, trainer: Any) -> None:
    """Evaluate and ask the model as it was before training, with the adapter switched off, and report it as step 0."""
    if not prepared.evaluation:
        return
    loss = trainer.evaluate_base()
    if math.isfinite(loss):
        prepared.progress.metric(0, eval_loss=loss)
        with trainer.parts.loaded.model.disable_adapter():
            trainer.parts.reporter.listening.samples(0)


def _callbacks(config: TrainingConfig, reporter: Reporter, evaluates: bool, state: dict[str, Any]) -> list[Any]:
    from transformers import EarlyStoppingCallback  # noqa: PLC0415

    found = [callback_class()(reporter)]
    if config.early_stopping and evaluates:
        patience = EarlyStoppingCallback(early_stopping_patience=config.early_stopping)
        patience.early_stopping_patience_counter = _waited(state)
        found.append(patience)
    return found


def _silence(trainer: Any) -> None:
    """Take away the library's own printing: progress says it all."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback  # noqa: PLC0415

    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)


def total_steps(config: TrainingConfig, plan: Plan, items: int) -> int:
    """Optimizer steps of the whole run, counted on the bins as they were packed.

    Args:
        config: Epochs or steps.
        plan: Rows in a pass and passes in a step.
        items: Bins, or single rows without packing.
    """
    return config.max_steps or max(1, math.ceil(_epoch_steps(plan, items) * config.epochs))


def _epoch_steps(plan: Plan, items: int) -> int:
    return math.ceil(math.ceil(items / plan.batch_rows.value) / plan.accumulation.value)


def _each_epoch(config: TrainingConfig, plan: Plan, items: int) -> Plan:
    """Once an epoch is said in steps only here, where the rows are packed: a plan can but estimate them."""
    epoch = _epoch_steps(plan, items)
    # Where nothing is said of checkpoints, they follow the evaluations.
    judged, kept = config.eval_every == EACH_EPOCH, (config.save_every or config.eval_every) == EACH_EPOCH
    return dataclasses.replace(
        plan, eval_every=epoch if judged else plan.eval_every, save_every=epoch if kept else plan.save_every
    )


def peak_flops(device: Device) -> float:
    """Operations a second that a known GPU reaches in large products; 0 for a CPU or an unknown GPU."""
    return (known_tflops(device.name) or 0.0) * 1e12


def _check_first_batch(trainer: Any, progress: Progress) -> None:
    """Look at what the trainer's own loader yields first, with the rows that it was made of."""
    progress.phase("checking the first batch")
    rows: list[Row] = []
    collate = trainer.data_collator

    def watched(bins: Sequence[Sequence[Row]]) -> dict[str, Any]:
        rows.extend(row for group in bins for row in group)
        return dict(collate(bins))

    trainer.data_collator = watched
    try:
        # One pass is drawn; the loader prefetches a second one, whose rows do not belong to it.
        with random_state_kept():
            batch = next(iter(trainer.get_train_dataloader()))
    finally:
        trainer.data_collator = collate
    share = check_first_batch(batch, _rows_of(batch, rows))
    progress.log(
        f"First batch checked: {len(batch['targets'])} trained tokens, {100 * share:.0f} % of it, as in the data set."
    )


def _rows_of(batch: dict[str, Any], rows: Sequence[Row]) -> list[Row]:
    """The rows of the first pass among those that the loader has fetched."""
    if "lengths" in batch:
        return list(rows[: len(batch["lengths"])])
    return list(rows[: batch["input_ids"].shape[0]])


def _state_of(checkpoint: Path) -> dict[str, Any]:
    """What the library notes in a checkpoint: the step, what was logged, how long early stopping has waited."""
    return dict(json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8")))


def _waited(state: dict[str, Any]) -> int:
    """Evaluations without improvement up to a checkpoint; the library restores them only with all else it should not."""
    kept = state.get("stateful_callbacks", {}).get("EarlyStoppingCallback", {})
    return int(kept.get("attributes", {}).get("early_stopping_patience_counter", 0))


def _is_through(state: dict[str, Any], steps: int, early_stopping: int) -> bool:
    """Whether a checkpoint is the run's last: the library would take one step more before it looked."""
    return bool(state["global_step"] >= steps or (early_stopping and _waited(state) >= early_stopping))


def _owes_evaluation(state: dict[str, Any], arguments: Any) -> bool:
    """Whether the person stopped at a step that was due for evaluation, before it was evaluated."""
    step = state["global_step"]
    if not arguments.eval_steps or (step % arguments.eval_steps and step < arguments.max_steps):
        return False
    return not any(entry["step"] == step and "eval_loss" in entry for entry in state["log_history"])


def _ending(prepared: Prepared, state: Any, steps: int, seconds: float) -> Ending:
    discarded = prepared.progress.stop_requested() == "discard"
    source = None if discarded else keep_adapter(prepared.job_dir, prepared.base, state.best_global_step or None)
    return Ending(
        step=state.global_step,
        total_steps=steps,
        best_step=state.best_global_step or None,
        best_eval_loss=state.best_metric if state.best_global_step else None,
        adapter_step=step_of(source) if source else None,
        train_s=seconds,
    )
