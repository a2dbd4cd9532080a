"""Building blocks of small files in the forms that people have: questions, answers, and writers of each format."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from core.dataset.ingest import read_upload
from core.dataset.mapping import detect, to_records
from core.records import Record

Q = [
    "What are the early signs of iron deficiency?",
    "How should an asthma attack be treated at home?",
    "Why do my knees hurt after climbing stairs?",
    "Can I take paracetamol while breastfeeding?",
    "What causes recurrent kidney stones?",
    "Is shingles contagious to other people?",
    "How long does whooping cough last in adults?",
    "Which vaccines are recommended before travelling to Kenya?",
]
A = [
    "Tiredness, pale skin, brittle nails and shortness of breath on exertion are common early signs.",
    "Sit upright, take one puff of the reliever inhaler every minute up to ten, and call for help if it does not work.",
    "Pain behind the kneecap on stairs often comes from overload of the joint; strengthening the thigh usually helps.",
    "Yes. Only small amounts pass into milk, and the usual dose is considered safe for the baby.",
    "Drinking too little, a salty diet and inherited changes in calcium handling let crystals form again and again.",
    "The rash can pass the virus to people who never had chickenpox, until all blisters have crusted over.",
    "The cough often lasts for six to ten weeks, even after the bacteria are gone.",
    "Hepatitis A, typhoid and yellow fever are usually advised, and malaria tablets for most regions.",
]
TOPIC = ["iron deficiency", "asthma", "knee pain", "breastfeeding", "kidney stones", "shingles", "pertussis", "travel"]
OPTIONS = [["Iron", "Zinc", "Copper", "Lead"], ["Asthma", "Angina", "Anaemia", "Ataxia"]] * 4
N = range(len(Q))
CASE = "A 54-year-old man comes to the physician because of {} for two weeks. His pulse is 88/min. "


@dataclass(frozen=True)
class Form:
    """One file and what it must be understood as."""

    name: str
    data: Callable[[], bytes]
    kind: str
    columns: dict[str, str]
    rows: int = len(Q)
    first: tuple[str, str] = ("", "")
    last_answer: str = ""


def lines(rows: list[Any], **options: Any) -> Callable[[], bytes]:
    return lambda: "\n".join(json.dumps(row, ensure_ascii=False, **options) for row in rows).encode()


def document(value: Any, **options: Any) -> Callable[[], bytes]:
    return lambda: json.dumps(value, ensure_ascii=False, **options).encode()


def table(rows: list[list[Any]], delimiter: str = ",", end: str = "\n", encoding: str = "utf-8") -> Callable[[], bytes]:
    def cell(value: Any) -> str:
        text = str(value)
        quoted = any(sign in text for sign in (delimiter, '"', "\n", "\r"))
        return '"' + text.replace('"', '""') + '"' if quoted else text

    return lambda: (end.join(delimiter.join(map(cell, row)) for row in rows) + end).encode(encoding)


def archive(members: dict[str, Callable[[], bytes] | bytes]) -> Callable[[], bytes]:
    def pack() -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members.items():
                file.writestr(name, data if isinstance(data, bytes) else data())
        return packed.getvalue()

    return pack


def workbook(sheets: dict[str, list[list[Any]]]) -> Callable[[], bytes]:
    def write() -> bytes:
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        packed = io.BytesIO()
        book.save(packed)
        return packed.getvalue()

    return write


def parquet(rows: list[dict[str, Any]]) -> Callable[[], bytes]:
    def write() -> bytes:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet as files

        packed = io.BytesIO()
        files.write_table(pyarrow.Table.from_pylist(rows), packed)
        return packed.getvalue()

    return write


def xml(inner: str, root: str) -> Callable[[], bytes]:
    return lambda: f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


def options_dict(n: int) -> dict[str, str]:
    return dict(zip("ABCD", OPTIONS[n], strict=True))


def chat(n: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": Q[n]}, {"role": "assistant", "content": A[n]}]


def squad(articles: int = 2) -> dict[str, Any]:
    half = len(Q) // articles
    return {
        "version": "v2.0",
        "data": [
            {
                "title": f"Article {part}",
                "paragraphs": [
                    {
                        "context": f"Introduction. {A[n]} Further reading.",
                        "qas": [{"id": f"q{n}", "question": Q[n], "answers": [{"text": A[n], "answer_start": 14}]}],
                    }
                    for n in range(part * half, (part + 1) * half)
                ],
            }
            for part in range(articles)
        ],
    }


PAIR = {"prompt": "question", "response": "answer"}


def check(form: Form, folder: Path) -> None:
    """Read a form's file and compare what was understood."""
    path = folder / form.name
    path.write_bytes(form.data())
    upload = read_upload([path])
    mapping = detect(upload)
    assert mapping.kind == form.kind
    assert {role: mapping.column(role) for role in form.columns} == form.columns
    records = [item for item in to_records(upload, mapping) if isinstance(item, Record)]
    assert len(records) == form.rows
    assert all(record.prompt.strip() and record.response.strip() for record in records)
    if form.first[0]:
        assert (records[0].prompt, records[0].response) == form.first
    if form.last_answer:
        assert records[-1].response == form.last_answer
