"""The app's end of the chat: a child process holds the model, so that the app never loads torch.

    chats = ChatProcess(settings.models)
    for piece in chats.ask(run_folder, ChatRequest("both", turns, turns)): …

A process of its own also surely frees the GPU (close), and a crash in it becomes a message. One request is answered at
a time; others wait and are told so. It does not know: models, templates, screens.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from core import errors
from core.errors import MedftError, ModelError
from core.inference.messages import ChatOptions, ChatPiece, ChatRequest, ChatStatus, ChatTarget
from core.inference.target import target_of
from core.settings import REPOSITORY

__all__ = ["ChatOptions", "ChatPiece", "ChatProcess", "ChatRequest", "ChatStatus", "ChatTarget"]

WAIT_STEP_S = 0.5
STOP_PATIENCE_S = 10.0
LOG_TAIL_BYTES = 4000


class ChatProcess:
    """Keeps the chat's process; may be used from several threads.

    Args:
        models_dir: Where base models are kept.
    """

    def __init__(self, models_dir: Path) -> None:
        self.models_dir = models_dir
        self._turn = threading.Lock()  # held while a request is answered
        self._wire = threading.Lock()  # held while something is written to the child, or the child is replaced
        self._child: subprocess.Popen[str] | None = None
        self._log: IO[bytes] | None = None
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()  # None: it has ended
        self._asked = self._answering = self._ended = 0  # numbers of requests; 0 for none
        self._asker = ""
        self._closed_on_purpose = False
        self._waiting = 0
        self._status = ChatStatus()

    def status(self) -> ChatStatus:
        """How the process is now; returns at once."""
        if self._child is None or self._child.poll() is not None:
            return ChatStatus(waiting=self._waiting)
        return replace(self._status, waiting=self._waiting)

    def ask(self, source: Path | str | ChatTarget, request: ChatRequest, asker: str = "") -> Iterator[ChatPiece]:
        """Answer a request; loads the model first if need be.

        Args:
            source: A run's folder, an adapter's folder, a model's folder or a Hub id; or what target_of made of one.
            request: The conversations and how to answer.
            asker: Who asks, so that ``stop`` can end this visitor's answer and nobody else's.

        Returns:
            Pieces in the order they are written. Pieces with a ``phase`` say what the wait is for. Closing the
            iterator stops the answer.

        Raises:
            ConfigError: if the request cannot be answered as it is.
            ModelError: if the model or adapter cannot be used, or the process was killed (the next request starts it again).
            ResourceError: if the memory is too small.
        """
        request.check()
        target = source if isinstance(source, ChatTarget) else target_of(source)
        if "tuned" in request.panes and not target.adapter:
            raise ModelError("This run has no adapter yet.", "Wait for its first checkpoint, or ask the base model.")
        return self._asking(target, request, asker)

    def warm(self) -> None:
        """Start the process and let it import its libraries, so that the first answer comes sooner; returns at once."""
        if self._turn.acquire(blocking=False):
            try:
                self._start()
            finally:
                self._turn.release()

    def stop(self, asker: str = "") -> None:
        """End the answer that is being written, after its next token.

        Args:
            asker: Only if this visitor asked for it; empty for whoever did.
        """
        if self._answering and asker in ("", self._asker):
            self._send(stop=self._answering)

    def close(self) -> None:
        """End the process and wait until it is gone, so that its memory is free; a later request starts a new one."""
        with self._wire:
            self._closed_on_purpose = True
            self._end_child()

    def _asking(self, target: ChatTarget, request: ChatRequest, asker: str) -> Iterator[ChatPiece]:
        yield from self._wait_for_turn(request)
        try:
            self._start()
            self._forget_old_lines()
            self._asked += 1
            self._asker = asker
            number = self._answering = self._asked
            if self._status.state == "loading":  # its libraries, since it was warmed up
                yield ChatPiece(request.panes[0], phase=self._status.phase)
            self._send(ask=number, target=_plain(target), request=request.to_json())
            try:
                yield from self._pieces(number, request)
            finally:
                self._answering = 0
                if self._ended != number:
                    self._abandon(number)
        finally:
            self._turn.release()

    def _wait_for_turn(self, request: ChatRequest) -> Iterator[ChatPiece]:
        if self._turn.acquire(blocking=False):
            return
        self._waiting += 1
        try:
            yield ChatPiece(request.panes[0], phase="waiting: another question is being answered")
            while not self._turn.acquire(timeout=WAIT_STEP_S):
                yield ChatPiece(request.panes[0], phase="waiting: another question is being answered")
        finally:
            self._waiting -= 1

    def _pieces(self, number: int, request: ChatRequest) -> Iterator[ChatPiece]:
        """Read what the child says until it ends this request."""
        problem: MedftError | None = None
        while (body := self._read()).get("end") != number:
            if "piece" in body:
                yield ChatPiece(**body["piece"])
            elif "phase" in body:
                yield ChatPiece(request.panes[0], **body)
            elif "error" in body:
                problem = _error_of(body["error"])
        self._ended = number
        if problem:
            raise problem

    def _listen(self, child: subprocess.Popen[str], lines: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        """Read what a child says as long as it lives, so that its status is known also when nobody asks anything."""
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                body: dict[str, Any] = json.loads(line)
                if child is self._child:
                    self._status = _after(self._status, body)
                lines.put(body)
        lines.put(None)

    def _start(self) -> None:
        with self._wire:
            if self._child is not None and self._child.poll() is None:
                return
            self._end_child()
            self._closed_on_purpose = False
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the child)
            self._status = ChatStatus(state="loading", phase="loading the libraries")
            self._child = subprocess.Popen(
                [sys.executable, "-m", "core.inference.worker", str(self.models_dir)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                cwd=REPOSITORY,
                env=os.environ | {"TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"},
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl+C in the terminal is the app's business
            )
            self._lines = queue.SimpleQueue()
            threading.Thread(target=self._listen, args=(self._child, self._lines), daemon=True, name="chat").start()

    def _send(self, **body: Any) -> None:
        with self._wire, suppress(OSError, ValueError):  # a child that is gone is noticed by the reader
            if self._child is not None and self._child.stdin is not None:
                self._child.stdin.write(json.dumps(body) + "\n")
                self._child.stdin.flush()

    def _read(self) -> dict[str, Any]:
        child = self._child
        body = self._lines.get()
        if body is None:
            self._lines.put(None)  # whoever reads on hears the same
            raise self._why_it_ended(child)
        return body

    def _forget_old_lines(self) -> None:
        """Drop what was said since the last request ended (of warming up); the status knows it."""
        while not self._lines.empty():
            if self._lines.get() is None:
                self._lines.put(None)
                return

    def _abandon(self, number: int) -> None:
        """The reader went away or the child broke: end the answer, and leave the line clean for the next request."""
        self._send(stop=number)
        done = threading.Event()
        threading.Thread(target=self._kill_unless, args=(done, self._child), daemon=True).start()
        try:
            while self._read().get("end") != number:
                pass
        except ModelError:
            pass  # the child is gone; the next request starts another
        finally:
            done.set()

    def _kill_unless(self, done: threading.Event, child: subprocess.Popen[str] | None) -> None:
        if not done.wait(STOP_PATIENCE_S) and child is not None:
            child.kill()

    def _end_child(self) -> None:
        """Kill the child, if there is one, and forget it. The caller holds the wire."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            if child.stdin is not None:
                with suppress(OSError):
                    child.stdin.close()
        if self._log is not None:
            self._log.close()
            self._log = None
        self._status = ChatStatus()

    def _why_it_ended(self, child: subprocess.Popen[str] | None) -> ModelError:
        if self._closed_on_purpose or child is None:
            return ModelError("The chat was closed while it answered.", "Its memory was needed; ask again later.")
        code = child.wait()
        if code == -signal.SIGKILL:
            return ModelError(
                "The chat's process was killed; most often the system does so for lack of memory.",
                "Ask again: it starts anew. If this happens again, choose a smaller model or close other programs.",
            )
        return ModelError(
            f"The chat's process ended unexpectedly ({_described(code)}): {self._last_words()}",
            "Ask again: it starts anew.",
        )

    def _last_words(self) -> str:
        """The last line of the child's log: the name of an error, never a conversation's text."""
        if self._log is None:
            return "it said nothing."
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
        lines = self._log.read().decode("utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1][:300]}" if lines else "it said nothing."


def _after(status: ChatStatus, body: dict[str, Any]) -> ChatStatus:
    """The status once a child has said this."""
    if "phase" in body:
        return replace(status, state="loading", **body)
    if "piece" in body:
        return replace(status, state="answering", phase="", share=0.0)
    if "loaded" in body:
        return ChatStatus(state="answering", **body["loaded"])
    if "warm" in body:
        return ChatStatus(state="ready", **body["warm"])
    return replace(status, state="ready", phase="", share=0.0) if "end" in body else status


def _described(code: int) -> str:
    return f"signal {-code}, {signal.strsignal(-code) or 'unknown'}" if code < 0 else f"exit code {code}"


def _plain(target: ChatTarget) -> dict[str, str]:
    return {"model": target.model, "adapter": target.adapter, "quantisation": target.quantisation}


def _error_of(body: dict[str, str]) -> MedftError:
    """The same error that the child raised; ConfigError carries more than text, so it comes as its parent."""
    kind = getattr(errors, body["kind"], ModelError)
    if not (isinstance(kind, type) and issubclass(kind, MedftError)) or kind is errors.ConfigError:
        kind = errors.InputError
    return kind(body["message"], body["hint"])
