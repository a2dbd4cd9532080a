"""Speed on the CPU: python -m core.training.bench [--models FOLDER] [--steps N].

A plain PyTorch loop (padded batches of eight, whole logits, the same adapter and optimizer) against the product's own
loop as the planner sets it up, on the same sample rows, at the same precision, in the same process, turn by turn.
It does not know: GPUs (tests/gpu/bench_gpu.py measures those).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core.config import DEFAULT_MODEL, QUICK_DEMO
from core.dataset.build import sample_dataset
from core.model.device import cpu_device
from core.model.encode import encode_dataset
from core.model.plan import Plan, plan
from core.model.resolve import resolve
from core.model.shape import ModelShape
from core.model.template import Template
from core.progress import SilentProgress
from core.settings import SAMPLE_DATA
from core.training.batches import EncodedRows, Row, collate_padded
from core.training.outcome import measured_peak
from core.training.run import Prepared, run_loop
from core.training.train import limit_threads
from core.training.transformers_engine import TransformersEngine

WARM_STEPS = 2
PLAIN_ROWS = 8


class _Speeds(SilentProgress):
    """Keeps the speed of every step."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def metric(self, step: int, **values: float) -> None:
        """Keep tokens_per_s."""
        if "tokens_per_s" in values:
            self.found.append(values["tokens_per_s"])

    def mean(self) -> float:
        """Steps have about the same tokens, so their mean speed is the harmonic one."""
        speeds = self.found[WARM_STEPS:]
        return len(speeds) / sum(1 / speed for speed in speeds)


def main(arguments: list[str] | None = None) -> int:
    """Measure both and print; exit code 1 if the product's loop is slower than the plain one."""
    parser = argparse.ArgumentParser(prog="core.training.bench", description="Training speed on the CPU.")
    parser.add_argument("--models", type=Path, default=SAMPLE_DATA / "models", help="folder that keeps base models")
    parser.add_argument("--steps", type=int, default=10, help="optimizer steps of each turn")
    options = parser.parse_args(arguments)
    limit_threads(cpu_device())
    with tempfile.TemporaryDirectory(prefix="medft-bench-") as scratch:
        prepared = _prepared(options.models, Path(scratch), options.steps)
        chosen = plan(prepared.config, prepared.shape, prepared.stats(), prepared.device)
        _say(
            f"{prepared.device.name}, {prepared.device.cores} cores; {chosen.precision.value}: {chosen.precision.reason}"
        )
        plain, ours = [], []
        for turn in range(2):
            plain.append(_plain_loop(prepared, chosen, options.steps))
            heard = _Speeds()
            run_loop(prepared.changed(progress=heard, job_dir=_made(Path(scratch) / f"run{turn}")), chosen, None)
            ours.append(heard.mean())
            _say(f"turn {turn + 1}: plain loop {plain[-1]:6.1f} tokens/s, product {ours[-1]:6.1f} tokens/s")
    peak = measured_peak()
    if "resident_gib" in peak:
        _say(
            f"memory: {chosen.memory.total_gib:.2f} GiB forecast; {peak['resident_gib']:.2f} GiB at most for both loops together"
        )
    _say(f"estimate of the planner: {chosen.tokens_per_s:.0f} tokens/s")
    ratio = max(ours) / max(plain)
    _say(f"product / plain: {ratio:.2f}")
    return int(ratio < 1)


def _prepared(models: Path, scratch: Path, steps: int) -> Prepared:
    progress = SilentProgress()
    base = resolve(DEFAULT_MODEL, models, progress)
    config = QUICK_DEMO.changed(max_steps=steps, sample_tokens=0, save_every=steps, engine="transformers")
    records = list(sample_dataset(scratch / "datasets").train())
    encoded = encode_dataset(records, base.folder, config.max_length, cache_dir=scratch / "encoded", progress=progress)
    return Prepared(
        job_dir=scratch,
        config=config,
        base=base,
        shape=ModelShape.read(base.folder),
        template=Template.from_folder(base.folder),
        device=cpu_device(),
        engine=TransformersEngine(),
        train=EncodedRows(encoded, config.max_length),
        evaluation=(),
        progress=progress,
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _plain_loop(prepared: Prepared, chosen: Plan, steps: int) -> float:
    """Tokens a second (padding not counted) of what one would write by hand."""
    import torch  # noqa: PLC0415
    from peft import get_peft_model  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    from core.training.transformers_engine import lora_config  # noqa: PLC0415

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(prepared.base.folder, dtype=torch.float32, local_files_only=True)
    model: Any = get_peft_model(base, lora_config(prepared.config)).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=prepared.config.learning_rate)
    half = chosen.precision.value == "bf16"
    tokens, seconds = 0, 0.0
    for step in range(steps):
        rows = [prepared.train[i % len(prepared.train)] for i in range(step * PLAIN_ROWS, (step + 1) * PLAIN_ROWS)]
        ids, mask, labels = _tensors(rows, prepared.template.pad_id)
        began = time.monotonic()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step >= WARM_STEPS:
            tokens += sum(len(row) for row in rows)
            seconds += time.monotonic() - began
    return tokens / seconds


def _tensors(rows: list[Row], pad_id: int) -> tuple[Any, Any, Any]:
    import torch  # noqa: PLC0415

    batch = collate_padded([[row] for row in rows], pad_id)
    ids = batch["input_ids"]
    labels = torch.full_like(ids, -100).reshape(-1)
    labels[batch["predict_at"] + 1] = batch["targets"]
    return ids, batch.get("attention_mask", torch.ones_like(ids)), labels.reshape(ids.shape)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
