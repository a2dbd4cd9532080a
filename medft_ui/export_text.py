"""The visible strings of the Export screen: the screen itself, before the first run, the zip, merged model, sign-off.

Strings with {names} are filled with ``str.format``. It does not know: where a string is shown.
"""

from __future__ import annotations


class Export:
    """The screen that takes the adapter home."""

    TITLE = "Which run do you want to take home?"
    ASIDE = "not reviewed, until a named professional signs"
    RUN = "Run"
    RUN_INFO = "Runs that have ended or are paused."
    HOME = "The adapter as a zip"
    HOME_ASIDE = "opens with PEFT, Unsloth, TGI and vLLM"
    MAKE = "Prepare the zip"
    DOWNLOAD = "Download"
    DOWNLOAD_FILE = "Download {name} ({size})"
    HUB = "Push to the Hugging Face Hub"
    HUB_ASIDE = "with the token in HF_TOKEN or the Hub's login; it is never stored here"
    REPOSITORY = "Repository"
    REPOSITORY_INFO = "As user/name; it is made if it does not exist."
    PRIVATE = "Private"
    PRIVATE_INFO = "Only you can see it. Make it public later, on the Hub, when it has been reviewed."
    PUSH = "Push"
    CARD = "Model card"
    CARD_ASIDE = "goes with the adapter"
    CARD_EMPTY = "Train a run first: its card appears here."


EXPORT_FILES = (
    ("adapter_model.safetensors", "the trained weights"),
    ("adapter_config.json", "which base model, rank, layers"),
    ("tokenizer.json", "the tokenizer, with tokenizer_config.json"),
    ("special_tokens_map.json", "for older loaders"),
    ("chat_template.jinja", "how questions are put to it"),
    ("README.md", "the model card"),
    ("audit.json", "data, settings, results and hashes"),
    ("scorecard.html", "what was measured, with scorecard.md and scorecard.json"),
)


class NoRun:
    """What stands there before the first run."""

    TITLE = "There is nothing to take home yet"
    HINT = (
        "Train a run first: the quick demo on the Data screen takes a few minutes. Its adapter, its merged model and its model "
        "card can be taken home here, as soon as it has finished or is paused."
    )


class Zip:
    """The adapter's zip."""

    WHAT = "The trained weights with tokenizer, chat template, model card, audit file and scorecard: a few megabytes."
    FILES = "The files in it"
    COLUMNS = ("File", "What it is for")


class Merge:
    """The card of the merged model."""

    TITLE = "The merged model"
    ASIDE = "base and adapter in one folder"
    WHAT = (
        "For servers and converters that know no adapters (vLLM, llama.cpp, text generation servers). Stored in bfloat16. "
        "Audit file and scorecard go with it."
    )
    START, AGAIN = "Merge", "Merge again"
    STARTED = "Started. You can close this page: it goes on."
    ZIP = "Prepare the zip"
    DOWNLOAD = "Download"
    DOWNLOAD_FILE = "Download {name} ({size})"
    DONE = "The merged model ({size}) lies in this folder of the machine that runs the app:"
    ROOM = "Needs {needed} of disk; {free} are free."
    NO_ROOM = "Free some disk space, or merge the adapter elsewhere."
    ROOM_UNKNOWN = "{free} of disk are free; what it needs is known once the base model is here."
    NO_RUN = "Choose a run first."
    PROGRESS = "Progress of merging"


class Signed:
    """What is said about the sign-off."""

    TITLE = "Has somebody signed it?"
    ASIDE = "what goes with it: scorecard, model card and audit file say the same"
    WHERE = "Scorecard and sign-off are on the Evaluate screen. Both go with the adapter, as they are now."
    STATED = "“{statement}”"
    SIGNED, CHANGED, UNSIGNED = "signed", "changed since it was signed", "not reviewed"
