"""The merged model: base + adapter → one folder that needs no PEFT (vLLM, llama.cpp converters, text-generation servers).

    a job of kind ``merge`` in runs/<id>/merged/ calls merge(job_dir, progress); the model lands in its folder ``model``

Merged in float32 on the CPU's memory and stored in bfloat16: adding the update to rounded 4-bit weights would keep their rounding.
It does not know: who asked, where the folder goes next.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from core.errors import ModelError, ResourceError
from core.model.resolve import resolve
from core.progress import Progress

OUTPUT = "model"
GIB = 1024**3


def merge(job_dir: Path, progress: Progress) -> None:
    """Merge the adapter of the run that ``job_dir`` lies in.

    Args:
        job_dir: ``runs/<id>/merged``.
        progress: Told of each phase; the result is ``{"folder": …, "gib": …}``.

    Raises:
        ModelError: if the run has no adapter or its base cannot be found.
        ResourceError: if disk or memory would not hold the merged model.
    """
    run_dir = job_dir.parent
    adapter = run_dir / "adapter"
    if not (adapter / "adapter_model.safetensors").is_file():
        raise ModelError("This run has no adapter to merge.", "Let the run finish first.")
    home = Path(json.loads((job_dir / "job.json").read_text(encoding="utf-8"))["home"])
    base = json.loads((run_dir / "config.json").read_text(encoding="utf-8"))["model"]
    progress.phase("finding the base model")
    folder = resolve(base, home / "models", progress).folder
    _check_room(folder, job_dir)
    partial = job_dir / f".{OUTPUT}.writing"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _merge(folder, adapter, partial, progress)
        target = job_dir / OUTPUT
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    size_gib = sum(path.stat().st_size for path in target.iterdir()) / GIB
    progress.result({"folder": str(target), "gib": round(size_gib, 2)})


def _check_room(folder: Path, job_dir: Path) -> None:
    import psutil  # noqa: PLC0415

    weights_gib = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / GIB
    free_gib = shutil.disk_usage(job_dir).free / GIB
    if free_gib < 1.1 * weights_gib:
        raise ResourceError(
            f"The merged model needs {weights_gib:.1f} GiB of disk; {free_gib:.1f} GiB are free.",
            "Free some disk space, or take the adapter home and merge it elsewhere.",
        )
    memory_gib = psutil.virtual_memory().available / GIB
    if memory_gib < 2.2 * weights_gib:
        raise ResourceError(
            f"Merging needs about {2.2 * weights_gib:.1f} GiB of memory; {memory_gib:.1f} GiB are free.",
            "Close other programs, or take the adapter home and merge it on a larger machine.",
        )


def _merge(folder: Path, adapter: Path, target: Path, progress: Progress) -> None:
    import torch  # noqa: PLC0415  (heavy, here and below)
    from peft import PeftModel  # noqa: PLC0415
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    progress.phase("loading the base model", 0, 3)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, local_files_only=True
    )
    progress.phase("adding the adapter", 1, 3)
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    progress.phase("writing the merged model", 2, 3)
    merged.to(torch.bfloat16).save_pretrained(target, max_shard_size="4GB")
    for path in adapter.iterdir():
        if path.name.startswith(("tokenizer", "special_tokens", "chat_template", "added_tokens")):
            shutil.copy2(path, target / path.name)
    progress.phase("writing the merged model", 3, 3)
