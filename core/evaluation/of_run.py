"""A run's evaluations among all jobs, and of each kind the newest that can be read.

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


def newest_results(jobs: Sequence[Job]) -> dict[Kind, tuple[Job, EvaluationResult]]:
    """Of each kind, the newest complete evaluation; where there is none, the newest with a result that can be read.

    Args:
        jobs: A run's evaluations, the newest first.
    """
    found: dict[Kind, tuple[Job, EvaluationResult]] = {}
    for job in jobs:
        try:
            result = EvaluationResult.read(job.folder)
        except JobError:  # still running, failed, discarded or damaged: the list of evaluations says so
            continue
        known = found.get(result.kind)
        if known is None or (result.complete and not known[1].complete):
            found[result.kind] = (job, result)
    return found


def can_go_on(folder: Path) -> bool:
    """Whether an evaluation that did not come to its end can be resumed: every kind goes on behind its last item."""
    return folder.parent.name == EVALUATIONS and (folder / REQUEST_FILE).is_file()
