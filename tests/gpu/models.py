"""Llamas of well-known shapes with random weights, and rows to train them on: speed and memory are those of the real ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.model.device import Device
from core.model.encode import encode
from core.model.resolve import ResolvedModel
from core.model.shape import ModelShape
from core.model.template import Template
from core.progress import Choice
from core.records import Record
from core.training.batches import Row
from core.training.engine import engine_named
from core.training.run import Prepared

SHAPES: dict[str, dict[str, Any]] = {
    "8b": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32},
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "tie_word_embeddings": True,
    },
}
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")


def build_llama(size: str, folder: Path, tokenizer: Path) -> None:
    """Write a Llama 3 of this size with random bf16 weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=128256, max_position_embeddings=131072, num_key_value_heads=8, rope_theta=500000.0,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, **SHAPES[size],
    )  # fmt: skip
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder, max_shard_size="4GB")
    for name in TOKENIZER_FILES:
        if (tokenizer / name).exists():
            shutil.copy(tokenizer / name, folder)


def read_rows(path: Path, base: Path, longest: int, limit: int) -> list[Row]:
    """Encode the first rows of a file of prompts and responses."""
    template, rows = Template.from_folder(base), []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if len(rows) == limit:
                break
            body = json.loads(line)
            encoded = encode(Record.of(str(number), body["prompt"], body["response"]), template, longest)
            rows.append(Row(encoded.input_ids, encoded.labels))
    return [row for row in rows if row.trained]


def prepared(
    base: Path, job_dir: Path, config: TrainingConfig, device: Device, engine: str, rows: list[Row], progress: Any
) -> Prepared:
    """Everything run_loop needs, the engine not yet imported."""
    job_dir.mkdir(parents=True, exist_ok=True)
    return Prepared(
        job_dir=job_dir,
        config=config,
        base=ResolvedModel(f"random/{base.name}", base, Choice("folder", "It was made for a test.")),
        shape=ModelShape.read(base),
        template=Template.from_folder(base),
        device=device,
        engine=engine_named(engine),
        train=rows,
        evaluation=(),
        progress=progress,
    )
