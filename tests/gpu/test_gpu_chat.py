"""Chat on a GPU: the base pane is the base on every kind of weights, and two answers take little longer than one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.inference.batch import Batch
from core.inference.chat import ChatModel
from core.inference.loader import Loaded, load
from core.inference.messages import ChatOptions, ChatRequest, ChatTarget
from core.model.encode import encode
from core.progress import SilentProgress
from core.records import Message, Record
from tests.core.inference.tiny_model import save_adapter, save_base

TURNS = (Message("user", "What is anaemia?"),)
LONGER = (*TURNS, Message("assistant", "Too little haemoglobin."), Message("user", "What helps with it?"))
SILENT = SilentProgress()


def texts(loaded: Loaded, request: ChatRequest) -> dict[str, str]:
    said: dict[str, str] = {pane: "" for pane in request.panes}

    def keep(piece: Any) -> None:
        said[piece.which] += piece.text

    ChatModel(loaded).answer(request, keep)
    return said


@pytest.fixture(scope="module")
def tiny(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("chat")
    base = save_base(folder / "tiny", hidden=256)
    return base, save_adapter(folder / "adapter", base)


@pytest.mark.parametrize("quantisation", ["none", "int8"])
def test_the_base_pane_is_the_base(tiny: tuple[Path, Path], quantisation: Any) -> None:
    base, adapter = tiny
    options = ChatOptions(temperature=0, max_new_tokens=48)
    beside = load(ChatTarget(str(base), str(adapter), quantisation), base, SILENT)
    bare = load(ChatTarget(str(base), "", quantisation), base, SILENT)
    assert beside.device.type == "cuda"
    for turns in (TURNS, LONGER):
        both = texts(beside, ChatRequest("both", turns, turns, options))
        assert both["base"] == texts(bare, ChatRequest("base", turns, options=options))["base"]
        assert both["base"] != both["tuned"]


def test_the_base_pane_is_the_base_on_4_bit_weights(tiny: tuple[Path, Path]) -> None:
    """One row goes through another 4-bit kernel than two, so what is compared is the likelihood of given answers."""
    import torch

    base, adapter = tiny
    beside = load(ChatTarget(str(base), str(adapter), "nf4"), base, SILENT)
    bare = load(ChatTarget(str(base), "", "nf4"), base, SILENT)
    answers = ("Iron tablets and rest.", "It is a low blood count.", "See a doctor soon.")
    rows = [encode(Record.of(str(n), TURNS[0].content, said), beside.template, 256) for n, said in enumerate(answers)]
    for index, losses in Batch(beside).losses(rows):
        ids, labels = (torch.tensor([list(part)]).cuda() for part in (rows[index].input_ids, rows[index].labels))
        with torch.no_grad():
            logits = bare.model(input_ids=ids).logits[0, :-1].float()
        alone = float(torch.nn.functional.cross_entropy(logits, labels[0, 1:], reduction="sum"))
        assert losses.base == pytest.approx(alone, rel=0.01)
        assert abs(losses.tuned - losses.base) > 0.01 * losses.base


def test_the_same_seed_repeats_both_answers(tiny: tuple[Path, Path]) -> None:
    base, adapter = tiny
    loaded = load(ChatTarget(str(base), str(adapter)), base, SILENT)
    warm = ChatRequest("both", LONGER, LONGER, ChatOptions(temperature=1.3, top_p=1.0, max_new_tokens=48, seed=5))
    first, again = texts(loaded, warm), texts(loaded, warm)
    other = texts(loaded, replace(warm, options=replace(warm.options, seed=6)))
    assert first == again != other


@pytest.mark.slow
@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_side_by_side_takes_at_most_1_3_times_one_answer(engine: Any, tmp_path: Path, quantisation: Any) -> None:
    from tests.gpu.models import build_llama

    tokenizer = save_base(tmp_path / "tokenizer")
    build_llama("1b", tmp_path / "1b", tokenizer)
    adapter = save_adapter(tmp_path / "adapter", tmp_path / "1b", r=16, target_modules="all-linear")
    loaded = load(ChatTarget(str(tmp_path / "1b"), str(adapter), quantisation), tmp_path, SILENT)
    loaded = replace(loaded, stop_ids=(128255,))  # so that every answer has the same length
    options = ChatOptions(temperature=0, max_new_tokens=96)
    seconds = {}
    for which in ("both", "base", "tuned"):
        request = ChatRequest(which, TURNS, TURNS, options)  # type: ignore[arg-type]
        texts(loaded, request)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            texts(loaded, request)
            times.append(time.perf_counter() - started)
        seconds[which] = min(times)
    print({which: round(value, 3) for which, value in seconds.items()}, quantisation)  # noqa: T201
    assert seconds["both"] <= 1.3 * seconds["tuned"]
