"""What can be chosen before memory is counted: engine, base weights, number format, packing, attention, optimizer.

    Case → fixed_choices(case, quantisation), each with its reason

It does not know: how much memory anything takes, how large a step is (step.py).
"""

from __future__ import annotations

import importlib.util
from typing import Any

from core.config import Optimizer, Precision, Quantisation, TrainingConfig
from core.model.device import Device
from core.model.memory import Attention, EngineName
from core.model.planned import Case
from core.progress import Choice

# Families whose attention goes through transformers' attention interface in a form that packed_attention serves.
PACKABLE = frozenset(
    {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma3", "gemma3_text", "smollm3", "granite", "olmo2"}
)
UNSLOTH_FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})


def engine_choice(config: TrainingConfig, family: str, device: Device) -> Choice[EngineName]:
    """Unsloth where it runs and knows the model, else transformers."""
    if config.engine == "transformers":
        return Choice("transformers", "Chosen in the settings.")
    obstacle = _unsloth_obstacle(config, family, device)
    if obstacle is None:
        reason = "Chosen in the settings." if config.engine == "unsloth" else "Unsloth's kernels are the fastest here."
        return Choice("unsloth", reason)
    return Choice("transformers", obstacle)


def _unsloth_obstacle(config: TrainingConfig, family: str, device: Device) -> str | None:
    if device.kind != "cuda":
        return "Unsloth needs an NVIDIA GPU; transformers also trains on the CPU."
    if importlib.util.find_spec("unsloth") is None:
        return "Unsloth is not installed."
    if family not in UNSLOTH_FAMILIES:
        return f"Unsloth's fast path does not cover {family} models."
    if config.quantisation == "int8":
        return "Unsloth trains on 4-bit or unquantised weights; int8 goes through transformers."
    if config.dora or config.precision == "fp32":
        return "Unsloth's kernels compute plain LoRA in half precision; these settings go through transformers."
    return None


def quantisations(case: Case) -> tuple[Choice[Quantisation], ...]:
    """How the base weights may be kept, fastest first."""
    if case.config.quantisation != "auto":
        return (Choice(case.config.quantisation, "Chosen in the settings."),)
    nf4: Choice[Quantisation] = Choice("nf4", "4-bit weights leave the memory to longer steps, at no loss of speed.")
    if case.device.kind == "cuda":
        return (nf4,)
    plain: Choice[Quantisation] = Choice("none", "The weights fit as they are, and a CPU is slower on 4-bit ones.")
    return (plain, Choice("nf4", "Unquantised weights would not fit into the memory that is free."))


def _precision(case: Case, engine: EngineName, quantisation: Quantisation) -> Choice[Precision]:
    config, device = case.config, case.device
    if config.precision == "fp16" and device.kind == "cpu":
        return Choice(
            "bf16" if device.fast_bf16 else "fp32", "A CPU does not train in fp16; this is its fastest safe format."
        )
    if config.precision == "bf16" and device.kind == "cuda" and not device.fast_bf16:
        return Choice("fp16", "This GPU has no bfloat16 (compute capability below 8.0).")
    if config.precision != "auto":
        return Choice(config.precision, "Chosen in the settings.")
    if device.kind == "cuda":
        if device.fast_bf16:
            return Choice("bf16", "Fast on this GPU, and it cannot overflow as fp16 can.")
        return Choice("fp16", "This GPU has no bfloat16 (compute capability below 8.0).")
    if device.fast_bf16 or quantisation == "int8":
        return Choice("bf16", "This CPU multiplies bfloat16 in hardware; weights stay float32.")
    return Choice("fp32", "This CPU has no bfloat16 instructions: emulating them would be slower than float32.")


def _packing(case: Case) -> Choice[bool]:
    config, shape = case.config, case.shape
    if shape.family not in PACKABLE:
        return Choice(False, f"Examples cannot be kept apart in one row with {shape.family} models.")
    if config.packing == "auto":
        return Choice(
            True, f"Answers of {case.stats.mean_tokens:.0f} tokens on average share rows: nothing is spent on padding."
        )
    return Choice(config.packing == "on", "Chosen in the settings.")


def _attention(case: Case, packing: bool, precision: Precision) -> Choice[Attention]:
    if not packing:
        return Choice("padded", "One example a row; shorter rows are filled up.")
    if case.device.kind == "cuda" and precision == "fp32":
        return Choice("per_example", "The variable-length kernel computes in half precision only.")
    if case.device.kind == "cuda" and case.device.compute_capability >= (8, 0) and case.shape.head_width <= 256:
        return Choice("varlen", "torch's flash kernel takes all packed examples at once and none sees another.")
    where = "a CPU" if case.device.kind == "cpu" else "GPUs before compute capability 8.0"
    return Choice(
        "per_example", f"There is no variable-length kernel for {where}: packed examples are attended one by one."
    )


def _optimizer(case: Case) -> Choice[Optimizer]:
    if case.config.optimizer == "adamw_8bit" and case.device.kind == "cpu":
        return Choice("adamw", "8-bit optimizer states need a GPU.")
    if case.config.optimizer != "auto":
        return Choice(case.config.optimizer, "Chosen in the settings.")
    trained = case.shape.lora_parameters(case.config.rank, case.config.target_modules)
    return Choice(
        "adamw", f"Its two moments for {trained / 1e6:.1f} million adapter weights take {trained * 8 / 1e9:.2f} GB."
    )


def fixed_choices(case: Case, quantisation: Choice[Quantisation]) -> dict[str, Choice[Any]]:
    """Everything that is chosen before memory is counted, by the plan's names."""
    engine = engine_choice(case.config, case.shape.family, case.device)
    packing, precision = _packing(case), _precision(case, engine.value, quantisation.value)
    return {
        "engine": engine,
        "quantisation": quantisation,
        "precision": precision,
        "packing": packing,
        "attention": _attention(case, packing.value, precision.value),
        "optimizer": _optimizer(case),
    }
