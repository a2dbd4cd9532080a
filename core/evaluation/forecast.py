"""About how long an evaluation will take: from what the last one took, else from items and tokens at the run's own speed.

    about(subject, earlier) → Choice(seconds, reason)

It does not know: jobs, screens; it promises nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from core.dataset.store import open_dataset
from core.errors import DatasetError
from core.evaluation.result import EvaluationRequest, EvaluationResult, Kind
from core.evaluation.safety.probes import read_probes
from core.jobs.job import Job
from core.progress import Choice
from core.settings import Settings

# Loading the models and computing the intervals, on a laptop.
OVERHEAD_S = 12.0
# Tokens that answers take of the longest that is allowed: most end by themselves before.
ANSWER_SHARE = 0.8
# What both models together read and write in a second, against the tokens a second of training: reading needs no gradients
# (two of training's four operations a parameter), writing one token at a time makes worse use of the machine.
# Questions of each benchmark, and tokens that are read for one, all its options together where these are scored as texts.
SIZES: Mapping[str, tuple[int, int]] = {
    "pubmedqa": (500, 350),
    "medqa_4options": (1273, 210),
    "medmcqa": (4183, 70),
    "mmlu_anatomy": (135, 80),
    "mmlu_clinical_knowledge": (265, 80),
    "mmlu_college_biology": (144, 100),
    "mmlu_college_medicine": (173, 120),
    "mmlu_medical_genetics": (100, 80),
    "mmlu_professional_medicine": (272, 240),
    "medical_mcq": (72, 80),
    "general_mcq": (72, 120),
    "arc_easy": (2376, 160),
    "hellaswag": (10042, 360),
}
LETTERS_PER_TOKEN, LOOKED_AT = 4.0, 100
READING_SHARE, WRITING_SHARE = 1.0, 0.35


@dataclass(frozen=True, slots=True)
class Subject:
    """What would be measured.

    Args:
        items: How many items.
        prompt_tokens: Tokens of an item that are read, roughly.
        answer_tokens: Longest answer; 0 if none is written.
        tokens_per_s: What the run reached in training; None if it is not known.
    """

    items: int
    prompt_tokens: float
    answer_tokens: int
    tokens_per_s: float | None


def about(subject: Subject, earlier: Sequence[tuple[EvaluationRequest, EvaluationResult]] = ()) -> Choice[float] | None:
    """Say about how long it will take.

    Args:
        subject: What would be measured.
        earlier: Evaluations of the same kind with the same base, the newest first.

    Returns:
        Seconds with the reason; None if nothing is known to tell it from.
    """
    for request, result in earlier:
        if (
            result.items
            and result.seconds > 0
            and answers(request.kind, request.options) == bool(subject.answer_tokens)
        ):
            length = int(request.options.get("max_new_tokens") or 0)
            longer = subject.answer_tokens / length if length and subject.answer_tokens else 1.0
            each_s = max(result.seconds - OVERHEAD_S, 0.2 * result.seconds) / result.items * longer
            answered = f" with answers of up to {length:,} tokens" if longer != 1 else ""
            reason = f"{result.items:,} items{answered} took {result.seconds:,.0f} s the last time"
            return Choice(OVERHEAD_S + each_s * subject.items, reason)
    if not subject.tokens_per_s:
        return None
    read = subject.items * subject.prompt_tokens / (READING_SHARE * subject.tokens_per_s)
    written = subject.items * ANSWER_SHARE * subject.answer_tokens / (WRITING_SHARE * subject.tokens_per_s)
    answer = f" and answers of up to {subject.answer_tokens:,}" if subject.answer_tokens else ""
    reason = (
        f"{subject.items:,} items of about {subject.prompt_tokens:,.0f} tokens{answer}, for both models, judged by the "
        f"{subject.tokens_per_s:,.0f} tokens a second of its training"
    )
    return Choice(OVERHEAD_S + read + written, reason)


def subject_of(
    settings: Settings, run: Job, kind: Kind, options: Mapping[str, Any], tokens_per_s: float | None
) -> Subject | None:
    """Count what an evaluation would measure; None if that cannot be told before it has begun.

    Args:
        settings: Where data sets lie.
        run: The run that is judged.
        kind: Which evaluation.
        options: Its options.
        tokens_per_s: What the run reached in training; None if it is not known.
    """
    length = int(options.get("max_new_tokens") or 0) if answers(kind, options) else 0
    if kind == "safety":
        probes = read_probes().probes
        most = int(options.get("per_kind") or 0) or len(probes)
        items = sum(min(most, count) for count in Counter(probe.kind for probe in probes).values())
        letters = sum(len(probe.prompt) for probe in probes) / max(1, len(probes))
        return Subject(items, letters / LETTERS_PER_TOKEN, length, tokens_per_s)
    if kind == "heldout":
        return _heldout(settings, run, int(options.get("limit") or 0), length, tokens_per_s)
    return _benchmark(options, tokens_per_s)


def _heldout(settings: Settings, run: Job, limit: int, length: int, tokens_per_s: float | None) -> Subject | None:
    try:
        dataset = open_dataset(settings.datasets, run.dataset_id)
    except DatasetError:  # deleted since; starting says so
        return None
    few = [sum(len(message.content) for message in record.messages) for record in islice(dataset.eval(), LOOKED_AT)]
    if not few:
        return None
    items = min(limit or dataset.rows_eval, dataset.rows_eval)
    return Subject(items, sum(few) / len(few) / LETTERS_PER_TOKEN, length, tokens_per_s)


def _benchmark(options: Mapping[str, Any], tokens_per_s: float | None) -> Subject | None:
    limit, files = int(options.get("limit") or 0), options.get("files") or {}
    known = [SIZES[name] for name in options.get("tasks") or () if name in SIZES and name not in files]
    if not known or len(known) < len(options.get("tasks") or ()):
        return None  # how many questions a file has is known once it is read
    counts = [min(limit or items, items) for items, _ in known]
    tokens = sum(count * read for count, (_, read) in zip(counts, known, strict=True))
    return Subject(sum(counts), tokens / sum(counts), 0, tokens_per_s)


def answers(kind: Kind, options: Mapping[str, Any]) -> bool:
    """Whether the models are asked to write answers."""
    return kind != "benchmark" and bool(options.get("generate", True))
