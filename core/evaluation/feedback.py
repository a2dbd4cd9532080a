"""What people say about answers in the chat: thumbs and flags with a reason, in the app's SQLite file, append-only.

    store = FeedbackStore(settings.database)
    store.save(Feedback("down", "tuned", reasons=("incomplete",), note="No red flags.", exchange=exchange, account="lee"))
    store.export("csv")

A remark is on the disk when ``save`` has returned (WAL, synced); the same remark sent twice is kept once; one that changes
its mind is a new row, and the export shows both with their times. It does not know: who is logged in (callers pass the
account), screens.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import ConfigError, Problem
from core.evaluation.review.database import reading, writing
from core.inference.messages import ChatOptions
from core.inference.report import Exchange, Speaker, settings_words
from core.inference.thinking import split_thinking

Verdict = Literal["up", "down", "flag"]
About = Literal["base", "tuned"]
Reason = Literal["harmful", "wrong", "incomplete", "unclear", "other"]
Format = Literal["csv", "jsonl"]
REASONS: tuple[Reason, ...] = get_args(Reason)
LONGEST_NOTE = 2000
SCHEMA = """
CREATE TABLE IF NOT EXISTS chat_feedback (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, saved TEXT NOT NULL, account TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('up', 'down', 'flag')), about TEXT NOT NULL CHECK (about IN ('base', 'tuned')),
    reasons TEXT NOT NULL, note TEXT NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL
) STRICT
"""
COLUMNS = (
    *("id", "saved", "account", "verdict", "about", "reasons", "note", "question", "base", "tuned", "model", "adapter"),
    *("adapter_sha256", "source", "settings", "system", "seed", "answered", "earlier_questions"),
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """One remark about one answer.

    Args:
        verdict: ``up``, ``down`` or ``flag``.
        about: Whose answer: ``base`` or ``tuned``.
        exchange: The question, both answers, which models, and how they answered.
        reasons: What is wrong, of REASONS; needed for a flag.
        note: In the person's own words, at most 2,000 characters.
        account: Who is logged in; empty without a login.
        earlier: Questions asked before in the same conversation, the oldest first.
    """

    verdict: Verdict
    about: About
    exchange: Exchange
    reasons: tuple[Reason, ...] = ()
    note: str = ""
    account: str = ""
    earlier: tuple[str, ...] = ()

    def problems(self) -> tuple[Problem, ...]:
        """Everything wrong, at once."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[Problem]:
        if self.verdict not in get_args(Verdict):
            yield Problem("verdict", "verdict must be up, down or flag.")
        if self.about not in get_args(About):
            yield Problem("about", "about must be base or tuned.")
        elif not self.exchange.answers.get(self.about, "").strip():
            yield Problem("about", "There is no answer of this model to judge.")
        if any(reason not in REASONS for reason in self.reasons):
            yield Problem("reasons", f"reasons must be of {', '.join(REASONS)}.")
        if self.verdict == "flag" and not self.reasons:
            yield Problem("reasons", "A flag needs a reason: choose at least one.")
        if "other" in self.reasons and not self.note.strip():
            yield Problem("note", "Say in a few words what is wrong, if it is none of the reasons named.")
        if len(self.note) > LONGEST_NOTE:
            yield Problem("note", f"The remark may have at most {LONGEST_NOTE:,} characters.")


class FeedbackStore:
    """The remarks in one database.

    Args:
        database: The SQLite file; made at the first remark.
    """

    def __init__(self, database: Path) -> None:
        self.database = database

    def save(self, feedback: Feedback) -> bool:
        """Keep a remark; returns whether it is new.

        Raises:
            ConfigError: with everything that is wrong, at once.
            ResourceError: if the disk is full; nothing is kept then.
        """
        if problems := feedback.problems():
            raise ConfigError(problems)
        body = {"exchange": feedback.exchange.to_json(), "earlier": list(feedback.earlier)}
        said = (
            *(feedback.account, feedback.verdict, feedback.about, json.dumps(sorted(feedback.reasons))),
            *(
                feedback.note.strip(),
                feedback.exchange.speaker.key,
                json.dumps(body, ensure_ascii=False, sort_keys=True),
            ),
        )
        digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()
        with writing(self.database) as db:
            db.execute(SCHEMA)
            done = db.execute(
                "INSERT OR IGNORE INTO chat_feedback"
                " (digest, saved, account, verdict, about, reasons, note, source, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (digest, datetime.now(UTC).isoformat(timespec="seconds"), *said),
            )
            return done.rowcount == 1

    def count(self) -> int:
        """How many remarks there are."""
        return sum(1 for _ in self._rows())

    def rows(self, source: str = "") -> list[dict[str, Any]]:
        """Every remark with all that belongs to it, the oldest first.

        Args:
            source: Only those about this run, checkpoint, adapter or base; empty for all.
        """
        return [_row(row) for row in self._rows() if source in ("", row["source"])]

    def export(self, format: Format, source: str = "") -> bytes:
        """Write remarks as a file's bytes: CSV for a spreadsheet, or one JSON object a line."""
        rows = self.rows(source)
        if format == "jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        file = io.StringIO()
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            joined = {"reasons": ", ".join(row["reasons"]), "earlier_questions": " | ".join(row["earlier_questions"])}
            writer.writerow({name: _harmless(value) for name, value in (row | joined).items()})
        return file.getvalue().encode("utf-8-sig")  # with a mark, or a spreadsheet takes it for another encoding

    def _rows(self) -> list[Any]:
        if not self.database.exists():
            return []
        with reading(self.database) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'chat_feedback'").fetchone():
                return []
            return db.execute("SELECT * FROM chat_feedback ORDER BY id").fetchall()


def _row(kept: Any) -> dict[str, Any]:
    body = json.loads(kept["body"])
    exchange: Mapping[str, Any] = body["exchange"]
    speaker, options = Speaker(**exchange["speaker"]), ChatOptions(**exchange["options"])
    answers = {pane: split_thinking(said).answer for pane, said in exchange["answers"].items()}
    return {
        "id": kept["id"],
        "saved": kept["saved"],
        "account": kept["account"],
        "verdict": kept["verdict"],
        "about": kept["about"],
        "reasons": json.loads(kept["reasons"]),
        "note": kept["note"],
        "question": exchange["question"],
        "base": answers.get("base", ""),
        "tuned": answers.get("tuned", ""),
        "model": speaker.model,
        "adapter": speaker.name,
        "adapter_sha256": speaker.adapter_sha256,
        "source": kept["source"],
        "settings": settings_words(options),
        "system": options.system,
        "seed": options.seed,
        "answered": exchange["at"],
        "earlier_questions": body["earlier"],
    }


def _harmless(value: Any) -> Any:
    """A spreadsheet runs a cell that begins like a formula."""
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in ("=", "+", "-", "@") else value
