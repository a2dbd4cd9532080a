"""The card that takes files, or a Hub data set, with files to hold out and benchmark files besides.

It does not know: what is in them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from core.dataset.intake import HubSet, Intake
from medft_ui import parts, text
from medft_ui.data_text import Source

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Bring:
    """Where rows come from.

    Args:
        files: What was dropped.
        hub: Id, config, split and revision on the Hub.
        load: Reads the Hub data set.
        loaded: The Hub data set that was read, as JSON; empty where files count.
        held_out: Files to hold out instead of a share of the rows.
        benchmarks: Files whose questions must not be in training.
        problem: What is wrong with what was brought.
    """

    files: gr.File
    hub: tuple[gr.Textbox, ...]
    load: gr.Button
    loaded: gr.Textbox
    held_out: gr.File
    benchmarks: gr.File
    problem: gr.HTML


def build(studio: Studio, file_types: Sequence[str]) -> Bring:
    """Lay out the card.

    Args:
        studio: The desk.
        file_types: Endings of files that can be read.
    """

    def dropping(label: str, height: int) -> gr.File:
        return gr.File(
            label=label, file_count="multiple", file_types=list(file_types), height=height, elem_classes="drop"
        )

    with gr.Column(elem_classes="card"):
        gr.HTML(parts.heading(text.Data.UPLOAD, text.Data.UPLOAD_ASIDE))
        files = dropping(text.Data.FILES, 130)
        gr.HTML(parts.note(text.Data.NO_PATIENTS))
        with gr.Accordion(Source.HUB, open=False):
            with gr.Row():
                info = Source.HUB_ID_INFO if studio.settings.is_public else Source.HUB_FOLDER_INFO
                hub = (
                    gr.Textbox(label=Source.HUB_ID, info=info, max_length=300, min_width=260, scale=2),
                    gr.Textbox(label=Source.CONFIG, info=Source.CONFIG_INFO, max_length=200, min_width=140),
                    gr.Textbox(label=Source.SPLIT, info=Source.SPLIT_INFO, max_length=100, min_width=140),
                    gr.Textbox(label=Source.REVISION, info=Source.REVISION_INFO, max_length=100, min_width=140),
                )
            with gr.Row(elem_classes="actions"):
                load = gr.Button(Source.LOAD)
        with gr.Accordion(text.Data.HELD_OUT, open=False):
            held_out = dropping(text.Data.HELD_OUT_FILES, 110)
        with gr.Accordion(Source.BENCHMARKS, open=False):
            benchmarks = dropping(Source.BENCHMARKS_FILES, 110)
            gr.HTML(parts.note(Source.BENCHMARKS_NOTE))
        problem = gr.HTML(visible=False)
        # hidden, not State: a State opens a connection for each tab of the browser
        loaded = gr.Textbox("", visible="hidden", label=Source.LOADED)
    return Bring(files, hub, load, loaded, held_out, benchmarks, problem)


def intake_of(
    files: list[str] | None,
    loaded: str,
    held_out: list[str] | None = None,
    benchmarks: list[str] | None = None,
) -> Intake:
    """Read what was brought: files count before a Hub data set.

    Args:
        files: What was dropped.
        loaded: The Hub data set that was read, as JSON; empty for none.
        held_out: Files to hold out.
        benchmarks: Benchmark files.
    """
    paths = [tuple(Path(path) for path in chosen or ()) for chosen in (files, held_out, benchmarks)]
    hub = HubSet.from_json(json.loads(loaded)) if loaded and not paths[0] else None
    return Intake(paths[0], hub, paths[1], paths[2])


def forget(paths: Sequence[Path]) -> None:
    """Delete uploads that have been copied into a data set: whoever knows an upload's address could read it."""
    for path in paths:
        shutil.rmtree(path.parent, ignore_errors=True)
