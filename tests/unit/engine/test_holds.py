"""What only the trader can settle: another instance's orders, and quantities that are really gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import pytest

from app.base.config import parse_config
from app.domain.client_order_id import Namespace, OrderAddress, encode
from app.domain.group import Group
from app.domain.order import OrderStatus
from app.domain.values import CloseReason, OrderRole, OrderSide, OrderType, Side
from app.engine.holds import accept_difference, settle_foreign
from app.engine.inbox import AccountRead
from app.engine.indexing import index_group
from app.engine.reconciling import account_read
from app.engine.reports import apply_report
from app.engine.state import AccountState, EngineState
from app.engine.turn import Turn
from app.engine.views import engine_view
from app.messages.commands import AcceptDifference, SettleForeign
from app.messages.effects import CancelForeign, LoadGroup, Reconcile
from app.messages.reports import OrderReport, PositionReport
from app.messages.snapshots import AccountSnapshot
from app.ports.engine import CommandRefused
from tests.support.examples import NOON
from tests.support.strategies import filled_group
from tests.unit.engine.test_reconciling import CAN, Ids

D = Decimal
OURS, OTHER, THIRD = Namespace("aaaaa", 1), Namespace("bbbbb", 1), Namespace("ccccc", 1)
SOL = "SOL/USDT:USDT"
COINS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "LTC/USDT:USDT")


def order_of(namespace: Namespace, group_id: str = "g0000001") -> OrderReport:
    """A resting buy of one SOL."""
    return resting(encode(OrderAddress(namespace, group_id, 0, 0, OrderRole.ENTRY, 7)))


def resting(client_order_id: str | None) -> OrderReport:
    return OrderReport(
        account="paper", symbol=SOL, client_order_id=client_order_id, venue_order_id="v1", side=OrderSide.BUY,
        type=OrderType.LIMIT, status=OrderStatus.OPEN, quantity=D(1), filled=D(0), average=None, price=D(90),
        trigger_price=None, reduce_only=False, at=NOON,
    )  # fmt: skip


class Desk:
    """One account, its readings, and what the trader says of them."""

    def __init__(self) -> None:
        self.state = EngineState(parse_config({}))
        self.state.accounts["paper"] = AccountState("paper", CAN, connected=True)
        self.minute = 0
        self.turn = self._turn()
        self.told: list[str] = []

    def _turn(self) -> Turn:
        self.minute += 1
        return Turn(self.state, NOON + timedelta(minutes=self.minute), Ids(), lambda: 0.0, OURS)

    def _end(self) -> None:
        self.turn.changes()
        self.turn.apply()
        self.told += [event.type for event in self.turn.ledger.events]

    def restarted(self) -> None:
        """What no fact keeps is forgotten."""
        self.state.accounts["paper"] = AccountState("paper", CAN, connected=True)

    def open(self, number: int, symbol: str, quantity: str = "1") -> Group:
        one = replace(filled_group(Side.LONG, ("100", quantity)), id=f"g{number:07d}", symbol=symbol)
        index_group(self.state, one, NOON)
        return one

    def read(self, *orders: OrderReport, holding: tuple[str, ...] = (), busy: str | None = None) -> None:
        """A reading that finds these orders, and one contract in each of `holding`; in the market `busy` something
        happened meanwhile."""
        self.turn = self._turn()
        at = self.turn.now
        positions = tuple(PositionReport("paper", coin, Side.LONG, D(1), D(100), D(1), None, at) for coin in holding)
        before = self.state.accounts["paper"].activity
        if busy is not None:
            self.state.accounts["paper"].note_activity(busy)
        account_read(self.turn, AccountRead("paper", at, before, orders, positions, (), (), ()))
        self._end()

    def tell(self, order: OrderReport) -> None:
        """The venue's stream tells of an order."""
        self.turn = self._turn()
        apply_report(self.turn, order)
        self._end()

    def settle(self, choice: Literal["ignore", "adopt"]) -> None:
        self.turn = self._turn()
        settle_foreign(self.turn, SettleForeign("paper", choice))
        self._end()

    def accept(self) -> None:
        self.turn = self._turn()
        accept_difference(self.turn, AcceptDifference("paper"))
        self._end()

    @property
    def ready(self) -> bool:
        return self.state.accounts["paper"].ready

    @property
    def snapshot(self) -> AccountSnapshot:
        return engine_view(self._turn()).accounts[0]

    def alerts(self) -> list[str]:
        """Severities told in the last turn."""
        return [str(event.data["severity"]) for event in self.turn.ledger.events if event.type == "alert.raised"]

    def open_groups(self) -> list[str]:
        return [group.id for group in self.state.groups.values() if group.is_open and group.open_quantity > 0]


# ---------------------------------------------------------------------------------------------- another instance


def test_another_instances_orders_hold_entries_until_a_reading_finds_none() -> None:
    desk = Desk()
    desk.read(order_of(OTHER))
    assert (desk.ready, desk.alerts()) == (False, ["critical"])
    desk.read(order_of(OTHER))
    assert (desk.ready, desk.alerts()) == (False, [])
    desk.read()
    assert desk.ready
    assert desk.turn.wants_promotion
    with pytest.raises(CommandRefused, match="no orders of another instance"):
        desk.settle("ignore")


def test_ignored_orders_are_never_touched_and_entries_go_on_after_a_restart_too() -> None:
    desk = Desk()
    desk.read(order_of(OTHER))
    desk.settle("ignore")
    assert desk.turn.ledger.effects == [Reconcile("paper", 0)]
    desk.read(order_of(OTHER))
    assert desk.ready
    desk.restarted()
    desk.read(order_of(OTHER))
    assert desk.ready
    assert desk.turn.ledger.effects == []
    assert "account.foreign_settled" in desk.told


def test_what_is_told_of_an_adopted_order_brings_back_the_group_that_is_no_longer_in_memory() -> None:
    desk = Desk()
    desk.tell(order_of(OURS))
    assert desk.turn.ledger.effects == [LoadGroup("g0000001")]
    desk.tell(order_of(OTHER))
    assert desk.turn.ledger.effects == []
    desk.read(order_of(OTHER))
    desk.settle("adopt")
    desk.tell(order_of(OTHER))
    assert desk.turn.ledger.effects == [LoadGroup("g0000001")]


def test_a_third_instance_is_not_covered_by_the_choice_for_the_second() -> None:
    desk = Desk()
    desk.read(order_of(OTHER))
    desk.settle("ignore")
    desk.read(order_of(OTHER), order_of(THIRD))
    assert (desk.ready, desk.alerts()) == (False, ["critical"])


def test_adopted_orders_of_a_known_group_become_its_own_and_others_are_cancelled() -> None:
    desk = Desk()
    group = desk.open(1, SOL)
    mine, stray = order_of(OTHER, group.id), order_of(OTHER, "g0000077")
    desk.read(mine, stray, holding=(SOL,))
    assert not desk.state.orders
    desk.settle("adopt")
    desk.read(mine, stray, holding=(SOL,))
    assert desk.ready
    assert [order.group_id for order in desk.state.orders.values()] == [group.id]
    cancelled = [effect for effect in desk.turn.ledger.effects if isinstance(effect, CancelForeign)]
    assert [effect.client_order_id for effect in cancelled] == [stray.client_order_id]
    assert desk.snapshot.external_orders == ()


# ---------------------------------------------------------------------------------------------- the trader's own


@pytest.mark.parametrize("client_order_id", [None, "web_1234"])
def test_the_traders_own_orders_are_shown_as_long_as_they_rest(client_order_id: str | None) -> None:
    desk = Desk()
    desk.read(resting(client_order_id))
    (shown,) = desk.snapshot.external_orders
    assert (shown.symbol, shown.side, shown.type, shown.quantity, shown.price) == (SOL, "buy", "limit", D(1), D(90))
    assert desk.ready
    assert desk.turn.ledger.effects == []
    desk.read()
    assert desk.snapshot.external_orders == ()


# ---------------------------------------------------------------------------------------------- what is gone


def held() -> Desk:
    """Two of three groups are gone at the venue."""
    desk = Desk()
    for number, coin in enumerate(COINS, start=1):
        desk.open(number, coin)
    desk.read(holding=COINS)
    desk.read(holding=COINS[:1])
    desk.read(holding=COINS[:1])
    assert not desk.ready
    assert len(desk.open_groups()) == 3
    return desk


def test_an_accepted_difference_closes_the_groups_as_reconciled_and_ends_the_hold() -> None:
    desk = held()
    desk.accept()
    assert desk.turn.ledger.effects == [Reconcile("paper", 0)]
    assert (desk.alerts(), desk.told[-2]) == (["warning"], "account.difference_accepted")
    desk.read(holding=COINS[:1])
    desk.read(holding=COINS[:1])
    assert desk.open_groups() == ["g0000001"]
    closed = [group.closing for group in desk.state.groups.values() if group.open_quantity == 0]
    assert closed == [CloseReason.RECONCILED] * 2
    assert desk.ready


def test_what_was_accepted_survives_a_restart() -> None:
    desk = held()
    desk.accept()
    desk.restarted()
    desk.read(holding=COINS[:1])
    desk.read(holding=COINS[:1])
    assert desk.open_groups() == ["g0000001"]


def test_what_comes_back_after_all_is_kept_and_nothing_stays_accepted() -> None:
    desk = held()
    desk.accept()
    desk.read(holding=COINS)
    ready = [desk.ready]
    desk.read()
    assert [*ready, desk.ready] == [True, False]
    assert len(desk.open_groups()) == 3


def test_more_than_was_accepted_is_held_anew() -> None:
    desk = Desk()
    for number, coin in enumerate((*COINS, "XRP/USDT:USDT"), start=1):
        desk.open(number, coin)
    everything = (*COINS, "XRP/USDT:USDT")
    desk.read(holding=everything)
    desk.read(holding=everything[:2])
    desk.accept()
    desk.read()
    assert (desk.ready, desk.alerts()) == (False, ["critical"])
    assert len(desk.open_groups()) == 4


def test_nothing_is_accepted_where_nothing_is_held() -> None:
    with pytest.raises(CommandRefused, match="no difference is held on paper"):
        Desk().accept()


def test_a_market_where_something_happens_does_not_let_the_others_go() -> None:
    desk = Desk()
    for number, (coin, quantity) in enumerate(zip(COINS, ("6", "2", "2"), strict=True), start=1):
        desk.open(number, coin, quantity)
    for _ in range(3):
        desk.read(busy=COINS[0])
    assert (desk.ready, desk.open_groups()) == (False, ["g0000001", "g0000002", "g0000003"])


def test_what_is_held_stays_so_while_something_happens_in_one_of_its_markets() -> None:
    desk = Desk()
    for number, coin in enumerate(COINS, start=1):
        desk.open(number, coin)
    desk.read(holding=COINS)
    for _ in range(2):
        desk.read(holding=COINS[:1])
    told = list(desk.told)
    for _ in range(3):
        desk.read(holding=COINS[:1], busy=COINS[1])
    assert (desk.ready, desk.open_groups()) == (False, ["g0000001", "g0000002", "g0000003"])
    assert "alert.raised" in told
    assert "alert.raised" not in desk.told[len(told) :]
