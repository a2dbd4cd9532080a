"""What a run leaves behind: the adapter folder, taken from the best checkpoint, and the forecast held against the peak.

It does not know: how training works.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from core.errors import ResourceError
from core.model.device import GIB
from core.model.memory import MemoryForecast
from core.model.resolve import ResolvedModel
from core.training.checkpoints import MANIFEST, checkpoints, is_whole, step_of

ADAPTER = "adapter"
# What only a resumed training needs; training_args.bin and the rest are pickles, which an adapter folder must not hold.
FOR_RESUME = frozenset(
    {"optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "trainer_state.json", "training_args.bin", MANIFEST}
)
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "tokenizer.model",
    "vocab.json",
    "merges.txt",
)
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def keep_adapter(job_dir: Path, base: ResolvedModel, best_step: int | None) -> Path | None:
    """Make ``adapter/`` from the best whole checkpoint, or the newest one where none is best.

    Args:
        job_dir: The job.
        base: The base model, which the adapter names and whose tokenizer goes with it.
        best_step: The step with the lowest evaluation loss; None where nothing was evaluated.

    Returns:
        The checkpoint it was made from, or None where there is no whole one (then adapter/ stays as it was).

    Raises:
        ResourceError: if the disk refuses it.
    """
    whole = [path for path in checkpoints(job_dir) if is_whole(path)]
    source = next((path for path in whole if step_of(path) == best_step), whole[0] if whole else None)
    if source is None:
        return None
    aside, place = job_dir / f".{ADAPTER}.writing", job_dir / ADAPTER
    shutil.rmtree(aside, ignore_errors=True)
    try:
        shutil.copytree(source, aside, ignore=lambda _, names: [name for name in names if name in FOR_RESUME])
        _name_base(aside, base.id)
        _copy_tokenizer(base.folder, aside)
        shutil.rmtree(place, ignore_errors=True)
        aside.rename(place)
    except OSError as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise ResourceError(
            "The adapter could not be copied out of its checkpoint: the disk refused it.",
            "Free some disk space, then resume: the checkpoint is whole, nothing is trained twice.",
        ) from error
    return source


def _name_base(folder: Path, base_id: str) -> None:
    """Name the base model by its id instead of this machine's folder, and drop PEFT's card, which says no more."""
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_id
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)


def _copy_tokenizer(base: Path, folder: Path) -> None:
    """Put the base model's tokenizer beside the adapter, special_tokens_map.json included, which older loaders look for."""
    for name in TOKENIZER_FILES:
        if (base / name).is_file():
            shutil.copyfile(base / name, folder / name)
    config_path = folder / "tokenizer_config.json"
    if (folder / "special_tokens_map.json").exists() or not config_path.exists():
        return
    config = json.loads(config_path.read_text(encoding="utf-8"))
    found = {name: _text(config[name]) for name in SPECIAL_TOKENS if config.get(name)}
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    (folder / "special_tokens_map.json").write_text(text, encoding="utf-8")


def _text(token: Any) -> Any:
    return token.get("content", token) if isinstance(token, dict) else token


def write_forecast(job_dir: Path, memory: MemoryForecast, peak: dict[str, float]) -> dict[str, Any]:
    """Write forecast.json: what was forecast, what was measured, and the error.

    Args:
        job_dir: The job.
        memory: The plan's forecast.
        peak: ``kind`` of measurement → GiB, as ``measured_peak`` gives it.

    Returns:
        What was written; ``error_percent`` is positive where the forecast was too high.
    """
    on_gpu = "allocated_gib" in peak
    measured = peak["allocated_gib"] if on_gpu else peak["resident_gib"]
    expected = memory.tensors_gib if on_gpu else memory.total_gib
    body = {
        "forecast_gib": round(expected, 3),
        "measured_gib": round(measured, 3),
        "error_percent": round(100 * (expected - measured) / measured, 1),
        "measured": "tensors on the GPU" if on_gpu else "memory of the process",
        "parts_gib": {name: round(value, 3) for name, value in memory.parts().items()},
        **{name: round(value, 3) for name, value in peak.items()},
    }
    (job_dir / "forecast.json").write_text(json.dumps(body, indent=1), encoding="utf-8")
    return body


def measured_peak() -> dict[str, float]:
    """The highest memory of this process so far, in GiB: torch's on a GPU, resident memory on a CPU."""
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        return {
            "allocated_gib": torch.cuda.max_memory_allocated() / GIB,
            "reserved_gib": torch.cuda.max_memory_reserved() / GIB,
        }
    return {"resident_gib": _peak_resident_gib()}


def _peak_resident_gib() -> float:
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415

        return float(psutil.Process().memory_info().peak_wset) / GIB
    import resource  # noqa: PLC0415

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / GIB if sys.platform == "darwin" else peak * 1024 / GIB
