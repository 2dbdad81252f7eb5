"""The main job on every market: a signal, its grid, fills, exits, and what may come between. The fake's book judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from app.domain import client_order_id
from app.domain.values import ZERO, CloseReason, OrderRole, OrderSide, OrderType, Side
from app.messages.records import Changes, StoredGroup, StoredState
from app.messages.snapshots import GroupSnapshot
from app.persistence.database import open_database
from app.ports.paper_store import PaperOrder
from app.ports.store import Store
from tests.support.markets import LINEAR, PLACES, Place
from tests.support.trading import ACCOUNT, Trading, grid

D = Decimal
ENTRY, PROFIT, STOP = OrderRole.ENTRY, OrderRole.TAKE_PROFIT, OrderRole.STOP_LOSS
LEVELS = (("0", "20", "1"), ("1", "20", "1"), ("2", "20", "1"), ("3", "20", "1"), ("4", "20", "1"))
GRID = {D(200): D("1.000"), D(198): D("1.010"), D(196): D("1.020"), D(194): D("1.030"), D(192): D("1.041")}
"""What 1000 USDT at 200 become: quantities by price; the first goes at market."""
RESTING = {price: quantity for price, quantity in GRID.items() if price != 200}
WATCHED = grid(*LEVELS, stop=None)
STOPPED = grid(*LEVELS, stop="10")

every_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
every_perpetual = pytest.mark.parametrize("place", LINEAR, ids=lambda place: place.name)


def role(order: PaperOrder) -> OrderRole | None:
    address = client_order_id.decode(order.client_order_id)
    return None if address is None else address.role


def live(trading: Trading, *roles: OrderRole) -> list[PaperOrder]:
    """The orders of these roles that rest at the venue."""
    return [order for order in trading.resting() if role(order) in roles]


def of_group(orders: Iterable[PaperOrder], group: GroupSnapshot) -> list[PaperOrder]:
    own = {order.client_order_id for order in group.orders}
    return [order for order in orders if order.client_order_id in own]


def total(orders: Iterable[PaperOrder]) -> Decimal:
    return sum((order.quantity - order.filled for order in orders), ZERO)


def placed(trading: Trading) -> Counter[OrderRole | None]:
    """How many orders of each role the venue has ever taken."""
    return Counter(role(order) for order in trading.fake.book.ledger.orders.values())


def sellable(trading: Trading, group: GroupSnapshot) -> Decimal:
    """The group's quantity on the market's step: on spot the fee was taken from what was bought."""
    return trading.place.rules("SOL").quantize_quantity(group.open_quantity)


def is_even(trading: Trading) -> bool:
    """Whether the group and the venue hold the same, and everything of it is on its way out."""
    group = trading.group
    profits = live(trading, PROFIT)
    exits = {sellable(trading, group), trading.held(), total(profits)}
    return len(exits) == 1 and len(profits) == sum(leg.open_quantity > 0 for leg in group.legs)


async def settled(trading: Trading, legs: int) -> GroupSnapshot:
    """Wait until so many legs are filled and each one's take-profit rests."""
    await trading.until(lambda: len(trading.groups()) == 1 and len(live(trading, PROFIT)) == legs)
    await trading.until(lambda: is_even(trading) and not pending(trading))
    return trading.group


def pending(trading: Trading) -> list[Any]:
    """The group's orders of which the engine waits to hear."""
    return [order for order in trading.group.orders if order.status in {"pending", "submitted", "unknown"}]


def stop_is_whole(trading: Trading) -> bool:
    stops = live(trading, STOP)
    return len(stops) == 1 and stops[0].quantity == trading.held() == sellable(trading, trading.group)


def judge_result(trading: Trading) -> None:
    """The P&L that was told is what the wallet gained; coins too few to sell count at what they cost."""
    dust = trading.gained("SOL")
    cost = sum((group.dust for group in trading.engine.all_groups()), ZERO)
    told = sum((group.realized_pnl for group in trading.engine.all_groups()), ZERO)
    assert dust < D("0.001") * len(GRID), (dust, cost)
    assert abs(told - trading.gained("USDT")) <= dust * 200 + D("1e-12"), (told, trading.gained("USDT"), dust)


# ---------------------------------------------------------------------------------------------- from signal to flat


@every_place
async def test_a_signal_becomes_a_grid_of_five_on_the_wire(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        entries = live(trading, ENTRY)
        assert {order.price: order.quantity for order in entries} == RESTING
        assert placed(trading) == {ENTRY: 5, PROFIT: 1}
        assert [order.price for order in live(trading, PROFIT)] == [D(202)]
        together = [item for item in trading.requests if item.path.endswith(("batchOrders", "create-batch"))]
        assert len(together) == (1 if place.dialect.batch_size > 1 else 0)


@every_place
async def test_fills_over_the_stream_bring_take_profits_that_end_in_the_wallet(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        trading.price("195.5")
        group = await settled(trading, 3)
        assert [leg.status for leg in group.legs] == ["filled"] * 3 + ["open"] * 2
        assert {order.price for order in live(trading, PROFIT)} == {D(202), D("199.98"), D("197.96")}
        trading.price("203")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.TAKE_PROFIT
        assert placed(trading) == {ENTRY: 5, PROFIT: 3}
        assert trading.gained("USDT") > 0
        judge_result(trading)


@every_place
async def test_a_short_is_the_mirror_of_a_long(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        record = await trading.signal("sell")
        if place.is_spot:
            assert record.reason is not None
            assert trading.resting() == []
            return
        await trading.until(lambda: len(live(trading, PROFIT)) == 1 and len(live(trading, ENTRY)) == 4)
        assert trading.held(side=Side.SHORT) == 1
        assert {order.price for order in live(trading, ENTRY)} == {D(202), D(204), D(206), D(208)}
        trading.price("197")
        await trading.until(lambda: not trading.groups())
        assert trading.held(side=Side.SHORT) == ZERO
        assert trading.resting() == []
        judge_result(trading)


@every_place
async def test_a_stop_rests_right_after_the_first_fill_and_grows_with_the_position(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        began = trading.clock.monotonic()
        await trading.signal()
        await trading.until(lambda: bool(live(trading, STOP)))
        assert trading.clock.monotonic() - began < 1
        await trading.until(lambda: stop_is_whole(trading))
        trading.price("195.5")
        await trading.until(lambda: trading.held() > 3 and stop_is_whole(trading))
        assert bool(live(trading, PROFIT)) is not place.is_spot
        assert trading.group.protected


@every_place
async def test_a_price_through_the_stop_leaves_nothing(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        await trading.signal()
        await trading.until(lambda: bool(trading.groups()) and stop_is_whole(trading))
        trading.price("195.5")
        await trading.until(lambda: trading.held() > 3 and stop_is_whole(trading))
        trading.price("170")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS
        assert trading.held(side=Side.SHORT) == ZERO
        judge_result(trading)


@every_place
async def test_take_profits_are_taken_where_a_stop_rests(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        await trading.signal()
        await trading.until(lambda: bool(trading.groups()) and stop_is_whole(trading))
        trading.price("203")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.TAKE_PROFIT
        judge_result(trading)


@every_place
async def test_what_the_venue_takes_of_a_grid_is_kept(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        rules = trading.fake.book.ledger.rules
        limit_largest(rules, trading.symbol, D("1.015"))
        await trading.signal()
        group = await settled(trading, 1)
        assert {order.price for order in live(trading, ENTRY)} == {D(198)}
        assert [leg.status for leg in group.legs] == ["filled", "open", *["cancelled"] * 3]
        assert len(trading.seen("order.rejected")) == 3
        assert trading.alerts("warning")
        trading.price("197")
        await settled(trading, 2)
        trading.price("203")
        await trading.flat()
        judge_result(trading)


def limit_largest(rules: dict[str, Any], symbol: str, largest: Decimal) -> None:
    """From now on the venue refuses what is larger, of which the engine has not heard."""
    from dataclasses import replace

    rules[symbol] = replace(rules[symbol], max_qty=largest)


@every_place
async def test_an_exit_signal_ends_everything(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        trading.price("195.5")
        await settled(trading, 3)
        await trading.exit(price="195.5")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.EXIT_SIGNAL
        assert trading.held(side=Side.SHORT) == ZERO
        judge_result(trading)


# ---------------------------------------------------------------------------------------------- many at once


@every_place
async def test_a_pyramid_adds_its_own_grid_and_take_profits(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        trading.price("201")
        await trading.until_quoted(D(201))
        await trading.signal(price="201")
        group = await settled(trading, 2)
        assert group.pyramids == 2
        assert len(live(trading, ENTRY)) == 8
        assert {order.price for order in live(trading, PROFIT)} == {D(202), D("203.01")}
        trading.price("204")
        await trading.flat()
        judge_result(trading)


@every_place
async def test_groups_on_one_book_keep_to_their_own(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        await trading.signal(timeframe="60")
        await trading.signal(timeframe="240", size=D(2000))
        await trading.until(lambda: len(trading.groups()) == 2 and len(live(trading, STOP)) == 2)
        await trading.until(lambda: len(live(trading, ENTRY)) == 8)
        small, large = sorted(trading.groups(), key=lambda group: group.open_quantity)
        assert [total(of_group(live(trading, STOP), group)) for group in (small, large)] == [
            sellable(trading, small),
            sellable(trading, large),
        ]
        whole = small.open_quantity + large.open_quantity
        assert trading.held() == trading.place.rules("SOL").quantize_quantity(whole)

        await trading.exit(timeframe="60")
        await trading.until(lambda: len(trading.groups()) == 1)
        (left,) = trading.groups()
        assert (left.id, left.open_quantity) == (large.id, large.open_quantity)
        assert trading.held() == sellable(trading, left)
        assert of_group(trading.resting(), left) == trading.resting()
        assert stop_is_whole(trading)
        assert (await trading.reconcile()).findings == ()

        await trading.exit(timeframe="240")
        await trading.flat()
        judge_result(trading)


# ---------------------------------------------------------------------------------------------- restart and loss


@every_place
async def test_what_filled_while_no_engine_ran_is_taken_up_at_the_restart(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        await trading.crash()
        trading.price("195.5")
        await trading.start()
        await settled(trading, 3)
        assert placed(trading) == {ENTRY: 5, PROFIT: 3}
        await trading.restart()
        await settled(trading, 3)
        assert placed(trading) == {ENTRY: 5, PROFIT: 3}
        trading.price("203")
        await trading.flat()
        judge_result(trading)


async def empty_store(tag: str) -> Store:
    store = open_database(None).store
    await store.commit(Changes(facts={"instance_tag": tag, "epoch": "0"}))
    return store


@every_place
async def test_without_its_database_an_instance_cancels_its_own_orders_and_leaves_the_position(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        held = trading.held()
        await trading.crash()
        trading.store = await empty_store(trading.engine.state.facts["instance_tag"])
        await trading.start()
        await trading.until(lambda: not trading.resting())
        assert trading.groups() == []
        assert trading.held() == held
        if not place.is_spot:
            await trading.until(lambda: external(trading) == {f"{trading.symbol}/long": held})


def external(trading: Trading) -> dict[str, Decimal]:
    (account,) = trading.engine.snapshot().accounts
    return dict(account.external)


class Forgetful:
    """A store that, once `forgets`, loses whatever it is given to keep."""

    def __init__(self) -> None:
        self.forgets = False
        self._store: Store = open_database(None).store

    async def load(self, recent_since: datetime) -> StoredState:
        return await self._store.load(recent_since)

    async def commit(self, changes: Changes) -> None:
        if not self.forgets:
            await self._store.commit(changes)

    async def load_group(self, group_id: str) -> StoredGroup | None:
        return await self._store.load_group(group_id)


@every_place
async def test_orders_of_its_open_group_that_it_does_not_remember_are_adopted(place: Place) -> None:
    store = Forgetful()
    async with Trading(WATCHED, place=place, store=store) as trading:
        await trading.signal()
        await settled(trading, 1)
        store.forgets = True
        trading.price("195.5")
        await settled(trading, 3)
        await trading.crash()
        store.forgets = False
        await trading.start()
        await settled(trading, 3)
        assert len(trading.seen("order.adopted")) == 2
        assert placed(trading) == {ENTRY: 5, PROFIT: 3}
        trading.price("203")
        await trading.flat()
        judge_result(trading)


@every_place
async def test_another_instances_orders_are_never_touched_and_hold_entries(place: Place) -> None:
    async with Trading(WATCHED, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        theirs = {order.number for order in trading.resting()}
        await trading.crash()
        trading.store = await empty_store("zzzz")
        await trading.start()
        await trading.reconcile()
        (account,) = trading.engine.snapshot().accounts
        assert "another Ziggurat instance" in (account.reason or "")
        held = await trading.signal()
        assert held.outcome is None or held.reason is not None
        await trading.reconcile()
        assert {order.number for order in trading.resting()} == theirs
        assert trading.groups() == []


# ---------------------------------------------------------------------------------------------- the trader's own


@every_place
async def test_what_the_trader_has_at_the_venue_is_shown_and_never_touched(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        book = trading.fake.book
        buy = (trading.symbol, OrderSide.BUY)
        book.act(lambda: book.core.place_by_hand(*buy, OrderType.MARKET, D(2), None, trading.clock.now()))
        book.act(lambda: book.core.place_by_hand(*buy, OrderType.LIMIT, D(3), D(150), trading.clock.now()))
        theirs = trading.held()
        assert theirs == (D("1.998") if place.is_spot else D(2))
        await trading.reconcile()
        if not place.is_spot:
            await trading.until(lambda: external(trading) == {f"{trading.symbol}/long": D(2)})
        await trading.signal()
        await trading.until(lambda: bool(trading.groups()) and len(live(trading, STOP)) == 1)
        await trading.until(lambda: trading.group.protected is True)
        assert live(trading, STOP)[0].quantity == sellable(trading, trading.group)
        await trading.exit()
        await trading.until(lambda: not trading.groups())
        await trading.reconcile()
        assert [(order.price, order.quantity) for order in trading.resting()] == [(D(150), D(3))]
        assert abs(trading.held() - theirs) <= D("0.001")
