"""Forms that turned up after the rules stood: templates of other models, exports of tools, texts that are no tables."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.dataset.ingest import read_upload
from core.dataset.mapping import Skipped, detect, to_records
from core.errors import UploadError
from core.records import Record
from tests.core.dataset.form_builders import (
    OPTIONS,
    PAIR,
    A,
    Form,
    N,
    Q,
    archive,
    chat,
    check,
    document,
    lines,
    parquet,
    table,
    workbook,
)

FIRST = (Q[0], A[0])
TEXT = {"text": "text"}
MCQ = f"{Q[0]}\nA. Iron\nB. Zinc\nC. Copper\nD. Lead"


def arrow(stream: bool) -> Callable[[], bytes]:
    def write() -> bytes:
        pyarrow = pytest.importorskip("pyarrow")
        rows = pyarrow.Table.from_pylist([{"question": Q[n], "answer": A[n]} for n in N])
        packed = io.BytesIO()
        opened = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
        with opened(packed, rows.schema) as writer:
            writer.write_table(rows)
        return packed.getvalue()

    return write


def text_of(pattern: str, between: str = "\n\n", before: str = "") -> Callable[[], bytes]:
    return lambda: (before + between.join(pattern.format(n=n + 1, q=Q[n], a=A[n]) for n in N)).encode()


def marked(pattern: str) -> Callable[[], bytes]:
    return lines([{"text": pattern.replace("QQ", Q[n]).replace("AA", A[n])} for n in N])


PAIRED = ("prompt_response", PAIR)
MARKED = ("text_with_chat_tokens", TEXT)

FORMS = [
    # ── templates ────────────────────────────────────────────────────────────────────────────────────────────────
    Form("vicuna.jsonl", marked("A chat between two. USER: QQ ASSISTANT: AA</s>"), *MARKED, first=FIRST),
    Form(
        "deepseek.jsonl",
        marked("<｜begin▁of▁sentence｜><｜User｜>QQ<｜Assistant｜>AA<｜end▁of▁sentence｜>"),
        *MARKED,
        first=FIRST,
    ),
    Form(
        "harmony.jsonl",
        marked(
            "<|start|>system<|message|>S.<|end|><|start|>user<|message|>QQ<|end|><|start|>assistant<|channel|>analysis"
            "<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>AA<|return|>"
        ),
        *MARKED,
        first=FIRST,
    ),
    Form(
        "command.jsonl",
        marked(
            "<BOS_TOKEN><|START_OF_TURN_TOKEN|><|USER_TOKEN|>QQ<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>"
            "<|CHATBOT_TOKEN|>AA<|END_OF_TURN_TOKEN|>"
        ),
        *MARKED,
        first=FIRST,
    ),
    Form(
        "one_text_column.csv",
        table(
            [["text"]] + [[f"<|im_start|>user\n{Q[n]}<|im_end|>\n<|im_start|>assistant\n{A[n]}<|im_end|>"] for n in N]
        ),
        *MARKED,
        first=FIRST,
    ),
    # ── chats ────────────────────────────────────────────────────────────────────────────────────────────────────
    Form(
        "gemini.jsonl",
        lines(
            [
                {
                    "contents": [
                        {"role": "user", "parts": [{"text": Q[n]}]},
                        {"role": "model", "parts": [{"text": A[n]}]},
                    ]
                }
                for n in N
            ]
        ),
        "messages",
        {"messages": "contents"},
        first=FIRST,
    ),
    Form(
        "chosen_and_rejected_texts.jsonl",
        lines(
            [
                {
                    f"{kind}": f"\n\nHuman: {Q[n]}\n\nAssistant: {text}"
                    for kind, text in (("rejected", "No."), ("chosen", A[n]))
                }
                for n in N
            ]
        ),
        "text_with_chat_tokens",
        {"text": "chosen"},
        first=FIRST,
    ),
    Form(
        "prompt_that_breaks_off.jsonl",
        lines([{"prompt": f"\n\nHuman: {Q[n]}\n\nAssistant:", "completion": f" {A[n]}"} for n in N]),
        "prompt_response",
        {"prompt": "prompt", "response": "completion"},
        first=FIRST,
    ),
    Form(
        "prompt_of_messages.jsonl",
        lines(
            [
                {"prompt": chat(n)[:1], "chosen": chat(n)[1:], "rejected": [{"role": "assistant", "content": "No."}]}
                for n in N
            ]
        ),
        "prompt_response",
        {"prompt": "prompt", "response": "chosen"},
        first=FIRST,
    ),
    Form(
        "turns_as_pairs.json",
        document([{"dialog": [["patient", Q[n]], ["doctor", A[n]]]} for n in N]),
        "messages",
        {"messages": "dialog"},
        first=FIRST,
    ),
    Form(
        "one_turn_a_row.csv",
        table(
            [["dialogue_id", "turn", "speaker", "utterance"]]
            + [row for n in N for row in ([n, 0, "Patient", Q[n]], [n, 1, "Doctor", A[n]])]
        ),
        "messages",
        {"messages": "messages"},
        first=FIRST,
    ),
    Form(
        "wordings.json",
        document({"intents": [{"tag": f"t{n}", "patterns": [Q[n], Q[n].lower()], "responses": [A[n]]} for n in N]}),
        "prompt_response",
        {"prompt": "patterns", "response": "responses"},
        first=FIRST,
    ),
    # ── nested ───────────────────────────────────────────────────────────────────────────────────────────────────
    Form(
        "annotated.json",
        document(
            [
                {
                    "id": n,
                    "data": {"question": Q[n]},
                    "annotations": [
                        {"id": n, "result": [{"value": {"text": [A[n]]}, "from_name": "answer", "type": "area"}]}
                    ],
                }
                for n in N
            ]
        ),
        "prompt_response",
        {"prompt": "data.question", "response": "annotations.result"},
        first=FIRST,
    ),
    Form(
        "rows_in_rows.parquet",
        parquet(
            [
                {"id": n, "qas": [{"question": Q[n], "answer": A[n]}, {"question": f"{Q[n]} Or?", "answer": A[n]}]}
                for n in N
            ]
        ),
        *PAIRED,
        rows=16,
        first=FIRST,
    ),
    Form(
        "arrays_one_after_the_other.json",
        lambda: b"\n".join(
            document([{"question": Q[n], "answer": A[n]} for n in part])() for part in (range(4), range(4, 8))
        ),
        *PAIRED,
        first=FIRST,
    ),
    Form(
        "named_by_the_first_row.json",
        document([["question", "answer"]] + [[Q[n], A[n]] for n in N]),
        *PAIRED,
        first=FIRST,
    ),
    Form(
        "comments.json",
        lambda: (
            "// exported\n[\n"
            + ",\n".join(f"/* row */ {json.dumps({'question': Q[n], 'answer': A[n]})}" for n in N)
            + ",\n]"
        ).encode(),
        *PAIRED,
        first=FIRST,
    ),
    Form("cache.arrow", arrow(stream=True), *PAIRED, first=FIRST),
    Form("table.feather", arrow(stream=False), *PAIRED, first=FIRST),
    Form("zipped.zip", archive({"a/data-00000-of-00001.arrow": arrow(stream=True)}), *PAIRED, first=FIRST),
    # ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────
    Form(
        "form_answers.csv",
        table(
            [["Timestamp", "What is your question?", "Pharmacist's reply"]]
            + [[f"2024/03/0{n + 1} 9:30:00 AM", Q[n], A[n]] for n in N]
        ),
        "prompt_response",
        {"prompt": "What is your question?", "response": "Pharmacist's reply"},
        first=FIRST,
    ),
    Form(
        "cards.txt",
        lambda: ("#separator:tab\n#html:true\n" + "".join(f"{Q[n]}\t{A[n]}\ttag\n" for n in N)).encode(),
        "prompt_response",
        {"prompt": "column 1", "response": "column 2"},
        first=FIRST,
    ),
    Form(
        "commas_without_quotes.csv",
        lambda: ("question,answer\n" + "".join(f"{Q[n]},{A[n]}\n" for n in N)).encode(),
        *PAIRED,
        first=FIRST,
    ),
    Form(
        "plural_names.parquet",
        parquet([{"inputs": Q[n].rstrip("?"), "targets": A[n]} for n in N]),
        "prompt_response",
        {"prompt": "inputs", "response": "targets"},
    ),
    Form(
        "context_and_response.csv",
        table([["Context", "Response"]] + [[f"I have been unwell for {n} days and cannot sleep.", A[n]] for n in N]),
        "prompt_response",
        {"prompt": "Context", "response": "Response"},
    ),
    Form(
        "antworten.csv",
        table(
            [["Frage", "Antwort A", "Antwort B", "Antwort C", "Antwort D", "Richtige Antwort"]]
            + [[Q[n], *OPTIONS[n], "ABCD"[n % 4]] for n in N],
            ";",
        ),
        "multiple_choice",
        {"prompt": "Frage", "choice_a": "Antwort A", "answer": "Richtige Antwort"},
        first=(MCQ, "A. Iron"),
    ),
    Form(
        "quiz.xlsx",
        workbook(
            {
                "Quiz": [
                    [
                        "Question - max 120 characters",
                        *[f"Answer {k} - max 75 characters" for k in range(1, 5)],
                        "Correct answer(s)",
                    ],
                    *[[Q[n], *OPTIONS[n], 1 + n % 4] for n in N],
                ]
            }
        ),
        "multiple_choice",
        {"prompt": "Question - max 120 characters", "answer": "Correct answer(s)"},
        first=(MCQ, "A. Iron"),
    ),
    # ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────
    Form("q1_dot.txt", text_of("Q{n}. {q}\nA{n}. {a}"), *MARKED, first=FIRST),
    Form("frage.txt", text_of("Frage {n}: {q}\nAntwort {n}: {a}"), *MARKED, first=FIRST),
    Form("question_fr.txt", text_of("Question\u00a0: {q}\nRéponse\u00a0: {a}"), *MARKED, first=FIRST),
    Form("headings.md", text_of("## {q}\n\n{a}", before="# FAQ of a clinic\n\n"), *PAIRED, first=FIRST),
    Form("bold.md", text_of("{n}. **{q}**\n   {a}"), *PAIRED, first=FIRST),
    Form("plain.txt", text_of("{q}\n{a}", before="Frequent questions\n\n"), *PAIRED, first=FIRST),
    Form("turn_by_turn.txt", text_of("{q}\n{a}", between="\n"), *PAIRED, first=FIRST),
    Form("list.yaml", text_of("- question: {q}\n  answer: {a}", between="\n"), *MARKED, first=FIRST),
    Form(
        "exam.txt",
        text_of("{n}. {q}\nA) Iron\nB) Zinc\nAnswer: B"),
        *PAIRED,
        first=(f"{Q[0]}\nA) Iron\nB) Zinc", "B"),
    ),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_that_came_later(form: Form, tmp_path: Path) -> None:
    check(form, tmp_path)


REFUSED: dict[str, Callable[[], bytes]] = {
    "objects_for_answers.json": document(
        {f"d{n}": {"question": Q[n], "answers": {f"{n}_1": {"article": A[n], "url": "x"}}} for n in N}
    ),
    "interview.txt": text_of("Interviewer: {q}\nDr. Lind: {a}"),
    "essay.txt": lambda: (
        b"Medicine asks much. Why do we fall ill? Nobody knows.\n\nAnd why do we heal? Who knows.\n\n" * 4
    ),
    "only_questions.jsonl": lines([{"messages": chat(n)[:1]} for n in N]),
    "replies_to_one.jsonl": lines(
        [
            row
            for n in N
            for row in (
                {"id": f"p{n}", "parent_id": None, "tree": n, "role": "prompter", "text": Q[n]},
                {"id": f"a{n}", "parent_id": f"p{n}", "tree": n, "role": "assistant", "text": A[n]},
                {"id": f"b{n}", "parent_id": f"p{n}", "tree": n, "role": "assistant", "text": A[n - 1]},
            )
        ]
    ),
    "cut.arrow": lambda: arrow(stream=True)()[:-200],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_learnt_wrongly_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(REFUSED[name]())
    with pytest.raises(UploadError):
        detect(read_upload([tmp_path / name]))


def understood(rows: list[dict[str, Any]], folder: Path) -> tuple[Any, list[Record | Skipped]]:
    (folder / "rows.jsonl").write_bytes(lines(rows)())
    upload = read_upload([folder / "rows.jsonl"])
    mapping = detect(upload)
    return mapping, list(to_records(upload, mapping))


def test_questions_about_pictures_are_left_out(tmp_path: Path) -> None:
    picture = {"type": "image_url", "image_url": {"url": "http://example.org/x.png"}}
    rows = [{"messages": chat(n)} for n in range(4)]
    rows += [{"messages": [{"role": "user", "content": [{"type": "text", "text": Q[4]}, picture]}, chat(4)[1]]}]
    rows += [{"messages": [{"role": "user", "content": f"<image>\n{Q[5]}"}, chat(5)[1]]}]
    _, items = understood(rows, tmp_path)
    assert [isinstance(item, Record) for item in items] == [True] * 4 + [False] * 2
    assert all("picture" in item.reason for item in items if isinstance(item, Skipped))


def test_marks_of_right_and_wrong_answers_are_told(tmp_path: Path) -> None:
    mapping, _ = understood([{"prompt": Q[n], "completion": A[n], "label": n % 2 == 0} for n in N], tmp_path)
    assert any("“label” may mark right and wrong answers" in note for note in mapping.notes)
    mapping, _ = understood([{"prompt": Q[n], "completion": A[n], "label": True} for n in N], tmp_path)
    assert not any("may mark" in note for note in mapping.notes)


def test_an_organ_system_is_no_system_prompt(tmp_path: Path) -> None:
    rows = [{"question": Q[n], "answer": A[n], "body_system": "The heart and its vessels"} for n in N]
    assert "system" not in understood(rows, tmp_path)[0].columns
    rows = [{"question": Q[n], "answer": A[n], "system": [{"text": "You are a nurse."}]} for n in N]
    _, items = understood(rows, tmp_path)
    assert isinstance(items[0], Record) and items[0].messages[0].content == "You are a nurse."


def test_no_input_is_no_text_and_listed_options_are_not_listed_twice(tmp_path: Path) -> None:
    _, items = understood([{"instruction": Q[n], "input": "<noinput>", "output": A[n]} for n in N], tmp_path)
    assert isinstance(items[0], Record) and items[0].prompt == Q[0]
    listed = [f"{Q[n]}\n" + "\n".join(f"({k}) {text}" for k, text in zip("ABCD", OPTIONS[n], strict=True)) for n in N]
    _, items = understood(
        [{"question": listed[n], "options": OPTIONS[n], "answer": "ABCD"[n % 4]} for n in N], tmp_path
    )
    assert isinstance(items[0], Record) and (items[0].prompt, items[0].response) == (listed[0], "A. Iron")
