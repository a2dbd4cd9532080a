"""Everything that may die, dies here, at bad moments: worker, app, disk, clock, heart."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.errors import JobError, ResourceError
from core.jobs import job as job_module
from core.jobs import process, worker
from core.jobs.events import EventReader
from core.jobs.job import ENDED, Job, read_job, utc_now

pytestmark = pytest.mark.thorough

REPOSITORY = Path(__file__).resolve().parents[3]
APP = """
    import sys, time
    from pathlib import Path
    import fake_work
    from core.errors import JobError
    from core.jobs.controller import JobController
    controller = JobController(Path(sys.argv[1]), entries={"train": "fake_work:train"}, resumable=fake_work.resumable)
    controller.start()
    while time.time() < float(sys.argv[3]):
        pass
    try:
        controller.submit("train", controller.runs_dir / sys.argv[2])
        print("started", flush=True)
    except JobError as error:
        print(error.message, flush=True)
        sys.exit(0)
    time.sleep(600)
"""


def start_app(runs: Path, name: str, at: float = 0.0) -> subprocess.Popen[str]:
    """Another app process, with a controller of its own, that starts a job."""
    command = [sys.executable, "-c", textwrap.dedent(APP), str(runs), name, str(at)]
    paths = os.pathsep.join((str(REPOSITORY), os.environ["PYTHONPATH"]))
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": paths})


def kill(app: subprocess.Popen[str]) -> None:
    app.kill()
    app.wait()
    assert app.stdout is not None
    app.stdout.close()


def test_sigkill_is_noticed_explained_and_resumed(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=10_000))
    job = bench.running(controller, step=25)
    os.kill(job.pid, signal.SIGKILL)
    killed = time.monotonic()
    picture = bench.ended(controller, seconds=5)
    assert time.monotonic() - killed < 5
    assert picture.state == "interrupted"
    assert "killed from outside while it was in the phase “training” (signal 9)" in picture.error.message
    assert "memory" in picture.error.message and "Low memory" in picture.error.hint
    assert picture.resumable
    controller.resume("run1")
    bench.running(controller, step=30)
    assert controller.snapshot().error is None
    controller.stop("run1", keep=False)


def test_a_kill_that_the_system_counted_names_the_memory() -> None:
    state, problem = process.explain_exit(-9, "training", process.Ending(out_of_memory=True, resumable=True))
    assert state == "interrupted"
    assert problem.message == (
        "The system killed the work while it was in the phase “training”: the memory was full (signal 9)."
    )


@pytest.mark.slow
def test_fifty_kills_at_random_moments_lose_no_run(bench: Any) -> None:
    """Kill, resume, kill … and at last every step is there once and the events are whole."""
    controller, chance = bench.controller(), random.Random(7)
    folder = bench.folder(steps=600, pause=0.004)
    controller.submit("train", folder)
    noticed = []
    for kills in range(50):
        time.sleep(chance.uniform(0, 0.5))
        job = controller.snapshot("run1").job
        if not job.is_active:  # it came to its end in spite of us: once more from the start
            assert job.state == "finished"
            controller.delete("run1")
            controller.submit("train", bench.folder(steps=600, pause=0.004))
            continue
        before = resumable_step(folder)
        os.kill(job.pid, signal.SIGKILL)
        killed = time.monotonic()
        picture = bench.ended(controller, seconds=5)
        noticed.append(time.monotonic() - killed)
        if picture.state == "finished":
            continue
        assert (picture.state, "signal 9" in picture.error.message) == ("interrupted", True), f"kill {kills}"
        assert resumable_step(folder) >= before, "a kill takes no checkpoint away"
        if picture.resumable:
            controller.resume("run1")
        else:
            assert before == 0
            controller.delete("run1")
            controller.submit("train", bench.folder(steps=600, pause=0.004))
    assert max(noticed) < 5
    picture = bench.ended(controller, seconds=60)
    assert (picture.state, picture.step) == ("finished", 600)
    steps = picture.history["loss"].steps
    assert list(steps) == sorted(set(steps)) and steps[-1] == 600


def resumable_step(folder: Path) -> int:
    path = folder / "checkpoint"
    return int(path.read_text()) if path.exists() else 0


@pytest.mark.slow
def test_the_worker_outlives_the_app_and_the_next_app_follows_it(bench: Any) -> None:
    bench.folder(steps=700, pause=0.005)
    app = start_app(bench.runs, "run1")
    bench.wait(lambda: (bench.runs / "run1" / "checkpoint").exists())
    kill(app)
    job = read_job(bench.runs / "run1")
    assert process.is_alive(job.pid, job.process), "training survives the app"
    controller = bench.controller()
    assert controller.snapshot().state in ("starting", "running")
    step = bench.running(controller, step=20) and controller.snapshot().step
    bench.running(controller, step=step + 20)
    with pytest.raises(JobError, match="machine is busy"):
        controller.submit("train", bench.folder("run2"))
    picture = bench.ended(controller)
    assert (picture.state, picture.step, picture.error) == ("finished", 700, None)
    assert picture.history["loss"].steps[0] == 1


def test_an_adopted_worker_can_be_stopped_and_its_death_is_told(bench: Any) -> None:
    bench.folder(steps=10_000)
    app = start_app(bench.runs, "run1")
    bench.wait(lambda: (bench.runs / "run1" / "checkpoint").exists())
    kill(app)
    controller = bench.controller()
    controller.stop("run1", keep=True)
    assert bench.ended(controller).state == "stopped"
    controller.resume("run1")
    bench.running(controller, step=40)
    controller.close()
    second = bench.controller()
    job = second.snapshot().job
    os.kill(job.pid, signal.SIGKILL)
    bench.wait(lambda: second.snapshot().state in ENDED, 5)
    assert second.snapshot().state == "interrupted"
    assert second.snapshot().resumable


def test_a_worker_that_died_while_no_app_ran_is_interrupted_at_the_next_start(bench: Any) -> None:
    bench.folder(steps=10_000)
    app = start_app(bench.runs, "run1")
    bench.wait(lambda: (bench.runs / "run1" / "checkpoint").exists())
    kill(app)
    job = read_job(bench.runs / "run1")
    process.end_group(job.pid, job.process)
    picture = bench.ended(bench.controller(), seconds=5)
    assert picture.state == "interrupted"
    assert "when the app was not there to see why" in picture.error.message
    assert picture.resumable


def test_a_worker_that_finished_while_no_app_ran_is_finished(bench: Any) -> None:
    bench.folder(steps=100)
    app = start_app(bench.runs, "run1")
    bench.wait(lambda: (bench.runs / "run1" / "checkpoint").exists())
    kill(app)
    job = read_job(bench.runs / "run1")
    bench.wait(lambda: not process.is_alive(job.pid, job.process))
    picture = bench.ended(bench.controller(), seconds=5)
    assert (picture.state, picture.step, picture.error) == ("finished", 100, None)


@pytest.mark.slow
def test_of_starts_at_the_same_instant_in_three_apps_exactly_one_wins(bench: Any) -> None:
    for name in ("a", "b", "c"):
        bench.folder(name, steps=10_000)
    at = time.time() + 2.5
    apps = [start_app(bench.runs, name, at) for name in ("a", "b", "c")]
    words = [app.stdout.readline().strip() for app in apps if app.stdout]
    for app in apps:
        kill(app)
    bench.controller()
    assert words.count("started") == 1, words
    assert all(word == "started" or word.startswith("The machine is busy") for word in words), words
    assert len(list(bench.runs.glob("*/job.json"))) == 1


def test_two_apps_on_one_home_see_the_same(bench: Any) -> None:
    first = bench.controller()
    first.submit("train", bench.folder(steps=10_000))
    job = bench.running(first, step=5)
    second = bench.controller()
    bench.running(second, step=10)
    first.rename("run1", "Lungs")
    bench.wait(lambda: second.snapshot().job.name == "Lungs", 5)
    os.kill(job.pid, signal.SIGKILL)
    for controller in (first, second):
        picture = bench.ended(controller, seconds=5)
        assert "signal 9" in picture.error.message, "the app that started it knows best why it ended"
    assert read_job(bench.runs / "run1").name == "Lungs"


def test_a_recycled_process_number_is_not_taken_for_the_worker(bench: Any) -> None:
    folder = bench.folder()
    real = process.identity(os.getpid())
    boot, _, ticks = real.rpartition(":")
    other = f"{boot}:{int(ticks) - 1}"
    now = utc_now()
    Job(folder, "train", "run1", "running", now, bench.runs, started=now, pid=os.getpid(), process=other).save()
    assert process.is_alive(os.getpid(), real) and not process.is_alive(os.getpid(), other)
    controller = bench.controller()
    assert bench.ended(controller, seconds=5).state == "interrupted"
    assert not process.end_group(os.getpid(), other), "and nobody is killed in its place"


ORPHANS = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"


@pytest.mark.parametrize("is_ours", [False, True])
def test_only_what_the_dead_worker_left_is_killed_and_no_stranger_of_its_number(bench: Any, is_ours: bool) -> None:
    """A group whose leader has ended, as every daemon's: after a restart of the machine it may have the worker's number."""
    folder = bench.folder()
    marked = {process.MARK: str(folder.resolve())} if is_ours else {}
    leader = subprocess.Popen(
        [sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, start_new_session=True, env=os.environ | marked
    )
    assert leader.stdout is not None
    with leader.stdout:
        left = psutil.Process(int(leader.stdout.readline()))
    leader.wait()
    now = utc_now()
    boot = "00000000-0000-0000-0000-000000000000:1"
    Job(folder, "train", "run1", "running", now, bench.runs, started=now, pid=leader.pid, process=boot).save()
    assert bench.ended(bench.controller(), seconds=5).state == "interrupted"
    lives = left.is_running() and left.status() != psutil.STATUS_ZOMBIE
    if lives:
        left.kill()
    assert lives != is_ours


def test_stop_and_keep_waits_for_a_step_that_takes_longer_than_its_patience(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=50, pause=1.6))
    bench.running(controller, step=3)
    controller.stop("run1", keep=True)
    picture = bench.ended(controller)
    assert (picture.state, picture.error, picture.resumable) == ("stopped", None, True)


def test_an_app_killed_before_it_named_its_worker_leaves_no_worker(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bench.folder()
    Job(folder, "train", "run1", "queued", utc_now(), bench.runs).save()
    monkeypatch.setattr(worker, "ADOPTION_S", 0.2)
    assert worker.main([str(folder), "--entry", "fake_work:train"]) == 3
    assert not (folder / "events.jsonl").exists(), "it did nothing"
    assert bench.ended(bench.controller(), seconds=5).state == "interrupted"


def test_a_disk_that_fills_up_fails_the_job_in_words_and_breaks_nothing(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("fill_the_disk", bench.folder())
    picture = bench.ended(controller)
    assert picture.state == "failed"
    assert picture.error.message.startswith("The disk is full")
    assert "MEDFT_HOME" in picture.error.hint
    assert picture.step > 3
    assert picture.history["loss"].steps == tuple(range(1, picture.step + 1)), "what was written is whole"


def test_a_disk_that_is_full_for_a_while_loses_no_event(bench: Any) -> None:
    controller = bench.controller()
    folder = bench.folder()
    (folder / "recovers").touch()
    controller.submit("fill_the_disk", folder)
    picture = bench.ended(controller)
    assert (picture.state, picture.step) == ("finished", 199)
    assert picture.history["loss"].steps == tuple(range(1, 200))
    for line in (folder / "events.jsonl").read_text().splitlines():
        json.loads(line)


def test_a_full_disk_at_submit_leaves_nothing_half_written(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    controller = bench.controller()
    folder = bench.folder()

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(job_module.os, "fsync", full)
    with pytest.raises(ResourceError, match="disk is full"):
        controller.submit("train", folder)
    monkeypatch.undo()
    assert [path.name for path in folder.iterdir()] == ["options.json"]
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    assert controller.submit("train", folder).state == "starting", "and the device is free again"


@pytest.mark.slow
def test_a_silent_worker_is_told_but_not_killed(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=100_000))
    job = bench.running(controller, step=3)
    os.kill(job.pid, signal.SIGSTOP)
    bench.wait(lambda: controller.snapshot().silent_s >= 2, 8)
    assert controller.snapshot().state == "running"
    os.kill(job.pid, signal.SIGCONT)
    bench.wait(lambda: controller.snapshot().silent_s == 0, 8)
    controller.stop("run1", keep=False)


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
def test_setting_the_clock_alarms_nobody(bench: Any, jump_s: float) -> None:
    """The heartbeat's time of day jumps by a day, back or forth, and is no reason for anything."""
    controller = bench.controller()
    controller.submit("train", bench.folder(steps=100_000))
    bench.running(controller, step=3)
    now = time.time() + jump_s
    os.utime(bench.runs / "run1" / "heartbeat", (now, now))
    for _ in range(30):
        time.sleep(0.02)
        picture = controller.snapshot()
        assert (picture.state, picture.silent_s) == ("running", 0)
    controller.stop("run1", keep=False)


def test_forked_children_end_at_sigterm_as_their_parent_expects(bench: Any, tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import os, signal, sys, time
        from pathlib import Path
        from core.jobs import worker
        progress = worker.FileProgress(Path(sys.argv[1]))
        worker._hear_sigterm(progress)
        child = os.fork()
        if not child:
            time.sleep(60)
        time.sleep(0.2)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -15
        assert progress.stop_requested() is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert progress.stop_requested() == "keep"
    """)
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=REPOSITORY, check=True, timeout=30)


def test_the_app_side_never_loads_torch() -> None:
    code = "import sys, core.jobs.controller, core.jobs.worker; print([n for n in ('torch', 'gradio', 'pynvml') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_torn_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    path.write_bytes(b'{"type":"log","text":"a"}\n{"type":"lo')
    assert [event["text"] for event in reader.read()] == ["a"]
    with path.open("ab") as file:
        file.write(b'g","text":"b"}\n{"type":"me\n[1]\n{"no":"type"}\n{"type":"log","text":"c"}\n')
    assert [event["text"] for event in reader.read()] == ["b", "c"]
    assert (reader.torn, reader.read()) == (3, [])


def test_killed_processes_are_really_gone(bench: Any) -> None:
    """The fixture's own promise: nothing that these tests start stays behind."""
    controller = bench.controller()
    controller.submit("deaf", bench.folder())
    bench.wait(lambda: controller.snapshot().result)
    job = controller.snapshot().job
    bench.close()
    assert not psutil.pid_exists(job.pid) or psutil.Process(job.pid).status() == psutil.STATUS_ZOMBIE


def test_a_disk_that_fills_up_between_start_and_name_leaves_no_worker(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = bench.controller()
    folder = bench.folder(steps=10_000)
    real, started = Job.save, []

    def save(job: Job) -> None:
        if job.state == "starting":
            started.append(job.pid)
            raise OSError(28, "No space left on device")
        real(job)

    monkeypatch.setattr(Job, "save", save)
    with pytest.raises(ResourceError, match="disk is full"):
        controller.submit("train", folder)
    assert controller.snapshot("run1").state == "failed"
    assert not psutil.pid_exists(started[0])
    monkeypatch.setattr(Job, "save", real)
    controller.submit("train", bench.folder("run2", steps=3))
    assert bench.ended(controller, "run2").state == "finished"


def test_a_worker_that_cannot_be_started_is_a_failed_job(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    controller = bench.controller()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(JobError, match="could not be started: No such file"):
        controller.submit("train", bench.folder())
    assert read_job(bench.runs / "run1").state == "failed"


def test_a_job_left_queued_is_given_up_even_while_another_works(bench: Any) -> None:
    controller = bench.controller()
    controller.submit("train", bench.folder("run2", steps=10_000))
    Job(bench.folder("run1"), "train", "run1", "queued", utc_now(), bench.runs).save()
    from core.jobs.follower import Timing

    second = bench.controller(timing=Timing(poll_s=0.02, launch_s=0.3))
    assert bench.ended(second, seconds=5).state == "interrupted"
    assert second.snapshot("run2").is_active
