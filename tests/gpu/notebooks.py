"""What people run in notebooks, as the libraries' own examples have it: TRL's trainer, padded batches of 2 × 4.

notebook(kind, …) trains a few steps and gives tokens/s, peak memory and losses. kind: ``plain`` (transformers, PEFT,
bitsandbytes) or ``unsloth``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from core.training.batches import Row

LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
WARM_STEPS = 3


def notebook(kind: str, base: Path, out: Path, rows: list[Row], steps: int) -> dict[str, Any]:
    """Train like a notebook.

    Args:
        kind: ``plain`` or ``unsloth``.
        base: The model's folder.
        out: Where the trainer may write.
        rows: Encoded rows.
        steps: Optimizer steps of eight rows.
    """
    model, peft_config = _unsloth(base) if kind == "unsloth" else _plain(base)
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    data = Dataset.from_list(
        [
            {"input_ids": list(row.input_ids), "completion_mask": [int(label != -100) for label in row.labels]}
            for row in rows
        ]
    )
    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            torch.cuda.synchronize()
            ends.append(time.monotonic())

    arguments = SFTConfig(
        output_dir=str(out), per_device_train_batch_size=2, gradient_accumulation_steps=4, max_steps=steps, learning_rate=2e-4,
        lr_scheduler_type="constant", bf16=True, logging_steps=1, optim="adamw_8bit", max_length=2048, packing=False,
        completion_only_loss=True, report_to="none", save_strategy="no", seed=42, dataset_num_proc=1,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=model, args=arguments, train_dataset=data, peft_config=peft_config,
        processing_class=AutoTokenizer.from_pretrained(base), callbacks=[Clock()],
    )  # fmt: skip
    trainer.train()
    tokens = 8 * sum(len(row) for row in rows) / len(rows)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "tokens_per_s": tokens * (len(ends) - WARM_STEPS) / (ends[-1] - ends[WARM_STEPS - 1]),
        "allocated_gib": torch.cuda.max_memory_allocated() / 2**30,
        "reserved_gib": torch.cuda.max_memory_reserved() / 2**30,
        "losses": [[round(tokens * (step + 1)), loss] for step, loss in enumerate(losses)],
    }


def _plain(base: Path) -> tuple[Any, Any]:
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    quantisation = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    model = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=quantisation, dtype=torch.bfloat16, device_map={"": 0}
    )
    return model, LoraConfig(r=16, lora_alpha=32, target_modules=LAYERS, task_type="CAUSAL_LM")


def _unsloth(base: Path) -> tuple[Any, Any]:
    from unsloth import FastLanguageModel

    model, _ = FastLanguageModel.from_pretrained(
        str(base), max_seq_length=2048, load_in_4bit=True, local_files_only=True
    )
    model = FastLanguageModel.get_peft_model(
        model,
        r=16,
        lora_alpha=32,
        target_modules=LAYERS,
        lora_dropout=0,
        bias="none",
        use_gradient_checkpointing="unsloth",
        random_state=42,
    )
    return model, None
