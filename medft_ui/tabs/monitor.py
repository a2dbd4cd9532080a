"""Monitor: how a run learns, live or afterwards; and pause, resume, stop.

It shows the run's own settings, never the form's. It does not know: how a run is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.config import TrainingConfig
from core.errors import MedftError
from core.jobs.job import Job
from core.jobs.snapshot import Snapshot
from medft_ui import parts, text, train_text, units
from medft_ui.charts import live_chart
from medft_ui.curve import read_curve
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.lazy import LayOut, Told
from medft_ui.run_charts import EMPTY, View, charts, has_gpu, memory_history
from medft_ui.run_words import phase_words, share_done, silence_words, step_words
from medft_ui.runs_text import TABS, Machine
from medft_ui.tabs.runs import build as build_runs

if TYPE_CHECKING:
    from core.studio import Studio

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is drawn and written about the run, in the order of ``_pictures``."""

    head: gr.HTML
    reading: gr.HTML
    loss: gr.HTML
    memory: gr.HTML
    speed: gr.HTML
    rate: gr.HTML
    norm: gr.HTML
    busy: gr.HTML
    power: gr.HTML
    numbers: gr.HTML
    samples: gr.HTML
    settings: gr.HTML
    log: gr.HTML


@dataclass(frozen=True, slots=True)
class Buttons:
    """What controls the run that is shown."""

    pause: gr.Button
    resume: gr.Button
    stop: gr.Button
    ask: gr.Column
    keep: gr.Button
    discard: gr.Button
    go_on: gr.Button


@dataclass(frozen=True, slots=True)
class Monitor:
    """The screen's components.

    Args:
        run: Which run is shown; LATEST follows the newest.
        view: How the charts are drawn: axis, smoothing, log scale.
        empty: What stands there before the first run.
        start_demo: The button in it.
        body: Everything else.
        pictures: What is drawn and written.
        gpu: What stands there only where there is a GPU.
        buttons: What controls the run.
    """

    run: gr.Dropdown
    view: tuple[gr.Radio, gr.Slider, gr.Checkbox]
    empty: gr.Column
    start_demo: gr.Button
    body: gr.Column
    pictures: Pictures
    gpu: gr.Row
    buttons: Buttons

    @property
    def live(self) -> list[Any]:
        """What the poll updates, in the order of ``updates``."""
        shown_now = [getattr(self.pictures, name) for name in Pictures.__dataclass_fields__]
        buttons = [self.buttons.pause, self.buttons.resume, self.buttons.stop, self.buttons.ask]
        return [self.empty, self.body, self.gpu, *shown_now, *buttons]


def build(studio: Studio, told: Told, lay_out: LayOut) -> Monitor:
    """Lay out the screen and wire its buttons; all runs are laid out by ``lay_out``."""
    with gr.Tabs():
        with gr.Tab(TABS[0], id="run"):
            monitor = _this_run(studio)
        with gr.Tab(TABS[1], id="runs") as opened:
            lay_out(opened, lambda opened: build_runs(studio, told, opened))
    return monitor


def _this_run(studio: Studio) -> Monitor:
    with gr.Column(elem_classes="card", visible=False) as empty:
        gr.HTML(parts.empty(text.Monitor.EMPTY_TITLE, text.Monitor.EMPTY))
        start_demo = gr.Button(text.Monitor.START_DEMO, variant="primary", elem_classes="middle")
    with gr.Column() as body:
        with gr.Column(elem_classes="card"):
            with gr.Row():
                with gr.Column(scale=3, min_width=300):
                    head = gr.HTML()
                run = gr.Dropdown([(text.Monitor.LATEST, LATEST)], value=LATEST, label=text.Monitor.PICK, info=text.Monitor.PICK_INFO,
                                  scale=1, min_width=230)  # fmt: skip
            buttons = _buttons()
        pictures, view, gpu = _pictures_layout(head)
    monitor = Monitor(run, view, empty, start_demo, body, pictures, gpu, buttons)
    _wire(studio, monitor)
    return monitor


def _buttons() -> Buttons:
    with gr.Row(elem_classes="actions"):
        pause = gr.Button(text.Sidebar.PAUSE, size="sm", visible=False)
        resume = gr.Button(text.Sidebar.RESUME, size="sm", variant="primary", visible=False)
        stop = gr.Button(text.Sidebar.STOP, size="sm", visible=False)
    with gr.Column(visible=False, elem_classes="ask") as ask:
        gr.HTML(parts.note(text.Sidebar.ASK))
        with gr.Row(elem_classes="actions"):
            keep = gr.Button(text.Sidebar.KEEP, size="sm")
            discard = gr.Button(text.Sidebar.DISCARD, size="sm", variant="stop")
            go_on = gr.Button(text.Sidebar.GO_ON, size="sm")
    return Buttons(pause, resume, stop, ask, keep, discard, go_on)


def _pictures_layout(head: gr.HTML) -> tuple[Pictures, tuple[gr.Radio, gr.Slider, gr.Checkbox], gr.Row]:
    with gr.Column(elem_classes="card"):
        reading = gr.HTML()
        loss = live_chart(text.Monitor.LOSS)
        with gr.Accordion(text.Monitor.CONTROLS, open=False):
            view = _view_controls()
    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(text.Monitor.MEMORY, text.Monitor.MEMORY_ASIDE))
        memory = live_chart(text.Monitor.MEMORY, small=True)
    with gr.Row(equal_height=True):
        with gr.Column(elem_classes="card", scale=3, min_width=300):
            gr.HTML(parts.heading(text.Monitor.SAMPLES))
            gr.HTML(parts.banner(text.SAFETY))
            samples = gr.HTML()
        with gr.Column(elem_classes="card", scale=2, min_width=280):
            gr.HTML(parts.heading(text.Monitor.NUMBERS))
            numbers = gr.HTML()
    with gr.Row(equal_height=True):
        speed = _small_chart(text.Monitor.SPEED, text.Monitor.SPEED_ASIDE)
        rate = _small_chart(text.Monitor.RATE, text.Monitor.RATE_ASIDE)
        norm = _small_chart(Machine.NORM, Machine.NORM_ASIDE)
    with gr.Row(equal_height=True, visible=False) as gpu:
        busy = _small_chart(Machine.BUSY, Machine.BUSY_ASIDE)
        power = _small_chart(Machine.POWER, Machine.POWER_ASIDE)
    with gr.Column(elem_classes="card"):
        with gr.Accordion(text.Monitor.SETTINGS, open=False):
            settings = gr.HTML()
        with gr.Accordion(text.Monitor.LOG, open=False):
            log = gr.HTML()
    drawn = (loss, memory, speed, rate, norm, busy, power)
    return Pictures(head, reading, *drawn, numbers, samples, settings, log), view, gpu


def _small_chart(title: str, aside: str) -> gr.HTML:
    with gr.Column(elem_classes="card", min_width=300):
        gr.HTML(parts.heading(title, aside))
        return live_chart(title, small=True)


def _view_controls() -> tuple[gr.Radio, gr.Slider, gr.Checkbox]:
    with gr.Row():
        axis = gr.Radio(
            [(text.Monitor.AXIS_STEPS, "steps"), (text.Monitor.AXIS_MINUTES, "minutes")],
            value="steps",
            label=text.Monitor.AXIS,
        )
        smoothing = gr.Slider(0, 0.95, value=0.6, step=0.05, label=text.Monitor.SMOOTHING)
        log_scale = gr.Checkbox(False, label=text.Monitor.LOG_SCALE)
    return axis, smoothing, log_scale


def _wire(studio: Studio, monitor: Monitor) -> None:
    buttons = monitor.buttons

    @shown
    def end_run(run: str, keep: bool) -> dict[str, Any]:
        job = _shown_job(studio, run)
        if job is not None and job.is_active:
            studio.stop_training(job.id, keep)
            gr.Info(text.Monitor.PAUSED_TOAST if keep else text.Monitor.DISCARD_TOAST)
        return gr.update(visible=False)

    @shown
    def resume(run: str) -> None:
        job = _shown_job(studio, run)
        if job is not None:
            studio.resume_training(job.id)
            gr.Info(text.Monitor.RESUMED_TOAST)

    buttons.stop.click(lambda: gr.update(visible=True), outputs=buttons.ask, **QUICK)
    buttons.go_on.click(lambda: gr.update(visible=False), outputs=buttons.ask, **QUICK)
    gr.on([buttons.pause.click, buttons.keep.click], lambda run: end_run(run, True), monitor.run, buttons.ask, **SLOW)
    buttons.discard.click(lambda run: end_run(run, False), monitor.run, buttons.ask, **SLOW)
    buttons.resume.click(resume, monitor.run, None, **SLOW)


def run_id(picked: str | None) -> str | None:
    """Turn what is picked into what the studio takes: None is the newest run."""
    return None if picked in (None, "", LATEST) else picked


def snapshot_of(studio: Studio, newest: Snapshot, picked: str | None, runs: Sequence[Job]) -> Snapshot:
    """The picture to show: of the run that is picked, else of the newest run, also while other work holds the machine.

    Args:
        studio: The desk.
        newest: A picture of the work that matters now, whatever it is.
        picked: What is picked.
        runs: Every training run, the newest first.
    """
    # what is picked here may have been deleted in another page
    run = run_id(picked) if picked in {job.id for job in runs} else None
    if run is None and newest.job is not None and newest.job.kind != "train":
        run = runs[0].id if runs else None
        return studio.snapshot(run) if run else Snapshot(newest.revision)
    return newest if run is None else studio.snapshot(run)


def _shown_job(studio: Studio, picked: str | None) -> Job | None:
    """The run that stands on the screen: its buttons mean that one, not the evaluation that came after it."""
    return snapshot_of(studio, studio.snapshot(None), picked, studio.list_runs()).job


def run_choices(runs: Sequence[Job]) -> list[tuple[str, str]]:
    """The runs to pick from, newest first."""
    named = [(f"{job.name} · {text.STATES[job.state][0]} · {units.moment(job.created)}", job.id) for job in runs]
    return [(text.Monitor.LATEST, LATEST), *named]


def updates(studio: Studio, snapshot: Snapshot, view: View) -> list[Any]:
    """Return what ``Monitor.live`` shows now."""
    if snapshot.job is None:
        return [
            gr.update(visible=True),
            gr.update(visible=False),
            *[gr.skip()] * (1 + len(Pictures.__dataclass_fields__) + 4),
        ]
    stoppable = snapshot.is_active and snapshot.state != "stopping"
    buttons = [gr.update(visible=stoppable), gr.update(visible=snapshot.resumable and not snapshot.is_active)]
    ask = gr.skip() if stoppable else gr.update(visible=False)
    pictures = _pictures(snapshot, view, _own(studio, snapshot.job.id))
    shown_parts = [gr.update(visible=False), gr.update(visible=True), gr.update(visible=has_gpu(snapshot.history))]
    return [*shown_parts, *pictures, *buttons, gr.update(visible=stoppable), ask]


@dataclass(frozen=True, slots=True)
class _Own:
    """A run's own settings, None where they cannot be read; and the memory that was forecast, None before it was planned."""

    config: TrainingConfig | None
    forecast_gib: float | None


def _own(studio: Studio, run: str) -> _Own:
    """Read them; a file that is damaged, of another version or just deleted must not stop the page from following."""
    try:
        config = studio.run_config(run)
    except (MedftError, OSError, ValueError):
        config = None
    try:
        return _Own(config, studio.run_plan(run).get("total_gib"))
    except (MedftError, OSError, ValueError):
        return _Own(config, None)


def _pictures(snapshot: Snapshot, view: View, own: _Own) -> list[Any]:
    drawn = [chart.to_json() for chart in charts(snapshot, view, own.forecast_gib)]
    words = [_numbers(snapshot), _samples(snapshot), _settings(snapshot, own.config), _log(snapshot)]
    return [_head(snapshot), _reading(snapshot), *drawn, *words]


def _head(snapshot: Snapshot) -> str:
    job, state = snapshot.job, snapshot.state
    assert job is not None and state is not None
    word, tone = text.STATES[state]
    when = text.Monitor.STARTED if job.attempt == 1 else text.Monitor.RESUMED_AT
    title = parts.heading(job.name, when.format(time=units.moment(job.started or job.created)), parts.pill(word, tone))
    if snapshot.error is not None:
        said = parts.problems([f"{snapshot.error.message} {snapshot.error.hint}"])
    else:
        said = parts.note(text.STATE_HINTS[state])
    if not snapshot.is_active:
        return title + said
    line = escape(" · ".join([phase_words(snapshot), *step_words(snapshot)]))
    silence = parts.pill(words, "look") if (words := silence_words(snapshot)) else ""
    bar = parts.bar(share_done(snapshot), text.Sidebar.PROGRESS_LABEL)
    return f'{title}{bar}<p class="aside">{line} {silence}</p>{said}'


def _reading(snapshot: Snapshot) -> str:
    train, evals = snapshot.history.get("loss", EMPTY), snapshot.history.get("eval_loss", EMPTY)
    reading = read_curve(train.values, evals.steps, evals.values)
    return parts.heading(
        text.Monitor.LOSS, f"{text.Monitor.LOSS_ASIDE} · {reading.sentence}", parts.pill(reading.word, reading.tone)
    )


def _numbers(snapshot: Snapshot) -> str:
    metrics, evals = snapshot.metrics, snapshot.history.get("eval_loss", EMPTY)
    _, used = memory_history(snapshot.history)
    best = min(zip(evals.values, evals.steps, strict=True), default=None)
    best_words = (
        text.Monitor.AT_STEP.format(value=units.loss(best[0]), step=units.count(best[1])) if best else units.UNKNOWN
    )
    rows = [
        (text.Monitor.N_TRAIN, units.loss(metrics.get("loss"))),
        (text.Monitor.N_EVAL, units.loss(metrics.get("eval_loss"))),
        (text.Monitor.N_BEST, best_words),
        (text.Monitor.N_SPEED, units.count(snapshot.tokens_per_s)),
        (text.Monitor.N_RATE, units.learning_rate(metrics.get("learning_rate"))),
        (Machine.N_NORM, f"{metrics['grad_norm']:.3g}" if "grad_norm" in metrics else units.UNKNOWN),
        (text.Monitor.N_MEMORY, units.gib(max(used.values, default=None))),
        (text.Monitor.ELAPSED, units.duration(snapshot.elapsed_s)),
        *([(text.Monitor.N_LEFT, units.duration(snapshot.eta_s))] if snapshot.is_active else []),
        *_gpu_numbers(snapshot),
    ]
    return (
        '<dl class="numbers">'
        + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
        + "</dl>"
    )


def _gpu_numbers(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What the card tells now; nothing where there is none."""
    if not has_gpu(snapshot.history):
        return []
    names = ("gpu_utilisation_percent", "gpu_power_w", "gpu_temperature_c")
    busy, power, heat = (next(reversed(snapshot.history.get(name, EMPTY).values), None) for name in names)
    now = Machine.GPU_NOW.format(
        busy=units.percent(busy / 100 if busy is not None else None), power=units.count(power), heat=units.count(heat)
    )
    mfu = snapshot.metrics.get("mfu")
    return [(Machine.N_MFU, units.percent(mfu) if mfu is not None else Machine.KNOWN_GPUS), (Machine.N_GPU, now)]


def _samples(snapshot: Snapshot) -> str:
    if not snapshot.samples:
        return parts.note(text.Monitor.SAMPLES_NONE)
    said = []
    for prompt in dict.fromkeys(sample.prompt for sample in snapshot.samples):
        answers = [sample for sample in snapshot.samples if sample.prompt == prompt][-12:]
        rows = [(units.count(sample.step), sample.answer) for sample in reversed(answers)]
        said.append(f"<h3>{escape(prompt)}</h3>{parts.table(text.Monitor.SAMPLES_COLUMNS, rows, prompt)}")
    return "".join(said)


def _settings(snapshot: Snapshot, config: TrainingConfig | None) -> str:
    chosen = [
        (train_text.CHOICES.get(name, name), train_text.option(choice.value), choice.reason)
        for name, choice in snapshot.choices.items()
    ]
    choices = f"<h3>{escape(text.Monitor.CHOICES)}</h3>{parts.facts(chosen)}" if chosen else ""
    if config is None:
        return choices + parts.note(text.Monitor.SETTINGS_LOST)
    given = [(train_text.SETTINGS[name][0], train_text.option(value)) for name, value in config.to_json().items()]
    return choices + parts.table(text.Monitor.SETTING_COLUMNS, given, text.Monitor.SETTINGS)


def _log(snapshot: Snapshot) -> str:
    lines = "\n".join(snapshot.log) or text.Monitor.LOG_EMPTY
    return f'<pre class="log" tabindex="0" aria-label="{escape(text.Monitor.LOG_LABEL, True)}">{escape(lines)}</pre>'
