"""Mapping by hand: what a row is, and one list of columns for each role that such a row can have.

    form = mapping_form.build();  form_updates(mapping, columns) → the form's updates;  chosen_mapping(upload, …) → ColumnMapping

It does not know: how a mapping is found, where the rows are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.dataset.ingest import Upload
from core.dataset.mapping import KINDS, ColumnMapping, by_hand
from core.dataset.mapping.model import CHOICE_ROLES
from medft_ui import text
from medft_ui.data_text import Mapping as Words

# Roles with a list of columns each; options in columns of their own share one list with several choices.
PICKED_ROLES = (
    "prompt",
    "response",
    "input",
    "context",
    "system",
    "topic",
    "messages",
    "text",
    "choices",
    "answer",
    "explanation",
)


@dataclass(frozen=True, slots=True)
class MappingForm:
    """The controls.

    Args:
        box: What can be opened to change them.
        kind: How a row is built.
        roles: One list of columns for each of PICKED_ROLES.
        options: The columns that hold one option each.
        first: Which number means the first option.
    """

    box: gr.Accordion
    kind: gr.Dropdown
    roles: tuple[gr.Dropdown, ...]
    options: gr.Dropdown
    first: gr.Radio

    @property
    def controls(self) -> list[Any]:
        """What a person chooses, in the order of ``Chosen.of``."""
        return [self.kind, self.options, self.first, *self.roles]

    @property
    def view(self) -> list[Any]:
        """What ``form_updates`` fills."""
        return [self.box, *self.controls]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the controls say.

    Args:
        kind: How a row is built.
        columns: Column by role, of those that the kind knows.
        first_index: Which number means the first option.
    """

    kind: str
    columns: Mapping[str, str]
    first_index: int = 0

    @classmethod
    def of(cls, kind: str, options: Sequence[str] | None, first: int | None, *roles: str | None) -> Chosen:
        """Read the controls' values."""
        needed, optional = KINDS[kind]  # type: ignore[index]
        picked = dict(zip(PICKED_ROLES, roles, strict=True)) | dict(zip(CHOICE_ROLES, options or (), strict=False))
        columns = {role: name for role, name in picked.items() if name and role in needed + optional}
        return cls(kind, columns, int(first or 0))


def build() -> MappingForm:
    """Lay out the controls, closed."""
    with gr.Accordion(text.Data.CHANGE, open=False) as box:
        kind = gr.Dropdown([(text.KINDS[name], name) for name in KINDS], label=text.Data.KIND, info=text.Data.KIND_INFO)
        with gr.Row(elem_classes="roles"):
            roles = tuple(
                gr.Dropdown([], label=text.ROLES[role], visible=False, min_width=200) for role in PICKED_ROLES
            )
        options = gr.Dropdown([], multiselect=True, label=Words.OPTIONS, info=Words.OPTIONS_INFO, visible=False)
        first = gr.Radio(list(Words.FIRST_CHOICES), value=0, label=Words.FIRST, info=Words.FIRST_INFO, visible=False)
    return MappingForm(box, kind, roles, options, first)


def form_updates(chosen: Chosen, columns: Sequence[str], *, opened: bool = False, by_hand: bool = False) -> list[Any]:
    """Return what ``MappingForm.view`` shows.

    Args:
        chosen: What is chosen now.
        columns: The upload's columns.
        opened: Whether to open the form, because something must be chosen.
        by_hand: Whether a person is choosing: then a list that this kind has no use for keeps its column, out of sight.
    """
    needed, optional = KINDS[chosen.kind]  # type: ignore[index]
    allowed = needed + optional
    choices = [(text.Data.NO_COLUMN, ""), *((column, column) for column in columns)]

    def of_role(role: str) -> dict[str, Any]:
        if by_hand and role not in allowed:
            return gr.update(visible=False)
        return gr.update(choices=choices, value=chosen.columns.get(role, ""), visible=role in allowed)

    own = [chosen.columns[role] for role in CHOICE_ROLES if role in chosen.columns]
    has_options = CHOICE_ROLES[0] in allowed
    return [
        gr.update(open=True) if opened else gr.skip(),
        chosen.kind,
        gr.update(choices=list(columns), value=own, visible=has_options),
        gr.update(value=chosen.first_index, visible=has_options),
        *map(of_role, PICKED_ROLES),
    ]


def as_chosen(mapping: ColumnMapping) -> Chosen:
    """Say a mapping as the controls do."""
    return Chosen(mapping.kind, mapping.columns, mapping.first_index)


def chosen_mapping(upload: Upload, chosen: Chosen, found: ColumnMapping | None) -> ColumnMapping:
    """Make the mapping; the one that was found where the controls agree with it, because it also knows its reasons.

    Raises:
        UploadError: naming the roles without a column.
    """
    if found is not None and chosen == as_chosen(found):
        return found
    return by_hand(upload, chosen.kind, chosen.columns, chosen.first_index)  # type: ignore[arg-type]
