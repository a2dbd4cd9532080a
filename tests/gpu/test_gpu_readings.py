"""The driver itself answers, and a worker's readings reach the picture."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.jobs.gpu import DeviceReader
from core.jobs.worker import FileProgress, Heart

pytestmark = pytest.mark.gpu


def test_a_real_gpu_says_what_a_fake_one_says(tmp_path: Path) -> None:
    import torch

    torch.cuda.init()
    torch.cuda.empty_cache()  # what other tests of this process keep must not serve the block below
    reserved_gib = torch.cuda.memory_reserved() / 1024**3
    reader = DeviceReader()
    before = reader.read(os.getpid())
    assert before.kind == "gpu" and before.name and before.total_gib > 4
    block = torch.zeros(2 * 1024**3, dtype=torch.uint8, device="cuda")
    after = reader.read(os.getpid())
    if before.process_gib is None or after.process_gib is None:
        assert after.used_gib - before.used_gib >= 1.9
    else:
        assert after.process_gib - before.process_gib >= 1.9
    assert after.utilisation_percent is None or 0 <= after.utilisation_percent <= 100
    assert after.power_w is None or after.power_w > 5
    assert after.temperature_c is None or 0 < after.temperature_c < 120
    readings = Heart(tmp_path, FileProgress(tmp_path))._measure()
    assert readings["gpu_reserved_gib"] == pytest.approx(reserved_gib + 2, abs=0.1)
    assert readings["gpu_used_gib"] >= 2
    del block
