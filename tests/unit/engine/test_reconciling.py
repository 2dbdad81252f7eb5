"""When so much seems to be gone at once that the reading is more likely wrong than the books."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.base.config import parse_config
from app.domain.client_order_id import Namespace
from app.domain.group import Group
from app.domain.values import MarketType, PositionMode, Side
from app.engine.inbox import AccountRead
from app.engine.reconciling import account_read
from app.engine.state import AccountState, EngineState
from app.engine.turn import Turn
from app.messages.reports import PositionReport
from app.ports.venue import Capabilities
from tests.support.examples import NOON
from tests.support.strategies import filled_group

D = Decimal
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
CAN = Capabilities(
    market_type=MarketType.LINEAR, position_mode=PositionMode.ONE_WAY, reduce_only=True, exits_below_minimum=True,
    stop_market=True, stop_limit=True, take_profit_market=True, amend_types=frozenset(), batch_orders=True,
    fees=(D(0), D(0)),
)  # fmt: skip


class Ids:
    def group_id(self) -> str:
        return "g0000099"

    def signal_id(self) -> str:
        return "s0000000000099"

    def action_id(self) -> str:
        return "a0000000000099"

    def instance_tag(self) -> str:
        return "ab"


def group(number: int, symbol: str) -> Group:
    return replace(filled_group(Side.LONG, ("100", "1")), id=f"g{number:07d}", symbol=symbol)


def read(state: EngineState, minute: int, *symbols: str) -> None:
    """One reconciliation that finds a position of one contract in each of `symbols`."""
    at = NOON + timedelta(minutes=minute)
    positions = tuple(PositionReport("paper", symbol, Side.LONG, D(1), D(100), D(1), None, at) for symbol in symbols)
    turn = Turn(state, at, Ids(), lambda: 0.0, Namespace("ab", 1))
    account_read(turn, AccountRead("paper", at, state.accounts["paper"].activity, (), positions, (), (), ()))
    turn.changes()
    turn.apply()


def test_a_mass_difference_holds_entries_until_a_read_finds_everything_again() -> None:
    state = EngineState(parse_config({}))
    state.accounts["paper"] = AccountState("paper", CAN, connected=True)
    for number, symbol in enumerate(SYMBOLS, start=1):
        one = group(number, symbol)
        state.groups[one.id] = one
        state.open_ids[one.id] = None
        state.groups_of_market[one.market_key] = [one.id]
    read(state, 0, *SYMBOLS)
    assert state.accounts["paper"].ready
    read(state, 1)
    ready = [state.accounts["paper"].ready]
    assert all(one.open_quantity == 1 for one in state.groups.values())
    read(state, 2)
    ready.append(state.accounts["paper"].ready)
    read(state, 3, *SYMBOLS)
    ready.append(state.accounts["paper"].ready)
    assert ready == [False, False, True]
