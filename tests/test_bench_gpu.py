"""The GPU benchmark's listening, without a GPU: results come as they are printed, and a cut or a crash keeps them."""

from __future__ import annotations

import sys
import textwrap
import time

import pytest

from tests.gpu.bench_gpu import MARK, listen


def command(body: str) -> list[str]:
    return [sys.executable, "-c", f"import sys, time\nMARK = {MARK!r}\n" + textwrap.dedent(body)]


TWO = """
sys.stdout.write("Loading weights: 100%")
for number in (1, 2):
    print("\\n" + MARK + '{"case": %d}' % number, flush=True)
"""


def test_results_are_heard_one_by_one() -> None:
    heard: list[dict[str, int]] = []
    results, error = listen(command(TWO), 60, heard.append)
    assert results == heard == [{"case": 1}, {"case": 2}]
    assert error is None


@pytest.mark.slow
def test_a_cut_keeps_what_was_measured() -> None:
    began = time.monotonic()
    results, error = listen(command(TWO + "time.sleep(120)"), 3, lambda _: None)
    assert results == [{"case": 1}, {"case": 2}]
    assert error == "took more than 3 s"
    assert time.monotonic() - began < 60


def test_a_crash_keeps_what_was_measured_and_says_why() -> None:
    results, error = listen(command(TWO + "raise MemoryError('the card is full')"), 60, lambda _: None)
    assert len(results) == 2
    assert error is not None and "the card is full" in error
