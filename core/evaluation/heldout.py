"""The held-out evaluation: what base and tuned model make of questions that the run has not learnt from.

    run(job_dir, request, progress):  the run's data set → items.jsonl, an item as soon as it is judged → EvaluationResult

The loss is measured on the reference answers, on the tokens that training would learn; the models' own answers are
written greedily and scored. Items are drawn in random order, so that what a stop leaves is still a fair sample, and an
evaluation that was killed goes on behind the last item. It does not know: how models compute, how scores are counted.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import TrainingConfig
from core.dataset.store import Dataset, hash_of, open_dataset
from core.errors import DatasetError, JobError, ModelError, Problem
from core.evaluation.answering import BEST, Answering
from core.evaluation.heldout_measures import measures, verdict
from core.evaluation.result import (
    ITEMS_FILE,
    RESULT_FILE,
    EvaluationRequest,
    EvaluationResult,
    read_items,
    read_options,
)
from core.evaluation.review.questions import from_record
from core.evaluation.scores import score
from core.inference.messages import ChatOptions
from core.jobs.events import read_events
from core.jobs.job import read_job, utc_now, write_whole
from core.model.encode import Encoded, encode
from core.progress import Progress
from core.records import Record
from core.settings import Settings

if TYPE_CHECKING:
    from core.inference.batch import Answer, AnswerLoss

MODELS_FILE = "models.json"
PHASE = "judging the held-out questions"
# Within so many items rows of like length share a batch; items are written, and a stop is fair, from one to the next.
WINDOW_ITEMS = 128
# About how much of an item's time goes into its loss where answers are written too.
LOSS_SHARE = 0.2
PACKAGES = ("torch", "transformers", "peft", "rouge-score", "scipy", "statsmodels")
OpenModels = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class HeldoutOptions:
    """What to judge and how.

    Args:
        limit: Most items, drawn at random; 0 takes all.
        seed: Decides the draw, 0 to 2**31 - 1.
        generate: Whether the models write answers of their own, too; without, only the loss is measured, much faster.
        max_new_tokens: Longest answer in tokens, 1 to 8192.
        adapter: Which adapter of the run: ``best``, ``last``, or a checkpoint's name.
    """

    limit: int = 0
    seed: int = 42
    generate: bool = True
    max_new_tokens: int = 256
    adapter: str = BEST

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> HeldoutOptions:
        """Read plain values; what is left out takes its default.

        Raises:
            ConfigError: naming everything that is unknown, of the wrong type or out of range, all at once.
        """
        return read_options(cls, body)

    def problems(self) -> list[Problem]:
        """Everything wrong with these options."""
        found = []
        for name, low, high in (("limit", 0, 10**9), ("seed", 0, 2**31 - 1), ("max_new_tokens", 1, 8192)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                found.append(
                    Problem(name, f"{name} must be a whole number between {low} and {high:,}; it is {value!r}.")
                )
        if not isinstance(self.generate, bool):
            found.append(Problem("generate", f"generate must be true or false; it is {self.generate!r}."))
        if not isinstance(self.adapter, str) or not self.adapter:
            found.append(Problem("adapter", "adapter must be best, last or the name of a checkpoint."))
        return found


@dataclass(frozen=True, slots=True)
class _Subject:
    """The run and the questions it is judged by.

    Args:
        config: The run's settings.
        dataset: What it was trained on.
        records: The drawn held-out records, in random order.
        chose: Whether training measured the held-out rows, and so chose its best checkpoint by them.
    """

    config: TrainingConfig
    dataset: Dataset
    records: Sequence[Record]
    chose: bool


@dataclass(slots=True)
class _Judging:
    """The work while it goes on.

    Args:
        job_dir: The job's folder.
        options: What to judge and how.
        subject: By what.
        answering: The models.
        progress: Told how far it is.
        done: Ids of the items that items.jsonl holds.
        without_answer: Records of this attempt whose question alone fills the longest row.
    """

    job_dir: Path
    options: HeldoutOptions
    subject: _Subject
    answering: Any
    progress: Progress
    done: set[str]
    without_answer: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """Whether every drawn record has been dealt with."""
        return len(self.done | self.without_answer) == len(self.subject.records)


def run(
    job_dir: Path, request: EvaluationRequest, progress: Progress, open_models: OpenModels = Answering.open
) -> EvaluationResult | None:
    """Judge a run by its held-out questions.

    Args:
        job_dir: The job's folder; items.jsonl of an earlier attempt is continued.
        request: Which run, and HeldoutOptions as plain values.
        progress: Told how many items are done.
        open_models: Loads the models as Answering.open does.

    Returns:
        What was found, of the items judged by then if the person stopped; None if there is nothing to keep.

    Raises:
        ConfigError: if options are unknown or out of range.
        DatasetError: if the data set has been deleted or changed since, or holds no row out.
        JobError, ModelError, ResourceError: if the run or its models cannot be used, or memory is too small.
    """
    started = time.monotonic()
    options = HeldoutOptions.from_json(request.options)
    home = Settings(home=read_job(job_dir).home)
    subject = _subject(request.run, options, home)
    answering = open_models(request.run, home.models, progress, adapter=options.adapter)
    done = _begun(job_dir, answering.describe(), progress)
    judging = _Judging(job_dir, options, subject, answering, progress, done)
    _judge(judging)
    if progress.stop_requested() == "discard":
        for name in (ITEMS_FILE, RESULT_FILE):  # a result, if an earlier attempt was stopped and kept
            (job_dir / name).unlink(missing_ok=True)
        return None
    items = list(read_items(job_dir))
    if not items and judging.complete:
        raise DatasetError(
            f"Not one held-out row has an answer within {subject.config.max_length} tokens.",
            "Train with a longer longest row (max_length), or with shorter questions.",
        )
    if not items:
        progress.log("Stopped before the first item was judged; there is nothing to report.")
        return None
    return _result(judging, items, time.monotonic() - started)


def _subject(run_dir: Path, options: HeldoutOptions, home: Settings) -> _Subject:
    try:
        config = TrainingConfig.from_json(json.loads((run_dir / "config.json").read_text(encoding="utf-8")))
        planned = json.loads((run_dir / "plan.json").read_text(encoding="utf-8"))
        trained_on = planned["dataset_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(
            f"The run {run_dir.name} does not say what it was trained on: config.json or plan.json is missing or damaged.",
            "Choose another run, or train again.",
        ) from error
    dataset = _dataset(read_job(run_dir).dataset_id, home.datasets)
    if hash_of(dataset.folder) != trained_on:
        raise DatasetError(
            f"{dataset.name} has changed since this run was trained, so its held-out rows may not be unseen any more.",
            "Restore the data set, or train again on what it is now.",
        )
    records = list(dataset.eval())
    if not records:
        raise DatasetError(f"{dataset.name} holds no row out.", "Train on a data set with held-out rows.")
    drawn = min(options.limit or len(records), len(records))
    order = random.Random(options.seed).sample(records, drawn)
    chose = any(event.get("eval_loss") is not None and event["step"] > 0 for event in read_events(run_dir))
    return _Subject(config, dataset, order, chose)


def _dataset(dataset_id: str, datasets: Path) -> Dataset:
    if not dataset_id or not (datasets / dataset_id).is_dir():
        raise DatasetError(
            "The data set that this run was trained on has been deleted, and its held-out rows with it.",
            "Train again on a data set that is there.",
        )
    return open_dataset(datasets, dataset_id)


def _begun(job_dir: Path, models: Mapping[str, Any], progress: Progress) -> set[str]:
    """Ids of the items that an earlier attempt with the same models has judged; what it left half written is cut off."""
    path = job_dir / ITEMS_FILE
    body = json.dumps(dict(models), sort_keys=True, indent=1)
    if path.is_file():
        same = (job_dir / MODELS_FILE).is_file() and (job_dir / MODELS_FILE).read_text(encoding="utf-8") == body
        if same:
            with path.open("rb+") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
        else:
            progress.log("The models have changed since this evaluation began, so it begins anew.")
            path.unlink()
    write_whole(job_dir / MODELS_FILE, body)
    done = {str(item["id"]) for item in read_items(job_dir)}
    if done:
        progress.log(f"Going on behind {len(done)} items.")
    return done


def _judge(judging: _Judging) -> None:
    """Judge window by window what is not done yet, until the end or until the person stops."""
    _tell(judging, 0.0)
    left = [record for record in judging.subject.records if record.id not in judging.done]
    for start in range(0, len(left), WINDOW_ITEMS):
        if judging.progress.stop_requested():
            return
        _judge_window(judging, left[start : start + WINDOW_ITEMS])


def _judge_window(judging: _Judging, window: Sequence[Record]) -> None:
    with (judging.job_dir / ITEMS_FILE).open("a", encoding="utf-8") as file:
        for item in _judged(judging, window):
            file.write(json.dumps(item, ensure_ascii=False) + "\n")
            file.flush()
            judging.done.add(item["id"])


def _judged(judging: _Judging, window: Sequence[Record]) -> Iterator[dict[str, Any]]:
    template, longest = judging.answering.template, judging.subject.config.max_length
    rows = [encode(record, template, longest) for record in window]
    share = LOSS_SHARE if judging.options.generate else 1.0
    losses: dict[int, AnswerLoss] = {}
    for position, loss in judging.answering.losses(rows):
        if loss.tokens:
            losses[position] = _finite(loss)
            _tell(judging, share * len(losses))
        else:
            judging.without_answer.add(window[position].id)
    if len(losses) + sum(record.id in judging.without_answer for record in window) < len(window):
        return  # asked to stop
    asked = sorted(losses)
    if not judging.options.generate:
        for position in asked:
            yield _item(window[position], rows[position], losses[position])
        return
    options = ChatOptions(temperature=0.0, max_new_tokens=judging.options.max_new_tokens)
    answers = judging.answering.answers([window[position].context for position in asked], options)
    for number, (place, base, tuned) in enumerate(answers, start=1):
        position = asked[place]
        yield _item(window[position], rows[position], losses[position], {"base": base, "tuned": tuned})
        _tell(judging, share * (len(asked) - number))


def _tell(judging: _Judging, ahead: float) -> None:
    """Say how far it is: items that are done, and what is ahead of them in parts of an item."""
    done = len(judging.done | judging.without_answer)
    judging.progress.phase(PHASE, round(done + ahead, 1), len(judging.subject.records))


def _finite(loss: AnswerLoss) -> AnswerLoss:
    if not math.isfinite(loss.base) or not math.isfinite(loss.tuned):
        who = "base" if not math.isfinite(loss.base) else "tuned"
        raise ModelError(
            f"The {who} model's loss is not a number.",
            "Its training has diverged, or its files are damaged: choose another checkpoint or model.",
        )
    return loss


def _item(
    record: Record, row: Encoded, loss: AnswerLoss, answers: Mapping[str, Answer] | None = None
) -> dict[str, Any]:
    question = from_record(record)
    body: dict[str, Any] = {
        "id": record.id,
        "question": question.question,
        "reference": question.reference,
        "topic": record.topic,
        "reference_tokens": loss.tokens,
        "cut_tokens": row.cut_tokens,
    }
    for pane, total in (("base", loss.base), ("tuned", loss.tuned)):
        body[pane] = {"loss": round(total / loss.tokens, 6), **_said(answers[pane] if answers else None, record)}
    return body


def _said(answer: Answer | None, record: Record) -> dict[str, Any]:
    """What a model said, with its scores; none where it was not asked, or could not read the whole question."""
    if answer is None or answer.finish == "too long":
        return {"answer": "", "finish": answer.finish if answer else "not asked"}
    scores = score(answer.text, record.response, truncated=answer.finish == "length")
    plain = {name: value if isinstance(value, bool) else round(value, 6) for name, value in scores.items()}
    return {**plain, "tokens": answer.tokens, "answer": answer.text, "finish": answer.finish}


def _result(judging: _Judging, items: Sequence[Mapping[str, Any]], seconds: float) -> EvaluationResult:
    judging.progress.phase("computing the intervals")
    found = measures(items)
    return EvaluationResult(
        kind="heldout",
        title=f"Held-out questions, {len(items):,} item{'s' if len(items) != 1 else ''}",
        created=utc_now(),
        items=len(items),
        complete=judging.complete,
        verdict=verdict(found),
        measures=found,
        notes=tuple(_notes(judging, items)),
        settings=_settings(judging),
        models=judging.answering.describe(),
        seconds=round(seconds, 1),
    )


def _notes(judging: _Judging, items: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    subject, longest = judging.subject, judging.subject.config.max_length
    drawn = len(subject.records)
    if not judging.complete:
        yield f"Stopped after {len(items):,} of {drawn:,} items; they are a random part, and everything here covers them only."
    if drawn < subject.dataset.rows_eval:
        yield f"{drawn:,} of {subject.dataset.rows_eval:,} held-out rows, drawn at random."
    if judging.options.adapter == BEST and subject.chose:
        yield (
            "During training the same held-out rows chose the best checkpoint, so the tuned model's loss is a little "
            "better here than on rows that nobody has looked at."
        )
    cut = [int(item["cut_tokens"]) for item in items if item["cut_tokens"]]
    if cut:
        yield (
            f"{_rows(len(cut))} longer than {longest:,} tokens, as in training; the loss leaves out the "
            f"{sum(cut):,} tokens of their ends."
        )
    if judging.without_answer:
        yield f"{_rows(len(judging.without_answer))} left out: the question alone fills {longest:,} tokens."
    unread = sum(item["tuned"]["finish"] == "too long" for item in items)
    if unread:
        yield f"{_rows(unread)} longer than the model can read; no answer was written."
    if not judging.options.generate:
        yield "Only the loss was measured; the models were not asked to write answers."


def _rows(count: int) -> str:
    return f"{count:,} row{' is' if count == 1 else 's are'}"


def _settings(judging: _Judging) -> dict[str, Any]:
    dataset, options = judging.subject.dataset, judging.options
    return {
        "options": dataclasses.asdict(options),
        "decoding": f"greedy, at most {options.max_new_tokens} new tokens" if options.generate else "none",
        "prompt_form": judging.answering.template.choice.value,
        "max_length_tokens": judging.subject.config.max_length,
        "dataset": dataset.id,
        "dataset_name": dataset.name,
        "dataset_sha256": dataset.sha256,
        "versions": {package: version(package) for package in PACKAGES},
    }
