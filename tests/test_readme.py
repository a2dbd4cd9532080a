"""The README tells the truth: its tables and its tree are compared with the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from core.settings import Settings, from_command_line

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text under a heading, to the next heading of the same level."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def table(text: str) -> list[list[str]]:
    """The cells of the first table, header and rule left out."""
    rows = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_table_of_settings_matches_the_command_line() -> None:
    rows = table(section("Settings"))
    for variable, flag, default, _ in rows:
        name = variable.strip("`") or flag.strip("`")
        if name == "MEDFT_HOME":
            assert from_command_line(["--home", "/tmp/x"], {}).home == Path("/tmp/x")
            assert from_command_line([], {"MEDFT_HOME": "/tmp/y"}).home == Path("/tmp/y")
            assert Settings().home == REPOSITORY / "data" and default == "`data/`"
        elif name == "MEDFT_HOST":
            assert from_command_line(["--host", "h"], {"MEDFT_HOST": "other"}).host == "h"
            assert from_command_line([], {"MEDFT_HOST": "h"}).host == "h" and default == f"`{Settings().host}`"
        elif name == "MEDFT_PORT":
            assert from_command_line(["--port", "1"], {"MEDFT_PORT": "2"}).port == 1
            assert from_command_line([], {"MEDFT_PORT": "2"}).port == 2 and default == f"`{Settings().port}`"
        elif name == "MEDFT_USER":
            assert from_command_line([], {"MEDFT_USER": "a"}).user == "a"
        elif name == "MEDFT_PASSWORD":
            assert from_command_line([], {"MEDFT_PASSWORD": "a"}).password == "a"
        elif name == "--share":
            assert from_command_line(["--share"], {}).share and not from_command_line([], {}).share
        elif name == "--open":
            assert from_command_line(["--open"], {}).open_browser and not from_command_line([], {}).open_browser
        else:
            assert name == "HF_TOKEN", f"the README names a setting that nothing reads: {name}"
    flags = set(re.findall(r'"(--[a-z]+)"', inspect.getsource(from_command_line)))
    assert flags == {row[1].strip("`") for row in rows} - {""}


def test_the_table_of_endpoints_matches_the_page(tmp_path: Path) -> None:
    from medft_ui.app import build_app
    from tests.ui.fake_studio import FakeStudio

    described = {row[0].strip("`"): row[1].strip("`") for row in table(section("API"))}
    endpoints = {
        function.api_name: ", ".join(name for name in inspect.signature(function.fn).parameters if name != "request")
        for function in build_app(FakeStudio(tmp_path / "home")).fns.values()
        if function.api_visibility == "public" and isinstance(function.api_name, str)
    }
    assert described == endpoints


def test_the_tree_names_what_is_there() -> None:
    tree = section("The house").split("```")[1]
    folder = REPOSITORY
    for line in tree.strip().splitlines():
        name = line.split()[0]
        folder = folder if line.startswith(" ") else REPOSITORY
        path = folder / name
        assert path.exists(), f"the README's tree names {path.relative_to(REPOSITORY)}, which is not there"
        if not line.startswith(" ") and name.endswith("/"):
            folder = path
    rooms = {f"{path.name}/" for path in (REPOSITORY / "core").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert rooms == {word for word in re.findall(r"^  (\S+/)", tree, re.MULTILINE)} - {"tabs/"}


def test_the_make_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (REPOSITORY / target).exists(), target
