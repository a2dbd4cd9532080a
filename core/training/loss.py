"""Cross-entropy on answer tokens only, a slice at a time, so that logits never fill memory.

    hidden states + where to predict + targets ─answer_loss→ sum of negative log-likelihoods (float32)

For a frozen output layer the gradient of a slice is known as soon as its logits are: softmax minus one-hot, times the
weights. It is taken at once and the logits are dropped, so nothing is computed twice. It does not know: models, batches.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class OutputLayer:
    """The frozen layer that turns hidden states into logits.

    Args:
        weight: Vocabulary × hidden.
        bias: Vocabulary, or None.
        softcap: Logits are squashed to ±softcap (Gemma 2); 0 switches it off.
        scale: Logits are multiplied by it (Cohere, Granite).
        slice_tokens: Tokens whose logits are held at once.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    softcap: float
    scale: float
    slice_tokens: int

    @classmethod
    def of(cls, model: Any, slice_tokens: int) -> OutputLayer:
        """Read it from a causal language model of transformers.

        Raises:
            ValueError: if it is trained; then its own gradient would be missing.
        """
        layer, config = model.get_output_embeddings(), model.config.get_text_config()
        if layer.weight.requires_grad:
            raise ValueError("the output layer must be frozen")
        scale = float(getattr(config, "logit_scale", 0) or 1) / float(getattr(config, "logits_scaling", 0) or 1)
        softcap = float(getattr(config, "final_logit_softcapping", 0) or 0)
        return cls(layer.weight, getattr(layer, "bias", None), softcap, scale, slice_tokens)


def answer_loss(
    hidden: torch.Tensor, predict_at: torch.Tensor, targets: torch.Tensor, layer: OutputLayer
) -> torch.Tensor:
    """Sum the negative log-likelihood of the trained tokens.

    Args:
        hidden: Last hidden states, ... × H.
        predict_at: N positions in the flattened hidden states, each the one before a trained token.
        targets: N tokens.
        layer: The output layer.

    Returns:
        A float32 scalar: the sum, not the mean.
    """
    flat = hidden.reshape(-1, hidden.shape[-1]).index_select(0, predict_at)
    total: torch.Tensor = _function().apply(flat, targets, layer)
    return total


@functools.cache
def _function() -> Any:
    """The autograd function; made on first use, because its base class is torch's."""
    import torch  # noqa: PLC0415

    class AnswerLoss(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, layer: OutputLayer) -> torch.Tensor:
            wanted = ctx.needs_input_grad[0]
            gradient = torch.empty_like(hidden, dtype=torch.float32) if wanted else None
            total = torch.zeros((), dtype=torch.float32, device=hidden.device)
            for start in range(0, len(targets), layer.slice_tokens):
                part = slice(start, start + layer.slice_tokens)
                loss, slope = _slice_loss(hidden[part], targets[part], layer, wanted)
                total += loss
                if gradient is not None:
                    gradient[part] = slope
            ctx.gradient = gradient
            return total

        @staticmethod
        def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor, None, None]:
            # Gradients are kept in float32, so that fp16's loss scaling can neither overflow nor underflow them here.
            return ctx.gradient * upstream[0], None, None

    return AnswerLoss


def _slice_loss(hidden: Any, targets: Any, layer: OutputLayer, wanted: bool) -> tuple[Any, Any]:
    """Loss of one slice and, if wanted, its gradient with respect to the hidden states (n × H, float32)."""
    import torch  # noqa: PLC0415

    kind = _compute_type(hidden, layer.weight)
    with torch.no_grad(), torch.autocast(hidden.device.type, enabled=False):
        weight = layer.weight.to(kind)
        logits = torch.nn.functional.linear(hidden.to(kind), weight, _as(layer.bias, kind)).float()
        logits *= layer.scale
        if layer.softcap:
            logits = layer.softcap * torch.tanh(logits / layer.softcap)
        normaliser = torch.logsumexp(logits, dim=-1)
        chosen = logits.gather(1, targets[:, None])[:, 0]
        loss = (normaliser - chosen).sum()
        if not wanted:
            return loss, None
        slope = torch.exp(logits - normaliser[:, None])
        slope[torch.arange(len(targets), device=slope.device), targets] -= 1
        if layer.softcap:
            slope *= 1 - (logits / layer.softcap) ** 2
        slope *= layer.scale
        return loss, (slope.to(kind) @ weight).float()


def _compute_type(hidden: Any, weight: Any) -> Any:
    """The format of the matrix product: autocast's where it is on, else the weights' own."""
    import torch  # noqa: PLC0415

    if torch.is_autocast_enabled(hidden.device.type):
        return torch.get_autocast_dtype(hidden.device.type)
    return weight.dtype


def _as(tensor: Any, kind: Any) -> Any:
    return None if tensor is None else tensor.to(kind)
