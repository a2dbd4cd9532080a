"""The planner on a big card, a free Colab card and a CPU: what it chooses, why, what does not fit, and how fast it answers."""

from __future__ import annotations

import json
import os
import time

import pytest

from core.config import LOW_MEMORY, ORIGINAL_RECIPE, QUICK_DEMO, RECOMMENDED, TrainingConfig
from core.errors import ModelError
from core.model.device import Device, cpu_device, find_device
from core.model.memory import NF4_BYTES, Setup, forecast
from core.model.plan import DatasetStats, Plan, next_smaller, plan
from core.model.shape import ModelShape
from core.model.speed import known_tflops

LLAMA_8B = ModelShape("llama", 4096, 14336, 32, 32, 8, 128, 128256, False, 131072)
LLAMA_1B = ModelShape("llama", 2048, 8192, 16, 32, 8, 64, 128256, True, 131072)
SMOL = ModelShape("llama", 576, 1536, 30, 9, 3, 64, 49152, True, 8192)
H100 = Device("NVIDIA H100 80GB HBM3", "cuda", 79.2, 78.5, (9, 0), 16, True)
T4 = Device("Tesla T4", "cuda", 14.7, 14.5, (7, 5), 2, False)
OLD_CPU = Device("AMD EPYC", "cpu", 23.5, 20.0, (0, 0), 2, False)
NEW_CPU = Device("Intel Xeon", "cpu", 23.5, 20.0, (0, 0), 2, True)
MEDQUAD = DatasetStats(4000, 1_000_000, 1024, 200, 50_000)
SAMPLE = DatasetStats(348, 31_333, 119, 84, 7_566)


@pytest.fixture(autouse=True)
def unsloth_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


def values(found: Plan) -> dict:
    return {name: choice.value for name, choice in found.choices().items()}


def test_parameters_are_those_the_makers_state() -> None:
    # Llama 3.1 8B: 8.03 billion; Llama 3.2 1B: 1.24 billion; SmolLM2-135M: 134.5 million; LoRA r 16 on 8B: 41.9 million.
    assert LLAMA_8B.parameters == pytest.approx(8.030e9, rel=1e-3)
    assert LLAMA_1B.parameters == pytest.approx(1.2358e9, rel=1e-3)
    assert SMOL.parameters == 134_515_008
    assert LLAMA_8B.lora_parameters(16, RECOMMENDED.target_modules) == 41_943_040


def test_a_big_card_gets_the_plan_of_the_measurements() -> None:
    found = plan(RECOMMENDED.changed(max_length=2048), LLAMA_8B, MEDQUAD, H100)
    assert values(found) == {
        "engine": "unsloth", "quantisation": "nf4", "precision": "bf16", "packing": True, "attention": "varlen",
        "checkpointing": False, "optimizer": "adamw", "batch_rows": 4, "accumulation": 1,
        "learning_rate": 2e-4,
    }  # fmt: skip
    assert found.verdict == "fits"
    small = plan(RECOMMENDED.changed(max_length=2048), LLAMA_1B, MEDQUAD, H100)
    assert small.batch_rows.value == 8


def test_a_fixed_number_of_steps_does_not_read_a_small_data_set_over_and_over_on_a_big_card() -> None:
    demo = plan(QUICK_DEMO, SMOL, SAMPLE, H100)
    assert demo.total_steps == 24
    assert 2 < demo.total_steps * demo.step_tokens / SAMPLE.tokens <= QUICK_DEMO.epochs
    large = plan(RECOMMENDED.changed(max_steps=24, max_length=2048), LLAMA_8B, MEDQUAD, H100)
    assert large.step_tokens == 8192, "where the data are plenty, a step still fills the card"


def test_the_rate_rises_with_the_square_root_of_a_large_step_where_that_is_asked_for() -> None:
    def rate(config: TrainingConfig, shape: ModelShape = LLAMA_1B, stats: DatasetStats = MEDQUAD) -> float:
        return plan(config.changed(max_length=2048), shape, stats, H100).learning_rate.value

    raised = RECOMMENDED.changed(scale_rate=True)
    assert rate(RECOMMENDED) == rate(ORIGINAL_RECIPE) == 2e-4
    assert rate(raised) == rate(raised.changed(batch_rows=8, accumulation=1)) == pytest.approx(2e-4 * 8**0.5, rel=2e-3)
    assert rate(raised, SMOL, SAMPLE) == 2e-4, "steps below the usual size keep the rate"


def test_a_smaller_plan_after_memory_ran_out_keeps_the_rate_of_its_step() -> None:
    config = RECOMMENDED.changed(max_length=2048, scale_rate=True)
    first = plan(config, LLAMA_8B, MEDQUAD, H100)
    smaller = next_smaller(config, first)
    assert smaller is not None
    again = plan(smaller[0], LLAMA_8B, MEDQUAD, H100)
    assert (again.step_tokens, again.learning_rate.value) == (first.step_tokens, first.learning_rate.value)


def test_a_free_colab_card_is_planned_from_its_properties() -> None:
    found = plan(RECOMMENDED, LLAMA_8B, MEDQUAD, T4)
    assert (found.precision.value, found.attention.value, found.quantisation.value) == ("fp16", "per_example", "nf4")
    assert found.verdict == "fits" and found.memory.total_gib < 0.9 * T4.free_gib
    assert found.accumulation.value > 1
    assert plan(RECOMMENDED.changed(precision="bf16"), LLAMA_8B, MEDQUAD, T4).precision.value == "fp16"


def test_a_cpu_takes_its_fastest_safe_format() -> None:
    assert plan(QUICK_DEMO, SMOL, SAMPLE, OLD_CPU).precision.value == "fp32"
    assert plan(QUICK_DEMO, SMOL, SAMPLE, NEW_CPU).precision.value == "bf16"
    assert plan(ORIGINAL_RECIPE, SMOL, SAMPLE, OLD_CPU).precision.value != "fp16"
    found = plan(QUICK_DEMO, SMOL, SAMPLE, OLD_CPU)
    assert (found.engine.value, found.quantisation.value, found.verdict) == ("transformers", "none", "fits")


def test_what_does_not_fit_names_the_smallest_change_that_does() -> None:
    greedy = RECOMMENDED.changed(batch_rows=64, checkpointing="off")
    found = plan(greedy, LLAMA_8B, MEDQUAD, T4)
    assert found.verdict == "does not fit"
    assert found.change == "Set rows per pass to auto."
    assert plan(greedy.changed(batch_rows=0), LLAMA_8B, MEDQUAD, T4).verdict != "does not fit"
    assert plan(LOW_MEMORY, LLAMA_8B, MEDQUAD, T4).verdict == "fits"
    tiny = Device("GTX 1050", "cuda", 2.0, 1.9, (6, 1), 2, False)
    assert "smaller model" in plan(RECOMMENDED, LLAMA_8B, MEDQUAD, tiny).change


def test_every_setting_that_costs_memory_moves_the_forecast() -> None:
    base = plan(RECOMMENDED.changed(batch_rows=2, checkpointing="off"), LLAMA_8B, MEDQUAD, H100).memory.total_gib
    for more in ({"max_length": 2048}, {"batch_rows": 4}, {"rank": 64}, {"quantisation": "none"}):
        config = RECOMMENDED.changed(**{"batch_rows": 2, "checkpointing": "off"} | more)
        assert plan(config, LLAMA_8B, MEDQUAD, H100).memory.total_gib > base, more
    for less in ({"checkpointing": "on"}, {"optimizer": "adamw_8bit"}):
        config = RECOMMENDED.changed(**{"batch_rows": 2, "checkpointing": "off"} | less)
        assert plan(config, LLAMA_8B, MEDQUAD, H100).memory.total_gib < base, less


def test_adapters_on_fewer_layers_take_less_where_the_same_kernels_run() -> None:
    """Unsloth's fused MLP, which recomputes one of its tensors, needs adapters on it: without them more is kept."""
    config = RECOMMENDED.changed(batch_rows=2, checkpointing="off")
    fewer = config.changed(targets="attention_qv")
    plain = [plan(c.changed(engine="transformers"), LLAMA_8B, MEDQUAD, H100).memory for c in (config, fewer)]
    fused = [plan(c, LLAMA_8B, MEDQUAD, H100).memory for c in (config, fewer)]
    assert plain[1].total_gib < plain[0].total_gib
    assert fused[1].activations > fused[0].activations and fused[1].adapter < fused[0].adapter


def test_four_bit_weights_take_what_bitsandbytes_keeps() -> None:
    # 64 values: 32 bytes, one byte of scale; 256 scales share a float32.
    assert pytest.approx((32 * 256 + 256 + 4) / (64 * 256)) == NF4_BYTES
    setup = Setup("cuda", "unsloth", "nf4", "bf16", "varlen", False, "adamw", 1024, 1, 16, RECOMMENDED.target_modules)
    parts = forecast(LLAMA_8B, setup).parts()
    linear = (parts["attention_weights"] + parts["mlp_weights"]) * 2**30
    assert linear == pytest.approx(6_979_321_856 * NF4_BYTES)


def test_memory_that_ran_out_is_followed_by_smaller_and_smaller_plans() -> None:
    config: TrainingConfig | None = RECOMMENDED.changed(max_length=1024)
    seen = []
    while config is not None:
        found = plan(config, LLAMA_8B, MEDQUAD, H100)
        seen.append(found.memory.total_gib)
        step = next_smaller(config, found)
        config = step[0] if step else None
    assert len(seen) >= 5
    assert seen == sorted(seen, reverse=True) and len(set(seen)) == len(seen)


def test_it_answers_within_the_time_of_a_slider() -> None:
    began = time.perf_counter()
    for rank in range(1, 21):
        plan(RECOMMENDED.changed(rank=rank, batch_rows=512), LLAMA_8B, MEDQUAD, T4)
    assert (time.perf_counter() - began) / 20 < 0.1


def test_on_a_cpu_a_huge_vocabulary_is_cast_for_bfloat16() -> None:
    gemma = ModelShape("gemma3_text", 1152, 6912, 26, 4, 1, 256, 262_144, True, 32_768)
    half, full = (
        forecast(gemma, Setup("cpu", "transformers", "none", kind, "per_example", False, "adamw", 512, 1, 16, ()))
        for kind in ("bf16", "fp32")
    )
    # The third slice in half precision is 256 tokens of 262,144 logits, 2 bytes each, less; the cast 604 MB more.
    assert (half.logits - full.logits) * 2**30 == 2 * 262_144 * 1152 - 2 * 256 * 262_144


def test_steps_of_padded_rows_are_counted() -> None:
    # 1,000 rows, eight in a step: 125 steps an epoch, whatever the rows' tokens are on average.
    found = plan(ORIGINAL_RECIPE, LLAMA_8B, DatasetStats(1000, 232_400, 910, 84, 7_000), H100)
    assert (found.total_steps, found.accumulation.value) == (375, 8)
    assert plan(ORIGINAL_RECIPE.changed(epochs=0.5), LLAMA_8B, DatasetStats(1, 60, 60), H100).total_steps == 1


def test_few_short_rows_do_not_fill_a_long_one() -> None:
    one = DatasetStats(1, 60, 60)
    long = plan(RECOMMENDED.changed(max_length=131_072), SMOL, one, OLD_CPU)
    short = plan(RECOMMENDED.changed(max_length=64), SMOL, one, OLD_CPU)
    assert long.memory.total_gib == pytest.approx(short.memory.total_gib) and not long.checkpointing.value
    assert plan(RECOMMENDED.changed(batch_rows=4096), SMOL, DatasetStats(3, 300, 120), OLD_CPU).verdict == "fits"
    off = RECOMMENDED.changed(batch_rows=4096, packing="off")
    assert plan(off, SMOL, DatasetStats(3, 300, 120), OLD_CPU).verdict == "fits"


def test_the_variable_length_kernel_is_not_promised_for_float32() -> None:
    found = plan(RECOMMENDED.changed(precision="fp32"), LLAMA_1B, MEDQUAD, H100)
    assert (found.attention.value, found.engine.value) == ("per_example", "transformers")


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA A100-PCIE-40GB", 270), ("NVIDIA RTX A1000 Laptop GPU", None), ("Tesla T4", 40), ("NVIDIA T400 4GB", None),
        ("NVIDIA L4", 60), ("NVIDIA L40S", 180), ("NVIDIA A10G", 70), ("NVIDIA A10", 120), ("Tesla V100-SXM2-16GB", 90),
        ("NVIDIA H100 80GB HBM3", 790), ("NVIDIA GH200 480GB", 790), ("NVIDIA GeForce RTX 3060", None),
    ],
)  # fmt: skip
def test_a_card_is_known_by_its_whole_name(name: str, tflops: float | None) -> None:
    assert known_tflops(name) == tflops


def test_cuda_counts_cards_as_the_driver_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the plan would be made for the first card, and the fastest one would train."""
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "")
    monkeypatch.delenv("CUDA_DEVICE_ORDER")
    find_device()
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_a_plan_survives_its_file() -> None:
    found = plan(RECOMMENDED, LLAMA_8B, MEDQUAD, H100)
    assert Plan.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_evaluations_take_no_more_than_their_share() -> None:
    found = plan(RECOMMENDED, SMOL, DatasetStats(348, 31_333, 119, 5000, 450_000), OLD_CPU)
    assert found.total_steps / found.eval_every <= 3
    assert (
        plan(RECOMMENDED, SMOL, DatasetStats(3480, 313_330, 119, 84, 7_566), OLD_CPU).total_steps // found.eval_every
        >= 3
    )


def test_a_multimodal_config_counts_with_its_text_part_and_others_are_refused() -> None:
    text = {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262208}  # fmt: skip
    assert ModelShape.from_json({"model_type": "gemma3", "text_config": text}).family == "gemma3_text"
    with pytest.raises(ModelError, match="config.json"):
        ModelShape.from_json({"model_type": "t5", "d_model": 512})


def test_this_machine_is_described() -> None:
    device = cpu_device()
    assert device.cores >= 1 and 0 < device.free_gib <= device.total_gib
