"""Aster on loopback, perpetuals and spot, over HTTP and WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.exchange.paper.board import PriceBoard
from tests.support.venues import aster_rows
from tests.support.venues.aster_gate import AsterGate, wallet_of
from tests.support.venues.aster_orders import AsterTrading, SpotTrading
from tests.support.venues.aster_reads import AsterReading, SpotReading
from tests.support.venues.binance_book import AccountEvent, AlgoEvent, BookEvent, ForcedEvent, OrderEvent
from tests.support.venues.binance_gate import Security
from tests.support.venues.binance_linear import (
    Answer,
    BinanceLinear,
    Endpoint,
    Weight,
    by_market,
    listen_keys,
    table_of,
)
from tests.support.venues.binance_rows import account_event, forced_event, stream_event

WALLET = "0x" + "a5" * 20
AGENT_KEY = "0x" + "7e" * 32
"""The private key of the account's agent; worth nothing anywhere."""


class AsterLinear(BinanceLinear):
    """The venue. `gate.builder_asked` must stay empty: `stop` raises AssertionError where it did not.

    `expires_on_trigger`: whether a conditional order is told as EXPIRED when it triggers, before it is told as the
    plain order that it became, as Binance did in its days of plain conditional orders.
    """

    prefix = "/fstream"
    """ccxt knows the swap stream by this word in its address."""
    expires_on_trigger = False

    def __init__(
        self,
        board: PriceBoard,
        clock: Clock | None = None,
        *,
        config: AccountConfig | None = None,
        wallet: str = WALLET,
        agent_key: str = AGENT_KEY,
    ) -> None:
        super().__init__(board, clock, config=config or self._config())
        self.gate: AsterGate = AsterGate(wallet, wallet_of(agent_key), self.now)
        self._set_limits()
        self._endpoints = self._table()

    @staticmethod
    def _config() -> AccountConfig:
        return AccountConfig(id="aster")

    def _set_limits(self) -> None:
        """Title: ENUM definitions, Rate limiters."""
        self.limits.weight, self.limits.orders_in_minute, self.limits.orders_in_ten_sec = 2400, 1200, 1200

    def _table(self) -> dict[tuple[str, str], Endpoint]:
        trading = AsterTrading(self.book)
        reading = AsterReading(self.book, trading, self.clock, self.now)
        table = _linear(trading, reading) | listen_keys("/fapi/v3", self.streams, Security.SIGNED)
        table["GET", "/api/v3/exchangeInfo"] = Endpoint(reading.nothing_listed, 1, Security.NONE)
        return table

    async def stop(self) -> None:
        await super().stop()
        asked = self.gate.builder_asked + [item.path for item in self.requests if "builder" in item.path.lower()]
        if asked:
            raise AssertionError(f"a part of the fees was to go to a builder: {asked}")

    def _told(self, event: BookEvent) -> None:
        now = self.now()
        match event:
            case OrderEvent():
                self.streams.tell(aster_rows.order_event(self.book, event, now))
            case AlgoEvent():
                what = "EXPIRED" if self.expires_on_trigger and event.status == "TRIGGERED" else None
                told = aster_rows.waiting_event(self.book, event, now, what=what)
                if told is not None:
                    self.streams.tell(told)
            case ForcedEvent():
                self.streams.tell(forced_event(self.book, event, now))
            case AccountEvent():
                self.streams.tell(self._account_event(event, now))

    def _account_event(self, event: AccountEvent, now: int) -> Mapping[str, Any]:
        return account_event(self.book, event, now)


class AsterSpot(AsterLinear):
    prefix = ""

    @staticmethod
    def _config() -> AccountConfig:
        return AccountConfig(id="aster", market_type="spot")

    def _set_limits(self) -> None:
        """Title: Enumeration definition, Rate limit type."""
        self.limits.weight, self.limits.orders_in_minute, self.limits.orders_in_ten_sec = 1200, 100, 100

    def _table(self) -> dict[tuple[str, str], Endpoint]:
        trading = SpotTrading(self.book)
        reading = SpotReading(self.book, trading, self.clock, self.now)
        table = _spot(trading, reading) | listen_keys("/api/v3", self.streams, Security.SIGNED)
        table["GET", "/fapi/v3/exchangeInfo"] = Endpoint(reading.nothing_listed, 1, Security.NONE)
        return table

    def _account_event(self, event: AccountEvent, now: int) -> Mapping[str, Any]:
        return aster_rows.spot_balances(self.book, event, now)

    @staticmethod
    def _stream_event(channel: str, name: str, quote: Quote, number: int, now: int) -> Mapping[str, Any] | None:
        told = stream_event(channel, name, quote, number, now)
        return aster_rows.book_ticker_event(told) if told is not None and channel == "bookTicker" else told


def _linear(trading: AsterTrading, reading: AsterReading) -> dict[tuple[str, str], Endpoint]:
    public: list[tuple[str, Answer, Weight]] = [("premiumIndex", reading.premium_index, 1)]
    signed: list[tuple[str, str, Answer, Weight, int]] = [
        ("POST", "batchOrders", trading.batch_orders, 5, 1),
        ("DELETE", "batchOrders", trading.cancel_batch, 1, 0),
        ("GET", "income", reading.income, 30, 0),
        ("GET", "balance", reading.balance, 5, 0),
        ("GET", "positionRisk", reading.positions, 5, 0),
        ("GET", "positionSide/dual", reading.position_mode, 30, 0),
        ("POST", "positionSide/dual", trading.change_position_mode, 1, 0),
        ("POST", "leverage", trading.change_leverage, 1, 0),
        ("POST", "marginType", trading.change_margin_type, 1, 0),
        ("GET", "leverageBracket", reading.leverage_bracket, 1, 0),
    ]
    return _shared("/fapi/v3", trading, reading) | table_of("/fapi/v3", public, signed)


def _spot(trading: SpotTrading, reading: SpotReading) -> dict[tuple[str, str], Endpoint]:
    table = _shared("/api/v3", trading, reading)
    return table | table_of("/api/v3", [], [("GET", "account", reading.account, 5, 0)])


def _shared(base: str, trading: AsterTrading, reading: AsterReading) -> dict[tuple[str, str], Endpoint]:
    """What both markets have. Weights are those of the documents; where they depend on a length, the least."""
    public: list[tuple[str, Answer, Weight]] = [
        ("ping", reading.ping, 1),
        ("time", reading.time, 1),
        ("exchangeInfo", reading.exchange_info, 1),
        ("depth", reading.depth, 2),
        ("klines", reading.klines, 1),
        ("ticker/24hr", reading.day_ticker, by_market(1, 40)),
        ("ticker/price", reading.price_ticker, by_market(1, 2)),
        ("ticker/bookTicker", reading.book_ticker, by_market(1, 2)),
    ]
    signed: list[tuple[str, str, Answer, Weight, int]] = [
        ("POST", "order", trading.new_order, 1, 1),
        ("DELETE", "order", trading.cancel_order, 1, 0),
        ("GET", "order", reading.order, 1, 0),
        ("DELETE", "allOpenOrders", trading.cancel_all, 1, 0),
        ("GET", "openOrder", reading.open_order, 1, 0),
        ("GET", "openOrders", reading.open_orders, by_market(1, 40), 0),
        ("GET", "allOrders", reading.all_orders, 5, 0),
        ("GET", "userTrades", reading.user_trades, 5, 0),
        ("GET", "commissionRate", reading.commission_rate, 20, 0),
    ]
    return table_of(base, public, signed)
