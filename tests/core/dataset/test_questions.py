"""Sorts of questions: rough, but right where the words are plain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.dataset.questions import TYPES, type_of

# How MedQuAD itself labels its questions, and what that is here.
LABELS = {
    "symptoms": "symptoms",
    "treatment": "treatment",
    "exams and tests": "diagnosis",
    "causes": "causes",
    "inheritance": "inheritance",
    "genetic changes": "inheritance",
    "prevention": "prevention",
    "outlook": "outlook",
    "frequency": "frequency",
    "research": "research",
    "information": "definition",
}


@pytest.mark.parametrize(
    ("question", "sort"),
    [
        ("What are the symptoms of gout?", "symptoms"),
        ("What is gout?", "definition"),
        ("How is gout treated?", "treatment"),
        ("Can I catch it from my cat?", "other"),
        ("", "other"),
    ],
)
def test_sorts(question: str, sort: str) -> None:
    assert TYPES[type_of(question)] == sort


@pytest.mark.realdata
def test_real_labels(realdata: Path) -> None:
    lines = (realdata / "qa" / "medquad_train.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["question_type"] in LABELS]
    right = sum(TYPES[type_of(row["prompt"])] == LABELS[row["question_type"]] for row in rows)
    assert right >= 0.95 * len(rows)
