"""Going on after a pause, a kill or memory that ran out, where it is easy to go on a little differently."""

from __future__ import annotations

import pytest

from tests.core.training.test_run import go
from tests.tiny_model import ListProgress

pytestmark = pytest.mark.thorough
RISING = {"early_stopping": 3, "max_steps": 60, "eval_every": 1, "learning_rate": 0.05, "schedule": "constant"}


def test_a_pause_does_not_make_early_stopping_more_patient(prepare) -> None:
    whole = go(prepare(job="whole", **RISING))
    paused = prepare(job="paused", progress=ListProgress(stop_at=whole.step - 1), **RISING)
    go(paused)
    ending = go(paused.changed(progress=ListProgress()), resume=True)
    assert (ending.step, ending.best_step) == (whole.step, whole.best_step)


def test_the_best_state_is_kept_though_no_checkpoint_was_due(prepare) -> None:
    # The loss falls for a few steps and rises then; the only checkpoint that is due comes at the end.
    prepared = prepare(max_steps=24, eval_every=1, save_every=24, learning_rate=0.05, schedule="constant")
    ending = go(prepared)
    assert ending.best_step is not None and ending.best_step < 24
    assert ending.adapter_step == ending.best_step


def test_a_run_paused_at_its_last_step_is_judged_when_it_goes_on(prepare) -> None:
    prepared = prepare(progress=ListProgress(stop_at=8), max_steps=8, eval_every=3)
    go(prepared)
    heard = ListProgress()
    ending = go(prepared.changed(progress=heard), resume=True)
    assert ending.step == 8 and heard.series("loss") == []
    assert [step for step, _ in heard.series("eval_loss")] == [8]


def test_a_run_that_lost_only_its_adapter_takes_no_step_more(prepare) -> None:
    prepared = prepare()
    go(prepared)
    weights = prepared.job_dir / "adapter" / "adapter_model.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    heard = ListProgress()
    ending = go(prepared.changed(progress=heard), resume=True)
    assert ending.step == 8 and weights.read_bytes() == before
    assert heard.series("loss") == [] and heard.series("eval_loss") == []
