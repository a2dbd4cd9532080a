"""The job that judges a run: it finds the kind of evaluation that was asked for and lets it work.

    evaluate(job_dir, progress):  request.json → items.jsonl → result.json

It does not know: how any kind measures, screens.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from core.evaluation.result import EvaluationRequest, EvaluationResult, Kind
from core.progress import Progress

# By name, because each loads its libraries only in the process that uses them. Each module has
# ``run(job_dir, request, progress) -> EvaluationResult | None``; None: discarded, nothing to keep.
MODULES: Mapping[Kind, str] = {
    "heldout": "core.evaluation.heldout",
    "benchmark": "core.evaluation.benchmark.run",
    "safety": "core.evaluation.safety.run",
}


def evaluate(job_dir: Path, progress: Progress) -> None:
    """Judge a run.

    *Stop and keep* keeps what has been measured by then; *discard* keeps nothing.

    Args:
        job_dir: The job's folder, with request.json.
        progress: Told how far it is; its result holds the verdict.

    Raises:
        MedftError: if the request, the run, the models or the items cannot be used; it says what to do.
    """
    request = EvaluationRequest.read(job_dir)
    module = importlib.import_module(MODULES[request.kind])
    result: EvaluationResult | None = module.run(job_dir, request, progress)
    if result is None:
        return
    result.save(job_dir)
    progress.result({"kind": result.kind, "title": result.title, "verdict": result.verdict, "items": result.items})
