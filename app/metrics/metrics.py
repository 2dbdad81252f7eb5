"""What the engine tells of its work, counted and timed."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from app.domain.values import OrderRole
from app.messages.records import EventRecord, Json
from app.messages.snapshots import EngineSnapshot
from app.metrics.durations import KEPT, Durations, average
from app.metrics.gauges import Gauges
from app.ports.meter import Stage
from app.ports.metrics import Figures, Slippage

MOST_WORDS: Final = 100
OTHER: Final = "other"
ENTRIES: Final = "entries"
EXITS: Final = "exits"
SLIPPAGE_BUCKETS: Final = (-1, -0.5, -0.1, -0.05, 0, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Tally:
    """Counts by a word; words beyond the first hundred are counted as `other`, so that no label grows without end."""

    def __init__(self, name: str, sentence: str, label: str, registry: CollectorRegistry) -> None:
        self.counts: Counter[str] = Counter()
        self._exported = prometheus_client.Counter(f"ziggurat_{name}", sentence, [label], registry=registry)

    def add(self, word: str) -> None:
        known = word if word in self.counts or len(self.counts) < MOST_WORDS else OTHER
        self.counts[known] += 1
        self._exported.labels(known).inc()


class Slips:
    """How much worse than expected market orders filled, in percent; negative was better."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exported = Histogram(
            "ziggurat_slippage_percent",
            "How much worse than expected market orders filled",
            ["orders"],
            buckets=SLIPPAGE_BUCKETS,
            registry=registry,
        )
        self._newest: dict[str, deque[float]] = {name: deque(maxlen=KEPT) for name in (ENTRIES, EXITS)}
        self._counts: Counter[str] = Counter()

    def note(self, event: EventRecord) -> None:
        percent = _number(event.data.get("slippage_percent"))
        if percent is None:
            return
        name = ENTRIES if event.data.get("role") == OrderRole.ENTRY else EXITS
        self._exported.labels(name).observe(percent)
        self._newest[name].append(percent)
        self._counts[name] += 1

    def of(self, name: str) -> Slippage:
        newest = self._newest[name]
        return Slippage(self._counts[name], average(newest), max(newest, default=None))


def _number(told: Json) -> float | None:
    try:
        return float(told) if isinstance(told, str | int) else None
    except ValueError:
        return None


class Metrics:
    """`app.ports.meter.Meter` and `app.ports.metrics.MetricsExport`; `on_event` listens to the engine's events."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._durations = Durations(self._registry)
        self._gauges = Gauges(self._registry)
        self._events = Tally("events", "Events by type", "type", self._registry)
        self._orders = Tally("orders", "Orders by what became of them", "status", self._registry)
        self._rejections = Tally("signal_rejections", "Rejected signals by reason", "reason", self._registry)
        self._order_rejections = Tally("order_rejections", "Rejected orders by reason", "reason", self._registry)
        self._slippage = Slips(self._registry)

    def observe(self, stage: Stage, seconds: float) -> None:
        self._durations.note(stage, seconds)

    def on_event(self, event: EventRecord) -> None:
        self._events.add(event.type)
        family, _, what = event.type.partition(".")
        reason = str(event.data.get("reason") or OTHER)
        if family == "order":
            self._orders.add(what)
            self._slippage.note(event)
        if event.type == "order.rejected":
            self._order_rejections.add(reason)
        elif event.type == "signal.rejected":
            self._rejections.add(reason)

    def figures(self) -> Figures:
        return Figures(
            events=dict(self._events.counts),
            orders=dict(self._orders.counts),
            rejections=dict(self._rejections.counts),
            latencies={stage.value: self._durations.latency(stage) for stage in Stage},
            entry_slippage=self._slippage.of(ENTRIES),
            exit_slippage=self._slippage.of(EXITS),
        )

    def prometheus(
        self, snapshot: EngineSnapshot, loop_lag_ms: float, limits_used: Mapping[str, Mapping[str, float]] | None = None
    ) -> bytes:
        self._gauges.read(snapshot, loop_lag_ms, limits_used or {})
        return generate_latest(self._registry)
