"""The Data screen by its handlers and views: mapping by hand, progress, steps, charts, the gate, all without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.dataset.approve import Decision
from core.dataset.clean import CleanOptions
from core.dataset.intake import Intake
from core.dataset.steps import STEP_NAMES
from core.dataset.store import Dataset
from core.dataset.work import WorkState
from core.errors import ConfigError
from medft_ui.data_charts import charts_of
from medft_ui.data_text import Delete, Gate, Work
from medft_ui.tabs import clean_form, data, delete_card, gate, mapping_form, steps_card, steps_views, work_card
from medft_ui.tabs.gate_views import places_html
from medft_ui.tabs.mapping_form import PICKED_ROLES, Chosen
from tests.ui.fake_studio import FakeStudio, job, snapshot

EVIL = "<img src=x onerror=alert(1)>"
FAST = CleanOptions(eval_share=0.0).without("names")


def body(count: int = 30) -> list[dict[str, Any]]:
    return [
        {
            "question": f"What is illness number {at}?",
            "answer": f"It is invented kind {at}, found by test {at * 7} and treated with remedy {at * 13} at home.",
            "ward": f"ward {at % 3}",
        }
        for at in range(count)
    ]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def made(studio: FakeStudio, tmp_path: Path) -> Dataset:
    """Twenty rows of thirty hold an address and a record number."""
    rows = body()
    for at in range(20):
        rows[at]["answer"] = (
            f"Write to jane.roe{at}@example.org about MRN: {4829130 + at} {EVIL}. " + rows[at]["answer"]
        )
    options = FAST.without("html", "near_duplicates")
    return studio.add_dataset([written(tmp_path / "rows.jsonl", rows)], name="Notes", options=options)


# -- mapping by hand --------------------------------------------------------------------------------------------------


def controls(kind: str, **roles: str) -> Chosen:
    return Chosen.of(kind, roles.pop("options", None), 0, *(roles.get(role) for role in PICKED_ROLES))  # type: ignore[arg-type]


def test_every_role_can_be_chosen_and_what_is_missing_is_said(studio: FakeStudio, tmp_path: Path) -> None:
    rows = [{"q": f"Which one is {at}?", "x": f"One {at}", "y": f"Two {at}", "key": at % 2 + 1} for at in range(12)]
    intake = Intake((written(tmp_path / "quiz.jsonl", rows),))
    picked = {"prompt": "q", "answer": "key"}
    chosen = Chosen.of("multiple_choice", ["x", "y"], 1, *(picked.get(role) for role in PICKED_ROLES))
    assert chosen.columns == {"prompt": "q", "answer": "key", "choice_a": "x", "choice_b": "y"}
    shown = data._by_hand(studio, intake, chosen)
    assert shown[0] == gr.update(visible=False) and "B. Two 1" in shown[4]
    incomplete = data._by_hand(studio, intake, controls("messages", prompt="q"))
    assert "No column is chosen for: conversation" in incomplete[0]["value"]
    assert incomplete[2] == gr.update(visible=False), "it cannot be built before it is complete"
    roles = dict(zip(PICKED_ROLES, incomplete[-len(PICKED_ROLES) :], strict=True))
    assert roles["messages"]["visible"] and roles["prompt"] == gr.update(visible=False), (
        "its column is kept, out of sight"
    )


def test_what_nobody_recognises_can_still_be_mapped(studio: FakeStudio, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("aa,bb\n" + "".join(f"{at},{at * 2}\n" for at in range(9)))
    problem, understood, cleaning, *_ = shown = data._preview(studio, Intake((path,)), None)
    assert problem["visible"] and understood["visible"] and cleaning == gr.update(visible=False)
    assert shown[5] == gr.update(open=True)
    assert data._by_hand(studio, Intake((path,)), controls("prompt_response", prompt="aa", response="bb"))[2]["visible"]
    path.write_bytes(b"")
    assert data._preview(studio, Intake((path,)), None)[1] == gr.update(visible=False), "there is nothing to map"


def test_a_mapping_that_the_lists_agree_with_keeps_its_reason(studio: FakeStudio, tmp_path: Path) -> None:
    preview = studio.data.preview(Intake((written(tmp_path / "rows.jsonl", body()),)))
    same = mapping_form.as_chosen(preview.mapping)
    assert mapping_form.chosen_mapping(preview.upload, same, preview.mapping) is preview.mapping
    chosen = controls("prompt_response", prompt="ward", response="answer")
    other = mapping_form.chosen_mapping(preview.upload, chosen, preview.mapping)
    assert other.reason == "It was chosen by hand."


# -- options and steps ------------------------------------------------------------------------------------------------


def test_the_form_reads_and_shows_every_option() -> None:
    options = CleanOptions(min_answer_chars=7, max_tokens=256, language="de", seed=3, drop_too_long=True)
    assert clean_form.options(sorted(options.steps), clean_form.values_of(options.to_json())) == options
    with pytest.raises(ConfigError, match="seed"):
        clean_form.options([], [3, 1024, False, 0.8, "", 0.1, None])


def test_steps_show_counts_examples_and_switches(studio: FakeStudio, made: Dataset) -> None:
    page = steps_views.steps_html(made.report())
    assert page.count('role="switch"') == len(STEP_NAMES)
    assert "<img" not in page and "jane.roe" not in page
    updates = steps_card.steps_updates(studio, made)
    assert set(updates[2]["on"]) == set(made.options["steps"]) and updates[5]["visible"] is False
    again = studio.data.rebuild(made.id, FAST)
    updates = steps_card.steps_updates(studio, again)
    assert updates[5]["visible"] and "HTML on" in updates[4]


def test_grouping_by_another_column_is_a_change(studio: FakeStudio, tmp_path: Path) -> None:
    first = studio.add_dataset([written(tmp_path / "rows.jsonl", body())], options=FAST)
    was = first.report()["mapping"]["columns"].get("topic", "")
    assert steps_card._regrouped(first, was) is None
    other = steps_card._regrouped(first, "" if was else "ward")
    assert other is not None and other.column("topic") == ("" if was else "ward")
    chosen = clean_form.options(first.options["steps"], clean_form.values_of(first.options))
    assert steps_card._same(chosen, first) and not steps_card._same(chosen.without("html"), first)


# -- progress ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "says", "cancel"),
    [
        (
            WorkState("a", "X", phase="Near duplicates", done=5, total=10),
            "step 15 of 20, Near duplicates: 5 of 10",
            True,
        ),
        (WorkState("a", "X", phase="Repairing texts", done=5), "Repairing texts: 5 rows", True),
        (WorkState("a", "X", "stopping"), Work.STOPPING, False),
        (WorkState("a", "X", "stopped", elapsed_s=3), "nothing half written is left", False),
        (WorkState("a", "X", "failed", message=f"Line 3 {EVIL}"), "Line 3 &lt;img", False),
        (WorkState("a", "X", "finished"), "Done in", False),
        (WorkState("a", "X", phase="Reading the rows", done=5, total=9, loads=True), "Loading “X”", True),
        (WorkState("a", "X", "stopped", loads=True), "Cancelled after", False),
        (WorkState("a", "X", "finished", loads=True), "Loaded in", False),
    ],
)
def test_every_state_of_the_work_is_said(state: WorkState, says: str, cancel: bool) -> None:
    card, html, button = work_card.updates(state, "build:a")
    assert card["visible"] and says in html and "<img" not in html and button["visible"] == cancel
    assert (work_card.updates(state, "")[0] == gr.update(visible=False)) == (state.state == "finished")


# -- charts -----------------------------------------------------------------------------------------------------------


def test_charts_say_in_words_what_they_draw(studio: FakeStudio, tmp_path: Path) -> None:
    class Counting(FakeStudio):
        def _token_counter(self) -> Callable[[list[str]], list[int]]:
            return lambda texts: [len(text.split()) for text in texts]

    counting = Counting(tmp_path / "other")
    rows = [{**row, "focus": row.pop("ward")} for row in [*body(), body()[0]]]
    rows[5]["answer"] = "A very long answer indeed. " * 20
    path = written(tmp_path / "rows.jsonl", rows)
    report = counting.add_dataset([path], options=FAST.changed(max_tokens=32)).report()
    lengths, removed, questions, topics = charts_of(report)
    assert lengths["title"] == "Length of the rows" and sum(lengths["series"][0]["numbers"]) == 30
    assert lengths["cut"] == {"at": 32, "label": "cut at 32", "inside": True}
    assert "1 row is longer than the 32 tokens that training cuts at." in lengths["summary"]
    assert removed["labels"] == ["Exact duplicates"] and "1 of 31 rows taken out" in removed["summary"]
    assert "most ask for" in questions["summary"] and topics["labels"][0].startswith("ward")
    far = charts_of(counting.add_dataset([path], options=FAST.changed(max_tokens=9000)).report())[0]
    assert far["cut"] == {"at": 9000, "label": "cut at 9,000 →", "inside": False} and "None is longer" in far["summary"]
    without = charts_of(studio.add_dataset([path], options=FAST).report())[0]
    assert without["x_title"] == "words" and without["cut"] is None and "not measured" in without["summary"]
    for chart in (lengths, removed, questions, topics):
        assert all(len(series["numbers"]) == len(chart["labels"]) for series in chart["series"]) and chart["summary"]


def test_a_report_without_rows_has_no_pictures() -> None:
    assert charts_of({}) == []


# -- the gate ---------------------------------------------------------------------------------------------------------


def test_the_gate_shows_what_matters_first_a_page_at_a_time(studio: FakeStudio, made: Dataset) -> None:
    shown = dict(zip(gate_fields(), gate.gate_updates(studio, made), strict=True))
    values = [value for _, value in shown["which"]["choices"]]
    assert values == ["open:blocking", "kind:email", "kind:mrn"] or values[0] == "open:blocking"
    assert shown["found"].count("<tr>") == 1 + gate.PAGE_PLACES and "1 to 12 of 40" in shown["found"]
    assert "jane" not in shown["found"] and "<img" not in shown["found"] and shown["pager"]["visible"]
    assert "NOT checked: Name, Place" in shown["about"]
    last = dict(zip(gate_fields(), gate.gate_updates(studio, made, number=99), strict=True))
    assert last["page"] == 4 and "37 to 40 of 40" in last["found"]
    opened = dict(zip(gate_fields(), gate.gate_updates(studio, made, unmask=True, by="Dr Lee"), strict=True))
    assert '<mark class="found blocking">jane.roe0@example.org</mark>' in opened["found"]
    with pytest.raises(ConfigError, match="Say who looks"):
        gate.gate_updates(studio, made, unmask=True)
    studio.data.resolve(made.id, [Decision("replace", level="blocking", by="Dr Lee")])
    done = dict(zip(gate_fields(), gate.gate_updates(studio, studio.dataset(made.id)), strict=True))
    assert [value for _, value in done["which"]["choices"]] == ["decided"] and done["bulk"] == gr.update(visible=False)
    assert "replaced by a placeholder, by Dr Lee" in done["found"] and "data-act" not in done["found"]
    approved = studio.data.approve(made.id, True, "Dr Lee")
    assert "Dr Lee vouched for it" in gate.gate_updates(studio, approved)[1]


# as in Gate.view
FIELDS = "card about by places which unmask found page pager bulk replace vouching attest"


def gate_fields() -> list[str]:
    return FIELDS.split()


def test_a_decision_can_be_taken_back(studio: FakeStudio, made: Dataset) -> None:
    first = studio.data.findings(made.id).items[0]
    studio.data.resolve(made.id, [Decision("not_identifier", finding=first.id, by="Dr Lee")])
    page = studio.data.findings(made.id, state="decided")
    assert 'data-act="replace"' in places_html(page, 0, False) and page.decided == 1
    now = studio.data.resolve(made.id, [Decision("replace", finding=first.id, by="Dr Roe")])
    assert now.open_blocking == 39 and studio.data.findings(made.id, state="decided").items[0].by == "Dr Roe"
    assert places_html(studio.data.findings(made.id, kind="ssn"), 0, False).count(Gate.NONE) == 1


# -- deleting ---------------------------------------------------------------------------------------------------------


def pressed(studio: FakeStudio, label: str) -> Callable[..., list[Any]]:
    """What a button of the card that deletes does."""
    with gr.Blocks() as demo:
        delete_card.wire(studio, delete_card.build(), gr.Dropdown([]))
    buttons = {block._id for block in demo.blocks.values() if isinstance(block, gr.Button) and block.value == label}
    return next(fn.fn for fn in demo.fns.values() if any(source in buttons for source, _ in fn.targets))  # type: ignore[return-value]


@pytest.mark.thorough
def test_a_data_set_is_deleted_after_a_question_and_another_one_is_shown(studio: FakeStudio, made: Dataset) -> None:
    opened, said = pressed(studio, Delete.DELETE)(made.id)
    assert opened["visible"] and "Notes" in said and "30 rows" in said and made.folder.is_dir()
    studio.fake.show(snapshot("running", job=replace(job("running", "Night run"), dataset_id=made.id)))
    for label in (Delete.DELETE, Delete.YES):
        with pytest.raises(gr.Error, match="Notes cannot be deleted: Night run works on it"):
            pressed(studio, label)(made.id)
        with pytest.raises(gr.Error, match="The sample cannot be deleted"):
            pressed(studio, label)("sample")
    assert made.folder.is_dir()
    studio.fake.show(snapshot("finished", job=replace(job("finished"), dataset_id=made.id)))
    picked, asked = pressed(studio, Delete.YES)(made.id)
    assert not made.folder.exists() and asked == gr.update(visible=False)
    assert picked["value"] == "sample" and [id for _, id in picked["choices"]] == ["sample"]
    with pytest.raises(gr.Error, match="no data set"):
        pressed(studio, Delete.YES)(made.id)
