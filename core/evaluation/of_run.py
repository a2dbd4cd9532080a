"""A run's evaluations among all jobs, and of each kind those that tell what is known.

It does not know: who starts them, what they measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import JobError
from core.evaluation.result import EVALUATIONS, REQUEST_FILE, EvaluationResult, Kind
from core.jobs.job import Job

TITLES: Mapping[Kind, str] = {"heldout": "Held-out rows", "benchmark": "Benchmarks", "safety": "Safety probes"}


def run_of(job: Job) -> str:
    """The id of the run that an evaluation judges; empty if the job is none."""
    return job.folder.parent.parent.name if job.folder.parent.name == EVALUATIONS else ""


def telling_results(jobs: Sequence[Job], adapter: str) -> dict[Kind, tuple[tuple[Job, EvaluationResult], ...]]:
    """Of each kind, the evaluations that tell what is known: each measures something that none before it does.

    The first is the most telling one: of the adapter that goes home before one of other weights, complete before stopped,
    then the newest. Behind it stand only complete ones of that adapter; so a benchmark that was run later does not hide
    another one that was run before.

    Args:
        jobs: A run's evaluations, the newest first.
        adapter: SHA-256 of the adapter's weights; empty if there are none.
    """
    found: dict[Kind, list[tuple[Job, EvaluationResult]]] = {}
    for job in jobs:
        try:
            result = EvaluationResult.read(job.folder)
        except JobError:  # still running, failed, discarded or damaged: the list of evaluations says so
            continue
        found.setdefault(result.kind, []).append((job, result))
    return {kind: _telling(read, adapter) for kind, read in found.items()}


def _telling(read: Sequence[tuple[Job, EvaluationResult]], adapter: str) -> tuple[tuple[Job, EvaluationResult], ...]:
    first, *others = sorted(read, key=lambda each: (of_other_weights(each[1], adapter), not each[1].complete))
    told, known = [first], {measure.name for measure in first[1].measures}
    for job, result in others:
        names = {measure.name for measure in result.measures}
        if result.complete and not of_other_weights(result, adapter) and not names <= known:
            told.append((job, result))
            known |= names
    return tuple(told)


def of_other_weights(result: EvaluationResult, adapter: str) -> bool:
    """Whether something else was judged than the adapter that goes home, as far as both are known by their hashes."""
    judged = str(result.models.get("adapter_sha256", ""))
    return bool(judged and adapter) and judged != adapter


def can_go_on(folder: Path) -> bool:
    """Whether an evaluation that did not come to its end can be resumed: every kind goes on behind its last item."""
    return folder.parent.name == EVALUATIONS and (folder / REQUEST_FILE).is_file()
