"""Benchmarks on a GPU: batches change no answer, and quantised weights are measured as they were trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.evaluation.benchmark.run import run
from core.evaluation.result import read_items
from tests.core.evaluation.benchmark_runs import Listener, make_job, make_run
from tests.core.inference.tiny_model import save_base


@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_batches_change_no_answer(engine: Any, tmp_path: Path, quantisation: str) -> None:
    run_dir = make_run(tmp_path, save_base(tmp_path / "base", hidden=256))
    plan = {"quantisation": {"value": quantisation, "reason": "The test says so."}}
    (run_dir / "plan.json").write_text(json.dumps(plan))
    found = {}
    for rows in (1, 0):
        job_dir, request = make_job(run_dir, f"rows-{rows}", limit=40, batch_rows=rows)
        result = run(job_dir, request, Listener())
        assert result is not None and result.models["quantisation"] == quantisation
        assert (result.models["dtype"] == "float32") == (quantisation == "none")
        found[rows] = list(read_items(job_dir))
    # Quantised weights compute in bfloat16, 8 bits of a number, and 4-bit kernels round otherwise for a batch.
    near = {"abs": 1e-3} if quantisation == "none" else {"rel": 0.15}
    for alone, batched in zip(found[1], found[0], strict=True):
        for pane in ("base", "tuned"):
            assert alone[pane]["loglikelihoods"] == pytest.approx(batched[pane]["loglikelihoods"], **near)
            if quantisation == "none":
                assert alone[pane]["right"] == batched[pane]["right"]
