"""Both models answer the questions, piece by piece, and every answer is kept as soon as it is there.

    score(asked, models, book, room, progress)  →  True, or False if the person asked to stop

A killed job goes on after the last whole piece, whichever task that was in. It does not know: verdicts, results.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ResourceError
from core.evaluation.benchmark.harness import Asked, AskedQuestion, Halted
from core.evaluation.result import ITEMS_FILE, read_items
from core.inference.chat import not_a_number
from core.inference.loader import Loaded
from core.inference.messages import Pane
from core.jobs.job import write_whole
from core.progress import Choice, Progress

Item = dict[str, Any]
PANES: tuple[Pane, ...] = ("base", "tuned")
IDENTITY_FILE = "benchmark.json"
MOST_ROWS = 64
# Tokens in one forward pass on a CPU: more is not quicker there, and padding costs as much as text.
CPU_TOKENS = 512
# The harness holds a batch's logits and their logarithms: up to 4 + 4 bytes a number, and some air.
LOGIT_BYTES = 10
GPU_SHARE = 0.6


@dataclass
class BatchRoom:
    """How many prompts go through the model at once; shrinks when the memory turns out to be too small.

    Args:
        budget_bytes: Memory for a batch's logits; 0 on a CPU, where tokens are counted instead.
        vocabulary: Numbers that each token's logits have.
        most: Upper limit; lowered by ``shrink``.
    """

    budget_bytes: int
    vocabulary: int
    most: int = MOST_ROWS

    def rows(self, tokens: int) -> int:
        """Prompts in a batch whose longest has so many tokens; at least 1."""
        if self.budget_bytes:
            fitting = self.budget_bytes // (max(tokens, 1) * self.vocabulary * LOGIT_BYTES)
        else:
            fitting = CPU_TOKENS // max(tokens, 1)
        return max(1, min(self.most, fitting))

    def shrink(self, rows: int) -> None:
        """Halve after a batch of so many prompts did not fit.

        Raises:
            ResourceError: if it was a single one.
        """
        if rows == 1:
            raise ResourceError(
                "The GPU's memory does not hold one question of this benchmark.",
                "End what else uses the GPU, or choose a benchmark with shorter questions.",
            )
        self.most = max(1, rows // 2)


def room_for(loaded: Loaded, batch_rows: int) -> tuple[BatchRoom, Choice[str]]:
    """Say how large batches may be, and why.

    Args:
        loaded: What answers.
        batch_rows: What the person has fixed; 0 is auto.
    """
    import torch  # noqa: PLC0415  (heavy)

    vocabulary = int(loaded.model.get_input_embeddings().weight.shape[0])
    if batch_rows:
        return BatchRoom(2**62, vocabulary, batch_rows), Choice(f"{batch_rows} prompts", "It was set by hand.")
    if loaded.device.type != "cuda":
        why = "Without a GPU larger batches are not quicker, and padding costs time."
        return BatchRoom(0, vocabulary), Choice(f"up to {CPU_TOKENS} tokens", why)
    budget = int(torch.cuda.mem_get_info(loaded.device)[0] * GPU_SHARE)
    why = "The logits of a batch may take that much of the GPU's free memory."
    return BatchRoom(budget, vocabulary), Choice(f"{budget / 1024**3:.1f} GiB, up to {MOST_ROWS} prompts", why)


@dataclass
class ItemBook:
    """items.jsonl while it grows.

    Args:
        job_dir: The job's folder.
        done: What has been answered, by the item's id, in order.
    """

    job_dir: Path
    done: dict[str, Item] = field(default_factory=dict)

    @classmethod
    def opened(cls, job_dir: Path, asked: Sequence[Asked], identity: Mapping[str, Any]) -> ItemBook:
        """Take up what an earlier attempt has left, as far as it is what would be asked now of the same models.

        Args:
            job_dir: The job's folder.
            asked: The benchmarks.
            identity: Options and models; with others, nothing of the earlier attempt counts.
        """
        path, written = job_dir / IDENTITY_FILE, json.dumps(identity, sort_keys=True)
        book = cls(job_dir)
        if path.is_file() and path.read_text(encoding="utf-8") == written:
            now = {question.id: question for one in asked for question in one.questions}
            for item in read_items(job_dir):
                question = now.get(item["id"])
                if question and (item["prompt"], tuple(item["choices"])) == (question.prompt, question.choices):
                    book.done[item["id"]] = item
        write_whole(job_dir / ITEMS_FILE, "".join(map(_line, book.done.values())))
        write_whole(path, written)
        return book

    def add(self, items: Sequence[Item]) -> None:
        """Keep answered items, on the disk first."""
        with (self.job_dir / ITEMS_FILE).open("a", encoding="utf-8") as file:
            file.write("".join(map(_line, items)))
        self.done |= {item["id"]: item for item in items}


def _line(item: Item) -> str:
    return json.dumps(item, ensure_ascii=False) + "\n"


def score(
    asked: Sequence[Asked], models: Mapping[Pane, Any], book: ItemBook, room: BatchRoom, progress: Progress
) -> bool:
    """Answer everything that is not answered yet.

    Args:
        asked: The benchmarks, in order.
        models: The harness's model of each pane.
        book: Gets the items.
        room: How large batches may be.
        progress: Told how many questions are done; asked before each forward pass whether to stop.

    Returns:
        Whether everything is answered.

    Raises:
        ResourceError: if not even one question fits into memory.
        ModelError: if a model's likelihoods are not numbers.
    """
    total = sum(len(one.questions) for one in asked)
    for one in asked:
        left = [question for question in one.questions if question.id not in book.done]
        for piece in _pieces(left, room):
            progress.phase(f"answering {one.chosen.task.label}", len(book.done), total)
            try:
                book.add(_answered(one, piece, models, room))
            except Halted:
                return False
    progress.phase("answered", total, total)
    return True


def _pieces(questions: Sequence[AskedQuestion], room: BatchRoom) -> Iterator[Sequence[AskedQuestion]]:
    """A few batches at a time: little is lost by a kill, and the harness can sort prompts by length."""
    start = 0
    while start < len(questions):
        size = 4 * room.rows(questions[start].tokens)
        yield questions[start : start + size]
        start += size


def _answered(asked: Asked, piece: Sequence[AskedQuestion], models: Mapping[Pane, Any], room: BatchRoom) -> list[Item]:
    found = {pane: _likelihoods(models[pane], piece, room) for pane in PANES}
    longest = models["base"].max_length
    return [
        {
            "id": question.id,
            "task": asked.chosen.task.name,
            "question": question.question,
            "choices": list(question.choices),
            "reference": question.choices[question.answer],
            "prompt": question.prompt,
            # the harness feeds all but the last token, and cuts the beginning of what is longer
            "cut": question.tokens > longest + 1,
            **{pane: _verdict(asked, question, found[pane][place]) for pane in PANES},
        }
        for place, question in enumerate(piece)
    ]


def _verdict(asked: Asked, question: AskedQuestion, results: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    """What one model answered: the option whose text is likeliest, judged by the harness."""
    likelihoods = [likelihood for likelihood, _ in results]
    judged = asked.task.process_results(question.doc, list(results))
    best = likelihoods.index(max(likelihoods))
    return {"answer": question.choices[best], "right": judged["acc"] == 1.0, "loglikelihoods": likelihoods} | (
        {"right_by_length": judged["acc_norm"] == 1.0} if "acc_norm" in judged else {}
    )


def _likelihoods(lm: Any, piece: Sequence[AskedQuestion], room: BatchRoom) -> list[list[tuple[float, bool]]]:
    """Summed log-likelihood of each option, and whether it is what the model would write, for each question."""
    import torch  # noqa: PLC0415

    requests = [request for question in piece for request in question.requests]
    while True:
        lm.batch_size_per_gpu = room.rows(max(question.tokens for question in piece))
        try:
            flat = iter(lm.loglikelihood(requests, disable_tqdm=True))
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            room.shrink(lm.batch_size_per_gpu)
            continue
        found = [[next(flat) for _ in question.requests] for question in piece]
        # the harness would take the first option for the likeliest, and count it as an answer
        if any(math.isnan(likelihood) for options in found for likelihood, _ in options):
            raise not_a_number()
        return found
