"""The desk: what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.config import QUICK_DEMO
from core.errors import ConfigError, JobError, ResourceError
from core.inference.messages import ChatStatus
from core.jobs.controller import JobController
from core.model.device import Device
from core.settings import Settings
from core.studio import Studio


class FullController(JobController):
    """A controller whose disk is full, or whose machine is busy."""

    def __init__(self, runs: Path, error: Exception) -> None:
        super().__init__(runs)
        self.error = error

    def submit(self, *_: object, **__: object):
        raise self.error


@pytest.fixture
def studio(settings: Settings):
    studio = Studio(settings)
    studio.open()
    yield studio
    studio.close()


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        (JobError("The machine is busy.", "Wait."), JobError),
        (ResourceError("The disk is full.", "Free some."), ResourceError),
        (OSError(errno.ENOSPC, "No space left on device"), ResourceError),
    ],
)
def test_a_start_that_is_refused_leaves_no_folder(studio: Studio, raised: Exception, shown: type[Exception]) -> None:
    studio.controller.close()
    studio.controller = FullController(studio.settings.runs, raised)
    with pytest.raises(shown):
        studio.start_training(studio.list_datasets()[0].id, QUICK_DEMO)
    assert [path.name for path in studio.settings.runs.iterdir() if not path.name.startswith(".")] == []


def test_what_a_chat_holds_counts_as_free_because_a_start_closes_it(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9}
    (tmp_path / "config.json").write_text(json.dumps(sizes | {"vocab_size": 49152, "model_type": "llama"}))
    config, data = QUICK_DEMO.changed(model=str(tmp_path)), studio.list_datasets()[0].id
    card = Device("NVIDIA L4", "cuda", 22.0, 0.5, (8, 9), 4, True)
    monkeypatch.setattr("core.studio.find_device", lambda: card)
    assert [problem.field for problem in studio.problems(data, config) if problem.field != "dataset"] == ["memory"]
    monkeypatch.setattr(studio.chats.process, "status", lambda: ChatStatus("ready", memory_gib=20.0))
    planned = studio.plan(data, config)
    assert planned is not None and planned.available_gib == 20.5 and planned.verdict == "fits"


def test_a_model_folder_is_found_from_wherever_the_worker_runs(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studio, "plan", lambda *_: None)
    started: list[Path] = []
    monkeypatch.setattr(
        studio.controller,
        "submit",
        lambda kind, folder, **more: (started.append(folder), SimpleNamespace(id="run1"))[1],
    )
    studio.start_training(studio.list_datasets()[0].id, QUICK_DEMO.changed(model="mine"))
    assert json.loads((started[0] / "config.json").read_text())["model"] == str(tmp_path / "mine")


def test_every_problem_is_told_at_once(studio: Studio) -> None:
    with pytest.raises(ConfigError) as caught:
        studio.start_training(studio.list_datasets()[0].id, QUICK_DEMO.changed(rank=0, epochs=0))
    assert {problem.field for problem in caught.value.problems} == {"rank", "epochs"}


def test_a_run_that_is_not_there_is_said_plainly(studio: Studio) -> None:
    for ask in (studio.run_config, studio.export_adapter, studio.model_card):
        with pytest.raises(JobError, match="no run"):
            ask("nothing")
