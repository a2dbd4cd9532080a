"""Loads transformers and PEFT without what they load on the chance that somebody needs it.

    with spared(UNUSED): import transformers, peft

Both look on import whether other libraries are installed and load those they find: scikit-learn for one metric, torchao,
datasets and torchvision for what this app does not do, bitsandbytes for weights that are not quantised. On two CPU cores
this took 4 of 10 seconds of processor time, and nobody waits gladly for a first step. It does not know: models, plans.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

UNUSED = ("sklearn", "scipy", "pandas", "datasets", "torchao", "torchvision", "tensorflow")
QUANTISATION = "bitsandbytes"


@contextmanager
def spared(names: Sequence[str]) -> Iterator[None]:
    """Let these packages look as if they were not installed, unless they are loaded already.

    Python takes None in ``sys.modules`` for "there is no such module", both in an import and in ``find_spec``.

    Args:
        names: Top-level packages.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def load_libraries(quantised: bool) -> None:
    """Load transformers and PEFT, and what the loop takes from them.

    Args:
        quantised: Whether the base weights are 4-bit or 8-bit, which takes bitsandbytes.
    """
    with spared(UNUSED if quantised else (*UNUSED, QUANTISATION)):
        import peft  # noqa: F401, PLC0415
        from transformers import (  # noqa: F401, PLC0415
            AutoModelForCausalLM,
            BitsAndBytesConfig,
            Trainer,
            TrainingArguments,
        )
