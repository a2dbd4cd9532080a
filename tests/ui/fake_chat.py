"""A chat desk whose answers are made up: thinking, slow, broken off, or whatever a test wants, at once and without weights."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.config import DEFAULT_MODEL
from core.errors import MedftError
from core.inference.desk import STEP, ChatDesk, ChatSource
from core.inference.messages import ChatPiece, ChatRequest, ChatStatus, ChatTarget
from core.inference.report import Speaker

WORDS = ("Tiredness, ", "pallor ", "and breathlessness.")
DIGEST = "5f" * 32


@dataclass
class Script:
    """How the next answers go.

    Args:
        thinking: What is thought before the answer; empty for nothing.
        error: What asking ends with.
        error_after: After how many words it does.
        wait: Held before the last word until it is set; None does not wait.
    """

    thinking: str = ""
    error: MedftError | None = None
    error_after: int = 0
    wait: threading.Event | None = None
    steps: tuple[int, ...] = (200, 150)
    thinks: bool = False
    asked: list[tuple[Any, ...]] = field(default_factory=list)


class FakeChatDesk(ChatDesk):
    """The real desk for everything but models."""

    def __init__(self, settings: Any, controller: Any, script: Script) -> None:
        super().__init__(settings, controller)
        self.script = script
        self.now = ChatStatus()

    def source(self, key: str) -> ChatSource:
        run_id, _, step = key.partition(STEP)
        if not any(job.id == run_id for job in self.controller.jobs()):
            return super().source(key)
        run = self._run(run_id)
        target = ChatTarget(DEFAULT_MODEL, str(Path("/nowhere") / run_id / "adapter"))
        return ChatSource(key, run.name, target, run.dataset_id, int(step) if step else None)

    def speaker(self, source: ChatSource, form: str = "") -> Speaker:
        digest = DIGEST if source.target.adapter else ""
        return Speaker(source.key, source.name, source.target.model, digest, form)

    def steps(self, run_id: str) -> list[int]:
        return list(self.script.steps)

    def best_step(self, run_id: str) -> int | None:
        return self.script.steps[-1] if self.script.steps else None

    def thinks(self, source: ChatSource) -> bool | None:
        return self.script.thinks

    def status(self) -> ChatStatus:
        return self.now

    def warm(self) -> bool:
        self.script.asked.append(("warm",))
        if self.controller.active() is not None:
            return False
        if self.now.state == "off":
            self.now = ChatStatus("ready", memory_gib=0.4)
        return True

    def stop(self, asker: str = "") -> None:
        self.script.asked.append(("stop_chat",))
        if self.script.wait is not None:
            self.script.wait.set()

    def ask(self, key: str, request: ChatRequest, asker: str = "") -> Iterator[ChatPiece]:
        self.script.asked.append(("chat", key, request))
        request.check()
        self._refuse_while_busy()
        self.source(key)
        yield ChatPiece(request.panes[0], phase="loading the model", share=0.4, memory_gib=0.2)
        self.now = ChatStatus("answering", device="Fake CPU, bfloat16", memory_gib=0.6)
        for pane in request.panes if self.script.thinking else ():
            yield ChatPiece(pane, f"<think>\n{self.script.thinking}\n</think>\n\n", tokens=4, tokens_per_s=41.0)
        for count, word in enumerate(WORDS, start=1):
            if self.script.error is not None and count > self.script.error_after:
                raise self.script.error
            if count == len(WORDS) and self.script.wait is not None:
                self.script.wait.wait(20)
            done = count == len(WORDS)
            for pane in request.panes:
                piece = ChatPiece(pane, word, done, count, 41.0, first_token_s=0.2, finish="stop" if done else "")
                yield replace(piece, text=f"{pane.title()}: {word}") if count == 1 else piece
        self.now = replace(self.now, state="ready")
