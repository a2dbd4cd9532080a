"""What can be talked to is recognised; what cannot is refused before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.errors import ModelError
from core.inference.fit import WEIGHTS
from core.inference.messages import ChatTarget
from core.inference.target import target_of


def make_adapter(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": "org/base"} | changes
    (folder / "adapter_config.json").write_text(json.dumps(config))
    a, b = np.zeros((2, 3), np.float32), np.zeros((4, 2), np.float32)
    save_file({"x.lora_A.weight": a, "x.lora_B.weight": b}, folder / WEIGHTS)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model": "org/base", "rank": 8}))
    (folder / "plan.json").write_text(json.dumps({"quantisation": {"value": "nf4", "reason": "small GPU"}}))
    return folder


def test_a_run_before_its_first_adapter_is_its_base(run: Path) -> None:
    assert target_of(run) == ChatTarget("org/base")


def test_a_run_brings_its_adapter_and_its_quantisation(run: Path) -> None:
    adapter = make_adapter(run / "adapter")
    assert target_of(run) == ChatTarget("org/base", str(adapter), "nf4")


def test_a_checkpoint_knows_its_run(run: Path) -> None:
    checkpoint = make_adapter(run / "checkpoints" / "checkpoint-7")
    assert target_of(checkpoint) == ChatTarget("org/base", str(checkpoint), "nf4")


def test_an_uploaded_adapter_names_its_base(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "uploaded")
    assert target_of(adapter) == ChatTarget("org/base", str(adapter))
    assert target_of(adapter, "/models/base").model == "/models/base"
    with pytest.raises(ModelError, match="made for org/base, not for org/other"):
        target_of(adapter, "org/other")


def test_a_model_is_its_own_target(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert target_of(tmp_path) == ChatTarget(str(tmp_path))
    assert target_of("org/base") == ChatTarget("org/base")


def test_what_unsloth_writes_beside_an_adapter_is_no_reason_to_refuse_it(run: Path) -> None:
    """Unsloth names the base's class in every adapter it makes."""
    mapping = {"base_model_class": "LlamaForCausalLM", "parent_library": "transformers", "unsloth_fixed": True}
    adapter = make_adapter(run / "adapter", auto_mapping=mapping)
    assert target_of(run) == ChatTarget("org/base", str(adapter), "nf4")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"peft_type": "PROMPT_TUNING"}, "only LoRA"),
        ({"modules_to_save": ["lm_head"]}, "replaces whole layers"),
        ({"base_model_name_or_path": None}, "does not name its base"),
    ],
)
def test_other_adapters_are_refused(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        target_of(make_adapter(tmp_path / "adapter", **changes))


def test_damaged_and_pickled_adapters_are_refused(tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    weights = adapter / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged or cut off"):
        target_of(adapter)
    weights.unlink()
    with pytest.raises(ModelError, match=f"no {WEIGHTS}"):
        target_of(adapter)
    (adapter / "adapter_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match="foreign code"):
        target_of(adapter)


@pytest.mark.parametrize("body", ["{", "[]"])
def test_damaged_configurations_are_refused(tmp_path: Path, body: str) -> None:
    adapter = make_adapter(tmp_path / "adapter")
    (adapter / "adapter_config.json").write_text(body)
    with pytest.raises(ModelError, match=r"adapter_config\.json"):
        target_of(adapter)
