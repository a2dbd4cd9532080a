"""Which bytes a file holds: its hash, whether it is text, and in which encoding.

    Source  →  Scan (one pass over every byte)  →  text

UTF-8 is proved over the whole file, not guessed from its start. Everything else is a guess, is said in a note, and never
fails later: what does not fit becomes U+FFFD, which the cleaning report counts.
It does not know: what the text means.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from charset_normalizer import from_bytes

from core.dataset.ingest.source import MIB, Limits, Source, size_text
from core.errors import UploadError

_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_BYTES = bytes(range(128, 256))
_CONTROL_BYTES = bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 26, 27})
_REPLACEMENT = "\ufffd".encode()
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SINGLE_BYTE = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254"]
_EAST_ASIAN = ["gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"]
_EVIDENCE_BYTES = 64 * 1024
# Below this share of bytes above 0x7f a text is Western with accents, not an East Asian or Cyrillic script.
_DENSE = 0.15
_JUNK_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over the bytes says.

    Args:
        size_bytes: Bytes read.
        sha256: Their hash.
        encoding: A Python codec name; empty for a binary file.
        notes: What a person should know about the encoding.
    """

    size_bytes: int
    sha256: str
    encoding: str = ""
    notes: tuple[str, ...] = ()


def scan(source: Source, limits: Limits, text: bool) -> Scan:
    """Hash a file and, if it should be text, find its encoding.

    Raises:
        UploadError: if it is larger than the limit, or no text although it should be.
    """
    watcher = _Watcher()
    with source.open() as stream:
        while chunk := stream.read(MIB):
            watcher.take(chunk, text)
            if watcher.size > limits.file_bytes:
                raise too_large(source.name, limits.file_bytes)
    digest = watcher.hash.hexdigest()
    if not text:
        return Scan(watcher.size, digest)
    encoding = watcher.encoding()
    if not encoding.startswith(("utf-16", "utf-32")) and watcher.controls > _JUNK_SHARE * watcher.size:
        raise UploadError(
            f"{source.name} holds binary data, not text.",
            "Choose a JSONL, JSON, CSV, TSV, XLSX, Parquet, XML or ZIP file.",
        )
    return Scan(watcher.size, digest, encoding, tuple(watcher.notes(encoding)))


def too_large(name: str, limit_bytes: int) -> UploadError:
    """Build the refusal of a file beyond the limit."""
    return UploadError(
        f"{name} is larger than the limit of {size_text(limit_bytes)}.",
        "Split it into smaller files, or raise the limit for uploads.",
    )


def open_text(source: Source, encoding: str) -> io.TextIOWrapper:
    """Open as text; bytes that do not fit the encoding become U+FFFD, line ends stay as they are."""
    return io.TextIOWrapper(io.BufferedReader(_Raw(source)), encoding, errors="replace", newline="")


class _Raw(io.RawIOBase):
    """Gives TextIOWrapper a raw stream whatever the source opens (archive members lack parts of that interface)."""

    def __init__(self, source: Source) -> None:
        self._stream = source.open()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Watcher:
    """Collects evidence chunk by chunk."""

    def __init__(self) -> None:
        self.size = self.controls = self.broken = self.high = 0
        self.hash = hashlib.sha256()
        self.start = self.evidence = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail = b""

    def take(self, chunk: bytes, text: bool) -> None:
        self.hash.update(chunk)
        self.size += len(chunk)
        if not text:
            return
        self.start = self.start or chunk[:4096]
        self.controls += len(chunk) - len(chunk.translate(None, _CONTROL_BYTES))
        found = _HIGH.search(chunk)
        if found is None and not self._decoder.getstate()[0]:
            self._tail = b""
            return
        self.high += len(chunk) - len(chunk.translate(None, _HIGH_BYTES))
        # Characters that are U+FFFD in the file already are not damage of ours.
        self.broken += self._decoder.decode(chunk).count("\ufffd") - (self._tail + chunk).count(_REPLACEMENT)
        self._tail = chunk[-2:]
        if found and len(self.evidence) < _EVIDENCE_BYTES:
            begin = chunk.rfind(b"\n", 0, found.start()) + 1
            piece = chunk[begin : begin + _EVIDENCE_BYTES]
            self.evidence += piece[: piece.rfind(b"\n") + 1] or piece

    def encoding(self) -> str:
        """Choose: byte order mark, proved UTF-8, UTF-16 by its zeros, slightly damaged UTF-8, or a guess."""
        self.broken += self._decoder.decode(b"", final=True).count("\ufffd")
        for mark, name in _BOMS:
            if self.start.startswith(mark):
                return name
        for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            half = self.start[offset::2]
            if half.count(0) > 0.3 * len(half) > 0 and 0 not in self.start[1 - offset :: 2]:
                return name
        if self.broken <= 0.02 * self.high / 2:
            return "utf-8"
        return _guess(self.evidence, self.high / max(self.size, 1))

    def notes(self, encoding: str) -> Iterator[str]:
        if encoding == "utf-8" and self.broken:
            yield f"{self.broken} damaged characters were replaced by \ufffd, because the file is not whole UTF-8."
        elif encoding not in ("utf-8", "utf-8-sig"):
            yield f"The file is not UTF-8; it was read as {encoding.upper()}."


def _guess(evidence: bytes, density: float) -> str:
    """Guess among encodings that people really have; the lines looked at hold bytes above 0x7f."""
    dense = max(density, len(_HIGH.findall(evidence)) / max(len(evidence), 1)) > _DENSE
    matches = from_bytes(evidence, cp_isolation=_EAST_ASIAN + _SINGLE_BYTE if dense else _SINGLE_BYTE)
    best = matches.best()
    if best is None and dense and _decodes(evidence, "gb18030"):
        return "gb18030"
    # Western encodings differ in few places; where the text is the same, the common one is meant.
    if best is None or evidence.decode("cp1252", "replace") == evidence.decode(best.encoding, "replace"):
        return "cp1252"
    for match in matches:
        if match.encoding == "cp1252" and match.chaos <= best.chaos and match.coherence >= best.coherence - 0.02:
            return "cp1252"
    return best.encoding


def _decodes(evidence: bytes, encoding: str) -> bool:
    """Whether all but a few characters fit the encoding."""
    return evidence.decode(encoding, "replace").count("\ufffd") < 0.01 * len(evidence)
