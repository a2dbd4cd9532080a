"""Going on after a pause, a kill or memory that ran out, where it is easy to go on a little differently."""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.config import EACH_EPOCH
from core.errors import ResourceError
from core.training.checkpoints import last_whole_checkpoint, step_of
from core.training.outcome import keep_adapter
from tests.core.training.test_run import go, planned
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


def test_once_an_epoch_is_at_the_end_of_each(prepare) -> None:
    # 41 rows by two make 21 passes, by two again 11 steps.
    prepared = prepare(
        rows=41, packing="off", accumulation=2, max_steps=0, epochs=2.0, eval_every=EACH_EPOCH, save_every=EACH_EPOCH
    )
    ending = go(prepared)
    assert ending.step == ending.total_steps == planned(prepared).total_steps == 22
    assert [step for step, _ in prepared.progress.series("eval_loss")] == [0, 11, 22]


@contextmanager
def largest_file(limit_bytes: int) -> Iterator[None]:
    """Let the disk refuse files above a size, as one that is full does in the middle of a write."""
    before, heard = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, heard)


@pytest.mark.parametrize(("refused", "limit_bytes"), [("safetensors", 10_000), ("torch.save", 70_000)])
def test_a_disk_that_fills_up_in_the_middle_of_a_checkpoint_is_told_in_words(
    prepare, refused: str, limit_bytes: int
) -> None:
    prepared = prepare(rank=4)
    go(prepared.changed(progress=ListProgress(stop_at=4)))
    kept = last_whole_checkpoint(prepared.job_dir)
    weights, moments = ((kept / name).stat().st_size for name in ("adapter_model.safetensors", "optimizer.pt"))
    assert (weights > limit_bytes) == (refused == "safetensors") and moments > limit_bytes
    with largest_file(limit_bytes), pytest.raises(ResourceError, match="could not be written") as raised:
        go(prepared.changed(progress=ListProgress()), resume=True)
    assert "Free some disk space" in raised.value.hint
    assert last_whole_checkpoint(prepared.job_dir) == kept and step_of(kept) == 4


def test_a_disk_that_is_full_at_the_very_end_is_told_in_words(prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = prepare()
    go(prepared)

    def refuses(source: Path, target: Path, **_: object) -> None:
        raise shutil.Error([(str(source), str(target), "[Errno 28] No space left on device")])

    monkeypatch.setattr(shutil, "copytree", refuses)
    with pytest.raises(ResourceError, match="adapter could not be copied"):
        keep_adapter(prepared.job_dir, prepared.base, None)
    assert (prepared.job_dir / "adapter" / "adapter_model.safetensors").is_file()
