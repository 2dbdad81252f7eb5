"""A running instance with an account at a fake of Binance's futures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.accounts.keys import AccountVault
from app.base.clock import system_clock
from app.bootstrap.application import Application
from app.bootstrap.settings import Settings, read_settings
from app.domain.client_order_id import decode
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.engine.state import AccountState
from app.exchange.ccxt import opening
from app.exchange.ccxt.wire import Access
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from app.ports.engine import CommandRefused
from app.ports.venue import OrderRequest
from app.vault.open import open_vault
from tests.support.fakes import until
from tests.support.venues import BinanceLinear
from tests.support.venues.server import Asked

SYMBOL = "SOL/USDT:USDT"
KEYS = {"api_key": "key", "secret": "secret"}
PERP = {"id": "perp", "venue": "binance", "market_type": "linear", "environment": "testnet"}
LIVE = {**PERP, "environment": "live", "allowed_symbols": [SYMBOL]}
LIMITS = {"max_exposure_quote": "5000", "daily_loss_limit_quote": "250", "max_order_quote": "100", "cooldown_sec": 0}
VAULT = {"ZIGGURAT_VAULT": "file", "ZIGGURAT_VAULT_PASSPHRASE": "a passphrase for tests"}


@pytest.fixture
async def fake() -> AsyncIterator[BinanceLinear]:
    board = PriceBoard(system_clock(), RuleBook())
    board.open(SYMBOL, Decimal(200))
    venue = BinanceLinear(board)
    await venue.start()
    yield venue
    await venue.stop()


def ids_in(asked: Asked) -> list[str]:
    """Client ids of the orders that a request creates."""
    if asked.method != "POST":
        return []
    batch = json.loads(asked.params.get("batchOrders", "[]"))
    names = ("newClientOrderId", "clientAlgoId")
    return [str(row[name]) for row in (asked.params, *batch) for name in names if name in row]


class Instance:
    """One process's worth of application over a data directory, started again at will."""

    def __init__(self, data_dir: Path, fake: BinanceLinear) -> None:
        self.data_dir = data_dir
        self.fake = fake
        self.client = httpx.AsyncClient(timeout=60)
        self.application: Application
        self.token = self.secret = self.api = ""

    def write(self, **config: Any) -> None:
        document = {"accounts": [{"id": "paper"}], "risk": {"cooldown_sec": 0}, **config}
        (self.data_dir / "config.json").write_text(json.dumps(document))

    @property
    def settings(self) -> Settings:
        urls = {"perp": self.fake.url}
        return self.with_environ({**VAULT, "ZIGGURAT_PAPER_FEED": "manual", "ZIGGURAT_EXCHANGE_URLS": json.dumps(urls)})

    def with_environ(self, environ: Mapping[str, str]) -> Settings:
        return read_settings(data_dir=self.data_dir, api_port=0, webhook_port=0, log_level="warning", environ=environ)

    async def restarted(self, **config: Any) -> None:
        """Start anew with other settings."""
        await self.stop()
        self.write(**config)
        await self.start()

    def state(self, account_id: str) -> AccountState:
        return self.application.engine.state.accounts[account_id]

    async def start(self) -> None:
        self.application = await Application.open(self.settings)
        api_port, _ = await self.application.start()
        office = self.application.administration
        with suppress(CommandRefused):
            await office.revoke_token("t")
        self.token = await office.create_token("t", "trader")
        self.secret = await office.show_secret(None, path_token=False)
        self.api = f"http://127.0.0.1:{api_port}"

    async def stop(self) -> None:
        await self.application.stop(2)

    async def joined(self, settings: dict[str, Any]) -> None:
        """Add an account and wait until it trades."""
        await self.application.accounts.add(settings, KEYS)
        await until(lambda: self.state("perp").ready)

    async def place_by_hand(self, name: str) -> None:
        """A resting order on the account that no group wants; the reading after it has been booked."""
        order = OrderRequest(
            name, SYMBOL, OrderSide.BUY, Side.LONG, OrderType.LIMIT, Decimal(1), Decimal(150), None,
            reduce_only=False, time_in_force=TimeInForce.GTC,
        )  # fmt: skip
        await self.application.venues["perp"].create_order(order)
        await self.application.engine.reconcile()

    def vault(self) -> AccountVault:
        return AccountVault(open_vault(self.data_dir, VAULT, None))

    def orders_sent(self) -> list[str]:
        """Client ids of our groups' orders that the exchange has had; the stop that only tries it is none of them."""
        told = (name for asked in self.fake.requests if asked.acted for name in ids_in(asked))
        return [name for name in told if decode(name) is not None]

    async def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        return (await self.client.get(self.api + path, headers=headers)).json()

    async def post(self, path: str) -> httpx.Response:
        return await self.client.post(self.api + path, headers={"Authorization": f"Bearer {self.token}"}, json={})

    async def buy(self, size: str = "400", action: str = "buy") -> Any:
        """Send an alert by HTTP; what was answered."""
        body = {
            "secret": self.secret,
            "timestamp": system_clock().now().isoformat(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": "SOLUSDT.P",
                "timeframe": "60",
                "action": action,
                "close_price": "200",
                "order_size": size,
            },
            "execution_intent": {"type": "signal", "position_size_type": "quote"},
            "account": "perp",
        }
        return (await self.client.post(f"{self.api}/webhook/tradingview", json=body)).json()

    async def reason(self, answer: dict[str, Any]) -> Any:
        """Why the signal of a webhook's answer was refused."""
        return (await self.get(f"/api/execution/signals/{answer['signal_id']}"))["reason"]


@pytest.fixture
async def instance(tmp_path: Path, fake: BinanceLinear, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Instance]:
    monkeypatch.setattr(opening, "Access", partial(Access, timeout_sec=60.0))
    made = Instance(tmp_path, fake)
    made.write()
    await made.start()
    yield made
    await made.stop()
    await made.client.aclose()
