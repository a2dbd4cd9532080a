from __future__ import annotations

import logging
from collections.abc import Iterator

import gradio as gr
import pytest

from core.errors import UploadError
from medft_ui.errors import shown


@shown
def refuses() -> None:
    raise UploadError("The file <x> is empty.", "Choose another.")


@shown
def breaks(secret: str) -> None:
    raise ValueError(secret)


@shown
def streams(count: int) -> Iterator[int]:
    yield from range(count)
    raise UploadError("It ended.", "Begin again.")


def test_what_core_refuses_is_shown_as_it_is_and_escaped() -> None:
    with pytest.raises(gr.Error) as caught:
        refuses()
    assert caught.value.message == "The file &lt;x&gt; is empty. Choose another."
    assert caught.value.print_exception is False


def test_a_bug_keeps_its_place_but_not_its_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "medft"), pytest.raises(gr.Error) as caught:
        breaks("Mr Smith has asthma")
    assert "Smith" not in caught.value.message and "ValueError" in caught.value.message
    assert "Smith" not in caplog.text and "test_ui_errors.py" in caplog.text


def test_a_stream_gives_what_it_has_before_it_fails() -> None:
    seen = []
    with pytest.raises(gr.Error, match="It ended"):
        for item in streams(2):
            seen.append(item)  # noqa: PERF402
    assert seen == [0, 1]
