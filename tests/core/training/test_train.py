"""The whole job on the CPU: a folder with settings becomes a folder with an adapter, and every mishap is survived or explained."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from core.config import TrainingConfig
from core.dataset.build import SAMPLE_ID, sample_dataset
from core.errors import ConfigError, DatasetError, JobError, ResourceError
from core.training import train as training
from core.training.checkpoints import last_whole_checkpoint, step_of
from core.training.train import train
from tests.tiny_model import ListProgress

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    sample_dataset(folder / "datasets")
    return folder


@pytest.fixture
def job(home: Path, tiny: Path, tmp_path: Path):
    def make(name: str = "run", **config: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "job.json").write_text(json.dumps({"dataset_id": SAMPLE_ID, "home": str(home)}))
        defaults = {
            "model": str(tiny),
            "max_length": 512,
            "max_steps": 4,
            "eval_every": 2,
            "sample_tokens": 4,
            "rank": 4,
        }
        (folder / "config.json").write_text(json.dumps(TrainingConfig(**defaults | config).to_json()))
        return folder

    return make


@pytest.mark.slow
def test_a_job_leaves_everything_it_promises(job, tiny: Path) -> None:
    folder, heard = job(), ListProgress()
    train(folder, heard)
    assert {path.name for path in folder.iterdir()} >= {"plan.json", "checkpoints", "adapter", "forecast.json"}
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["engine"]["value"] == "transformers" and plan["engine"]["reason"]
    assert plan["total_gib"] > 0
    assert plan["model_sha256"] == hashlib.sha256((tiny / "model.safetensors").read_bytes()).hexdigest()
    assert heard.results["step"] == heard.results["total_steps"] == 4
    assert heard.results["forecast"]["measured_gib"] > 0
    assert {"engine", "precision", "quantisation", "packing", "batch_rows", "template", "model"} <= set(heard.choices)
    assert heard.phases[0] == "finding the model"
    assert [step for step, _ in heard.series("eval_loss")] == [0, 2, 4]
    assert any("First batch checked" in line for line in heard.logs)


@pytest.mark.slow
def test_a_stopped_job_goes_on_with_the_plan_it_began_with(job, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = job()
    train(folder, ListProgress(stop_at=3))
    assert step_of(last_whole_checkpoint(folder)) == 3
    before = (folder / "plan.json").read_text()
    monkeypatch.setattr(training, "plan", lambda *_: pytest.fail("a resumed run makes no new plan"))
    heard = ListProgress()
    train(folder, heard)
    assert (folder / "plan.json").read_text() == before
    assert [step for step, _ in heard.series("loss")] == [4]
    assert any("Going on from checkpoint-3" in line for line in heard.logs)


@pytest.mark.slow
def test_discard_leaves_nothing_not_even_of_an_earlier_pause(job) -> None:
    folder = job()
    train(folder, ListProgress(stop_at=1))
    assert (folder / "adapter").exists()
    train(folder, ListProgress(stop_at=2, verb="discard"))
    assert not (folder / "checkpoints").exists() and not (folder / "adapter").exists()


def test_data_that_changed_since_are_not_continued(job, home: Path) -> None:
    folder = job()
    train(folder, ListProgress(stop_at=2))
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps(plan | {"dataset_sha256": "another"}))
    with pytest.raises(DatasetError, match="has changed since"):
        train(folder, ListProgress())


@pytest.mark.slow
def test_memory_that_runs_out_is_retried_once_with_less(job, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, heard, tries = job(batch_rows=8), ListProgress(), []
    real = training.run_loop

    def fails_first(prepared, plan, resume):
        tries.append(plan.batch_rows.value)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(prepared, plan, resume)

    monkeypatch.setattr(training, "run_loop", fails_first)
    train(folder, heard)
    assert tries == [8, 4]
    assert heard.results["step"] == 4
    assert any("trying once more with 4 instead of 8 rows" in line for line in heard.logs)
    assert json.loads((folder / "plan.json").read_text())["batch_rows"]["value"] == 4


def test_memory_that_runs_out_twice_is_explained(job, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")

    monkeypatch.setattr(training, "run_loop", fails)
    with pytest.raises(ResourceError, match="2 rows of up to 512 tokens"):
        train(job(batch_rows=4), ListProgress())


class OutOfMemoryOnce(ListProgress):
    """Memory runs out once, when a step begins."""

    at: int = 3

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        super().phase(name, done, total)
        if name == "training" and done == self.at:
            self.at = -1
            raise torch.OutOfMemoryError("CUDA out of memory")


def lose_memory_at(step: int) -> OutOfMemoryOnce:
    heard = OutOfMemoryOnce()
    heard.at = step
    return heard


@pytest.mark.slow
def test_memory_that_runs_out_late_goes_on_from_the_checkpoint(job) -> None:
    folder, heard = job(batch_rows=6), lose_memory_at(3)
    train(folder, heard)
    assert [step for step, _ in heard.series("loss")] == [1, 2, 3, 3, 4]
    assert any("Going on from checkpoint-2" in line for line in heard.logs)
    plan = json.loads((folder / "plan.json").read_text())
    assert (plan["batch_rows"]["value"], plan["accumulation"]["value"]) == (3, 2)


@pytest.mark.slow
def test_memory_that_runs_out_late_throws_nothing_away(job) -> None:
    folder = job(batch_rows=1, accumulation=1, checkpointing="on")
    with pytest.raises(ResourceError, match="checkpoints are kept"):
        train(folder, lose_memory_at(3))
    assert step_of(last_whole_checkpoint(folder)) == 2


@pytest.mark.slow
def test_a_run_whose_rows_were_shortened_goes_on_with_short_rows(job, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = job(batch_rows=1, accumulation=1, checkpointing="on")
    heard = lose_memory_at(0)
    heard.stop_at = 2
    train(folder, heard)
    seen, real = [], training.run_loop
    monkeypatch.setattr(training, "run_loop", lambda prepared, *more: (seen.append(prepared), real(prepared, *more))[1])
    train(folder, ListProgress())
    assert seen[0].config.max_length == 256 and max(len(row) for row in seen[0].train) <= 256


@pytest.mark.parametrize("damage", ["{", "{}"])
def test_a_run_without_its_plan_does_not_begin_anew_over_its_checkpoints(job, damage: str) -> None:
    folder = job()
    train(folder, ListProgress(stop_at=2))
    (folder / "plan.json").write_text(damage)
    with pytest.raises(JobError, match=r"plan\.json"):
        train(folder, ListProgress())
    assert step_of(last_whole_checkpoint(folder)) == 2


@pytest.mark.slow
def test_a_run_begun_on_a_gpu_goes_on_here_as_this_machine_can(job) -> None:
    folder = job()
    train(folder, ListProgress(stop_at=2))
    plan = json.loads((folder / "plan.json").read_text())
    for name, value in (("precision", "fp16"), ("attention", "varlen"), ("engine", "unsloth")):
        plan[name] = {"value": value, "reason": "It began on a GPU."}
    (folder / "plan.json").write_text(json.dumps(plan))
    heard = ListProgress()
    train(folder, heard)
    assert heard.results["step"] == 4
    assert (heard.choices["engine"].value, heard.choices["attention"].value) == ("transformers", "per_example")
    assert heard.choices["precision"].value in ("bf16", "fp32")
    plan["optimizer"]["value"] = "adamw_8bit"
    (folder / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(ResourceError, match="8-bit optimizer"):
        train(folder, ListProgress())


def test_a_full_disk_stops_the_run_and_says_so(job, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = job()
    train(folder, ListProgress(stop_at=1))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**6))
    with pytest.raises(ResourceError, match="a checkpoint needs"):
        train(folder, ListProgress())
    assert step_of(last_whole_checkpoint(folder)) == 1
    assert not (folder / "checkpoints" / ".writing").exists()


def test_a_damaged_run_folder_and_impossible_settings_are_refused(job) -> None:
    folder = job()
    (folder / "job.json").write_text("{")
    with pytest.raises(JobError, match="damaged"):
        train(folder, ListProgress())
    with pytest.raises(ConfigError, match="rank"):
        train(job("other", rank=0), ListProgress())


def test_a_stop_before_the_first_step_ends_quietly(job) -> None:
    folder, heard = job(), ListProgress(stop_at=0)
    train(folder, heard)
    assert any("nothing was learned yet" in line for line in heard.logs)
    assert not (folder / "checkpoints").exists()


@pytest.mark.slow
def test_what_an_interrupted_write_left_is_cleared(job) -> None:
    folder = job()
    left = folder / "checkpoints" / ".writing" / "checkpoint-2"
    left.mkdir(parents=True)
    (left / "adapter_model.safetensors").write_bytes(b"half")
    train(folder, ListProgress())
    assert not left.exists() and step_of(last_whole_checkpoint(folder)) == 4
