"""After an older database was put back: what our orders, of which it knows nothing, filled for groups that it has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain.client_order_id import Namespace, OrderAddress, encode
from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.values import Liquidity, MarketType, OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.engine.fills import apply_fill
from app.engine.inbox import AccountRead
from app.engine.indexing import index_group, index_order
from app.engine.reconciling import account_read
from app.engine.state import AccountState
from app.engine.turn import Turn
from app.messages.effects import LookUpOrder, Reconcile, SubmitOrders
from app.messages.reports import BalanceReport, FillReport, Found, NotFound, OrderReport, OutcomeUnknown, PositionReport
from tests.support.examples import NOON
from tests.support.strategies import filled_at, group_of, leg_of
from tests.unit.engine.bench import Bench
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


class Restored(Bench):
    """Two legs, of which the records of before the backup have the first bought, the second not sent yet."""

    def __init__(self) -> None:
        super().__init__(two_legs())
        self.answers[LookUpOrder] = OutcomeUnknown("timeout")

    def _new_turn(self) -> Turn:
        turn = super()._new_turn()
        turn.namespace = Namespace("abcde", 2)
        return turn

    def id_of(self, role: OrderRole, leg: int | None) -> str:
        place = None if leg is None else 0
        return encode(OrderAddress(Namespace("abcde", 1), self.group.id, place, leg, role, 2))

    def trade(self, quantity: str, trade_id: str, role: OrderRole = OrderRole.ENTRY, leg: int | None = 1) -> FillReport:
        is_entry = role is OrderRole.ENTRY
        return FillReport(
            account=self.group.account, symbol=self.group.symbol, trade_id=trade_id,
            client_order_id=self.id_of(role, leg), side=OrderSide.BUY if is_entry else OrderSide.SELL,
            price=D(90 if is_entry else 110), quantity=D(quantity), fee=D(0), fee_asset="USDT",
            liquidity=Liquidity.MAKER, at=NOON,
        )  # fmt: skip

    def read(self, *fills: FillReport, held: str) -> None:
        self.now += timedelta(seconds=60)
        account, symbol = self.group.market_key
        positions = (PositionReport(account, symbol, Side.LONG, D(held), D(100), D(1), None, self.now),)
        activity = self.state.accounts[account].activity
        self.tell(AccountRead(account, self.now, activity, (), positions, (), fills, ()))

    def found(self, quantity: str, filled: str, status: OrderStatus, leg: int | None = 1) -> Found:
        role = OrderRole.ENTRY if leg is not None else OrderRole.CLOSE
        report = self.report(self.id_of(role, leg), status)
        return Found(replace(report, quantity=D(quantity), filled=D(filled), average=D(90)))

    @property
    def adopted(self) -> Order:
        return self.state.orders[self.id_of(OrderRole.ENTRY, 1)]

    @property
    def bought_again(self) -> list[Order]:
        return [order for order in self.orders(OrderRole.ENTRY) if order is not self.adopted]

    @property
    def externals(self) -> list[str]:
        return [name for name, value in self.state.facts.items() if name.startswith("external/") and value != "0"]


def two_legs() -> Group:
    return filled_at(group_of([leg_of(0, "100", "1"), leg_of(1, "90", "1")], Side.LONG), (0, 0), "100", "1")


def test_what_an_unrecorded_exit_sold_is_taken_from_the_leg_whose_own_entry_was_missed_too() -> None:
    desk = Desk()
    group = replace(two_legs(), id="g0000001", symbol=SOL)
    index_group(desk.state, group, NOON)
    entry_id = encode(OrderAddress(LOST, group.id, 0, 1, OrderRole.ENTRY, 2))
    index_order(desk.state, entry_of(group, entry_id))
    bought = replace(
        sold(group, "1", "90"), client_order_id=entry_id, side=OrderSide.BUY, at=NOON + timedelta(seconds=10)
    )
    exit_id = encode(OrderAddress(LOST, group.id, 0, 1, OrderRole.TAKE_PROFIT, 9))
    sale = replace(sold(group, "1", "92"), client_order_id=exit_id, at=NOON + timedelta(seconds=20))
    read(desk, bought, sale, held="1")
    booked = desk.state.groups[group.id]
    assert (booked.realized_gross, booked.leg(0, 0).open_quantity, booked.leg(0, 1).open_quantity) == (D(2), D(1), D(0))


def entry_of(group: Group, order_id: str) -> Order:
    return Order(
        client_order_id=order_id, account=group.account, symbol=group.symbol, group_id=group.id, pyramid=0, leg=1,
        role=OrderRole.ENTRY, side=OrderSide.BUY, type=OrderType.LIMIT, quantity=D(1), price=D(90), trigger_price=None,
        reduce_only=False, time_in_force=TimeInForce.GTC, number=2, attempt=1, status=OrderStatus.OPEN,
        created_at=NOON, updated_at=NOON, venue_order_id="v2",
    )  # fmt: skip


def test_trades_of_an_adopted_entry_that_are_told_later_are_its_own_and_it_is_not_bought_again() -> None:
    bench = Restored()
    bench.read(bench.trade("0.4", "t1"), held="2")
    assert bench.adopted.status is OrderStatus.UNKNOWN
    bench.read(bench.trade("0.4", "t1"), bench.trade("0.6", "t2"), held="2")
    assert (bench.adopted.status, bench.adopted.filled) == (OrderStatus.FILLED, D(1))
    assert (bench.group.open_quantity, bench.bought_again, bench.externals) == (D(2), [], [])


def test_an_adopted_order_is_looked_up_and_what_it_filled_counts_before_its_trades_are_told() -> None:
    bench = Restored()
    bench.read(bench.trade("0.4", "t1"), held="2")
    bench.answers[LookUpOrder] = bench.found("1", "1", OrderStatus.FILLED)
    bench.wait(60)
    assert (bench.adopted.status, bench.group.open_quantity) == (OrderStatus.FILLED, D(2))
    bench.read(bench.trade("0.4", "t1"), bench.trade("0.6", "t2"), held="2")
    assert (bench.group.open_quantity, bench.bought_again, bench.externals) == (D(2), [], [])


def test_an_adopted_order_is_as_large_as_the_venue_says_and_its_leg_wants_what_other_pieces_are_for() -> None:
    bench = Restored()
    bench.read(bench.trade("0.4", "t1"), held="1.4")
    bench.answers.clear()
    bench.tell(replace(bench.found("0.4", "0.4", OrderStatus.FILLED).order, fills=()))
    assert bench.group.leg(0, 1).quantity == 1
    bench.answers[LookUpOrder] = bench.found("0.4", "0.4", OrderStatus.FILLED)
    bench.wait(60)
    assert (bench.adopted.status, bench.adopted.quantity) == (OrderStatus.FILLED, D("0.4"))
    assert [order.quantity for order in bench.bought_again] == [D("0.6")]


def test_an_adopted_entry_that_was_cancelled_ends_with_what_it_bought() -> None:
    bench = Restored()
    bench.read(bench.trade("0.4", "t1"), held="1.4")
    bench.answers[LookUpOrder] = bench.found("1", "0.4", OrderStatus.CANCELLED)
    bench.wait(60)
    assert (bench.adopted.status, bench.group.open_quantity) == (OrderStatus.CANCELLED, D("1.4"))
    assert (bench.bought_again, bench.group.leg(0, 1).wants_entry) == ([], False)


def test_of_an_adopted_entry_that_the_venue_knows_no_more_what_is_told_counts_and_only_the_rest_is_bought() -> None:
    bench = Restored()
    bench.read(bench.trade("0.4", "t1"), held="1.4")
    bench.answers[LookUpOrder] = NotFound()
    bench.wait(180)
    assert (bench.adopted.status, bench.adopted.filled) == (OrderStatus.LOST, D("0.4"))
    assert bench.group.open_quantity == D("1.4")
    assert [order.quantity for order in bench.bought_again] == [D("0.6")]


def test_what_an_adopted_close_sold_beyond_what_was_open_before_is_not_lost() -> None:
    bench = Restored()
    told = (bench.trade("1", "t1", OrderRole.CLOSE, None), bench.trade("1", "t2"))
    bench.read(*told, held="0")
    close = bench.id_of(OrderRole.CLOSE, None)
    assert bench.state.orders[close].status is OrderStatus.UNKNOWN
    bench.read(*told, bench.trade("1", "t3", OrderRole.CLOSE, None), held="0")
    assert (bench.state.orders[close].filled, bench.group.open_quantity) == (D(2), D(0))
    assert bench.externals == []


def test_a_trade_that_is_pushed_leaves_an_adopted_order_to_be_looked_up() -> None:
    bench = Restored()
    bench.read(bench.trade("0.4", "t1"), held="2")
    bench.tell(bench.trade("0.2", "t2"))
    assert (bench.adopted.status, bench.adopted.filled) == (OrderStatus.UNKNOWN, D("0.6"))
    bench.asked.clear()
    bench.wait(60)
    asked = [effect for _, effect in bench.asked]
    assert any(isinstance(effect, LookUpOrder) for effect in asked)
    assert not [effect for effect in asked if isinstance(effect, SubmitOrders) and bench.bought_again]
