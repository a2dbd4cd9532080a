"""The merged model: it answers as base and adapter do together, and the desk refuses what cannot work."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import JobError, ModelError, ResourceError
from core.export.merge import merge
from core.export.merged import MergeDesk, Room
from core.jobs.job import Job, utc_now
from core.settings import Settings
from tests.core.evaluation.evaluation_cases import Jobs, write_run
from tests.core.inference.tiny_model import save_adapter, save_base
from tests.tiny_model import ListProgress

pytestmark = pytest.mark.thorough


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_base(tmp_path / "base")


@pytest.fixture
def run(settings: Settings, base: Path) -> Job:
    """A finished run on a model of 100,000 weights."""
    made = write_run(settings.runs, "run-1", home=settings.home)
    save_adapter(made.folder / "adapter", base)
    (made.folder / "config.json").write_text(json.dumps({"model": str(base)}))
    return made


def merged(run: Job) -> tuple[Path, ListProgress]:
    folder = run.folder / "run-1-merged"
    folder.mkdir()
    Job(folder, "merge", "Merged", "finished", utc_now(), run.home).save()
    progress = ListProgress()
    merge(folder, progress)
    return folder, progress


def test_the_merged_model_answers_as_base_and_adapter_together(run: Job, base: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder, progress = merged(run)
    assert Path(progress.results["folder"]) == folder / "model"
    assert progress.phases[-1] == "writing the merged model"
    ids = torch.arange(5, 45).unsqueeze(0)
    with torch.no_grad():
        alone = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)(ids).logits
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        both = PeftModel.from_pretrained(model, run.folder / "adapter")(ids).logits
        one = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)(ids).logits
    size = both.abs().mean()
    assert (both - alone).abs().mean() > 0.1 * size, "the adapter of this test must change answers"
    # bfloat16 keeps 8 bits, so a weight is off by up to 0.4 %
    assert (both - one).abs().mean() < 0.02 * size
    assert {"config.json", "model.safetensors"} <= {path.name for path in (folder / "model").iterdir()}
    assert not list(folder.glob(".*.writing"))


def test_a_run_without_an_adapter_is_not_merged(run: Job) -> None:
    (run.folder / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="no adapter"):
        merged(run)


def desk_of(base: Path | None, *jobs: Job) -> tuple[MergeDesk, Jobs, list[bool]]:
    freed: list[bool] = []
    controller = Jobs(*jobs)
    return MergeDesk(controller, lambda _: base, lambda: freed.append(True)), controller, freed  # type: ignore[arg-type]


def test_the_desk_starts_one_job_a_run_and_replaces_an_earlier_one(run: Job, base: Path) -> None:
    desk, controller, freed = desk_of(base, run)
    job = desk.start(run)
    assert job.kind == "merge" and job.folder.parent == run.folder and freed == [True]
    assert desk.job(run) == job and desk.folder(run) is None
    controller.listed[-1] = replace(job, state="failed")
    desk.start(run)
    assert controller.deleted == [job.id]


def test_the_desk_refuses_what_cannot_work(run: Job, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, _, freed = desk_of(base, run, replace(run, folder=run.folder / "other", state="running"))
    with pytest.raises(JobError, match="busy"):
        desk.start(run)
    desk, _, freed = desk_of(base, run)
    monkeypatch.setattr(MergeDesk, "room", lambda *_: Room(30.0, 2.0))
    with pytest.raises(ResourceError, match="needs 30.0 GiB of disk; 2.0 GiB are free"):
        desk.start(run)
    (run.folder / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="no adapter"):
        desk.start(run)
    assert freed == []


def test_the_room_is_that_of_the_base_and_unknown_without_it(run: Job, base: Path) -> None:
    weights_gib = (base / "model.safetensors").stat().st_size / 1024**3
    room = desk_of(base)[0].room(run)
    assert room.needed_gib == pytest.approx(1.1 * weights_gib) and room.fits
    assert desk_of(None)[0].room(run).needed_gib is None
    for damaged in ("{", "[]", "{}"):
        (run.folder / "config.json").write_text(damaged)
        assert desk_of(base)[0].room(run).needed_gib is None, "a damaged run is shown, too"


def test_the_zip_holds_the_model_and_what_goes_with_it(run: Job, base: Path, tmp_path: Path) -> None:
    folder, _ = merged(run)
    done = Job(folder, "merge", "Merged", "finished", utc_now(), run.home)
    desk, _, _ = desk_of(base, run, done)
    assert desk.folder(run) == folder / "model"
    path = desk.zip(run, tmp_path, {"scorecard.html": "<p>x</p>"})
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = {name.split("/")[1] for name in archive.namelist()}
        assert archive.read("run-1-merged/scorecard.html") == b"<p>x</p>"
    assert {"config.json", "model.safetensors", "scorecard.html"} <= names
    with pytest.raises(JobError, match="no merged model"):
        desk_of(base, run)[0].zip(run, tmp_path, {})


def test_a_full_disk_is_said_before_the_zip_is_written(
    run: Job, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = merged(run)
    desk, _, _ = desk_of(base, run, Job(folder, "merge", "Merged", "finished", utc_now(), run.home))
    monkeypatch.setattr("core.export.merged.shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(ResourceError, match="Copy the folder instead"):
        desk.zip(run, tmp_path, {})
    assert list(tmp_path.glob("*.zip")) == []
