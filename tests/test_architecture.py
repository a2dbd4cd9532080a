"""The house rules that a reader relies on: arrows point one way, rooms stay light, modules stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
ROOMS = ("dataset", "model", "training", "jobs", "inference", "evaluation", "export")
FOUNDATION = ("errors", "records", "progress", "settings", "config")
ABOVE = ("studio", "demo")
HEAVY = ("torch", "transformers", "peft", "unsloth", "trl", "bitsandbytes", "accelerate")
SOURCES = sorted(path for folder in ("core", "medft_ui") for path in (REPOSITORY / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    """Turn core/jobs/__init__.py into core.jobs."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the arrows; write them in full"
            yield node.module or ""
            if node.module == "core":
                yield from (f"core.{alias.name}" for alias in node.names)


def level(module: str) -> int:
    """How high a core module stands; -1 outside core."""
    parts = module.split(".")
    if parts[0] != "core":
        return -1
    place = parts[1] if len(parts) > 1 else ""
    if place in ROOMS:
        return 1 + ROOMS.index(place)
    if place in ABOVE:
        return 100 + ABOVE.index(place)
    assert place in ("", *FOUNDATION), f"{module} has no place in the house: put it into a room"
    return 0


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_arrows_point_one_way(path: Path) -> None:
    here = module_name(path)
    for target in imports(path):
        root = target.split(".")[0]
        if here.startswith("core"):
            assert root not in ("gradio", "plotly", "medft_ui"), f"{here} imports {target}: core knows no screens"
            assert level(target) <= level(here), f"{here} imports {target}: arrows inside core point down"
        else:
            assert root not in HEAVY, f"{here} imports {target}: screens never load a model library"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_modules_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 600, f"{path.name} has {lines} lines: is it one room, or two?"
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} says nothing about itself"


@pytest.mark.thorough
def test_importing_core_loads_no_heavy_library() -> None:
    modules = [
        module_name(path) for path in SOURCES if module_name(path).startswith("core") and path.name != "__main__.py"
    ]
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(*[name for name in {(*HEAVY, 'gradio', 'plotly', 'datasets', 'spacy', 'lm_eval', 'pandas')!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], f"importing core loads {done.stdout}"


@pytest.mark.thorough
def test_the_app_loads_no_model_library() -> None:
    code = f"import sys, app, medft_ui.app\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], f"the app loads {done.stdout}"


def test_no_model_runs_code_that_came_with_it() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, (
                    f"{path}: trust_remote_code stays off"
                )
