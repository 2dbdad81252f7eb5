"""What is counted and timed, and how it is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from app.messages.snapshots import EngineSnapshot
from app.metrics.durations import KEPT, percentile
from app.metrics.metrics import MOST_WORDS, Metrics
from app.ports.meter import Meter, Stage
from app.ports.metrics import Latency, MetricsExport
from tests.support.examples import NOON, account_snapshot, emergency_snapshot, engine_snapshot, event_of, money_snapshot


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def samples(metrics: Metrics, snapshot: EngineSnapshot | None = None, lag_ms: float = 0) -> dict[str, float]:
    """Every sample of the export by its name and label."""
    text = metrics.prometheus(snapshot or engine_snapshot(), lag_ms).decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        " ".join((sample.name, *map(sample.labels.__getitem__, sorted(sample.labels)))): sample.value
        for sample in found
    }


def test_it_is_the_meter_and_the_export(metrics: Metrics) -> None:
    meter: Meter = metrics
    export: MetricsExport = metrics
    meter.observe(Stage.COMMIT, 0.1)
    assert export.figures().latencies["commit"].count == 1


def test_two_of_them_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.on_event(event_of(1))
    assert second.figures().events == {}


def test_before_anything_was_timed_no_percentile_is_told(metrics: Metrics) -> None:
    assert set(metrics.figures().latencies) == {stage.value for stage in Stage}
    assert metrics.figures().latencies["commit"] == Latency(0, None, None)


def test_percentiles_are_exact(metrics: Metrics) -> None:
    for milliseconds in range(100, 0, -1):
        metrics.observe(Stage.COMMIT, milliseconds / 1000)
    assert metrics.figures().latencies["commit"] == Latency(100, 50.0, 99.0)


def test_percentiles_are_of_the_newest_and_the_count_is_of_all(metrics: Metrics) -> None:
    for _ in range(10):
        metrics.observe(Stage.TURN, 100)
    for _ in range(KEPT):
        metrics.observe(Stage.TURN, 0.002)
    assert metrics.figures().latencies["turn"] == Latency(KEPT + 10, 2.0, 2.0)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_value_that_enough_of_them_do_not_exceed(values: list[float], percent: int) -> None:
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_stages_are_exported_as_histograms(metrics: Metrics) -> None:
    metrics.observe(Stage.ORDER_ANSWERED, 0.003)
    found = samples(metrics)
    assert found["ziggurat_stage_seconds_count order_answered"] == 1
    assert found["ziggurat_stage_seconds_bucket 0.0025 order_answered"] == 0
    assert found["ziggurat_stage_seconds_bucket 0.005 order_answered"] == 1


def test_events_are_counted_by_type_and_orders_by_what_became_of_them(metrics: Metrics) -> None:
    for type_ in ("order.placed", "order.filled", "order.placed", "trade.opened"):
        metrics.on_event(event_of(1, type_))
    figures = metrics.figures()
    assert figures.events == {"order.placed": 2, "order.filled": 1, "trade.opened": 1}
    assert figures.orders == {"placed": 2, "filled": 1}
    assert samples(metrics)["ziggurat_events_total order.placed"] == 2


def test_rejections_are_counted_by_reason_signals_apart_from_orders(metrics: Metrics) -> None:
    metrics.on_event(event_of(1, "signal.rejected", reason="paused"))
    metrics.on_event(event_of(2, "signal.rejected"))
    metrics.on_event(event_of(3, "order.rejected", reason="insufficient_funds"))
    found = samples(metrics)
    assert metrics.figures().rejections == {"paused": 1, "other": 1}
    assert found["ziggurat_signal_rejections_total paused"] == 1
    assert found["ziggurat_order_rejections_total insufficient_funds"] == 1


def test_words_without_end_do_not_make_labels_without_end(metrics: Metrics) -> None:
    for number in range(MOST_WORDS + 50):
        metrics.on_event(event_of(number, "signal.rejected", reason=f"reason-{number}"))
    rejections = metrics.figures().rejections
    assert len(rejections) == MOST_WORDS + 1
    assert rejections["other"] == 50


def test_slippage_of_entries_is_kept_apart_from_that_of_exits(metrics: Metrics) -> None:
    for role, percent in (("close", "0.30"), ("close", "-0.10"), ("stop_loss", "0.40"), ("entry", "0.05")):
        metrics.on_event(event_of(1, "order.filled", role=role, slippage_percent=percent))
    metrics.on_event(event_of(2, "order.filled", role="take_profit"))
    metrics.on_event(event_of(3, "order.filled", role="close", slippage_percent="far"))
    exits, entries = metrics.figures().exit_slippage, metrics.figures().entry_slippage
    assert (exits.count, exits.worst_percent) == (3, 0.4)
    assert exits.average_percent == pytest.approx(0.2)
    assert (entries.count, entries.average_percent) == (1, 0.05)
    assert samples(metrics)["ziggurat_slippage_percent_count exits"] == 3


def test_gauges_tell_the_state_at_the_moment_of_asking(metrics: Metrics) -> None:
    snapshot = engine_snapshot(
        open_groups=3,
        queued=2,
        emergency=emergency_snapshot(level="critical"),
        money=money_snapshot(equity=Decimal("123.45"), unrealized=Decimal(-7)),
        accounts=(account_snapshot(stale=True),),
    )
    found = samples(metrics, snapshot, 12.5)
    assert (found["ziggurat_open_groups"], found["ziggurat_queue_length"]) == (3, 2)
    assert (found["ziggurat_equity_quote"], found["ziggurat_unrealized_pnl_quote"]) == (123.45, -7)
    assert (found["ziggurat_emergency_level"], found["ziggurat_account_stale paper"]) == (2, 1)
    assert found["ziggurat_loop_lag_seconds"] == 0.0125


def test_an_open_breaker_and_what_is_used_of_the_limits_are_told_by_account(metrics: Metrics) -> None:
    accounts = (account_snapshot(id="perp", breaker_since=NOON), account_snapshot())
    text = metrics.prometheus(engine_snapshot(accounts=accounts), 0, {"perp": {"weight": 0.25, "orders": 0.5}}).decode()
    assert 'ziggurat_breaker_open{account="perp"} 1.0' in text
    assert 'ziggurat_breaker_open{account="paper"} 0.0' in text
    assert 'ziggurat_api_limit_used{account="perp",limit="weight"} 0.25' in text


def test_an_account_that_is_gone_is_not_told_of_any_more(metrics: Metrics) -> None:
    samples(metrics)
    assert "ziggurat_account_stale paper" not in samples(metrics, engine_snapshot(accounts=()))


def test_an_equity_that_is_not_known_is_no_number(metrics: Metrics) -> None:
    equity = samples(metrics, engine_snapshot(money=money_snapshot(equity=None)))["ziggurat_equity_quote"]
    assert equity != equity  # noqa: PLR0124 - only NaN differs from itself
