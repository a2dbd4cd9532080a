"""The page as a graph: what must never be in it, and that no control is left unread."""

from __future__ import annotations

import ast
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.context import get_blocks_context

from core.config import PRESETS, TrainingConfig
from core.errors import ConfigError
from core.jobs.snapshot import Phase
from core.settings import REPOSITORY
from medft_ui import text, train_text
from medft_ui.app import build_app
from medft_ui.lazy import Opened, Told, at_once
from medft_ui.tabs import train_form
from tests.ui.conftest import clear, opened
from tests.ui.fake_studio import FakeStudio, snapshot

TOLD = [field.name for field in dataclasses.fields(Told)]
ENDPOINTS = {
    "upload_dataset",
    "clean_again",
    "list_datasets",
    "dataset_report",
    "resolve_findings",
    "approve_dataset",
    "edit_row",
    "export_dataset",
    "start_training",
    "status",
    "stop_training",
    "resume_training",
    "list_runs",
    "chat",
    "list_chat_models",
    "upload_adapter",
    "export_adapter",
    "start_evaluation",
    "evaluation_result",
    "scorecard",
    "create_review",
    "review_next",
    "submit_rating",
    "review_results",
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeStudio]:
    with opened(tmp_path_factory.mktemp("graph") / "home") as studio:
        yield studio


@pytest.fixture(scope="module")
def demo(studio: FakeStudio) -> gr.Blocks:
    """The page with every screen laid out; nobody changes it."""
    return build_app(studio, at_once)


def functions(demo: gr.Blocks) -> list[Any]:
    return list(demo.fns.values())


def test_nothing_opens_a_connection_for_each_tab(demo: gr.Blocks) -> None:
    assert not [block for block in demo.blocks.values() if isinstance(block, gr.State)]
    assert not [fn for fn in functions(demo) if any(event == "unload" for _, event in fn.targets)]


def test_only_the_named_endpoints_are_public(demo: gr.Blocks) -> None:
    public = {str(fn.api_name) for fn in functions(demo) if fn.api_visibility == "public"}
    assert public >= ENDPOINTS
    assert all(fn.api_visibility == "private" for fn in functions(demo) if str(fn.api_name) not in public)
    assert public - ENDPOINTS == set(), "an event without api_visibility is public"


def test_every_parameter_of_the_api_is_typed(demo: gr.Blocks) -> None:
    for fn in functions(demo):
        if fn.api_visibility == "public":
            assert fn.fn.__annotations__.get("return"), fn.api_name
            parameters = fn.fn.__wrapped__.__code__.co_varnames[: fn.fn.__wrapped__.__code__.co_argcount]
            assert set(parameters) <= set(fn.fn.__annotations__), fn.api_name


def test_every_control_is_labelled(demo: gr.Blocks) -> None:
    kinds = (
        gr.Textbox,
        gr.Number,
        gr.Slider,
        gr.Dropdown,
        gr.Radio,
        gr.Checkbox,
        gr.CheckboxGroup,
        gr.File,
        gr.Chatbot,
    )
    controls = [block for block in demo.blocks.values() if isinstance(block, kinds)]
    assert len(controls) > 50
    assert [type(block).__name__ for block in controls if not block.label] == []


def test_no_control_is_left_unread(demo: gr.Blocks) -> None:
    kinds = (gr.Textbox, gr.Number, gr.Slider, gr.Dropdown, gr.Radio, gr.Checkbox, gr.CheckboxGroup, gr.File)
    read = {block._id for fn in functions(demo) for block in fn.inputs}
    # a list of files to take home is not for filling in
    asked = [block for block in demo.blocks.values() if isinstance(block, kinds) and block.interactive is not False]
    assert [block.label for block in asked if block._id not in read] == []


def test_every_button_does_something(demo: gr.Blocks) -> None:
    sources = {source for fn in functions(demo) for source, event in fn.targets if event == "click"}
    idle = [b.value for b in demo.blocks.values() if type(b) is gr.Button and b._id not in sources]
    assert idle == []


def test_every_setting_has_one_control_and_comes_back() -> None:
    assert sorted(train_form.NAMES) == sorted(field.name for field in dataclasses.fields(TrainingConfig))
    for preset in PRESETS:
        assert train_form.to_config(train_form.to_values(preset.config)) == preset.config


def test_few_controls_stand_before_start() -> None:
    # data set, model, preset, the settings in the open, the run's name
    assert 3 + len(train_form.SIMPLE) + 1 <= 12


def test_an_empty_number_is_named() -> None:
    values = train_form.to_values(TrainingConfig())
    values[train_form.NAMES.index("seed")] = None
    with pytest.raises(ConfigError, match="seed"):
        train_form.to_config(values)


def test_one_timer_serves_the_page(demo: gr.Blocks) -> None:
    timers = [block for block in demo.blocks.values() if isinstance(block, gr.Timer)]
    assert len(timers) == 1
    assert len([fn for fn in functions(demo) if (timers[0]._id, "tick") in fn.targets]) == 1


def test_the_poll_and_its_kind_do_not_wait_in_the_queue(demo: gr.Blocks) -> None:
    ticking = next(fn for fn in functions(demo) if any(event == "tick" for _, event in fn.targets))
    assert ticking.queue is False and ticking.show_progress == "hidden"


def test_no_overlay_can_take_the_clicks(demo: gr.Blocks) -> None:
    """Gradio's overlay lies over every output, and stays after an error."""
    for fn in functions(demo):
        if fn.api_visibility == "private" and fn.show_progress != "hidden":
            drawn_on = fn.show_progress_on or fn.outputs
            assert [type(block) for block in drawn_on] == [gr.HTML], fn.name


def test_the_page_stays_small(studio: FakeStudio) -> None:
    """Gradio builds what stands from the start before anything is seen: what grows here is waited for at each visit."""
    config = build_app(studio).get_config_file()
    assert len(json.dumps(config, default=str)) < 370_000
    assert len(config["components"]) < 385 and len(config["dependencies"]) < 95


def test_opening_the_page_asks_the_server_seldom(studio: FakeStudio) -> None:
    """Each answer is worked into the page before it hears the first click: the poll, and what shows a data set."""
    page = build_app(studio)
    at_load = [fn for fn in functions(page) if fn.fn and "load" in [event for _, event in fn.targets]]
    assert [fn.name for fn in at_load] == ["unpack"]
    kept = next(b for b in page.blocks.values() if isinstance(b, gr.Dropdown) and b.label == text.Data.SET)
    assert len([fn for fn in functions(page) if (kept._id, "change") in fn.targets]) == 1


def listener(demo: gr.Blocks, told: str) -> Callable[..., Any]:
    """What a screen does when the poll moves a hidden field."""
    (field,) = [b._id for b in demo.blocks.values() if isinstance(b, gr.Textbox) and b.label == told]
    (fn,) = [fn.fn for fn in functions(demo) if (field, "change") in fn.targets]
    return fn


def test_train_follows_what_is_wanted_and_leaves_what_is_being_picked(demo: gr.Blocks) -> None:
    moved = listener(demo, "datasets")
    assert "value" not in moved("sample", "sample")
    assert moved("sample", None)["value"] == moved("gone", "gone")["value"] == "sample"


def test_chat_follows_what_can_be_asked_and_says_what_it_waits_for(studio: FakeStudio, demo: gr.Blocks) -> None:
    try:
        studio.fake.show(snapshot("running", phase=Phase("evaluating", 8, 20)))
        status, send = listener(demo, "talk")()
        assert "evaluating 40 %" in status and send["interactive"] is False
        studio.fake.show(snapshot("finished", 200))
        listed = listener(demo, "models")(None)
        assert listed["value"] == studio.fake.now.job.id  # type: ignore[union-attr]
        assert "value" not in listener(demo, "models")(listed["choices"][-1][1])
    finally:
        clear(studio)


def test_no_two_screens_laid_out_later_listen_to_the_same(studio: FakeStudio) -> None:
    """Gradio gives an event of the page to the screen that was laid out last."""
    heard: list[tuple[int, str]] = []

    def noted(tab: gr.Tab, build: Callable[[Opened], object]) -> None:
        page = get_blocks_context()
        assert page is not None
        events, stood = set(page.fns), set(page.blocks)
        build([tab.select])
        targets = {target for id, fn in page.fns.items() if id not in events for target in fn.targets}
        heard.extend((source, event) for source, event in targets if source in stood)

    build_app(studio, noted)
    assert len(heard) > 8 and len(set(heard)) == len(heard)


def test_what_follows_drops_nothing(demo: gr.Blocks) -> None:
    """What moves while an answer is on its way would be shown as it was before."""
    told = {block._id for block in demo.blocks.values() if isinstance(block, gr.Textbox) and block.label in TOLD}
    modes = [fn.trigger_mode for fn in functions(demo) if any(source in told for source, _ in fn.targets)]
    assert len(modes) >= len(TOLD) and set(modes) == {"always_last"}


VISIBLE = ("label", "info", "placeholder", "title")


def test_every_visible_string_stands_in_the_texts() -> None:
    """A literal in a component would escape a translator."""
    found = []
    for path in sorted((REPOSITORY / "medft_ui").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("gr."):
                found += [f"{path.name}: {words!r}" for words in _literals(call)]
    assert [item for item in found if not item.endswith(("'user/name'", "'seen'"))] == []


def _literals(call: ast.Call) -> list[str]:
    named = [keyword.value for keyword in call.keywords if keyword.arg in VISIBLE]
    first = (
        call.args[:1] if ast.unparse(call.func) in ("gr.Button", "gr.Tab", "gr.Accordion", "gr.Info", "gr.HTML") else []
    )
    values = [node.value for node in (*named, *first) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [value for value in values if value.strip()]


def test_every_setting_option_and_state_has_words() -> None:
    assert sorted(train_text.SETTINGS) == sorted(train_form.NAMES)
    from core.dataset.mapping import KINDS
    from core.jobs.job import STATES
    from medft_ui.tabs.mapping_form import PICKED_ROLES

    assert set(text.KINDS) == set(KINDS) and set(text.ROLES) >= set(PICKED_ROLES)
    assert set(text.STATES) == set(STATES) == set(text.STATE_HINTS)


def test_the_front_door_stays_small() -> None:
    assert len((Path(REPOSITORY) / "app.py").read_text(encoding="utf-8").splitlines()) <= 60
