"""Every visible string of the Evaluate screen: what is measured, what it found, the items, the scorecard.

Strings with {names} are filled with ``str.format``. It does not know: where a string is shown.
"""

from __future__ import annotations

from core.evaluation.result import Kind

TAB = "Evaluate"
TABS = ("Measure", "Scorecard")


class Frame:
    """The screen's frame: which run, what is going on."""

    TITLE = "Is it better than the model it came from?"
    ASIDE = "both answer the same items; the verdict may be “no measurable difference”, or “worse”"
    RUN = "Run"
    RUN_INFO = "Its base model and its adapter are compared."
    NO_RUN = "There is no trained run yet"
    NO_RUN_HINT = "Train one first: the quick demo on the Data screen takes a few minutes. Then it can be judged here."
    RUNNING = "Being measured now"
    PROGRESS = "Progress of the evaluation"
    RUNNING_HINT = "You can close or reload this page: it goes on."
    STARTING = "starting"
    STOPPING = "stopping …"
    LEFT = "about {time} left"
    ITEMS_DONE = "{done} of {total}"
    STOP_KEEP = "Stop and keep what is measured"
    DISCARD = "Discard"
    RESUME = "Go on with it"
    RESUMED_TOAST = "It goes on behind the last item that was measured."
    STOPPED_TOAST = "Stopping: what is measured by now is kept."
    DISCARD_TOAST = "Discarding: nothing of this evaluation is kept."
    STARTED_TOAST = "Started. You can close this page: it goes on."
    BUSY = "The machine is busy: {name}. Evaluations can start when it has ended."


class Start:
    """The three cards that start an evaluation."""

    TITLE: dict[Kind, str] = {
        "heldout": "Held-out rows",
        "benchmark": "Benchmarks",
        "safety": "Safety",
    }
    ASIDE: dict[Kind, str] = {
        "heldout": "rows of your data it never learnt",
        "benchmark": "exam questions with known answers",
        "safety": "urgent cases, harmful requests, doses",
    }
    WHAT: dict[Kind, str] = {
        "heldout": (
            "How well both predict the reference answers (loss), and how alike their own answers are to them. "
            "Likeness is not correctness: a health professional has to read them."
        ),
        "benchmark": (
            "How often both choose the right option, through lm-evaluation-harness, so that figures compare with "
            "published ones. Also shows what tuning made it forget."
        ),
        "safety": (
            "Whether both send urgent cases to help, refuse harmful requests, answer harmless ones, and mind doses and "
            "false premises. Scored by rules; you can overrule each."
        ),
    }
    BUTTON: dict[Kind, str] = {
        "heldout": "Measure on held-out rows",
        "benchmark": "Run benchmarks",
        "safety": "Run safety probes",
    }
    ABOUT = "About {time}: {reason}."
    ABOUT_UNKNOWN = "How long it takes is known after the first items."
    LIMIT = "Most items"
    LIMIT_INFO = "Drawn at random; 0 takes all."
    LENGTH = "Answer tokens"
    LENGTH_INFO = "At most; a token is about four letters."
    SEED = "Seed"
    MORE = "Options"
    GENERATE = "Let them write answers, too"
    GENERATE_INFO = "Without, only the loss is measured: much faster."
    ADAPTER = "Adapter"
    ADAPTER_INFO = "The best is the one that goes home."
    ADAPTERS = (("Best checkpoint (the adapter that goes home)", "best"), ("Newest checkpoint", "last"))
    FIRST_INFO = "Of each set, the first so many; 0 takes all."
    TASKS = "Question sets"
    TASKS_INFO = "Sets from the Hub are fetched once."
    TASK_HERE, TASK_HUB = "{label} (here)", "{label} (from the Hub)"
    OWN = "A file of your own"
    OWN_NAME, OWN_SET = "own_set", "a multiple-choice set of my own"
    FILE = "Multiple-choice file"
    READ_AS = "Read it as"
    READ_AS_INFO = "PubMedQA needs its own file: the Hub has it in a form that would run code."
    FORM = "How a set of your own is asked"
    FORM_INFO = "The prompt form changes scores: it is named beside them."
    FORMS = (("options shown, letters scored", "letters"), ("options hidden, texts scored", "texts"))
    FEWSHOT = "Solved examples first"
    FEWSHOT_INFO = "0 to 10; only sets from the Hub have any."
    TEMPLATE = "Use the model's chat template"
    TEMPLATE_INFO = "Published scores mostly do without."
    PER_KIND = "Probes a kind"
    PER_KIND_INFO = "The first so many; 0 asks all."
    SYSTEM = "Said before each probe"
    SYSTEM_INFO = "A system prompt; leave it empty for none."


class Result:
    """What an evaluation has found."""

    TITLE = "What has been found"
    ASIDE = "newest first"
    PICK = "Evaluation"
    PICK_INFO = "Every evaluation of this run is kept until you delete it."
    CHOICE = "{title} · {state} · {time}"
    NONE = "This run has not been judged yet"
    NONE_HINT = "Start one of the three above. Held-out rows are the quickest way to see whether it learnt anything."
    DELETE = "Delete this evaluation …"
    SURE = "Delete it with all its answers? This cannot be undone."
    DELETE_NOW = "Delete it"
    KEEP = "Keep it"
    DELETED = "Deleted."
    STATES = {
        "queued": ("waiting", "info"),
        "starting": ("starting", "info"),
        "running": ("running", "info"),
        "stopping": ("stopping", "look"),
        "finished": ("finished", "good"),
        "stopped": ("stopped early", "look"),
        "failed": ("failed", "bad"),
        "interrupted": ("interrupted", "bad"),
    }
    FAILED = "It did not come to an end"
    NO_REASON = "The process ended without saying why. Start it again; if it comes again, its log says more."
    DISCARDED = "It was stopped and nothing was kept."
    TOO_EARLY = "It was stopped before an item was judged to its end, so there is nothing to read yet. It can go on where it was."
    LOG = "Last words of the process"
    RUNS = "It is still being measured; what it has found appears here when it ends."
    MEASURED = "{items} items · {time} · took {duration}"
    EARLY = "stopped early: what is said covers these items only"
    COLUMNS = ("Measure", "Items", "Base", "Tuned", "Difference", "Test", "p", "Verdict")
    TABLE = "Every measure, base against tuned, with 95 % intervals"
    CHART = "Base against tuned"
    CHART_ASIDE = "95 % intervals; the difference is paired, item by item"
    NOTES = "To know when reading this"
    HOW = "How it was measured"
    HOW_COLUMNS = ("Setting", "Value")
    LIKENESS = "This compares words with the reference answers. Whether an answer is right, somebody who knows medicine has to read."
    READ = (
        "“No measurable difference” means: with this many items, chance alone explains what is seen. It does not mean that "
        "both are equally good."
    )


class Items:
    """The items, one by one."""

    TITLE = "Item by item"
    ASIDE = "what both said to the same question"
    SORT = "Order"
    SORTS = (
        ("as asked", "asked"),
        ("worst first (what tuning lost)", "worst"),
        ("best first (what tuning gained)", "best"),
        ("flips only (right ↔ wrong)", "flips"),
        ("by topic", "topic"),
    )
    SCORE = "By which score"
    TOPIC = "Topic"
    ALL = "all"
    PAGE = "Page"
    PREVIOUS, NEXT = "Previous page", "Next page"
    OPEN = "Open an item of this page"
    OPEN_INFO = "Question, reference and both answers in full."
    CHOICE = "{number} · {question}"
    COLUMNS = ("No.", "Question", "Reference", "Base", "Tuned", "Change")
    BRACKETS, LOWER = "In brackets: {score}{better}.", " (lower is better)"
    RANGE = "{first} to {last} of {total} items"
    EMPTY = "Items appear here once an evaluation has some."
    NONE = "No item is like that."
    TABLE = "Items with both answers"
    NO_ANSWER = "(no answer)"
    QUESTION, REFERENCE, BASE, TUNED, SCORES = "Question", "Reference", "Base", "Tuned", "Scores"
    NO_REFERENCE = "This item has no reference."
    SCORE_COLUMNS = ("Score", "Base", "Tuned", "Change")
    SCORE_NAMES = {"rouge_l": "ROUGE-L", "f1": "token F1", "early": "said in the first two sentences"}
    # what 0 and 1 mean, where a score says one of two things
    WORDS = {
        "passed": ("failed", "passed"),
        "correct": ("wrong", "right"),
        "right": ("wrong", "right"),
        "early": ("no", "yes"),
    }
    OVERRULED = "overruled by {who}: {why}"


class Overrule:
    """A human overrules a rule."""

    TITLE = "Does the rule judge this answer wrongly?"
    ASIDE = "your word counts; the rule's stays on record"
    PANE = "Whose answer"
    PANES = (("base", "base"), ("tuned", "tuned"))
    VERDICT = "It counts as"
    VERDICTS = (("passed", "pass"), ("failed", "fail"), ("what the rule says", "rule"))
    WHO = "Your name and profession"
    WHY = "Why"
    SAVE = "Overrule"
    SAVED = "Noted. The figures are computed anew."
    NO_ITEM = "No item is open."
    NO_ITEM_HINT = "Open one from the list first."
    RULE = "{verdict}: {rule}"
    STANDS = {"pass": ("passed", "good"), "fail": ("failed", "bad")}


class Probes:
    """Who has reviewed the probes themselves."""

    TITLE = "Who has checked these probes?"
    DRAFTED = "drafted by engineers, to be reviewed by a clinician"
    REVIEWED = "reviewed"
    SMOKE = "Until a clinician has reviewed probes and rules, read the figures as a smoke test, not as evidence."
    WHO, ROLE = "Your name", "Your profession"
    STATEMENT = "Remarks on the probes"
    SIGN = "I have reviewed them"
    SIGNED = "Noted. Results name you from now on."
    WITHDRAW = "Withdraw this review"
    WITHDRAWN = "Withdrawn. Results call the probes drafted again; the record keeps both."


class Card:
    """The scorecard."""

    TITLE = "Scorecard"
    ASIDE = "one page: data, training, held-out, benchmarks, safety, review; and what is missing"
    EMPTY = "Choose a run to see its scorecard."
    HTML, JSON = "Download as HTML", "Download as JSON"
    SIGN_TITLE = "Sign off"
    SIGN_ASIDE = "by a named health professional who has read the answers"
    SIGN_WHAT = (
        "A signature says that you have looked at this page and at answers, and what you state. It does not approve the model "
        "for the care of anybody. What is measured or changed later is told as “signed before”."
    )
    WHO, ROLE = "Your name", "Your profession"
    STATEMENT = "What you have read, and what you state"
    SIGN, WITHDRAW = "Sign off", "Withdraw the signature"
    SIGNED, WITHDRAWN = "Signed. Model card and audit file name you from now on.", "Withdrawn. The record keeps both."
    REVIEWED, UNSIGNED = "signed", "not reviewed"
    STATED = "“{statement}”"
    SEEN = "What was shown when signing"
