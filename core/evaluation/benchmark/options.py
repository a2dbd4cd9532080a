"""How benchmarks are run: the options of an evaluation request, read and checked all at once.

    BenchmarkOptions.from_json({"tasks": ["pubmedqa"], "files": {"pubmedqa": "test.jsonl"}})

It does not know: what a task is made of, models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from core.errors import Problem
from core.evaluation.answering import BEST
from core.evaluation.benchmark.tasks import MEDICAL_SAMPLE, SAMPLE_GENERAL, TASKS, find_task
from core.evaluation.result import read_options

Form = Literal["letters", "texts"]
Precision = Literal["auto", "float32", "half"]
MOST_FEWSHOT = 10
MOST_BATCH = 256


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """How to run benchmarks.

    Args:
        tasks: Names from tasks.TASKS, and names of uploaded sets (which then stand in ``files``).
        files: A local file by task name: a known task then reads it instead of the Hub, any other name is an uploaded
            multiple-choice set.
        limit: The first so many questions of each task, as lm-eval's ``--limit`` takes them; 0 takes all.
        seed: Seed of the bootstrap, and of the choice of few-shot examples.
        fewshot: Solved examples before each question, 0 to 10; only tasks from the Hub have any.
        form: How uploaded sets and our medical sample are asked: ``letters`` shows the options and scores A, B, C …
            (the form of MedQA), ``texts`` shows the question alone and scores the options' texts (the form of ARC).
        apply_chat_template: Put the prompt into the model's chat template. Published scores mostly do without.
        precision: ``float32``, ``half``, or ``auto``: float32 where the memory allows.
        batch_rows: Prompts in one forward pass; 0 is auto.
        adapter: Which adapter of the run: ``best``, ``last``, or a checkpoint's name.
    """

    tasks: tuple[str, ...] = (MEDICAL_SAMPLE, SAMPLE_GENERAL)
    files: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    seed: int = 42
    fewshot: int = 0
    form: Form = "letters"
    apply_chat_template: bool = False
    precision: Precision = "auto"
    batch_rows: int = 0
    adapter: str = BEST

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> BenchmarkOptions:
        """Read plain values; what is left out takes its default.

        Raises:
            ConfigError: naming everything that is unknown, of the wrong type or out of range, all at once.
        """
        tasks = body.get("tasks")
        if isinstance(tasks, list) and _all_text(tasks):
            body = {**body, "tasks": tuple(dict.fromkeys(tasks))}
        return read_options(cls, body)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self) | {"tasks": list(self.tasks), "files": dict(self.files)}

    def problems(self) -> list[Problem]:
        """Everything wrong with these options."""
        return [*self._wrong_values(), *self._wrong_tasks()]

    def _wrong_values(self) -> Iterator[Problem]:
        limits = {
            "limit": 10**9,
            "seed": 2**31 - 1,
            "fewshot": MOST_FEWSHOT,
            "batch_rows": MOST_BATCH,
        }
        for name, high in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
                yield Problem(name, f"{name} must be a whole number between 0 and {high:,}; it is {value!r}.")
        for name, allowed in (("form", get_args(Form)), ("precision", get_args(Precision))):
            if getattr(self, name) not in allowed:
                yield Problem(name, f"{name} must be one of {', '.join(allowed)}; it is {getattr(self, name)!r}.")
        if not isinstance(self.apply_chat_template, bool):
            yield Problem("apply_chat_template", "apply_chat_template must be true or false.")
        if not isinstance(self.adapter, str) or not self.adapter:
            yield Problem("adapter", "adapter must be best, last or the name of a checkpoint.")

    def _wrong_tasks(self) -> Iterator[Problem]:
        files = self.files
        if not isinstance(files, Mapping) or not _all_text([*files, *files.values()]):
            yield Problem("files", "files must give a path by task name.")
            files = {}
        if not isinstance(self.tasks, tuple) or not self.tasks:
            yield Problem("tasks", "Choose at least one benchmark.")
            return
        for name in self.tasks:
            task = find_task(name)
            if task is None and name not in files:
                known = ", ".join(task.name for task in TASKS)
                yield Problem("tasks", f"There is no benchmark named {name!r}. Known are {known}, and uploaded files.")
            elif task is not None and name in files and not task.reads_files:
                yield Problem("files", f"{task.label} cannot be read from a file.")
            if self.fewshot and (task is None or name in files or not task.hub):
                yield Problem("fewshot", f"{name} comes from a file that has no examples to show: choose 0 examples.")
        yield from (
            Problem("files", f"The file of {name!r} belongs to no chosen benchmark.")
            for name in files
            if name not in self.tasks
        )


def _all_text(values: Any) -> bool:
    return all(isinstance(value, str) and value for value in values)
