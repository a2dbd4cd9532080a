"""The page's scripts and styles: the same bytes as on the disk, packed for who takes that, kept by the browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from gradio.routes import BUILD_PATH_LIB
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from medft_ui.assets import Assets

SCRIPT = "export const words = " + repr("grüße " * 400)


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., httpx.Response]:
    """Asks an app that has a folder of assets, and answers everything else itself."""
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "Index-a1.js").write_text(SCRIPT, encoding="utf-8")
    (folder / "face-b2.woff2").write_bytes(b"\x00\x01")
    (tmp_path / "secret.js").write_text("not for you")
    beyond = Route("/{path:path}", lambda request: PlainTextResponse("the app"), methods=["GET", "POST"])
    app = Starlette(routes=[beyond], middleware=[Middleware(Assets, folder=folder)])

    async def answer(method: str, path: str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://here") as visitor:
            return await visitor.request(method, path, headers=headers)

    return lambda path, takes="identity", method="GET": asyncio.run(answer(method, path, **{"accept-encoding": takes}))


def test_a_script_comes_packed_to_who_can_unpack_it(ask: Callable[..., httpx.Response]) -> None:
    packed = ask("/assets/Index-a1.js", "gzip, br")
    plain = ask("/assets/Index-a1.js")
    assert packed.text == plain.text == SCRIPT
    assert packed.headers["content-encoding"] == "br" and "content-encoding" not in plain.headers
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 10
    for answer in (packed, plain):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"] and answer.headers["vary"] == "accept-encoding"


def test_what_is_packed_already_is_left_as_it_is(ask: Callable[..., httpx.Response]) -> None:
    face = ask("/assets/face-b2.woff2", "br")
    assert face.content == b"\x00\x01" and "content-encoding" not in face.headers


@pytest.mark.parametrize(
    "path",
    ["/assets/none.js", "/assets/", "/assets/../secret.js", "/assets/%2e%2e/secret.js", "/assets/..%2Fsecret.js"],
)
def test_nothing_but_the_folder_is_served(ask: Callable[..., httpx.Response], path: str) -> None:
    assert ask(path).text == "the app"
    assert ask("/assets/Index-a1.js", method="POST").text == "the app"


def test_the_page_is_served_so(address: str) -> None:
    script = next(Path(BUILD_PATH_LIB).glob("Blocks-*.js"))
    with httpx.Client(base_url=address) as anyone:
        answer = anyone.get(f"assets/{script.name}", headers={"accept-encoding": "identity"})
        assert answer.content == script.read_bytes() and "immutable" in answer.headers["cache-control"]
        assert "window.gradio_config" in anyone.get("").text
