"""What an evaluation is asked and what it finds: the files that every kind of evaluation shares.

    runs/<run>/evaluation/<job>/  request.json (EvaluationRequest) → items.jsonl (a line an item) → result.json (EvaluationResult)

items.jsonl holds questions and answers; result.json holds none, so that it may go into an audit file.
It does not know: how anything is measured, jobs, screens.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, get_args

from core.errors import ConfigError, JobError, Problem
from core.evaluation.statistics import Comparison, Interval
from core.jobs.job import write_whole

Kind = Literal["heldout", "benchmark", "safety"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Unit = Literal["share", "loss", "score", "ratio", "count"]

Asked = TypeVar("Asked", bound="Options")

EVALUATIONS = "evaluation"
REQUEST_FILE = "request.json"
ITEMS_FILE = "items.jsonl"
RESULT_FILE = "result.json"


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What request.json says.

    Args:
        kind: Which evaluation.
        run: The folder of the run that is judged.
        options: That kind's own options, as plain values; each kind reads them into its dataclass.
    """

    kind: Kind
    run: Path
    options: Mapping[str, Any] = field(default_factory=dict)

    def save(self, job_dir: Path) -> None:
        """Write request.json."""
        body = {"kind": self.kind, "run": str(self.run), "options": dict(self.options)}
        write_whole(job_dir / REQUEST_FILE, json.dumps(body, ensure_ascii=False, indent=1))

    @classmethod
    def read(cls, job_dir: Path) -> EvaluationRequest:
        """Read request.json.

        Raises:
            JobError: if it is missing or damaged.
        """
        try:
            body = json.loads((job_dir / REQUEST_FILE).read_text(encoding="utf-8"))
            if body["kind"] not in KINDS:
                raise ValueError(body["kind"])
            return cls(body["kind"], Path(body["run"]), dict(body["options"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise JobError(f"{REQUEST_FILE} is missing or damaged.", "Start the evaluation again.") from error


class Options(Protocol):
    """A kind's own options: a frozen dataclass that knows what is wrong with it."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def problems(self) -> Iterable[Problem]:
        """Everything out of range or of the wrong type."""


def read_options(kind: type[Asked], body: Mapping[str, Any]) -> Asked:
    """Read a kind's options from plain values; what is left out takes its default.

    Raises:
        ConfigError: naming everything that is unknown, of the wrong type or out of range, all at once.
    """
    known = kind.__dataclass_fields__
    problems = [Problem(name, f"There is no option named {name!r}.") for name in body if name not in known]
    options = kind(**{name: value for name, value in body.items() if name in known})
    problems += options.problems()
    if problems:
        raise ConfigError(problems)
    return options


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that was measured on both models.

    Args:
        name: Its key, for example ``rouge_l`` or ``pubmedqa``.
        label: What people read.
        unit: How to write its numbers: ``share`` 0 to 1 shown in per cent, ``loss`` in nats per token, ``score`` 0 to 1,
            ``ratio`` and ``count`` as they are.
        comparison: Tuned against base on the same items.
        lower_is_better: True for losses and failures; None where neither direction is better (a length ratio).
        note: What has to be known to read it ("similarity to the reference, not correctness").
        facts: Further plain numbers of this measure, for example ``majority`` (a share) or ``chance``.
    """

    name: str
    label: str
    unit: Unit
    comparison: Comparison
    lower_is_better: bool | None = False
    note: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What result.json says.

    Args:
        kind: Which evaluation.
        title: What people call it, for example ``PubMedQA, 500 items``.
        created: When it ended, UTC ISO-8601.
        items: How many lines items.jsonl has.
        complete: False if it was stopped before the last item; what is reported then covers ``items`` only.
        verdict: The outcome in one plain sentence.
        measures: Everything that was measured, the most telling first.
        notes: What a reader has to know: limits, what was cut, what was skipped and why.
        settings: How it was done: options, prompt form, versions, dtype, seeds.
        models: Who answered: base id, weights hash, run id, adapter hash.
        seconds: How long it took.
    """

    kind: Kind
    title: str
    created: str
    items: int
    complete: bool
    verdict: str
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> EvaluationResult:
        """Read to_json back.

        Raises:
            KeyError, TypeError: if something is missing or unknown.
        """
        measures = tuple(
            Measure(**measure | {"comparison": _comparison(measure["comparison"])}) for measure in body["measures"]
        )
        return cls(**{**body, "measures": measures, "notes": tuple(body["notes"])})

    def save(self, job_dir: Path) -> None:
        """Write result.json whole or not at all."""
        write_whole(job_dir / RESULT_FILE, json.dumps(self.to_json(), ensure_ascii=False, indent=1))

    @classmethod
    def read(cls, job_dir: Path) -> EvaluationResult:
        """Read result.json.

        Raises:
            JobError: if there is none yet, or it is damaged.
        """
        try:
            return cls.from_json(json.loads((job_dir / RESULT_FILE).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise JobError(
                "This evaluation has no result yet.", "Wait until it has ended, or start it again."
            ) from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise JobError(f"{RESULT_FILE} is damaged.", "Start the evaluation again.") from error


def read_items(job_dir: Path) -> Iterator[dict[str, Any]]:
    """Read items.jsonl, one item after the other.

    Every kind writes at least ``id``, ``question``, ``reference``, and under ``base`` and ``tuned`` the model's
    ``answer`` and its scores by name. A last line that was cut off by a crash is left out.
    """
    path = job_dir / ITEMS_FILE
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def _comparison(body: Mapping[str, Any]) -> Comparison:
    intervals = {name: Interval(**body[name]) for name in ("base", "tuned", "difference")}
    return Comparison(**{**body, **intervals})
