"""The chat's endpoints: what can be talked to, and bringing an adapter; called without a server."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from medft_ui.chat_api import add_chat_api
from tests.core.inference.test_target import make_adapter
from tests.ui.fake_studio import FakeStudio, snapshot


@pytest.fixture
def endpoints(studio: FakeStudio, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[..., Any]]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(studio.settings.uploads))
    studio.fake.show(snapshot("finished", 200))
    with gr.Blocks() as demo:
        add_chat_api(studio)
    return {str(fn.api_name): fn.fn for fn in demo.fns.values() if fn.fn is not None}


def test_a_checkpoint_an_adapter_and_a_run_can_be_asked(
    endpoints: dict[str, Callable[..., Any]], studio: FakeStudio, tmp_path: Path
) -> None:
    packed = studio.settings.uploads / "Mine.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in make_adapter(tmp_path / "made").iterdir():
            archive.write(path, path.name)
    kept = endpoints["upload_adapter"]({"path": str(packed)}, "", "")
    assert (kept["name"], kept["base"]) == ("Mine", "org/base") and len(kept["sha256"]) == 64
    run, adapter = endpoints["list_chat_models"]()
    assert run["checkpoints"] == [200, 150] and run["kind"] == "run"
    assert adapter["id"] == kept["id"] and "folder" not in adapter
    for key in (run["id"], f"{run['id']}@200", kept["id"]):
        said = list(endpoints["chat"](key, "Why?", [], "both", {"seed": 7, "system": "Be brief."}))[-1]
        assert said["tuned"].startswith("Tuned: ") and said["base"].startswith("Base: ")
        assert studio.fake.asked[-1][1] == key and studio.fake.asked[-1][2].options.seed == 7


def test_a_path_that_was_not_uploaded_here_is_refused(endpoints: dict[str, Callable[..., Any]], tmp_path: Path) -> None:
    (tmp_path / "other.zip").write_bytes(b"PK")
    for path in (str(tmp_path / "other.zip"), "/etc/passwd", ""):
        with pytest.raises(gr.Error, match="not uploaded here"):
            endpoints["upload_adapter"]({"path": path}, "", "")
