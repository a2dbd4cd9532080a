"""One engine a test process, because Unsloth patches libraries for the whole of it: MEDFT_GPU_ENGINE=unsloth|transformers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ENGINE = os.environ.get("MEDFT_GPU_ENGINE", "transformers")


def _has_gpu() -> bool:
    from core.model.device import find_device

    return find_device().kind == "cuda"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    absent = not _has_gpu()
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            # Importing unsloth 2026.10.7 under torch 2.11 raises DeprecationWarnings (torch.jit.script_method), and as
            # errors they end the import half way. What libraries warn of on a GPU is not what these tests look for.
            item.add_marker(pytest.mark.filterwarnings("ignore"))
            if absent:
                item.add_marker(pytest.mark.skip(reason="there is no NVIDIA GPU here"))


@pytest.fixture(scope="session")
def engine():
    """The engine under test, imported before anything else of the process imports transformers."""
    from core.training.engine import engine_named

    chosen = engine_named(ENGINE)
    chosen.prepare()
    return chosen


@pytest.fixture(scope="session")
def base(engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama that GPU kernels accept: heads 64 wide, grouped queries."""
    from tests.tiny_model import write_tiny_llama

    folder = tmp_path_factory.mktemp("llama")
    return write_tiny_llama(
        folder,
        hidden_size=512,
        intermediate_size=1024,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=4,
        dtype="bfloat16",
    )
