"""The same questions and answers as other people write them: languages, labels, orders, odd documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.dataset.form_builders import (
    OPTIONS,
    PAIR,
    A,
    Form,
    N,
    Q,
    chat,
    check,
    document,
    lines,
    table,
)

FORMS = [
    Form(
        "ultrachat.jsonl",
        lines([{"id": str(n), "data": [Q[n], A[n], "Thanks, more?", "See a doctor."]} for n in N]),
        "messages",
        {"messages": "data"},
    ),
    Form(
        "alpaca_history.json",
        document(
            [
                {"instruction": Q[n], "input": "", "output": A[n], "history": [["Hello, may I ask?", "Of course."]]}
                for n in N
            ]
        ),
        "alpaca",
        {"prompt": "instruction", "input": "input", "response": "output"},
    ),
    Form(
        "dpo.jsonl",
        lines(
            [
                {
                    "prompt": Q[n],
                    "chosen": [{"role": "user", "content": Q[n]}, {"role": "assistant", "content": A[n]}],
                    "rejected": [{"role": "user", "content": Q[n]}, {"role": "assistant", "content": "No."}],
                    "score_chosen": 8.0,
                }
                for n in N
            ]
        ),
        "messages",
        {"messages": "chosen"},
    ),
    Form(
        "k_qa.jsonl",
        lines([{"Question": Q[n], "Free_form_answer": A[n], "Must_have": ["x"], "Sources": "http://x"} for n in N]),
        "prompt_response",
        {"prompt": "Question", "response": "Free_form_answer"},
    ),
    Form("msgs_keyed.json", document({f"c{n}": chat(n) for n in N}), "messages", {"messages": "messages"}),
    Form("list_of_lists.json", document([chat(n) for n in N]), "messages", {"messages": "messages"}),
    Form(
        "pairs_list.json",
        document([[Q[n], A[n]] for n in N]),
        "prompt_response",
        {"prompt": "column 1", "response": "column 2"},
    ),
    Form(
        "upper.csv",
        table([["QUESTION", "ANSWER", "SOURCE"]] + [[Q[n], A[n], "x"] for n in N]),
        "prompt_response",
        {"prompt": "QUESTION", "response": "ANSWER"},
    ),
    Form(
        "index_first.csv",
        table([["", "Unnamed: 0", "Question", "Answer"]] + [[n, n, Q[n], A[n]] for n in N]),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "semicolon_quotes.csv",
        lambda: ('"Frage";"Antwort"\r\n' + "".join(f'"{Q[n]}";"{A[n]}"\r\n' for n in N)).encode("cp1252"),
        "prompt_response",
        {"prompt": "Frage", "response": "Antwort"},
    ),
    Form(
        "pipe.txt",
        table([["question", "answer"]] + [[Q[n], A[n]] for n in N], "|"),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "md_table.md",
        lambda: ("| Question | Answer |\n|---|---|\n" + "".join(f"| {Q[n]} | {A[n]} |\n" for n in N)).encode(),
        "prompt_response",
        {"prompt": "Question", "response": "Answer"},
    ),
    Form(
        "content_parts.jsonl",
        lines(
            [
                {
                    "messages": [
                        {"role": "user", "content": [{"type": "text", "text": Q[n]}]},
                        {"role": "assistant", "content": [{"type": "text", "text": A[n]}]},
                    ]
                }
                for n in N
            ]
        ),
        "messages",
        {"messages": "messages"},
    ),
    Form(
        "patient_doctor_cols.csv",
        table(
            [["Description", "Patient", "Doctor"]]
            + [[f"Q. {Q[n]}", f"Hi doctor, {Q[n]} I have had it for days.", A[n]] for n in N]
        ),
        "prompt_response",
        {"prompt": "Patient", "response": "Doctor"},
    ),
    Form(
        "soap.jsonl",
        lines(
            [
                {
                    "dialogue": f"Doctor: {Q[n]}\nPatient: Yes, for days.\nDoctor: Any fever?\nPatient: No.",
                    "note": f"SUBJECTIVE: {A[n]}",
                    "id": n,
                }
                for n in N
            ]
        ),
        "dialogue_note",
        {"prompt": "dialogue", "response": "note"},
    ),
    Form(
        "qa_with_context.jsonl",
        lines([{"context": A[n] + " More.", "question": Q[n], "answer": A[n], "is_impossible": False} for n in N]),
        "squad",
        {"context": "context", "prompt": "question", "response": "answer"},
    ),
    Form(
        "yesno.jsonl",
        lines([{"question": Q[n], "answer": "yes" if n % 2 else "no", "reference": A[n]} for n in N]),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "medical_o1.json",
        document([{"Question": Q[n], "Complex_CoT": "Okay, let me think. " * 20, "Response": A[n]} for n in N]),
        "prompt_response",
        {"prompt": "Question", "response": "Response"},
    ),
    Form(
        "html_cells.csv",
        table([["title", "body_html"]] + [[Q[n], f"<p>{A[n]}</p>"] for n in N]),
        "prompt_response",
        {"prompt": "title", "response": "body_html"},
    ),
    Form(
        "faq_cols.csv",
        table([["faq_q", "faq_a"]] + [[Q[n], A[n]] for n in N]),
        "prompt_response",
        {"prompt": "faq_q", "response": "faq_a"},
    ),
    Form(
        "mcq_numbered_opts.csv",
        table(
            [["Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"]]
            + [[Q[n], *OPTIONS[n], f"Option {1 + n % 4}"] for n in N]
        ),
        "multiple_choice",
        {"prompt": "Question", "answer": "Correct Option", "choice_a": "Option 1"},
    ),
    Form(
        "mcq_letters_paren.csv",
        table(
            [["question", "(A)", "(B)", "(C)", "(D)", "answer"]]
            + [[Q[n], *OPTIONS[n], f"({'ABCD'[n % 4]})"] for n in N]
        ),
        "multiple_choice",
        {"prompt": "question", "answer": "answer", "choice_a": "(A)"},
    ),
    Form(
        "mcq_inline.jsonl",
        lines(
            [
                {"input": f"{Q[n]}\n(A) {OPTIONS[n][0]}\n(B) {OPTIONS[n][1]}", "output": f"(A) {OPTIONS[n][0]}"}
                for n in N
            ]
        ),
        "prompt_response",
        {"prompt": "input", "response": "output"},
    ),
    Form(
        "mcq_list_letters.json",
        document(
            [
                {
                    "question": Q[n],
                    "options": [f"A. {OPTIONS[n][0]}", f"B. {OPTIONS[n][1]}"],
                    "answer": "B",
                    "rationale": A[n],
                }
                for n in N
            ]
        ),
        "multiple_choice",
        {"prompt": "question", "answer": "answer", "choices": "options"},
    ),
    Form(
        "mcq_opts_keyval.jsonl",
        lines(
            [
                {
                    "question": Q[n],
                    "options": [{"key": k, "value": v} for k, v in zip("ABCD", OPTIONS[n], strict=False)],
                    "answer_idx": "ABCD"[n % 4],
                }
                for n in N
            ]
        ),
        "multiple_choice",
        {"prompt": "question", "answer": "answer_idx", "choices": "options"},
    ),
    Form(
        "cmexam.csv",
        table(
            [["Question", "Options", "Answer", "Explanation"]]
            + [
                [f"关于缺铁的说法，正确的是第{n}", "A 铁\nB 锌\nC 铜\nD 铅", "ABCD"[n % 4], "因为铁是必需的元素。" * 3]
                for n in N
            ]
        ),
        "multiple_choice",
        {"prompt": "Question", "answer": "Answer", "choices": "Options"},
    ),
    Form(
        "japanese.csv",
        table(
            [["質問", "回答"]] + [[f"貧血の症状は何ですか？{n}", f"疲れやすさや息切れが主な症状です。{n}"] for n in N],
            encoding="shift_jis",
        ),
        "prompt_response",
        {"prompt": "質問", "response": "回答"},
    ),
    Form(
        "russian.csv",
        table(
            [["Вопрос", "Ответ"]]
            + [[f"Каковы симптомы анемии {n}?", f"Усталость, бледность и одышка при нагрузке {n}."] for n in N],
            ";",
            encoding="cp1251",
        ),
        "prompt_response",
        {"prompt": "Вопрос", "response": "Ответ"},
    ),
    Form(
        "portuguese.csv",
        table([["Pergunta", "Resposta"]] + [[Q[n], A[n]] for n in N]),
        "prompt_response",
        {"prompt": "Pergunta", "response": "Resposta"},
    ),
    Form(
        "arabic.csv",
        table(
            [["السؤال", "الجواب"]] + [[f"ما هي أعراض فقر الدم {n}؟", f"التعب وشحوب الجلد وضيق التنفس {n}."] for n in N]
        ),
        "prompt_response",
        {"prompt": "السؤال", "response": "الجواب"},
    ),
    Form(
        "hindi.csv",
        table([["प्रश्न", "उत्तर"]] + [[f"एनीमिया के लक्षण क्या हैं {n}?", f"थकान और सांस फूलना आम लक्षण हैं {n}."] for n in N]),
        "prompt_response",
        {"prompt": "प्रश्न", "response": "उत्तर"},
    ),
    Form(
        "polish.csv",
        table([["Pytanie", "Odpowiedź"]] + [[Q[n], A[n]] for n in N], ";", encoding="cp1250"),
        "prompt_response",
        {"prompt": "Pytanie", "response": "Odpowiedź"},
    ),
    Form(
        "turkish.csv",
        table([["Soru", "Cevap"]] + [[Q[n], A[n]] for n in N]),
        "prompt_response",
        {"prompt": "Soru", "response": "Cevap"},
    ),
    Form(
        "vietnamese.csv",
        table(
            [["Câu hỏi", "Câu trả lời"]]
            + [[f"Triệu chứng thiếu máu là gì {n}?", f"Mệt mỏi và khó thở là thường gặp {n}."] for n in N]
        ),
        "prompt_response",
        {"prompt": "Câu hỏi", "response": "Câu trả lời"},
    ),
    Form(
        "korean.csv",
        table(
            [["질문", "답변"]]
            + [[f"빈혈의 증상은 무엇인가요 {n}?", f"피로와 숨가쁨이 흔한 증상입니다 {n}."] for n in N],
            encoding="cp949",
        ),
        "prompt_response",
        {"prompt": "질문", "response": "답변"},
    ),
    Form(
        "wrapped_messages.jsonl",
        lines([{"custom_id": f"r{n}", "body": {"messages": chat(n)}} for n in N]),
        "messages",
        {"messages": "body.messages"},
    ),
    Form(
        "openai_batch.jsonl",
        lines([{"prompt": Q[n], "completion": " " + A[n]} for n in N]),
        "prompt_response",
        {"prompt": "prompt", "response": "completion"},
    ),
    Form(
        "chatml_text.jsonl",
        lines([{"text": f"<|im_start|>user\n{Q[n]}<|im_end|>\n<|im_start|>assistant\n{A[n]}<|im_end|>"} for n in N]),
        "text_with_chat_tokens",
        {"text": "text"},
    ),
    Form(
        "gemma_text.jsonl",
        lines(
            [
                {"text": f"<start_of_turn>user\n{Q[n]}<end_of_turn>\n<start_of_turn>model\n{A[n]}<end_of_turn>"}
                for n in N
            ]
        ),
        "text_with_chat_tokens",
        {"text": "text"},
    ),
    Form(
        "qa_txt_numbered.txt",
        lambda: "\n\n".join(f"{n + 1}. Question: {Q[n]}\nAnswer: {A[n]}" for n in N).encode(),
        "text_with_chat_tokens",
        {"text": "text"},
    ),
    Form(
        "q1a1.txt",
        lambda: "\n".join(f"Q{n + 1}: {Q[n]}\nA{n + 1}: {A[n]}" for n in N).encode(),
        "text_with_chat_tokens",
        {"text": "text"},
    ),
    Form(
        "bold_md.md",
        lambda: "\n\n".join(f"**Q: {Q[n]}**\n\nA: {A[n]}" for n in N).encode(),
        "text_with_chat_tokens",
        {"text": "text"},
    ),
    Form(
        "tsv_quotes.tsv",
        lambda: ("question\tanswer\n" + "".join(f'{Q[n]}\tHe said "rest" {A[n]}\n' for n in N)).encode(),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "columns.json",
        document({"question": {str(n): Q[n] for n in N}, "answer": {str(n): A[n] for n in N}}),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "split_orient.json",
        document({"columns": ["question", "answer"], "index": list(N), "data": [[Q[n], A[n]] for n in N]}),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "records_in_string.json",
        document(json.dumps([{"question": Q[n], "answer": A[n]} for n in N])),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "graphql.json",
        document({"data": {"allFaqs": {"edges": [{"node": {"question": Q[n], "answer": A[n]}} for n in N]}}}),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "elastic.json",
        document(
            {
                "took": 3,
                "hits": {
                    "total": 8,
                    "hits": [{"_id": str(n), "_score": 1.0, "_source": {"question": Q[n], "answer": A[n]}} for n in N],
                },
            }
        ),
        "prompt_response",
        {"prompt": "_source.question", "response": "_source.answer"},
    ),
    Form(
        "mongo.jsonl",
        lines([{"_id": {"$oid": f"5f{n}"}, "question": Q[n], "answer": A[n], "n": {"$numberInt": "3"}} for n in N]),
        "prompt_response",
        {"prompt": "question", "response": "answer"},
    ),
    Form(
        "labelstudio.json",
        document([{"id": n, "data": {"question": Q[n], "answer": A[n]}, "annotations": []} for n in N]),
        "prompt_response",
        {"prompt": "data.question", "response": "data.answer"},
    ),
    Form(
        "faq_xml.xml",
        lambda: ("<faqs>" + "".join(f"<faq><q>{Q[n]}</q><a>{A[n]}</a></faq>" for n in N) + "</faqs>").encode(),
        "prompt_response",
        {"prompt": "q", "response": "a"},
    ),
    Form(
        "medlineplus.xml",
        lambda: (
            "<r>" + "".join(f"<item><frage>{Q[n]}</frage><antwort>{A[n]}</antwort></item>" for n in N) + "</r>"
        ).encode(),
        "prompt_response",
        {"prompt": "frage", "response": "antwort"},
    ),
    Form(
        "one_line_objects.json",
        lambda: "".join(json.dumps({"question": Q[n], "answer": A[n]}) for n in N).encode(),
        "prompt_response",
        PAIR,
    ),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_form_that_people_write(form: Form, tmp_path: Path) -> None:
    check(form, tmp_path)
