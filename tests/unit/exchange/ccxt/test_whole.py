"""An answer with status 200 that is none: nothing may be concluded from it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from app.base.errors import Retryable
from app.domain.values import OrderType
from app.exchange.breaker import Breaker
from app.exchange.ccxt.dialects import DIALECTS
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR
from app.exchange.ccxt.dialects.base import Dialect, Operation
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.dialects.gate import GATE_SPOT
from app.exchange.ccxt.dialects.kucoin import KUCOIN_SPOT
from app.exchange.ccxt.known import Known
from app.exchange.ccxt.limits import Host, Limiter
from app.exchange.ccxt.reads import Reader
from app.exchange.ccxt.session import Session
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from app.messages.reports import OutcomeUnknown
from app.ports.venue import OrderRef
from tests.support.clock import ManualClock

NO_ANSWERS = ("", "<html>Scheduled maintenance</html>", "null", '"fine"', '{"list": [', "{}", '{"message": "closed"}')
HOLLOW: Mapping[str, tuple[str, ...]] = {
    "binance": ('{"balances": null}', '{"balances": {}}'),
    "binanceusdm": ('{"assets": null}', '{"assets": {}, "dualSidePosition": null}'),
    "aster": ('{"balances": null, "dualSidePosition": null}',),
    "bybit": ('{"retCode": 0, "result": {"list": null}}', '{"retCode": 0, "result": {}}', '{"retCode": 0}'),
    "okx": ('{"code": "0", "msg": "", "data": null}', '{"code": "0", "msg": "", "data": {}}'),
    "kucoin": ('{"code": "200000"}', '{"code": "200000", "message": "closed"}'),
    "gate": ('{"balances": null}', '{"balances": []}'),
    "mexc": ('{"balances": null}',),
}
"""By ccxt's class: an envelope that says all is well, with nothing in it."""
EMPTY: Mapping[str, tuple[str, ...]] = {
    "binance": ("[]", '{"balances": []}'),
    "binanceusdm": ("[]", '{"assets": []}'),
    "aster": ("[]", '{"balances": []}'),
    "bybit": ('{"retCode": 0, "result": {"list": [], "nextPageCursor": ""}}',),
    "okx": ('{"code": "0", "msg": "", "data": []}',),
    "kucoin": (
        '{"code": "200000", "data": null}',
        '{"code": "200000", "data": {"symbols": null}}',
        '{"code": "200000", "data": {"items": [], "lastId": 0}}',
        '{"code": "200000", "data": []}',
    ),
    "gate": ("[]",),
    "mexc": ("[]", '{"balances": []}'),
}
"""By ccxt's class: what is told where there is nothing, each to one question at least."""
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


Ask = Callable[[], Awaitable[Sequence[object]]]


@dataclass(frozen=True)
class Asked:
    """An account whose every question is answered alike."""

    reader: Reader
    session: Session
    breaker: Breaker
    symbol: str

    def lists(self) -> list[Ask]:
        """The questions to which "nothing is there" may be an answer."""
        asked: list[Ask] = [
            self.reader.open_orders,
            self.reader.balances,
            lambda: self.reader.fills(self.session.venue_now()),
        ]
        if not self.session.dialect.is_linear:
            return asked
        return [*asked, self.reader.positions, lambda: self.reader.funding(self.session.venue_now(), lambda _: False)]

    async def answers(self, ask: Ask) -> Sequence[object] | None:
        """None where the question was not answered."""
        self.breaker.succeeded()
        with suppress(Retryable):
            return await ask()
        return None


@asynccontextmanager
async def asked_at(dialect: Dialect, url: str, **options: object) -> AsyncIterator[Asked]:
    clock, symbol = ManualClock(), "SOL/USDT:USDT" if dialect.is_linear else "SOL/USDT"
    breaker = Breaker("main", clock, lambda _: None)
    hooks = StreamHooks(lambda: None, lambda _: None)
    limiter = Limiter(Host((), clock), (), clock)
    session = Session(dialect, access(dialect, url), clock, limiter, breaker, hooks, make_exchange)
    session.exchange.set_markets([market(symbol)])
    session.exchange.options |= ROUTED | {"leverageBrackets": {symbol: []}} | options
    reader = Reader("main", session, clock, known := Known(clock))
    known.touch(symbol)
    try:
        yield Asked(reader, session, breaker, symbol)
    finally:
        await session.close()


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
async def test_h04_h42_no_answer_with_status_200_is_no_empty_answer(dialect: Dialect, told: dict[str, str]) -> None:
    async with asked_at(dialect, told["url"]) as at:
        for told["body"] in (*NO_ANSWERS, *HOLLOW[dialect.exchange]):
            assert [await at.answers(ask) for ask in at.lists()] == [None] * len(at.lists())
            with pytest.raises(Retryable):
                await at.reader.load_market(at.symbol, fresh=True)
            at.breaker.succeeded()
            found = await at.reader.look_up(OrderRef("zg1", None, at.symbol, OrderType.LIMIT))
            assert isinstance(found, OutcomeUnknown)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
async def test_an_empty_account_is_read_as_empty(dialect: Dialect, told: dict[str, str]) -> None:
    async with asked_at(dialect, told["url"]) as at:
        for ask in at.lists():
            read = []
            for told["body"] in EMPTY[dialect.exchange]:
                read.append(await at.answers(ask))
            assert [] in read


async def test_h04_a_unified_account_without_balances_is_no_answer(told: dict[str, str]) -> None:
    async with asked_at(GATE_SPOT, told["url"], unifiedAccount=True) as at:
        for told["body"] in ("{}", *HOLLOW["gate"]):
            assert await at.answers(at.reader.balances) is None
        told["body"] = '{"balances": {}}'
        assert await at.answers(at.reader.balances) == []


async def test_h04_null_is_no_empty_account(told: dict[str, str]) -> None:
    async with asked_at(KUCOIN_SPOT, told["url"]) as at:
        told["body"] = '{"code": "200000", "data": null}'
        assert [await at.answers(ask) for ask in at.lists()] == [None, None, None]
        assert await at.answers(lambda: at.reader.open_orders_of([at.symbol])) == []


@pytest.mark.parametrize("dialect", [BINANCE_USDM, ASTER_LINEAR], ids=lambda dialect: dialect.name)
async def test_h30_a_position_mode_that_is_not_told_is_not_taken_for_one_way(
    dialect: Dialect, told: dict[str, str]
) -> None:
    async with asked_at(dialect, told["url"]) as at:
        for told["body"] in ("{}", '{"dualSidePosition": null}'):
            with pytest.raises(Retryable):
                await at.session.read(Operation.SETTING, lambda api: api.fetch_position_mode())
            at.breaker.succeeded()
