"""The main job after a restart, after the loss of its database, and beside what others have at the venue."""

from __future__ import annotations

from datetime import datetime

from app.domain.values import OrderSide, OrderType
from app.messages.records import Changes, SignalOutcome, StoredGroup, StoredState
from app.persistence.database import open_database
from app.ports.store import Store
from tests.integration.exchange.main_job import (
    ENTRY,
    PLAIN,
    PROFIT,
    STOP,
    STOPPED,
    D,
    account_of,
    every_place,
    external,
    judge_result,
    live,
    on_step,
    placed,
    settled,
    total,
)
from tests.support.markets import Place
from tests.support.trading import Trading


@every_place
async def test_what_filled_while_no_engine_ran_is_taken_up_at_the_restart(place: Place) -> None:
    async with Trading(PLAIN, place=place) as trading:
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
    async with Trading(PLAIN, place=place) as trading:
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
    async with Trading(PLAIN, place=place, store=store) as trading:
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
    async with Trading(PLAIN, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        theirs = {order.number for order in trading.resting()}
        await trading.crash()
        trading.store = await empty_store("zzzz")
        await trading.start(ready=False)
        await trading.until(lambda: "another Ziggurat instance" in (account_of(trading).reason or ""))
        record = await trading.signal()
        assert record.outcome is not SignalOutcome.EXECUTED, record
        await trading.reconcile()
        assert {order.number for order in trading.resting()} == theirs
        assert trading.groups() == []


@every_place
async def test_what_the_trader_has_at_the_venue_is_shown_and_never_touched(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        book = trading.fake.book
        buy = (trading.symbol, OrderSide.BUY)
        if not place.is_spot:  # a venue changes neither margin nor leverage under somebody's orders
            book.act(lambda: book.core.set_leverage(trading.symbol, D(1), "isolated"))
        book.act(lambda: book.core.place_by_hand(*buy, OrderType.MARKET, D(2), None, trading.clock.now()))
        book.act(lambda: book.core.place_by_hand(*buy, OrderType.LIMIT, D(3), D(150), trading.clock.now()))
        theirs = trading.held()
        await trading.reconcile()
        if not place.is_spot:
            await trading.until(lambda: external(trading) == {f"{trading.symbol}/long": D(2)})
        await trading.signal()
        await trading.until(lambda: bool(live(trading, STOP)) and trading.group.protected is True)
        assert trading.held() == theirs + trading.group.open_quantity
        assert total(live(trading, STOP)) == on_step(trading, trading.group.open_quantity)
        await trading.exit()
        await trading.until(lambda: not trading.groups())
        await trading.reconcile()
        assert [(order.price, order.quantity) for order in trading.resting()] == [(D(150), D(3))]
        assert trading.held() == theirs + trading.last.dust
