"""Where the app keeps its files and how it is reached; from the environment and the command line.

It does not know: what is in those files.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ResourceError

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLE_DATA = REPOSITORY / "data"
RUNS = "runs"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is fixed when the app starts.

    Args:
        home: The folder the app writes to (MEDFT_HOME).
        host: The address to listen on (MEDFT_HOST, --host).
        port: The port to listen on, 1 to 65535 (MEDFT_PORT, --port).
        share: Whether to ask Gradio for a public link (--share). Needs a user and a password.
        user: Login name (MEDFT_USER); empty for no login.
        password: Login password (MEDFT_PASSWORD); empty for no login. Never printed.
        open_browser: Whether to open the page in a browser once it is up (--open).
    """

    home: Path = SAMPLE_DATA
    host: str = "127.0.0.1"
    port: int = 7860
    share: bool = False
    user: str = ""
    password: str = ""
    open_browser: bool = False

    def __repr__(self) -> str:
        return f"Settings(home={self.home}, host={self.host}, port={self.port}, share={self.share}, login={self.has_login})"

    @property
    def has_login(self) -> bool:
        """Whether visitors must log in."""
        return bool(self.user and self.password)

    @property
    def is_public(self) -> bool:
        """Whether somebody on another machine could reach the page."""
        return self.share or self.host not in LOOPBACK

    @property
    def datasets(self) -> Path:
        """One folder a data set."""
        return self.home / "datasets"

    @property
    def runs(self) -> Path:
        """One folder a training run."""
        return self.home / RUNS

    @property
    def models(self) -> Path:
        """Base models kept on disk."""
        return self.home / "models"

    @property
    def adapters(self) -> Path:
        """One folder an adapter that somebody has uploaded."""
        return self.home / "adapters"

    @property
    def uploads(self) -> Path:
        """Where uploads lie until they are read; emptied at start."""
        return self.home / "uploads"

    @property
    def database(self) -> Path:
        """Reviews and accounts (SQLite)."""
        return self.home / "medft.sqlite3"

    def make_folders(self) -> None:
        """Create the folders the app writes to, readable by this user only.

        Raises:
            ResourceError: if nothing can be written there.
        """
        folders, why = (self.datasets, self.runs, self.models, self.adapters, self.uploads), "it is read-only"
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            refused = not all(os.access(folder, os.W_OK) for folder in (self.home, *folders))
        except OSError as error:
            refused, why = True, str(error.strerror)
        if refused:
            raise ResourceError(
                f"The app cannot write to its folder {self.home}: {why}.",
                "Name another folder with --home or MEDFT_HOME, or give this user the right to write there.",
            )


def from_command_line(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read flags first, then the environment, then the defaults.

    Args:
        arguments: Command line without the program's name; None reads ``sys.argv``.
        environment: Variables; see the README's table of settings.
    """
    parser = argparse.ArgumentParser(
        prog="app.py", description="MedFT Studio: teach a language model medicine, honestly."
    )
    parser.add_argument("--host", default=environment.get("MEDFT_HOST", "127.0.0.1"), help="address to listen on")
    parser.add_argument(
        "--port", type=int, default=int(environment.get("MEDFT_PORT", "7860")), help="port to listen on"
    )
    parser.add_argument(
        "--home", type=Path, default=Path(environment.get("MEDFT_HOME", SAMPLE_DATA)), help="folder to write to"
    )
    parser.add_argument(
        "--share", action="store_true", help="ask for a public link (needs MEDFT_USER and MEDFT_PASSWORD)"
    )
    parser.add_argument("--open", action="store_true", dest="open_browser", help="open the page in a browser")
    options = parser.parse_args(arguments)
    return Settings(
        home=options.home.expanduser().resolve(),
        host=options.host,
        port=options.port,
        share=options.share,
        user=environment.get("MEDFT_USER", ""),
        password=environment.get("MEDFT_PASSWORD", ""),
        open_browser=options.open_browser,
    )
