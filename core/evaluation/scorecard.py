"""The scorecard of a run: one page that joins what is known about it, and says plainly what is not.

    card = scorecard(settings, run, evaluations)  →  Scorecard(headline, parts, missing, hashes)

Parts, in order: data, training, held-out rows, benchmarks, safety, review, sign-off. Each states where it was read from
and the hashes of what it rests on. It holds no record text, no question and no answer.
It does not know: how anything was measured, HTML (scorecard_page.py), who exports it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.dataset.card import approval_sentence
from core.dataset.store import Dataset, open_dataset
from core.errors import DatasetError, JobError
from core.evaluation.of_run import TITLES, of_other_weights, telling_results
from core.evaluation.result import ITEMS_FILE, KINDS, RESULT_FILE, EvaluationResult, Kind, Measure
from core.evaluation.review.results import results
from core.evaluation.review.rows import Review
from core.evaluation.review.sentences import sentences
from core.evaluation.review.session import list_reviews
from core.evaluation.sign_off import FILE as SIGN_OFF_FILE
from core.evaluation.sign_off import state as sign_off_state
from core.evaluation.steps import steps_of
from core.evaluation.wording import moment, verdict
from core.jobs.events import read_events
from core.jobs.job import Job, utc_now
from core.settings import Settings

State = Literal["done", "partial", "missing"]
NOTICE = (
    "Research tool, not a medical device. These figures describe answers to these questions only; they do not approve a "
    "model for the care of anybody."
)


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the page.

    Args:
        name: data, training, heldout, benchmark, safety, review or sign_off.
        title: Its heading.
        state: ``done``, ``partial`` (stopped early, open, or not of this adapter), or ``missing``.
        sentence: What it comes to, or what is missing and how to get it.
        facts: Names and values.
        measures: Base against tuned, with intervals.
        notes: What has to be known to read it.
        source: Job id, time and hashes of what it was read from.
    """

    name: str
    title: str
    state: State
    sentence: str
    facts: tuple[tuple[str, str], ...] = ()
    measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """The page.

    Args:
        run_id: Which run.
        run_name: What people call it.
        base_model: What it was tuned from.
        written: When this page was put together, UTC ISO-8601.
        headline: What everything comes to, in one or two sentences.
        parts: The sections, in order.
        missing: Titles of the sections that nobody has measured.
        hashes: SHA-256 of the adapter's weights and of what the sections rest on.
    """

    run_id: str
    run_name: str
    base_model: str
    written: str
    headline: str
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    hashes: Mapping[str, str]

    def part(self, name: str) -> Part:
        """One section by its name."""
        return next(part for part in self.parts if part.name == name)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Everything that was measured, over all sections."""
        return tuple(measure for part in self.parts for measure in part.measures)

    def to_json(self) -> dict[str, Any]:
        """Plain values with the page's own hash, which covers everything but the time of writing."""
        body = _plain({"notice": NOTICE, **dataclasses.asdict(self)})
        stable = json.dumps({key: value for key, value in body.items() if key != "written"}, sort_keys=True)
        return {**body, "sha256": hashlib.sha256(stable.encode("utf-8")).hexdigest()}


def scorecard(settings: Settings, run: Job, evaluations: Sequence[Job]) -> Scorecard:
    """Join everything that is known about a run.

    Args:
        settings: Where data sets and the database lie.
        run: The run.
        evaluations: Its evaluations, the newest first; see telling_results.
    """
    adapter = adapter_sha256(run.folder)
    found = telling_results(evaluations, adapter)
    judged = [_evaluation(kind, found.get(kind, ()), adapter) for kind in KINDS]
    parts = (_data(settings, run), _training(run), *judged, _review(settings, run), _sign_off(run))
    missing = tuple(part.title for part in parts if part.state == "missing")
    hashes = {"adapter_model.safetensors": adapter} if adapter else {}
    hashes |= {
        f"{part.name}: {name}": value for part in parts for name, value in part.source.items() if _is_hash(value)
    }
    base = str(_read(run.folder / "config.json").get("model", ""))
    return Scorecard(
        run_id=run.id,
        run_name=run.name,
        base_model=base,
        written=utc_now(),
        headline=_headline(judged, missing, [part.title for part in parts if part.state == "partial"]),
        parts=parts,
        missing=missing,
        hashes=hashes,
    )


def _headline(judged: Sequence[Part], missing: Sequence[str], partial: Sequence[str]) -> str:
    """Count the verdicts; worse comes first, so that nobody overlooks it."""
    own = [part for part in judged if OTHER_WEIGHTS not in part.notes]
    said = [verdict(measure)[0] for part in own for measure in part.measures]
    if not said:
        what = "" if own == list(judged) else " of the adapter that goes home"
        return f"Nothing has been judged yet{what}: whether tuning helped is not known."
    worse, better = said.count("worse"), said.count("better")
    same, few = said.count("no measurable difference"), said.count("too few items")
    neither = said.count("higher") + said.count("lower")  # of a length, say: neither direction is better
    counts = [f"worse on {worse}", f"better on {better}"]
    counts += [f"different, but neither better nor worse, on {neither}"] if neither else []
    counts += [f"no measurable difference on {same}"]
    counts += [f"too few items for a verdict on {few}"] if few else []
    measures = "measure" if len(said) == 1 else "measures"
    line = f"Of {len(said)} {measures}, tuned is {', '.join(counts)}."
    line += f" Not complete: {', '.join(partial)}." if partial else ""
    other = [part.title for part in judged if part not in own]
    line += f" Not counted, being of other weights: {', '.join(other)}." if other else ""
    return f"{line} Not known: {', '.join(missing)}." if missing else line


# -- sections ---------------------------------------------------------------------------------------------------------


def _data(settings: Settings, run: Job) -> Part:
    try:
        dataset = open_dataset(settings.datasets, run.dataset_id)
    except DatasetError:
        sentence = "The data set has been deleted since; what the model learnt from can no longer be checked."
        return Part("data", "Data", "missing", sentence)
    report = dataset.report()
    facts = (
        ("Data set", dataset.name),
        ("Rows", f"{dataset.rows_train:,} to train on, {dataset.rows_eval:,} held out"),
        ("Where it comes from", str(report.get("provenance", ""))),
        ("Identifiers", str(report.get("identifiers_sentence", ""))),
        ("Approval", approval_sentence(dataset)),
    )
    trained_on = str(_read(run.folder / "plan.json").get("dataset_sha256", ""))
    changed = bool(trained_on) and trained_on != dataset.sha256
    note = ("The data set has been changed since this run learnt from it.",) if changed else ()
    sentence = _first(report.get("summary")) or f"{dataset.rows_train:,} rows to train on."
    state: State = "partial" if changed or dataset.status != "approved" else "done"
    return Part("data", "Data", state, sentence, _said(facts), notes=note, source=_data_source(dataset))


def _data_source(dataset: Dataset) -> dict[str, str]:
    return {"data set": dataset.id, "sha256": dataset.sha256}


def _training(run: Job) -> Part:
    config, losses = _read(run.folder / "config.json"), held_out_losses(run.folder)
    steps = steps_of(run.folder, int(_read(run.folder / "plan.json").get("total_steps") or 0))
    short = (steps.sentence,) if steps.is_short and steps.sentence else ()
    facts = [
        ("Base model", str(config.get("model", ""))),
        ("State", run.state),
        ("Started", moment(run.started or run.created)),
    ]
    facts += [("Steps", steps.sentence)]
    facts += [(name, str(config[key])) for key, name in TRAINING_FACTS if key in config]
    if losses is None:
        sentence = "No held-out loss was measured during training: whether it learnt is not known."
        return Part("training", "Training", "partial", sentence, _said(facts), notes=short)
    before, step, best = losses
    sentence = (
        f"Held-out loss per answer token went from {before:.3f} to {best:.3f} (best at step {step:,}), measured during "
        "training on the rows that also chose the checkpoint."
    )
    state: State = "done" if run.state == "finished" else "partial"
    source = _file_hashes(run.folder, "config.json")
    return Part("training", "Training", state, sentence, _said(facts), notes=short, source=source)


TRAINING_FACTS = (
    ("learning_rate", "Learning rate"),
    ("epochs", "Epochs"),
    ("max_steps", "Steps (above 0: instead of epochs)"),
    ("rank", "LoRA rank"),
    ("max_length", "Longest row (tokens)"),
    ("seed", "Seed"),
)


OTHER_WEIGHTS = "Measured on other weights than the adapter that goes home: measure again."


def _evaluation(kind: Kind, found: Sequence[tuple[Job, EvaluationResult]], adapter: str) -> Part:
    title = TITLES[kind]
    if not found:
        return Part(kind, title, "missing", "Not measured. It can be started on the Evaluate screen.")
    (job, result), *further = found
    notes = list(result.notes)
    if not result.complete:
        notes.insert(0, f"Stopped early: this covers {result.items:,} items only.")
    other = of_other_weights(result, adapter)
    if other:
        notes.insert(0, OTHER_WEIGHTS)
    facts = [("What", result.title), ("Items", f"{result.items:,}"), ("Measured", moment(result.created))]
    facts += [(str(name).replace("_", " "), _short(value)) for name, value in result.settings.items() if _short(value)]
    source = {"evaluation": job.id} | _file_hashes(job.folder, RESULT_FILE, ITEMS_FILE)
    measures, said = list(result.measures), [result.verdict]
    for number, (earlier, more) in enumerate(further, start=2):
        known = {measure.name for measure in measures}
        measures += [measure for measure in more.measures if measure.name not in known]
        said.append(f"Measured apart from it: {more.verdict}")
        notes += [note for note in more.notes if note not in notes]
        facts.append((f"Evaluation {number}", f"{more.title}, {more.items:,} items, measured {moment(more.created)}"))
        hashes = {"id": earlier.id} | _file_hashes(earlier.folder, RESULT_FILE, ITEMS_FILE)
        source |= {f"evaluation {number} {name}": value for name, value in hashes.items()}
    state: State = "done" if result.complete and not other else "partial"
    return Part(kind, title, state, " ".join(said), tuple(facts), tuple(measures), tuple(notes), source)


def _review(settings: Settings, run: Job) -> Part:
    title = "Blind review"
    reviews = [] if not settings.database.is_file() else list_reviews(settings.database)
    own = [results(settings.database, review.id) for review in reviews if review.run_id == run.id]
    # one that was closed before anybody judged an item says nothing
    telling = [found for found in own if found.judged or not found.is_revealed]
    if not telling:
        closed = "A review was closed before an item was judged. " if own else ""
        said = f"{closed}Nobody has rated its answers blind. A review is made on the Review screen."
        return Part("review", title, "missing", said)
    found = next((found for found in telling if found.is_revealed), telling[0])
    review, told = found.review, sentences(found)
    facts = [("Review", review.name), ("Items", str(review.items)), ("Raters", str(len(found.raters)))]
    facts += [("Ratings", str(found.ratings)), ("Closed", moment(review.closed) or "still open")]
    facts += [("Judged", f"{found.judged} of {review.items} items")] if found.is_revealed else []
    state: State = "done" if found.judged == review.items else "partial"
    return Part("review", title, state, told[0], tuple(facts), (), tuple(told[1:]), _review_source(review))


def _review_source(review: Review) -> dict[str, str]:
    return {"review": review.id, "items sha256": review.sha256}


def _sign_off(run: Job) -> Part:
    found = sign_off_state(run.folder)
    if not found.signed:
        return Part("sign_off", "Sign-off", "missing", found.sentence)
    facts = (
        ("Name", found.name),
        ("Profession", found.role),
        ("Signed", moment(found.when)),
        ("Statement", found.statement),
    )
    state: State = "partial" if found.changed else "done"
    return Part("sign_off", "Sign-off", state, found.sentence, facts, source=_file_hashes(run.folder, SIGN_OFF_FILE))


# -- reading ----------------------------------------------------------------------------------------------------------


def held_out_losses(run_dir: Path) -> tuple[float, int, float] | None:
    """The loss before the first step, and the step and value of the lowest after it; None if they were not measured."""
    losses = [
        (int(event["step"]), float(event["eval_loss"]))
        for event in read_events(run_dir)
        if event["type"] == "metric" and isinstance(event.get("eval_loss"), (int, float))
    ]
    before = next((loss for step, loss in losses if step == 0), None)
    after = [entry for entry in losses if entry[0] > 0 and math.isfinite(entry[1])]
    if before is None or not after:
        return None
    step, best = min(after, key=lambda entry: entry[1])
    return before, step, best


def adapter_sha256(run_dir: Path) -> str:
    """SHA-256 of the adapter's weights; empty if there are none. Read again only when the file has changed."""
    path = run_dir / "adapter" / "adapter_model.safetensors"
    if not path.is_file():
        return ""
    about = path.stat()
    return _hash(path, about.st_mtime_ns, about.st_size)


def _file_hashes(folder: Path, *names: str) -> dict[str, str]:
    found = {}
    for name in names:
        path = folder / name
        if path.is_file():
            about = path.stat()
            found[f"{name} sha256"] = _hash(path, about.st_mtime_ns, about.st_size)
    return found


@functools.lru_cache(maxsize=64)
def _hash(path: Path, changed_ns: int, size_bytes: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise JobError(
            f"{path.name} of this run is damaged.", "Restore it from a copy, or choose another run."
        ) from error
    return body if isinstance(body, dict) else {}


def _said(facts: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in facts if value)


def _first(lines: Any) -> str:
    return str(lines[0]) if isinstance(lines, list) and lines else ""


def _short(value: Any) -> str:
    """A setting that fits a line; longer things stay in result.json."""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = "" if isinstance(value, Mapping) or value is None else str(value)
    return text if len(text) <= 200 else ""


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(letter in "0123456789abcdef" for letter in value)


def _plain(value: Any) -> Any:
    """JSON knows no NaN: what could not be computed becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
