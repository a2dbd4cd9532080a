"""The card Rows, by its handlers: search, pages, filters, changes by hand, downloads."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.dataset.changes import history
from core.dataset.clean import CleanOptions
from core.dataset.store import Dataset
from medft_ui.data_text import Downloads
from medft_ui.rows_text import FILTERS
from medft_ui.rows_text import Rows as Words
from medft_ui.tabs import data
from medft_ui.tabs import rows as screen
from tests.ui.fake_studio import FakeStudio

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def made(studio: FakeStudio, tmp_path: Path) -> Dataset:
    """An approved data set of 60 rows to train on; the third asks with a piece of HTML."""
    path = tmp_path / "rows.jsonl"
    body = [
        {"question": f"What is illness number {at}?", "answer": f"An invented illness of kind {at * 3}."}
        for at in range(60)
    ]
    body[2]["question"] = f"What does {EVIL} mean?"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*body, body[0]]), encoding="utf-8")
    options = CleanOptions(eval_share=0.0).without("names", "near_duplicates", "html")
    dataset = studio.add_dataset([path], name="Sixty", options=options)
    return studio.data.approve(dataset.id, attest=True, name="Dr Lee")


@pytest.fixture
def press(studio: FakeStudio) -> Callable[..., Any]:
    """Calls the handler of a button by its words."""
    with gr.Blocks() as demo:
        data.build(studio)

    def pressed(label: str, *values: Any) -> Any:
        button = next(b for b in demo.blocks.values() if isinstance(b, gr.Button) and b.value == label)
        handler = next(fn for fn in demo.fns.values() if (button._id, "click") in fn.targets)
        assert len(values) == len(handler.inputs)
        return handler.fn(*values)

    return pressed


def listed(studio: FakeStudio, dataset: Dataset, query: str = "", filter: str = "", page: int = 1) -> list[Any]:
    return screen._listed(studio, dataset.id, query, filter, page, None)


def test_a_page_has_25_rows_and_says_which(studio: FakeStudio, made: Dataset) -> None:
    table, number, _, pick = listed(studio, made)
    assert table.count("<tr>") == 1 + 25 and number == 1 and len(pick["choices"]) == 25
    assert "Rows 1 to 25 of 60" in table
    table, number, _, pick = listed(studio, made, page=99)
    assert "Rows 51 to 60 of 60" in table and number == 3 and len(pick["choices"]) == 10
    assert listed(studio, made, page=-4)[1] == 1


def test_rows_are_escaped(studio: FakeStudio, made: Dataset) -> None:
    table = listed(studio, made)[0]
    assert "<img" not in table and "&lt;img src=x" in table


def test_search_and_filters(studio: FakeStudio, made: Dataset) -> None:
    table, _, filters, pick = listed(studio, made, "NUMBER 17?")
    assert "Rows 1 to 1 of 1" in table and "What is illness number 17?" in pick["choices"][0][0]
    assert Words.NONE in listed(studio, made, "nobody says this")[0]
    names = [value for _, value in filters["choices"]]
    assert names[: len(FILTERS)] == [value for _, value in FILTERS] and "removed:exact_duplicates" in names
    table, _, filters, _ = listed(studio, made, filter="removed:exact_duplicates")
    assert "Rows 1 to 1 of 1" in table and filters["value"] == "removed:exact_duplicates"
    assert listed(studio, made, filter="removed:html")[2]["value"] == "", "a filter of another data set"


def test_without_a_data_set(studio: FakeStudio) -> None:
    assert Words.EMPTY in screen._listed(studio, None, "", "", 1, None)[0]
    assert screen._opened(studio, None, None)[0] == gr.update(visible=False)


def test_a_change_is_kept_with_a_name_and_voids_the_approval(
    studio: FakeStudio, made: Dataset, press: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    for name in ("Info", "Warning"):
        monkeypatch.setattr(gr, name, lambda words, *_: told.append(words))
    id, held = "r000005", f"{made.id}/r000005"
    before = studio.data.row(made.id, id).record
    asked = ["", "", 1, id]
    press(Words.SAVE, made.id, held, "Dr Lee", before.prompt, "A better answer.", *asked)
    row, now = studio.data.row(made.id, id), studio.dataset(made.id)
    assert row.record.response == "A better answer." and row.record.prompt == before.prompt and row.edited
    assert now.status == "needs_attestation" and now.approval is None and Words.UNAPPROVED in told
    assert [(entry["what"], entry["by"]) for entry in history(now)] == [("approve", "Dr Lee"), ("edit", "Dr Lee")]
    press(Words.RESTORE, made.id, held, "Dr Lee", "", "", *asked)
    assert studio.data.row(made.id, id).record == before and told.count(Words.UNAPPROVED) == 1

    press(Words.EXCLUDE, made.id, held, "Dr Lee", "", "", *asked)
    assert studio.dataset(made.id).rows_train == 59
    assert studio.data.row(made.id, id).removed
    assert id in listed(studio, made, filter="removed:by_hand")[0]
    opened = screen._opened(studio, made.id, id)
    assert [update["visible"] for update in opened[-3:]] == [False, False, True], "it can only be restored"
    press(Words.RESTORE, made.id, held, "Dr Lee", "", "", *["", "removed:by_hand", 1, id])
    assert studio.dataset(made.id).rows_train == 60


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": " "}, Words.NO_NAME),
        ({"pick": None}, Words.NO_ROW),
        ({"held": "another/r000005"}, Words.NO_ROW),
        ({"dataset": None}, Words.NO_SET),
        ({"response": " "}, "must not be empty"),
    ],
)
def test_what_cannot_be_saved_changes_nothing(
    studio: FakeStudio, made: Dataset, press: Callable[..., Any], change: dict[str, Any], says: str
) -> None:
    form = {"by": "Dr Lee", "pick": "r000005", "held": f"{made.id}/r000005", "dataset": made.id, "response": "New"}
    form |= change
    with pytest.raises(gr.Error, match=says):
        press(Words.SAVE, form["dataset"], form["held"], form["by"], "What?", form["response"], "", "", 1, form["pick"])
    assert studio.dataset(made.id).status == "approved"


def test_the_data_set_and_its_report_can_be_taken_home(
    studio: FakeStudio, made: Dataset, press: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    files = [Path(path) for path in press(Downloads.PREPARE, made.id)["value"]]
    assert {path.parent.parent for path in files} == {tmp_path}, "the data folders stay closed to the server"
    zipped, page, report, card = files
    assert "train.jsonl" in zipfile.ZipFile(zipped).namelist()
    assert page.name == f"{made.id}-report.html" and "Sixty" in page.read_text(encoding="utf-8")
    assert json.loads(report.read_text(encoding="utf-8"))["rows"]["train"] == 60
    assert card.name == f"{made.id}-README.md" and 'pretty_name: "Sixty"' in card.read_text(encoding="utf-8")
