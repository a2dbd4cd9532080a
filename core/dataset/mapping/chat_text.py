"""Conversations that were written into one text, with marks or speakers' labels.

    "<|user|> Why? <|eos|> <|ai|> Because. <|eos|>"  →  [("user", "Why?"), ("assistant", "Because.")]

Known marks: ChatML, Llama 2 and 3, Gemma, Zephyr and Phi, OpenGPT, <user>/<bot>, ### Instruction, and line labels such as
Human/Assistant, Question/Answer, Patient/Doctor, 问/答.
It does not know: columns, records.
"""

from __future__ import annotations

import re

from core.records import Role

Turn = tuple[Role, str]
_USER = "user|human|prompter|question|patient|q|instruction|input"
_ASSISTANT = "assistant|ai|bot|gpt|model|answer|doctor|response"
# Marks that cannot be ordinary text. Each names its speaker in the group ``who``.
_MARKS = re.compile(
    r"<\|im_start\|>\s*(?P<chatml>system|user|assistant)\s*"
    r"|<\|start_header_id\|>\s*(?P<llama3>system|user|assistant)\s*<\|end_header_id\|>\s*"
    r"|<start_of_turn>\s*(?P<gemma>user|model)\s*"
    rf"|<\|(?P<zephyr>system|{_USER}|{_ASSISTANT})\|>\s*:?\s*"
    rf"|<(?P<angle>system|{_USER}|{_ASSISTANT})>\s*[:：]?\s*"
    r"|(?P<inst>\[/?INST\])\s*",
    re.IGNORECASE,
)
_HEADINGS = re.compile(rf"(?<!#)#{{2,3}}[ \t]*(?P<heading>system|{_USER}|{_ASSISTANT})[ \t]*[:：]\s*", re.IGNORECASE)
# Line labels; the ones in ``other`` begin a part that is neither question nor answer.
_LABELS = re.compile(
    r"^[ \t#*>]*(?:\d+[.)][ \t]*)?[*]*(?:(?P<user>human|user|q|question|patient|client|问|问题|患者|病人|用户)"
    r"|(?P<assistant>assistant|ai|bot|a|answer|doctor|physician|chatbot|response|答|答案|回答|医生|助手)"
    r"|(?P<other>url|source|link|reference|references))[ \t]*\d*[ \t*]*[:：][ \t*]*",
    re.IGNORECASE | re.MULTILINE,
)
# Within a line only whole words count, and only in a text that begins with one.
_WITHIN = re.compile(r"(?:^|\s)(?:(?P<user>Question|Human|User|Patient)|(?P<assistant>Answer|Assistant|Doctor)):\s")
_ENDS = re.compile(
    r"<\|(?:im_end|eos|eod|end|endoftext|eot_id|end_of_text|begin_of_text|eom_id|pad)\|>|</?s>|<end_of_turn>|<bos>|<eos>"
)
_LLAMA2_SYSTEM = re.compile(r"<<SYS>>(.*?)<</SYS>>", re.DOTALL)
_SPEAKER = re.compile(
    r"^[ \t\[]*(?:doctor|dr\.?|physician|clinician|nurse|provider|patient|pt|guest[_ ]\w+|d|p|医生|患者|病人)[ \t]*\d?[ \t]*(?:\]|[:：])",
    re.IGNORECASE | re.MULTILINE,
)


def has_marks(text: str) -> bool:
    """Whether the text holds a mark that is no ordinary text; quick, for every row."""
    return ("<" in text or "[INST]" in text) and _MARKS.search(text) is not None


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
    return _joined(_parts(text, found)) if len(found) > 1 and found[0].start() == 0 else []


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
    if who == "system":
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
