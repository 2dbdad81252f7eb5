"""Hazards 33–35, 38 and 39: what the venue tells, fails to tell, and does by itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from app.base.clock import LoopClock, system_clock
from app.domain.values import CloseReason, OrderRole, Side
from app.engine import recovery
from app.exchange.ccxt import poller, venue
from app.messages.records import EventRecord, SignalOutcome
from app.messages.reports import FillKind
from tests.support.trading import ACCOUNT, LINK, SOL, Trading, grid
from tests.support.venues.faults import FaultKind

D = Decimal
RESTING = grid(("0", "50", "2"), ("-5", "50", "2"), stop="20")


async def test_h33_after_its_listen_key_expired_the_stream_goes_on_under_a_new_one() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.streams.expire_key()
        await trading.until(lambda: len(trading.fake.asked("POST", "/listenKey")) >= 2)
        await trading.until(lambda: trading.fake.streams.listen_key in trading.fake.streams.user_lines.values())
        trading.price("204")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.TAKE_PROFIT


async def test_h33_what_happened_while_the_stream_was_away_is_read_when_it_is_back() -> None:
    async with Trading(RESTING) as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.fake.streams.cut_user_streams()
        trading.price("190")
        await trading.until(lambda: trading.group.legs_filled == 2)
        assert trading.group.open_quantity == trading.held() > D("2.5")


async def test_h33_a_stream_that_is_silent_but_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "SLOW_SEC", 0.5)
    async with Trading(RESTING) as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.price("190")
        await trading.until(lambda: trading.group.legs_filled == 2)
        assert trading.group.open_quantity == trading.held() > D("2.5")
        await trading.until(lambda: bool(trading.seen("account.stale")))


class Leaping(LoopClock):
    """The wall's clock with a leap: what waking from sleep looks like, the loop's own time standing meanwhile."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        wall = system_clock()
        super().__init__(lambda: wall.now() + self.ahead)


async def test_h34_after_a_leap_of_the_clock_entries_wait_until_the_account_was_read() -> None:
    clock = Leaping()
    async with Trading(clock=clock) as trading:
        await trading.enter()
        clock.ahead = timedelta(hours=1)
        trading.fake.faults.arm(FaultKind.ERROR_BEFORE, "/positionRisk", method="GET", times=None)
        record = await trading.signal(symbol="LINKUSDT.P", price="20")
        assert (record.outcome, record.reason) == (SignalOutcome.QUEUED, "account_stale")
        trading.fake.faults.clear()
        await trading.reconcile()
        await trading.until(lambda: trading.held(LINK) == 50)


async def test_h34_what_a_connection_lost_in_sleep_missed_is_read_first() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.price("190")
        trading.fake.faults.is_silent = False
        trading.fake.streams.cut_user_streams()
        trading.fake.streams.cut_market_streams()
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS


async def test_h35_a_fill_told_twice_is_booked_once() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.DUPLICATE_EVENTS, "ORDER_TRADE_UPDATE", times=None)
        await trading.enter()
        await trading.reconcile()
        await trading.restart()
        await trading.reconcile()
        assert trading.group.open_quantity == 5
        assert trading.group.fees == D("0.5")
        await trading.exit()
        await trading.flat()
        assert trading.last.realized_pnl == D("-1.0")


@pytest.mark.parametrize("kind", [FaultKind.REORDER_EVENTS, FaultKind.DUPLICATE_EVENTS])
async def test_h35_partial_fills_are_booked_once_each_however_they_are_told(kind: FaultKind) -> None:
    async with Trading(grid(entry_order_type="limit")) as trading:
        trading.fake.faults.arm(kind, "ORDER_TRADE_UPDATE", times=None)
        trading.fake.book.core.matcher.fill_sizes[SOL] = D(2)
        await trading.signal()
        for price, held in (("199.99", 2), ("199.98", 4), ("199.97", 5)):
            await trading.until_held(held)
            await trading.reconcile()
            trading.price(price)
        await trading.until(lambda: bool(trading.groups()) and trading.group.open_quantity == 5)
        assert trading.group.open_quantity == trading.held() == 5
        assert [event.data["quantity"] for event in fills(trading)] == ["2", "2", "1"]


async def test_h35_a_trade_told_after_its_order_was_looked_up_without_it_is_booked_once() -> None:
    async with Trading(grid(entry_order_type="limit", stop="20")) as trading:
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.ERROR_BEFORE, "/userTrades", method="GET", times=None)
        trading.fake.faults.arm(FaultKind.LOST_AFTER, "/order", method="POST")
        trading.fake.book.core.matcher.fill_sizes[SOL] = D(2)
        await trading.signal()
        await trading.until(lambda: bool(trading.groups()) and trading.group.open_quantity > 0)
        assert (trading.group.open_quantity, trading.held(), trading.group.fees) == (D(2), D(2), D(0))
        trading.fake.faults.clear()
        trading.fake.faults.is_silent = False
        await trading.reconcile()
        await trading.until(lambda: trading.group.fees > 0)
        await trading.restart()
        await trading.reconcile()
        assert trading.group.open_quantity == trading.held() == 2
        trading.price("199.98")
        await trading.until(lambda: trading.group.open_quantity == trading.held() == 4)


def fills(trading: Trading) -> list[EventRecord]:
    """What was booked of the entry."""
    told = trading.seen("order.partially_filled", role="entry") + trading.seen("order.filled", role="entry")
    return sorted(told, key=lambda event: event.sequence)


@pytest.mark.parametrize(
    ("kind", "reason"), [(FillKind.LIQUIDATION, CloseReason.LIQUIDATED), (FillKind.ADL, CloseReason.ADL)]
)
async def test_h38_a_forced_close_is_told_by_its_name(kind: FillKind, reason: CloseReason) -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.set_quote(SOL, D(198), D(198), D(198), D(198))
        trading.fake.book.force(SOL, kind)
        await trading.flat()
        assert trading.last.close_reason == reason
        assert trading.last.realized_pnl == trading.fake.book.wallet["USDT"] - 10_000
        assert not trading.last.estimated
        assert trading.alerts("warning")


async def test_h38_a_liquidation_nobody_told_of_is_found_by_reading() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.fake.book.force(SOL, FillKind.LIQUIDATION)
        await trading.reconcile()
        await trading.flat()
        assert trading.last.close_reason == CloseReason.LIQUIDATED


@pytest.mark.parametrize("is_silent", [False, True], ids=["told", "silent"])
async def test_h39_a_position_closed_by_hand_is_closed_here_and_its_stop_not_placed_again(is_silent: bool) -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.is_silent = is_silent
        core = trading.fake.book.core
        trading.fake.book.act(lambda: core.close_by_hand(SOL, None, trading.clock.now()))
        await trading.reconcile()
        await trading.flat()
        assert trading.last.close_reason == CloseReason.RECONCILED
        assert len(trading.placed(OrderRole.STOP_LOSS)) == 1
        assert trading.held(side=Side.SHORT) == 0


async def test_h39_a_position_closed_in_part_by_hand_shrinks_here_with_its_exits() -> None:
    async with Trading() as trading:
        await trading.enter()
        core = trading.fake.book.core
        trading.fake.book.act(lambda: core.close_by_hand(SOL, D(2), trading.clock.now()))
        await trading.until(lambda: trading.group.open_quantity == 3)
        await trading.until(lambda: [order.quantity for order in trading.resting()] == [3, 3])


async def test_h33_without_a_private_stream_entries_wait_and_fills_are_found_by_asking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(venue, "UP_WITHIN_SEC", 0.2)
    monkeypatch.setattr(poller, "FAST_SEC", 0.2)
    async with Trading(RESTING) as trading:
        await trading.enter()
        trading.fake.faults.arm(FaultKind.REFUSE, "/listenKey", method="POST", times=None, code=-1000, message="x")
        await trading.restart(ready=False)
        await trading.until(lambda: trading.engine.state.recovered)
        await trading.until(lambda: trading.engine.state.accounts[ACCOUNT].reconciled)
        record = await trading.signal(symbol="LINKUSDT.P", price="20")
        assert (record.outcome, record.reason) == (SignalOutcome.QUEUED, "account_stale")
        trading.price("190")
        await trading.until(lambda: trading.group.legs_filled == 2)
        await trading.until(lambda: sum(order.quantity for order in trading.stops()) == trading.held())
        trading.fake.faults.clear()
        await trading.until(lambda: trading.held(LINK) == 25)


@pytest.mark.expects_log_warnings
async def test_h36_a_reading_that_breaks_in_a_way_nobody_foresaw_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recovery, "UNREACHABLE_RETRY_SEC", 0.1)
    async with Trading() as trading:
        await trading.enter()
        read = trading.venue.fetch_positions
        answers = iter([OverflowError("date value out of range")])

        async def breaks_once() -> object:
            for error in answers:
                raise error
            return await read()

        monkeypatch.setattr(trading.venue, "fetch_positions", breaks_once)
        await trading.reconcile()
        await trading.until(lambda: bool(trading.seen("account.stale")))
        assert trading.seen("account.stale")[-1].data["detail"] == "reading the account broke: OverflowError"
        await trading.until(lambda: trading.engine.state.accounts[ACCOUNT].ready)
