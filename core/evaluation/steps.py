"""How far a run was trained, and which of its steps the adapter holds; for the scorecard, the audit and the model card.

    steps_of(run_dir).sentence  → "Trained for 8 of 24 planned steps; the adapter holds step 8."

It does not know: why a run ended where it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.jobs.events import read_events


@dataclass(frozen=True, slots=True)
class Steps:
    """Optimizer steps of a run.

    Args:
        done: How many it has made; 0 if none is known.
        planned: How many it was to make; 0 if that is not known.
        adapter: The step whose weights go home; None if the run did not come to say it.
    """

    done: int
    planned: int
    adapter: int | None = None

    @property
    def is_short(self) -> bool:
        """Whether it ended before its plan did, by a stop, a crash or early stopping."""
        return self.done < self.planned

    @property
    def sentence(self) -> str:
        """All of it in words; empty if nothing is known."""
        if not self.done or not self.planned:
            return ""
        held = f"; the adapter holds step {self.adapter:,}" if self.adapter is not None else ""
        return f"Trained for {self.done:,} of {self.planned:,} planned steps{held}."


def steps_of(run_dir: Path, planned: int = 0) -> Steps:
    """Read what the run has said last; after a resume, what was lost does not count.

    Args:
        run_dir: The run's folder.
        planned: The plan's steps, for a run that ended without a word.
    """
    found = Steps(0, planned)
    for event in read_events(run_dir):
        if event["type"] == "result" and "adapter_step" in event["values"]:
            said = event["values"]
            found = Steps(int(said["step"]), int(said["total_steps"]), said["adapter_step"])
        elif event["type"] == "metric" and event["step"] > 0:
            found = Steps(int(event["step"]), found.planned)
    return found
