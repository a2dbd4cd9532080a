"""The product's own jobs on real files: clean, train, judge, as the page would, on the GPU or else the CPU.

    python -m tests.benchmarks.bench_way --train rows.jsonl --held-out other.jsonl --recipe loop --answers 8
    python -m tests.benchmarks.bench_way --train rows.jsonl --pubmedqa test.jsonl --samples --safety --keep FOLDER
    python -m tests.benchmarks.bench_way --train rows.jsonl --model FOLDER --set max_steps=24 --set max_length=2048

It prints what training and each evaluation say; --keep copies adapters, events, results and items. What came out stands in
docs/judging.md and docs/training-speed.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core.config import RECOMMENDED, TrainingConfig
from core.dataset.approve import Decision
from core.evaluation.result import ITEMS_FILE, EvaluationResult
from core.evaluation.wording import difference, interval, p_value
from core.jobs.job import EVENTS_FILE
from core.jobs.snapshot import Snapshot
from core.settings import SAMPLE_DATA, Settings
from core.studio import Studio

WARM_STEPS = 4
RECIPES = {
    "recommended": RECOMMENDED,
    # r 16 on all linear layers and one pass in batches of 8: the plain loop that the held-out figures are held against.
    "loop": RECOMMENDED.changed(
        learning_rate=4e-4, epochs=1.0, batch_rows=8, accumulation=1, packing="off", schedule="linear",
        eval_every=40, sample_tokens=0, log_every=5,
    ),
}  # fmt: skip


def main() -> int:
    """Train, judge, print; 0 if every job finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, help="judge by this file; without, a share of the rows is held out")
    parser.add_argument("--recipe", choices=RECIPES, default="recommended")
    parser.add_argument("--model", default=TrainingConfig().model, help="a Hub id or a folder")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting (value as JSON)")
    parser.add_argument("--losses", action="store_true", help="held-out losses of all items")
    parser.add_argument("--answers", type=int, default=0, help="judge so many held-out items by their answers, too")
    parser.add_argument("--pubmedqa", type=Path, help="the published test file")
    parser.add_argument("--samples", action="store_true", help="the multiple-choice questions that come with the app")
    parser.add_argument("--safety", action="store_true", help="all safety probes")
    parser.add_argument("--precision", default="auto", help="of the benchmarks")
    parser.add_argument("--keep", type=Path, help="copy the run's results here")
    parser.add_argument("--models", type=Path, default=SAMPLE_DATA / "models", help="folder that keeps base models")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="medft-way-") as scratch:
        home = Path(scratch)
        (home / "models").symlink_to(options.models.resolve(), target_is_directory=True)
        studio = Studio(Settings(home=home))
        studio.open()
        try:
            return walk(studio, options)
        finally:
            studio.close()


def walk(studio: Studio, options: argparse.Namespace) -> int:
    """The whole way once."""
    held_out = [options.held_out] if options.held_out else []
    dataset = studio.add_dataset([options.train], name="Benchmark", eval_paths=held_out)
    if dataset.open_blocking:
        dataset = studio.data.resolve(dataset.id, [Decision("replace", level="blocking", by="Benchmark")])
    studio.data.approve(dataset.id, attest=True, name="Benchmark")
    say(f"{dataset.rows_train} rows to train, {dataset.rows_eval} held out")
    changes = {name: json.loads(value) for name, _, value in (one.partition("=") for one in options.set)}
    config = RECIPES[options.recipe].changed(model=str(options.model), **changes)
    run_id = studio.start_training(dataset.id, config, "Benchmark")
    trained = wait(studio, run_id)
    tell_training(studio, run_id, trained)
    done = trained.state == "finished"
    for kind, asked in evaluations(options) if done else ():
        done &= judge(studio, run_id, kind, asked)
    if options.keep:
        keep(studio, run_id, options.keep)
    return int(not done)


def evaluations(options: argparse.Namespace) -> list[tuple[Any, dict[str, Any]]]:
    """What was asked for, as (kind, options)."""
    asked: list[tuple[Any, dict[str, Any]]] = []
    if options.losses or options.answers:
        asked.append(("heldout", {"generate": False}))
    if options.answers:
        asked.append(("heldout", {"limit": options.answers, "max_new_tokens": 96}))
    precision = {"precision": options.precision}
    if options.pubmedqa:
        files = {"pubmedqa": str(options.pubmedqa)}
        asked.append(("benchmark", {"tasks": ["pubmedqa"], "files": files, **precision}))
    if options.samples:
        asked.append(("benchmark", precision))
    if options.safety:
        asked.append(("safety", {}))
    return asked


def tell_training(studio: Studio, run_id: str, trained: Snapshot) -> None:
    """Print how the run ended, its speed once warm, and what the machine showed."""
    say(f"training: {trained.state} {trained.error or ''} {json.dumps(dict(trained.result or {}))}")
    folder = studio.evaluations.run(run_id).folder
    events = [json.loads(line) for line in (folder / EVENTS_FILE).read_text(encoding="utf-8").splitlines()]
    choices = {event["name"]: event["value"] for event in events if event["type"] == "choice"}
    say(f"  chosen: {json.dumps(choices)}")
    steps = [event for event in events if event["type"] == "metric" and "tokens_per_s" in event][WARM_STEPS:]
    if steps:
        # All steps have about the same tokens, so their mean speed is the harmonic mean.
        speed = len(steps) / sum(1 / step["tokens_per_s"] for step in steps)
        say(f"  {speed:.0f} tokens/s over {len(steps)} steps; MFU of the last {steps[-1].get('mfu', float('nan')):.3f}")
    for name in ("gpu_used_gib", "process_gib", "gpu_utilisation_percent", "gpu_power_w", "gpu_temperature_c"):
        seen = [event[name] for event in events if isinstance(event.get(name), int | float)]
        if seen:
            say(f"  {name}: {min(seen):.1f} to {max(seen):.1f} in {len(seen)} readings")


def judge(studio: Studio, run_id: str, kind: Any, asked: dict[str, Any]) -> bool:
    """Run one evaluation and print what it found."""
    started = time.monotonic()
    job = studio.evaluations.start(run_id, kind, asked)
    ended = wait(studio, job.id)
    if ended.state != "finished":
        say(f"{kind}: {ended.state} {ended.error}")
        return False
    found = EvaluationResult.read(job.folder)
    say(f"\n{found.title}: {found.verdict}")
    for measure in found.measures:
        compared = measure.comparison
        numbers = [interval(side, measure.unit) for side in (compared.base, compared.tuned)]
        say(f"  {measure.label}: {' → '.join(numbers)}, {difference(compared.difference, measure.unit)}")
        say(f"    {compared.test}, p {p_value(compared.p_value)}: {compared.verdict}")
    for note in found.notes:
        say(f"  note: {note}")
    say(f"  {found.models} {found.seconds} s judging, {time.monotonic() - started:.0f} s with loading")
    return True


def keep(studio: Studio, run_id: str, place: Path) -> None:
    """Copy what is worth reading: adapter, plan, events, and each evaluation's request, result and items."""
    folder = studio.evaluations.run(run_id).folder
    place.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "plan.json", "forecast.json", EVENTS_FILE):
        if (folder / name).exists():
            shutil.copy(folder / name, place)
    if (folder / "adapter").exists():
        shutil.copytree(folder / "adapter", place / "adapter", dirs_exist_ok=True)
    for items in sorted(folder.glob(f"evaluation/*/{ITEMS_FILE}")):
        shutil.copytree(items.parent, place / items.parent.name, dirs_exist_ok=True)


def wait(studio: Studio, job_id: str) -> Snapshot:
    """Follow a job to its end, telling each phase and every evaluation."""
    shown = ""
    while True:
        snapshot = studio.snapshot(job_id)
        line = f"{snapshot.phase.name if snapshot.phase else snapshot.state}, {snapshot.metrics.get('eval_loss', '')}"
        if line != shown:
            shown = line
            say(f"{time.strftime('%H:%M:%S')} {line}")
        if not snapshot.is_active:
            return snapshot
        time.sleep(0.5)


def say(text: str) -> None:
    """Print at once, also into a file."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
