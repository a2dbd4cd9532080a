"""Every setting reaches the trainer or the adapter: each is changed and read back."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from core.config import ORIGINAL_RECIPE, TrainingConfig
from core.dataset.build import SAMPLE_ID, sample_dataset
from core.model.device import Device
from core.model.plan import DatasetStats, plan
from core.model.resolve import ResolvedModel
from core.model.shape import ModelShape
from core.progress import Choice
from core.training import train as training
from core.training.arguments import training_arguments
from core.training.engine import choose_engine
from core.training.run import _callbacks, _listening, total_steps
from core.training.samples import SamplePrompts
from core.training.trackers import tracker_for
from core.training.transformers_engine import _quantisation, guard_cpu_quantisation, lora_config
from tests.tiny_model import ListProgress

pytestmark = pytest.mark.thorough

LLAMA = ModelShape("llama", 4096, 14336, 32, 32, 8, 128, 128256, False, 131072)
H100 = Device("NVIDIA H100 80GB HBM3", "cuda", 79.2, 78.5, (9, 0), 16, True)
STATS = DatasetStats(rows=4000, tokens=1_000_000, longest=900, eval_rows=100, eval_tokens=25_000)
BASE = TrainingConfig(max_steps=100)

# Setting → another value → where it is read back, and what is expected there.
CHANGES = {
    "learning_rate": (1e-3, lambda t: t["args"].learning_rate, 1e-3),
    "scale_rate": (True, lambda t: t["args"].learning_rate, 4e-4),  # its steps hold four times the usual tokens
    "schedule": ("linear", lambda t: t["args"].lr_scheduler_type.value, "linear"),
    "warmup_ratio": (0.25, lambda t: t["args"].warmup_steps, 25),
    "weight_decay": (0.2, lambda t: t["args"].weight_decay, 0.2),
    "max_grad_norm": (0.3, lambda t: t["args"].max_grad_norm, 0.3),
    "optimizer": ("adamw_8bit", lambda t: t["args"].optim.value, "adamw_bnb_8bit"),
    "max_steps": (7, lambda t: t["args"].max_steps, 7),
    "batch_rows": (3, lambda t: t["args"].per_device_train_batch_size, 3),
    "accumulation": (5, lambda t: t["args"].gradient_accumulation_steps, 5),
    "eval_every": (11, lambda t: t["args"].eval_steps, 11),
    "save_every": (17, lambda t: t["args"].save_steps, 17),
    "log_every": (9, lambda t: t["args"].logging_steps, 9),
    "seed": (7, lambda t: (t["args"].seed, t["args"].data_seed), (7, 7)),
    "report_to": ("trackio", lambda t: t["tracker"], "trackio"),
    "epochs": (6.0, lambda t: t["steps"], 600),
    "early_stopping": (3, lambda t: t["patience"], 3),
    "model": ("somewhere/else", lambda t: t["looked_for"], "somewhere/else"),
    "max_length": (64, lambda t: t["longest_row"], 64),
    "sample_prompts": (("Why?", "How?"), lambda t: t["asked"].prompts, ("Why?", "How?")),
    "sample_tokens": (5, lambda t: t["asked"].limit, 5),
    "rank": (64, lambda t: t["lora"].r, 64),
    "alpha": (99, lambda t: t["lora"].lora_alpha, 99),
    "dropout": (0.2, lambda t: t["lora"].lora_dropout, 0.2),
    "targets": ("attention_qv", lambda t: set(t["lora"].target_modules), {"q_proj", "v_proj"}),
    "rslora": (True, lambda t: t["lora"].use_rslora, True),
    "dora": (True, lambda t: t["lora"].use_dora, True),
    "quantisation": ("int8", lambda t: t["weights"].load_in_8bit, True),
    "precision": ("fp16", lambda t: t["plan"].precision.value, "fp16"),
    "engine": ("transformers", lambda t: t["engine"].name, "transformers"),
    "packing": ("off", lambda t: t["plan"].packing.value, False),
    "checkpointing": ("on", lambda t: t["plan"].checkpointing.value, True),
}


class Tracker:
    """Stands for a tracker's package; the room's own code decides what opens it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.kind = folder.name

    def log(self, step: int, numbers: dict) -> None: ...

    def close(self) -> None: ...


def looked_for(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, job_dir: Path) -> str:
    """The model that a job with these settings asks for."""
    asked = []

    def resolve(model: str, *_):
        asked.append(model)
        raise InterruptedError

    monkeypatch.setattr(training, "resolve", resolve)
    job_dir.mkdir()
    (job_dir / "job.json").write_text(json.dumps({"dataset_id": "sample", "home": str(job_dir)}))
    (job_dir / "config.json").write_text(json.dumps(config.to_json()))
    with pytest.raises(InterruptedError):
        training.train(job_dir, ListProgress())
    return asked[0]


def longest_row(config: TrainingConfig, tiny: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Tokens of the longest row that a job with these settings trains on."""
    sample_dataset(home / "datasets")
    model = ResolvedModel("tests/tiny", tiny, Choice("folder", "It was made for a test."))
    monkeypatch.setattr(training, "resolve", lambda *_: model)
    task = training._Task(home, config, SAMPLE_ID, home)
    prepared, _ = training._prepare(task, ListProgress())
    return max(len(row) for row in prepared.train)


def patience(config: TrainingConfig) -> int | None:
    found = [
        c.early_stopping_patience for c in _callbacks(config, None, True, {}) if hasattr(c, "early_stopping_patience")
    ]
    return found[0] if found else None


def tracker(config: TrainingConfig, job_dir: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    monkeypatch.setattr("core.training.trackers._Trackio", Tracker)
    job_dir.mkdir()
    opened = tracker_for(config.report_to, job_dir, "run")
    return getattr(opened, "kind", None)


def asked(config: TrainingConfig, prepare: Any, monkeypatch: pytest.MonkeyPatch) -> SamplePrompts:
    """What the loop hands to show_samples at an evaluation."""
    given: list[SamplePrompts] = []
    monkeypatch.setattr("core.training.run.show_samples", lambda engine, loaded, questions, *_: given.append(questions))
    _listening(prepare().changed(config=config), None, 10).samples(4)
    return given[0]


class Reached:
    """What a setting became; worked out when a check asks for it, because some of it takes a moment."""

    def __init__(self, config: TrainingConfig, tiny: Path, folder: Path, prepare: Any, monkeypatch: Any) -> None:
        self.config, self.tiny, self.folder, self.prepare, self.patch = config, tiny, folder, prepare, monkeypatch
        self.plan = plan(config, LLAMA, STATS, H100)

    def __getitem__(self, name: str) -> Any:
        config, chosen = self.config, self.plan
        # Half precision needs a GPU when arguments are checked; what is asked for is read from the plan instead.
        for_cpu = dataclasses.replace(chosen, precision=dataclasses.replace(chosen.precision, value="fp32"))
        steps = config.max_steps or chosen.total_steps
        batch = chosen.batch_rows.value * chosen.accumulation.value
        read = {
            "plan": lambda: chosen,
            "args": lambda: training_arguments(config, for_cpu, self.folder / "run" / "checkpoints", steps, True),
            "lora": lambda: lora_config(config),
            "weights": lambda: _quantisation(chosen, on_gpu=True),
            "engine": lambda: choose_engine(config, "llama", H100).value,
            "steps": lambda: total_steps(config.changed(max_steps=0), chosen, 100 * batch),
            "patience": lambda: patience(config),
            "looked_for": lambda: looked_for(config, self.patch, self.folder / "job"),
            "longest_row": lambda: longest_row(config, self.tiny, self.folder, self.patch),
            "asked": lambda: asked(config, self.prepare, self.patch),
            "tracker": lambda: tracker(config, self.folder / "tracked", self.patch),
        }
        return read[name]()


@pytest.fixture
def reach(tiny: Path, tmp_path: Path, prepare: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    real = importlib.util.find_spec  # Unsloth is installed here
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: name == "unsloth" or real(name, *more))

    def made(config: TrainingConfig, name: str = "changed") -> Reached:
        (tmp_path / name).mkdir()
        return Reached(config, tiny, tmp_path / name, prepare, monkeypatch)

    return made


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(TrainingConfig)])
def test_it_reaches_the_trainer(name: str, reach: Any) -> None:
    assert name in CHANGES, f"{name} is a new setting: say where the trainer shows it"
    value, read, expected = CHANGES[name]
    assert read(reach(BASE.changed(**{name: value}))) == expected
    before = BASE.changed(quantisation="nf4") if name == "quantisation" else BASE
    assert read(reach(before, "before")) != expected, "the check would pass without the change"


def test_the_original_recipe_is_exact(reach: Any) -> None:
    found = reach(ORIGINAL_RECIPE)
    arguments, lora = found["args"], found["lora"]
    assert found["weights"].load_in_8bit and found["plan"].precision.value == "fp16"
    assert found["steps"] == 300, "three epochs of 100 steps"
    assert (arguments.weight_decay, arguments.lr_scheduler_type.value) == (0.0, "linear")
    assert (arguments.optim.value, arguments.max_grad_norm) == ("adamw_torch", 1.0)
    assert (found["asked"].prompts, found["asked"].limit) == (("What are the symptoms of iron deficiency?",), 200)
    # "each epoch" in steps: 4,000 rows by 8 rows a step
    assert (found["plan"].total_steps, arguments.save_steps) == (1500, 500)
    assert (lora.r, lora.lora_alpha, lora.lora_dropout, lora.bias) == (8, 32, 0.05, "none")
    assert set(lora.target_modules) == {"q_proj", "v_proj"}
    assert (arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps) == (1, 8)
    assert (arguments.learning_rate, arguments.logging_steps, arguments.warmup_steps) == (2e-4, 50, 0)
    assert (ORIGINAL_RECIPE.epochs, ORIGINAL_RECIPE.max_length) == (3.0, 1024)
    assert not found["plan"].packing.value and not found["plan"].checkpointing.value


def test_4_bit_layers_on_a_cpu_are_guarded_and_learn_after_an_evaluation(prepare) -> None:
    import torch

    from core.training.batches import collate_packed
    from core.training.loss import OutputLayer
    from core.training.trainer import LoopParts, batch_loss
    from tests.tiny_model import random_rows

    def gradients(looks_between: bool) -> tuple[dict[str, torch.Tensor], int]:
        prepared = prepare(quantisation="nf4", dropout=0.0)
        loaded = prepared.engine.load(
            prepared.base.folder,
            prepared.config,
            plan(prepared.config, prepared.shape, prepared.stats(), prepared.device),
        )
        parts = LoopParts(prepared.engine, loaded, OutputLayer.of(loaded.causal, 64), prepared.job_dir, None)
        optimizer = torch.optim.SGD([p for p in loaded.model.parameters() if p.requires_grad], lr=0.1)
        for turn in range(2):
            loaded.model.train()
            optimizer.zero_grad()
            batch_loss(parts, collate_packed([random_rows(6, 40, seed=turn)])).backward()
            if turn == 0:
                optimizer.step()
                if looks_between:
                    loaded.model.eval()
                    with torch.no_grad():
                        batch_loss(parts, collate_packed([random_rows(6, 40, seed=9)]))
        guarded = [m for m in loaded.model.modules() if hasattr(m, "support_avx512bf16_for_cpu")]
        assert not any(module.support_avx512bf16_for_cpu for module in guarded)
        assert not any(getattr(module.weight.quant_state, "packing_format_for_cpu", False) for module in guarded)
        return {name: p.grad for name, p in loaded.model.named_parameters() if p.requires_grad}, len(guarded)

    torch.manual_seed(0)
    straight, layers = gradients(looks_between=False)
    looked, _ = gradients(looks_between=True)
    assert layers == 14
    assert straight.keys() == looked.keys()
    for name, gradient in straight.items():
        assert float(gradient.abs().max()) > 0, name
        assert torch.equal(gradient, looked[name]), name


def test_the_guard_counts_what_it_guards() -> None:
    class Layer:
        support_avx512bf16_for_cpu = True

    class Model:
        layers = (Layer(), object())

        def modules(self):
            return self.layers

    model = Model()
    assert guard_cpu_quantisation(model) == 1
    assert not model.layers[0].support_avx512bf16_for_cpu
