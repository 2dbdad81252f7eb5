"""The venue is out of reach in the middle of a grid, fills happen meanwhile, and soon after its return books agree."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from app.base.errors import Retryable
from app.domain.values import OrderRole
from app.exchange.ccxt.poller import Poller
from tests.support.markets import PLACES
from tests.support.trading import HASTY, Trading, grid
from tests.support.tunnel import Tunnel
from tests.support.venues.faults import FaultKind

D = Decimal
IS_LONG = os.environ.get("ZIGGURAT_LONG") == "1"
"""A cut lasts a minute; otherwise only until the silence is noticed."""
LONG_SEC = 60.0
EQUAL_WITHIN_SEC = 5.0
NOTICED_WITHIN_SEC = 15.0
GRID = grid(("0", "40", "3"), ("-2", "30", "1"), ("-4", "30", "3"), stop="20") | HASTY


class Tunnelled(Trading):
    """With a stretch of network before the venue."""

    tunnel: Tunnel

    async def __aenter__(self) -> Tunnelled:
        await self.fake.start()
        self.tunnel = Tunnel(port_of(self.fake.url))
        self.fake.url = await self.tunnel.start() + urlsplit(self.fake.url).path
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.stop(0)
        await self.tunnel.stop()
        await self.fake.stop()


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


async def moved_while_away(trading: Trading) -> None:
    """The second leg fills, and the price of its take-profit passes, which nobody could place; then the third fills."""
    for price in ("195.9", "198", "191.9"):
        trading.price(price)
    await while_away(trading)


async def while_away(trading: Trading) -> None:
    await trading.until(lambda: not trading.venue.health().connected, NOTICED_WITHIN_SEC)
    if IS_LONG:
        await trading.clock.sleep(LONG_SEC)


def books_are_equal(trading: Trading) -> bool:
    """Position, live orders and exits, compared order by order."""
    if len(trading.groups()) != 1:
        return False
    ours = {
        order.client_order_id: (order.quantity, order.filled)
        for order in trading.engine.state.orders.values()
        if order.is_live
    }
    theirs = {order.client_order_id: (order.quantity, order.filled) for order in trading.resting()}
    held = trading.held()
    exits = [order for order in trading.orders(OrderRole.TAKE_PROFIT) if order.is_live]
    return (
        ours == theirs
        and trading.group.open_quantity == held > 0
        and sum(order.quantity - order.filled for order in exits) == held
        and sum(stop.quantity for stop in trading.stops()) == held
    )


async def assert_equal_soon(trading: Trading) -> None:
    await trading.until(lambda: books_are_equal(trading), EQUAL_WITHIN_SEC)
    assert trading.group.legs_filled == 3
    names = [order.client_order_id for order in trading.fake.ledger.orders.values()]
    assert len(names) == len(set(names))
    await trading.until(lambda: trading.engine.state.accounts["perp"].ready, EQUAL_WITHIN_SEC)


@pytest.mark.expects_log_warnings
async def test_fills_while_the_venue_is_down_are_booked_within_five_seconds_of_its_return() -> None:
    async with Trading(GRID) as trading:
        await trading.enter()
        port = port_of(trading.fake.url)
        await trading.fake.stop()
        await moved_while_away(trading)
        await trading.until(lambda: bool(trading.seen("account.breaker_opened")))
        await trading.fake.start(port)
        await assert_equal_soon(trading)


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize(
    ("forgets", "name"),
    [(False, "binance"), (True, "binance"), (True, "bybit"), (True, "aster")],
    ids=["connections live on", "connections are dead", "at Bybit", "at Aster"],
)
async def test_fills_while_packets_vanish_are_booked_within_five_seconds_of_their_return(
    forgets: bool, name: str
) -> None:
    place = next(place for place in PLACES if place.name == name)
    async with Tunnelled(GRID, place=place) as trading:
        await trading.enter()
        trading.tunnel.cut()
        await moved_while_away(trading)
        trading.tunnel.mend(forgets=forgets)
        await assert_equal_soon(trading)


@pytest.mark.expects_log_warnings
async def test_an_order_sent_into_the_silence_is_neither_doubled_nor_lost() -> None:
    async with Tunnelled(GRID) as trading:
        await trading.enter()
        trading.tunnel.cut()
        group = trading.group.id
        await trading.exit()
        await while_away(trading)
        trading.tunnel.mend(forgets=True)
        await trading.until(
            lambda: not trading.groups() and not trading.held() and not trading.resting(), EQUAL_WITHIN_SEC
        )
        assert trading.last.id == group
        sold = sum((order.filled for order in trading.fake.ledger.orders.values() if order.side == "sell"), start=D(0))
        assert sold == 2


@pytest.mark.expects_log_warnings
async def test_a_reading_that_fails_upon_the_return_is_tried_again_soon() -> None:
    async with Trading(GRID) as trading:
        await trading.enter()
        trading.fake.faults.arm(FaultKind.ERROR_BEFORE, "/positionRisk", method="GET", times=2)
        trading.fake.streams.cut_user_streams()
        await trading.until(lambda: bool(trading.seen("account.stale")) and not trading.fake.faults.armed)
        await trading.until(lambda: trading.engine.state.accounts["perp"].ready)


@pytest.mark.expects_log_warnings
async def test_a_look_at_the_orders_that_fails_upon_the_return_is_repeated_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Poller, "_slow_sec", lambda _: 600.0)
    async with Trading(GRID) as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.ERROR_BEFORE, "/openAlgoOrders", method="GET", times=3)
        trading.fake.streams.cut_user_streams()
        await trading.until(lambda: not trading.fake.faults.armed)
        trading.price("195.9")
        await trading.until(lambda: trading.group.legs_filled == 2, EQUAL_WITHIN_SEC)


@pytest.mark.expects_log_warnings
async def test_once_a_request_was_lost_no_other_goes_over_a_connection_from_before() -> None:
    async with Tunnelled(GRID) as trading:
        await asyncio.gather(*(trading.venue.server_time() for _ in range(6)))
        trading.tunnel.cut()
        with pytest.raises(Retryable):
            await trading.venue.server_time()
        trading.tunnel.mend(forgets=True)
        assert (await trading.venue.server_time()).tzinfo is not None
