"""A data set on disk: made whole or not at all, gated, changed by hand, and the same bytes from the same input."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core.dataset import approve as gate
from core.dataset.approve import Decision, approve, findings, resolve_findings
from core.dataset.build import build_dataset, rebuild_dataset, sample_dataset
from core.dataset.changes import history, removed_rows
from core.dataset.clean import CleanOptions
from core.dataset.curate import edit_row, exclude, page, restore
from core.dataset.ingest import Row, SourceFile, Upload, read_upload
from core.dataset.mapping import ColumnMapping, detect
from core.dataset.store import Dataset, delete_dataset, export_dataset, hash_of, list_datasets, open_dataset
from core.errors import ConfigError, DatasetError, ResourceError, UploadError
from core.progress import SilentProgress, StopVerb

OPTIONS = CleanOptions().without("names")
FIXED = (
    "train.jsonl",
    "eval.jsonl",
    "report.json",
    "removed.jsonl",
    "warnings.jsonl",
    "findings.jsonl",
    "history.jsonl",
)


def answer(n: int) -> str:
    return " ".join(f"term{n}x{k}" for k in range(30))


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def some_rows() -> list[dict[str, str]]:
    rows = [{"prompt": f"What about condition {n}?", "response": answer(n)} for n in range(40)]
    rows[3]["response"] = "The patient was admitted on 12 March 2021 and discharged on 14 March 2021. " + answer(3)
    rows[4]["response"] = "Write to jane.roe@gmail.com about it. " + answer(4)
    rows[5]["response"] = ""
    return rows


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "datasets"


@pytest.fixture
def make(tmp_path: Path, home: Path) -> Callable[..., Dataset]:
    def made(
        rows: list[dict[str, str]] | None = None, options: CleanOptions = OPTIONS, name: str = "Test set"
    ) -> Dataset:
        upload = read_upload([write(tmp_path / "rows.jsonl", rows or some_rows())])
        return build_dataset(upload, detect(upload), options, home=home, name=name)

    return made


def test_a_data_set_can_be_found_again(make: Callable[..., Dataset], home: Path, tmp_path: Path) -> None:
    made = make()
    assert open_dataset(home, made.id) == made
    assert [dataset.id for dataset in list_datasets(home)] == [made.id]
    assert made.rows_train == len(list(made.train())) and made.rows_eval == len(list(made.eval()))
    assert made.rows_train + made.rows_eval == 39
    assert (made.folder / "source" / "rows.jsonl").read_bytes() == (tmp_path / "rows.jsonl").read_bytes()
    assert made.sha256 == hash_of(made.folder) == made.report()["sha256"]
    assert [len(lengths) for lengths in made.lengths_chars()] == [made.rows_train, made.rows_eval]
    assert made.id.startswith("test-set-") and made.folder.stat().st_mode & 0o077 == 0
    delete_dataset(home, made.id)
    assert list(home.iterdir()) == []


def test_the_same_upload_gives_the_same_bytes(make: Callable[..., Dataset]) -> None:
    one, two = make(name="One"), make(name="Two")
    for name in FIXED:
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes(), name
    assert one.sha256 == two.sha256 and one.id != two.id
    other = make(options=OPTIONS.changed(seed=1))
    assert other.sha256 != one.sha256


@pytest.mark.parametrize("id", ["", "nothing", "../secrets", "a/b", ".new-x", "x" * 300])
def test_ids_that_lead_nowhere(home: Path, id: str) -> None:
    with pytest.raises(DatasetError):
        open_dataset(home, id)


def test_a_damaged_data_set_says_so_and_hides_no_other(make: Callable[..., Dataset], home: Path) -> None:
    good, bad = make(), make()
    (bad.folder / "dataset.json").write_text("{", encoding="utf-8")
    assert [dataset.id for dataset in list_datasets(home)] == [good.id]
    with pytest.raises(DatasetError, match="damaged"):
        open_dataset(home, bad.id)
    (good.folder / "train.jsonl").write_text('{"id": "r1", "prompt": "a"}\n', encoding="utf-8")
    with pytest.raises(DatasetError, match="line 1 of train.jsonl"):
        list(good.train())


def test_nothing_usable_is_refused_and_nothing_is_kept(make: Callable[..., Dataset], home: Path) -> None:
    with pytest.raises(UploadError):
        make([{"prompt": "What is gout?", "response": "N/A"}, {"prompt": "What is flu?", "response": "null"}])
    assert not home.exists() or list(home.iterdir()) == []


def test_a_full_disk_is_noticed_before_anything_is_written(
    make: Callable[..., Dataset], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total, used, _ = shutil.disk_usage(home.parent)
    monkeypatch.setattr(
        "shutil.disk_usage", lambda _: type("Usage", (), {"total": total, "used": used, "free": 1024})()
    )
    with pytest.raises(ResourceError, match="GiB of disk"):
        make()
    assert not home.exists()


def test_stopping_keeps_nothing(tmp_path: Path, home: Path) -> None:
    class Stop(SilentProgress):
        def stop_requested(self) -> StopVerb | None:
            return "discard"

    upload = read_upload([write(tmp_path / "rows.jsonl", some_rows())])
    with pytest.raises(DatasetError, match="stopped"):
        build_dataset(upload, detect(upload), OPTIONS, home=home, name="x", progress=Stop())
    assert list(home.iterdir()) == []


def test_an_evaluation_file_of_ones_own(tmp_path: Path, home: Path) -> None:
    rows = [{"prompt": f"What about condition {n}?", "response": answer(n)} for n in range(20)]
    held = [rows[0], {"prompt": "What about something new?", "response": answer(99)}]
    uploads = [
        read_upload([write(tmp_path / name, part)]) for name, part in (("train.jsonl", rows), ("eval.jsonl", held))
    ]
    made = build_dataset(uploads[0], detect(uploads[0]), OPTIONS, home=home, name="Own", eval_upload=uploads[1])
    assert (made.rows_train, made.rows_eval) == (20, 1)
    assert made.uploads == {"train": ["train.jsonl"], "eval": ["eval.jsonl"]}
    again = rebuild_dataset(made, OPTIONS.without("leakage"))
    assert (again.rows_train, again.rows_eval, again.name) == (20, 2, "Own")
    leaked = list(removed_rows(made))
    assert [(item.step, item.part) for item in leaked] == [("leakage", "eval")]


def test_a_step_is_undone_by_cleaning_the_kept_upload_again(make: Callable[..., Dataset], tmp_path: Path) -> None:
    rows = [{"Frage": f"<b>What about condition {n}?</b>", "Antwort": answer(n)} for n in range(20)]
    upload = read_upload([write(tmp_path / "rows.jsonl", rows)])
    by_hand = ColumnMapping("prompt_response", {"prompt": "Frage", "response": "Antwort"})
    made = build_dataset(upload, by_hand, OPTIONS, home=tmp_path / "datasets", name="Tags")
    (tmp_path / "rows.jsonl").unlink()
    again = rebuild_dataset(made, OPTIONS.without("html"))
    assert next(again.train()).prompt.startswith("<b>") and not next(made.train()).prompt.startswith("<b>")
    assert rebuild_dataset(made, OPTIONS).sha256 == made.sha256
    shutil.rmtree(made.folder / "source")
    with pytest.raises(DatasetError, match="not there any more"):
        rebuild_dataset(made, OPTIONS)


def test_rows_of_a_hub_data_set_are_kept_too(home: Path) -> None:
    rows = tuple(Row({"prompt": f"What about condition {n}?", "response": answer(n)}, "hub", n + 1) for n in range(20))
    upload = Upload((SourceFile("user/set", "hub", 0, "", "", "0" * 64),), ("prompt", "response"), rows)
    made = build_dataset(upload, detect(upload), OPTIONS, home=home, name="Hub")
    assert made.report()["hub_ids"] == ["user/set"] and rebuild_dataset(made, OPTIONS).sha256 == made.sha256


def test_what_leaves_the_house_holds_neither_upload_nor_findings(make: Callable[..., Dataset], tmp_path: Path) -> None:
    made = make()
    target = export_dataset(made, tmp_path / "out")
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == ["README.md", "eval.jsonl", "report.html", "report.json", "train.jsonl"]
        assert archive.read("train.jsonl") == (made.folder / "train.jsonl").read_bytes()
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{made.id}.zip"]


def test_a_benchmark_file_is_kept_out_of_training(tmp_path: Path, home: Path) -> None:
    question = "A woman of 30 has fever and a stiff neck since yesterday; what must be done first of all?"
    bench = write(
        tmp_path / "bench.jsonl", [{"question": question, "answer": "A"}, {"question": "What is gout?", "answer": "B"}]
    )
    rows = [{"prompt": f"What about condition {n}?", "response": answer(n)} for n in range(20)]
    rows.append({"prompt": question, "response": answer(77)})
    upload = read_upload([write(tmp_path / "rows.jsonl", rows)])
    made = build_dataset(
        upload, detect(upload), OPTIONS.changed(benchmarks=(bench,), eval_share=0.0), home=home, name="b"
    )
    assert made.rows_train == 20 and next(removed_rows(made)).step == "contamination"
    assert made.report()["options"]["benchmarks"] == ["bench.jsonl"]


def test_the_sample_is_ready_to_train_on(home: Path) -> None:
    sample = sample_dataset(home)
    assert sample.status == "approved" and sample.approval and "no patients" in sample.approval.statement
    assert sample.rows_train >= 300 and sample.rows_eval >= 60
    assert sample_dataset(home) == sample
    (sample.folder / "dataset.json").write_text("broken", encoding="utf-8")
    assert sample_dataset(home).sha256 == sample.sha256
    report = sample.report()
    assert report["rows"]["removed"] == 0 and report["identifiers"]["blocking"] == 0


def test_the_report_says_what_was_checked_and_what_was_not(make: Callable[..., Dataset]) -> None:
    made = make()
    report = made.report()
    assert report["rows"]["read"] == 40 and report["rows"]["train"] == made.rows_train
    assert "names and places were NOT checked" in report["identifiers_sentence"]
    said = json.dumps(report) + (made.folder / "README.md").read_text() + (made.folder / "report.html").read_text()
    for secret in ("12 March 2021", "jane.roe@gmail.com"):
        assert secret not in said
    for promise in ("HIPAA compliant", "de-identified", "deidentified"):
        assert promise.lower() not in said.lower()
    assert made.created not in (made.folder / "report.json").read_text()
    assert report["summary"][0].startswith("40 rows came in; 40 gave a question with an answer; cleaning took out 1.")
    assert all(line in (made.folder / "README.md").read_text(encoding="utf-8") for line in report["summary"])
    histogram = report["charts"]["lengths"]["answer_chars"]
    assert sum(histogram["counts"]) == made.rows_train + made.rows_eval
    assert len(histogram["edges"]) == len(histogram["counts"]) + 1


def test_the_card_has_the_fields_that_the_hub_reads(make: Callable[..., Dataset]) -> None:
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(make(name='Odd "name": set').folder / "README.md")
    data = card.data.to_dict()
    assert data["pretty_name"] == 'Odd "name": set' and data["size_categories"] == ["n<1K"]
    assert data["configs"][0]["data_files"][0] == {"split": "train", "path": "train.jsonl"}


def test_the_gate(make: Callable[..., Dataset]) -> None:
    made = make()
    assert made.status == "needs_review" and made.open_blocking == 3
    with pytest.raises(DatasetError, match="3 blocking"):
        approve(made, True, "Dr Lee")
    shown = findings(made)
    assert shown.total == 3 and shown.open_by_kind == {"date": 2, "email": 1}
    assert all("█" in item.sentence for item in shown.items)
    assert not any("March" in item.sentence or "jane" in item.sentence for item in shown.items)
    mail = next(item for item in shown.items if item.kind == "email")
    made = resolve_findings(made, [Decision("not_identifier", finding=mail.id, by="Dr Lee")])
    assert made.open_blocking == 2 and findings(made, state="decided").items[0].by == "Dr Lee"
    made = resolve_findings(made, [Decision("replace", kind="date", by="Dr Lee")])
    assert made.status == "needs_attestation"
    for attest, name in ((False, "Dr Lee"), (True, "  ")):
        with pytest.raises(ConfigError):
            approve(made, attest, name)
    made = approve(made, True, " Dr Lee ")
    assert (
        made.status == "approved"
        and made.approval
        and made.approval.by == "Dr Lee"
        and made.approval.statement == gate.STATEMENT
    )
    said = [record.response for part in (made.train(), made.eval()) for record in part]
    assert sum("admitted on [DATE] and discharged on [DATE]." in text for text in said) == 1
    assert [entry["what"] for entry in history(made)] == ["resolve", "resolve", "approve"]
    assert "Dr Lee" in (made.folder / "README.md").read_text(encoding="utf-8")


def test_replacing_one_finding_moves_the_other(make: Callable[..., Dataset]) -> None:
    made = make()
    first, second = (item for item in findings(made, kind="date").items)
    made = resolve_findings(made, [Decision("replace", finding=first.id, by="x")])
    made = resolve_findings(made, [Decision("replace", finding=second.id, by="x")])
    row = next(view for view in page(made, "admitted").rows)
    assert row.record.response.startswith("The patient was admitted on [DATE] and discharged on [DATE]. term3x0")


def test_dropping_a_row_settles_its_other_findings_and_it_can_come_back(make: Callable[..., Dataset]) -> None:
    made = make()
    first = findings(made, kind="date").items[0]
    before = made.rows_train + made.rows_eval
    made = resolve_findings(made, [Decision("drop", finding=first.id, by="x")])
    assert made.open_blocking == 1 and made.rows_train + made.rows_eval == before - 1
    made = restore(made, [first.record_id], by="x")
    assert made.open_blocking == 3 and made.rows_train + made.rows_eval == before


def test_decisions_that_cannot_be_carried_out(make: Callable[..., Dataset]) -> None:
    made = make()
    with pytest.raises(ConfigError) as caught:
        resolve_findings(made, [Decision("shred", finding="nothing"), Decision("drop")])  # type: ignore[arg-type]
    assert {problem.field for problem in caught.value.problems} == {"action", "finding", "by"}
    assert open_dataset(made.folder.parent, made.id) == made
    with pytest.raises(ConfigError):
        Decision.from_json({"action": "drop", "finding": 3, "colour": "red"})


def test_editing_keeps_the_history_and_voids_the_approval(home: Path) -> None:
    sample = sample_dataset(home)
    row = page(sample).rows[0].record
    changed = edit_row(sample, row.id, response="Another answer, written by hand.", by="Dr Lee")
    assert changed.status == "needs_attestation" and changed.approval is None and changed.sha256 != sample.sha256
    view = page(changed, "written by hand").rows[0]
    assert view.edited and view.record.id == row.id and page(changed, filter="edited").total == 1
    entry = history(changed)[-1]
    assert entry["by"] == "Dr Lee" and entry["detail"]["before"]["response"] == row.response and entry["at"]
    back = restore(changed, [row.id], by="Dr Lee")
    assert back.sha256 == sample.sha256 and not page(back, filter="edited").total
    with pytest.raises(DatasetError, match="neither removed nor edited"):
        restore(back, [row.id])


def test_an_edit_that_brings_an_identifier_in_opens_the_gate(home: Path) -> None:
    sample = sample_dataset(home)
    id = page(sample).rows[0].record.id
    edited = edit_row(sample, id, response="Seen on 12 March 2021; the patient's MRN is 12345678.", by="x")
    assert edited.status == "needs_review" and edited.open_blocking == 2
    assert page(edited, filter="findings").total == 1
    assert edit_row(edited, id, response="Nothing that points to anybody.", by="x").open_blocking == 0


@pytest.mark.parametrize("texts", [{"prompt": " "}, {"response": ""}])
def test_an_edit_must_leave_something(home: Path, texts: dict[str, str]) -> None:
    sample = sample_dataset(home)
    with pytest.raises(ConfigError):
        edit_row(sample, page(sample).rows[0].record.id, **texts)


def test_excluding_and_restoring(home: Path) -> None:
    sample = sample_dataset(home)
    ids = [view.record.id for view in page(sample, filter="eval", limit=2).rows]
    without = exclude(sample, ids, reason="too vague", by="x")
    assert without.rows_eval == sample.rows_eval - 2 and without.rows_train == sample.rows_train
    gone = page(without, filter="removed:by_hand")
    assert [view.record.id for view in gone.rows] == ids and gone.rows[0].notes == (("by_hand", "too vague"),)
    back = restore(without, ids, by="x")
    assert back.rows_eval == sample.rows_eval and page(back, filter="removed").total == 0
    assert {record.id for record in back.eval()} == {record.id for record in sample.eval()}
    with pytest.raises(DatasetError, match="not in this data set"):
        exclude(back, ["r999999"])


def test_finding_rows(home: Path) -> None:
    sample = sample_dataset(home)
    every = [*sample.train(), *sample.eval()]
    whole = page(sample, limit=10)
    assert whole.total == len(every) and [view.record for view in whole.rows] == every[:10]
    assert [view.record for view in page(sample, offset=400, limit=500).rows] == every[400:]
    for query in ("asthma", "ASTHMA wheeze", "prompt", "role", '"', "é", "no such words at all"):
        said = [
            r for r in every if all(word in f"{r.id} {r.text()} {r.topic}".lower() for word in query.lower().split())
        ]
        assert [view.record for view in page(sample, query, limit=500).rows] == said, query
    assert page(sample, filter="train").total == sample.rows_train
    with pytest.raises(ConfigError, match="no filter"):
        page(sample, filter="colour")


def test_removed_and_warned_rows_can_be_looked_at(make: Callable[..., Dataset]) -> None:
    rows = some_rows()
    rows[7]["prompt"] = rows[8]["prompt"]
    rows[9] = {"prompt": "What about nothing?", "response": "tbd"}
    made = make(rows)
    assert page(made, filter="removed:placeholders").rows[0].record.response == "tbd"
    warned = page(made, filter="warned:conflicts")
    assert warned.total == 2 and warned.rows[0].notes[0][0] == "conflicts"
    back = restore(made, [page(made, filter="removed:placeholders").rows[0].record.id], by="x")
    assert back.rows_train == made.rows_train + 1


@pytest.mark.slow
def test_a_hundred_thousand_rows_stay_quick(tmp_path: Path, home: Path) -> None:
    import time

    sample = sample_dataset(home)
    line = (sample.folder / "train.jsonl").read_bytes().splitlines()[0]
    body = json.loads(line)
    with (sample.folder / "train.jsonl").open("w", encoding="utf-8") as file:
        for n in range(100_000):
            row = body | {"id": f"r{n:06d}", "prompt": f"Question {n}?", "response": body["response"] * 3}
            file.write(json.dumps(row) + "\n")

    def took(call: Callable[[], object]) -> float:
        # processor time: what else the machine does must not decide
        began = time.process_time()
        call()
        return time.process_time() - began

    assert took(lambda: page(sample)) < 5
    assert took(lambda: page(sample, offset=90_000)) < 0.5
    assert took(lambda: page(sample, "question 99999")) < 2
    assert took(lambda: edit_row(sample, "r050000", response="Short.", by="x")) < 5
