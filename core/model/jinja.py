"""Renders chat templates (Jinja) in a sandbox, with the functions that model authors count on.

The same environment as transformers gives them: blocks trimmed, loop controls, tojson without HTML escapes,
raise_exception, strftime_now, and the generation tag. One thing differs on purpose: strftime_now tells a fixed day, or
the same conversation would become other tokens tomorrow (Llama 3 writes the date into every prompt).
It does not know: tokenizers, what a template is for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

FIXED_DAY = datetime(2024, 7, 26)  # the day that Llama 3's own template falls back to


class TemplateRefusal(Exception):
    """A template raised an error or does something that it may not; the message never holds a conversation's text."""


class _GenerationTag(Extension):
    """{% generation %} … {% endgeneration %} marks answers for other tools; here it is only let through."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the body as it is."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Renderer:
    """One compiled chat template.

    Args:
        source: The template's text.

    Raises:
        TemplateRefusal: if it is no valid Jinja.
    """

    def __init__(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTag, loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = FIXED_DAY.strftime
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise TemplateRefusal(f"it is not valid Jinja: {error}") from error

    @staticmethod
    @lru_cache(maxsize=16)
    def of(source: str) -> Renderer:
        """The renderer of a template, compiled once."""
        return Renderer(source)

    def render(
        self, turns: Sequence[Mapping[str, str]], *, ask: bool, thinking: bool, special: Mapping[str, str]
    ) -> str:
        """Write a conversation.

        Args:
            turns: Role and content of each message.
            ask: Whether to end with the words that ask for an answer (add_generation_prompt).
            thinking: What to answer templates that ask enable_thinking.
            special: Special tokens by name.

        Raises:
            TemplateRefusal: with the template's own words.
        """
        names = dict(special) | {"messages": list(turns), "tools": None, "documents": None}
        try:
            return self._template.render(**names, add_generation_prompt=ask, enable_thinking=thinking)
        except SecurityError as error:
            raise TemplateRefusal("it does something that a template may not") from error
        except TemplateError as error:
            raise TemplateRefusal(str(error)) from error
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, ArithmeticError) as error:
            raise TemplateRefusal(f"it stops with a {type(error).__name__}") from error


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(message: str) -> None:
    raise TemplateError(message)
