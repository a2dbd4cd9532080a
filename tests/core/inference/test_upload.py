"""Bringing an adapter: a zip or the files of a folder; tricks, bombs, pickles, damage and the wrong base are refused."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.errors import MedftError, ModelError, UploadError
from core.inference.fit import WEIGHTS, check_fit
from core.inference.messages import ChatTarget
from core.inference.shelf import as_json, find_adapter, keep_adapter, list_adapters, remove_adapter

LAYER = "model.layers.0.self_attn.q_proj"


def adapter(folder: Path, *, width: int = 8, layer: str = LAYER, base: str = "org/base", **config: object) -> Path:
    folder.mkdir(parents=True)
    body = {"peft_type": "LORA", "r": 2, "base_model_name_or_path": base} | config
    (folder / "adapter_config.json").write_text(json.dumps(body))
    a, b = np.ones((2, width), np.float32), np.ones((width, 2), np.float32)
    name = f"base_model.model.{layer}"
    save_file({f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}, folder / WEIGHTS)
    return folder


def base(folder: Path, *, width: int = 8) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    save_file({f"{LAYER}.weight": np.ones((width, width), np.float32)}, folder / "model.safetensors")
    return folder


def packed(folder: Path, target: Path, inside: str = "mine/") -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"{inside}{path.name}")
    return target


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return adapter(tmp_path / "made")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.mark.parametrize("inside", ["", "mine/", "runs/x/adapter/"])
def test_a_zip_is_kept_with_its_base_and_hash(made: Path, shelf: Path, tmp_path: Path, inside: str) -> None:
    kept = keep_adapter([packed(made, tmp_path / "Respiratory.zip", inside)], shelf)
    assert (kept.name, kept.base, kept.rank) == ("Respiratory", "org/base", 2)
    assert kept.target == ChatTarget("org/base", str(kept.folder))
    assert find_adapter(shelf, kept.id) == kept and list_adapters(shelf) == [kept]
    assert "folder" not in as_json(kept)
    assert (kept.folder / WEIGHTS).read_bytes() == (made / WEIGHTS).read_bytes()
    remove_adapter(shelf, kept.id)
    assert list(shelf.iterdir()) == []


def test_the_files_of_a_folder_will_do_and_nothing_else_is_kept(made: Path, shelf: Path) -> None:
    (made / "optimizer.pt").write_bytes(b"\x80\x04 pickle")
    kept = keep_adapter(sorted(made.iterdir()), shelf, name="Mine")
    assert sorted(path.name for path in kept.folder.iterdir()) == ["adapter_config.json", WEIGHTS, "upload.json"]


def test_the_same_adapter_is_kept_once(made: Path, shelf: Path, tmp_path: Path) -> None:
    first = keep_adapter([packed(made, tmp_path / "a.zip")], shelf)
    assert keep_adapter(sorted(made.iterdir()), shelf) == first


def test_a_base_that_lies_here_is_compared_layer_by_layer(made: Path, shelf: Path, tmp_path: Path) -> None:
    files, right, wide = sorted(made.iterdir()), base(tmp_path / "base"), base(tmp_path / "wide", width=16)
    assert keep_adapter(files, shelf, find_base=lambda _: right).note == ""
    with pytest.raises(
        ModelError, match=r"does not fit wide: .*q_proj is 8 × 8 in the adapter and 16 × 16 in the model"
    ):
        keep_adapter(files, shelf, find_base=lambda _: wide)
    with pytest.raises(ModelError, match="made for org/base, not for org/other"):
        keep_adapter(files, shelf, base="org/other", find_base=lambda _: right)


def test_a_layer_that_the_base_lacks_is_named(tmp_path: Path) -> None:
    foreign = adapter(tmp_path / "deep")
    name = "base_model.model.model.layers.9.self_attn.q_proj"
    a, b = np.ones((2, 8), np.float32), np.ones((8, 2), np.float32)
    both = {f"base_model.model.{LAYER}.lora_A.weight": a, f"base_model.model.{LAYER}.lora_B.weight": b}
    save_file(both | {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}, foreign / WEIGHTS)
    with pytest.raises(ModelError, match=r"layers\.9.* is a layer that this model does not have"):
        check_fit(foreign, base(tmp_path / "base"))


def test_a_folder_of_another_machine_as_base_needs_one_to_be_chosen(shelf: Path, tmp_path: Path) -> None:
    files = sorted(adapter(tmp_path / "local", base="/content/models/smol").iterdir())
    with pytest.raises(ModelError, match="folder that is not on this machine") as caught:
        keep_adapter(files, shelf)
    assert "Choose the base" in caught.value.hint
    here = base(tmp_path / "base")
    kept = keep_adapter(files, shelf, base="org/base", find_base=lambda name: here if name == "org/base" else None)
    assert kept.base == "org/base" and "another machine" in kept.note


def test_pickles_damage_and_other_kinds_are_refused_and_leave_nothing(shelf: Path, tmp_path: Path) -> None:
    pickled = adapter(tmp_path / "pickled")
    (pickled / WEIGHTS).rename(pickled / "adapter_model.bin")
    cut = adapter(tmp_path / "cut")
    (cut / WEIGHTS).write_bytes((cut / WEIGHTS).read_bytes()[:-1])
    overlapping = adapter(tmp_path / "overlapping")
    header = {name: {"dtype": "F32", "shape": [2, 8], "data_offsets": [0, 64]} for name in ("x.lora_A.weight", "y")}
    text = json.dumps(header).encode()
    (overlapping / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + bytes(64))
    nested = adapter(tmp_path / "nested")
    (nested / "adapter_config.json").write_text("[" * 100_000)
    half = adapter(tmp_path / "half")
    save_file({f"base_model.model.{LAYER}.lora_A.weight": np.ones((2, 8), np.float32)}, half / WEIGHTS)
    cases = {
        pickled: "foreign code",
        cut: "damaged or cut off",
        overlapping: "damaged",
        nested: r"adapter_config\.json",
        half: "not whole",
        adapter(tmp_path / "prefix", peft_type="PREFIX_TUNING"): "only LoRA",
        adapter(tmp_path / "head", modules_to_save=["lm_head"]): "replaces whole layers",
    }
    for folder, says in cases.items():
        for upload in (sorted(folder.iterdir()), [packed(folder, tmp_path / f"{folder.name}.zip")]):
            with pytest.raises(MedftError, match=says):
                keep_adapter(upload, shelf)
    assert list(shelf.iterdir()) == []


@pytest.mark.parametrize("name", ["../adapter_config.json", "/etc/adapter_config.json", "C:\\x\\adapter_config.json"])
def test_paths_that_point_outside_are_refused(made: Path, shelf: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(made / "adapter_config.json", "x")
        archive.infolist()[0].filename = name
        archive.write(made / WEIGHTS, WEIGHTS)
    with pytest.raises(UploadError, match="points outside"):
        keep_adapter([path], shelf)


def test_links_bombs_passwords_and_crowds_are_refused(made: Path, shelf: Path, tmp_path: Path) -> None:
    link, bomb, crowd = (tmp_path / f"{name}.zip" for name in ("link", "bomb", "crowd"))
    with zipfile.ZipFile(link, "w") as archive:
        entry = zipfile.ZipInfo("adapter_config.json")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(made / "adapter_config.json", "adapter_config.json")
        archive.writestr(WEIGHTS, bytes(32 * 1024**2))
    with zipfile.ZipFile(crowd, "w") as archive:
        for number in range(2001):
            archive.writestr(f"{number}.txt", b"")
    for path, says in ((link, "link instead of a file"), (bomb, "built to harm"), (crowd, "more than 2,000 files")):
        with pytest.raises(UploadError, match=says):
            keep_adapter([path], shelf)
    assert list(shelf.iterdir()) == []


def test_what_is_no_adapter_or_more_than_one_says_so(made: Path, shelf: Path, tmp_path: Path) -> None:
    plain, two, broken = (tmp_path / f"{name}.zip" for name in ("plain", "two", "broken"))
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with zipfile.ZipFile(two, "w") as archive:
        for folder in ("checkpoint-1", "checkpoint-2"):
            archive.write(made / "adapter_config.json", f"{folder}/adapter_config.json")
    broken.write_bytes(b"PK\x03\x04 not a zip")
    cases = ((plain, "this is no adapter"), (two, "holds 2 adapters"), (broken, "damaged archive"))
    for path, says in cases:
        with pytest.raises(UploadError, match=says):
            keep_adapter([path], shelf)
    with pytest.raises(UploadError, match="no adapter"):
        keep_adapter([], shelf)


def test_a_full_disk_is_said_before_anything_is_written(
    made: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.errors import ResourceError
    from core.inference import shelf as module

    monkeypatch.setattr(module, "SPARE_BYTES", 10**18)
    with pytest.raises(ResourceError, match="too full"):
        keep_adapter(sorted(made.iterdir()), shelf)


@pytest.mark.parametrize("id", ["adapter-none", "../adapter-x", "adapter-..", "run"])
def test_an_unknown_id_is_said(shelf: Path, id: str) -> None:
    with pytest.raises(ModelError, match="no uploaded adapter"):
        find_adapter(shelf, id)
