"""What a thinking model thought, parted from what it answered.

    split_thinking("<think>Iron is low.</think>Eat lentils.")  →  Thought("Iron is low.", "Eat lentils.", is_open=False)

DeepSeek-R1, Qwen 3 and their kin think between <think> and </think>. An answer may end inside the block, where the limit
or a person has stopped it; then there is no answer yet, and it is shown so. It does not know: templates, tokens, screens.
"""

from __future__ import annotations

from dataclasses import dataclass

OPEN, CLOSE = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Thought:
    """One answer in its parts.

    Args:
        thinking: What was thought; empty if nothing.
        answer: What was answered; empty while it still thinks.
        is_open: Whether the thinking has not ended.
    """

    thinking: str
    answer: str
    is_open: bool


def split_thinking(text: str, *, growing: bool = False) -> Thought:
    """Part an answer at its thinking block.

    A text that closes a block which it never opened began inside one.

    Args:
        text: What the model has written.
        growing: Whether more will come; then a tag cut in its middle at the end is held back until it is whole.
    """
    body = _without_half_tag(text) if growing else text
    start, opened, rest = body.partition(OPEN)
    if opened and not start.strip():
        thinking, closed, answer = rest.partition(CLOSE)
        return Thought(thinking.strip(), answer.strip(), is_open=not closed)
    thinking, closed, answer = body.partition(CLOSE)
    if closed:
        return Thought(thinking.strip(), answer.strip(), is_open=False)
    return Thought("", body.strip(), is_open=False)


def join_thinking(thinking: str, answer: str) -> str:
    """Write an answer with its thinking as models do; the opposite of split_thinking."""
    return f"{OPEN}\n{thinking}\n{CLOSE}\n\n{answer}" if thinking else answer


def _without_half_tag(text: str) -> str:
    tail = text[text.rfind("<") :] if "<" in text else ""
    cut = tail and any(tag.startswith(tail) and tail != tag for tag in (OPEN, CLOSE))
    return text[: len(text) - len(tail)] if cut else text
