"""A model folder is whole and safe, or it is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.errors import ModelError
from core.model.folder import INDEX, check_folder, check_safetensors, verify_manifest, write_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "tiny"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "llama"}')
    (model / "tokenizer.json").write_text("{}")
    save_file({"a": np.zeros((4, 4), np.float32), "b": np.ones(3, np.float16)}, model / "model.safetensors")
    return model


def test_a_whole_folder_passes(folder: Path) -> None:
    check_folder(folder)


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_a_file_cut_off_anywhere_is_refused(folder: Path, keep: int) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelError, match="damaged or cut off"):
        check_folder(folder)


def test_bytes_too_many_and_rubbish_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(ModelError, match="damaged"):
        check_safetensors(weights)
    weights.write_bytes(b"\x10" + bytes(7) + b"[1, 2, 3, 4, 5 ]" + bytes(100))
    with pytest.raises(ModelError, match="damaged"):
        check_safetensors(weights)


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / INDEX).write_text(json.dumps({"weight_map": shards}))
    with pytest.raises(ModelError, match="lacks model-00002-of-00002"):
        check_folder(folder)


def test_an_index_may_not_leave_its_folder(folder: Path) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "../other/model.safetensors"}}))
    with pytest.raises(ModelError, match="points outside"):
        check_folder(folder)


@pytest.mark.parametrize(
    ("name", "says"), [("pytorch_model.bin", "foreign code"), ("weights.gguf", "GGUF"), ("notes.txt", "no weights")]
)
def test_other_weights_are_refused_with_their_reason(folder: Path, name: str, says: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    with pytest.raises(ModelError, match=says):
        check_folder(folder)


def test_an_adapter_is_not_a_model(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")
    with pytest.raises(ModelError, match="adapter, not a whole model"):
        check_folder(folder)


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"model_type": 3}'])
def test_a_bad_config_is_refused(folder: Path, body: str) -> None:
    (folder / "config.json").write_text(body)
    with pytest.raises(ModelError, match=r"config\.json"):
        check_folder(folder)


def test_no_tokenizer_and_no_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        check_folder(folder)
    with pytest.raises(ModelError, match="no folder"):
        check_folder(tmp_path / "nowhere")


def test_the_manifest_finds_one_changed_byte(folder: Path) -> None:
    write_manifest(folder, {"model": "some/tiny"})
    verify_manifest(folder)
    weights = folder / "model.safetensors"
    body = bytearray(weights.read_bytes())
    body[-1] ^= 1
    weights.write_bytes(body)
    check_folder(folder)  # its length is right, so only the hash can tell
    with pytest.raises(ModelError, match=r"model\.safetensors is not as it was written"):
        verify_manifest(folder)


def test_the_manifest_misses_a_deleted_file(folder: Path) -> None:
    write_manifest(folder, {})
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        verify_manifest(folder)


def test_a_folder_without_a_manifest_has_nothing_to_compare(folder: Path) -> None:
    verify_manifest(folder)
