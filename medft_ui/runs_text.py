"""Every visible string about runs that have been: the table, the comparison, what can be done with one.

Strings with {names} are filled with ``str.format``. It does not know: where a string is shown.
"""

from __future__ import annotations

TABS = ("This run", "All runs")


class Table:
    """The table of runs."""

    TITLE = "All runs"
    ASIDE = "the newest first, each with its own settings"
    EMPTY_TITLE = "No run yet"
    EMPTY = (
        "What you train on the Train screen is kept here until you delete it; from two runs on they can be compared."
    )
    COLUMNS = (
        "Name",
        "State",
        "Data set",
        "Model",
        "Steps",
        "Best eval loss",
        "Time",
        "Memory: forecast → measured",
        "Note",
    )
    STEPS = "{done} of {total}"
    BEST = "{loss} at step {step}"
    MEMORY = "{forecast} → {measured}, {error}"
    TOO_MUCH, TOO_LITTLE, RIGHT = "{error} too high", "{error} too low", "right"
    GONE = "deleted since"


class Compare:
    """The comparison."""

    TITLE = "Compare"
    ASIDE = "two to four runs"
    PICK = "Runs to compare"
    PICK_INFO = "The newest two to begin with; at most four."
    AXIS = "Along the axis"
    AXES = (("Steps", "steps"), ("Minutes", "minutes"))
    TRAIN, EVAL = "Train loss, smoothed", "Eval loss (held out)"
    DIFFERENCES = "Where they differ"
    SAME = "The settings of these runs are all alike."
    SETTING = "Setting"
    TOO_FEW = "Choose at least two runs."
    SUMMARY = "{name}: {loss} at step {step}"
    UNKNOWN_DATASET = "Data set"
    OLD = "The settings of {name} cannot be read: another version of the app wrote them."


class Manage:
    """What can be done with a run."""

    TITLE = "Rename, note, delete"
    PICK = "Run"
    NAME = "Name"
    NOTE = "Note"
    NOTE_INFO = "What you want to remember about it. No patient data."
    SAVE = "Save name and note"
    SAVED = "Saved."
    DELETE = "Delete…"
    ASK = "Delete this run with its checkpoints, its adapter and what was evaluated with it? This cannot be undone."
    YES = "Delete it for good"
    NO = "Keep it"
    DELETED = "Deleted."
    NONE = "There is no run to change."
    NONE_HINT = "Train one first."


class Machine:
    """What the Monitor says of gradients and of the card."""

    NORM = "Gradient norm"
    NORM_ASIDE = "before clipping"
    NORM_SUMMARY = "{last} {when}, {mean} on average, at most {peak}."
    BUSY = "How busy the GPU is"
    BUSY_ASIDE = "percent; temperature in °C"
    UTILISATION, TEMPERATURE, MFU = "utilisation, %", "temperature, °C", "of the card's limit (MFU), %"
    BUSY_AXIS = "% · °C"
    BUSY_SUMMARY = "Busy {busy} on average, at most {heat} °C."
    MFU_SUMMARY = " Training reaches {mfu} of what this card's matrix products reach at best (MFU)."
    NO_MFU = " What share of the card's limit that is (MFU) can be said of known GPUs only."
    POWER = "Power"
    POWER_ASIDE = "watts"
    POWER_SUMMARY = "{last} W {when}, {mean} W on average."
    RESERVED = "reserved by PyTorch"
    RESERVED_SUMMARY = " PyTorch has reserved {reserved}."
    MEASURED_PEAK = "Forecast {forecast}, measured peak {measured}: {error} (counted in both: {what})."
    N_NORM, N_MFU, N_GPU = "Gradient norm", "Of the card's limit (MFU)", "GPU now"
    KNOWN_GPUS = "known GPUs only"
    GPU_NOW = "{busy} · {power}\u00a0W · {heat}\u00a0°C"
