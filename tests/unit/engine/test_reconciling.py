"""What a reading takes from the books, by which fills, and when so much seems to be gone that it is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.base.config import parse_config
from app.domain.client_order_id import Namespace
from app.domain.group import Group
from app.domain.values import Liquidity, MarketType, OrderSide, PositionMode, Side
from app.engine.inbox import AccountRead
from app.engine.indexing import index_group
from app.engine.reconciling import account_read
from app.engine.state import AccountState, EngineState, external_fact
from app.engine.turn import Turn
from app.messages.reports import FillReport, PositionReport
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
    turn = Turn(state, at, Ids(), lambda: 0.0, Namespace("ab", 1))
    account_read(turn, reading_of(state, at, *symbols))
    turn.changes()
    turn.apply()


def reading_of(state: EngineState, at: datetime, *symbols: str) -> AccountRead:
    positions = tuple(PositionReport("paper", symbol, Side.LONG, D(1), D(100), D(1), None, at) for symbol in symbols)
    return AccountRead("paper", at, state.accounts["paper"].activity, (), positions, (), (), ())


def test_a_mass_difference_holds_entries_until_a_read_finds_everything_again() -> None:
    state = holding(*(group(number, symbol) for number, symbol in enumerate(SYMBOLS, start=1)))
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


def sold(number: int, quantity: str, price: str, at: datetime, of: Side | None = None) -> FillReport:
    return FillReport(
        "paper", SYMBOLS[0], f"t{number}", None, OrderSide.SELL, D(price), D(quantity), D(1), "USDT",
        Liquidity.TAKER, at, of,
    )  # fmt: skip


def holding(*groups: Group) -> EngineState:
    state = EngineState(parse_config({}))
    state.accounts["paper"] = AccountState("paper", CAN, connected=True)
    for one in groups:
        index_group(state, one, NOON)
    return state


def test_a_fill_that_came_after_a_reading_began_still_explains_the_next_one() -> None:
    state = holding(group(1, SYMBOLS[0]))
    state.external_fills["paper", SYMBOLS[0]] = [sold(1, "1", "90", NOON + timedelta(seconds=1))]
    read(state, 0, SYMBOLS[0])
    read(state, 1)
    closed = state.groups["g0000001"]
    assert (closed.open_quantity, closed.realized_gross, closed.estimated) == (D(0), D(-10), False)


def test_a_fill_that_came_before_a_reading_explains_no_later_one() -> None:
    state = holding(group(1, SYMBOLS[0]))
    state.external_fills["paper", SYMBOLS[0]] = [sold(1, "1", "90", NOON - timedelta(seconds=1))]
    read(state, 0, SYMBOLS[0])
    read(state, 1)
    assert state.groups["g0000001"].open_quantity == 1


def test_what_is_not_ours_gives_way_to_the_older_fills() -> None:
    state = holding(group(1, SYMBOLS[0]))
    book = ("paper", SYMBOLS[0], Side.LONG)
    state.facts[external_fact(book)] = "2"
    first, second = NOON - timedelta(seconds=2), NOON - timedelta(seconds=1)
    state.external_fills["paper", SYMBOLS[0]] = [sold(2, "2", "90", second), sold(1, "1", "105", first)]
    read(state, 0)
    closed = state.groups["g0000001"]
    assert (closed.open_quantity, closed.realized_gross) == (D(0), D(-10))
    assert closed.fees == D("0.5")
    assert state.external(book) == 0
    assert state.external_fills == {}


def test_fills_that_only_what_is_not_ours_explains_take_nothing_of_ours() -> None:
    state = holding(group(1, SYMBOLS[0]))
    state.facts[external_fact(("paper", SYMBOLS[0], Side.LONG))] = "2"
    state.external_fills["paper", SYMBOLS[0]] = [sold(1, "1", "90", NOON - timedelta(seconds=1))]
    read(state, 0)
    assert state.groups["g0000001"].open_quantity == 1


def test_dust_that_the_same_turn_has_written_off_is_no_news() -> None:
    state = holding()
    book = ("paper", SYMBOLS[0], Side.LONG)
    turn = Turn(state, NOON, Ids(), lambda: 0.0, Namespace("ab", 1))
    turn.facts.put(external_fact(book), "1")
    account_read(turn, reading_of(state, NOON, SYMBOLS[0]))
    assert turn.ledger.findings == []
    assert turn.external(book) == 1


def test_fills_of_the_other_side_explain_nothing() -> None:
    state = holding(group(1, SYMBOLS[0]))
    at = NOON - timedelta(seconds=1)
    state.external_fills["paper", SYMBOLS[0]] = [sold(1, "1", "90", at, Side.SHORT)]
    read(state, 0)
    assert state.groups["g0000001"].open_quantity == 1
