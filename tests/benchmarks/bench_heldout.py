"""The product's own jobs on real files: train on one, judge by the other, as the page would.

    python -m tests.benchmarks.bench_heldout --train rows.jsonl --held-out other.jsonl [--answers 8]

It prints what training and the held-out evaluation say; docs/judging.md keeps what came out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from core.config import RECOMMENDED
from core.evaluation.result import EVALUATIONS, EvaluationRequest, EvaluationResult
from core.evaluation.wording import difference, interval, p_value
from core.jobs.snapshot import Snapshot
from core.settings import SAMPLE_DATA, Settings
from core.studio import Studio

# r 16 on all linear layers and one pass in batches of 8: the plain loop that the figures are held against.
CONFIG = RECOMMENDED.changed(
    learning_rate=4e-4, epochs=1.0, batch_rows=8, accumulation=1, packing="off", schedule="linear",
    eval_every=40, sample_tokens=0, log_every=5,
)  # fmt: skip


def main() -> int:
    """Train, judge, print; 0 if both jobs finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--answers", type=int, default=0, help="judge so many items by their answers, too")
    parser.add_argument("--models", type=Path, default=SAMPLE_DATA / "models", help="folder that keeps base models")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="medft-heldout-") as scratch:
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
    dataset = studio.add_dataset([options.train], name="Held-out bench", eval_paths=[options.held_out])
    studio.data.approve(dataset.id, attest=True, name="Benchmark")
    say(f"{dataset.rows_train} rows to train, {dataset.rows_eval} held out")
    run_id = studio.start_training(dataset.id, CONFIG, "Held-out bench")
    trained = wait(studio, run_id)
    say(f"training: {trained.state} {trained.result}")
    if trained.state != "finished":
        return 1
    judged = [judge(studio, run_id, {"generate": False})]
    if options.answers:
        judged.append(judge(studio, run_id, {"limit": options.answers, "max_new_tokens": 96}))
    return 0 if all(judged) else 1


def judge(studio: Studio, run_id: str, asked: dict[str, object]) -> bool:
    """Run one held-out evaluation and print what it found."""
    run = studio.snapshot(run_id).job
    assert run is not None
    folder = run.folder / EVALUATIONS / f"heldout-{len(asked)}"
    folder.mkdir(parents=True)
    EvaluationRequest("heldout", run.folder, asked).save(folder)
    started = time.monotonic()
    studio.controller.submit("evaluate", folder, dataset_id=run.dataset_id)
    ended = wait(studio, folder.name)
    if ended.state != "finished":
        say(f"evaluation: {ended.state} {ended.error}")
        return False
    found = EvaluationResult.read(folder)
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
        time.sleep(1)


def say(text: str) -> None:
    """Print at once, also into a file."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
