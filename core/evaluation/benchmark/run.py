"""The benchmark job: base and tuned model answer the same multiple-choice questions, from one set of weights.

    run(job_dir, request, progress):  request.json → items.jsonl, piece by piece → EvaluationResult

It does not know: how lm-evaluation-harness asks and judges (harness.py), statistics (judging.py), screens.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import JobError
from core.evaluation.answering import target_with, who
from core.evaluation.benchmark import harness, judging, scoring
from core.evaluation.benchmark.harness import Asked
from core.evaluation.benchmark.options import BenchmarkOptions
from core.evaluation.result import EvaluationRequest, EvaluationResult, Measure
from core.jobs.job import read_job, utc_now
from core.model.device import find_device
from core.model.resolve import resolve
from core.progress import Progress
from core.settings import Settings
from core.training.train import limit_threads


def run(job_dir: Path, request: EvaluationRequest, progress: Progress) -> EvaluationResult | None:
    """Run the benchmarks that the request names.

    *Stop and keep* reports what has been answered by then: the first questions of each task, as with a limit.

    Args:
        job_dir: The job's folder; an earlier attempt's items are taken up.
        request: Which run, and BenchmarkOptions as plain values.
        progress: Told of each phase, with questions done and in all.

    Returns:
        The result; None if it was discarded.

    Raises:
        ConfigError: with everything that is wrong with the options.
        InputError: if a benchmark gives no usable questions, or the Hub cannot be reached.
        JobError: if it was stopped before the first answer.
        ModelError: if the run has no adapter, or its models cannot be loaded.
        ResourceError: if the memory is too small.
    """
    options, began = BenchmarkOptions.from_json(request.options), time.monotonic()
    options = dataclasses.replace(options, files=_kept_files(job_dir, options.files))
    with harness.quiet():
        loaded, models = _open(request.run, Settings(home=read_job(job_dir).home).models, options, progress)
        tokenizer = harness.tokenizer_of(loaded)
        panes = {
            pane: harness.pane_model(loaded, pane, tokenizer, lambda: progress.stop_requested() is not None)
            for pane in scoring.PANES
        }
        asked = []
        for chosen in harness.choose(options):
            progress.phase(f"reading {chosen.task.label}")
            asked.append(harness.prepare(chosen, panes["base"], options))
        room, batch = scoring.room_for(loaded, options.batch_rows)
        progress.choice("batch", batch)
        book = scoring.ItemBook.opened(job_dir, asked, {"options": options.to_json(), "models": models})
        complete = scoring.score(asked, panes, book, room, progress)
    if progress.stop_requested() == "discard":
        return None
    if not book.done:
        raise JobError("The benchmarks were stopped before the first answer.", "Start them again.")
    progress.phase("comparing the answers")
    return _result(asked, book, options, models, complete=complete, seconds=time.monotonic() - began)


def _kept_files(job_dir: Path, files: Mapping[str, str]) -> dict[str, str]:
    """Copy the files beside the job: uploads are gone when an interrupted job is resumed. Returns the copies' paths."""
    kept = {}
    for number, (name, path) in enumerate(sorted(files.items())):
        copy = job_dir / "files" / str(number) / Path(path).name
        if not copy.is_file() and Path(path).is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            aside = copy.with_name(f".{copy.name}.new")
            shutil.copyfile(path, aside)
            aside.replace(copy)
        kept[name] = str(copy if copy.is_file() else path)
    return kept


def _open(
    run_dir: Path, models_dir: Path, options: BenchmarkOptions, progress: Progress
) -> tuple[Any, Mapping[str, Any]]:
    """Load base and adapter; returns them, and who they are."""
    device = find_device()
    limit_threads(device)
    from core.inference.loader import fits_in_float32, load  # noqa: PLC0415  (loads the tokenizers library, and then torch)

    target = target_with(run_dir, options.adapter)
    resolved = resolve(target.model, models_dir, progress)
    measuring = options.precision == "auto" and fits_in_float32(resolved.folder, device)
    loaded = load(target, models_dir, progress, precision="float32" if measuring else options.precision)
    progress.choice("number format", loaded.form)
    return loaded, who(loaded, run_dir)


def _result(
    asked: Sequence[Asked],
    book: scoring.ItemBook,
    options: BenchmarkOptions,
    models: Mapping[str, Any],
    *,
    complete: bool,
    seconds: float,
) -> EvaluationResult:
    measured, untouched = [], []
    for one in asked:
        items = [book.done[question.id] for question in one.questions if question.id in book.done]
        if items:
            measured.append(judging.judge(one, items, options.seed))
        else:
            untouched.append(f"{one.chosen.task.label}: stopped before its first question.")
    measures = judging.corrected(measured)
    return EvaluationResult(
        kind="benchmark",
        title=_title(measures, len(book.done)),
        created=utc_now(),
        items=len(book.done),
        complete=complete,
        verdict=judging.verdict_sentence(measures),
        measures=measures,
        notes=(*(note for one in asked for note in one.notes), *judging.notes(measures), *untouched),
        settings=_settings(asked, options),
        models=models,
        seconds=round(seconds, 1),
    )


def _title(measures: Sequence[Measure], items: int) -> str:
    names = measures[0].label if len(measures) == 1 else f"{len(measures)} benchmarks"
    return f"{names}, {items:,} questions"


def _settings(asked: Sequence[Asked], options: BenchmarkOptions) -> dict[str, Any]:
    libraries = ("lm_eval", "transformers", "torch", "datasets")
    return {
        "benchmarks": ", ".join(one.chosen.task.name for one in asked),
        "prompts": {one.chosen.task.name: one.chosen.task.prompt for one in asked},
        "sources": {one.chosen.task.name: dict(one.source) for one in asked},
        "answer": "the option with the highest summed log-likelihood (lm-eval's acc)",
        "limit": options.limit or "all",
        "fewshot": options.fewshot,
        "chat_template": options.apply_chat_template,
        "precision": options.precision,
        "seed": options.seed,
        "versions": {name: importlib.metadata.version(name) for name in libraries},
    }
