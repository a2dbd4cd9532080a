"""In which number format a base is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.inference import loader
from core.inference.messages import ChatTarget
from core.model.device import cpu_device
from core.progress import SilentProgress
from tests.core.inference.tiny_model import save_base

pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(
    ("fast", "free_gib", "asked", "form"),
    [
        (False, 8.0, "auto", "float32"),
        (False, 0.0, "auto", "bfloat16"),
        (True, 8.0, "auto", "bfloat16"),
        (False, 8.0, "half", "bfloat16"),
        (True, 8.0, "float32", "float32"),
    ],
)
def test_what_is_asked_for_counts_and_a_cpu_that_emulates_bfloat16_answers_in_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: bool, free_gib: float, asked: Any, form: str
) -> None:
    base = save_base(tmp_path / "tiny")
    device = replace(cpu_device(), fast_bf16=fast, free_gib=free_gib)
    monkeypatch.setattr(loader, "find_device", lambda: device)
    loaded = loader.load(ChatTarget(str(base)), base, SilentProgress(), precision=asked)
    assert loaded.form.value.endswith(form) and str(loaded.model.dtype) == f"torch.{form}"
