"""Which columns are question, answer, options and context: weighs names against contents.

It does not know: conversations, notes, what happens when nothing fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.dataset.ingest import Upload
from core.dataset.ingest.source import NUMBERED
from core.dataset.mapping import names
from core.dataset.mapping.evidence import Evidence, is_empty
from core.dataset.mapping.model import CHOICE_ROLES, ColumnMapping
from core.dataset.mapping.options import bare_mark, by_key, by_text, options_of, resolve
from core.dataset.mapping.turns import all_text, plain_text, unpacked

_SURE = 0.8
_ENOUGH = 0.38
_OPTION_NAME = re.compile(
    r"(?:op|opt|option|choice|answer|ans|ending|选项)?[ _.]?\(?([a-j]|[0-9]|10)\)?", re.IGNORECASE
)
_LETTERS = "abcdefghij"
_NUMBERS = tuple(map(str, range(1, 11)))


def prompt_score(column: Evidence) -> float:
    """Say how likely a column holds the questions, 0 to 1."""
    if not column.is_text or column.filled < 0.05 or column.keyed_options > 0.5:
        return 0.0
    named = names.score(column.name, names.PROMPT)
    # A list of short texts may be options, or the same question in several wordings.
    if column.options > 0.5 and (column.asks < 0.5 or (named < _SURE and column.asks < 0.9)):
        return 0.0
    readable = min(1.0, column.weight / 15)
    if named >= 0.5 or (named and column.asks > 0.3):
        return 0.6 * named + 0.4 * readable * max(column.asks, 0.6)
    return 0.62 * column.asks * readable if column.distinct > 0.2 else 0.0


def response_score(column: Evidence) -> float:
    """Say how likely a column holds the answers, 0 to 1. An empty column counts by its name, so that it can be refused."""
    named = names.score(column.name, names.RESPONSE)
    if not column.filled:
        return 0.5 * named if named >= _SURE else 0.0
    if column.urls > 0.5 or column.objects > 0.5 or (column.numbers > 0.8 and named < _SURE):
        return 0.0
    if column.chats > 0.6:
        # it holds the questions as well
        return 0.0
    long = min(1.0, column.weight / 80) * (1 - min(1.0, max(0.0, column.asks - 0.3) * 1.4))
    present = 0.4 + 0.6 * min(1.0, 2 * column.filled)
    if named:
        return (0.65 * named + 0.35 * long) * present
    about = max(
        names.score(column.name, words) for words in (names.CONTEXT, names.TOPIC, names.EXPLANATION, names.PROMPT)
    )
    if about >= 0.25 or not column.is_long or column.distinct < 0.3 or column.asks > 0.5:
        return 0.0
    return 0.5 * long * present


def question_and_answer(upload: Upload, columns: Mapping[str, Evidence]) -> ColumnMapping | None:
    """The best pair of a question column and an answer column."""
    prompts = {name: prompt_score(column) for name, column in columns.items()}
    responses = {name: response_score(column) for name, column in columns.items()}
    alpaca = _alpaca(columns, responses)
    if alpaca is not None:
        return alpaca
    _rescue(columns, prompts, responses)
    _rescue_answers(columns, prompts, responses)
    pairs = [
        (prompts[p] + responses[r], p, r) for p in prompts for r in responses if p != r and prompts[p] and responses[r]
    ]
    if not pairs:
        return None
    total, prompt, response = max(pairs, key=lambda pair: pair[0])
    if prompts[prompt] < _ENOUGH or responses[response] < _ENOUGH - 0.05:
        return None
    confidence = round(min(0.99, total / 2), 2)
    mapped = {"prompt": prompt, "response": response}
    return ColumnMapping(
        "prompt_response",
        mapped,
        confidence,
        _why(columns[prompt], columns[response]),
        tuple(_pair_notes(columns, mapped, responses)),
    )


def _rescue(columns: Mapping[str, Evidence], prompts: dict[str, float], responses: dict[str, float]) -> None:
    """A clear answer column and one other column of readable, varied text: that text is what is answered."""
    answers = [name for name, found in responses.items() if found >= 0.6]
    if not answers or max(prompts.values()) >= _ENOUGH:
        return
    others = [
        name
        for name, column in columns.items()
        if name not in answers
        and column.is_text
        and column.weight >= 15
        and column.distinct > 0.3
        and column.chats < 0.3
        if not responses[name] or not names.score(name, names.RESPONSE)
        if column.lists < 0.3 and column.filled > 0.5
    ]
    # A text about which something is asked is no question, unless there is nothing else.
    others = [name for name in others if names.score(name, names.CONTEXT) < 0.25] or others
    if len(others) == 1:
        prompts[others[0]] = _ENOUGH


def _rescue_answers(columns: Mapping[str, Evidence], prompts: Mapping[str, float], responses: dict[str, float]) -> None:
    """A clear question column and one other column of sentences that ask nothing: they are the answers."""
    asking = [name for name, found in prompts.items() if found >= _ENOUGH and columns[name].asks > 0.5]
    if len(asking) != 1 or max(responses.values()) >= _ENOUGH - 0.05:
        return
    about = (names.CONTEXT, names.TOPIC, names.EXPLANATION, names.PROMPT, names.SYSTEM)
    others = [
        name
        for name, column in columns.items()
        if name not in asking and column.is_text and column.filled > 0.5 and column.distinct > 0.5
        if column.weight >= 20 and (column.words >= 4 or column.weight >= 30) and column.asks < 0.3
        if column.chats < 0.3 and max(names.score(name, words) for words in about) < 0.25
    ]
    if len(others) == 1:
        responses[others[0]] = _ENOUGH


def _alpaca(columns: Mapping[str, Evidence], responses: Mapping[str, float]) -> ColumnMapping | None:
    """Alpaca has instruction, input and output. One instruction for all rows says how to answer: it becomes the system prompt."""
    by_word = {tuple(names.words(name)): name for name in columns}
    instruction, given = by_word.get(("instruction",)), by_word.get(("input",))
    if instruction is None or given is None or not columns[instruction].filled:
        return None
    response = max(
        (name for name in responses if name not in (instruction, given)), key=lambda name: responses[name], default=""
    )
    if not response or responses[response] < _ENOUGH:
        return None
    mapped = {"prompt": instruction, "input": given, "response": response}
    reason = f"The columns are named as in Alpaca: “{instruction}”, “{given}”, “{response}”."
    notes: tuple[str, ...] = ()
    same = columns[instruction].distinct * columns[instruction].rows <= 1.5 and columns[instruction].rows >= 5
    if same and columns[given].filled > 0.9 and columns[given].distinct > 0.3:
        mapped = {"input": given, "system": instruction, "response": response}
        notes = (f"All rows looked at have the same “{instruction}”; it became the system prompt.",)
    return ColumnMapping("alpaca", mapped, round(min(0.99, 0.6 + 0.4 * responses[response]), 2), reason, notes)


def _why(prompt: Evidence, response: Evidence) -> str:
    """Write the evidence in plain words."""
    parts = []
    for column, words, what in ((prompt, names.PROMPT, "questions"), (response, names.RESPONSE, "answers")):
        named = names.score(column.name, words) >= 0.5
        by_name = f"“{column.name}” is named like {what}" if named else f"“{column.name}” reads like {what}"
        if what == "questions":
            parts.append(f"{by_name} ({column.asks:.0%} ask something)")
        else:
            parts.append(f"{by_name} ({column.weight:.0f} characters in the middle, {column.filled:.0%} filled)")
    return " and ".join(parts) + "."


def _pair_notes(
    columns: Mapping[str, Evidence], mapped: Mapping[str, str], responses: Mapping[str, float]
) -> Iterator[str]:
    response = columns[mapped["response"]]
    rivals = [
        name
        for name, found in responses.items()
        if found > 0.6 and name not in mapped.values() and 4 * columns[name].weight > response.weight
    ]
    if rivals:
        yield f"Other columns could be the answer too: {', '.join(f'“{name}”' for name in rivals[:5])}."
    if marks := [
        name for name, c in columns.items() if name not in mapped.values() and names.is_verdict(name) and c.both
    ]:
        yield f"“{marks[0]}” may mark right and wrong answers; rows of both kinds are read. Take out the wrong ones first."
    if response.lists > 0.5:
        yield f"“{response.name}” holds lists; the first text of each is taken as the answer."
    if 0 < response.filled < 1:
        yield f"{1 - response.filled:.0%} of the rows looked at have no answer."
    if response.filled and response.weight < 12:
        yield f"The answers are very short ({response.weight:.0f} characters in the middle)."
    context = next(
        (c.name for c in columns.values() if names.score(c.name, names.CONTEXT) >= 0.9 and c.filled > 0.5), ""
    )
    if context:
        yield f"“{context}” could be given as background to each question; it is left out unless you choose it."


def multiple_choice(upload: Upload, columns: Mapping[str, Evidence]) -> ColumnMapping | None:
    """A question column, options in one column or in several, and a column that names the right one."""
    options = _option_columns(columns)
    single = "" if options else _options_column(columns)
    if not options and not single:
        return None
    taken = set(options) | {single}
    prompts = {
        name: max(prompt_score(column), _vignette(column)) for name, column in columns.items() if name not in taken
    }
    prompt = max(prompts, key=lambda name: prompts[name], default="")
    if not prompt or not prompts[prompt]:
        return None
    found = _key_column(upload, columns, options, single, taken | {prompt})
    if found is None:
        return None
    key, first_index, share = found
    mapped = {"prompt": prompt, "answer": key}
    mapped |= dict(zip(CHOICE_ROLES, options, strict=False)) if options else {"choices": single}
    if explanation := _explanation(columns, taken | {prompt, key}):
        mapped["explanation"] = explanation
    where = f"“{options[0]}” to “{options[-1]}”" if options else f"“{single}”"
    reason = f"{where} hold options, and “{key}” names one of them in {share:.0%} of the rows looked at."
    return ColumnMapping("multiple_choice", mapped, round(0.4 + 0.58 * share, 2), reason, first_index=first_index)


def _vignette(column: Evidence) -> float:
    """The question of an exam may be a long case, so length and variety count as well."""
    return 0.4 if column.is_long and column.distinct > 0.5 and not names.score(column.name, names.EXPLANATION) else 0.0


def _option_columns(columns: Mapping[str, Evidence]) -> tuple[str, ...]:
    """Columns named A, B, C … or option1, option2 …; without names: the texts between a question and a letter."""
    groups: dict[str, dict[str, str]] = {}
    for name in columns:
        match = _OPTION_NAME.fullmatch(name.strip())
        if match:
            stem = name.strip()[: match.start(1)].lower()
            groups.setdefault(stem, {})[match.group(1).lower()] = name
    for group in groups.values():
        for order in (_LETTERS, "1234567890", "0123456789"):
            chosen = []
            for mark in order:
                if mark not in group:
                    break
                chosen.append(group[mark])
            if len(chosen) >= 2 and len(chosen) == len(group):
                return tuple(chosen)
    if numbered := _numbered_columns(columns):
        return numbered
    listed = list(columns.values())
    keys = [place for place, column in enumerate(listed) if column.letters > 0.95 and column.distinct < 0.9]
    if all(re.fullmatch(r"column \d+", column.name) for column in listed) and len(keys) == 1 and keys[0] >= 3:
        between = listed[1 : keys[0]]
        if len(between) >= 2 and listed[0].weight > max(column.weight for column in between):
            return tuple(column.name for column in between)
    return ()


def _numbered_columns(columns: Mapping[str, Evidence]) -> tuple[str, ...]:
    """Columns named alike but for one letter or number: "Antwort A", "Antwort B" …, "Answer 1 - max 75 characters" …."""
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for name in columns:
        parts = names.words(name)
        for place, mark in enumerate(parts):
            if len(parts) > 1 and not name.startswith(NUMBERED) and (mark in _LETTERS or mark in _NUMBERS):
                groups.setdefault((*parts[:place], "", *parts[place + 1 :]), {})[mark] = name
    for group in groups.values():
        marks = sorted(group, key=lambda mark: (len(mark), mark))
        if len(marks) > 2 and marks in (list(_LETTERS[: len(marks)]), list(_NUMBERS[: len(marks)])):
            return tuple(group[mark] for mark in marks)
    return ()


def _options_column(columns: Mapping[str, Evidence]) -> str:
    """One column with all options: an object by letters speaks for itself, a list needs a name that says so."""
    scores = {
        name: column.options * (0.5 + 0.5 * names.score(name, names.OPTIONS))
        for name, column in columns.items()
        if column.options > 0.8 and (names.score(name, names.OPTIONS) or column.keyed_options > 0.8)
    }
    return max(scores, key=lambda name: scores[name], default="")


def _key_column(
    upload: Upload, columns: Mapping[str, Evidence], options: Sequence[str], single: str, taken: set[str]
) -> tuple[str, int, float] | None:
    """The column whose cells name one of the row's options: its name, its first number, and how often it does."""
    rows = [row.values for row in upload.sample if not row.problem]
    sets = [row_options(values, options, single) for values in rows]
    best: tuple[float, str, int, float] | None = None
    for name in columns:
        if name in taken or not columns[name].filled:
            continue
        cells = [values.get(name, "") for values in rows]
        first = _first_index(name, cells, sets)
        hits = [
            resolve(cell, found, first) is not None for cell, found in zip(cells, sets, strict=True) if len(found) > 1
        ]
        share = sum(hits) / max(len(hits), 1)
        ranked = share * (0.4 + 0.6 * names.score(name, names.KEY)) + 0.05 * columns[name].letters
        if share >= 0.5 and ranked >= 0.35 and (best is None or ranked > best[0]):
            best = (ranked, name, first, share)
    return best[1:] if best else None


def row_options(values: Mapping[str, Any], options: Sequence[str], single: str) -> tuple[str, ...]:
    """The options of one row; empty cells at the end are options that the question does not have."""
    if single:
        return options_of(values.get(single, ""))
    texts = [plain_text(values.get(name, "")).strip() for name in options]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def answers_by_key(upload: Upload, mapping: ColumnMapping) -> bool:
    """Tell whether a file names right options by letter or number rather than by their text.

    A few questions have letters or numbers as options ("which blood group?"), where one answer can be read both ways; then
    it counts what explains more rows of the file.

    Args:
        upload: What was read.
        mapping: A mapping of multiple-choice questions.
    """
    keys = texts = 0
    for row in upload.sample:
        found = row_options(row.values, mapping.choice_columns, mapping.column("choices"))
        cell = row.values.get(mapping.column("answer"), "")
        keys += by_key(cell, found, mapping.first_index) is not None
        texts += by_text(cell, found) is not None
    return keys >= texts


def _first_index(name: str, cells: Sequence[Any], sets: Sequence[Sequence[str]]) -> int:
    """Tell from the numbers that occur whether they count from 0 or from 1."""
    numbers = {
        int(float(text))
        for cell in cells
        if re.fullmatch(r"\d{1,3}(\.0)?", text := bare_mark(plain_text(cell).strip()))
    }
    if not numbers or 0 in numbers:
        return 0
    most = max(map(len, sets), default=0)
    return 1 if most in numbers or any(word in ("cop", "ra") for word in names.words(name)) else 0


def _explanation(columns: Mapping[str, Evidence], taken: set[str]) -> str:
    scores = {
        name: names.score(name, names.EXPLANATION)
        for name, column in columns.items()
        if name not in taken and column.is_text and column.weight >= 15
    }
    best = max(scores, key=lambda name: scores[name], default="")
    return best if best and scores[best] >= 0.5 else ""


def squad(upload: Upload, columns: Mapping[str, Evidence]) -> ColumnMapping | None:
    """A text, a question about it, and an answer that is a part of it (or an object with such answers)."""
    contexts = {
        name: names.score(name, names.CONTEXT) for name, column in columns.items() if column.is_text and column.filled
    }
    context = max(contexts, key=lambda name: contexts[name], default="")
    if not context or contexts[context] < 0.6:
        return None
    prompts = {name: prompt_score(column) for name, column in columns.items() if name != context}
    prompt = max(prompts, key=lambda name: prompts[name], default="")
    if not prompt or prompts[prompt] < 0.5:
        return None
    named = {name: names.score(name, names.RESPONSE) for name in columns if name not in (context, prompt)}
    for name, found in named.items():
        if found < max(0.5, max(named.values()) - 0.1) or not columns[name].filled:
            continue
        share = _found_in(upload, context, name)
        if share >= 0.6:
            reason = f"The answers in “{name}” stand in the text of “{context}” in {share:.0%} of the rows looked at."
            mapped = {"context": context, "prompt": prompt, "response": name}
            return ColumnMapping("squad", mapped, round(0.5 + 0.48 * share, 2), reason)
    return None


def _found_in(upload: Upload, context: str, answer: str) -> float:
    """Share of filled answers that occur in their text."""
    hits = []
    for row in upload.sample:
        text = squad_answer(row.values.get(answer, ""))
        if text and not is_empty(row.values.get(context)):
            hits.append(text.casefold() in all_text(row.values[context]).casefold())
    return sum(hits) / len(hits) if len(hits) > 1 else 0.0


def squad_answer(value: Any) -> str:
    """The first answer of a SQuAD cell: {"text": […]}, [{"text": …}], or plain text."""
    value = unpacked(value)
    if isinstance(value, dict) and "text" not in value:
        return ""
    return plain_text(value).strip()
