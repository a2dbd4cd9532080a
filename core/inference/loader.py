"""Loads a base model and its adapter for answering: one set of weights, the adapter beside it, never merged in.

    load(ChatTarget(model, adapter), models_dir, progress)  →  Loaded(model, template, …)

Runs only in processes that may load torch (the chat's child, evaluation). It does not know: conversations, sampling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from core.errors import ModelError, ResourceError
from core.inference.adapter import Adapter, attach
from core.inference.messages import ChatTarget
from core.model.device import Device, find_device
from core.model.resolve import ResolvedModel, resolve
from core.model.template import Template
from core.progress import Choice, Progress

Precision = Literal["auto", "float32", "half"]
# While this phase lasts, its total is the memory that the weights will take, in GiB.
LOADING = "loading the base model"
# float32 takes twice the files' bytes; of the memory, this share may go to weights.
FLOAT32_FACTOR, FLOAT32_SHARE = 2.0, 0.5
# Share of the bfloat16 files' size that quantised weights take; embeddings and norms stay as they are.
QUANTISED_SHARE = {"none": 1.0, "int8": 0.6, "nf4": 0.35}


def expected_gib(folder: Path, quantisation: str) -> float:
    """About how much memory a base's weights take, from the size of its files."""
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return size / 1024**3 * QUANTISED_SHARE[quantisation]


def fits_in_float32(folder: Path, device: Device) -> bool:
    """Whether the memory holds a base's weights in float32."""
    return FLOAT32_FACTOR * expected_gib(folder, "none") <= FLOAT32_SHARE * device.free_gib


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can answer.

    Args:
        model: What generates.
        adapter: The adapter beside it; None for the base alone.
        template: Writes its conversations.
        target: What was asked for.
        resolved: Where the base came from.
        stop_ids: Ids of the tokens that end an answer, the template's and the model's own.
        context_tokens: Longest prompt and answer together.
        form: Number format and quantisation, with the reason.
    """

    model: Any
    adapter: Adapter | None
    template: Template
    target: ChatTarget
    resolved: ResolvedModel
    stop_ids: tuple[int, ...]
    context_tokens: int
    form: Choice[str]

    @property
    def device(self) -> Any:
        """Where the input ids have to lie."""
        return self.model.get_input_embeddings().weight.device


def load(target: ChatTarget, models_dir: Path, progress: Progress, *, precision: Precision = "auto") -> Loaded:
    """Load a base and, if the target names one, its adapter.

    Args:
        target: What to load.
        models_dir: Where base models are kept.
        progress: Told of each phase.
        precision: Of weights that are not quantised. ``float32`` for measuring; ``half``; ``auto`` for answering: half, but
            float32 on a CPU that only emulates bfloat16, where the memory allows.

    Raises:
        ModelError: if the base or the adapter cannot be used, or do not belong together.
        ResourceError: if the memory is too small.
    """
    resolved = resolve(target.model, models_dir, progress)
    template = Template.from_folder(resolved.folder)
    form, options = _form(target, resolved.folder, precision)
    progress.phase(LOADING, 0, expected_gib(resolved.folder, target.quantisation))
    base = _load_base(resolved.folder, options)
    stop_ids, context = _stop_ids(base, template), _context_tokens(base)
    return _with_adapter(
        Loaded(base, None, template, target, resolved, stop_ids, context, form), base, target, progress
    )


def swap_adapter(loaded: Loaded, target: ChatTarget, progress: Progress) -> Loaded:
    """Put another adapter (or none) on the base that is already loaded.

    Args:
        loaded: A loaded model with the same base and quantisation; it cannot be used any more.
        target: What to load.
        progress: Told of the phase.

    Raises:
        ModelError: if the adapter does not belong to this base.
    """
    base = loaded.adapter.detach() if loaded.adapter else loaded.model
    return _with_adapter(loaded, base, target, progress)


def _with_adapter(loaded: Loaded, base: Any, target: ChatTarget, progress: Progress) -> Loaded:
    adapter = None
    if target.adapter:
        progress.phase("loading the adapter")
        adapter = attach(base, Path(target.adapter))
    model = adapter.model if adapter else base
    model.eval()
    return replace(loaded, model=model, adapter=adapter, target=target)


def _form(target: ChatTarget, folder: Path, precision: Precision) -> tuple[Choice[str], dict[str, Any]]:
    """Number format of the weights and how to load them, with the reason."""
    import torch  # noqa: PLC0415
    from transformers import BitsAndBytesConfig  # noqa: PLC0415

    device = find_device()
    described: Any = BitsAndBytesConfig
    on_gpu = device.kind == "cuda" and torch.cuda.is_available()
    half = torch.float16 if on_gpu and device.compute_capability < (8, 0) else torch.bfloat16
    options: dict[str, Any] = {"dtype": half, "device_map": {"": 0} if on_gpu else None}
    name = "float16" if half == torch.float16 else "bfloat16"
    if target.quantisation == "nf4":
        options["quantization_config"] = described(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=half
        )
        return Choice(
            f"{device.name}, NF4", "The run trained on 4-bit weights, so the adapter knows them like this."
        ), options
    if target.quantisation == "int8":
        options["quantization_config"] = described(load_in_8bit=True)
        return Choice(
            f"{device.name}, int8", "The run trained on 8-bit weights, so the adapter knows them like this."
        ), options
    full = options | {"dtype": torch.float32}
    if precision == "float32":
        why = "Half precision rounds so much that the likelihoods of answers tie, and depend on their neighbours in a batch."
        return Choice(f"{device.name}, float32", why), full
    if precision == "auto" and not on_gpu and not device.fast_bf16 and fits_in_float32(folder, device):
        # SmolLM2-135M on one such core: 256 prompt tokens 6.1 s in bfloat16, 0.9 s in float32; one new token alike
        why = "This CPU only emulates bfloat16, which reads a question several times more slowly than float32."
        return Choice(f"{device.name}, float32", why), full
    why = "Half of float32's memory to read for each token, which is what limits the speed of answers."
    return Choice(f"{device.name}, {name}", why), options


def _load_base(folder: Path, options: dict[str, Any]) -> Any:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    model: Any
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            attn_implementation="sdpa",
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **options,
        )
    except torch.cuda.OutOfMemoryError as error:
        raise ResourceError(
            "The GPU's memory is too small for this model.", "Choose a smaller one, or end what else uses the GPU."
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"{folder.name} cannot be loaded: {reason}", "Choose another model, or fetch it again."
        ) from error
    for module in model.modules():
        # bitsandbytes 0.50 repacks 4-bit weights on some CPUs in the first pass and never unpacks them again.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def _stop_ids(model: Any, template: Template) -> tuple[int, ...]:
    own = model.generation_config.eos_token_id
    ids = own if isinstance(own, list) else [own] if own is not None else []
    return tuple(dict.fromkeys((*template.stop_ids, *ids)))


def _context_tokens(model: Any) -> int:
    config = model.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", 0) or 2**31)
