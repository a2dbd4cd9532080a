"""Work in several processes: in order, and a killed process is told, not waited for."""

from __future__ import annotations

import os

import pytest

from core.dataset.crew import Crew
from core.errors import ResourceError


@pytest.mark.parametrize("processes", [1, 2])
def test_answers_come_in_order(processes: int) -> None:
    with Crew(processes) as crew:
        assert list(crew.map(abs, range(-30, 0))) == list(range(30, 0, -1))
        assert list(crew.map(abs, [-1])) == [1]
        assert list(crew.map(abs, [])) == []


def test_a_killed_process_is_told() -> None:
    with Crew(2) as crew, pytest.raises(ResourceError, match="memory ran out"):
        list(crew.map(os._exit, [9] * 8))


def test_an_error_in_a_piece_is_raised() -> None:
    with Crew(2) as crew, pytest.raises(ZeroDivisionError):
        list(crew.map((1).__truediv__, [1, 2, 3, 4, 0, 5]))
