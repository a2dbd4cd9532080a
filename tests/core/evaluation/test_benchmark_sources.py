"""From options to questions: what is refused at once, how files become the harness's documents, our general questions."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError, InputError
from core.evaluation.benchmark.options import BenchmarkOptions
from core.evaluation.benchmark.sources import documents, read_choices, skipped_sentences
from core.evaluation.benchmark.tasks import TASKS, find_task, uploaded_task
from core.settings import SAMPLE_DATA
from tests.core.evaluation.benchmark_runs import write_rows

GENERAL = [json.loads(line) for line in (SAMPLE_DATA / "general_mcq.jsonl").read_text(encoding="utf-8").splitlines()]
MEDICAL_WORDS = re.compile(r"patient|disease|doctor|medicine|symptom|drug|blood|heart|hospital|illness", re.IGNORECASE)


def task(name: str) -> Any:
    found = find_task(name)
    assert found is not None
    return found


def test_every_problem_of_the_options_is_told_at_once() -> None:
    body = {
        "tasks": ["pubmedqa", "nonsense", "hellaswag"],
        "files": {"hellaswag": "x.jsonl", "other": "y.jsonl"},
        "limit": -1,
        "fewshot": 2,
        "form": "sung",
        "apply_chat_template": 1,
        "colour": "red",
    }
    with pytest.raises(ConfigError) as error:
        BenchmarkOptions.from_json(body)
    fields = Counter(problem.field for problem in error.value.problems)
    assert set(fields) == {"tasks", "files", "limit", "fewshot", "form", "apply_chat_template", "colour"}
    assert fields["files"] == 2  # hellaswag reads none, and nobody chose "other"


def test_options_survive_json() -> None:
    options = BenchmarkOptions.from_json({"tasks": ["mine", "medmcqa", "mine"], "files": {"mine": "a.csv"}, "limit": 7})
    assert options.tasks == ("mine", "medmcqa")
    assert BenchmarkOptions.from_json(json.loads(json.dumps(options.to_json()))) == options


@pytest.mark.parametrize("name", [known.name for known in TASKS if known.folder and known.reads_files])
def test_a_local_file_becomes_documents_of_every_task(name: str, tmp_path: Path) -> None:
    if name == "pubmedqa":
        rows: list[dict[str, Any]] = [
            {"id": "7", "question": "Q1?", "abstract": "A\nB", "answer": "no"},
            {"id": "8", "question": "Q2?", "abstract": "C", "answer": "yes"},
        ]
        expected = {"QUESTION": "Q1?", "CONTEXTS": ["A\nB"], "final_decision": "no"}
    else:
        rows = [
            {"question": f"What is question {number}?", "choices": ["w", "x", "y", "z"], "answer": "DAB"[number]}
            for number in range(3)
        ]
        expected = {
            "medqa": {"sent1": "What is question 0?", "ending0": "w", "ending3": "z", "label": 3},
            "medmcqa": {"question": "What is question 0?", "opa": "w", "opd": "z", "cop": 3},
            "mmlu": {"question": "What is question 0?", "choices": ["w", "x", "y", "z"], "answer": 3},
            "arc": {"choices": {"text": ["w", "x", "y", "z"], "label": ["A", "B", "C", "D"]}, "answerKey": "D"},
        }[task(name).columns]
    read = read_choices(write_rows(tmp_path / "rows.jsonl", rows), task(name))
    first = documents(task(name), read.questions)[0]
    assert {key: first[key] for key in expected} == expected
    assert len(read.questions) == len(rows) and not read.skipped and len(read.sha256[0]) == 64


def test_pubmedqa_as_it_is_published(tmp_path: Path) -> None:
    body = {
        str(number): {"QUESTION": f"Q{number}?", "CONTEXTS": ["one", "two"], "final_decision": decision}
        for number, decision in enumerate(("yes", "maybe", "perhaps"))
    }
    path = tmp_path / "test_set.json"
    path.write_text(json.dumps(body))
    read = read_choices(path, task("pubmedqa"))
    assert [question.contexts for question in read.questions] == [("one", "two")] * 2
    assert list(skipped_sentences("PubMedQA", read.skipped)) == [
        "PubMedQA: 1 row left out; it does not say yes, no or maybe."
    ]


def test_rows_that_do_not_fit_are_counted_and_a_file_of_them_refused(tmp_path: Path) -> None:
    three = [{"question": f"What is {number}?", "choices": ["a1", "b2", "c3"], "answer": 0} for number in range(4)]
    four = [{"question": f"What is {number}?", "choices": ["a1", "b2", "c3", "d4"], "answer": 0} for number in range(4)]
    read = read_choices(write_rows(tmp_path / "mixed.jsonl", three + four), task("medqa_4options"))
    assert (len(read.questions), sum(read.skipped.values())) == (4, 4)
    assert len(read_choices(tmp_path / "mixed.jsonl", uploaded_task("mine", "letters")).questions) == 8
    with pytest.raises(InputError, match="has not four options"):
        read_choices(write_rows(tmp_path / "three.jsonl", three), task("medqa_4options"))
    plain = [{"prompt": f"What is {number}?", "response": f"It is number {number}, of course."} for number in range(4)]
    with pytest.raises(InputError, match="holds no options"):
        read_choices(write_rows(tmp_path / "plain.jsonl", plain), uploaded_task("mine", "letters"))
    with pytest.raises(InputError, match="no column for the context"):
        read_choices(write_rows(tmp_path / "no_context.jsonl", four), task("pubmedqa"))


def test_a_letter_is_a_place_where_a_whole_file_answers_by_letter(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": f"What is {number}?", "choices": ["one", "two", "three", "four"], "answer": "ABCD"[number % 4]}
        for number in range(8)
    ]
    rows.append({"question": "Which of them?", "choices": ["a", "c", "a and c", "none"], "answer": "C"})
    read = read_choices(write_rows(tmp_path / "letters.jsonl", rows), uploaded_task("mine", "letters"))
    assert [question.answer for question in read.questions] == [0, 1, 2, 3, 0, 1, 2, 3, 2]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "name", "rows"),
    [
        ("bench/pubmedqa_test.jsonl", "pubmedqa", 500),
        ("raw/pubmedqa_test_set.json", "pubmedqa", 500),
        ("bench/medmcqa_validation.jsonl", "medmcqa", 4183),
        ("raw/medmcqa_dev_first3000.json", "medmcqa", 3000),
        ("raw/mmlu_professional_medicine_test.csv", "mmlu_professional_medicine", 272),
    ],
)
def test_the_published_files_are_read_whole(realdata: Path, file: str, name: str, rows: int) -> None:
    read = read_choices(realdata / file, task(name))
    assert (len(read.questions), dict(read.skipped)) == (rows, {})


@pytest.mark.realdata
def test_two_copies_of_a_benchmark_agree(realdata: Path) -> None:
    ours = read_choices(realdata / "bench/medmcqa_validation.jsonl", task("medmcqa")).questions[:3000]
    raw = read_choices(realdata / "raw/medmcqa_dev_first3000.json", task("medmcqa")).questions
    assert [question.answer for question in ours] == [question.answer for question in raw]
    majority = Counter(
        question.answer for question in read_choices(realdata / "bench/pubmedqa_test.jsonl", task("pubmedqa")).questions
    )
    assert majority[0] / 500 == 0.552


def test_our_general_questions_are_well_formed() -> None:
    assert len(GENERAL) >= 60
    assert len({row["id"] for row in GENERAL}) == len({row["question"].lower() for row in GENERAL}) == len(GENERAL)
    for row in GENERAL:
        assert set(row) == {"id", "question", "choices", "answer", "topic"}
        assert len(row["choices"]) == 4 == len({choice.lower() for choice in row["choices"]}), row["id"]
        assert row["answer"] in range(4) and all(choice.strip() == choice for choice in row["choices"])
        assert not MEDICAL_WORDS.search(json.dumps(row)), row["id"]
    assert Counter(row["topic"] for row in GENERAL) == dict.fromkeys(
        ("everyday knowledge", "arithmetic", "language", "logic"), len(GENERAL) // 4
    )


def test_neither_place_nor_length_gives_a_general_answer_away() -> None:
    assert set(Counter(row["answer"] for row in GENERAL).values()) == {len(GENERAL) // 4}
    lengths = [([len(choice) for choice in row["choices"]], row["answer"]) for row in GENERAL]
    longest = sum(each[right] == max(each) for each, right in lengths) / len(GENERAL)
    shortest = sum(each[right] == min(each) for each, right in lengths) / len(GENERAL)
    assert longest <= 0.5 and shortest <= 0.5
    assert not {row["question"] for row in GENERAL} & {
        json.loads(line)["question"] for line in (SAMPLE_DATA / "medical_mcq.jsonl").read_text().splitlines()
    }
