"""Many prompts and many answers at once: what base and tuned say, and how likely each finds a given answer.

    batch = Batch(loaded)
    batch.answers(prompts, options)  →  (index, base's Answer, tuned's Answer) …, as they are made
    batch.losses(rows)               →  (index, AnswerLoss) …, teacher-forced, on the tokens that training learns

Rows of like length share a batch, base and tuned rows too where the adapter allows it; a batch that does not fit into
memory is halved. It does not know: records, scores, files, who asks.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from core.errors import ModelError, ResourceError
from core.inference.chat import Writing, left_padded, only_numbers, sampling, thinking_lead
from core.inference.loader import Loaded
from core.inference.messages import ChatOptions, ChatRequest, Pane
from core.inference.thinking import split_thinking
from core.model.device import GIB
from core.model.encode import Encoded
from core.model.memory import logits_slice_tokens
from core.model.shape import ModelShape
from core.records import Message
from core.training.batches import Row, collate_padded
from core.training.loss import OutputLayer, answer_loss

Finish = Literal["stop", "length", "too long"]
ShouldStop = Callable[[], bool]
T = TypeVar("T")

# Padded tokens in a forward pass: more of them make it no faster, and cost memory.
LOSS_TOKENS_GPU, LOSS_TOKENS_CPU = 16_384, 2_048
# Rows whose answers are written together; beyond, waiting for the longest one costs more than the company saves.
ANSWER_ROWS_GPU, ANSWER_ROWS_CPU = 128, 32
SHARE_OF_FREE_MEMORY = 0.5
SLICE_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said.

    Args:
        text: The answer, without special tokens, outer white space, and what a thinking model thought before it; empty if
            it was still thinking at the limit.
        tokens: How many tokens were generated, the end token included.
        finish: ``stop`` (the model ended it), ``length`` (cut at the limit) or ``too long`` (the prompt fills the
            model's context, so nothing was asked).
    """

    text: str
    tokens: int
    finish: Finish


@dataclass(frozen=True, slots=True)
class AnswerLoss:
    """How unlikely an answer is to both models.

    Args:
        tokens: Learned tokens of the row that are predicted.
        base: Sum of their negative log-likelihoods under the base, in nats.
        tuned: The same under the tuned model.
    """

    tokens: int
    base: float
    tuned: float


class Batch:
    """Lets a loaded base and its adapter work on many rows at once.

    Args:
        loaded: From loader.load, with an adapter.
        answer_rows: Most rows whose answers are written together, base and tuned counted apart; 0 chooses.

    Raises:
        ModelError: if there is no adapter.
    """

    def __init__(self, loaded: Loaded, *, answer_rows: int = 0) -> None:
        if loaded.adapter is None:
            raise ModelError("There is no tuned model yet.", "Train first, then compare it with its base.")
        self.loaded, self.adapter = loaded, loaded.adapter
        loaded.model.requires_grad_(False)
        on_gpu = loaded.device.type == "cuda"
        self._groups: tuple[tuple[Pane, ...], ...] = (
            (("base", "tuned"),) if self.adapter.mixes else (("base",), ("tuned",))
        )
        self._answer_rows = answer_rows or (ANSWER_ROWS_GPU if on_gpu else ANSWER_ROWS_CPU)
        self._loss_tokens = LOSS_TOKENS_GPU if on_gpu else LOSS_TOKENS_CPU

    def answers(
        self, prompts: Sequence[Sequence[Message]], options: ChatOptions, should_stop: ShouldStop = lambda: False
    ) -> Iterator[tuple[int, Answer, Answer]]:
        """Answer prompts with both models.

        Greedy answers are those that each prompt would get alone, up to the rounding of the number format. Sampled
        ones are repeated by the same seed with the same prompts.

        Args:
            prompts: Conversations whose last message is the user's.
            options: How to answer.
            should_stop: Asked at every token; True ends it, and the batch that is being answered is left out.

        Yields:
            Position in ``prompts``, the base's answer, the tuned model's; a batch at a time, the longest prompts first.

        Raises:
            ConfigError: if the options are out of range, or a prompt holds no question.
            ModelError: if the template refuses a conversation.
            ResourceError: if not even one prompt fits into memory.
        """
        ids = [self._prompt_ids(prompt, options) for prompt in prompts]
        fitting = [index for index, row in enumerate(ids) if len(row) < self.loaded.context_tokens]
        for index in set(range(len(ids))) - set(fitting):
            yield index, Answer("", 0, "too long"), Answer("", 0, "too long")
        budget = _Budget(self._answer_tokens(), self._answer_rows // len(self._groups[0]))

        def cost(index: int) -> int:
            return len(self._groups[0]) * (len(ids[index]) + options.max_new_tokens)

        def work(part: Sequence[int]) -> list[list[list[int]]] | None:
            return self._answer([ids[index] for index in part], options, options.seed + part[0], should_stop)

        for part, made in budget.spend(sorted(fitting, key=lambda index: -len(ids[index])), cost, work):
            if made is None:
                return
            for index, base, tuned in zip(part, *made, strict=True):
                lead = thinking_lead(self.loaded.template, prompts[index], thinking=options.thinking)
                yield index, self._read(base, lead), self._read(tuned, lead)

    def losses(
        self, rows: Sequence[Encoded], should_stop: ShouldStop = lambda: False
    ) -> Iterator[tuple[int, AnswerLoss]]:
        """Measure how likely both models find each row's learned tokens.

        Args:
            rows: Encoded records; one without a learned token gets the loss 0 of 0 tokens.
            should_stop: Asked before each batch; True ends it.

        Yields:
            Position in ``rows`` and its losses; a batch at a time, the longest rows first.

        Raises:
            ResourceError: if not even one row fits into memory.
        """
        import numpy as np  # noqa: PLC0415  (heavy, like torch below)

        made_of = [Row(np.asarray(row.input_ids), np.asarray(row.labels)) for row in rows]
        budget = _Budget(self._loss_tokens, len(rows))

        def work(part: Sequence[int]) -> list[list[float]]:
            return self._loss([made_of[index] for index in part])

        def cost(index: int) -> int:
            return len(self._groups[0]) * len(made_of[index])

        learned = [index for index in range(len(rows)) if made_of[index].trained]
        for index in set(range(len(rows))) - set(learned):
            yield index, AnswerLoss(0, 0.0, 0.0)
        for part, (base, tuned) in budget.spend(sorted(learned, key=lambda index: -len(made_of[index])), cost, work):
            for index, before, after in zip(part, base, tuned, strict=True):
                yield index, AnswerLoss(made_of[index].trained, before, after)
            if should_stop():
                return

    def _prompt_ids(self, prompt: Sequence[Message], options: ChatOptions) -> list[int]:
        request = ChatRequest("base", tuple(prompt), options=options)
        request.check()
        return self.loaded.template.prompt_ids(request.turns("base"), thinking=options.thinking)

    def _answer_tokens(self) -> int:
        """How many tokens of all rows together the memory holds: keys and values of every layer, and one layer's MLP."""
        shape = ModelShape.read(self.loaded.resolved.folder)
        width = self.loaded.model.dtype.itemsize
        cached = 2 * shape.layers * shape.kv_heads * shape.head_width * width
        return int(SHARE_OF_FREE_MEMORY * _free_bytes(self.loaded.device) / (cached + 3 * shape.intermediate * width))

    def _answer(
        self, prompts: Sequence[list[int]], options: ChatOptions, seed: int, should_stop: ShouldStop
    ) -> list[list[list[int]]] | None:
        """Tokens of the base's and of the tuned model's answers, one a prompt each; None if stopped meanwhile."""
        made: list[list[list[int]]] = []
        for group in self._groups:
            answers = self._generate(
                [*prompts] * len(group), self._panes(group, len(prompts)), options, seed, should_stop
            )
            if answers is None:
                return None
            made += [answers[start : start + len(prompts)] for start in range(0, len(answers), len(prompts))]
        return made

    def _generate(
        self,
        prompts: Sequence[list[int]],
        panes: Sequence[Pane],
        options: ChatOptions,
        seed: int,
        should_stop: ShouldStop,
    ) -> list[list[int]] | None:
        import torch  # noqa: PLC0415
        from transformers import LogitsProcessorList, StoppingCriteriaList, set_seed  # noqa: PLC0415

        template, device = self.loaded.template, self.loaded.device
        ids, mask = left_padded(prompts, template.pad_id)
        halted = False

        def halt(input_ids: Any, scores: Any, **_: Any) -> Any:
            nonlocal halted
            halted = halted or should_stop()
            return torch.full((input_ids.shape[0],), halted, dtype=torch.bool, device=input_ids.device)

        criterion: Any = halt
        set_seed(seed)
        with torch.inference_mode(), self.adapter.applied(panes):
            made = self.loaded.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=min(options.max_new_tokens, self.loaded.context_tokens - ids.shape[1]),
                eos_token_id=list(self.loaded.stop_ids),
                pad_token_id=template.pad_id,
                stopping_criteria=StoppingCriteriaList([criterion]),
                logits_processor=LogitsProcessorList([only_numbers]),
                **sampling(options),
            )
        if halted:
            return None
        new: list[list[int]] = made[:, ids.shape[1] :].tolist()
        return new

    def _read(self, new: list[int], lead: str) -> Answer:
        """Cut an answer at its end; what follows there fills the row up to the longest of the batch.

        Args:
            new: The tokens.
            lead: What the prompt has already begun of it; see thinking_lead.
        """
        end = next((place for place, token in enumerate(new) if token in self.loaded.stop_ids), None)
        kept = new if end is None else new[: end + 1]
        template = self.loaded.template
        text = lead + Writing.of(self.loaded).text(kept)
        # a rater would know a model by its thoughts, and a score would count their words
        said = split_thinking(text).answer if template.habits.thinks else text.strip()
        return Answer(said, len(kept), "length" if end is None else "stop")

    def _loss(self, rows: Sequence[Row]) -> list[list[float]]:
        """Summed losses of the base and of the tuned model, one a row each."""
        import torch  # noqa: PLC0415

        batch = collate_padded([[row] for row in rows], self.loaded.template.pad_id)
        ids = batch["input_ids"].to(self.loaded.device)
        causal = (
            self.loaded.model.get_base_model() if hasattr(self.loaded.model, "get_base_model") else self.loaded.model
        )
        layer = OutputLayer.of(causal, logits_slice_tokens(causal.get_output_embeddings().weight.shape[0]))
        made: list[list[float]] = []
        for group in self._groups:
            with torch.inference_mode(), self.adapter.applied(self._panes(group, len(rows))):
                # Rows are filled on the right, where a causal model looks from none of their own tokens: no mask is
                # needed, and without one torch takes its fastest attention.
                hidden = causal.get_decoder()(input_ids=ids.repeat(len(group), 1), use_cache=False)[0]
                sums = [_row_loss(hidden[place], place % len(rows), batch, layer) for place in range(len(hidden))]
            values = torch.stack(sums).tolist()
            made += [values[start : start + len(rows)] for start in range(0, len(values), len(rows))]
        return made

    @staticmethod
    def _panes(group: Sequence[Pane], rows: int) -> list[Pane]:
        return [pane for pane in group for _ in range(rows)]


def _row_loss(hidden: Any, row: int, batch: dict[str, Any], layer: OutputLayer) -> Any:
    """Loss of one row; hidden is longest × H, and positions of the batch count through all of its rows."""
    longest = batch["input_ids"].shape[1]
    mine = batch["predict_at"] // longest == row
    at, targets = batch["predict_at"][mine] - row * longest, batch["targets"][mine]
    return answer_loss(hidden, at.to(hidden.device), targets.to(hidden.device), layer)


class _Budget:
    """How much goes into a batch; it shrinks for good where memory runs out.

    Args:
        tokens: Padded tokens, rows times the longest.
        rows: Rows.
    """

    def __init__(self, tokens: int, rows: int) -> None:
        self.tokens, self.rows = tokens, max(1, rows)

    def spend(
        self, order: Sequence[int], cost: Callable[[int], int], work: Callable[[Sequence[int]], T]
    ) -> Iterator[tuple[Sequence[int], T]]:
        """Do the work batch by batch.

        Args:
            order: Positions, the longest first.
            cost: Tokens of the row at a position.
            work: Does one batch.

        Raises:
            ResourceError: if one row alone does not fit.
        """
        left = list(order)
        while left:
            rows = max(1, min(self.rows, self.tokens // cost(left[0])))
            part = left[:rows]
            try:
                made = [work(part)]
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                made = []  # what the error holds is freed only when this block is left
            if made:
                yield part, made[0]
                left = left[rows:]
                continue
            if len(part) == 1:
                raise ResourceError(
                    "The memory does not hold even one row.",
                    "Ask for shorter answers, or free memory, and start again.",
                )
            self.rows = len(part) // 2
            _free_cached()


def is_out_of_memory(error: Exception) -> bool:
    """Tell what torch raises when memory ran out: its own error on a GPU, a RuntimeError on a CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and ("out of memory" in str(error) or "can't allocate memory" in str(error))


def _free_bytes(device: Any) -> float:
    import psutil  # noqa: PLC0415
    import torch  # noqa: PLC0415

    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return float(free + cached)
    # The system takes memory back from its caches late, and ends processes instead of refusing.
    return float(max(0.25 * GIB, psutil.virtual_memory().available - GIB))


def _free_cached() -> None:
    import torch  # noqa: PLC0415

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
