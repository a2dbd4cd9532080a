"""The page's scripts and styles from memory, packed once: some 80 files that would else be read and packed at each visit.

    FastAPI(middleware=[Middleware(Assets, folder=…)])

Gradio 6.31 packs each file anew for each visitor, in the process that also answers the page's first events. A file's
name holds a hash of what is in it, so that a browser may keep it. It does not know: what is on the page.
"""

from __future__ import annotations

import mimetypes
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import brotli
from starlette.datastructures import Headers
from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/assets/"
PACKED = (".js", ".css")
QUALITY = 5
# a year, the longest that is customary
KEEP = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}


class Assets:
    """Answers for what lies in one folder; everything else goes on to the app.

    Args:
        app: What answers otherwise.
        folder: Where the files lie; those below it are not served from here.
    """

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app, self.folder = app, folder
        self._bodies: dict[tuple[str, bool], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file of the folder, or hand on."""
        name = self._name(scope)
        if name is None:
            return await self.app(scope, receive, send)
        packed = name.endswith(PACKED) and "br" in Headers(scope=scope).get("accept-encoding", "")
        headers = KEEP | ({"content-encoding": "br"} if packed else {})
        await Response(self._body(name, packed), headers=headers, media_type=_kind(name))(scope, receive, send)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(path.name for path in self.folder.iterdir() if path.is_file())

    def _name(self, scope: Scope) -> str | None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        name = path.removeprefix(PREFIX)
        return name if path.startswith(PREFIX) and name in self._names else None

    def _body(self, name: str, packed: bool) -> bytes:
        if (name, packed) not in self._bodies:
            body = (self.folder / name).read_bytes()
            self._bodies[name, packed] = brotli.compress(body, quality=QUALITY) if packed else body
        return self._bodies[name, packed]


def _kind(name: str) -> str:
    # by hand: some Windows machines call a script plain text, which a browser refuses to run as a module
    known = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
    return known or "application/octet-stream"
