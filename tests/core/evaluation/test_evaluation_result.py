"""What an evaluation writes can be read back, and what is damaged is told."""

import json
from pathlib import Path

import pytest

from core.errors import JobError
from core.evaluation.result import EvaluationRequest, EvaluationResult, Measure, read_items
from core.evaluation.statistics import compare_paired


def made() -> EvaluationResult:
    comparison = compare_paired([0, 1, 0, 1] * 5, [1, 1, 0, 1] * 5)
    measure = Measure("pubmedqa", "PubMedQA", "share", comparison, facts={"majority": 0.55})
    return EvaluationResult("benchmark", "PubMedQA, 20 items", "2026-01-01", 20, True, "Better.", (measure,), ("note",))


def test_request_and_result_come_back_as_they_went(tmp_path: Path) -> None:
    request = EvaluationRequest("benchmark", tmp_path / "run", {"tasks": ["pubmedqa"], "limit": 20})
    request.save(tmp_path)
    made().save(tmp_path)
    assert EvaluationRequest.read(tmp_path) == request
    assert EvaluationResult.read(tmp_path) == made()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "other", "run": "x", "options": {}}'])
def test_a_damaged_request_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "request.json").write_text(text)
    with pytest.raises(JobError, match=r"request\.json is missing or damaged"):
        EvaluationRequest.read(tmp_path)


@pytest.mark.parametrize("cut", [0, 30, -3])
def test_a_damaged_result_is_told(tmp_path: Path, cut: int) -> None:
    with pytest.raises(JobError, match="no result yet"):
        EvaluationResult.read(tmp_path)
    made().save(tmp_path)
    text = (tmp_path / "result.json").read_text()
    (tmp_path / "result.json").write_text(text[:cut])
    with pytest.raises(JobError, match="damaged"):
        EvaluationResult.read(tmp_path)


def test_an_item_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    assert list(read_items(tmp_path)) == []
    (tmp_path / "items.jsonl").write_text(json.dumps({"id": "1"}) + "\n" + '{"id": "2", "qu')
    assert list(read_items(tmp_path)) == [{"id": "1"}]
