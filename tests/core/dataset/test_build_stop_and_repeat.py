"""Making a data set can be stopped anywhere and leaves nothing; the same upload and options give the same bytes anywhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.dataset.build import build_dataset
from core.dataset.clean import CleanOptions, clean
from core.dataset.crew import Crew
from core.dataset.ingest import read_upload
from core.dataset.leakage import ProbeIndex
from core.dataset.mapping import detect
from core.errors import DatasetError
from core.progress import SilentProgress, StopVerb
from core.records import Record

ROOT = Path(__file__).resolve().parents[3]


def varied(count: int) -> list[dict[str, str]]:
    """Rows for which every step has something to do."""
    rows = []
    for n in range(count):
        words = [f"word{n}x{k}" for k in range(24)]
        row = {"question": f"What is known about condition {n} ?", "answer": f"Condition {n} is {' '.join(words)}."}
        if n % 10 == 1:
            row["answer"] = rows[-1]["answer"]
        if n % 10 == 2:
            row["answer"] = rows[-1]["answer"].replace("word", "Word", 3).replace("x3 ", "x3 changed ")
        if n % 10 == 3:
            row["answer"] = rows[-3]["answer"].replace(" ".join(rows[-3]["answer"].split()[8:12]), "something else now")
        if n % 10 == 4:
            row["answer"] += " <b>Seen</b> on 12 March 2021, MRN 4471234. It wasnâ€™t urgent."
        if n % 10 == 5:
            row["question"] = rows[-1]["question"]
        if n % 10 == 6:
            row["answer"] = "N/A"
        if n % 10 == 7:
            row["answer"] = (
                f"Die Krankheit {n} ist selten, und die Behandlung dauert meistens mehrere lange Wochen {n}."
            )
        rows.append(row)
    return rows


@pytest.fixture
def upload_path(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in varied(120)), encoding="utf-8")
    return path


@pytest.fixture
def benchmark_path(tmp_path: Path) -> Path:
    path = tmp_path / "benchmark.jsonl"
    path.write_text(json.dumps({"question": "What is known about condition 8 ?"}), encoding="utf-8")
    return path


class Told(SilentProgress):
    """Notes what it is told, and asks to stop as soon as one phase has begun."""

    def __init__(self, stop_at: str = "") -> None:
        self.phases: list[str] = []
        self.stop_at = stop_at

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        assert 0 <= done <= total or total == 0
        self.phases.append(name)

    def stop_requested(self) -> StopVerb | None:
        return "discard" if self.stop_at in self.phases else None


def build(path: Path, home: Path, benchmark: Path, progress: SilentProgress) -> Any:
    upload = read_upload([path])
    options = CleanOptions().without("names").changed(benchmarks=(benchmark,))
    return build_dataset(
        upload,
        detect(upload),
        options,
        home=home,
        name="stop",
        count_tokens=lambda texts: [len(text.split()) for text in texts],
        progress=progress,
    )


@pytest.mark.thorough
def test_a_stop_is_heard_in_every_phase_and_nothing_is_left(
    upload_path: Path, benchmark_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.dataset.pulse.TELL_EVERY_S", 0.0)
    whole = Told("never")
    build(upload_path, tmp_path / "whole", benchmark_path, whole)
    phases = list(dict.fromkeys(whole.phases))
    assert len(phases) >= 11 and {"Near duplicates", "Writing", "Keeping the upload"} <= set(phases)
    for phase in phases:
        home, progress = tmp_path / "home", Told(phase)
        with pytest.raises(DatasetError, match="stopped"):
            build(upload_path, home, benchmark_path, progress)
        assert list(home.iterdir()) == [], phase
        # the phase in which it was asked for is the last one that began
        assert list(dict.fromkeys(progress.phases))[-1] == phase


@pytest.mark.parametrize("pieces", [1, 6])
def test_waiting_for_a_process_or_for_a_piece_here_hears_a_stop(pieces: int) -> None:
    class Stopped(Exception):
        pass

    def tick() -> None:
        raise Stopped

    with pytest.raises(Stopped), Crew(2, tick=tick) as crew:
        list(crew.map(_slow, [3.0] * pieces))


def _slow(seconds: float) -> float:
    import time

    time.sleep(seconds)
    return seconds


_SCRIPT = """
import sys
from pathlib import Path
from core.dataset.build import build_dataset
from core.dataset.clean import CleanOptions
from core.dataset.ingest import read_upload
from core.dataset.mapping import detect
if __name__ == "__main__":
    upload = read_upload([Path(sys.argv[1])])
    dataset = build_dataset(upload, detect(upload), CleanOptions().without("names"), home=Path(sys.argv[2]), name="same")
    print(dataset.folder)
"""


@pytest.mark.slow
def test_other_processes_and_hash_seeds_give_the_same_bytes(tmp_path: Path) -> None:
    path, script = tmp_path / "rows.jsonl", tmp_path / "script.py"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in varied(2600)), encoding="utf-8")
    script.write_text(_SCRIPT, encoding="utf-8")
    found = []
    for seed in ("0", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, str(script), str(path), str(tmp_path / seed)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        folder = Path(done.stdout.strip())
        # dataset.json holds the id and the time, and the pages are made from both
        names = ("train.jsonl", "eval.jsonl", "removed.jsonl", "warnings.jsonl", "findings.jsonl", "report.json")
        found.append({name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names})
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 6


def test_answers_half_alike_stay_together_and_are_pointed_at() -> None:
    records = [
        Record.of(f"r{n:03d}", f"What about condition {n}?", " ".join(f"term{n}x{k}" for k in range(60)))
        for n in range(40)
    ]
    other = records[7].response.split()
    records.append(
        Record.of("half", "Another question entirely?", " ".join([*other[:45], *(f"new{k}" for k in range(10))]))
    )
    for seed in range(6):
        options = CleanOptions(steps=frozenset({"near_duplicates"}), seed=seed, eval_share=0.3)
        cleaned, report = clean(records, options)
        with cleaned:
            sides = [{record.id for record in part} for part in (cleaned.train(), cleaned.evaluation())]
            assert not len(cleaned.space.sketches)
        step = report.step("near_duplicates")
        assert (step.removed, step.warned) == (0, 1)
        assert "r007; both stay" in step.examples[0].reason
        assert any({"r007", "half"} <= side for side in sides)


class Counting(Sequence[Any]):
    """Probes that are made when they are asked for; counts how many are alive at once."""

    def __init__(self, count: int) -> None:
        self.count, self.alive, self.most = count, 0, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: Any) -> Any:
        probe = np.sort(np.random.default_rng(place).integers(0, 2**63, 50, dtype=np.uint64))
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(probe, self._gone)
        return probe

    def _gone(self) -> None:
        self.alive -= 1


def test_probes_are_read_when_they_are_met_and_not_kept() -> None:
    probes = Counting(300)
    index = ProbeIndex(probes)
    rows = [probes[place] for place in (5, 123, 299)]
    probes.most = probes.alive
    index.look(10, np.concatenate(rows), np.array([0, 50, 100, 150]))
    assert {probe: hit.row for probe, hit in index.hits.items()} == {5: 10, 123: 11, 299: 12}
    assert all(hit.share == 1 for hit in index.hits.values())
    assert probes.most <= len(rows) + 2


@pytest.mark.realdata
def test_each_pair_of_the_list_is_taken_out_or_pointed_at(realdata: Path) -> None:
    """All 108 pairs of ``medquad_near_duplicates``, of which 65 reach 0.8 (docs/decisions/005)."""
    path = realdata / "qa" / "medquad_near_duplicates.jsonl"
    pairs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answers = sorted({pair[side] for pair in pairs for side in ("a_response", "b_response")})
    records = [Record.of(f"r{n:03d}", f"Question {n}?", answer) for n, answer in enumerate(answers)]
    cleaned, report = clean(records, CleanOptions(steps=frozenset({"near_duplicates"}), eval_share=0.0))
    with cleaned:
        space = cleaned.space
        space.warnings.seek(0)
        touched = {json.loads(line)["id"] for line in space.warnings}
        touched |= {record.id for record in records} - {record.id for record in cleaned.train()}
    ids = {record.response: record.id for record in records}
    assert all(touched & {ids[pair["a_response"]], ids[pair["b_response"]]} for pair in pairs)
    step = report.step("near_duplicates")
    assert step.removed > 50 and step.warned > 10 and len(touched) == step.removed + step.warned
