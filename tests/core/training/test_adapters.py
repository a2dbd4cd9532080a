"""Each kind of adapter and of base weights trains on a CPU, and what was asked for stands in the adapter that it leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from safetensors.torch import load_file

from core.config import TrainingConfig
from core.errors import ModelError
from core.model.plan import plan
from core.training.run import run_loop
from core.training.transformers_engine import check_targets

pytestmark = pytest.mark.thorough

KINDS: dict[str, dict[str, Any]] = {
    "rsLoRA": {"rslora": True},
    "DoRA": {"dora": True},
    "int8": {"quantisation": "int8", "precision": "auto"},
    "NF4 with DoRA": {"quantisation": "nf4", "dora": True},
    "q and v": {"targets": "attention_qv", "dropout": 0.1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_two_steps_and_the_adapter_says_so(kind: str, prepare: Any) -> None:
    asked = KINDS[kind]
    prepared = prepare(max_steps=2, eval_every=2, sample_tokens=0, **asked)
    chosen = plan(prepared.config, prepared.shape, prepared.stats(), prepared.device)
    assert chosen.quantisation.value == asked.get("quantisation", "none")
    ending = run_loop(prepared, chosen, None)
    assert ending.step == 2
    adapter = prepared.job_dir / "adapter"
    written = json.loads((adapter / "adapter_config.json").read_text())
    assert (written["use_rslora"], written["use_dora"]) == (asked.get("rslora", False), asked.get("dora", False))
    assert (written["r"], written["lora_alpha"], written["lora_dropout"]) == (4, 8, asked.get("dropout", 0.0))
    assert set(written["target_modules"]) == set(prepared.config.target_modules)
    weights = load_file(adapter / "adapter_model.safetensors")
    assert any("magnitude" in name for name in weights) == asked.get("dora", False)
    moved = [name for name, weight in weights.items() if "lora_B" in name and float(weight.abs().max()) > 0]
    assert len(moved) == 2 * len(prepared.config.target_modules), "every layer's adapter has learned something"
    assert all(bool(weight.isfinite().all()) for weight in weights.values())


def test_layers_that_are_not_there_are_named_instead_of_left_out() -> None:
    """Phi 3 has q, k and v in one layer: PEFT would adapt o and down only, and say nothing."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model("phi3", **sizes, vocab_size=32, pad_token_id=0))
    with pytest.raises(ModelError, match="q_proj, k_proj, v_proj, gate_proj, up_proj"):
        check_targets(model, TrainingConfig())
