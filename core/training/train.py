"""What the worker runs: a job folder with settings becomes a job folder with an adapter.

    train(job_dir, progress):  config.json, job.json → plan.json, checkpoints/, adapter/, forecast.json

The order matters: everything that needs no model library comes first, the plan included, so that what cannot work is said
within a second and only what the plan needs is loaded; then the engine is imported, before anything else of the process
imports transformers. A job whose folder holds a whole checkpoint goes on from there, with the plan it began with.
It does not know: processes, screens, queues.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.dataset.store import open_dataset
from core.errors import ConfigError, DatasetError, JobError, ResourceError
from core.model.choices import fixed_choices
from core.model.device import Device, bound_cpu_caches, find_device
from core.model.encode import EncodedDataset, encode_dataset
from core.model.folder import weights_sha256
from core.model.plan import Plan, engine_choice, next_smaller, plan
from core.model.planned import Case
from core.model.resolve import resolve
from core.model.shape import ModelShape
from core.model.template import Template
from core.progress import Choice, Progress
from core.settings import Settings
from core.training.batches import EncodedRows
from core.training.checkpoints import FOLDER, clear_unfinished, last_whole_checkpoint
from core.training.engine import choose_engine, engine_named
from core.training.outcome import ADAPTER, measured_peak, write_forecast
from core.training.run import Ending, Prepared, run_loop

__all__ = ["last_whole_checkpoint", "train"]

PLAN = "plan.json"
# What a checkpoint's steps, weights and optimizer state rest on; a smaller plan may change the rest.
RESTED_ON = (
    *("engine", "quantisation", "precision", "packing", "attention", "optimizer"),
    *("step_tokens", "total_steps", "eval_every", "save_every", "learning_rate"),
)


@dataclass(frozen=True, slots=True)
class _Task:
    """What a job folder asks for."""

    job_dir: Path
    config: TrainingConfig
    dataset_id: str
    home: Path


class _Stopped(Exception):
    """The person asked to stop before the loop began; there is nothing to keep yet."""


def train(job_dir: Path, progress: Progress) -> None:
    """Train as config.json says, on the data set that job.json names.

    Args:
        job_dir: The job's folder.
        progress: Told of every phase, choice, metric and sample.

    Raises:
        MedftError: what a person can do something about: settings, data, model, memory, disk, divergence.
    """
    task = _read_task(job_dir)
    try:
        prepared, dataset_sha256 = _prepare(task, progress)
        resume = last_whole_checkpoint(job_dir)
        if resume is None:
            # What is left of an earlier attempt must not be taken for this one's.
            shutil.rmtree(job_dir / FOLDER, ignore_errors=True)
            chosen = _planned(prepared, dataset_sha256)
        else:
            prepared, chosen = _as_begun(prepared, dataset_sha256)
        prepared, chosen = _with_engine(prepared, chosen, resume, dataset_sha256)
        _say(progress, chosen, resume)
        ending = _run_with_retry(prepared, chosen, resume, dataset_sha256)
    except _Stopped:
        progress.log("Stopped before the first step; nothing was learned yet.")
        return
    if progress.stop_requested() == "discard":
        # The adapter of an earlier pause goes, too: nothing of a discarded run can be talked to or taken home.
        for folder in (FOLDER, ADAPTER):
            shutil.rmtree(job_dir / folder, ignore_errors=True)
    _report(prepared, ending)


def _read_task(job_dir: Path) -> _Task:
    try:
        job = json.loads((job_dir / "job.json").read_text(encoding="utf-8"))
        config = TrainingConfig.from_json(json.loads((job_dir / "config.json").read_text(encoding="utf-8")))
        task = _Task(job_dir, config, str(job["dataset_id"]), Path(job["home"]))
    except (OSError, ValueError, KeyError) as error:
        raise JobError(
            f"The run folder {job_dir.name} is damaged ({type(error).__name__}).", "Start a new run."
        ) from error
    if problems := config.problems():
        raise ConfigError(problems)
    return task


def _prepare(task: _Task, progress: Progress) -> tuple[Prepared, str]:
    """Model and rows, and the engine that is wanted, not yet imported; also the data set's hash."""
    progress.phase("finding the model")
    clear_unfinished(task.job_dir)
    base = resolve(task.config.model, Settings(home=task.home).models, progress)
    _go_on(progress)
    shape, device = ModelShape.read(base.folder), find_device()
    limit_threads(device)
    progress.phase("reading the data set")
    dataset = open_dataset(Settings(home=task.home).datasets, task.dataset_id)
    cache = Settings(home=task.home).datasets / task.dataset_id / "encoded"

    def encoded(records: list[Any]) -> EncodedDataset:
        return encode_dataset(records, base.folder, task.config.max_length, cache_dir=cache, progress=progress)

    train_rows = encoded(list(dataset.train()))
    eval_records = list(dataset.eval())
    longest = task.config.max_length
    prepared = Prepared(
        job_dir=task.job_dir,
        config=task.config,
        base=base,
        shape=shape,
        template=Template.from_folder(base.folder),
        device=device,
        engine=choose_engine(task.config, shape.family, device).value,
        train=EncodedRows(train_rows, longest),
        evaluation=EncodedRows(encoded(eval_records), longest) if eval_records else (),
        progress=progress,
    )
    _go_on(progress)
    return prepared, dataset.sha256


def _go_on(progress: Progress) -> None:
    if progress.stop_requested():
        raise _Stopped


def limit_threads(device: Device) -> None:
    """One GPU and as many threads as there are cores; before torch is loaded, which reads these once."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if device.kind == "cuda":
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        os.environ["CUDA_VISIBLE_DEVICES"] = first
        os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    else:
        # A GPU that the driver does not offer must not be half used either.
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
        os.environ.setdefault("OMP_NUM_THREADS", str(device.cores))
        bound_cpu_caches()


def _with_engine(prepared: Prepared, chosen: Plan, resume: Path | None, dataset_sha256: str) -> tuple[Prepared, Plan]:
    """Import the plan's engine; transformers, with a plan of its own, where Unsloth does not start and was only a suggestion."""
    progress = prepared.progress
    progress.phase("loading the libraries")
    engine = engine_named(chosen.engine.value)
    try:
        engine.prepare(chosen.quantisation.value != "none")
    except ResourceError as error:
        if prepared.config.engine == "unsloth":
            raise
        engine = engine_named("transformers")
        engine.prepare()
        chosen = chosen if resume else _planned(prepared.changed(engine=engine), dataset_sha256)
        chosen = dataclasses.replace(chosen, engine=Choice("transformers", error.message))
    _go_on(progress)
    return prepared.changed(engine=engine), chosen


def _planned(prepared: Prepared, dataset_sha256: str) -> Plan:
    """Make the plan for the engine that is wanted, and write it down."""
    config = prepared.config.changed(engine=prepared.engine.name)
    chosen = plan(config, prepared.shape, prepared.stats(), prepared.device)
    suggested = engine_choice(prepared.config, prepared.shape.family, prepared.device)
    if suggested.value == prepared.engine.name:
        # the plan was made for this engine by name, but why that one is known only here
        chosen = dataclasses.replace(chosen, engine=suggested)
    if chosen.verdict == "does not fit":
        raise ResourceError(
            f"This run needs about {chosen.memory.total_gib:.1f} GiB of memory; {chosen.available_gib:.1f} GiB are free.",
            chosen.change,
        )
    _write_plan(prepared, chosen, dataset_sha256)
    return chosen


def _write_plan(prepared: Prepared, chosen: Plan, dataset_sha256: str) -> None:
    prepared.progress.phase("hashing the base model")
    body = chosen.to_json() | {
        "dataset_sha256": dataset_sha256,
        "device": prepared.device.name,
        "base": prepared.base.id,
        "max_length": prepared.config.max_length,
        # For the audit: a name says nothing of what lay there.
        "model_sha256": _hash_of(prepared.base.folder),
    }
    aside = prepared.job_dir / f".{PLAN}"
    aside.write_text(json.dumps(body, indent=1), encoding="utf-8")
    aside.replace(prepared.job_dir / PLAN)


@functools.cache
def _hash_of(folder: Path) -> str:
    """Hash a base's weights, once in a process: 16 GB take some ten seconds, and a plan may be written again."""
    return weights_sha256(folder)


def _as_begun(prepared: Prepared, dataset_sha256: str) -> tuple[Prepared, Plan]:
    """The plan that an earlier attempt wrote, for this machine, and the rows as that attempt cut them.

    Raises:
        JobError: if there is no such plan any more.
        DatasetError: if the data set has changed since.
    """
    try:
        body = json.loads((prepared.job_dir / PLAN).read_text(encoding="utf-8"))
        begun = Plan.from_json(body)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(
            f"This run cannot go on as it began: its {PLAN} is missing, damaged or of another version.",
            "Its checkpoints and its adapter stay as they are. Start a new run.",
        ) from error
    if body.get("dataset_sha256") != dataset_sha256:
        raise DatasetError(
            "The data set has changed since this run began, so its order of rows cannot be continued.",
            "Start a new run with the new data, or restore the data set.",
        )
    prepared = _shortened(
        prepared, prepared.config.changed(max_length=body.get("max_length", prepared.config.max_length))
    )
    return prepared, _on_this_machine(prepared, begun)


def _on_this_machine(prepared: Prepared, begun: Plan) -> Plan:
    """Change what another machine than the one it began on cannot do, and nothing that steps or base weights rest on.

    Raises:
        ResourceError: if the optimizer's state cannot be taken over.
    """
    case = Case(prepared.config.changed(engine=begun.engine.value), prepared.shape, prepared.stats(), prepared.device)
    here = fixed_choices(case, begun.quantisation)
    if here["optimizer"].value != begun.optimizer.value and begun.optimizer.value == "adamw_8bit":
        raise ResourceError(
            "This run began with 8-bit optimizer states, which this machine cannot compute.", "Resume it on a GPU."
        )
    names = ["engine", "precision"]
    if begun.packing.value == here["packing"].value:
        names.append("attention")
    changed: dict[str, Any] = {name: here[name] for name in names if here[name].value != getattr(begun, name).value}
    return dataclasses.replace(begun, **changed)


def _say(progress: Progress, chosen: Plan, resume: Path | None) -> None:
    for name, choice in chosen.choices().items():
        progress.choice(name, choice)
    progress.log(
        f"Memory forecast: {chosen.memory.total_gib:.1f} GiB of {chosen.available_gib:.1f} GiB free: {chosen.verdict}."
    )
    if resume:
        progress.log(f"Going on from {resume.name}.")


def _run_with_retry(prepared: Prepared, chosen: Plan, resume: Path | None, dataset_sha256: str) -> Ending:
    """Run; when memory runs out, run once more with the next smaller plan, from the last checkpoint if there is one."""
    ending = _attempt(prepared, chosen, resume)
    if ending is not None:
        return ending
    smaller = next_smaller(prepared.config, chosen)
    if smaller is None:
        raise _out_of_memory("this model, even with the smallest settings")
    config, change = smaller
    resume = last_whole_checkpoint(prepared.job_dir)
    if resume and config.max_length != prepared.config.max_length:
        # Shorter rows make other steps: what was learned could not be continued, and is not thrown away.
        raise ResourceError(
            f"The memory does not hold one row of {prepared.config.max_length} tokens; the checkpoints are kept.",
            "Close what else uses the memory and resume, or start a new run with shorter rows.",
        )
    prepared.progress.log(f"Memory ran out; trying once more with {change}.")
    again = _shortened(prepared, config)
    planned = plan(config.changed(engine=prepared.engine.name), prepared.shape, again.stats(), find_device())
    if resume:
        planned = dataclasses.replace(planned, **{name: getattr(chosen, name) for name in RESTED_ON})
    _write_plan(again, planned, dataset_sha256)
    _say(prepared.progress, planned, resume)
    ending = _attempt(again, planned, resume)
    if ending is None:
        raise _out_of_memory(f"{planned.batch_rows.value} rows of up to {config.max_length} tokens in a forward pass")
    return ending


def _shortened(prepared: Prepared, config: TrainingConfig) -> Prepared:
    """The same run with these settings, its rows cut to their length."""
    return prepared.changed(
        config=config, train=_cut(prepared.train, config), evaluation=_cut(prepared.evaluation, config)
    )


def _cut(rows: Any, config: TrainingConfig) -> Any:
    return EncodedRows(rows.encoded, config.max_length) if isinstance(rows, EncodedRows) else rows


def _attempt(prepared: Prepared, chosen: Plan, resume: Path | None) -> Ending | None:
    """Run the loop; None where memory ran out (everything it held is then free again)."""
    try:
        ending = run_loop(prepared, chosen, resume)
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        ending = None
    if ending is not None:
        write_forecast(prepared.job_dir, chosen.memory, measured_peak())
        return ending
    gc.collect()
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        # The peak that is held against the forecast is that of the attempt which worked.
        torch.cuda.reset_peak_memory_stats()
    return None


def _is_out_of_memory(error: Exception) -> bool:
    """Tell what torch raises when memory ran out: its own error on a GPU and a RuntimeError on a CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    signs = ("out of memory", "can't allocate memory", "STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def _out_of_memory(what: str) -> ResourceError:
    return ResourceError(
        f"The memory does not hold {what}.",
        "Take the Low memory preset, a shorter maximum length, or a smaller model; close what else uses the memory.",
    )


def _report(prepared: Prepared, ending: Ending) -> None:
    forecast = json.loads((prepared.job_dir / "forecast.json").read_text(encoding="utf-8"))
    prepared.progress.log(
        f"Memory: {forecast['forecast_gib']} GiB forecast, {forecast['measured_gib']} GiB measured "
        f"({forecast['error_percent']:+.0f} %)."
    )
    prepared.progress.result(
        {
            "step": ending.step,
            "total_steps": ending.total_steps,
            "best_step": ending.best_step,
            "best_eval_loss": ending.best_eval_loss,
            "adapter_step": ending.adapter_step,
            "train_s": round(ending.train_s, 1),
            "forecast": forecast,
        }
    )
