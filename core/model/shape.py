"""What a model is made of, read from its config.json alone: ModelShape, in milliseconds and without its weights.

    config.json ─ModelShape.read→ ModelShape ─→ memory.py, plan.py

It does not know: weights, devices, how a model is trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ModelError

ATTENTION_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_LAYERS = ("gate_proj", "up_proj", "down_proj")
# Sizes that a config.json may leave out, because transformers knows them by the family (Google's Gemma 3 4B does).
_GEMMA_3 = {
    "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262_208,
    "max_position_embeddings": 131_072, "tie_word_embeddings": True,
}  # fmt: skip
LEFT_OUT: Mapping[str, Mapping[str, Any]] = {
    "gemma": {"head_dim": 256, "tie_word_embeddings": True},
    "gemma2": {"head_dim": 256, "tie_word_embeddings": True},
    "gemma3": _GEMMA_3,
    "gemma3_text": _GEMMA_3,
    "smollm3": {"tie_word_embeddings": True},
    "cohere": {"tie_word_embeddings": True},
    "cohere2": {"tie_word_embeddings": True},
}
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a decoder-only transformer of the Llama kind.

    Args:
        family: ``model_type`` of the text model, for example ``llama``.
        hidden: Width of the residual stream.
        intermediate: Width inside the MLP.
        layers: Number of decoder layers.
        heads: Query heads.
        kv_heads: Key and value heads (fewer than heads: grouped-query attention).
        head_width: Width of one head.
        vocabulary: Rows of the embedding.
        tied: Whether the output layer is the embedding.
        max_positions: Longest row the model was built for, in tokens.
    """

    family: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    tied: bool
    max_positions: int

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ModelShape:
        """Read the content of a config.json; a multimodal model counts with its text part.

        Raises:
            ModelError: if a size is missing, as with a model that is not a decoder-only transformer, or if it has experts.
        """
        text = body.get("text_config") if isinstance(body.get("text_config"), Mapping) else body
        assert isinstance(text, Mapping)
        family = str(text.get("model_type") or body.get("model_type") or "unknown")
        if any(int(text.get(name) or 0) > 1 for name in EXPERTS):
            raise ModelError(
                f"This is a mixture of experts ({family}): its experts cannot be quantised or adapted here.",
                "Choose a model without experts, such as Llama, Qwen 3 (up to 32B), Mistral or Gemma.",
            )
        tied = body.get("tie_word_embeddings", LEFT_OUT.get(family, {}).get("tie_word_embeddings", False))
        text = {**LEFT_OUT.get(family, {}), "tie_word_embeddings": tied, **text}
        try:
            heads, hidden = int(text["num_attention_heads"]), int(text["hidden_size"])
            return cls(
                family=family,
                hidden=hidden,
                intermediate=int(text["intermediate_size"]),
                layers=int(text["num_hidden_layers"]),
                heads=heads,
                kv_heads=int(text.get("num_key_value_heads") or heads),
                head_width=int(text.get("head_dim") or hidden // heads),
                vocabulary=int(text["vocab_size"]),
                tied=bool(text["tie_word_embeddings"]),
                max_positions=int(text.get("max_position_embeddings") or 2048),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"The model's config.json does not say its {error}.",
                "Choose a decoder-only language model such as Llama, Qwen, Mistral, Gemma or SmolLM2.",
            ) from error

    @classmethod
    def read(cls, folder: Path) -> ModelShape:
        """Read ``folder/config.json``.

        Raises:
            ModelError: if the file is missing, is not JSON, or lacks a size.
        """
        try:
            body = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"The model folder {folder.name} has no readable config.json.",
                "Download the model again, or choose another folder.",
            ) from error
        return cls.from_json(body)

    def linear_layers(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of every linear layer of one decoder layer, by name."""
        queries, keys = self.heads * self.head_width, self.kv_heads * self.head_width
        return {
            "q_proj": (self.hidden, queries),
            "k_proj": (self.hidden, keys),
            "v_proj": (self.hidden, keys),
            "o_proj": (queries, self.hidden),
            "gate_proj": (self.hidden, self.intermediate),
            "up_proj": (self.hidden, self.intermediate),
            "down_proj": (self.intermediate, self.hidden),
        }

    @property
    def linear_parameters(self) -> int:
        """Parameters in the linear layers of all decoder layers (what a 4-bit base quantises)."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linear_layers().values())

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the embedding and of the output layer, which is the embedding again where tied."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All parameters, norms included."""
        return self.linear_parameters + self.embedding_parameters + (2 * self.layers + 1) * self.hidden

    def lora_parameters(self, rank: int, targets: tuple[str, ...]) -> int:
        """Trained parameters of a LoRA of this rank on these layers: r × (inputs + outputs) each."""
        shapes = self.linear_layers()
        return self.layers * sum(rank * sum(shapes[name]) for name in targets if name in shapes)
