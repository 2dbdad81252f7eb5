"""The venue changes a market's rules while a group is open on it."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from app.domain.values import OrderRole
from tests.support.trading import SOL, Trading, grid

D = Decimal


async def test_an_exit_that_new_rules_refuse_is_placed_by_them() -> None:
    async with Trading(grid(("0", "50", "3"), ("1", "50", "3"))) as trading:
        await trading.signal()
        await trading.protected()
        ledger = trading.fake.book.ledger
        ledger.rules[SOL] = dataclasses.replace(ledger.rules[SOL], tick_size=D(7))
        trading.price("197.9")
        await trading.until(lambda: -1111 in trading.codes())
        await trading.until(
            lambda: any(stop.trigger_price % 7 == 0 and stop.quantity == trading.held() for stop in trading.stops())
        )
        await trading.until(lambda: trading.orders(OrderRole.STOP_LOSS)[-1].status == "open")
        assert trading.group.protected is True
