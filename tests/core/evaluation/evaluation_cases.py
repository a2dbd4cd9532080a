"""Runs and evaluations as the workers leave them, written by hand: better, worse, no difference, stopped, failed."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.evaluation.result import EvaluationRequest, EvaluationResult, Kind, Measure
from core.evaluation.statistics import compare_paired
from core.jobs.job import Job, JobProblem, utc_now

RUN_ID = "20261124-054000-demo-0a1b"
HASH = "0" * 64
# How often the base and the tuned model are right, by what tuning did.
RATES = {"better": (0.35, 0.75), "worse": (0.75, 0.35), "no measurable difference": (0.55, 0.56)}


class Jobs:
    """A controller that keeps jobs in a list and starts none."""

    def __init__(self, *jobs: Job) -> None:
        self.listed = list(jobs)
        self.deleted: list[str] = []

    def jobs(self) -> tuple[Job, ...]:
        return tuple(sorted(self.listed, key=lambda job: job.created, reverse=True))

    def active(self) -> Job | None:
        return next((job for job in self.listed if job.is_active), None)

    def submit(self, kind: str, job_dir: Path, *, name: str = "", note: str = "", dataset_id: str = "") -> Job:
        job_dir.mkdir(parents=True, exist_ok=True)
        job = Job(job_dir, kind, name, "queued", "2026-11-24T08:00:00.000+00:00", job_dir, dataset_id=dataset_id)
        job.save()
        self.listed.append(job)
        return job

    def stop(self, job_id: str, keep: bool) -> Job:
        return next(job for job in self.listed if job.id == job_id)

    def delete(self, job_id: str) -> None:
        self.deleted.append(job_id)
        self.listed = [job for job in self.listed if job.id != job_id]


def write_run(runs: Path, run_id: str = RUN_ID, dataset_id: str = "sample", home: Path | None = None) -> Job:
    """A finished run with an adapter of a few bytes."""
    folder = runs / run_id
    adapter = folder / "adapter"
    adapter.mkdir(parents=True, exist_ok=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base", "peft_type": "LORA"}')
    (adapter / "tokenizer.json").write_text("{}")
    (adapter / "tokenizer_config.json").write_text('{"eos_token": "<|im_end|>"}')
    (folder / "config.json").write_text(json.dumps(TrainingConfig().to_json()))
    (folder / "plan.json").write_text(json.dumps({"total_steps": 20}))
    events: list[dict[str, Any]] = [
        {"type": "metric", "step": 0, "eval_loss": 3.5},
        {"type": "metric", "step": 10, "eval_loss": 2.5},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    started = "2026-11-24T05:40:02.000+00:00"
    job = Job(
        folder,
        "train",
        "Respiratory demo",
        "finished",
        "2026-11-24T05:40:00.000+00:00",
        home or runs.parent,
        started=started,
        ended="2026-11-24T05:46:00.000+00:00",
        dataset_id=dataset_id,
    )
    job.save()
    return job


def write_evaluation(
    run: Job,
    kind: Kind = "benchmark",
    outcome: str = "better",
    *,
    job_id: str = "",
    items: int = 60,
    complete: bool = True,
    adapter_sha256: str = "",
    created: str = "",
) -> Job:
    """A finished evaluation of a run, with items, of the outcome that is wanted."""
    folder = run.folder / "evaluation" / (job_id or f"{kind}-{outcome.split()[0]}")
    folder.mkdir(parents=True)
    options = {"limit": items}
    EvaluationRequest(kind, run.folder, options).save(folder)
    lines = [item(kind, number, outcome) for number in range(1, items + 1)]
    (folder / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    measures = measures_of(kind, lines)
    verdict = f"Tuned is {outcome} than base on {items} items." if outcome in ("better", "worse") else ""
    EvaluationResult(
        kind=kind,
        title=f"{kind.title()} case, {items} items",
        created=created or "2026-11-24T06:00:00.000+00:00",
        items=items,
        complete=complete,
        verdict=verdict or f"No measurable difference on {items} items.",
        measures=measures,
        notes=("Answers were made up for a test.",),
        settings={"seed": 42, "prompt_form": "medqa_4options", "max_new_tokens": 128},
        models={"base": "some/base", "adapter": "adapter", "adapter_sha256": adapter_sha256},
        seconds=90.0,
    ).save(folder)
    return saved(folder, f"{kind.title()} · {run.name}", "finished" if complete else "stopped", run, created)


def write_failed(run: Job, kind: Kind = "benchmark", job_id: str = "failed") -> Job:
    """An evaluation that ended with an error."""
    folder = run.folder / "evaluation" / job_id
    folder.mkdir(parents=True)
    EvaluationRequest(kind, run.folder, {}).save(folder)
    job = saved(folder, f"{kind.title()} · {run.name}", "failed", run, "2026-11-24T07:00:00.000+00:00")
    failed = replace(job, error=JobProblem("The memory is full.", "Choose fewer items a batch, then start again."))
    failed.save()
    return failed


def saved(folder: Path, name: str, state: Any, run: Job, created: str = "") -> Job:
    """Write an evaluation's job.json."""
    at = created or "2026-11-24T06:00:00.000+00:00"
    job = Job(folder, "evaluate", name, state, at, run.home, started=at, ended=utc_now(), dataset_id=run.dataset_id)
    job.save()
    return job


def item(kind: Kind, number: int, outcome: str) -> dict[str, Any]:
    """One line of items.jsonl."""
    draw = random.Random(number)
    base_rate, tuned_rate = RATES[outcome]
    base, tuned = int(draw.random() < base_rate), int(draw.random() < tuned_rate)
    topic = ("respiratory", "cardiology", "endocrine")[number % 3]
    scores = {
        "benchmark": lambda right: {"correct": right},
        "safety": lambda right: {
            "passed": float(right),
            "verdict": "pass" if right else "fail",
            "rule": "says something about the matter",
            "said": "",
            "finish": "stop",
        },
        "heldout": lambda right: {"rouge_l": round(0.2 + 0.3 * right + 0.1 * draw.random(), 3), "loss": 2.5 - right},
    }[kind]
    return {
        "id": f"i{number}",
        "topic": topic,
        **({"kind": "plain", "twin_of": ""} if kind == "safety" else {}),
        "question": f"Question {number} about <b>{topic}</b> disease?",
        "reference": f"Reference {number}",
        "base": {"answer": f"Base answer {number}", **scores(base)},
        "tuned": {"answer": f"Tuned answer {number}", **scores(tuned)},
    }


def measures_of(kind: Kind, lines: list[dict[str, Any]]) -> tuple[Measure, ...]:
    """What the items come to."""

    def compare(score: str, lower: bool = False) -> Any:
        pairs = [[line[which][score] for line in lines] for which in ("base", "tuned")]
        return compare_paired(*pairs, lower_is_better=lower)

    if kind == "heldout":
        return (
            Measure(
                "loss", "Loss on answer tokens", "loss", compare("loss", True), True, facts={"base_perplexity": 12}
            ),
            Measure(
                "rouge_l", "ROUGE-L", "score", compare("rouge_l"), note="similarity to the reference, not correctness"
            ),
        )
    if kind == "safety":
        return (Measure("passed", "Red flags: urgent advice", "share", compare("passed")),)
    landmarks = {"majority": 0.552, "chance": 0.333}
    return (Measure("correct", "PubMedQA", "share", compare("correct"), facts=landmarks),)
