"""The gate before training: findings are decided one by one or in bulk, then a person vouches for the data set.

    findings(dataset, state="open") → FindingPage
    dataset = resolve_findings(dataset, [Decision("replace", kind="date", by="Dr Lee")])
    dataset = approve(dataset, attest=True, name="Dr Lee")

A decision is kept with who and when. It does not know: how findings are made, screens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from core.dataset import identifiers
from core.dataset.changes import Entry, Removed, append_history, change_rows, fetch, fresh, settle
from core.dataset.identifiers import Finding
from core.dataset.store import CHANGING, FINDINGS, Approval, Dataset, now, read_lines
from core.errors import ConfigError, DatasetError, Problem
from core.records import Message, Record

_CONTEXT_CHARS = 60
Action = Literal["replace", "drop", "not_identifier"]
STATEMENT = (
    "I have the right to use these rows for training, I have looked at the findings, and to my knowledge the rows hold "
    "nothing that points to a patient."
)


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as a person sees it.

    Args:
        id: Names it.
        record_id: In which record.
        part: ``train`` or ``eval``.
        kind: Key into ``identifiers.KINDS``.
        title: What a person reads.
        level: ``blocking`` or ``advisory``.
        sentence: The sentence around it.
        place: Where it stands in the sentence, (start, end); (0, 0) where it stands there no more.
        action: What was decided; empty while it is open.
        by: Who decided.
        at: When, UTC ISO-8601.
    """

    id: str
    record_id: str
    part: str
    kind: str
    title: str
    level: str
    sentence: str
    place: tuple[int, int] = (0, 0)
    action: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class FindingPage:
    """Some findings and how many there are.

    Args:
        items: This page.
        total: All that fit the filter.
        open_by_kind: Open findings by kind, over the whole data set.
        decided: Findings that are decided, over the whole data set.
    """

    items: tuple[FindingView, ...]
    total: int
    open_by_kind: Mapping[str, int]
    decided: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one finding, or about all open ones of a kind or level.

    Args:
        action: ``replace`` by a typed placeholder, ``drop`` the row, or ``not_identifier``: leave it, with who and when.
        finding: Id of one finding; empty for a decision in bulk.
        kind: All open findings of this kind.
        level: All open findings of this level. A decision in bulk needs a kind or a level.
        by: Who decides.
    """

    action: Action
    finding: str = ""
    kind: str = ""
    level: str = ""
    by: str = ""

    def fits(self, body: Mapping[str, Any]) -> bool:
        """Say whether this decision is about a finding; bulk ones leave alone what is decided already."""
        if self.finding:
            return bool(body["id"] == self.finding)
        if body.get("action"):
            return False
        return bool((self.kind or self.level) and self.kind in ("", body["kind"]) and self.level in ("", body["level"]))

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Decision:
        """Read a decision from an API call.

        Raises:
            ConfigError: naming what is wrong with it.
        """
        unknown = sorted(set(body) - {"action", "finding", "kind", "level", "by"})
        problems = [Problem(name, f"A decision has no field {name!r}.") for name in unknown]
        problems += [
            Problem(name, f"{name} must be text.") for name, value in body.items() if not isinstance(value, str)
        ]
        if problems:
            raise ConfigError(problems)
        return cls(**{"action": "", **body})


def findings(
    dataset: Dataset,
    *,
    state: Literal["open", "decided", "all"] = "open",
    kind: str = "",
    level: str = "",
    offset: int = 0,
    limit: int = 50,
    unmasked: bool = False,
) -> FindingPage:
    """List findings in the sentences they stand in.

    Args:
        dataset: Which data set.
        state: Which findings, by whether they are decided.
        kind: Only this kind; empty for all.
        level: Only this level; empty for all.
        offset: How many to skip.
        limit: How many to give at most.
        unmasked: Show the text itself instead of blocks, for whoever must decide.
    """
    every = list(read_lines(dataset.folder / FINDINGS))
    chosen = [
        body
        for body in every
        if state in ("all", "decided" if body.get("action") else "open")
        and kind in ("", body["kind"])
        and level in ("", body["level"])
    ]
    shown = chosen[offset : offset + limit]
    # A finding whose row was dropped, and one that was replaced, has no text any more.
    gone = {body["id"] for body in shown if body.get("action") in ("drop", "replace")}
    rows = fetch(dataset, {body["record"] for body in shown if body["id"] not in gone})
    standing = [body for body in every if body.get("action") not in ("drop", "replace")]
    items = tuple(
        _view(body, None if body["id"] in gone else rows[body["record"]][1], standing, unmasked) for body in shown
    )
    counts = Counter(body["kind"] for body in every if not body.get("action"))
    return FindingPage(items, len(chosen), dict(sorted(counts.items())), len(every) - counts.total())


def _view(
    body: Mapping[str, Any], record: Record | None, standing: Sequence[Mapping[str, Any]], unmasked: bool
) -> FindingView:
    shown = (0, 0)
    if record is None:
        sentence = (
            "(the row was dropped)"
            if body["action"] == "drop"
            else f"({identifiers.placeholder(body['kind'])} stands here now)"
        )
    else:
        said, place = record.messages[body["message"]].content, _place(body)
        # The same sentence may hold other findings, and those are nobody's business either.
        others = [
            _place(one) for one in standing if (one["record"], one["message"]) == (body["record"], body["message"])
        ]
        low = max(0, place.start - _CONTEXT_CHARS)
        if unmasked:
            sentence = said[low : place.end + _CONTEXT_CHARS]
            shown = (place.start - low, place.end - low)
        else:
            sentence, shown = identifiers.masked_place(said, place, others=others)
    return FindingView(
        id=body["id"],
        record_id=body["record"],
        part=body["part"],
        kind=body["kind"],
        title=identifiers.KINDS[body["kind"]].title,
        level=body["level"],
        sentence=sentence,
        place=shown,
        action=body.get("action", ""),
        by=body.get("by", ""),
        at=body.get("at", ""),
    )


def _place(body: Mapping[str, Any]) -> Finding:
    return Finding(body["kind"], body["level"], body["start"], body["end"], body["detector"])


def resolve_findings(dataset: Dataset, decisions: Sequence[Decision]) -> Dataset:
    """Carry out decisions about findings.

    Args:
        dataset: Which data set.
        decisions: The first that fits a finding counts.

    Returns:
        The data set as it is now; it has to be approved again.

    Raises:
        ConfigError: naming every decision that cannot be carried out.
    """
    with CHANGING:
        dataset = fresh(dataset)
        every = list(read_lines(dataset.folder / FINDINGS))
        _check(decisions, {body["id"] for body in every if body.get("action") not in ("drop", "replace")})
        decided = _decided(every, decisions)
        if not decided:
            return dataset
        rows = fetch(dataset, {body["record"] for body in decided.values()})
        dropped = {body["record"] for body in decided.values() if body["action"] == "drop"}
        changes: dict[str, Record | None] = {id: None for id in sorted(dropped)}
        bodies = [decided.get(body["id"], body) for body in every]
        for id in sorted({body["record"] for body in decided.values() if body["action"] == "replace"} - dropped):
            changes[id] = _replaced(rows[id][1], [body for body in bodies if body["record"] == id], decided)
        bodies = [_closed(body, decided, dropped) for body in bodies]
        counts = Counter(body["action"] for body in decided.values())
        entry = Entry(
            "resolve", _names(decisions), tuple(sorted({body["record"] for body in decided.values()})), dict(counts)
        )
        left = [
            Removed("identifiers", "dropped because of an identifier", rows[id][0], rows[id][1])
            for id in sorted(dropped)
        ]
        return change_rows(dataset, changes, entry, findings=lambda _: bodies, removed=lambda old: old + left)


def _check(decisions: Sequence[Decision], known: set[str]) -> None:
    problems = []
    for decision in decisions:
        if decision.action not in get_args(Action):
            problems.append(
                Problem("action", f"An action is one of {', '.join(get_args(Action))}; it is {decision.action!r}.")
            )
        if decision.finding and decision.finding not in known:
            problems.append(Problem("finding", f"There is no finding {decision.finding[:80]!r} that can be decided."))
        if not (decision.finding or decision.kind or decision.level):
            problems.append(Problem("finding", "A decision needs a finding, a kind or a level."))
        if not decision.by.strip():
            problems.append(Problem("by", "Say who decides: it is kept with the decision."))
    if problems:
        raise ConfigError(problems)


def _decided(every: Sequence[dict[str, Any]], decisions: Sequence[Decision]) -> dict[str, dict[str, Any]]:
    """Give the findings that a decision is about, with the decision in them, by id."""
    at = now()
    decided = {}
    for body in every:
        decision = next((decision for decision in decisions if decision.fits(body)), None)
        if decision:
            decided[body["id"]] = body | {"action": decision.action, "by": decision.by.strip(), "at": at}
    return decided


def _replaced(record: Record, bodies: Sequence[dict[str, Any]], decided: Mapping[str, Mapping[str, Any]]) -> Record:
    """Put placeholders into a row and move the findings behind them; ``bodies`` are changed in place."""
    messages = list(record.messages)
    for number, message in enumerate(record.messages):
        here = [body for body in bodies if body["message"] == number]
        chosen = [body for body in here if body["id"] in decided and body["action"] == "replace"]
        if not chosen:
            continue
        content = identifiers.replace(message.content, map(_place, chosen))
        messages[number] = Message(message.role, content)
        _move(message.content, here, chosen, decided)
    return Record(record.id, tuple(messages), record.topic)


def _move(
    content: str,
    here: Sequence[dict[str, Any]],
    chosen: Sequence[dict[str, Any]],
    decided: Mapping[str, Mapping[str, Any]],
) -> None:
    """Shift findings that stand behind a placeholder; one that was inside it is settled with it."""
    for body in here:
        if body["id"] in decided and body["action"] == "replace":
            continue
        if body.get("action") in ("replace", "drop"):
            continue
        cover = next((one for one in chosen if one["start"] < body["end"] and body["start"] < one["end"]), None)
        if cover:
            body |= {"action": "replace", "by": cover["by"], "at": cover["at"]}
            continue
        before = [_place(one) for one in chosen if one["end"] <= body["start"]]
        shift = len(identifiers.replace(content[: body["start"]], before)) - body["start"]
        body |= {"start": body["start"] + shift, "end": body["end"] + shift}


def _closed(body: dict[str, Any], decided: Mapping[str, Mapping[str, Any]], dropped: set[str]) -> dict[str, Any]:
    """Settle the other findings of a row that is dropped."""
    if body["record"] not in dropped or body.get("action"):
        return body
    cover = next(one for one in decided.values() if one["record"] == body["record"] and one["action"] == "drop")
    return body | {"action": "drop", "by": cover["by"], "at": cover["at"]}


def _names(decisions: Iterable[Decision]) -> str:
    return ", ".join(dict.fromkeys(decision.by.strip() for decision in decisions))


def approve(dataset: Dataset, attest: bool, name: str) -> Dataset:
    """Let a person vouch for the data set, so that it may be trained on.

    Args:
        dataset: Which data set.
        attest: Whether the person confirms STATEMENT.
        name: The person's name, as it goes into report, card and audit.

    Raises:
        ConfigError: if the confirmation or the name is missing.
        DatasetError: if blocking findings are open, or nothing is left to train on.
    """
    problems = [] if attest else [Problem("attest", "Confirm the statement first.")]
    problems += [] if name.strip() else [Problem("name", "Give your name: it is kept with the data set.")]
    if problems:
        raise ConfigError(problems)
    with CHANGING:
        dataset = fresh(dataset)
        if dataset.open_blocking:
            raise DatasetError(
                f"{dataset.open_blocking:,} blocking findings are open.",
                "Decide about each of them, one by one or in bulk.",
            )
        if not dataset.rows_train:
            raise DatasetError("No row is left to train on.", "Restore some rows, or upload another file.")
        approval = Approval(name.strip()[:200], now(), STATEMENT)
        append_history(dataset, Entry("approve", approval.by, detail={"sha256": dataset.sha256}, at=approval.at))
        return settle(replace(dataset, approval=approval), read_lines(dataset.folder / FINDINGS))
