"""Orders that the limits leave no room for are known not to have left, by whoever waits for their outcome."""

from __future__ import annotations

from pathlib import Path

from app.accounts.venues import VenueMaker
from app.base.clock import system_clock
from app.base.config import parse_config
from app.base.secret import Secret
from app.base.waiting import within
from app.exchange.ccxt.venue import CcxtVenue
from app.messages.reports import NotSent
from app.persistence.database import open_database
from tests.integration.exchange.joined import board_with
from tests.integration.exchange.venue_contract import SYMBOL, request
from tests.support.venues import BinanceLinear

CONFIG = parse_config(
    {
        "accounts": [{"id": "main", "venue": "binance", "market_type": "linear", "environment": "live"}],
        "order": {"timeout_sec": 4},
    }
)
KEYS = {"api_key": Secret("key"), "secret": Secret("secret")}


async def test_h28_orders_that_wait_for_the_limits_are_told_unsent_before_their_time_is_over(tmp_path: Path) -> None:
    board, clock = board_with(SYMBOL), system_clock()
    fake = BinanceLinear(board)
    maker = VenueMaker(clock, board, open_database(None).paper, {"main": await fake.start()}, tmp_path)
    venue = maker.make(CONFIG.accounts[0], KEYS, CONFIG)
    assert isinstance(venue, CcxtVenue)
    try:
        await venue.connect(lambda _: None)
        await venue.load_market(SYMBOL, None)
        for bucket in venue.limiter.host.buckets:
            bucket.spend(bucket.budget.amount)
        outcomes = await within(clock, CONFIG.order.timeout_sec, venue.create_orders([request(1), request(2)]))
        assert all(isinstance(outcome, NotSent) for outcome in outcomes)
        assert fake.ledger.orders == {}
    finally:
        await venue.close()
        await fake.stop()
