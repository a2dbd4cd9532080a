"""A run's progress in words, the same in the sidebar and on the Monitor.

It does not know: components, HTML.
"""

from __future__ import annotations

from core.jobs.job import Job
from core.jobs.snapshot import TRAINING_PHASE, Snapshot
from medft_ui import text, units
from medft_ui.runs_text import Table

# Within this a forecast counts as right.
RIGHT_SHARE = 0.005


def share_done(snapshot: Snapshot) -> float:
    """How much of the run is done, 0 to 1; below 0 if nobody knows yet."""
    if snapshot.total_steps:
        return snapshot.step / snapshot.total_steps
    if snapshot.job is not None and snapshot.job.kind != "train" and snapshot.phase is not None:
        return -1.0 if snapshot.phase.share is None else snapshot.phase.share
    return -1.0


def state_word(job: Job) -> str:
    """What a job is doing, in a word: training, evaluating, merging, finished."""
    if job.kind != "train" and job.state in text.OTHER_STATES:
        return (
            text.WORKING.get(job.kind, text.OTHER_STATES["running"])
            if job.state == "running"
            else text.OTHER_STATES[job.state]
        )
    return text.STATES[job.state][0]


def phase_words(snapshot: Snapshot) -> str:
    """What is going on now, and how far that is: evaluating 40 %. Training itself is told by its steps."""
    phase = snapshot.phase
    if phase is None:
        return text.STATES["starting"][0]
    if phase.share is None or phase.name == TRAINING_PHASE:
        return phase.name
    return f"{phase.name} {units.percent(phase.share)}"


def step_words(snapshot: Snapshot) -> list[str]:
    """Steps done, and how long it will take."""
    words = []
    if snapshot.total_steps:
        step, total = units.count(snapshot.step), units.count(snapshot.total_steps)
        words.append(text.Sidebar.STEP.format(step=step, total=total))
    # until the whole run would be done: of no use once it is stopping
    if snapshot.eta_s is not None and snapshot.state != "stopping":
        words.append(text.Sidebar.LEFT.format(time=units.duration(snapshot.eta_s)))
    return words


def error_words(share: float) -> str:
    """How a forecast was, by its error as a share of what was measured: 5 % too low, right."""
    if abs(share) < RIGHT_SHARE:
        return Table.RIGHT
    return (Table.TOO_MUCH if share > 0 else Table.TOO_LITTLE).format(error=units.percent(abs(share)))


def silence_words(snapshot: Snapshot) -> str:
    """That the process has not been heard of for too long; empty if it has."""
    if not snapshot.silent_s:
        return ""
    return text.Sidebar.SILENT.format(time=units.duration(snapshot.silent_s))
