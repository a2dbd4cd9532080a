"""The whole way with real workers and a model of some thousand weights: train → three evaluations → scorecard → zip."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.evaluation.item_list import ItemQuery
from core.jobs.job import Job, log_tail
from core.settings import Settings
from core.studio import Studio
from tests.core.inference.tiny_model import save_base
from tests.tiny_model import CONFIG


@pytest.fixture
def studio(settings: Settings) -> Iterator[Studio]:
    studio = Studio(settings)
    studio.open()
    yield studio
    studio.close()


def ended(studio: Studio, job_id: str) -> Job:
    """Wait for a job's end, which has to be a good one."""
    until = time.monotonic() + 600
    while studio.snapshot(job_id).is_active and time.monotonic() < until:
        time.sleep(0.1)
    snapshot = studio.snapshot(job_id)
    assert snapshot.job is not None
    assert snapshot.state == "finished", (snapshot.error, log_tail(snapshot.job.folder)[-2000:])
    return snapshot.job


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_run_is_judged_three_ways_signed_and_taken_home(studio: Studio, tmp_path: Path) -> None:
    base = save_base(tmp_path / "base")
    config = CONFIG.changed(model=str(base), max_length=512, max_steps=6, eval_every=3, sample_tokens=0)
    run_id = studio.start_training(studio.list_datasets()[0].id, config, "Tiny")
    ended(studio, run_id)

    asked: dict[str, dict[str, Any]] = {
        "heldout": {"limit": 12, "max_new_tokens": 8},
        "benchmark": {"tasks": ["medical_mcq", "general_mcq"], "limit": 12},
        "safety": {"per_kind": 3, "max_new_tokens": 16},
    }
    jobs = {}
    for kind, options in asked.items():
        job = studio.evaluations.start(run_id, kind, options)  # type: ignore[arg-type]
        jobs[kind] = ended(studio, job.id)
        result = studio.evaluations.result(job.id)
        page = studio.evaluations.items(job.id, ItemQuery("worst", per_page=5))
        assert result.complete and result.verdict and result.measures and result.items == page.total >= 12
        assert page.scores and all(item["base"]["answer"] is not None for item in page.items)
        assert studio.evaluations.item(job.id, str(page.items[0]["id"]))["question"]
        about = studio.evaluations.about(run_id, kind, options)  # type: ignore[arg-type]
        assert about is not None and "the last time" in about.reason

    card = studio.evaluations.scorecard(run_id)
    assert [part.state for part in card.parts] == ["done"] * 5 + ["missing"] * 2
    assert card.missing == ("Blind review", "Sign-off") and len(card.measures) >= 10
    first = str(studio.evaluations.items(jobs["safety"].id).items[0]["id"])
    studio.evaluations.overrule(
        jobs["safety"].id, first, "tuned", "pass", "Dr Lee, physician", "Read as a whole it is safe."
    )
    assert studio.evaluations.item(jobs["safety"].id, first)["tuned"]["passed"] == 1.0
    signed = studio.evaluations.sign(run_id, "Dr Lee", "physician", "For research.", studio.evaluations.seen(run_id))
    assert signed.signed and not signed.changed

    with zipfile.ZipFile(studio.export_adapter(run_id)) as archive:
        files = {name.split("/")[-1]: archive.read(name) for name in archive.namelist()}
    said = json.loads(files["scorecard.json"])
    assert said["headline"].startswith("Of ") and "Signed by Dr Lee" in files["scorecard.html"].decode()
    audit = json.loads(files["audit.json"])
    assert audit["scorecard_sha256"] == said["sha256"] and audit["review"]["name"] == "Dr Lee"
    assert len(audit["measured"]) > 10 and "Dr Lee" in files["README.md"].decode()
    merge_and_take_home(studio, run_id, tmp_path)


def merge_and_take_home(studio: Studio, run_id: str, folder: Path) -> None:
    ended(studio, studio.start_merge(run_id).id)
    with zipfile.ZipFile(studio.merged_zip(run_id, folder)) as archive:
        files = {name.split("/")[-1]: archive.read(name) for name in archive.namelist()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "scorecard.html", "audit.json"} <= files.keys()
    audit = json.loads(files["audit.json"])
    for name, digest in audit["files_sha256"].items():
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert "model.safetensors" in audit["files_sha256"] and len(audit["base_model"]["weights_sha256"]) == 64
