from __future__ import annotations

import gradio as gr
import pytest

from core.errors import InputError
from core.inference.messages import ChatPiece
from medft_ui.tabs.chat import Answer, converse, messages_of
from tests.ui.fake_studio import FakeStudio

OPTIONS = (0.7, 0.9, 64)


def test_the_wait_and_then_the_speed_stand_below_the_window(studio: FakeStudio) -> None:
    shown = list(converse(studio, "run", "both", "Why?", ([], []), OPTIONS))
    assert "Waiting for its first word" in shown[0][1] and shown[0][4] == ""
    assert "loading the model 40 %" in shown[1][1] and "loading the model 40 %" in shown[1][3]
    base, line, tuned, _, _ = shown[-1]
    assert [turn["role"] for turn in base] == ["user", "assistant"]
    assert tuned[1]["content"] == "Tuned: Tiredness, pallor and breathlessness."
    assert "3 tokens · 41 tokens/s" in line


def test_a_question_that_got_no_answer_gives_way_to_the_next(studio: FakeStudio) -> None:
    window = [
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Lost?"},
    ]
    list(converse(studio, "run", "tuned", "Again?", ([], window), OPTIONS))
    request = studio.fake.asked[-1][2]
    assert [turn.content for turn in request.tuned] == ["First?", "Yes.", "Again?"]
    assert request.base == ()


def test_the_silent_window_is_left_alone(studio: FakeStudio) -> None:
    shown = list(converse(studio, "run", "base", "Why?", ([], [{"role": "user", "content": "old"}]), OPTIONS))
    assert shown[-1][2] == gr.skip() and shown[-1][3] == gr.skip()


@pytest.mark.parametrize(("run", "question"), [(None, "Why?"), ("run", "  ")])
def test_what_is_missing_is_said(studio: FakeStudio, run: str | None, question: str) -> None:
    with pytest.raises(InputError):
        next(converse(studio, run, "both", question, ([], []), OPTIONS))
    assert studio.fake.asked == []


def test_how_an_answer_ended_is_said() -> None:
    answer = Answer()
    answer.add(ChatPiece("base", "So", tokens=64, tokens_per_s=12.3, done=True, finish="length"))
    assert answer.line == "64 tokens · 12 tokens/s · cut at the longest length"


def test_content_comes_as_text_or_in_parts() -> None:
    turns = [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}]
    assert messages_of(turns)[0].content == "Hello"
