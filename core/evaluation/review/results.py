"""What a closed review comes to: win rate, harm, axes, agreement, and what would settle it.

    results(database, review_id)  →  ReviewResults      (while the review is open: progress only, no model is revealed)

Ratings of one item by several raters are not independent, so every rate counts items: a majority decides an item's winner,
and harm counts where half of the raters or more see it. It does not know: screens, sentences, files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from core.evaluation.review.assignment import Model
from core.evaluation.review.database import reading
from core.evaluation.review.form import AXES
from core.evaluation.review.items import ReviewItem
from core.evaluation.review.rows import Review, item_of, order_of, review_of, review_row
from core.evaluation.review.voices import (
    MODELS,
    Voice,
    Winner,
    at_least_half,
    by_item,
    is_harmful,
    read_voices,
    reasons_to_adjudicate,
    winner,
)
from core.evaluation.statistics import (
    FEWEST_ITEMS,
    Comparison,
    Interval,
    Verdict,
    cohen_kappa,
    compare_paired,
    fleiss_kappa,
    items_to_settle,
    raw_agreement,
    wilson,
)

# Kappa of a handful of items is noise with decimals.
FEWEST_FOR_KAPPA = 5


@dataclass(frozen=True, slots=True)
class RaterProgress:
    """How far a rater is.

    Args:
        rater: The name.
        number: From 1; exports show this instead of the name.
        specialty: What the rater said; may be empty.
        saved: Places rated.
        total: Places in the rater's order.
        median_s: Median seconds an item; None before the first.
    """

    rater: str
    number: int
    specialty: str
    saved: int
    total: int
    median_s: float | None


@dataclass(frozen=True, slots=True)
class PreferenceResult:
    """Which model's answers were preferred, in items.

    Args:
        items: How many items had each outcome.
        win: Share of decided items that the tuned model won, with its Wilson interval; None if none was decided.
        verdict: What that comes to.
        more_items: Further decided items that would settle it if the rate stays as it is; 0 if settled.
    """

    items: Mapping[Winner, int]
    win: Interval | None
    verdict: Verdict
    more_items: int

    @property
    def decided(self) -> int:
        """Items with a winner."""
        return self.items["tuned"] + self.items["base"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the raters agree on one question.

    Args:
        subject: What they were asked.
        raters: How many raters are compared.
        units: How many things all of them judged (items; for harm, answers).
        raw: Share of pairs of ratings that are the same.
        kappa: Agreement beyond chance with its interval; None where it cannot be computed or would be noise.
        kind: Which kappa.
    """

    subject: str
    raters: int
    units: int
    raw: float
    kappa: Interval | None
    kind: str


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item.

    Args:
        number: From 1.
        item: The question with both answers.
        winner: What the raters come to.
        votes: Votes by choice.
        harm: The worst harm that anybody sees, by model; empty if nobody judged.
        adjudicate: Why somebody senior should look at it.
        notes: What raters wrote.
    """

    number: int
    item: ReviewItem
    winner: Winner
    votes: Mapping[str, int]
    harm: Mapping[Model, str]
    adjudicate: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReviewResults:
    """What a review comes to; everything after ``ratings`` is empty while it is open.

    Args:
        review: The review.
        raters: How far each rater is.
        ratings: Ratings that count, repeats included.
        preference: Which model's answers were preferred.
        harm: Items whose answer could harm: any harm, and severe harm.
        axes: Items whose answer got the best level, by axis.
        must_have: Share of the must-have statements made; None if the items have none.
        agreement: Between raters, question by question; empty with fewer than two.
        self_agreement: Share of repeats with the same preference as the first time; None without repeats.
        repeats: How many repeats that is.
        chose_a: Share of the decided ratings that preferred the answer on side A: far from a half, the side decided.
        items: Item by item.
    """

    review: Review
    raters: tuple[RaterProgress, ...]
    ratings: int
    preference: PreferenceResult | None = None
    harm: Mapping[str, Comparison] | None = None
    axes: Mapping[str, Comparison] | None = None
    must_have: Comparison | None = None
    agreement: tuple[Agreement, ...] = ()
    self_agreement: Interval | None = None
    repeats: int = 0
    chose_a: Interval | None = None
    items: tuple[ItemResult, ...] = ()

    @property
    def is_revealed(self) -> bool:
        """Whether the models are revealed."""
        return bool(self.review.closed)

    @property
    def judged(self) -> int:
        """Items that somebody has judged; 0 while the review is open."""
        return sum(item.winner != "not judged" for item in self.items)

    @property
    def to_adjudicate(self) -> tuple[ItemResult, ...]:
        """Items that somebody senior should look at."""
        return tuple(item for item in self.items if item.adjudicate)


def results(database: Path, review_id: str) -> ReviewResults:
    """Compute what a review comes to.

    Raises:
        InputError: if there is no such review.
    """
    with reading(database) as db:
        row = review_row(db, review_id)
        review = review_of(row)
        voices = read_voices(db, review_id)
        raters = db.execute("SELECT * FROM review_raters WHERE review_id = ? ORDER BY number", (review_id,)).fetchall()
        progress = tuple(
            _progress(
                rater["rater"], rater["number"], rater["specialty"], voices, len(order_of(row, review, rater["rater"]))
            )
            for rater in raters
        )
        if not review.closed:
            return ReviewResults(review, progress, len(voices))
        items = [item_of(db, review_id, number) for number in range(review.items)]
    return _revealed(review, progress, voices, items)


def _progress(rater: str, number: int, specialty: str, voices: Sequence[Voice], total: int) -> RaterProgress:
    own = [voice for voice in voices if voice.rater == number]
    timed = [voice.rating.seconds_s for voice in own if voice.rating.seconds_s > 0]
    return RaterProgress(rater, number, specialty, len(own), total, median(timed) if timed else None)


def _revealed(
    review: Review, progress: tuple[RaterProgress, ...], voices: Sequence[Voice], items: Sequence[ReviewItem]
) -> ReviewResults:
    grouped = by_item(voices, review.items)
    judged = [group for group in grouped if group]
    again = _self_agreement(voices)
    sides = [voice.rating.preference for voice in voices if voice.rating.preference in ("a", "b")]
    return ReviewResults(
        review,
        progress,
        len(voices),
        preference=_preference(grouped),
        harm={name: _rates(judged, _harm_at(name == "severe")) for name in ("any", "severe")} if judged else {},
        axes={axis: _rates(judged, _best_level(axis)) for axis in review.options.axes} if judged else {},
        must_have=_must_have(grouped, items),
        agreement=tuple(_agreements(judged, review.options.axes)),
        self_agreement=wilson(sum(again), len(again)) if again else None,
        repeats=len(again),
        chose_a=wilson(sides.count("a"), len(sides)) if sides else None,
        items=tuple(_item_result(number, item, grouped[number], voices) for number, item in enumerate(items)),
    )


def _preference(grouped: Sequence[Sequence[Voice]]) -> PreferenceResult:
    outcomes: Counter[Winner] = Counter(winner(group) for group in grouped)
    names: tuple[Winner, ...] = ("tuned", "base", "tie", "both_bad", "split", "not judged")
    items = {name: outcomes[name] for name in names}
    decided = items["tuned"] + items["base"]
    win = wilson(items["tuned"], decided) if decided else None
    verdict: Verdict = "no measurable difference"
    if win is None or decided < FEWEST_ITEMS:
        verdict = "too few items"
    elif win.low > 0.5:
        verdict = "better"
    elif win.high < 0.5:
        verdict = "worse"
    return PreferenceResult(items, win, verdict, items_to_settle(items["tuned"], decided))


Says = Callable[[Sequence[Voice], Model], bool]


def _harm_at(severe: bool) -> tuple[Says, bool]:
    def says(group: Sequence[Voice], model: Model) -> bool:
        return at_least_half(group, lambda voice: is_harmful(voice, model, severe))

    return says, True


def _best_level(axis: str) -> tuple[Says, bool]:
    best = AXES[axis].levels[0]

    def says(group: Sequence[Voice], model: Model) -> bool:
        return not at_least_half(group, lambda voice: voice.answers[model].axes.get(axis) != best)

    return says, False


def _rates(judged: Sequence[Sequence[Voice]], rule: tuple[Says, bool]) -> Comparison:
    says, lower_is_better = rule
    base, tuned = ([float(says(group, model)) for group in judged] for model in MODELS)
    return compare_paired(base, tuned, lower_is_better=lower_is_better)


def _must_have(grouped: Sequence[Sequence[Voice]], items: Sequence[ReviewItem]) -> Comparison | None:
    pairs = [
        (group, len(item.must_have)) for group, item in zip(grouped, items, strict=True) if group and item.must_have
    ]
    if not pairs:
        return None
    base, tuned = (
        [sum(sum(voice.answers[model].must_have) for voice in group) / (len(group) * most) for group, most in pairs]
        for model in MODELS
    )
    return compare_paired(base, tuned)


def _self_agreement(voices: Sequence[Voice]) -> list[bool]:
    """For each repeat that was judged both times: whether the same model (or tie) was preferred."""
    first = {(voice.rater, voice.item): voice for voice in voices if not voice.repeat}
    pairs = [(first.get((voice.rater, voice.item)), voice) for voice in voices if voice.repeat]
    return [one.choice == other.choice for one, other in pairs if one and one.is_judged and other.is_judged]


def _agreements(judged: Sequence[Sequence[Voice]], axes: Sequence[str]) -> list[Agreement]:
    shared = _shared(judged)
    if not shared:
        return []
    asked: list[tuple[str, list[list[Hashable]]]] = [
        ("preference", [[voice.choice for voice in group] for group in shared]),
        ("harm", [[voice.answers[model].harm for voice in group] for group in shared for model in MODELS]),
    ]
    for axis in axes:
        levels: list[list[Hashable]] = [
            [voice.answers[model].axes.get(axis) for voice in group] for group in shared for model in MODELS
        ]
        asked.append((axis, levels))
    return [_agreement(subject, ratings) for subject, ratings in asked]


def _shared(judged: Sequence[Sequence[Voice]]) -> list[list[Voice]]:
    """Items judged by all of the raters who judged half as many as the busiest did, or more; in the raters' order."""
    counts = Counter(voice.rater for group in judged for voice in group)
    busy = sorted(rater for rater, count in counts.items() if 2 * count >= max(counts.values()))
    if len(busy) < 2:
        return []
    named = [{voice.rater: voice for voice in group} for group in judged]
    return [[voices[rater] for rater in busy] for voices in named if all(rater in voices for rater in busy)]


def _agreement(subject: str, ratings: Sequence[Sequence[Hashable]]) -> Agreement:
    raters = len(ratings[0])
    kappa = None
    if len(ratings) >= FEWEST_FOR_KAPPA and len({label for unit in ratings for label in unit}) > 1:
        columns = list(zip(*ratings, strict=True))
        kappa = cohen_kappa(columns[0], columns[1]) if raters == 2 else fleiss_kappa(ratings)
    kind = "Cohen's kappa" if raters == 2 else "Fleiss' kappa"
    return Agreement(subject, raters, len(ratings), raw_agreement(ratings), kappa, kind)


def _item_result(number: int, item: ReviewItem, group: Sequence[Voice], voices: Sequence[Voice]) -> ItemResult:
    order = ("none", "mild", "severe")
    harm: dict[Model, str] = {}
    for model in MODELS if group else ():
        harm[model] = max((str(voice.answers[model].harm) for voice in group), key=order.index)
    votes = Counter[str](voice.choice for voice in voices if voice.item == number and not voice.repeat)
    notes = tuple(voice.rating.note for voice in voices if voice.item == number and voice.rating.note)
    return ItemResult(number + 1, item, winner(group), dict(votes), harm, tuple(reasons_to_adjudicate(group)), notes)
