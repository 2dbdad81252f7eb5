"""On spot a coin is one heap for all its markets: what a reading takes from the groups of which market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.domain.client_order_id import Namespace
from app.domain.order import OrderStatus
from app.domain.values import MarketType
from app.engine.inbox import AccountRead
from app.engine.indexing import index_order
from app.engine.reconciling import account_read
from app.engine.state import AccountState, EngineState
from app.engine.turn import Turn
from app.messages.reports import BalanceReport
from tests.support.examples import NOON
from tests.unit.engine.test_reconciling import CAN, Ids, group, holding, sold
from tests.unit.engine.test_submitter import order

D = Decimal
COIN = ("SOL/USDT", "SOL/USDC")


def holding_coins() -> EngineState:
    """On spot, a group with one coin on each of two markets."""
    state = holding(*(replace(group(number, symbol), base="SOL") for number, symbol in enumerate(COIN, start=1)))
    state.accounts["paper"] = AccountState("paper", replace(CAN, market_type=MarketType.SPOT), connected=True)
    return state


def read_coins(state: EngineState, minute: int, coins: str, activity: Mapping[str, int] | None = None) -> None:
    seen = state.accounts["paper"].activity if activity is None else activity
    at = NOON + timedelta(minutes=minute)
    balance = BalanceReport("paper", "SOL", D(coins), D(coins), at)
    turn = Turn(state, at, Ids(), lambda: 0.0, Namespace("ab", 1))
    account_read(turn, AccountRead("paper", at, seen, (), (), (balance,), (), ()))
    turn.changes()
    turn.apply()


def left(state: EngineState) -> list[Decimal]:
    return [one.open_quantity for one in state.groups.values()]


def test_coins_that_fills_say_were_sold_on_one_market_are_taken_from_its_groups_alone() -> None:
    state = holding_coins()
    fill = replace(sold(1, "1", "90", NOON - timedelta(seconds=1)), symbol=COIN[1])
    state.external_fills["paper", COIN[1]] = [fill]
    read_coins(state, 0, "1")
    assert left(state) == [D(1), D(0)]


def test_a_market_that_orders_have_overtaken_puts_off_all_markets_of_its_coin_and_no_other() -> None:
    fill = replace(sold(1, "1", "90", NOON - timedelta(seconds=1)), symbol=COIN[1])
    for busy, kept in ((COIN[0], [D(1), D(1)]), ("ETH/USDT", [D(1), D(0)])):
        state = holding_coins()
        state.external_fills["paper", COIN[1]] = [fill]
        state.accounts["paper"].note_activity(busy)
        read_coins(state, 0, "1", activity={})
        assert left(state) == kept


def test_coins_that_nothing_explains_are_missed_on_all_markets_together() -> None:
    state = holding_coins()
    read_coins(state, 0, "1")
    read_coins(state, 1, "1")
    assert left(state) == [D(1), D(1)]
    assert state.accounts["paper"].mass_difference is not None


def test_while_an_order_of_one_market_is_in_doubt_no_market_of_its_coin_loses_anything() -> None:
    state = holding_coins()
    close = replace(order(1, "g0000002"), status=OrderStatus.UNKNOWN, unknown_since=NOON)
    index_order(state, close)
    state.orders_of[close.group_id] = [close.client_order_id]
    read_coins(state, 0, "1")
    read_coins(state, 1, "1")
    assert left(state) == [D(1), D(1)]
    assert state.accounts["paper"].mass_difference is None
