"""The trap between the engine and a paper venue lets pairs of orders through, and counts them."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.domain.values import OrderSide, OrderType
from app.exchange.paper.rules import RuleBook
from app.replay.trap import Trap, TrappedVenue
from tests.unit.exchange.paper.bench import SPOT, rules_of
from tests.unit.exchange.paper.shop import Shop, taken


class SpotShop(Shop):
    def __init__(self) -> None:
        super().__init__(market_type="spot", balances={"SOL": Decimal(5)})
        self.board.rules = RuleBook({SPOT: rules_of(SPOT)})
        self.board.quotes = {SPOT: next(iter(self.board.quotes.values()))}


def fail() -> None:
    raise AssertionError("it was not armed")


async def test_a_pair_passes_through_and_counts_as_two_orders_of_one_request() -> None:
    shop, trap = SpotShop(), Trap(fail)
    await shop.open()
    profit = shop.order(OrderSide.SELL, "5", "110", symbol=SPOT)
    stop = shop.order(OrderSide.SELL, "5", symbol=SPOT, type_=OrderType.STOP_MARKET, trigger="90")
    outcomes = await TrappedVenue(shop.venue, trap).create_oco(profit, stop)

    assert [taken(outcome).client_order_id for outcome in outcomes] == [profit.client_order_id, stop.client_order_id]
    assert (trap.orders_sent, trap.requests_sent) == (2, 1)


@pytest.mark.parametrize(("after_send", "made"), [(True, 2), (False, 0)])
async def test_a_crash_comes_before_the_pair_or_after_it(after_send: bool, made: int) -> None:
    shop = SpotShop()
    trap = Trap(lambda: None, sends_left=1, after_send=after_send)
    await shop.open()
    profit = shop.order(OrderSide.SELL, "5", "110", symbol=SPOT)
    stop = shop.order(OrderSide.SELL, "5", symbol=SPOT, type_=OrderType.STOP_MARKET, trigger="90")
    with pytest.raises(asyncio.CancelledError):
        await TrappedVenue(shop.venue, trap).create_oco(profit, stop)

    assert len(shop.venue.ledger.orders) == made
