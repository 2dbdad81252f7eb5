"""Real prices on the paper board: whose they are, how often they come, and what is never invented."""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.base.config.groups import PaperConfig
from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.market import MarketRules, Quote
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.feeds import Feed, make_feed
from app.exchange.paper.kept import KeptMarkets
from app.exchange.paper.live import PATIENCE_SEC, Conflation, PublicVenue, RealMarket, TakeQuote
from app.exchange.paper.rules import RuleBook
from app.messages.reports import MarketReport
from tests.support.clock import ManualClock, settle
from tests.unit.exchange.paper.bench import BTC, SOL, rules_of

ODD = "ODD/USDT:USDT"
REAL_TICK = Decimal("0.0005")


class FakeVenue:
    """Has the markets of `prices`, while it is reachable; what it is told to `say` reaches who watches."""

    def __init__(self, take: TakeQuote, clock: ManualClock, prices: dict[str, str]) -> None:
        self._take = take
        self._clock = clock
        self._prices = prices
        self.is_reachable = True
        self.answers_after_sec = 0.0
        self.watched: frozenset[str] = frozenset()
        self.asked: list[str] = []
        self.is_closed = False

    async def market(self, symbol: str) -> MarketReport | None:
        self.asked.append(symbol)
        if self.answers_after_sec:
            await self._clock.sleep(self.answers_after_sec)
        if not self.is_reachable:
            raise Retryable("no route")
        price = self._prices.get(symbol)
        rules: MarketRules = rules_of(symbol, tick_size=REAL_TICK)
        return None if price is None else MarketReport(rules, Quote.flat(Decimal(price), self._clock.now()))

    def watch(self, symbols: frozenset[str]) -> None:
        self.watched = symbols

    async def close(self) -> None:
        self.is_closed = True

    def say(self, symbol: str, price: str) -> None:
        assert symbol in self.watched
        self._take(symbol, Quote.flat(Decimal(price), self._clock.now()))


class World:
    """One run over `folder`: a board, its feed, and venues that are made when they are asked for."""

    def __init__(self, folder: Path, config: PaperConfig | None = None, **exchanges: str) -> None:
        self.clock = ManualClock()
        self.board = PriceBoard(self.clock, RuleBook())
        self.exchanges = exchanges
        self.venues: dict[str, FakeVenue] = {}
        self.is_online = True
        self.answers_after_sec = 0.0
        self.prices = {SOL: "150", BTC: "60000"}
        self.quotes: list[tuple[str, Decimal]] = []
        self.board.add(self)
        self.market = RealMarket(self._open, self._exchange_of, KeptMarkets(folder / "paper.json"))
        feed = make_feed(config or PaperConfig(), self.board, self.clock, None, self.market)
        assert feed is not None
        self.feed: Feed = feed

    def on_quote(self, symbol: str, quote: Quote) -> None:
        self.quotes.append((symbol, quote.last))

    def _open(self, name: str, market_type: MarketType, take: TakeQuote) -> PublicVenue | None:
        if name not in {"binance", "bybit", "gate"} or market_type is not MarketType.LINEAR:
            return None
        venue = self.venues[name] = FakeVenue(take, self.clock, self.prices)
        venue.is_reachable, venue.answers_after_sec = self.is_online, self.answers_after_sec
        return venue

    async def _exchange_of(self, symbol: str) -> str | None:
        return self.exchanges.get(symbol.partition("/")[0])

    async def first_signal(self, symbol: str, price: str) -> None:
        """What the paper exchange does when a market is first asked for."""
        await self.board.prepare(symbol)
        self.board.open(symbol, Decimal(price))

    def last(self, symbol: str) -> Decimal:
        return self.board.quotes[symbol].last

    def tick(self, symbol: str) -> Decimal:
        rules = self.board.rules.rules(symbol, None)
        assert rules is not None
        return rules.tick_size


async def online(folder: Path) -> World:
    """A world in which SOL has had a real price."""
    world = World(folder, SOL="BINANCE")
    world.feed.start()
    await world.first_signal(SOL, "200")
    return world


async def test_a_new_market_opens_at_the_price_and_rules_of_the_exchange_that_its_signal_names(tmp_path: Path) -> None:
    world = await online(tmp_path)
    assert (world.last(SOL), world.tick(SOL)) == (Decimal(150), REAL_TICK)
    await world.clock.advance(10)
    assert world.last(SOL) == 150, "the walk leaves it alone"
    world.venues["binance"].say(SOL, "151")
    assert world.last(SOL) == 151


async def test_each_market_has_the_prices_of_its_own_exchange(tmp_path: Path) -> None:
    world = World(tmp_path, SOL="BINANCE", BTC="GATEIO")
    world.feed.start()
    await world.first_signal(SOL, "200")
    await world.first_signal(BTC, "61000")
    assert {name: venue.watched for name, venue in world.venues.items()} == {
        "binance": frozenset({SOL}),
        "gate": frozenset({BTC}),
    }


@pytest.mark.parametrize("exchange", ["COINBASE", None])
async def test_a_market_of_an_exchange_that_is_not_offered_walks(tmp_path: Path, exchange: str | None) -> None:
    world = World(tmp_path)
    if exchange is not None:
        world.exchanges["SOL"] = exchange
    world.feed.start()
    await world.first_signal(SOL, "200")
    assert world.last(SOL) == 200
    await world.clock.advance(20)
    assert world.last(SOL) != 200


async def test_a_market_that_the_exchange_does_not_have_walks(tmp_path: Path) -> None:
    world = World(tmp_path, ODD="BINANCE")
    world.feed.start()
    await world.first_signal(ODD, "3")
    await world.clock.advance(20)
    assert world.last(ODD) != 3
    assert world.venues["binance"].asked == [ODD]


@pytest.mark.parametrize("told", [None, "BINANCE"])
async def test_a_market_walks_only_until_its_exchange_is_named(tmp_path: Path, told: str | None) -> None:
    world = World(tmp_path)
    world.feed.start()
    await world.first_signal(SOL, "200")
    await world.clock.advance(20)
    assert world.venues == {}

    if told is None:
        world.exchanges["SOL"] = "BINANCE"
    await world.board.prepare(SOL, told)
    assert world.last(SOL) == 150
    await world.board.prepare(SOL, told)
    assert world.venues["binance"].asked == [SOL]


async def test_a_market_that_one_exchange_does_not_have_is_looked_for_at_the_next_one_named(tmp_path: Path) -> None:
    world = World(tmp_path, ODD="BINANCE")
    world.feed.start()
    await world.first_signal(ODD, "3")
    world.prices[ODD] = "4"
    await world.board.prepare(ODD, "GATEIO")
    assert world.last(ODD) == 4


async def test_unreachable_at_start_the_market_walks_until_the_venue_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path, SOL="BINANCE")
    world.is_online = False
    world.feed.start()
    with caplog.at_level(logging.INFO, "app.exchange.paper.live"):
        await world.first_signal(SOL, "200")
        await world.clock.advance(3600)
    assert world.last(SOL) != 200
    assert len(caplog.messages) == 1
    assert 55 < len(world.venues["binance"].asked) < 75, "about once a minute"

    own_rules = world.tick(SOL)
    world.venues["binance"].is_reachable = True
    await world.clock.advance(60)
    assert world.last(SOL) == 150, "a jump is a price"
    assert world.tick(SOL) == own_rules, "rules that were told stay"
    await world.clock.advance(20)
    assert world.last(SOL) == 150


async def test_while_the_venue_is_away_nobody_waits_for_it(tmp_path: Path) -> None:
    world = World(tmp_path, SOL="BINANCE", BTC="BINANCE")
    world.is_online = False
    world.feed.start()
    await world.first_signal(SOL, "200")
    await world.first_signal(BTC, "60000")
    assert world.clock.monotonic() == 0


async def test_a_venue_that_does_not_answer_is_waited_for_only_so_long(tmp_path: Path) -> None:
    world = World(tmp_path, SOL="BINANCE")
    world.answers_after_sec = 1000.0
    world.feed.start()
    opening = asyncio.ensure_future(world.first_signal(SOL, "200"))
    await world.clock.advance(PATIENCE_SEC - 0.1)
    assert not opening.done()
    await world.clock.advance(0.1)
    assert opening.done()
    assert SOL in world.board.quotes
    await world.feed.stop()


async def test_nothing_is_waited_for_before_the_start(tmp_path: Path) -> None:
    world = World(tmp_path, SOL="BINANCE")
    await world.first_signal(SOL, "200")
    assert world.venues == {}

    world.feed.start()
    await settle()
    assert world.last(SOL) == 150


async def test_a_market_that_was_real_stands_after_a_restart_without_the_venue(tmp_path: Path) -> None:
    first = await online(tmp_path)
    await first.feed.stop()
    assert first.venues["binance"].is_closed

    second = World(tmp_path)
    second.is_online = False
    second.board.open(SOL, Decimal(150))
    second.feed.start()
    await second.clock.advance(300)
    assert second.last(SOL) == 150
    assert second.tick(SOL) == REAL_TICK

    second.venues["binance"].is_reachable = True
    second.prices[SOL] = "140"
    await second.clock.advance(60)
    assert second.last(SOL) == 140


async def test_nothing_is_shown_after_the_stop(tmp_path: Path) -> None:
    world = await online(tmp_path)
    world.venues["binance"].say(SOL, "151")
    await world.feed.stop()
    await world.clock.advance(10)
    assert world.last(SOL) == 150


async def test_rules_of_a_market_that_was_real_hold_whatever_the_feed(tmp_path: Path) -> None:
    first = await online(tmp_path)
    await first.feed.stop()
    second = World(tmp_path, PaperConfig(feed="random_walk"))
    assert second.tick(SOL) == REAL_TICK


async def test_a_price_set_by_hand_holds_until_it_is_released(tmp_path: Path) -> None:
    world = await online(tmp_path)
    world.board.set_price(SOL, Decimal(120))
    await world.clock.advance(1)
    world.venues["binance"].say(SOL, "151")
    assert world.last(SOL) == 120

    world.board.release(SOL)
    await world.clock.advance(1)
    world.venues["binance"].say(SOL, "152")
    assert world.last(SOL) == 152


async def test_the_live_feed_follows_its_venue_whatever_signals_name(tmp_path: Path) -> None:
    world = World(tmp_path, PaperConfig(feed="live", feed_venue="bybit"), SOL="BINANCE")
    world.feed.start()
    await world.first_signal(SOL, "200")
    assert list(world.venues) == ["bybit"]
    assert world.last(SOL) == 150


async def test_the_live_feed_invents_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, PaperConfig(feed="live", feed_venue="bybit"))
    world.is_online = False
    world.feed.start()
    await world.first_signal(SOL, "200")
    await world.clock.advance(60)
    assert world.last(SOL) == 200


def test_the_live_feed_needs_a_venue(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="feed_venue"):
        PaperConfig(feed="live")
    world = World(tmp_path)
    with pytest.raises(OperatorActionNeeded, match=r"paper\.feed_venue"):
        make_feed(PaperConfig(), world.board, world.clock, "live", world.market)


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize("text", ["", "[]", "{", '{"SOL/USDT:USDT": {"venue": "binance", "rules": {}}}'])
def test_kept_markets_that_cannot_be_read_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "paper.json"
    path.write_text(text)
    assert KeptMarkets(path).rules() == []


class TestConflation:
    def setup_method(self) -> None:
        self.clock = ManualClock()
        self.shown: list[tuple[str, int]] = []
        self.conflation = Conflation(self.clock, lambda symbol, quote: self.shown.append((symbol, int(quote.last))))

    def say(self, symbol: str, *prices: int) -> None:
        for price in prices:
            self.conflation.take(symbol, Quote.flat(Decimal(price), self.clock.now()))

    async def test_the_first_price_goes_at_once_and_the_newest_after_a_tenth_of_a_second(self) -> None:
        self.say(SOL, 1, 2, 3)
        assert self.shown == [(SOL, 1)]
        await self.clock.advance(0.05)
        self.say(SOL, 4)
        assert self.shown == [(SOL, 1)]
        await self.clock.advance(0.05)
        assert self.shown == [(SOL, 1), (SOL, 4)]

    async def test_a_market_that_was_quiet_is_not_held_back(self) -> None:
        self.say(SOL, 1)
        await self.clock.advance(0.2)
        self.say(SOL, 2)
        assert self.shown == [(SOL, 1), (SOL, 2)]

    async def test_markets_do_not_hold_each_other_back(self) -> None:
        self.say(SOL, 1)
        self.say(BTC, 2)
        assert self.shown == [(SOL, 1), (BTC, 2)]

    async def test_a_steady_stream_is_shown_ten_times_a_second(self) -> None:
        for step in range(100):
            self.say(SOL, step)
            await self.clock.advance(0.01)
        assert 9 <= len(self.shown) <= 11
