"""The chat's process: python -m core.inference.worker MODELS_DIR. Requests come in on stdin, pieces go out on stdout.

One JSON object a line. In: {"ask": number, "target": …, "request": …} or {"stop": number}. Out: {"phase": …},
{"warm": …} once the libraries are there, {"loaded": …}, {"piece": …}, {"error": …}, and {"end": number} after each
request. When stdin closes, the app is gone and so is this process. It does not know: who asks.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from core.errors import MedftError
from core.inference.chat import ChatModel
from core.inference.loader import Loaded, load, swap_adapter
from core.inference.loading import LoadingWatch
from core.inference.messages import ChatRequest, ChatTarget
from core.model.device import bound_cpu_caches, usable_cores
from core.progress import SilentProgress

GIB = 1024**3


class Worker(SilentProgress):
    """Answers one request after the other; as a Progress it hands loading phases on.

    Args:
        models_dir: Where base models are kept.
        source: Requests, a line each.
        sink: What goes out, a line each.
    """

    def __init__(self, models_dir: Path, source: TextIO, sink: TextIO) -> None:
        self.models_dir, self.source, self.sink = models_dir, source, sink
        self.requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.stopped_up_to = 0
        self.loaded: Loaded | None = None
        self._mouth = threading.Lock()  # loading is watched by a thread of its own

    def listen(self) -> None:
        """Read requests until the app closes its end; then end this process at once, whatever it is doing."""
        for line in self.source:
            body = json.loads(line)
            if "stop" in body:
                self.stopped_up_to = max(self.stopped_up_to, body["stop"])
            else:
                self.requests.put(body)
        os._exit(0)

    def serve(self) -> None:
        """Answer requests for ever."""
        threading.Thread(target=self.listen, daemon=True, name="requests").start()
        self.phase("loading the libraries")
        bound_cpu_caches()
        # Heavy: the first import of these takes seconds, so it gets a phase of its own.
        import peft  # noqa: F401, PLC0415
        import torch  # noqa: PLC0415
        from transformers import AutoModelForCausalLM  # noqa: F401, PLC0415

        torch.set_num_threads(usable_cores())
        self.send(warm={"memory_gib": held_gib()})
        while True:
            body = self.requests.get()
            try:
                self._answer(body)
            except MedftError as error:
                self.send(error={"kind": type(error).__name__, "message": error.message, "hint": error.hint})
            self.send(end=body["ask"])

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Hand a phase on."""
        self.send(phase=name, share=done / total if total else 0.0, memory_gib=self._memory_gib())

    def send(self, **body: Any) -> None:
        """Write one line."""
        with self._mouth:
            self.sink.write(json.dumps(body) + "\n")
            self.sink.flush()

    def _memory_gib(self) -> float:
        """Memory held, for a phase; torch is not asked before it is imported."""
        return held_gib() if "torch" in sys.modules else 0.0

    def _answer(self, body: dict[str, Any]) -> None:
        loaded = self._load(ChatTarget(**body["target"]))
        ask: int = body["ask"]
        ChatModel(loaded).answer(
            ChatRequest.from_json(body["request"]),
            emit=lambda piece: self.send(piece=piece.to_json()),
            should_stop=lambda: self.stopped_up_to >= ask,
        )

    def _load(self, target: ChatTarget) -> Loaded:
        """Keep what is loaded, swap only the adapter, or load anew."""
        before, self.loaded = self.loaded, None  # a failure below leaves nothing half changed behind
        if before and before.target == target:
            self.loaded = before
            return before
        if before and (before.target.model, before.target.quantisation) == (target.model, target.quantisation):
            self.loaded = swap_adapter(before, target, self)
        else:
            del before
            free_memory()
            with LoadingWatch(self, held_gib) as watch:
                self.loaded = load(target, self.models_dir, watch)
        self.send(
            loaded={
                "device": self.loaded.form.value,
                "reason": f"{self.loaded.resolved.source.reason} {self.loaded.form.reason} {self.loaded.template.choice.reason}",
                "memory_gib": held_gib(),
                "adapter": target.adapter,
            }
        )
        return self.loaded


def free_memory() -> None:
    """Give back what the last model held."""
    import torch  # noqa: PLC0415

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def held_gib() -> float:
    """Memory that this process holds: the GPU's where it uses one, else its own."""
    import psutil  # noqa: PLC0415
    import torch  # noqa: PLC0415

    if torch.cuda.is_available() and torch.cuda.memory_reserved():
        return float(torch.cuda.memory_reserved() / GIB)
    return float(psutil.Process().memory_info().rss / GIB)


def main() -> None:
    """Take stdin and stdout for the talk; whatever a library prints goes to stderr, the log."""
    sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    Worker(Path(sys.argv[1]), sys.stdin, sink).serve()


if __name__ == "__main__":
    main()
