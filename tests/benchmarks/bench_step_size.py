"""What the size of a step costs in learning: python -m tests.benchmarks.bench_step_size --rows TRAIN.jsonl --held-out EVAL.jsonl

The same rows, the same number of tokens and the same schedule, in few large or many small optimizer steps and at several
learning rates, with real weights on the GPU or else the CPU; prints the held-out loss of each. An arm is written
PASSES:FACTOR, for example 8:2.83 for eight passes a step at 2.83 times the learning rate. With several seeds the spread
between runs of one arm says which differences between arms mean something.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

from core.config import DEFAULT_MODEL, TrainingConfig
from core.model.device import find_device
from core.model.encode import encode_dataset
from core.model.plan import plan
from core.model.resolve import resolve
from core.model.shape import ModelShape
from core.model.template import Template
from core.progress import SilentProgress
from core.records import Message, Record
from core.settings import SAMPLE_DATA
from core.training.batches import EncodedRows
from core.training.run import Prepared, run_loop
from core.training.train import limit_threads
from core.training.transformers_engine import TransformersEngine


class Losses(SilentProgress):
    """Keeps the held-out losses and the training losses."""

    def __init__(self) -> None:
        self.held_out: dict[int, float] = {}
        self.train: list[float] = []

    def metric(self, step: int, **values: float) -> None:
        if "eval_loss" in values:
            self.held_out[step] = values["eval_loss"]
        if "loss" in values:
            self.train.append(values["loss"])


def records(path: Path, longest_chars: int, count: int) -> list[Record]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if len(row["prompt"]) + len(row["response"]) <= longest_chars:
            turns = (Message("user", row["prompt"]), Message("assistant", row["response"]))
            found.append(Record(str(len(found)), turns))
    return found[:count]


def main() -> int:
    parser = argparse.ArgumentParser(description="Held-out loss after equal tokens, by size of step and learning rate.")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=30_000, help="training tokens of each arm")
    parser.add_argument("--row-tokens", type=int, default=384, help="tokens of a packed row, which is one pass")
    parser.add_argument("--held-out-rows", type=int, default=40)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    parser.add_argument("--arms", nargs="+", default=["1:1", "8:1", "8:2.83", "8:8"])
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a Hub id or a folder")
    parser.add_argument("--models", type=Path, default=SAMPLE_DATA / "models")
    options = parser.parse_args()
    device = find_device()
    limit_threads(device)
    with tempfile.TemporaryDirectory(prefix="medft-bench-") as scratch:
        folder, quiet = Path(scratch), SilentProgress()
        base = resolve(options.model, options.models, quiet)
        longest = options.row_tokens

        def encoded(path: Path, count: int) -> EncodedRows:
            rows = records(path, 3 * longest // 2, count)
            return EncodedRows(encode_dataset(rows, base.folder, longest, cache_dir=folder, progress=quiet), longest)

        train, held_out = encoded(options.rows, 100_000), encoded(options.held_out, options.held_out_rows)
        for arm, seed in itertools.product(options.arms, options.seeds):
            passes, factor = (float(part) for part in arm.split(":"))
            steps = max(1, round(options.tokens / (longest * passes)))
            config = TrainingConfig(
                packing="on", max_length=longest, batch_rows=1, accumulation=int(passes), max_steps=steps,
                learning_rate=options.lr * factor, eval_every=steps, save_every=steps, sample_tokens=0,
                seed=seed,
            )  # fmt: skip
            heard, place = Losses(), folder / f"arm-{arm}-{seed}"
            place.mkdir()
            prepared = Prepared(
                place, config, base, ModelShape.read(base.folder), Template.from_folder(base.folder), device,
                TransformersEngine(), train, held_out, heard,
            )  # fmt: skip
            began = time.monotonic()
            run_loop(prepared, plan(config, prepared.shape, prepared.stats(), device), None)
            sys.stdout.write(
                f"{steps:4d} steps of about {longest * passes:6.0f} tokens, learning rate {config.learning_rate:.1e}, "
                f"seed {seed}: held-out loss "
                f"{heard.held_out[0]:.4f} → {heard.held_out[steps]:.4f}  ({time.monotonic() - began:.0f} s)\n"
            )
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
