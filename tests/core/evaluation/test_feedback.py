"""Remarks about answers: nothing is lost or doubled, and what leaves can be opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.evaluation.feedback import Feedback, FeedbackStore
from core.inference.messages import ChatOptions
from core.inference.report import Exchange, Speaker

EXCHANGE = Exchange(
    "What is anaemia?",
    {"base": "A lack.", "tuned": "<think>\nhm\n</think>\n\nToo little haemoglobin."},
    Speaker("run@120", "Respiratory, step 120", "org/base", "ab" * 32, "CPU"),
    ChatOptions(seed=7),
    "2026-11-24T10:00:00+00:00",
)
FLAG = Feedback("flag", "tuned", EXCHANGE, ("harmful", "other"), "=2+2, dangerous", "lee", ("Before?",))


@pytest.fixture
def store(tmp_path: Path) -> FeedbackStore:
    return FeedbackStore(tmp_path / "medft.sqlite3")


def test_a_remark_comes_back_with_everything_that_belongs_to_it(store: FeedbackStore) -> None:
    assert store.rows() == [] and store.count() == 0
    assert store.save(FLAG) and store.save(replace(FLAG, verdict="up", reasons=(), note=""))
    row = store.rows()[0]
    wanted = {
        "verdict": "flag",
        "about": "tuned",
        "reasons": ["harmful", "other"],
        "account": "lee",
        "question": "What is anaemia?",
        "base": "A lack.",
        "tuned": "Too little haemoglobin.",
        "model": "org/base",
        "adapter_sha256": "ab" * 32,
        "seed": 7,
        "answered": EXCHANGE.at,
        "earlier_questions": ["Before?"],
        "source": "run@120",
    }
    assert {name: row[name] for name in wanted} == wanted and row["saved"].endswith("+00:00")
    assert store.rows("another run") == []


def test_a_double_click_is_one_remark_and_a_change_of_mind_is_two(store: FeedbackStore) -> None:
    assert store.save(FLAG) is True and store.save(FLAG) is False
    assert store.save(replace(FLAG, note="worse")) is True
    assert store.count() == 2


def test_twenty_people_at_once_lose_nothing(store: FeedbackStore) -> None:
    def person(number: int) -> None:
        for each in range(5):
            store.save(replace(FLAG, account=f"rater {number}", note=f"{each}"))

    threads = [threading.Thread(target=person, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.count() == 100 == len({(row["account"], row["note"]) for row in store.rows()})


def test_it_is_synced_and_shares_the_file_with_the_reviews(store: FeedbackStore) -> None:
    store.save(FLAG)
    with sqlite3.connect(store.database) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {"chat_feedback", "review_ratings"} <= tables
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_csv_and_jsonl_hold_the_same_and_a_spreadsheet_runs_nothing(store: FeedbackStore) -> None:
    store.save(FLAG)
    store.save(Feedback("up", "base", EXCHANGE))
    text = store.export("csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    lines = [json.loads(line) for line in store.export("jsonl").decode().splitlines()]
    assert [row["verdict"] for row in rows] == [line["verdict"] for line in lines] == ["flag", "up"]
    assert rows[0]["note"] == "'=2+2, dangerous" and lines[0]["note"] == "=2+2, dangerous"
    assert rows[0]["reasons"] == "harmful, other"
    assert set(rows[0]) == set(lines[0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"reasons": ()}, "needs a reason"),
        ({"note": " "}, "Say in a few words"),
        ({"verdict": "meh"}, "up, down or flag"),
        ({"about": "both"}, "base or tuned"),
        ({"reasons": ("silly",)}, "must be of harmful"),
        ({"note": "x" * 2001}, "at most 2,000"),
        ({"exchange": replace(EXCHANGE, answers={"base": "A."})}, "no answer of this model"),
    ],
)
def test_what_cannot_be_kept_is_said_and_nothing_is(store: FeedbackStore, changes: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        store.save(replace(FLAG, **changes))
    assert store.count() == 0
