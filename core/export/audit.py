"""The audit file: everything that led to an adapter, so that somebody else can check it.

    audit = audit_of(run_dir, dataset)   → JSON values; goes home beside the adapter, and the card is made from it

It holds no record text. It does not know: how the page shows it.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.dataset.store import Dataset
from core.errors import JobError, ModelError
from core.evaluation.scorecard import Scorecard
from core.evaluation.sign_off import state
from core.evaluation.steps import steps_of
from core.export.measured import measured, not_measured, read_evidence
from core.jobs.job import read_job
from core.model.catalogue import CATALOGUE

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "unsloth", "accelerate", "datasets")


def audit_of(run_dir: Path, dataset: Dataset | None, card: Scorecard | None = None) -> dict[str, Any]:
    """Collect what is known about a run.

    Args:
        run_dir: The run's folder.
        dataset: The data set it was trained on, or None if it has been deleted since.
        card: The run's scorecard, if it goes along; the audit carries its hash.

    Raises:
        ModelError: if the folder holds no run.
        JobError: if the record of signatures is damaged.
    """
    try:
        job = read_job(run_dir)
        config = TrainingConfig.from_json(_read(run_dir / "config.json"))
    except (OSError, KeyError, ValueError, JobError) as error:
        raise ModelError("This run's files are missing or damaged.", "Choose another run.") from error
    plan = _read(run_dir / "plan.json")
    evidence = read_evidence(run_dir)
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "run": {
            "id": job.id,
            "name": job.name or job.id,
            "note": job.note,
            "state": job.state,
            "created": job.created,
            "started": job.started,
            "ended": job.ended,
            "attempts": job.attempt,
            "steps": dataclasses.asdict(steps_of(run_dir, int(plan.get("total_steps") or 0))),
            "settings": config.to_json(),
        },
        "base_model": _base_model(config.model, plan),
        "dataset": _dataset(dataset),
        "choices": {name: part for name, part in plan.items() if isinstance(part, dict) and "reason" in part},
        "forecast": _read(run_dir / "forecast.json"),
        "measured": measured(evidence),
        "not_measured": not_measured(evidence),
        "scorecard_sha256": card.to_json()["sha256"] if card else "",
        "review": state(run_dir).to_json(),
        "versions": _versions(),
        "machine": {"python": platform.python_version(), "system": platform.platform()},
    }


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    body = json.loads(path.read_text(encoding="utf-8"))
    return body if isinstance(body, dict) else {}


def _base_model(model: str, plan: Mapping[str, Any]) -> dict[str, Any]:
    known = next((card for card in CATALOGUE if card.id == model), None)
    return {"id": model, "license": known.licence if known else "", "weights_sha256": plan.get("model_sha256", "")}


def _dataset(dataset: Dataset | None) -> dict[str, Any]:
    if dataset is None:
        return {
            "id": "",
            "name": "A data set that has been deleted since",
            "sha256": "",
            "rows_train": 0,
            "rows_eval": 0,
            "provenance": "",
            "identifiers": "",
            "hub_ids": [],
            "languages": [],
        }
    report = dataset.report()
    return {
        "id": dataset.id,
        "name": dataset.name,
        "sha256": dataset.sha256,
        "rows_train": dataset.rows_train,
        "rows_eval": dataset.rows_eval,
        "provenance": str(report.get("provenance", "")),
        "identifiers": str(report.get("identifiers_sentence", "")),
        "hub_ids": list(report.get("hub_ids", [])),
        "languages": list(report.get("languages", [])),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
