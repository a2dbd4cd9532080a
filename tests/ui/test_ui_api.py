"""The app driven by its own client, as a script would."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core.errors import UploadError
from medft_ui.dataset_api import uploaded_path
from tests.ui.conftest import clear, opened, served
from tests.ui.fake_studio import KILLED, FakeStudio, snapshot
from tests.ui.test_ui_graph import ENDPOINTS

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeStudio, str]]:
    """A studio and where its page is, which the tests share."""
    with opened(tmp_path_factory.mktemp("api") / "home") as studio, served(studio) as address:
        yield studio, address


@pytest.fixture
def studio(page: tuple[FakeStudio, str]) -> Iterator[FakeStudio]:
    yield page[0]
    clear(page[0])


@pytest.fixture
def address(page: tuple[FakeStudio, str], studio: FakeStudio) -> str:
    return page[1]


@pytest.fixture
def client(address: str, tmp_path: Path) -> Iterator[Client]:
    client = Client(address, verbose=False, download_files=str(tmp_path / "downloads"))
    yield client
    client.close()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    body = [
        {"question": f"What is illness number {at}?", "answer": f"An invented illness of kind {at * 3}."}
        for at in range(20)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in [*body, body[0], {"question": "And?", "answer": ""}]))
    return path


def test_the_client_sees_the_endpoints_and_no_other(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert {name.removeprefix("/") for name in described["named_endpoints"]} == ENDPOINTS
    assert described["unnamed_endpoints"] == {}


def test_a_file_becomes_a_data_set_and_is_gone_from_the_uploads(client: Client, studio: FakeStudio, rows: Path) -> None:
    made = client.predict(handle_file(rows), "Mine", api_name="/upload_dataset")
    assert made["rows_read"] == 22 and made["rows_kept"] == 20
    assert made["removed"]["exact_duplicates"] == 1
    assert sum(made["removed"].values()) + sum(int(line.split()[0]) for line in made["problems"]) == 2
    listed = client.predict(api_name="/list_datasets")
    assert [entry["name"] for entry in listed] == ["Mine", "Sample questions"]
    assert listed[0]["dataset_id"] == made["dataset_id"] and listed[0]["status"] == made["status"]
    assert list(studio.settings.uploads.rglob("rows.jsonl")) == []


def test_a_data_set_is_made_decided_about_approved_changed_and_taken_home(
    client: Client, studio: FakeStudio, tmp_path: Path
) -> None:
    body = [
        {"question": f"What is illness number {at}?", "answer": f"An invented illness of kind {at * 3}."}
        for at in range(20)
    ]
    body[1]["answer"] = "Write to jane.roe@gmail.com about it."
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in body))
    steps = ["blanks", "identifiers"]
    made = client.predict(handle_file(path), "Mine", {"steps": steps, "eval_share": 0}, api_name="/upload_dataset")
    id = made["dataset_id"]
    assert made["status"] == "needs_review" and list(made["removed"]) == steps

    report = client.predict(id, api_name="/dataset_report")
    assert (report["status"], report["open_blocking"], report["findings_total"]) == ("needs_review", 1, 1)
    found = report["findings"][0]
    assert found["kind"] == "email" and "jane" not in json.dumps(report)
    with pytest.raises(AppError, match="1 blocking findings are open"):
        client.predict(id, True, "Dr Lee", api_name="/approve_dataset")
    with pytest.raises(AppError, match="Say who decides"):
        client.predict(id, [{"action": "replace", "finding": found["id"]}], api_name="/resolve_findings")
    decision = {"action": "replace", "finding": found["id"], "by": "Dr Lee"}
    assert client.predict(id, [decision], api_name="/resolve_findings")["status"] == "needs_attestation"
    with pytest.raises(AppError, match="Confirm the statement first"):
        client.predict(id, False, "Dr Lee", api_name="/approve_dataset")
    approved = client.predict(id, True, "Dr Lee", api_name="/approve_dataset")
    assert approved["status"] == "approved" and approved["approval"]["by"] == "Dr Lee"

    changed = client.predict(id, found["record_id"], None, "A better answer.", api_name="/edit_row")
    assert changed["status"] == "needs_attestation" and changed["sha256"] != approved["sha256"]
    row = studio.data.row(id, found["record_id"]).record
    assert (row.prompt, row.response) == ("What is illness number 1?", "A better answer.")
    got = Path(client.predict(id, api_name="/export_dataset"))
    rows = zipfile.ZipFile(got).read("train.jsonl").decode().splitlines()
    assert len(rows) == 20 and "A better answer." in rows[1]


def test_a_hub_data_set_is_mapped_checked_against_a_benchmark_and_cleaned_again(
    client: Client, studio: FakeStudio, tmp_path: Path
) -> None:
    folder, bench = tmp_path / "illnesses", tmp_path / "bench.jsonl"
    folder.mkdir()
    asked = "A woman of sixty has had a dry cough and breathless evenings for two months; what is most likely?"
    body = [{"one": f"An invented illness of kind {at * 3}.", "two": f"What is number {at}?"} for at in range(20)]
    body[4]["two"] = asked
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in body))
    bench.write_text(
        json.dumps({"question": asked, "answer": "B"}) + "\n" + json.dumps({"question": "And?", "answer": "C"})
    )
    options = {
        "hub": {"id": str(folder)},
        "benchmarks": [handle_file(bench)],
        "mapping": {"kind": "prompt_response", "columns": {"prompt": "two", "response": "one"}},
        "steps": ["blanks", "contamination"],
        "eval_share": 0,
    }
    made = client.predict(None, "", options, api_name="/upload_dataset")
    assert (made["rows_read"], made["rows_kept"], made["removed"]["contamination"]) == (20, 19, 1)
    report = client.predict(made["dataset_id"], api_name="/dataset_report")
    assert report["name"] == "illnesses"
    assert report["matches"] == [{"record_id": "r000005", "benchmark": "bench.jsonl", "question": asked, "share": 1.0}]
    assert list(studio.settings.uploads.rglob("bench.jsonl")) == []
    again = client.predict(made["dataset_id"], {"steps": ["blanks"]}, api_name="/clean_again")
    assert again["rows_kept"] == 20 and again["dataset_id"] != made["dataset_id"]
    assert studio.dataset(again["dataset_id"]).options["eval_share"] == 0, "what is left out stays as it was"
    names = [version.dataset.name for version in studio.data.versions(made["dataset_id"])]
    assert names == ["illnesses", "illnesses, version 2"]


def test_a_change_to_the_sample_goes_into_a_copy(client: Client, studio: FakeStudio) -> None:
    changed = client.predict("sample", "r000001", None, "Another answer.", api_name="/edit_row")
    assert changed["dataset_id"] != "sample" and changed["status"] == "needs_attestation"
    assert studio.dataset("sample").status == "approved"
    assert studio.data.row(changed["dataset_id"], "r000001").record.response == "Another answer."


def test_data_endpoints_say_what_is_wrong(client: Client, studio: FakeStudio, rows: Path) -> None:
    for endpoint, values, says in (
        ("dataset_report", ["nobody"], "There is no data set"),
        ("export_dataset", ["../sample"], "There is no data set"),
        ("edit_row", ["sample", "r999999", "What?", "So."], "not in this data set"),
        ("edit_row", ["sample", "r000001", "What?", " "], "must not be empty"),
        ("resolve_findings", ["sample", ["replace"]], "list of objects"),
        ("resolve_findings", ["sample", [{"what": "replace"}]], "no field"),
        ("upload_dataset", [handle_file(rows), "Mine", {"eval_share": 3}], "eval_share must lie"),
        ("upload_dataset", [handle_file(rows), "Mine", {"speed": 1}], "no option"),
        ("upload_dataset", [handle_file(rows), "Mine", {"benchmarks": ["/etc/hosts"]}], "list of uploaded files"),
        ("upload_dataset", [handle_file(rows), "Mine", {"hub": {"id": "owner/name"}}], "either a file or options.hub"),
        ("upload_dataset", [None, "Mine", {}], "either a file or options.hub"),
        ("upload_dataset", [handle_file(rows), "", {"mapping": {"kind": "prompt_response"}}], "a kind and columns"),
        ("clean_again", ["sample", {"eval_share": 3}], "eval_share must lie"),
    ):
        with pytest.raises(AppError, match=says):
            client.predict(*values, api_name=f"/{endpoint}")
    assert [(entry.id, entry.status) for entry in studio.list_datasets()] == [("sample", "approved")]


def test_a_file_that_was_not_uploaded_is_refused(address: str, studio: FakeStudio, rows: Path) -> None:
    """Over plain HTTP, because the client would upload it first."""
    inside = studio.settings.uploads / ".." / "datasets" / "sample" / "train.jsonl"
    for path in (rows, studio.settings.datasets / "sample" / "train.jsonl", inside, Path("/etc/hostname")):
        body = {
            "data": [{"path": str(path), "meta": {"_type": "gradio.FileData"}, "orig_name": "rows.jsonl"}, "Stolen"]
        }
        asked = httpx.post(f"{address}gradio_api/call/upload_dataset", json=body)
        if asked.status_code == 200:
            told = httpx.get(f"{address}gradio_api/call/upload_dataset/{asked.json()['event_id']}", timeout=20).text
            assert "event: error" in told and "rows_read" not in told
    assert [entry.name for entry in studio.list_datasets()] == ["Sample questions"]


def test_only_what_lies_in_the_upload_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio refuses made-up paths too; this guard does not rely on it."""
    uploads, secret = tmp_path / "uploads", tmp_path / "secret.csv"
    uploads.mkdir()
    (uploads / "mine.csv").write_text("a")
    secret.write_text("b")
    (uploads / "link.csv").symlink_to(secret)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    assert uploaded_path({"path": str(uploads / "mine.csv")}) == uploads / "mine.csv"
    for path in (secret, uploads / ".." / "secret.csv", uploads / "link.csv", uploads, uploads / "none.csv", ""):
        with pytest.raises(UploadError):
            uploaded_path({"path": str(path)})


def test_a_run_is_started_watched_stopped_and_resumed(client: Client, studio: FakeStudio) -> None:
    run_id = client.predict("sample", {"epochs": 2, "rank": 8}, api_name="/start_training")["run_id"]
    saved = json.loads((studio.settings.runs / run_id / "config.json").read_text())
    assert (saved["epochs"], saved["rank"], saved["alpha"]) == (2.0, 8, 32)
    assert client.predict(run_id, api_name="/status") == {
        "state": "starting",
        "step": 0,
        "total_steps": 0,
        "metrics": {},
        "eta_s": None,
        "error": None,
    }
    assert client.predict(run_id, True, api_name="/stop_training")["state"] == "stopping"
    assert client.predict(run_id, api_name="/resume_training")["state"] == "starting"
    assert [run["run_id"] for run in client.predict(api_name="/list_runs")] == [run_id]
    assert [asked[0] for asked in studio.fake.asked] == ["submit", "stop", "resume"]


def test_status_tells_numbers_and_the_error(client: Client, studio: FakeStudio) -> None:
    studio.fake.show(snapshot("failed", 100, error=KILLED))
    told = client.predict(studio.fake.now.job.id, api_name="/status")  # type: ignore[union-attr]
    assert (told["state"], told["step"], told["total_steps"]) == ("failed", 100, 200)
    assert told["error"] == {"message": KILLED.message, "hint": KILLED.hint}
    assert 1 < told["metrics"]["eval_loss"] < 2


def test_settings_that_cannot_work_are_all_named(client: Client) -> None:
    with pytest.raises(AppError, match=r"rank .*learning_rate|learning_rate .*rank"):
        client.predict("sample", {"rank": 0, "learning_rate": 5}, api_name="/start_training")
    with pytest.raises(AppError, match="no setting named &#x27;speed&#x27;|no setting named 'speed'"):
        client.predict("sample", {"speed": 1}, api_name="/start_training")
    with pytest.raises(AppError, match="There is no run"):
        client.predict("nobody", api_name="/status")


def test_chat_streams_what_has_been_said_so_far(client: Client, studio: FakeStudio) -> None:
    studio.fake.show(snapshot("finished", 200))
    run_id = studio.fake.now.job.id  # type: ignore[union-attr]
    history = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day"}]
    job = client.submit(run_id, "And now?", history, "both", {"temperature": 0}, api_name="/chat")
    assert job.result(timeout=20) == {
        "base": "Base: Tiredness, pallor and breathlessness.",
        "tuned": "Tuned: Tiredness, pallor and breathlessness.",
    }
    said = [piece["tuned"] for piece in job.outputs()]
    assert said == sorted(said, key=len) and len(set(said)) > 2, "it grows"
    request = studio.fake.asked[-1][2]
    assert [turn.content for turn in request.tuned] == ["Hello", "Good day", "And now?"]
    assert request.options.temperature == 0
    assert list(client.predict(run_id, "One?", [], "tuned", {}, api_name="/chat")) == ["tuned"]


@pytest.mark.parametrize(
    ("history", "which", "options", "says"),
    [
        ([], "neither", {}, "base, tuned"),
        (["hello"], "both", {}, "role and content"),
        ([], "both", {"warmth": 1}, "options cannot be read"),
        ([], "both", {"temperature": 9}, "temperature must"),
    ],
)
def test_chat_says_what_it_cannot_read(
    client: Client, studio: FakeStudio, history: list, which: str, options: dict, says: str
) -> None:
    studio.fake.show(snapshot("finished", 200))
    with pytest.raises(AppError, match=says):
        client.predict("run", "What?", history, which, options, api_name="/chat")


def test_the_adapter_comes_as_a_file(client: Client, studio: FakeStudio) -> None:
    studio.fake.show(snapshot("finished", 200))
    got = client.predict(studio.fake.now.job.id, api_name="/export_adapter")  # type: ignore[union-attr]
    assert Path(got).name.endswith("-adapter.zip") and Path(got).read_bytes() == b"PK made up"
