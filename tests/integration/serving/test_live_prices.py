"""A running instance whose paper prices are those of the exchange that the signal names."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.base.clock import system_clock
from app.base.errors import OperatorActionNeeded
from app.bootstrap.application import Application
from app.bootstrap.settings import read_settings
from app.exchange.ccxt import public_prices
from app.exchange.ccxt.wire import Access
from app.exchange.paper import live
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from tests.support.fakes import until
from tests.support.venues import BinanceLinear

SYMBOL = "SOL/USDT:USDT"
VAULT = {"ZIGGURAT_VAULT": "file", "ZIGGURAT_VAULT_PASSPHRASE": "a passphrase for tests"}


class Instance:
    """One process's worth of application over a data directory, with `auto` prices from the fake."""

    def __init__(self, application: Application, api_port: int, secret: str) -> None:
        self.application = application
        self._url = f"http://127.0.0.1:{api_port}/webhook/tradingview"
        self._secret = secret

    @classmethod
    async def start(cls, data_dir: Path, feed_url: str) -> Instance:
        (data_dir / "config.json").write_text(json.dumps({"risk": {"cooldown_sec": 0, "max_slippage_percent": 100}}))
        environ = {**VAULT, "ZIGGURAT_FEED_URL": feed_url}
        settings = read_settings(data_dir=data_dir, api_port=0, webhook_port=0, log_level="warning", environ=environ)
        application = await Application.open(settings)
        api_port, _ = await application.start()
        return cls(application, api_port, await application.administration.show_secret(None, path_token=False))

    async def buy(self, close_price: str) -> None:
        body: dict[str, Any] = {
            "secret": self._secret,
            "timestamp": system_clock().now().isoformat(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": "SOLUSDT.P",
                "timeframe": "60",
                "action": "buy",
                "close_price": close_price,
                "order_size": "400",
            },
            "execution_intent": {"type": "signal", "position_size_type": "quote"},
        }
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(self._url, json=body)
        assert answer.status_code == 202, answer.text

    @property
    def price(self) -> Decimal:
        return self.application.board.quotes[SYMBOL].last

    def knows(self, symbol: str) -> bool:
        return symbol in self.application.board.quotes


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BinanceLinear]:
    """An exchange that is never given up because this machine is slow."""
    import_module("ccxt.pro")
    monkeypatch.setattr(live, "PATIENCE_SEC", 60.0)
    monkeypatch.setattr(public_prices, "Access", partial(Access, timeout_sec=60.0))
    board = PriceBoard(system_clock(), RuleBook())
    board.open(SYMBOL, Decimal(200))
    venue = BinanceLinear(board)
    await venue.start()
    yield venue
    await venue.stop()


async def test_a_signal_is_filled_at_the_price_of_the_exchange_that_it_names(
    tmp_path: Path, fake: BinanceLinear
) -> None:
    instance = await Instance.start(tmp_path, fake.url)
    await instance.buy("201")
    await until(lambda: any(group.average_entry for group in instance.application.engine.state.groups.values()))
    (group,) = instance.application.engine.state.groups.values()
    assert group.average_entry == 200

    fake.set_price(SYMBOL, "199.5")
    await until(lambda: instance.price == Decimal("199.5"))
    await instance.application.stop(2)

    fake.set_price(SYMBOL, "203")
    again = await Instance.start(tmp_path, fake.url)
    await until(lambda: again.knows(SYMBOL) and again.price == 203)
    await again.application.stop(2)


async def test_an_instance_without_a_network_starts_and_trades_at_the_signals_price(
    tmp_path: Path, fake: BinanceLinear
) -> None:
    await fake.stop()
    instance = await Instance.start(tmp_path, fake.url)
    await instance.buy("201")
    await until(lambda: any(group.average_entry for group in instance.application.engine.state.groups.values()))
    assert abs(instance.price - 201) < 20
    await instance.application.stop(2)


async def test_the_first_example_is_sent_at_the_exchanges_price(tmp_path: Path, fake: BinanceLinear) -> None:
    instance = await Instance.start(tmp_path, fake.url)
    assert await instance.application.find_price("SOLUSDT.P", "BINANCE") == "200"
    assert await instance.application.find_price("not a market", "BINANCE") is None
    await instance.application.stop(2)


async def test_public_prices_come_from_no_other_machine_than_the_exchanges(tmp_path: Path) -> None:
    with pytest.raises(OperatorActionNeeded, match="ZIGGURAT_FEED_URL"):
        await Instance.start(tmp_path, "http://192.0.2.1:80")
