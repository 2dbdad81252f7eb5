"""Asking the paper exchange for what its stream has not told: streams lose messages without a word (hazard 33)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from app.base.clock import Clock, Timer
from app.domain.order import RESTING, OrderStatus
from app.exchange.paper.core import Core
from app.exchange.paper.desk import Desk, log_failure
from app.exchange.paper.faults import FaultBox
from app.messages.reports import FillReport, OrderReport, VenueReport

FAST_SEC = 2.0
"""While the stream is cut."""
LIVE = frozenset({*RESTING, OrderStatus.PENDING_CANCEL})

State = tuple[OrderStatus, str, str]


class Poller:
    """Tells what has become of the client's live orders where the stream did not.

    It looks every `every_sec` since the connection came, every two seconds while the stream is cut. A look that has
    nothing to find is spared: the venue knows which messages its stream has lost. Looks fail as long as a fault for
    reading open orders is armed, and leave it to the readings that it is meant for.
    """

    def __init__(
        self,
        clock: Clock,
        core: Core,
        desk: Desk,
        faults: FaultBox,
        every_sec: float,
        tell: Callable[[Sequence[VenueReport]], None],
    ) -> None:
        self._clock = clock
        self._core = core
        self._desk = desk
        self._faults = faults
        self._slow_sec = every_sec
        self._tell = tell
        self._live: dict[str, State] = {}
        """Orders that were live when the client was last told of them, by its ids."""
        self._lost: dict[str, None] = {}
        """Orders of which the stream has lost a message, oldest first."""
        self._since = 0.0
        self._every = every_sec
        self._due: Timer | None = None

    def start(self) -> None:
        """A client has connected that knows nothing yet."""
        self.stop()
        self.set_pace(is_cut=False)

    def stop(self) -> None:
        """There is no client any more."""
        self._live.clear()
        self._lost.clear()
        self._put_off()

    def set_pace(self, *, is_cut: bool) -> None:
        self._every = FAST_SEC if is_cut else self._slow_sec
        self._since = self._clock.monotonic()
        self._put_off()
        self._look_in_time()

    def _put_off(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def learn(self, order: OrderReport) -> None:
        """The client has been told of an order."""
        client_id = order.client_order_id
        if client_id is None:
            return
        if order.status in LIVE:
            self._live[client_id] = _state(order)
        else:
            self._live.pop(client_id, None)

    def note_lost(self, report: VenueReport) -> None:
        """The stream could not tell this."""
        if isinstance(report, OrderReport | FillReport) and report.client_order_id is not None:
            self._lost[report.client_order_id] = None
            self._look_in_time()

    def _look_in_time(self) -> None:
        if self._lost and self._due is None:
            passed = (self._clock.monotonic() - self._since) % self._every
            self._due = self._clock.call_later(self._every - passed, self._look)

    def _look(self) -> None:
        self._due = None
        if self._faults.fails("fetch_open_orders"):
            self._look_in_time()
            return
        lost, self._lost = self._lost, {}
        looking = self._desk.post(lambda: self._untold(lost))
        looking.add_done_callback(lambda found: self._looked(lost, found))

    def _untold(self, lost: dict[str, None]) -> list[VenueReport]:
        """As a stream would have told it: an order's fills, then the order, then what is left to spend."""
        reports: list[VenueReport] = []
        for client_id in lost:
            told, number = self._live.get(client_id), self._core.ledger.by_client_id.get(client_id)
            row = None if number is None else self._core.ledger.orders.get(number)
            if told is None or row is None:
                continue
            order = self._core.report.order(row, with_fills=True)
            if _state(order) != told:
                reports += [*order.fills, replace(order, fills=())]
        if any(isinstance(report, FillReport) for report in reports):
            reports += self._core.report.balances(self._clock.now())
        return reports

    def _looked(self, lost: dict[str, None], found: asyncio.Future[list[VenueReport]]) -> None:
        log_failure(found)
        if not found.cancelled() and found.exception() is None:
            self._tell(found.result())
        else:
            self._lost = {**lost, **self._lost}
            self._look_in_time()


def _state(order: OrderReport) -> State:
    return order.status, f"{order.filled:f}", f"{order.quantity:f}"
