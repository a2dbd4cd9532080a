"""How fast cleaning is and how it grows: python tests/benchmarks/bench_dataset.py 10000 100000 1000000

Rows are made from a fixed seed: about 1,000 characters each, of medical and everyday words, with 3 % exact copies, 3 %
near copies, families of boilerplate, tags, mojibake, greetings and the odd identifier. Names are left out, as they are
counted by their own. Prints rows per second of processor time for each step, the clock, and the most memory that all
processes together had at one time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from core.dataset.clean import CleanOptions, CleanReport, clean  # noqa: E402
from core.records import Record  # noqa: E402

MIB = 1024**2
_SYLLABLES = re.findall("..?.?", "cardionephrohepatopathyitisosisdermatogastroenteralgiamyeloxhypercytemiatomicpro")
_FAMILIES = 40


def vocabulary(chance: random.Random) -> list[str]:
    """The words of the sample data as often as they occur there, and half as many made-up medical ones."""
    lines = (REPOSITORY / "data" / "medical_qa_train.jsonl").read_text(encoding="utf-8").splitlines()
    plain = [word for line in lines for word in json.loads(line)["response"].split() if word.isalpha()]
    return plain + ["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 5))) for _ in range(len(plain) // 2)]


def records(count: int, seed: int = 5) -> Iterator[Record]:
    """Make rows one by one, so that the benchmark itself holds none."""
    chance = random.Random(seed)
    words = vocabulary(chance)
    recent: list[tuple[str, str]] = []
    families = [" ".join(chance.choices(words, k=60)) for _ in range(_FAMILIES)]
    for number in range(count):
        kind = chance.random()
        if recent and kind < 0.03:
            prompt, response = chance.choice(recent)
        elif recent and kind < 0.06:
            prompt, response = chance.choice(recent)
            response = response.replace(chance.choice(response.split()), "changed")
        else:
            prompt = f"What is the {' '.join(chance.choices(words, k=6))} of case {number} ?"
            response = " ".join(chance.choices(words, k=100 if kind < 0.2 else 150)) + "."
            response = f"{chance.choice(families)} {response}" if kind < 0.2 else response
            response = _spoilt(response, kind, chance)
            recent = [*recent[-200:], (prompt, response)]
        yield Record.of(f"r{number:07d}", prompt, response)


def _spoilt(response: str, kind: float, chance: random.Random) -> str:
    if kind < 0.25:
        return f"<p>{response}</p><ul><li>rest &amp; fluids</li></ul>"
    if kind < 0.30:
        return f"Hello, thanks for your query. {response} It wasnâ€™t â‰¥ 5 Âµg. Regards, Dr. X"
    if kind < 0.31:
        return f"{response} Seen on {chance.randint(1, 28)} March 2021, MRN {chance.randint(10**6, 10**7)}."
    return response


class Memory(threading.Thread):
    """Watches the memory of this process and its children; pages that they share count once (PSS)."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most_bytes = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Sample four times a second."""
        while not self.done.wait(0.25):
            self.most_bytes = max(self.most_bytes, sum(map(_pss, [os.getpid(), *_children(os.getpid())])))


def _children(pid: int) -> list[int]:
    try:
        text = "".join((task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def measure(count: int) -> tuple[CleanReport, float, int, int]:
    """Clean that many rows from a file, as an upload would; give report, seconds, bytes read and most memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(record.to_json(), ensure_ascii=False) + "\n" for record in records(count))
        memory = Memory()
        memory.start()
        began = time.perf_counter()
        with path.open(encoding="utf-8") as file:
            rows = (Record.from_json(json.loads(line)) for line in file)
            cleaned, report = clean(rows, CleanOptions().without("names"), folder=Path(folder))
        cleaned.close()
        seconds = time.perf_counter() - began
        memory.done.set()
        return report, seconds, path.stat().st_size, memory.most_bytes


def main() -> None:
    """Measure each size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", type=int, default=[10_000, 100_000], help="how many rows to clean")
    for count in parser.parse_args().rows:
        report, seconds, size, most = measure(count)
        used = sum(step.seconds for step in report.steps)
        say(f"\n{count:,} rows, {size / MIB:,.0f} MiB: {seconds:.1f} s by the clock, {count / seconds:,.0f} rows/s;")
        say(f"steps took {used:.1f} s of processor time; {most / MIB:,.0f} MiB of memory at most")
        say(f"{'step':<18}{'cpu s':>9}{'rows/s':>14}{'changed':>9}{'removed':>9}{'warned':>9}")
        for step in report.steps:
            if step.on:
                speed = f"{count / step.seconds:,.0f}" if step.seconds > 0.005 else "-"
                counts = f"{step.changed:>9,}{step.removed:>9,}{step.warned:>9,}"
                say(f"{step.name:<18}{step.seconds:>9.2f}{speed:>14}{counts}")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
