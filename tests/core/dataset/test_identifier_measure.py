"""What the identifier check must reach on files that others labelled, and that the docs tell what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.dataset.identifiers import measure, names_available, scan, scan_names

DOCS = Path(__file__).resolve().parents[3] / "docs" / "identifiers.md"
needs_model = pytest.mark.skipif(not names_available().value, reason=names_available().reason)


def test_scoring_counts_overlaps_and_clean_queries() -> None:
    queries = [
        measure.Query("MRN: SJ-12345 and nothing else 2021", ((5, 13, "MEDICAL_RECORD_NUMBER"), (31, 35, "DATE"))),
        measure.Query("SSN 123-45-6789, said to be clean", ()),
        measure.Query("clean", ()),
    ]
    score = measure.score(queries, advisory=False)
    assert (score.recall, score.clean_flagged, score.clean) == (0.5, 1, 2)
    assert (score.found["MEDICAL_RECORD_NUMBER"], score.found["DATE"]) == (1, 0)


@pytest.mark.realdata
@pytest.mark.parametrize("part", [slice(0, 300), slice(300, None)], ids=["looked at", "others"])
def test_blocking_classes_reach_their_target(realdata: Path, part: slice) -> None:
    score = measure.score(measure.read_queries(realdata / "phi" / "asq_phi_spans_first525.jsonl")[part], advisory=False)
    assert score.recall >= 0.92
    assert score.clean_flagged == 0


@pytest.mark.realdata
def test_blocking_classes_leave_health_texts_alone(realdata: Path) -> None:
    counted = measure.count_flagged(measure.read_rows(realdata / "qa" / "medquad_train.jsonl"), advisory=False)
    assert counted.flagged <= 5
    assert counted.rows_per_s > 2000


@needs_model
@pytest.mark.realdata
@pytest.mark.parametrize("part", [slice(0, 300), slice(300, None)], ids=["looked at", "others"])
def test_names_and_places_reach_their_target(realdata: Path, part: slice) -> None:
    score = measure.score(measure.read_queries(realdata / "phi" / "asq_phi_spans_first525.jsonl")[part], advisory=True)
    assert score.recall >= 0.85
    assert score.clean_flagged <= 0.15 * score.clean


@needs_model
@pytest.mark.slow
@pytest.mark.realdata
def test_names_and_places_leave_health_texts_alone(realdata: Path) -> None:
    counted = measure.count_flagged(measure.read_rows(realdata / "qa" / "medquad_train.jsonl"), advisory=True)
    assert counted.flagged <= 0.03 * counted.rows
    assert counted.rows_per_s >= 300
    eponyms = measure.count_flagged(measure.read_rows(realdata / "phi" / "eponym_hard_negatives.jsonl"), advisory=True)
    assert eponyms.flagged <= 5


@needs_model
@pytest.mark.realdata
def test_identifiers_put_into_health_texts_are_found(realdata: Path) -> None:
    with (realdata / "phi" / "medquad_with_injected_phi_labelled.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    prompts = [row["prompt"] for row in rows]
    missed, total = [], 0
    for row, findings in zip(rows, map(tuple.__add__, map(scan, prompts), scan_names(prompts)), strict=True):
        for span in (span for span in row["_phi"] if span["field"] == "prompt"):
            total += 1
            if not any(finding.start < span["end"] and span["start"] < finding.end for finding in findings):
                missed.append(span["label"])
    assert total > 700
    # Two fax numbers are toll-free, which are taken for public by decision.
    assert len(missed) <= 0.01 * total, missed


@needs_model
@pytest.mark.slow
@pytest.mark.realdata
def test_the_docs_show_what_is_measured(realdata: Path) -> None:
    text = DOCS.read_text(encoding="utf-8")
    lines = [line for line in measure.table(realdata) if "rows a second" not in line]
    assert [line for line in lines if line not in text] == []


def test_nobody_is_promised_more_than_a_check() -> None:
    room = Path(measure.__file__).parent
    for path in [DOCS, *room.glob("*.py")]:
        text = path.read_text(encoding="utf-8").lower()
        assert "hipaa compliant" not in text and "hipaa-compliant" not in text, path.name
        assert "de-identified" not in text and "deidentified" not in text, path.name
