"""Judging on a GPU: many answers at once are at least five times as fast as one after the other, and lose nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.inference.batch import Batch
from core.inference.chat import ChatModel
from core.inference.loader import load
from core.inference.messages import ChatOptions, ChatRequest, ChatTarget
from core.model.encode import encode
from core.progress import SilentProgress
from core.records import Message, Record
from tests.core.inference.tiny_model import save_adapter, save_base

SILENT = SilentProgress()
QUESTIONS = [(Message("user", f"What helps with {'very ' * (number % 9)}low iron?"),) for number in range(64)]
OPTIONS = ChatOptions(temperature=0, max_new_tokens=96)


def records() -> list[Record]:
    return [
        Record.of(str(number), turns[0].content, "Iron tablets and food. " * (1 + number % 20))
        for number, turns in enumerate(QUESTIONS)
    ]


@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_losses_in_batches_are_those_of_single_rows(engine: Any, tmp_path: Path, quantisation: Any) -> None:
    base = save_base(tmp_path / "tiny", hidden=256)
    adapter = save_adapter(tmp_path / "adapter", base)
    loaded = load(ChatTarget(str(base), str(adapter), quantisation), base, SILENT)
    assert loaded.device.type == "cuda"
    rows = [encode(record, loaded.template, 512) for record in records()]
    many = dict(Batch(loaded).losses(rows))
    for index in (0, 7, 19, 63):
        ((_, alone),) = Batch(loaded).losses([rows[index]])
        assert many[index].tokens == alone.tokens == rows[index].trained_tokens
        # bfloat16 keeps eight bits of a number, and batches add up in another order
        assert many[index].base == pytest.approx(alone.base, rel=0.01)
        assert many[index].tuned == pytest.approx(alone.tuned, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_batched_answers_are_at_least_5_times_as_fast(engine: Any, tmp_path: Path, quantisation: Any) -> None:
    from tests.gpu.models import build_llama

    build_llama("1b", tmp_path / "1b", save_base(tmp_path / "tokenizer"))
    adapter = save_adapter(tmp_path / "adapter", tmp_path / "1b", r=16, target_modules="all-linear")
    loaded = load(ChatTarget(str(tmp_path / "1b"), str(adapter), quantisation), tmp_path, SILENT)
    loaded = replace(loaded, stop_ids=(128255,))  # so that every answer has the same length
    chat, batch = ChatModel(loaded), Batch(loaded)

    def one_by_one(prompts: Any) -> int:
        for turns in prompts:
            chat.answer(ChatRequest("both", turns, turns, OPTIONS), lambda piece: None)
        return len(prompts)

    def together(prompts: Any) -> int:
        return len(list(batch.answers(prompts, OPTIONS)))

    seconds = {}
    for name, work, count in (("one by one", one_by_one, 6), ("together", together, 64)):
        work(QUESTIONS[:2])
        started = time.perf_counter()
        assert work(QUESTIONS[:count]) == count
        seconds[name] = (time.perf_counter() - started) / count
    print({name: round(value, 4) for name, value in seconds.items()}, "s a question,", quantisation)  # noqa: T201
    assert seconds["one by one"] >= 5 * seconds["together"]
