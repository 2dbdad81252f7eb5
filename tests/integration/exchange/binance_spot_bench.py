"""One account at the Binance spot fake, for tests of the adapter's hard paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from app.base.config.groups import AccountConfig
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT
from app.exchange.ccxt.wire import Access
from app.messages.reports import (
    ConnectionReport,
    FillReport,
    OrderReport,
)
from app.ports.venue import OrderRequest
from tests.integration.exchange.joined import WireHarness, board_with
from tests.integration.exchange.venue_contract import request
from tests.support.venues import BinanceSpot

D = Decimal
SPOT = "SOL/USDT"
FEES = {"maker": D("0.001"), "taker": D("0.001")}


def order(number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
    return request(number, side, **{"symbol": SPOT, **changes})


def market(number: int, side: OrderSide = OrderSide.BUY, **changes: Any) -> OrderRequest:
    return order(number, side, type=OrderType.MARKET, price=None, **changes)


def stop(number: int, trigger: str = "190.00") -> OrderRequest:
    return order(number, OrderSide.SELL, type=OrderType.STOP_MARKET, price=None, trigger_price=D(trigger))


PAIR = (order(1, OrderSide.SELL, price=D("210.00")), stop(2))


class Bench(WireHarness):
    """The harness with the fake by its own type, and shorter words for what was told."""

    def __init__(self, fake: BinanceSpot, access: Access) -> None:
        super().__init__(fake, fake.board, BINANCE_SPOT, access, SPOT)
        self.fake: BinanceSpot = fake

    def told(self, asked: OrderRequest) -> list[OrderStatus]:
        reports = [report for report in self.seen if isinstance(report, OrderReport)]
        return [report.status for report in reports if report.client_order_id == asked.client_order_id]

    def fills(self) -> list[FillReport]:
        return [report for report in self.seen if isinstance(report, FillReport)]

    @property
    def connections(self) -> list[bool]:
        return [report.connected for report in self.seen if isinstance(report, ConnectionReport)]


def a_fake(coins: str = "10") -> BinanceSpot:
    balances = {"USDT": D(10_000), "SOL": D(coins)}
    config = AccountConfig.model_validate({"id": "spot", "market_type": "spot", "balances": balances, "fees": FEES})
    return BinanceSpot(board_with(SPOT), config=config)


@asynccontextmanager
async def spot_bench() -> AsyncIterator[Bench]:
    """Connected, with the market loaded; everything is closed afterwards."""
    fake = a_fake()
    made = Bench(fake, Access(api_key="key", secret="secret", base_url=await fake.start()))
    try:
        await made.venue.connect(made.deliver)
        await made.venue.load_market(SPOT, None)
        yield made
    finally:
        await made.venue.close()
        await fake.stop()
