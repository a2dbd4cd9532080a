"""Taking a data set home: rows, readable report, report.json, data set card.

Files are made when they are asked for, in a folder that the server may hand out of. It does not know: what is in them.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import InputError
from medft_ui.data_text import Downloads as Words
from medft_ui.errors import shown
from medft_ui.events import QUICK, SLOW
from medft_ui.rows_text import Rows

if TYPE_CHECKING:
    from core.studio import Studio


@dataclass(frozen=True, slots=True)
class Downloads:
    """A button that makes the files, and the list that hands them out."""

    prepare: gr.Button
    files: gr.File


def build_button() -> gr.Button:
    """Lay out the button in the row it is built in."""
    return gr.Button(Words.PREPARE)


def build(prepare: gr.Button) -> Downloads:
    """Lay out the list below the button."""
    return Downloads(prepare, gr.File(label=Words.FILES, file_count="multiple", interactive=False, visible=False))


def wire(studio: Studio, downloads: Downloads, dataset: gr.Dropdown, report: gr.HTML) -> None:
    """Make the files when asked; what has changed since must be prepared again.

    Args:
        studio: The desk.
        downloads: The button and the list.
        dataset: The list in which the data set is chosen.
        report: Its head, which is drawn anew with every change.
    """

    @shown
    def prepare(dataset_id: str | None) -> Any:
        if not dataset_id:
            raise InputError(Rows.NO_SET, Rows.NO_SET_HINT)
        folder, data = folder_for_download(), studio.data
        made = (
            data.export(dataset_id, folder),
            data.export_report(dataset_id, folder),
            data.export_file(dataset_id, "report.json", folder),
            data.export_file(dataset_id, "README.md", folder),
        )
        return gr.update(value=[str(path) for path in made], visible=True)

    downloads.prepare.click(prepare, dataset, downloads.files, **SLOW)
    report.change(lambda: gr.update(value=None, visible=False), outputs=downloads.files, **QUICK)


def folder_for_download() -> Path:
    """A fresh folder that the server may hand files out of; the data folders themselves stay closed to it."""
    return Path(tempfile.mkdtemp(dir=os.environ.get("GRADIO_TEMP_DIR")))
