"""The desk of data sets: intakes, versions, benchmark matches, the sample that stays as it is."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from core.dataset.approve import Decision
from core.dataset.build import SAMPLE_ID
from core.dataset.curate import edit_row
from core.dataset.desk import DatasetDesk
from core.dataset.intake import HubSet, Intake
from core.dataset.sample import is_pristine, pristine_sample
from core.dataset.steps import CleanOptions
from core.dataset.store import Dataset, list_datasets, open_dataset
from core.errors import ConfigError, DatasetError, UploadError
from core.progress import Progress

FAST = CleanOptions().without("names")


def rows(count: int = 40) -> list[dict[str, str]]:
    """Questions with answers that differ in their words."""
    return [
        {
            "question": f"What is illness number {at}?",
            "answer": f"It is invented kind {at}, found by test {at * 7} and treated with remedy {at * 13} at home.",
        }
        for at in range(count)
    ]


def written(path: Path, body: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in body), encoding="utf-8")
    return path


@pytest.fixture
def desk(tmp_path: Path) -> DatasetDesk:
    return DatasetDesk(tmp_path / "datasets")


def test_a_folder_is_read_as_a_hub_data_set_with_split_and_stays_cleanable(desk: DatasetDesk, tmp_path: Path) -> None:
    folder = tmp_path / "asthma-set"
    folder.mkdir()
    written(folder / "train.jsonl", rows(30))
    written(folder / "test.jsonl", rows(6))
    hub = HubSet(str(folder))
    assert desk.preview(Intake(hub=hub)).mapping.columns == {"prompt": "question", "response": "answer"}
    made = desk.add(Intake(hub=hub), options=FAST)
    report = made.report()
    assert made.name == "asthma-set" and report["rows"]["read"] == 30 and report["sources"][0]["format"] == "hub"
    again = desk.rebuild(made.id, FAST.changed(eval_share=0.2))
    assert again.rows_train + again.rows_eval == 30, "its rows were kept with it"
    assert desk.add(Intake(hub=HubSet(str(folder), split="test")), options=FAST).report()["rows"]["read"] == 6
    with pytest.raises(UploadError, match="split"):
        desk.preview(Intake(hub=HubSet(str(folder), split="nobody")))


def test_a_folder_of_this_machine_is_closed_to_strangers(tmp_path: Path) -> None:
    written(tmp_path / "train.jsonl", rows(5))
    desk = DatasetDesk(tmp_path / "datasets", local_folders=False)
    with pytest.raises(UploadError, match="while others can reach the page"):
        desk.preview(Intake(hub=HubSet(str(tmp_path))))


def test_out_of_reach_is_said_at_once(desk: DatasetDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    # nobody listens on this port of this machine
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request.getproxies", dict)
    with pytest.raises(UploadError, match="Hub cannot be reached, and nobody/nothing is not on this disk"):
        desk.preview(Intake(hub=HubSet("nobody/nothing")))
    for id in ("../nowhere/at/all", "buckets/a/b", "https://example.org/x"):
        with pytest.raises(UploadError, match="no id of a data set"):
            desk.preview(Intake(hub=HubSet(id)))


def test_what_a_form_says_about_the_hub() -> None:
    page = HubSet.from_json({"id": " https://huggingface.co/datasets/owner/name/viewer ", "split": ""})
    assert page == HubSet("owner/name") and page.title() == "name"
    for wrong in ({}, {"id": ""}, {"id": "a/b", "branch": "x"}, {"id": "a/b", "split": 3}, "a/b"):
        with pytest.raises(ConfigError, match="hub"):
            HubSet.from_json(wrong)


def test_an_upload_stays_open_until_it_changes(desk: DatasetDesk, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", rows(5))
    first = desk.open_upload(Intake((path,)))
    assert desk.open_upload(Intake((path,))) is first
    written(path, rows(7))
    assert len(desk.open_upload(Intake((path,))).sample) == 7
    assert desk.preview(Intake((path,)), afresh=True).upload is not first


def test_rows_with_a_question_of_a_benchmark_leave_and_are_named(desk: DatasetDesk, tmp_path: Path) -> None:
    asked = "A woman of sixty has had a dry cough and breathless evenings for two months now; what is most likely?"
    body = rows(20)
    body[4]["question"] = f"Please help. {asked} Thank you."
    body[9]["question"] = asked.upper()
    bench = written(
        tmp_path / "bench.jsonl",
        [{"question": asked, "answer": "B"}, {"question": "Another one entirely?", "answer": "C"}],
    )
    made = desk.add(Intake((written(tmp_path / "mine.jsonl", body),), benchmarks=(bench,)), options=FAST)
    found = desk.report(made.id)["matches"]
    assert [(match["record_id"], match["benchmark"], match["question"]) for match in found] == [
        ("r000005", "bench.jsonl", asked),
        ("r000010", "bench.jsonl", asked),
    ]
    assert found[0]["share"] == 1.0 and made.options["benchmarks"] == ["bench.jsonl"]
    bench.unlink()
    again = desk.rebuild(made.id, FAST.changed(min_answer_chars=4))
    assert [match["record_id"] for match in desk.report(again.id)["matches"]] == ["r000005", "r000010"]
    assert desk.report(desk.rebuild(made.id, FAST.without("contamination")).id)["matches"] == []
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UploadError, match="2 benchmark files are called bench.jsonl"):
        desk.add(Intake((tmp_path / "mine.jsonl",), benchmarks=(bench, other / "bench.jsonl")), options=FAST)


def test_versions_know_what_they_were_made_from_and_what_differs(desk: DatasetDesk, tmp_path: Path) -> None:
    body = rows(30)
    body[3]["answer"] = body[2]["answer"]
    first = desk.add(Intake((written(tmp_path / "mine.jsonl", body),)), name="Mine", options=FAST)
    second = desk.rebuild(first.id, FAST.without("near_duplicates"), by="Dr Lee")
    third = desk.rebuild(second.id, FAST.changed(language="en", eval_share=0.2))
    assert [entry.name for entry in (second, third)] == ["Mine, version 2", "Mine, version 3"]
    for entry in (first, second, third):
        family = desk.versions(entry.id)
        assert [version.dataset.id for version in family] == [first.id, second.id, third.id]
    assert family[0].changes == () and family[1].changes == ("Near duplicates off",)
    assert set(family[2].changes) == {"Near duplicates on", "language en", "eval share 0.2"}
    assert [(entry["what"], entry["by"]) for entry in desk.history(second.id)] == [("clean_again", "Dr Lee")]
    assert open_dataset(first.folder.parent, first.id).sha256 == first.sha256
    assert desk.source_columns(second.id) == ("question", "answer")


def test_whoever_looks_at_the_text_itself_is_kept(desk: DatasetDesk, tmp_path: Path) -> None:
    body = rows(10)
    body[1]["answer"] = "Write to jane.roe@example.org about the test result of last week."
    made = desk.add(Intake((written(tmp_path / "mine.jsonl", body),)), options=FAST)
    assert "jane" not in desk.findings(made.id, unmasked=True).items[0].sentence
    with pytest.raises(ConfigError, match="Say who looks"):
        desk.unmasked_findings(made.id, by=" ")
    assert "jane.roe@example.org" in desk.unmasked_findings(made.id, by="Dr Lee").items[0].sentence
    (entry,) = desk.history(made.id)
    assert (entry["what"], entry["by"], entry["records"]) == ("look", "Dr Lee", ["r000002"])
    assert "jane" not in json.dumps(entry)


def test_the_sample_is_never_changed(tmp_path: Path) -> None:
    home = tmp_path / "datasets"
    sample, desk = pristine_sample(home), DatasetDesk(home)
    changed = desk.edit_row(SAMPLE_ID, "r000001", response="Something else entirely.", by="Dr Lee")
    assert changed.id != SAMPLE_ID and changed.name == "Sample questions, my copy" and changed.status != "approved"
    assert desk.row(changed.id, "r000001").record.response == "Something else entirely."
    assert pristine_sample(home) == sample and is_pristine(sample)
    assert [entry["what"] for entry in desk.history(changed.id)] == ["edit"] and desk.history(SAMPLE_ID) == []
    assert desk.edit_row(changed.id, "r000002", response="Again.", by="Dr Lee").id == changed.id
    with pytest.raises(DatasetError, match="not in this data set"):
        desk.exclude_row(SAMPLE_ID, "r999999")
    same = desk.edit_row(SAMPLE_ID, "r000001", prompt=sample_prompt(sample.folder), by="Dr Lee")
    assert same.id == SAMPLE_ID, "nothing changed, so nothing is copied"
    assert desk.resolve(SAMPLE_ID, [Decision("replace", level="blocking", by="Dr Lee")]).id == SAMPLE_ID
    assert {entry.id for entry in list_datasets(home)} == {SAMPLE_ID, changed.id}
    assert [path.name for path in home.glob(".*")] == []


def sample_prompt(folder: Path) -> str:
    return str(json.loads((folder / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])["prompt"])


def test_a_sample_that_an_earlier_app_changed_is_set_aside(tmp_path: Path) -> None:
    home = tmp_path / "datasets"
    before = pristine_sample(home)
    edit_row(before, "r000001", response="Changed in place.", by="Dr Lee")
    again = pristine_sample(home)
    assert again.status == "approved" and again.sha256 == before.sha256
    (copy,) = [entry for entry in list_datasets(home) if entry.id != SAMPLE_ID]
    assert "Changed in place." in (copy.folder / "train.jsonl").read_text(encoding="utf-8")


def test_a_data_set_is_deleted_unless_something_needs_it(tmp_path: Path) -> None:
    desk = DatasetDesk(tmp_path / "datasets")
    options = CleanOptions().without("names")
    first = desk.add(Intake((written(tmp_path / "rows.jsonl", rows()),)), name="Mine", options=options)
    second = desk.rebuild(first.id, options.without("html"))
    third = desk.rebuild(second.id, options.without("blanks"))
    with pytest.raises(DatasetError, match="sample cannot be deleted"):
        desk.delete(pristine_sample(tmp_path / "datasets").id)
    go_on = threading.Event()

    def again(progress: Progress) -> Dataset:
        assert go_on.wait(30)
        return desk.rebuild(second.id, options, progress=progress)

    desk.works.start(second.name, again, source_id=second.id)
    try:
        with pytest.raises(DatasetError, match="version 2 is being cleaned again"):
            desk.delete(second.id)
        desk.delete(first.id)
    finally:
        go_on.set()
        desk.works.close()
    desk.delete(second.id)
    assert not first.folder.exists() and not second.folder.exists()
    assert third.id in [version.dataset.id for version in desk.versions(third.id)]
    with pytest.raises(DatasetError, match="no data set"):
        desk.delete(first.id)


def test_only_report_and_card_are_taken_home_as_files(desk: DatasetDesk, tmp_path: Path) -> None:
    made = desk.add(Intake((written(tmp_path / "mine.jsonl", rows(10)),)), options=FAST)
    out = tmp_path / "out"
    assert json.loads(desk.export_file(made.id, "report.json", out).read_text())["rows"]["read"] == 10
    assert desk.export_file(made.id, "README.md", out).read_text().startswith("---\npretty_name:")
    with pytest.raises(ConfigError, match="cannot be taken home"):
        desk.export_file(made.id, "removed.jsonl", out)


def test_the_readable_report_draws_bars_without_a_script(desk: DatasetDesk, tmp_path: Path) -> None:
    body = [{**row, "topic": f"<b>ward {at % 3}</b>"} for at, row in enumerate([*rows(20), *rows(3)])]
    made = desk.add(Intake((written(tmp_path / "mine.jsonl", body),)), options=FAST.without("html"))
    page = desk.export_report(made.id, tmp_path / "out").read_text(encoding="utf-8")
    for title in ("Length of the rows in words", "Rows removed", "What the questions ask for", "Topics"):
        assert f"<h2>{title}</h2>" in page
    assert "<script" not in page and "<b>ward" not in page and "&lt;b&gt;ward" in page
    assert '<tr><td>Exact duplicates</td><td class="n">3</td><td class="w">' in page
