"""10,000 ratings by 20 raters in processes that are killed at random: none lost, none doubled; and how fast it is."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.evaluation.review.items import ReviewOptions
from core.evaluation.review.results import results
from core.evaluation.review.session import create_review, review_next, submit_rating
from tests.core.evaluation.review.made_up import make_items, make_rating

RATERS, ITEMS, KILLS = 20, 500, 60
HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[3]


def start(database: Path, review_id: str, logs: Path, raters: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / "review_raters.py"), str(database), review_id, str(logs), *raters]
    return subprocess.Popen(command, cwd=REPOSITORY, env={"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("servers", [1, pytest.param(20, marks=pytest.mark.long)])
def test_ten_thousand_ratings_survive_kills(database: Path, tmp_path: Path, servers: int) -> None:
    """One server with 20 raters in threads; then 20 processes with one rater each."""
    options = ReviewOptions(axes=(), repeats=0.0, seed=3)
    review_id = create_review(database, "Load", "", make_items(ITEMS), options)
    raters = [f"rater {number}" for number in range(RATERS)]
    shares = [raters[number::servers] for number in range(servers)]
    dice, began, killed = random.Random(5), time.monotonic(), 0
    running = {number: start(database, review_id, tmp_path, share) for number, share in enumerate(shares)}
    while running:
        time.sleep(0.05)
        for number, process in list(running.items()):
            if process.poll() == 0:
                del running[number]
            elif process.poll() is not None:
                assert process.returncode == -signal.SIGKILL, f"server {number} ended with {process.returncode}"
                running[number] = start(database, review_id, tmp_path, shares[number])
        if running and killed < KILLS and dice.random() < (0.4 if servers > 1 else 0.06):
            victim = dice.choice(list(running.values()))
            if victim.poll() is None:
                victim.kill()
                killed += 1
    seconds = time.monotonic() - began
    check_everything(database, tmp_path, killed * len(shares[0]))
    found = results(database, review_id)
    assert found.ratings == RATERS * ITEMS and all(rater.saved == ITEMS for rater in found.raters)
    assert killed >= 5
    sys.stderr.write(f"\n{servers} servers: {RATERS * ITEMS} ratings, {killed} kills, {seconds:.0f} s\n")


def check_everything(database: Path, logs: Path, most_unnoted: int) -> None:
    """Each place rated exactly once, and each acknowledged rating there as it was sent."""
    with sqlite3.connect(database) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        rows = db.execute("SELECT rater, place, token, body, saved FROM review_ratings").fetchall()
    assert len(rows) == RATERS * ITEMS
    assert len({(rater, place) for rater, place, *_ in rows}) == len(rows)
    there = {
        (rater, token): (place, json.loads(body)["preference"], saved) for rater, place, token, body, saved in rows
    }
    acknowledged = 0
    for rater in range(RATERS):
        for line in (logs / f"rater {rater}").read_text(encoding="ascii").splitlines():
            parts = line.split()
            if len(parts) == 4:
                key, token, preference, saved = parts
                assert there[f"rater {rater}", token] == (int(key) - 1, preference, saved)
                acknowledged += 1
    # a kill between saving and noting leaves one rating of each rater in that process without a note
    assert RATERS * ITEMS - most_unnoted <= acknowledged <= RATERS * ITEMS


@pytest.mark.slow
def test_twenty_raters_in_threads_and_the_next_item_within_100_ms(database: Path) -> None:
    review_id = create_review(database, "Threads", "", make_items(60), ReviewOptions(axes=(), repeats=0.1))
    waits: list[float] = []
    faults: list[BaseException] = []

    def rate(rater: str) -> None:
        try:
            while True:
                asked = time.perf_counter()
                item = review_next(database, review_id, rater)
                waits.append(time.perf_counter() - asked)
                if item is None:
                    return
                submit_rating(database, review_id, rater, item.item_key, make_rating(), item.token)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=rate, args=(f"rater {number}",)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert results(database, review_id).ratings == 20 * 66
    worst, middle = statistics.quantiles(waits, n=100)[98], statistics.median(waits)
    sys.stderr.write(
        f"\nnext item with 20 raters at once: median {middle * 1e3:.1f} ms, 99th percentile {worst * 1e3:.1f} ms\n"
    )
    assert middle < 0.1


def test_the_next_item_of_a_large_review_comes_within_100_ms(database: Path) -> None:
    review_id = create_review(database, "Large", "", make_items(2_000), ReviewOptions(axes=(), repeats=0.5, seed=1))
    item = review_next(database, review_id, "ann")
    waits = []
    for _ in range(20):
        assert item is not None
        submit_rating(database, review_id, "ann", item.item_key, make_rating(), item.token)
        asked = time.perf_counter()
        item = review_next(database, review_id, "ann")
        waits.append(time.perf_counter() - asked)
    sys.stderr.write(f"\nnext of 2,000 items: median {statistics.median(waits) * 1e3:.1f} ms\n")
    assert statistics.median(waits) < 0.1
