"""Small files in the forms that public medical question sets have, each with the mapping and the rows that it must give.

The detection knows none of these files: names and contents have to be enough.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from core.dataset.ingest import read_upload
from core.dataset.mapping import detect, to_records
from core.errors import UploadError
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
    absent: tuple[str, ...] = field(default=())


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
MCQ = [
    {
        "question": Q[n],
        **dict(zip(("opa", "opb", "opc", "opd"), OPTIONS[n], strict=True)),
        "cop": 1 + n % 4,
        "choice_type": "single",
        "exp": A[n] if n % 3 else None,
        "subject_name": "Medicine",
        "topic_name": None,
        "id": f"a1b2-{n}",
    }
    for n in N
]

FORMS = [
    # ── multiple choice ──────────────────────────────────────────────────────────────────────────────────────────
    Form(
        "medmcqa_train.json",
        lines(MCQ),
        "multiple_choice",
        {"prompt": "question", "choice_a": "opa", "choice_d": "opd", "answer": "cop", "explanation": "exp"},
        first=(f"{Q[0]}\nA. Iron\nB. Zinc\nC. Copper\nD. Lead", "A. Iron"),
    ),
    Form(
        "medqa_us.jsonl",
        lines(
            [
                {
                    "question": CASE.format(TOPIC[n]) + Q[n],
                    "answer": OPTIONS[n][n % 4],
                    "options": options_dict(n),
                    "meta_info": "step2&3",
                    "answer_idx": "ABCD"[n % 4],
                    "metamap_phrases": ["man", "pulse"],
                }
                for n in N
            ]
        ),
        "multiple_choice",
        {"prompt": "question", "choices": "options"},
        first=(f"{CASE.format(TOPIC[0])}{Q[0]}\nA. Iron\nB. Zinc\nC. Copper\nD. Lead", "A. Iron"),
    ),
    Form(
        "usmle_hf.jsonl",
        lines(
            [
                {"id": n, "sent1": CASE.format(TOPIC[n]), "sent2": "", "label": n % 4}
                | {f"ending{k}": OPTIONS[n][k] for k in range(4)}
                for n in N
            ]
        ),
        "multiple_choice",
        {"prompt": "sent1", "choice_a": "ending0", "choice_d": "ending3", "answer": "label"},
    ),
    Form(
        "mmlu_anatomy.parquet",
        parquet([{"question": Q[n], "subject": "anatomy", "choices": OPTIONS[n], "answer": n % 4} for n in N]),
        "multiple_choice",
        {"prompt": "question", "choices": "choices", "answer": "answer"},
        last_answer="D. Ataxia",
    ),
    Form(
        "arc_style.parquet",
        parquet(
            [
                {
                    "id": str(n),
                    "question": {
                        "stem": Q[n],
                        "choices": [{"text": o, "label": "ABCD"[k]} for k, o in enumerate(OPTIONS[n])],
                    },
                    "answerKey": "ABCD"[n % 4],
                }
                for n in N
            ]
        ),
        "multiple_choice",
        {"prompt": "question.stem", "choices": "question.choices", "answer": "answerKey"},
    ),
    Form(
        "headqa.json",
        document(
            {
                "exams": {
                    "Cuaderno_2013": {
                        "name": "Cuaderno_2013",
                        "data": [
                            {
                                "qid": str(n),
                                "qtext": Q[n],
                                "ra": 1 + n % 4,
                                "answers": [{"aid": k + 1, "atext": OPTIONS[n][k]} for k in range(4)],
                            }
                            for n in range(4)
                        ],
                    },
                    "Cuaderno_2014": {
                        "name": "Cuaderno_2014",
                        "data": [
                            {
                                "qid": str(n),
                                "qtext": Q[n],
                                "ra": 1 + n % 4,
                                "answers": [{"aid": k + 1, "atext": OPTIONS[n][k]} for k in range(4)],
                            }
                            for n in range(4, 8)
                        ],
                    },
                },
                "language": "es",
            }
        ),
        "multiple_choice",
        {"prompt": "qtext", "choices": "answers", "answer": "ra"},
    ),
    # ── question and answer ──────────────────────────────────────────────────────────────────────────────────────
    Form(
        "pubmedqa_artificial.json",
        document(
            {
                str(2000 + n): {
                    "QUESTION": Q[n],
                    "CONTEXTS": ["Background of the study.", "Methods of the study."],
                    "LABELS": ["BACKGROUND", "METHODS"],
                    "LONG_ANSWER": A[n],
                    "final_decision": "yes",
                    "MESHES": ["Humans"],
                }
                for n in N
            }
        ),
        "prompt_response",
        {"prompt": "QUESTION", "response": "LONG_ANSWER"},
    ),
    Form(
        "pubmedqa_labeled.parquet",
        parquet(
            [
                {
                    "pubid": n,
                    "question": Q[n],
                    "context": {"contexts": ["Background.", "Methods."], "labels": ["BACKGROUND", "METHODS"]},
                    "long_answer": A[n],
                    "final_decision": "no",
                }
                for n in N
            ]
        ),
        "prompt_response",
        {"prompt": "question", "response": "long_answer"},
    ),
    Form(
        "HealthCareMagic-100k.json",
        document(
            [
                {
                    "instruction": "If you are a doctor, please answer the medical questions based on the description.",
                    "input": f"Hello doctor, {Q[n]} I am worried and would like to know more. Thank you.",
                    "output": f"Hi, thanks for asking. {A[n]} Hope I have answered your query.",
                }
                for n in N
            ]
        ),
        "alpaca",
        {"input": "input", "system": "instruction", "response": "output"},
    ),
    Form(
        "iCliniq.json",
        document(
            [
                {
                    "input": f"Hello doctor, {Q[n]}",
                    "answer_icliniq": A[n],
                    "answer_chatgpt": f"As I see it, {A[n]}",
                    "answer_chatdoctor": "See a doctor.",
                }
                for n in N
            ]
        ),
        "prompt_response",
        {"prompt": "input", "response": "answer_icliniq"},
    ),
    Form(
        "meddialog_en.json",
        document(
            [
                {
                    "description": Q[n],
                    "utterances": [f"patient: {Q[n]} I am {30 + n} years old.", f"doctor: {A[n]}"],
                }
                for n in N
            ]
        ),
        "messages",
        {"messages": "utterances"},
        first=(f"{Q[0]} I am 30 years old.", A[0]),
    ),
    Form(
        "meddialog_raw.txt",
        lambda: "".join(
            f"id={n}\nhttps://example.org/q/{n}\nDescription\n{Q[n]}\nDialogue\nPatient:\n{Q[n]} It began last week.\n"
            f"Doctor:\n{A[n]}\n\n\n"
            for n in N
        ).encode(),
        "text_with_chat_tokens",
        {"text": "text"},
        first=(f"{Q[0]} It began last week.", A[0]),
    ),
    Form(
        "format_dataset.csv",
        table(
            [["short_question", "short_answer", "tags", "label"]]
            + [[Q[n].lower().rstrip("?"), A[n].lower(), "['iron' 'fatigue']", "1.0"] for n in N]
        ),
        "prompt_response",
        {"prompt": "short_question", "response": "short_answer"},
    ),
    Form(
        "liveqa_train.xml",
        xml(
            "".join(
                f'<NLM-QUESTION questionid="Q{n}" fRef="Q{n}.txt"><SUBJECT>{TOPIC[n]}</SUBJECT><MESSAGE>{Q[n]}</MESSAGE>'
                f'<SUB-QUESTIONS><SUB-QUESTION subqid="Q{n}-S1"><ANNOTATIONS><FOCUS fid="F1" fcategory="Problem">{TOPIC[n]}'
                f'</FOCUS><TYPE tid="T1">information</TYPE></ANNOTATIONS><ANSWERS><ANSWER answerid="Q{n}-A1" '
                f'pairid="{n}">{A[n]}</ANSWER></ANSWERS></SUB-QUESTION></SUB-QUESTIONS></NLM-QUESTION>'
                for n in N
            ),
            "LiveQA2017-Medical-Questions",
        ),
        "prompt_response",
        {"prompt": "MESSAGE", "response": "ANSWER"},
    ),
    Form(
        "mediqa2019_task3.xml",
        xml(
            "".join(
                f'<Question QID="{n}"><QuestionText>{Q[n]}</QuestionText><AnswerList><Answer AID="{n}_1" SystemRank="1" '
                f'ReferenceRank="2" ReferenceScore="4"><AnswerURL>https://example.org/{n}</AnswerURL><AnswerText>{A[n]}'
                f"</AnswerText></Answer></AnswerList></Question>"
                for n in N
            ),
            "MediqaQA",
        ),
        "prompt_response",
        {"prompt": "QuestionText", "response": "AnswerText"},
    ),
    Form(
        "kaggle_medquad.csv",
        table([["qtype", "Question", "Answer"]] + [["symptoms", Q[n], A[n] + "\n\nMore:\n - rest"] for n in N]),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "medquad_hf.csv",
        table(
            [["question", "answer", "source", "focus_area"]] + [[Q[n], A[n], "NIHSeniorHealth", TOPIC[n]] for n in N]
        ),
        "prompt_response",
        PAIR | {"topic": "focus_area"},
    ),
    Form(
        "huatuo_encyclopedia.jsonl",
        lines(
            [
                {
                    "questions": [["缺铁性贫血有什么症状？", "缺铁的表现有哪些？"]],
                    "answers": [f"常见症状为乏力、面色苍白和气短，第{n}例。"],
                }
                for n in N
            ]
        ),
        "prompt_response",
        {"prompt": "questions", "response": "answers"},
        first=("缺铁性贫血有什么症状？", "常见症状为乏力、面色苍白和气短，第0例。"),
    ),
    Form(
        "cmedqa_joined.csv",
        table(
            [["question_id", "content", "ans_id", "ans_content"]]
            + [
                [
                    n,
                    f"头痛恶心肌肉痛关节痛颈部淋巴结疼痛怎么回事啊，第{n}天",
                    100 + n,
                    f"月经延迟可能受环境、心理等因素影响，建议到医院就诊检查{n}。",
                ]
                for n in N
            ],
            encoding="gb18030",
        ),
        "prompt_response",
        {"prompt": "content", "response": "ans_content"},
    ),
    Form(
        "bioasq_taskb.json",
        document(
            {
                "questions": [
                    {
                        "body": Q[n],
                        "type": "summary",
                        "id": f"5e{n}",
                        "documents": ["http://www.ncbi.nlm.nih.gov/pubmed/1"],
                        "snippets": [{"text": "A snippet.", "beginSection": "title"}],
                        "ideal_answer": [A[n]],
                        "exact_answer": [["iron"]],
                    }
                    for n in N
                ]
            }
        ),
        "prompt_response",
        {"prompt": "body", "response": "ideal_answer"},
    ),
    Form(
        "emrqa.json",
        document(
            {
                "data": [
                    {
                        "title": "medication",
                        "paragraphs": [
                            {
                                "note_id": str(n),
                                "context": ["Record begins.\n", f"{A[n]}\n", "Record ends.\n"],
                                "qas": [
                                    {
                                        "question": [Q[n], "Or so?"],
                                        "id": [f"a{n}", f"b{n}"],
                                        "answers": [
                                            {
                                                "text": A[n],
                                                "evidence": A[n],
                                                "evidence_start": 2,
                                                "answer_start": [2, 0],
                                            }
                                        ],
                                    }
                                ],
                            }
                            for n in N
                        ],
                    }
                ]
            }
        ),
        "squad",
        {"context": "context", "prompt": "question", "response": "answers"},
    ),
    Form(
        "covid_squad.json",
        document(squad()),
        "squad",
        {"context": "context", "prompt": "question", "response": "answers"},
    ),
    Form(
        "squad_hf.parquet",
        parquet(
            [
                {
                    "id": str(n),
                    "title": "t",
                    "context": f"Intro. {A[n]} End.",
                    "question": Q[n],
                    "answers": {"text": [A[n]], "answer_start": [7]},
                }
                for n in N
            ]
        ),
        "squad",
        {"context": "context", "prompt": "question", "response": "answers"},
    ),
    Form(
        "wiki_medical_terms.jsonl",
        lines([{"instruction": Q[n], "context": "", "response": A[n], "category": "open_qa"} for n in N]),
        "prompt_response",
        {"prompt": "instruction", "response": "response"},
    ),
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
    Form(
        "one_line_objects.json",
        lambda: "".join(json.dumps({"question": Q[n], "answer": A[n]}) for n in N).encode(),
        "prompt_response",
        PAIR,
    ),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_that_people_have(form: Form, tmp_path: Path) -> None:
    path = tmp_path / form.name
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


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "HealthSearchQA.csv": (table([["id", "question"]] + [[n, Q[n]] for n in N]), "no column holds"),
    "queries.txt": (lambda: "\n".join(Q).encode(), "no table"),
    "mednli.jsonl": (
        lines(
            [
                {
                    "sentence1": A[n],
                    "sentence2": f"The patient has {TOPIC[n]}.",
                    "gold_label": "entailment",
                    "pairID": n,
                }
                for n in N
            ]
        ),
        "no column holds questions",
    ),
    "ner.csv": (
        table([["token", "tag"]] + [[word, "O"] for text in A for word in text.split()]),
        "",
    ),
    "drug_table.csv": (
        table([["drug", "dose_mg", "route"]] + [[f"drug {n}", 10 * n, "oral"] for n in range(20)]),
        "",
    ),
    "half.json": (lambda: document([{"question": Q[n], "answer": A[n]} for n in N])()[:-40], "broken in line 1"),
    "answers_empty.xlsx": (workbook({"s": [["Question", "Answer"], *[[q, None] for q in Q]]}), "empty"),
    "only_notes.zip": (archive({"a/README.md": b"# Nothing\n\nNo data here.\n"}), ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    data, reason = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(data())
    with pytest.raises(UploadError) as refused:
        upload = read_upload([path])
        detect(upload)
    assert reason in refused.value.message
    assert len(refused.value.hint) > 10
    assert not any(question in str(refused.value) for question in Q)
