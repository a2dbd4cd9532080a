"""How fast training will be, roughly, before it starts: estimated_tokens_per_s(shape, setup, device).

Four floating-point operations a parameter and token: two forward, two for the gradient of the activations; frozen
weights need no gradient of their own. Recomputing activations adds two. It does not know: plans, data sets.
"""

from __future__ import annotations

import re

from core.model.device import Device
from core.model.memory import Setup
from core.model.shape import ModelShape

# Dense half-precision TFLOP/s that a large matrix product reaches, by the model in the GPU's name.
GPU_TFLOPS: tuple[tuple[str, float], ...] = (
    ("B200", 1500), ("H200", 790), ("GH200", 790), ("H100", 790), ("A100", 270), ("L40", 180), ("L40S", 180), ("RTX 5090", 210),
    ("RTX 4090", 160), ("A10G", 70), ("A10", 120), ("L4", 60), ("RTX 3090", 70), ("V100", 90), ("T4", 40), ("P100", 18),
)  # fmt: skip
UNKNOWN_GPU_TFLOPS = 40.0
# Share of that which a whole training step reaches (measured on an H100 for packed rows).
STEP_SHARE = {"unsloth": 0.55, "transformers": 0.24}
PADDED_SHARE = 0.15
# A CPU core's float32 GFLOP/s in a training step (two cores, AVX2 and AVX-512), and what bfloat16 in hardware brings.
CORE_GFLOPS, BF16_GAIN = 40.0, 1.5


def work_per_token(shape: ModelShape, recomputed: bool = False) -> float:
    """Floating-point operations of a training step, per token."""
    return (6.0 if recomputed else 4.0) * (shape.linear_parameters + shape.vocabulary * shape.hidden)


def known_tflops(name: str) -> float | None:
    """What a GPU of this name reaches; None where it is not known. An RTX A1000 is no A100, a T400 no T4."""
    return next((tflops for known, tflops in GPU_TFLOPS if re.search(rf"(?<![A-Z0-9]){known}(?![A-Z0-9])", name)), None)


def estimated_tokens_per_s(shape: ModelShape, setup: Setup, device: Device) -> float:
    """Tokens that a training run gets through in a second.

    Args:
        shape: The base model's sizes.
        setup: How it is trained.
        device: Where.
    """
    if device.kind == "cpu":
        rate = device.cores * CORE_GFLOPS * 1e9 * (BF16_GAIN if setup.precision == "bf16" else 1.0)
        return rate / work_per_token(shape, setup.checkpointing)
    peak = (known_tflops(device.name) or UNKNOWN_GPU_TFLOPS) * 1e12
    share = STEP_SHARE[setup.engine] * (PADDED_SHARE if setup.attention == "padded" else 1.0)
    return peak * share / work_per_token(shape, setup.checkpointing)
