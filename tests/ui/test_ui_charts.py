from __future__ import annotations

import json
import math

import pytest

from core.jobs.series import Series as History
from core.jobs.snapshot import Snapshot
from medft_ui.charts import Chart, Series, plotly_script, smooth
from medft_ui.run_charts import View, charts, has_gpu
from tests.ui.fake_studio import history, job, snapshot


def test_smoothing_starts_at_the_first_value_and_keeps_gaps() -> None:
    assert smooth([2.0, None, math.nan, 2.0], 0.9) == [pytest.approx(2.0), None, None, pytest.approx(2.0)]
    # by hand: 0.5 and 1 with weight 0.5 → (0.5·0.5·1 + 0.5·3) / 0.75
    assert smooth([1.0, 3.0], 0.5)[1] == pytest.approx((0.25 * 1 + 0.5 * 3) / 0.75)
    assert smooth([1.0, 3.0], 0) == [1.0, 3.0]


def test_what_is_not_finite_becomes_a_gap_in_the_payload() -> None:
    chart = Chart("t", "s", "k", "x", "y", (Series("a", "--c", (1, 2, 3), (1.0, math.nan, math.inf)),))
    assert json.loads(json.dumps(chart.to_json(), allow_nan=False))["series"][0]["y"] == [1.0, None, None]


def test_all_charts_share_one_axis_and_speak() -> None:
    drawn = charts(snapshot("running", 124), View(), forecast_gib=1.8)
    assert {chart.x_range for chart in drawn} == {(-2.0, 202.0)}
    assert len({chart.keep for chart in drawn}) == 1
    loss, memory, speed, rate, norm, busy, power = drawn
    assert [series.name for series in loss.series] == ["train, each step", "train", "eval (held out)"]
    assert "over 124 steps" in loss.summary and "is 1.507 at step 100, the lowest so far" in loss.summary
    assert "The forecast was 1.8 GiB (6 % off)" in memory.summary
    assert memory.series[1].y == [1.8, 1.8] and memory.from_zero
    assert speed.summary and "at most 9.5e-4" in rate.summary
    assert [chart.series for chart in (norm, busy, power)] == [(), (), ()], "nothing was measured of these"


def curves_of_a_gpu(steps: int) -> dict[str, History]:
    """What an NVIDIA GPU and a run on it tell, beside the usual."""
    values = {"grad_norm": 0.6, "gpu_used_gib": 16.0, "gpu_reserved_gib": 15.5, "gpu_utilisation_percent": 96.0,
              "gpu_power_w": 310.0, "gpu_temperature_c": 64.0, "mfu": 0.53}  # fmt: skip
    at = tuple(range(1, steps + 1))
    return history(steps) | {
        name: History(at, tuple(map(float, at)), (value,) * steps) for name, value in values.items()
    }


def test_a_gpu_is_drawn_with_what_it_tells_on_the_same_axis() -> None:
    forecast = {"forecast_gib": 17.0, "measured_gib": 17.2, "error_percent": -1.2, "measured": "tensors on the GPU"}
    picture = snapshot("running", 124, history=curves_of_a_gpu(124), result={"forecast": forecast})
    drawn = charts(picture, View(axis="minutes"), forecast_gib=17.6)
    assert has_gpu(picture.history) and not has_gpu(history(10))
    _, memory, _, _, norm, busy, power = drawn
    assert [series.name for series in memory.series] == ["measured", "reserved by PyTorch", "forecast"]
    assert "PyTorch has reserved 15.5 GiB" in memory.summary
    told = "Forecast 17.0 GiB, measured peak 17.2 GiB: 1 % too low (counted in both: tensors on the GPU)."
    assert told in memory.summary and "17.6 GiB" not in memory.summary, "the forecast is compared once"
    assert norm.summary == "0.6 now, 0.6 on average, at most 0.6."
    assert [series.y[-1] for series in busy.series] == [96.0, 64.0, 53.0]
    assert "Busy 96 % on average, at most 64 °C." in busy.summary and "53 %" in busy.summary
    assert "310 W now" in power.summary
    assert {series.x[-1] for chart in (memory, norm, busy, power) for series in chart.series[:1]} == {124 / 60}
    unknown = snapshot("running", 124, history={**curves_of_a_gpu(124), "mfu": History()})
    assert "known GPUs only" in charts(unknown, View(), None)[5].summary


def test_what_has_ended_tells_of_no_now() -> None:
    _, memory, speed, rate, norm, _, power = charts(
        snapshot("finished", 200, history=curves_of_a_gpu(200)), View(), None
    )
    assert memory.summary.startswith("At most 16.0 GiB.")
    for chart in (speed, rate, norm, power):
        assert " at the end, " in chart.summary and " now" not in chart.summary


def test_the_minutes_axis_uses_seconds_of_work_and_is_not_fixed_while_it_grows() -> None:
    running = charts(snapshot("running", 60), View(axis="minutes"), None)[0]
    assert running.series[0].x[-1] == pytest.approx(60 * 1.7 / 60) and running.x_range is None
    ended = charts(snapshot("finished", 200), View(axis="minutes", smoothing=0), None)[0]
    assert ended.x_range == pytest.approx((-0.01 * 340 / 60, 1.01 * 340 / 60))
    assert [series.name for series in ended.series] == ["train", "eval (held out)"]


def test_a_change_of_run_or_axis_forgets_the_zoom() -> None:
    first = charts(snapshot("running"), View(), None)[0].keep
    assert first == charts(snapshot("running", 130), View(), None)[0].keep
    assert first != charts(snapshot("running"), View(axis="minutes"), None)[0].keep
    assert first != charts(snapshot("running", job=job(id="another")), View(), None)[0].keep


def test_nothing_yet_is_said_and_drawn_as_nothing() -> None:
    for chart in charts(Snapshot(1, job("starting"), "starting"), View(), 1.8):
        assert chart.series == () and chart.summary.startswith("No numbers yet")


def test_the_first_step_is_no_way_yet_and_the_last_evaluation_may_be_the_best() -> None:
    first = {"loss": History((1,), (1.0,), (3.72,)), "eval_loss": History((1,), (1.0,), (3.5,))}
    summary = charts(snapshot("running", 1, history=first), View(), None)[0].summary
    assert summary == "Train loss is 3.720 at step 1. Eval loss is 3.500 at step 1, the lowest so far."
    worse = first | {"eval_loss": History((1, 2), (1.0, 2.0), (3.5, 3.6))}
    assert "the lowest was 3.500 at step 1" in charts(snapshot("running", 2, history=worse), View(), None)[0].summary


def test_the_gpu_memory_is_shown_where_there_is_one() -> None:
    curves = history(50) | {"gpu_used_gib": history(50)["process_gib"]}
    assert charts(snapshot(history=curves), View(), None)[1].title == "GPU memory"


def test_plotly_is_where_its_package_lies() -> None:
    assert plotly_script().stat().st_size > 1_000_000
