"""Which mapping fits an upload, from the evidence of names and contents together; or why none does.

    Upload → gather() → the first of these that fits → ColumnMapping
    conversation · multiple choice · SQuAD · dialogue and note · question and answer (Alpaca) · one text with marks

It does not know: file formats, how records are built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from core.dataset.ingest import Upload
from core.dataset.mapping import names
from core.dataset.mapping.choose import multiple_choice, question_and_answer, squad
from core.dataset.mapping.evidence import Evidence, asks_something, gather, is_empty
from core.dataset.mapping.model import KINDS, ROLES, ColumnMapping, Kind
from core.dataset.mapping.turns import is_alternating, is_sharegpt, plain_text, turns_of, unpacked
from core.errors import UploadError

_MOSTLY = 0.6
_TOPIC_WEIGHT = 120


def detect(upload: Upload) -> ColumnMapping:
    """Understand which columns hold what.

    Args:
        upload: What was read.

    Returns:
        The mapping, with its confidence and its reason.

    Raises:
        UploadError: if there are no usable answers (or no questions), saying which columns were looked at.
    """
    columns = gather(upload)
    usable = [row for row in upload.sample if not row.problem]
    if not usable:
        raise UploadError(
            f"None of the rows can be read: the first one {upload.sample[0].problem}.",
            "Export the table again, or as JSON Lines.",
        )
    found = (
        _conversation(upload, columns)
        or multiple_choice(upload, columns)
        or squad(upload, columns)
        or _dialogue_note(columns)
        or question_and_answer(upload, columns)
        or _marked_text(columns)
        or _alternating(upload, columns)
    )
    if found is None:
        raise _refusal(columns)
    found = found.changed(columns={**found.columns, **_extras(columns, set(found.columns.values()))})
    _refuse_empty(upload, found)
    if len(upload.sample) == 1:
        raise UploadError(
            "The upload holds only one row.", "Give at least two: one to learn from and one to check with."
        )
    return found.changed(notes=(*found.notes, *_file_notes(upload, found)))


def by_hand(upload: Upload, kind: Kind, columns: Mapping[str, str], first_index: int = 0) -> ColumnMapping:
    """Make the mapping that a person chose.

    Args:
        upload: What was read.
        kind: How a row is built.
        columns: Column name by role; empty names are left out.
        first_index: Which number means the first option: 0 or 1.

    Raises:
        UploadError: naming the roles without a column, unknown roles, and columns that the upload does not have.
    """
    chosen = {role: name for role, name in columns.items() if name}
    if kind not in KINDS:
        raise UploadError(f"There is no kind of mapping named {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    needed, optional = KINDS[kind]
    if unknown := [role for role in chosen if role not in needed + optional]:
        raise UploadError(f"A {kind} mapping has no {', '.join(unknown)}.", f"It has: {', '.join(needed + optional)}.")
    if strange := [name for name in chosen.values() if name not in upload.columns]:
        raise UploadError(f"There is no column named {', '.join(strange)}.", f"There are: {_listed(upload.columns)}.")
    missing = [role for role in needed if role not in chosen]
    if kind == "alpaca" and not {"prompt", "input"} & set(chosen):
        missing.append("prompt")
    if kind == "multiple_choice" and "choices" not in chosen and not {"choice_a", "choice_b"} <= set(chosen):
        missing.append("choices")
    if missing:
        raise UploadError(
            f"No column is chosen for: {', '.join(ROLES[role] for role in missing)}.",
            "Choose a column for each of them.",
        )
    return ColumnMapping(kind, chosen, first_index=first_index)


def _conversation(upload: Upload, columns: Mapping[str, Evidence]) -> ColumnMapping | None:
    """A column whose cells are lists of turns."""
    best = max(columns.values(), key=lambda column: column.conversations * column.filled, default=None)
    if best is None or best.conversations < _MOSTLY:
        return None
    cells = [row.values[best.name] for row in upload.sample if not is_empty(row.values.get(best.name))]
    kind: Kind = "sharegpt" if is_sharegpt(cells[0]) else "messages"
    turns = [turns_of(value) for value in cells]
    answered = sum(any(role == "assistant" for role, _ in item) for item in turns)
    if 2 * answered < len(turns):
        # the answers stand in a column of their own
        return None
    notes = list(_trim_notes(turns))
    longest = max(len(item) for item in turns)
    reason = f"The cells of “{best.name}” are lists of turns with a speaker each, up to {longest} turns."
    return ColumnMapping(kind, {"messages": best.name}, round(0.7 + 0.3 * best.conversations, 2), reason, tuple(notes))


def _trim_notes(conversations: list[list[tuple[Any, str]]]) -> Iterator[str]:
    spoken = [[role for role, _ in turns if role != "system"] for turns in conversations]
    early = sum(bool(roles) and roles[0] == "assistant" for roles in spoken)
    late = sum(bool(roles) and roles[-1] == "user" and "assistant" in roles for roles in spoken)
    if early:
        yield f"{early} of {len(spoken)} conversations looked at begin with the assistant; that first turn is left out."
    if late:
        yield f"{late} of {len(spoken)} conversations looked at end with the user; that last turn is left out."


def _dialogue_note(columns: Mapping[str, Evidence]) -> ColumnMapping | None:
    """A transcript with speakers, and the note written from it."""
    talks = [column for column in columns.values() if column.dialogues >= _MOSTLY and column.filled > 0.5]
    if not talks:
        return None
    talk = max(talks, key=lambda column: (column.dialogues, column.weight))
    notes = {
        column.name: names.score(column.name, names.NOTE)
        for column in columns.values()
        if column.name != talk.name and column.is_text and column.dialogues < 0.3 and column.weight >= 10
    }
    best = max(notes, key=lambda name: notes[name], default="")
    if not best or notes[best] < 0.4:
        return None
    reason = f"“{talk.name}” holds transcripts with speakers, “{best}” the note."
    confidence = round(0.5 * talk.dialogues + 0.45 * notes[best], 2)
    others = [name for name in notes if name != best and notes[name] >= 0.4]
    said = (f"“{best}” was taken as the note rather than {_listed(others)}.",) if others else ()
    return ColumnMapping("dialogue_note", {"prompt": talk.name, "response": best}, confidence, reason, said)


def _marked_text(columns: Mapping[str, Evidence]) -> ColumnMapping | None:
    """One column whose text holds question and answer, told apart by marks or labels."""
    best = max(
        columns.values(),
        key=lambda column: (column.chats * column.filled, not names.is_worse(column.name)),
        default=None,
    )
    if best is None or best.chats < _MOSTLY:
        return None
    reason = f"{best.chats:.0%} of the texts in “{best.name}” hold marks that part the question from the answer."
    return ColumnMapping("text_with_chat_tokens", {"text": best.name}, round(0.3 + 0.65 * best.chats, 2), reason)


def _alternating(upload: Upload, columns: Mapping[str, Evidence]) -> ColumnMapping | None:
    """One column of lists in which question and answer take turns without a label."""
    for column in columns.values():
        cells = [row.values[column.name] for row in upload.sample if not is_empty(row.values.get(column.name))]
        if column.lists < _MOSTLY or column.asks < _MOSTLY or column.options > 0.5 and column.weight < 25:
            continue
        share = sum(map(is_alternating, cells)) / len(cells)
        replies = [text for cell in cells if is_alternating(cell) for text in unpacked(cell)[1::2]]
        # several wordings of one question take no turns
        if share > 0.9 and 2 * sum(map(asks_something, replies)) < len(replies):
            reason = f"The lists in “{column.name}” begin with a question, and an even number of texts take turns."
            return ColumnMapping("messages", {"messages": column.name}, round(0.6 * share, 2), reason)
    return None


def _extras(columns: Mapping[str, Evidence], taken: set[str]) -> dict[str, str]:
    """System prompt and topic, where columns with such names hold such things."""
    extras: dict[str, str] = {}
    for role, named in (("system", names.system_score), ("topic", partial(names.score, role=names.TOPIC))):
        scores = {
            column.name: named(column.name) * (0.5 + 0.5 * column.filled)
            for column in columns.values()
            if column.name not in taken and column.filled >= 0.3 and column.is_text
            if role == "system" or (column.weight <= _TOPIC_WEIGHT and column.lists < 0.5)
        }
        best = max(scores, key=lambda name: scores[name], default="")
        if best and scores[best] >= 0.4:
            extras[role] = best
    return extras


def _refuse_empty(upload: Upload, mapping: ColumnMapping) -> None:
    """Refuse if no row at all has an answer; beyond the sample only if the sample has none."""
    name = mapping.answer_column
    if any(not is_empty(row.values.get(name)) and plain_text(row.values[name]).strip() for row in upload.sample):
        return
    count = 0
    for row in upload.rows():
        count += 1
        if not is_empty(row.values.get(name)):
            return
    raise UploadError(
        f"The column “{name}” was read as the answers, but all {count:,} of its cells are empty.",
        "Choose a file with answers, or choose another column as the answer.",
    )


def _refusal(columns: Mapping[str, Evidence]) -> UploadError:
    """Say what was found instead of questions and answers."""
    asking = [column.name for column in columns.values() if column.is_text and column.asks >= 0.5]
    telling = [column.name for column in columns.values() if column.is_long and column.asks < 0.5]
    hint = f"The columns are {_listed(columns)}. Choose question and answer by hand if they are among them."
    empty = [name for name, column in columns.items() if not column.filled and names.score(name, names.RESPONSE) >= 0.6]
    if empty:
        rows = columns[empty[0]].rows
        return UploadError(f"The column “{empty[0]}” should hold the answers, but its {rows:,} cells are empty.", hint)
    if len(asking) > 1 and not telling:
        return UploadError(f"{_listed(asking)} hold questions, and no column holds answers.", hint)
    if asking:
        return UploadError(f"{_listed(asking)} holds questions, but no column holds their answers.", hint)
    if telling:
        return UploadError(f"There is text in {_listed(telling)}, but no column holds questions.", hint)
    return UploadError("No column holds questions and none holds answers.", hint)


def _file_notes(upload: Upload, mapping: ColumnMapping) -> Iterator[str]:
    """Name the files that do not have the mapped columns; their rows will be skipped, one by one."""
    if len(upload.files) < 2:
        return
    main = {mapping.answer_column, mapping.column("prompt")} - {""}
    seen: dict[str, set[str]] = {}
    for row in upload.sample:
        seen.setdefault(row.file, set()).update(row.values)
    for name, present in seen.items():
        if lacking := main - present:
            yield f"{name} has no column {_listed(sorted(lacking))}; its rows are left out."


def _listed(found: Any) -> str:
    # A name as long as a sentence may be a row that was taken for names; record text has no place in a message.
    quoted = [f"“{name}”" if len(name) <= 40 and "?" not in name else "a column with a long name" for name in found]
    if len(quoted) > 12:
        return ", ".join(quoted[:12]) + f" and {len(quoted) - 12} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
