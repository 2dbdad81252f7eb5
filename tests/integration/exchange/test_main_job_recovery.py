"""The main job after a restart, after the loss of its database, and beside what others have at the venue."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from app.domain import client_order_id
from app.domain.values import OrderSide, OrderType
from app.messages.commands import SettleForeign
from app.messages.records import Changes, SignalOutcome, StoredGroup, StoredState
from app.persistence.database import open_database
from app.persistence.tag_file import TagFile
from app.ports.engine import CommandRefused
from app.ports.paper_store import PaperOrder
from app.ports.store import Store
from tests.integration.exchange.main_job import (
    ENTRY,
    PLAIN,
    PROFIT,
    STOP,
    STOPPED,
    D,
    account_of,
    every_perpetual,
    every_place,
    external,
    judge_result,
    live,
    on_step,
    placed,
    settled,
    stop_is_whole,
    total,
)
from tests.support.markets import Place
from tests.support.trading import ACCOUNT, Trading


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
async def test_without_its_database_an_instance_cancels_its_entries_and_leaves_what_protects_the_position(
    place: Place, tmp_path: Path
) -> None:
    async with Trading(STOPPED, place=place, tag_keeper=TagFile(tmp_path)) as trading:
        await trading.signal()
        await trading.until(lambda: trading.held() > 0 and stop_is_whole(trading))
        held, ours = trading.held(), {order.client_order_id for order in live(trading, PROFIT, STOP)}
        await trading.crash()
        trading.store = open_database(None).store
        await trading.start()
        await trading.until(lambda: not live(trading, ENTRY))
        await trading.reconcile()
        assert {order.client_order_id for order in trading.resting()} == ours
        assert (trading.groups(), trading.held()) == ([], held)
        (told,) = [alert for alert in trading.alerts("critical") if "no group here knows" in alert]
        assert f"{trading.symbol} long on {ACCOUNT}" in told
        left, _, cancelled = told.partition("cancelled: ")
        assert "left at the exchange: " in left
        assert (left.count("stop loss"), cancelled.count("entry ")) == (1, 4)
        assert len(account_of(trading).external_orders) == len(ours)
        if not place.is_spot:
            await trading.until(lambda: external(trading) == {f"{trading.symbol}/long": held})


@every_perpetual
async def test_what_protected_a_lost_position_is_cancelled_once_it_is_gone(place: Place, tmp_path: Path) -> None:
    async with Trading(STOPPED, place=place, tag_keeper=TagFile(tmp_path)) as trading:
        await trading.signal()
        await settled(trading, 1)
        await trading.until(lambda: stop_is_whole(trading))
        await trading.crash()
        trading.store = open_database(None).store
        await trading.start()
        await trading.until(lambda: not live(trading, ENTRY))
        await trading.until(lambda: external(trading) != {})
        book = trading.fake.book
        book.act(lambda: book.core.close_by_hand(trading.symbol, None, trading.clock.now()))
        await trading.reconcile()
        await trading.reconcile()
        await trading.until(lambda: not trading.resting())


@every_place
async def test_ids_made_after_the_loss_of_the_database_are_of_an_epoch_of_their_own(
    place: Place, tmp_path: Path
) -> None:
    async with Trading(PLAIN, place=place, tag_keeper=TagFile(tmp_path)) as trading:
        first = dict(trading.engine.state.facts)
        await trading.crash()
        trading.store = open_database(None).store
        await trading.start()
        later = trading.engine.state.facts
        assert later["instance_tag"] == first["instance_tag"]
        assert (first["epoch"], later["epoch"]) == ("0", "1")


async def test_with_an_older_database_put_back_the_open_group_goes_on_with_ids_of_an_epoch_of_its_own(
    tmp_path: Path,
) -> None:
    keeper = TagFile(tmp_path)
    async with Trading(PLAIN, tag_keeper=keeper) as trading:
        await trading.signal()
        await settled(trading, 1)
        await trading.crash()
        kept = keeper.read()
        assert kept is not None
        keeper.write(replace(kept, sequence=100_000))
        await trading.start()
        trading.price("195.5")
        await settled(trading, 3)
        assert sorted(epoch(order) for order in live(trading, ENTRY, PROFIT)) == [0, 0, 0, 1, 1]
        trading.price("203")
        await trading.flat()
        judge_result(trading)


def epoch(order: PaperOrder) -> int:
    address = client_order_id.decode(order.client_order_id or "")
    assert address is not None
    return address.namespace.epoch


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
async def test_the_orders_of_a_pyramid_that_the_database_lacks_are_cancelled_and_its_group_ends(place: Place) -> None:
    store = Forgetful()
    async with Trading(PLAIN, place=place, store=store) as trading:
        await trading.signal()
        await settled(trading, 1)
        store.forgets = True
        await trading.signal(price="200.1")
        await settled(trading, 2)
        assert len(live(trading, ENTRY)) == 8
        await trading.crash()
        store.forgets = False
        await trading.start()
        await trading.until(lambda: (len(live(trading, ENTRY)), len(live(trading, PROFIT))) == (4, 1))
        await trading.exit()
        await trading.until(lambda: not trading.groups())
        assert trading.engine.defects == []


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


async def test_an_account_is_reconciled_alone_and_an_unknown_one_is_refused() -> None:
    async with Trading(PLAIN) as trading:
        report = await trading.engine.reconcile(ACCOUNT)
        assert (report.accounts, report.failed) == ((ACCOUNT,), {})
        with pytest.raises(CommandRefused, match="there is no account other"):
            await trading.engine.reconcile("other")


@every_place
async def test_adopting_another_instances_orders_leaves_what_protects_its_position(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        await trading.signal()
        await trading.until(lambda: trading.held() > 0 and stop_is_whole(trading))
        exits = {order.client_order_id for order in live(trading, PROFIT, STOP)}
        await trading.crash()
        trading.store = await empty_store("zzzzz")
        await trading.start(ready=False)
        await trading.until(lambda: any("another Ziggurat instance" in told for told in trading.alerts("critical")))
        assert "entries are cancelled, and exits of a position that stays are left" in trading.alerts("critical")[0]
        await trading.engine.ask(SettleForeign(ACCOUNT, "adopt"))
        await trading.until(lambda: not live(trading, ENTRY))
        await trading.reconcile()
        assert {order.client_order_id for order in trading.resting()} == exits
        assert [told for told in trading.alerts("critical") if f"{trading.symbol} long on {ACCOUNT}" in told]
