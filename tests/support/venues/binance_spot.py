"""Binance spot on loopback, over HTTP and WebSocket."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.exchange.paper.board import PriceBoard
from app.ports.paper_store import PaperOrder
from tests.support.venues import binance_spot_rows
from tests.support.venues.binance_book import AccountEvent, AlgoEvent, BookEvent, OrderEvent
from tests.support.venues.binance_gate import Security
from tests.support.venues.binance_linear import Answer, BinanceLinear, Endpoint, Weight, by_market, table_of
from tests.support.venues.binance_spot_orders import SpotTrading
from tests.support.venues.binance_spot_reads import SpotReading
from tests.support.venues.binance_spot_rows import OrderList
from tests.support.venues.binance_spot_streams import SpotStreams
from tests.support.venues.limits import Limits
from tests.support.venues.refusals import VenueRefusal
from tests.support.venues.server import Asked

_DAY = 86_400.0
_TEN_SEC = 10.0
_OF_WAITING = {"NEW", "CANCELED", "EXPIRED"}


class SpotLimits(Limits):
    """Title: LIMITS. Orders are counted in ten seconds and a day; too many are refused without saying until when."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        super().__init__(seconds)
        self.weight = 6000
        self.orders_in_ten_sec = 100
        self.orders_in_day = 200_000
        self._placed: list[float] = []

    def _count_orders(self, now: float, orders: int) -> None:
        for length, most in ((_TEN_SEC, self.orders_in_ten_sec), (_DAY, self.orders_in_day)):
            if self._placed_within(length) + orders > most:
                told = f"Too many new orders; current limit is {most} orders per {int(length)} SECOND."
                raise VenueRefusal(-1015, told, 429)
        self._placed += [now] * orders

    def _placed_within(self, length: float) -> int:
        now = self._seconds()
        return sum(at > now - length for at in self._placed)

    def headers(self, *, with_orders: bool) -> dict[str, str]:
        told = {"X-MBX-USED-WEIGHT": str(self.used_weight()), "X-MBX-USED-WEIGHT-1M": str(self.used_weight())}
        if with_orders:
            told["X-MBX-ORDER-COUNT-10S"] = str(self._placed_within(_TEN_SEC))
            told["X-MBX-ORDER-COUNT-1D"] = str(self._placed_within(_DAY))
        return told


class BinanceSpot(BinanceLinear):
    """The venue. `streams.refusals` refuse subscriptions."""

    prefix = "/stream"
    """ccxt knows the spot streams by this word in their address."""

    def __init__(
        self,
        board: PriceBoard,
        clock: Clock | None = None,
        *,
        config: AccountConfig | None = None,
        api_key: str = "key",
        secret: str = "secret",
    ) -> None:
        config = config or AccountConfig(id="binance", market_type="spot")
        super().__init__(board, clock, config=config, api_key=api_key, secret=secret)
        self.limits = SpotLimits(lambda: self.clock.now().timestamp())
        self.streams: SpotStreams = SpotStreams(self.clock, self.faults, self._by_name, lambda: self.gate, self._heard)
        self.rights = {"enableSpotAndMarginTrading": True, "enableWithdrawals": False, "ipRestrict": True}
        self.trading = SpotTrading(self.book, self._tell_list)
        reading = SpotReading(self.book, self.trading, self.clock, self.now)
        self._endpoints = _endpoints(self.trading, reading, self._restrictions)
        self._done_lists: set[int] = set()

    # ------------------------------------------------------------------ what is told

    def _heard(self, method: str, params: Mapping[str, str]) -> None:
        told = {key: value for key, value in params.items() if key != "signature"}
        self.requests.append(Asked("WS", method, told))

    def _told(self, event: BookEvent) -> None:
        match event:
            case OrderEvent():
                self._tell_order(event.order, event.what, event)
            case AlgoEvent() if event.status in _OF_WAITING:
                self._tell_order(event.order, event.status, None)
            case AccountEvent():
                self.streams.tell(binance_spot_rows.account_position(self.book, event, self.now()))

    def _tell_order(self, order: PaperOrder, what: str, event: OrderEvent | None) -> None:
        trade = event.trade if event is not None else None
        self.streams.tell(binance_spot_rows.execution_report(self.book, order, what, trade, self.now()))
        pair = self.trading.lists.get(binance_spot_rows.extras_of(self.book, order).list_id)
        is_over = pair is not None and not any(self.ledger.orders[each].is_live for each in pair.numbers)
        if pair is not None and is_over and pair.number not in self._done_lists:
            self._done_lists.add(pair.number)
            self._tell_list(pair)

    def _tell_list(self, pair: OrderList) -> None:
        self.streams.tell(binance_spot_rows.list_status(self.book, pair, self.now()))


def _endpoints(trading: SpotTrading, reading: SpotReading, restrictions: Answer) -> dict[tuple[str, str], Endpoint]:
    """Weights are those of the documents; where they depend on a length, the least."""
    public: list[tuple[str, Answer, Weight]] = [
        ("ping", reading.ping, 1),
        ("time", reading.time, 1),
        ("exchangeInfo", reading.exchange_info, 20),
        ("depth", reading.depth, 5),
        ("ticker/bookTicker", reading.book_ticker, by_market(2, 4)),
        ("ticker/price", reading.price_ticker, by_market(2, 4)),
        ("ticker/24hr", reading.day_ticker, by_market(2, 80)),
        ("klines", reading.klines, 2),
    ]
    signed: list[tuple[str, str, Answer, Weight, int]] = [
        ("POST", "order", trading.new_order, 1, 1),
        ("POST", "order/test", trading.test_order, 1, 0),
        ("DELETE", "order", trading.cancel_order, 1, 0),
        ("GET", "order", reading.order, 4, 0),
        ("GET", "openOrders", reading.open_orders, by_market(6, 80), 0),
        ("DELETE", "openOrders", trading.cancel_open_orders, 1, 0),
        ("GET", "allOrders", reading.all_orders, 20, 0),
        ("GET", "myTrades", reading.user_trades, lambda params: 5 if "orderId" in params else 20, 0),
        ("GET", "account", reading.account, 20, 0),
        ("POST", "orderList/oco", trading.new_oco, 1, 2),
        ("DELETE", "orderList", trading.cancel_list, 1, 0),
        ("GET", "orderList", trading.query_list, 4, 0),
        ("GET", "openOrderList", trading.open_lists, 6, 0),
    ]
    table = table_of("/api/v3", public, signed)
    table["GET", "/sapi/v1/account/apiRestrictions"] = Endpoint(restrictions, 1, Security.SIGNED)
    return table
