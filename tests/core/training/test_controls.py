"""Every setting reaches the trainer or the adapter: each is changed and read back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from core.config import ORIGINAL_RECIPE, TrainingConfig
from core.model.device import Device
from core.model.plan import DatasetStats, plan
from core.model.shape import ModelShape
from core.training.arguments import training_arguments
from core.training.transformers_engine import _quantisation, guard_cpu_quantisation, lora_config

LLAMA = ModelShape("llama", 4096, 14336, 32, 32, 8, 128, 128256, False, 131072)
H100 = Device("NVIDIA H100 80GB HBM3", "cuda", 79.2, 78.5, (9, 0), 16, True)
STATS = DatasetStats(rows=4000, tokens=1_000_000, longest=900, eval_rows=100, eval_tokens=25_000)
BASE = TrainingConfig(max_steps=100)

# Setting → another value → where it is read back, and what is expected there.
CHANGES = {
    "learning_rate": (1e-3, lambda t: t["args"].learning_rate, 1e-3),
    "schedule": ("linear", lambda t: t["args"].lr_scheduler_type.value, "linear"),
    "warmup_ratio": (0.25, lambda t: t["args"].warmup_steps, 25),
    "weight_decay": (0.2, lambda t: t["args"].weight_decay, 0.2),
    "max_grad_norm": (0.3, lambda t: t["args"].max_grad_norm, 0.3),
    "optimizer": ("adamw_8bit", lambda t: t["args"].optim.value, "adamw_bnb_8bit"),
    "max_steps": (7, lambda t: t["args"].max_steps, 7),
    "batch_rows": (3, lambda t: t["args"].per_device_train_batch_size, 3),
    "accumulation": (5, lambda t: t["args"].gradient_accumulation_steps, 5),
    "eval_every": (11, lambda t: t["args"].eval_steps, 11),
    "save_every": (17, lambda t: t["args"].save_steps, 17),
    "log_every": (9, lambda t: t["args"].logging_steps, 9),
    "seed": (7, lambda t: (t["args"].seed, t["args"].data_seed), (7, 7)),
    "report_to": ("tensorboard", lambda t: t["args"].report_to, ["tensorboard"]),
    "rank": (64, lambda t: t["lora"].r, 64),
    "alpha": (99, lambda t: t["lora"].lora_alpha, 99),
    "dropout": (0.2, lambda t: t["lora"].lora_dropout, 0.2),
    "targets": ("attention_qv", lambda t: set(t["lora"].target_modules), {"q_proj", "v_proj"}),
    "rslora": (True, lambda t: t["lora"].use_rslora, True),
    "dora": (True, lambda t: t["lora"].use_dora, True),
    "quantisation": ("int8", lambda t: t["weights"].load_in_8bit, True),
    "precision": ("fp16", lambda t: t["plan"].precision.value, "fp16"),
    "engine": ("transformers", lambda t: t["plan"].engine.value, "transformers"),
    "packing": ("off", lambda t: t["plan"].packing.value, False),
    "checkpointing": ("on", lambda t: t["plan"].checkpointing.value, True),
}
# Settings that other tests read back: in the loop (test_run.py), from the data, or as the model's own name.
ELSEWHERE = {"model", "epochs", "max_length", "early_stopping", "sample_prompts", "sample_tokens"}


def reached(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict:
    chosen = plan(config, LLAMA, STATS, H100)
    # Half precision needs a GPU when arguments are checked; what is asked for is read from the plan instead.
    for_cpu = dataclasses.replace(chosen, precision=dataclasses.replace(chosen.precision, value="fp32"))
    steps = config.max_steps or chosen.total_steps
    return {
        "plan": chosen,
        "args": training_arguments(config, for_cpu, tmp_path / "run" / "checkpoints", steps, evaluates=True),
        "lora": lora_config(config),
        "weights": _quantisation(chosen, on_gpu=True),
    }


def test_no_setting_is_forgotten() -> None:
    assert set(CHANGES) | ELSEWHERE == {field.name for field in dataclasses.fields(TrainingConfig)}


@pytest.mark.parametrize("name", CHANGES)
def test_it_reaches_the_trainer(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    value, read, expected = CHANGES[name]
    assert read(reached(BASE.changed(**{name: value}), monkeypatch, tmp_path)) == expected
    if name != "quantisation":
        assert read(reached(BASE, monkeypatch, tmp_path)) != expected or name == "engine"


def test_the_original_recipe_is_exact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = reached(ORIGINAL_RECIPE, monkeypatch, tmp_path)
    arguments, lora = found["args"], found["lora"]
    assert found["weights"].load_in_8bit and found["plan"].precision.value == "fp16"
    assert (lora.r, lora.lora_alpha, lora.lora_dropout, lora.bias) == (8, 32, 0.05, "none")
    assert set(lora.target_modules) == {"q_proj", "v_proj"}
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (1, 8)
    assert (arguments.learning_rate, arguments.logging_steps, arguments.warmup_steps) == (2e-4, 50, 0)
    assert (ORIGINAL_RECIPE.epochs, ORIGINAL_RECIPE.max_length) == (3.0, 1024)
    assert not found["plan"].packing.value and not found["plan"].checkpointing.value


def test_4_bit_layers_on_a_cpu_are_guarded_and_learn_after_an_evaluation(prepare) -> None:
    import torch

    from core.training.batches import collate_packed
    from core.training.loss import OutputLayer
    from core.training.trainer import LoopParts, batch_loss
    from tests.tiny_model import random_rows

    def gradients(looks_between: bool) -> tuple[dict[str, torch.Tensor], int]:
        prepared = prepare(quantisation="nf4", dropout=0.0)
        loaded = prepared.engine.load(
            prepared.base.folder,
            prepared.config,
            plan(prepared.config, prepared.shape, prepared.stats(), prepared.device),
        )
        parts = LoopParts(prepared.engine, loaded, OutputLayer.of(loaded.causal, 64), prepared.job_dir, None)
        optimizer = torch.optim.SGD([p for p in loaded.model.parameters() if p.requires_grad], lr=0.1)
        for turn in range(2):
            loaded.model.train()
            optimizer.zero_grad()
            batch_loss(parts, collate_packed([random_rows(6, 40, seed=turn)])).backward()
            if turn == 0:
                optimizer.step()
                if looks_between:
                    loaded.model.eval()
                    with torch.no_grad():
                        batch_loss(parts, collate_packed([random_rows(6, 40, seed=9)]))
        guarded = [m for m in loaded.model.modules() if hasattr(m, "support_avx512bf16_for_cpu")]
        assert not any(module.support_avx512bf16_for_cpu for module in guarded)
        assert not any(getattr(module.weight.quant_state, "packing_format_for_cpu", False) for module in guarded)
        return {name: p.grad for name, p in loaded.model.named_parameters() if p.requires_grad}, len(guarded)

    torch.manual_seed(0)
    straight, layers = gradients(looks_between=False)
    looked, _ = gradients(looks_between=True)
    assert layers == 14
    assert straight.keys() == looked.keys()
    for name, gradient in straight.items():
        assert float(gradient.abs().max()) > 0, name
        assert torch.equal(gradient, looked[name]), name


def test_the_guard_counts_what_it_guards() -> None:
    class Layer:
        support_avx512bf16_for_cpu = True

    class Model:
        layers = (Layer(), object())

        def modules(self):
            return self.layers

    model = Model()
    assert guard_cpu_quantisation(model) == 1
    assert not model.layers[0].support_avx512bf16_for_cpu
