"""The whole way in the terminal: python -m core.demo.

    sample data → clean → train (Quick demo) → held-out loss before and after → three questions to base and tuned

It uses the studio as the page does, in a folder of its own, and ends with exit code 1 if the held-out loss did not fall.
It does not know: the page.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from core.config import QUICK_DEMO, TrainingConfig
from core.dataset.store import Dataset
from core.errors import MedftError
from core.inference.process import ChatOptions, ChatRequest
from core.jobs.snapshot import Snapshot
from core.records import Message
from core.settings import SAMPLE_DATA, Settings
from core.studio import Studio

WIDTH = 32
QUESTIONS = 3


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="core.demo", description="Train and judge the default model in the terminal.")
    parser.add_argument("--home", type=Path, help="folder to work in (default: a temporary one)")
    parser.add_argument("--models", type=Path, default=SAMPLE_DATA / "models", help="folder that keeps base models")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="medft-demo-") as scratch:
        home = options.home or Path(scratch)
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "models").exists():
            options.models.mkdir(parents=True, exist_ok=True)
            (home / "models").symlink_to(options.models.resolve(), target_is_directory=True)
        studio = Studio(Settings(home=home))
        studio.open()
        try:
            return walk(studio, QUICK_DEMO)
        except MedftError as error:
            _say(f"\n{error.message}\n{error.hint}")
            return 1
        finally:
            studio.close()


def walk(studio: Studio, config: TrainingConfig) -> int:
    """Go the whole way once and print what happens; returns 0 if the model learnt."""
    clicked = time.monotonic()
    dataset = studio.list_datasets()[0]
    _say(f"Data      {dataset.name}: {dataset.rows_train} rows to train, {dataset.rows_eval} held out")
    run_id = studio.start_training(dataset.id, config, "Demo")
    snapshot = _watch(studio, run_id)
    if snapshot.state != "finished":
        _say(f"Training ended as {snapshot.state}. {snapshot.error.message if snapshot.error else ''}")
        return 1
    _say(f"Finished  {time.monotonic() - clicked:.0f} s after the start, {snapshot.total_steps} steps")
    _ask(studio, run_id, dataset)
    return _verdict(snapshot)


def _watch(studio: Studio, run_id: str) -> Snapshot:
    """Draw a bar until the run has ended."""
    shown, revision = "", -1
    while True:
        snapshot = studio.snapshot(run_id)
        if snapshot.revision != revision:
            revision, line = snapshot.revision, _line(snapshot)
            # A terminal gets one line that moves; a log file gets a line a phase and a tenth.
            if sys.stdout.isatty():
                sys.stdout.write(f"\r\033[K{line}")
            elif line.split("·")[0] != shown:
                shown = line.split("·")[0]
                sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        if not snapshot.is_active:
            sys.stdout.write("\n" if sys.stdout.isatty() else "")
            return snapshot
        time.sleep(0.2)


def _line(snapshot: Snapshot) -> str:
    phase = snapshot.phase
    share = (phase.share if phase else None) or 0.0
    full = int(share * WIDTH)
    bar = "█" * full + "░" * (WIDTH - full)
    name = phase.name if phase else str(snapshot.state)
    numbers = [f"{name:<24}", f" {bar} {share * 100 // 10 * 10 if not sys.stdout.isatty() else share * 100:3.0f} % "]
    if snapshot.tokens_per_s:
        numbers.append(f"· {snapshot.tokens_per_s:,.0f} tokens/s ")
    for key, title in (("loss", "loss"), ("eval_loss", "held-out loss")):
        if key in snapshot.metrics:
            numbers.append(f"· {title} {snapshot.metrics[key]:.3f} ")
    if snapshot.eta_s is not None:
        numbers.append(f"· {snapshot.eta_s:.0f} s left")
    return "".join(numbers)


def _ask(studio: Studio, run_id: str, dataset: Dataset) -> None:
    """Put the first held-out questions to both models, side by side from one set of weights."""
    options = ChatOptions(temperature=0.0, max_new_tokens=96)
    for question in _first_prompts(dataset):
        turn = (Message("user", question),)
        answers = {"base": "", "tuned": ""}
        for piece in studio.chat(run_id, ChatRequest("both", turn, turn, options)):
            answers[piece.which] += piece.text
        _say(f"\nQuestion  {question}")
        _say(f"Base      {' '.join(answers['base'].split())}")
        _say(f"Tuned     {' '.join(answers['tuned'].split())}")


def _first_prompts(dataset: Dataset) -> Iterable[str]:
    """One question of each of the first topics, so that they differ."""
    by_topic = {record.topic: record.prompt for record in reversed(list(dataset.eval()))}
    return list(by_topic.values())[-QUESTIONS:][::-1]


def _verdict(snapshot: Snapshot) -> int:
    losses = snapshot.history["eval_loss"]
    before, best = losses.values[0], min(losses.values[1:], default=float("nan"))
    fall = 100 * (before - best) / before
    way = "lower" if best < before else "higher"
    _say(f"\nHeld-out loss per answer token: {before:.3f} before, {best:.3f} after ({abs(fall):.1f} % {way})")
    _say("Research tool, not a medical device: these answers may be wrong.")
    return 0 if best < before else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
