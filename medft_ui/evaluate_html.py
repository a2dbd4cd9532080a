"""What the Evaluate screen shows of jobs, results and items, as HTML. Every text from outside is escaped.

It does not know: components, how anything was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from core.evaluation.forest import forest
from core.evaluation.heldout import PHASE as JUDGING
from core.evaluation.item_list import ItemPage, gain, lower_is_better
from core.evaluation.result import EvaluationResult, Measure
from core.evaluation.scorecard_page import measure_notes, measure_row
from core.evaluation.wording import verdict
from core.inference.loader import LOADING
from core.jobs.job import Job, log_tail
from core.jobs.snapshot import Snapshot
from medft_ui import parts, units
from medft_ui.evaluate_text import Frame, Items, Overrule, Result
from medft_ui.run_words import phase_words, silence_words

EXCERPT = 150


# -- a job that runs --------------------------------------------------------------------------------------------------


def progress_html(snapshot: Snapshot) -> str:
    """Phase, share and what is left of the evaluation that runs."""
    job, phase = snapshot.job, snapshot.phase
    assert job is not None
    word, tone = Result.STATES[job.state]
    title = parts.heading(Frame.RUNNING, job.name, parts.pill(word, tone))  # type: ignore[arg-type]
    share = phase.share if phase else None
    bar = parts.bar(-1.0 if share is None else share, Frame.PROGRESS)
    said = [phase.name if phase else Frame.STARTING]
    if phase is not None and phase.name in (
        LOADING,
        JUDGING,
    ):  # counted in GiB and in parts of items: no number of items
        said = [phase_words(snapshot)]
    elif phase is not None and phase.total:
        said.append(Frame.ITEMS_DONE.format(done=units.count(math.floor(phase.done)), total=units.count(phase.total)))
    if job.state == "stopping":
        said.append(Frame.STOPPING)
    elif snapshot.eta_s is not None:
        said.append(Frame.LEFT.format(time=units.duration(snapshot.eta_s)))
    silence = parts.pill(words, "look") if (words := silence_words(snapshot)) else ""
    return f'{title}{bar}<p class="aside">{escape(" · ".join(said))} {silence}</p>{parts.note(Frame.RUNNING_HINT)}'


# -- a result ---------------------------------------------------------------------------------------------------------


def choice_of(job: Job, result: EvaluationResult | None) -> str:
    """An evaluation in the list."""
    title = result.title if result else job.name
    return Result.CHOICE.format(title=title, state=Result.STATES[job.state][0], time=units.moment(job.created))


def failed_html(job: Job) -> str:
    """What happened to an evaluation that has no result, and what to do."""
    word, tone = Result.STATES[job.state]
    pill = parts.pill(word, tone)  # type: ignore[arg-type]
    if job.is_active:
        return parts.heading(job.name, "", pill) + parts.note(Result.RUNS)
    if job.state == "stopped":
        kept = Result.DISCARDED if job.stop == "discard" else Result.TOO_EARLY
        return parts.heading(job.name, "", pill) + parts.note(kept)
    said = f"{job.error.message} {job.error.hint}" if job.error else Result.NO_REASON
    log = log_tail(job.folder, 4_000).strip()
    words = (
        f"<details><summary>{escape(Result.LOG)}</summary>"
        f'<pre class="log" tabindex="0" aria-label="{escape(Result.LOG, True)}">{escape(log)}</pre></details>'
        if log
        else ""
    )
    return parts.heading(Result.FAILED, job.name, pill) + parts.problems([said]) + words


def result_html(result: EvaluationResult) -> str:
    """The verdict first, then the chart, the table, and what to know when reading them."""
    when = Result.MEASURED.format(
        items=units.count(result.items),
        time=units.moment(result.created),
        duration=units.duration(result.seconds),
    )
    early = parts.pill(Result.EARLY, "look") if not result.complete else ""
    head = parts.heading(result.title, when, early)
    said = f'<p class="verdict {tone_of(result.measures)}" role="status">{escape(result.verdict)}</p>'
    said += parts.note(Result.LIKENESS) if result.kind == "heldout" else ""
    return head + said + _chart(result) + _table(result) + _notes(result) + _settings(result)


def tone_of(measures: Sequence[Measure]) -> str:
    """How the verdict is coloured: a single worse measure is enough not to look fine."""
    tones = [verdict(measure)[1] for measure in measures]
    return next((tone for tone in ("bad", "good", "info") if tone in tones), "look")


def _chart(result: EvaluationResult) -> str:
    drawn = forest(result.measures)
    return f"{_small(Result.CHART, Result.CHART_ASIDE)}{drawn}" if drawn else ""


def _small(title: str, aside: str = "") -> str:
    return f'<div class="title"><h3>{escape(title)}</h3><span class="aside">{escape(aside)}</span></div>'


def _table(result: EvaluationResult) -> str:
    if not result.measures:
        return ""
    rows = [measure_row(measure) for measure in result.measures]
    return f'<div class="measures">{parts.table(Result.COLUMNS, rows, Result.TABLE)}</div>{parts.note(Result.READ)}'


def _notes(result: EvaluationResult) -> str:
    lines = [*measure_notes(result.measures), *result.notes]
    if not lines:
        return ""
    return (
        f'<h3>{escape(Result.NOTES)}</h3><ul class="notes">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'
    )


def _settings(result: EvaluationResult) -> str:
    rows = [(name.replace("_", " "), value) for name, value in _flat({**result.models, **result.settings})]
    if not rows:
        return ""
    table = parts.table(Result.HOW_COLUMNS, rows, Result.HOW)
    return f"<details><summary>{escape(Result.HOW)}</summary>{table}</details>"


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}: ")
        else:
            plain = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            yield f"{before}{name}", plain


# -- items ------------------------------------------------------------------------------------------------------------


def page_html(page: ItemPage, per_page: int) -> str:
    """One page of items as a table under the range they are."""
    if not page.total:
        return parts.note(Items.NONE if page.scores else Items.EMPTY)
    first = (page.page - 1) * per_page + 1
    span = Items.RANGE.format(
        first=units.count(first), last=units.count(first + len(page.items) - 1), total=units.count(page.total)
    )
    if page.score and page.score not in Items.WORDS:
        better = Items.LOWER if lower_is_better(page.score) else ""
        span = f"{span}. {Items.BRACKETS.format(score=score_name(page.score), better=better)}"
    rows = "".join(_row(item, page.score) for item in page.items)
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in Items.COLUMNS)
    return (
        f'{parts.note(span)}<div class="scroll items" tabindex="0" role="region" aria-label="{escape(Items.TABLE, True)}">'
        f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _row(item: Mapping[str, Any], score: str) -> str:
    change = gain(item, score)
    cells = [
        str(item["number"]),
        _cut(str(item.get("question", ""))),
        _cut(_text(item.get("reference"))),
        f"{_cut(_answer(item, 'base'))} [{_score(item, 'base', score)}]",
        f"{_cut(_answer(item, 'tuned'))} [{_score(item, 'tuned', score)}]",
        _change(change),
    ]
    flag = ' class="flip"' if change and not math.isnan(change) and abs(change) == 1 else ""
    return f"<tr{flag}>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def item_html(item: Mapping[str, Any]) -> str:
    """One item in full: question, reference, both answers side by side, every score."""
    title = parts.heading(f"{Items.QUESTION} {item['number']}", _text(item.get("topic") or item.get("category")))
    reference = _text(item.get("reference")) or Items.NO_REFERENCE
    panes = "".join(
        _pane(name, _answer(item, which), _overruled(item, which))
        for which, name in (("base", Items.BASE), ("tuned", Items.TUNED))
    )
    question = f'<p class="said question">{escape(str(item.get("question", "")))}</p>'
    asked = _pane(Items.REFERENCE, reference)
    return f'{title}{question}<div class="panes">{panes}</div>{asked}{_scores(item)}'


def _pane(title: str, said: str, more_html: str = "") -> str:
    return f'<section class="pane"><h3>{escape(title)}</h3><p class="said">{escape(said)}</p>{more_html}</section>'


def _scores(item: Mapping[str, Any]) -> str:
    names = [key for key, value in item["base"].items() if isinstance(value, (bool, int, float))]
    rows = []
    for name in names:
        change = gain(item, name)
        values = (_score(item, "base", name), _score(item, "tuned", name))
        rows.append((score_name(name), *values, _change(change)))
    return parts.table(Items.SCORE_COLUMNS, rows, Items.SCORES) if rows else ""


def _overruled(item: Mapping[str, Any], which: str) -> str:
    """What the rule says of a safety answer, and who has overruled it."""
    body = item.get(which) or {}
    if not body.get("rule"):
        return ""
    word, tone = Overrule.STANDS.get(str(body.get("stands") or body.get("verdict")), (str(body.get("verdict")), "look"))
    rule = parts.note(Overrule.RULE.format(verdict=str(body.get("verdict")), rule=body["rule"]))
    said = body.get("overruled")
    person = parts.note(Items.OVERRULED.format(who=said["who"], why=said["why"])) if isinstance(said, Mapping) else ""
    return f"<p>{parts.pill(word, tone)}</p>{rule}{person}"  # type: ignore[arg-type]


def _answer(item: Mapping[str, Any], which: str) -> str:
    return _text((item.get(which) or {}).get("answer")) or Items.NO_ANSWER


def _score(item: Mapping[str, Any], which: str, score: str) -> str:
    value = (item.get(which) or {}).get(score)
    if score in Items.WORDS and value in (0, 1):
        return Items.WORDS[score][int(value)]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _number(value) if isinstance(value, (int, float)) else units.UNKNOWN


def _number(value: float, sign: str = "") -> str:
    """Whole numbers as they are, others with as many decimals as their neighbours in the column."""
    return f"{value:{sign},.0f}" if float(value).is_integer() else f"{value:{sign},.3f}"


def _change(change: float) -> str:
    return units.UNKNOWN if math.isnan(change) else _number(change, "+") if change else "0"


def score_name(name: str) -> str:
    """What a score is called on the page."""
    return Items.SCORE_NAMES.get(name, name.replace("_", " "))


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _cut(value: str) -> str:
    return value if len(value) <= EXCERPT else value[: EXCERPT - 1] + "…"
