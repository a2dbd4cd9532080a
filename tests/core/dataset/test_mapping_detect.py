"""Forms that people upload, each detected by names and contents, and turned into the records that they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.dataset.ingest import Row, SourceFile, Upload, read_upload
from core.dataset.mapping import ColumnMapping, Skipped, by_hand, detect, to_records
from core.errors import UploadError
from core.records import Record

Q = [
    "What are the symptoms of anaemia?",
    "How is asthma treated in children?",
    "Why does gout hurt at night?",
    "Can I take ibuprofen with warfarin?",
    "What causes kidney stones?",
    "Is psoriasis contagious?",
]
A = [
    "Tiredness, pale skin and breathlessness on exertion are the usual symptoms of anaemia.",
    "Inhaled bronchodilators for relief and low-dose inhaled steroids for prevention are usual.",
    "Urate crystals form more readily in cooler joints, so that attacks often begin at night.",
    "No: together they raise the risk of bleeding; ask your doctor about other pain relief.",
    "Concentrated urine lets salts crystallise, and diet and inherited factors add to it.",
    "No, psoriasis is driven by the immune system and cannot be passed from person to person.",
]
N = range(len(Q))
OPTIONS = ["Iron", "Zinc", "Copper", "Lead"]


def upload_of(rows: list[dict[str, Any]], columns: tuple[str, ...] = ()) -> Upload:
    names = columns or tuple(dict.fromkeys(name for row in rows for name in row))
    sample = tuple(Row(row, "rows", n) for n, row in enumerate(rows, start=1))
    return Upload((SourceFile("rows", "jsonl", 1, "utf-8", "", ""),), names, sample)


def records_of(rows: list[dict[str, Any]]) -> tuple[ColumnMapping, list[Record]]:
    upload = upload_of(rows)
    mapping = detect(upload)
    items = list(to_records(upload, mapping))
    return mapping, [item for item in items if isinstance(item, Record)]


PAIRED: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "prompt and response": ([{"prompt": Q[n], "response": A[n]} for n in N], "prompt", "response"),
    "names in another language": ([{"Frage": Q[n], "Antwort": A[n]} for n in N], "Frage", "Antwort"),
    "no names at all": ([{"column 1": Q[n], "column 2": A[n]} for n in N], "column 1", "column 2"),
    "swapped, no names": ([{"column 1": A[n], "column 2": Q[n]} for n in N], "column 2", "column 1"),
    "ids and addresses around": (
        [
            {
                "Question ID": n,
                "Question Type": "t",
                "Question Text": Q[n],
                "Answer ID": n,
                "Answer Text": A[n],
                "URL": "http://x",
            }
            for n in N
        ],
        "Question Text",
        "Answer Text",
    ),
    "reasoning besides": (
        [{"Question": Q[n], "Complex_CoT": "Let me think about it. " * 9, "Response": A[n]} for n in N],
        "Question",
        "Response",
    ),
    "chosen and rejected": (
        [{"prompt": Q[n], "chosen": A[n], "rejected": "No idea." + A[n]} for n in N],
        "prompt",
        "chosen",
    ),
    "long and short answer": (
        [{"body": Q[n], "exact_answer": [["x y"]], "ideal_answer": [A[n], "Or so."]} for n in N],
        "body",
        "ideal_answer",
    ),
    "lists of alternatives": ([{"questions": [[Q[n], "Or?"]], "answers": [A[n]]} for n in N], "questions", "answers"),
    "objects around texts": ([{"question": {"text": Q[n]}, "answer": {"text": A[n]}} for n in N], "question", "answer"),
    "a post and its reply": (
        [
            {"id": n, "post": f"My mother, {40 + n}, has felt dizzy since she began new tablets.", "reply": A[n]}
            for n in N
        ],
        "post",
        "reply",
    ),
}


@pytest.mark.parametrize("form", PAIRED)
def test_questions_and_answers(form: str) -> None:
    rows, prompt, response = PAIRED[form]
    mapping, records = records_of(rows)
    assert (mapping.kind, mapping.column("prompt"), mapping.column("response")) == ("prompt_response", prompt, response)
    assert [record.response for record in records] == A
    assert [record.id for record in records] == [f"r{n + 1:06d}" for n in N]


CHOICES: dict[str, list[dict[str, Any]]] = {
    "object by letters": [
        {"question": Q[n], "options": dict(zip("ABCD", OPTIONS, strict=True)), "answer_idx": "ABCD"[n % 4]} for n in N
    ],
    "unnamed object": [{"q": Q[n], "x": dict(zip("ABCD", OPTIONS, strict=True)), "key": "ABCD"[n % 4]} for n in N],
    "list, index from 0": [{"question": Q[n], "choices": OPTIONS, "answer": n % 4} for n in N],
    "text and label": [
        {"question": Q[n], "choices": {"text": OPTIONS, "label": list("ABCD")}, "answerKey": "ABCD"[n % 4]} for n in N
    ],
    "items, number from 1": [
        {"qtext": Q[n], "ra": 1 + n % 4, "answers": [{"aid": k + 1, "atext": OPTIONS[k]} for k in range(4)]} for n in N
    ],
    "columns, number from 1": [
        {"question": Q[n], **dict(zip(("opa", "opb", "opc", "opd"), OPTIONS, strict=True)), "cop": 1 + n % 4} for n in N
    ],
    "columns, right text": [
        {"question": Q[n], **{f"option {k}": OPTIONS[k - 1] for k in range(1, 5)}, "correct answer": OPTIONS[n % 4]}
        for n in N
    ],
    "one text": [{"Question": Q[n], "Options": "A Iron\nB Zinc\nC Copper\nD Lead", "Answer": "ABCD"[n % 4]} for n in N],
    "no names": [
        {"column 1": Q[n], **{f"column {k + 2}": OPTIONS[k] for k in range(4)}, "column 6": "ABCD"[n % 4]} for n in N
    ],
}


@pytest.mark.parametrize("form", CHOICES)
def test_multiple_choice(form: str) -> None:
    mapping, records = records_of(CHOICES[form])
    assert mapping.kind == "multiple_choice"
    assert [record.response for record in records] == [f"{'ABCD'[n % 4]}. {OPTIONS[n % 4]}" for n in N]
    assert records[0].prompt == f"{Q[0]}\nA. Iron\nB. Zinc\nC. Copper\nD. Lead"


def test_the_explanation_follows_the_right_option() -> None:
    rows = [{**row, "exp": A[n]} for n, row in enumerate(CHOICES["columns, number from 1"])]
    mapping, records = records_of(rows)
    assert mapping.column("explanation") == "exp"
    assert records[1].response == f"B. Zinc\n\n{A[1]}"


GROUPS = {"A": "C", "B": "A", "C": "B", "D": "D"}
SHUFFLED = ["3", "1", "4", "2"]


@pytest.mark.parametrize(
    ("usual", "odd", "right"),
    [
        ([{"options": dict(zip("ABCD", OPTIONS, strict=True)), "answer": "ABCD"[n % 4]} for n in N], GROUPS, "A. C"),
        ([{"options": dict(zip("ABCD", OPTIONS, strict=True)), "answer": OPTIONS[n % 4]} for n in N], GROUPS, "B. A"),
        ([{"options": OPTIONS, "answer": n % 4 + 1} for n in N], SHUFFLED, "B. 1"),
        ([{"options": OPTIONS, "answer": OPTIONS[n % 4]} for n in N], SHUFFLED, "D. 2"),
    ],
    ids=["letters", "texts with letters", "numbers from 1", "texts with numbers"],
)
def test_where_an_option_is_a_key_the_whole_file_says_what_is_meant(
    usual: list[dict[str, Any]], odd: Any, right: str
) -> None:
    answer = "A" if odd is GROUPS else "2"
    rows = [{"question": Q[n], **usual[n]} for n in N] + [{"question": Q[0], "options": odd, "answer": answer}]
    mapping, records = records_of(rows)
    assert mapping.kind == "multiple_choice" and len(records) == len(rows)
    assert records[-1].response == right
    by_letter = by_hand(upload_of(rows), "multiple_choice", mapping.columns, mapping.first_index)
    assert list(to_records(upload_of(rows), by_letter))[-1] == records[-1]


def test_an_option_that_is_not_named_is_skipped_with_the_reason() -> None:
    rows = CHOICES["list, index from 0"] + [{"question": Q[0], "choices": OPTIONS, "answer": 9}]
    upload = upload_of(rows)
    *_, last = to_records(upload, detect(upload))
    assert last == Skipped("rows", 7, "does not say which option is right")


TALKS: dict[str, list[dict[str, Any]]] = {
    "role and content": [
        {"messages": [{"role": "user", "content": Q[n]}, {"role": "assistant", "content": A[n]}]} for n in N
    ],
    "content in parts": [
        {
            "messages": [
                {"role": r, "content": [{"type": "text", "text": t}]} for r, t in (("user", Q[n]), ("assistant", A[n]))
            ]
        }
        for n in N
    ],
    "from and value": [
        {"conversations": [{"from": "human", "value": Q[n]}, {"from": "gpt", "value": A[n]}]} for n in N
    ],
    "pairs": [{"conversation": [{"human": Q[n], "assistant": A[n]}]} for n in N],
    "labelled list": [{"utterances": [f"patient: {Q[n]}", f"doctor: {A[n]}"]} for n in N],
    "written out": [
        {"messages": repr([{"role": "user", "content": Q[n]}, {"role": "assistant", "content": A[n]}])} for n in N
    ],
    "chatml": [{"text": f"<|im_start|>user\n{Q[n]}<|im_end|>\n<|im_start|>assistant\n{A[n]}<|im_end|>"} for n in N],
    "llama 2": [{"text": f"<s>[INST] {Q[n]} [/INST] {A[n]} </s>"} for n in N],
    "llama 3": [
        {
            "text": f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{Q[n]}<|eot_id|>"
            f"<|start_header_id|>assistant<|end_header_id|>\n\n{A[n]}<|eot_id|>"
        }
        for n in N
    ],
    "gemma": [
        {"text": f"<bos><start_of_turn>user\n{Q[n]}<end_of_turn>\n<start_of_turn>model\n{A[n]}<end_of_turn>"} for n in N
    ],
    "headings": [{"text": f"### Instruction:\n{Q[n]}\n\n### Response:\n{A[n]}"} for n in N],
    "labels": [{"text": f"Human: {Q[n]}\nAssistant: {A[n]}"} for n in N],
    "labels in a line": [{"text": f"Question: {Q[n]} Answer: {A[n]}"} for n in N],
    "labels and an address": [{"Answer": f"Question: {Q[n]}\nURL: http://x.org/{n}\nAnswer: {A[n]}"} for n in N],
}


@pytest.mark.parametrize("form", TALKS)
def test_conversations_and_marked_texts(form: str) -> None:
    mapping, records = records_of(TALKS[form])
    assert mapping.kind in ("messages", "sharegpt", "text_with_chat_tokens")
    assert [[message.content for message in record.messages] for record in records] == [[Q[n], A[n]] for n in N]


def test_turns_out_of_order_are_put_right_and_it_is_said() -> None:
    turns = [
        {"role": "assistant", "content": "Hello."},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": Q[0]},
        {"role": "user", "content": "Quickly."},
        {"role": "assistant", "content": A[0]},
        {"role": "user", "content": "Thanks."},
    ]
    mapping, records = records_of([{"messages": turns}] * 2)
    assert [message.role for message in records[0].messages] == ["system", "user", "assistant"]
    assert records[0].prompt == f"{Q[0]}\n\nQuickly."
    assert len(mapping.notes) == 2


def test_alpaca_joins_the_input_and_one_instruction_for_all_becomes_the_system_prompt() -> None:
    mapping, records = records_of([{"instruction": Q[n], "input": "I am 40." if n else "", "output": A[n]} for n in N])
    assert mapping.kind == "alpaca"
    assert [records[0].prompt, records[1].prompt] == [Q[0], f"{Q[1]}\n\nI am 40."]
    mapping, records = records_of([{"instruction": "Answer as a doctor.", "input": Q[n], "output": A[n]} for n in N])
    assert [message.content for message in records[0].messages] == ["Answer as a doctor.", Q[0], A[0]]
    assert "system prompt" in mapping.sentence()


def test_a_dialogue_flattened_into_the_instruction_becomes_turns() -> None:
    text = f"<user>: {Q[0]} <bot>: {A[0]} <user>: {Q[1]}"
    _, records = records_of(
        [{"instruction": text, "input": "", "output": A[1]}, {"instruction": Q[2], "input": "", "output": A[2]}]
    )
    assert [message.content for message in records[0].messages] == [Q[0], A[0], Q[1], A[1]]


def test_squad_answers_stand_in_their_text() -> None:
    context = "Anaemia is a lack of iron in many people."
    rows = [
        {"context": context, "question": q, "answers": {"text": ["a lack of iron"], "answer_start": [11]}} for q in Q
    ]
    rows.append({"context": context, "question": "Who?", "answers": {"text": [], "answer_start": []}})
    upload = upload_of(rows)
    mapping = detect(upload)
    *records, last = to_records(upload, mapping)
    assert mapping.kind == "squad"
    assert records[0] == Record.of("r000001", f"{context}\n\n{Q[0]}", "a lack of iron")
    assert isinstance(last, Skipped)


def test_a_transcript_and_its_note() -> None:
    talk = "[doctor] hi , how are you ?\n[patient] my knee hurts .\n[doctor] since when ?"
    mapping, records = records_of([{"id": n, "dialogue": talk, "note": f"Knee pain for {n} weeks."} for n in N])
    assert mapping.kind == "dialogue_note"
    assert records[3].response == "Knee pain for 3 weeks."
    assert talk in records[3].prompt


def test_system_and_topic_columns() -> None:
    mapping, records = records_of(
        [{"system": "You are a nurse.", "question": Q[n], "answer": A[n], "topic": f"T{n % 2}"} for n in N]
    )
    assert (mapping.column("system"), mapping.column("topic")) == ("system", "topic")
    assert [records[1].topic, records[1].messages[0].content] == ["T1", "You are a nurse."]


REFUSED: dict[str, list[dict[str, Any]]] = {
    "two questions": [{"id": n, "question1": Q[n], "question2": Q[-n], "label": 1} for n in N],
    "questions only": [{"context": f"A long abstract, number {n}, about a thing. " * 4, "question": Q[n]} for n in N],
    "a table of diseases": [
        {"disease": f"D{n}", "treatment": f"Rest and fluids for {n} days, then exercise."} for n in N
    ],
    "notes of a hospital": [
        {"description": f"A {n}-year-old with pain.", "transcription": A[n] * 4, "keywords": "a"} for n in N
    ],
    "premise and hypothesis": [{"gold_label": "neutral", "sentence1": A[n], "sentence2": A[-n]} for n in N],
}


@pytest.mark.parametrize("form", REFUSED)
def test_tables_without_questions_and_answers_are_refused(form: str) -> None:
    with pytest.raises(UploadError, match="no column holds|none holds"):
        detect(upload_of(REFUSED[form]))


def test_answers_beyond_the_sample_count(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("question,answer\n" + "Why is it so?,\n" * 300 + "How is it so?,Like this\n", encoding="utf-8")
    assert detect(read_upload([path])).column("response") == "answer"


def test_files_with_other_columns_are_named_and_their_rows_skipped(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(
        "question,answer\n" + "".join(f'"{Q[n]}","{A[n]}"\n' for n in N), encoding="utf-8"
    )
    (tmp_path / "codes.csv").write_text("code,place\nA1,Bonn\nB2,Rome\n", encoding="utf-8")
    upload = read_upload([tmp_path / "pairs.csv", tmp_path / "codes.csv"])
    mapping = detect(upload)
    assert any(note.startswith("codes.csv has no column") for note in mapping.notes)
    assert [item.file for item in to_records(upload, mapping) if isinstance(item, Skipped)] == ["codes.csv"] * 2


def test_a_mapping_survives_json_and_can_be_changed_by_hand() -> None:
    upload = upload_of(PAIRED["long and short answer"][0])
    mapping = detect(upload)
    assert ColumnMapping.from_json(mapping.to_json()) == mapping
    changed = by_hand(upload, "prompt_response", {"prompt": "body", "response": "exact_answer"})
    assert next(iter(to_records(upload, changed))) == Record.of("r000001", Q[0], "x y")
