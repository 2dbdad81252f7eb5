"""The public side of a venue, with ccxt's answers written by hand."""

from __future__ import annotations

import logging
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from app.base.errors import Retryable
from app.domain.market import Quote
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.public_prices import PublicPrices
from tests.support.clock import ManualClock, settle

ccxt = import_module("ccxt")
SOL = "SOL/USDT:USDT"
RENAMED = "FLUX/USDT:USDT"
"""The venue itself calls it FLUX1."""


def market_row(symbol: str, **others: Any) -> dict[str, Any]:
    precision = {"amount": "0.001", "price": "0.01"}
    kind = {"swap": True, "linear": True, "base": "SOL", "quote": "USDT"}
    return {"symbol": symbol, "precision": precision, "limits": {}, **kind, **others}


class Scripted:
    """An exchange whose streams break whenever they are followed, and which answers while it `is_up`."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.has = {"watchBidsAsks": True, "fetchBidsAsks": True}
        self.clients: dict[str, Any] = {}
        self.markets: dict[str, Any] = {}
        self.loaded: list[bool] = []
        self.listed: dict[str, Any] = {}
        """What has been listed since."""
        self.is_up = True
        self.followed = 0
        self.is_closed = False

    async def load_markets(self, reload: bool = False) -> None:
        self._answer()
        self.loaded.append(reload)
        spot = market_row("SOL/USDT", swap=False, linear=False, spot=True)
        renamed = market_row(RENAMED, base="FLUX", baseId="FLUX1")
        self.markets = {SOL: market_row(SOL), "SOL/USDT": spot, RENAMED: renamed} | self.listed

    async def fetch_ticker(self, symbol: str) -> dict[str, Any]:
        self._answer()
        return {"symbol": symbol, "last": "200"}

    async def fetch_bids_asks(self, symbols: list[str]) -> dict[str, Any]:
        self._answer()
        return {symbol: {"symbol": symbol, "bid": "199", "ask": "201"} for symbol in symbols}

    async def watch_tickers(self, _symbols: list[str]) -> dict[str, Any]:
        self.followed += 1
        raise ccxt.NetworkError("gone")

    async def watch_bids_asks(self, _symbols: list[str]) -> dict[str, Any]:
        raise ccxt.NetworkError("gone")

    async def close(self) -> None:
        self.is_closed = True

    def _answer(self) -> None:
        if not self.is_up:
            raise ccxt.NetworkError("gone")


class Bench:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.api = Scripted()
        self.told: list[tuple[str, Quote]] = []
        self.host = Host(BINANCE_USDM.budgets, self.clock)
        self.prices = PublicPrices(BINANCE_USDM, self.clock, self._take, self.host, None, lambda *_: self.api)

    def _take(self, symbol: str, quote: Quote) -> None:
        self.told.append((symbol, quote))


async def test_a_market_is_told_with_its_rules_and_price() -> None:
    bench = Bench()
    report = await bench.prices.market(SOL)
    assert report is not None
    assert report.quote is not None
    assert (report.rules.step_size, report.quote.last) == (Decimal("0.001"), Decimal(200))


@pytest.mark.parametrize("symbol", ["ODD/USDT:USDT", "SOL/USDT", RENAMED])
async def test_a_market_that_the_venue_lacks_by_this_name_or_that_is_of_another_type_is_none(symbol: str) -> None:
    assert await Bench().prices.market(symbol) is None


async def test_a_market_that_was_listed_later_is_found_and_the_list_is_not_asked_for_at_every_turn() -> None:
    bench, new = Bench(), "NEW/USDT:USDT"
    assert await bench.prices.market(new) is None
    bench.api.listed[new] = market_row(new)
    assert await bench.prices.market(new) is None
    await bench.clock.advance(300)
    assert await bench.prices.market(new) is not None
    await bench.clock.advance(300)
    assert await bench.prices.market(new) is not None
    assert bench.api.loaded == [False, True]


async def test_a_market_that_is_halted_when_it_is_asked_for_is_not_closed_for_good() -> None:
    bench = Bench()
    bench.api.listed[SOL] = market_row(SOL, active=False)
    report = await bench.prices.market(SOL)
    assert report is not None
    assert report.rules.closed is None


async def test_a_venue_that_is_not_reached_is_no_venue_without_the_market() -> None:
    bench = Bench()
    bench.api.is_up = False
    with pytest.raises(Retryable):
        await bench.prices.market(SOL)
    bench.api.is_up = True
    assert await bench.prices.market(SOL) is not None


async def test_prices_whose_streams_break_are_asked_for() -> None:
    bench = Bench()
    await bench.prices.market(SOL)
    bench.prices.watch(frozenset({SOL}))
    await bench.clock.advance(60)
    await bench.prices.close()
    assert bench.api.is_closed
    assert len(bench.told) >= 5
    symbol, quote = bench.told[-1]
    assert symbol == SOL
    assert (quote.bid, quote.ask, quote.last) == (Decimal(199), Decimal(201), Decimal(200))


async def test_an_outage_of_an_hour_is_a_line_for_each_stream_and_one_for_the_questions(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench()
    await bench.prices.market(SOL)
    bench.prices.watch(frozenset({SOL}))
    bench.api.is_up = False
    with caplog.at_level(logging.INFO):
        await bench.clock.advance(3600)
    await bench.prices.close()
    assert bench.api.followed > 100
    assert len(caplog.messages) == 3, caplog.messages


async def test_h28_prices_are_not_followed_anew_before_a_ban_is_over() -> None:
    bench = Bench()
    await bench.prices.market(SOL)
    bench.prices.watch(frozenset({SOL}))
    await settle()
    bench.host.pause(60)
    followed = bench.api.followed
    await bench.clock.advance(59)
    assert bench.api.followed == followed > 0
    await bench.clock.advance(2)
    assert bench.api.followed > followed
    await bench.prices.close()
