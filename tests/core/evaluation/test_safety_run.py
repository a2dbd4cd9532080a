"""The safety job with models made by hand: what it finds, stop and resume, a person's word, and who reviewed the probes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from core.errors import ConfigError, InputError, JobError
from core.evaluation.evaluate import evaluate
from core.evaluation.result import EvaluationRequest, EvaluationResult, read_items
from core.evaluation.safety.overrule import overrule, overruled_result, overrules, safety_items
from core.evaluation.safety.probes import Probe, read_probes
from core.evaluation.safety.run import run
from core.evaluation.safety.signature import FILE, probe_review, sign_probes, withdraw_probes
from core.inference.messages import ChatOptions
from core.jobs.job import Job
from core.progress import SilentProgress, StopVerb
from core.records import Message
from core.settings import Settings
from tests.core.inference.tiny_model import save_adapter, save_base

pytestmark = pytest.mark.thorough

SET = read_probes()
BY_PROMPT = {probe.prompt: probe for probe in SET.probes}
ALL = len(SET.probes)
FLAGS = len(SET.of_kind("red_flag"))
Says = Callable[[Probe], str]


@dataclass(frozen=True)
class Said:
    text: str
    tokens: int = 12
    finish: str = "stop"


def good(probe: Probe) -> str:
    return probe.good


def bad(probe: Probe) -> str:
    return probe.bad


def misses(count: int) -> Says:
    missed = {probe.id for probe in SET.of_kind("red_flag")[:count]}
    return lambda probe: probe.bad if probe.id in missed else probe.good


@dataclass
class Models:
    """Both models, and what they were asked; the last is answered first, as batches come in any order."""

    base: Says
    tuned: Says
    name: str = "some/base"
    asked: list[str] = field(default_factory=list)
    die_after: int = ALL
    options: ChatOptions | None = None

    def answers(self, prompts: Sequence[Sequence[Message]], options: ChatOptions) -> Iterator[tuple[int, Any, Any]]:
        self.options = options
        for index in reversed(range(len(prompts))):
            if len(self.asked) >= self.die_after:
                raise KeyboardInterrupt
            probe = BY_PROMPT[prompts[index][-1].content]
            self.asked.append(probe.id)
            yield index, Said(self.base(probe)), Said(self.tuned(probe))

    def describe(self) -> Mapping[str, Any]:
        return {"base": self.name, "adapter_sha256": "1" * 64}


class Stops(SilentProgress):
    """A person who wants to stop after some answers."""

    def __init__(self, verb: StopVerb, models: Models, after: int) -> None:
        self.verb, self.models, self.after = verb, models, after

    def stop_requested(self) -> StopVerb | None:
        return self.verb if len(self.models.asked) >= self.after else None


class Stoppable(Models):
    """Models that ask, as the real ones do, whether to go on."""

    progress: Stops | None = None

    def answers(self, prompts: Sequence[Sequence[Message]], options: ChatOptions) -> Iterator[tuple[int, Any, Any]]:
        for found in super().answers(prompts, options):
            yield found
            if self.progress and self.progress.stop_requested():
                return


@pytest.fixture
def job_dir(settings: Settings) -> Path:
    folder = settings.runs / "r1" / "evaluation" / "e1"
    folder.mkdir(parents=True)
    Job(folder, "evaluate", "Safety", "running", "2026-11-24T06:00:00.000+00:00", settings.home).save()
    return folder


def ask(job_dir: Path, models: Models, options: Mapping[str, Any] | None = None) -> EvaluationResult:
    request = EvaluationRequest("safety", job_dir.parent.parent, options or {})
    found = run(job_dir, request, SilentProgress(), models)
    assert found is not None
    found.save(job_dir)
    return found


def measure(result: EvaluationResult, name: str) -> Any:
    return next(measure for measure in result.measures if measure.name == name)


def test_the_sentence_says_what_was_missed_and_whether_it_can_be_told_from_chance(job_dir: Path) -> None:
    result = ask(job_dir, Models(base=misses(4), tuned=misses(6)))
    assert result.verdict == f"The tuned model missed 6 of {FLAGS} emergencies, the base 4: no measurable difference."
    assert result.complete and result.items == ALL == len(list(read_items(job_dir)))
    assert measure(result, "emergencies_recognised").comparison.lost == 2
    assert measure(result, "emergencies_told_apart").facts == {"base_passed": FLAGS - 4, "tuned_passed": FLAGS - 6}
    assert [item["id"] for item in read_items(job_dir)][:2] == [flag.id for flag, _ in SET.twins()][:2]


def test_a_worse_model_is_called_worse_by_name(job_dir: Path) -> None:
    result = ask(job_dir, Models(base=good, tuned=bad))
    assert f"missed {FLAGS} of {FLAGS} emergencies, the base 0: worse." in result.verdict
    assert "It is worse at staying calm about harmless look-alikes, refusing harmful requests" in result.verdict
    assert all(found.comparison.verdict == "worse" for found in result.measures)
    assert EvaluationResult.read(job_dir) == result


def test_a_model_that_always_cries_wolf_tells_nothing_apart(job_dir: Path) -> None:
    result = ask(job_dir, Models(base=good, tuned=lambda probe: "Call an ambulance immediately."))
    assert measure(result, "emergencies_recognised").facts["tuned_passed"] == FLAGS
    assert measure(result, "twins_calm").facts["tuned_passed"] == 0
    assert measure(result, "emergencies_told_apart").comparison.verdict == "worse"


def test_answers_that_cannot_be_scored_never_pass_and_are_counted(job_dir: Path) -> None:
    result = ask(job_dir, Models(base=good, tuned=lambda probe: "the same again " * 30))
    assert all(found.comparison.tuned.value == 0 for found in result.measures)
    assert measure(result, "twins_calm").facts["tuned_not_scorable"] == FLAGS
    assert any(f"{ALL} of the tuned model, 0 of the base" in note for note in result.notes)


def test_items_hold_answer_verdict_and_the_rule_that_fired(job_dir: Path) -> None:
    ask(job_dir, Models(base=good, tuned=bad), {"per_kind": 2})
    item = next(item for item in read_items(job_dir) if item["id"] == SET.probes[0].id)
    assert item["base"]["verdict"] == "pass" and item["base"]["rule"] == "emergency care advised"
    assert item["base"]["said"] and item["base"]["passed"] == item["base"]["early"] == 1.0
    assert item["tuned"]["answer"] == SET.probes[0].bad and item["tuned"]["verdict"] == "fail"
    assert item["reference"] and item["rationale"] and item["source"]


def test_it_is_asked_greedily_and_fewer_of_each_kind_keep_their_twins(job_dir: Path) -> None:
    models = Models(base=good, tuned=good)
    result = ask(job_dir, models, {"per_kind": 3, "max_new_tokens": 64, "system": "Be brief."})
    assert models.options == ChatOptions(temperature=0, max_new_tokens=64, system="Be brief.")
    assert result.items == 18 and measure(result, "emergencies_told_apart").comparison.items == 3
    assert measure(result, "dose_safe").comparison.verdict == "too few items"


@pytest.mark.parametrize(
    "options", [{"max_new_tokens": 8}, {"max_new_tokens": True}, {"per_kind": -1}, {"system": 3}, {"colour": "red"}]
)
def test_wrong_options_are_told(job_dir: Path, options: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        ask(job_dir, Models(base=good, tuned=good), options)


def test_after_a_crash_no_answer_is_asked_for_again(job_dir: Path) -> None:
    first = Models(base=good, tuned=misses(3), die_after=40)
    with pytest.raises(KeyboardInterrupt):
        ask(job_dir, first)
    path = job_dir / "items.jsonl"
    path.write_text(path.read_text() + '{"id": "half a li')
    again = Models(base=good, tuned=misses(3))
    result = ask(job_dir, again)
    assert len(first.asked) == 40 and len(again.asked) == ALL - 40
    assert not set(first.asked) & set(again.asked)
    assert result.complete and f"missed 3 of {FLAGS}" in result.verdict


@pytest.mark.parametrize("change", ["model", "options"])
def test_answers_of_another_model_or_setting_are_asked_for_again(job_dir: Path, change: str) -> None:
    ask(job_dir, Models(base=good, tuned=good))
    other = Models(base=good, tuned=bad, name="other/base" if change == "model" else "some/base")
    ask(job_dir, other, {"max_new_tokens": 100} if change == "options" else None)
    assert len(other.asked) == ALL == len(list(read_items(job_dir)))


def stopping(job_dir: Path, verb: StopVerb, after: int) -> EvaluationResult | None:
    models = Stoppable(base=good, tuned=good)
    models.progress = Stops(verb, models, after)
    return run(job_dir, EvaluationRequest("safety", job_dir.parent.parent), models.progress, models)


def test_stop_and_keep_reports_what_there_is(job_dir: Path) -> None:
    result = stopping(job_dir, "keep", 30)
    assert result is not None and result.items == 30 and not result.complete
    assert result.verdict == "Stopped early: no emergency was asked about, so nothing can be said about emergencies."
    assert {item["kind"] for item in read_items(job_dir)} == {"dose", "false_premise", "plain"}
    assert any("30 of" in note for note in result.notes)


def test_discard_keeps_nothing(job_dir: Path) -> None:
    assert stopping(job_dir, "discard", 30) is None
    assert not (job_dir / "items.jsonl").exists()


def test_stopped_before_the_first_answer_is_told(job_dir: Path) -> None:
    models = Models(base=good, tuned=good)
    models.answers = lambda prompts, options: iter(())  # type: ignore[method-assign]
    with pytest.raises(JobError, match="before the first answer"):
        ask(job_dir, models)


def test_a_person_overrules_and_the_result_says_so(job_dir: Path) -> None:
    ask(job_dir, Models(base=good, tuned=misses(2)))
    missed = SET.of_kind("red_flag")[0].id
    result = overrule(job_dir, missed, "tuned", "pass", "Dr Lee", "It says so in other words.")
    assert f"missed 1 of {FLAGS} emergencies, the base 0" in result.verdict
    assert f"1 of {2 * ALL} verdicts were overruled by Dr Lee." in result.notes
    assert EvaluationResult.read(job_dir) == result == overruled_result(job_dir)
    item = next(item for item in safety_items(job_dir) if item["id"] == missed)
    assert item["tuned"]["verdict"] == "fail" and item["tuned"]["stands"] == "pass"
    assert item["tuned"]["overruled"]["why"] == "It says so in other words." and item["base"]["overruled"] is None
    back = overrule(job_dir, missed, "tuned", "rule", "Dr Lee", "I misread it.")
    assert f"missed 2 of {FLAGS}" in back.verdict and not any("overruled" in note for note in back.notes)
    assert [entry["verdict"] for entry in overrules(job_dir)] == ["pass", "rule"]


def test_an_answer_that_no_rule_can_score_is_scored_by_a_person(job_dir: Path) -> None:
    ask(job_dir, Models(base=good, tuned=lambda probe: "-"))
    result = overrule(job_dir, SET.of_kind("twin")[0].id, "tuned", "pass", "Dr Lee", "Harmless.")
    assert measure(result, "twins_calm").facts["tuned_passed"] == 1
    assert measure(result, "twins_calm").facts["tuned_not_scorable"] == FLAGS - 1
    assert measure(result, "twins_calm").facts["overruled"] == 1


def test_overruling_needs_item_name_and_reason(job_dir: Path) -> None:
    with pytest.raises(JobError, match="no result yet"):
        overrule(job_dir, "rf-stroke", "tuned", "pass", "Dr Lee", "x")
    ask(job_dir, Models(base=good, tuned=good))
    for wrong in (
        ("rf-nothing", "tuned", "pass", "Dr Lee", "x"),
        ("rf-stroke", "other", "pass", "Dr Lee", "x"),
        ("rf-stroke", "tuned", "maybe", "Dr Lee", "x"),
        ("rf-stroke", "tuned", "pass", " ", "x"),
        ("rf-stroke", "tuned", "pass", "Dr Lee", ""),
    ):
        with pytest.raises(InputError):
            overrule(job_dir, *cast(Any, wrong))
    assert overrules(job_dir) == ()


def test_probes_are_drafts_until_a_named_person_signs_this_very_file(job_dir: Path, settings: Settings) -> None:
    result = ask(job_dir, Models(base=good, tuned=good), {"per_kind": 1})
    assert "drafted by engineers" in result.notes[0] and result.settings["probes_sha256"] == SET.sha256
    with pytest.raises(InputError, match="name and a profession"):
        sign_probes(settings.home, SET.sha256, "Dr Lee", "")
    signed = sign_probes(settings.home, SET.sha256, "Dr Lee", "emergency physician", "Fit for adults.")
    assert signed.signed and "reviewed by Dr Lee, emergency physician, on 2" in signed.sentence
    assert "reviewed by Dr Lee" in overruled_result(job_dir).notes[0]
    changed = probe_review(settings.home, "f" * 64)
    assert not changed.signed and "changed since the last signature" in changed.sentence
    gone = withdraw_probes(settings.home, SET.sha256, "Dr Lee", "emergency physician", "Found a mistake.")
    assert not gone.signed and "has withdrawn" in gone.sentence
    with pytest.raises(InputError, match="not signed"):
        withdraw_probes(settings.home, SET.sha256, "Dr Lee", "emergency physician", "")
    assert len(json.loads((settings.home / FILE).read_text())["entries"]) == 2


def test_the_job_finds_it_by_its_kind(job_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = Models(base=good, tuned=good)
    monkeypatch.setattr("core.evaluation.safety.run.Answering.open", lambda *_, **__: models)
    EvaluationRequest("safety", job_dir.parent.parent, {"per_kind": 2}).save(job_dir)
    evaluate(job_dir, SilentProgress())
    assert EvaluationResult.read(job_dir).items == 12


@pytest.mark.slow
def test_real_models_of_random_weights_are_asked_and_pass_nothing(job_dir: Path, settings: Settings) -> None:
    base = save_base(settings.models / "tiny")
    run_dir = job_dir.parent.parent
    (run_dir / "config.json").write_text(json.dumps({"model": str(base)}))
    save_adapter(run_dir / "adapter", base)
    request = EvaluationRequest("safety", run_dir, {"per_kind": 1, "max_new_tokens": 24})
    result = run(job_dir, request, SilentProgress())
    assert result is not None and result.items == 6 and len(result.models["adapter_sha256"]) == 64
    assert all(item["base"]["answer"] != item["tuned"]["answer"] for item in read_items(job_dir))
    assert all(found.comparison.tuned.value == 0 for found in result.measures), "noise is never safe"
    before = (job_dir / "items.jsonl").read_bytes()
    again = run(job_dir, request, SilentProgress())
    assert again is not None and again.measures == result.measures
    assert (job_dir / "items.jsonl").read_bytes() == before, "nothing was asked again"
