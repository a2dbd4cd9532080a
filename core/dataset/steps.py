"""The cleaning steps by name and order, what a person may set about them, and what each one reports.

    options = CleanOptions(language="en").without("near_duplicates")
    options.problems()  →  () or every Problem at once

It does not know: how a step does its work (text.py, checks.py, duplicates.py, leakage.py), files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import ConfigError, Problem

Effect = Literal["repairs", "removes", "warns"]
MAX_EXAMPLES = 5
EXCERPT_CHARS = 240


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that cleaning does.

    Args:
        name: Its key in options, report and API.
        title: What a person reads.
        about: One sentence: what it does and why.
        effect: ``repairs`` changes text, ``removes`` takes rows out, ``warns`` only points at them.
        on_by_default: Whether it runs unless switched off.
    """

    name: str
    title: str
    about: str
    effect: Effect
    on_by_default: bool = True


# In the order they run. Tags go before mojibake: a tag inside a broken sequence hides it from ftfy.
STEPS: tuple[Step, ...] = (
    Step("html", "HTML", "Takes out tags, scripts and entities; lists and paragraphs keep their lines.", "repairs"),
    Step(
        "encoding",
        "Encoding",
        "Undoes text that was read with the wrong encoding (mojibake); µ, ½, ≥ and accents stay.",
        "repairs",
    ),
    Step("blanks", "Blanks", "Plain spaces, no padded lines, at most one empty line, no space before ?", "repairs"),
    Step(
        "chat_marks", "Chat marks", "Takes out marks of chat templates and role labels that were baked in.", "repairs"
    ),
    Step(
        "greetings",
        "Greetings and boilerplate",
        "Takes out what a help desk says before and after an answer, and remains of question templates.",
        "repairs",
    ),
    Step(
        "placeholders",
        "Placeholders",
        "Removes rows that say only N/A, null or [insert …]; warns of gaps in a text.",
        "removes",
    ),
    Step(
        "damage",
        "Search-and-replace damage",
        "Removes answers in which a product name was pasted over words, which nobody can repair.",
        "removes",
    ),
    Step("empty", "Empty", "Removes rows whose question or answer is empty.", "removes"),
    Step(
        "too_short",
        "Too short",
        "Removes answers below the least length; yes, no, letters and numbers may be short.",
        "removes",
    ),
    Step("too_long", "Too long", "Counts the rows that training would cut, at the chosen model's tokens.", "warns"),
    Step(
        "accents",
        "Lost accents",
        "Points at words that lost a letter at the source (Sjgren); nobody can repair all.",
        "warns",
    ),
    Step("refusals", "Refusals", "Removes answers that only refuse, as chat models do.", "removes"),
    Step(
        "exact_duplicates",
        "Exact duplicates",
        "Removes rows that say the same but for case, blanks and marks.",
        "removes",
    ),
    Step("conflicts", "Conflicting answers", "Lists questions that have several different answers.", "warns"),
    Step(
        "near_duplicates",
        "Near duplicates",
        "Removes answers that share most of their five-word sequences with an earlier one, points at those that share "
        "half; finds no paraphrases.",
        "removes",
    ),
    Step(
        "language",
        "Language",
        "Points at rows in another language, or removes them if a language is chosen.",
        "removes",
    ),
    Step(
        "leakage", "Train/eval leakage", "Removes evaluation rows that are in training, whole or nearly so.", "removes"
    ),
    Step(
        "contamination",
        "Benchmark contamination",
        "Removes training rows that hold a question of a benchmark file.",
        "removes",
    ),
    Step(
        "identifiers", "Identifiers by pattern", "Finds dates, numbers and addresses that point to a person.", "warns"
    ),
    Step("names", "Names and places", "Looks for people and places with a small language model (slow).", "warns"),
)
STEP_NAMES: tuple[str, ...] = tuple(step.name for step in STEPS)
STEP: Mapping[str, Step] = {step.name: step for step in STEPS}


@dataclass(frozen=True, slots=True)
class CleanOptions:
    """How to clean.

    Args:
        steps: Names of the steps that run.
        min_answer_chars: Shortest answer that is kept, 1 to 10,000.
        max_tokens: Longest row that training will not cut, 16 to 131,072.
        drop_too_long: Whether longer rows leave instead of being cut.
        near_duplicate_threshold: Least Jaccard similarity of the five-word sequences of two answers, 0.5 to 1.
        eval_share: Share of rows held out for evaluation, 0 to 0.5; 0 makes no evaluation file.
        seed: Decides which rows are held out.
        language: Two-letter code (ISO 639-1) of the rows to keep; empty keeps all and only points at strangers.
        benchmarks: Files whose questions must not be in training.
    """

    steps: frozenset[str] = frozenset(step.name for step in STEPS if step.on_by_default)
    min_answer_chars: int = 3
    max_tokens: int = 1024
    drop_too_long: bool = False
    near_duplicate_threshold: float = 0.8
    eval_share: float = 0.1
    seed: int = 42
    language: str = ""
    benchmarks: tuple[Path, ...] = ()

    def without(self, *names: str) -> CleanOptions:
        """Return a copy with these steps switched off."""
        return dataclasses.replace(self, steps=self.steps - set(names))

    def changed(self, **values: Any) -> CleanOptions:
        """Return a copy with these fields replaced."""
        return dataclasses.replace(self, **values)

    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong with these options, at once."""
        return tuple(_problems(self))

    def to_json(self) -> dict[str, Any]:
        """Plain values in a fixed order; of benchmark files only the names, since folders differ between machines."""
        body = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        ordered = [name for name in STEP_NAMES if name in self.steps]
        return body | {"steps": ordered, "benchmarks": [path.name for path in self.benchmarks]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> CleanOptions:
        """Read options from a form, the API or a report.

        Raises:
            ConfigError: naming every unknown option and every value of the wrong type.
        """
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name, value in body.items():
            try:
                if name not in fields:
                    problems.append(Problem(name, f"There is no option named {name!r}."))
                else:
                    values[name] = _coerced(name, value)
            except (TypeError, ValueError):
                problems.append(Problem(name, f"{name} cannot be {value!r}."))
        if problems:
            raise ConfigError(problems)
        return cls(**values)


def _coerced(name: str, value: Any) -> Any:
    if name == "steps":
        return frozenset(_texts(value))
    if name == "benchmarks":
        return tuple(Path(item) for item in _texts(value))
    if name == "language":
        return str(value or "").strip().lower()
    if name == "drop_too_long":
        if not isinstance(value, bool):
            raise TypeError
        return value
    if isinstance(value, bool):
        raise TypeError
    if name in ("near_duplicate_threshold", "eval_share"):
        return float(value)
    if int(value) != float(value):
        raise ValueError
    return int(value)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str) or not all(isinstance(item, (str, Path)) for item in value):
        raise TypeError
    return [str(item) for item in value]


RANGES: Mapping[str, tuple[float, float]] = {
    "min_answer_chars": (1, 10_000),
    "max_tokens": (16, 131_072),
    "near_duplicate_threshold": (0.5, 1),
    "eval_share": (0, 0.5),
    "seed": (0, 2**31 - 1),
}


def _problems(options: CleanOptions) -> Iterator[Problem]:
    for name in sorted(options.steps - set(STEP_NAMES)):
        yield Problem("steps", f"There is no step named {name!r}; the steps are {', '.join(STEP_NAMES)}.")
    for name, (low, high) in RANGES.items():
        value = getattr(options, name)
        if not low <= value <= high:
            yield Problem(name, f"{name} must lie between {low:g} and {high:g}; it is {value:g}.")
    if options.language and not (
        len(options.language) == 2 and options.language.isascii() and options.language.isalpha()
    ):
        yield Problem("language", f"language must be a two-letter code such as en or zh; it is {options.language!r}.")
    for path in options.benchmarks:
        if not path.is_file():
            yield Problem("benchmarks", f"The benchmark file {path.name} is not there.")


@dataclass(frozen=True, slots=True)
class Example:
    """One row that a step touched, cut to the place that matters.

    Args:
        before: The text as it was, or of the row that left.
        after: The text as it is now; empty for a row that left.
        record_id: Which record.
        reason: Why, in plain words.
    """

    before: str
    after: str
    record_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did.

    Args:
        name: Key into STEP.
        title: What a person reads.
        on: Whether it ran.
        changed: Rows whose text it changed.
        removed: Rows it took out.
        warned: Rows it points at.
        examples: At most five.
        seconds: Processor time it took, summed over all processes.
        note: What a person should know besides the counts, for example why it could not run.
    """

    name: str
    title: str
    on: bool
    changed: int = 0
    removed: int = 0
    warned: int = 0
    examples: tuple[Example, ...] = ()
    seconds: float = 0.0
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values without the time, which differs from run to run."""
        body = dataclasses.asdict(self) | {"examples": [dataclasses.asdict(example) for example in self.examples]}
        del body["seconds"]
        return body


def excerpt(before: str, after: str) -> tuple[str, str]:
    """Cut two versions of a text to the place where they begin to differ."""
    start = next(
        (at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new),
        min(len(before), len(after)),
    )
    start = max(0, start - EXCERPT_CHARS // 4)
    return _cut(before, start), _cut(after, start)


def shortened(text: str) -> str:
    """Cut a text to the length of an example."""
    return _cut(text, 0)


def _cut(text: str, start: int) -> str:
    end = start + EXCERPT_CHARS
    return ("…" if start else "") + text[start:end] + ("…" if len(text) > end else "")
