"""What was measured, as the API hands it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.messages.snapshots import EngineSnapshot


@dataclass(frozen=True, slots=True)
class Latency:
    """`count` since the start; the percentiles are over the last 4,096 observations, None before the first."""

    count: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Slippage:
    """Of market orders, in percent against the price expected, negative where it was better; `count` since the start,
    the rest over the last 4,096."""

    count: int
    average_percent: float | None
    worst_percent: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Since the start: events by type, orders by what became of them, rejections of signals by reason, latencies by
    stage."""

    events: Mapping[str, int]
    orders: Mapping[str, int]
    rejections: Mapping[str, int]
    latencies: Mapping[str, Latency]
    entry_slippage: Slippage
    exit_slippage: Slippage


class MetricsExport(Protocol):
    def figures(self) -> Figures: ...

    def prometheus(
        self, snapshot: EngineSnapshot, loop_lag_ms: float, limits_used: Mapping[str, Mapping[str, float]] | None = None
    ) -> bytes:
        """All of it in Prometheus's text format, version 0.0.4, with gauges of the state now.

        `limits_used` is what is used of each account's limits, from 0 to 1, by account and kind.
        """
        ...
