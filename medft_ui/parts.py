"""Small pieces of HTML that several screens share. Every text that comes from outside is escaped here.

It does not know: Gradio, the studio, which screen it stands on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

Tone = Literal["plain", "good", "look", "bad", "info"]


def heading(title: str, aside: str = "", pill_html: str = "") -> str:
    """A card's question: its title, an aside in grey and a pill."""
    small = f'<span class="aside">{escape(aside)}</span>' if aside else ""
    return f'<div class="title"><h2>{escape(title)}</h2>{pill_html}{small}</div>'


def pill(label: str, tone: Tone = "plain") -> str:
    """A short coloured word: learning, fits, 7 to resolve."""
    return f'<span class="pill {tone}">{escape(label)}</span>'


def note(text: str) -> str:
    """A sentence in grey."""
    return f'<p class="note">{escape(text)}</p>'


def bar(share: float, label: str) -> str:
    """A progress bar; a share below 0 means that nobody knows how far it is."""
    if share < 0:
        return f'<div class="bar unknown" role="progressbar" aria-label="{escape(label, True)}"><i></i></div>'
    width = min(1.0, share) * 100
    return (
        f'<div class="bar" role="progressbar" aria-label="{escape(label, True)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{width:.0f}"><i style="width:{width:.1f}%"></i></div>'
    )


def facts(rows: Iterable[tuple[str, str, str]]) -> str:
    """A table of name, value and the reason or meaning beside it."""
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="value">{escape(value)}</td><td class="why">{escape(why)}</td></tr>'
        for name, value, why in rows
    )
    return f'<table class="facts"><tbody>{body}</tbody></table>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str, stacked: bool = False) -> str:
    """A plain table; ``caption`` is read by screen readers only.

    Args:
        columns: What stands above each column.
        rows: A cell for each column.
        caption: What the table is.
        stacked: Whether a phone shows each row as a list of its cells, with the columns' names beside them.
    """
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    labels = [f' data-label="{escape(column, True)}"' if stacked else "" for column in columns]
    body = "".join(
        "<tr>" + "".join(f"<td{label}>{escape(cell)}</td>" for label, cell in zip(labels, row, strict=True)) + "</tr>"
        for row in rows
    )
    kind = "scroll stacked" if stacked else "scroll"
    return (
        f'<div class="{kind}" tabindex="0" role="region" aria-label="{escape(caption, True)}"><table class="rows">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def problems(messages: Sequence[str]) -> str:
    """What must change first, one line each."""
    items = "".join(f"<li>{escape(message)}</li>" for message in messages)
    return f'<ul class="problems" role="alert">{items}</ul>' if items else ""


def banner(text: str) -> str:
    """The safety note that stands on every screen that shows an answer."""
    return f'<div class="banner" role="note">{escape(text)}</div>'


def empty(title: str, text: str) -> str:
    """What stands where nothing is yet, and what to do about it."""
    return f'<div class="empty"><h2>{escape(title)}</h2><p>{escape(text)}</p></div>'
