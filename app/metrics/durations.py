"""Durations of the engine's stages: histograms for Prometheus, exact percentiles of the newest for JSON."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

from app.ports.meter import Stage
from app.ports.metrics import Latency

KEPT: Final = 4_096
BUCKETS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400,
)  # fmt: skip
"""Seconds: from a commit on a fast disk to hours in the queue."""


class Durations:
    def __init__(self, registry: CollectorRegistry) -> None:
        histogram = Histogram(
            "ziggurat_stage_seconds", "How long each stage took", ["stage"], buckets=BUCKETS, registry=registry
        )
        self._histograms = {stage: histogram.labels(stage.value) for stage in Stage}
        self._newest: dict[Stage, deque[float]] = {stage: deque(maxlen=KEPT) for stage in Stage}
        self._counts = dict.fromkeys(Stage, 0)

    def note(self, stage: Stage, seconds: float) -> None:
        self._histograms[stage].observe(seconds)
        self._newest[stage].append(seconds)
        self._counts[stage] += 1

    def latency(self, stage: Stage) -> Latency:
        ordered = sorted(self._newest[stage])
        return Latency(self._counts[stage], _milliseconds(ordered, 50), _milliseconds(ordered, 99))


def percentile(ordered: list[float], percent: int) -> float:
    """The nearest rank: the smallest value that at least `percent` of them do not exceed."""
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def _milliseconds(ordered: list[float], percent: int) -> float | None:
    return round(percentile(ordered, percent) * 1000, 3) if ordered else None


def average(values: Collection[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
