"""Who may reach the page, and what it refuses before anything is loaded."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from core.errors import AccessError, ResourceError
from core.settings import REPOSITORY, Settings
from medft_ui.launch import Login, check_access, check_port, options, prepare
from tests.ui.conftest import free_port
from tests.ui.fake_studio import FakeStudio

PUBLIC = ({"host": "0.0.0.0"}, {"share": True}, {"host": "::"})


@pytest.mark.parametrize("reach", PUBLIC)
@pytest.mark.parametrize(
    "login", [{}, {"user": "lee"}, {"user": "lee", "password": "short"}, {"password": "long enough"}]
)
def test_a_public_page_needs_a_login(reach: dict, login: dict) -> None:
    with pytest.raises(AccessError, match="MEDFT_PASSWORD"):
        check_access(Settings(**reach, **login))


@pytest.mark.parametrize("reach", PUBLIC)
def test_a_public_page_with_a_login_is_fine(reach: dict) -> None:
    check_access(Settings(**reach, user="lee", password="long enough"))


def test_loopback_needs_no_login() -> None:
    check_access(Settings())


def test_a_taken_port_is_named_with_another_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ResourceError, match=f"Port {port} .* --port {port + 1}"):
            check_port(Settings(port=port))


def test_a_strange_address_is_refused() -> None:
    with pytest.raises(ResourceError, match=r"cannot listen on 203\.0\.113\.7"):
        check_port(Settings(host="203.0.113.7", port=free_port()))


def test_uploads_are_private_and_start_empty(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    (settings.uploads / "left").mkdir()
    (settings.uploads / "left" / "behind.csv").write_text("old")
    prepare(replace(settings, port=free_port()))
    assert os.environ["GRADIO_TEMP_DIR"] == str(settings.uploads)
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert list(settings.uploads.iterdir()) == []
    assert settings.uploads.stat().st_mode & 0o077 == 0


def test_every_option_that_could_leak_is_closed(settings: Settings) -> None:
    chosen = options(settings)
    off = ("share", "enable_monitoring", "mcp_server", "run_history", "show_error", "ssr_mode", "pwa")
    assert {name: chosen[name] for name in off} == dict.fromkeys(off, False)
    assert chosen["strict_cors"] is True and chosen["allowed_paths"] == [] and chosen["footer_links"] == []
    assert chosen["auth"] is None
    for folder in (settings.datasets, settings.runs, settings.models, settings.database):
        assert str(folder) in chosen["blocked_paths"]


def test_who_guesses_has_to_wait_longer_and_longer() -> None:
    waits: list[float] = []
    now = [100.0]

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    async def tries() -> list[bool]:
        login = Login(Settings(user="lee", password="long enough"), clock=lambda: now[0], sleep=sleep)
        answers = [await login.check("lee", f"guess {at}") for at in range(9)]
        return [
            *answers,
            await login.check("lee", "long enough"),
            await login.check("Lee", "long enough"),
            await login.check("lee", "long enough"),
        ]

    # in a thread of its own: browser tests of the same session leave a running loop in this one
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(lambda: asyncio.run(tries())).result() == [False] * 9 + [True, False, True]
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 20, 20, 0, 0]


@pytest.mark.thorough
def test_a_page_with_a_login_lets_nobody_else_in(studio: FakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    from medft_ui.app import build_app
    from medft_ui.launch import launch

    settings = replace(studio.settings, port=free_port(), user="lee", password="long enough")
    monkeypatch.setenv("GRADIO_TEMP_DIR", "")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "")
    prepare(settings)
    demo = build_app(studio)
    address = launch(demo, settings, block=False)
    try:
        with httpx.Client(base_url=address) as visitor:
            assert visitor.get("gradio_api/info").status_code == 401
            secret = studio.settings.datasets / "sample" / "train.jsonl"
            assert visitor.get(f"gradio_api/file={secret}").status_code == 401
            assert visitor.post("login", data={"username": "lee", "password": "wrong"}).status_code == 400
            assert visitor.post("login", data={"username": "lee", "password": "long enough"}).status_code == 200
            assert visitor.get("gradio_api/info").status_code == 200
            assert visitor.get(f"gradio_api/file={secret}").status_code == 403, "data folders stay closed to everybody"
    finally:
        demo.close()


def run_app(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDFT_")}
    command = [sys.executable, "app.py", "--home", str(home), *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_front_door_says_what_is_wrong_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = run_app("--host", "0.0.0.0", home=tmp_path / "home")
    assert done.returncode == 1 and "MEDFT_USER" in done.stderr and "Traceback" not in done.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_app("--port", str(taken.getsockname()[1]), home=tmp_path / "home")
    assert done.returncode == 1 and "already in use" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()
