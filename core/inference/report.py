"""A conversation as a report in Markdown: questions, both answers, models, settings and times, for a message or a file.

    report_text(exchanges)  →  "# Chat report · MedFT Studio …"

Every text of a person or a model is quoted line by line, so that it cannot pass for a heading or a table of the report.
It does not know: where a conversation is kept, screens, models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.inference.messages import ChatOptions, Pane
from core.inference.thinking import split_thinking

TITLE = "Chat report · MedFT Studio"
SAFETY = (
    "Research tool, not a medical device. Answers may be wrong: a health professional must review them. "
    "In an emergency call your local emergency number."
)
NAMES: Mapping[Pane, str] = {"base": "Base", "tuned": "Tuned"}
FINISH = {"stop": "the model ended it", "length": "cut at the longest length", "stopped": "stopped by a person", "": ""}


@dataclass(frozen=True, slots=True)
class Speaker:
    """Which model answered.

    Args:
        key: What was chosen on the screen: a run, a checkpoint, an uploaded adapter, or a base.
        name: What people call it.
        model: The base model's id.
        adapter_sha256: Hash of the adapter's weights; empty where a base stands alone.
        form: Device and number format that answered; empty if unknown.
    """

    key: str = ""
    name: str = ""
    model: str = ""
    adapter_sha256: str = ""
    form: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and what came of it.

    Args:
        question: What was asked.
        answers: What each pane said, thinking included; a pane that was not asked is left out.
        speaker: Which models.
        options: How they answered.
        at: When, UTC ISO-8601.
        finish: Why each answer ended: stop, length or stopped.
        tokens: Length of each answer in tokens.
    """

    question: str
    answers: Mapping[Pane, str]
    speaker: Speaker = Speaker()
    options: ChatOptions = ChatOptions()
    at: str = ""
    finish: Mapping[Pane, str] = dataclasses.field(default_factory=dict)
    tokens: Mapping[Pane, int] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def report_text(exchanges: Sequence[Exchange], safety: str = SAFETY) -> str:
    """Write the report.

    Args:
        exchanges: The conversation, the oldest question first.
        safety: The line that goes with every answer.
    """
    parts = [f"# {TITLE}", f"**{safety}**"]
    for number, exchange in enumerate(exchanges, start=1):
        parts += [f"## Question {number}", quoted(exchange.question)]
        for pane, said in exchange.answers.items():
            parts += [_heading(pane, exchange), *_answer(said)]
        parts.append(_settings(exchange))
    return "\n\n".join(parts) + "\n"


def quoted(text: str) -> str:
    """A text as a Markdown quotation, line by line."""
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines()) or "> "


def settings_words(options: ChatOptions) -> str:
    """How an answer was made, in one line."""
    how = (
        "greedy (temperature 0)"
        if options.temperature == 0
        else f"temperature {options.temperature:g}, top-p {options.top_p:g}, seed {options.seed}"
    )
    thinking = ", thinking on" if options.thinking else ""
    return f"{how}, at most {options.max_new_tokens:,} tokens{thinking}"


def _heading(pane: Pane, exchange: Exchange) -> str:
    tokens = exchange.tokens.get(pane)
    aside = [f"{tokens:,} tokens" if tokens else "", FINISH.get(exchange.finish.get(pane, ""), "")]
    told = ", ".join(word for word in aside if word)
    return f"### {NAMES[pane]}" + (f" ({told})" if told else "")


def _answer(said: str) -> Iterator[str]:
    parts = split_thinking(said)
    if parts.thinking:
        yield "*Thinking" + (", not finished:*" if parts.is_open else ":*")
        yield quoted(parts.thinking)
        yield "*Answer:*"
    yield quoted(parts.answer) if parts.answer else "*(no answer)*"


def _settings(exchange: Exchange) -> str:
    speaker = exchange.speaker
    adapter = f"{speaker.name}, sha256 {speaker.adapter_sha256}" if speaker.adapter_sha256 else "none"
    rows = [("Base model", speaker.model), ("Adapter", adapter), ("Settings", settings_words(exchange.options))]
    if exchange.options.system.strip():
        rows.append(("System prompt", " ".join(exchange.options.system.split())))
    rows += [("Computed on", speaker.form), ("Time", exchange.at)]
    return "\n".join(f"- {name}: {' '.join(str(value).split())}" for name, value in rows if value)
