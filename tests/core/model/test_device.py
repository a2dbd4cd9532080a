"""What there is to compute with: the CPU's caches stay small, whatever lengths it meets."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from core.model.device import cpu_device
from core.settings import REPOSITORY

# Products of one layer, forward and backward, over rows of fifty lengths; prints by how many MiB the process grew.
GROWTH = """
import sys
from core.model.device import bound_cpu_caches
if sys.argv[1] == "bounded":
    bound_cpu_caches()
import psutil, torch
torch.set_num_threads(1)
process = psutil.Process()
weights = [torch.randn(o, i).bfloat16() for o, i in ((576, 576), (192, 576), (1536, 576), (576, 1536))]
def step(tokens):
    for weight in weights:
        rows = torch.randn(tokens, weight.shape[1]).bfloat16().requires_grad_()
        torch.nn.functional.linear(rows, weight).sum().backward()
step(950)
before = process.memory_info().rss
for number in range(50):
    step(800 + 3 * number)
print((process.memory_info().rss - before) / 2**20)
"""


def growth_mib(caches: str) -> float:
    # Another test of this process may have bounded them already.
    environment = {name: value for name, value in os.environ.items() if "CACHE_CAPACITY" not in name}
    command = [sys.executable, "-c", GROWTH, caches]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=True)
    return float(done.stdout)


@pytest.mark.thorough
@pytest.mark.skipif(not cpu_device().fast_bf16, reason="this CPU does not multiply bfloat16 in hardware")
def test_rows_of_many_lengths_do_not_fill_the_memory() -> None:
    bounded, unbounded = growth_mib("bounded"), growth_mib("not bounded")
    assert bounded < 200
    assert bounded < unbounded / 2, "the libraries no longer keep that much: the bound can go"
