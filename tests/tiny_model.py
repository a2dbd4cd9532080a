"""A base model of a few thousand random weights with a real tokenizer, rows to train it on, and a listener."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.model.device import cpu_device
from core.model.resolve import ResolvedModel
from core.model.shape import ModelShape
from core.model.template import Template
from core.progress import Choice, SilentProgress, StopVerb
from core.training.batches import Row
from core.training.run import Prepared
from core.training.transformers_engine import TransformersEngine

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_llama(folder: Path, **sizes: Any) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate([*special, *alphabet])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": special[1], "eos_token": special[2], "pad_token": special[0]}
    (folder / "tokenizer_config.json").write_text(
        json.dumps(names | {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": CHATML})
    )
    torch.manual_seed(0)
    shape = {
        "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True,
    } | sizes  # fmt: skip
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=512, initializer_range=0.15,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, **shape,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def random_rows(count: int, longest: int, seed: int = 0) -> list[Row]:
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        length = draw.randint(8, longest)
        start = draw.randint(0, 39)
        ids = [3 + (start + place) % 40 for place in range(length)]
        prompt = draw.randint(2, length - 3)
        rows.append(Row(ids, [-100] * prompt + ids[prompt:]))
    return rows


@dataclass
class ListProgress(SilentProgress):
    """Keeps everything it hears; asks to stop once the loop has reached ``stop_at``."""

    stop_at: int = -1
    verb: StopVerb = "keep"
    metrics: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    samples: list[tuple[int, str, str]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    choices: dict[str, Choice[Any]] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    step: int = -1

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        self.phases.append(name)
        if name == "training":
            self.step = int(done)

    def metric(self, step: int, **values: float) -> None:
        self.metrics.append((step, values))

    def sample(self, step: int, prompt: str, answer: str) -> None:
        self.samples.append((step, prompt, answer))

    def log(self, text: str) -> None:
        self.logs.append(text)

    def choice(self, name: str, choice: Choice[Any]) -> None:
        self.choices[name] = choice

    def result(self, values: Any) -> None:
        self.results.update(values)

    def stop_requested(self) -> StopVerb | None:
        return self.verb if 0 <= self.stop_at <= self.step + 1 else None

    def series(self, name: str) -> list[tuple[int, float]]:
        return [(step, values[name]) for step, values in self.metrics if name in values]


CONFIG = TrainingConfig(
    model="tiny", precision="fp32", quantisation="none", max_length=96, learning_rate=5e-3, rank=4, alpha=8,
    batch_rows=2, accumulation=1, max_steps=8, eval_every=4, log_every=1, sample_tokens=4,
)  # fmt: skip


def prepared_on(base: Path, job_dir: Path, progress: Any = None, rows: int = 40, **config: Any) -> Prepared:
    """A Prepared for the CPU and the transformers engine over the model in ``base``."""
    job_dir.mkdir(exist_ok=True)
    return Prepared(
        job_dir=job_dir,
        config=CONFIG.changed(**config),
        base=ResolvedModel("tests/tiny", base, Choice("folder", "It was made for a test.")),
        shape=ModelShape.read(base),
        template=Template.from_folder(base),
        device=cpu_device(),
        engine=TransformersEngine(),
        train=random_rows(rows, 48),
        evaluation=random_rows(12, 48, seed=1),
        progress=progress or ListProgress(),
    )
