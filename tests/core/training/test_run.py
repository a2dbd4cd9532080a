"""The loop on a tiny random Llama: it learns, stops, resumes bit for bit, survives NaN, and leaves a whole adapter."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import pytest
from safetensors.torch import load_file

from core.model.plan import Plan, plan
from core.training.callbacks import TrainingDiverged
from core.training.checkpoints import checkpoints, is_whole, last_whole_checkpoint, step_of
from core.training.run import Ending, Prepared, run_loop
from tests.tiny_model import ListProgress

pytestmark = pytest.mark.thorough


def planned(prepared: Prepared) -> Plan:
    return plan(prepared.config, prepared.shape, prepared.stats(), prepared.device)


def go(prepared: Prepared, resume: bool = False) -> Ending:
    return run_loop(prepared, planned(prepared), last_whole_checkpoint(prepared.job_dir) if resume else None)


def test_it_learns_reports_and_leaves_an_adapter(prepare) -> None:
    prepared = prepare(max_steps=12)
    ending = go(prepared)
    heard = prepared.progress
    losses = heard.series("loss")
    assert [step for step, _ in losses] == list(range(1, 13))
    evals = heard.series("eval_loss")
    assert [step for step, _ in evals] == [0, 4, 8, 12]
    assert evals[-1][1] < evals[0][1]
    assert ending.step == ending.total_steps == 12
    assert ending.best_step in (4, 8, 12) and ending.best_eval_loss == pytest.approx(min(loss for _, loss in evals[1:]))
    assert all(value > 0 for _, value in heard.series("tokens_per_s"))
    assert {step for step, _, _ in heard.samples} == {0, 4, 8, 12}
    assert {"loading the model", "checking the first batch", "training", "evaluating"} <= set(heard.phases)
    adapter = prepared.job_dir / "adapter"
    assert {path.name for path in adapter.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    }  # fmt: skip
    assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "tests/tiny"
    assert len(checkpoints(prepared.job_dir)) <= 3
    assert all(is_whole(path) for path in checkpoints(prepared.job_dir))


@pytest.mark.slow
@pytest.mark.parametrize("packing", ["on", "off"])
@pytest.mark.parametrize("stop_at", [3, 4, 10])
def test_pause_and_resume_give_the_same_bits(prepare, packing: str, stop_at: int) -> None:
    common = {"packing": packing, "dropout": 0.1, "accumulation": 2, "max_steps": 12, "rows": 30}
    straight = prepare(job="straight", **common)
    go(straight)
    paused = prepare(job="paused", progress=ListProgress(stop_at=stop_at), **common)
    stopped = go(paused)
    assert stopped.step == stop_at
    resumed = paused.changed(progress=ListProgress())
    go(resumed, resume=True)
    for name in ("checkpoint-12", "adapter"):
        ours = load_file(
            paused.job_dir / (name if name == "adapter" else f"checkpoints/{name}") / "adapter_model.safetensors"
        )
        theirs = load_file(
            straight.job_dir / (name if name == "adapter" else f"checkpoints/{name}") / "adapter_model.safetensors"
        )
        assert ours.keys() == theirs.keys()
        assert all(bool((ours[key] == theirs[key]).all()) for key in ours)
    heard = dict(paused.progress.series("loss")) | dict(resumed.progress.series("loss"))
    assert heard == dict(straight.progress.series("loss"))


def test_discard_ends_at_once_and_keeps_nothing(prepare) -> None:
    prepared = prepare(progress=ListProgress(stop_at=2, verb="discard"))
    ending = go(prepared)
    assert ending.step == 2
    assert ending.adapter_step is None
    assert not (prepared.job_dir / "adapter").exists()


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_good_state(prepare) -> None:
    prepared = prepare(
        learning_rate=0.1, max_grad_norm=0.0, max_steps=40, eval_every=1, schedule="constant", warmup_ratio=0.0
    )
    poison = prepared.engine.load

    def load(*arguments):
        loaded = poison(*arguments)
        calls = 0

        def break_it(*_):
            nonlocal calls
            calls += loaded.model.training
            if calls == 6:
                return (loaded.causal.model.norm.weight * math.nan).expand(1, 1, -1)
            return None

        loaded.causal.model.norm.register_forward_hook(
            lambda module, given, out: out * math.nan if break_it() is not None else None
        )
        return loaded

    class Poisoned(type(prepared.engine)):
        def load(self, *arguments):
            return load(*arguments)

    prepared = prepared.changed(engine=Poisoned())
    with pytest.raises(TrainingDiverged, match="step 6"):
        go(prepared)
    newest = last_whole_checkpoint(prepared.job_dir)
    assert newest is not None and step_of(newest) == 5
    weights = load_file(prepared.job_dir / "adapter" / "adapter_model.safetensors")
    assert all(bool(weight.isfinite().all()) for weight in weights.values())


@pytest.mark.parametrize("damage", ["truncated", "missing", "changed"])
def test_a_damaged_checkpoint_is_never_resumed_from(prepare, damage: str) -> None:
    prepared = prepare()
    go(prepared)
    newest = last_whole_checkpoint(prepared.job_dir)
    assert newest is not None and step_of(newest) == 8
    weights: Path = newest / "optimizer.pt"
    content = weights.read_bytes()
    if damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(content[:-10] if damage == "truncated" else bytes([content[0] ^ 1]) + content[1:])
    found = last_whole_checkpoint(prepared.job_dir)
    assert found is not None and step_of(found) == 4


def test_early_stopping_ends_the_run(prepare) -> None:
    prepared = prepare(early_stopping=2, max_steps=60, eval_every=1, learning_rate=0.05, schedule="constant")
    ending = go(prepared)
    assert ending.step < 60
    assert ending.best_step == ending.step - 2
    assert ending.adapter_step == ending.best_step


def test_a_resumed_run_finds_the_best_checkpoint_where_it_was_sealed(
    prepare, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The loss rises, so that the best checkpoint is an old one and the newest must still name it.
    prepared = prepare(max_steps=6, eval_every=2, save_every=2, learning_rate=0.05, schedule="constant")
    go(prepared)
    for folder in checkpoints(prepared.job_dir):
        state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
        best = Path(state["best_model_checkpoint"])
        assert best == prepared.job_dir / "checkpoints" / f"checkpoint-{state['best_global_step']}"
        assert is_whole(best) and is_whole(folder)
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    go(prepared.changed(progress=ListProgress(), config=prepared.config.changed(max_steps=8)), resume=True)
    assert "best checkpoint" not in caplog.text
