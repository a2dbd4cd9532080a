from __future__ import annotations

from dataclasses import replace

import pytest

from core.jobs.snapshot import Snapshot
from medft_ui import sidebar
from tests.ui.fake_studio import CPU, snapshot


@pytest.mark.parametrize(
    ("busy", "picture", "says"),
    [
        (3.0, Snapshot(1), "5.4 GiB of 23.4 GiB used · idle"),
        (None, Snapshot(1), "5.4 GiB of 23.4 GiB used · idle"),
        (100.0, Snapshot(1), "5.4 GiB of 23.4 GiB used · 100 % busy"),
        (3.0, snapshot("running"), "5.4 GiB of 23.4 GiB used · 3 % busy"),
    ],
)
def test_a_machine_is_idle_or_busy_and_never_both(busy: float | None, picture: Snapshot, says: str) -> None:
    tiles = sidebar.updates(picture, replace(CPU, utilisation_percent=busy), None)[0]
    assert says in tiles.replace("<span>", "").replace("</span>", "")
    assert ("idle" in tiles) != ("busy" in tiles)
