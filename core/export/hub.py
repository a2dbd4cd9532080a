"""Push an adapter folder to the Hub: user/name, private unless said otherwise.

The token comes from HF_TOKEN or the Hub's own login; it is never stored, shown or logged here.
It does not know: what is in the folder.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.errors import AccessError, InputError, MedftError

REPOSITORY_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def push(folder: Path, repo_id: str, *, private: bool = True) -> str:
    """Upload a folder as a model repository.

    Args:
        folder: The adapter folder.
        repo_id: ``user/name``.
        private: Whether only the owner can see it.

    Returns:
        The address of the repository's page.

    Raises:
        InputError: if the name is not of the form user/name, or the Hub refuses the model card's fields.
        AccessError: if there is no token, or it may not write there.
        MedftError: if the Hub cannot be reached.
    """
    if not REPOSITORY_NAME.fullmatch(repo_id):
        raise InputError(
            f"{repo_id!r} is not a repository name.", "Write it as user/name, with letters, digits, '-', '_' and '.'."
        )
    import httpx  # noqa: PLC0415
    from huggingface_hub import HfApi, get_token  # noqa: PLC0415  (slow to import, rarely needed)
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    if not get_token():
        raise AccessError(
            "There is no Hugging Face token on this machine.",
            "Set the environment variable HF_TOKEN (on Colab and Spaces: a secret of that name), or run `hf auth login`, and restart.",
        )
    api = HfApi()
    try:
        page = api.create_repo(repo_id, private=private, exist_ok=True)
        if private and not getattr(api.model_info(repo_id), "private", True):
            raise AccessError(
                f"{repo_id} exists already and is public; nothing was uploaded.",
                "Choose another name, or make that repository private first.",
            )
        api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Adapter trained with MedFT Studio")
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise AccessError(
                f"The Hub refused to write to {repo_id} ({status}).",
                "Use a token with write access to that account, then try again.",
            ) from error
        raise MedftError(
            f"The Hub answered with an error ({status}).", "Try again in a few minutes; nothing here was changed."
        ) from error
    except ValueError as error:  # what the library says where the Hub refuses the card's fields
        raise InputError(
            "The Hub refused the model card's fields.",
            "Download the zip, correct the README.md in it, and upload it by hand.",
        ) from error
    except (httpx.HTTPError, OSError) as error:
        raise MedftError(
            "The Hub could not be reached.", "Check the network, or download the zip and upload it by hand."
        ) from error
    return str(page)
