"""The process that keeps the language model: it stays, ends when it is idle or its app is gone, and is replaced when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.dataset.clean import CleanOptions, clean
from core.dataset.crew import Crew
from core.dataset.identifiers import names_available
from core.dataset.processes import NAMES, WarmProcess
from core.dataset.screening import STARTING_NAMES, find_names
from core.errors import ResourceError
from core.progress import SilentProgress
from core.records import Record

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[3]
PATIENTS = [
    Record.of(f"r{n}", "My son Robert Smith was seen, what now?", "Mr. Alan Kay should rest.") for n in range(9)
]


def soon(reached: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not reached() and time.monotonic() < until:
        time.sleep(0.02)
    return reached()


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_stays_for_the_next_work_and_ends_when_idle() -> None:
    warm = WarmProcess(idle_s=0.5)
    assert not warm.is_warm
    with Crew(2) as crew:
        first, second = crew.map(abs, [-1, -2], warm)
    assert (first, second) == (1, 2) and warm.is_warm
    assert soon(lambda: not warm.is_warm)
    assert warm.call(abs, -3) == 3


def test_ctrl_c_is_for_the_app_alone() -> None:
    # A shell starts what runs in its background with this signal ignored, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    warm = WarmProcess()
    child = warm.call(eval, "__import__('os').getpid()")
    os.kill(child, signal.SIGINT)
    assert warm.call(eval, "__import__('time').sleep(0.2) or __import__('os').getpid()") == child
    warm.close()
    signal.signal(signal.SIGINT, before)


def test_a_killed_one_is_told_and_replaced() -> None:
    warm = WarmProcess()
    with pytest.raises(ResourceError, match="memory ran out"):
        warm.call(os._exit, 9)
    assert warm.call(abs, -3) == 3
    with Crew(2) as crew, pytest.raises(ResourceError, match="memory ran out"):
        list(crew.map(os._exit, [9], warm))
    warm.close()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_it_ends_when_the_app_is_killed() -> None:
    code = (
        "import os, time\nfrom core.dataset.processes import WarmProcess\n"
        "if __name__ == '__main__':\n    warm = WarmProcess()\n    print(warm.call(eval, '__import__(\"os\").getpid()'), flush=True)\n"
        "    time.sleep(300)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout
        child = int(app.stdout.readline())
        assert is_alive(child)
        app.send_signal(signal.SIGKILL)
    assert soon(lambda: not is_alive(child))


class Phases(SilentProgress):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        self.names.append(name)


@pytest.mark.skipif(not names_available().value, reason="spaCy or its model is not installed")
def test_names_are_never_looked_for_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("the language model is loaded here")

    monkeypatch.setattr("core.dataset.identifiers.names._model", refused)
    told = Phases()
    cleaned, report = clean(
        PATIENTS, CleanOptions(eval_share=0).without("exact_duplicates", "near_duplicates"), progress=told
    )
    cleaned.close()
    assert report.names_checked and report.step("names").warned > 0
    assert told.names.index(STARTING_NAMES) < told.names.index("Names and places")
    assert [len(found) for found in find_names(PATIENTS[:2])] == [2, 2]
    assert NAMES.is_warm


@pytest.mark.skipif(not names_available().value, reason="spaCy or its model is not installed")
def test_the_process_that_looks_for_names_loads_no_torch() -> None:
    find_names(PATIENTS[:1])
    assert NAMES.call(eval, "'spacy' in __import__('sys').modules and 'torch' not in __import__('sys').modules")
