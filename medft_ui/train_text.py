"""Every visible string of the Train screen, and what settings, their options and the plan's choices are called.

It does not know: where a string is shown.
"""

from __future__ import annotations

from typing import Any


class Train:
    """The screen that starts a run."""

    RECIPE = "What shall it learn, and how?"
    DATASET = "Data set"
    DATASET_INFO = "Yours appear here once they are built on the Data screen."
    MODEL_CHOICE = "{title} · {gb} GB"
    PRESET = "Preset"
    CHANGED = "Changed from {preset}: {names}."
    ZONES = "The shaded part of a slider is the recommended zone. Batch, packing and checkpointing are planned for this machine."
    ADVANCED = "Advanced: every other setting"
    GROUP_MEMORY = "Memory and speed"
    GROUP_ADAPTER = "The adapter"
    GROUP_SCHEDULE = "Schedule"
    GROUP_WATCH = "While it trains"
    NAME = "Name of the run"
    NAME_INFO = "Leave it empty to use the data set's name."
    REASONS = "Chosen for you, and why"
    PLAN = "Plan for this machine"
    START = "Start training"
    START_BLOCKED = "Start training (see what must change)"
    DEMO_NAME = "Quick demo"
    STARTED = "Started. You can close this page: the run goes on."
    NO_PROBLEMS = "No problems found."
    PROBLEMS = "{count} to change"
    PROBLEM_WORDS = ("thing", "things")
    NO_DATASET = "Choose a data set, or build one on the Data screen."
    ZERO_GPU = "A ZeroGPU Space lends its GPU for minutes only, so nothing can be trained here. Chat works; train on Colab or a GPU Space."
    LATER = "planned when the model is here"
    LATER_HINT = "The model is not on this disk yet. It is fetched when you start; then memory and time are planned and shown in the log."
    FITS = "{verdict}: {need} of {free} free"
    M_LABEL = "Memory forecast in GiB"
    M_WEIGHTS, M_ADAPTER, M_ACTIVATIONS, M_CONTEXT = (
        "weights",
        "adapter and optimizer",
        "activations",
        "the program itself",
    )
    M_FREE = "{free} GiB stay free"
    P_TIME = "About"
    P_SPEED = "at an estimated {speed} tokens per second"
    P_TOKENS = "Tokens a step"
    P_STEPS = "{steps}, evaluated {every}"
    P_EVERY, P_EACH = "every {steps}", "after each"
    STEP_WORDS = ("step", "steps")
    MODEL_NOTE = "{about} Licence: {licence}.{gated}"
    GATED = " The Hub asks you to log in and accept it first (set HF_TOKEN)."
    OTHER_MODEL = "Not in the list: a Hub id (organisation/name) or a folder on this machine, with safetensors weights. Check its licence."
    TAUGHT = "Exactly what the model is taught"
    TAUGHT_ASIDE = "shaded: what it learns to write; the rest it only reads"
    TAUGHT_EMPTY = "Choose a row."
    TAUGHT_WRONG = "Shown again once nothing above has to change."
    TAUGHT_LATER = "This needs the model's tokenizer, which is not on this disk yet, or a row that exists."
    ROW = "Row"


ON_OFF = {True: "on", False: "off"}

# Label and explanation of each setting, by its name in TrainingConfig.
SETTINGS: dict[str, tuple[str, str]] = {
    "model": ("Base model", "From the list, or type a Hub id or a folder."),
    "learning_rate": ("Learning rate", "How far each step moves. Too high breaks it, too low learns nothing."),
    "scale_rate": (
        "Raise the rate for large steps",
        "With the square root of a step above 2,048 tokens: on a big GPU few steps may otherwise learn too little.",
    ),
    "epochs": ("Epochs", "How often it reads each row. Small data sets overfit with many."),
    "rank": ("LoRA rank", "Size of the adapter. More can hold more, and takes more memory."),
    "alpha": ("LoRA alpha", "Weight of the adapter; twice the rank is usual."),
    "max_length": ("Longest row (tokens)", "Longer rows are cut. About four letters make a token."),
    "quantisation": ("Base weights", "4-bit saves most memory; auto chooses what fits and is fastest."),
    "engine": ("Engine", "The library that trains."),
    "precision": ("Number format", "Auto takes the fastest safe one here."),
    "batch_rows": ("Rows in a forward pass", "0 lets the planner choose."),
    "accumulation": ("Passes in a step", "0 lets the planner choose."),
    "packing": ("Packing", "Several short rows share one long row."),
    "checkpointing": ("Checkpointing", "Saves memory, costs about a third of the speed."),
    "optimizer": ("Optimizer", "8-bit states save memory on a GPU."),
    "targets": ("Layers with an adapter", "All linear layers learn best."),
    "dropout": ("LoRA dropout", "0 to 0.5; helps a little on very small data sets."),
    "rslora": ("Rank-stabilised scaling", "Steadier at high ranks."),
    "dora": ("DoRA", "Also learns magnitudes; slower."),
    "schedule": ("Schedule", "How the learning rate falls after the warm-up."),
    "warmup_ratio": ("Warm-up share", "Share of the steps over which the learning rate rises, 0 to 0.5."),
    "weight_decay": ("Weight decay", "0 to 1."),
    "max_grad_norm": ("Gradient clipping", "Longest gradient; 0 switches it off."),
    "max_steps": ("Steps", "Above 0 it replaces the epochs."),
    "seed": ("Seed", "The same seed gives the same run."),
    "eval_every": ("Evaluate every (steps)", "0 is about eight times in a run, -1 once an epoch."),
    "save_every": ("Checkpoint every (steps)", "0 is at each evaluation, -1 once an epoch."),
    "early_stopping": ("Early stopping", "Stop after this many evaluations without improvement; 0 is off."),
    "log_every": ("Log every (steps)", "How often the train loss is noted."),
    "sample_prompts": ("Questions to watch", "One a line; answered at each evaluation. No patient data."),
    "sample_tokens": ("Longest sample answer (tokens)", "0 switches samples off."),
    "report_to": ("Also report to", "A tracker that gets the numbers, never text; it must be installed."),
}
# How a setting's options read.
OPTIONS: dict[Any, str] = {
    "auto": "auto",
    "nf4": "4-bit (NF4)",
    "int8": "8-bit (int8)",
    "none": "none",
    "attention_qv": "q and v only",
    "attention": "attention",
    "all_linear": "all linear layers",
    "adamw": "AdamW",
    "adamw_8bit": "AdamW, 8-bit states",
    "unsloth": "Unsloth",
    "varlen": "variable length",
    "per_example": "one by one",
    "padded": "padded rows",
}


def option(value: Any) -> str:
    """Write a setting's value as a person reads it."""
    if isinstance(value, bool):
        return ON_OFF[value]
    if isinstance(value, (list, tuple)):
        return " · ".join(map(str, value))
    return OPTIONS.get(value, str(value))


# What the plan's choices are called.
CHOICES = {
    "engine": "Engine",
    "quantisation": "Base weights",
    "precision": "Number format",
    "packing": "Packing",
    "attention": "Attention",
    "checkpointing": "Checkpointing",
    "optimizer": "Optimizer",
    "batch_rows": "Rows a pass",
    "accumulation": "Passes a step",
    "learning_rate": "Learning rate",
}
