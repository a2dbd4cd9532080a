"""A person's word against a rule's: kept with who, when and why, never taken out, and counted in the result.

    overrule(job_dir, "rf-stroke", "tuned", "fail", "Dr Lee", "It names the wrong number.")  →  the result with it
    safety_items(job_dir)                                                                   →  items with what stands

The rule's own verdict stays in items.jsonl. Verdict ``rule`` gives the word back to the rule.
It does not know: who may overrule (callers see to that), screens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from core.errors import InputError
from core.evaluation.ledger import append, entries
from core.evaluation.result import EvaluationResult, read_items
from core.evaluation.safety.measure import PANES, Item, Pane, Words, measured, stands
from core.evaluation.safety.signature import probe_review
from core.jobs.job import read_job

OVERRULES_FILE = "overrules.json"
HumanVerdict = Literal["pass", "fail", "rule"]
VERDICTS: tuple[HumanVerdict, ...] = get_args(HumanVerdict)


def overrule(job_dir: Path, item_id: str, pane: Pane, verdict: HumanVerdict, who: str, why: str) -> EvaluationResult:
    """Overrule a rule's verdict, and compute the result anew.

    Args:
        job_dir: The evaluation's folder.
        item_id: Which probe.
        pane: Whose answer.
        verdict: ``pass``, ``fail``, or ``rule``: let the rule's verdict stand again.
        who: Who says so.
        why: The reason, for those who read it later.

    Raises:
        InputError: if there is no such item, or something is missing.
        JobError: if the evaluation has no result yet, or the record is damaged.
        ResourceError: if the disk refuses; nothing is changed then.
    """
    EvaluationResult.read(job_dir)  # an evaluation that still runs has no verdicts to overrule
    if pane not in PANES or verdict not in VERDICTS:
        raise InputError(
            f"{pane!r} and {verdict!r} are not a model and a verdict.", "Choose base or tuned, pass or fail."
        )
    if not who.strip() or not why.strip():
        raise InputError("Overruling a rule needs a name and a reason.", "Fill in both.")
    if all(item["id"] != item_id for item in read_items(job_dir)):
        raise InputError(f"There is no probe {item_id!r} in this evaluation.", "Choose one from the list.")
    entry = {"item": item_id, "pane": pane, "verdict": verdict, "who": who.strip(), "why": why.strip()}
    append(job_dir / OVERRULES_FILE, entry)
    result = overruled_result(job_dir)
    result.save(job_dir)
    return result


def overruled_result(job_dir: Path) -> EvaluationResult:
    """The result with every word of a person in it, computed from the items.

    Raises:
        JobError: if the evaluation has no result yet, or something is damaged.
    """
    result = EvaluationResult.read(job_dir)
    review = probe_review(read_job(job_dir).home, str(result.settings.get("probes_sha256", "")))
    return measured(result, list(read_items(job_dir)), words_of(job_dir), review.sentence)


def words_of(job_dir: Path) -> Words:
    """What stands against the rules: the last word on each answer, unless it gave the word back to the rule."""
    last: dict[tuple[str, Pane], Item] = {}
    for entry in entries(job_dir / OVERRULES_FILE):
        last[entry["item"], entry["pane"]] = entry
    return {key: entry for key, entry in last.items() if entry["verdict"] != "rule"}


def overrules(job_dir: Path) -> Sequence[Item]:
    """Everything that was ever said against a rule, the oldest first."""
    return entries(job_dir / OVERRULES_FILE)


def safety_items(job_dir: Path) -> list[dict[str, Any]]:
    """Every item; under each model also ``stands`` (the verdict that counts) and ``overruled`` (the word, or None)."""
    words = words_of(job_dir)
    return [
        item
        | {
            pane: item[pane] | {"stands": stands(item, pane, words), "overruled": words.get((item["id"], pane))}
            for pane in PANES
        }
        for item in read_items(job_dir)
    ]
