"""How fast a data set is made and how that grows: python tests/benchmarks/bench_dataset.py 10000 100000 1000000 --tokens

Rows are made from a fixed seed: about 1,000 bytes each, of medical and everyday words, with 3 % exact copies, 3 % near
copies, families of boilerplate, tags, mojibake, greetings and the odd identifier. They are read from a JSON Lines file,
understood, cleaned, split, and written, as an upload would be. Names are left out, as they are counted by their own.
Prints rows per second of processor time for each step, the clock, the processor time of all processes and that of other
programs meanwhile (the machine was quiet if it is near zero), and the most memory that they had together at one time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from core.dataset.build import build_dataset  # noqa: E402
from core.dataset.clean import CleanOptions, CountTokens  # noqa: E402
from core.dataset.ingest import read_upload  # noqa: E402
from core.dataset.mapping import detect  # noqa: E402
from core.dataset.steps import STEP_NAMES  # noqa: E402
from core.dataset.store import Dataset  # noqa: E402
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
    families = [" ".join(chance.choices(words, k=46)) for _ in range(_FAMILIES)]
    for number in range(count):
        kind = chance.random()
        if recent and kind < 0.03:
            prompt, response = chance.choice(recent)
        elif recent and kind < 0.06:
            prompt, response = chance.choice(recent)
            response = response.replace(chance.choice(response.split()), "changed")
        else:
            prompt = f"What is the {' '.join(chance.choices(words, k=6))} of case {number} ?"
            response = " ".join(chance.choices(words, k=77 if kind < 0.2 else 115)) + "."
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
        """Sample twice a second: the system counts for some hundredths of a second each time."""
        while not self.done.wait(0.5):
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


@dataclass(frozen=True, slots=True)
class Measured:
    """What making one data set took.

    Args:
        rows: Rows that came in.
        size_bytes: Size of their file.
        seconds: By the clock.
        cpu_seconds: Processor time of all processes.
        other_seconds: Processor time of other programs meanwhile.
        most_bytes: Most memory of all processes at one time.
        steps: What each step did: (rows changed, removed, warned, processor seconds).
    """

    rows: int
    size_bytes: int
    seconds: float
    cpu_seconds: float
    other_seconds: float
    most_bytes: int
    steps: dict[str, tuple[int, int, int, float]]


def token_counter(asked: bool) -> CountTokens | None:
    """Count as the app does, with the default model's tokenizer, which must lie in data/models."""
    if not asked:
        return None
    from core.model.template import Template  # noqa: PLC0415 - only where tokens are counted

    folder = next(path.parent for path in (REPOSITORY / "data" / "models").glob("*/tokenizer.json"))
    return Template.from_folder(folder).count


def measure(count: int, tokens: bool) -> Measured:
    """Make a data set of that many rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(record.to_json(), ensure_ascii=False) + "\n" for record in records(count))
        counter = token_counter(tokens)
        memory = Memory()
        memory.start()
        began, used, busy = time.perf_counter(), _cpu_seconds(), _busy_seconds()
        upload = read_upload([path])
        dataset = build_dataset(
            upload,
            detect(upload),
            CleanOptions().without("names"),
            home=Path(folder) / "home",
            name="rows",
            count_tokens=counter,
        )
        seconds, cpu_seconds = time.perf_counter() - began, _cpu_seconds() - used
        others = max(0.0, _busy_seconds() - busy - cpu_seconds)
        memory.done.set()
        size = path.stat().st_size
        return Measured(count, size, seconds, cpu_seconds, others, memory.most_bytes, _steps(dataset))


def _busy_seconds() -> float:
    """Processor time of everything on this machine since it started."""
    values = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(values[:3]) + sum(values[5:7])) / os.sysconf("SC_CLK_TCK")


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _steps(dataset: Dataset) -> dict[str, tuple[int, int, int, float]]:
    return {
        step["name"]: (step["changed"], step["removed"], step["warned"], dataset.seconds.get(step["name"], 0.0))
        for step in dataset.report()["steps"]
        if step["on"]
    }


def main() -> None:
    """Measure each size and print a table for it, then how speed grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", type=int, default=[10_000, 100_000], help="how many rows to clean")
    parser.add_argument("--tokens", action="store_true", help="count tokens with the default model's tokenizer")
    asked = parser.parse_args()
    found = []
    for count in asked.rows:
        found.append(measured := measure(count, asked.tokens))
        say(
            f"\n{count:,} rows, {measured.size_bytes / MIB:,.0f} MiB: {measured.seconds:.1f} s by the clock, "
            f"{count / measured.seconds:,.0f} rows/s; {measured.cpu_seconds:.1f} s of processor time "
            f"(other programs {measured.other_seconds:.1f} s); "
            f"{measured.most_bytes / MIB:,.0f} MiB of memory at most"
        )
        say(f"{'step':<18}{'cpu s':>9}{'changed':>9}{'removed':>9}{'warned':>9}")
        for name, (changed, removed, warned, seconds) in measured.steps.items():
            say(f"{name:<18}{seconds:>9.2f}{changed:>9,}{removed:>9,}{warned:>9,}")
    growth(found)


def growth(found: Sequence[Measured]) -> None:
    """Print rows per second of processor time, one column a size."""
    say("\nrows per second of processor time")
    say(f"{'step':<18}" + "".join(f"{measured.rows:>12,}" for measured in found))
    for name in STEP_NAMES:
        seconds = [measured.steps.get(name, (0, 0, 0, 0.0))[3] for measured in found]
        speeds = [
            f"{measured.rows / used:>12,.0f}" if used > 0.005 else f"{'-':>12}"
            for measured, used in zip(found, seconds, strict=True)
        ]
        if any(seconds):
            say(f"{name:<18}" + "".join(speeds))
    say(f"{'everything':<18}" + "".join(f"{measured.rows / measured.cpu_seconds:>12,.0f}" for measured in found))
    say(f"{'by the clock':<18}" + "".join(f"{measured.rows / measured.seconds:>12,.0f}" for measured in found))
    say(f"{'memory MiB':<18}" + "".join(f"{measured.most_bytes / MIB:>12,.0f}" for measured in found))


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
