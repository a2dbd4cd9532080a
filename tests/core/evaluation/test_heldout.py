"""The held-out job, with made-up models whose losses and answers are known, so that every number can be worked out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.dataset.store import EVAL, TRAIN, Dataset, hash_of, write_state
from core.errors import ConfigError, DatasetError, JobError, ModelError
from core.evaluation import heldout
from core.evaluation.evaluate import evaluate
from core.evaluation.heldout import HeldoutOptions
from core.evaluation.heldout_measures import measures, verdict
from core.evaluation.of_run import can_go_on
from core.evaluation.result import ITEMS_FILE, RESULT_FILE, EvaluationRequest, EvaluationResult, read_items
from core.inference.batch import Answer, AnswerLoss
from core.inference.messages import ChatOptions
from core.jobs.job import Job, utc_now
from core.model.encode import Encoded, encode
from core.model.template import Template
from core.progress import SilentProgress, StopVerb
from core.records import Message, Record
from core.settings import Settings
from tests.core.model.tiny_tokenizer import CHATML, SPECIAL, byte_level

pytestmark = pytest.mark.thorough

ROWS = 30
LONGEST = 200


def a_template() -> Template:
    return Template(byte_level(), CHATML, SPECIAL, name="tiny")


def record(number: int) -> Record:
    answer = "Iron tablets help most people. " * (1 + number % 4)
    return Record.of(
        f"r{number:03}", f"What helps with {'very ' * (number % 3)}low iron?", answer, topic="ab"[number % 2]
    )


@dataclass
class Listener(SilentProgress):
    """Keeps what it hears, and asks to stop once so many items are done."""

    verb: StopVerb = "keep"
    after: float = math.inf
    heard: list[tuple[float, float]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        if name == heldout.PHASE:
            self.heard.append((done, total))

    def log(self, text: str) -> None:
        self.logs.append(text)

    def result(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def stop_requested(self) -> StopVerb | None:
        return self.verb if self.heard and self.heard[-1][0] >= self.after else None


@dataclass
class Models:
    """Base: 2 nats a token, and it says nothing of use. Tuned: the row's own loss, and the reference itself."""

    progress: Any
    tuned_loss: Callable[[int], float] = lambda tokens: 1.5 + 0.001 * tokens
    adapter: str = "best"
    weights: str = "abc"
    breaks_after: int = 10**9
    asked: list[str] = field(default_factory=list)

    template = a_template()

    def describe(self) -> Mapping[str, Any]:
        return {"base": "made up", "adapter": self.adapter, "adapter_sha256": self.weights}

    def losses(self, rows: Sequence[Encoded]) -> Iterator[tuple[int, AnswerLoss]]:
        for index in reversed(range(len(rows))):
            tokens = rows[index].trained_tokens
            yield index, AnswerLoss(tokens, 2.0 * tokens, self.tuned_loss(tokens) * tokens)

    def answers(
        self, prompts: Sequence[Sequence[Message]], options: ChatOptions
    ) -> Iterator[tuple[int, Answer, Answer]]:
        assert options.temperature == 0
        for index in reversed(range(len(prompts))):
            if self.progress.stop_requested():
                return
            if len(self.asked) == self.breaks_after:
                raise KeyboardInterrupt
            self.asked.append(prompts[index][-1].content)
            yield index, Answer("No idea " * 6, 12, "length"), Answer("Iron tablets help most people.", 6, "stop")


@dataclass
class Bench:
    """A run on disk, its data set, and the job that judges it."""

    settings: Settings
    run: Path
    job: Path
    opened: list[Models] = field(default_factory=list)

    def judge(self, listener: Listener | None = None, models: Mapping[str, Any] | None = None, **options: Any) -> Any:
        listener = listener or Listener()

        def opener(run: Path, models_dir: Path, progress: Any, *, adapter: str) -> Models:
            assert (run, models_dir) == (self.run, self.settings.models)
            self.opened.append(Models(progress, adapter=adapter, **models or {}))
            return self.opened[-1]

        return heldout.run(self.job, EvaluationRequest("heldout", self.run, options), listener, opener)

    def lines(self) -> list[str]:
        path = self.job / ITEMS_FILE
        return path.read_text().splitlines() if path.exists() else []


def write_dataset(settings: Settings, records: Sequence[Record]) -> Dataset:
    folder = settings.datasets / "asthma-1"
    folder.mkdir()
    for name, part in ((TRAIN, records[:2]), (EVAL, records)):
        (folder / name).write_text("".join(json.dumps(row.to_json()) + "\n" for row in part))
    dataset = Dataset("asthma-1", "Asthma", folder, utc_now(), 2, len(records), hash_of(folder), "approved")
    write_state(dataset)
    return dataset


@pytest.fixture
def bench(settings: Settings) -> Bench:
    dataset = write_dataset(settings, [record(number) for number in range(ROWS)])
    run = settings.runs / "run-1"
    job = run / "evaluation" / "heldout-1"
    job.mkdir(parents=True)
    Job(run, "train", "Run", "finished", utc_now(), settings.home, dataset_id=dataset.id).save()
    Job(job, "evaluate", "Held-out", "running", utc_now(), settings.home).save()
    (run / "config.json").write_text(json.dumps({"model": "made/up", "max_length": LONGEST}))
    (run / "plan.json").write_text(json.dumps({"dataset_sha256": dataset.sha256}))
    measured = [{"type": "metric", "step": step, "eval_loss": 2.0 - step} for step in (0, 1)]
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in measured))
    return Bench(settings, run, job)


def test_both_models_are_measured_on_every_item(bench: Bench) -> None:
    found = bench.judge()
    assert (found.kind, found.items, found.complete) == ("heldout", ROWS, True)
    by_name = {measure.name: measure for measure in found.measures}
    items = list(read_items(bench.job))
    tokens = {item["id"]: item["reference_tokens"] for item in items}
    for number in range(ROWS):
        row = encode(record(number), Models.template, LONGEST)
        assert tokens[f"r{number:03}"] == row.trained_tokens
    loss = by_name["loss"].comparison
    pooled = sum((1.5 + 0.001 * count) * count for count in tokens.values()) / sum(tokens.values())
    assert loss.base.value == pytest.approx(2.0) and loss.tuned.value == pytest.approx(pooled, abs=1e-5)
    assert by_name["loss"].facts["base_perplexity"] == pytest.approx(math.exp(2.0))
    assert by_name["loss"].facts["answer_tokens"] == sum(tokens.values())
    each = by_name["loss_per_item"].comparison.tuned.value
    assert each == pytest.approx(1.5 + 0.001 * sum(tokens.values()) / ROWS, abs=1e-5) and each != pytest.approx(pooled)
    assert by_name["truncated"].comparison.base.value == 1 and by_name["truncated"].comparison.gained == ROWS
    assert by_name["refusal"].comparison.verdict == "no measurable difference"
    assert "not correctness" in by_name["rouge_l"].note and "not correctness" in by_name["f1"].note
    assert {measure.comparison.items for measure in found.measures} == {ROWS}
    assert found.verdict.startswith(
        f"The tuned model fits the answers of {ROWS} held-out questions better than its base: loss {pooled:.3f} against 2.000"
    )
    assert "more like the references (ROUGE-L" in found.verdict and "95 % interval" in found.verdict


def test_an_item_says_what_was_asked_and_what_came_of_it(bench: Bench) -> None:
    bench.judge()
    item = next(item for item in read_items(bench.job) if item["id"] == "r000")
    assert (item["question"], item["topic"]) == ("What helps with low iron?", "a")
    assert item["reference"] == record(0).response
    assert (item["base"]["answer"], item["base"]["finish"]) == ("No idea " * 6, "length")
    assert item["base"]["loss"] == 2.0 and item["base"]["truncated"] is True and item["base"]["refusal"] is False
    assert item["base"]["repetition"] == pytest.approx(7 / 9, abs=1e-6) and item["base"]["rouge_l"] == 0
    assert (item["tuned"]["tokens"], item["tuned"]["truncated"], item["tuned"]["rouge_l"]) == (6, False, 1.0)
    assert item["tuned"]["f1"] == 1.0 and item["tuned"]["length_ratio"] == 1.0


def test_what_is_said_of_the_models_goes_into_an_audit_without_record_text(bench: Bench) -> None:
    found = bench.judge(limit=5)
    found.save(bench.job)
    text = (bench.job / RESULT_FILE).read_text()
    assert EvaluationResult.read(bench.job) == found
    assert "iron" not in text.lower() and found.models["adapter_sha256"] == "abc"
    assert found.settings["options"] == {
        "limit": 5, "seed": 42, "generate": True, "max_new_tokens": 256, "adapter": "best",
    }  # fmt: skip
    assert found.verdict.startswith("Too few items for a verdict (5 held-out questions)")
    assert f"5 of {ROWS} held-out rows, drawn at random." in found.notes
    assert any("chose the best checkpoint" in note for note in found.notes)


def test_without_answers_only_the_loss_is_measured(bench: Bench) -> None:
    found = bench.judge(generate=False, adapter="last")
    assert [measure.name for measure in found.measures] == ["loss", "loss_per_item"]
    assert bench.opened[0].asked == [] and len(bench.lines()) == ROWS
    assert any("Only the loss" in note for note in found.notes)
    assert not any("chose the best" in note for note in found.notes)


def test_rows_that_training_never_measured_chose_nothing(bench: Bench) -> None:
    (bench.run / "events.jsonl").write_text(json.dumps({"type": "metric", "step": 0, "eval_loss": 2.0}) + "\n")
    assert not any("chose the best" in note for note in bench.judge(limit=5).notes)


def test_a_worse_model_is_called_worse_and_a_like_one_alike(bench: Bench) -> None:
    worse = bench.judge(models={"tuned_loss": lambda tokens: 2.5}, generate=False)
    assert worse.verdict.startswith(
        f"The tuned model fits the answers of {ROWS} held-out questions worse than its base"
    )
    (bench.job / ITEMS_FILE).unlink()
    like = bench.judge(models={"tuned_loss": lambda tokens: 2.0 + (tokens % 2 - 0.5) / 50}, generate=False)
    assert like.verdict.startswith("No measurable difference between the tuned model and its base")


def test_the_draw_depends_on_the_seed_only(bench: Bench) -> None:
    drawn = {}
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        bench.judge(limit=8, seed=seed, generate=False)
        drawn[name] = {json.loads(line)["id"] for line in bench.lines()}
        (bench.job / ITEMS_FILE).unlink()
    assert drawn["one"] == drawn["again"] != drawn["other"] and len(drawn["one"]) == 8


def test_progress_only_goes_forward_to_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heldout, "WINDOW_ITEMS", 8)
    listener = Listener()
    bench.judge(listener)
    done = [done for done, _ in listener.heard]
    assert done == sorted(done) and done[0] == 0 and done[-1] == ROWS
    assert {total for _, total in listener.heard} == {ROWS}


def test_stop_and_keep_reports_what_is_measured_and_discard_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heldout, "WINDOW_ITEMS", 8)
    found = bench.judge(Listener("keep", after=12))
    assert not found.complete and 8 <= found.items < ROWS and found.items == len(bench.lines())
    assert f"Stopped after {found.items} of {ROWS} items" in found.notes[0]
    went_on = bench.judge()
    assert went_on.complete and went_on.items == ROWS
    assert len(bench.opened[0].asked) + len(bench.opened[1].asked) == ROWS
    (bench.job / ITEMS_FILE).unlink()
    found.save(bench.job)
    assert bench.judge(Listener("discard", after=12)) is None and bench.lines() == []
    assert not (bench.job / RESULT_FILE).exists()
    at_once = Listener("keep", after=0)
    assert bench.judge(at_once) is None and "nothing to report" in at_once.logs[-1]


def test_a_killed_evaluation_goes_on_behind_its_last_whole_item(bench: Bench) -> None:
    EvaluationRequest("heldout", bench.run).save(bench.job)
    with pytest.raises(KeyboardInterrupt):
        bench.judge(models={"breaks_after": 11})
    path = bench.job / ITEMS_FILE
    assert len(bench.lines()) == 11 and can_go_on(bench.job)
    path.write_text(path.read_text() + '{"id": "r0')  # a line that the kill has cut
    before = bench.lines()[:11]
    listener = Listener()
    found = bench.judge(listener)
    assert found.complete and found.items == ROWS and bench.lines()[:11] == before
    assert len({json.loads(line)["id"] for line in bench.lines()}) == ROWS
    assert len(bench.opened[1].asked) == ROWS - 11 and listener.logs == ["Going on behind 11 items."]
    assert listener.heard[0] == (11, ROWS)


def test_answers_of_other_weights_are_not_mixed_in(bench: Bench) -> None:
    with pytest.raises(KeyboardInterrupt):
        bench.judge(models={"breaks_after": 11})
    listener = Listener()
    bench.judge(listener, models={"weights": "def"})
    assert "begins anew" in listener.logs[0] and len(bench.opened[1].asked) == ROWS


def test_rows_that_do_not_fit_are_counted(bench: Bench) -> None:
    config = {"model": "made/up", "max_length": 40}
    lengths = [len(encode(record(number), Models.template, 10**6).input_ids) for number in range(ROWS)]
    prompts = [len(Models.template.prompt_ids(record(number).context)) for number in range(ROWS)]
    config["max_length"] = limit = sorted(set(prompts))[-1]  # the longest questions alone fill it
    (bench.run / "config.json").write_text(json.dumps(config))
    found = bench.judge()
    unanswered = sum(prompt >= limit for prompt in prompts)
    cut = [length - limit for length, prompt in zip(lengths, prompts, strict=True) if prompt < limit < length]
    assert found.complete and found.items == ROWS - unanswered and unanswered and cut
    assert f"{unanswered} rows are left out: the question alone fills {limit} tokens." in found.notes
    assert any(f"{len(cut)} rows are longer" in note and f"{sum(cut):,} tokens" in note for note in found.notes)
    (bench.run / "config.json").write_text(json.dumps(config | {"max_length": 16}))
    (bench.job / ITEMS_FILE).unlink()
    with pytest.raises(DatasetError, match="Not one held-out row has an answer within 16 tokens"):
        bench.judge()


def test_changed_deleted_and_empty_data_are_told(bench: Bench) -> None:
    path = bench.settings.datasets / "asthma-1" / EVAL
    whole = path.read_text()
    path.write_text(whole.replace("Iron", "Zinc", 1))
    with pytest.raises(DatasetError, match="has changed since this run was trained"):
        bench.judge()
    path.write_text("")
    (bench.run / "plan.json").write_text(json.dumps({"dataset_sha256": hash_of(path.parent)}))
    with pytest.raises(DatasetError, match="holds no row out"):
        bench.judge()
    path.parent.rename(path.parent.with_name("gone"))
    with pytest.raises(DatasetError, match="has been deleted"):
        bench.judge()
    (bench.run / "plan.json").unlink()
    with pytest.raises(JobError, match="does not say what it was trained on"):
        bench.judge()
    assert bench.opened == []  # no model is loaded for what cannot be judged


def test_a_loss_that_is_no_number_is_told(bench: Bench) -> None:
    with pytest.raises(ModelError, match="tuned model's loss is not a number"):
        bench.judge(models={"tuned_loss": lambda tokens: math.nan})


def test_options_are_checked_all_at_once(bench: Bench) -> None:
    assert HeldoutOptions.from_json({}) == HeldoutOptions()
    with pytest.raises(ConfigError) as caught:
        bench.judge(limit=-1, seed=True, generate="yes", max_new_tokens=0, adapter="", extra=1)
    named = {problem.field for problem in caught.value.problems}
    assert named == {"limit", "seed", "generate", "max_new_tokens", "adapter", "extra"}


def test_a_run_without_an_adapter_is_told(bench: Bench) -> None:
    EvaluationRequest("heldout", bench.run, {"limit": 3}).save(bench.job)
    with pytest.raises(ModelError, match="no adapter yet"):
        evaluate(bench.job, Listener())


def test_one_item_is_enough_for_an_honest_sentence() -> None:
    item = {"id": "r", "reference_tokens": 5, "base": {"loss": 2.0, "answer": ""}, "tuned": {"loss": 1.0, "answer": ""}}
    assert verdict(measures([item])) == (
        "Too few items for a verdict (1 held-out question): loss 1.000 against 2.000 per answer token, "
        "a difference of -1.000 (95 % interval -1.000 to -1.000)."
    )
