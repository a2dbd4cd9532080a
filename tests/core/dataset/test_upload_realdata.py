"""Every real file we have, with its expected outcome: rows read and what was understood, or the refusal and its reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.dataset.ingest import read_upload
from core.dataset.mapping import Skipped, detect, to_records
from core.errors import UploadError
from core.records import Record

pytestmark = pytest.mark.realdata

# file: rows, kind, the columns that matter by role
UNDERSTOOD = {
    "raw/medquad_cancergov_0000001_1.xml": (
        7,
        "prompt_response",
        dict(prompt="Question", response="Answer", topic="Focus"),
    ),
    "raw/medquad_niddk_0000144.xml": (10, "prompt_response", dict(prompt="Question", response="Answer", topic="Focus")),
    "raw/wikidoc_patient_info_every3rd.json": (
        1981,
        "alpaca",
        dict(input="input", response="output", system="instruction"),
    ),
    "raw/pubmedqa_test_set.json": (500, "prompt_response", dict(prompt="QUESTION", response="LONG_ANSWER")),
    "raw/bioasq_11b4_golden.json": (90, "prompt_response", dict(prompt="body", response="ideal_answer")),
    "raw/huatuo_liver_cancer_zh.json": (1000, "alpaca", dict(prompt="instruction", input="input", response="output")),
    "raw/medmcqa_dev_first3000.json": (
        3000,
        "multiple_choice",
        dict(prompt="question", answer="cop", choice_a="opa", choice_d="opd", explanation="exp", topic="subject_name"),
    ),
    "raw/kqa_questions_w_answers.jsonl": (201, "prompt_response", dict(prompt="Question", response="Free_form_answer")),
    "raw/medicalgpt_sharegpt_1k_zh.jsonl": (1000, "sharegpt", dict(messages="conversations")),
    "raw/mts_dialog_train.csv": (
        1201,
        "dialogue_note",
        dict(prompt="dialogue", response="section_text", topic="section_header"),
    ),
    "raw/mts_dialog_summaries_bom.csv": (400, "dialogue_note", dict(prompt="Dialogue", response="Reference Summary")),
    "raw/covid_faq_html.csv": (213, "prompt_response", dict(prompt="question", response="answer", topic="category")),
    "raw/covid_faq_200327.tsv": (896, "prompt_response", dict(prompt="question", response="answer")),
    "raw/opengpt_prepared.csv": (306, "text_with_chat_tokens", dict(text="text")),
    "raw/mmlu_professional_medicine_test.csv": (
        272,
        "multiple_choice",
        dict(prompt="column 1", choice_a="column 2", choice_d="column 5", answer="column 6"),
    ),
    "raw/medinfo2019_medications.xlsx": (
        690,
        "prompt_response",
        dict(prompt="Question", response="Answer", topic="Focus (Drug)"),
    ),
    "raw/pubmedqa_train.parquet": (800, "prompt_response", dict(prompt="question", response="long_answer")),
    "raw/medquad_qrels_2479.zip": (2479, "text_with_chat_tokens", dict(text="Answer")),
    "raw/toyhom_gb18030_first2000.csv": (
        1953,
        "prompt_response",
        dict(prompt="ask", response="answer", topic="department"),
    ),
    "qa/medquad_train.jsonl": (4000, "prompt_response", dict(prompt="prompt", response="response")),
    "qa/medquad_uncleaned.jsonl": (1300, "prompt_response", dict(prompt="prompt", response="response")),
    "bench/medmcqa_validation.jsonl": (
        4183,
        "multiple_choice",
        dict(prompt="question", choices="choices", answer="answer"),
    ),
    "bench/pubmedqa_test.jsonl": (500, "multiple_choice", dict(prompt="question", choices="choices", answer="answer")),
}
REFUSED = {
    "raw/medquad_adam_0000001_NO_ANSWERS.xml": (
        5,
        "“Answer” was read as the answers, but all 5 of its cells are empty",
    ),
    "raw/medical_question_pairs_mqp.csv": (3048, "hold questions, and no column holds answers"),
    "raw/chatdoctor_disease_table.csv": (796, "no column holds questions"),
    "raw/liveqa_qrels_mojibake.txt": (692, "no column holds questions"),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_real_file_is_understood(realdata: Path, name: str) -> None:
    rows, kind, columns = UNDERSTOOD[name]
    upload = read_upload([realdata / name])
    mapping = detect(upload)
    items = list(to_records(upload, mapping))
    skipped = Counter(item.reason for item in items if isinstance(item, Skipped))
    records = [item for item in items if isinstance(item, Record)]

    assert mapping.kind == kind
    assert {role: mapping.column(role) for role in columns} == columns
    assert mapping.confidence >= 0.7
    assert mapping.sentence().endswith(".")
    assert len(items) == rows
    assert not skipped
    assert len({record.id for record in records}) == rows
    assert all(record.prompt.strip() and record.response.strip() for record in records)


@pytest.mark.parametrize("name", REFUSED)
def test_a_real_file_without_answers_is_refused_with_the_reason(realdata: Path, name: str) -> None:
    rows, reason = REFUSED[name]
    upload = read_upload([realdata / name])
    assert sum(1 for _ in upload.rows()) == rows
    with pytest.raises(UploadError) as refusal:
        detect(upload)
    assert reason in refusal.value.message
    assert refusal.value.hint


def test_every_raw_file_has_its_expectation(realdata: Path) -> None:
    names = {f"raw/{path.name}" for path in (realdata / "raw").iterdir()}
    assert names == {name for name in (*UNDERSTOOD, *REFUSED) if name.startswith("raw/")}


def test_the_archive_says_what_it_left_out(realdata: Path) -> None:
    upload = read_upload([realdata / "raw/medquad_qrels_2479.zip"])
    assert [file.format for file in upload.files] == ["csv"]
    assert any("Judged-Answers.txt" in note for note in upload.notes)
    assert not any("__MACOSX" in note for note in upload.notes)


def test_flattened_dialogues_become_turns(realdata: Path) -> None:
    upload = read_upload([realdata / "raw/huatuo_liver_cancer_zh.json"])
    records = [item for item in to_records(upload, detect(upload)) if isinstance(item, Record)]
    turns = Counter(len(record.messages) for record in records)
    # 292 rows ask once, 285 twice, 272 three times …: counted in the file by its <user> marks.
    assert turns == {2: 292, 4: 285, 6: 272, 8: 126, 10: 22, 12: 3}
    assert not any("<bot>" in message.content for record in records for message in record.messages)


def test_right_options_agree_with_the_file(realdata: Path) -> None:
    upload = read_upload([realdata / "raw/medmcqa_dev_first3000.json"])
    records = [item for item in to_records(upload, detect(upload)) if isinstance(item, Record)]
    letters = Counter(record.response[0] for record in records)
    assert letters == {"A": 964, "B": 793, "C": 656, "D": 587}
    assert sum("\n\n" in record.response for record in records) > 1500


def test_a_letter_is_a_key_also_where_options_are_letters(realdata: Path) -> None:
    upload = read_upload([realdata / "bench/medmcqa_validation.jsonl"])
    records = [item for item in to_records(upload, detect(upload)) if isinstance(item, Record)]
    keys = [row.values["answer"] for row in upload.rows()]
    assert [record.response[0] for record in records] == keys and len(keys) == 4183


def test_encodings_and_marks_are_found(realdata: Path) -> None:
    gb18030 = read_upload([realdata / "raw/toyhom_gb18030_first2000.csv"])
    assert gb18030.files[0].encoding == "gb18030"
    assert any("GB18030" in note for note in gb18030.notes)
    assert not any("\ufffd" in cell for row in gb18030.rows() for cell in row.values.values())
    bom = read_upload([realdata / "raw/mts_dialog_summaries_bom.csv"])
    assert bom.columns[0] == "ID"
