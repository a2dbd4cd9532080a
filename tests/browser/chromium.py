"""Find a Chromium for the browser tests, or install one: python -m tests.browser.chromium.

Order: MEDFT_CHROMIUM, one on the PATH, Playwright's own, Debian's package (as root).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """Return the path of a Chromium that can be started, or None."""
    chosen = os.environ.get("MEDFT_CHROMIUM")
    if chosen:
        return chosen if Path(chosen).exists() else None
    installed = next((path for name in NAMES if (path := shutil.which(name))), None)
    return installed or _playwrights_own()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _attempt(*command: str) -> bool:
    sys.stdout.write(f"Trying: {' '.join(command)}\n")
    sys.stdout.flush()
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=600, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def main() -> None:
    """Make sure that there is a Chromium, or say what to do."""
    if not find():
        _attempt(sys.executable, "-m", "playwright", "install", "chromium")
    if not find() and shutil.which("apt-get") and os.geteuid() == 0:
        _attempt("apt-get", "update", "-qq")
        _attempt("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    path = find()
    if not path:
        sys.exit(
            "The browser tests need Chromium and none could be installed. Install one (Debian: apt-get install chromium),"
            " or set MEDFT_CHROMIUM to its path, and run the command again."
        )
    sys.stdout.write(f"Browser for the tests: {path}\n")


if __name__ == "__main__":
    main()
