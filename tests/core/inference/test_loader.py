"""In which number format a base is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.inference import loader
from core.inference.messages import ChatTarget
from core.model.device import cpu_device
from core.progress import SilentProgress
from tests.core.inference.tiny_model import save_base

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(
    ("fast", "free_gib", "form"), [(False, 8.0, "float32"), (False, 0.0, "bfloat16"), (True, 8.0, "bfloat16")]
)
def test_a_cpu_that_emulates_bfloat16_answers_in_float32_where_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool, free_gib: float, form: str
) -> None:
    base = save_base(tmp_path / "tiny")
    device = replace(cpu_device(), fast_bf16=fast, free_gib=free_gib)
    monkeypatch.setattr(loader, "find_device", lambda: device)
    loaded = loader.load(ChatTarget(str(base)), base, SilentProgress())
    assert loaded.form.value.endswith(form) and str(loaded.model.dtype) == f"torch.{form}"
