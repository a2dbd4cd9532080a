"""The audit file: everything that led to an adapter, so that somebody else can check it.

    audit = audit_of(run_dir, dataset)   → JSON values; goes home beside the adapter, and the card is made from it

It holds no record text. It does not know: how the page shows it.
"""

from __future__ import annotations

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
from core.evaluation.scorecard import Scorecard, held_out_losses
from core.evaluation.wording import difference, interval, verdict
from core.jobs.job import read_job
from core.model.catalogue import CATALOGUE

PACKAGES = ("torch", "transformers", "peft", "bitsandbytes", "unsloth", "accelerate", "datasets")
# What each part of the scorecard would tell.
JUDGED = (
    ("review", "correctness of its answers as judged by health professionals"),
    ("benchmark", "accuracy on medical benchmarks"),
    ("safety", "safety: urgent cases, harmful requests, refusals"),
)


def audit_of(run_dir: Path, dataset: Dataset | None, card: Scorecard | None = None) -> dict[str, Any]:
    """Collect what is known about a run.

    Args:
        run_dir: The run's folder.
        dataset: The data set it was trained on, or None if it has been deleted since.
        card: The run's scorecard; without it only what training itself measured is told.

    Raises:
        ModelError: if the folder holds no run.
    """
    try:
        job = read_job(run_dir)
        config = TrainingConfig.from_json(_read(run_dir / "config.json"))
    except (OSError, KeyError, ValueError, JobError) as error:
        raise ModelError("This run's files are missing or damaged.", "Choose another run.") from error
    plan = _read(run_dir / "plan.json")
    measured = [*_heldout_loss(run_dir), *_judged(card)]
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
            "settings": config.to_json(),
        },
        "base_model": _base_model(config.model, plan),
        "dataset": _dataset(dataset),
        "choices": {name: part for name, part in plan.items() if isinstance(part, dict) and "reason" in part},
        "forecast": _read(run_dir / "forecast.json"),
        "measured": measured,
        "not_measured": _not_measured(measured, card),
        "scorecard_sha256": card.to_json()["sha256"] if card else "",
        "review": _read(run_dir / "sign_off.json") or {"signed": False, "name": "", "when": ""},
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


def _heldout_loss(run_dir: Path) -> list[dict[str, str]]:
    """The first and the best eval loss of the run: base against tuned on the same held-out rows."""
    losses = held_out_losses(run_dir)
    if losses is None:
        return []
    before, step, best = losses
    note = f"best at step {step}; measured during training on the held-out rows that also chose the checkpoint"
    what = "Held-out loss per answer token (lower is better)"
    return [{"what": what, "base": f"{before:.3f}", "tuned": f"{best:.3f}", "note": note}]


def _judged(card: Scorecard | None) -> list[dict[str, str]]:
    """What the evaluations measured, a line each, with what it comes to."""
    return [
        {
            "what": measure.label + (" (lower is better)" if measure.lower_is_better else ""),
            "base": interval(measure.comparison.base, measure.unit),
            "tuned": interval(measure.comparison.tuned, measure.unit),
            "note": f"{verdict(measure)[0]}; difference {difference(measure.comparison.difference, measure.unit)}, "
            f"{measure.comparison.items:,} items",
        }
        for measure in (card.measures if card else ())
    ]


def _not_measured(measured: list[dict[str, str]], card: Scorecard | None) -> list[str]:
    missing = [] if measured else ["loss on held-out rows"]
    missing += [what for name, what in JUDGED if card is None or card.part(name).state == "missing"]
    return [*missing, "bias between groups of people"]


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
