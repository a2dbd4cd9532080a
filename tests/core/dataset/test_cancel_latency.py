"""A large build that is cancelled is over soon, in whatever stage, and leaves nothing: the way of the page, real rows."""

from __future__ import annotations

import pytest

from core.dataset.clean import CleanOptions
from core.dataset.screening import STARTING_NAMES
from tests.benchmarks.bench_cancel import Build, rows_file

# Measured: docs/dataset-speed.md. Far more is allowed here, because a machine may be busy with other things.
MOST_S = 15


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_large_build_is_cancelled_in_every_stage() -> None:
    with rows_file(4_000) as (folder, intake):
        build = Build(folder / "home", intake, CleanOptions().without("names"))
        whole = build.whole()
        stages = list(whole.began)
        assert {"Repairing texts", "Near duplicates", "Identifiers by pattern", "Writing"} <= set(stages)
        assert max(whole.longest_s.values()) < MOST_S
        for stage in stages:
            seconds, ended = build.cancelled(stage)
            assert ended.state == "stopped" and seconds < MOST_S, stage


@pytest.mark.slow
def test_loading_the_language_model_does_not_hold_up_a_cancel() -> None:
    with rows_file(40) as (folder, intake):
        build = Build(folder / "home", intake, CleanOptions())
        seconds, ended = build.cancelled(STARTING_NAMES, after_s=0.3)
        assert seconds < MOST_S and ended.state in ("stopped", "finished")
