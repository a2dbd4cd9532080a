"""A model's sizes from its config.json: what may be left out, and what is refused."""

from __future__ import annotations

import pytest

from core.errors import ModelError
from core.model.shape import ModelShape


@pytest.mark.parametrize(
    "family", ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3", "olmo2"]
)
def test_what_a_config_leaves_out_is_what_transformers_takes(family: str) -> None:
    """Google's Gemma 3 4B names neither heads nor vocabulary, and no Gemma says that its output layer is the embedding."""
    from transformers import AutoConfig

    whole = AutoConfig.for_model(family, hidden_size=512, intermediate_size=1024, num_hidden_layers=2).to_dict()
    said = {name: whole[name] for name in ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers")}
    if "gemma3" not in family:
        said |= {"num_attention_heads": whole["num_attention_heads"], "vocab_size": whole["vocab_size"]}
    found, expected = ModelShape.from_json(said), ModelShape.from_json(whole)
    assert (found.tied, found.vocabulary, found.heads) == (expected.tied, expected.vocabulary, expected.heads)
    if "gemma" in family:
        assert found.tied and found.head_width == expected.head_width == 256


@pytest.mark.parametrize("experts", ["num_local_experts", "num_experts", "n_routed_experts"])
def test_a_mixture_of_experts_is_refused_rather_than_counted_as_one_of_them(experts: str) -> None:
    body = {"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
            "num_attention_heads": 32, "vocab_size": 32000, experts: 8}  # fmt: skip
    with pytest.raises(ModelError, match="mixture of experts"):
        ModelShape.from_json(body)
