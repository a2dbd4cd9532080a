"""Makes the default model ready before the app starts: python -m core.model.prepare [MODELS_DIR].

`make run` and `make test` call it. It prints where the model is and why it came from there; exit code 1 if there is none.
It does not know: how a model is found (resolve.py).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import MedftError
from core.model.resolve import prepare_default
from core.progress import SilentProgress
from core.settings import from_command_line


class _TerminalProgress(SilentProgress):
    """Prints a line when the phase changes."""

    def __init__(self) -> None:
        self.last = ""

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        """Print a phase once."""
        if name != self.last:
            self.last = name
            sys.stdout.write(f"{name} …\n")
            sys.stdout.flush()

    def log(self, text: str) -> None:
        """Print a line."""
        sys.stdout.write(f"{text}\n")


def main(arguments: Sequence[str]) -> int:
    """Prepare the default model in a folder (default: the app's own models folder)."""
    models_dir = Path(arguments[0]) if arguments else from_command_line([]).models
    try:
        model = prepare_default(models_dir, _TerminalProgress())
    except MedftError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{model.id}: {model.folder}\n{model.source.reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
