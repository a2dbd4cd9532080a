"""The device, with a fake driver and without one."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from core.jobs.gpu import GIB, NO_GPU_NOTE, DeviceReader


class FakeNvml:
    """A driver with two cards; everything in ``silent`` is not supported."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        pass

    def __init__(self, silent: tuple[str, ...] = (), processes: dict[int, int | None] | None = None) -> None:
        self.silent = silent
        self.processes = {os.getpid(): 3 * GIB} if processes is None else processes

    def _say(self, name: str, value: Any) -> Any:
        if name in self.silent:
            raise self.NVMLError(name)
        return value

    def nvmlInit(self) -> None:
        self._say("init", None)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return str(self._say("handle", f"card{index}"))

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:
        return name

    def nvmlDeviceGetName(self, card: str) -> str:
        return str(self._say("name", f"NVIDIA {card}"))

    def nvmlDeviceGetMemoryInfo(self, card: str) -> Any:
        return self._say("memory", SimpleNamespace(used=4 * GIB, total=16 * GIB))

    def nvmlDeviceGetUtilizationRates(self, card: str) -> Any:
        return self._say("use", SimpleNamespace(gpu=96))

    def nvmlDeviceGetPowerUsage(self, card: str) -> Any:
        return self._say("power", 69_500)

    def nvmlDeviceGetTemperature(self, card: str, kind: int) -> Any:
        return self._say("heat", 64)

    def nvmlDeviceGetComputeRunningProcesses(self, card: str) -> Any:
        rows = [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in self.processes.items()]
        return self._say("processes", rows)


def test_a_gpu_says_everything() -> None:
    status = DeviceReader(FakeNvml(), {}).read(os.getpid())
    assert (status.kind, status.name, status.used_gib, status.total_gib) == ("gpu", "NVIDIA card0", 4, 16)
    assert (status.utilisation_percent, status.power_w, status.temperature_c) == (96, 69.5, 64)
    assert (status.process_gib, status.note) == (3, "")
    assert DeviceReader(FakeNvml(), {}).read().process_gib is None


@pytest.mark.parametrize(
    ("silent", "field"),
    [("use", "utilisation_percent"), ("power", "power_w"), ("heat", "temperature_c"), ("processes", "process_gib")],
)
def test_what_a_card_does_not_say_is_missing_and_the_rest_is_there(silent: str, field: str) -> None:
    status = DeviceReader(FakeNvml((silent,)), {}).read(os.getpid())
    assert getattr(status, field) is None
    assert status.used_gib == 4


def test_a_card_that_hides_its_memory_says_so() -> None:
    status = DeviceReader(FakeNvml(("memory", "name")), {}).read()
    assert (status.name, status.total_gib) == ("NVIDIA GPU", 0)
    assert "does not say" in status.note


def test_memory_of_foreign_or_nameless_processes_is_not_claimed() -> None:
    assert DeviceReader(FakeNvml(processes={999_999_999: GIB}), {}).read(os.getpid()).process_gib is None
    assert DeviceReader(FakeNvml(processes={os.getpid(): None}), {}).read(os.getpid()).process_gib is None


@pytest.mark.parametrize(
    ("visible", "name"), [("1", "NVIDIA card1"), ("1,0", "NVIDIA card1"), ("GPU-abc", "NVIDIA GPU-abc")]
)
def test_the_chosen_card_is_read(visible: str, name: str) -> None:
    assert DeviceReader(FakeNvml(), {"CUDA_VISIBLE_DEVICES": visible}).read().name == name


@pytest.mark.parametrize("visible", ["", "-1"])
def test_a_hidden_gpu_is_not_there(visible: str) -> None:
    assert DeviceReader(FakeNvml(), {"CUDA_VISIBLE_DEVICES": visible}).read().kind == "cpu"


@pytest.mark.parametrize("silent", ["init", "handle"])
def test_without_a_driver_the_process_memory_is_shown_and_said(silent: str) -> None:
    status = DeviceReader(FakeNvml((silent,)), {}).read(os.getpid())
    assert (status.kind, status.note) == ("cpu", NO_GPU_NOTE)
    # resident memory counts mapped library files, which the system's "used" does not: the two cannot be compared
    assert 0.005 < (status.process_gib or 0) < status.total_gib
    assert 0 < status.used_gib < status.total_gib
    assert "cores" in status.name


def test_children_count_and_a_dead_process_has_no_memory() -> None:
    code = "import sys; block = bytearray(300_000_000); print('ready', flush=True); sys.stdin.read()"
    reader = DeviceReader(FakeNvml(("init",)), {})
    alone = DeviceReader(FakeNvml(("init",)), {}).read(os.getpid()).process_gib or 0
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        together = reader.read(os.getpid()).process_gib or 0
        assert together - alone > 300_000_000 / GIB * 0.9
        child.communicate()
    assert (reader.read(os.getpid()).process_gib or 0) < together - 0.2, "a child that has ended is not counted"
    assert reader.read(2**22 + 1).process_gib is None
