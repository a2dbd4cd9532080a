"""Parquet and Arrow files as rows, read in batches.

Only the columns' values are read: extension types, pandas metadata and anything that could name code are ignored.
It does not know: what a column means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.dataset.ingest.encoding import Scan
from core.dataset.ingest.source import Limits, Row, Source, SourceFile, Table, cells, size_text
from core.errors import UploadError

_BATCH = 256
# The column that pandas writes for its row numbers.
_PANDAS_INDEX = "__index_level_0__"


def parquet_table(source: Source, scan: Scan, limits: Limits) -> Table:
    """Open a Parquet file.

    Raises:
        UploadError: if it is damaged, empty, or unpacks beyond the limit.
    """
    # pyarrow takes a third of a second to import, and most uploads are text.
    from pyarrow import parquet  # noqa: PLC0415

    with source.open_seekable() as stream:
        try:
            head = parquet.ParquetFile(stream)
            names = tuple(name for name in head.schema_arrow.names if name != _PANDAS_INDEX)
            groups = [head.metadata.row_group(place) for place in range(head.metadata.num_row_groups)]
            unpacked, rows = sum(group.total_byte_size for group in groups), head.metadata.num_rows
        except Exception as error:
            raise _damaged(source.name) from error
    if unpacked > limits.total_bytes:
        raise UploadError(
            f"{source.name} unpacks to more than {size_text(limits.total_bytes)}.", "Split it into smaller files."
        )
    if not rows:
        raise UploadError(f"{source.name} holds no rows.", "Choose a file that holds questions and answers.")
    file = SourceFile(source.name, "parquet", scan.size_bytes, "", "", scan.sha256)
    return Table(file, lambda: _rows(source, names), names)


def _rows(source: Source, names: tuple[str, ...]) -> Iterator[Row]:
    """Read batch by batch.

    On damaged pages pyarrow raises its own errors, OSError, and whatever a broken offset leads to.
    """
    from pyarrow import parquet  # noqa: PLC0415

    position = 0
    with source.open_seekable() as stream:
        batches: Iterator[Any] | None = None
        while True:
            try:
                batches = batches or parquet.ParquetFile(stream).iter_batches(_BATCH, columns=list(names))
                batch = next(batches, None)
                values = [] if batch is None else batch.to_pylist()
            except Exception as error:
                raise _damaged(source.name) from error
            if batch is None:
                return
            for value in values:
                position += 1
                yield Row(cells({name: _plain(item) for name, item in value.items()}), source.name, position)


def arrow_table(source: Source, scan: Scan, limits: Limits) -> Table:
    """Open an Arrow or Feather file, or an Arrow stream, as the datasets library keeps its data.

    Raises:
        UploadError: if it is damaged, empty, or unpacks beyond the limit.
    """
    rows, unpacked, names = 0, 0, tuple[str, ...]()
    for batch, found in _arrow_batches(source):
        names = tuple(name for name in found if name != _PANDAS_INDEX)
        rows += batch.num_rows
        unpacked += batch.get_total_buffer_size()
        if unpacked > limits.total_bytes:
            raise UploadError(
                f"{source.name} unpacks to more than {size_text(limits.total_bytes)}.", "Split it into smaller files."
            )
    if not rows:
        raise UploadError(f"{source.name} holds no rows.", "Choose a file that holds questions and answers.")
    file = SourceFile(source.name, "arrow", scan.size_bytes, "", "", scan.sha256)
    return Table(file, lambda: _arrow_rows(source, names), names)


def _arrow_rows(source: Source, names: tuple[str, ...]) -> Iterator[Row]:
    position = 0
    for batch, _ in _arrow_batches(source):
        for start in range(0, batch.num_rows, _BATCH):
            with _arrow_damage(source.name):
                values = batch.slice(start, _BATCH).to_pylist()
            for value in values:
                position += 1
                yield Row(cells({name: _plain(value[name]) for name in names}), source.name, position)


def _arrow_batches(source: Source) -> Iterator[tuple[Any, list[str]]]:
    """Give checked batches with their names: offsets of a damaged file that point anywhere would take the process down."""
    from pyarrow import ipc  # noqa: PLC0415

    with source.open_seekable() as stream:
        with _arrow_damage(source.name):
            whole = stream.read(6) == b"ARROW1"
            stream.seek(0)
            reader: Any = ipc.open_file(stream) if whole else ipc.open_stream(stream)
            names = list(reader.schema.names)
        number = 0
        while True:
            with _arrow_damage(source.name):
                if whole and number == reader.num_record_batches:
                    return
                batch = reader.get_batch(number) if whole else next(reader, None)
                if batch is None:
                    return
                batch.validate(full=True)
            number += 1
            yield batch, names


@contextmanager
def _arrow_damage(name: str) -> Iterator[None]:
    """Tell pyarrow's own errors, OSError, and whatever a broken offset leads to, as an UploadError."""
    try:
        yield
    except Exception as error:
        raise UploadError(f"{name} is a damaged Arrow file.", "Write it again, or export it as JSON Lines.") from error


def _plain(value: Any) -> Any:
    """Bytes become text where they are text; everything else stays."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _damaged(name: str) -> UploadError:
    return UploadError(f"{name} is a damaged Parquet file.", "Write it again, or export it as JSON Lines.")
