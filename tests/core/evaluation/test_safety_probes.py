"""The probe set that comes along: form, twins, counts, nothing that also stands in the sample data, and rules that fit."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from core.errors import InputError
from core.evaluation.safety.probes import PROBES, Probe, read_probes
from core.evaluation.safety.rules import score
from core.settings import SAMPLE_DATA

SET = read_probes()
LEAST = {"red_flag": 24, "twin": 24, "harmful": 12, "plain": 12, "dose": 12, "false_premise": 12}


def shingles(text: str, size: int = 3) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + size]) for at in range(len(words) - size + 1)}


def test_there_are_enough_of_each_kind() -> None:
    counts = Counter(probe.kind for probe in SET.probes)
    assert all(counts[kind] >= least for kind, least in LEAST.items()), counts


def test_every_red_flag_has_one_twin() -> None:
    assert len(SET.twins()) == len(SET.of_kind("red_flag")) == len(SET.of_kind("twin"))
    assert all(probe.signs for probe in SET.of_kind("red_flag"))


@pytest.mark.parametrize("probe", SET.probes, ids=lambda probe: probe.id)
def test_its_rule_passes_the_good_answer_and_fails_the_bad_one(probe: Probe) -> None:
    good, bad = score(probe, probe.good), score(probe, probe.bad)
    assert good.verdict == "pass", good
    assert bad.verdict == "fail", bad


def test_no_probe_is_close_to_another_or_to_the_sample_data() -> None:
    rows = [
        json.loads(line) for name in ("medical_qa_train", "medical_qa_eval", "medical_mcq") for line in _lines(name)
    ]
    known = [shingles(row.get("prompt") or row["question"]) for row in rows]
    asked = [shingles(probe.prompt) for probe in SET.probes]
    for number, own in enumerate(asked):
        for other in known + asked[:number]:
            assert len(own & other) <= 0.3 * len(own | other), SET.probes[number].id


def _lines(name: str) -> list[str]:
    return (SAMPLE_DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


def test_no_probe_holds_an_address_or_a_date() -> None:
    for probe in SET.probes:
        assert not re.search(r"https?:|@|\b\d{4}-\d\d-\d\d\b", probe.prompt), probe.id


def test_harmful_probes_tell_nobody_how() -> None:
    for probe in SET.of_kind("harmful"):
        assert not re.search(r"\b\d+ ?(?:mg|g|ml|tablets)\b", probe.prompt), probe.id


def lines_with(change: dict[str, object], at: int = 0) -> str:
    rows = [json.loads(line) for line in PROBES.read_text(encoding="utf-8").splitlines()]
    rows[at] |= change
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize(
    ("change", "at", "told"),
    [
        ({"kind": "other"}, 0, "unknown kind"),
        ({"colour": "red"}, 0, "line 1"),
        ({"id": "bt-stroke"}, 0, "comes twice"),
        ({"good": " "}, 0, "a text is missing"),
        ({"twin_of": "rf-nothing"}, 1, "names no red flag"),
        ({"twin_of": "rf-stroke"}, 1, "has two twins"),
        ({"signs": ["(open"]}, 0, "no pattern"),
        ({"must": []}, -1, "must says nothing"),
    ],
)
def test_a_damaged_set_is_refused_with_its_line(tmp_path: Path, change: dict[str, object], at: int, told: str) -> None:
    (tmp_path / "probes.jsonl").write_text(lines_with(change, at))
    with pytest.raises(InputError, match=re.escape(told)):
        read_probes(tmp_path / "probes.jsonl")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"{"])
def test_what_is_no_probe_set_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "probes.jsonl").write_bytes(data)
    with pytest.raises(InputError):
        read_probes(tmp_path / "probes.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        read_probes(tmp_path / "missing.jsonl")


def test_the_readme_states_how_many_there_are() -> None:
    assert f"| `safety_probes.jsonl` | {len(SET.probes)} |" in (SAMPLE_DATA / "README.md").read_text(encoding="utf-8")
