"""The paper exchange at the public prices of a venue on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.base.clock import system_clock
from app.base.config.groups import AccountConfig, PaperConfig
from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import MarketType
from app.exchange.ccxt.opening import Exchanges
from app.exchange.paper import live
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.feeds import make_feed
from app.exchange.paper.kept import KeptMarkets
from app.exchange.paper.live import PublicVenue, RealMarket, TakeQuote
from app.exchange.paper.memory_store import MemoryPaperStore
from app.exchange.paper.rules import RuleBook
from app.exchange.paper.venue import PaperVenue
from app.messages.reports import Accepted, VenueReport
from tests.integration.exchange.joined import board_with
from tests.integration.exchange.venue_contract import SYMBOL, market, request
from tests.support.fakes import until
from tests.support.venues import BinanceLinear

D = Decimal
WALKING = "ODD/USDT:USDT"
STEPS = 30


class Walked:
    def __init__(self, steps: list[Quote]) -> None:
        self._steps = steps

    def on_quote(self, symbol: str, quote: Quote) -> None:
        if symbol == WALKING:
            self._steps.append(quote)


class Desk:
    """A paper account whose board follows the fake; signals of `SYMBOL` name Binance."""

    def __init__(self, folder: Path, fake_url: str, config: PaperConfig | None = None) -> None:
        self._url = fake_url
        self.clock = system_clock()
        self._exchanges = Exchanges(self.clock, {}, folder)
        self.board = PriceBoard(self.clock, RuleBook())
        self.venue = PaperVenue(AccountConfig(id="paper"), self.board, self.clock, MemoryPaperStore())
        real = RealMarket(self._open, self._exchange_of, KeptMarkets(folder / "paper.json"))
        settings = config or PaperConfig(interval_sec=0.01, volatility_percent=D(1))
        feed = make_feed(settings, self.board, self.clock, None, real)
        assert feed is not None
        self.feed = feed
        self.seen: list[VenueReport] = []

    def _open(self, name: str, market_type: MarketType, take: TakeQuote) -> PublicVenue | None:
        return self._exchanges.public(name, market_type, take, self._url)

    async def _exchange_of(self, symbol: str) -> str | None:
        return "BINANCE" if symbol == SYMBOL else None

    async def open(self) -> None:
        await self.venue.connect(self.seen.append)
        self.feed.start()

    async def close(self) -> None:
        await self.feed.stop()
        await self.venue.close()

    @property
    def quote(self) -> Quote:
        return self.board.quotes[SYMBOL]

    async def let_the_walk_go_on(self) -> None:
        """Return when a market without an exchange has walked many steps."""
        self.board.open(WALKING, D(100))
        walked: list[Quote] = []
        self.board.add(Walked(walked))
        await until(lambda: len(walked) > STEPS)


@pytest.fixture
async def fake() -> AsyncIterator[BinanceLinear]:
    venue = BinanceLinear(board_with(SYMBOL))
    await venue.start()
    yield venue
    await venue.stop()


@pytest.fixture
async def desk(fake: BinanceLinear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(live, "PATIENCE_SEC", 60.0)
    made = Desk(tmp_path, fake.url)
    await made.open()
    yield made
    await made.close()


async def test_a_market_opens_at_the_venues_rules_and_price_not_at_the_signals(desk: Desk) -> None:
    report = await desk.venue.load_market(SYMBOL, D(210))
    assert report is not None
    assert report.quote is not None
    assert (report.quote.last, report.rules.step_size, report.rules.max_qty) == (D(200), D("0.001"), D(1_000_000))


async def test_an_order_at_market_fills_at_the_live_price(desk: Desk, fake: BinanceLinear) -> None:
    await desk.venue.load_market(SYMBOL, D(210))
    fake.set_quote(SYMBOL, D("200.10"), D("200.20"), D("200.15"), D("200.16"))
    await until(lambda: (desk.quote.ask, desk.quote.mark) == (D("200.20"), D("200.16")))
    placed = await desk.venue.create_order(market(1))
    assert isinstance(placed, Accepted)
    assert placed.order.average == D("200.20")


async def test_a_resting_order_fills_when_the_live_price_reaches_it(desk: Desk, fake: BinanceLinear) -> None:
    await desk.venue.load_market(SYMBOL, D(210))
    order = request(1, price=D("190.00"))
    await desk.venue.create_order(order)
    fake.set_price(SYMBOL, "189.5")
    await until(lambda: desk.venue.ledger.orders[1].status is OrderStatus.FILLED)
    assert desk.venue.ledger.orders[1].filled_value == D("190.00") * order.quantity


async def test_while_the_venue_is_dead_its_price_stands_and_goes_on_when_it_is_back(
    desk: Desk, fake: BinanceLinear
) -> None:
    await desk.venue.load_market(SYMBOL, D(210))
    port = urlsplit(fake.url).port
    assert port is not None
    await fake.stop()
    before = desk.quote
    await desk.let_the_walk_go_on()
    assert desk.quote == before

    fake.set_price(SYMBOL, 170)
    await fake.start(port)
    await until(lambda: desk.quote.last == 170)


async def test_without_its_venue_a_new_market_walks_from_the_signals_price(tmp_path: Path, fake: BinanceLinear) -> None:
    await fake.stop()
    desk = Desk(tmp_path, fake.url)
    await desk.open()
    report = await desk.venue.load_market(SYMBOL, D(210))
    assert report is not None
    assert report.quote is not None
    assert report.quote.last == 210
    await until(lambda: desk.quote.last != 210)
    assert abs(desk.quote.last - 210) < 50
    await desk.close()


async def test_a_price_set_by_hand_holds_against_the_live_one(desk: Desk, fake: BinanceLinear) -> None:
    await desk.venue.load_market(SYMBOL, D(210))
    desk.board.set_price(SYMBOL, D(100))
    fake.set_price(SYMBOL, 171)
    await desk.let_the_walk_go_on()
    assert desk.quote.last == 100

    desk.board.release(SYMBOL)
    fake.set_price(SYMBOL, 172)
    await until(lambda: desk.quote.last == 172)


async def test_nobody_gives_keys_and_only_public_addresses_are_asked(desk: Desk, fake: BinanceLinear) -> None:
    await desk.venue.load_market(SYMBOL, D(210))
    assert {asked.path for asked in fake.requests} <= {
        "/fapi/v1/exchangeInfo",
        "/fapi/v1/ticker/24hr",
        "/fapi/v1/ticker/bookTicker",
    }
    assert all("signature" not in asked.params for asked in fake.requests)
