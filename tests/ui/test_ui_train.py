from __future__ import annotations

import pytest

from core.config import TrainingConfig
from core.errors import Problem
from core.jobs.snapshot import Phase
from medft_ui.run_charts import View
from medft_ui.run_words import error_words, step_words
from medft_ui.tabs import monitor, train_form
from medft_ui.tabs.train_views import in_words, taught_html
from tests.ui.fake_studio import FakeStudio, job, snapshot


def test_a_problem_names_settings_as_the_form_does() -> None:
    wrong = TrainingConfig(max_length=5, rank=0, early_stopping=2, save_every=3, eval_every=2)
    assert [in_words(problem) for problem in wrong.problems()] == [
        "“LoRA rank” must lie between 1 and 256; it is 0.",
        "“Longest row (tokens)” must lie between 16 and 131072; it is 5.",
        "With early stopping, “Checkpoint every (steps)” must be a multiple of “Evaluate every (steps)”, so that the best "
        "state is kept.",
    ]
    model = Problem("model", "Choose a model, or type a Hub id or a folder.")
    assert in_words(model) == model.message, "a word that is also a setting's name stays a word"
    assert in_words(Problem("dataset", "mine has no training rows.")) == "mine has no training rows."


@pytest.mark.parametrize(
    ("share", "says"), [(0.05, "5 % too high"), (-0.22, "22 % too low"), (0.004, "right"), (-0.004, "right")]
)
def test_how_a_forecast_was(share: float, says: str) -> None:
    assert error_words(share) == says


def test_what_stops_tells_no_time_to_the_end_of_the_whole_run() -> None:
    run = {"phase": Phase("training", 124, 200), "eta_s": 129.0}
    assert step_words(snapshot("running", **run)) == ["step 124 of 200", "2 min 09 s left"]
    assert step_words(snapshot("stopping", **run)) == ["step 124 of 200"]


def test_what_is_taught_waits_for_settings_that_hold(studio: FakeStudio) -> None:
    def taught(config: TrainingConfig) -> str:
        return taught_html(studio, "sample", 1, train_form.to_values(config))

    assert "<mark>" in taught(TrainingConfig())
    assert "nothing above has to change" in taught(TrainingConfig(max_length=5))


@pytest.mark.parametrize(("attempt", "says"), [(1, "started 24 Nov"), (2, "resumed 24 Nov")])
def test_monitor_tells_a_resume_from_a_start(studio: FakeStudio, attempt: int, says: str) -> None:
    run = job("running").changed(attempt=attempt, started="2026-11-24T05:40:00Z")
    studio.fake.show(snapshot("running", job=run))
    assert says in str(monitor.updates(studio, studio.snapshot(None), View()))
