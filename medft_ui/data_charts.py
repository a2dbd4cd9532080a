"""The pictures of a cleaning report as plain values, each with its words: lengths, removed rows, questions, topics.

    charts_of(report) → [BarChart, …];  bar_charts() → the component that draws them (bar_charts.js)

It does not know: how the numbers came about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from medft_ui import units
from medft_ui.charts import chart_script
from medft_ui.data_text import Charts as Words

SCRIPT = Path(__file__).with_name("bar_charts.js")
MOST_BARS = 12
# A cut this much further out than the longest bar would squeeze all bars to the left: it is only named.
FAR = 1.6


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one colour.

    Args:
        name: What the legend and the table call them.
        color: The stylesheet's variable that holds their colour.
        numbers: How long each is.
        at: Middle of each bar along a numeric axis; empty where bars are named.
        width: Width of a bar on that axis; None lets the drawing decide.
    """

    name: str
    color: str
    numbers: Sequence[int]
    at: Sequence[float] = ()
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """A line across a chart.

    Args:
        at: Where, on the numeric axis.
        label: What it is.
        inside: Whether it lies among the bars; else it is only named at the edge.
    """

    at: float
    label: str
    inside: bool


@dataclass(frozen=True, slots=True)
class BarChart:
    """What one picture shows.

    Args:
        title: Its heading.
        summary: The picture in words.
        x_title: Name of the axis with its unit.
        labels: What each bar is called.
        series: The bars.
        horizontal: Whether bars lie, with their names beside them.
        cut: A line, if there is one.
    """

    title: str
    summary: str
    x_title: str
    labels: Sequence[str]
    series: tuple[Bars, ...]
    horizontal: bool = True
    cut: Cut | None = None


def bar_charts() -> gr.HTML:
    """Make the component; its value is a list of ``BarChart`` as plain values."""
    words = json.dumps({"numbers": Words.NUMBERS})
    return gr.HTML(
        label=Words.TITLE,
        html_template='<div class="pictures"></div>',  # no ${value} in it, so the node survives every new value
        js_on_load=f"const WORDS = {words};\n" + chart_script(SCRIPT),
    )


def charts_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw a report as the component's value; what has no numbers has no picture."""
    numbers = report.get("charts", {})
    found = (
        _lengths(report, numbers.get("lengths", {})),
        _removed(report, numbers.get("removed", {})),
        _questions(numbers.get("questions", {})),
        _topics(report, numbers.get("topics", {})),
    )
    return [asdict(chart) for chart in found if chart is not None]


def _lengths(report: Mapping[str, Any], lengths: Mapping[str, Any]) -> BarChart | None:
    unit = Words.TOKENS if "tokens" in lengths else Words.WORDS
    shape = lengths.get(unit, {})
    if not shape.get("counts"):
        return None
    edges, counts = shape["edges"], shape["counts"]
    last = len(counts) - 1
    labels = [f"{units.count(low)} – {units.count(high - 1)}" for low, high in zip(edges, edges[1:], strict=False)]
    labels[last] = Words.LAST_BIN.format(low=units.count(edges[last]))
    summary = Words.LENGTHS_SUMMARY.format(
        unit=unit, **{name: units.count(shape[name]) for name in ("median", "p95", "longest")}
    )
    width = edges[1] - edges[0]
    bars = Bars(Words.ROWS, "--chart-train", counts, [edge + width / 2 for edge in edges[:-1]], width)
    limit = report["options"]["max_tokens"]
    if unit == Words.WORDS:
        return BarChart(Words.LENGTHS, summary + Words.NO_TOKENS, unit, labels, (bars,), horizontal=False)
    inside = limit <= FAR * edges[-1]
    cut = Cut(limit, (Words.CUT if inside else Words.CUT_FAR).format(limit=units.count(limit)), inside)
    return BarChart(
        Words.LENGTHS, summary + _cut_words(report, limit, shape["longest"]), unit, labels, (bars,), False, cut
    )


def _cut_words(report: Mapping[str, Any], limit: int, longest: int) -> str:
    step = next((step for step in report["steps"] if step["name"] == "too_long"), {})
    if longest <= limit or not step.get("warned"):
        return Words.NO_CUT.format(limit=units.count(limit)) if longest <= limit else ""
    count = units.plural(step["warned"], *Words.SOME_CUT_WORDS)
    return Words.SOME_CUT.format(count=count, limit=units.count(limit))


def _removed(report: Mapping[str, Any], removed: Mapping[str, int]) -> BarChart | None:
    if not removed:
        return None
    titles = {step["name"]: step["title"] for step in report["steps"]}
    ordered = sorted(removed.items(), key=lambda item: -item[1])
    labels = [titles.get(name, name) for name, _ in ordered]
    counts = [count for _, count in ordered]
    summary = Words.REMOVED_SUMMARY.format(
        total=units.count(sum(counts)),
        read=units.count(report["rows"]["read"]),
        step=labels[0],
        count=units.count(counts[0]),
    )
    return BarChart(Words.REMOVED, summary, Words.ROWS, labels, (Bars(Words.ROWS, "--chart-eval", counts),))


def _questions(asked: Mapping[str, int]) -> BarChart | None:
    if not asked:
        return None
    ordered = sorted(asked.items(), key=lambda item: -item[1])
    labels, counts = [name for name, _ in ordered], [count for _, count in ordered]
    share = units.percent(counts[0] / sum(counts))
    summary = Words.QUESTIONS_SUMMARY.format(first=labels[0], share=share)
    return BarChart(Words.QUESTIONS, summary, Words.ROWS, labels, (Bars(Words.ROWS, "--chart-memory", counts),))


def _topics(report: Mapping[str, Any], topics: Mapping[str, Any]) -> BarChart | None:
    top = list(topics.get("top", ()))[:MOST_BARS]
    if not top:
        return None
    by_topic = report.get("split", {}).get("by") == "topic"
    summary = (Words.TOPICS_SUMMARY if by_topic else Words.TOPICS_BOTH).format(
        count=units.count(topics["count"]), first=top[0]["topic"], rows=units.count(top[0]["train"] + top[0]["eval"])
    )
    series = (
        Bars(Words.TRAIN, "--chart-train", [topic["train"] for topic in top]),
        Bars(Words.EVAL, "--chart-eval", [topic["eval"] for topic in top]),
    )
    return BarChart(Words.TOPICS, summary, Words.ROWS, list(_short(topic["topic"] for topic in top)), series)


def _short(names: Iterator[str]) -> Iterator[str]:
    """Cut long names, but keep them apart: plotly lays bars of one name over each other."""
    seen: dict[str, int] = {}
    for name in names:
        short = name if len(name) <= 28 else f"{name[:27]}…"
        seen[short] = seen.get(short, 0) + 1
        yield short if seen[short] == 1 else f"{short} ({seen[short]})"
