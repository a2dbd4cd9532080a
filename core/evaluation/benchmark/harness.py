"""lm-evaluation-harness: its tasks over the Hub's or our documents, and its model class over weights that are loaded already.

    lm = pane_model(loaded, "tuned", …);  asked = prepare(chosen, lm, …)  →  Asked(questions with the harness's own requests)

The prompts, the requests and the scores are the harness's; ours are only where documents come from and which pane answers.
It does not know: files of jobs, items, verdicts.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.evaluation.benchmark.options import BenchmarkOptions
from core.evaluation.benchmark.sources import LETTERS, documents, read_choices, skipped_sentences
from core.evaluation.benchmark.tasks import MEDICAL_SAMPLE, BenchmarkTask, Columns, find_task, uploaded_task
from core.inference.loader import Loaded
from core.inference.messages import Pane

_LETTERED = (
    "Question: {{question}}\n"
    "{% for choice in choices %}{{ '" + LETTERS + "'[loop.index0] }}. {{ choice }}\n{% endfor %}Answer:"
)
_OWN: Mapping[Columns, dict[str, Any]] = {
    "letters": {"doc_to_text": _LETTERED, "doc_to_choice": f"{{{{ '{LETTERS}'[:choices|length]|list }}}}"},
    "texts": {"doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_choice": "{{choices}}"},
}
_METRICS = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("acc", "acc_norm")]
# Where the known data sets keep the question, and the options where letters are scored.
_QUESTION_KEYS = ("QUESTION", "question", "sent1", "query")
_OPTION_KEYS = (("ending0", "ending1", "ending2", "ending3"), ("opa", "opb", "opc", "opd"))


class Halted(Exception):
    """The person wants to stop; what is being scored is given up."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A benchmark that shall be run, and where its questions come from.

    Args:
        task: What is run.
        path: The local file; None for the Hub.
    """

    task: BenchmarkTask
    path: Path | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A benchmark, ready to be answered.

    Args:
        chosen: What is run.
        task: The harness's Task.
        questions: Its questions, in order.
        notes: What was left out of it.
        source: Where the questions come from: the file's name and hash, or the Hub's data set.
    """

    chosen: Chosen
    task: Any
    questions: tuple[AskedQuestion, ...]
    notes: tuple[str, ...]
    source: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """One question, as the harness asks it.

    Args:
        id: Names it within the evaluation.
        doc: The document.
        requests: The harness's Instances, one an option.
        question: What is asked, without the prompt around it.
        choices: The options' texts.
        answer: Place of the right one.
        tokens: Length of the longest of prompt and scored text together.
        scored_tokens: Length of the longest scored text.
    """

    id: str
    doc: Mapping[str, Any]
    requests: tuple[Any, ...]
    question: str
    choices: tuple[str, ...]
    answer: int
    tokens: int
    scored_tokens: int

    @property
    def prompt(self) -> str:
        """The exact text before the scored answer."""
        return str(self.requests[0].args[0])


def choose(options: BenchmarkOptions) -> tuple[Chosen, ...]:
    """Find the tasks that the options name; they were checked before."""
    chosen = []
    for name in options.tasks:
        known, given = find_task(name), options.files.get(name)
        task = known or uploaded_task(name, options.form)
        if name == MEDICAL_SAMPLE:
            task = dataclasses.replace(task, columns=options.form)
        chosen.append(Chosen(task, Path(given) if given else task.path))
    return tuple(chosen)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back the harness's chatter: one of its warnings quotes whole documents."""
    log = logging.getLogger("lm_eval")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def pane_model(loaded: Loaded, pane: Pane, tokenizer: Any, halted: Callable[[], bool]) -> Any:
    """The harness's model for one pane; both panes share the weights.

    Args:
        loaded: Base and adapter.
        pane: Whether the adapter is applied.
        tokenizer: From ``tokenizer_of``.
        halted: Asked before each forward pass; True raises Halted.
    """
    lm = _pane_class()(
        pretrained=loaded.model,
        backend="causal",
        tokenizer=tokenizer,
        batch_size=1,
        softmax_dtype="float32",
        enable_thinking=False,
    )
    lm.pane, lm.adapter, lm.halted = pane, loaded.adapter, halted
    return lm


def tokenizer_of(loaded: Loaded) -> Any:
    """The base's tokenizer, from its own folder and nowhere else."""
    from transformers import AutoTokenizer  # noqa: PLC0415  (heavy, here and below)

    load: Any = AutoTokenizer.from_pretrained
    return load(loaded.resolved.folder, local_files_only=True, trust_remote_code=False)


@functools.cache
def _pane_class() -> Any:
    from lm_eval.models.huggingface import HFLM  # noqa: PLC0415

    class PaneLM(HFLM):  # type: ignore[misc, unused-ignore]
        """HFLM whose forward pass goes through base or tuned model."""

        pane: Pane = "base"
        adapter: Any = None
        halted: Callable[[], bool] = staticmethod(lambda: False)

        def _model_call(self, inps: Any, *args: Any, **kwargs: Any) -> Any:
            """Shape (rows, tokens) → logits, shape (rows, tokens, vocabulary)."""
            if self.halted():
                raise Halted
            applied = self.adapter.applied([self.pane] * len(inps)) if self.adapter else nullcontext()
            with applied:
                return super()._model_call(inps, *args, **kwargs)

    return PaneLM


def prepare(chosen: Chosen, lm: Any, options: BenchmarkOptions) -> Asked:
    """Make a benchmark ready: its documents, the harness's task over them, and the requests.

    Args:
        chosen: What to run.
        lm: A pane's model; gives the tokenizer and the chat template.
        options: Limit, few-shot examples, chat template.

    Raises:
        InputError: if the file or the Hub gives no usable questions.
        UploadError: if the file cannot be read.
    """
    task, notes, source = _from_hub(chosen.task) if chosen.path is None else _from_file(chosen.task, chosen.path)
    task.set_config("num_fewshot", options.fewshot)
    task.set_fewshot_seed(options.seed)
    task.build_all_requests(
        limit=options.limit or None,
        rank=0,
        world_size=1,
        apply_chat_template=options.apply_chat_template,
        fewshot_as_multiturn=True,
        chat_template=lm.apply_chat_template if options.apply_chat_template else None,
        tokenizer_name=lm.tokenizer_name if options.apply_chat_template else "",
    )
    questions = tuple(_questions(chosen.task, task, lm))
    known = tuple(question for question in questions if question.answer >= 0)
    fitting = tuple(question for question in known if question.scored_tokens <= lm.max_length)
    if not known:
        raise InputError(
            f"{chosen.task.label} has no answers: none of its {len(questions):,} questions says which option is right.",
            "Choose a file, or a benchmark, with answers.",
        )
    if left := len(questions) - len(known):
        notes = (*notes, f"{chosen.task.label}: {left:,} questions without a right answer were left out.")
    if left := len(known) - len(fitting):
        notes = (*notes, f"{chosen.task.label}: {left:,} questions have an option longer than the model's context.")
    return Asked(chosen, task, fitting, notes, source)


def _from_file(task: BenchmarkTask, path: Path) -> tuple[Any, tuple[str, ...], Mapping[str, str]]:
    read = read_choices(path, task)
    notes = tuple(skipped_sentences(task.label, read.skipped))
    return (
        task_over(task, documents(task, read.questions)),
        notes,
        {"file": path.name, "sha256": " ".join(read.sha256)},
    )


def task_over(task: BenchmarkTask, docs: Sequence[Mapping[str, Any]]) -> Any:
    """The harness's task, asking our documents instead of the Hub's.

    Args:
        task: What is run.
        docs: Documents in the task's columns.
    """
    from datasets import Dataset, DatasetDict  # noqa: PLC0415
    from lm_eval.api.task import ConfigurableTask  # noqa: PLC0415

    # In memory: datasets' own reader would leave a copy of the questions in its cache, outside the data folder.
    held = DatasetDict({"test": Dataset.from_list([dict(doc) for doc in docs])})
    ours = {"custom_dataset": lambda **_: held, "test_split": "test"}
    if task.folder:
        # None of our files has the splits that examples would be drawn from.
        ours |= dict.fromkeys(("training_split", "validation_split", "fewshot_split"))
        group = {"group": "local", "task": [{"task": task.name, **ours}]}
        return _manager(task.folder).load(group)["tasks"][task.name]
    config = {"task": task.name, "output_type": "multiple_choice", "doc_to_target": "answer", "metric_list": _METRICS}
    return ConfigurableTask(config=config | _OWN[task.columns] | ours)


def _from_hub(task: BenchmarkTask) -> tuple[Any, tuple[str, ...], Mapping[str, str]]:
    local = f"Fetch {task.label} elsewhere and give it as a local file: any multiple-choice file of this form will do."
    if not task.hub:
        raise InputError(f"{task.label} cannot be fetched from the Hub: its data set there is a program.", local)
    try:
        return _manager(task.folder).load([task.name])["tasks"][task.name], (), {"hub": task.hub}
    # The Hub's and datasets' many errors share no base but these: no route, no such data set, no permission, damaged.
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{task.label} could not be fetched from the Hub ({task.hub}): {type(error).__name__}.",
            local if task.reads_files else "Check the connection, or choose another benchmark.",
        ) from error


@functools.cache
def _manager(folder: str) -> Any:
    """The harness's index of one folder of tasks; reading all of them takes ten seconds."""
    import lm_eval.tasks  # noqa: PLC0415

    root = Path(str(lm_eval.tasks.__file__)).parent
    return lm_eval.tasks.TaskManager(include_defaults=False, include_path=str(root / folder))


def _questions(about: BenchmarkTask, task: Any, lm: Any) -> Iterator[AskedQuestion]:
    by_doc: dict[int, list[Any]] = {}
    for request in task.instances:
        by_doc.setdefault(request.doc_id, []).append(request)
    for number, requests in enumerate(by_doc.values(), start=1):
        doc = requests[0].doc
        scored = [str(choice) for choice in task.doc_to_choice(doc)]
        shown = _shown(doc, scored)
        pairs = [request.args for request in requests]
        yield AskedQuestion(
            id=f"{about.name}-{number:05d}",
            doc=doc,
            requests=tuple(requests),
            question=str(next((doc[key] for key in _QUESTION_KEYS if key in doc), "")),
            choices=tuple(shown),
            answer=_place(task.doc_to_target(doc), scored),
            tokens=max(len(lm.tok_encode(prompt + text)) for prompt, text in pairs),
            scored_tokens=max(len(lm.tok_encode(text)) for _, text in pairs),
        )


def _shown(doc: Mapping[str, Any], scored: list[str]) -> list[str]:
    """The options' texts, also where only their letters are scored."""
    for keys in _OPTION_KEYS:
        if all(key in doc for key in keys):
            return [str(doc[key]) for key in keys]
    listed = doc.get("choices")
    return [str(option) for option in listed] if isinstance(listed, list) and len(listed) == len(scored) else scored


def _place(target: Any, scored: Sequence[str]) -> int:
    """The right option's place, read as the harness reads it; -1 if the document names none."""
    if isinstance(target, str):
        target = scored.index(target) if target in scored else -1
    return target if isinstance(target, int) and 0 <= target < len(scored) else -1
