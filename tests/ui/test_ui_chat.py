"""The conversation as the windows hold it: asking, retrying, putting otherwise, and what is kept beside it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import gradio as gr
import pytest

from core.errors import ConfigError, InputError, JobError, ModelError
from core.inference.messages import ChatOptions, ChatPiece, ChatStatus
from medft_ui.tabs import chat_model
from medft_ui.tabs.chat import again, options_of, report_of
from medft_ui.tabs.chat_remarks import keep_remark
from medft_ui.tabs.chat_talk import Answer, Ask, converse, edited, exchanges_of, said_in
from tests.ui.fake_chat import DIGEST
from tests.ui.fake_studio import FakeStudio, snapshot

RUN = "20261124-054000-demo-0a1b"
BASE_ANSWER = "Base: Tiredness, pallor and breathlessness."
TUNED_ANSWER = BASE_ANSWER.replace("Base", "Tuned")


@pytest.fixture
def trained(studio: FakeStudio) -> FakeStudio:
    studio.fake.show(snapshot("finished", 200))
    return studio


def ask(question: str = "Why?", which: Any = "both", windows: Any = ([], []), notes: str = "", **more: Any) -> Ask:
    return Ask(RUN, which, question, windows, notes, ChatOptions(max_new_tokens=64), **more)


def talked(studio: FakeStudio, *questions: str, which: Any = "both") -> tuple[Any, str]:
    """Ask one question after the other; returns both windows and the note."""
    windows, notes = ([], []), ""
    for question in questions:
        base, _, tuned, _, _, notes = list(converse(studio, ask(question, which, windows, notes)))[-1]
        windows = tuple(old if new == gr.skip() else new for old, new in zip(windows, (base, tuned), strict=True))
    return windows, notes


def requests(studio: FakeStudio) -> list[Any]:
    return [entry[2] for entry in studio.fake.asked if entry[0] == "chat"]


def test_the_wait_and_then_the_speed_stand_below_the_window(trained: FakeStudio) -> None:
    shown = list(converse(trained, ask()))
    assert "Waiting for its first word" in shown[0][1] and shown[0][4] == ""
    assert "loading the model 40 % … · 0.20 GiB" in shown[1][1] and "loading the model 40 %" in shown[1][3]
    base, line, tuned, _, _, _ = shown[-1]
    assert [turn["role"] for turn in base] == ["user", "assistant"]
    assert tuned[1]["content"] == TUNED_ANSWER
    assert "3 tokens · 41 tokens/s · first 0.2 s" in line


def test_a_question_that_got_no_answer_gives_way_to_the_next(trained: FakeStudio) -> None:
    window = [
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Lost?"},
    ]
    list(converse(trained, ask("Again?", "tuned", ([], window))))
    (request,) = requests(trained)
    assert [turn.content for turn in request.tuned] == ["First?", "Yes.", "Again?"]
    assert request.base == ()


def test_the_silent_window_is_left_alone(trained: FakeStudio) -> None:
    shown = list(converse(trained, ask(which="base", windows=([], [{"role": "user", "content": "old"}]))))
    assert shown[-1][2] == gr.skip() and shown[-1][3] == gr.skip()


@pytest.mark.parametrize(("run", "question"), [(None, "Why?"), (RUN, "  ")])
def test_what_is_missing_is_said(trained: FakeStudio, run: str | None, question: str) -> None:
    with pytest.raises(InputError):
        next(converse(trained, dataclasses.replace(ask(question), key=run)))
    assert requests(trained) == []


def test_how_an_answer_ended_is_said() -> None:
    answer = Answer()
    answer.add(ChatPiece("base", "So", tokens=64, tokens_per_s=12.3, first_token_s=1, done=True, finish="length"))
    assert answer.line == "64 tokens · 12 tokens/s · first 1.0 s · cut at the longest length"
    answer = Answer()
    answer.add(ChatPiece("base", "<think>\nSo", tokens=64, done=True, finish="length"))
    assert answer.line.endswith("it was still thinking: allow a longer answer, or switch thinking off")


def test_content_comes_as_text_or_in_parts() -> None:
    turns = [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}]
    assert said_in(turns)[0].question == "Hello"


def test_thoughts_are_folded_and_not_sent_back(trained: FakeStudio) -> None:
    trained.chats.script.thinking = "Iron carries oxygen."
    windows, _ = talked(trained, "Why?", "And?")
    thought = windows[1][1]
    assert (
        thought["metadata"] == {"title": "Thoughts", "status": "done"} and thought["content"] == "Iron carries oxygen."
    )
    assert [turn.content for turn in requests(trained)[-1].tuned] == ["Why?", TUNED_ANSWER, "And?"]


def test_retry_asks_the_same_of_the_same_with_the_same_seed(trained: FakeStudio) -> None:
    windows, notes = talked(trained, "Why?", "And?")
    shown = list(again(trained, ask("typed meanwhile", windows=windows, notes=notes)))
    assert len(said_in(shown[-1][0])) == 2 and shown[-1][4] == "typed meanwhile"
    before, now = requests(trained)[-2:]
    assert (before.base, before.tuned) == (now.base, now.tuned) and before.options.seed == now.options.seed
    assert len(json.loads(shown[-1][5])["base"]) == 2
    with pytest.raises(InputError, match="no question to ask again"):
        list(again(trained, ask()))


def test_an_earlier_question_put_otherwise_cuts_what_follows_in_both_windows(trained: FakeStudio) -> None:
    windows, notes = talked(trained, "One?", "Two?", "Three?")
    windows[1][2] = {"role": "user", "content": "Two, but otherwise?"}  # as Gradio writes it before it tells
    asked = edited(ask(windows=windows, notes=notes), "tuned", 2, "Two, but otherwise?", "Two?")
    shown = list(converse(trained, asked))[-1]
    for place in (0, 2):
        assert [said.question for said in said_in(shown[place])] == ["One?", "Two, but otherwise?"]
    assert [turn.content for turn in requests(trained)[-1].base] == ["One?", BASE_ANSWER, "Two, but otherwise?"]
    assert [len(json.loads(shown[5])[pane]) for pane in ("base", "tuned")] == [2, 2]


def test_a_window_that_was_asked_something_else_is_not_touched(trained: FakeStudio) -> None:
    windows, notes = talked(trained, "One?")
    _, _, tuned, _, _, notes = list(converse(trained, ask("Only tuned?", "tuned", windows, notes)))[-1]
    asked = edited(ask(windows=(windows[0], tuned), notes=notes), "tuned", 2, "Otherwise?", "Only tuned?")
    assert asked.which == "tuned" and asked.keep == {"tuned": 1}


def test_when_asking_fails_the_question_comes_back(trained: FakeStudio) -> None:
    windows, notes = talked(trained, "One?")
    trained.chats.script.error = ModelError(
        "The conversation has 9,000 tokens; smol reads at most 8,192.", "Shorten it."
    )
    shown: list[Any] = []
    with pytest.raises(ModelError, match="9,000 tokens"):
        shown.extend(iter_into(converse(trained, ask("A very long one", windows=windows, notes=notes)), shown))
    base, _, tuned, _, question, kept = shown[-1]
    assert question == "A very long one" and (base, tuned) == windows and kept == notes


def test_when_an_answer_breaks_off_what_was_said_stays(trained: FakeStudio) -> None:
    trained.chats.script.error, trained.chats.script.error_after = ModelError("Killed.", "Ask again."), 2
    shown: list[Any] = []
    with pytest.raises(ModelError):
        iter_into(converse(trained, ask()), shown)
    assert said_in(shown[-1][0])[0].answer == "Base: Tiredness, pallor"


def iter_into(pieces: Any, shown: list[Any]) -> list[Any]:
    for piece in pieces:
        shown.append(piece)
    return []


def test_a_job_or_a_deleted_run_is_said_and_nothing_is_lost(trained: FakeStudio) -> None:
    gone = dataclasses.replace(ask(), key="20260101-000000-gone-0000")
    with pytest.raises(JobError, match="There is no run"):
        list(converse(trained, gone))
    trained.fake.show(snapshot("running"))
    shown: list[Any] = []
    with pytest.raises(JobError, match="is using the machine"):
        iter_into(converse(trained, ask("Why?")), shown)
    assert shown[-1][4] == "Why?"


def test_the_report_and_a_remark_say_how_it_was_answered(trained: FakeStudio) -> None:
    windows, notes = talked(trained, "Why?", "And?")
    report = report_of(windows, notes)
    for fact in (
        "## Question 2",
        f"> {TUNED_ANSWER}",
        f"sha256 {DIGEST}",
        "seed 42",
        "Fake CPU, bfloat16",
        "Research tool",
    ):
        assert fact in report
    keep_remark(trained, ("tuned", "flag", ("wrong",), "No."), windows, notes, None)
    (row,) = trained.feedback.rows()
    assert (row["question"], row["tuned"], row["reasons"], row["source"]) == ("And?", TUNED_ANSWER, ["wrong"], RUN)
    assert row["earlier_questions"] == ["Why?"] and row["base"] == BASE_ANSWER
    with pytest.raises(ConfigError, match="needs a reason"):
        keep_remark(trained, ("tuned", "flag", (), ""), windows, notes, None)
    for empty in (
        lambda: report_of(([], []), ""),
        lambda: keep_remark(trained, ("base", "up", (), ""), ([], []), "", None),
    ):
        with pytest.raises(InputError):
            empty()


def test_questions_to_one_and_to_both_stand_in_the_order_they_were_asked(trained: FakeStudio) -> None:
    windows, notes = talked(trained, "Both?")
    base, _, _, _, _, notes = list(converse(trained, ask("Only base?", "base", windows, notes)))[-1]
    found = exchanges_of((base, windows[1]), notes)
    assert [(each.question, sorted(each.answers)) for each in found] == [
        ("Both?", ["base", "tuned"]),
        ("Only base?", ["base"]),
    ]


@pytest.mark.parametrize("notes", ["", "{", "[]", '{"base": 3}', '{"base": [{"speaker": {"unheard": 1}}]}'])
def test_a_note_that_cannot_be_read_does_not_hide_the_conversation(trained: FakeStudio, notes: str) -> None:
    windows, _ = talked(trained, "Why?")
    assert "Tiredness" in report_of(windows, notes)


def test_an_empty_seed_is_named(trained: FakeStudio) -> None:
    options = options_of((0.7, 0.9, 64, None, " Be brief. ", False))
    assert options.system == "Be brief."
    with pytest.raises(ConfigError, match="seed"):
        list(converse(trained, dataclasses.replace(ask(), options=options)))


def test_the_keys_of_the_list_and_the_checkpoints() -> None:
    assert chat_model.key_of(RUN, "150") == f"{RUN}@150" and chat_model.key_of(RUN, "best") == RUN
    assert chat_model.key_of("base:org/m", "150") == "base:org/m" and chat_model.key_of(None, "best") is None
    assert chat_model.split_key(f"{RUN}@150") == (RUN, "150") and chat_model.split_key("base:a@b") == (
        "base:a@b",
        "best",
    )


def test_checkpoints_are_listed_with_the_best_first(trained: FakeStudio) -> None:
    assert chat_model.step_choices(trained, RUN) == [("best (step 150)", "best"), ("step 200", "200")]
    assert chat_model.step_choices(trained, "base:org/m") == [("best", "best")]


def test_examples_come_from_the_rows_held_out(trained: FakeStudio) -> None:
    held_out = {record.prompt for record in trained.list_datasets()[-1].eval()}
    found = trained.chats.examples(RUN)
    assert len(found) == 4 and set(found) <= held_out
    assert trained.chats.examples("base:org/model") == [] == trained.chats.examples("20260101-gone")


def test_the_line_above_says_what_is_loaded_and_what_stands_in_the_way() -> None:
    idle, busy = snapshot("finished", 200), snapshot("running")
    assert "No model is loaded" in chat_model.status_html(ChatStatus(), idle)
    loading = chat_model.status_html(ChatStatus("loading", "loading the base model", 0.4, memory_gib=0.2), idle)
    assert "loading the base model · 0.20 GiB" in loading and 'aria-valuenow="40"' in loading
    assert "Ready to load" in chat_model.status_html(ChatStatus("ready", memory_gib=0.4), idle)
    ready = ChatStatus("ready", device="CPU, bfloat16", memory_gib=0.6, waiting=2)
    assert "Loaded on CPU, bfloat16 · 0.60 GiB of memory held · 2 more waiting" in chat_model.status_html(ready, idle)
    told = chat_model.status_html(ready, busy)
    assert "Respiratory demo is using the machine (training, 62 %), about 2 min 09 s left" in told
