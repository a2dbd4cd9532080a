"""The named endpoints of the chat: what can be talked to, talking to it, and bringing an adapter.

    client.submit("20261124-0540-demo-3f2a@120", "What is anaemia?", [], "both", {"seed": 7}, api_name="/chat")

Every endpoint answers plain JSON. It does not know: the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.data_classes import FileData

from core.errors import InputError
from core.inference.desk import BASE
from core.inference.messages import ChatOptions, ChatRequest
from core.inference.shelf import as_json
from core.records import Message
from medft_ui import text
from medft_ui.dataset_api import uploaded_path
from medft_ui.errors import shown

if TYPE_CHECKING:
    from core.studio import Studio

WHICH = ("base", "tuned", "both")


def add_chat_api(studio: Studio) -> None:
    """Add the endpoints to the page that is being built."""

    @shown
    def chat(run_id: str, message: str, history: list, which: str, options: dict) -> Iterator[dict]:
        """Answer as base, tuned, or both at once; streams {"base": text so far, "tuned": text so far}.

        run_id: a run, a checkpoint of it (run@step), an uploaded adapter (adapter-…) or a base alone (base:model); see
        list_chat_models. options: temperature, top_p, max_new_tokens, seed, system, thinking.
        """
        if which not in WHICH:
            raise InputError(text.Errors.WHICH.format(value=which), text.Errors.WHICH_HINT)
        turns = (*read_history(history), Message("user", message))
        answers = {name: "" for name in WHICH[:2] if which in (name, "both")}
        request = ChatRequest(which, turns, turns, chat_options(options))  # type: ignore[arg-type]
        for piece in studio.chat(run_id, request):
            answers[piece.which] += piece.text
            yield dict(answers)

    @shown
    def list_chat_models() -> list:
        """Everything that can be talked to, by the id that chat takes."""
        return list(_models(studio))

    @shown
    def upload_adapter(file: FileData, name: str, base: str) -> dict:
        """Keep an adapter that comes as a zip; base may be empty: then the one that the adapter names."""
        return as_json(studio.chats.add_adapter([uploaded_path(file)], name=name, base=base))

    # the chat's process answers one at a time, and tells the others that they wait
    gr.api(chat, api_name="chat", concurrency_id="chat", concurrency_limit=16, api_description=chat.__doc__)
    for endpoint in (list_chat_models, upload_adapter):
        gr.api(endpoint, api_name=endpoint.__name__, queue=False)


def _models(studio: Studio) -> Iterator[dict[str, Any]]:
    for run in studio.list_runs():
        steps = studio.chats.steps(run.id)
        yield {"id": run.id, "kind": "run", "name": run.name, "state": run.state, "checkpoints": steps}
    for kept in studio.chats.adapters():
        yield {"kind": "adapter"} | as_json(kept)
    for model in studio.chats.bases():
        yield {"id": f"{BASE}{model}", "kind": "base", "name": model}


def read_history(history: Any) -> tuple[Message, ...]:
    """Read earlier turns.

    Raises:
        InputError: if they are not a list of messages with role and content.
    """
    try:
        return tuple(Message(turn["role"], str(turn["content"])) for turn in history or ())
    except (TypeError, KeyError) as error:
        raise InputError(text.Errors.HISTORY, text.Errors.HISTORY_HINT) from error


def chat_options(body: Any) -> ChatOptions:
    """Read temperature, top_p, max_new_tokens; what is left out takes its default.

    Raises:
        InputError: if an option is unknown or of the wrong type.
    """
    try:
        return ChatOptions(**(body or {}))
    except TypeError as error:
        raise InputError(text.Errors.OPTIONS, text.Errors.OPTIONS_HINT) from error
