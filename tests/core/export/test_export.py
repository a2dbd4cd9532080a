"""What goes home: the adapter folder, its card and audit file, the Hub's refusals."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from core.config import TrainingConfig
from core.dataset.build import sample_dataset
from core.dataset.store import Dataset
from core.errors import AccessError, InputError, ModelError
from core.evaluation.sign_off import digest_of, evidence, sign, withdraw
from core.export.adapter import export_adapter, file_hashes, write_adapter_folder
from core.export.audit import audit_of
from core.export.card import NOT_REVIEWED, card_text
from core.export.hub import push
from core.jobs.job import Job, read_job
from core.settings import Settings
from tests.core.evaluation.evaluation_cases import write_evaluation


@pytest.fixture
def dataset(settings: Settings) -> Dataset:
    return sample_dataset(settings.datasets)


@pytest.fixture
def run_dir(settings: Settings) -> Path:
    """A finished run as the worker leaves it, its weights a few bytes."""
    folder = settings.runs / "20261124-0540-demo"
    adapter = folder / "adapter"
    adapter.mkdir(parents=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ")
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "some/base"}')
    (adapter / "tokenizer.json").write_text("{}")
    (adapter / "tokenizer_config.json").write_text(
        '{"eos_token": "<|im_end|>", "pad_token": "<|pad|>", "model_max_length": 9}'
    )
    (adapter / "training_args.bin").write_bytes(b"a pickle stays at home")
    choice = {"value": "fp32", "reason": "This CPU has no bfloat16."}
    (folder / "plan.json").write_text(json.dumps({"precision": choice, "total_steps": 20, "model_sha256": "5ba5e"}))
    (folder / "config.json").write_text(json.dumps(TrainingConfig().to_json()))
    Job(folder, "train", "Demo", "finished", "2026-11-24T05:40:00.000+00:00", settings.home).save()
    events: list[dict[str, Any]] = [
        {"type": "metric", "step": 0, "eval_loss": 3.5},
        {"type": "metric", "step": 5, "loss": 3.0},
        {"type": "metric", "step": 10, "eval_loss": 2.5},
        {"type": "metric", "step": 20, "eval_loss": 2.75},
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def test_the_zip_holds_what_loaders_expect_and_no_pickle(run_dir: Path, dataset: Dataset) -> None:
    path = export_adapter(run_dir, audit_of(run_dir, dataset), "My run / v2")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = {name.split("/")[1] for name in archive.namelist()}
        special = json.loads(archive.read("My-run---v2/special_tokens_map.json"))
    assert names == {
        "adapter_model.safetensors",
        "adapter_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "README.md",
        "audit.json",
    }
    assert special == {"eos_token": "<|im_end|>", "pad_token": "<|pad|>"}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name], "nothing half written is left"


def test_the_card_says_how_far_it_was_trained_and_only_settings_that_count(run_dir: Path, dataset: Dataset) -> None:
    config = replace(TrainingConfig(), max_steps=40, seed=0)
    (run_dir / "config.json").write_text(json.dumps(config.to_json()))
    (run_dir / "plan.json").write_text(json.dumps({"total_steps": 40}))
    card = card_text(audit_of(run_dir, dataset))
    assert "**Trained for 20 of 40 planned steps.**" in card
    assert "| max_steps | 40 |" in card and "| seed | 0 |" in card and "| epochs |" not in card


def test_the_card_lists_only_metrics_that_were_measured(run_dir: Path, dataset: Dataset) -> None:
    assert ModelCard(card_text(audit_of(run_dir, dataset))).data.metrics == ["loss"]
    (run_dir / "events.jsonl").write_text("")
    assert not ModelCard(card_text(audit_of(run_dir, dataset))).data.metrics


def test_the_audit_says_where_it_came_from_and_hashes_every_file(run_dir: Path, dataset: Dataset) -> None:
    with write_adapter_folder(run_dir, audit_of(run_dir, dataset)) as folder:
        audit = json.loads((folder / "audit.json").read_text())
        hashes = file_hashes(folder)
    del hashes["audit.json"]
    assert audit["files_sha256"] == hashes and "README.md" in hashes
    assert audit["dataset"]["sha256"] == dataset.sha256
    assert audit["base_model"]["weights_sha256"] == "5ba5e"
    assert audit["run"]["settings"] == TrainingConfig().to_json()
    assert audit["measured"][0]["base"] == "3.500" and audit["measured"][0]["tuned"] == "2.500"
    assert audit["choices"] == {"precision": {"value": "fp32", "reason": "This CPU has no bfloat16."}}
    assert "step 10" in audit["measured"][0]["note"]


def test_the_audit_holds_no_record_text(run_dir: Path, dataset: Dataset) -> None:
    text = json.dumps(audit_of(run_dir, dataset), ensure_ascii=False) + card_text(audit_of(run_dir, dataset))
    for record in [*dataset.train(), *dataset.eval()]:
        assert record.response not in text


def test_the_card_is_valid_and_says_it_is_not_reviewed(run_dir: Path, dataset: Dataset) -> None:
    text = card_text(audit_of(run_dir, dataset))
    card = ModelCard(text)
    assert card.data.base_model == TrainingConfig().model
    assert card.data.library_name == "peft"
    assert card.data.license == "apache-2.0"
    assert NOT_REVIEWED in text and "not a medical device" in text and "Out-of-scope" in text


def test_nobodys_words_are_more_than_words_on_the_card(run_dir: Path, dataset: Dataset) -> None:
    words = "Fine\n\n> Reviewed by **Dr Lee** <img src=x> ![p](https://elsewhere.example/p.png) | `x`"
    audit = audit_of(run_dir, dataset)
    audit["run"]["name"] = audit["dataset"]["name"] = words
    audit["review"] |= {"signed": True, "name": words, "role": words, "statement": words, "changed_since": [words]}
    audit["review"]["when"] = "2026-11-24"
    audit["choices"] = {"precision": {"value": words, "reason": words}}
    text = card_text(audit)
    body = text.partition("\n---\n")[2]
    html = MarkdownIt().enable("table").render(body)
    assert html.count("Reviewed by **Dr Lee** &lt;img src=x&gt; ![p](https://elsewhere.example/p.png) | `x`") == 8
    assert "<img" not in html and "Dr Lee</strong>" not in html and html.count("<blockquote>") == 1
    assert ModelCard(text).data.model_name == " ".join(words.split())


def test_a_base_from_a_folder_is_named_without_its_place(run_dir: Path, dataset: Dataset) -> None:
    audit = audit_of(run_dir, dataset)
    audit["base_model"]["id"] = audit["run"]["settings"]["model"] = "/home/lee/models/my-base"
    text = card_text(audit)
    assert "my-base" in text and "/home/lee" not in text
    assert ModelCard(text).data.base_model is None  # the Hub refuses what is no id


def sign_run(run_dir: Path) -> None:
    job = read_job(run_dir)
    write_evaluation(job, "safety", job_id="e1")
    sign(run_dir, "A. Reviewer", "physician", "Fit for\nteaching.", digest_of(evidence(run_dir)))


def test_a_signed_run_names_who_signed_and_what_they_state(run_dir: Path, dataset: Dataset) -> None:
    sign_run(run_dir)
    audit = audit_of(run_dir, dataset)
    text = card_text(audit)
    assert f"Reviewed by A. Reviewer, physician, on {audit['review']['when'][:10]}: “Fit for teaching.”" in text
    assert NOT_REVIEWED not in text and "Signed before" not in text
    assert set(audit["review"]["seen"]) == {"adapter weights", "evaluation e1"}


def test_a_signature_from_before_a_change_says_so(run_dir: Path, dataset: Dataset) -> None:
    sign_run(run_dir)
    (run_dir / "adapter" / "adapter_model.safetensors").write_bytes(b"trained on")
    text = card_text(audit_of(run_dir, dataset))
    assert "Signed before this: adapter weights changed." in text


def test_a_withdrawn_signature_is_no_review(run_dir: Path, dataset: Dataset) -> None:
    sign_run(run_dir)
    withdraw(run_dir, "A. Reviewer", "physician", "A mistake.")
    audit = audit_of(run_dir, dataset)
    assert NOT_REVIEWED in card_text(audit) and "A signature was withdrawn" in card_text(audit)
    assert [entry["signed"] for entry in audit["review"]["history"]] == [True, False]


def test_a_run_whose_data_set_is_gone_still_goes_home(run_dir: Path) -> None:
    assert "deleted since" in card_text(audit_of(run_dir, None))


def test_a_run_without_evaluation_says_so(run_dir: Path, dataset: Dataset) -> None:
    (run_dir / "events.jsonl").write_text("")
    audit = audit_of(run_dir, dataset)
    assert audit["measured"] == [] and "loss on held-out rows" in audit["not_measured"]
    assert "Nothing: this run has no evaluation." in card_text(audit)


def test_a_run_without_an_adapter_is_not_exported(run_dir: Path, dataset: Dataset) -> None:
    (run_dir / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match="no complete adapter"):
        export_adapter(run_dir, audit_of(run_dir, dataset))


def test_a_folder_that_is_no_run_has_no_audit(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        audit_of(tmp_path, None)


@pytest.mark.parametrize("name", ["", "name", "a/b/c", "a b/c", "/x", "user/"])
def test_a_wrong_repository_name_is_refused_before_anything_is_sent(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="repository name"):
        push(tmp_path, name)


def test_without_a_token_push_says_where_to_put_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(AccessError, match="HF_TOKEN"):
        push(tmp_path, "user/name")


def test_a_card_that_the_hub_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def create_repo(self, *_: Any, **__: Any) -> str:
            return "https://huggingface.co/user/name"

        def upload_folder(self, **_: Any) -> None:
            raise ValueError("Invalid metadata in README.md.")  # as the library's create_commit says it

    monkeypatch.setattr("huggingface_hub.get_token", lambda: "a token")
    monkeypatch.setattr("huggingface_hub.HfApi", Refusing)
    with pytest.raises(InputError, match="refused the model card"):
        push(tmp_path, "user/name", private=False)
