"""Small files as programs export them: chats, wrapped and nested rows, tables with titles, JSON that is nearly JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.dataset.form_builders import (
    PAIR,
    TOPIC,
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

FORMS = [
    # ── conversations ────────────────────────────────────────────────────────────────────────────────────────────
    Form(
        "openai_chat.jsonl",
        lines([{"messages": [{"role": "system", "content": "You are a careful doctor."}, *chat(n)]} for n in N]),
        "messages",
        {"messages": "messages"},
        first=(Q[0], A[0]),
    ),
    Form(
        "sharegpt_system.json",
        document(
            [
                {
                    "id": f"c{n}",
                    "system": "You answer medical questions.",
                    "conversations": [
                        {"from": "human", "value": Q[n]},
                        {"from": "gpt", "value": A[n]},
                        {"from": "human", "value": "Thank you, anything else?"},
                        {"from": "gpt", "value": "See a doctor if it gets worse."},
                    ],
                }
                for n in N
            ]
        ),
        "sharegpt",
        {"messages": "conversations", "system": "system"},
        last_answer="See a doctor if it gets worse.",
    ),
    Form(
        "hh_rlhf_style.jsonl",
        lines([{"text": f"\n\nHuman: {Q[n]}\n\nAssistant: {A[n]}"} for n in N]),
        "text_with_chat_tokens",
        {"text": "text"},
        first=(Q[0], A[0]),
    ),
    Form(
        "guanaco_style.parquet",
        parquet([{"text": f"### Human: {Q[n]}### Assistant: {A[n]}"} for n in N]),
        "text_with_chat_tokens",
        {"text": "text"},
        first=(Q[0], A[0]),
    ),
    Form(
        "llama2_text.csv",
        table([["text"]] + [[f"<s>[INST] {Q[n]} [/INST] {A[n]} </s>"] for n in N]),
        "text_with_chat_tokens",
        {"text": "text"},
        first=(Q[0], A[0]),
    ),
    Form(
        "alpaca_text.jsonl",
        lines(
            [
                {
                    "text": "Below is an instruction that describes a task. Write a response.\n\n"
                    f"### Instruction:\n{Q[n]}\n\n### Response:\n{A[n]}"
                }
                for n in N
            ]
        ),
        "text_with_chat_tokens",
        {"text": "text"},
        last_answer=A[-1],
    ),
    Form(
        "parquet_messages.parquet",
        parquet([{"prompt_id": str(n), "messages": chat(n)} for n in N]),
        "messages",
        {"messages": "messages"},
        first=(Q[0], A[0]),
    ),
    # ── wrapped and nested ───────────────────────────────────────────────────────────────────────────────────────
    Form(
        "rows_api.jsonl",
        lines([{"row_idx": n, "row": {"question": Q[n], "answer": A[n]}, "truncated_cells": []} for n in N]),
        "prompt_response",
        {"prompt": "row.question", "response": "row.answer"},
    ),
    Form("items.jsonl", lines([{"item": {"question": Q[n], "answer": A[n]}} for n in N]), "prompt_response", PAIR),
    Form(
        "datasets_server.json",
        document(
            {
                "features": [
                    {"feature_idx": 0, "name": "question", "type": {"dtype": "string"}},
                    {"feature_idx": 1, "name": "answer", "type": {"dtype": "string"}},
                ],
                "rows": [{"row_idx": n, "row": {"question": Q[n], "answer": A[n]}, "truncated_cells": []} for n in N],
                "num_rows_total": len(Q),
            }
        ),
        "prompt_response",
        {"prompt": "row.question", "response": "row.answer"},
    ),
    Form(
        "data_rows.json", document({"data": [{"question": Q[n], "answer": A[n]} for n in N]}), "prompt_response", PAIR
    ),
    Form(
        "data_keyed.json",
        document({"data": {f"q{n}": {"question": Q[n], "answer": A[n]} for n in N}}),
        "prompt_response",
        PAIR,
    ),
    Form(
        "data_items_rows.json",
        document({"status": "ok", "data": {"total": 8, "items": [{"question": Q[n], "answer": A[n]} for n in N]}}),
        "prompt_response",
        PAIR,
    ),
    Form(
        "deep.json",
        document({"response": {"body": {"result": {"faq": {"entries": [{"q": Q[n], "a": A[n]} for n in N]}}}}}),
        "prompt_response",
        {"prompt": "q", "response": "a"},
    ),
    Form(
        "list_of_wrapped.json",
        document([{"data": {"question": Q[n], "answer": A[n]}} for n in N]),
        "prompt_response",
        PAIR,
    ),
    Form(
        "data_of_data.json",
        document([{"id": n, "data": {"qa": {"question": Q[n], "answer": A[n]}}} for n in N]),
        "prompt_response",
        {"prompt": "data.qa.question", "response": "data.qa.answer"},
    ),
    Form(
        "by_topic.json",
        document(
            {TOPIC[n]: [{"question": Q[n], "answer": A[n]}, {"question": Q[n] + " Or?", "answer": A[n]}] for n in N}
        ),
        "prompt_response",
        PAIR,
        rows=16,
    ),
    Form(
        "splits.json",
        document({part: {str(n): {"question": Q[n], "answer": A[n]} for n in N} for part in ("train", "test")}),
        "prompt_response",
        PAIR,
        rows=16,
    ),
    Form(
        "topics_with_faqs.json",
        document([{"topic": TOPIC[n], "faqs": [{"question": Q[n], "answer": A[n]}]} for n in N]),
        "prompt_response",
        PAIR | {"topic": "topic"},
    ),
    Form(
        "nested_struct.parquet",
        parquet([{"id": n, "qa": {"question": Q[n], "answer": A[n]}, "meta": {"source": "x"}} for n in N]),
        "prompt_response",
        {"prompt": "qa.question", "response": "qa.answer"},
    ),
    Form(
        "natural_questions.parquet",
        parquet([{"question": {"text": Q[n]}, "answers": [{"text": A[n], "score": 5}]} for n in N]),
        "prompt_response",
        {"prompt": "question", "response": "answers"},
    ),
    Form(
        "faq_object.json",
        document({Q[n]: A[n] for n in N}),
        "prompt_response",
        {"prompt": "key", "response": "value"},
    ),
    # ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────
    Form(
        "fragen.csv",
        table(
            [["Nr", "Patientenfrage", "Antwort des Arztes", "Fachgebiet"]] + [[n, Q[n], A[n], TOPIC[n]] for n in N], ";"
        ),
        "prompt_response",
        {"prompt": "Patientenfrage", "response": "Antwort des Arztes"},
    ),
    Form(
        "questions_fr.csv",
        table(
            [["Catégorie", "Question posée", "Réponse du médecin"]] + [[TOPIC[n], Q[n], A[n]] for n in N],
            ";",
            encoding="cp1252",
        ),
        "prompt_response",
        {"prompt": "Question posée", "response": "Réponse du médecin"},
    ),
    Form(
        "preguntas.csv",
        table([["Pregunta", "Respuesta", "Tema"]] + [[Q[n], A[n], TOPIC[n]] for n in N]),
        "prompt_response",
        {"prompt": "Pregunta", "response": "Respuesta"},
    ),
    Form(
        "no_header.tsv",
        table([[Q[n], A[n]] for n in N], "\t"),
        "prompt_response",
        {"prompt": "column 1", "response": "column 2"},
    ),
    Form(
        "numbered_no_header.tsv",
        table([[n + 1, Q[n], A[n], f"http://example.org/{n}"] for n in N], "\t"),
        "prompt_response",
        {"prompt": "column 2", "response": "column 3"},
    ),
    Form(
        "decimal_comma.csv",
        table([["id", "frage", "antwort", "bewertung"]] + [[n, Q[n], A[n], f"{n},5"] for n in N], ";"),
        "prompt_response",
        {"prompt": "frage", "response": "antwort"},
    ),
    Form(
        "crlf_utf16.csv",
        table([["question", "answer"]] + [[Q[n], f"{A[n]}\r\nSecond line."] for n in N], ",", "\r\n", "utf-16"),
        "prompt_response",
        PAIR,
    ),
    Form(
        "excel_unicode_text.txt",
        table([["Question", "Answer"]] + [[Q[n], A[n]] for n in N], "\t", "\r\n", "utf-16"),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "sep_line.csv",
        lambda: b"sep=;\r\n" + table([["Question", "Answer"]] + [[Q[n], A[n]] for n in N], ";", "\r\n")(),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "comment_lines.csv",
        lambda: (
            b"# Medical FAQ, exported 2024\n# two columns\n"
            + table([["question", "answer"]] + [[Q[n], A[n]] for n in N])()
        ),
        "prompt_response",
        PAIR,
    ),
    Form(
        "repeated_names.csv",
        table([["question", "answer", "answer"]] + [[Q[n], "", A[n]] for n in N]),
        "prompt_response",
        {"prompt": "question", "response": "answer (2)"},
    ),
    Form(
        "long_cells.csv",
        table([["question", "answer"]] + [[Q[n], (A[n] + " ") * 2000] for n in N]),
        "prompt_response",
        PAIR,
    ),
    Form(
        "titled.xlsx",
        workbook(
            {
                "Fragen": [
                    ["Frequently asked questions of the clinic"],
                    ["Status: 1 March 2024", None, None],
                    [],
                    ["No.", "Question", "Answer"],
                    *[[n + 1, Q[n], A[n]] for n in N],
                ]
            }
        ),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "sheets.xlsx",
        workbook(
            {
                "Read me": [["This workbook holds questions and answers."], ["Contact: the library"]],
                "Adults": [["Question", "Answer"], *[[Q[n], A[n]] for n in range(5)]],
                "Children": [["Question", "Answer"], *[[Q[n], A[n]] for n in range(5, 8)]],
            }
        ),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "titled.csv",
        table([["Clinic FAQ", "", ""], ["", "", ""], ["No", "Question", "Answer"]] + [[n, Q[n], A[n]] for n in N]),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "folder.zip",
        archive(
            {
                "medqa/train.jsonl": lines([{"question": Q[n], "answer": A[n]} for n in range(5)]),
                "medqa/test.jsonl": lines([{"question": Q[n], "answer": A[n]} for n in range(5, 8)]),
                "__MACOSX/medqa/._train.jsonl": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X",
                "medqa/.DS_Store": b"\x00\x00\x00\x01Bud1",
                "medqa/README.md": b"# MedQA\n\nQuestions and answers.\n",
                "medqa/LICENSE": b"CC BY 4.0\n",
            }
        ),
        "prompt_response",
        PAIR,
    ),
    # ── broken, but meant ────────────────────────────────────────────────────────────────────────────────────────
    Form(
        "trailing_commas.json",
        lambda: ("[\n" + "".join(json.dumps({"question": Q[n], "answer": A[n]}) + ",\n" for n in N) + "]\n").encode(),
        "prompt_response",
        PAIR,
    ),
    Form(
        "commas_after_lines.jsonl",
        lambda: "".join(json.dumps({"question": Q[n], "answer": A[n]}) + ",\n" for n in N).encode(),
        "prompt_response",
        PAIR,
    ),
    Form(
        "nan.jsonl",
        lines([{"question": Q[n], "answer": A[n], "score": float("nan"), "note": float("inf")} for n in N]),
        "prompt_response",
        PAIR,
    ),
    Form(
        "pretty_objects.json",
        lambda: "\n".join(json.dumps({"question": Q[n], "answer": A[n]}, indent=2) for n in N).encode(),
        "prompt_response",
        PAIR,
    ),
    Form(
        "python_rows.txt",
        lambda: "\n".join(str({"question": Q[n], "answer": A[n]}) for n in N).encode(),
        "prompt_response",
        PAIR,
    ),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_that_programs_write(form: Form, tmp_path: Path) -> None:
    check(form, tmp_path)
