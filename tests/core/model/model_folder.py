"""A folder that looks like a model, for tests that load none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file


def make_model(folder: Path, rows: int = 4) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text("{}")
    save_file({"weight": np.arange(rows * 1000, dtype=np.float32).reshape(rows, 1000)}, folder / "model.safetensors")
    return folder
