"""Strings of the Data screen that are newer than text.py: sources, mapping by hand, progress, steps, charts, the gate.

It does not know: where they are shown.
"""

from __future__ import annotations


class Source:
    """Where rows come from besides files."""

    HUB = "Or a data set from the Hugging Face Hub"
    HUB_ID = "Data set id"
    HUB_ID_INFO = "owner/name, or the address of its page"
    HUB_FOLDER_INFO = "owner/name, the address of its page, or a folder of this machine"
    CONFIG = "Config"
    CONFIG_INFO = "Empty for the only one."
    SPLIT = "Split"
    SPLIT_INFO = "train, if you leave it empty."
    REVISION = "Revision"
    REVISION_INFO = "A commit or tag; empty for the newest."
    LOAD = "Load it"
    LOADED = "Loaded from the Hub"
    BENCHMARKS = "Check against benchmark questions"
    BENCHMARKS_FILES = "Benchmark files"
    BENCHMARKS_NOTE = (
        "Training rows that hold a question of these files leave, so that a later score on them means something. "
        "The files are kept with the data set and checked again when it is cleaned again."
    )


class Mapping:
    """Mapping by hand."""

    OPTIONS = "Columns with one option each"
    OPTIONS_INFO = "In their order: A, B, C …"
    FIRST = "A number as the right option counts from"
    FIRST_INFO = "Only where the right option is a number."
    FIRST_CHOICES = (("0", 0), ("1", 1))
    BY_HAND = "Nothing was recognised. Say what a row is and which column is what."
    NOT_YET = "Not complete yet: the rows below are those of the last mapping that worked."


class Work:
    """Cleaning under way."""

    TITLE = "Making “{title}”"
    LOADING = "Loading “{title}”"
    LOADED = "Loaded in {time}. What was understood stands above."
    LOAD_STOPPED = "Cancelled after {time}. What the Hub's library has begun to fetch may still end up in its cache."
    LOAD_STOPPING = "It stops in a moment."
    STATES = {
        "running": ("working", "info"),
        "stopping": ("cancelling", "look"),
        "finished": ("ready", "good"),
        "stopped": ("cancelled", "look"),
        "failed": ("did not work", "bad"),
    }
    LABEL = "Progress of the cleaning"
    STEP = "step {place} of {count}, {title}"
    DONE_OF = "{phase}: {done} of {total}"
    DONE = "{phase}: {done} rows"
    ELAPSED = "{time} so far"
    READY = "Done in {time}. Its report stands below."
    STOPPED = "Cancelled after {time}: nothing was kept, and nothing half written is left. The upload is still here."
    FAILED = "Nothing was kept; the upload is still here."
    STOPPING = "It stops at the next step; nothing of it is kept."
    ASIDE = "you can close or reload this page: it goes on"
    CANCEL = "Cancel"


class Options:
    """What a person may set about the steps."""

    TITLE = "Limits, language, held-out rows"
    SHORTEST = "Shortest answer (letters)"
    SHORTEST_INFO = "Shorter answers leave; yes, no and numbers may be short."
    LONGEST = "Longest row (tokens)"
    LONGEST_INFO = "What training cuts at; counted with the default model's tokenizer."
    DROP_LONG = "Longer rows leave"
    DROP_LONG_INFO = "Otherwise they stay and are cut in training."
    LIKENESS = "Near duplicates from"
    LIKENESS_INFO = "Share of five-word sequences that two answers have in common."
    LANGUAGE = "Language"
    LANGUAGE_INFO = "Rows in another one leave; any only points at them."
    LANGUAGES = (
        ("any", ""),
        ("English", "en"),
        ("German", "de"),
        ("Spanish", "es"),
        ("French", "fr"),
        ("Italian", "it"),
        ("Portuguese", "pt"),
        ("Dutch", "nl"),
        ("Chinese", "zh"),
        ("Japanese", "ja"),
        ("Korean", "ko"),
        ("Hindi", "hi"),
        ("Arabic", "ar"),
        ("Russian", "ru"),
    )
    SHARE = "Share held out"
    SHARE_INFO = "Rows it never learns, to judge it by. Not used with files of your own for evaluation."
    SEED = "Seed"
    SEED_INFO = "The same seed holds out the same rows."


class Steps:
    """What cleaning did, and doing it again otherwise."""

    TITLE = "What each step did"
    ASIDE = "switch steps on or off and clean the same upload again"
    COLUMNS = ("On", "Step", "Changed", "Removed", "Look at", "What it found")
    TABLE = "Cleaning steps with their switches"
    SWITCH = "{title}: on"
    QUIET = "{count} that found nothing"
    QUIET_WORDS = ("step", "steps")
    EXAMPLE_WORDS = ("example", "examples")
    BEFORE, AFTER, GONE = "before", "after", "leaves"
    ALIKE = "stays"
    OFF = "off"
    GROUP = "Keep together by column"
    GROUP_INFO = "Rows with the same value never stand on both sides of the split."
    NO_GROUP = "– near duplicates only –"
    MORE_BENCHMARKS = "Further benchmark files"
    AGAIN = "Clean again"
    AGAIN_NOTE = (
        "Makes a new version from the same upload. This one stays as it is, with its approval; what was changed by hand is "
        "not carried over."
    )
    SAME = "Nothing is chosen otherwise than for this version."
    SAME_HINT = "Switch a step or change a value first."
    VERSIONS = "Versions"
    VERSIONS_ASIDE = "all made from the same upload"
    VERSION_COLUMNS = ("Version", "Made", "To train on", "Held out", "State", "What was chosen otherwise")
    VERSION_PICK = "Go to version"
    VERSION_PICK_INFO = "Nothing is lost: every version keeps its rows, its decisions and its approval."
    HERE = "shown here"
    FIRST = "as first built"
    MATCHES = "What matched"
    MATCH_COLUMNS = ("Row", "Benchmark", "Question of the benchmark", "Of it in the row")
    MATCH_NOTE = "The rows themselves stand under Rows, with the filter “Benchmark contamination: removed”."


class Charts:
    """The pictures of a report."""

    TITLE = "What is in it"
    ASIDE = "rows that stay, to train on and held out"
    LENGTHS = "Length of the rows"
    TOKENS, WORDS = "tokens", "words"
    CUT = "cut at {limit}"
    CUT_FAR = "cut at {limit} →"
    LENGTHS_SUMMARY = (
        "Half of the rows have {median} {unit} or fewer, one in twenty more than {p95}; the longest has {longest}."
    )
    NO_CUT = " None is longer than the {limit} tokens that training cuts at."
    SOME_CUT = " {count} longer than the {limit} tokens that training cuts at."
    SOME_CUT_WORDS = ("row is", "rows are")
    NO_TOKENS = " Lengths in tokens were not measured: they need the model's tokenizer on this disk."
    LAST_BIN = "{low} and more"
    ROWS = "rows"
    REMOVED = "Rows removed, by step"
    REMOVED_SUMMARY = "{total} of {read} rows taken out; most by {step} ({count})."
    QUESTIONS = "What the questions ask for"
    QUESTIONS_SUMMARY = "By their words (English only): most ask for {first} ({share})."
    TOPICS = "Topics"
    TOPICS_SUMMARY = "{count} topics; the largest is {first} with {rows} rows. No topic stands on both sides."
    TOPICS_BOTH = "{count} topics; the largest is {first} with {rows} rows."
    TRAIN, EVAL = "to train on", "held out"
    NUMBERS = "The numbers"


class Gate:
    """The card that stands between a data set and training."""

    TITLE = "May it be trained on?"
    TO_RESOLVE = "{count} to resolve"
    RESOLVED = "nothing left to resolve"
    APPROVED = "approved"
    PLACE_WORDS = ("place", "places")
    CHECKED = "Checked: {checked}. NOT checked: {unchecked}."
    NOTHING = "nothing"
    HOW = "How each class was looked for"
    HOW_COLUMNS = ("Class", "Checked", "How")
    YES, NO = "yes", "NO"
    WHY = (
        "Red places block training: replace them, drop their rows, or say that they are no identifier. "
        "Yellow ones are hints (names and places): worth a look, but they do not block."
    )
    VOUCH = "No pattern finds an undecided identifier any more. Patterns do not find everything: a person has to vouch for the rows."
    VOUCHED = "{by} vouched for it on {at}."
    SHOW = "Which places"
    SHOW_INFO = "The buttons below it decide about all of these at once."
    BLOCKING, ADVISORY, DECIDED = "Blocking, undecided ({count})", "Hints, undecided ({count})", "Decided ({count})"
    KIND = "{title}, undecided ({count})"
    NONE = "Nothing of this sort was found, or all of it is decided."
    TABLE = "Places that may point to a person"
    COLUMNS = ("Found", "In its sentence", "Row", "Decide")
    RANGE = "{first} to {last} of {total}"
    MASKED = "masked"
    OPEN = "shown in the open"
    UNMASK = "Show the text itself on this page"
    UNMASK_INFO = "It may be about a real person. That you looked is kept in the history, with your name."
    REPLACE, DROP, LEAVE = "Replace", "Drop row", "Not one"
    REPLACE_LABEL, DROP_LABEL, LEAVE_LABEL = (
        "Replace {title} in row {row} by a placeholder",
        "Drop row {row}",
        "{title} in row {row} is not an identifier",
    )
    REPLACE_ALL, DROP_ALL, LEAVE_ALL = (
        "Replace all {count} by placeholders",
        "Drop their rows",
        "None of them is an identifier",
    )
    DECIDED_AS = {
        "replace": "replaced by a placeholder",
        "drop": "row dropped",
        "not_identifier": "not an identifier",
    }
    BY_WHOM = "{what}, by {by}, {at}"
    PAGE, PREVIOUS, NEXT = "Page of places", "Previous places", "Next places"
    BY = "Your name"
    BY_INFO = "Kept with the decision, in the report and in the audit file."
    NO_NAME = "Say who decides: it is kept with the decision."
    NO_NAME_HINT = "Fill in “Your name” in this card."
    APPROVE = "Approve for training"
    APPROVED_TOAST = "Approved. It can be trained on now."
    COPIED = "The sample stays as it is, so that the quick demo always works. Your change went into a copy, which is shown now."


class Downloads:
    """Taking a data set home."""

    PREPARE = "Prepare the downloads"
    FILES = "Rows, report and card as a zip; the readable report; report.json; the data set card"


class Delete:
    """Deleting a data set."""

    DELETE = "Delete this data set…"
    ASK = (
        "Delete “{name}” ({rows} rows) with its upload, its report and its history? Runs that were trained on it stay, but "
        "they can no longer be resumed, or judged on its held-out rows. This cannot be undone."
    )
    YES = "Delete it for good"
    NO = "Keep it"
    DELETED = "“{name}” is deleted."
    NONE = "No data set is chosen."
    NONE_HINT = "Choose one under Data sets."


class History:
    """What people did."""

    TITLE = "History of this data set"
    LABEL = "Who did what, the newest first"
    COLUMNS = ("When", "Who", "What", "Rows")
    NONE = "Nobody has changed anything yet."
    NOBODY = "not said"
    WHAT = {
        "edit": "edited",
        "exclude": "excluded",
        "restore": "restored",
        "resolve": "decided about identifiers",
        "approve": "approved for training",
        "look": "looked at identifiers in the open",
        "clean_again": "cleaned the upload again",
    }
    MORE = " and {count} more"
