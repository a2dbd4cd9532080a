"""A Hub of our own on this machine, for tests: it serves models from folders as the real one does, as far as we ask."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SHA = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Models by id.

    Attributes:
        models: The folder that each id serves.
        gated: Ids that ask for a token.
        cut: Files by name that break off after so many bytes, once.
        asked: (method, path) of every request.
    """

    def __init__(self) -> None:
        self.models: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.cut: dict[str, int] = {}
        self.asked: list[tuple[str, str]] = []
        self.address = ""

    def sent(self, name: str) -> int:
        """How often a file's content was asked for."""
        return sum(method == "GET" and path.endswith(f"/{name}") for method, path in self.asked)


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def do_HEAD(self) -> None:
        self._serve(with_body=False)

    def do_GET(self) -> None:
        self._serve(with_body=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _serve(self, *, with_body: bool) -> None:
        path = self.path.split("?")[0]
        self.hub.asked.append((self.command, path))
        for model, folder in self.hub.models.items():
            if path in (f"/api/models/{model}", f"/api/models/{model}/revision/main"):
                return self._json(self._info(model, folder))
            if path == f"/api/models/{model}/tree/{SHA}":
                return self._json(
                    [{"type": "file", "path": name, "size": size, "oid": "0" * 40} for name, size in _files(folder)]
                )
            if path.startswith(f"/{model}/resolve/{SHA}/"):
                return self._file(model, folder / path.rsplit("/", 1)[1], with_body=with_body)
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _info(self, model: str, folder: Path) -> dict[str, Any]:
        files = [{"rfilename": name, "size": size, "blobId": "0" * 40} for name, size in _files(folder)]
        return {
            "id": model,
            "modelId": model,
            "sha": SHA,
            "gated": "manual" if model in self.hub.gated else False,
            "siblings": files,
        }

    def _json(self, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _file(self, model: str, path: Path, *, with_body: bool) -> None:
        if model in self.hub.gated and "good-token" not in self.headers.get("Authorization", ""):
            self.send_response(403)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = path.read_bytes()
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0]) if with_body else 0
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", SHA)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if with_body:
            end = self.hub.cut.pop(path.name, len(body))
            self.wfile.write(body[start:end])
            if end < len(body):
                self.close_connection = True


def _files(folder: Path) -> list[tuple[str, int]]:
    return [(path.name, path.stat().st_size) for path in sorted(folder.iterdir())]


@contextmanager
def serving() -> Iterator[FakeHub]:
    """Run a Hub on a free port."""
    hub = FakeHub()
    handler = type("Handler", (_Handler,), {"hub": hub, "protocol_version": "HTTP/1.1"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
