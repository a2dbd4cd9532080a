"""Conversations that were written into one text, with marks or speakers' labels.

    "<|user|> Why? <|eos|> <|ai|> Because. <|eos|>"  →  [("user", "Why?"), ("assistant", "Because.")]

Known marks: ChatML, Llama 2 and 3, Gemma, Zephyr and Phi, OpenGPT, <user>/<bot>, ### Instruction, and line labels such as
Human/Assistant, Question/Answer, Patient/Doctor, 问/答.
It does not know: columns, records.
"""

from __future__ import annotations

import re

from core.dataset.ingest.speakers import AFTER, ANSWER, BEFORE, QUESTION
from core.records import Role

Turn = tuple[Role, str]
_USER = "user|human|prompter|question|patient|q|instruction|input|用户"
_ASSISTANT = "assistant|ai|bot|gpt|model|answer|doctor|response|chatbot"
_SYSTEM = "system|developer"
_ANY = f"{_SYSTEM}|{_USER}|{_ASSISTANT}"
# Marks that cannot be ordinary text. Each names its speaker in the group ``who``; ``other`` begins what is no turn.
_MARKS = re.compile(
    rf"<\|im_start\|>\s*(?P<chatml>{_SYSTEM}|user|assistant)\s*"
    rf"|<\|(?:start_header_id|header_start|start_of_role)\|>\s*(?P<llama3>{_SYSTEM}|user|assistant)\s*"
    r"<\|(?:end_header_id|header_end|end_of_role)\|>\s*"
    r"|<start_of_turn>\s*(?P<gemma>user|model)\s*"
    r"|<\|start\|>assistant<\|channel\|>\s*(?P<other>analysis|commentary)[^<]*<\|message\|>"
    rf"|<\|start\|>\s*(?P<harmony>{_SYSTEM}|user|assistant)(?:<\|channel\|>[^<]*)?<\|message\|>\s*"
    r"|<\|START_OF_TURN_TOKEN\|><\|(?P<cohere>system|user|chatbot)_TOKEN\|>\s*"
    rf"|<[|｜](?P<zephyr>{_ANY})[|｜]>\s*:?\s*"
    rf"|<(?P<angle>{_ANY})>\s*[:：]?\s*"
    rf"|\[\|(?P<bars>{_ANY})\|\]\s*"
    r"|(?P<inst>\[/?INST\])\s*",
    re.IGNORECASE,
)
_HEADINGS = re.compile(rf"(?<!#)#{{2,3}}[ \t]*(?P<heading>{_ANY})[ \t]*[:：]\s*", re.IGNORECASE)
# Line labels; the ones in ``other`` begin a part that is neither question nor answer.
_LABELS = re.compile(
    rf"^{BEFORE}(?:(?P<user>{QUESTION})|(?P<assistant>{ANSWER})|(?P<other>url|source|link|reference|references)){AFTER}[ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
# Within a line only whole words count, and only in a text that begins with one, or where they are written large.
_WITHIN = re.compile(
    r"(?:^|\s)(?:(?P<user>Question|Human|User|Patient|USER|HUMAN)|(?P<assistant>Answer|Assistant|Doctor|ASSISTANT)):\s"
)
# Other special tokens of templates, such as <|im_end|> and <｜end▁of▁sentence｜>.
_ENDS = re.compile(r"<[|｜][^\s|｜<>]{1,40}[|｜]>|</?s>|<end_of_turn>|<bos>|<eos>|<eo[ah]>|<BOS_TOKEN>|\[gMASK\]|<sop>")
# Stands for an answer that is still to come.
_REST = "…"
_LLAMA2_SYSTEM = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_SPEAKER = re.compile(
    r"^[ \t\[]*(?:doctor|dr\.?|physician|clinician|nurse|provider|patient|pt|guest[_ ]\w+|d|p|医生|患者|病人)[ \t]*\d?[ \t]*(?:\]|[:：])",
    re.IGNORECASE | re.MULTILINE,
)


def has_marks(text: str) -> bool:
    """Whether the text holds a mark that is no ordinary text; quick, for every row."""
    return ("<" in text or "[INST]" in text or "[|" in text) and _MARKS.search(text) is not None


def has_turns(text: str) -> bool:
    """Whether the text holds a question and an answer, told apart by marks or labels."""
    roles = [role for role, _ in split_turns(text)]
    return "user" in roles and "assistant" in roles[1:]


def looks_like_dialogue(text: str) -> bool:
    """Whether the text is a transcript: at least two lines that begin with a speaker of a consultation."""
    return len(_SPEAKER.findall(text)) >= 2


def split_turns(text: str) -> list[Turn]:
    """Part a text into turns; empty if it holds no marks and no labels.

    Text before the first mark is a system message. Neighbouring turns of one speaker are joined.
    """
    for pattern in (_MARKS, _HEADINGS, _LABELS):
        found = list(pattern.finditer(text))
        if found:
            turns = _joined(_parts(text, found))
            if pattern is not _LABELS or len({role for role, _ in turns}) > 1:
                return turns
    found = list(_WITHIN.finditer(text))
    large = all(mark.group().strip().rstrip(":").isupper() for mark in found)
    return _joined(_parts(text, found)) if len(found) > 1 and (large or found[0].start() == 0) else []


def open_turns(text: str) -> list[Turn]:
    """Give the turns of a text that breaks off where its answer would begin; empty for any other text.

    "Human: Why? Assistant:" is how completions are asked for, and the label at its end is no part of the question.
    """
    if not text.rstrip().endswith((":", "：", ">", "]")):
        return []
    turns = split_turns(f"{text.rstrip()} {_REST}")
    return turns[:-1] if len(turns) > 1 and turns[-1] == ("assistant", _REST) else []


def _parts(text: str, found: list[re.Match[str]]) -> list[Turn]:
    turns: list[Turn] = []
    before = _clean(text[: found[0].start()])
    if before:
        turns.append(("system", before))
    for mark, following in zip(found, [*found[1:], None], strict=True):
        content = text[mark.end() : following.start() if following else len(text)]
        role = _role(mark)
        if role == "user" and (system := _LLAMA2_SYSTEM.search(content)):
            turns.append(("system", _clean(system.group(1))))
            content = content[system.end() :]
        if role and (content := _clean(content)):
            turns.append((role, content))
    return turns


def _role(mark: re.Match[str]) -> Role | None:
    kind, who = next((name, value) for name, value in mark.groupdict().items() if value)
    if kind == "inst":
        return "assistant" if who.startswith("[/") else "user"
    if kind == "other":
        return None
    if kind in ("user", "assistant"):
        return "user" if kind == "user" else "assistant"
    who = who.lower()
    if who in _SYSTEM.split("|"):
        return "system"
    return "assistant" if who in _ASSISTANT.split("|") else "user"


def _clean(text: str) -> str:
    text = _ENDS.sub("", text).strip()
    # what is left of **Question: …** when its beginning went with the label
    return text[:-2].rstrip() if text.endswith("**") and text.count("**") % 2 else text


def _joined(turns: list[Turn]) -> list[Turn]:
    result: list[Turn] = []
    for role, content in turns:
        if result and result[-1][0] == role:
            result[-1] = (role, f"{result[-1][1]}\n\n{content}")
        else:
            result.append((role, content))
    return result
