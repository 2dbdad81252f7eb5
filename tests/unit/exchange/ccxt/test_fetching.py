"""A request that goes past ccxt's own fetch ends as it would there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import pytest
from aiohttp import web

from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.errors import Failure
from app.exchange.ccxt.wire import TRACE, Access, StreamHooks, Trace, make_exchange

ccxt = import_module("ccxt")
JSON = "application/json"
ANSWERS = {
    "/dict": (200, '{"a": "1.50", "b": [1, 2]}', JSON),
    "/list": (200, "[]", JSON),
    "/refused": (400, '{"code": -2019, "msg": "Margin is insufficient."}', JSON),
    "/limited": (429, '{"code": -1003, "msg": "Too many requests."}', JSON),
    "/down": (503, "<html>Service Unavailable</html>", "text/html"),
    "/broken": (502, '{"code": ', JSON),
}
NO_JSON = {"/empty": (200, "", JSON), "/words": (200, " fine\n", "text/plain"), "/odd": (402, "<html>", "text/html")}
NEVER = (404, "", JSON)
PATIENCE_MS = 30_000
SHORT_PATIENCE_MS = 300


@pytest.fixture
async def url() -> AsyncIterator[str]:
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/late":
            await over.wait()
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.close()
        if request.path == "/echo":
            names = ("User-Agent", "Accept-Encoding", "X-MBX-APIKEY", "Content-Type")
            return web.json_response([await request.text(), *(request.headers.get(name) for name in names)])
        status, text, kind = {**ANSWERS, **NO_JSON}.get(request.path, NEVER)
        return web.Response(status=status, text=text, content_type=kind, headers={"X-MBX-USED-WEIGHT-1M": "7"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    over.set()
    await runner.cleanup()


@pytest.fixture
async def both(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Any, Any]]:
    """Ours and ccxt's."""
    patience_ms = getattr(request, "param", PATIENCE_MS)
    access = Access(timeout_sec=patience_ms / 1000)
    ours = make_exchange(BINANCE_USDM, access, StreamHooks(lambda: None, lambda _: None))
    ccxts = import_module("ccxt.pro").binanceusdm({"timeout": patience_ms})
    for each in (ours, ccxts):
        each.timeout_on_exit = 0
    yield ours, ccxts
    await ours.close()
    await ccxts.close()


async def ended(exchange: Any, url: str, **words: Any) -> Any:
    try:
        return await exchange.fetch(url, **words)
    except ccxt.BaseError as error:
        return type(error), str(error)


@pytest.mark.parametrize("path", [*ANSWERS, "/cut"])
async def test_every_answer_ends_as_with_ccxt(url: str, both: tuple[Any, Any], path: str) -> None:
    ours, ccxts = [await ended(each, url + path, method="POST", body="a=1") for each in both]
    assert ours == ccxts


@pytest.mark.parametrize("both", [SHORT_PATIENCE_MS], indirect=True)
async def test_an_answer_that_comes_too_late_ends_as_with_ccxt(url: str, both: tuple[Any, Any]) -> None:
    ours, ccxts = [await ended(each, url + "/late", method="POST", body="a=1") for each in both]
    assert ours == ccxts


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", NO_JSON)
async def test_what_is_no_json_is_no_answer(url: str, both: tuple[Any, Any], path: str, method: str) -> None:
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await both[0].fetch(url + path, method=method)


async def test_a_host_that_is_not_there_ends_as_with_ccxt(both: tuple[Any, Any]) -> None:
    ours, ccxts = [await ended(each, "http://127.0.0.1:1/path") for each in both]
    assert ours == ccxts


async def test_the_same_is_sent(url: str, both: tuple[Any, Any]) -> None:
    headers = {"X-MBX-APIKEY": "key", "Content-Type": "application/x-www-form-urlencoded"}
    ours, ccxts = [
        await ended(each, url + "/echo", method="POST", headers=dict(headers), body="a=币&b=%22") for each in both
    ]
    assert ours == ccxts


async def test_the_venues_count_is_found_by_its_name_in_lower_case(url: str, both: tuple[Any, Any]) -> None:
    token = TRACE.set(trace := Trace())
    await both[0].fetch(url + "/dict")
    TRACE.reset(token)
    assert trace.answer is not None
    assert trace.answer.headers.get("x-mbx-used-weight-1m") == "7"


async def test_h28_what_fails_while_no_call_of_ours_runs_is_told(url: str) -> None:
    told: list[Failure] = []
    hooks = StreamHooks(lambda: None, lambda _: None, failed=told.append)
    exchange = make_exchange(BINANCE_USDM, Access(), hooks)
    exchange.timeout_on_exit = 0
    token = TRACE.set(Trace())
    await ended(exchange, url + "/limited")
    TRACE.reset(token)
    await ended(exchange, url + "/dict")
    assert told == []
    await ended(exchange, url + "/limited")
    assert [failure.answer and failure.answer.status for failure in told] == [429]
    assert TRACE.get() is None
    await exchange.close()


async def test_who_gives_up_waiting_for_the_markets_ends_it_for_nobody_else(both: tuple[Any, Any]) -> None:
    ours, _ = both
    asked = asyncio.Event()
    told = asyncio.Event()

    async def fetch_markets(_params: object) -> list[Any]:
        asked.set()
        await told.wait()
        return []

    ours.fetch_markets = fetch_markets
    impatient, patient = (asyncio.create_task(ours.load_markets(True)) for _ in range(2))
    await asked.wait()
    impatient.cancel()
    await asyncio.wait([impatient])
    told.set()
    assert await patient == {}
