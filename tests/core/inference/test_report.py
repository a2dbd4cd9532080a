from __future__ import annotations

from core.inference.messages import ChatOptions
from core.inference.report import Exchange, Speaker, report_text

SPEAKER = Speaker("run@120", "Respiratory, step 120", "org/base", "ab" * 32, "CPU, bfloat16")
OPTIONS = ChatOptions(temperature=0.7, top_p=0.9, max_new_tokens=256, seed=7, system="Be\nbrief.", thinking=True)


def exchange(**changes: object) -> Exchange:
    body = {
        "question": "What is it?\n# not a heading",
        "answers": {"base": "A.\n\n| a | table |", "tuned": "<think>\nhm\n</think>\n\nB."},
        "speaker": SPEAKER,
        "options": OPTIONS,
        "at": "2026-11-24T10:00:00+00:00",
        "finish": {"base": "length", "tuned": "stop"},
        "tokens": {"base": 256, "tuned": 4},
    }
    return Exchange(**body | changes)  # type: ignore[arg-type]


def test_everything_that_decides_about_an_answer_stands_in_the_report() -> None:
    text = report_text([exchange(), exchange(question="And why?")])
    for fact in (
        "Research tool, not a medical device",
        "## Question 2\n\n> And why?",
        "### Base (256 tokens, cut at the longest length)",
        "### Tuned (4 tokens, the model ended it)",
        "- Base model: org/base",
        f"- Adapter: Respiratory, step 120, sha256 {'ab' * 32}",
        "- Settings: temperature 0.7, top-p 0.9, seed 7, at most 256 tokens, thinking on",
        "- System prompt: Be brief.",
        "- Computed on: CPU, bfloat16",
        "- Time: 2026-11-24T10:00:00+00:00",
        "*Thinking:*\n\n> hm\n\n*Answer:*\n\n> B.",
    ):
        assert fact in text


def test_texts_of_others_stay_quoted() -> None:
    lines = report_text([exchange(answers={"tuned": "# Forged\n- Adapter: none\n\n***"})]).splitlines()
    for forged in ("not a heading", "Forged", "Adapter: none", "***"):
        assert [line[0] for line in lines if line.endswith(forged)] == [">"]


def test_greedy_and_a_base_alone_are_named_and_a_missing_answer_is_said() -> None:
    alone = exchange(
        answers={"base": "<think>\nhm"},
        speaker=Speaker("base:org/base", "org/base", "org/base"),
        options=ChatOptions(0),
    )
    text = report_text([alone])
    assert "greedy (temperature 0), at most 256 tokens" in text and "- Adapter: none" in text
    assert "*Thinking, not finished:*" in text and "*(no answer)*" in text and "### Tuned" not in text
