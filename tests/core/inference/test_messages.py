"""A request says everything that is wrong with it at once, and travels as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import ConfigError
from core.inference.messages import ChatOptions, ChatRequest
from core.records import Message

ASKED = (Message("user", "What is anaemia?"),)


def test_it_travels_as_json() -> None:
    answered = (*ASKED, Message("assistant", "Too little haemoglobin."), Message("user", "Why?"))
    request = ChatRequest("both", ASKED, answered, ChatOptions(temperature=0, system="Be brief.", thinking=True))
    assert ChatRequest.from_json(json.loads(json.dumps(request.to_json()))) == request


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": True}, "max_new_tokens"),
        ({"max_new_tokens": 10.5}, "max_new_tokens"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
    ],
)
def test_options_out_of_range_are_named(values: dict[str, Any], field: str) -> None:
    assert field in [problem.field for problem in ChatOptions(**values).problems()]
    assert not ChatOptions().problems()


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        ChatRequest("both", ASKED, (), ChatOptions(top_p=3, seed=-1)).check()
    assert [problem.field for problem in caught.value.problems] == ["top_p", "seed", "message"]


@pytest.mark.parametrize("turns", [(), (Message("user", "  "),), (*ASKED, Message("assistant", "So."))])
def test_a_request_without_question_is_refused(turns: tuple[Message, ...]) -> None:
    with pytest.raises(ConfigError, match="no question"):
        ChatRequest("base", turns).check()
    ChatRequest("tuned", turns, ASKED).check()  # the base's conversation is not read


def test_who_must_be_one_of_three() -> None:
    with pytest.raises(ConfigError, match="base, tuned or both"):
        ChatRequest("all", ASKED, ASKED).check()  # type: ignore[arg-type]


def test_the_system_message_goes_first_once() -> None:
    options = ChatOptions(system=" Be brief. ")
    assert ChatRequest("base", ASKED, (), options).turns("base") == (Message("system", "Be brief."), *ASKED)
    own = (Message("system", "Be long."), *ASKED)
    assert ChatRequest("base", own, (), options).turns("base") == own


@pytest.mark.parametrize("wrong", [{"system": 5}, {"thinking": "false"}])
def test_options_of_the_wrong_kind_are_named_before_anything_reads_them(wrong: dict[str, Any]) -> None:
    request = ChatRequest("base", (Message("user", "Why?"),), options=ChatOptions(**wrong))
    with pytest.raises(ConfigError) as caught:
        request.check()
    assert [problem.field for problem in caught.value.problems] == list(wrong)
