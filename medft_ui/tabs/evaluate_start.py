"""Start: three cards, one a kind of evaluation: what it measures, about how long it takes, its options, its button.

It does not know: how anything is measured; the options are handed on as plain values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from core.evaluation.benchmark.options import BenchmarkOptions
from core.evaluation.benchmark.tasks import TASKS, BenchmarkTask
from core.evaluation.result import KINDS, Kind
from medft_ui import parts, units
from medft_ui.errors import shown
from medft_ui.evaluate_text import Frame, Start
from medft_ui.events import QUICK, SLOW
from medft_ui.text import Errors

if TYPE_CHECKING:
    from core.studio import Studio

# What the form begins with: enough items for a verdict, few enough for a laptop.
FILE_TYPES = [".jsonl", ".json", ".csv", ".tsv", ".xlsx", ".parquet", ".zip"]
HELDOUT_ITEMS, BENCHMARK_ITEMS, ANSWER_TOKENS, SEED = 100, 200, 128, 42


@dataclass(frozen=True, slots=True)
class KindForm:
    """One card.

    Args:
        kind: Which evaluation.
        controls: Its options' components, by the option's name.
        about: About how long it takes.
        button: Starts it.
    """

    kind: Kind
    controls: dict[str, Any]
    about: gr.HTML
    button: gr.Button

    def options(self, values: Sequence[Any]) -> dict[str, Any]:
        """The options as plain values.

        Args:
            values: What the controls hold, in their order.
        """
        named = {name: _plain(value) for name, value in zip(self.controls, values, strict=True) if value is not None}
        return _with_file(named) if "read_as" in named else named


def _plain(value: Any) -> Any:
    """Gradio's numbers come as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _with_file(named: dict[str, Any]) -> dict[str, Any]:
    """Turn the file and what it is read as into a task with its file."""
    file, read_as = named.pop("file", None), named.pop("read_as")
    path = Path(file["path"] if isinstance(file, dict) else file) if file else None
    if path is None:
        return named
    name = read_as or re.sub(r"[^A-Za-z0-9]+", "_", path.stem).strip("_") or Start.OWN_NAME
    return named | {"tasks": list(dict.fromkeys([*named["tasks"], name])), "files": {name: str(path)}}


def build() -> tuple[KindForm, ...]:
    """Lay out the three cards."""
    with gr.Row(equal_height=True, elem_classes="level"):
        return tuple(_card(kind) for kind in KINDS)


def _card(kind: Kind) -> KindForm:
    with gr.Column(elem_classes="card", min_width=280):
        gr.HTML(parts.heading(Start.TITLE[kind], Start.ASIDE[kind]) + parts.note(Start.WHAT[kind]))
        controls = {"heldout": _heldout, "benchmark": _benchmark, "safety": _safety}[kind]()
        about = gr.HTML(parts.note(Start.ABOUT_UNKNOWN))
        with gr.Row(elem_classes="actions"):
            button = gr.Button(Start.BUTTON[kind], variant="primary")
    return KindForm(kind, controls, about, button)


def _limit(value: int, info: str = Start.LIMIT_INFO) -> gr.Number:
    return gr.Number(value, label=Start.LIMIT, info=info, precision=0, minimum=0, min_width=90)


def _length() -> gr.Number:
    return gr.Number(
        ANSWER_TOKENS, label=Start.LENGTH, info=Start.LENGTH_INFO, precision=0, minimum=16, maximum=2048, min_width=90
    )


def _seed() -> gr.Number:
    return gr.Number(SEED, label=Start.SEED, precision=0, minimum=0, min_width=90)


def _adapter() -> gr.Radio:
    return gr.Radio(list(Start.ADAPTERS), value="best", label=Start.ADAPTER, info=Start.ADAPTER_INFO)


def _heldout() -> dict[str, Any]:
    with gr.Row():
        limit, length = _limit(HELDOUT_ITEMS), _length()
    with gr.Accordion(Start.MORE, open=False):
        generate = gr.Checkbox(True, label=Start.GENERATE, info=Start.GENERATE_INFO)
        seed, adapter = _seed(), _adapter()
    return {"limit": limit, "max_new_tokens": length, "generate": generate, "seed": seed, "adapter": adapter}


def _benchmark() -> dict[str, Any]:
    offered = [(_task_label(task), task.name) for task in TASKS if task.hub or task.path]
    tasks = gr.Dropdown(
        offered, value=list(BenchmarkOptions().tasks), multiselect=True, label=Start.TASKS, info=Start.TASKS_INFO
    )
    limit = _limit(BENCHMARK_ITEMS, Start.FIRST_INFO)
    with gr.Accordion(Start.OWN, open=False):
        file = gr.File(label=Start.FILE, file_types=FILE_TYPES, height=110, elem_classes="drop")
        kinds = [(task.label, task.name) for task in TASKS if task.reads_files]
        read_as = gr.Dropdown([(Start.OWN_SET, ""), *kinds], value="", label=Start.READ_AS, info=Start.READ_AS_INFO)
        form = gr.Radio(list(Start.FORMS), value="letters", label=Start.FORM, info=Start.FORM_INFO)
    with gr.Accordion(Start.MORE, open=False):
        with gr.Row():
            fewshot = gr.Number(0, label=Start.FEWSHOT, info=Start.FEWSHOT_INFO, precision=0, minimum=0, maximum=10)
            seed = _seed()
        template = gr.Checkbox(False, label=Start.TEMPLATE, info=Start.TEMPLATE_INFO)
        adapter = _adapter()
    return {
        "tasks": tasks,
        "limit": limit,
        "file": file,
        "read_as": read_as,
        "form": form,
        "fewshot": fewshot,
        "seed": seed,
        "apply_chat_template": template,
        "adapter": adapter,
    }


def _task_label(task: BenchmarkTask) -> str:
    return Start.TASK_HERE.format(label=task.label) if task.path else Start.TASK_HUB.format(label=task.label)


def _safety() -> dict[str, Any]:
    with gr.Row():
        length = _length()
        per_kind = gr.Number(
            0, label=Start.PER_KIND, info=Start.PER_KIND_INFO, precision=0, minimum=0, maximum=1000, min_width=90
        )
    with gr.Accordion(Start.MORE, open=False):
        system = gr.Textbox("", label=Start.SYSTEM, info=Start.SYSTEM_INFO, max_length=2000, lines=2)
        adapter = _adapter()
    return {"max_new_tokens": length, "per_kind": per_kind, "system": system, "adapter": adapter}


def wire(studio: Studio, forms: Sequence[KindForm], run: gr.Dropdown) -> None:
    """Let each card start its evaluation, and say about how long it takes."""
    for form in forms:
        _wire_one(studio, form, run)


def _wire_one(studio: Studio, form: KindForm, run: gr.Dropdown) -> None:
    controls = list(form.controls.values())

    @shown
    def start(run_id: str | None, *values: Any) -> None:
        start_evaluation(studio, run_id, form.kind, form.options(values))
        gr.Info(Frame.STARTED_TOAST)

    @shown
    def tell(run_id: str | None, *values: Any) -> str:
        return about_html(studio, run_id, form.kind, form.options(values))

    form.button.click(start, [run, *controls], None, **SLOW)
    changes = [run.change, *(control.change for control in controls)]
    gr.on(changes, tell, [run, *controls], form.about, preprocess=False, **QUICK)


def start_evaluation(studio: Studio, run_id: str | None, kind: Kind, options: dict[str, Any]) -> str:
    """Start an evaluation and return its job's id.

    Raises:
        InputError: if no run is chosen.
        JobError: if the machine is busy, or the run has no adapter.
    """
    if not run_id:
        raise InputError(Errors.NO_RUN, Errors.NO_RUN_HINT)
    return studio.evaluations.start(run_id, kind, options).id


def about_html(studio: Studio, run_id: Any, kind: Kind, options: dict[str, Any]) -> str:
    """About how long an evaluation would take, with the reason."""
    known = {job.id for job in studio.list_runs()}
    found = studio.evaluations.about(str(run_id), kind, options) if run_id in known else None
    if found is None:
        return parts.note(Start.ABOUT_UNKNOWN)
    return parts.note(Start.ABOUT.format(time=units.duration(found.value), reason=found.reason))
