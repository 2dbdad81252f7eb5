"""Hazards 36, 37, 40 and 41: starting again, the disk, and markets that are gone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from app.domain.values import OrderRole
from app.engine import recovery as recovery_module
from app.messages.effects import LoadMarket
from app.messages.records import Changes, SignalOutcome, StoredGroup, StoredState
from app.persistence.database import open_database
from app.ports.engine import EngineUnavailable
from app.ports.store import Store, StoreFailed
from tests.support.trading import ACCOUNT, ALGO_ORDER, LINK, ORDER, SOL, Trading, grid
from tests.support.venues.faults import FaultKind

D = Decimal


class FullDisk:
    """A store that takes nothing while `is_full`."""

    def __init__(self) -> None:
        self.is_full = False
        self._store: Store = open_database(None).store

    async def load(self, recent_since: datetime) -> StoredState:
        return await self._store.load(recent_since)

    async def commit(self, changes: Changes) -> None:
        if self.is_full:
            raise StoreFailed("the disk is full")
        await self._store.commit(changes)

    async def load_group(self, group_id: str) -> StoredGroup | None:
        return await self._store.load_group(group_id)


async def test_h36_a_position_that_lost_its_engine_before_its_stop_gets_it_at_the_next_start() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.HANG_BEFORE, ALGO_ORDER, method="POST", times=None)
        await trading.signal()
        await trading.until(lambda: bool(trading.groups()) and trading.group.open_quantity == 5)
        await trading.crash()
        trading.fake.faults.clear()
        assert trading.stops() == []
        await trading.start()
        await trading.protected()
        assert [stop.quantity for stop in trading.stops()] == [5]


async def test_h36_an_entry_whose_answer_the_crash_swallowed_has_its_owner_again() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.HANG_AFTER, ORDER, method="POST")
        trading.fake.faults.is_silent = True
        await trading.signal()
        await trading.until(lambda: trading.held() == 5)
        await trading.crash()
        await trading.start()
        group = await trading.protected()
        assert group.open_quantity == 5
        assert len(trading.placed(OrderRole.ENTRY)) == 1


async def test_h36_what_happened_while_no_engine_ran_is_booked_before_anything_is_done() -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.crash()
        trading.price("190")
        assert trading.held() == 0
        await trading.start()
        await trading.flat()
        assert trading.last.close_reason == "stop_loss"
        assert len(trading.placed()) == 3


async def test_h37_a_history_that_does_not_reach_back_changes_nothing() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.book.trades.clear()
        for _ in range(2):
            await trading.restart()
            report = await trading.reconcile()
            assert report.findings == ()
        assert trading.group.open_quantity == trading.held() == 5
        assert len(trading.placed()) == 3
        assert not trading.seen("reconcile.finding")


async def test_h37_a_difference_is_found_once_not_at_every_start() -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.crash()
        core = trading.fake.book.core
        trading.fake.book.act(lambda: core.close_by_hand(SOL, D(2), trading.clock.now()))
        trading.fake.book.trades.clear()
        await trading.start()
        await trading.until(lambda: trading.group.open_quantity == 3)
        found = len(trading.seen("reconcile.finding"))
        await trading.restart()
        await trading.reconcile()
        assert len(trading.seen("reconcile.finding")) == found == 1
        assert trading.group.open_quantity == trading.held() == 3


@pytest.mark.expects_log_warnings
async def test_h40_what_cannot_be_written_down_is_not_sent() -> None:
    disk = FullDisk()
    async with Trading(store=disk) as trading:
        disk.is_full = True
        with pytest.raises(EngineUnavailable, match="the disk is full"):
            await trading.signal()
        assert trading.placed() == []


@pytest.mark.expects_log_warnings
async def test_h40_an_order_sent_before_the_disk_was_full_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery_module, "DISK_RETRY_SEC", 0.2)
    disk = FullDisk()
    async with Trading(grid() | {"risk": {"emergency_cancels_entries": False}}, store=disk) as trading:
        trading.fake.faults.arm(FaultKind.SLOW_BODY, ORDER, method="POST", seconds=1)
        await trading.signal()
        await trading.until(lambda: trading.held() == 5)
        disk.is_full = True
        await trading.until(lambda: trading.engine.state.halted is not None)
        disk.is_full = False
        await trading.protected()
        assert trading.group.open_quantity == trading.held() == 5
        assert len(trading.placed(OrderRole.ENTRY)) == 1
        record = await trading.signal(symbol="LINKUSDT.P", price="20")
        assert (record.outcome, record.reason) == (SignalOutcome.REJECTED, "emergency_stop")


async def test_h41_before_a_market_is_delisted_only_exits_are_sent_and_who_holds_it_is_told() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.book.delisted_ms[SOL] = 4_070_908_800_000
        for _ in range(2):
            trading.engine.load_market(LoadMarket(ACCOUNT, SOL, None, fresh=True))
            await trading.until(lambda: trading.engine.state.markets[ACCOUNT, SOL].rules.closed is not None)
        record = await trading.signal(timeframe="15")
        assert (record.outcome, record.reason) == (SignalOutcome.REJECTED, "market_closed")
        [told] = [alert for alert in trading.alerts("warning") if "off its list" in alert]
        assert told.startswith(f"the exchange takes {SOL} off its list at 2099-01-01 00:00 UTC; groups are open there")
        trading.price("204")
        await trading.flat()
        assert trading.last.close_reason == "take_profit"


async def test_h41_a_market_that_is_gone_holds_up_no_other() -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.signal(symbol="LINKUSDT.P", price="20")
        await trading.until(lambda: len(trading.groups()) == 2 and len(trading.resting()) == 4)
        await trading.crash()
        trading.delist(LINK)
        await trading.start(ready=False)
        await trading.until(lambda: trading.engine.state.accounts["perp"].ready)
        trading.price("204")
        await trading.until(lambda: trading.held(SOL) == 0)
        await trading.until(lambda: [group.symbol for group in trading.groups()] in [[LINK], []])


async def test_h41_a_position_settled_with_its_market_is_no_phantom() -> None:
    async with Trading() as trading:
        await trading.signal(symbol="LINKUSDT.P", price="20")
        await trading.until(lambda: len(trading.resting()) == 2)
        await trading.crash()
        trading.delist(LINK)
        await trading.start(ready=False)
        await trading.until(lambda: trading.engine.state.accounts["perp"].ready)
        await trading.reconcile()
        await trading.until(lambda: not trading.groups())
        assert trading.last.close_reason == "reconciled"
