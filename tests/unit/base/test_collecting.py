"""Garbage is collected while nobody waits for an answer."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from app.base.collecting import EVERY_SEC, THRESHOLDS, Collector
from tests.support.clock import ManualClock


class Knot:
    """Refers to itself: only a collection ends it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


async def test_what_is_left_over_goes_in_a_calm_moment_and_waits_in_a_busy_one() -> None:
    clock, calm = ManualClock(), [False]
    collector = Collector(clock, lambda: calm[0])
    collector.start()
    knot = weakref.ref(Knot())
    await clock.advance(EVERY_SEC)
    assert knot() is not None
    calm[0] = True
    await clock.advance(EVERY_SEC)
    assert knot() is None
    collector.stop()


def test_the_thresholds_are_its_own_only_while_it_runs() -> None:
    before = gc.get_threshold()
    collector = Collector(ManualClock(), lambda: True)
    collector.start()
    assert gc.get_threshold() == THRESHOLDS
    collector.stop()
    assert gc.get_threshold() == before
