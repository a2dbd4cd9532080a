"""Every launch and security option in one place: settings + page → a server that is up.

    prepare(settings)            before gradio is imported: folders, private temporary folder, no analytics
    launch(build_app(studio), settings)

It does not know: what is on the page.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import shutil
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import AccessError, ResourceError
from core.settings import Settings
from medft_ui import text

if TYPE_CHECKING:
    import gradio as gr

LOG = logging.getLogger("medft")
MIN_PASSWORD = 8
MAX_UPLOAD = "2gb"  # what core reads as a stream; more than that comes as a ZIP
FREE_TRIES, LONGEST_WAIT_S = 3, 20.0


def prepare(settings: Settings) -> None:
    """Check that the settings are safe, and set what gradio reads from the environment when it is imported.

    Raises:
        AccessError: if somebody else could reach the page without a login.
        ResourceError: if the port is taken or the address is not this machine's.
    """
    check_access(settings)
    check_port(settings)
    settings.make_folders()
    # Whoever is logged in and knows its address can read an upload: so the folder is ours alone, and starts empty.
    for left in settings.uploads.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    os.environ["GRADIO_TEMP_DIR"] = str(settings.uploads)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def check_access(settings: Settings) -> None:
    """Refuse a page that others can reach without a login.

    Raises:
        AccessError: if the host is not loopback, or a public link is asked for, without user and password.
    """
    if settings.is_public and not (settings.has_login and len(settings.password) >= MIN_PASSWORD):
        raise AccessError(text.Errors.NO_LOGIN, text.Errors.NO_LOGIN_HINT)


def check_port(settings: Settings) -> None:
    """Try the port before anything is loaded.

    Raises:
        ResourceError: if it is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno in (98, 48, 10048, 13, 10013):  # in use, or reserved, on Linux, macOS and Windows
                hint = text.Errors.PORT_TAKEN_HINT.format(other=settings.port + 1)
                raise ResourceError(
                    text.Errors.PORT_TAKEN.format(port=settings.port, host=settings.host), hint
                ) from error
            raise ResourceError(text.Errors.BAD_HOST.format(host=settings.host), text.Errors.BAD_HOST_HINT) from error


@dataclass
class Login:
    """Checks a name and a password, and makes who guesses wait: gradio itself lets 30 tries a second through.

    Args:
        settings: Holds the user and the password.
        clock: Seconds, monotonic.
        sleep: Waits without holding the server.
    """

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _wrong: int = 0
    _open_at: float = 0.0
    _gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, user: str, password: str) -> bool:
        """Answer whether they are right; the wait doubles with each wrong try after the first three."""
        async with self._gate:
            await self.sleep(max(0.0, self._open_at - self.clock()))
            known = hmac.compare_digest(user.encode(), self.settings.user.encode())
            right = hmac.compare_digest(password.encode(), self.settings.password.encode())
            if known and right:
                self._wrong = 0
                return True
            self._wrong += 1
            if self._wrong >= FREE_TRIES:
                LOG.warning("Login: %d wrong tries in a row", self._wrong)
                self._open_at = self.clock() + min(LONGEST_WAIT_S, 2.0 ** (self._wrong - FREE_TRIES))
            return False


def options(settings: Settings) -> dict[str, Any]:
    """What is handed to gradio's ``launch``."""
    # theme and charts import gradio, which may only happen once prepare has set its environment
    from gradio.routes import BUILD_PATH_LIB  # noqa: PLC0415
    from starlette.middleware import Middleware  # noqa: PLC0415

    from medft_ui.assets import Assets  # noqa: PLC0415
    from medft_ui.charts import plotly_script  # noqa: PLC0415
    from medft_ui.guard import Guard  # noqa: PLC0415
    from medft_ui.theme import stylesheet, theme  # noqa: PLC0415

    # relative, so that it also works behind a proxy that serves the app under a path (Colab, a Space)
    # fetched by the first chart that is drawn (plotly_library.js): 4.7 MB that would keep the page from standing
    head = f'<meta name="plotly" content="gradio_api/file={plotly_script()}">'
    return {
        "server_name": settings.host,
        "server_port": settings.port,
        "share": settings.share,  # None would become True by itself on Colab
        "inbrowser": settings.open_browser,
        # a real coroutine function: gradio would take the coroutine of a callable object for a yes, and let everybody in
        "auth": Login(settings).check if settings.has_login else None,
        "auth_message": text.App.LOGIN,
        "max_file_size": MAX_UPLOAD,
        "allowed_paths": [],
        "blocked_paths": [
            str(path)
            for path in (settings.datasets, settings.runs, settings.models, settings.adapters, settings.database)
        ],
        "strict_cors": True,
        "enable_monitoring": False,
        "mcp_server": False,  # it ignores auth
        "run_history": False,  # it keeps inputs and outputs in the browser
        "show_error": False,
        "ssr_mode": False,
        "pwa": False,
        "footer_links": [],
        "quiet": True,
        "app_kwargs": {"middleware": [Middleware(Guard), Middleware(Assets, folder=Path(BUILD_PATH_LIB))]},
        "theme": theme(),
        "css": stylesheet(),
        "head": head,
    }


def launch(demo: gr.Blocks, settings: Settings, block: bool = True) -> str:
    """Start the server.

    Args:
        demo: The page.
        settings: Where to listen, and who may log in.
        block: Whether to stay until the server is stopped.

    Returns:
        The page's address.
    """
    import gradio as gr  # noqa: PLC0415

    from medft_ui.charts import plotly_script  # noqa: PLC0415

    gr.set_static_paths([plotly_script()])
    _, address, public = demo.launch(prevent_thread_lock=True, **options(settings))
    LOG.info(text.App.READY.format(address=public or address))
    if block:
        demo.block_thread()
    return address
