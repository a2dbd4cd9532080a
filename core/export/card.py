"""The model card: audit → README.md of an adapter, with the fields the Hub reads.

    write_card(audit, folder)

It says what was measured and what was not, and it is marked "not reviewed" until a named professional signs.
It does not know: how the figures came about; it only reads the audit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from core.evaluation.steps import Steps
from core.inference.target import is_hub_id

# What would make a link, a picture, an element or a table cell of a name.
MARKS = re.compile(r"([\\`*\[\]<>|])")
NOT_REVIEWED = "**Not reviewed.** No named health professional has reviewed this model's answers."
OUT_OF_SCOPE = (
    "Diagnosis, treatment decisions, triage, dosing, or any other care of real people; emergencies; use without a "
    "qualified person who checks every answer; patient data as input."
)

# The Hub's own names for the licences in the catalogue; any other is "other", with the licence named.
LICENCES = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "Llama 3.1 Community License": "llama3.1",
    "Llama 3.2 Community License": "llama3.2",
    "Gemma Terms of Use": "gemma",
}


def card_text(audit: Mapping[str, Any]) -> str:
    """Return the README.md of an adapter, metadata block included.

    Args:
        audit: What ``core.export.audit.audit_of`` returns.
    """
    from huggingface_hub import ModelCardData  # noqa: PLC0415  (slow to import, rarely needed)

    model, data, run = audit["base_model"], audit["dataset"], audit["run"]
    licence = LICENCES.get(model["license"], "other") if model["license"] else None
    metadata = ModelCardData(
        # a folder of this machine is no base that anybody else could load, and the Hub refuses it
        base_model=model["id"] if is_hub_id(model["id"]) else None,
        datasets=data["hub_ids"] or None,
        language=data["languages"] or None,
        library_name="peft",
        license=licence,
        license_name=model["license"] if licence == "other" else None,
        metrics=["loss"] if any("loss" in line["what"].lower() for line in audit["measured"]) else None,
        model_name=_line(run["name"]),
        pipeline_tag="text-generation",
        tags=["medical", "lora", "medft-studio", "research-only"],
    )
    return f"---\n{metadata.to_yaml()}\n---\n\n" + "\n\n".join(_sections(audit)) + "\n"


def write_card(audit: Mapping[str, Any], folder: Path) -> Path:
    """Write the card into an adapter folder and return its path."""
    path = folder / "README.md"
    path.write_text(card_text(audit), encoding="utf-8")
    return path


def _sections(audit: Mapping[str, Any]) -> list[str]:
    model, data, run = audit["base_model"], audit["dataset"], audit["run"]
    review = audit["review"]
    signed = _review(review)
    return [
        f"# {_plain(run['name'])}",
        f"> Research tool, not a medical device. {signed}",
        f"A LoRA adapter for {_base(model['id'])}, trained on medical questions and answers with MedFT Studio. It needs the base"
        " model named above; load both with PEFT.",
        "## Training data\n\n" + _data(data),
        "## Training\n\n" + _steps(run) + _table(_chosen(run["settings"])) + _plan(audit),
        "## What was measured\n\n" + _measured(audit),
        "## What was not measured\n\n" + "\n".join(f"- {line}" for line in audit["not_measured"]),
        "## Intended use\n\nResearch, teaching, and evaluation of language models on medical text by people who check every answer.",
        f"## Out-of-scope use\n\n{OUT_OF_SCOPE}",
        "## Limits\n\nAnswers may be wrong, outdated, incomplete or biased, and sound sure all the same. Fine-tuning can weaken"
        " a base model's refusals and its knowledge outside the training data.",
        "## How to load it\n\n```python\nfrom peft import AutoPeftModelForCausalLM\nfrom transformers import AutoTokenizer\n\n"
        'model = AutoPeftModelForCausalLM.from_pretrained("FOLDER")\ntokenizer = AutoTokenizer.from_pretrained("FOLDER")\n```',
    ]


def _review(review: Mapping[str, Any]) -> str:
    """Who has signed, what they state, and what has changed since they looked."""
    if not review["signed"]:
        withdrawn = f" A signature was withdrawn on {review['when'][:10]}." if review["history"] else ""
        return f"{NOT_REVIEWED}{withdrawn}"
    who = f"{_plain(review['name'])}, {_plain(review['role'])}"
    said = f"Reviewed by {who}, on {review['when'][:10]}: “{_plain(review['statement'])}”"
    changed = _plain("; ".join(review["changed_since"]))
    return f"{said} **Signed before this: {changed}.**" if changed else said


def _line(text: str) -> str:
    """Somebody's words on one line, so that they cannot end the quotation that they stand in."""
    return " ".join(text.split())


def _plain(value: Any) -> str:
    """Somebody's words as words: on one line, and without a meaning in Markdown or HTML."""
    return MARKS.sub(r"\\\1", _line(str(value)))


def _base(model: str) -> str:
    """The base by its id; of a folder only its name, since where it lies is nobody's business."""
    if is_hub_id(model):
        return f"`{model}`"
    return f"a model from a folder of the machine that trained it, {_plain(_folder_name(model))}"


def _folder_name(path: str) -> str:
    return PurePath(path.replace("\\", "/")).name


def _data(data: Mapping[str, Any]) -> str:
    if not data["sha256"]:
        return f"{_plain(data['name'])}; nothing more is known about it."
    return (
        f"{_plain(data['name'])}: {data['rows_train']:,} rows for training, {data['rows_eval']:,} held out."
        f"{_sentence(data['provenance'])}{_sentence(data['identifiers'])}\n\nFingerprint (sha256): `{data['sha256']}`"
    )


def _steps(run: Mapping[str, Any]) -> str:
    """How far it was trained; said aloud where the plan goes further."""
    steps = Steps(**run["steps"])
    if not steps.sentence:
        return ""
    return f"**{steps.sentence}**\n\n" if steps.is_short else f"{steps.sentence}\n\n"


def _chosen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that somebody or a preset fixed; what was left to the planner stands in its own table."""
    return {
        name: _setting(name, value)
        for name, value in settings.items()
        # a seed of 0 is a seed; where steps are fixed, epochs count for nothing
        if (value not in ("auto", "none", 0, False) or name == "seed")
        and not (name == "epochs" and settings["max_steps"])
    }


def _setting(name: str, value: Any) -> Any:
    if name == "model" and not is_hub_id(value):
        return _folder_name(value)
    return ", ".join(value) if isinstance(value, list) else value


def _sentence(text: str) -> str:
    return f" {_plain(text)}" if text else ""


def _table(values: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {_plain(value)} |" for name, value in values.items())
    return f"| setting | value |\n|---|---|\n{rows}"


def _plan(audit: Mapping[str, Any]) -> str:
    choices = audit["choices"]
    if not choices:
        return ""
    rows = "\n".join(
        f"| {name} | {_plain(choice['value'])} | {_plain(choice['reason'])} |" for name, choice in choices.items()
    )
    return f"\n\nChosen automatically, with the reason:\n\n| what | value | why |\n|---|---|---|\n{rows}"


def _measured(audit: Mapping[str, Any]) -> str:
    columns = ("what", "base", "tuned", "note")
    cells = [[_plain(line[name]) for name in columns] for line in audit["measured"]]
    rows = [f"| {' | '.join(row)} |" for row in cells]
    if not rows:
        return "Nothing: this run has no evaluation."
    return (
        "In brackets: 95 % intervals.\n\n| on the same items | base | tuned | note |\n|---|---|---|---|\n"
        + "\n".join(rows)
    )
