"""Both engines on a real GPU: packed rows keep examples apart, runs learn, stop, resume, save and give memory back."""

from __future__ import annotations

import gc

import pytest

from core.model.device import find_device
from core.model.plan import plan
from core.training.batches import collate_packed, collate_padded
from core.training.checkpoints import last_whole_checkpoint
from core.training.loss import OutputLayer
from core.training.run import run_loop
from core.training.trainer import LoopParts, batch_loss
from tests.tiny_model import ListProgress, prepared_on, random_rows

# bfloat16 has 8 bits of mantissa; differences of a few units in the last place add up over four layers.
LOSS_TOLERANCE, GRADIENT_COSINE = 2e-2, 0.995


@pytest.fixture
def ready(engine, base, tmp_path):
    def make(progress=None, job="job", **config):
        defaults = {"precision": "bf16", "quantisation": "nf4", "engine": engine.name, "max_steps": 12}
        made = prepared_on(base, tmp_path / job, progress or ListProgress(), **defaults | config)
        return made.changed(engine=engine, device=find_device())

    return make


def planned(prepared):
    chosen = plan(prepared.config, prepared.shape, prepared.stats(), prepared.device)
    assert chosen.engine.value == prepared.engine.name, chosen.engine.reason
    return chosen


def parts_of(prepared):
    loaded = prepared.engine.load(prepared.base.folder, prepared.config, planned(prepared))
    for name, parameter in loaded.model.named_parameters():
        if "lora_B" in name:
            # A fresh adapter's B is zero, which would hide most gradients.
            parameter.data.normal_(std=0.02)
    loaded.model.train()
    return LoopParts(prepared.engine, loaded, OutputLayer.of(loaded.causal, 64), prepared.job_dir, None)


def on_gpu(batch):
    return {name: value.cuda() if hasattr(value, "cuda") else value for name, value in batch.items()}


def loss_and_gradients(parts, batches):
    import torch

    parts.loaded.model.zero_grad()
    total = 0.0
    for batch in batches:
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = batch_loss(parts, on_gpu(batch))
        loss.backward()
        total += float(loss.detach())
    gradients = [p.grad.float().flatten() for p in parts.loaded.model.parameters() if p.requires_grad]
    return total, torch.cat(gradients)


def test_packed_rows_learn_the_same_as_single_ones(ready) -> None:
    import torch

    parts, rows = parts_of(ready(quantisation="none")), random_rows(9, 60)
    packed, packed_gradients = loss_and_gradients(parts, [collate_packed([rows[:4], rows[4:]])])
    alone, alone_gradients = loss_and_gradients(parts, [collate_packed([[row]]) for row in rows])
    padded, padded_gradients = loss_and_gradients(parts, [collate_padded([[row] for row in rows], pad_id=0)])
    for other, gradients in ((alone, alone_gradients), (padded, padded_gradients)):
        assert packed == pytest.approx(other, rel=LOSS_TOLERANCE)
        assert float(torch.nn.functional.cosine_similarity(packed_gradients, gradients, dim=0)) > GRADIENT_COSINE


def test_a_neighbour_changes_nothing(ready) -> None:
    import torch

    parts, rows = parts_of(ready(quantisation="none")), random_rows(6, 60)
    found = []
    for neighbours in (rows[1:3], rows[3:6]):
        batch = on_gpu(collate_packed([[rows[0], *neighbours]]))
        arguments = parts.engine.row_arguments(parts.loaded, batch["lengths"], batch["input_ids"].device)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            hidden = parts.loaded.decoder(
                input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False, **arguments
            )[0]
        found.append(hidden[0, : len(rows[0])].float())
    assert float((found[0] - found[1]).abs().max()) <= 2**-6 * float(found[0].abs().max())


@pytest.mark.parametrize("quantisation", ["nf4", "none"])
@pytest.mark.parametrize("packing", ["on", "off"])
@pytest.mark.parametrize("checkpointing", ["on", "off"])
def test_it_learns_and_leaves_a_whole_adapter(ready, quantisation, packing, checkpointing) -> None:
    prepared = ready(quantisation=quantisation, packing=packing, checkpointing=checkpointing)
    run_loop(prepared, planned(prepared), None)
    losses = [loss for _, loss in prepared.progress.series("eval_loss")]
    assert losses[-1] < 0.97 * losses[0]
    assert len(prepared.progress.samples) >= 2
    assert (prepared.job_dir / "adapter" / "adapter_model.safetensors").exists()


def test_pause_and_resume_follow_the_straight_run(ready) -> None:
    straight = ready(job="straight")
    run_loop(straight, planned(straight), None)
    paused = ready(job="paused", progress=ListProgress(stop_at=5))
    assert run_loop(paused, planned(paused), None).step == 5
    resumed = paused.changed(progress=ListProgress())
    run_loop(resumed, planned(resumed), last_whole_checkpoint(paused.job_dir))
    expected, found = dict(straight.progress.series("loss")), dict(resumed.progress.series("loss"))
    assert set(found) == set(range(6, 13))
    for step, loss in found.items():
        assert loss == pytest.approx(expected[step], rel=LOSS_TOLERANCE)


def test_the_adapter_loads_into_plain_peft(ready, base) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    prepared = ready(quantisation="none")
    ending = run_loop(prepared, planned(prepared), None)
    plain = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.bfloat16, device_map={"": 0}, attn_implementation="sdpa"
    )
    model = PeftModel.from_pretrained(plain, prepared.job_dir / "adapter").eval()
    total, tokens = 0.0, 0
    for row in prepared.evaluation:
        ids = torch.tensor([list(row.input_ids)]).cuda()
        labels = torch.tensor([list(row.labels)]).cuda()
        with torch.no_grad():
            logits = model(input_ids=ids).logits
        total += float(torch.nn.functional.cross_entropy(logits[0, :-1].float(), labels[0, 1:], reduction="sum"))
        tokens += row.trained
    assert total / tokens == pytest.approx(ending.best_eval_loss, rel=LOSS_TOLERANCE)


def test_the_run_can_be_asked_beside_its_base(ready, base) -> None:
    """What either engine saves is what chat and evaluations load."""
    from core.inference.batch import Batch
    from core.inference.loader import load
    from core.inference.messages import ChatTarget
    from core.progress import SilentProgress

    prepared = ready(quantisation="none")
    ending = run_loop(prepared, planned(prepared), None)
    loaded = load(ChatTarget(str(base), str(prepared.job_dir / "adapter"), "none"), base, SilentProgress())
    losses = [loss for _, loss in Batch(loaded).losses(list(prepared.evaluation))]
    tokens = sum(loss.tokens for loss in losses)
    assert sum(loss.tuned for loss in losses) / tokens == pytest.approx(ending.best_eval_loss, rel=LOSS_TOLERANCE)
    assert sum(loss.tuned for loss in losses) < sum(loss.base for loss in losses)


def test_memory_that_runs_out_leads_to_the_next_smaller_plan(ready) -> None:
    import torch

    from core.training.train import _run_with_retry

    torch.cuda.reset_peak_memory_stats()
    heavy = {
        "batch_rows": 64,
        "max_length": 384,
        "rows": 2000,
        "max_steps": 2,
        "quantisation": "none",
        "checkpointing": "off",
    }
    free = ready(job="free", **heavy)
    run_loop(free, planned(free), None)
    needed = torch.cuda.max_memory_allocated()
    heard = ListProgress()
    prepared = ready(progress=heard, **heavy)
    gc.collect()
    torch.cuda.empty_cache()
    used = torch.cuda.memory_allocated()
    total = torch.cuda.get_device_properties(0).total_memory
    # Three quarters of what 64 rows needed, which 32 rows can do with.
    torch.cuda.set_per_process_memory_fraction((used + 0.75 * (needed - used)) / total)
    try:
        ending = _run_with_retry(prepared, planned(prepared), None, "hash")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ending.step == 2
    assert any("Memory ran out" in line and "32 instead of 64 rows" in line for line in heard.logs)


def test_memory_is_given_back(ready) -> None:
    import torch

    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    prepared = ready(max_steps=2)
    run_loop(prepared, planned(prepared), None)
    gc.collect()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated() - before < 64 * 2**20
