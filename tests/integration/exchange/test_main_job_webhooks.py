"""The main job by the true way in: the application, alerts by HTTP, an account at each venue."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.base.clock import system_clock
from app.base.config.groups import WITHOUT_TESTNET
from app.domain.values import ZERO, Side
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from app.ports.paper_store import PaperOrder
from tests.integration.accounts.conftest import LIMITS, Instance
from tests.integration.exchange.main_job import (
    ENTRY,
    PROFIT,
    STOP,
    STOPPED,
    D,
    role,
)
from tests.support.fakes import until
from tests.support.markets import PLACES, Place
from tests.support.trading import SOL as SYMBOL


class Running(Instance):
    """The application over a data directory, with one account at a fake of any venue."""

    def __init__(self, data_dir: Path, place: Place, fake: Any) -> None:
        super().__init__(data_dir, fake)
        self.place = place

    @property
    def account(self) -> dict[str, Any]:
        """Aster has no test network: there the account is a live one."""
        venue = self.place.name
        settings = {"id": "perp", "venue": venue, "market_type": "linear", "environment": "testnet"}
        is_live = venue in WITHOUT_TESTNET
        return {**settings, "environment": "live", "allowed_symbols": [SYMBOL]} if is_live else settings

    async def opened(self) -> None:
        self.write(risk=LIMITS, protection={"on_suspend": "keep"}, **WITH_STOP)
        await self.start()
        await self.application.accounts.add(self.account, dict(self.place.keys))
        await until(lambda: self.state("perp").ready)
        if self.account["environment"] == "live":
            await self.application.accounts.arm("perp", "perp", "")

    async def alert(self, action: str, intent: str, size: str) -> Any:
        """An alert by HTTP, as TradingView posts it; what was answered."""
        market = {"exchange": "BINANCE", "symbol": "SOLUSDT.P", "timeframe": "60", "close_price": "200"}
        body = {
            "secret": self.secret,
            "timestamp": system_clock().now().isoformat(),
            "tv": {**market, "action": action, "order_size": size},
            "execution_intent": {"type": intent, "position_size_type": "quote"},
            "account": "perp",
        }
        return (await self.client.post(f"{self.api}/webhook/tradingview", json=body)).json()

    def live(self) -> list[PaperOrder]:
        return [order for order in self.fake.book.ledger.orders.values() if order.is_live]

    def held(self) -> Decimal:
        position = self.fake.book.ledger.positions.get((SYMBOL, Side.LONG))
        return ZERO if position is None else position.quantity


WITH_STOP = {"grid": {"default": STOPPED["grid"]["default"]}}
BY_WEBHOOK = tuple(place for place in PLACES if place.name in {"binance", "bybit", "aster"})


@pytest.fixture(params=BY_WEBHOOK, ids=lambda place: place.name)
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    place: Place = request.param
    board = PriceBoard(system_clock(), RuleBook({SYMBOL: place.rules("SOL")}))
    board.open(SYMBOL, D(200))
    fake = place.fake(board, system_clock())
    await fake.start()
    made = Running(tmp_path, place, fake)
    await made.opened()
    yield made
    await made.stop()
    await made.client.aclose()
    await fake.stop()


async def test_webhooks_open_and_end_a_protected_position(running: Running) -> None:
    answer = await running.alert("buy", "signal", "400")
    assert answer["status"] == "accepted", answer
    await until(lambda: len(running.live()) == 6)
    roles = Counter(role(order) for order in running.live())
    assert (roles, running.held()) == ({ENTRY: 4, PROFIT: 1, STOP: 1}, D("0.4"))

    await running.stop()
    running.fake.set_price(SYMBOL, D("197.9"))
    await running.start()
    await until(lambda: Counter(role(order) for order in running.live()) == {ENTRY: 3, PROFIT: 2, STOP: 1})
    (group,) = running.application.engine.open_groups()
    assert group.open_quantity == running.held() == D("0.804")

    answer = await running.alert("sell", "exit", "0")
    assert answer["status"] == "accepted", answer
    await until(lambda: not running.application.engine.open_groups())
    assert (running.live(), running.held()) == ([], ZERO)
