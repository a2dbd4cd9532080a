"""How soon a build that is cancelled is over: python tests/benchmarks/bench_cancel.py 20000

A file of that many rows (those of bench_dataset.py) is built as the page does it, through the desk and its works, once for
each stage of the way, and cancelled in the middle of that stage. Prints the seconds from
the cancel until nothing is under way and nothing is left on the disk, and the longest time between two looks at the stop
flag in a build that nobody cancels.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from core.dataset.clean import CleanOptions, CountTokens  # noqa: E402
from core.dataset.desk import DatasetDesk  # noqa: E402
from core.dataset.intake import Intake  # noqa: E402
from core.dataset.store import Dataset  # noqa: E402
from core.dataset.work import WorkState  # noqa: E402
from core.progress import Progress, StopVerb  # noqa: E402
from tests.benchmarks.bench_dataset import records, say  # noqa: E402

BEGIN = "Reading the upload"
_WAIT_S = 600


@dataclass
class Watched:
    """Passes on what the work says, and notes when each stage began and how long nobody looked at the stop flag."""

    progress: Progress
    stage: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    began: dict[str, float] = field(default_factory=dict)
    longest_s: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._at, self._looked = "", time.monotonic()
        self.phase(BEGIN)

    def __getattr__(self, name: str) -> object:
        return getattr(self.progress, name)

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Note the stage and pass it on."""
        self._at = name
        self.began.setdefault(name, time.monotonic())
        self.progress.phase(name, done, total)
        if name == self.stage:
            self.reached.set()

    def stop_requested(self) -> StopVerb | None:
        """Note the look and pass it on."""
        now = time.monotonic()
        self.longest_s[self._at] = max(self.longest_s.get(self._at, 0.0), now - self._looked)
        self._looked = now
        return self.progress.stop_requested()


@dataclass(frozen=True, slots=True)
class Build:
    """One way to build.

    Args:
        home: The folder of data sets.
        intake: What is built.
        options: Which steps.
        counter: Gives a counter of tokens.
    """

    home: Path
    intake: Intake
    options: CleanOptions
    counter: Callable[[], CountTokens | None] = lambda: None

    def start(self, stage: str = "") -> tuple[DatasetDesk, Watched]:
        """Begin, with a desk that has read nothing yet but what the page reads before."""
        desk = DatasetDesk(self.home, self.counter)
        mapping = desk.preview(self.intake).mapping
        ready, made = threading.Event(), list[Watched]()

        def work(progress: Progress) -> Dataset:
            made.append(Watched(progress, stage))
            ready.set()
            return desk.add(self.intake, mapping=mapping, options=self.options, progress=made[0])

        desk.works.start("Rows", work)
        ready.wait(_WAIT_S)
        return desk, made[0]

    def whole(self) -> Watched:
        """Build it to its end."""
        desk, watched = self.start()
        assert _ended(desk).state == "finished"
        return watched

    def cancelled(self, stage: str, after_s: float = 0.0) -> tuple[float, WorkState]:
        """Cancel it some time after a stage has begun.

        Returns:
            Seconds from the cancel to the end, and how the work ended; its phase is that in which it heard of it.
        """
        before = set(self.home.iterdir()) if self.home.is_dir() else set()
        desk, watched = self.start(stage)
        assert watched.reached.wait(_WAIT_S), stage
        time.sleep(after_s)
        asked = time.monotonic()
        desk.works.stop()
        ended = _ended(desk)
        seconds = time.monotonic() - asked
        if ended.state == "stopped":
            assert set(self.home.iterdir() if self.home.is_dir() else ()) == before, f"{stage}: something is left"
        return seconds, ended


def _ended(desk: DatasetDesk) -> WorkState:
    until = time.monotonic() + _WAIT_S
    while (now := desk.works.now()) and now.is_active and time.monotonic() < until:
        time.sleep(0.005)
    assert now and not now.is_active
    return now


@contextmanager
def rows_file(count: int) -> Iterator[tuple[Path, Intake]]:
    """Give a folder, and an upload with a benchmark file in it."""
    with tempfile.TemporaryDirectory() as folder:
        path, benchmark = Path(folder) / "rows.jsonl", Path(folder) / "benchmark.jsonl"
        with path.open("w", encoding="utf-8") as file, benchmark.open("w", encoding="utf-8") as asked:
            for at, record in enumerate(records(count)):
                file.write(json.dumps(record.to_json(), ensure_ascii=False) + "\n")
                if at % 20 == 0:
                    asked.write(json.dumps({"question": record.prompt}) + "\n")
        yield Path(folder), Intake((path,), benchmarks=(benchmark,))


def main() -> None:
    """Cancel in every stage and print a table."""
    from core.model.template import Template  # noqa: PLC0415 - imports a tokenizer library

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="?", type=int, default=20_000, help="how many rows to build")
    parser.add_argument("--names", action="store_true", help="look for names too, which takes a minute for 20,000 rows")
    asked = parser.parse_args()
    model = next((path.parent for path in (REPOSITORY / "data" / "models").glob("*/tokenizer.json")), None)
    options = CleanOptions() if asked.names else CleanOptions().without("names")
    with rows_file(asked.rows) as (folder, intake):
        build = Build(folder / "home", intake, options, lambda: Template.from_folder(model).count if model else None)
        whole = build.whole()
        times = [*whole.began.values(), time.monotonic()]
        say(f"{'stage':<26}{'lasts s':>9}{'no look s':>11}{'cancel s':>10}  heard in")
        for at, stage in enumerate(whole.began):
            lasts = times[at + 1] - times[at]
            seconds, ended = build.cancelled(stage, lasts / 2)
            gap = whole.longest_s.get(stage, 0.0)
            say(f"{stage:<26}{lasts:>9.2f}{gap:>11.2f}{seconds:>10.2f}  {ended.phase} ({ended.state})")


if __name__ == "__main__":
    main()
