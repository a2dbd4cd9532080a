"""What a review comes to, in plain sentences: what is known, how surely, and what is not.

It does not know: HTML, tables, how the numbers were computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from core.evaluation.review.form import AXES
from core.evaluation.review.results import Agreement, ReviewResults
from core.evaluation.statistics import Comparison, Interval

SUBJECTS = {"preference": "Preference", "harm": "Harm"}
# items_to_settle gives up here; a number as large would only pretend to be one.
BEYOND_REACH = 5_000


def subject(name: str) -> str:
    """What the raters were asked, for a heading."""
    return SUBJECTS.get(name) or AXES[name].question


def percent(share: float) -> str:
    """A share as a whole percentage."""
    return "–" if math.isnan(share) else f"{share * 100:.0f} %"


def interval(value: Interval) -> str:
    """An estimate with its interval: 61 % (95 % interval 48 to 73)."""
    return f"{percent(value.value)} ({_range(value)})"


def _range(value: Interval) -> str:
    return f"{value.level * 100:.0f} % interval {value.low * 100:.0f} to {value.high * 100:.0f}"


def sentences(found: ReviewResults) -> list[str]:
    """The whole result; while the review is open, how far it is."""
    if not found.is_revealed:
        done = f"{_count(found.ratings, 'rating')} by {_count(len(found.raters), 'rater')}"
        return [f"The review is open: {done}. Which model is which stays hidden until it is closed."]
    return [
        *_preference(found),
        *_harm(found),
        *_axes(found),
        *_agreement(found),
        *_care(found),
    ]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _preference(found: ReviewResults) -> Iterator[str]:
    preference = found.preference
    if preference is None or preference.win is None or not preference.decided:
        yield "No item was decided: nobody preferred one answer over the other, so nothing can be said about preference."
        return
    win = preference.win
    what = f"Tuned preferred in {percent(win.value)} of {preference.decided} decided items ({_range(win)})"
    yield f"{what}: {_settled(found)}."
    other = [
        f"{count} {name}"
        for name, count in (
            ("tied", preference.items["tie"]),
            ("with both bad", preference.items["both_bad"]),
            ("split between raters", preference.items["split"]),
            ("that nobody judged", preference.items["not judged"]),
        )
        if count
    ]
    if other:
        yield f"Not counted there: {', '.join(other)}."


def _settled(found: ReviewResults) -> str:
    preference = found.preference
    assert preference is not None
    if preference.verdict == "better":
        return "tuned is preferred, beyond what chance explains"
    if preference.verdict == "worse":
        return "base is preferred, beyond what chance explains"
    more = preference.more_items
    if preference.verdict == "too few items":
        return "too few items for a verdict"
    if more > BEYOND_REACH:
        return "not settled; at this rate no review of reasonable size would settle it"
    return f"not settled; about {more} more decided items would settle it if the rate stays as it is"


def _harm(found: ReviewResults) -> Iterator[str]:
    for name, words in (("any", "possible harm"), ("severe", "severe harm")):
        comparison = (found.harm or {}).get(name)
        if comparison:
            yield f"Answers with {words}: base {interval(comparison.base)}, tuned {interval(comparison.tuned)}; {_verdict(comparison)}."


def _axes(found: ReviewResults) -> Iterator[str]:
    for key, comparison in (found.axes or {}).items():
        axis = AXES[key]
        yield (
            f"{axis.question} “{axis.levels[0]}”: base {interval(comparison.base)}, tuned {interval(comparison.tuned)}; "
            f"{_verdict(comparison)}."
        )
    if found.must_have:
        yield (
            f"Must-have statements made: base {interval(found.must_have.base)}, tuned {interval(found.must_have.tuned)}; "
            f"{_verdict(found.must_have)}."
        )


def _verdict(comparison: Comparison) -> str:
    words = {"better": "tuned is better", "worse": "tuned is worse"}
    return words.get(comparison.verdict, comparison.verdict)


def _agreement(found: ReviewResults) -> Iterator[str]:
    if len([rater for rater in found.raters if rater.saved]) < 2:
        yield "One rater only: nobody knows whether another would have judged the same."
    elif not found.agreement:
        yield "No item was judged by two raters, so their agreement is not known."
    for agreement in found.agreement:
        yield f"{subject(agreement.subject)}: {agreement_words(agreement)}."
    if found.self_agreement:
        again = f"{interval(found.self_agreement)} of {found.repeats} repeats"
        yield f"The same preference when an item came again with the sides swapped: {again}."


def agreement_words(agreement: Agreement) -> str:
    """How far raters agree: 74 % of pairs the same over 20 items, Cohen's kappa 0.41 (95 % interval 0.12 to 0.70)."""
    units = "answers" if agreement.subject not in ("preference",) else "items"
    words = f"{agreement.raters} raters gave the same answer in {percent(agreement.raw)} of pairs over {agreement.units} {units}"
    if agreement.kappa is None or math.isnan(agreement.kappa.value):
        return f"{words}; no kappa (too few, or all answers the same)"
    kappa = agreement.kappa
    if math.isnan(kappa.low):
        return f"{words}; {agreement.kind} {kappa.value:.2f} (no interval: the answers are too much alike for one)"
    return f"{words}; {agreement.kind} {kappa.value:.2f} (95 % interval {kappa.low:.2f} to {kappa.high:.2f})"


def _care(found: ReviewResults) -> Iterator[str]:
    side = found.chose_a
    if side and (side.low > 0.5 or side.high < 0.5):
        yield f"Careful: answer A was preferred in {interval(side)} of decided ratings, whichever model it was."
    count = len(found.to_adjudicate)
    if count:
        yield f"{count} {'item needs' if count == 1 else 'items need'} a look by somebody senior: raters differ, or see severe harm."
