"""Records → token ids and labels: only answers and their end tokens are learned.

    encode(record, template, max_length)                       → Encoded, one row
    encode_dataset(records, folder, max_length, cache_dir=…)   → EncodedDataset, all rows, cached on disk
    highlight(record, template, max_length)                    → the exact text, piece by piece, trained or not

It does not know: files of data sets, batches, packing, models.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DatasetError
from core.model.template import Template
from core.progress import Progress
from core.records import Record

IGNORED = -100  # the label that torch's cross-entropy leaves out
FORM = 1  # of the cached files; raise it when the encoding changes
CHUNK_ROWS = 2000
WITHOUT_ANSWER_LIMIT = 0.30
FILES = ("ids", "trained", "offsets", "rows")


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as the model reads it.

    Args:
        input_ids: Token ids, at most max_length.
        labels: The same ids where the token is learned, -100 elsewhere.
        cut_tokens: Tokens that did not fit and were cut from the end.
    """

    input_ids: list[int]
    labels: list[int]
    cut_tokens: int

    @property
    def trained_tokens(self) -> int:
        """How many tokens are learned."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class EncodingStats:
    """What encoding a data set did.

    Args:
        rows: Rows given.
        kept_rows: Rows with at least one learned token.
        dropped_rows: Rows without one: the prompt alone fills max_length, or there is no answer.
        cut_rows: Kept rows that were cut.
        cut_tokens: Tokens cut from the kept rows.
        tokens: Tokens of the kept rows.
        trained_tokens: Learned tokens of the kept rows.
        longest_tokens: Length of the longest row before cutting, in tokens.
        histogram: (length up to and including, kept rows), lengths after cutting, in tokens.
    """

    rows: int
    kept_rows: int
    dropped_rows: int
    cut_rows: int
    cut_tokens: int
    tokens: int
    trained_tokens: int
    longest_tokens: int
    histogram: tuple[tuple[int, int], ...]

    @property
    def trained_share(self) -> float:
        """Share of the tokens that are learned, 0 to 1; the first real batch must show about the same."""
        return self.trained_tokens / self.tokens if self.tokens else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the share."""
        return dataclasses.asdict(self) | {"trained_share": self.trained_share}


class EncodedDataset(Sequence[Encoded]):
    """All rows of a data set, as flat arrays on disk that are mapped into memory, not read.

    Args:
        folder: Where encode_dataset wrote them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in FILES}
        self.ids: NDArray[np.int32] = arrays["ids"]
        """Token ids of all kept rows, one after the other."""
        self.trained: NDArray[np.bool_] = arrays["trained"]
        """Whether each of those tokens is learned."""
        self.offsets: NDArray[np.int64] = arrays["offsets"]
        """Row i is ids[offsets[i]:offsets[i + 1]]."""
        self.rows: NDArray[np.int64] = arrays["rows"]
        """Which record (by position in the data set) each kept row was."""
        body = json.loads((folder / "stats.json").read_text(encoding="utf-8"))
        body.pop("trained_share")
        self.fingerprint: str = body.pop("fingerprint")
        """Of the template that wrote the rows."""
        self.stats = EncodingStats(**body | {"histogram": tuple((edge, count) for edge, count in body["histogram"])})

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each kept row."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        ids, trained = self.arrays(position)
        labels = np.where(trained, ids, IGNORED)
        return Encoded(ids.tolist(), labels.tolist(), 0)

    def arrays(self, position: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Token ids and learned marks of one row, without copying; shape (length,) each."""
        start, end = int(self.offsets[position]), int(self.offsets[position + 1])
        return self.ids[start:end], self.trained[start:end]


def encode(record: Record, template: Template, max_length: int) -> Encoded:
    """Turn one record into token ids and labels.

    Args:
        record: The conversation.
        template: The model's template.
        max_length: Longest row in tokens; the rest is cut from the end, and counted.

    Raises:
        ModelError: if the template refuses the conversation.
    """
    ids: list[int] = []
    labels: list[int] = []
    for index, (text, trained) in enumerate(template.pieces(record.messages)):
        piece = template.ids(text, first=index == 0)
        ids += piece
        labels += piece if trained else [IGNORED] * len(piece)
    return Encoded(ids[:max_length], labels[:max_length], max(0, len(ids) - max_length))


def highlight(record: Record, template: Template, max_length: int) -> list[tuple[str, bool]]:
    """The exact text that the model reads, in pieces, each with whether it is learned; cut where encode cuts.

    Args:
        record: The conversation.
        template: The model's template.
        max_length: Longest row in tokens.

    Raises:
        ModelError: if the template refuses the conversation.
    """
    shown: list[tuple[str, bool]] = []
    left = max_length
    for index, (text, trained) in enumerate(template.pieces(record.messages)):
        anchor = template.anchor if index else ""
        encoding = template.tokenizer.encode(anchor + text, add_special_tokens=False)
        before = len(encoding.ids) - len(template.ids(text, first=index == 0))
        if len(encoding.ids) - before > left:
            end = encoding.offsets[before + left - 1][1] - len(anchor) if left else 0
            return [*shown, (text[:end], trained)] if end > 0 else shown
        left -= len(encoding.ids) - before
        shown.append((text, trained))
    return shown


def encode_dataset(
    records: Sequence[Record], tokenizer_folder: Path, max_length: int, *, cache_dir: Path, progress: Progress
) -> EncodedDataset:
    """Encode a whole data set, once: the same records, template and length are read from the cache.

    Args:
        records: The data set's rows.
        tokenizer_folder: The model's folder.
        max_length: Longest row in tokens.
        cache_dir: Where encoded data sets are kept.
        progress: Told how many rows are done, and the choice of template.

    Raises:
        DatasetError: if more than 30 % of the rows have no learned token, or none is left.
        ModelError: if the tokenizer cannot be used, or the template refuses a conversation.
    """
    template = Template.from_folder(tokenizer_folder)
    progress.choice("template", template.choice)
    key = hashlib.sha256(f"{FORM} {fingerprint_of(records)} {template.fingerprint} {max_length}".encode()).hexdigest()[
        :24
    ]
    folder = cache_dir / key
    if not folder.is_dir():
        cache_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = Path(tempfile.mkdtemp(prefix=".aside-", dir=cache_dir))
        try:
            _write(records, template, max_length, aside, progress)
            if not folder.is_dir():  # another process may have been quicker; its files are the same
                aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return EncodedDataset(folder)


def fingerprint_of(records: Sequence[Record]) -> str:
    """SHA-256 of what is said in a data set, in its order; ids and topics do not count."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(
            json.dumps([(message.role, message.content) for message in record.messages], ensure_ascii=False).encode()
        )
    return digest.hexdigest()


def _write(records: Sequence[Record], template: Template, max_length: int, folder: Path, progress: Progress) -> None:
    ids: list[NDArray[np.int32]] = []
    trained: list[NDArray[np.bool_]] = []
    lengths: list[int] = []
    kept: list[int] = []
    cut_rows = cut_tokens = longest = 0
    for position, (row_ids, row_trained) in enumerate(_rows(records, template, progress)):
        longest = max(longest, len(row_ids))
        if not row_trained[:max_length].any():
            continue
        cut = max(0, len(row_ids) - max_length)
        cut_rows, cut_tokens = cut_rows + (cut > 0), cut_tokens + cut
        ids.append(row_ids[:max_length])
        trained.append(row_trained[:max_length])
        lengths.append(len(row_ids) - cut)
        kept.append(position)
    _check(len(records), len(kept), max_length)
    stats = EncodingStats(
        rows=len(records),
        kept_rows=len(kept),
        dropped_rows=len(records) - len(kept),
        cut_rows=cut_rows,
        cut_tokens=cut_tokens,
        tokens=sum(lengths),
        trained_tokens=int(sum(int(marks.sum()) for marks in trained)),
        longest_tokens=longest,
        histogram=_histogram(lengths),
    )
    np.save(folder / "ids.npy", np.concatenate(ids))
    np.save(folder / "trained.npy", np.concatenate(trained))
    np.save(folder / "offsets.npy", np.cumsum([0, *lengths], dtype=np.int64))
    np.save(folder / "rows.npy", np.array(kept, np.int64))
    body = stats.to_json() | {"fingerprint": template.fingerprint}
    (folder / "stats.json").write_text(json.dumps(body), encoding="utf-8")


def _rows(
    records: Sequence[Record], template: Template, progress: Progress
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """Encode chunk by chunk; within a chunk the tokenizer's own threads use every core."""
    skip = len(template.tokenizer.encode(template.anchor, add_special_tokens=False).ids) if template.anchor else 0
    for start in range(0, len(records), CHUNK_ROWS):
        progress.phase("tokenising", start, len(records))
        written = [template.pieces(record.messages) for record in records[start : start + CHUNK_ROWS]]
        texts = [
            (template.anchor if index else "") + text for pieces in written for index, (text, _) in enumerate(pieces)
        ]
        encodings = iter(template.tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        for pieces in written:
            parts = [np.array(next(encodings).ids[skip if index else 0 :], np.int32) for index in range(len(pieces))]
            marks = [np.full(len(part), trained) for part, (_, trained) in zip(parts, pieces, strict=True)]
            yield np.concatenate(parts), np.concatenate(marks)
    progress.phase("tokenising", len(records), len(records))


def _check(rows: int, kept: int, max_length: int) -> None:
    if kept == 0 or (rows - kept) / rows > WITHOUT_ANSWER_LIMIT:
        raise DatasetError(
            f"{rows - kept} of {rows} rows have nothing to learn: no answer, or a question that alone fills {max_length} tokens.",
            "Raise the longest row (max_length), or shorten the questions.",
        )


def _histogram(lengths: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Counts by powers of two: up to 16, 32, 64 … tokens."""
    edges = [16]
    while edges[-1] < max(lengths):
        edges.append(edges[-1] * 2)
    places = np.searchsorted(edges, lengths)
    counts = np.bincount(places, minlength=len(edges))
    return tuple((edge, int(count)) for edge, count in zip(edges, counts, strict=True))
