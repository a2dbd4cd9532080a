"""The picture of a job that screens and API poll, and the story that it is taken from.

    events → Story.tell(event) … → Story.snapshot(job, revision) → Snapshot

A Story takes events one at a time and keeps only what a picture needs, so that a picture of a run with a hundred
thousand steps costs as little as one of a short run.
It does not know: files, processes, what is drawn.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.jobs.job import Job, JobProblem, State
from core.jobs.series import Curve, Series
from core.progress import Choice

# The phase whose done and total are optimizer steps.
TRAINING_PHASE = "training"
LOG_LINES = 200
SAMPLES = 400
# What the worker measures about the machine each second, as curves against time.
MACHINE_CURVES = (
    "gpu_used_gib",
    "gpu_reserved_gib",
    "gpu_utilisation_percent",
    "gpu_power_w",
    "gpu_temperature_c",
    "process_gib",
)


@dataclass(frozen=True, slots=True)
class Phase:
    """What is going on now.

    Args:
        name: In words a person reads.
        done: How much of it is done, in the phase's own unit.
        total: How much there is; 0 if unknown.
    """

    name: str
    done: float = 0
    total: float = 0

    @property
    def share(self) -> float | None:
        """How much is done, 0 to 1; None if unknown."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else None


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer that the model gave during training.

    Args:
        step: The optimizer step it was given at.
        prompt: The question.
        answer: What the model said.
    """

    step: int
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable picture of one job; equal revisions mean equal pictures.

    Args:
        revision: Moves whenever anything changed, for this and every job; a poller that has seen it can skip.
        job: The job, or None if there is none yet.
        state: The job's state, or None.
        phase: What is going on, or went on last.
        step: The last optimizer step that was reported.
        total_steps: How many there will be; 0 if unknown.
        epoch: Passes over the data so far, as the work reports it; None if it does not.
        metrics: The last value of each metric; may hold NaN.
        eta_s: Seconds left at this attempt's pace; None if unknown or not running.
        elapsed_s: Seconds of work so far, over all attempts.
        tokens_per_s: The last that was reported, or None.
        error: Why it ended otherwise than wished, or what to know about how it was stopped.
        resumable: Whether Resume would work.
        silent_s: Seconds since the worker last gave a sign of life, where that is too long; 0 otherwise.
        samples: Sample answers, oldest first.
        log: The last 200 log lines.
        history: A curve for each metric and each measurement of the machine, by name.
        choices: What was chosen automatically, with the reason, by name.
        result: What the work produced.
    """

    revision: int
    job: Job | None = None
    state: State | None = None
    phase: Phase | None = None
    step: int = 0
    total_steps: int = 0
    epoch: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    eta_s: float | None = None
    elapsed_s: float = 0.0
    tokens_per_s: float | None = None
    error: JobProblem | None = None
    resumable: bool = False
    silent_s: float = 0.0
    samples: tuple[Sample, ...] = ()
    log: tuple[str, ...] = ()
    history: Mapping[str, Series] = field(default_factory=dict)
    choices: Mapping[str, Choice[Any]] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_active(self) -> bool:
        """Whether the job is under way."""
        return self.job is not None and self.job.is_active


class Pace:
    """How fast counted work goes, from two points of one attempt's own clock."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def mark(self, done: float, at_s: float) -> None:
        """Note how much is done at a time; less than before starts anew."""
        if self._first is None or self._last is None or done < self._last[0]:
            self._first = (done, at_s)
        self._last = (done, at_s)

    def each_s(self) -> float | None:
        """Seconds for one; None before two different points."""
        return self.left_s(self._last[0] + 1) if self._last is not None else None

    def left_s(self, total: float) -> float | None:
        """Seconds until ``total`` at this pace; None before two different points."""
        if self._first is None or self._last is None or total <= 0:
            return None
        (done0, start_s), (done1, now_s) = self._first, self._last
        if done1 <= done0 or now_s <= start_s:
            return None
        return max(total - done1, 0.0) * (now_s - start_s) / (done1 - done0)


class Story:
    """Everything a job's events have told so far."""

    def __init__(self) -> None:
        self.attempt = 0
        self.final: State | None = None
        self.error: JobProblem | None = None
        self.phase: Phase | None = None
        self.has_started = False
        self._step = 0
        self._total_steps = 0
        self._base_s = 0.0
        self._now_s = 0.0
        self._rewinds = False
        self._repeated: set[str] = set()
        self._steps_pace, self._phase_pace = Pace(), Pace()
        self._metrics: dict[str, float] = {}
        self._curves: dict[str, Curve] = {}
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._choices: dict[str, Choice[Any]] = {}
        self._result: dict[str, Any] = {}

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take in one event; one of an unknown type changes nothing."""
        seconds = event.get("s")
        if isinstance(seconds, (int, float)) and event["type"] != "state":
            self._now_s = max(self._now_s, self._base_s + seconds)
        teller = getattr(self, f"_tell_{event['type']}", None)
        if teller is not None:
            teller(event)

    def begin(self, attempt: int) -> None:
        """Turn the page to a new attempt; what earlier ones measured stays."""
        self.attempt, self.final, self.error, self.phase, self.has_started = attempt, None, None, None, False
        self._base_s = self._now_s
        self._rewinds = True
        self._repeated = set()
        self._steps_pace, self._phase_pace = Pace(), Pace()

    def snapshot(self, job: Job, revision: int, resumable: bool, silent_s: float) -> Snapshot:
        """Take the picture."""
        return Snapshot(
            revision=revision,
            job=job,
            state=job.state,
            phase=self.phase,
            step=self._step,
            total_steps=self._total_steps,
            epoch=self._metrics.get("epoch"),
            metrics=dict(self._metrics),
            eta_s=self._eta_s() if job.is_active else None,
            elapsed_s=self._now_s,
            tokens_per_s=self._metrics.get("tokens_per_s"),
            error=job.error,
            resumable=resumable,
            silent_s=silent_s,
            samples=tuple(self._samples),
            log=tuple(self._log),
            history={name: curve.series() for name, curve in self._curves.items()},
            choices=dict(self._choices),
            result=dict(self._result),
        )

    @property
    def step_s(self) -> float:
        """Seconds that an optimizer step of this attempt takes, evaluations between them included; 0 if unknown."""
        return self._steps_pace.each_s() or 0.0

    def _eta_s(self) -> float | None:
        if self._total_steps:
            return self._steps_pace.left_s(self._total_steps)
        return self._phase_pace.left_s(self.phase.total) if self.phase else None

    def _curve(self, name: str) -> Curve:
        return self._curves.setdefault(name, Curve())

    def _tell_state(self, event: Mapping[str, Any]) -> None:
        if event.get("state") == "running":
            self.begin(int(event.get("attempt", self.attempt + 1)))
            self.has_started = True
        else:
            self.final = event["state"]

    def _tell_error(self, event: Mapping[str, Any]) -> None:
        self.error = JobProblem(str(event.get("message", "")), str(event.get("hint", "")))

    def _tell_phase(self, event: Mapping[str, Any]) -> None:
        phase = Phase(str(event["name"]), _number(event.get("done", 0)), _number(event.get("total", 0)))
        if self.phase is None or phase.name != self.phase.name:
            self._phase_pace = Pace()
        self.phase = phase
        self._phase_pace.mark(phase.done, self._now_s)
        if phase.name == TRAINING_PHASE:
            # A worker whose memory ran out goes back to a checkpoint by itself.
            if self._rewinds or phase.done < self._step:
                self._rewind(int(phase.done))
                self._repeated = set()
            self._total_steps = int(phase.total)
            self._steps_pace.mark(phase.done, self._now_s)

    def _tell_metric(self, event: Mapping[str, Any]) -> None:
        step = int(event["step"])
        if self._rewinds:
            self._rewind(step)
        self._step = max(self._step, step)
        self._steps_pace.mark(self._step, self._now_s)
        for name, value in event.items():
            if name in ("t", "s", "type", "step"):
                continue
            number = _number(value)
            self._metrics[name] = number
            if name == "total_steps":
                self._total_steps = int(number)
                continue
            curve = self._curve(name)
            if name not in self._repeated:
                # this attempt's first word on it replaces what the last one said of the same step
                self._repeated.add(name)
                curve.cut(step)
            curve.add(step, self._now_s, number)

    def _rewind(self, step: int) -> None:
        """Continue from a checkpoint at ``step``: what came after it in the attempt before never happened."""
        self._rewinds = False
        self._step = step
        for name, curve in self._curves.items():
            if name not in MACHINE_CURVES:
                curve.cut(step + 1)
        self._samples = deque((sample for sample in self._samples if sample.step <= step), maxlen=SAMPLES)

    def _tell_sample(self, event: Mapping[str, Any]) -> None:
        sample = Sample(int(event["step"]), str(event["prompt"]), str(event["answer"]))
        # a resumed run asks again at its checkpoint
        older = (each for each in self._samples if (each.step, each.prompt) != (sample.step, sample.prompt))
        self._samples = deque((*older, sample), maxlen=SAMPLES)

    def _tell_choice(self, event: Mapping[str, Any]) -> None:
        self._choices[str(event["name"])] = Choice(event.get("value"), str(event.get("reason", "")))

    def _tell_log(self, event: Mapping[str, Any]) -> None:
        self._log.append(f"{str(event.get('t', ''))[11:19]}  {event.get('text', '')}")

    def _tell_result(self, event: Mapping[str, Any]) -> None:
        values = event.get("values")
        if isinstance(values, dict):
            self._result |= values

    def _tell_gpu(self, event: Mapping[str, Any]) -> None:
        for name in MACHINE_CURVES:
            value = event.get(name)
            if isinstance(value, (int, float)):
                self._curve(name).add(self._step, self._now_s, float(value))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
