"""ZIP archives (and gzip) as the files they hold, never unpacked to disk.

    archive.zip  →  check_members (bombs, tricks, passwords)  →  Sources named archive.zip/member

A member's declared size is also the most that is ever read of it, so the limits hold for what a file claims and for what
it does. Nested archives, links and paths that point outside are refused.
It does not know: what the members hold.
"""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO, Protocol

from core.dataset.ingest.source import Limits, Source, size_text
from core.errors import UploadError

# Any of these may come out of a damaged archive while it is read.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, RuntimeError)
_ARCHIVES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst")
_NO_DATA = ("__macosx", ".git", ".ipynb_checkpoints", "__pycache__")


def zip_members(source: Source, limits: Limits) -> tuple[list[Source], list[str]]:
    """List what an archive holds.

    Returns:
        The members that could be data, in the archive's order, and a sentence for each that was refused.

    Raises:
        UploadError: if the archive is damaged, empty, protected, or built to harm.
    """
    try:
        with source.open_seekable() as stream, zipfile.ZipFile(stream) as archive:
            check_members(archive, source.name, limits)
            members = [member for member in archive.infolist() if not _is_clutter(member)]
    except DAMAGE as error:
        raise damaged(source.name) from error
    nested = [member.filename for member in members if member.filename.lower().endswith(_ARCHIVES)]
    if nested:
        raise UploadError(
            f"{source.name} holds another archive ({PurePosixPath(nested[0]).name}).",
            "Unpack the inner one and upload that.",
        )
    if not members:
        raise UploadError(f"{source.name} holds no files.", "Pack the files with your questions and answers.")
    empty = [member.filename for member in members if not member.file_size]
    notes = [f"{PurePosixPath(name).name} in {source.name} is empty and was left out." for name in empty]
    opened = _Archive(source)
    return [opened.member(member) for member in members if member.file_size], notes


def check_members(archive: zipfile.ZipFile, name: str, limits: Limits) -> None:
    """Refuse an archive that is too large, or that plays tricks.

    Raises:
        UploadError: naming what is wrong.
    """
    members = archive.infolist()
    if len(members) > limits.files:
        raise UploadError(
            f"{name} holds more than {limits.files:,} files.", "Upload fewer files, or one combined file."
        )
    total = sum(member.file_size for member in members)
    if total > limits.total_bytes:
        raise UploadError(
            f"{name} unpacks to more than {size_text(limits.total_bytes)}.", "Split it into several uploads."
        )
    for member in members:
        _check_member(member, name, limits)


def _check_member(member: zipfile.ZipInfo, name: str, limits: Limits) -> None:
    path = member.filename.replace("\\", "/")
    if path.startswith("/") or ".." in path.split("/") or ":" in path.split("/")[0] or "\0" in path:
        raise UploadError(
            f"{name} holds a path that points outside of it.", "Pack the files again, without their folders."
        )
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UploadError(f"{name} holds a link instead of a file.", "Pack the files themselves.")
    if member.flag_bits & 0x1:
        raise UploadError(f"{name} is protected by a password.", "Pack the files again, without a password.")
    if member.file_size > limits.file_bytes:
        raise UploadError(
            f"A file in {name} unpacks to more than {size_text(limits.file_bytes)}.", "Split it into smaller files."
        )
    ratio = member.file_size / max(member.compress_size, 1)
    if member.file_size > limits.ratio_from_bytes and ratio > limits.ratio:
        raise UploadError(
            f"A file in {name} unpacks to {ratio:.0f} times its size, as archives built to harm do.",
            "Upload the file itself, not packed.",
        )


def gzip_member(source: Source) -> Source:
    """Give what a gzip file holds; its size is only known once it is read, so the reader's limit applies then."""
    name = source.name.removesuffix(".gz").removesuffix(".GZ")
    return Source(
        name, lambda: _Guarded(gzip.GzipFile(fileobj=source.open()), source.name), source.size_bytes, seekable=False
    )


def damaged(name: str) -> UploadError:
    """Build the refusal of a damaged archive."""
    return UploadError(f"{name} is a damaged archive.", "Pack it again, or upload the files themselves.")


class _Archive:
    """An archive that is opened once and stays open while its members are in use.

    Reading the directory of an archive with ten thousand files takes longer than reading most of the files.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._zip: zipfile.ZipFile | None = None

    def member(self, member: zipfile.ZipInfo) -> Source:
        name = f"{self._source.name}/{PurePosixPath(member.filename.replace(chr(92), '/')).name}"
        return Source(name, lambda: self._open(member, name), member.file_size, seekable=False)

    def _open(self, member: zipfile.ZipInfo, name: str) -> IO[bytes]:
        try:
            if self._zip is None:
                self._zip = zipfile.ZipFile(self._source.open_seekable())
            return _Guarded(self._zip.open(member), name)
        except DAMAGE as error:
            raise damaged(self._source.name) from error


class Readable(Protocol):
    """What a packed stream can do at least."""

    def read(self, size: int, /) -> bytes:
        """Give up to this many bytes."""

    def close(self) -> None:
        """Let go of it."""


class _Guarded(io.BufferedReader):
    """A packed stream whose damage is told as an UploadError."""

    def __init__(self, inner: Readable, name: str) -> None:
        super().__init__(_GuardedRaw(inner, name), 1 << 16)


class _GuardedRaw(io.RawIOBase):
    def __init__(self, inner: Readable, name: str) -> None:
        self._inner, self._name = inner, name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except DAMAGE as error:
            raise damaged(self._name) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._inner.close()
        super().close()


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    """Folders, and what operating systems and tools leave behind."""
    parts = PurePosixPath(member.filename.replace("\\", "/").lower()).parts
    return (
        member.is_dir() or any(part in _NO_DATA or part.startswith(".") for part in parts) or parts[-1] == "thumbs.db"
    )
