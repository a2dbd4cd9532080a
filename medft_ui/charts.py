"""Live charts: what they show (plain data) and the component that draws it on one DOM node that is never rebuilt.

Gradio's own Plot makes a new chart of each payload, which loses the zoom; this one hands data to Plotly.react.
It does not know: runs, the studio, how the history was measured.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

SCRIPT = Path(__file__).with_name("live_chart.js")
LIBRARY = Path(__file__).with_name("plotly_library.js")


@dataclass(frozen=True, slots=True)
class Series:
    """One line.

    Args:
        name: What the legend says.
        color: The stylesheet's variable that holds its colour.
        x: Positions along the shared axis, ascending.
        y: Values; None leaves a gap.
        dash: ``solid``, ``dash`` or ``dot``.
        markers: Whether each point is marked.
        faint: A raw line behind its smoothed one; not in the legend.
    """

    name: str
    color: str
    x: Sequence[float]
    y: Sequence[float | None]
    dash: str = "solid"
    markers: bool = False
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What a live chart shows.

    Args:
        title: Named to screen readers.
        summary: The chart in words; also shown below it.
        keep: As long as it stays the same, the person's zoom stays.
        x_title: The axis' name with its unit.
        y_title: The axis' name with its unit.
        series: The lines.
        x_range: The whole axis; None fits the data.
        log: Whether y is logarithmic.
        from_zero: Whether y starts at zero.
    """

    title: str
    summary: str
    keep: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    x_range: tuple[float, float] | None = None
    log: bool = False
    from_zero: bool = False

    def to_json(self) -> dict[str, Any]:
        """The payload for the browser; what is not a finite number becomes a gap."""
        body = asdict(self)
        for series in body["series"]:
            series["y"] = [value if value is not None and math.isfinite(value) else None for value in series["y"]]
            series["x"] = list(series["x"])
        return body


def live_chart(label: str, small: bool = False) -> gr.HTML:
    """Make a chart that takes new values (``Chart.to_json()``) without being rebuilt.

    A subclass of gr.HTML would do too, but gradio writes a stub file beside the module of each subclass.
    """
    return gr.HTML(
        label=label,
        # no ${value} in it, so the node survives every new value
        html_template=f'<div class="plot" role="figure" aria-label="{escape(label, True)}"></div><p></p>',
        js_on_load=chart_script(SCRIPT),
        elem_classes=["chart", "small"] if small else ["chart"],
    )


def chart_script(script: Path) -> str:
    """A component's script, with what fetches plotly in front."""
    return LIBRARY.read_text(encoding="utf-8") + script.read_text(encoding="utf-8")


def plotly_script() -> Path:
    """Find the plotly.min.js that the plotly package brings, without importing the package (it is slow)."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("plotly is not installed: install requirements.txt")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


def smooth(values: Sequence[float | None], weight: float) -> list[float | None]:
    """Average exponentially, with the start corrected (Kingma and Ba 2015, section 3).

    Args:
        values: Raw values; gaps (None, NaN) stay gaps and do not count.
        weight: How much of the past stays, 0 (nothing) to below 1.
    """
    total, share, smoothed = 0.0, 0.0, []
    for value in values:
        if value is None or not math.isfinite(value):
            smoothed.append(None)
            continue
        total = weight * total + (1 - weight) * value
        share = weight * share + (1 - weight)
        smoothed.append(total / share)
    return smoothed
