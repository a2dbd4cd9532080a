"""Layers that are not given rows: some models flatten them, and experts get a heap of tokens. Base and tuned stay themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.inference.adapter import attach
from core.inference.messages import Pane

pytestmark = pytest.mark.slow

SMALL = {"vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "pad_token_id": 0}


def opt() -> Any:
    """Its feed-forward layers get (rows · tokens, width)."""
    from transformers import OPTConfig, OPTForCausalLM

    config = OPTConfig(**SMALL, ffn_dim=64, word_embed_proj_dim=32, max_position_embeddings=64, init_std=0.3)
    return OPTForCausalLM(config), ["q_proj", "fc1", "fc2"]


def qwen_moe() -> Any:
    """Its shared experts are flattened likewise."""
    from transformers import Qwen2MoeConfig, Qwen2MoeForCausalLM

    config = Qwen2MoeConfig(
        **SMALL,
        num_key_value_heads=2,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=32,
        initializer_range=0.3,
    )
    return Qwen2MoeForCausalLM(config), ["q_proj", "gate_proj", "down_proj"]


@pytest.mark.parametrize(("made", "mixes"), [(opt, True), (qwen_moe, False)])
def test_each_row_is_its_own_model_whatever_shape_a_layer_gets(made: Any, mixes: bool, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(3)
    base, targets = made()
    ids = torch.randint(1, 90, (1, 7))
    with torch.inference_mode():
        wanted = {"base": base.eval()(ids).logits[0]}
        config = LoraConfig(r=4, target_modules=targets, init_lora_weights=False, task_type="CAUSAL_LM")
        tuned = get_peft_model(base, config).eval()
        tuned.save_pretrained(tmp_path)
        wanted["tuned"] = tuned(ids).logits[0]
        adapter = attach(tuned.unload(), tmp_path)
        assert adapter.mixes == mixes
        groups: list[tuple[Pane, ...]] = [("tuned", "tuned"), ("base", "base")]
        groups += [("base", "tuned", "tuned"), ("tuned", "base")] if mixes else []
        for panes in groups:
            with adapter.applied(panes):
                found = adapter.model(ids.repeat(len(panes), 1)).logits
            for row, pane in enumerate(panes):
                torch.testing.assert_close(found[row], wanted[pane], atol=1e-4, rtol=1e-4)
        assert (wanted["base"] - wanted["tuned"]).abs().max() > 0.1
