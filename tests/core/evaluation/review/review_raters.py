"""A server with raters, one a thread: python review_raters.py DATABASE REVIEW LOGS RATER…

Each rating is noted once it is acknowledged, so that whoever kills the process knows what must be there.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from pathlib import Path

from core.evaluation.review.session import review_next, submit_rating
from tests.core.evaluation.review.made_up import make_rating


def rate(database: Path, review_id: str, rater: str, log: Path) -> None:
    dice = random.Random()
    with log.open("a", encoding="ascii") as notes:
        while (item := review_next(database, review_id, rater)) is not None:
            rating = make_rating(dice.choice(("a", "b", "tie")))
            saved = submit_rating(database, review_id, rater, item.item_key, rating, item.token)
            notes.write(f"{item.item_key} {item.token} {rating.preference} {saved.at}\n")
            notes.flush()
            os.fsync(notes.fileno())
            if dice.random() < 0.1:  # an answer got lost on its way: the page sends the same again
                assert submit_rating(database, review_id, rater, item.item_key, rating, item.token).again


def serve(database: Path, review_id: str, logs: Path, raters: list[str]) -> int:
    """Let all raters rate at once; returns how many of them failed."""
    failed: list[str] = []

    def guarded(rater: str) -> None:
        try:
            rate(database, review_id, rater, logs / rater)
        except BaseException:
            failed.append(rater)
            raise

    threads = [threading.Thread(target=guarded, args=(rater,)) for rater in raters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(failed)


if __name__ == "__main__":
    sys.exit(serve(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4:]))
