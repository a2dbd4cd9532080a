"""The table of runs, the comparison, and what can be done with a run, in words and numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.config import QUICK_DEMO
from core.settings import Settings
from core.studio import Studio
from medft_ui.lazy import build_told
from medft_ui.run_table import differences_html, overlaid, table_html
from medft_ui.runs_text import Compare, Manage
from medft_ui.tabs import runs
from tests.ui.past_runs import write_past_run

DATASETS = {"sample": "Sample questions"}


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Studio]:
    write_past_run(tmp_path, "First <b>try</b>", 10)
    write_past_run(tmp_path, "Second", 20, QUICK_DEMO.changed(learning_rate=5e-4), best=1.2, note="Ask Dr Lee.")
    write_past_run(tmp_path, "Second", 30, QUICK_DEMO.changed(rank=8), state="stopped", dataset_id="gone")
    studio = Studio(Settings(home=tmp_path))
    studio.open()
    yield studio
    studio.close()


def act(studio: Studio, event: str, label: str) -> Callable[..., Any]:
    """What a control of the page calls."""
    with gr.Blocks() as demo, gr.Tab("All runs") as opened:
        runs.build(studio, build_told(), [opened.select])
    found = next(b for b in demo.blocks.values() if label in (getattr(b, "value", None), getattr(b, "label", None)))
    return next(fn.fn for fn in demo.fns.values() if (found._id, event) in fn.targets)


def test_the_table_tells_every_run_and_cannot_become_markup(past: Studio) -> None:
    page = table_html(past.run_summaries(), DATASETS)
    assert "First &lt;b&gt;try&lt;/b&gt;" in page and "<b>try" not in page
    assert "SmolLM2-135M-Instruct" in page and "60 of 60" in page and "1.218 at step 60" in page
    assert "GiB, 4 % too low" in page and "Ask Dr Lee." in page and "deleted since" in page and "paused" in page
    assert page.count('data-label="Best eval loss"') == page.count("<tr>") - 1, "a phone shows no row of headings"


def test_several_runs_are_laid_over_each_other_with_what_differs_only(past: Studio) -> None:
    found = past.run_summaries()
    train, evals = overlaid(found, [past.snapshot(run.job.id) for run in found], "steps")
    names = [series.name for series in train.series]
    assert len(set(names)) == 3 and names[0].startswith("Second · 24 Nov 2026, 05:30")
    assert len({series.color for series in train.series}) == 3
    assert [len(series.x) for series in evals.series] == [4, 4, 4]
    assert "1.218 at step 60" in evals.summary
    minutes = overlaid(found[:1], [past.snapshot(found[0].job.id)], "minutes")[0]
    assert minutes.x_title == "minutes since the start" and max(minutes.series[0].x) < 1
    page = differences_html(found, DATASETS)
    assert all(words in page for words in ("Learning rate", "0.0005", "LoRA rank", "Sample questions", "deleted since"))
    assert "Seed" not in page and "Weight decay" not in page
    assert Compare.SAME in differences_html([found[0], found[0]], DATASETS)
    assert Compare.TOO_FEW in differences_html(found[:1], DATASETS)


def test_names_notes_and_deletes(past: Studio) -> None:
    newest = past.list_runs()[0].id
    shown = act(past, "click", Manage.SAVE)([newest], "steps", newest, "Third", "Keep.")
    assert "Third" in shown[0] and shown[-3:-1] == ["Third", "Keep."]
    shown = act(past, "click", Manage.YES)([newest], "steps", newest)
    assert newest not in [job.id for job in past.list_runs()]
    assert shown[3]["value"] == [job.id for job in past.list_runs()], "the comparison falls back to what is there"
    with pytest.raises(gr.Error, match="no run"):
        act(past, "click", Manage.YES)([], "steps", newest)


def test_without_runs_it_says_so(tmp_path: Path) -> None:
    assert "No run yet" in table_html([], {})


def test_what_is_typed_about_a_run_stays_when_another_one_moves(past: Studio) -> None:
    with gr.Blocks() as demo, gr.Tab("All runs") as opened:
        told = build_told()
        runs.build(past, told, [opened.select])
    moved = next(fn.fn for fn in demo.fns.values() if (told.runs._id, "change") in fn.targets)
    first, newest = past.list_runs()[-1].id, past.list_runs()[0].id
    past.delete_run(newest)
    shown = moved([first, newest], "steps", first)
    assert shown[3]["value"] == [first] and shown[-3:] == [gr.skip()] * 3
    shown = moved([first], "steps", newest)
    assert shown[-4]["value"] != newest and shown[-3] == "Second", "it is gone: the words are those of the next one"
