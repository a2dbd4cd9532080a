"""What there is to compute with: Device, asked from NVML and the operating system, never through torch.

The app process plans with it, so it may not start CUDA. It does not know: models, plans, jobs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GIB = 1024**3
# Instruction sets that multiply bfloat16 in hardware; without one, bfloat16 on a CPU is emulated and slower than float32.
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
# A step of any model takes fewer kinds of products than this.
KEPT_PRODUCTS = 64


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU, or the CPU where there is none.

    Args:
        name: What the maker calls it.
        kind: ``cuda`` or ``cpu``.
        total_gib: Its memory.
        free_gib: Memory that nobody uses now.
        compute_capability: Of a CUDA device, for example (9, 0); (0, 0) for a CPU.
        cores: Physical CPU cores that this process may use.
        fast_bf16: Whether bfloat16 products run in hardware.
    """

    name: str
    kind: Literal["cuda", "cpu"]
    total_gib: float
    free_gib: float
    compute_capability: tuple[int, int]
    cores: int
    fast_bf16: bool


def bound_cpu_caches() -> None:
    """Keep the libraries' caches of CPU kernels small, in this process, before torch is loaded.

    For bfloat16 products torch 2.14 keeps up to 1,024 prepared kernels in each of two caches (ideep's and oneDNN's), one for
    every number of tokens that it meets, each with memory of its own: a run over rows of all lengths grew by 2.3 GiB in 75
    steps. Bounded, it keeps what one step takes again and again.
    """
    for name in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(KEPT_PRODUCTS))


def find_device() -> Device:
    """Return the first GPU that this process may see, or the CPU."""
    return _gpu() or cpu_device()


def cpu_device() -> Device:
    """Describe the CPU and the main memory."""
    import psutil  # noqa: PLC0415

    memory = psutil.virtual_memory()
    model, flags = _cpu_info()
    return Device(
        name=model,
        kind="cpu",
        total_gib=memory.total / GIB,
        free_gib=memory.available / GIB,
        compute_capability=(0, 0),
        cores=usable_cores(),
        fast_bf16=bool(BF16_FLAGS & flags),
    )


def usable_cores() -> int:
    """Physical cores, no more than the scheduler lets this process use: hyper-threads slow matrix products down."""
    import psutil  # noqa: PLC0415

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))


def _cpu_info() -> tuple[str, frozenset[str]]:
    """The CPU's name and instruction sets, as Linux tells them; elsewhere unknown and none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "CPU", frozenset()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields.get("model name", "CPU"), frozenset(fields.get("flags", "").split())


def _gpu() -> Device | None:
    """The GPU that CUDA would call 0, or None where there is no driver or no GPU is visible."""
    import pynvml  # noqa: PLC0415

    # CUDA counts the fastest first unless it is told to count as NVML does; where cards differ, another one would be meant.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.split(",")[0].strip() in ("", "-1"):
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        handle = _handle(visible.split(",")[0].strip() if visible else "0")
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        name = pynvml.nvmlDeviceGetName(handle)
        capability = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()
    return Device(
        name=name if isinstance(name, str) else name.decode(),
        kind="cuda",
        total_gib=int(memory.total) / GIB,
        free_gib=int(memory.free) / GIB,
        compute_capability=(int(capability[0]), int(capability[1])),
        cores=usable_cores(),
        fast_bf16=int(capability[0]) >= 8,
    )


def _handle(visible: str) -> object:
    """NVML's handle for one entry of CUDA_VISIBLE_DEVICES, which is an index or a UUID."""
    import pynvml  # noqa: PLC0415

    if visible.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(visible))
    return pynvml.nvmlDeviceGetHandleByUUID(visible)
