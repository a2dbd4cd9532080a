"""Small files in the forms that public medical question sets have, each with the mapping and the rows that it must give.

The detection knows none of these files: names and contents have to be enough.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.dataset.ingest import read_upload
from core.dataset.mapping import detect
from core.errors import UploadError
from tests.core.dataset.form_builders import (
    CASE,
    OPTIONS,
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
    options_dict,
    parquet,
    squad,
    table,
    workbook,
    xml,
)

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
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_of_a_public_set(form: Form, tmp_path: Path) -> None:
    check(form, tmp_path)


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
    "tool_calls.jsonl": (
        lines([{"messages": [chat(n)[0], {"role": "tool", "content": "x"}, chat(n)[1]]} for n in N]),
        "no column holds",
    ),
    "radiology.csv": (
        table([["findings", "impression"]] + [[A[n] + " " + A[n - 1], A[n]] for n in N]),
        "no column holds questions",
    ),
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
