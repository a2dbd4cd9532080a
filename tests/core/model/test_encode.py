"""Only answers and their end tokens carry labels; what is cut or dropped is counted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DatasetError
from core.model.encode import IGNORED, encode, encode_dataset, highlight
from core.model.template import Template
from core.progress import SilentProgress
from core.records import Message, Record
from tests.core.model.tiny_tokenizer import CHATML, SPECIAL, TEMPLATES, byte_level, prefixing, template

RECORD = Record.of("r", "What is anaemia?", "Too little haemoglobin.")


class Listening(SilentProgress):
    def __init__(self) -> None:
        self.phases: list[tuple[str, float, float]] = []

    def phase(self, name: str, done: float = 0, total: float = 0) -> None:
        self.phases.append((name, done, total))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    model.mkdir()
    byte_level().save(str(model / "tokenizer.json"))
    (model / "tokenizer_config.json").write_text(json.dumps(SPECIAL | {"chat_template": CHATML}))
    return model


@pytest.mark.parametrize("name", TEMPLATES)
def test_labels_are_the_answer_and_its_end_and_nothing_else(name: str) -> None:
    written = template(name)
    row = encode(RECORD, written, 500)
    learned = [label for label in row.labels if label != IGNORED]
    assert written.tokenizer.decode(learned[:-1], skip_special_tokens=False) == RECORD.response
    assert learned[-1] == written.stop_ids[0]
    assert all(label in (IGNORED, id) for id, label in zip(row.input_ids, row.labels, strict=True))
    assert row.cut_tokens == 0


def test_a_long_answer_is_cut_from_its_end_and_counted() -> None:
    written = template("chatml")
    whole = encode(RECORD, written, 500)
    cut = encode(RECORD, written, len(whole.input_ids) - 3)
    assert cut.input_ids == whole.input_ids[:-3]
    assert cut.cut_tokens == 3
    assert written.stop_ids[0] not in [label for label in cut.labels if label != IGNORED]


def test_a_prompt_that_fills_the_row_leaves_nothing_to_learn() -> None:
    written = template("chatml")
    assert encode(RECORD, written, len(written.prompt_ids(RECORD.context))).trained_tokens == 0


WORDS = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="<>"),
    min_size=1,
    max_size=60,
)
BUILT = {name: template(name) for name in TEMPLATES}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(TEMPLATES)), prompt=WORDS, response=WORDS, length=st.integers(1, 120))
def test_what_is_shown_is_what_is_learned(name: str, prompt: str, response: str, length: int) -> None:
    written, record = BUILT[name], Record.of("r", prompt, response)
    row, shown = encode(record, written, length), highlight(record, written, length)
    decoded = written.tokenizer.decode(row.input_ids, skip_special_tokens=False)
    text = "".join(piece for piece, _ in shown)
    # A cut inside a character of several bytes decodes to replacement marks; the shown text has the whole character.
    assert text == decoded or (row.cut_tokens and text.startswith(decoded.rstrip("\ufffd")))
    assert any(trained for _, trained in shown) == (row.trained_tokens > 0)


def test_highlight_marks_the_answer() -> None:
    shown = highlight(RECORD, template("chatml"), 500)
    assert [text for text, trained in shown if trained] == ["Too little haemoglobin.<|im_end|>"]


def test_highlight_and_encode_agree_where_spaces_are_prefixed() -> None:
    written = Template(prefixing(), TEMPLATES["two_ways"], SPECIAL, name="prefixing")
    record = Record.of("r", "What help?", "Rest and fluids and time.")
    whole = encode(record, written, 500)
    for length in range(1, len(whole.input_ids) + 1):
        trained = sum(text != "" for text, learned in highlight(record, written, length) if learned)
        assert bool(trained) == (encode(record, written, length).trained_tokens > 0), length


def many(count: int) -> list[Record]:
    return [
        Record.of(f"r{index}", f"Question {index} about blood?", "Answer. " * (1 + index % 7)) for index in range(count)
    ]


def test_a_data_set_equals_its_rows_one_by_one(folder: Path, tmp_path: Path) -> None:
    records = [*many(2500), Record.of("long", "word " * 400, "lost"), Record.of("empty", "What?", " ")]
    turns = (Message("user", "a?"), Message("assistant", "b."), Message("user", "c?"), Message("assistant", "d."))
    records.append(Record("turns", turns))
    progress = Listening()
    rows = encode_dataset(records, folder, 40, cache_dir=tmp_path / "cache", progress=progress)
    written = Template.from_folder(folder)
    singles = [encode(record, written, 40) for record in records]
    kept = [index for index, row in enumerate(singles) if row.trained_tokens]
    assert rows.rows.tolist() == kept
    for position, index in enumerate(kept):
        assert (rows[position].input_ids, rows[position].labels) == (singles[index].input_ids, singles[index].labels)
    stats = rows.stats
    assert (stats.rows, stats.kept_rows, stats.dropped_rows) == (2503, 2501, 2)
    assert stats.tokens == sum(len(singles[index].input_ids) for index in kept) == int(rows.lengths.sum())
    assert stats.trained_tokens == sum(singles[index].trained_tokens for index in kept)
    assert stats.cut_rows == sum(singles[index].cut_tokens > 0 for index in kept) > 0
    assert stats.cut_tokens == sum(singles[index].cut_tokens for index in kept)
    assert sum(count for _, count in stats.histogram) == 2501
    assert progress.phases[-1] == ("tokenising", 2503, 2503)
    assert 0 < stats.trained_share < 1


def test_the_second_time_nothing_is_tokenised(folder: Path, tmp_path: Path) -> None:
    first = encode_dataset(many(50), folder, 64, cache_dir=tmp_path, progress=SilentProgress())
    progress = Listening()
    again = encode_dataset(many(50), folder, 64, cache_dir=tmp_path, progress=progress)
    assert progress.phases == []
    assert again.stats == first.stats
    assert np.array_equal(again.ids, first.ids)
    assert not list(tmp_path.glob(".aside-*"))


@pytest.mark.parametrize("change", ["length", "record", "template"])
def test_any_change_tokenises_anew(folder: Path, tmp_path: Path, change: str) -> None:
    encode_dataset(many(50), folder, 128, cache_dir=tmp_path, progress=SilentProgress())
    records = many(50)
    if change == "record":
        records[7] = Record.of("r7", "Another question?", "Answer.")
    if change == "template":
        (folder / "chat_template.jinja").write_text(str(TEMPLATES["headers"]))
    progress = Listening()
    encode_dataset(records, folder, 129 if change == "length" else 128, cache_dir=tmp_path, progress=progress)
    assert progress.phases


def test_too_many_rows_without_answer_are_refused(folder: Path, tmp_path: Path) -> None:
    empty = [Record.of(f"e{index}", "What?", "") for index in range(5)]
    with pytest.raises(DatasetError, match="5 of 15 rows have nothing to learn"):
        encode_dataset([*many(10), *empty], folder, 64, cache_dir=tmp_path, progress=SilentProgress())
    assert (
        encode_dataset(
            [*many(12), *empty], folder, 64, cache_dir=tmp_path, progress=SilentProgress()
        ).stats.dropped_rows
        == 5
    )
    with pytest.raises(DatasetError, match="10 of 10"):
        encode_dataset(many(10), folder, 4, cache_dir=tmp_path, progress=SilentProgress())
    assert not list(tmp_path.glob(".aside-*"))
