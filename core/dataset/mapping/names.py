"""What a column's name says about its role: words people use for questions, answers, topics and notes.

    score("Free_form_answer", RESPONSE)  →  1.0        score("answer_id", RESPONSE)  →  0.0

A name is only half of the evidence; ``evidence`` looks at what the column holds.
It does not know: contents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

PROMPT: Mapping[str, float] = {
    **dict.fromkeys(("prompt", "question", "questions", "query", "instruction", "instructions"), 1.0),
    **dict.fromkeys(("ask", "inquiry", "enquiry", "user", "human", "q", "qtext", "utterance"), 0.85),
    **dict.fromkeys(("input", "request", "problem", "stem", "vignette", "consumer", "chq"), 0.7),
    **dict.fromkeys(("patient", "body", "message", "post", "case"), 0.5),
    **dict.fromkeys(("title", "subject", "description"), 0.3),
    **dict.fromkeys(("frage", "pregunta", "domanda", "pergunta", "vraag", "вопрос", "問題", "问题", "提问", "问"), 1.0),
    **dict.fromkeys(("患者", "質問", "病人提问", "질문", "प्रश्न", "سؤال", "السؤال", "指令"), 0.9),
    **dict.fromkeys(("pytanie", "soru", "hỏi", "fråga", "spørgsmål", "spørsmål", "kysymys", "kérdés", "otázka"), 1.0),
    **dict.fromkeys(("întrebare", "ερώτηση", "питання", "คำถาม", "pertanyaan", "patientenfrage"), 1.0),
}
RESPONSE: dict[str, float] = {
    **dict.fromkeys(("response", "responses", "answer", "answers", "output", "completion", "reply"), 1.0),
    **dict.fromkeys(("assistant", "chosen", "bot", "gpt", "solution", "atext"), 0.85),
    **dict.fromkeys(("a", "doctor", "physician", "target", "advice", "expected"), 0.65),
    **dict.fromkeys(("conclusion", "content", "text", "result"), 0.3),
    **dict.fromkeys(("antwort", "respuesta", "réponse", "reponse", "risposta", "resposta", "antwoord", "ответ"), 1.0),
    **dict.fromkeys(
        (
            "答案",
            "回答",
            "回复",
            "答",
            "答复",
            "医生",
            "輸出",
            "输出",
            "답변",
            "उत्तर",
            "إجابة",
            "جواب",
            "الجواب",
            "الإجابة",
        ),
        1.0,
    ),
}
RESPONSE |= dict.fromkeys(("odpowiedź", "cevap", "yanıt", "lời", "svar", "vastaus", "válasz", "odpověď"), 1.0)
RESPONSE |= dict.fromkeys(("răspuns", "απάντηση", "відповідь", "คำตอบ", "jawaban"), 1.0)
NOTE: Mapping[str, float] = {
    **dict.fromkeys(("note", "summary", "soap", "soapnote", "notes"), 1.0),
    **dict.fromkeys(("report", "letter", "assessment", "documentation", "transcript"), 0.7),
    **dict.fromkeys(("text", "section", "response", "answer", "output"), 0.6),
}
TOPIC: Mapping[str, float] = {
    **dict.fromkeys(("topic", "focus", "topics"), 1.0),
    **dict.fromkeys(("disease", "condition", "specialty", "speciality", "疾病", "科室"), 0.9),
    **dict.fromkeys(("department", "subject", "category", "domain", "header"), 0.8),
    **dict.fromkeys(("drug", "diagnosis", "diag", "area", "concept", "group"), 0.6),
}
SYSTEM: Mapping[str, float] = {"system": 1.0, "persona": 0.6}
# What may stand beside them: "system_prompt" tells the model who it is, "body_system" is about the heart.
_WITH_SYSTEM = frozenset(("prompt", "message", "instruction", "instructions", "text", "content", "role", "of", "the"))
CONTEXT: Mapping[str, float] = {
    **dict.fromkeys(("context", "contexts", "passage", "paragraph", "abstract"), 1.0),
    **dict.fromkeys(("background", "article", "document", "snippet", "snippets", "evidence"), 0.7),
}
EXPLANATION: Mapping[str, float] = {
    **dict.fromkeys(("explanation", "exp", "rationale", "reasoning", "explain"), 1.0),
    **dict.fromkeys(("solution", "justification", "comment", "解析", "analysis"), 0.8),
}
KEY: Mapping[str, float] = {
    **dict.fromkeys(("answer", "correct", "cop", "key", "ra", "gold", "答案"), 1.0),
    **dict.fromkeys(("label", "target", "solution", "right", "idx", "index", "ans"), 0.7),
}
OPTIONS: Mapping[str, float] = {
    **dict.fromkeys(("options", "choices", "alternatives", "candidates", "endings", "选项"), 1.0),
    **dict.fromkeys(("option", "choice", "answers", "opts", "ops"), 0.7),
}

# A name with one of these is about the question or the answer, but is not it.
_ABOUT_WORDS = """
id ids qid aid pid uid idx index no num number count url urls link href source sources type types kind date time lang
language score scores rank rating len length tokens author start end offset span keywords tags entities concept
citation file path hash version split meta cui focus category status word words
"""
# Of several answers the one with these words is the one to learn …
_BETTER_WORDS = "ideal long gold golden reference best full free expert physician human final chosen original"
# … and one with these is not, if there is another.
_WORSE_WORDS = """
short exact wrong incorrect rejected automatic predicted generated model chatgpt html raw old baseline distractor yesno
second alternative llama gpt4
"""
_VERDICTS = frozenset(
    ["label", "labels", "correct", "relevant", "relevance", "accepted", "good", "helpful", "valid", "verdict"]
)
_ABOUT = frozenset(_ABOUT_WORDS.split())
_BETTER = frozenset(_BETTER_WORDS.split())
_WORSE = frozenset(_WORSE_WORDS.split())


# Vowel signs of Indian and Thai scripts are parts of words, too.
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e])+")


def words(name: str) -> list[str]:
    """Part a column's name into lower-case words: ``Free_form_answer``, ``answerText``, ``Focus (Drug)``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    return _WORD.findall(spaced.casefold())


def is_verdict(name: str) -> bool:
    """Whether a name says whether an answer is a good one: label, is_correct, accepted."""
    return any(part in _VERDICTS for part in words(name))


def is_worse(name: str) -> bool:
    """Whether a name says that there should be a better text: rejected, wrong, generated."""
    return any(part in _WORSE for part in words(name))


def system_score(name: str) -> float:
    """Say how much a name speaks for a system prompt, 0 to 1."""
    return score(name, SYSTEM) if set(words(name)) <= _WITH_SYSTEM | set(SYSTEM) else 0.0


def score(name: str, role: Mapping[str, float]) -> float:
    """Say how much a name speaks for a role, 0 to 1."""
    parts = [part if part in role or part[:-1] not in role else part.removesuffix("s") for part in words(name)]
    found = [role[part] for part in parts if part in role]
    if not found:
        return 0.0
    best = max(found)
    if any(part not in role and (part in _ABOUT or part.removesuffix("id") in role) for part in parts):
        return 0.0
    # Every further word makes it a little less likely that the name means the role itself.
    best -= 0.04 * min(len(parts) - len(found), 4)
    best += 0.1 * any(part in _BETTER for part in parts) - 0.3 * any(part in _WORSE for part in parts)
    return max(0.0, min(1.0, best))
