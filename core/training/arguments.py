"""Every setting on its way to the trainer: training_arguments(config, plan, …) → transformers.TrainingArguments.

It does not know: models, data, the loop.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from core.config import TrainingConfig
from core.model.plan import Plan

OPTIMIZERS = {"adamw": "adamw_torch", "adamw_8bit": "adamw_bnb_8bit"}
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


def training_arguments(config: TrainingConfig, plan: Plan, output_dir: Path, steps: int, evaluates: bool) -> Any:
    """Translate settings and plan.

    Args:
        config: The person's settings.
        plan: What was chosen for ``auto`` and 0.
        output_dir: Where checkpoints are written.
        steps: Optimizer steps of the whole run.
        evaluates: Whether there are evaluation rows.
    """
    from transformers import TrainingArguments  # noqa: PLC0415

    on_cpu = not _on_gpu()
    eval_every = max(1, min(plan.eval_every, steps))
    return TrainingArguments(
        output_dir=str(output_dir),
        per_device_train_batch_size=plan.batch_rows.value,
        per_device_eval_batch_size=plan.batch_rows.value,
        gradient_accumulation_steps=plan.accumulation.value,
        max_steps=steps,
        learning_rate=plan.learning_rate.value,
        lr_scheduler_type=SCHEDULES[config.schedule],
        warmup_steps=math.ceil(config.warmup_ratio * steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        optim=OPTIMIZERS[plan.optimizer.value],
        bf16=plan.precision.value == "bf16",
        fp16=plan.precision.value == "fp16",
        use_cpu=on_cpu,
        # Checkpointing is switched on where the model is loaded: each engine has its own kind.
        gradient_checkpointing=False,
        logging_strategy="steps",
        logging_steps=config.log_every,
        logging_first_step=True,
        # A loss that is not a number must be seen, not averaged away.
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=eval_every if evaluates else None,
        eval_on_start=False,
        save_strategy="steps",
        save_steps=max(1, min(plan.save_every, steps)),
        save_total_limit=None,
        metric_for_best_model="eval_loss" if evaluates else None,
        greater_is_better=False if evaluates else None,
        seed=config.seed,
        data_seed=config.seed,
        # The trackers of trackers.py get the numbers, and only those; the library's own send more.
        report_to="none",
        run_name=output_dir.parent.name,
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=not on_cpu,
        dataloader_num_workers=0,
        label_names=["targets"],
    )


def _on_gpu() -> bool:
    import torch  # noqa: PLC0415

    return torch.cuda.is_available()
