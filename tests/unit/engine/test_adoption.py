"""After an older database was put back: what our orders, of which it knows nothing, filled for groups that it has."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.client_order_id import OrderAddress, encode
from app.domain.group import Group
from app.domain.order import OrderStatus
from app.domain.values import Liquidity, MarketType, OrderRole, OrderSide, Side
from app.engine.fills import apply_fill
from app.engine.inbox import AccountRead
from app.engine.reconciling import account_read
from app.engine.state import AccountState
from app.messages.effects import Reconcile
from app.messages.reports import BalanceReport, FillReport, OrderReport, PositionReport
from tests.unit.engine.test_holds import SOL, Desk, resting
from tests.unit.engine.test_orphans import COIN, LOST
from tests.unit.engine.test_reconciling import CAN

D = Decimal


def spot_desk() -> Desk:
    desk = Desk()
    desk.state.accounts["paper"] = AccountState("paper", replace(CAN, market_type=MarketType.SPOT), connected=True)
    return desk


def id_of(group: Group, role: OrderRole = OrderRole.CLOSE) -> str:
    leg = 0 if role is OrderRole.TAKE_PROFIT else None
    return encode(OrderAddress(LOST, group.id, leg, leg, role, 9))


def sold(group: Group, quantity: str, price: str = "105", role: OrderRole = OrderRole.CLOSE) -> FillReport:
    return FillReport(
        account="paper", symbol=group.symbol, trade_id=f"{price}/{quantity}", client_order_id=id_of(group, role),
        side=OrderSide.SELL, price=D(price), quantity=D(quantity), fee=D(0), fee_asset="USDT",
        liquidity=Liquidity.TAKER, at=resting("zg1").at,
    )  # fmt: skip


def read(
    desk: Desk, *fills: FillReport, coins: str = "0", held: str = "0", orders: tuple[OrderReport, ...] = ()
) -> None:
    desk.turn = desk._turn()
    at = desk.turn.now
    positions = () if held == "0" else (PositionReport("paper", SOL, Side.LONG, D(held), D(100), D(1), None, at),)
    balances = (BalanceReport("paper", "SOL", D(coins), D(coins), at),)
    activity = desk.state.accounts["paper"].activity
    account_read(desk.turn, AccountRead("paper", at, activity, orders, positions, balances, fills, ()))
    desk._end()


def test_a_close_that_the_records_lack_ends_its_group_at_its_own_price() -> None:
    desk = Desk()
    group = desk.open(1, SOL)
    read(desk, sold(group, "0.4"), sold(group, "0.6", "110"))
    closed = desk.state.groups[group.id]
    assert (closed.open_quantity, closed.realized_gross) == (D(0), D("8.0"))
    assert not closed.estimated
    (order,) = desk.state.orders.values()
    assert (order.status, order.filled) == (OrderStatus.FILLED, D(1))
    assert closed.next_number == 10


def test_coins_of_the_traders_own_do_not_stand_in_for_what_a_group_sold() -> None:
    desk = spot_desk()
    group = desk.open(1, COIN, "5")
    read(desk, sold(group, "5"), coins="10")
    assert desk.state.groups[group.id].open_quantity == 0
    assert desk.state.external_fills == {}


def test_an_order_that_rests_still_keeps_what_it_has_left() -> None:
    desk = Desk()
    group = desk.open(1, SOL)
    order_id = id_of(group, OrderRole.TAKE_PROFIT)
    rests = replace(
        resting(order_id), side=OrderSide.SELL, status=OrderStatus.PARTIALLY_FILLED, quantity=D(1), filled=D("0.4")
    )
    read(desk, sold(group, "0.4", role=OrderRole.TAKE_PROFIT), held="0.6", orders=(rests,))
    order = desk.state.orders[order_id]
    assert (order.status, order.filled, order.remaining) == (OrderStatus.PARTIALLY_FILLED, D("0.4"), D("0.6"))
    assert desk.state.groups[group.id].open_quantity == D("0.6")


def test_one_that_a_stream_tells_waits_for_a_reading() -> None:
    desk = Desk()
    group = desk.open(1, SOL)
    desk.turn = desk._turn()
    apply_fill(desk.turn, sold(group, "1"))
    assert [effect for effect in desk.turn.ledger.effects if isinstance(effect, Reconcile)]
    desk._end()
    assert desk.state.external_fills == {}
    read(desk, sold(group, "1"))
    assert desk.state.groups[group.id].open_quantity == 0


@pytest.mark.parametrize("change", [{"symbol": "LTC/USDT:USDT"}, {"client_order_id": "theirs"}])
def test_what_is_not_for_the_groups_own_market_or_not_ours_is_somebody_elses(change: dict[str, str]) -> None:
    desk = Desk()
    group = desk.open(1, SOL)
    read(desk, replace(sold(group, "1"), **change), held="1")  # type: ignore[arg-type]  # names of fields
    assert desk.state.groups[group.id].open_quantity == 1
    assert desk.state.orders == {}
