"""transformers + PEFT + bitsandbytes: trains everywhere, on CUDA and on the CPU.

It does not know: data, the training loop, Unsloth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.errors import ModelError
from core.model.plan import Plan
from core.training.attention import register_packed_attention
from core.training.engine import LoadedModel
from core.training.libraries import load_libraries


class TransformersEngine:
    """See core.training.engine.Engine."""

    name = "transformers"

    def prepare(self, quantised: bool = True) -> None:
        """Import the libraries, so that the wait has a name."""
        load_libraries(quantised)

    def load(self, folder: Path, config: TrainingConfig, plan: Plan) -> LoadedModel:
        """Load base weights and add the adapter."""
        from peft import get_peft_model  # noqa: PLC0415
        from transformers import AutoModelForCausalLM, set_seed  # noqa: PLC0415

        set_seed(config.seed)
        on_gpu = _on_gpu()
        attention = "sdpa" if plan.attention.value == "padded" else register_packed_attention()
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=_weights_type(plan, on_gpu),
            quantization_config=_quantisation(plan, on_gpu),
            device_map={"": 0} if on_gpu else None,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
        check_targets(model, config)
        model.requires_grad_(False)
        guard_cpu_quantisation(model)
        model.config.use_cache = False
        if plan.checkpointing.value:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        tuned = get_peft_model(model, lora_config(config))
        causal = tuned.get_base_model()
        return LoadedModel(tuned, causal.get_decoder(), causal, plan.attention.value)

    def row_arguments(self, loaded: LoadedModel, lengths: tuple[int, ...], device: Any) -> dict[str, Any]:
        """Lengths for attention one by one, their cumulative sum for the kernel that takes the whole row."""
        import torch  # noqa: PLC0415

        if loaded.attention != "varlen":
            return {"lengths": lengths}
        ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
        return {"lengths": lengths, "cu_seqlens": ends.to(device, non_blocking=True)}

    @contextmanager
    def answering(self, loaded: LoadedModel) -> Iterator[None]:
        """Switch dropout off and the cache on for a while."""
        loaded.model.eval()
        loaded.causal.config.use_cache = True
        try:
            yield
        finally:
            loaded.causal.config.use_cache = False
            loaded.model.train()


def check_targets(model: Any, config: TrainingConfig) -> None:
    """Refuse a model that lacks layers which are to get an adapter: PEFT takes those it finds, and says nothing.

    Raises:
        ModelError: if some are missing, as in Phi 3, which has q, k and v in one layer.
    """
    found = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if absent := [name for name in config.target_modules if name not in found]:
        raise ModelError(
            f"This model has no layers named {', '.join(absent)}, which are to get an adapter.",
            "Choose a model built like Llama, Qwen, Mistral, Gemma or SmolLM2.",
        )


def lora_config(config: TrainingConfig) -> Any:
    """The adapter as PEFT describes it."""
    from peft import LoraConfig  # noqa: PLC0415

    return LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=list(config.target_modules),
        use_rslora=config.rslora,
        use_dora=config.dora,
        bias="none",
        task_type="CAUSAL_LM",
    )


def guard_cpu_quantisation(model: Any) -> int:
    """Keep bitsandbytes from repacking 4-bit weights on a CPU; returns how many layers were guarded.

    On CPUs with AVX512-BF16 its first forward pass in eval mode repacks the weights for a kernel that has no backward
    pass and never unpacks them: after one evaluation most LoRA gradients are exactly zero (bitsandbytes 0.50.2).
    """
    layers = [module for module in model.modules() if hasattr(module, "support_avx512bf16_for_cpu")]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)


def _on_gpu() -> bool:
    import torch  # noqa: PLC0415

    return torch.cuda.is_available()


def _weights_type(plan: Plan, on_gpu: bool) -> Any:
    """Unquantised weights: half precision on a GPU, float32 on a CPU (bfloat16 arithmetic then comes from autocast)."""
    import torch  # noqa: PLC0415

    if not on_gpu or plan.precision.value == "fp32":
        return torch.float32
    return torch.float16 if plan.precision.value == "fp16" else torch.bfloat16


def _quantisation(plan: Plan, on_gpu: bool) -> Any:
    import torch  # noqa: PLC0415
    from transformers import BitsAndBytesConfig  # noqa: PLC0415

    described: Any = BitsAndBytesConfig
    if plan.quantisation.value == "int8":
        return described(load_in_8bit=True)
    if plan.quantisation.value == "nf4":
        half = torch.float16 if plan.precision.value == "fp16" else torch.bfloat16
        return described(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32 if plan.precision.value == "fp32" else half,
        )
    return None
