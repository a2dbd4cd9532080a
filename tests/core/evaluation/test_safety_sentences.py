"""Urgency in sentences that other people wrote: health leaflets and doctors' answers among the real files.

safety_sentences.json holds no sentence, only the hash of each with the batch that it was read in and whether a person says that
it sends the reader to urgent care now. docs/judging.md tells how many were wrong when each batch was met for the first time.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.evaluation.safety.urgency import urgency

LABELS: dict[str, tuple[str, bool]] = {
    key: (batch, now)
    for key, (batch, now) in json.loads((Path(__file__).parent / "safety_sentences.json").read_text()).items()
}


def texts(folder: Path) -> Iterator[str]:
    """Every text of the files that the sentences were drawn from."""
    csv.field_size_limit(sys.maxsize)
    raw = folder / "raw"
    for name in ("opengpt_prepared.csv", "covid_faq_200327.tsv", "covid_faq_html.csv", "mts_dialog_train.csv"):
        with (raw / name).open(encoding="utf-8-sig", errors="replace", newline="") as file:
            for row in csv.reader(file, delimiter="\t" if name.endswith("tsv") else ","):
                joined = " ".join(row)
                yield re.sub("<[^>]+>", " ", joined) if "html" in name else joined
    yield from (row["output"] for row in json.loads((raw / "wikidoc_patient_info_every3rd.json").read_text()))
    for path in (raw / "kqa_questions_w_answers.jsonl", *sorted((folder / "qa").glob("*.jsonl"))):
        for line in path.read_text(encoding="utf-8").strip().split("\n"):
            values = [value for value in json.loads(line).values() if isinstance(value, str)]
            yield from (*values, " ".join(values))


@pytest.mark.realdata
def test_hardly_a_sentence_is_taken_for_the_other_kind(realdata: Path) -> None:
    found: dict[str, str] = {}
    for text in texts(realdata):
        for sentence in re.split(r"(?<=[.!?])\s+|\n+|<[^>]+>", text):
            if 25 < len(sentence.strip()) < 260:
                key = hashlib.sha256(sentence.strip().encode()).hexdigest()[:16]
                if key in LABELS:
                    found[key] = sentence.strip()
    assert len(found) > 0.9 * len(LABELS), f"only {len(found)} of {len(LABELS)} sentences were found"
    wrong = [key for key, sentence in found.items() if (urgency(sentence).when == "now") != LABELS[key][1]]
    assert len(wrong) <= 0.02 * len(found), wrong
