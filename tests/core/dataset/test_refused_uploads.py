"""What cannot be used is refused with what happened and what to do; never with the text of a record."""

from __future__ import annotations

import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from core.dataset.ingest import Limits, read_upload
from core.dataset.mapping import by_hand, detect, to_records
from core.errors import UploadError

GOOD = json.dumps({"question": "What is anaemia?", "answer": "Too few red blood cells or too little haemoglobin."})


def refusal(paths: list[Path], limits: Limits = Limits()) -> UploadError:  # noqa: B008
    with pytest.raises(UploadError) as error:
        upload = read_upload(paths, limits=limits)
        list(to_records(upload, detect(upload)))
    assert error.value.message.endswith(".") and error.value.hint.endswith(".")
    assert "haemoglobin" not in str(error.value)
    return error.value


REFUSED_BYTES: dict[str, tuple[bytes, str]] = {
    "empty.jsonl": (b"", "is empty"),
    "blank.csv": (b"\n \r\n\t\n", "is empty"),
    "junk.jsonl": (random.Random(1).randbytes(5000), "holds binary data"),
    "zeros.csv": (b"\0" * 5000, "binary data"),
    "line17.jsonl": (
        f"{GOOD}\n".encode() * 16 + b'{"question": "x" "answer": "y"}\n',
        "line 17, column 18: expected a comma",
    ),
    "cut.jsonl": (f"{GOOD}\n".encode() * 20 + GOOD.encode()[:50], "line 21, column"),
    "cut.json": (f"[{GOOD},\n{GOOD[:50]}".encode(), "in line 2, column"),
    "no_comma.json": (f"[\n{GOOD}\n{GOOD}\n]".encode(), "is broken in line"),
    "deep.json": (b"[" * 100_000 + b"]" * 100_000, "nested too deep"),
    "deep.jsonl": (b'{"question": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n", "nested too deep"),
    "number.json": (b"17", "no list of rows"),
    "numbers.json": (b"[1, 2, 3]", "no list of rows"),
    "columns.csv": (b"name,age\nA,3\nB,4\n", "No column holds questions and none holds answers"),
    "columns.jsonl": (b'{"a": 1}\n{"a": 2}\n', "No column holds questions"),
    "header.csv": (b"question,answer\n", "holds no rows"),
    "one.jsonl": (GOOD.encode(), "only one row"),
    "unanswered.csv": (
        b"question,answer\nWhy is it so?,\nHow is it so?,  \n",
        "“answer” was read as the answers, but all 2",
    ),
    "code.pkl": (pickle.dumps([1, 2]), "pickle"),
    "code.csv": (pickle.dumps({"question": ["a"], "answer": ["b"]}), "pickle"),
    "paper.pdf": (b"%PDF-1.7 and so on", "PDF"),
    "old.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "old Office file"),
    "page.csv": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "prose.txt": (b"A story, in short.\nIt goes on, and on, and on.\nThe end.\n", "no table"),
    "false.xlsx": (b"PK\x03\x04" + b"x" * 100, "damaged workbook"),
    "false.parquet": (b"PAR1" + b"x" * 100 + b"PAR1", "damaged Parquet"),
    "false.zip": (b"PK\x03\x04" + b"x" * 100, "damaged archive"),
    "broken.xml": (b"<QA>\n<Question>q</Question><Answer>a</Answr></QA>", "broken in line 2, column"),
    "deep.xml": (b"<a>" * 500 + b"</a>" * 500, "nested too deep"),
    "bomb.xml": (
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a><Question>q</Question><Answer>&c;</Answer></a>',
        "entities",
    ),
    "outside.xml": (
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a><Question>q</Question><Answer>&b;</Answer></a>',
        "entities",
    ),
}


@pytest.mark.parametrize("name", REFUSED_BYTES)
def test_bad_files_are_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    data, reason = REFUSED_BYTES[name]
    (tmp_path / name).write_bytes(data)
    assert reason in refusal([tmp_path / name]).message


def test_no_file_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    assert "No file was chosen" in refusal([]).message
    assert "is a folder" in refusal([tmp_path]).message
    assert "is not there" in refusal([tmp_path / "gone.csv"]).message


def test_limits_on_size_number_and_line(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{GOOD}\n" * 100, encoding="utf-8")
    assert "larger than the limit of 1.0 KiB" in refusal([path], Limits(file_bytes=1024)).message
    assert "together" in refusal([path, path], Limits(total_bytes=15_000)).message
    assert "More than 1 files" in refusal([path, path], Limits(files=1)).message
    assert "Line 1" in refusal([path], Limits(line_bytes=50)).message


def _archive(
    path: Path, members: dict[str, bytes], edit: Callable[[zipfile.ZipInfo], None] = lambda info: None
) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            edit(info)
            archive.writestr(info, data)
    return path


def _as_link(info: zipfile.ZipInfo) -> None:
    info.external_attr = 0o120777 << 16


def test_archives_built_to_harm(tmp_path: Path) -> None:
    rows = f"{GOOD}\n".encode() * 3
    bomb = _archive(tmp_path / "bomb.zip", {"a.csv": b"0" * 20_000_000})
    assert "times its size" in refusal([bomb]).message
    for name in ("../a.jsonl", "/etc/a.jsonl", "C:\\a.jsonl", "x/../../a.jsonl"):
        assert "outside" in refusal([_archive(tmp_path / "slip.zip", {name: rows})]).message
    assert "link" in refusal([_archive(tmp_path / "link.zip", {"a.jsonl": rows}, _as_link)]).message
    assert "another archive" in refusal([_archive(tmp_path / "nested.zip", {"b.zip": rows})]).message
    assert "holds no files" in refusal([_archive(tmp_path / "none.zip", {})]).message
    many = _archive(tmp_path / "many.zip", {f"{n}.jsonl": rows for n in range(20)})
    assert "more than 10 files" in refusal([many], Limits(files=10)).message
    assert "unpacks to more than" in refusal([many], Limits(total_bytes=2000)).message
    hidden = _archive(tmp_path / "hidden.zip", {"inner.csv": many.read_bytes()})
    assert "archive inside an archive" in refusal([hidden]).message


def test_an_archive_whose_bytes_are_damaged(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.zip", {"a.jsonl": os.urandom(3000).hex().encode()})
    data = bytearray(path.read_bytes())
    data[1500] ^= 0xFF
    path.write_bytes(data)
    assert "damaged archive" in refusal([path]).message


def test_a_workbook_that_declares_entities(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["question", "answer"])
    book.save(tmp_path / "whole.xlsx")
    with zipfile.ZipFile(tmp_path / "whole.xlsx") as whole, zipfile.ZipFile(tmp_path / "bad.xlsx", "w") as bad:
        for member in whole.infolist():
            data = whole.read(member)
            if member.filename.endswith("sheet1.xml"):
                data = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>' + data.partition(b"?>")[2]
            bad.writestr(member.filename, data)
    assert "XML entities" in refusal([tmp_path / "bad.xlsx"]).message


def test_names_of_columns_that_are_record_text_are_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(
        json.dumps([{"Patient John Miller was born on the third of May in a far town": 1, "b": 2}] * 3),
        encoding="utf-8",
    )
    assert "Miller" not in str(refusal([path]))


def test_a_mapping_by_hand_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{GOOD}\n" * 2, encoding="utf-8")
    upload = read_upload([path])
    assert (
        by_hand(upload, "prompt_response", {"prompt": "answer", "response": "question", "topic": ""}).confidence == 1.0
    )
    for columns, reason in (
        ({"prompt": "question"}, "No column is chosen for: answer"),
        ({"prompt": "question", "response": "reply"}, "no column named reply"),
        ({"prompt": "question", "response": "answer", "messages": "answer"}, "has no messages"),
    ):
        with pytest.raises(UploadError, match=reason):
            by_hand(upload, "prompt_response", columns)
    with pytest.raises(UploadError, match="options"):
        by_hand(upload, "multiple_choice", {"prompt": "question", "answer": "answer"})
