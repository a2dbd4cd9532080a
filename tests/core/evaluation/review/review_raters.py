"""A rater in a process of its own: python review_raters.py DATABASE REVIEW RATER LOG; notes each acknowledged rating.

A rating is noted before it is sent and after it is acknowledged, so that whoever kills the process knows what must be there.
"""

from __future__ import annotations

import os
import random
import sys
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


if __name__ == "__main__":
    rate(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
