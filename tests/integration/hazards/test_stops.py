"""Hazards 9–17 and 20: stops, take-profits and closing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from app.domain.churn import MOST_MOVES
from app.domain.client_order_id import Namespace, OrderAddress, encode
from app.domain.values import CloseReason, OrderRole, OrderSide, OrderType, Side
from app.ports.venue import OrderRef
from tests.integration.exchange.main_job import every_perpetual
from tests.integration.exchange.venue_contract import request
from tests.support.markets import Place
from tests.support.trading import ACCOUNT, ALGO_ORDER, ORDER, QUICK, SOL, Trading, grid
from tests.support.venues.faults import FaultKind

D = Decimal
STOP, CLOSE = OrderRole.STOP_LOSS, OrderRole.CLOSE
ALERT_ONLY = grid() | {"protection": {**QUICK["protection"], "on_failure": "alert_only", "max_attempts": 1}}
MOVED = {"code": -4120, "message": "Order type not supported for this endpoint. Please use the Algo Order API."}
NO_SUCH_ORDER = {"code": -2013, "message": "Order does not exist."}
OUT_OF_BAND = {"code": -4131, "message": "The counterparty's best price does not meet the PERCENT_PRICE filter limit."}


async def test_h09_stops_go_to_the_algo_service_and_are_read_back_from_it() -> None:
    async with Trading() as trading:
        await trading.enter()
        (stop,) = trading.fake.asked("POST", "/algoOrder")
        await trading.until(lambda: bool(trading.fake.asked("GET", "/algoOrder")))
        assert trading.fake.asked("GET", "/algoOrder")[0].params["clientAlgoId"] == stop.params["clientAlgoId"]


async def test_h09_where_the_venue_takes_no_stop_the_engine_watches_the_price_itself() -> None:
    async with Trading(ALERT_ONLY) as trading:
        trading.fake.faults.arm(FaultKind.REFUSE, ALGO_ORDER, method="POST", times=None, **MOVED)
        await trading.signal()
        await trading.until(lambda: bool(trading.alerts("critical")))
        trading.price("189.9")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS


async def test_h10_a_restart_finds_its_stop_among_the_algo_orders() -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.restart()
        report = await trading.reconcile()
        group = await trading.protected()
        assert report.findings == ()
        assert group.protected
        assert len(trading.stops()) == len(trading.placed(STOP)) == 1


async def test_h10_a_stop_that_a_person_changed_at_the_exchange_is_put_back() -> None:
    async with Trading() as trading:
        await trading.enter()
        (stop,), book = trading.stops(), trading.fake.book
        by_hand = OrderRef(stop.client_order_id, str(stop.number), SOL, stop.type)
        book.act(lambda: book.core.amend(by_hand, stop.quantity / 2, D(150), trading.clock.now()))
        await trading.until(lambda: [item.trigger_price for item in trading.stops()] == [stop.trigger_price])
        assert trading.stops()[0].quantity == stop.quantity
        (found,) = trading.seen("reconcile.finding")
        assert (found.data["kind"], found.data["action"]) == ("order_changed", "put back")
        await trading.reconcile()
        assert len(trading.placed(STOP)) == 2


async def test_h11_a_filled_take_profit_takes_the_stop_with_it() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.price("204")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.TAKE_PROFIT


async def test_h11_a_filled_stop_takes_the_take_profit_with_it() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.price("190")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS
        assert trading.held(side=Side.SHORT) == 0


async def test_h11_exits_can_only_reduce() -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.exit()
        await trading.flat()
        exits = [params for params in trading.placed() if params["side"] == "SELL"]
        assert len(exits) == 3
        assert {params["reduceOnly"] for params in exits} == {"true"}


@pytest.mark.parametrize("type_", [OrderType.LIMIT, OrderType.STOP_MARKET])
async def test_h11_an_order_of_ours_that_no_group_wants_is_swept_at_start(type_: OrderType) -> None:
    async with Trading() as trading:
        book, tag = trading.fake.book, trading.engine.state.facts["instance_tag"]
        theirs = request(1, client_order_id="by-hand", symbol=SOL, type=OrderType.MARKET, price=None)
        orphan = request(
            2,
            OrderSide.SELL,
            client_order_id=encode(OrderAddress(Namespace(tag, 0), "g1234567", None, None, STOP, 3)),
            symbol=SOL,
            type=type_,
            price=D(250) if type_ is OrderType.LIMIT else None,
            trigger_price=None if type_ is OrderType.LIMIT else D(150),
            reduce_only=True,
        )
        book.act(lambda: book.core.submit(theirs, trading.clock.now()))
        book.act(lambda: book.core.submit(orphan, trading.clock.now()))
        assert len(trading.resting()) == 1
        await trading.restart()
        await trading.until(lambda: not trading.resting())
        assert trading.held() == 1


async def test_h12_a_stop_that_is_passed_already_closes_now() -> None:
    async with Trading() as trading:
        passed = {"code": -2021, "message": "Order would immediately trigger."}
        trading.fake.faults.arm(FaultKind.REFUSE, ALGO_ORDER, method="POST", times=None, **passed)
        await trading.signal()
        await trading.until(lambda: bool(trading.seen("trade.closed")))
        assert trading.last.close_reason == CloseReason.STOP_LOSS
        assert len(trading.placed(STOP)) == 1
        assert [params["reduceOnly"] for params in trading.placed(CLOSE)] == ["true"]
        assert trading.held() == 0


async def test_h13_a_stop_lost_on_the_way_is_placed_again() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.LOST_BEFORE, ALGO_ORDER, method="POST")
        await trading.enter()
        assert len(trading.placed(STOP)) == 2
        assert len(trading.stops()) == 1


async def test_h13_a_stop_refused_twice_is_unprotected_meanwhile_and_placed() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.REFUSE, ALGO_ORDER, method="POST", times=2, code=-4045)
        await trading.enter()
        told = [event.type for event in trading.events if event.type.startswith("protection.")]
        assert (told[0], told[-1]) == ("protection.missing", "protection.restored")
        assert not trading.alerts("critical")
        assert len(trading.stops()) == 1


async def test_h13_a_stop_refused_for_good_closes_and_the_alert_says_why() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(
            FaultKind.REFUSE, ALGO_ORDER, method="POST", times=None, code=-1111, message="Precision is over."
        )
        await trading.signal()
        await trading.until(lambda: bool(trading.seen("trade.closed")))
        assert trading.last.close_reason == CloseReason.PROTECTION_FAILED
        assert len(trading.placed(STOP)) >= 3
        assert "Precision is over." in trading.alerts("critical")[0]


async def test_h14_take_profits_are_cancelled_before_the_close_is_sent() -> None:
    async with Trading() as trading:
        await trading.enter()
        await trading.exit()
        await trading.flat()
        asked = [(item.method, item.path) for item in trading.requests]
        assert asked.index(("DELETE", ORDER)) < len(asked) - 1 - asked[::-1].index(("POST", ORDER))


async def test_h14_a_close_refused_because_nothing_is_left_settles_from_the_position() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        book = trading.fake.book
        book.act(lambda: book.core.close_by_hand(SOL, None, trading.clock.now()))
        await trading.exit()
        await trading.flat()
        assert -2022 in trading.codes()
        assert len(trading.placed(CLOSE)) == 1
        assert trading.last.close_reason in {CloseReason.RECONCILED, CloseReason.EXIT_SIGNAL}


async def test_h15_a_refused_close_leaves_the_group_open_and_its_stop_where_it_is() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.arm(FaultKind.REFUSE, ORDER, method="POST", times=2, **OUT_OF_BAND)
        await trading.exit()
        await trading.until(lambda: len(trading.seen("order.rejected")) == 1)
        assert trading.group.open_quantity == trading.held() == 5
        assert len(trading.stops()) == 1
        await trading.flat()
        assert trading.last.close_reason == CloseReason.EXIT_SIGNAL
        assert len(trading.placed(CLOSE)) == 3


async def test_h15_a_close_refused_at_market_is_tried_with_a_limit() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.arm(
            FaultKind.REFUSE, ORDER, method="POST", containing='"MARKET"', times=None, **OUT_OF_BAND
        )
        await trading.exit()
        await trading.flat()
        assert trading.placed(CLOSE)[-1]["type"] == "LIMIT"


async def test_h16_a_close_that_filled_unseen_is_not_sent_again() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.LOST_AFTER, ORDER, method="POST")
        await trading.exit()
        await trading.flat()
        assert len(trading.placed(CLOSE)) == 1
        assert trading.held(side=Side.SHORT) == 0


async def test_h16_a_close_sent_twice_cannot_open_the_other_side() -> None:
    async with Trading() as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.LOST_AFTER, ORDER, method="POST")
        trading.fake.faults.arm(
            FaultKind.REFUSE,
            ORDER,
            method="GET",
            containing="c00",
            times=None,
            code=-2013,
            message="Order does not exist.",
        )
        await trading.exit()
        await trading.until(lambda: -2022 in trading.codes())
        await trading.until(lambda: not trading.groups())
        assert len(trading.placed(CLOSE)) == 2
        assert trading.held() == trading.held(side=Side.SHORT) == 0


async def test_h17_an_exit_that_keeps_failing_goes_on_and_is_told() -> None:
    config = grid() | {"protection": {**QUICK["protection"], "max_attempts": 2}}
    async with Trading(config) as trading:
        await trading.enter()
        trading.fake.faults.arm(FaultKind.REFUSE, ORDER, method="POST", times=None, **OUT_OF_BAND)
        await trading.exit()
        await trading.until(lambda: len(trading.placed(CLOSE)) == 4)
        assert trading.group.status == "closing"
        assert "PERCENT_PRICE" in trading.alerts("critical")[0]
        assert len(trading.alerts("critical")) == 1
        trading.fake.faults.clear()
        await trading.flat()


@pytest.mark.parametrize("filled", ["2", "0"])
@every_perpetual
async def test_h09_what_a_triggered_stop_left_is_not_left_bare(place: Place, filled: str) -> None:
    async with Trading(place=place) as trading:
        await trading.enter()
        (stop,), book = trading.stops(), trading.fake.book
        book.core.matcher.fill_sizes[SOL] = D(filled)
        trading.price("189")
        book.core.matcher.fill_sizes.clear()
        book.expire(stop.number)
        assert trading.held() == 5 - D(filled)
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS


def trailing_grid() -> dict[str, Any]:
    config = grid(("0", "100", "50"))
    config["grid"]["default"]["stop_loss"]["trailing"] = {"activation_percent": "0.5", "callback_percent": "1"}
    return config


def spent(trading: Trading) -> list[datetime]:
    """All the moves of stops that a minute has room for, made just now."""
    return [trading.clock.now()] * MOST_MOVES


async def test_h20_a_trailing_stop_is_moved_once_a_second_however_often_the_price_moves() -> None:
    async with Trading(trailing_grid()) as trading:
        await trading.enter()
        began = trading.clock.monotonic()
        for step in range(1, 41):
            price = 202 + D(step) / 10
            trading.price(f"{price:f}")
            await trading.until_quoted(price)
        moved = len(trading.placed(STOP)) - 1
        assert 1 <= moved <= 2 + (trading.clock.monotonic() - began)
        trading.price("210")  # a move worth an order, wherever the last one was made
        await trading.until(lambda: [stop.trigger_price for stop in trading.stops()] == [D("207.9")])


async def test_h20_a_stop_that_trails_waits_while_its_account_has_moved_too_many() -> None:
    async with Trading(trailing_grid()) as trading:
        await trading.enter()
        moves = trading.engine.state.accounts[ACCOUNT].stop_moves
        moves.extend(spent(trading))
        trading.price("206")
        await trading.until_quoted(D(206))
        await trading.reconcile()
        assert [stop.trigger_price for stop in trading.stops()] == [D(190)]
        moves.clear()
        await trading.until(lambda: [stop.trigger_price for stop in trading.stops()] == [D("203.94")])


async def test_h20_a_stop_of_the_wrong_size_is_moved_however_many_were() -> None:
    async with Trading(trailing_grid()) as trading:
        await trading.enter()
        trading.engine.state.accounts[ACCOUNT].stop_moves.extend(spent(trading))
        await trading.signal("buy", size=D(400))
        await trading.until(lambda: [stop.quantity for stop in trading.stops()] == [D(7)])
