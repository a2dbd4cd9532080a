"""Encoded examples become the tensors of a forward pass: Bins (what the loader draws from) and two collators.

    Row(input_ids, labels) … ─pack→ Bins ─collate_packed / collate_padded→ input_ids, predict_at, targets, …

The loss is taken at positions that the collator names (``predict_at``), so that logits exist for answer tokens only.
It does not know: models, templates, devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from core.errors import DatasetError
from core.model.encode import IGNORED, EncodedDataset
from core.training.packing import best_fit

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Row:
    """One encoded example.

    Args:
        input_ids: Tokens of the whole conversation.
        labels: The same tokens where they are trained (the answer and its end), -100 elsewhere.
    """

    input_ids: ArrayLike
    labels: ArrayLike

    def __len__(self) -> int:
        return len(np.asarray(self.input_ids))

    @property
    def trained(self) -> int:
        """Tokens with a label; the first token of a row cannot be predicted and never counts."""
        return int((np.asarray(self.labels)[1:] != IGNORED).sum())


class EncodedRows(Sequence[Row]):
    """The rows of an encoded data set, read from disk as they are asked for.

    Args:
        encoded: What encode_dataset wrote.
        longest: Rows are cut to so many tokens.
    """

    def __init__(self, encoded: EncodedDataset, longest: int) -> None:
        self.encoded, self.longest = encoded, longest

    def __len__(self) -> int:
        return len(self.encoded)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        ids, trained = (array[: self.longest] for array in self.encoded.arrays(range(len(self))[index]))
        return Row(ids, np.where(trained, ids, IGNORED))


class Bins:
    """What the data loader draws from: bins of examples that share a packed row, or single examples.

    Args:
        rows: All examples.
        bins: Indices into them.
    """

    def __init__(self, rows: Sequence[Row], bins: Sequence[Sequence[int]]) -> None:
        self.rows, self.bins = rows, bins

    @classmethod
    def of(cls, rows: Sequence[Row], capacity: int, packing: bool) -> Bins:
        """Pack rows into bins of ``capacity`` tokens, or put each into its own."""
        if not packing:
            return cls(rows, [[index] for index in range(len(rows))])
        return cls(rows, best_fit([len(row) for row in rows], capacity))

    def __len__(self) -> int:
        return len(self.bins)

    def __getitem__(self, index: int) -> list[Row]:
        return [self.rows[i] for i in self.bins[index]]


def collate_packed(bins: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """Lay all examples of all bins end to end in one row: no padding, positions start anew at each example.

    Returns:
        ``input_ids`` and ``position_ids`` (1 × T), ``lengths`` (a tuple of ints), ``predict_at`` (N positions in T
        whose next token is trained), ``targets`` (those N tokens) and ``tokens`` (how many the examples have).
    """
    import torch  # noqa: PLC0415

    rows = [row for group in bins for row in group]
    lengths = np.array([len(row) for row in rows])
    ids = np.concatenate([np.asarray(row.input_ids, dtype=np.int64) for row in rows])
    labels = np.concatenate([np.asarray(row.labels, dtype=np.int64) for row in rows])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    labels[starts] = IGNORED
    trained = np.flatnonzero(labels != IGNORED)
    return {
        "input_ids": torch.from_numpy(ids)[None],
        "position_ids": torch.from_numpy(np.arange(len(ids)) - np.repeat(starts, lengths))[None],
        "lengths": tuple(lengths.tolist()),
        "tokens": len(ids),
        "predict_at": torch.from_numpy(trained - 1),
        "targets": torch.from_numpy(labels[trained]),
    }


def collate_padded(bins: Sequence[Sequence[Row]], pad_id: int) -> dict[str, Any]:
    """Fill examples up on the right to the longest of the batch.

    Args:
        bins: Single examples.
        pad_id: Token to fill up with; it is never seen and never trained.

    Returns:
        ``input_ids`` and ``attention_mask`` (B × L), ``predict_at`` (positions in the flattened B × L), ``targets`` and
        ``tokens`` (without padding).
    """
    import torch  # noqa: PLC0415

    rows = [row for group in bins for row in group]
    longest = max(len(row) for row in rows)
    ids = np.full((len(rows), longest), pad_id, dtype=np.int64)
    labels = np.full((len(rows), longest), IGNORED, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row.input_ids
        labels[place, 1 : len(row)] = np.asarray(row.labels)[1:]
        mask[place, : len(row)] = 1
    trained = np.flatnonzero(labels.reshape(-1) != IGNORED)
    batch = {
        "input_ids": torch.from_numpy(ids),
        "predict_at": torch.from_numpy(trained - 1),
        "targets": torch.from_numpy(labels.reshape(-1)[trained]),
        "tokens": int(mask.sum()),
    }
    # Without padding there is nothing to mask, and no mask lets torch take its faster kernel.
    return batch if mask.all() else batch | {"attention_mask": torch.from_numpy(mask)}


def check_first_batch(batch: dict[str, Any], rows: Sequence[Row]) -> float:
    """Hold the first real batch against the rows it was made of: the same tokens must be trained, no more, no fewer.

    Libraries were seen to train whole conversations in silence; this looks at the tensors that the model will get.

    Args:
        batch: What the trainer's own data loader yields.
        rows: The examples that this batch holds.

    Returns:
        Share of trained tokens in the batch, 0 to 1.

    Raises:
        DatasetError: if the batch trains other tokens than the data set says.
    """
    predict_at, targets = batch["predict_at"].cpu(), batch["targets"].cpu()
    ids: torch.Tensor = batch["input_ids"].cpu().reshape(-1)
    expected = sum(row.trained for row in rows)
    tokens = sum(len(row) for row in rows)
    same = len(targets) == expected and bool((ids[predict_at + 1] == targets).all())
    labels = np.concatenate([np.asarray(row.labels)[1:] for row in rows])
    if not same or sorted(targets.tolist()) != sorted(labels[labels != IGNORED].tolist()):
        raise DatasetError(
            f"The first batch would train {len(targets)} tokens where the data set marks {expected}.",
            "This is a fault in the app, not in your data; please report it with the log.",
        )
    return expected / max(1, tokens)
