"""The front door: settings → studio → page → server. ``python app.py --help`` lists the options."""

from __future__ import annotations

import logging
import sys

from core.errors import MedftError
from core.settings import from_command_line
from medft_ui.launch import launch, prepare


def main() -> int:
    """Open the studio and serve the page until it is stopped."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    settings = from_command_line()
    try:
        prepare(settings)
        # gradio takes seconds to import and reads what prepare has set
        from core.studio import Studio  # noqa: PLC0415
        from medft_ui.app import build_app  # noqa: PLC0415

        studio = Studio(settings)
        studio.open()
        try:
            launch(build_app(studio), settings)
        finally:
            studio.close()
    except MedftError as error:
        logging.error("%s\n%s", error.message, error.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
