"""The chat's process: never in the way of the app, dies when it should, and a crash becomes a message."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import ConfigError, ModelError
from core.inference.process import ChatOptions, ChatPiece, ChatProcess, ChatRequest
from core.records import Message
from core.settings import REPOSITORY
from tests.core.inference.tiny_model import save_adapter, save_base

pytestmark = pytest.mark.slow

TURNS = (Message("user", "What is anaemia?"),)
SHORT = ChatRequest("both", TURNS, TURNS, ChatOptions(temperature=0, max_new_tokens=8))
ENDLESS = ChatRequest("both", TURNS, TURNS, ChatOptions(temperature=0, max_new_tokens=4000))


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return save_adapter(folder / "adapter", save_base(folder / "tiny"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatProcess]:
    chats = ChatProcess(tmp_path_factory.mktemp("kept"))
    yield chats
    chats.close()


def texts(pieces: list[ChatPiece]) -> dict[str, str]:
    return {pane: "".join(piece.text for piece in pieces if piece.which == pane) for pane in ("base", "tuned")}


def child_of(chats: ChatProcess) -> psutil.Process:
    assert chats._child is not None
    return psutil.Process(chats._child.pid)


def test_it_answers_and_says_what_it_waits_for(shared: ChatProcess, adapter: Path) -> None:
    pieces = list(shared.ask(adapter, SHORT))
    phases = [piece.phase for piece in pieces if piece.phase]
    assert "loading the base model" in phases
    assert phases[-1] == "loading the adapter"
    said = texts(pieces)
    assert said["base"] != said["tuned"]
    assert all(said.values())
    ends = [piece for piece in pieces if piece.done]
    assert {(piece.which, piece.finish, piece.tokens) for piece in ends} == {
        ("base", "length", 8),
        ("tuned", "length", 8),
    }
    status = shared.status()
    assert status.state == "ready"
    assert status.adapter == str(adapter)
    assert status.memory_gib > 0.1
    again = list(shared.ask(adapter, SHORT))
    assert not [piece for piece in again if piece.phase]
    assert texts(again) == said


def test_the_app_never_loads_torch(adapter: Path, tmp_path: Path) -> None:
    code = f"""
import sys; from pathlib import Path
from core.inference.process import ChatOptions, ChatProcess, ChatRequest; from core.records import Message
chats, turns = ChatProcess(Path({str(tmp_path)!r})), (Message("user", "Hi"),)
assert [*chats.ask(Path({str(adapter)!r}), ChatRequest("both", turns, turns, ChatOptions(max_new_tokens=2)))][-1].done
assert not {{"torch", "transformers", "peft"}} & set(sys.modules)
chats.close()
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, timeout=120)


def test_stop_ends_an_answer_and_the_next_one_works(shared: ChatProcess, adapter: Path) -> None:
    pieces = []
    for piece in shared.ask(adapter, ENDLESS):
        pieces.append(piece)
        if len([piece for piece in pieces if piece.text]) == 6:
            shared.stop()
    ends = [piece for piece in pieces if piece.done]
    assert {piece.finish for piece in ends} == {"stopped"}
    assert max(piece.tokens for piece in ends) < 2000
    assert texts(list(shared.ask(adapter, SHORT)))["base"]
    shared.stop()  # nothing is answered now: nothing happens to the next one
    assert all(piece.finish in ("", "length") for piece in shared.ask(adapter, SHORT))


def test_a_reader_that_goes_away_stops_the_answer(shared: ChatProcess, adapter: Path) -> None:
    whole = child_of(shared).cpu_times().user
    answer = shared.ask(adapter, ENDLESS)
    while not next(answer).text:
        pass
    answer.close()  # type: ignore[attr-defined]
    stopped = child_of(shared).cpu_times().user - whole
    # processor time, so that a busy machine does not matter: all 4,000 tokens take a core ten seconds or more
    assert texts(list(shared.ask(adapter, SHORT)))["tuned"]
    assert stopped < 5


def test_a_second_question_waits_and_is_told_so(shared: ChatProcess, adapter: Path) -> None:
    first = shared.ask(adapter, ENDLESS)
    while not next(first).text:
        pass
    second: list[ChatPiece] = []
    thread = threading.Thread(target=lambda: second.extend(shared.ask(adapter, SHORT)))
    thread.start()
    deadline = time.monotonic() + 5
    while not shared.status().waiting and time.monotonic() < deadline:
        next(first)
    assert shared.status().waiting == 1
    shared.stop()
    list(first)
    thread.join(30)
    assert second[0].phase.startswith("waiting")
    assert [piece.finish for piece in second if piece.done] == ["length", "length"]
    assert shared.status().waiting == 0


def test_many_threads_each_get_their_own_answer(shared: ChatProcess, adapter: Path) -> None:
    expected = texts(list(shared.ask(adapter, SHORT)))
    got: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: got.append(texts(list(shared.ask(adapter, SHORT))))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == [expected] * 8


def test_a_killed_process_is_a_message_and_the_next_question_starts_it_again(
    shared: ChatProcess, adapter: Path
) -> None:
    answer = shared.ask(adapter, ENDLESS)
    while not next(answer).text:
        pass
    child_of(shared).kill()
    with pytest.raises(ModelError, match="was killed") as caught:
        list(answer)
    assert "starts anew" in caught.value.hint
    assert shared.status().state == "off"
    assert texts(list(shared.ask(adapter, SHORT)))["base"]


def test_a_crash_between_questions_is_not_noticed(shared: ChatProcess, adapter: Path) -> None:
    list(shared.ask(adapter, SHORT))
    child = child_of(shared)
    child.send_signal(signal.SIGSEGV)
    child.wait(10)
    assert texts(list(shared.ask(adapter, SHORT)))["base"]


def test_errors_of_the_model_arrive_as_they_are(shared: ChatProcess, adapter: Path, tmp_path: Path) -> None:
    long = (Message("user", "fever and cough " * 2000),)
    with pytest.raises(ModelError, match="reads at most") as caught:
        list(shared.ask(adapter, ChatRequest("base", long)))
    assert "new conversation" in caught.value.hint
    with pytest.raises(ModelError, match="no folder"):
        list(shared.ask(tmp_path / "nowhere", ChatRequest("base", TURNS)))
    assert texts(list(shared.ask(adapter, SHORT)))["base"]


def test_what_cannot_be_asked_is_refused_at_once(adapter: Path, tmp_path: Path) -> None:
    chats = ChatProcess(tmp_path)
    with pytest.raises(ConfigError):
        chats.ask(adapter, ChatRequest("both", TURNS, TURNS, ChatOptions(top_p=7)))
    with pytest.raises(ModelError, match="no adapter yet"):
        chats.ask(adapter.parent / "tiny", ChatRequest("tuned", TURNS, TURNS))
    assert chats.status().state == "off"


def test_a_base_alone_answers(shared: ChatProcess, adapter: Path) -> None:
    beside = texts(list(shared.ask(adapter, SHORT)))
    alone = texts(list(shared.ask(adapter.parent / "tiny", ChatRequest("base", TURNS, (), SHORT.options))))
    assert alone == {"base": beside["base"], "tuned": ""}


def test_close_ends_the_process_even_while_it_answers(adapter: Path, tmp_path: Path) -> None:
    chats = ChatProcess(tmp_path)
    answer = chats.ask(adapter, ENDLESS)
    while not next(answer).text:
        pass
    child = child_of(chats)
    chats.close()
    assert not child.is_running()
    with pytest.raises(ModelError, match="closed while it answered"):
        list(answer)
    chats.close()
    assert chats.status().state == "off"
    assert texts(list(chats.ask(adapter, SHORT)))["base"]
    chats.close()


def test_it_warms_up_and_tells_how_far_loading_is(adapter: Path, tmp_path: Path) -> None:
    chats = ChatProcess(tmp_path)
    chats.warm()
    assert chats.status().state == "loading"
    deadline = time.monotonic() + 120
    while chats.status().state != "ready" and time.monotonic() < deadline:
        time.sleep(0.1)
    warm = chats.status()
    assert (warm.state, warm.device) == ("ready", "") and warm.memory_gib > 0.1
    pieces = list(chats.ask(adapter, SHORT))
    phases = [piece for piece in pieces if piece.phase]
    assert "loading the libraries" not in [piece.phase for piece in phases]  # that lies behind
    assert all(piece.memory_gib > 0.1 for piece in phases)
    assert texts(pieces)["base"]
    chats.close()
    assert chats.status().state == "off"


def test_nobody_stops_the_answer_of_another_visitor(shared: ChatProcess, adapter: Path) -> None:
    limit = ChatRequest("base", TURNS, (), ChatOptions(temperature=0, max_new_tokens=60))
    pieces = []
    for piece in shared.ask(adapter, limit, "mine"):
        pieces.append(piece)
        shared.stop("yours")
    assert pieces[-1].finish == "length"
    for piece in shared.ask(adapter, ENDLESS, "mine"):
        if piece.text:
            shared.stop("mine")
    assert piece.finish == "stopped"


def test_it_dies_with_the_app(adapter: Path, tmp_path: Path) -> None:
    code = f"""
import sys; from pathlib import Path
from core.inference.process import ChatOptions, ChatProcess, ChatRequest; from core.records import Message
chats, turns = ChatProcess(Path({str(tmp_path)!r})), (Message("user", "Hi"),)
for piece in chats.ask(Path({str(adapter)!r}), ChatRequest("base", turns, turns, ChatOptions(temperature=0, max_new_tokens=4000))):
    if piece.text:
        print(chats._child.pid, flush=True)
"""
    app = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert app.stdout is not None
    child = psutil.Process(int(app.stdout.readline()))
    os.kill(app.pid, signal.SIGKILL)
    app.wait()
    app.stdout.close()
    child.wait(5)
