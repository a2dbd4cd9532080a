"""Answers questions with the base, the tuned model, or both in one batch from one set of weights.

    ChatModel(loaded).answer(request, emit=send, should_stop=stopped.is_set)

A row's pane decides whether the adapter is applied to it: the base row goes through the base's weights only, so it is
the base. It does not know: processes, screens, where the model came from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from core.errors import ModelError, ResourceError
from core.inference.loader import Loaded
from core.inference.messages import ChatOptions, ChatPiece, ChatRequest, Finish, Pane
from core.inference.thinking import CLOSE, OPEN
from core.model.template import OPEN_AT_END, Template
from core.records import Message

Emit = Callable[[ChatPiece], None]


class ChatModel:
    """A loaded model, ready to answer.

    Args:
        loaded: From loader.load.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded

    def answer(self, request: ChatRequest, emit: Emit, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Answer a request, handing on each new piece of text.

        Args:
            request: The conversations and how to answer.
            emit: Gets every piece; each pane's last one is ``done`` and says why it ended.
            should_stop: Asked before each token; True ends the answers there.

        Raises:
            ConfigError: if the options are out of range, or there is no question.
            ModelError: if the tuned model is asked and there is no adapter, or a conversation is too long.
            ResourceError: if the GPU's memory does not hold the answer.
        """
        request.check()
        if "tuned" in request.panes and not self.loaded.adapter:
            raise ModelError("There is no tuned model yet.", "Train first, or ask the base model.")
        rows = [self._row(pane, request, emit) for pane in request.panes]
        mixes = self.loaded.adapter is None or self.loaded.adapter.mixes
        for batch in [rows] if mixes else [[row] for row in rows]:
            self._generate(batch, request.options, should_stop)

    def _row(self, pane: Pane, request: ChatRequest, emit: Emit) -> _Row:
        template, context = self.loaded.template, self.loaded.context_tokens
        turns, thinking = request.turns(pane), request.options.thinking
        ids = template.prompt_ids(turns, thinking=thinking)
        if len(ids) >= context:
            raise ModelError(
                f"The conversation has {len(ids):,} tokens; {template.name} reads at most {context:,}.",
                f"Start a new conversation, or shorten the question by {len(ids) - context + 1:,} tokens or more.",
            )
        lead = thinking_lead(template, turns, thinking=thinking)
        return _Row(pane, ids, replace(Writing.of(self.loaded), lead=lead), emit)

    def _generate(self, rows: Sequence[_Row], options: ChatOptions, should_stop: Callable[[], bool]) -> None:
        import torch  # noqa: PLC0415
        from transformers import LogitsProcessorList, StoppingCriteriaList, set_seed  # noqa: PLC0415

        ids, mask = left_padded([row.ids for row in rows], self.loaded.template.pad_id)
        device = self.loaded.device
        room = self.loaded.context_tokens - ids.shape[1]
        halt: Any = _Halt(should_stop)
        set_seed(options.seed)
        with torch.inference_mode(), self._adapter_for(rows), _faults_named():
            self.loaded.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=min(options.max_new_tokens, room),
                eos_token_id=list(self.loaded.stop_ids),
                pad_token_id=self.loaded.template.pad_id,
                streamer=_Streamer(rows),
                stopping_criteria=StoppingCriteriaList([halt]),
                logits_processor=LogitsProcessorList([only_numbers]),
                **sampling(options),
            )
        for row in rows:
            row.end("stopped" if halt.halted else "length")

    def _adapter_for(self, rows: Sequence[_Row]) -> AbstractContextManager[None]:
        if self.loaded.adapter is None:
            return nullcontext()
        return self.loaded.adapter.applied([row.pane for row in rows])


def thinking_lead(template: Template, turns: Sequence[Message], *, thinking: bool) -> str:
    """What stands before an answer's first token: a prompt may end inside a thinking block, and then the answer begins there."""
    opened = thinking and OPEN_AT_END.search(template.prompt_text(turns, thinking=True)) is not None
    return f"{OPEN}\n" if opened else ""


def left_padded(prompts: Sequence[Sequence[int]], pad_id: int) -> tuple[Any, Any]:
    """Prompts as one batch, filled on the left, so that all answers start in the same column.

    Args:
        prompts: Token ids of each row.
        pad_id: What to fill with; the mask hides it, and positions count from each row's first real token.

    Returns:
        Ids and attention mask, both of shape (rows, longest).
    """
    import torch  # noqa: PLC0415

    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), pad_id)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    return ids, mask


def sampling(options: ChatOptions) -> dict[str, Any]:
    """Arguments of generate; nothing is left to a model's own hidden defaults (top_k, repetition_penalty)."""
    if options.temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "repetition_penalty": 1.0}
    return {
        "do_sample": True,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "top_k": 0,
        "repetition_penalty": 1.0,
    }


@dataclass(frozen=True, slots=True)
class Writing:
    """How tokens become text.

    Args:
        tokenizer: Of the model.
        stop_ids: Ids of the tokens that end an answer.
        lead: Text that stands before the first token.
        thinks: Whether the model has thinking blocks, whose tags must stay in the text.
    """

    tokenizer: Tokenizer
    stop_ids: tuple[int, ...]
    lead: str
    thinks: bool

    @classmethod
    def of(cls, loaded: Loaded) -> Writing:
        """How a loaded model writes, where nothing stands before the first token."""
        return cls(loaded.template.tokenizer, loaded.stop_ids, "", loaded.template.habits.thinks)

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without special ones but with thinking tags."""
        tags = self.special_tags()
        parts: list[str] = []
        run: list[int] = []
        for token in tokens:
            if token in tags:
                parts += [self.tokenizer.decode(run, skip_special_tokens=True), tags[token]]
                run = []
            else:
                run.append(token)
        return "".join((*parts, self.tokenizer.decode(run, skip_special_tokens=True)))

    def special_tags(self) -> dict[int, str]:
        """The thinking tags that the tokenizer counts among its special tokens, by id: decoding would leave them out."""
        added = self.tokenizer.get_added_tokens_decoder() if self.thinks else {}
        return {id: token.content for id, token in added.items() if token.special and token.content in (OPEN, CLOSE)}


class _Row:
    """One answer while it is written."""

    def __init__(self, pane: Pane, ids: list[int], writing: Writing, emit: Emit) -> None:
        self.pane, self.ids, self.done = pane, ids, False
        self._writing, self._emit = writing, emit
        self._stream = DecodeStream(skip_special_tokens=True)
        self._lead = writing.lead
        self._tags = writing.special_tags()
        self._started = time.monotonic()
        self._first = self._last = self._started
        self._tokens = 0

    def take(self, token: int) -> None:
        """Take the next token; after the end, batch mates go on and this row gets padding."""
        if self.done:
            return
        self._last = time.monotonic()
        self._tokens += 1
        if self._tokens == 1:
            self._first = self._last
        if token in self._writing.stop_ids:
            self.end("stop")
        elif text := self._tags.get(token) or self._stream.step(self._writing.tokenizer, token):
            self._emit(self._piece(self._lead + text))
            self._lead = ""

    def end(self, finish: Finish) -> None:
        """Say that the answer is over, once."""
        if not self.done:
            self.done = True
            self._emit(self._piece("", done=True, finish=finish))

    def _piece(self, text: str, *, done: bool = False, finish: Finish = "") -> ChatPiece:
        seconds = self._last - self._first
        return ChatPiece(
            self.pane,
            text,
            done,
            tokens=self._tokens,
            tokens_per_s=(self._tokens - 1) / seconds if seconds > 0 else 0.0,
            first_token_s=self._first - self._started,
            finish=finish,
        )


class _Streamer:
    """What generate calls a streamer: first it gets the prompts, then a token for each row at a time."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self.rows = rows
        self.prompts_seen = False

    def put(self, value: Any) -> None:
        """Take the prompts, or one token of every row (shape (rows,))."""
        if not self.prompts_seen:
            self.prompts_seen = True
            return
        for row, token in zip(self.rows, value.tolist(), strict=True):
            row.take(token)

    def end(self) -> None:
        """Nothing is held back."""


class _Halt:
    """A stopping criterion: has the person asked to stop?"""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self.should_stop = should_stop
        self.halted = False

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        """Shape (rows,): True for rows that end here, and that is all of them or none."""
        import torch  # noqa: PLC0415

        self.halted = self.halted or self.should_stop()
        return torch.full((input_ids.shape[0],), self.halted, dtype=torch.bool, device=input_ids.device)


def only_numbers(input_ids: Any, scores: Any) -> Any:
    """A logits processor that refuses what is not a number; a greedy choice among such is the first token, over and over.

    Args:
        input_ids: Shape (rows, tokens).
        scores: Shape (rows, vocabulary).

    Raises:
        ModelError: if one is not a number, as where half precision overflows.
    """
    import torch  # noqa: PLC0415

    if torch.isnan(scores).any():
        raise not_a_number()
    return scores


def not_a_number() -> ModelError:
    """The error that says that a model computes nonsense."""
    return ModelError(
        "The model's output is not a number, so no word can be chosen from it.",
        "Its training has diverged, or its files are damaged: choose another checkpoint or adapter.",
    )


@contextmanager
def _faults_named() -> Iterator[None]:
    """Turn an exhausted GPU, and numbers that are none, into advice."""
    import torch  # noqa: PLC0415

    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise ResourceError(
            "The GPU's memory does not hold this answer.", "Ask for a shorter one, or start anew."
        ) from error
    except RuntimeError as error:
        if "probability tensor" not in str(error):  # what torch.multinomial says of NaN and infinity
            raise
        raise not_a_number() from error
