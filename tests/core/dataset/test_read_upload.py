"""Every format and arrangement of rows, written by the test itself, read back as the same rows."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest

from core.dataset.ingest import Limits, Upload, read_hub, read_upload
from core.errors import UploadError

PAIRS = [
    {"question": "What is Ménière disease?", "answer": "A disorder of the inner ear,\nwith vertigo – and tinnitus."},
    {"question": "What is “gout”?", "answer": 'Urate crystals in a joint; they call it "podagra" in the toe.'},
    {"question": "什么是高血压？", "answer": "动脉血压持续升高。"},
]


def rows(upload: Upload) -> list[dict[str, object]]:
    return [row.values for row in upload.rows()]


def csv_text(delimiter: str = ",", header: bool = True) -> str:
    quoted = [[cell.replace('"', '""') for cell in pair.values()] for pair in PAIRS]
    lines = ["question" + delimiter + "answer"] if header else []
    return "\r\n".join(lines + [delimiter.join(f'"{cell}"' for cell in pair) for pair in quoted]) + "\r\n"


DOCUMENTS = {
    "list.json": PAIRS,
    "nested.json": {"version": "1", "data": PAIRS},
    "deeper.json": {"body": {"rows": PAIRS}},
    "columns.json": {name: [pair[name] for pair in PAIRS] for name in ("question", "answer")},
    "pandas.json": {name: {str(n): pair[name] for n, pair in enumerate(PAIRS)} for name in ("question", "answer")},
    "splits.json": {"train": PAIRS[:2], "test": PAIRS[2:]},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_json_documents_of_every_shape(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps(DOCUMENTS[name]), encoding="utf-8")
    assert rows(read_upload([tmp_path / name])) == PAIRS


def test_rows_under_their_ids_learn_their_key(tmp_path: Path) -> None:
    path = tmp_path / "keyed.json"
    path.write_text(json.dumps({f"p{n}": pair for n, pair in enumerate(PAIRS)}), encoding="utf-8")
    assert rows(read_upload([path])) == [{**pair, "key": f"p{n}"} for n, pair in enumerate(PAIRS)]


@pytest.mark.parametrize("document", [PAIRS, {"data": PAIRS}, {f"p{n}": pair for n, pair in enumerate(PAIRS)}])
def test_large_documents_stream_to_the_same_rows(tmp_path: Path, document: object) -> None:
    path = tmp_path / "large.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    streamed = read_upload([path], limits=Limits(document_bytes=10))
    assert rows(streamed) == rows(read_upload([path]))
    assert any("larger than" in note for note in streamed.notes)


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.json", "pairs.txt"])
def test_json_lines_whatever_their_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("\n\n".join(json.dumps(pair) for pair in PAIRS), encoding="utf-8")
    upload = read_upload([tmp_path / name])
    assert upload.files[0].format == "jsonl"
    assert rows(upload) == PAIRS
    assert [row.position for row in upload.rows()] == [1, 2, 3]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_delimited_text_in_every_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(csv_text(delimiter).encode(encoding))
    upload = read_upload([path])
    assert rows(upload) == PAIRS
    assert upload.files[0].delimiter == delimiter


def test_a_western_file_is_read_as_such(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    text = "question,answer\nWhat is Ménière disease?,A disorder of the inner ear – named after Ménière.\n"
    path.write_bytes(text.encode("cp1252"))
    upload = read_upload([path])
    assert upload.files[0].encoding == "cp1252"
    assert rows(upload)[0]["question"] == "What is Ménière disease?"


def test_a_damaged_character_does_not_change_the_encoding(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(csv_text().encode() * 20 + b'"Why \xff?","Because."\n')
    upload = read_upload([path])
    assert upload.files[0].encoding == "utf-8"
    assert any("1 damaged characters" in note for note in upload.notes)


def test_a_file_without_header_has_numbered_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(csv_text(header=False), encoding="utf-8", newline="")
    upload = read_upload([path])
    assert upload.columns == ("column 1", "column 2")
    assert [list(row.values()) for row in rows(upload)] == [list(pair.values()) for pair in PAIRS]


def test_unnamed_and_repeated_columns_hide_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(",answer,answer\n0,one,two\n1,three,four\n", encoding="utf-8")
    assert rows(read_upload([path]))[0] == {"column 1": "0", "answer": "one", "answer (2)": "two"}


def test_a_row_with_too_many_cells_says_so(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("question,answer\nWhy?,Because\nHow?,So,and,so\nWho?,Me\n", encoding="utf-8")
    problems = [row.problem for row in read_upload([path]).rows()]
    assert problems == ["", "has 4 cells where the table has 2 columns", ""]


def test_missing_values_are_empty_text(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"question": "Why?", "answer": null}\n{"question": "How?", "answer": NaN}\n', encoding="utf-8")
    assert [row["answer"] for row in rows(read_upload([path]))] == ["", ""]


def test_lone_surrogates_can_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"question": "Why \\ud83d?", "answer": "So"}\n' * 2, encoding="utf-8")
    assert rows(read_upload([path]))[0]["question"] == "Why \ufffd?"


def _workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["question", "answer", None])
    for pair in PAIRS:
        sheet.append(list(pair.values()))
    sheet.append(["What is 1 + 1?", "=1+1"])
    book.create_sheet("empty")
    book.save(path)


def test_workbooks_keep_formulas_as_text(tmp_path: Path) -> None:
    _workbook(tmp_path / "pairs.xlsx")
    upload = read_upload([tmp_path / "pairs.xlsx"])
    assert rows(upload) == [*PAIRS, {"question": "What is 1 + 1?", "answer": "=1+1"}]


def test_parquet_leaves_the_pandas_index_out(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([{**pair, "__index_level_0__": n} for n, pair in enumerate(PAIRS)])
    parquet.write_table(table, tmp_path / "pairs.parquet")
    assert rows(read_upload([tmp_path / "pairs.parquet"])) == PAIRS


def test_an_archive_is_the_files_it_holds(tmp_path: Path) -> None:
    _workbook(tmp_path / "pairs.xlsx")
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/pairs.jsonl", "\n".join(json.dumps(pair) for pair in PAIRS))
        archive.writestr("b/pairs.csv", csv_text().replace("question,answer", "Question,Answer"))
        archive.write(tmp_path / "pairs.xlsx", "pairs.xlsx")
        archive.writestr("README.md", "# About\n\nThese are pairs.\n")
        archive.writestr("__MACOSX/._pairs.csv", b"\0\1\2")
    upload = read_upload([tmp_path / "all.zip"])
    assert [file.format for file in upload.files] == ["jsonl", "csv", "xlsx"]
    assert upload.columns == ("question", "answer")
    assert rows(upload) == PAIRS * 3 + [{"question": "What is 1 + 1?", "answer": "=1+1"}]
    assert [note for note in upload.notes if "README.md" in note]


def test_an_archive_of_many_files_is_opened_once(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(600):
            archive.writestr(
                f"{number}.xml",
                f"<Document><Focus>F{number}</Focus><QAPair><Question>Q{number}?</Question><Answer>A</Answer></QAPair></Document>",
            )
    upload = read_upload([tmp_path / "many.zip"])
    assert [row["Focus"] for row in rows(upload)] == [f"F{number}" for number in range(600)]
    assert len(upload.sample) == 200


def test_gzip_is_read_through(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(pair) for pair in PAIRS).encode()))
    assert rows(read_upload([path])) == PAIRS


def test_xml_gives_each_answer_the_question_around_it(tmp_path: Path) -> None:
    path = tmp_path / "ranked.xml"
    path.write_text(
        "<Set><Question QID='1'><QuestionText>Why?</QuestionText><AnswerList>"
        "<Answer AID='a'><AnswerURL>u</AnswerURL><AnswerText>One <b>bold</b> word<br/>and a line.</AnswerText></Answer>"
        "<Answer AID='b'><AnswerText>Two.</AnswerText></Answer></AnswerList></Question>"
        "<Question QID='2'><QuestionText>How?</QuestionText><AnswerList><Answer AID='c'><AnswerText/></Answer>"
        "</AnswerList></Question></Set>",
        encoding="utf-8",
    )
    found = [(row["Question QID"], row["QuestionText"], row["AnswerText"]) for row in rows(read_upload([path]))]
    assert found == [("1", "Why?", "One bold word\nand a line."), ("1", "Why?", "Two."), ("2", "How?", "")]


def test_rows_can_be_read_again_and_sources_are_hashed(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(pair) for pair in PAIRS), encoding="utf-8")
    first, second = read_upload([path]), read_upload([path])
    assert rows(first) == rows(first) == rows(second)
    assert first == second
    assert len(first.files[0].sha256) == 64 and first.files[0].size_bytes == path.stat().st_size


def test_a_local_folder_is_a_hub_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "set").mkdir()
    for split, pairs in (("train", PAIRS[:2]), ("test", PAIRS[2:])):
        (tmp_path / "set" / f"{split}.jsonl").write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    upload = read_hub(str(tmp_path / "set"), split="train")
    assert rows(upload) == PAIRS[:2]
    assert upload.files[0].format == "hub"
    assert rows(read_hub(str(tmp_path / "set"), split="test")) == PAIRS[2:]
    with pytest.raises(UploadError, match="cannot be loaded as asked"):
        read_hub(str(tmp_path / "set"), split="validation")
    with pytest.raises(UploadError):
        read_hub(str(tmp_path / "nothing"), split="train")
