"""The desk: keys, checkpoints, and giving way to a job; without weights and without a process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError, JobError, ModelError
from core.inference.desk import ChatDesk
from core.inference.messages import ChatPiece, ChatRequest, ChatStatus, ChatTarget
from core.jobs.job import Job
from core.jobs.snapshot import Snapshot
from core.records import Message
from core.settings import Settings
from tests.core.inference.test_target import make_adapter

REQUEST = ChatRequest("base", (Message("user", "Why?"),))


@dataclass
class Controller:
    """Shows one run, and whatever job it is told to."""

    run: Job
    busy: Job | None = None

    def jobs(self) -> tuple[Job, ...]:
        return (self.run,)

    def active(self) -> Job | None:
        return self.busy

    def snapshot(self, job_id: str) -> Snapshot:
        return Snapshot(1, self.run, result={"adapter_step": 20})


@dataclass
class Process:
    """Says three words, and notes what is asked of it."""

    notes: list[Any] = field(default_factory=list)
    between: Any = None

    def ask(self, target: ChatTarget, request: ChatRequest, asker: str) -> Iterator[ChatPiece]:
        self.notes.append(("ask", target, asker))
        for word in ("Be", "cause", "."):
            yield ChatPiece("base", word)
            if self.between:
                self.between()

    def warm(self) -> None:
        self.notes.append("warm")
        if self.between:
            self.between()

    def close(self) -> None:
        self.notes.append("close")

    def status(self) -> ChatStatus:
        return ChatStatus()


@pytest.fixture
def desk(settings: Settings) -> ChatDesk:
    folder = settings.runs / "20261124-0540-demo-0a1b"
    make_adapter(folder / "adapter")
    (folder / "config.json").write_text(json.dumps({"model": "org/base"}))
    for step in (10, 20, 30):
        make_adapter(folder / "checkpoints" / f"checkpoint-{step}", base_model_name_or_path="/here/org/base")
        (folder / "checkpoints" / f"checkpoint-{step}" / "whole.json").write_text("{}")
    (folder / "checkpoints" / "checkpoint-30" / "whole.json").unlink()  # being written, or cut off
    run = Job(folder, "train", "Demo", "finished", "2026-11-24T05:40:00+00:00", settings.home, dataset_id="sample")
    made = ChatDesk(settings, Controller(run))  # type: ignore[arg-type]
    made.process = Process()  # type: ignore[assignment]
    return made


def test_a_run_and_its_checkpoints(desk: ChatDesk) -> None:
    run = desk.controller.jobs()[0]
    assert desk.source(run.id).target == ChatTarget("org/base", str(run.folder / "adapter"))
    assert desk.source(f"{run.id}@best").key == run.id
    found = desk.source(f"{run.id}@20")
    assert (found.step, found.name, found.target.model) == (20, "Demo", "org/base")
    assert found.target.adapter.endswith("checkpoint-20")
    assert desk.steps(run.id) == [20, 10] and desk.best_step(run.id) == 20
    assert desk.speaker(found).name == "Demo, step 20" and len(desk.speaker(found).adapter_sha256) == 64


@pytest.mark.parametrize(
    ("key", "error", "says"),
    [
        ("20261124-0540-demo-0a1b@30", ModelError, "no checkpoint of step '30'"),
        ("20261124-0540-demo-0a1b@x/../..", ModelError, "no checkpoint of step"),
        ("20261124-none", JobError, "no run '20261124-none'"),
        ("../../etc", JobError, "no run"),
        ("adapter-none", ModelError, "no uploaded adapter"),
        ("base: ", InputError, "No base model is named"),
        ("", JobError, "no run"),
    ],
)
def test_what_names_nothing_says_so(desk: ChatDesk, key: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        desk.source(key)


def test_a_base_alone_and_an_uploaded_adapter(desk: ChatDesk, tmp_path: Path) -> None:
    assert desk.source("base:org/base").target == ChatTarget("org/base")
    kept = desk.add_adapter(sorted(make_adapter(tmp_path / "mine").iterdir()), name="Mine")
    source = desk.source(kept.id)
    assert (source.name, source.target.adapter) == ("Mine", str(kept.folder))
    assert "not on this disk" in source.note
    desk.remove_adapter(kept.id)
    assert desk.adapters() == []


def test_nothing_is_asked_or_warmed_while_a_job_holds_the_device(desk: ChatDesk) -> None:
    run = desk.controller.jobs()[0]
    desk.controller.busy = run  # type: ignore[attr-defined]
    assert desk.warm() is False
    with pytest.raises(JobError, match="Demo is using the machine"):
        next(desk.ask(run.id, REQUEST))
    assert desk.process.notes == []  # type: ignore[attr-defined]


def test_a_job_that_starts_meanwhile_goes_first(desk: ChatDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    run = desk.controller.jobs()[0]
    monkeypatch.setattr("core.inference.desk.BUSY_CHECK_S", -1.0)
    assert [piece.text for piece in desk.ask(run.id, REQUEST, "me")] == ["Be", "cause", "."]
    desk.process.between = lambda: setattr(desk.controller, "busy", run)  # type: ignore[attr-defined]
    answer = desk.ask(run.id, REQUEST)
    assert next(answer).text == "Be"
    with pytest.raises(JobError, match="has started and needs the machine"):
        next(answer)
    assert desk.process.notes[-1] == "close"  # type: ignore[attr-defined]
    desk.controller.busy = None  # type: ignore[attr-defined]
    assert desk.warm() is False and desk.process.notes[-2:] == ["warm", "close"]  # type: ignore[attr-defined]
