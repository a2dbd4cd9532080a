"""An uploaded adapter → its two files in a folder: from a zip, or from the files of a folder.

    unpack([Path("respiratory-adapter.zip")], aside)  →  aside/adapter_config.json, aside/adapter_model.safetensors

Nothing else of an upload is ever written or read, so that a pickle beside the weights stays what it is: bytes that nobody
opens. Zips are checked for bombs, links and paths that point outside before anything is unpacked, and what is written has
names of ours, whatever the archive says. It does not know: bases, where adapters are kept.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from core.dataset.ingest.archive import DAMAGE, check_members
from core.dataset.ingest.source import Limits
from core.errors import UploadError
from core.inference.fit import WEIGHTS
from core.inference.target import CONFIG, CONFIG_BYTES, PICKLE, no_weights

GIB = 1024**3
# A rank-64 adapter of a 70-billion-parameter model in float32 has about 3.3 GiB.
LIMITS = Limits(file_bytes=4 * GIB, total_bytes=12 * GIB, files=2000)
WANTED = "Pack the folder that training saved, with adapter_config.json and adapter_model.safetensors in it."


def unpack(paths: Sequence[Path], folder: Path) -> None:
    """Write an upload's configuration and weights into a folder.

    Args:
        paths: One zip, or the files of an adapter's folder.
        folder: An empty folder.

    Raises:
        UploadError: if there is no adapter in it, more than one, or it is damaged or built to harm.
        ModelError: if its weights are a pickle or missing.
    """
    if len(paths) == 1 and zipfile.is_zipfile(paths[0]):
        return _from_zip(paths[0], folder)
    if len(paths) == 1 and paths[0].suffix.lower() == ".zip":
        raise UploadError(f"{paths[0].name} is a damaged archive.", "Pack it again, or upload the folder.")
    files = [path for path in paths if path.is_file()]
    config, weights = _choose({str(number): path.name for number, path in enumerate(files)})
    source = files[int(config)]
    if source.stat().st_size > CONFIG_BYTES:
        raise _too_long()
    shutil.copyfile(source, folder / CONFIG)
    shutil.copyfile(files[int(weights)], folder / WEIGHTS)


def _from_zip(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, path.name, LIMITS)
            names = {member.filename: member.filename for member in archive.infolist() if not member.is_dir()}
            config, weights = _choose(names)
            if archive.getinfo(config).file_size > CONFIG_BYTES:
                raise _too_long()
            _copy(archive, config, folder / CONFIG)
            _copy(archive, weights, folder / WEIGHTS)
    except DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's trouble, not the archive's
        raise UploadError(f"{path.name} is a damaged archive.", "Pack it again, or upload the folder.") from error


def _choose(names: dict[str, str]) -> tuple[str, str]:
    """Which entry is the configuration and which the weights beside it.

    Args:
        names: Path of each file inside the upload, by how to find it again.
    """
    paths = {key: PurePosixPath(name.replace("\\", "/")) for key, name in names.items()}
    configs = [key for key, path in paths.items() if path.name == CONFIG and "__MACOSX" not in path.parts]
    if not configs:
        raise UploadError(f"There is no {CONFIG} in it, so this is no adapter.", WANTED)
    if len(configs) > 1:
        raise UploadError(f"It holds {len(configs)} adapters (several {CONFIG}).", "Upload the one that you mean.")
    beside = [key for key, path in paths.items() if path.parent == paths[configs[0]].parent]
    weights = [key for key in beside if paths[key].name == WEIGHTS]
    if not weights:
        raise no_weights(has_pickle=any(paths[key].name == PICKLE for key in beside))
    if len(weights) > 1:
        raise UploadError(f"It holds {WEIGHTS} more than once.", "Upload one adapter at a time.")
    return configs[0], weights[0]


def _copy(archive: zipfile.ZipFile, member: str, target: Path) -> None:
    # zipfile reads no more of a member than its declared size, which check_members has limited
    with archive.open(member) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1024 * 1024)


def _too_long() -> UploadError:
    return UploadError(f"{CONFIG} is far too long to be an adapter's configuration.", WANTED)


def upload_name(paths: Iterable[Path]) -> str:
    """What to call an upload that nobody has named: its zip's name."""
    first = next(iter(paths), None)
    return first.stem if first is not None and first.suffix.lower() == ".zip" else "Uploaded adapter"
