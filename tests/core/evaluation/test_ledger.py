"""What people decided stays: entries are added whole, by many at once, and a changed one is noticed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import JobError, ResourceError
from core.evaluation.ledger import append, entries


def test_entries_come_back_in_order_with_time_and_chain(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "words.json"
    assert entries(path) == ()
    first, second = append(path, {"who": "Ärztin"}), append(path, {"who": "B"}, lambda all: {"count": len(all)})
    assert entries(path) == (first, second)
    assert first["previous"] == "" and second["previous"] == first["sha256"] and first["when"] <= second["when"]
    assert json.loads(path.read_text(encoding="utf-8"))["count"] == 2


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(path, {"number": number}), range(40)))
    assert sorted(entry["number"] for entry in entries(path)) == list(range(40))


@pytest.mark.parametrize("damage", ["changed", "removed", "cut", "none", "list"])
def test_a_changed_record_is_told_and_not_added_to(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "words.json"
    for number in range(3):
        append(path, {"number": number})
    body = json.loads(path.read_text())
    if damage == "changed":
        body["entries"][1]["number"] = 9
    elif damage == "removed":
        del body["entries"][1]
    text = {"cut": path.read_text()[:-20], "none": "", "list": "[]"}.get(damage, json.dumps(body))
    path.write_text(text)
    for use in (lambda: entries(path), lambda: append(path, {"number": 3})):
        with pytest.raises(JobError, match="changed it by hand"):
            use()
    assert path.read_text() == text


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "words.json"
    kept = append(path, {"number": 0})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.evaluation.ledger.write_whole", full)
    with pytest.raises(ResourceError, match="No space left"):
        append(path, {"number": 1})
    assert entries(path) == (kept,)
