"""Speed and memory on one GPU, in one go: notebooks' settings against our plan on the same rows.

    python -m tests.gpu.bench_gpu --tokenizer FOLDER --rows FILE.jsonl --out RESULT.json [--part speed|memory] [--scratch /dev/shm]

``speed``: the plain notebook, the Unsloth notebook, our plan on both engines, the smallest-memory plan, a forced T4.
``memory``: the forecast against the measured peak on some twenty set-ups. Every measurement has a process of its own
(memory: one for each engine); one that fails is shown as failed, and the others go on. Each memory case is shown and
written to RESULT.json when it is done, so that a cut keeps what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
MARK = "RESULT "
# A process imports its libraries and loads weights; a further case of the memory part only loads weights.
PROCESS_LIMIT_S, CASE_LIMIT_S = 300, 60
WARM_STEPS = 4
EQUAL_TOKENS = 20_000
# Rows of up to 2048 tokens, the length that the measurements of facts and notebooks use.
PLANNED = {"max_length": 2048, "max_steps": 16, "sample_tokens": 0, "schedule": "constant", "save_every": 10_000}
SPEED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("8b plain notebook", {"do": "notebook", "size": "8b", "kind": "plain", "steps": 8}),
    ("8b Unsloth notebook", {"do": "notebook", "size": "8b", "kind": "unsloth", "steps": 8}),
    ("8b our plan", {"do": "ours", "size": "8b", "engine": "unsloth", "config": PLANNED}),
    ("8b our plan, transformers", {"do": "ours", "size": "8b", "engine": "transformers", "config": PLANNED}),
    ("8b smallest, length 1024", {"do": "ours", "size": "8b", "engine": "unsloth", "config": PLANNED | {
        "max_length": 1024, "batch_rows": 1, "accumulation": 1, "checkpointing": "on", "optimizer": "adamw_8bit", "rank": 8}}),
    ("8b on a forced T4, length 1024", {"do": "ours", "size": "8b", "engine": "unsloth", "t4": True, "config": PLANNED | {
        "max_length": 1024, "max_steps": 8}}),
    ("1b plain notebook", {"do": "notebook", "size": "1b", "kind": "plain", "steps": 10}),
    ("1b Unsloth notebook", {"do": "notebook", "size": "1b", "kind": "unsloth", "steps": 10}),
    ("1b our plan", {"do": "ours", "size": "1b", "engine": "unsloth", "config": PLANNED | {"max_steps": 24}}),
    ("1b our plan, transformers", {"do": "ours", "size": "1b", "engine": "transformers", "config": PLANNED}),
)  # fmt: skip


def case(size: str, length: int, rows: int, **more: Any) -> dict[str, Any]:
    """One set-up of the memory part: two steps of one pass each."""
    config = {
        "max_length": length,
        "batch_rows": rows,
        "accumulation": 1,
        "max_steps": 3,
        "checkpointing": "off",
        "sample_tokens": 0,
    }
    return {"size": size, "config": config | {"save_every": 10_000, "quantisation": "nf4"} | more}


MEMORY: dict[str, list[dict[str, Any]]] = {
    "unsloth": [
        case("1b", 512, 8), case("1b", 2048, 4), case("1b", 2048, 8), case("1b", 4096, 2), case("1b", 2048, 8, checkpointing="on"),
        case("1b", 1024, 8, quantisation="none"), case("1b", 1024, 8, packing="off"), case("8b", 1024, 2), case("8b", 2048, 2),
        case("8b", 2048, 8, checkpointing="on"), case("8b", 512, 1, checkpointing="on", optimizer="adamw_8bit", rank=8),
        case("8b", 1024, 4, packing="off", checkpointing="on"),
    ],
    "transformers": [
        case("1b", 512, 8), case("1b", 2048, 4), case("1b", 4096, 1), case("1b", 2048, 8, checkpointing="on"),
        case("1b", 1024, 8, quantisation="none"), case("1b", 1024, 8, packing="off"),
        case("1b", 1024, 4, quantisation="int8", precision="bf16"),
        case("1b", 1024, 4, rank=64), case("1b", 1024, 4, targets="attention_qv"), case("8b", 2048, 1),
        case("8b", 2048, 8, checkpointing="on"), case("8b", 1024, 2, packing="off", checkpointing="on"),
    ],
}  # fmt: skip


def main() -> int:
    """Run one part and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, default=REPOSITORY / "data" / "models" / "SmolLM2-135M-Instruct")
    parser.add_argument("--rows", type=Path, default=REPOSITORY / "data" / "medical_qa_train.jsonl")
    parser.add_argument("--out", type=Path, default=Path("bench_gpu.json"))
    parser.add_argument("--scratch", type=Path, default=Path("/dev/shm/medft-bench"))
    parser.add_argument("--part", choices=("speed", "memory"), default="speed")
    parser.add_argument("--only", default="", help="measure only what has this in its name")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _measure_and_tell(json.loads(options.one), options)
        return 0
    # Started as a file, Python looks for modules beside it only.
    sys.path.insert(0, str(REPOSITORY))
    began, results = time.monotonic(), {}
    sizes = ("8b", "1b")
    results["gpu"] = _child({"do": "build", "sizes": sizes}, options)
    jobs: tuple[tuple[str, dict[str, Any]], ...] = SPEED
    if options.part == "memory":
        jobs = tuple(
            (f"memory, {engine}", {"do": "memory", "engine": engine, "cases": cases})
            for engine, cases in MEMORY.items()
        )
    for name, what in jobs:
        if options.only in name:
            kept: list[dict[str, Any]] = []

            def keep(one: dict[str, Any], name: str = name, kept: list[dict[str, Any]] = kept) -> None:
                kept.append(one)
                options.out.write_text(json.dumps(results | {name: {"cases": kept}}, indent=1))
                _say(_case_line(name, one))

            results[name] = _child(what, options, keep)
            _say(f"[{time.monotonic() - began:5.0f} s] {name}: {_short(results[name])}")
            options.out.write_text(json.dumps(results, indent=1))
    _table(results)
    return int(any("error" in result for result in results.values()))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _short(result: dict[str, Any]) -> str:
    if "error" in result:
        return result["error"][-1500:]
    return json.dumps({name: value for name, value in result.items() if name not in ("losses", "cases", "choices")})


def _child(
    what: dict[str, Any], options: argparse.Namespace, keep: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Measure in a process of its own; ``keep`` gets each case of the memory part as soon as it is measured."""
    command = [
        sys.executable, "-m", "tests.gpu.bench_gpu", "--one", json.dumps(what), "--tokenizer", str(options.tokenizer),
        "--rows", str(options.rows), "--scratch", str(options.scratch),
    ]  # fmt: skip
    began, cases = time.monotonic(), "cases" in what
    limit_s = PROCESS_LIMIT_S + CASE_LIMIT_S * len(what.get("cases", ()))
    told, error = listen(command, limit_s, keep if cases else lambda _: None)
    result: dict[str, Any] = {"cases": told} if cases else (told[0] if told else {})
    if error is None and not told:
        error = "it ended without a result"
    if error is not None:
        result |= {"error": error}
    return result | {"process_s": round(time.monotonic() - began, 1)}


def listen(
    command: list[str], limit_s: float, hear: Callable[[dict[str, Any]], None]
) -> tuple[list[dict[str, Any]], str | None]:
    """Run a command and collect the results that it prints, one a line, also if it fails or is cut off.

    Args:
        command: What to run.
        limit_s: Seconds after which it is ended.
        hear: Gets each result at once.

    Returns:
        The results, and what went wrong: None where nothing did.
    """
    environment = os.environ | {
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
    }
    results: list[dict[str, Any]] = []
    late, rest = threading.Event(), ""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=REPOSITORY, env=environment
        )

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.startswith(MARK):
                    results.append(json.loads(line.removeprefix(MARK)))
                    hear(results[-1])
                else:
                    rest = (rest + line)[-4000:]
        code = process.wait()
        timer.cancel()
        errors.seek(0)
        rest += errors.read()
    if late.is_set():
        return results, f"took more than {limit_s:.0f} s"
    return results, rest[-4000:] or f"exit status {code}" if code else None


def _measure_and_tell(what: dict[str, Any], options: argparse.Namespace) -> None:
    """In the child: print each result on a line of its own."""
    if what["do"] == "memory":
        for one in what["cases"]:
            _tell(_memory_case(what["engine"], one, options))
    else:
        _tell(_measure(what, options))


def _tell(result: dict[str, Any]) -> None:
    # Libraries leave lines unended (progress bars), and a cut loses what waits in a buffer.
    _say("\n" + MARK + json.dumps(result))


def _measure(what: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """In the child: do one thing."""
    if what["do"] == "build":
        return _build(what["sizes"], options)
    if what["do"] == "notebook":
        from tests.gpu.notebooks import notebook

        if what["kind"] == "unsloth":
            import unsloth  # noqa: F401
        base = options.scratch / what["size"]
        return notebook(what["kind"], base, options.scratch / "notebook", _rows(options, base, 2048), what["steps"])
    return _ours(what, options)


def _rows(options: argparse.Namespace, base: Path, longest: int) -> list[Any]:
    from tests.gpu.models import read_rows

    return read_rows(options.rows, base, longest, 2500)


def _build(sizes: list[str], options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from tests.gpu.models import build_llama

    for size in sizes:
        if not (options.scratch / size / "config.json").exists():
            (options.scratch / size).mkdir(parents=True, exist_ok=True)
            build_llama(size, options.scratch / size, options.tokenizer)
    torch.set_default_dtype(torch.bfloat16)
    left, right = (torch.randn(8192, 8192, device="cuda") for _ in range(2))
    for _ in range(3):
        left @ right
    torch.cuda.synchronize()
    began = time.monotonic()
    for _ in range(10):
        left @ right
    torch.cuda.synchronize()
    tflops = 10 * 2 * 8192**3 / (time.monotonic() - began) / 1e12
    return {"name": torch.cuda.get_device_name(), "matmul_tflops": round(tflops), "torch": torch.__version__}


def _device(forced_t4: bool) -> Any:
    """The GPU, or one that is treated as a T4: its properties for the planner, its memory for torch."""
    from core.model.device import Device, find_device

    if not forced_t4:
        return find_device()
    import torch

    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(14.6 * 2**30 / total)
    return Device("Tesla T4", "cuda", 14.7, 14.6, (7, 5), 2, False)


def _run(what: dict[str, Any], options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Train as the product does; returns the listener, the plan and the prepared run."""
    from core.config import RECOMMENDED
    from core.model.plan import plan
    from core.training.run import run_loop
    from tests.gpu.models import prepared
    from tests.tiny_model import ListProgress

    base, config = options.scratch / what["size"], RECOMMENDED.changed(engine=what["engine"], **what["config"])
    from core.training.engine import engine_named

    engine_named(what["engine"]).prepare()
    device = _device(what.get("t4", False))
    rows, heard = _rows(options, base, config.max_length), ListProgress()
    job = options.scratch / f"job-{os.getpid()}"  # two parts may be measured at a time
    ready = prepared(base, job, config, device, what["engine"], rows, heard)
    chosen = plan(config, ready.shape, ready.stats(), device)
    assert chosen.engine.value == what["engine"], chosen.engine.reason
    run_loop(ready, chosen, None)
    return heard, chosen, ready


def _ours(what: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    heard, chosen, _ = _run(what, options)
    from core.training.outcome import measured_peak

    speeds = [speed for _, speed in heard.series("tokens_per_s")][WARM_STEPS:]
    peak = measured_peak()
    return {
        # All steps have about the same tokens, so their mean speed is the harmonic mean.
        "tokens_per_s": len(speeds) / sum(1 / speed for speed in speeds),
        **peak,
        "forecast_gib": chosen.memory.tensors_gib,
        "forecast_error_percent": 100 * (chosen.memory.tensors_gib / peak["allocated_gib"] - 1),
        "verdict": chosen.verdict,
        "choices": {name: choice.value for name, choice in chosen.choices().items()},
        "losses": [[step * chosen.step_tokens, loss] for step, loss in heard.series("loss")],
        "step_tokens": chosen.step_tokens,
    }


def _memory_case(engine: str, one: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    import gc

    from core.training.engine import engine_named

    engine_named(engine).prepare()
    import torch

    from core.training.outcome import measured_peak

    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated() / 2**30
    try:
        heard, chosen, ready = _run(one | {"engine": engine}, options)
    except Exception:
        return one | {"error": traceback.format_exc()[-1500:]}
    peak = measured_peak()
    longest = max(len(row) for row in ready.train)
    return one | {
        "before_gib": before, **peak, "forecast_gib": chosen.memory.tensors_gib, "parts": chosen.memory.parts(), "longest": longest,
        "error_percent": 100 * (chosen.memory.tensors_gib / peak["allocated_gib"] - 1), "loss": heard.series("loss")[-1][1],
    }  # fmt: skip


def _case_line(name: str, one: dict[str, Any]) -> str:
    what = f"{name[8:]} {one['size']} {one['config']}"
    if "error" in one:
        return f"  FAILED {what}\n{one['error']}"
    numbers = "{allocated_gib:6.2f} GiB measured {forecast_gib:6.2f} forecast {error_percent:+6.1f} %".format(**one)
    return f"  {numbers}  {what}"


def _table(results: dict[str, Any]) -> None:
    gpu = results["gpu"]
    _say(f"\n{gpu}")
    for name, result in results.items():
        for one in result.get("cases", ()):
            _say(_case_line(name, one))
        if "tokens_per_s" in result:
            work = 4 * _parameters(name[:2]) * result["tokens_per_s"] / 1e12 / gpu.get("matmul_tflops", 1)
            error = result.get("forecast_error_percent")
            _say(
                f"{name:34} {result['tokens_per_s']:9.0f} tokens/s  MFU {100 * work:4.1f} %  {result['allocated_gib']:6.2f} GiB"
                f" ({result['reserved_gib']:.2f} reserved)  loss at {EQUAL_TOKENS} tokens {_loss_at(result['losses']):.3f}"
                + (f"  forecast {error:+.1f} %" if error is not None else "")
            )
    for size in ("8b", "1b"):
        ours, plain = results.get(f"{size} our plan", {}), results.get(f"{size} plain notebook", {})
        if "tokens_per_s" in ours and "tokens_per_s" in plain:
            _say(f"{size}: {ours['tokens_per_s'] / plain['tokens_per_s']:.1f} times the plain notebook")


def _parameters(size: str) -> float:
    from core.model.shape import ModelShape
    from tests.gpu.models import SHAPES

    shape = ModelShape.from_json({"vocab_size": 128256, "num_key_value_heads": 8, **SHAPES[size]})
    return shape.linear_parameters + shape.vocabulary * shape.hidden


def _loss_at(losses: list[list[float]]) -> float:
    """Mean loss of the steps around the same number of tokens for everybody."""
    near = [loss for tokens, loss in losses if 0.75 * EQUAL_TOKENS <= tokens <= 1.25 * EQUAL_TOKENS]
    return sum(near) / len(near) if near else float("nan")


if __name__ == "__main__":
    sys.exit(main())
