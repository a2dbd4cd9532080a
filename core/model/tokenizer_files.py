"""What a model's folder says about its tokenizer: the chat template and the special tokens, in all their forms.

It does not know: what a template does (template.py), or the vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import ModelError

NAMES = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")


def read_special_tokens(folder: Path) -> dict[str, str]:
    """Special tokens by name, as text; tokenizer_config.json wins over special_tokens_map.json.

    Raises:
        ModelError: if a file is damaged.
    """
    named = _read_json(folder / "special_tokens_map.json") | _read_json(folder / "tokenizer_config.json")
    return {name: _content(named[name]) for name in NAMES if named.get(name)}


def read_chat_template(folder: Path) -> str | None:
    """The chat template: chat_template.jinja, chat_template.json, or in tokenizer_config.json; None if there is none.

    Raises:
        ModelError: if a file is damaged.
    """
    if (folder / "chat_template.jinja").is_file():
        return pick_template((folder / "chat_template.jinja").read_text(encoding="utf-8"))
    for name in ("chat_template.json", "tokenizer_config.json"):
        if template := pick_template(_read_json(folder / name).get("chat_template")):
            return template
    return None


def pick_template(template: Any) -> str | None:
    """A chat template is text, or several by name, as a mapping or as a list of {name, template}."""
    if isinstance(template, list):
        template = {entry["name"]: entry["template"] for entry in template}
    if isinstance(template, Mapping):
        template = template.get("default")
    return template if isinstance(template, str) and template.strip() else None


def _content(token: Any) -> str:
    return str(token["content"] if isinstance(token, Mapping) else token)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.name} of {path.parent.name} cannot be read.", "Fetch the model again.") from error
    return body if isinstance(body, dict) else {}
