"""Hazards 28–32 and 42: limits, time, modes, and answers that are none."""

from __future__ import annotations

import pytest

from app.base.config.groups import AccountConfig
from app.domain.values import OrderRole, Side
from app.messages.records import SignalOutcome
from tests.support.trading import ORDER, SOL, Trading, grid
from tests.support.venues.faults import FaultKind

HEDGED = AccountConfig(id="binance", position_mode="hedge")
ENTRY = OrderRole.ENTRY


async def test_h28_a_ban_is_waited_out_and_nothing_is_asked_meanwhile() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.BANNED, ORDER, method="POST", seconds=2)
        await trading.signal()
        await trading.protected()
        banned = next(number for number, item in enumerate(trading.requests) if item.status == 418)
        assert trading.requests.at[banned + 1] - trading.requests.at[banned] >= 2
        first, second = (params["newClientOrderId"] for params in trading.placed(ENTRY))
        assert first == second


async def test_h28_a_429_is_waited_out_and_the_same_order_goes_once() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.RATE_LIMIT, ORDER, method="POST", seconds=1)
        await trading.enter()
        assert [item.status for item in trading.fake.asked("POST", ORDER)][:2] == [429, 200]
        assert trading.held() == 5


LISTEN_KEY = "/fapi/v1/listenKey"
BAN_SEC = 5
"""Longer than a stream waits between two tries."""


async def test_h28_a_stream_that_breaks_in_a_ban_asks_for_its_key_when_that_is_over() -> None:
    async with Trading() as trading:
        banned_at = trading.clock.monotonic()
        trading.host.pause(BAN_SEC)
        trading.fake.streams.cut_user_streams()
        assert await next_key(trading, banned_at) >= banned_at + BAN_SEC


async def test_h28_a_ban_that_meets_a_streams_key_is_waited_out() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.BANNED, LISTEN_KEY, method="POST", seconds=BAN_SEC)
        trading.fake.streams.cut_user_streams()
        banned_at = await next_key(trading, trading.clock.monotonic())
        assert await next_key(trading, banned_at) >= banned_at + BAN_SEC


async def next_key(trading: Trading, since: float) -> float:
    """When a stream's key was asked for next."""

    def asked() -> list[float]:
        times = zip(trading.requests, trading.requests.at, strict=True)
        return [at for item, at in times if item.path == LISTEN_KEY and at > since]

    await trading.until(lambda: bool(asked()))
    return asked()[0]


async def test_h29_a_clock_that_has_drifted_is_measured_anew_and_the_order_goes_once() -> None:
    async with Trading() as trading:
        trading.fake.faults.clock_skew_ms = 10_000
        await trading.enter()
        assert trading.codes().count(-1021) >= 1
        assert len({params["newClientOrderId"] for params in trading.placed(ENTRY)}) == 1
        assert trading.held() == 5
        assert abs(trading.venue._session.skew_ms + 10_000) < 1000
        assert "s off the exchange's" in (trading.venue.health().detail or "")


async def test_h30_in_hedge_mode_every_order_names_its_position() -> None:
    async with Trading(account=HEDGED) as trading:
        await trading.signal("sell")
        await trading.protected()
        await trading.exit(action="buy")
        await trading.until(lambda: not trading.groups() and not trading.resting())
        assert {params["positionSide"] for params in trading.placed()} == {"SHORT"}
        assert not any("reduceOnly" in params for params in trading.placed())
        assert trading.codes() == []
        assert trading.held(side=Side.SHORT) == 0


async def test_h30_a_mode_changed_behind_our_back_is_told_and_not_tried_again() -> None:
    async with Trading() as trading:
        other = {"code": -4061, "message": "Order's position side does not match user's setting."}
        trading.fake.faults.arm(FaultKind.REFUSE, ORDER, method="POST", times=None, **other)
        await trading.signal()
        await trading.until(lambda: bool(trading.seen("trade.closed", status="failed")))
        assert len(trading.placed()) == 1
        assert "position side does not match" in trading.alerts("warning")[0]


async def test_h31_a_setting_that_is_so_already_is_no_failure() -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.exit()
        await trading.flat()
        await trading.restart()
        await trading.enter()
        assert trading.codes() == [-4046]


async def test_h32_both_sides_of_a_market_are_positions_of_their_own() -> None:
    async with Trading(account=HEDGED) as trading:
        await trading.signal("sell")
        await trading.protected()
        report = await trading.reconcile()
        assert report.findings == ()
        await trading.signal("buy", timeframe="15")
        await trading.until(lambda: len(trading.groups()) == 2 and trading.held() == 5)
        await trading.reconcile()
        report = await trading.reconcile()
        assert report.findings == ()
        await trading.signal("sell", timeframe="15", intent="exit", size=0)
        await trading.until(lambda: trading.held() == 0)
        await trading.until(lambda: [group.side for group in trading.groups()] == ["short"])
        assert trading.held(side=Side.SHORT) == trading.group.open_quantity == 5


@pytest.mark.parametrize("status", [500, 200])
@pytest.mark.parametrize("read", ["/positionRisk", "/openOrders", "/openAlgoOrders", "/account"])
async def test_h42_a_page_of_html_is_no_empty_account(read: str, status: int) -> None:
    async with Trading(grid()) as trading:
        await trading.enter()
        trading.fake.faults.arm(FaultKind.HTML, read, method="GET", times=None, status=status)
        report = await trading.reconcile()
        assert list(report.failed) == ["perp"]
        assert trading.group.open_quantity == 5
        assert len(trading.resting()) == 2
        record = await trading.signal(symbol="LINKUSDT.P", price="20")
        assert (record.outcome, record.reason) == (SignalOutcome.QUEUED, "account_stale")
        trading.fake.faults.clear()
        await trading.reconcile()
        await trading.until(lambda: trading.held("LINK/USDT:USDT") == 50)
        assert trading.held(SOL) == 5


@pytest.mark.parametrize("status", [500, 200])
async def test_h42_a_page_of_html_after_an_order_leaves_it_unknown_not_refused(status: int) -> None:
    async with Trading() as trading:
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.HTML_AFTER, ORDER, method="POST", status=status)
        await trading.enter()
        assert len(trading.placed(ENTRY)) == 1
