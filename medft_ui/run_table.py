"""What the page says of runs that have been: the table, the curves of several laid over each other, where they differ.

It does not know: components, how a run is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.jobs.history import RunSummary, differences
from core.jobs.series import Series as History
from core.jobs.snapshot import Snapshot
from medft_ui import parts, text, train_text, units
from medft_ui.charts import Chart, Series, smooth
from medft_ui.run_charts import EMPTY, Axis
from medft_ui.run_words import error_words
from medft_ui.runs_text import Compare, Table

COLOURS = ("--chart-train", "--chart-eval", "--chart-memory", "--chart-other")
MOST = len(COLOURS)
SMOOTHING = 0.8


def table_html(runs: Sequence[RunSummary], datasets: Mapping[str, str]) -> str:
    """The table.

    Args:
        runs: The newest first.
        datasets: Name of each data set that is still there, by id.
    """
    if not runs:
        return parts.empty(Table.EMPTY_TITLE, Table.EMPTY)
    rows = (_row(run, datasets) for run in runs)
    return f'<div class="allruns">{parts.table(Table.COLUMNS, rows, Table.TITLE, stacked=True)}</div>'


def _row(run: RunSummary, datasets: Mapping[str, str]) -> tuple[str, ...]:
    best = units.UNKNOWN
    if run.best_eval_loss is not None:
        best = Table.BEST.format(loss=units.loss(run.best_eval_loss), step=units.count(run.best_step))
    return (
        run.job.name,
        text.STATES[run.job.state][0],
        datasets.get(run.job.dataset_id, Table.GONE),
        run.config.model.rsplit("/", 1)[-1] if run.config else units.UNKNOWN,
        Table.STEPS.format(done=units.count(run.step), total=units.count(run.total_steps)),
        best,
        units.duration(run.elapsed_s),
        memory_words(run),
        run.job.note,
    )


def memory_words(run: RunSummary) -> str:
    """The forecast against what was measured: 1.8 GiB → 1.9 GiB (5 % too low)."""
    error = run.forecast_error
    if error is None:
        return units.gib(run.forecast_gib)
    forecast, measured = units.gib(run.forecast_gib), units.gib(run.measured_gib)
    return Table.MEMORY.format(forecast=forecast, measured=measured, error=error_words(error))


def choices(runs: Sequence[RunSummary]) -> list[tuple[str, str]]:
    """Runs to pick from, told apart by when they were made."""
    return [(f"{run.job.name} · {units.moment(run.job.created)}", run.job.id) for run in runs]


def names_of(runs: Sequence[RunSummary]) -> list[str]:
    """What to call several runs beside each other: the name, with the time where two have the same."""
    names = [run.job.name for run in runs]
    return [
        name if names.count(name) == 1 else f"{name} · {units.moment(run.job.created)}"
        for name, run in zip(names, runs, strict=True)
    ]


def overlaid(runs: Sequence[RunSummary], pictures: Sequence[Snapshot], axis: Axis) -> tuple[Chart, Chart]:
    """The training and the evaluation curves of several runs, one colour a run.

    Args:
        runs: At most MOST.
        pictures: Theirs, in the same order.
        axis: Along optimizer steps or minutes of work.
    """
    keep = f"{axis} " + " ".join(run.job.id for run in runs)
    title = text.Monitor.STEPS_AXIS if axis == "steps" else text.Monitor.MINUTES_AXIS
    train, evals, told_train, told_evals = [], [], [], []
    for name, colour, picture in zip(names_of(runs), COLOURS, pictures, strict=False):
        losses, held_out = (picture.history.get(curve, EMPTY) for curve in ("loss", "eval_loss"))
        if len(losses):
            values = smooth(losses.values, SMOOTHING)
            train.append(Series(name, colour, _along(losses, axis), values))
            told_train.append(_told(name, values[-1], losses.steps[-1]))
        if len(held_out):
            evals.append(Series(name, colour, _along(held_out, axis), held_out.values, markers=True))
            best = min(range(len(held_out)), key=lambda at: held_out.values[at])
            told_evals.append(_told(name, held_out.values[best], held_out.steps[best]))

    def chart(what: str, series: list[Series], told: list[str]) -> Chart:
        words = "; ".join(told) + "." if told else text.Monitor.NO_POINTS
        return Chart(what, words, keep, title, text.Monitor.LOSS_AXIS, tuple(series))

    return chart(Compare.TRAIN, train, told_train), chart(Compare.EVAL, evals, told_evals)


def _along(history: History, axis: Axis) -> list[float]:
    return list(history.steps) if axis == "steps" else [seconds / 60 for seconds in history.elapsed_s]


def _told(name: str, loss: float | None, step: int) -> str:
    return Compare.SUMMARY.format(name=name, loss=units.loss(loss), step=units.count(step))


def differences_html(runs: Sequence[RunSummary], datasets: Mapping[str, str]) -> str:
    """Only the settings in which the runs are not alike."""
    if len(runs) < 2:
        return parts.note(Compare.TOO_FEW)
    unread = [Compare.OLD.format(name=run.job.name) for run in runs if run.config is None]
    rows = [(_label(name), *(_value(name, value, datasets) for value in values)) for name, values in differences(runs)]
    columns = (Compare.SETTING, *names_of(runs))
    told = parts.table(columns, rows, Compare.DIFFERENCES) if rows else parts.note(Compare.SAME)
    return f"<h3>{escape(Compare.DIFFERENCES)}</h3>" + told + "".join(parts.note(words) for words in unread)


def _label(name: str) -> str:
    if name == "dataset":
        return Compare.UNKNOWN_DATASET
    return train_text.SETTINGS[name][0] if name in train_text.SETTINGS else name


def _value(name: str, value: Any, datasets: Mapping[str, str]) -> str:
    if value is None:
        return units.UNKNOWN
    return datasets.get(value, Table.GONE) if name == "dataset" else train_text.option(value)
