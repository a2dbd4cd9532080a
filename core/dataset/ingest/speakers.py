"""Words that begin a line of a question or of an answer, in the languages people write in.

    "Q: Why?"  "Frage 3: …"  "Q1. …"  "**Pregunta:** …"  "病人："  →  QUESTION        "A: …"  "Réponse : …"  →  ANSWER

One list serves the reader, which parts a text file at these lines, and the mapping, which parts a cell at them.
It does not know: files, columns, turns.
"""

from __future__ import annotations

QUESTION = (
    "q|question|human|user|patient|client|prompt|frage|patientin|pregunta|paciente|pergunta|domanda|paziente|vraag|pytanie|soru"
    "|вопрос|пациент|प्रश्न|सवाल|سؤال|السؤال|问|问题|問題|提问|患者|病人|用户|質問|질문"
)
ANSWER = (
    "a|r|answer|assistant|ai|bot|doctor|physician|chatbot|response|antwort|arzt|ärztin|respuesta|médico|réponse|reponse"
    "|médecin|resposta|risposta|medico|antwoord|odpowiedź|cevap|ответ|врач|उत्तर|जवाब|إجابة|جواب|الجواب|答|答案|回答|医生|医師|助手|답변"
)
# What may stand before the word: the sign of a heading or a list, a list's number, stars of bold type.
BEFORE = r"[ \t#*>\-]*(?:\d+[.)][ \t]*)?[*]*"
# What ends it: a colon, with or without a number before it; after a number a full stop or a bracket does as well.
AFTER = r"(?:[ \t\u00a0\u202f]*\d*[ \t\u00a0\u202f*]*[:：]|[ \t]?\d+[.)](?=\s))"
