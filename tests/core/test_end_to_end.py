"""The whole way with the real default model: data → training → chat → export, in a process that must stay light."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WALK = """
import sys
from pathlib import Path
from core.config import QUICK_DEMO
from core.demo import walk
from core.settings import Settings
from core.studio import Studio

if __name__ == "__main__":
    home = Path(sys.argv[1])
    (home / "models").mkdir(parents=True)
    (home / "models" / "SmolLM2-135M-Instruct").symlink_to(sys.argv[2], target_is_directory=True)
    studio = Studio(Settings(home=home))
    studio.open()
    code = walk(studio, QUICK_DEMO.changed(max_steps=8, eval_every=8, sample_tokens=16))
    print("EXPORTED", studio.export_adapter(studio.list_runs()[0].id))
    print("LOADED", *[name for name in ("torch", "transformers", "peft") if name in sys.modules])
    studio.close()
    sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_default_model_learns_answers_and_goes_home(default_model: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(tmp_path / "home"), str(default_model)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lines = done.stdout.splitlines()
    verdict = next(line for line in lines if line.startswith("Held-out loss"))
    fall = re.search(r"\((\d+\.\d) % lower\)", verdict)
    assert fall is not None and float(fall[1]) >= 10, verdict
    base = [line for line in lines if line.startswith("Base ")]
    tuned = [line for line in lines if line.startswith("Tuned ")]
    assert len(base) == len(tuned) == 3
    assert all(len(answer) > 30 for answer in base + tuned), "somebody gave no answer"
    assert [line[10:] for line in base] != [line[10:] for line in tuned]
    assert next(line for line in lines if line.startswith("LOADED")).split() == ["LOADED"], "the app stays light"
    exported = Path(next(line for line in lines if line.startswith("EXPORTED")).split(" ", 1)[1])
    with zipfile.ZipFile(exported) as archive:
        names = {name.split("/")[-1] for name in archive.namelist()}
    assert {
        "adapter_model.safetensors",
        "adapter_config.json",
        "tokenizer.json",
        "special_tokens_map.json",
        "README.md",
        "audit.json",
    } <= names
