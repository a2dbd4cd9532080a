from __future__ import annotations

import pytest

from core.inference.thinking import Thought, join_thinking, split_thinking


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        ("Eat lentils.", Thought("", "Eat lentils.", False)),
        ("<think>\nIron.\n</think>\n\nLentils.", Thought("Iron.", "Lentils.", False)),
        ("<think>\n\n</think>\n\nLentils.", Thought("", "Lentils.", False)),
        ("<think>\nIron is", Thought("Iron is", "", True)),  # the limit came while it thought
        ("Iron.\n</think>\nLentils.", Thought("Iron.", "Lentils.", False)),  # it began inside the block
        ("See <think> tags.", Thought("", "See <think> tags.", False)),
        ("Below 5 <", Thought("", "Below 5 <", False)),
        ("", Thought("", "", False)),
    ],
)
def test_thinking_is_parted_from_the_answer(text: str, thought: Thought) -> None:
    assert split_thinking(text) == thought


def test_at_no_moment_does_a_growing_answer_show_half_a_tag() -> None:
    whole = "<think>\nIron < 30.\n</think>\n\nLentils, if > 10 < 20."
    for length in range(len(whole)):
        parts = split_thinking(whole[:length], growing=True)
        assert "think" not in parts.thinking + parts.answer
        assert not parts.answer or parts.thinking == "Iron < 30."
    assert split_thinking(whole) == Thought("Iron < 30.", "Lentils, if > 10 < 20.", False)


def test_joining_is_the_opposite() -> None:
    assert split_thinking(join_thinking("Iron.", "Lentils.")) == Thought("Iron.", "Lentils.", False)
    assert join_thinking("", "Lentils.") == "Lentils."
