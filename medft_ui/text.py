"""Every visible string of the screens, in plain English, so that it can be read in one place and translated.

Strings with {names} are filled with ``str.format``. The long texts of the Help screen stand in help_text.py.
It does not know: where a string is shown.
"""

from __future__ import annotations

SAFETY = (
    "Research tool, not a medical device. Answers may be wrong: a health professional must review them. "
    "Do not enter patient data. In an emergency call your local emergency number."
)


class App:
    """The frame."""

    TITLE = "MedFT Studio"
    CLAIM = "teach a model medicine, honestly"
    DISCLAIMER = "Research tool, not a medical device. No patient data. Answers may be wrong: a professional reviews."
    DATA, TRAIN, MONITOR, CHAT, EXPORT, HELP = "Data", "Train", "Monitor", "Chat", "Export", "Help"
    READY = "MedFT Studio is ready: {address}   (Ctrl+C ends it; a run that trains goes on)"
    LOGIN = "Sign in to MedFT Studio"
    SIDEBAR = "What the machine is doing"
    OPENED = "Opened"
    WANTED = "Data set to train on"
    BOOT = "Since when the app runs"


class Errors:
    """Messages about errors that no room has words for."""

    TITLE = "This did not work"
    BUG_TITLE = "Something unexpected happened"
    BUG = "This is a fault of the app, not yours ({kind}). What it was doing is in the log of the terminal. Try again; nothing was lost."
    PORT_TAKEN = "Port {port} on {host} is already in use."
    PORT_TAKEN_HINT = "Stop the program that uses it, or choose another port: python app.py --port {other}"
    BAD_HOST = "The app cannot listen on {host}."
    BAD_HOST_HINT = "Use 127.0.0.1, or an address of this machine."
    NO_LOGIN = "The app would be reachable from other machines without a login."
    NO_LOGIN_HINT = (
        "Set MEDFT_USER and MEDFT_PASSWORD (8 characters or more) in the environment, or leave out --host and --share."
    )
    FOREIGN_FILE = "This file was not uploaded here."
    FOREIGN_FILE_HINT = "Upload the file first, then pass what the upload returned."
    WHICH = "{value!r} is not one of base, tuned, both."
    WHICH_HINT = "Pass which as base, tuned or both."
    HISTORY = "The history must be a list of messages with role and content."
    HISTORY_HINT = 'Pass for example [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}].'
    OPTIONS = "The options cannot be read."
    OPTIONS_HINT = 'Pass for example {"temperature": 0.7, "top_p": 0.9, "max_new_tokens": 256}.'
    NO_FILE = "No file was chosen."
    NO_FILE_HINT = "Drop a file with questions and answers first."
    NO_RUN = "There is no trained run yet."
    NO_RUN_HINT = "Train one first: the quick demo on the Data screen takes a few minutes."
    NO_MESSAGE = "The question is empty."
    NO_MESSAGE_HINT = "Type a question first."


class Sidebar:
    """The column that always answers: what, how long, how to stop."""

    DEVICE = "Device"
    MEMORY = "{used} of {total} used"
    BUSY = "{percent} busy"
    TEMPERATURE = "{degrees} °C"
    IDLE = "idle"
    NOTHING = "Nothing running"
    NOTHING_HINT = "Start a run on the Train screen."
    STEP = "step {step} of {total}"
    LEFT = "{time} left"
    SILENT = "no sign of life for {time}"
    TOKENS = "{tokens} tokens/s"
    EVAL = "eval loss {loss}"
    DATASET = "Data set"
    ROWS = "{train} train · {eval} eval rows"
    NO_DATASET = "none chosen yet"
    PAUSE = "Pause"
    STOP = "Stop…"
    RESUME = "Resume"
    ASK = "Keep what is done so far, or throw it away?"
    KEEP = "Stop and keep"
    DISCARD = "Discard it"
    GO_ON = "Go on"
    MEMORY_LABEL = "Memory in use"
    PROGRESS_LABEL = "Progress of the run"


STATES = {
    "queued": ("waiting", "info"),
    "starting": ("starting", "info"),
    "running": ("training", "good"),
    "stopping": ("stopping", "look"),
    "finished": ("finished", "good"),
    "stopped": ("paused", "look"),
    "failed": ("failed", "bad"),
    "interrupted": ("interrupted", "bad"),
}
# What runs when it is not training, and where its result is, by the job's kind.
WORKING = {"evaluate": "evaluating", "merge": "merging", "review_answers": "answering"}
OTHER_STATES = {"running": "working", "stopped": "stopped"}
DONE_HINTS = {
    "evaluate": "The result is on the Evaluate screen.",
    "merge": "The merged model is on the Export screen.",
    "review_answers": "The review is on the Review screen.",
}
STATE_HINTS = {
    "queued": "It starts when the machine is free.",
    "starting": "Loading the model; the first step follows soon.",
    "running": "You can close or reload this page: the run goes on.",
    "stopping": "It saves a checkpoint at the next step and then ends.",
    "finished": "Talk to it on the Chat screen, or take the adapter home on Export.",
    "stopped": "Resume continues from its last checkpoint.",
    "failed": "The reason stands below; the log has the details.",
    "interrupted": "The app or the machine went away while it ran.",
}


class Monitor:
    """The screen that shows how a run learns."""

    PICK = "Run"
    PICK_INFO = "The newest run follows by itself."
    LATEST = "Newest run"
    EMPTY_TITLE = "Nothing has been trained yet"
    EMPTY = "The sample data set and a small model are ready. The quick demo takes a few minutes, even without a GPU."
    START_DEMO = "Start the quick demo"
    CONTROLS = "How the charts are drawn"
    AXIS = "Along the axis"
    AXIS_STEPS, AXIS_MINUTES = "Steps", "Minutes"
    SMOOTHING = "Smoothing of the train loss"
    LOG_SCALE = "Logarithmic loss"
    LOSS = "Loss"
    LOSS_ASIDE = "lower is better"
    TRAIN_LOSS, RAW_LOSS, EVAL_LOSS = "train", "train, each step", "eval (held out)"
    LOSS_AXIS = "loss per trained token"
    MEMORY = "Memory"
    GPU_MEMORY = "GPU memory"
    MEMORY_ASIDE = "GiB, measured each second; dashed: the forecast before the start"
    MEMORY_AXIS = "GiB"
    MEASURED, FORECAST = "measured", "forecast"
    SPEED = "Speed"
    SPEED_ASIDE = "tokens per second"
    RATE = "Learning rate"
    RATE_ASIDE = "warms up, then falls"
    STEPS_AXIS, MINUTES_AXIS = "optimizer step", "minutes since the start"
    NUMBERS = "Numbers"
    N_TRAIN, N_EVAL, N_BEST, N_RATE = "Train loss", "Eval loss", "Best eval loss", "Learning rate"
    N_SPEED, N_LEFT, N_MEMORY, N_STEP = "Tokens/s", "Time left", "Memory, peak", "Step"
    AT_STEP = "{value} at step {step}"
    SAMPLES = "How its answers change"
    SAMPLES_NONE = "Sample answers appear at the first evaluation."
    SAMPLES_COLUMNS = ("Step", "Answer")
    SETTINGS = "Settings of this run, and why"
    SETTING_COLUMNS = ("Setting", "Value")
    SETTINGS_LOST = (
        "The settings of this run cannot be read: its config.json is missing, damaged or of another version."
    )
    CHOICES = "Chosen automatically"
    LOG = "Log"
    LOG_EMPTY = "Nothing has been logged yet."
    LOG_LABEL = "The last lines of the run's log"
    NO_POINTS = "No numbers yet: the first appear after the first step."
    LOSS_FIRST = "Train loss is {last} at step {step}."
    LOSS_SUMMARY = "Train loss went from {first} to {last} over {steps} steps."
    EVAL_LOWEST = " Eval loss is {last} at step {step}, the lowest so far."
    EVAL_SUMMARY = " Eval loss is {last} at step {step}; the lowest was {best} at step {best_step}."
    NOW, AT_END = "now", "at the end"
    MEMORY_SUMMARY = "{last} now, at most {peak}."
    MEMORY_ENDED = "At most {peak}."
    FORECAST_SUMMARY = " The forecast was {forecast} ({error} off)."
    SPEED_SUMMARY = "{last} tokens per second {when}, {mean} on average."
    RATE_SUMMARY = "{last} {when}, at most {peak}."
    STARTED, RESUMED_AT = "started {time}", "resumed {time}"
    PAUSED_TOAST = "Pausing: it saves a checkpoint at the next step, then ends. Resume continues from there."
    DISCARD_TOAST = "Discarding: the run ends; its checkpoints and its adapter are deleted."
    RESUMED_TOAST = "Resumed from the last whole checkpoint."
    ELAPSED = "Elapsed"


class Reading:
    """What the loss curve says, in words."""

    WAITING = ("waiting", "The curve is read from the second evaluation on.")
    LEARNING = ("learning", "Eval loss still falls; best so far at step {best_step}.")
    LEVEL = (
        "levelling off",
        "Eval loss has hardly moved since step {best_step}: more epochs of the same will add little.",
    )
    OVERFITTING = (
        "overfitting",
        "Eval loss has risen since step {best_step} while train loss falls: it learns the rows by heart. "
        "Stop here or use fewer epochs; the best state is the one at step {best_step}.",
    )
    DIVERGED = ("diverged", "The loss has broken away. Stop, and use a lower learning rate.")
    NO_BETTER = ("no better", "Eval loss is not below where it began. Look at the data, or try another learning rate.")


class Data:
    """The screen that turns a file into a data set."""

    HERO = "New here? Start with a click."
    HERO_TEXT = (
        "A sample data set and a small model are ready. The quick demo trains it in a few minutes, even without a GPU; "
        "then talk to it before and after, side by side."
    )
    HERO_TRAIN = "Choose the settings myself"
    UPLOAD = "Bring your questions and answers"
    UPLOAD_ASIDE = (
        "JSONL, JSON, CSV, Excel, Parquet, Arrow, XML, text, or a ZIP of them; up to 2 GB (more: pack it as a ZIP)"
    )
    FILES = "Files with questions and answers"
    NO_PATIENTS = "No patient data, please: whatever is uploaded here is only checked by pattern."
    HELD_OUT = "I have a separate file for evaluation"
    HELD_OUT_FILES = "Files to hold out"
    UNDERSTOOD = "What we understood"
    SURE = "{percent} sure"
    MORE_FILES = " · and {count} more"
    CHANGE = "Not right? Change it"
    KIND = "What a row is"
    KIND_INFO = "Then choose which column is what."
    NO_COLUMN = "– none –"
    AFTER = "The first rows, as the model will see them"
    AFTER_COLUMNS = ("Question", "Answer")
    BEFORE = "The same rows as they came"
    SKIPPED = "cannot be used: {reason}"
    CLEAN = "Clean it and hold some rows out"
    CLEAN_ASIDE = "every step counts what it does and shows examples"
    NAME = "Name of the data set"
    NAME_INFO = "Leave it empty to use the file's name."
    STEPS = "Cleaning steps"
    STEPS_LABEL = "Steps that run"
    SHORTEST = "Shortest answer (letters)"
    SHORTEST_INFO = "Shorter answers leave; yes, no and numbers may be short."
    LIKENESS = "Near duplicates from"
    LIKENESS_INFO = "Share of five-word sequences that two answers have in common."
    BUILD = "Build the data set"
    SETS = "Your data sets"
    SETS_ASIDE = "newest first; the sample came with the app"
    SET = "Data set"
    SET_CHOICE = "{name} ({rows} rows)"
    TRAIN_ON_IT = "Train on it"
    REPORT = "Cleaning: {read} rows in, {kept} stay"
    ALL_QUIET = "No step found anything to change or remove."
    REPORT_ASIDE = "{train} to train on, {eval} held out"
    SPLIT = "Held out: {reason}"
    UNUSABLE = "{count} rows could not be used: {reason}"


STATUS = {
    "approved": ("ready to train", "good"),
    "needs_attestation": ("to be approved", "look"),
    "needs_review": ("identifiers to resolve", "bad"),
}
KINDS = {
    "prompt_response": "question and answer",
    "alpaca": "instruction, input and output (Alpaca)",
    "messages": "conversation (ChatML)",
    "sharegpt": "conversation (ShareGPT)",
    "multiple_choice": "multiple choice",
    "squad": "question about a text (SQuAD)",
    "dialogue_note": "dialogue and note",
    "text_with_chat_tokens": "one text with chat marks",
}
ROLES = {
    "prompt": "Question",
    "response": "Answer",
    "input": "Input",
    "context": "Text it is about",
    "system": "System prompt",
    "topic": "Topic (used to split)",
    "messages": "Conversation",
    "text": "Text",
    "choices": "Options",
    "answer": "Right option",
    "explanation": "Explanation",
}


class Gate:
    """The card that stands between a data set and training."""

    TITLE = "May it be trained on?"
    TO_RESOLVE = "{count} to resolve"
    RESOLVED = "nothing left to resolve"
    PLACE_WORDS = ("place", "places")
    WHY = "These look like identifiers of a person. Decide about them; the decision is kept with your name."
    VOUCH = (
        "No pattern finds an identifier any more. Patterns do not find everything: a person has to vouch for the rows."
    )
    MORE = "And {count} more."
    COLUMNS = ("Found", "In its sentence")
    BY = "Your name"
    BY_INFO = "Kept with the decision, in the report and in the audit file."
    REPLACE = "Replace all by placeholders"
    DROP = "Drop these rows"
    LEAVE = "None of them is an identifier"
    APPROVE = "Approve for training"
    APPROVED = "Approved. It can be trained on now."
