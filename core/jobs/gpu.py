"""How busy the machine is: an NVIDIA GPU through NVML, else the memory of the working process, said plainly.

    DeviceReader().read(pid) → DeviceStatus

NVML is asked behind a lock, and every single answer may be missing (a MIG slice knows no power, a container sees no
process ids). It does not know: jobs, events, who shows it. It never loads torch.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil

GIB = 1024**3
NO_GPU_NOTE = "No NVIDIA GPU: showing the memory of the training process."
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """The device at one moment.

    Args:
        kind: ``gpu`` (NVIDIA) or ``cpu``.
        name: What the maker calls it.
        used_gib: Memory in use by everybody: the GPU's, or the machine's.
        total_gib: Memory there is.
        utilisation_percent: How busy it is, 0 to 100; None if it does not say.
        power_w: Watts drawn; None if it does not say.
        temperature_c: Degrees Celsius; None if it does not say.
        process_gib: Memory of the worker and its children: the GPU's, or resident memory without one. None if
            there is no worker or the system does not say.
        note: What to know about these numbers; empty if nothing.
    """

    kind: Literal["gpu", "cpu"]
    name: str
    used_gib: float
    total_gib: float
    utilisation_percent: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    process_gib: float | None = None
    note: str = ""


class DeviceReader:
    """Reads the device that a worker started from this environment would use.

    Args:
        nvml: A module like pynvml, for tests; None loads pynvml when first needed.
        environment: Variables; CUDA_VISIBLE_DEVICES chooses the GPU.
    """

    def __init__(self, nvml: Any = None, environment: Mapping[str, str] = os.environ) -> None:
        self._nvml = nvml
        self._environment = environment
        self._lock = threading.Lock()
        self._handle: Any = None
        self._is_ready = False
        self._tree: tuple[int, int, list[psutil.Process]] = (0, 0, [])

    def read(self, pid: int = 0) -> DeviceStatus:
        """Measure now.

        Args:
            pid: The worker whose share is wanted; 0 for none.
        """
        with self._lock:
            if not self._is_ready:
                self._handle = self._open()
                self._is_ready = True
            return self._read_gpu(pid) if self._handle is not None else self._read_cpu(pid)

    def _open(self) -> Any:
        """Find the first visible GPU; None where there is none."""
        visible = self._environment.get("CUDA_VISIBLE_DEVICES")
        first = visible.split(",")[0].strip() if visible is not None else "0"
        if first in ("", "-1", "NoDevFiles"):
            return None
        if self._nvml is None:
            try:
                # nobody without a GPU needs the module
                import pynvml  # noqa: PLC0415
            except ImportError:
                return None
            self._nvml = pynvml
        try:
            self._nvml.nvmlInit()
            if first.isdigit():
                return self._nvml.nvmlDeviceGetHandleByIndex(int(first))
            return self._nvml.nvmlDeviceGetHandleByUUID(first)
        except self._nvml.NVMLError:  # no driver, no card, or none by that name
            return None

    def _ask(self, question: Callable[[], T]) -> T | None:
        """Ask NVML one thing; None where this card, slice or container does not say."""
        try:
            return question()
        except self._nvml.NVMLError:
            return None

    def _read_gpu(self, pid: int) -> DeviceStatus:
        nvml, card = self._nvml, self._handle
        memory = self._ask(partial(nvml.nvmlDeviceGetMemoryInfo, card))
        use = self._ask(partial(nvml.nvmlDeviceGetUtilizationRates, card))
        power = self._ask(partial(nvml.nvmlDeviceGetPowerUsage, card))
        heat = self._ask(partial(nvml.nvmlDeviceGetTemperature, card, nvml.NVML_TEMPERATURE_GPU))
        name = self._ask(partial(nvml.nvmlDeviceGetName, card)) or "NVIDIA GPU"
        return DeviceStatus(
            kind="gpu",
            name=name.decode() if isinstance(name, bytes) else str(name),
            used_gib=memory.used / GIB if memory else 0.0,
            total_gib=memory.total / GIB if memory else 0.0,
            utilisation_percent=float(use.gpu) if use else None,
            power_w=power / 1000 if power is not None else None,
            temperature_c=float(heat) if heat is not None else None,
            process_gib=self._gpu_share_gib(pid) if pid else None,
            note="" if memory else "The driver does not say how much memory is in use.",
        )

    def _gpu_share_gib(self, pid: int) -> float | None:
        processes = self._ask(partial(self._nvml.nvmlDeviceGetComputeRunningProcesses, self._handle))
        family = {process.pid for process in self._family(pid)} | {pid}
        # inside a container the driver reports the host's process ids: then nothing matches, and nothing is claimed
        shares = [process.usedGpuMemory for process in processes or () if process.pid in family]
        return sum(shares) / GIB if shares and all(share is not None for share in shares) else None

    def _read_cpu(self, pid: int) -> DeviceStatus:
        memory = psutil.virtual_memory()
        return DeviceStatus(
            kind="cpu",
            name=f"{_cpu_name()} ({os.cpu_count() or 1} cores)",
            used_gib=(memory.total - memory.available) / GIB,
            total_gib=memory.total / GIB,
            # since this reader asked last; the very first answer means nothing and is 0
            utilisation_percent=psutil.cpu_percent(None),
            process_gib=self._resident_gib(pid) if pid else None,
            note=NO_GPU_NOTE,
        )

    def _resident_gib(self, pid: int) -> float | None:
        sizes = []
        for process in self._family(pid):
            try:
                sizes.append(process.memory_info().rss)
            except psutil.Error:
                continue  # it ended since the family was listed
        return sum(sizes) / GIB if sizes else None

    def _family(self, pid: int) -> list[psutil.Process]:
        """Return a process and its descendants; listed anew every tenth time, because listing reads all of /proc."""
        known, age, family = self._tree
        if known != pid or age >= 10 or not family:
            try:
                parent = psutil.Process(pid)
                family, age = [parent, *parent.children(recursive=True)], 0
            except psutil.Error:
                family, age = [], 0
        self._tree = (pid, age + 1, family)
        return family


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine() or "CPU"
