"""Every visible string of the Chat screen. It does not know: where a string is shown."""

from __future__ import annotations


class Chat:
    """The screen that talks to base and tuned, side by side."""

    RUN = "Model"
    STEP = "Checkpoint"
    BEST, BEST_STEP, AT_STEP = "best", "best (step {step})", "step {step}"
    WHICH = "Who answers"
    WHICH_CHOICES = (("Base and tuned", "both"), ("Tuned only", "tuned"), ("Base only", "base"))
    UPLOADED = "{name} · brought along, for {base}"
    BASE_ALONE = "{name} · base alone"
    BASE, TUNED = "Base", "Tuned"
    TUNED_ASIDE = "{name} · {step}"
    EMPTY = "Ask something below."
    MESSAGE = "Your question"
    PLACEHOLDER = "Ask … (Enter sends, Shift+Enter begins a new line)"
    SEND, STOP, CLEAR, RETRY, ANOTHER, REPORT = "Send", "Stop", "New chat", "Retry", "Another answer", "Copy as report"
    SETTINGS = "How it answers"
    TEMPERATURE = "Temperature"
    TEMPERATURE_INFO = "0 always takes the likeliest word."
    TOP_P = "Top-p"
    TOP_P_INFO = "Only the likeliest words that together have this share."
    LENGTH = "Longest answer (tokens)"
    LENGTH_INFO = "About four letters make a token."
    SEED = "Seed"
    SEED_INFO = "The same seed gives the same answer; Another answer draws a new one."
    SYSTEM = "System prompt"
    SYSTEM_INFO = "Said to the model before the conversation. Empty for none."
    THINKING = "Let it think first"
    THINKING_INFO = "Its thoughts are shown folded above the answer, and count as tokens of it."
    EXAMPLES = "Try a question that was held out, so that it never learnt it:"
    GENERAL_EXAMPLES = "Try one:"
    EXAMPLE_QUESTIONS = (
        "What are the symptoms of iron deficiency?",
        "How is asthma diagnosed?",
        "What does hypertension mean?",
        "When does a headache need emergency care?",
    )
    SPEED = "{tokens} tokens · {speed} tokens/s · first {first} s"
    FINISH = {"": "", "stop": "", "length": "cut at the longest length", "stopped": "stopped"}
    CUT_WHILE_THINKING = "it was still thinking: allow a longer answer, or switch thinking off"
    WAITING = "Waiting for its first word …"
    THOUGHT, THINKS, UNFOLD = "Thoughts", "Thinking …", "Show or hide the thoughts"
    NOTES = "how it was answered"


class Status:
    """The line that says whether a model is loaded, and what stands in the way."""

    LABEL = "The chat's model"
    BUSY = "{name} is using the machine ({what}){left}. The chat comes back by itself; to chat now, pause it in the sidebar."
    LEFT = ", about {time} left"
    OFF = "No model is loaded. The first question loads it, which takes some seconds."
    LOADING = "{phase}"
    MEMORY = "{gib} of memory held"
    WARM = "Ready to load: the first question loads the model ({gib} of memory held)."
    READY = "Loaded on {device} · {gib} of memory held"
    ANSWERING = "Answering on {device} · {gib} of memory held"
    WAITING = "{count} more waiting"


class Bring:
    """Bringing an adapter along."""

    TITLE = "Bring an adapter"
    HINT = (
        "A zip, or the files of its folder: adapter_config.json and adapter_model.safetensors. Nothing else is read, and "
        "never a pickle. It is kept on this machine."
    )
    UPLOAD = "Upload an adapter …"
    BASE = "Its base model"
    BASE_INFO = "Leave it as it is unless the adapter names a folder of another machine."
    AS_NAMED = "as the adapter says"
    KEPT = "{name} is kept; it goes with {base}. {note}"
    REMOVE = "Delete this adapter"
    REMOVED = "Deleted."


class Remark:
    """Thumbs and flags."""

    UP, DOWN, FLAG = "Good", "Poor", "Flag …"
    TITLE = "What is wrong with it?"
    ABOUT = "Which answer"
    VERDICT = "Your judgement"
    VERDICTS = (("Poor", "down"), ("Flagged for somebody to look at", "flag"))
    REASONS = "Why"
    REASON_CHOICES = (
        ("Harmful", "harmful"),
        ("Wrong", "wrong"),
        ("Incomplete", "incomplete"),
        ("Unclear", "unclear"),
        ("Other", "other"),
    )
    NOTE = "In your own words"
    NOTE_INFO = "No patient data, please. Kept with the question, both answers, the model, the settings and the time."
    SAVE, CANCEL = "Save", "Cancel"
    KEPT, KEPT_BEFORE = "Thank you, it is kept.", "That is kept already."
    NO_ANSWER = "There is no answer to judge yet."
    NO_ANSWER_HINT = "Ask a question first."


class Clinicians:
    """The view that holds only the conversation, and what was said about answers."""

    TITLE = "For clinicians"
    HINT = (
        "The clinician's view hides everything but the conversation and the judgement of answers. The link names the model, "
        "never a text."
    )
    WELCOME = (
        "Base is the model as it came. Tuned is the same model after it has learnt from further questions and answers. Ask "
        "them something, then say below an answer whether it is good, poor, or one that somebody should look at."
    )
    LINK, OPEN, LEAVE = "Copy the link", "Open the view here", "Leave this view"
    LINK_FIELD = "Link"
    CSV, JSONL = "Remarks (CSV)", "Remarks (JSONL)"
    COUNT = "{count} kept so far, of all models."
    COUNT_WORDS = ("remark", "remarks")
    GONE = "The model that this link names is not here any more. Ask whoever sent you the link."


class Report:
    """Copying a conversation."""

    TITLE = "Report"
    FIELD = "The report, in Markdown"
    COPIED = "The report is on the clipboard."
    LINK_COPIED = "The link is on the clipboard."
    BY_HAND = "Your browser does not let the page copy. Mark the text and copy it by hand."
    EMPTY = "There is no answer to report yet."
    EMPTY_HINT = "Ask a question first."
    NO_RETRY = "There is no question to ask again."
    NO_RETRY_HINT = "Ask one first."


REPORT_FILE = "chat-remarks"
