"""An answer with status 200 that is none: nothing may be concluded from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from app.base.clock import EPOCH
from app.base.errors import Retryable
from app.domain.values import OrderType
from app.exchange.breaker import Breaker
from app.exchange.ccxt.dialects import DIALECTS
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.known import Known
from app.exchange.ccxt.limits import Host, Limiter
from app.exchange.ccxt.reads import Reader
from app.exchange.ccxt.session import Session
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from app.messages.reports import OutcomeUnknown
from app.ports.venue import OrderRef
from tests.support.clock import ManualClock

NO_ANSWERS = ("", "<html>Scheduled maintenance</html>", "null", '"fine"', '{"list": [', "{}")
ROUTED = {"enableUnifiedAccount": True, "enableUnifiedMargin": False, "unifiedAccount": False}
"""What Bybit and Gate would be asked first."""


def market(symbol: str) -> dict[str, Any]:
    is_spot = ":" not in symbol
    settle = None if is_spot else "USDT"
    names = {"base": "SOL", "quote": "USDT", "settle": settle, "baseId": "SOL", "quoteId": "USDT", "settleId": settle}
    kinds = {"spot": is_spot, "swap": not is_spot, "contract": not is_spot, "future": False, "option": False}
    linear = {"linear": None if is_spot else True, "inverse": None if is_spot else False, "contractSize": "1"}
    digits = {"precision": {"amount": "0.001", "price": "0.01"}, "limits": {}, "info": {}, "active": True}
    kind = "spot" if is_spot else "swap"
    return {"id": "SOLUSDT", "symbol": symbol, "type": kind, **names, **kinds, **linear, **digits}


def access(dialect: Dialect, url: str) -> Access:
    if dialect.exchange == "aster":
        return Access(private_key="0x" + "1" * 64, wallet_address="0x" + "2" * 40, base_url=url)
    return Access(api_key="key", secret="c2VjcmV0", password="word", base_url=url)


@pytest.fixture
async def told() -> AsyncIterator[dict[str, str]]:
    """What a server answers to everything, and its address."""
    told = {"body": ""}

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=told["body"], content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield told
    await runner.cleanup()


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
async def test_h04_h42_no_answer_with_status_200_is_no_empty_answer(dialect: Dialect, told: dict[str, str]) -> None:
    clock, symbol = ManualClock(), "SOL/USDT:USDT" if dialect.is_linear else "SOL/USDT"
    breaker = Breaker("main", clock, lambda _: None)
    hooks = StreamHooks(lambda: None, lambda _: None)
    limiter = Limiter(Host((), clock), (), clock)
    session = Session(dialect, access(dialect, told["url"]), clock, limiter, breaker, hooks, make_exchange)
    session.exchange.set_markets([market(symbol)])
    session.exchange.options |= ROUTED | {"leverageBrackets": {symbol: []}}
    reader = Reader("main", session, clock, known := Known(clock))
    known.touch(symbol)
    asked: list[Callable[[], Awaitable[object]]] = [
        reader.open_orders,
        reader.balances,
        lambda: reader.fills(EPOCH),
        lambda: reader.load_market(symbol, fresh=True),
    ]
    if dialect.is_linear:
        asked += [reader.positions, lambda: reader.funding(EPOCH, lambda _: False)]
    for told["body"] in NO_ANSWERS:
        for ask in asked:
            with pytest.raises(Retryable):
                await ask()
            breaker.succeeded()
        found = await reader.look_up(OrderRef("zg1", None, symbol, OrderType.LIMIT))
        assert isinstance(found, OutcomeUnknown)
    await session.close()
