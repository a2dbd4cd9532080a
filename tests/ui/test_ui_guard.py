"""Every answer of the server tells the browser to fetch nothing from anywhere else; that it obeys is tested in Chromium."""

from __future__ import annotations

import httpx
import pytest

from medft_ui.guard import POLICY


@pytest.mark.parametrize("path", ["", "config", "gradio_api/file=/etc/passwd", "nowhere"])
def test_every_answer_carries_the_policy(address: str, path: str) -> None:
    answer = httpx.get(f"{address.rstrip('/')}/{path}")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "img-src 'self' data: blob:" in POLICY
