"""What the venue counts before it tells its trades: booked once, and corrected when the trades come (orders.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.config import parse_config
from app.domain.client_order_id import Namespace
from app.domain.fill import Fill
from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, Liquidity, OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.engine.fills import apply_fill
from app.engine.reports import apply_report
from app.engine.state import AccountState, EngineState
from app.engine.turn import Turn
from app.messages.records import Changes
from app.messages.reports import FillReport, OrderReport
from tests.support.examples import NOON
from tests.support.strategies import SIDES, decimal_of, filled_group, group_of, leg_of
from tests.unit.engine.test_reconciling import CAN, Ids

D = Decimal
TINY = D("1e-12")
ID = "zg1"


@dataclass(frozen=True)
class Trade:
    price: Decimal
    quantity: Decimal
    fee: Decimal


@dataclass(frozen=True)
class Count:
    """The venue counts the first of the trades, and tells none of them."""

    trades: int
    tells_average: bool = True


class Books:
    """One order of one group, and the rows that a database would keep of it."""

    def __init__(self, group: Group, role: OrderRole, quantity: Decimal, trades: Sequence[Trade]) -> None:
        self.trades, self.fee_asset = trades, "USDT"
        self.rows: dict[tuple[str, str, str], Fill] = {}
        self.state = EngineState(parse_config({"accounts": [{"id": group.account}]}), recovered=True)
        self.state.accounts[group.account] = AccountState(group.account, CAN, connected=True, reconciled=True)
        self._group_id = group.id
        side = group.side.entry_order_side if role is OrderRole.ENTRY else group.side.exit_order_side
        order = Order(
            client_order_id=ID, account=group.account, symbol=group.symbol, group_id=group.id, pyramid=0, leg=0,
            role=role, side=side, type=OrderType.LIMIT, quantity=quantity, price=D(100), trigger_price=None,
            reduce_only=role is not OrderRole.ENTRY, time_in_force=TimeInForce.GTC, number=1, attempt=1,
            status=OrderStatus.OPEN, created_at=NOON, updated_at=NOON,
        )  # fmt: skip
        turn = self._turn()
        turn.put_group(group)
        turn.put_order(order)
        self._end(turn)

    def _turn(self) -> Turn:
        return Turn(self.state, NOON, Ids(), lambda: 0.0, Namespace("ab", 1))

    def _end(self, turn: Turn) -> None:
        changes: Changes = turn.changes()
        for key in changes.fills_removed:
            self.rows.pop(key, None)
        for fill in changes.fills:
            assert fill.key not in self.rows, "a second row of one trade"
            self.rows[fill.key] = fill
        turn.apply()

    def restart(self) -> None:
        self.state.trade_ids = set(self.rows)
        self.state.fills_of = {self._group_id: list(self.rows.values())}

    def tell(self, event: Any) -> None:
        turn = self._turn()
        if event == "restart":
            self.restart()
        elif isinstance(event, Count):
            apply_report(turn, self.count(event), looked_up=True)
        else:
            apply_fill(turn, self.trade(event))
        self._end(turn)

    def trade(self, index: int) -> FillReport:
        told = self.trades[index]
        return FillReport(
            account=self.order.account, symbol=self.order.symbol, trade_id=f"T{index}", client_order_id=ID,
            side=self.order.side, price=told.price, quantity=told.quantity, fee=told.fee, fee_asset=self.fee_asset,
            liquidity=Liquidity.TAKER, at=NOON,
        )  # fmt: skip

    def count(self, count: Count) -> OrderReport:
        order, counted = self.order, self.trades[: count.trades]
        filled = sum((trade.quantity for trade in counted), D(0))
        is_whole = filled >= order.quantity
        return OrderReport(
            account=order.account, symbol=order.symbol, client_order_id=ID, venue_order_id="v1", side=order.side,
            type=order.type, status=OrderStatus.FILLED if is_whole else OrderStatus.PARTIALLY_FILLED,
            quantity=order.quantity, filled=filled,
            average=value_of(counted) / filled if count.tells_average else None, price=order.price,
            trigger_price=None, reduce_only=order.reduce_only, at=NOON,
        )  # fmt: skip

    @property
    def order(self) -> Order:
        return self.state.orders[ID]

    @property
    def group(self) -> Group:
        return self.state.groups[self._group_id]


def value_of(trades: Sequence[Trade]) -> Decimal:
    return sum((trade.price * trade.quantity for trade in trades), D(0))


def quantity_of(trades: Sequence[Trade]) -> Decimal:
    return sum((trade.quantity for trade in trades), D(0))


def entry_books(trades: Sequence[Trade], side: Side = Side.LONG, more: str = "0") -> Books:
    quantity = quantity_of(trades) + D(more)
    group = replace(group_of([leg_of(0, "100", str(quantity))], side), symbol="BTC/USDT")  # fees may be in the coin
    return Books(group, OrderRole.ENTRY, quantity, trades)


def exit_books(trades: Sequence[Trade], side: Side = Side.LONG, more: str = "0") -> Books:
    quantity = quantity_of(trades) + D(more)
    return Books(filled_group(side, ("100", str(quantity))), OrderRole.TAKE_PROFIT, quantity, trades)


TWO = [Trade(D(101), D("0.3"), D("0.03")), Trade(D(103), D("0.2"), D("0.02"))]


def test_a_trade_that_was_counted_before_it_was_told_is_not_booked_again() -> None:
    books = exit_books([Trade(D(102), D("0.5"), D("0.05"))], more="0.5")
    books.tell(Count(1))
    books.tell(0)
    assert (books.order.filled, books.order.status) == (D("0.5"), OrderStatus.PARTIALLY_FILLED)
    assert (books.group.open_quantity, books.group.realized_gross, books.group.fees) == (D("0.5"), D(1), D("0.05"))
    assert [(row.trade_id, row.quantity, row.fee) for row in books.rows.values()] == [("T0", D("0.5"), D("0.05"))]


def test_it_is_not_booked_again_after_a_restart_either() -> None:
    books = exit_books([Trade(D(102), D("0.5"), D("0.05"))], more="0.5")
    for event in (Count(1), "restart", 0, "restart", 0, Count(1)):
        books.tell(event)
    assert (books.order.filled, books.group.open_quantity, len(books.rows)) == (D("0.5"), D("0.5"), 1)


def test_of_a_trade_larger_than_what_was_counted_only_the_rest_is_added() -> None:
    books = entry_books([Trade(D(100), D(1), D(0)), Trade(D(90), D(3), D(6))], more="2")
    books.tell(Count(1))
    books.tell(1)
    assert (books.order.filled, books.order.filled_value, books.group.fees) == (D(3), D(270), D(6))
    books.tell(0)
    assert (books.order.filled, books.group.open_value) == (D(4), D(370))


def test_a_count_without_an_average_is_booked_at_the_orders_price_until_the_trade_comes() -> None:
    books = entry_books([Trade(D(250), D(1), D(0)), Trade(D(250), D(1), D(0))])
    books.tell(0)
    books.tell(Count(2, tells_average=False))
    assert books.order.filled_value == 350
    books.tell(1)
    assert (books.order.filled_value, books.group.open_value) == (D(500), D(500))


def test_a_fee_taken_in_the_coin_leaves_less_open_once_the_trade_tells_it() -> None:
    books = entry_books([Trade(D(100), D(1), D("0.001"))])
    books.fee_asset = "BTC"
    books.tell(Count(1))
    assert books.group.open_quantity == 1
    books.tell(0)
    assert (books.group.open_quantity, books.group.open_value, books.group.fees) == (D("0.999"), D("99.9"), D("0.1"))


def test_a_fee_that_an_exit_took_in_the_coin_leaves_less_open_once_the_trade_tells_it() -> None:
    books = exit_books([Trade(D(110), D(1), D("0.001"))], more="1")
    turn = books._turn()
    turn.put_group(replace(books.group, symbol="BTC/USDT"))
    turn.put_order(replace(books.order, symbol="BTC/USDT"))
    books._end(turn)
    books.fee_asset = "BTC"
    books.tell(Count(1))
    assert books.group.open_quantity == 1
    books.tell(0)
    assert (books.group.open_quantity, books.group.open_value, books.group.fees) == (D("0.999"), D("99.9"), D("0.11"))


def test_what_was_sold_meanwhile_has_its_share_of_the_correction_in_its_result() -> None:
    books = entry_books([Trade(D(104), D(2), D("0.4"))])
    books.tell(Count(1, tells_average=False))
    sale = replace(books.trade(0), trade_id="S", client_order_id="zg2", side=OrderSide.SELL, price=D(110))
    turn = books._turn()
    new = replace(books.order, filled=D(0), filled_value=D(0), seen_filled=D(0), status=OrderStatus.OPEN)
    close = replace(new, client_order_id="zg2", role=OrderRole.CLOSE, side=OrderSide.SELL, quantity=D(1))
    turn.put_order(close)
    apply_fill(turn, replace(sale, quantity=D(1), fee=D(0)))
    books._end(turn)
    books.tell(0)
    group = books.group
    assert (group.realized_gross, group.open_value, group.average_entry) == (D(6), D(104), D(104))
    assert (group.fees, group.open_costs, group.closed_costs) == (D("0.4"), D("0.2"), D("0.2"))


def test_a_correction_does_not_open_a_closed_group_again() -> None:
    books = exit_books([Trade(D(102), D(1), D("0.1"))])
    books.tell(Count(1))
    turn = books._turn()
    turn.put_group(replace(books.group, closed_at=NOON, close_reason=CloseReason.TAKE_PROFIT))
    books._end(turn)
    books.tell(0)
    assert (books.group.is_open, books.group.realized_pnl) == (False, D("1.9"))


# ---------------------------------------------------------------------------------------------- any order of events

TRADES = st.lists(
    st.builds(Trade, decimal_of("1", "5000", 2), decimal_of("0.001", "20", 3), decimal_of("0", "2", 4)),
    min_size=1, max_size=5,
)  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Trade], list[Any]]:
    """Trades, and what is told of them: each at least once, some twice, between counts and restarts, in any order."""
    trades = draw(TRADES)
    indices = range(len(trades))
    counts = st.builds(Count, st.integers(1, len(trades)), st.booleans())
    others = draw(st.lists(st.one_of(st.sampled_from(indices), counts, st.just("restart")), max_size=8))
    return trades, draw(st.permutations([*indices, *others]))


def told_so_far(trades: Sequence[Trade], events: Sequence[Any]) -> Decimal:
    """What the order has filled by all that was told: the larger of the largest count and the sum of the trades."""
    counts = [quantity_of(trades[: event.trades]) for event in events if isinstance(event, Count)]
    told = {event for event in events if isinstance(event, int)}
    return max([*counts, quantity_of([trades[index] for index in told])])


def check_rows(books: Books) -> None:
    rows = books.rows.values()
    assert sum((row.quantity for row in rows), D(0)) == books.order.filled
    assert abs(sum((row.quantity * row.price for row in rows), D(0)) - books.order.filled_value) < TINY


@pytest.mark.parametrize("fee_asset", ["USDT", "BTC"])
@given(histories(), SIDES, st.sampled_from(["0", "1"]))
def test_an_entry_told_in_any_order_is_booked_as_its_trades(
    fee_asset: str, history: tuple[list[Trade], list[Any]], side: Side, more: str
) -> None:
    trades, events = history
    if fee_asset == "BTC":
        trades = [replace(trade, fee=trade.quantity / 1000) for trade in trades]
    books = entry_books(trades, side, more)
    books.fee_asset = fee_asset
    for number, event in enumerate(events):
        books.tell(event)
        assert books.order.filled == told_so_far(trades, events[: number + 1]) == books.group.legs[0].filled
        check_rows(books)
    plain = entry_books(trades, side, more)
    plain.fee_asset = fee_asset
    for index in range(len(trades)):
        plain.tell(index)
    assert set(books.rows) == set(plain.rows)
    assert same(books, plain)


@given(histories(), SIDES, st.sampled_from(["0", "1"]))
def test_an_exit_told_in_any_order_is_booked_as_its_trades(
    history: tuple[list[Trade], list[Any]], side: Side, more: str
) -> None:
    trades, events = history
    books = exit_books(trades, side, more)
    for number, event in enumerate(events):
        books.tell(event)
        assert books.order.filled == told_so_far(trades, events[: number + 1])
        assert books.group.open_quantity == books.order.quantity - books.order.filled
        check_rows(books)
    plain = exit_books(trades, side, more)
    for index in range(len(trades)):
        plain.tell(index)
    assert set(books.rows) == set(plain.rows)
    assert same(books, plain)


def same(one: Books, other: Books) -> bool:
    return one.order.status is other.order.status and all(
        abs(mine - theirs) < TINY for mine, theirs in zip(figures(one), figures(other), strict=True)
    )


def figures(books: Books) -> tuple[Decimal, ...]:
    group, order, leg = books.group, books.order, books.group.legs[0]
    return (
        order.filled, order.filled_value, leg.filled, leg.filled_value, leg.open_quantity, leg.open_value, leg.exited,
        leg.exit_value, group.realized_gross, group.fees, group.exit_fees, group.open_costs + group.closed_costs,
    )  # fmt: skip
