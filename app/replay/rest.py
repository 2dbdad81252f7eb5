"""When the replayed world is at rest: nothing moved it for so long that nothing may be under way any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from app.domain.market import Quote
from app.exchange.paper.faults import Armed
from app.replay.model import Step
from app.replay.world import World

LONG_ENOUGH = timedelta(seconds=420)
"""Longer than the engine waits between two tries of anything."""

BY_HAND = frozenset({"place_order", "close_position", "liquidate", "adl"})
"""What changes positions at a venue without us."""


class Rest:
    """`since` is when the world moved last: by a step, a price, a fill, a fault that was shown, or a crash."""

    def __init__(self, since: datetime) -> None:
        self.since = since
        self.touched = False
        """Whether somebody traded at a venue behind the engine's back."""
        self._last: tuple[Any, ...] = ()
        self._shallow: set[str] = set()
        """Markets of which only so much is sold at once: what is under way there may last."""

    def look(self, world: World, step: Step | None, armed: Sequence[Armed]) -> None:
        """After each `step`; None where it was a point of a path of prices."""
        fills = sum(len(venue.ledger.fills) for venue in world.venues.values())
        signs = (world.engine, fills, *(each.left for each in armed), *map(_prices, world.board.quotes.values()))
        if signs != self._last or not _is_quiet(step):
            self._last, self.since = signs, world.clock.now()
        if step is not None:
            self._note(step)

    def is_reached(self, now: datetime) -> bool:
        return not self._shallow and now >= self.since + LONG_ENOUGH

    def _note(self, step: Step) -> None:
        if step.venue is not None and step.venue.kind in BY_HAND:
            self.touched = True
        if step.book is not None and step.book.fill_size is None:
            self._shallow.discard(step.book.market)
        elif step.book is not None:
            self._shallow.add(step.book.market)


def _is_quiet(step: Step | None) -> bool:
    """Whether it leaves the world as it is, but for what `look` sees."""
    if step is None or step.price is not None or step.check is not None:
        return True
    return step.command is not None and step.command.reconcile is not None


def _prices(quote: Quote) -> tuple[Any, ...]:
    return quote.bid, quote.ask, quote.last, quote.mark
