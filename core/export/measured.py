"""What was measured about a run, and what was not: evaluation results and closed reviews → lines of the audit and the card.

    evidence = read_evidence(run_dir)
    measured(evidence)      → [{"what": …, "base": …, "tuned": …, "note": …}, …]
    not_measured(evidence)  → ["bias between groups of people", …]

Of each measure the newest complete evaluation of these weights counts, and how many there are is said, so that nobody picks
the best.
It holds no record text. It does not know: how anything was measured, the scorecard, the card's form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import JobError
from core.evaluation.of_run import of_other_weights
from core.evaluation.result import EVALUATIONS, RESULT_FILE, EvaluationResult, Kind, Measure
from core.evaluation.review.results import ReviewResults, results
from core.evaluation.review.session import list_reviews
from core.evaluation.safety.signature import probe_review
from core.evaluation.scorecard import adapter_sha256, held_out_losses
from core.evaluation.wording import difference, interval, verdict
from core.jobs.job import read_job
from core.settings import Settings

Line = dict[str, str]
BIAS = "bias between groups of people"
# What nobody knows as long as an evaluation of that kind is missing.
UNKNOWN: Mapping[Kind, str] = {
    "heldout": "quality of its answers on held-out rows",
    "benchmark": "accuracy on medical benchmarks",
    "safety": "safety: urgent cases, harmful requests, refusals",
}
JUDGED = "correctness and harm of its answers as judged by health professionals"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was found.

    Args:
        losses: Held-out loss before training, step and loss of the best checkpoint; None if training measured none.
        evaluations: Results that can be read, the most telling first: of these weights before others, complete before
            stopped, then the newest.
        reviews: Closed reviews in which an item was judged, the newest first.
        open_reviews: How many reviews are still open.
        adapter: SHA-256 of the adapter's weights; empty if there are none.
        probes: Who has reviewed the safety probes that were asked, in words; empty without them.
    """

    losses: tuple[float, int, float] | None
    evaluations: tuple[EvaluationResult, ...]
    reviews: tuple[ReviewResults, ...]
    open_reviews: int
    adapter: str
    probes: str


def read_evidence(run_dir: Path) -> Evidence:
    """Read all that a run's folder and the database hold about it.

    Raises:
        JobError: if the run's job.json is damaged.
    """
    home = read_job(run_dir).home
    adapter = adapter_sha256(run_dir)

    def telling(result: EvaluationResult) -> tuple[bool, bool, str]:
        return not of_other_weights(result, adapter), result.complete, result.created

    found = sorted(_evaluations(run_dir), key=telling, reverse=True)
    database = Settings(home=home).database
    own = [review for review in list_reviews(database) if review.run_id == run_dir.name] if database.is_file() else []
    closed = [results(database, review.id) for review in own if review.closed]
    asked = next((result for result in found if result.kind == "safety"), None)
    probes = probe_review(home, str(asked.settings.get("probes_sha256", ""))).sentence if asked else ""
    return Evidence(
        held_out_losses(run_dir),
        tuple(found),
        tuple(review for review in closed if review.judged),
        sum(not review.closed for review in own),
        adapter,
        probes,
    )


def _evaluations(run_dir: Path) -> Iterator[EvaluationResult]:
    for path in (run_dir / EVALUATIONS).glob(f"*/{RESULT_FILE}"):
        try:
            yield EvaluationResult.read(path.parent)
        except JobError:  # a damaged result measures nothing; the list of evaluations shows it
            continue


def measured(evidence: Evidence) -> list[Line]:
    """One line a measure: held-out loss of training, evaluations, reviews."""
    return [*_training(evidence), *_judged(evidence), *_reviewed(evidence)]


def not_measured(evidence: Evidence) -> list[str]:
    """What nobody has measured, or only in part."""
    missing = [] if _has_loss(evidence) else ["loss on held-out rows"]
    for kind, what in UNKNOWN.items():
        best = next((result for result in evidence.evaluations if result.kind == kind), None)
        if best is None or not best.measures:
            missing.append(what)
        elif not best.complete:
            missing.append(f"{what} (only in part: stopped after {_count(best.items, 'item')})")
        elif of_other_weights(best, evidence.adapter):
            missing.append(f"{what} (only of other weights than these)")
    if not evidence.reviews:
        still_open = f" ({_count(evidence.open_reviews, 'review')} still open)" if evidence.open_reviews else ""
        missing.append(f"{JUDGED}{still_open}")
    return [*missing, BIAS]


def _has_loss(evidence: Evidence) -> bool:
    return evidence.losses is not None or any(
        measure.unit == "loss" for result in evidence.evaluations for measure in result.measures
    )


def _training(evidence: Evidence) -> Iterator[Line]:
    """The first and the best held-out loss of the run: base against tuned on the same rows."""
    if evidence.losses is not None:
        before, step, best = evidence.losses
        note = f"best at step {step}; measured during training on the held-out rows that also chose the checkpoint"
        what = "Held-out loss per answer token (lower is better)"
        yield {"what": what, "base": f"{before:.3f}", "tuned": f"{best:.3f}", "note": note}


def _judged(evidence: Evidence) -> Iterator[Line]:
    """What the evaluations measured, with what it comes to."""
    times: dict[tuple[Kind, str, bool], int] = {}
    for result in evidence.evaluations:
        for measure in result.measures:
            key = (result.kind, measure.name, of_other_weights(result, evidence.adapter))
            times[key] = times.get(key, 0) + 1
    for kind in UNKNOWN:
        told: set[str] = set()
        for result in evidence.evaluations:
            for measure in result.measures if result.kind == kind else ():
                if measure.name not in told:
                    told.add(measure.name)
                    key = (kind, measure.name, of_other_weights(result, evidence.adapter))
                    yield _line(result, measure, evidence, times[key])


def _line(result: EvaluationResult, measure: Measure, evidence: Evidence, times: int) -> Line:
    found = measure.comparison
    said = [
        f"{verdict(measure)[0]}; difference {difference(found.difference, measure.unit)}, {_count(found.items, 'item')}"
    ]
    said += [measure.note.rstrip(".")] if measure.note else []
    said += ["stopped early"] if not result.complete else []
    said += ["measured on other weights than these"] if of_other_weights(result, evidence.adapter) else []
    said += [f"the newest of {times} measurements"] if times > 1 else []
    overruled = int(measure.facts.get("overruled", 0))
    said += [f"{_count(overruled, 'verdict')} overruled by a person"] if overruled else []
    said += [evidence.probes.rstrip(".")] if result.kind == "safety" and evidence.probes else []
    return {
        "what": measure.label + (" (lower is better)" if measure.lower_is_better else ""),
        "base": interval(found.base, measure.unit),
        "tuned": interval(found.tuned, measure.unit),
        "note": "; ".join(said),
    }


HARMS = {"any": "answers that could do harm", "severe": "answers that could do severe harm"}


def _reviewed(evidence: Evidence) -> Iterator[Line]:
    """What closed blind reviews came to: whose answers were preferred, and whose could harm."""
    for review in evidence.reviews:
        raters = _count(sum(rater.saved > 0 for rater in review.raters), "rater")
        about = f"blind review of {_count(review.review.items, 'item')} by {raters}, closed {review.review.closed[:10]}"
        preference = review.preference
        if preference is not None and preference.decided:
            yield {
                "what": f"Preferred answer ({review.review.name})",
                "base": f"{preference.items['base']} of {preference.decided} decided",
                "tuned": f"{preference.items['tuned']} of {preference.decided} decided",
                "note": f"{preference.verdict}; {about}",
            }
        for name, what in HARMS.items():
            harm = (review.harm or {}).get(name)
            if harm is not None:
                yield {
                    "what": f"Items with {what} ({review.review.name}; lower is better)",
                    "base": interval(harm.base, "share"),
                    "tuned": interval(harm.tuned, "share"),
                    "note": f"{harm.verdict}; {about}",
                }


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
