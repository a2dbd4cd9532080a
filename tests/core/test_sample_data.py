"""The sample data under data/: form, size, style, split, balance, and nothing that could point to a person."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
CLOSINGS = ("Seek emergency care", "See a doctor", "Ask a clinician")
IDENTIFIERS = {
    "e-mail": re.compile(r"[\w.+-]+@[\w-]+\.\w+"),
    "web address": re.compile(r"https?://|www\.|\b\w+\.(?:com|org|net|edu|gov)\b", re.IGNORECASE),
    "telephone": re.compile(r"\+?\d(?:[\s().-]*\d){6,}"),
    "date": re.compile(
        r"\b\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}\b|\b(?:19|20)\d\d\b"
        r"|\b(?:January|February|March|April|June|July|August|September|October|November|December)\b"
        r"|\b\d{1,2}(?:st|nd|rd|th)?\s+May\b|\bMay\s+\d{1,2}\b"
    ),
    "name with title": re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\b\.?\s+[A-Z]"),
}
DOSE = re.compile(r"\b\d+(?:\.\d+)?\s?(?:mg|g|mcg|µg|micrograms?|milligrams?|grams?|ml|millilitres?|units?)\b", re.I)


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


TRAIN = read("medical_qa_train.jsonl")
EVAL = read("medical_qa_eval.jsonl")
MCQ = read("medical_mcq.jsonl")


def folded(text: str) -> str:
    return " ".join(text.casefold().split())


def shingles(text: str, length: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def texts(row: dict[str, Any]) -> list[str]:
    values = chain.from_iterable(value if isinstance(value, list) else [value] for value in row.values())
    return [value for value in values if isinstance(value, str)]


@pytest.mark.parametrize(
    ("rows", "least_rows", "least_topics"), [(TRAIN, 320, 50), (EVAL, 72, 12)], ids=["train", "eval"]
)
def test_there_are_enough_rows_and_topics(rows: list[dict[str, Any]], least_rows: int, least_topics: int) -> None:
    assert len(rows) >= least_rows
    per_topic = Counter(row["topic"] for row in rows)
    assert len(per_topic) >= least_topics
    assert min(per_topic.values()) >= 4


@pytest.mark.parametrize("row", [*TRAIN, *EVAL], ids=lambda row: row["prompt"][:40])
def test_a_question_row_has_the_form_and_the_house_style(row: dict[str, Any]) -> None:
    assert list(row) == ["prompt", "response", "topic"]
    for text in row.values():
        assert isinstance(text, str)
        assert text == " ".join(text.split()) != ""
    assert row["prompt"].endswith("?")
    assert 15 <= len(row["response"].split()) <= 90
    assert row["response"].endswith(".")
    assert re.split(r"(?<=[.?!])\s+", row["response"])[-1].startswith(CLOSINGS)


def test_every_line_is_utf8_json_without_blank_lines() -> None:
    for path in sorted(DATA.glob("medical_*.jsonl")):
        raw = path.read_bytes()
        assert raw.endswith(b"\n") and not raw.startswith(b"\xef\xbb\xbf") and b"\r" not in raw and b"\n\n" not in raw
        assert "\ufffd" not in raw.decode("utf-8")


@pytest.mark.parametrize("field", ["prompt", "response"])
def test_no_prompt_or_answer_occurs_twice(field: str) -> None:
    counts = Counter(folded(row[field]) for row in [*TRAIN, *EVAL])
    assert [text for text, count in counts.items() if count > 1] == []


def test_train_and_eval_share_no_topic() -> None:
    assert {folded(row["topic"]) for row in TRAIN} & {folded(row["topic"]) for row in EVAL} == set()


@pytest.mark.parametrize("field", ["prompt", "response"])
def test_no_eval_text_is_close_to_a_train_text(field: str) -> None:
    # "What are the symptoms of …?" is asked in both on purpose; only the same words about the same thing are a leak
    size, limit = (5, 0.5) if field == "response" else (1, 0.9)
    train = [shingles(row[field], size) for row in TRAIN]
    for row in EVAL:
        own = shingles(row[field], size)
        closest = max(len(own & other) / len(own | other) for other in train)
        assert closest < limit, row[field]


def test_no_run_of_13_words_of_an_eval_answer_occurs_in_train() -> None:
    train = set().union(*(shingles(row["response"], 13) for row in TRAIN))
    assert [row["prompt"] for row in EVAL if shingles(row["response"], 13) & train] == []


def test_multiple_choice_rows_have_the_form() -> None:
    assert len(MCQ) >= 60
    assert len({row["id"] for row in MCQ}) == len({folded(row["question"]) for row in MCQ}) == len(MCQ)
    topics = {row["topic"] for row in [*TRAIN, *EVAL]}
    for row in MCQ:
        assert list(row) == ["id", "question", "choices", "answer", "explanation", "topic"]
        assert row["question"].endswith("?") and row["explanation"].endswith(".") and row["topic"] in topics
        assert len({folded(choice) for choice in row["choices"]}) == len(row["choices"]) == 4
        assert type(row["answer"]) is int and 0 <= row["answer"] <= 3
        assert all(choice == choice.strip() != "" for choice in row["choices"])


def test_neither_position_nor_length_gives_the_right_choice_away() -> None:
    positions = Counter(row["answer"] for row in MCQ)
    assert all(0.2 <= positions[position] / len(MCQ) <= 0.3 for position in range(4))
    lengths = [([len(choice) for choice in row["choices"]], row["answer"]) for row in MCQ]
    longest = sum(each[right] == max(each) for each, right in lengths) / len(MCQ)
    shortest = sum(each[right] == min(each) for each, right in lengths) / len(MCQ)
    assert longest <= 0.35 and shortest <= 0.35


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_nothing_looks_like_an_identifier(kind: str) -> None:
    found = [text for row in [*TRAIN, *EVAL, *MCQ] for text in texts(row)]
    assert [text for text in found if IDENTIFIERS[kind].search(text)] == []


def test_no_answer_names_a_dose() -> None:
    assert [row["response"] for row in [*TRAIN, *EVAL] if DOSE.search(row["response"])] == []


def test_the_readme_states_the_true_numbers_of_rows_and_topics() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"`(medical_\w+\.jsonl)` \| (\d+) \|", readme))
    assert stated == {
        "medical_qa_train.jsonl": str(len(TRAIN)),
        "medical_qa_eval.jsonl": str(len(EVAL)),
        "medical_mcq.jsonl": str(len(MCQ)),
    }
    assert f"{len({row['topic'] for row in TRAIN})} topics" in readme
    assert f"{len({row['topic'] for row in EVAL})} other topics" in readme
