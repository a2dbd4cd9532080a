"""What the Train screen says about a recipe: the plan with its reasons, what must change, the text that is taught.

It does not know: components, how a plan is made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from core.config import PRESETS, Preset
from core.errors import ConfigError, MedftError, Problem
from core.model.catalogue import CATALOGUE
from core.model.plan import Plan
from medft_ui import parts, train_text, units
from medft_ui.tabs import train_form

if TYPE_CHECKING:
    from core.studio import Studio

TONES: dict[str, parts.Tone] = {"fits": "good", "tight": "look", "does not fit": "bad"}
MEMORY_PARTS = (
    (train_text.Train.M_WEIGHTS, ("attention_weights", "mlp_weights", "embedding_weights")),
    (train_text.Train.M_ADAPTER, ("adapter", "optimizer")),
    (train_text.Train.M_ACTIVATIONS, ("activations", "logits", "working")),
    (train_text.Train.M_CONTEXT, ("context",)),
)


@dataclass(frozen=True, slots=True)
class PlanView:
    """What stands in the plan card.

    Args:
        plan: Verdict, memory, time, and what must change.
        reasons: What was chosen and why.
        note: About the preset, and what differs from it.
        ready: Whether Start would work.
    """

    plan: str
    reasons: str
    note: str
    ready: bool


def preset_named(name: str) -> Preset:
    """Find a preset."""
    return next(entry for entry in PRESETS if entry.name == name)


def plan_view(studio: Studio, dataset_id: str | None, preset_name: str, values: Sequence[Any]) -> PlanView:
    """Plan what the form says."""
    preset = preset_named(preset_name)
    note = parts.note(preset.about)
    try:
        config = train_form.to_config(values)
        found = studio.problems(dataset_id, config) if dataset_id else ()
        plan = studio.plan(dataset_id, config) if dataset_id and not config.problems() else None
    except ConfigError as error:
        return PlanView(_problem_card([in_words(problem) for problem in error.problems]), "", note, False)
    except MedftError as error:
        return PlanView(_problem_card([str(error)]), "", note, False)
    problems = [in_words(problem) for problem in found] if dataset_id else [train_text.Train.NO_DATASET]
    if os.environ.get("SPACES_ZERO_GPU"):
        problems = [train_text.Train.ZERO_GPU, *problems]
    changed = train_form.differences(config, preset.config)
    if changed:
        note += parts.note(train_text.Train.CHANGED.format(preset=preset.name, names=", ".join(changed)))
    about = _model_note(config.model)
    if plan is None:
        return PlanView(_unplanned_card(problems), about, note, not problems)
    reasons = f"<h3>{escape(train_text.Train.REASONS)}</h3>{parts.facts(_choice_rows(plan))}{about}"
    return PlanView(_plan_card(plan, problems), reasons, note, not problems)


def in_words(problem: Problem) -> str:
    """A problem's message, with what the form calls a setting instead of the name that the API knows."""
    # one word alone may be plain English, but not where the message begins with the setting it is about
    names = "|".join(name for name in train_text.SETTINGS if "_" in name)
    begins = f"^{problem.field}(?= )|" if problem.field in train_text.SETTINGS else ""
    return re.sub(rf"{begins}\b(?:{names})\b", lambda found: f"“{train_text.SETTINGS[found[0]][0]}”", problem.message)


def _problem_card(problems: Sequence[str]) -> str:
    count = units.plural(len(problems), *train_text.Train.PROBLEM_WORDS)
    pill = parts.pill(train_text.Train.PROBLEMS.format(count=count), "bad")
    return parts.heading(train_text.Train.PLAN, pill_html=pill) + parts.problems(problems)


def _unplanned_card(problems: Sequence[str]) -> str:
    if problems:
        return _problem_card(problems)
    later = parts.heading(train_text.Train.PLAN, pill_html=parts.pill(train_text.Train.LATER, "info"))
    return later + parts.note(train_text.Train.LATER_HINT)


def _plan_card(plan: Plan, problems: Sequence[str]) -> str:
    need, free = units.gib(plan.memory.total_gib), units.gib(plan.available_gib)
    pill = parts.pill(train_text.Train.FITS.format(verdict=plan.verdict, need=need, free=free), TONES[plan.verdict])
    said = parts.problems(problems) or parts.note(train_text.Train.NO_PROBLEMS)
    title = parts.heading(train_text.Train.PLAN, pill_html=pill)
    return title + _memory_bar(plan) + parts.facts(_time_rows(plan)) + said


def _memory_bar(plan: Plan) -> str:
    sizes = plan.memory.parts()
    parted = [(label, sum(sizes[name] for name in names)) for label, names in MEMORY_PARTS]
    whole = max(plan.available_gib, plan.memory.total_gib)
    blocks = "".join(f'<i style="width:{size / whole * 100:.1f}%"></i>' for _, size in parted)
    words = " · ".join(f"{label} {size:.2f}" for label, size in parted)
    free = train_text.Train.M_FREE.format(free=f"{max(0.0, plan.available_gib - plan.memory.total_gib):.1f}")
    over = " over" if plan.verdict == "does not fit" else ""
    label = f"{train_text.Train.M_LABEL}: {words} · {free}"
    stack = f'<div class="stack{over}" role="img" aria-label="{escape(label, True)}">{blocks}</div>'
    return f'{stack}<p class="aside">{escape(f"{words} · {free}")}</p>'


def _time_rows(plan: Plan) -> list[tuple[str, str, str]]:
    speed = train_text.Train.P_SPEED.format(speed=units.count(plan.tokens_per_s))
    every = (
        train_text.Train.P_EACH
        if plan.eval_every == 1
        else train_text.Train.P_EVERY.format(steps=units.plural(plan.eval_every, *train_text.Train.STEP_WORDS))
    )
    steps = train_text.Train.P_STEPS.format(
        steps=units.plural(plan.total_steps, *train_text.Train.STEP_WORDS), every=every
    )
    return [
        (train_text.Train.P_TIME, units.duration(plan.time_s), speed),
        (train_text.Train.P_TOKENS, units.count(plan.step_tokens), steps),
    ]


def _choice_rows(plan: Plan) -> list[tuple[str, str, str]]:
    choices = plan.choices().items()
    return [
        (train_text.CHOICES.get(name, name), train_text.option(choice.value), choice.reason) for name, choice in choices
    ]


def _model_note(model: str) -> str:
    card = next((entry for entry in CATALOGUE if entry.id == model), None)
    if card is None:
        return parts.note(train_text.Train.OTHER_MODEL)
    gated = train_text.Train.GATED if card.gated else ""
    return parts.note(train_text.Train.MODEL_NOTE.format(about=card.about, licence=card.licence, gated=gated))


def taught_html(studio: Studio, dataset_id: str | None, row: int, values: Sequence[Any]) -> str:
    """The exact text of one row, with what is learnt marked."""
    if not dataset_id:
        return parts.note(train_text.Train.NO_DATASET)
    try:
        config = train_form.to_config(values)
        if config.problems():
            return parts.note(train_text.Train.TAUGHT_WRONG)
        pieces = studio.highlight(dataset_id, config, row - 1)
    except MedftError as error:
        return parts.note(str(error))
    if pieces is None:
        return parts.note(train_text.Train.TAUGHT_LATER)
    body = "".join(f"<mark>{escape(piece)}</mark>" if learnt else escape(piece) for piece, learnt in pieces)
    return f'<pre class="taught" tabindex="0" aria-label="{escape(train_text.Train.TAUGHT, True)}">{body}</pre>'
