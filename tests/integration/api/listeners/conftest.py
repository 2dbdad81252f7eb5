"""Both listeners on real sockets between fakes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.server import Listeners, build_listeners
from app.base.config import Config, ConfigError, parse_config
from app.base.config.file import ConfigFile
from app.domain.alert_body import parse_body
from app.domain.alert_keys import stored_payload
from app.domain.placed import Placed
from app.domain.values import Side
from app.messages.records import SignalRecord
from app.metrics.metrics import Metrics
from app.ports.queries import TradeRow
from app.ports.tokens import Role
from tests.support.examples import (
    NOON,
    event_of,
    fill_row,
    group_snapshot,
    message,
    order_snapshot,
    queue_snapshot,
    signal_record,
)
from tests.support.fakes import (
    FakeAccounts,
    FakeEngine,
    FakeKeys,
    FakePaper,
    FakeQueries,
    FakeTokens,
    HandClock,
    bearer,
)

STOP_GRACE_SEC = 2.0
ANSWER_WITHIN_SEC = 60.0


class HeldFile(ConfigFile):
    """Takes changes without a disk."""

    def __init__(self) -> None:
        super().__init__(Path("held"))
        self.kept: list[dict[str, Any]] = []
        self.unwritable: str | None = None

    async def check(self, *changes: Mapping[str, Any]) -> None:
        """It would take anything."""

    async def keep(self, *changes: Mapping[str, Any]) -> None:
        if self.unwritable is not None:
            raise ConfigError(self.unwritable)
        self.kept.extend(map(dict, changes))


class Front:
    """The listeners with what stands behind them."""

    def __init__(self) -> None:
        self.engine, self.queries, self.tokens = FakeEngine(), FakeQueries(), FakeTokens()
        self.accounts = FakeAccounts()
        self.keys, self.paper, self.clock = FakeKeys(), FakePaper(), HandClock()
        self.config = ports_free()
        self.metrics = Metrics()
        self.file = HeldFile()
        self.api_port = self.webhook_port = 0

    def forget(self) -> None:
        """Put the fakes behind the listeners back to how they were made."""
        for fake in (self.engine, self.accounts, self.queries, self.tokens, self.keys, self.paper, self.metrics):
            vars(fake).update(vars(type(fake)()))
        self.config = ports_free()
        vars(self.file).update(vars(HeldFile()))

    def listeners(self) -> Listeners:
        return build_listeners(
            engine=self.engine,
            accounts=self.accounts,
            queries=self.queries,
            tokens=self.tokens,
            keys=self.keys,
            paper=self.paper,
            config=lambda: self.config,
            clock=self.clock,
            version="1.2.3",
            loop_lag_ms=lambda: 0.25,
            metrics=self.metrics,
            config_file=self.file,
            sleep_held=lambda: True,
            disk=lambda: "812 MB free",
        )

    @property
    def private(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.webhook_port}"

    async def ask(
        self, method: str, path: str, role: Role | None = Role.ADMIN, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        """A request to the private API with a token of `role`."""
        whole = {**(bearer(role) if role else {}), **(headers or {})}
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN_SEC) as client:
            return await client.request(method, self.private + path, headers=whole, **body)


def ports_free(**changes: dict[str, Any]) -> Config:
    """A configuration whose ports the system chooses."""
    document: dict[str, dict[str, Any]] = {"api": {"port": 0}, "webhook": {"port": 0}}
    return parse_config({name: {**given, **changes.get(name, {})} for name, given in document.items()})


def trade_of(number: int, **changes: Any) -> TradeRow:
    facts: dict[str, Any] = {
        "id": f"g{number:07d}",
        "account": "paper",
        "symbol": "BTC/USDT:USDT",
        "timeframe": "1h",
        "side": "long",
        "strategy_id": "=1+1",
        "status": "closed",
        "close_reason": "take_profit",
        "quantity": Decimal("0.100"),
        "average_entry": Decimal(50000),
        "average_exit": Decimal("50500.5"),
        "invested": Decimal(5000),
        "realized_pnl": Decimal("1E+2"),
        "realized_percent": Decimal("-0E-8"),
        "fees": Decimal("1E-9"),
        "funding": Decimal(0),
        "quote_currency": "USDT",
        "pyramids": 1,
        "estimated": False,
        "opened_at": NOON,
        "closed_at": NOON,
    }
    return TradeRow(**{**facts, **changes})


def replayable(number: int) -> SignalRecord:
    """A record whose payload is a message that validates."""
    return replace(signal_record(number), payload=stored_payload(parse_body(json.dumps(message()).encode())))


def decision_record() -> SignalRecord:
    placed = Placed(
        at=NOON,
        source="decision",
        account=None,
        symbol="BTC/USDT:USDT",
        timeframe="decision",
        side=Side.LONG,
        size=Decimal("0.10"),
        confidence=Decimal("0.7"),
        label="m-1",
    )
    return replace(signal_record(4), id="d0000000000001", source="decision", payload=placed.payload())


def filled(front: Front) -> Front:
    """With something in every list."""
    front.engine.groups = [group_snapshot(number) for number in (1, 2, 3)]
    front.engine.waiting = [queue_snapshot(rank) for rank in (1, 2)]
    front.queries.trade_rows = [trade_of(number) for number in (1, 2, 3)]
    front.queries.order_rows = [order_snapshot(number) for number in (1, 2, 3)]
    front.queries.fill_rows = [fill_row(number) for number in (1, 2, 3)]
    front.queries.signal_rows = [signal_record(number) for number in (1, 2, 3)]
    front.queries.signal_rows.append(decision_record())
    front.queries.event_rows = [
        event_of(number, "alert.raised", severity="warning", detail=f"alert {number}") for number in (7, 8, 9)
    ]
    return front


@asynccontextmanager
async def serving(front: Front) -> AsyncIterator[Front]:
    listeners = front.listeners()
    front.api_port, front.webhook_port = await listeners.start()
    try:
        yield front
    finally:
        await listeners.stop(STOP_GRACE_SEC)


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with serving(Front()) as front:
        yield front
