"""The benchmark job on a tiny model: the same answers as lm-evaluation-harness alone, stop, resume, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError, JobError, ModelError
from core.evaluation.benchmark import harness
from core.evaluation.benchmark.run import run
from core.evaluation.evaluate import evaluate
from core.evaluation.result import ITEMS_FILE, EvaluationResult, read_items
from core.settings import SAMPLE_DATA
from tests.core.evaluation.benchmark_runs import Listener, make_job, make_run, write_rows

pytestmark = pytest.mark.thorough

SECRET = "Zanzibarium"  # stands in every question, so that it can be looked for where no question may be


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def pubmedqa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "QUESTION": f"Does {SECRET} {number} help in case {number * 7 % 10}?",
            "CONTEXTS": [f"Group {number} took {SECRET}.", f"Of {number + 3} people {number} got well."],
            "final_decision": ("yes", "no", "maybe")[number % 3],
        }
        for number in range(15)
    ]
    return write_rows(tmp_path_factory.mktemp("files") / "pubmedqa.jsonl", rows)


def lm_eval_alone(run_dir: Path, docs: Path, task: dict[str, Any], peft: bool, cache: Path) -> list[dict[str, Any]]:
    """What the harness says by itself: its own loading, its own PEFT, its own reader of the file."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    base = json.loads((run_dir / "config.json").read_text())["model"]
    arguments = {"pretrained": base, "dtype": "float32"} | ({"peft": str(run_dir / "adapter")} if peft else {})
    config = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(docs)}, "cache_dir": str(cache)},
        "output_type": "multiple_choice",
        "test_split": "test",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    with harness.quiet():
        found = lm_eval.simple_evaluate(
            model="hf",
            model_args=arguments,
            tasks=[config | task],
            batch_size=3,
            device="cpu",
            bootstrap_iters=0,
            task_manager=TaskManager(include_defaults=False),  # indexing its thousands of tasks takes ten seconds
        )
    assert found is not None
    return list(found["samples"][task["task"]])


@pytest.mark.parametrize(
    "which",
    ["letters", pytest.param("pubmedqa", marks=pytest.mark.slow), pytest.param("texts", marks=pytest.mark.slow)],
)
def test_each_answer_is_that_of_the_harness_alone(
    judged: Path, pubmedqa: Path, which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    task: dict[str, Any] = {
        "pubmedqa": {
            "doc_to_text": "Abstract: {{CONTEXTS|join('\n')}}\nQuestion: {{QUESTION}}\nAnswer:",
            "doc_to_target": "final_decision",
            "doc_to_choice": ["yes", "no", "maybe"],
        },
        "letters": {
            "doc_to_text": "Question: {{question}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:",
            "doc_to_target": "answer",
            "doc_to_choice": ["A", "B", "C", "D"],
        },
        "texts": {
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "answer",
            "doc_to_choice": "choices",
        },
    }[which]
    docs = pubmedqa if which == "pubmedqa" else SAMPLE_DATA / "medical_mcq.jsonl"
    options: dict[str, Any] = {"tasks": [which], "files": {which: str(docs)}, "limit": 15}
    job_dir, request = make_job(judged, f"alone-{which}", **options, form="texts" if which == "texts" else "letters")
    assert run(job_dir, request, Listener()) is not None
    items = list(read_items(job_dir))
    assert len(items) == 15
    for pane in ("base", "tuned"):
        theirs = lm_eval_alone(judged, docs, {"task": f"alone_{which}", **task}, pane == "tuned", tmp_path)
        for item, sample in zip(items, theirs, strict=False):
            assert item["prompt"] == sample["arguments"][0][0]
            assert item[pane]["right"] == (sample["acc"] == 1.0)
            ours = item[pane]["loglikelihoods"]
            assert ours == pytest.approx([answer[0] for answer in sample["filtered_resps"]], abs=1e-4)
    changed = sum(item["base"]["loglikelihoods"] != item["tuned"]["loglikelihoods"] for item in items)
    assert changed == len(items), "the adapter was not applied"


def test_a_whole_job_with_several_benchmarks(judged: Path) -> None:
    job_dir, _ = make_job(judged, "whole", tasks=["medical_mcq", "general_mcq"], limit=20, seed=3)
    listener = Listener()
    evaluate(job_dir, listener)
    result = EvaluationResult.read(job_dir)
    items = list(read_items(job_dir))
    assert result.complete and result.items == 40 == len(items)
    assert [measure.name for measure in result.measures] == ["medical_mcq", "general_mcq"]
    for measure in result.measures:
        of_task = [item for item in items if item["task"] == measure.name]
        for pane, found in (("base", measure.comparison.base), ("tuned", measure.comparison.tuned)):
            right = sum(item[pane]["right"] for item in of_task)
            assert found.value == right / 20 and found.low < found.value < found.high
            assert all(item[pane]["right"] == (item[pane]["answer"] == item["reference"]) for item in of_task)
        assert measure.facts["chance"] == 0.25
        assert 0 <= measure.facts["p_holm"] <= 1 and measure.facts["comparisons"] == 2
    assert 0.25 <= result.measures[0].facts["majority"] <= 0.5
    chosen = [item["choices"].index(item["base"]["answer"]) for item in items if item["task"] == "medical_mcq"]
    assert result.measures[0].facts["same_option_percent"] <= 100 * max(map(chosen.count, range(4))) / 20 + 1e-9
    assert "2 comparisons" in result.verdict and result.models["dtype"] == "float32"
    assert [phase for phase in listener.phases if phase[0].startswith("answer")][-1] == ("answered", 40, 40)
    assert listener.values["items"] == 40


def test_an_adapter_that_peft_has_to_compute_takes_turns_with_the_base(judged: Path, tmp_path: Path) -> None:
    found = {}
    base = Path(json.loads((judged / "config.json").read_text())["model"])
    for name, run_dir in (("plain", judged), ("dora", make_run(tmp_path, base, use_dora=True))):
        job_dir, request = make_job(run_dir, f"turns-{name}", tasks=["general_mcq"], limit=10)
        assert run(job_dir, request, Listener()) is not None
        found[name] = list(read_items(job_dir))
    for plain, dora in zip(found["plain"], found["dora"], strict=True):
        assert plain["base"] == dora["base"]
        assert dora["tuned"]["loglikelihoods"] != dora["base"]["loglikelihoods"]


def test_stop_and_keep_reports_the_first_questions(judged: Path) -> None:
    job_dir, request = make_job(judged, "kept", tasks=["medical_mcq"], batch_rows=2)
    result = run(job_dir, request, Listener("keep", after=12))
    assert result is not None and not result.complete
    items = list(read_items(job_dir))
    assert 0 < len(items) == result.items < 72
    assert [item["id"] for item in items] == [f"medical_mcq-{number:05d}" for number in range(1, len(items) + 1)]


def test_discard_gives_no_result_and_stopping_at_once_says_so(judged: Path) -> None:
    job_dir, request = make_job(judged, "discarded", tasks=["medical_mcq"], batch_rows=2)
    assert run(job_dir, request, Listener("discard", after=12)) is None
    job_dir, request = make_job(judged, "early", tasks=["medical_mcq"])
    with pytest.raises(JobError, match="before the first answer"):
        run(job_dir, request, Listener("keep", after=0))


def test_a_killed_job_goes_on_where_it_was(judged: Path) -> None:
    options: dict[str, Any] = {"tasks": ["medical_mcq", "general_mcq"], "limit": 24, "batch_rows": 2}
    whole_dir, request = make_job(judged, "unharmed", **options)
    unharmed, listener = run(whole_dir, request, counted := Listener()), Listener()
    job_dir, request = make_job(judged, "killed", **options)
    with pytest.raises(KeyboardInterrupt):
        run(job_dir, request, Listener(kill_at=counted.looks // 2))
    done = list(read_items(job_dir))
    assert 0 < len(done) < 48
    with (job_dir / ITEMS_FILE).open("a") as file:
        file.write('{"id": "medical_mcq-0')  # what a kill in the middle of a line leaves
    resumed = run(job_dir, request, listener)
    assert list(read_items(job_dir))[: len(done)] == done
    assert list(read_items(job_dir)) == list(read_items(whole_dir))
    assert listener.looks < 0.75 * counted.looks, "answered questions were asked again"
    assert resumed is not None and unharmed is not None
    assert (resumed.verdict, resumed.measures) == (unharmed.verdict, unharmed.measures)


def test_a_resumed_job_does_not_need_the_upload_any_more(judged: Path, tmp_path: Path) -> None:
    rows = [
        {"question": f"Question {number}?", "choices": ["one", "two"], "answer": number % 2} for number in range(12)
    ]
    upload = write_rows(tmp_path / "mine.jsonl", rows)
    job_dir, request = make_job(judged, "kept-file", tasks=["mine"], files={"mine": str(upload)}, batch_rows=1)
    run(job_dir, request, Listener("keep", after=20))
    done = list(read_items(job_dir))
    upload.unlink()
    result = run(job_dir, request, Listener())
    assert 0 < len(done) < 12 and result is not None and result.complete
    assert list(read_items(job_dir))[: len(done)] == done
    assert result.settings["sources"]["mine"]["file"] == "mine.jsonl"


def test_items_of_other_options_are_not_taken_up(judged: Path) -> None:
    job_dir, request = make_job(judged, "changed", tasks=["medical_mcq"], limit=10)
    run(job_dir, request, Listener())
    job_dir, request = make_job(judged, "changed", tasks=["medical_mcq"], limit=10, form="texts")
    run(job_dir, request, Listener())
    assert all(item["prompt"].count("\n") == 1 for item in read_items(job_dir))


def test_prompts_longer_than_the_context_are_told(judged: Path, tmp_path: Path) -> None:
    rows = [
        {
            "question": f"Question {number}? " + "long " * (200 if number < 3 else 1),
            "choices": ["one", "two"],
            "answer": 0,
        }
        for number in range(12)
    ]
    long = write_rows(tmp_path / "long.jsonl", rows)
    job_dir, request = make_job(judged, "long", tasks=["long"], files={"long": str(long)})
    result = run(job_dir, request, Listener())
    assert result is not None
    assert [item["cut"] for item in read_items(job_dir)] == [True] * 3 + [False] * 9
    assert any("3 of 12 prompts are longer than the model's context" in note for note in result.notes)


def test_the_chat_template_reaches_the_prompt(judged: Path) -> None:
    job_dir, request = make_job(judged, "chat", tasks=["general_mcq"], limit=10, apply_chat_template=True)
    result = run(job_dir, request, Listener())
    assert result is not None and result.settings["chat_template"] is True
    prompt = next(read_items(job_dir))["prompt"]
    assert prompt.startswith("<|im_start|>user\nQuestion: ") and prompt.endswith("<|im_start|>assistant\n")


def test_a_task_from_the_hub_with_solved_examples(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    rows = {
        split: [
            {
                "question": f"{split} question {number}?",
                "choices": {"text": ["one", "two", "three"], "label": ["A", "B", "C"]},
                "answerKey": "ABC"[number % 3],
            }
            for number in range(14)
        ]
        for split in ("train", "validation", "test")
    }
    asked_for = []

    def load_dataset(path: str, name: str, **_: Any) -> Any:
        asked_for.append((path, name))
        return datasets.DatasetDict({split: datasets.Dataset.from_list(of) for split, of in rows.items()})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    job_dir, request = make_job(judged, "examples", tasks=["arc_easy"], limit=12, fewshot=2)
    result = run(job_dir, request, Listener())
    assert result is not None and asked_for == [("allenai/ai2_arc", "ARC-Easy")]
    assert result.settings["sources"] == {"arc_easy": {"hub": "allenai/ai2_arc"}}
    for number, item in enumerate(read_items(job_dir)):
        *examples, last = item["prompt"].split("\n\n")
        assert last == f"Question: test question {number}?\nAnswer:"
        assert len(examples) == 2 and all(example.startswith("Question: train question") for example in examples)
        assert item["reference"] == ["one", "two", "three"][number % 3]


def test_a_file_without_answers_is_refused(judged: Path, tmp_path: Path) -> None:
    rows = [{"question": f"Question {number}?", "choices": ["one", "two", "three"]} for number in range(5)]
    file = write_rows(tmp_path / "unanswered.jsonl", rows)
    job_dir, request = make_job(judged, "unanswered", tasks=["mine"], files={"mine": str(file)})
    with pytest.raises(InputError, match="unanswered.jsonl cannot be used as a benchmark"):
        run(job_dir, request, Listener())


def test_an_unreachable_hub_names_the_way_by_file(judged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    job_dir, request = make_job(judged, "hub", tasks=["medqa_4options"])
    with pytest.raises(InputError, match="MedQA could not be fetched") as error:
        run(job_dir, request, Listener())
    assert "local file" in error.value.hint
    job_dir, request = make_job(judged, "script", tasks=["pubmedqa"])
    with pytest.raises(InputError, match="is a program") as error:
        run(job_dir, request, Listener())
    assert "local file" in error.value.hint


def test_a_run_without_adapter_is_refused(judged: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "runs" / "bare"
    run_dir.mkdir(parents=True)
    (run_dir / "config.json").write_text((judged / "config.json").read_text())
    job_dir, request = make_job(run_dir, "bare")
    with pytest.raises(ModelError, match="no adapter yet"):
        run(job_dir, request, Listener())


@pytest.mark.slow
@pytest.mark.realdata
def test_real_weights_on_real_questions_answer_as_the_harness_alone(
    realdata: Path, default_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen questions of PubMedQA; docs/judging.md has all 500 by lm_eval's command line."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    file = realdata / "bench" / "pubmedqa_test.jsonl"
    real = make_run(tmp_path / "home", default_model)
    job_dir, request = make_job(real, "real", tasks=["pubmedqa"], files={"pubmedqa": str(file)}, limit=16)
    assert run(job_dir, request, Listener()) is not None
    first = write_rows(tmp_path / "first.jsonl", [json.loads(line) for line in file.read_text().splitlines()[:16]])
    task = {
        "task": "pubmedqa_file",
        "doc_to_text": "Abstract: {{abstract}}\nQuestion: {{question}}\nAnswer:",
        "doc_to_target": "answer",
        "doc_to_choice": ["yes", "no", "maybe"],
    }
    theirs = lm_eval_alone(real, first, task, peft=False, cache=tmp_path)
    for item, sample in zip(read_items(job_dir), theirs, strict=True):
        assert item["prompt"] == sample["arguments"][0][0]
        assert item["base"]["right"] == (sample["acc"] == 1.0)
        likelihoods = [answer[0] for answer in sample["filtered_resps"]]
        assert item["base"]["loglikelihoods"] == pytest.approx(likelihoods, abs=1e-3)


def test_no_network_and_no_question_in_any_log(
    judged: Path, pubmedqa: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: Any
) -> None:
    import socket

    def refused(*arguments: Any, **_: Any) -> None:
        raise AssertionError(f"a network call to {arguments[-1]}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    caplog.set_level(0)
    files = {"pubmedqa": str(pubmedqa)}
    job_dir, request = make_job(judged, "silent", tasks=["pubmedqa", "general_mcq"], files=files, limit=12)
    result = run(job_dir, request, listener := Listener())
    assert result is not None
    said = capfd.readouterr()
    told = [said.out, said.err, caplog.text, json.dumps(result.to_json()), repr(listener.phases)]
    assert not [text for text in told if SECRET in text]
    assert SECRET in (job_dir / ITEMS_FILE).read_text()
