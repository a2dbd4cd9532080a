"""The forest chart of an evaluation, as HTML: base and tuned with their intervals, and the paired difference beside them.

    forest(measures) → str      every measure one row; measures of one unit share an axis

Drawn with the page's own colours where it stands on one, with plain ones in a file (STYLE). Each row is named to screen
readers in words. It does not know: who shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from core.evaluation.result import Measure, Unit
from core.evaluation.statistics import Interval
from core.evaluation.wording import LANDMARKS, difference, interval, number, verdict

STYLE = """.forest{font-size:.875rem}.forest .line{display:grid;grid-template-columns:minmax(150px,1.1fr) 2fr 2fr;
gap:4px 18px;align-items:center;padding:9px 0;border-bottom:1px solid var(--line,#dfe5ea)}.forest .what b{display:block;font-weight:650}
.forest .track{position:relative;height:34px;background:var(--track,#eef2f5);border-radius:6px}
.forest .track i,.forest .track u,.forest .track s{position:absolute;display:block;text-decoration:none}
.forest i.reach{height:3px;border-radius:3px}.forest i.dot{width:11px;height:11px;margin:-4px 0 0 -5px;border-radius:50%}
.forest .base{background:var(--chart-eval,#c2620a);top:9px}.forest .tuned{background:var(--chart-train,#0f766e);top:22px}
.forest .gap{top:16px;background:var(--info,#234a97)}.forest .gap.good{background:var(--good,#0b5f58)}
.forest .gap.bad{background:var(--bad,#9b1c1c)}.forest .gap.look{background:var(--look,#7a5200)}
.forest u{top:0;bottom:0;border-left:2px solid var(--quiet,#5a6876)}
.forest s{top:0;bottom:0;border-left:2px dotted var(--quiet,#5a6876)}
.forest .axis{border:0;padding:2px 0 14px;color:var(--quiet,#5a6876);font-size:.78rem}
.forest .axis span{display:flex;justify-content:space-between}.forest .axis span.mid{display:grid;grid-template-columns:1fr auto 1fr}
.forest .axis span.mid b:last-child{text-align:right}.forest .axis b{font-weight:400}
.forest .legend{display:flex;flex-wrap:wrap;gap:4px 16px;color:var(--quiet,#5a6876);font-size:.8rem;margin:0 0 4px}
.forest .legend em{font-style:normal;display:inline-flex;align-items:center;gap:6px}
.forest .legend i{position:static;margin:0}.forest .legend .stick{width:0;height:14px;border-left:2px solid var(--quiet,#5a6876)}
.forest .legend .dots{border-left-style:dotted}
@media(max-width:768px){.forest .line{grid-template-columns:1fr}.forest .axis{padding-bottom:18px}}"""


@dataclass(frozen=True, slots=True)
class _Axis:
    """A straight axis; positions are per cent of its width."""

    low: float
    high: float

    def at(self, value: float) -> float:
        return min(max((value - self.low) / (self.high - self.low) * 100, 0.0), 100.0)


def forest(measures: Sequence[Measure]) -> str:
    """Draw measures that have numbers; the others stand in the table only.

    Args:
        measures: What was measured, in the order to show it.
    """
    drawable = [measure for measure in measures if _is_drawable(measure)]
    if not drawable:
        return ""
    ordered = sorted(drawable, key=lambda measure: _first_of_its_unit(drawable, measure.unit))
    body = "".join(_group(list(group), unit) for unit, group in groupby(ordered, key=lambda measure: measure.unit))
    return f'<div class="forest">{_legend(drawable)}{body}</div>'


def _is_drawable(measure: Measure) -> bool:
    found = measure.comparison
    ends = (each for part in (found.base, found.tuned, found.difference) for each in (part.value, part.low, part.high))
    return all(math.isfinite(end) for end in ends)


def _first_of_its_unit(measures: Sequence[Measure], unit: Unit) -> int:
    return next(index for index, measure in enumerate(measures) if measure.unit == unit)


def _legend(measures: Sequence[Measure]) -> str:
    marks = ['<em><i class="dot base"></i>base</em>', '<em><i class="dot tuned"></i>tuned</em>']
    if any("majority" in measure.facts for measure in measures):
        marks.append('<em><i class="stick"></i>always the commonest answer</em>')
    if any("chance" in measure.facts for measure in measures):
        marks.append('<em><i class="stick dots"></i>guessing</em>')
    marks.append("<em>lines: 95 % intervals; second bar: tuned minus base, on the same items</em>")
    return f'<div class="legend" aria-hidden="true">{"".join(marks)}</div>'


def _group(measures: Sequence[Measure], unit: Unit) -> str:
    values, gaps = _value_axis(measures, unit), _gap_axis(measures)
    rows = "".join(_row(measure, values, gaps) for measure in measures)
    ends = f"<b>{number(values.low, unit)}</b><b>{number(values.high, unit)}</b>"
    zero = f"<b>{_signed(gaps.low, unit)}</b><b>0</b><b>{_signed(gaps.high, unit)}</b>"
    axis = (
        f'<div class="line axis" aria-hidden="true"><div></div><span>{ends}</span><span class="mid">{zero}</span></div>'
    )
    return rows + axis


def _signed(value: float, unit: Unit) -> str:
    return f"{value * 100:+.1f} points" if unit == "share" else f"{value:+.2f}"


def _value_axis(measures: Sequence[Measure], unit: Unit) -> _Axis:
    ends = [end for measure in measures for end in _ends(measure)]
    low, high = min(ends), max(ends)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 0.1
    low, high = low - room, high + room
    return _Axis(max(low, 0.0), min(high, 1.0)) if unit == "share" else _Axis(low, high)


def _ends(measure: Measure) -> Iterator[float]:
    for part in (measure.comparison.base, measure.comparison.tuned):
        yield from (part.value, part.low, part.high)
    yield from (measure.facts[name] for name in LANDMARKS if name in measure.facts)


def _gap_axis(measures: Sequence[Measure]) -> _Axis:
    gaps = [measure.comparison.difference for measure in measures]
    reach = max(max(abs(gap.low), abs(gap.high), abs(gap.value)) for gap in gaps) * 1.1 or 0.01
    reach = min(reach, 1.0) if all(measure.unit == "share" for measure in measures) else reach
    return _Axis(-reach, reach)


def _row(measure: Measure, values: _Axis, gaps: _Axis) -> str:
    found, unit = measure.comparison, measure.unit
    word, tone = verdict(measure)
    words = (
        f"{measure.label}: base {interval(found.base, unit)}, tuned {interval(found.tuned, unit)}, "
        f"difference {difference(found.difference, unit)}: {word}"
    )
    marks = "".join(
        f'<{tag} style="left:{values.at(measure.facts[name]):.1f}%"></{tag}>'
        for name, tag in (("majority", "u"), ("chance", "s"))
        if name in measure.facts
    )
    left = marks + _mark(found.base, values, "base") + _mark(found.tuned, values, "tuned")
    right = f'<u style="left:{gaps.at(0):.1f}%"></u>{_mark(found.difference, gaps, f"gap {tone}")}'
    pill = f'<span class="pill {tone}">{escape(word)}</span>'
    return (
        f'<div class="line" role="img" aria-label="{escape(words, True)}"><div class="what"><b>{escape(measure.label)}</b>{pill}</div>'
        f'<div class="track">{left}</div><div class="track">{right}</div></div>'
    )


def _mark(found: Interval, axis: _Axis, names: str) -> str:
    low, high = axis.at(found.low), axis.at(found.high)
    reach = f'<i class="reach {names}" style="left:{low:.1f}%;width:{max(high - low, 0.4):.1f}%"></i>'
    return f'{reach}<i class="dot {names}" style="left:{axis.at(found.value):.1f}%"></i>'
