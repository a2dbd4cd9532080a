"""The frame: sidebar, tabs, the one timer, and what crosses from one tab to another.

    demo = build_app(studio)

One poll serves the whole page. It carries a token of what the page has seen, and answers with nothing at all when nothing
has moved, so that many open tabs cost little. It does not know: how the server is launched (launch.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.config import QUICK_DEMO
from core.jobs.job import Job
from core.jobs.snapshot import Snapshot
from medft_ui import sidebar, text, train_text
from medft_ui.api import add_api
from medft_ui.errors import shown
from medft_ui.evaluate_text import TAB as EVALUATE
from medft_ui.evaluation_api import add_evaluation_api
from medft_ui.events import QUICK, SLOW
from medft_ui.lazy import LayOut, Told, build_told, when_opened
from medft_ui.pickers import pick_of, relisted
from medft_ui.review_api import add_review_api
from medft_ui.review_text import Rate
from medft_ui.run_charts import View
from medft_ui.sidebar import Sidebar
from medft_ui.tabs import (
    chat,
    chat_model,
    data,
    data_views,
    evaluate,
    export,
    export_merge,
    help,
    monitor,
    review,
    train,
    work_card,
)
from medft_ui.tabs.data import Data
from medft_ui.tabs.monitor import Monitor
from medft_ui.tabs.train import Around

if TYPE_CHECKING:
    from core.dataset.store import Dataset
    from core.studio import Studio

BUSY_S, IDLE_S = 1.0, 4.0


@dataclass(frozen=True, slots=True)
class Page:
    """What the page consists of."""

    tabs: gr.Tabs
    sidebar: Sidebar
    data: Data
    monitor: Monitor
    timer: gr.Timer
    seen: gr.Textbox
    wanted: gr.Textbox
    boot: gr.Textbox
    told: Told

    @property
    def pickers(self) -> list[gr.Dropdown]:
        """Lists whose choices follow what is on the disk, in the order of ``picker_updates``."""
        return [self.data.dataset, self.wanted, self.monitor.run]

    @property
    def jump(self) -> list[Any]:
        """What opens the Monitor on the newest run."""
        return [self.tabs, self.monitor.run, self.seen, self.timer]

    @property
    def live(self) -> list[Any]:
        """Everything that the poll updates."""
        head = [
            self.seen,
            self.timer,
            self.data.hero,
            *self.sidebar.live,
            *self.monitor.live,
        ]
        return [
            *head,
            self.boot,
            *(getattr(self.told, name.name) for name in fields(Told)),
            self.data.work.token,
            *self.pickers,
        ]


def build_app(studio: Studio, lay_out: LayOut = when_opened) -> gr.Blocks:
    """Lay out the page and wire it to the studio.

    Args:
        studio: The desk.
        lay_out: When the screens that the poll does not draw on are laid out.
    """
    with gr.Blocks(title=text.App.TITLE, analytics_enabled=False, delete_cache=(3600, 6 * 3600)) as demo:
        side = sidebar.build(studio)
        # hidden, not State: a State opens a connection for each tab of the browser
        seen = gr.Textbox("", visible="hidden", label="seen")
        timer = gr.Timer(BUSY_S)
        # as the poll would fill it, so that it need not: which data set Train trains on, whoever chose it
        wanted = gr.Textbox(_first(studio), visible="hidden", label=text.App.WANTED)
        told = build_told()
        with gr.Tabs(elem_classes="tabs") as tabs:
            data_tab, train_opened, monitor_tab = _screens(studio, told, lay_out)
        page = Page(tabs, side, data_tab, monitor_tab, timer, seen, wanted, _reload(), told)
        _poll(studio, demo, page)
        arrive = _starts(studio, page)
        around = Around(wanted, told.datasets, page.jump, arrive)
        with train_opened:
            lay_out(train_opened, lambda opened: train.build(studio, around, opened))
        chat.follow_link(demo, tabs)
        add_api(studio)
        add_review_api(studio)
        add_evaluation_api(studio)
    return demo


def _reload() -> gr.Textbox:
    """A page that outlives a restart of the app loads itself again, as gradio lets it where the connection broke.

    The app knows nothing any more of the screens that were laid out, and of the files that were brought.
    """
    boot = gr.Textbox(secrets.token_hex(4), visible="hidden", interactive=False, label=text.App.BOOT)
    boot.change(None, js="() => location.reload()", **QUICK)
    return boot


def _first(studio: Studio) -> str:
    return next((entry.id for entry in studio.list_datasets()), "")


def _screens(studio: Studio, told: Told, lay_out: LayOut) -> tuple[Data, gr.Tab, Monitor]:
    """Lay out every screen but Train, which leads to another one."""
    with gr.Tab(text.App.DATA, id="data"):
        data_tab = data.build(studio)
    with gr.Tab(text.App.TRAIN, id="train") as train_opened:
        pass
    with gr.Tab(text.App.MONITOR, id="monitor"):
        monitor_tab = monitor.build(studio, told, lay_out)
    with gr.Tab(text.App.CHAT, id="chat") as chat_opened:
        lay_out(chat_opened, lambda opened: chat.build(studio, told, opened))
    with gr.Tab(EVALUATE, id="evaluate") as evaluate_opened:
        lay_out(evaluate_opened, lambda opened: evaluate.build(studio, told, opened))
    with gr.Tab(Rate.TAB, id="review") as review_opened:
        lay_out(review_opened, lambda opened: review.build(studio, told, opened))
    with gr.Tab(text.App.EXPORT, id="export") as export_opened:
        lay_out(export_opened, lambda opened: export.build(studio, told, opened))
    with gr.Tab(text.App.HELP, id="help") as help_opened:
        lay_out(help_opened, help.build)
    return data_tab, train_opened, monitor_tab


def _poll(studio: Studio, demo: gr.Blocks, page: Page) -> None:
    nothing = [gr.skip()] * len(page.live)
    boot = str(page.boot.value)
    again = [boot if block is page.boot else gr.skip() for block in page.live]

    @shown
    def poll(seen: str, picks: Sequence[Any], run: str, view: View) -> list[Any]:
        if seen and boot not in seen:
            return again
        newest, device, datasets = studio.snapshot(None), studio.device(), studio.list_datasets()
        runs = studio.list_runs()
        talk, brought = chat_model.token_of(studio, newest), [kept.id for kept in studio.chats.adapters()]
        lists = f"{boot} {[entry.id for entry in datasets]} {[(job.id, job.state) for job in runs]} {brought}"
        work = studio.data.works.now()
        made = work_card.token_of(work)
        token = f"{newest.revision} {run} {view} {device.used_gib:.1f} {picks[1]} {made} {talk} {lists}"
        if token == seen:
            return nothing
        snapshot = monitor.snapshot_of(studio, newest, run, runs)
        timer = gr.Timer(BUSY_S if newest.is_active or (work and work.is_active) else IDLE_S)
        hero = gr.update(visible=not runs)
        side = sidebar.updates(newest, device, _chosen(datasets, newest, picks[1]))
        lists_now = (
            picker_updates(datasets, runs, picks) if not seen.endswith(lists) else [gr.skip()] * len(page.pickers)
        )
        return [
            token,
            timer,
            hero,
            *side,
            *monitor.updates(studio, snapshot, view),
            boot,
            f"{picks[1]} {lists}",
            lists,
            talk,
            lists,
            lists,
            *evaluate.updates(newest),
            *export_merge.updates(newest),
            *review.updates(newest),
            made,
            *lists_now,
        ]

    def unpack(seen: str, axis: Any, smoothing: float, log_scale: bool, *picks: Any) -> list[Any]:
        return poll(seen, picks, picks[2], View(axis, smoothing, log_scale))

    view = page.monitor.view
    triggers = [
        demo.load,
        page.timer.tick,
        page.monitor.run.input,
        page.wanted.change,
        *(control.input for control in view),
    ]
    # raw values: what a page holds since before a restart is not in any list yet
    gr.on(triggers, unpack, [page.seen, *view, *page.pickers], page.live, preprocess=False, **QUICK)


def _chosen(datasets: Sequence[Dataset], newest: Snapshot, picked: str | None) -> Dataset | None:
    """The data set of the run that is under way, else the one chosen on Train."""
    wanted = newest.job.dataset_id if newest.job is not None and newest.is_active else picked
    return next((entry for entry in datasets if entry.id == wanted), None)


def picker_updates(datasets: Sequence[Dataset], runs: Sequence[Job], picks: Sequence[Any]) -> list[Any]:
    """New choices for ``Page.pickers``; what is picked stays if it still exists."""
    sets = data_views.dataset_choices(datasets)
    wanted = pick_of(sets, picks[1]) or ""
    return [
        relisted(sets, picks[0]),
        gr.skip() if wanted == picks[1] else wanted,
        relisted(monitor.run_choices(runs), picks[2]),
    ]


def _starts(studio: Studio, page: Page) -> Callable[[], list[Any]]:
    """Whatever starts a run also opens the Monitor, on the newest run; returns what does."""

    def arrive() -> list[Any]:
        gr.Info(train_text.Train.STARTED)
        return [gr.Tabs(selected="monitor"), monitor.LATEST, "", gr.Timer(BUSY_S)]

    @shown
    def start_demo() -> list[Any]:
        studio.start_training(studio.sample().id, QUICK_DEMO, train_text.Train.DEMO_NAME)
        return arrive()

    gr.on([page.data.start_demo.click, page.monitor.start_demo.click], start_demo, outputs=page.jump, **SLOW)
    # what this page began to make is followed at once, not only when the slow timer ticks
    page.data.work.mine.change(lambda: ["", gr.Timer(BUSY_S)], outputs=[page.seen, page.timer], **QUICK)
    page.data.to_train.click(lambda: gr.Tabs(selected="train"), outputs=page.tabs, **QUICK)
    taken = [page.tabs, page.wanted]
    page.data.train_on_it.click(
        lambda picked: [gr.Tabs(selected="train"), picked or ""], page.data.dataset, taken, **QUICK
    )
    return arrive
