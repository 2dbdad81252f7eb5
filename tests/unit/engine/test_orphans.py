"""Orders of ours whose group nobody here knows: what is left, what is cancelled, and what the trader is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.client_order_id import Namespace, OrderAddress, encode
from app.domain.group import Group
from app.domain.values import Liquidity, MarketType, OrderRole, OrderSide
from app.engine.inbox import AccountRead
from app.engine.orphans import settle_orphans
from app.engine.state import AccountState
from app.messages.effects import CancelForeign, LoadGroup
from app.messages.reports import BalanceReport, FillReport, OrderReport
from tests.unit.engine.test_holds import OTHER, OURS, SOL, Desk, resting
from tests.unit.engine.test_reconciling import CAN

D = Decimal
COIN = "SOL/USDT"
LOST = replace(OURS, epoch=0)


def order(role: OrderRole, number: int = 1, namespace: Namespace = LOST, symbol: str = SOL) -> OrderReport:
    """A long group's order for one SOL, of an epoch whose records are lost."""
    leg = None if role is OrderRole.STOP_LOSS else 0
    side = OrderSide.BUY if role is OrderRole.ENTRY else OrderSide.SELL
    bare = resting(encode(OrderAddress(namespace, "g0000077", 0, leg, role, number)))
    return replace(bare, symbol=symbol, side=side, reduce_only=side is OrderSide.SELL)


ENTRY, STOP = order(OrderRole.ENTRY), order(OrderRole.STOP_LOSS)


def cancelled(desk: Desk) -> list[str]:
    return [effect.client_order_id for effect in desk.turn.ledger.effects if isinstance(effect, CancelForeign)]


def told(desk: Desk, severity: str) -> list[str]:
    events = desk.turn.ledger.events
    alerts = (event.data for event in events if event.type == "alert.raised")
    return [str(data["detail"]) for data in alerts if data["severity"] == severity]


def of_second_pyramid(group: Group, role: OrderRole) -> OrderReport:
    """A group's order of the lost epoch, for a pyramid that its record does not have."""
    return replace(order(role), client_order_id=encode(OrderAddress(LOST, group.id, 1, 0, role, 9)))


def shown(desk: Desk) -> int:
    return len(desk.snapshot.external_orders)


def test_the_stop_of_a_position_that_no_group_explains_is_left_and_its_entries_are_cancelled() -> None:
    desk = Desk()
    desk.read(ENTRY, STOP, holding=(SOL,))
    assert cancelled(desk) == [ENTRY.client_order_id]
    (sentence,) = told(desk, "critical")
    assert f"no group here knows of 1 {SOL} long on paper" in sentence
    assert "left at the exchange: stop loss 1 at 90; cancelled: entry 1 at 90." in sentence
    assert shown(desk) == 1


def test_what_is_left_is_told_once_and_stays_shown() -> None:
    desk = Desk()
    desk.read(STOP, holding=(SOL,))
    desk.read(STOP, holding=(SOL,))
    assert (told(desk, "critical"), cancelled(desk), shown(desk)) == ([], [], 1)
    assert "reconcile.finding" not in [event.type for event in desk.turn.ledger.events]


def test_a_group_that_was_only_forgotten_is_looked_for_in_the_database() -> None:
    desk = Desk()
    desk.read(STOP, holding=(SOL,))
    assert LoadGroup("g0000077") in desk.turn.ledger.effects


def test_what_was_left_is_cancelled_after_two_readings_without_its_position() -> None:
    desk = Desk()
    desk.read(STOP, holding=(SOL,))
    desk.read(STOP)
    assert cancelled(desk) == []
    desk.read(STOP)
    assert cancelled(desk) == [STOP.client_order_id]


def test_an_exit_without_a_position_is_cancelled_at_once() -> None:
    desk = Desk()
    desk.read(STOP)
    assert cancelled(desk) == [STOP.client_order_id]
    assert told(desk, "critical") == []
    (sentence,) = told(desk, "warning")
    assert "nothing is held" in sentence


def test_an_exit_of_this_epoch_is_cancelled_and_that_this_leaves_a_position_bare_is_told() -> None:
    desk = Desk()
    stray = order(OrderRole.STOP_LOSS, namespace=OURS)
    desk.read(stray, holding=(SOL,))
    assert cancelled(desk) == [stray.client_order_id]
    (sentence,) = told(desk, "critical")
    assert "no exit protects it; cancelled: stop loss 1 at 90" in sentence


def test_a_position_that_only_had_entries_is_told_to_be_bare() -> None:
    desk = Desk()
    desk.read(ENTRY, holding=(SOL,))
    (sentence,) = told(desk, "critical")
    assert "no exit protects it; cancelled: entry 1 at 90" in sentence


def test_the_exits_of_a_position_that_a_group_explains_are_cancelled() -> None:
    desk = Desk()
    desk.open(1, SOL)
    desk.read(STOP, holding=(SOL,))
    assert cancelled(desk) == [STOP.client_order_id]


@pytest.mark.parametrize("role", [OrderRole.ENTRY, OrderRole.TAKE_PROFIT])
def test_an_order_for_a_leg_that_its_open_group_lacks_is_cancelled(role: OrderRole) -> None:
    desk = Desk()
    stray = of_second_pyramid(desk.open(1, SOL), role)
    desk.read(stray, holding=(SOL,))
    assert cancelled(desk) == [stray.client_order_id]
    assert desk.state.orders == {}
    assert len(told(desk, "warning")) == 1


def test_the_exit_of_a_leg_that_its_open_group_lacks_is_left_while_the_position_is_more_than_the_group() -> None:
    desk = Desk()
    stray = of_second_pyramid(desk.open(1, SOL, "0.4"), OrderRole.TAKE_PROFIT)
    desk.read(stray, holding=(SOL,))
    assert cancelled(desk) == []
    (sentence,) = told(desk, "critical")
    assert f"no group here knows of 0.6 {SOL} long on paper" in sentence


def test_an_exit_is_left_where_the_reading_may_be_older_than_the_books() -> None:
    desk = Desk()
    desk.open(1, SOL)
    desk.turn = desk._turn()
    read = AccountRead("paper", desk.turn.now, {}, (STOP,), (), (), (), ())
    desk.state.accounts["paper"].note_activity(STOP.symbol)
    settle_orphans(desk.turn, read, [STOP])
    assert cancelled(desk) == []


def test_of_adopted_orders_the_exits_of_a_position_that_stays_are_left_too() -> None:
    desk = Desk()
    theirs = [order(role, namespace=OTHER) for role in (OrderRole.ENTRY, OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT)]
    desk.read(*theirs, holding=(SOL,))
    desk.settle("adopt")
    desk.read(*theirs, holding=(SOL,))
    assert cancelled(desk) == [theirs[0].client_order_id]
    assert len(told(desk, "critical")) == 1


# ---------------------------------------------------------------------------------------------- spot


@pytest.fixture
def spot() -> Desk:
    desk = Desk()
    desk.state.accounts["paper"] = AccountState("paper", replace(CAN, market_type=MarketType.SPOT), connected=True)
    return desk


def read(desk: Desk, *orders: OrderReport, held: str, fills: tuple[FillReport, ...] = ()) -> None:
    desk.turn = desk._turn()
    balance = BalanceReport("paper", "SOL", D(held), D(held), desk.turn.now)
    reading = AccountRead("paper", desk.turn.now, {}, orders, (), (balance,), fills, ())
    settle_orphans(desk.turn, reading, orders)
    desk._end()


def fill(side: OrderSide, quantity: str) -> FillReport:
    return FillReport(
        account="paper", symbol=COIN, trade_id=quantity, client_order_id=ENTRY.client_order_id, side=side, price=D(90),
        quantity=D(quantity), fee=D(0), fee_asset="USDT", liquidity=Liquidity.TAKER, at=STOP.at,
    )  # fmt: skip


def test_on_spot_the_coins_that_its_exits_sell_are_told(spot: Desk) -> None:
    orders = [order(OrderRole.STOP_LOSS, symbol=COIN), order(OrderRole.TAKE_PROFIT, symbol=COIN)]
    read(spot, *orders, held="5")
    assert cancelled(spot) == []
    (sentence,) = told(spot, "critical")
    assert f"no group here knows of 1 {COIN} long on paper" in sentence


def test_on_spot_coins_without_an_order_are_told_by_the_fills_that_bought_them(spot: Desk) -> None:
    read(spot, held="5", fills=(fill(OrderSide.BUY, "3"), fill(OrderSide.SELL, "1")))
    (sentence,) = told(spot, "critical")
    assert f"no group here knows of 2 {COIN} long on paper" in sentence
    assert "no exit protects it" in sentence
    read(spot, held="5", fills=(fill(OrderSide.BUY, "3"), fill(OrderSide.SELL, "1")))
    assert told(spot, "critical") == []


def test_on_spot_what_a_pyramid_without_a_record_bought_is_told(spot: Desk) -> None:
    group = spot.open(1, COIN)
    lost = encode(OrderAddress(LOST, group.id, 1, 0, OrderRole.ENTRY, 9))
    read(spot, held="3", fills=(replace(fill(OrderSide.BUY, "2"), client_order_id=lost),))
    (sentence,) = told(spot, "critical")
    assert f"no group here knows of 2 {COIN} long on paper" in sentence


def test_on_spot_what_was_sold_but_for_fees_is_not_told(spot: Desk) -> None:
    read(spot, held="5", fills=(fill(OrderSide.BUY, "3"), fill(OrderSide.SELL, "2.99")))
    assert told(spot, "critical") == []


def test_on_spot_what_others_sold_since_needs_no_word(spot: Desk) -> None:
    read(spot, held="0", fills=(fill(OrderSide.BUY, "3"),))
    assert told(spot, "critical") == told(spot, "warning") == []
