"""Asking for what streams may not have told: they fall silent without a word (hazard 33)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from app.base.clock import Clock
from app.base.errors import AppError
from app.domain.order import OrderStatus
from app.exchange.ccxt.errors import said
from app.exchange.ccxt.known import LIVE, Known, remember
from app.exchange.ccxt.reads import FEW_MARKETS, Reader
from app.messages.reports import Found, NotFound, OrderReport, VenueReport
from app.ports.venue import OrderRef

FAST_SEC = 2.0
"""While no stream tells of our orders."""
SLOW_SEC = 30.0
"""While one does, at the latest."""
BALANCE_AFTER_SEC = 0.5
log = logging.getLogger(__name__)

State = tuple[OrderStatus, str]


class Poller:
    """Looks after the live orders of one account: fast while the stream is away, slowly while it is there.

    A change that the stream, though up, has not told by the next look means that it has fallen silent. `scan_sec` is
    the pace beside a stream where the orders lie in few markets.
    """

    def __init__(
        self,
        clock: Clock,
        reader: Reader,
        known: Known,
        tell: Callable[[VenueReport], None],
        is_streaming: Callable[[], bool],
        on_silence: Callable[[], None],
        scan_sec: float = SLOW_SEC,
    ) -> None:
        self._clock = clock
        self._reader = reader
        self._known = known
        self._tell = tell
        self._is_streaming = is_streaming
        self._on_silence = on_silence
        self._scan_sec = scan_sec
        self._untold: dict[str, State] = {}
        self._streamed: dict[str, OrderReport] = {}
        """The latest that the stream has told, by client id."""
        self._missed: set[str] = set()
        self._has_changed = False
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._balance_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.stop()
        self._task = asyncio.get_running_loop().create_task(self._keep_looking())

    def stop(self) -> None:
        for task in (self._task, self._balance_task):
            if task is not None:
                task.cancel()
        self._task = self._balance_task = None
        self._untold.clear()
        self._streamed.clear()
        self._missed.clear()

    def hurry(self) -> None:
        """The stream has come or gone: look now, then at the pace that this asks for."""
        self._has_changed = True
        self._woken.set()

    def streamed(self, report: OrderReport) -> None:
        """The stream has told of an order."""
        if report.client_order_id is not None:
            self._untold.pop(report.client_order_id, None)
            remember(self._streamed, report.client_order_id, report)

    def fill_was_told(self) -> None:
        """What is free is another sum now; it is read a little later, for fills come in swarms."""
        if self._balance_task is None or self._balance_task.done():
            self._balance_task = asyncio.get_running_loop().create_task(self._read_balances())

    async def _read_balances(self) -> None:
        await self._clock.sleep(BALANCE_AFTER_SEC)
        try:
            for report in await self._reader.balances():
                self._tell(report)
        except AppError as error:
            log.info("balances could not be read: %s", error)

    async def _keep_looking(self) -> None:
        while True:
            await self._pause()
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever one answer makes go wrong, the next may be well
                log.info("open orders could not be read: %s", said(error))
                self._has_changed = True

    async def _pause(self) -> None:
        is_slow = self._is_streaming() and not self._has_changed
        timer = self._clock.call_later(self._slow_sec() if is_slow else FAST_SEC, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()
        self._woken.clear()

    def _slow_sec(self) -> float:
        markets = {report.symbol for report in self._known.live.values()}
        is_light = len(markets) <= FEW_MARKETS
        return min(max(self._scan_sec, FAST_SEC), SLOW_SEC) if is_light else SLOW_SEC

    async def look(self) -> None:
        """Compare our live orders with the venue's, and tell what has changed."""
        self._judge_stream()
        has_changed, self._has_changed = self._has_changed, False
        is_answerable = self._is_streaming() and not has_changed
        before = dict(self._known.live)
        if not before:
            return
        listed = await self._reader.open_orders_of(sorted({report.symbol for report in before.values()}))
        now = {report.client_order_id: report for report in listed}
        for client_id, report in before.items():
            if _state(now.get(client_id)) == _state(report):
                self._missed.discard(client_id)
            else:
                await self._look_closely(client_id, report, is_answerable)

    async def _look_closely(self, client_id: str, before: OrderReport, is_answerable: bool) -> None:
        """`is_answerable` where the stream was there all the while, and should have told by itself."""
        found = await self._reader.look_up(OrderRef(client_id, before.venue_order_id, before.symbol, before.type))
        if isinstance(found, NotFound):
            self._miss(client_id)
            return
        self._missed.discard(client_id)
        if not isinstance(found, Found) or _state(found.order) == _state(before):
            return
        self.tell(found.order)
        if is_answerable and not _is_in(found.order, self._streamed.get(client_id)):
            self._untold[client_id] = (found.order.status, f"{found.order.filled:f}")

    def _miss(self, client_id: str) -> None:
        """Twice in a row is enough of asking: reconciliation asks by itself before it believes it (hazard 3)."""
        if client_id in self._missed:
            self._missed.discard(client_id)
            self._known.live.pop(client_id, None)
        else:
            self._missed.add(client_id)

    def tell(self, order: OrderReport) -> None:
        """Tell an order that was read, its fills first, as a stream would have."""
        for fill in order.fills:
            self._tell(fill)
        self._tell(replace(order, fills=()))
        if order.fills:
            self.fill_was_told()

    def _judge_stream(self) -> None:
        """What the last look found, the stream has had all the time since to tell."""
        if self._untold and self._is_streaming():
            self._on_silence()
        self._untold.clear()


def _is_in(found: OrderReport, told: OrderReport | None) -> bool:
    """Whether what was `told` of an order says all that was found, or more."""
    if told is None or told.filled < found.filled:
        return False
    return told.status not in LIVE or found.status in LIVE


def _state(report: OrderReport | None) -> State | None:
    return None if report is None else (report.status, f"{report.filled:f}")
