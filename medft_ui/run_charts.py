"""Turns a run's history into the live charts, which share one axis, and says each in words.

It does not know: components, how a run is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.jobs.series import Series as History
from core.jobs.snapshot import Snapshot
from medft_ui import text, units
from medft_ui.charts import Chart, Series, smooth
from medft_ui.run_words import error_words
from medft_ui.runs_text import Machine

Axis = Literal["steps", "minutes"]
EMPTY = History()
PAD = 0.01  # of the axis, so that the first and the last mark are not cut in half


@dataclass(frozen=True, slots=True)
class View:
    """How the person wants the charts.

    Args:
        axis: Whether they run along optimizer steps or minutes.
        smoothing: How much of the past the train loss keeps, 0 to below 1.
        log_scale: Whether the loss axis is logarithmic.
    """

    axis: Axis = "steps"
    smoothing: float = 0.6
    log_scale: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """What the charts have in common."""

    view: View
    keep: str
    title: str
    whole: tuple[float, float] | None
    active: bool

    @property
    def when(self) -> str:
        """When the last point of a curve was measured."""
        return text.Monitor.NOW if self.active else text.Monitor.AT_END

    def x(self, history: History) -> list[float]:
        """Positions of a history's points along the axis."""
        return list(history.steps) if self.view.axis == "steps" else [seconds / 60 for seconds in history.elapsed_s]

    def chart(
        self, title: str, summary: str, y_title: str, series: list[Series], from_zero: bool = False, log: bool = False
    ) -> Chart:
        """Make a chart on the shared axis."""
        return Chart(title, summary, self.keep, self.title, y_title, tuple(series), self.whole, log, from_zero)


def charts(snapshot: Snapshot, view: View, forecast_gib: float | None) -> tuple[Chart, ...]:
    """Draw a run.

    Args:
        snapshot: The run as it is now.
        view: How the person wants it drawn.
        forecast_gib: The memory that was forecast before the start; None if it was not.

    Returns:
        Loss, memory, tokens per second, learning rate, gradient norm, how busy the GPU is, its power.
    """
    history, frame = snapshot.history, _frame(snapshot, view)
    return (
        _loss(history, frame),
        _memory(history, frame, forecast_gib, snapshot.result.get("forecast")),
        _speed(history, frame),
        _rate(history, frame),
        _norm(history, frame),
        _busy(history, frame),
        _power(history, frame),
    )


def has_gpu(history: Mapping[str, History]) -> bool:
    """Whether a GPU has told anything of itself."""
    return any(len(history.get(name, EMPTY)) for name in ("gpu_utilisation_percent", "gpu_power_w"))


def measured_words(forecast: Mapping[str, Any]) -> str:
    """The forecast held against the measured peak, as forecast.json has them."""
    return Machine.MEASURED_PEAK.format(
        forecast=units.gib(forecast["forecast_gib"]),
        measured=units.gib(forecast["measured_gib"]),
        error=error_words(forecast["error_percent"] / 100),
        what=forecast["measured"],
    )


def memory_history(history: Mapping[str, History]) -> tuple[str, History]:
    """Find the memory that matters: the GPU's where there is one, else the process'."""
    gpu = history.get("gpu_used_gib", EMPTY)
    return (text.Monitor.GPU_MEMORY, gpu) if len(gpu) else (text.Monitor.MEMORY, history.get("process_gib", EMPTY))


def _frame(snapshot: Snapshot, view: View) -> Frame:
    run = snapshot.job.id if snapshot.job else ""
    if view.axis == "steps":
        end: float = snapshot.total_steps
        title = text.Monitor.STEPS_AXIS
    else:
        end = (snapshot.elapsed_s + (snapshot.eta_s or 0)) / 60
        # a whole axis that moved each second would make the charts jump
        end = 0 if snapshot.is_active else end
        title = text.Monitor.MINUTES_AXIS
    whole = (-PAD * end, (1 + PAD) * end) if end else None
    return Frame(view, f"{run} {view.axis} {view.log_scale}", title, whole, snapshot.is_active)


def _loss(history: Mapping[str, History], frame: Frame) -> Chart:
    train, evals = history.get("loss", EMPTY), history.get("eval_loss", EMPTY)
    series = []
    if frame.view.smoothing > 0 and len(train):
        faint = Series(text.Monitor.RAW_LOSS, "--chart-train", frame.x(train), train.values, faint=True)
        series = [
            faint,
            Series(
                text.Monitor.TRAIN_LOSS, "--chart-train", frame.x(train), smooth(train.values, frame.view.smoothing)
            ),
        ]
    elif len(train):
        series = [Series(text.Monitor.TRAIN_LOSS, "--chart-train", frame.x(train), train.values)]
    if len(evals):
        series.append(
            Series(text.Monitor.EVAL_LOSS, "--chart-eval", frame.x(evals), evals.values, dash="dot", markers=True)
        )
    return frame.chart(
        text.Monitor.LOSS, loss_summary(train, evals), text.Monitor.LOSS_AXIS, series, log=frame.view.log_scale
    )


def loss_summary(train: History, evals: History) -> str:
    """Say the loss chart in words."""
    if not len(train):
        return text.Monitor.NO_POINTS
    step = units.count(train.steps[-1])
    told = text.Monitor.LOSS_FIRST if len(train) == 1 else text.Monitor.LOSS_SUMMARY
    words = told.format(first=units.loss(train.values[0]), last=units.loss(train.values[-1]), step=step, steps=step)
    if len(evals):
        best = min(range(len(evals)), key=lambda index: evals.values[index])
        told = text.Monitor.EVAL_LOWEST if best == len(evals) - 1 else text.Monitor.EVAL_SUMMARY
        words += told.format(
            last=units.loss(evals.values[-1]),
            step=units.count(evals.steps[-1]),
            best=units.loss(evals.values[best]),
            best_step=units.count(evals.steps[best]),
        )
    return words


def _memory(
    history: Mapping[str, History], frame: Frame, forecast_gib: float | None, measured: Mapping[str, Any] | None
) -> Chart:
    title, used = memory_history(history)
    x = frame.x(used)
    series = [Series(text.Monitor.MEASURED, "--chart-memory", x, used.values)] if len(used) else []
    if not len(used):
        return frame.chart(title, text.Monitor.NO_POINTS, text.Monitor.MEMORY_AXIS, series, from_zero=True)
    peak = max(used.values)
    # a worker that ends gives its memory back: what it held last says nothing
    told = text.Monitor.MEMORY_SUMMARY if frame.active else text.Monitor.MEMORY_ENDED
    words = told.format(last=units.gib(used.values[-1]), peak=units.gib(peak))
    reserved = history.get("gpu_reserved_gib", EMPTY)
    if len(reserved):
        series.append(Series(Machine.RESERVED, "--chart-other", frame.x(reserved), reserved.values, dash="dot"))
        words += Machine.RESERVED_SUMMARY.format(reserved=units.gib(reserved.values[-1]))
    if forecast_gib:
        ends = list(frame.whole or (x[0], x[-1]))
        series.append(Series(text.Monitor.FORECAST, "--chart-memory", ends, [forecast_gib, forecast_gib], dash="dash"))
        error = units.percent(abs(peak - forecast_gib) / forecast_gib)
        # one comparison is enough: the one that counts the same on both sides, once it is there
        words += "" if measured else text.Monitor.FORECAST_SUMMARY.format(forecast=units.gib(forecast_gib), error=error)
    words += f" {measured_words(measured)}" if measured else ""
    return frame.chart(title, words, text.Monitor.MEMORY_AXIS, series, from_zero=True)


def _speed(history: Mapping[str, History], frame: Frame) -> Chart:
    speed = history.get("tokens_per_s", EMPTY)
    words, series = text.Monitor.NO_POINTS, []
    if len(speed):
        mean = sum(speed.values) / len(speed)
        words = text.Monitor.SPEED_SUMMARY.format(
            last=units.count(speed.values[-1]), when=frame.when, mean=units.count(mean)
        )
        series = [Series(text.Monitor.SPEED, "--chart-other", frame.x(speed), speed.values)]
    return frame.chart(text.Monitor.SPEED, words, text.Monitor.SPEED_ASIDE, series, from_zero=True)


def _rate(history: Mapping[str, History], frame: Frame) -> Chart:
    rate = history.get("learning_rate", EMPTY)
    words, series = text.Monitor.NO_POINTS, []
    if len(rate):
        last, peak = units.learning_rate(rate.values[-1]), units.learning_rate(max(rate.values))
        words = text.Monitor.RATE_SUMMARY.format(last=last, when=frame.when, peak=peak)
        series = [Series(text.Monitor.RATE, "--chart-other", frame.x(rate), rate.values)]
    return frame.chart(text.Monitor.RATE, words, text.Monitor.RATE, series, from_zero=True)


def _norm(history: Mapping[str, History], frame: Frame) -> Chart:
    norm = history.get("grad_norm", EMPTY)
    words, series = text.Monitor.NO_POINTS, []
    if len(norm):
        last, mean, peak = (f"{value:.3g}" for value in (norm.values[-1], _mean(norm), max(norm.values)))
        words = Machine.NORM_SUMMARY.format(last=last, when=frame.when, mean=mean, peak=peak)
        series = [Series(Machine.NORM, "--chart-other", frame.x(norm), norm.values)]
    return frame.chart(Machine.NORM, words, Machine.NORM, series, from_zero=True)


def _busy(history: Mapping[str, History], frame: Frame) -> Chart:
    use, heat, mfu = (history.get(name, EMPTY) for name in ("gpu_utilisation_percent", "gpu_temperature_c", "mfu"))
    shares = [100 * value for value in mfu.values]
    lines = (
        (Machine.UTILISATION, "--chart-memory", use, use.values, "solid"),
        (Machine.TEMPERATURE, "--chart-eval", heat, heat.values, "dot"),
        (Machine.MFU, "--chart-train", mfu, shares, "solid"),
    )
    series = [Series(name, colour, frame.x(at), values, dash) for name, colour, at, values, dash in lines if len(at)]
    words = text.Monitor.NO_POINTS
    if len(use):
        hottest = f"{max(heat.values):.0f}" if len(heat) else units.UNKNOWN
        words = Machine.BUSY_SUMMARY.format(busy=units.percent(_mean(use) / 100), heat=hottest)
        words += Machine.MFU_SUMMARY.format(mfu=units.percent(_mean(mfu))) if len(mfu) else Machine.NO_MFU
    return frame.chart(Machine.BUSY, words, Machine.BUSY_AXIS, series, from_zero=True)


def _power(history: Mapping[str, History], frame: Frame) -> Chart:
    power = history.get("gpu_power_w", EMPTY)
    words, series = text.Monitor.NO_POINTS, []
    if len(power):
        words = Machine.POWER_SUMMARY.format(
            last=units.count(power.values[-1]), when=frame.when, mean=units.count(_mean(power))
        )
        series = [Series(Machine.POWER, "--chart-other", frame.x(power), power.values)]
    return frame.chart(Machine.POWER, words, Machine.POWER_ASIDE, series, from_zero=True)


def _mean(history: History) -> float:
    return sum(history.values) / len(history)
