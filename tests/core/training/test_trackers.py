"""Experiment trackers get numbers and nothing else, work offline, never stop a training, and are missed before the start."""

from __future__ import annotations

import math
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from core.config import TrainingConfig
from core.model.plan import plan
from core.training.run import run_loop
from core.training.trackers import missing, only_numbers, tracked
from tests.tiny_model import ListProgress

pytestmark = pytest.mark.thorough

QUESTION = "What did Mrs Miller take?"


class Seen:
    """A tracker's package and its run in one: keeps whatever it is given."""

    def __init__(self) -> None:
        self.opened: dict[str, Any] = {}
        self.logged: list[tuple[int | None, dict[str, Any]]] = []
        self.closed = 0

    def Settings(self, **options: Any) -> dict[str, Any]:  # noqa: N802 - the name of W&B's class
        return options

    def init(self, **options: Any) -> Seen:
        self.opened = options
        return self

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.closed += 1


@pytest.fixture(params=["trackio", "wandb"])
def package(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Seen]:
    seen, module = Seen(), types.ModuleType(request.param)
    for name in ("init", "Settings"):
        setattr(module, name, getattr(seen, name))
    monkeypatch.setitem(sys.modules, request.param, module)
    monkeypatch.setenv("TRACKIO_DIR", "")
    return request.param, seen


def test_a_run_sends_its_numbers_and_no_text(package: tuple[str, Seen], prepare: Any) -> None:
    name, seen = package
    prepared = prepare(report_to=name, sample_prompts=(QUESTION,), max_steps=4, eval_every=2)
    run_loop(prepared, plan(prepared.config, prepared.shape, prepared.stats(), prepared.device), None)
    assert prepared.progress.samples, "the sample answers are there, and stay here"
    told = [(values.get("step", step), values) for step, values in seen.logged]
    assert [step for step, values in told if "loss" in values] == [1, 2, 3, 4]
    assert [step for step, values in told if "eval_loss" in values] == [0, 2, 4]
    assert all(isinstance(value, (int, float)) for _, values in told for value in values.values())
    assert "Miller" not in repr(seen.logged) + repr(seen.opened)
    assert seen.closed == 1


def test_nothing_goes_online_by_itself(
    package: tuple[str, Seen], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, seen = package
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with tracked(ListProgress(), TrainingConfig(report_to=name), tmp_path):  # type: ignore[arg-type]
        pass
    if name == "trackio":
        assert seen.opened["space_id"] is None and not seen.opened["auto_log_cpu"]
    else:
        assert seen.opened["mode"] == "offline" and seen.opened["dir"].startswith(str(tmp_path))
        assert seen.opened["settings"]["console"] == "off"
    assert (tmp_path / name).is_dir()


def test_off_by_default_and_a_missing_package_is_named_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TrainingConfig().report_to == "none" and missing("none") is None
    monkeypatch.setitem(sys.modules, "wandb", None)
    problem = missing("wandb")
    assert problem is not None and problem.field == "report_to" and "pip install wandb" in problem.message


def test_a_tracker_that_fails_is_told_once_and_left_out(
    package: tuple[str, Seen], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, seen = package
    monkeypatch.setattr(seen, "log", lambda *_, **__: 1 / 0)
    heard = ListProgress()
    with tracked(heard, TrainingConfig(report_to=name), tmp_path) as progress:  # type: ignore[arg-type]
        progress.metric(1, loss=2.0)
        progress.metric(2, loss=1.0)
    assert [step for step, _ in heard.metrics] == [1, 2]
    assert heard.logs == ["The experiment tracker failed (ZeroDivisionError); training goes on without it."]


def test_a_tracker_that_does_not_start_is_told_and_left_out(
    package: tuple[str, Seen], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run may be resumed on a machine where the package is not installed."""
    name, _ = package
    monkeypatch.setitem(sys.modules, name, None)
    heard = ListProgress()
    with tracked(heard, TrainingConfig(report_to=name), tmp_path) as progress:  # type: ignore[arg-type]
        progress.metric(1, loss=2.0)
    assert heard.metrics and heard.logs == [f"{name} did not start (ModuleNotFoundError); training goes on without it."]


def test_only_known_finite_numbers_go_out() -> None:
    assert only_numbers({"loss": 1.5, "eval_loss": math.nan, "answer": "text", "secret": 3, "epoch": "1"}) == {
        "loss": 1.5
    }


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is optional and not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tracked(ListProgress(), TrainingConfig(report_to="tensorboard"), tmp_path) as progress:
        progress.metric(1, loss=2.0)
        progress.metric(0, eval_loss=2.5)
        progress.sample(1, QUESTION, "An answer.")
    read = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert read.Tags()["scalars"] == ["loss", "eval_loss"] and read.Tags()["tensors"] == []
    assert [(event.step, event.value) for event in read.Scalars("loss")] == [(1, 2.0)]
