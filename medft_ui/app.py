"""The frame: sidebar, tabs, the one timer, and what crosses from one tab to another.

    demo = build_app(studio)

One poll serves the whole page. It carries a token of what the page has seen, and answers with nothing at all when nothing
has moved, so that many open tabs cost little. It does not know: how the server is launched (launch.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from medft_ui import sidebar, text
from medft_ui.errors import shown
from medft_ui.run_charts import View
from medft_ui.sidebar import Sidebar
from medft_ui.tabs import monitor
from medft_ui.tabs.monitor import Monitor

if TYPE_CHECKING:
    from core.studio import Studio

BUSY_S, IDLE_S = 1.0, 4.0


@dataclass(frozen=True, slots=True)
class Frame:
    """What the page consists of."""

    tabs: gr.Tabs
    sidebar: Sidebar
    monitor: Monitor
    timer: gr.Timer
    seen: gr.Textbox


def build_app(studio: Studio) -> gr.Blocks:
    """Lay out the page and wire it to the studio."""
    with gr.Blocks(title=text.App.TITLE, analytics_enabled=False, delete_cache=(3600, 6 * 3600)) as demo:
        side = sidebar.build(studio)
        with gr.Tabs(elem_classes="tabs") as tabs, gr.Tab(text.App.MONITOR, id="monitor"):
            watch = monitor.build(studio)
        # hidden, not State: a State opens a connection for each tab
        frame = Frame(tabs, side, watch, gr.Timer(BUSY_S), gr.Textbox("", visible="hidden", label="seen"))
        _poll(studio, demo, frame)
    return demo


def _poll(studio: Studio, demo: gr.Blocks, frame: Frame) -> None:
    watch = frame.monitor

    @shown
    def poll(seen: str, run: str, axis: Any, smoothing: float, log_scale: bool) -> list[Any]:
        newest, device = studio.snapshot(None), studio.device()
        token = f"{newest.revision} {run} {axis} {smoothing} {log_scale} {device.used_gib:.1f}"
        if token == seen:
            return [gr.skip()] * (2 + len(frame.sidebar.live) + len(watch.live) + 1)
        picked = monitor.run_id(run)
        snapshot = newest if picked is None else studio.snapshot(picked)
        timer = gr.Timer(BUSY_S if newest.is_active else IDLE_S)
        shown_now = monitor.updates(studio, snapshot, View(axis, smoothing, log_scale))
        runs = gr.update(choices=monitor.run_choices(studio.list_runs()))
        return [token, timer, *sidebar.updates(newest, device, None), *shown_now, runs]

    outputs = [frame.seen, frame.timer, *frame.sidebar.live, *watch.live, watch.run]
    triggers = [demo.load, frame.timer.tick, watch.run.input, *(control.input for control in watch.view)]
    gr.on(
        triggers,
        poll,
        [frame.seen, watch.run, *watch.view],
        outputs,
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
