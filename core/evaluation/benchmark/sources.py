"""A local file → the documents that a task of lm-evaluation-harness reads, as the Hub would give them.

    read_choices(path)        → Choices(questions, skipped)     any multiple-choice file that an upload may be
    documents(task, questions) → [{"QUESTION": …, "CONTEXTS": […], "final_decision": …}, …]

It does not know: lm-eval, models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.dataset.ingest import Row, Upload, read_upload
from core.dataset.mapping import ColumnMapping, detect
from core.dataset.mapping.choose import answers_by_key, row_options
from core.dataset.mapping.options import resolve
from core.dataset.mapping.turns import all_text, plain_text, unpacked
from core.errors import InputError, UploadError
from core.evaluation.benchmark.tasks import BenchmarkTask, Columns

DECISIONS = ("yes", "no", "maybe")
LETTERS = "ABCDEFGHIJ"
# Names that copies of PubMedQA give to its three columns, without regard to case.
_PUBMEDQA = {
    "question": ("question",),
    "context": ("contexts", "context", "abstract"),
    "answer": ("final_decision", "answer"),
}
# Forms that lm-eval asks with exactly four options.
_FOUR: frozenset[Columns] = frozenset({"medqa", "medmcqa", "mmlu"})


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """One multiple-choice question.

    Args:
        id: The source's own id; its row number where there is none.
        question: What is asked.
        contexts: Texts that the question is about; often none.
        options: Two to ten texts.
        answer: Place of the right one, 0-based.
    """

    id: str
    question: str
    contexts: tuple[str, ...]
    options: tuple[str, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What a file holds.

    Args:
        questions: The usable rows, in order.
        skipped: How many rows could not be used, by reason.
        sha256: Hashes of the files that were read.
    """

    questions: tuple[ChoiceQuestion, ...]
    skipped: Mapping[str, int]
    sha256: tuple[str, ...]


class _Unusable(Exception):
    """A row that gives no question; the text is the reason."""


def read_choices(path: Path, task: BenchmarkTask) -> Choices:
    """Read the questions of a file.

    Args:
        path: Any file that an upload may be; rows of PubMedQA need its question, abstract and yes/no/maybe answer.
        task: What it shall be asked as.

    Raises:
        UploadError: if the file cannot be read.
        InputError: if it holds no multiple-choice questions, or none that says which option is right.
    """
    upload = read_upload([path])
    build = _pubmedqa_reader(upload, path) if task.columns == "pubmedqa" else _choice_reader(upload, path)
    questions: list[ChoiceQuestion] = []
    skipped: Counter[str] = Counter()
    for number, row in enumerate(upload.rows(), start=1):
        try:
            question = build(row, str(row.values.get("id") or number))
            if task.columns in _FOUR and len(question.options) != 4:
                raise _Unusable("has not four options, which this benchmark's prompt needs")
            questions.append(question)
        except _Unusable as problem:
            skipped[str(problem)] += 1
    if not questions:
        reason = max(skipped, key=lambda name: skipped[name], default="holds no row")
        raise InputError(
            f"{path.name} cannot be used as {task.label}: of {sum(skipped.values()):,} rows none is usable; "
            f"most often a row {reason}.",
            "Choose a file whose every row has a question, options, and which of them is right.",
        )
    return Choices(tuple(questions), dict(skipped), tuple(file.sha256 for file in upload.files))


def documents(task: BenchmarkTask, questions: tuple[ChoiceQuestion, ...]) -> list[dict[str, Any]]:
    """Write questions in the columns that the task reads."""
    write = _WRITERS[task.columns]
    subject = task.name.removeprefix("mmlu_")
    return [write(question) | ({"subject": subject} if task.columns == "mmlu" else {}) for question in questions]


def _choice_reader(upload: Upload, path: Path) -> Callable[[Row, str], ChoiceQuestion]:
    """Read rows by the mapping that is detected for uploads."""
    try:
        mapping = detect(upload)
    except UploadError as error:
        raise InputError(f"{path.name} cannot be used as a benchmark. {error.message}", error.hint) from error
    if mapping.kind != "multiple_choice":
        raise InputError(
            f"{path.name} cannot be used as a benchmark: it holds no options with one that is marked as right. "
            f"What was understood: {mapping.sentence()}",
            "Give a file with a question, options (choices, or A, B, C, D) and the right one (answer) in each row.",
        )
    keys_first = answers_by_key(upload, mapping)
    return lambda row, name: _choice(row, name, mapping, keys_first=keys_first)


def _choice(row: Row, name: str, mapping: ColumnMapping, *, keys_first: bool) -> ChoiceQuestion:
    if row.problem:
        raise _Unusable(row.problem)
    values = row.values
    question = plain_text(values.get(mapping.columns["prompt"], ""))
    options = row_options(values, mapping.choice_columns, mapping.column("choices"))
    if not question.strip():
        raise _Unusable("has no question")
    if not 2 <= len(options) <= len(LETTERS) or not all(option.strip() for option in options):
        raise _Unusable("has fewer than two options, or an empty one")
    place = resolve(values.get(mapping.columns["answer"], ""), options, mapping.first_index, keys_first=keys_first)
    if place is None:
        raise _Unusable("does not say which option is right")
    context = all_text(values.get(mapping.column("context"), ""))
    return ChoiceQuestion(name, question, (context,) if context else (), tuple(map(str, options)), place)


def _pubmedqa_reader(upload: Upload, path: Path) -> Callable[[Row, str], ChoiceQuestion]:
    known = {column.strip().lower(): column for column in upload.columns}
    found = {role: next((known[name] for name in names if name in known), "") for role, names in _PUBMEDQA.items()}
    if lacking := [role for role, column in found.items() if not column]:
        raise InputError(
            f"{path.name} is not in the form of PubMedQA: it has no column for the {' and the '.join(lacking)}.",
            "Give rows with QUESTION, CONTEXTS and final_decision (or question, abstract and answer).",
        )

    def read(row: Row, name: str) -> ChoiceQuestion:
        if row.problem:
            raise _Unusable(row.problem)
        contexts = unpacked(row.values.get(found["context"], ""))
        texts = tuple(map(str, contexts)) if isinstance(contexts, list) else (str(contexts),)
        question = str(row.values.get(found["question"], ""))
        answer = str(row.values.get(found["answer"], "")).strip().lower()
        if not question.strip() or not any(text.strip() for text in texts):
            raise _Unusable("has no question or no abstract")
        if answer not in DECISIONS:
            raise _Unusable("does not say yes, no or maybe")
        return ChoiceQuestion(name, question, texts, DECISIONS, DECISIONS.index(answer))

    return read


def _as_pubmedqa(item: ChoiceQuestion) -> dict[str, Any]:
    return {
        "QUESTION": item.question,
        "CONTEXTS": list(item.contexts),
        "final_decision": item.options[item.answer],
    }


def _with_context(item: ChoiceQuestion) -> str:
    return "\n\n".join((*item.contexts, item.question))


def _as_medqa(item: ChoiceQuestion) -> dict[str, Any]:
    endings = {f"ending{place}": text for place, text in enumerate(item.options)}
    return {"sent1": _with_context(item), **endings, "label": item.answer}


def _as_medmcqa(item: ChoiceQuestion) -> dict[str, Any]:
    options = {f"op{letter}": text for letter, text in zip("abcd", item.options, strict=True)}
    return {"question": _with_context(item), **options, "cop": item.answer}


def _as_arc(item: ChoiceQuestion) -> dict[str, Any]:
    labels = list(LETTERS[: len(item.options)])
    choices = {"text": list(item.options), "label": labels}
    return {"question": _with_context(item), "choices": choices, "answerKey": labels[item.answer]}


def _as_list(item: ChoiceQuestion) -> dict[str, Any]:
    return {"question": _with_context(item), "choices": list(item.options), "answer": item.answer}


_WRITERS: Mapping[Columns, Callable[[ChoiceQuestion], dict[str, Any]]] = {
    "pubmedqa": _as_pubmedqa,
    "medqa": _as_medqa,
    "medmcqa": _as_medmcqa,
    "mmlu": _as_list,
    "arc": _as_arc,
    "letters": _as_list,
    "texts": _as_list,
}


def skipped_sentences(label: str, skipped: Mapping[str, int]) -> Iterator[str]:
    """Say which rows were left out."""
    for reason, count in skipped.items():
        rows = "1 row" if count == 1 else f"{count:,} rows"
        yield (
            f"{label}: {rows} left out, because each {reason}."
            if count > 1
            else f"{label}: {rows} left out; it {reason}."
        )
