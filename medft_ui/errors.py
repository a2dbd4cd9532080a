"""Turns what goes wrong in a handler into a message for the person, at one place.

    @shown
    def handler(…): …

A MedftError is shown as it is. Anything else is a bug: the log keeps where it happened (without the error's own words,
which may quote a record), and the person reads a plain sentence.

It does not know: which handlers there are.
"""

from __future__ import annotations

import functools
import inspect
import logging
import traceback
from collections.abc import Callable, Iterator
from html import escape
from typing import Any, TypeVar

import gradio as gr

from core.errors import MedftError
from medft_ui import text

LOG = logging.getLogger("medft")
Handler = TypeVar("Handler", bound=Callable[..., Any])


def shown(handler: Handler) -> Handler:
    """Wrap a handler (a function or a generator) so that its errors become messages."""

    @functools.wraps(handler)
    def guarded(*args: Any, **named: Any) -> Any:
        try:
            return handler(*args, **named)
        except Exception as error:
            raise message_for(error, handler.__name__) from error

    @functools.wraps(handler)
    def guarded_stream(*args: Any, **named: Any) -> Iterator[Any]:
        try:
            yield from handler(*args, **named)
        except Exception as error:
            raise message_for(error, handler.__name__) from error

    return guarded_stream if inspect.isgeneratorfunction(handler) else guarded  # type: ignore[return-value]


def message_for(error: Exception, place: str) -> gr.Error:
    """Choose what the person reads about an error, and log it where it is a bug."""
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, MedftError):
        LOG.warning("%s: %s", place, type(error).__name__)
        return toast(f"{error.message} {error.hint}", text.Errors.TITLE)
    where = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("%s: %s\n%s", place, type(error).__name__, where)
    return toast(text.Errors.BUG.format(kind=type(error).__name__), text.Errors.BUG_TITLE)


def toast(message: str, title: str) -> gr.Error:
    """Make a message that Gradio shows in the corner; it renders HTML, so the text is escaped."""
    return gr.Error(escape(message, quote=False), title=title, duration=12, print_exception=False)
