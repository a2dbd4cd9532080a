"""Attention over a packed row that keeps examples apart, registered with transformers under the name ``medft_packed``.

On GPUs from compute capability 8.0 torch's variable-length flash kernel takes the whole row; elsewhere each example is
attended on its own. Neither ever builds a mask of T × T. It does not know: which engine or model calls it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NAME = "medft_packed"


def register_packed_attention() -> str:
    """Make the attention known to transformers; returns the name for ``attn_implementation``."""
    from transformers import AttentionInterface, AttentionMaskInterface  # noqa: PLC0415

    AttentionInterface.register(NAME, packed_attention)
    # Rows are told apart by their lengths, and generation runs on single unpadded prompts: no mask is ever needed.
    AttentionMaskInterface.register(NAME, _no_mask)
    return NAME


def _no_mask(*_: Any, **__: Any) -> None:
    return None


@functools.cache
def varlen_kernel() -> Callable[..., torch.Tensor] | None:
    """The variable-length attention of torch, with grouped queries, or None where torch has none.

    torch 2.11 lacks ``enable_gqa``: there keys and values are expanded to the query heads first.
    """
    try:
        from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415
    except ImportError:
        return None
    known = inspect.signature(varlen_attn).parameters
    grouped, windows = "enable_gqa" in known, "window_size" in known

    def attend(query: Any, key: Any, value: Any, *places: Any, enable_gqa: bool = False, **options: Any) -> Any:
        if not windows:
            options = {name: value for name, value in options.items() if name != "window_size"} | {"is_causal": True}
        if enable_gqa and not grouped:
            groups = query.shape[1] // key.shape[1]
            key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        elif enable_gqa:
            options["enable_gqa"] = True
        return varlen_attn(query, key, value, *places, **options)

    return attend


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each example of a packed row; the signature is transformers' attention interface.

    Args:
        module: The attention layer.
        query: 1 × heads × T × width.
        key: 1 × kv heads × T × width.
        value: As key.
        attention_mask: None for a packed row.
        **options: ``lengths`` (tokens of each example, together T), for the kernel that takes the whole row
            ``cu_seqlens`` (their cumulative sum from 0, int32), ``scaling``, ``sliding_window``. Without ``lengths`` it
            is ordinary attention (generation).

    Returns:
        1 × T × heads × width, and None for the weights.
    """
    lengths: tuple[int, ...] | None = options.get("lengths")
    if lengths is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward  # noqa: PLC0415

        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    window = options.get("sliding_window") or 0
    kernel = varlen_kernel() if "cu_seqlens" in options and _kernel_takes(query) else None
    if kernel is not None:
        return _whole_row(kernel, (query, key, value), lengths, window, options), None
    return _one_by_one((query, key, value), lengths, window, options.get("scaling")), None


def _kernel_takes(query: torch.Tensor) -> bool:
    """Whether the flash kernel computes this: half precision on compute capability 8.0 or later, width up to 256."""
    import torch  # noqa: PLC0415

    return (
        query.is_cuda
        and query.dtype in (torch.float16, torch.bfloat16)
        and query.shape[-1] <= 256
        and query.shape[-1] % 8 == 0
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
    )


def _whole_row(
    kernel: Callable[..., torch.Tensor],
    heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    lengths: tuple[int, ...],
    window: int,
    options: dict[str, Any],
) -> torch.Tensor:
    query, key, value = (tensor[0].transpose(0, 1).contiguous() for tensor in heads)
    value = value.to(query.dtype)
    key = key.to(query.dtype)
    places = options["cu_seqlens"]
    longest = max(lengths)
    out = kernel(
        *(query, key, value, places, places, longest, longest),
        scale=options.get("scaling"),
        window_size=(window - 1, 0) if window else (-1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    return out[None]


def _one_by_one(
    heads: tuple[torch.Tensor, torch.Tensor, torch.Tensor], lengths: tuple[int, ...], window: int, scaling: float | None
) -> torch.Tensor:
    import torch  # noqa: PLC0415

    attend = torch.nn.functional.scaled_dot_product_attention
    groups = heads[0].shape[1] // heads[1].shape[1]
    if heads[0].is_cuda and groups > 1:
        # On a GPU only the flash kernel takes grouped queries; without it torch would fall back to its slowest path.
        heads = (heads[0], heads[1].repeat_interleave(groups, dim=1), heads[2].repeat_interleave(groups, dim=1))
        groups = 1
    parts = []
    for query, key, value in zip(*(torch.split(tensor, list(lengths), dim=2) for tensor in heads), strict=True):
        mask = _window_mask(query.shape[2], window, query.device) if 0 < window < query.shape[2] else None
        parts.append(
            attend(query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling, enable_gqa=groups > 1)
        )
    return torch.cat(parts, dim=2).transpose(1, 2)


def _window_mask(length: int, window: int, device: torch.device) -> torch.Tensor:
    """True where a query may look: at itself and the window - 1 tokens before it."""
    import torch  # noqa: PLC0415

    place = torch.arange(length, device=device)
    distance = place[:, None] - place[None, :]
    return (distance >= 0) & (distance < window)
