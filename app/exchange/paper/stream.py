"""The paper exchange's streams to its client, with what faults make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from app.base.clock import Clock, Timer
from app.domain.market import Quote
from app.exchange.paper.faults import EVENT_KINDS, STREAM, FaultBox
from app.exchange.paper.poller import Poller
from app.messages.reports import (
    ConnectionReport,
    FillReport,
    FundingReport,
    OrderReport,
    PriceReport,
    VenueReport,
)
from app.ports.faults import Fault, FaultKind

RECONNECT_SEC = 1.0
_CUT = frozenset({FaultKind.DISCONNECT})
_ON_EVENTS = EVENT_KINDS | {FaultKind.SLOW}
_EVENTS = (OrderReport, FillReport, FundingReport)


class Stream:
    """Carries reports to the client that connected last; to nobody while it is cut. The poller learns which.

    Order, fill and funding reports are the events that faults duplicate, reorder, drop or delay.
    """

    def __init__(
        self, account: str, clock: Clock, faults: FaultBox, quotes: Mapping[str, Quote], poller: Poller
    ) -> None:
        faults.on_armed = self._cut_on_command
        self._account = account
        self._clock = clock
        self._faults = faults
        self._quotes = quotes
        self._deliver: Callable[[VenueReport], None] | None = None
        self._watched: frozenset[str] = frozenset()
        self._is_cut = False
        self._since: datetime | None = None
        self._reconnect: Timer | None = None
        self._held: VenueReport | None = None
        self._poller = poller

    @property
    def connected_since(self) -> datetime | None:
        return None if self._is_cut else self._since

    def connect(self, deliver: Callable[[VenueReport], None]) -> None:
        """Carry to `deliver` from now on; whoever was connected before gets nothing any more."""
        self.drop()
        self._deliver = deliver
        self._since = self._clock.now()
        self._poller.start()

    def drop(self) -> None:
        """The client is gone."""
        if self._reconnect is not None:
            self._reconnect.cancel()
        self._deliver = self._since = self._reconnect = self._held = None
        self._is_cut = False
        self._watched = frozenset()
        self._poller.stop()

    def watch(self, symbols: frozenset[str]) -> None:
        """Carry the prices of these markets from now on."""
        self._watched = symbols

    def send_price(self, symbol: str, quote: Quote) -> None:
        if symbol in self._watched:
            self.send([PriceReport(self._account, symbol, quote)])

    def send(self, reports: Sequence[VenueReport]) -> None:
        for report in reports:
            if isinstance(report, PriceReport) and report.symbol not in self._watched:
                continue
            if self._faults.is_empty:
                self._pass_on(report)
            else:
                self._send_through_faults(report)

    def tell(self, reports: Sequence[VenueReport]) -> None:
        """What the client has asked for reaches it while the stream is cut too."""
        if self._deliver is None:
            return
        for report in reports:
            self._deliver(report)
            if isinstance(report, OrderReport):
                self._poller.learn(report)

    def _pass_on(self, report: VenueReport) -> None:
        if self._is_cut:
            self._poller.note_lost(report)
            return
        held, self._held = self._held, None
        self.tell([report] if held is None else [report, held])

    def _send_through_faults(self, report: VenueReport) -> None:
        if self._deliver is None or self._is_cut:
            self._pass_on(report)
            return
        symbol, order_id = getattr(report, "symbol", None), getattr(report, "client_order_id", None)
        cut = self._faults.take(STREAM, symbol, order_id, _CUT)
        if cut is not None:
            self.cut(cut.seconds)
            self._pass_on(report)
            return
        event = self._faults.take(STREAM, symbol, order_id, _ON_EVENTS) if isinstance(report, _EVENTS) else None
        if event is None:
            self._pass_on(report)
        else:
            self._disturb(event, report)

    def _disturb(self, fault: Fault, report: VenueReport) -> None:
        match fault.kind:
            case FaultKind.DUPLICATE_EVENTS:
                self._pass_on(report)
                self._pass_on(report)
            case FaultKind.REORDER_EVENTS:
                self._hold(report)
            case FaultKind.SLOW:
                self._poller.note_lost(report)
                self._clock.call_later(fault.seconds or RECONNECT_SEC, lambda: self._pass_on(report))
            case _:
                self._poller.note_lost(report)

    def _hold(self, report: VenueReport) -> None:
        """Let the next event go first; if none comes, this one comes late."""
        if self._held is not None:
            self._pass_on(report)
            return
        self._held = report
        self._clock.call_later(RECONNECT_SEC, self._release)

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._pass_on(held)

    # ------------------------------------------------------------------ cuts

    def _cut_on_command(self) -> None:
        """A disconnect happens when it is told to, not with the next message, unless it is meant for certain ones."""
        if self.connected_since is not None and (cut := self._faults.take(STREAM, kinds=_CUT)) is not None:
            self.cut(cut.seconds)

    def cut(self, seconds: float | None = None) -> None:
        """Cut the connection; events are lost until it is back, after a second unless said otherwise."""
        if self._deliver is None or self._is_cut:
            return
        self._is_cut = True
        if self._held is not None:
            self._poller.note_lost(self._held)
            self._held = None
        self._poller.set_pace(is_cut=True)
        self._deliver(ConnectionReport(self._account, False, self._clock.now(), "the stream was cut"))
        self._reconnect = self._clock.call_later(seconds or RECONNECT_SEC, self._come_back)

    def _come_back(self) -> None:
        self._reconnect = None
        if self._deliver is not None and self._is_cut:
            self._is_cut = False
            self._since = self._clock.now()
            self._poller.set_pace(is_cut=False)
            self._deliver(ConnectionReport(self._account, True, self._clock.now()))
            for symbol in sorted(self._watched & self._quotes.keys()):
                self.send_price(symbol, self._quotes[symbol])
