"""Models on the Hugging Face Hub and in its cache on this disk.

Hub id → model_info (exists? gated? safetensors? how large?) → snapshot in the Hub's own cache, which resumes what was
cut off and is shared with the person's other tools. Everything is asked before the first byte is fetched.
It does not know: the default model's package, templates, what the weights mean; no foreign code is ever fetched or run.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from core.errors import ModelError, ResourceError
from core.model.folder import check_folder, refuse_unsafe
from core.progress import Progress

# Weights once, configs and tokenizer; not the copies in subfolders (original/, onnx/) and other formats.
WANTED = ["*.safetensors", "*.json", "*.jinja", "*.model", "merges.txt", "vocab.txt", "LICENSE*"]
UNWANTED = ["*/*", "consolidated*"]
ANSWER_S = 5.0
GIB = 1024**3
YES = ("1", "ON", "YES", "TRUE")
T = TypeVar("T")


def is_offline() -> bool:
    """Whether the environment forbids to ask the Hub (HF_HUB_OFFLINE)."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in YES


def find_cached(model: str) -> Path | None:
    """The snapshot of a model in the Hub's cache, if it is whole; asks nobody.

    Args:
        model: A Hub id.
    """
    # Heavy: the Hub's client takes a quarter of a second to import.
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        folder = Path(snapshot_download(model, local_files_only=True, allow_patterns=WANTED, ignore_patterns=UNWANTED))
        check_folder(folder)
    except (LocalEntryNotFoundError, HFValidationError, ModelError):
        return None
    return folder


def fetch(model: str, progress: Progress, endpoint: str | None = None) -> Path:
    """Fetch a model into the Hub's cache, going on where an earlier try was cut off.

    Args:
        model: A Hub id, ``organisation/name``.
        progress: Told the bytes.
        endpoint: The Hub's address; None for the usual one (HF_ENDPOINT).

    Returns:
        The snapshot's folder, checked.

    Raises:
        ModelError: if there is no such model, it is gated and this person has no access, the Hub cannot be reached,
            or the weights are not safetensors.
        ResourceError: if the disk is too full.
    """
    from huggingface_hub import HfApi, get_token, snapshot_download  # noqa: PLC0415

    if is_offline():
        raise ModelError(
            f"{model} is not on this disk, and HF_HUB_OFFLINE forbids to fetch it.",
            "Unset HF_HUB_OFFLINE, or give a local folder.",
        )
    progress.phase(f"asking the Hub for {model}")
    api = HfApi(endpoint=endpoint)
    info = _explained(
        model, lambda: _within(ANSWER_S, lambda: api.model_info(model, timeout=ANSWER_S, files_metadata=True))
    )
    if info.gated and not get_token():
        raise _gated(model)
    files = {file.rfilename: file.size or 0 for file in info.siblings or [] if "/" not in file.rfilename}
    refuse_unsafe(model, files)
    total_bytes = sum(
        size for name, size in files.items() if name.endswith(".safetensors") and not name.startswith("consolidated")
    )
    _check_disk(model, total_bytes)
    # No revision is named, or the cache would not know which one to give when the Hub is out of reach.
    folder = _explained(
        model,
        lambda: snapshot_download(
            model,
            allow_patterns=WANTED,
            ignore_patterns=UNWANTED,
            endpoint=endpoint,
            etag_timeout=ANSWER_S * 2,
            tqdm_class=_bar(model, total_bytes, progress),
        ),
    )
    check_folder(Path(folder))
    return Path(folder)


def _gated(model: str) -> ModelError:
    return ModelError(
        f"{model} is gated: its owner asks for a login and an accepted licence.",
        f"Accept the licence at https://huggingface.co/{model}, then set HF_TOKEN (or run `hf auth login`) and try again.",
    )


def _check_disk(model: str, total_bytes: int) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415

    place = Path(HF_HUB_CACHE)
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    there = sum(path.stat().st_size for path in (place / f"models--{model.replace('/', '--')}" / "blobs").glob("*"))
    if total_bytes - there > free * 0.95:
        raise ResourceError(
            f"{model} needs {(total_bytes - there) / GIB:.1f} GiB of disk; {free / GIB:.1f} GiB are free at {place}.",
            "Free some space, or set HF_HOME to a folder on another disk.",
        )


def _explained(model: str, call: Callable[[], T]) -> T:
    """Turn what the Hub's client raises into what a person can act on."""
    import httpx  # noqa: PLC0415
    from huggingface_hub.errors import (  # noqa: PLC0415
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return call()
    except GatedRepoError as error:
        raise _gated(model) from error
    except HFValidationError as error:
        raise ModelError(
            f"{model!r} is neither a Hub id nor a folder on this machine.",
            "Type organisation/name, or a folder's full path.",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"There is no model {model} on the Hub, or it is private.",
            "Check the spelling; for a private model, set HF_TOKEN.",
        ) from error
    except HfHubHTTPError as error:
        raise ModelError(f"The Hub refused {model}: {error.response.status_code}.", "Try again in a while.") from error
    except (httpx.HTTPError, TimeoutError, ConnectionError, LocalEntryNotFoundError) as error:
        raise ModelError(
            f"The Hub cannot be reached ({type(error).__name__}).",
            f"Check the network, or give a local folder that holds {model}.",
        ) from error
    except OSError as error:
        raise ModelError(
            f"{model} could not be written to disk: {error.strerror or error}.",
            "Check the disk, then try again; what is there is kept.",
        ) from error


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Give up waiting after some seconds, whatever the resolver or a proxy does; the client's own limit starts later."""
    box: dict[str, Any] = {}

    def run() -> None:
        try:
            box["value"] = call()
        except BaseException as error:  # handed to the caller below
            box["error"] = error

    thread = threading.Thread(target=run, daemon=True, name="ask-the-hub")
    thread.start()
    thread.join(seconds)
    if "error" in box:
        raise box["error"]
    if "value" not in box:
        raise TimeoutError(f"no answer within {seconds:.0f} s")
    value: T = box["value"]
    return value


def _bar(model: str, total_bytes: int, progress: Progress) -> type[Any]:
    """A progress bar, as the Hub's client wants it, that speaks to our Progress instead of a terminal."""
    from tqdm.auto import tqdm  # noqa: PLC0415

    class Bar(tqdm):  # type: ignore[misc]
        """Counts bytes, or files, silently."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            self.counts_bytes = options.get("unit") == "B"
            super().__init__(*arguments, **options | {"disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> bool | None:
            shown: bool | None = super().update(n)
            if self.counts_bytes:
                progress.phase(f"fetching {model}", self.n, max(self.total or 0, total_bytes))
            return shown

    return Bar


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing to flush."""
