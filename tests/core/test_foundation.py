"""Records, recipe and settings: what every room stands on."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path

import pytest

from core.config import ORIGINAL_RECIPE, PRESETS, RANGES, RECOMMENDED_ZONES, TrainingConfig
from core.errors import ConfigError, MedftError, ResourceError, UploadError
from core.records import Message, Record
from core.settings import Settings, from_command_line


def test_a_record_survives_the_disk_in_its_shortest_form() -> None:
    short = Record.of("r1", "What is asthma?", "A disease of the airways.", topic="asthma")
    assert short.to_json() == {
        "id": "r1",
        "prompt": "What is asthma?",
        "response": "A disease of the airways.",
        "topic": "asthma",
    }
    long = Record("r2", (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello")))
    assert "messages" in long.to_json()
    for record in (short, long):
        assert Record.from_json(record.to_json()) == record
    assert (long.prompt, long.response, len(long.context)) == ("Hi", "Hello", 2)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": "a"},
        {"prompt": 1, "response": "b"},
        {"messages": "text"},
        {"messages": []},
        {"messages": [{"role": "user", "content": "a"}]},
        {"messages": [{"role": "robot", "content": "a"}]},
        {"messages": [{"role": "assistant"}]},
    ],
)
def test_a_body_that_is_no_record_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"record|message"):
        Record.from_json(body)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_presets_have_no_problems_and_survive_json(preset) -> None:
    assert preset.config.problems() == ()
    assert TrainingConfig.from_json(preset.config.to_json()) == preset.config


def test_the_original_recipe_is_what_it_was() -> None:
    recipe = ORIGINAL_RECIPE
    assert (recipe.quantisation, recipe.precision, recipe.rank, recipe.alpha, recipe.dropout) == (
        "int8",
        "fp16",
        8,
        32,
        0.05,
    )
    assert recipe.target_modules == ("q_proj", "v_proj")
    assert (recipe.max_length, recipe.batch_rows, recipe.accumulation, recipe.epochs) == (1024, 1, 8, 3.0)
    assert (recipe.learning_rate, recipe.log_every) == (2e-4, 50)


@pytest.mark.parametrize("name", RANGES)
def test_every_range_is_watched_at_both_ends(name: str) -> None:
    low, high = RANGES[name]
    for value in (low - 1, high + 1):
        problems = TrainingConfig().changed(**{name: value}).problems()
        assert [problem.field for problem in problems].count(name) == 1
    for value in (low, high):
        fields = [problem.field for problem in TrainingConfig().changed(**{name: value}).problems()]
        assert name not in fields or name == "save_every"


def test_problems_come_all_at_once() -> None:
    config = TrainingConfig(model=" ", rank=0, dora=True, quantisation="int8", schedule="steps")  # type: ignore[arg-type]
    assert {problem.field for problem in config.problems()} == {"model", "rank", "dora", "schedule"}


def test_a_call_with_wrong_values_names_each() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig.from_json(
            {"rank": "many", "alpha": math.inf, "dora": 1, "speed": 3, "epochs": True, "sample_prompts": "one"}
        )
    assert {problem.field for problem in caught.value.problems} == {
        "rank",
        "alpha",
        "dora",
        "speed",
        "epochs",
        "sample_prompts",
    }


def test_numbers_written_as_text_or_float_are_taken_where_nothing_is_lost() -> None:
    config = TrainingConfig.from_json({"rank": 8.0, "learning_rate": "1e-4", "epochs": 2})
    assert (config.rank, config.learning_rate, config.epochs) == (8, 1e-4, 2.0)


def test_zones_lie_within_their_ranges() -> None:
    for name, (low, high) in RECOMMENDED_ZONES.items():
        assert RANGES[name][0] <= low < high <= RANGES[name][1]


def test_every_field_of_the_recipe_is_described() -> None:
    for field in dataclasses.fields(TrainingConfig):
        assert f"        {field.name}: " in (TrainingConfig.__doc__ or "")


def test_settings_hide_the_password() -> None:
    settings = from_command_line(["--port", "7999"], {"MEDFT_USER": "ward", "MEDFT_PASSWORD": "hidden-word"})
    assert settings.has_login and settings.port == 7999
    assert "hidden-word" not in repr(settings)


@pytest.mark.parametrize(
    ("host", "share", "public"), [("127.0.0.1", False, False), ("0.0.0.0", False, True), ("localhost", True, True)]
)
def test_public_means_that_others_could_reach_it(host: str, share: bool, public: bool) -> None:
    assert Settings(host=host, share=share).is_public is public


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = UploadError("The file is empty.", "Choose another.")
    assert isinstance(error, MedftError)
    assert str(error) == "The file is empty. Choose another."


def test_a_home_that_takes_nothing_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ResourceError, match="cannot write to its folder"):
        Settings(home=tmp_path / "file" / "home").make_folders()
    Settings(home=tmp_path / "home").make_folders()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ResourceError, match="read-only") as raised:
        Settings(home=tmp_path / "home").make_folders()
    assert "--home" in raised.value.hint
