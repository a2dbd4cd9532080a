"""The desk: what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from core.config import QUICK_DEMO
from core.errors import ConfigError, JobError, ResourceError
from core.jobs.controller import JobController
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


def test_every_problem_is_told_at_once(studio: Studio) -> None:
    with pytest.raises(ConfigError) as caught:
        studio.start_training(studio.list_datasets()[0].id, QUICK_DEMO.changed(rank=0, epochs=0))
    assert {problem.field for problem in caught.value.problems} == {"rank", "epochs"}


def test_a_run_that_is_not_there_is_said_plainly(studio: Studio) -> None:
    for ask in (studio.run_config, studio.export_adapter, studio.model_card):
        with pytest.raises(JobError, match="no run"):
            ask("nothing")
