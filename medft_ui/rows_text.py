"""Strings of the card Rows and of the data set's endpoints. It does not know: where they are shown."""

from __future__ import annotations


class Rows:
    """The card that shows and changes rows."""

    TITLE = "Rows"
    ASIDE = "search, correct, take out, put back; each change is kept in the history with your name"
    VOID = (
        "Rows are shown as they are, identifiers too. Any change to a row voids the approval: the data set has to be approved again "
        "before it is trained on."
    )
    EMPTY = "Choose a data set above to see its rows."
    NONE = "No row fits. Take out a word, or choose another filter."
    SEARCH = "Search"
    SEARCH_INFO = "words that must all occur in a row"
    FIND = "Search rows"
    FILTER = "Show"
    FILTER_INFO = "which rows of the data set"
    TABLE = "Rows of the data set"
    COLUMNS = ("Row", "Part", "Question", "Answer", "Notes")
    RANGE = "Rows {first} to {last} of {total}"
    PAGE = "Page"
    PREVIOUS = "Previous page"
    NEXT = "Next page"
    PICK = "Row to change"
    PICK_INFO = "of those on this page"
    CHOICE = "{id} · {question}"
    HELD = "Row in the form"
    BY = "Changed by"
    BY_INFO = "kept in the history with each change"
    PROMPT = "Question"
    RESPONSE = "Answer"
    TURNS = "This row is a conversation of {count} messages; its last question and its answer can be changed here."
    SAVE = "Save"
    EXCLUDE = "Exclude"
    RESTORE = "Restore"
    EDITED = "edited"
    REMOVED = "removed"
    SAVED = "Row {id} is saved."
    EXCLUDED = "Row {id} is excluded. It can be restored under “Excluded by hand”."
    RESTORED = "Row {id} is as it was."
    UNAPPROVED = "The data set is no longer approved: approve it again before training."
    STEP_FILTER = "{title}: {what} ({count})"
    WARNED = "pointed at"
    TAKEN_OUT = "removed"
    NO_SET = "No data set is chosen."
    NO_SET_HINT = "Choose one under Data sets."
    NO_ROW = "No row is chosen."
    NO_ROW_HINT = "Choose one of the rows on this page."
    NO_NAME = "Say who changes the row: it is kept in the history."
    NO_NAME_HINT = "Fill in “Changed by”."


# What can be shown, with the filter of core.dataset.curate.
FILTERS = (
    ("All rows", ""),
    ("To train on", "train"),
    ("Held out", "eval"),
    ("With open findings", "findings"),
    ("Pointed at by a step", "warned"),
    ("Edited by hand", "edited"),
    ("Excluded by hand", "removed:by_hand"),
    ("Removed, for any reason", "removed"),
)
PARTS = {"train": "train", "eval": "held out"}


class Api:
    """What the endpoints say."""

    BY = "API"
    OPTIONS = "options must be an object."
    OPTIONS_HINT = 'Pass for example {"eval_share": 0.1}, or {} for the recommended values.'
    SOURCE = "Give either a file or options.hub."
    SOURCE_HINT = 'Pass handle_file("my.jsonl"), or null and {"hub": {"id": "owner/name"}}.'
    FILES = "{name} must be a list of uploaded files."
    FILES_HINT = 'Pass for example {"benchmarks": [handle_file("medqa.jsonl")]}.'
    MAPPING = "mapping must have a kind and columns."
    MAPPING_HINT = 'Pass for example {"kind": "prompt_response", "columns": {"prompt": "q", "response": "a"}}.'
    DECISIONS = "decisions must be a list of objects."
    DECISIONS_HINT = 'Pass for example [{"action": "replace", "level": "blocking", "by": "Dr Lee"}].'
