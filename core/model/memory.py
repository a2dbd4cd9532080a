"""How much memory a training set-up takes, before anything is loaded: forecast(shape, setup) → MemoryForecast.

Weights, adapter and optimizer are counted exactly; activations per token and layer are modelled in the widths of the
tensors that each engine keeps for the backward pass. The GPU factors are counted from what autograd keeps and held
against torch's peak of allocated memory in 14 runs on one H100 80GB (8B and 1B Llama shapes, both engines, NF4 and
unquantised, packed and padded, with and without checkpointing; tests/core/model/test_memory_calibration.py has the
table). Adapters on fewer layers and other families are counted on tiny models (tests/core/model/test_memory_counted.py),
for Unsloth only read from its source. Not measured on a GPU and so only derived: DoRA, float32 arithmetic, families
other than Llama, cards before compute capability 8.0. The CPU factors are fitted to two cores (135M).
tests/gpu/bench_gpu.py --part memory measures anew.
It does not know: which set-up is wise (plan.py), data sets, the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.config import Optimizer, Precision, Quantisation
from core.model.device import GIB
from core.model.shape import ATTENTION_LAYERS, MLP_LAYERS, ModelShape

EngineName = Literal["unsloth", "transformers"]
Attention = Literal["varlen", "per_example", "padded"]

# bitsandbytes: 4-bit values in blocks of 64, each with an 8-bit scale, whose own scales (float32) serve 256 blocks.
NF4_BYTES = 0.5 + 1 / 64 + 4 / (64 * 256)
INT8_BYTES = 1.0
OPTIMIZER_BYTES = {"adamw": 8.0, "adamw_8bit": 2.0}
# Logits exist for one slice of answer tokens at a time; the slice is cut so that its float32 logits stay below this.
LOGITS_SLICE_BYTES = 2**28
CUDA_CONTEXT_GIB = 0.6
# cuBLAS keeps 32 MiB for each thread that calls it: the forward and the backward pass run in two (seen on the H100).
CUBLAS_BYTES = 2 * 32 * 2**20
# Python, torch, transformers, peft and their CPU working buffers (resident memory measured after import).
CPU_PROCESS_GIB = 0.9
# What 64 prepared bfloat16 kernels hold (device.py bounds them).
CPU_KERNELS_GIB = 0.15


@dataclass(frozen=True, slots=True)
class ActivationFactors:
    """Tensors kept for the backward pass, per token and layer, counted in widths.

    Args:
        hidden: Tensors as wide as the residual stream.
        intermediate: Tensors as wide as the MLP.
        queries: Tensors as wide as all query heads together (keys and values expanded to them included).
        gradients: Gradients as wide as the MLP that are alive at once in the backward pass.
        dequantised: Weights of the MLP that are unpacked at once where the base is quantised.
    """

    hidden: float
    intermediate: float
    queries: float
    gradients: float = 2.0
    dequantised: float = 1.0


# On a GPU: queries are query, key, value and output (torch 2.11's kernel needs keys and values expanded). Unsloth keeps
# input and output of both norms, gate and up. transformers keeps each norm's input as float32 (two widths) and its
# output; gate, its activation, up, and their product. On a CPU the factors are fitted, not counted.
FACTORS: dict[tuple[str, EngineName], ActivationFactors] = {
    ("cuda", "unsloth"): ActivationFactors(hidden=4.0, intermediate=2.0, queries=4.0),
    ("cuda", "transformers"): ActivationFactors(hidden=6.0, intermediate=4.0, queries=4.0),
    ("cpu", "transformers"): ActivationFactors(10.0, 4.0, 5.0, gradients=3.0, dequantised=2.0),
}
# Layers that read the same tensor: bitsandbytes' layers share one copy for their adapters, an unquantised base keeps one
# for each adapter, because PEFT casts the input anew.
SHARED_INPUTS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
# Families whose queries and keys are normed, and those that norm the outputs of attention and MLP once more.
QK_NORMED = frozenset({"qwen3", "gemma3", "gemma3_text", "olmo2", "olmo3"})
NORMED_TWICE = frozenset({"gemma2", "gemma3", "gemma3_text"})


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that decides how much memory a training step takes.

    Args:
        kind: ``cuda`` or ``cpu``.
        engine: Which library trains.
        quantisation: How the frozen linear layers are kept.
        precision: Arithmetic; on a GPU also how unquantised weights are kept.
        attention: ``varlen`` and ``per_example`` keep packed examples apart; ``padded`` fills rows up.
        checkpointing: Whether activations are recomputed.
        optimizer: Which AdamW.
        row_tokens: Longest row of a forward pass, in tokens.
        batch_rows: Rows in one forward pass.
        rank: LoRA rank.
        targets: Linear layers that get an adapter.
        dora: Whether the adapter also learns magnitudes.
    """

    kind: Literal["cuda", "cpu"]
    engine: EngineName
    quantisation: Quantisation
    precision: Precision
    attention: Attention
    checkpointing: bool
    optimizer: Optimizer
    row_tokens: int
    batch_rows: int
    rank: int
    targets: tuple[str, ...]
    dora: bool = False

    @property
    def forward_tokens(self) -> int:
        """Tokens in one forward pass, padding included."""
        return self.row_tokens * self.batch_rows

    @property
    def weight_bytes(self) -> int:
        """Bytes of one unquantised weight: on a CPU weights stay float32, because casting them each step is slow."""
        return 4 if self.kind == "cpu" or self.precision == "fp32" else 2

    @property
    def activation_bytes(self) -> int:
        """Bytes of one activation."""
        return 4 if self.precision == "fp32" else 2


@dataclass(frozen=True, slots=True)
class MemoryForecast:
    """Memory by what it is for, in GiB.

    Args:
        attention_weights: Frozen q, k, v and o projections.
        mlp_weights: Frozen gate, up and down projections.
        embedding_weights: Embedding, output layer and norms; never quantised.
        adapter: LoRA weights and their gradients, float32.
        optimizer: AdamW's two moments.
        activations: What the forward pass keeps for the backward pass.
        working: Gradients in flight, one layer's recomputation, dequantised weights: on a GPU only what they take
            beyond the logits, whose memory is free again by then; and the libraries' own buffers.
        logits: One slice of the loss.
        context: CUDA context, or the process itself on a CPU.
    """

    attention_weights: float
    mlp_weights: float
    embedding_weights: float
    adapter: float
    optimizer: float
    activations: float
    working: float
    logits: float
    context: float

    @property
    def total_gib(self) -> float:
        """All of it."""
        return self.tensors_gib + self.context

    @property
    def tensors_gib(self) -> float:
        """What tensors take: the number to hold against torch's own peak."""
        return sum(self.parts().values()) - self.context

    def parts(self) -> dict[str, float]:
        """Name → GIB, in the order of the docstring."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


def forecast(shape: ModelShape, setup: Setup) -> MemoryForecast:
    """Forecast the peak of a training step.

    Args:
        shape: The base model's sizes.
        setup: How it is trained.
    """
    layers = shape.linear_layers()
    attention = shape.layers * sum(a * b for name, (a, b) in layers.items() if name in ATTENTION_LAYERS)
    mlp = shape.linear_parameters - attention
    linear_bytes = _linear_bytes(setup)
    trained = shape.lora_parameters(setup.rank, setup.targets)
    if setup.dora:
        trained += shape.layers * sum(layers[name][1] for name in setup.targets if name in layers)
    return MemoryForecast(
        attention_weights=attention * linear_bytes / GIB,
        mlp_weights=mlp * linear_bytes / GIB,
        embedding_weights=(shape.embedding_parameters + 2 * shape.layers * shape.hidden) * setup.weight_bytes / GIB,
        adapter=trained * 8 / GIB,
        optimizer=trained * OPTIMIZER_BYTES[setup.optimizer] / GIB,
        activations=_activations(shape, setup) / GIB,
        working=_working(shape, setup) / GIB,
        logits=_logits(shape, setup) / GIB,
        context=_context_gib(setup),
    )


def _context_gib(setup: Setup) -> float:
    if setup.kind == "cuda":
        return CUDA_CONTEXT_GIB
    return CPU_PROCESS_GIB + (CPU_KERNELS_GIB if setup.precision == "bf16" else 0.0)


def _linear_bytes(setup: Setup) -> float:
    """Bytes of one frozen weight of a linear layer."""
    if setup.quantisation == "nf4":
        return NF4_BYTES
    return INT8_BYTES if setup.quantisation == "int8" else setup.weight_bytes


def _layer_widths(shape: ModelShape, setup: Setup) -> float:
    """Values that one decoder layer keeps of each token for its backward pass."""
    factors = FACTORS[setup.kind, setup.engine]
    hidden, intermediate, queries = factors.hidden, factors.intermediate, factors.queries
    if not set(setup.targets) & set(MLP_LAYERS) and setup.quantisation != "int8":
        # Nobody needs the MLP's input and the input of down (int8 layers keep theirs all the same): gate, its activation
        # and up are left. Unsloth's fused MLP recomputes the activation, but it is only used where all have adapters.
        hidden -= 1
        intermediate += 1 if setup.engine == "unsloth" else -1
    if setup.kind == "cuda" and setup.engine == "transformers" and setup.quantisation == "none":
        adapted = [len(set(group) & set(setup.targets)) for group in SHARED_INPUTS]
        hidden += sum(max(0, count - 1) for count in adapted)
        queries += "o_proj" in setup.targets
    # transformers keeps a norm's input as float32, two widths; Unsloth as it is.
    normed = 2 if setup.engine == "transformers" else 1
    if shape.family in QK_NORMED:
        queries += normed * (1 + shape.kv_heads / shape.heads)
    if shape.family in NORMED_TWICE:
        hidden += 2 * normed
    if setup.kind == "cuda" and setup.engine == "unsloth" and setup.attention == "padded":
        # Unsloth gives padded rows to torch's grouped attention: keys and values stay as narrow as they are.
        queries += 2 * shape.kv_heads / shape.heads - 2
    return hidden * shape.hidden + intermediate * shape.intermediate + queries * shape.heads * shape.head_width


def _layer_activations(shape: ModelShape, setup: Setup) -> float:
    """Bytes that one decoder layer keeps for its backward pass."""
    kept = setup.forward_tokens * _layer_widths(shape, setup) * setup.activation_bytes
    if setup.kind == "cuda" and setup.engine == "transformers" and setup.attention == "padded":
        # torch's memory-efficient kernel keeps the mask over padding as numbers: one value a row and pair of tokens.
        kept += setup.batch_rows * setup.row_tokens**2 * setup.activation_bytes
    if setup.dora:
        # Weight-decomposed layers keep the dense update's norm input for each target (Liu et al. 2024, section 4.3).
        kept += 2 * setup.forward_tokens * shape.hidden * setup.activation_bytes * len(setup.targets)
    return kept


def _activations(shape: ModelShape, setup: Setup) -> float:
    """Bytes kept by all layers; with checkpointing only each layer's input (Unsloth moves it to main memory)."""
    if not setup.checkpointing:
        return shape.layers * _layer_activations(shape, setup) + _cast_weights(shape, setup)
    if setup.engine == "unsloth":
        return 2 * setup.forward_tokens * shape.hidden * setup.activation_bytes
    return shape.layers * setup.forward_tokens * shape.hidden * setup.activation_bytes


def _cast_weights(shape: ModelShape, setup: Setup) -> float:
    """Bytes of the float32 weights that autocast on a CPU has cast to bfloat16; autograd keeps them for the backward pass."""
    if setup.kind == "cpu" and setup.precision == "bf16" and setup.quantisation == "none":
        return 2.0 * shape.linear_parameters
    return 0.0


def _working(shape: ModelShape, setup: Setup) -> float:
    """Bytes alive for a moment in the backward pass, and the libraries' own buffers."""
    factors = FACTORS[setup.kind, setup.engine]
    gradients = factors.gradients * setup.forward_tokens * shape.intermediate * setup.activation_bytes
    recomputed = _layer_activations(shape, setup) if setup.checkpointing else 0.0
    weight = shape.intermediate * shape.hidden * setup.activation_bytes if setup.quantisation != "none" else 0
    dequantised = factors.dequantised * weight
    if setup.kind == "cpu":
        # What is freed there does not always serve what comes next.
        return gradients + recomputed + dequantised
    # Unsloth unpacks weights into one buffer that it never gives back; bitsandbytes' is gone after each layer.
    buffers, passing = (dequantised, 0.0) if setup.engine == "unsloth" else (0.0, dequantised)
    backward = gradients + recomputed + passing + _hidden_gradient(shape, setup)
    return CUBLAS_BYTES + buffers + max(0.0, backward - _logits(shape, setup))


def logits_slice_tokens(vocabulary: int) -> int:
    """Answer tokens whose logits are held at once."""
    return max(64, LOGITS_SLICE_BYTES // (4 * vocabulary))


def _logits(shape: ModelShape, setup: Setup) -> float:
    """Bytes of one slice (logits, their exponent and its argument, float32), and of the hidden states in the loss."""
    tokens = min(logits_slice_tokens(shape.vocabulary), setup.forward_tokens)
    third = 4 if setup.kind == "cuda" else setup.activation_bytes
    # Weights are float32 on a CPU; for bfloat16 arithmetic the whole output layer is cast anew for each slice.
    cast = 2 * shape.vocabulary * shape.hidden if setup.kind == "cpu" and setup.precision == "bf16" else 0
    return tokens * shape.vocabulary * (4 + 4 + third) + 2 * _hidden_gradient(shape, setup) + cast


def _hidden_gradient(shape: ModelShape, setup: Setup) -> int:
    """Bytes of the loss's gradient with respect to the last hidden states, float32, kept into the backward pass."""
    return setup.forward_tokens * shape.hidden * 4
