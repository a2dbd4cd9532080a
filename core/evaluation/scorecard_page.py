"""The scorecard as a file: one page of HTML that needs nothing else, the same as Markdown, or JSON with hashes.

    write_scorecard(card, folder)   → scorecard.html, scorecard.md, scorecard.json

It does not know: where the figures come from, the app's own screens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from core.evaluation.forest import STYLE as FOREST_STYLE
from core.evaluation.forest import forest
from core.evaluation.result import Measure
from core.evaluation.scorecard import NOTICE, Part, Scorecard, State
from core.evaluation.wording import difference, facts, flips, interval, moment, p_value, verdict

JSON_FILE, HTML_FILE, MARKDOWN_FILE = "scorecard.json", "scorecard.html", "scorecard.md"
STATES: dict[State, tuple[str, str]] = {
    "done": ("done", "good"),
    "partial": ("not complete", "look"),
    "missing": ("missing", "bad"),
}
COLUMNS = ("Measure", "Items", "Base", "Tuned", "Difference", "Test", "p", "Verdict")

STYLE = """body{font:16px/1.5 system-ui,sans-serif;color:#17212b;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:.2rem}h2{margin:2rem 0 .3rem;font-size:1.15rem}p{margin:.4rem 0}.quiet{color:#5a6876;font-size:.875rem}
.notice{background:#fdf1cf;color:#7a5200;padding:.6rem 1rem;border-radius:8px}.head{font-size:1.1rem;font-weight:600}
table{border-collapse:collapse;width:100%;font-size:.875rem;margin:.5rem 0}th,td{text-align:left;vertical-align:top;
padding:.35rem .6rem .35rem 0;border-bottom:1px solid #dfe5ea}th{font-weight:600}.wide{overflow-x:auto}code{overflow-wrap:anywhere}
.pill{display:inline-block;border-radius:999px;padding:1px 10px;font-size:.8rem;font-weight:650;background:#e2e8ed}
.pill.good{background:#d9f2ed;color:#0b5f58}.pill.look{background:#fdf1cf;color:#7a5200}.pill.bad{background:#fde2e0;color:#9b1c1c}
.pill.info{background:#e3ebfb;color:#234a97}@media print{body{margin:0;max-width:none}h2{break-after:avoid}}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}"""


def scorecard_files(card: Scorecard) -> dict[str, str]:
    """The page in its three forms, by file name: HTML, Markdown, JSON."""
    return {HTML_FILE: page(card), MARKDOWN_FILE: markdown(card), JSON_FILE: as_json(card)}


def write_scorecard(card: Scorecard, folder: Path) -> tuple[Path, ...]:
    """Write the page in its three forms into a folder and return the paths: HTML, Markdown, JSON."""
    files = scorecard_files(card)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in files)


def as_json(card: Scorecard) -> str:
    """The page as JSON, with its own hash."""
    return json.dumps(card.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def measure_row(measure: Measure) -> tuple[str, ...]:
    """A measure as the cells of COLUMNS."""
    found, unit = measure.comparison, measure.unit
    changed = flips(measure)
    return (
        measure.label,
        f"{found.items:,}",
        interval(found.base, unit),
        interval(found.tuned, unit),
        difference(found.difference, unit) + (f"; {changed}" if changed else ""),
        found.test,
        p_value(found.p_value),
        verdict(measure)[0],
    )


def measure_notes(measures: Sequence[Measure]) -> Iterator[str]:
    """What has to be known to read each measure, and where guessing would lie."""
    for measure in measures:
        said = [measure.note.rstrip(".")] if measure.note else []
        said += [f"{name}: {value}" for name, value in facts(measure)]
        if said:
            yield f"{measure.label}: {'; '.join(said)}."


# -- HTML -------------------------------------------------------------------------------------------------------------


def page(card: Scorecard) -> str:
    """The page as HTML; everything from outside is escaped."""
    title = escape(f"Scorecard of {card.run_name}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}\n{FOREST_STYLE}</style></head><body><main>'
        f"<h1>{title}</h1>{body(card)}</main></body></html>\n"
    )


def body(card: Scorecard) -> str:
    """What stands below the title, as HTML; the app's own screen shows it too."""
    about = f"base model {card.base_model} · run {card.run_id} · written {moment(card.written)}"
    head = f'<p class="quiet">{escape(about)}</p><p class="head">{escape(card.headline)}</p><p class="notice">{escape(NOTICE)}</p>'
    return head + "".join(_section(part) for part in card.parts) + _hashes(card)


def _section(part: Part) -> str:
    word, tone = STATES[part.state]
    title = f'<h2>{escape(part.title)} <span class="pill {tone}">{escape(word)}</span></h2>'
    said = f"<p>{escape(part.sentence)}</p>"
    table = _table(COLUMNS, [measure_row(measure) for measure in part.measures]) if part.measures else ""
    notes = "".join(f'<p class="quiet">{escape(line)}</p>' for line in (*measure_notes(part.measures), *part.notes))
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in part.facts
    )
    facts_table = f"<details><summary>Details</summary><table><tbody>{rows}</tbody></table></details>" if rows else ""
    return f"<section>{title}{said}{forest(part.measures)}{table}{notes}{facts_table}</section>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(columns[0], True)}"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{lines}</tbody></table></div>"
    )


def _hashes(card: Scorecard) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(value)}</code></td></tr>'
        for name, value in (*card.hashes.items(), ("this page", str(card.to_json()["sha256"])))
    )
    return f"<section><h2>Fingerprints (SHA-256)</h2><table><tbody>{rows}</tbody></table></section>"


# -- Markdown ---------------------------------------------------------------------------------------------------------


def markdown(card: Scorecard) -> str:
    """The page as Markdown, for a repository or a message."""
    return "\n".join(_lines(card)) + "\n"


def _lines(card: Scorecard) -> Iterator[str]:
    yield from (f"# Scorecard of {card.run_name}", "", f"> {NOTICE}", "", f"**{card.headline}**", "")
    yield f"Base model `{card.base_model}`, run `{card.run_id}`, written {moment(card.written)}."
    for part in card.parts:
        yield from ("", f"## {part.title} ({STATES[part.state][0]})", "", part.sentence)
        if part.measures:
            yield from ("", f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS))
            yield from (f"| {' | '.join(map(_cell, measure_row(measure)))} |" for measure in part.measures)
        notes = [*measure_notes(part.measures), *part.notes]
        if notes:
            yield from ("", *(f"- {line}" for line in notes))
        if part.facts:
            yield from ("", "| what | value |", "|---|---|")
            yield from (f"| {_cell(name)} | {_cell(value)} |" for name, value in part.facts)
    yield from ("", "## Fingerprints (SHA-256)", "", "| of | sha256 |", "|---|---|")
    for name, value in (*card.hashes.items(), ("this page", str(card.to_json()["sha256"]))):
        yield f"| {_cell(name)} | `{value}` |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
