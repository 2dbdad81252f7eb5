"""What entries bind before a balance tells of it is kept as sums; they are those of a count over every order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.base.config import parse_config
from app.domain.client_order_id import Namespace
from app.domain.order import Order, OrderStatus
from app.domain.values import ZERO, OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.engine.binding import put_balance
from app.engine.figures import free_funds
from app.engine.state import Balance, EngineState
from app.engine.turn import Turn
from tests.support.examples import NOON
from tests.support.strategies import filled_group
from tests.unit.engine.test_reconciling import Ids

D = Decimal
FREE, FEE = D(100_000), D("0.0005")
FACTS = (("g0000001", "paper", "USDT", D(1)), ("g0000002", "paper", "USDT", D(4)), ("g0000003", "other", "USDC", D(2)))
GROUPS = {
    group_id: replace(filled_group(Side.LONG, ("100", "1")), id=group_id, account=account, quote=quote, leverage=times)
    for group_id, account, quote, times in FACTS
}
PURSES = (("paper", "USDT"), ("paper", "USDC"), ("other", "USDC"))
SECOND = st.integers(0, 9)
ORDER = st.fixed_dictionaries(
    {
        "number": st.integers(1, 6),
        "status": st.sampled_from(OrderStatus),
        "filled": st.sampled_from([ZERO, D(1), D(2)]),
    }
)
STEP = st.one_of(
    st.tuples(st.just("orders"), st.lists(ORDER, min_size=1, max_size=3)),
    st.tuples(st.just("balance"), st.sampled_from(PURSES), SECOND),
)


def order_of(number: int, status: OrderStatus, filled: Decimal) -> Order:
    """Of one of three groups, made in the second of its number; the last is no entry."""
    role = OrderRole.ENTRY if number < 6 else OrderRole.TAKE_PROFIT
    group = GROUPS[f"g000000{number % 3 + 1}"]
    at = NOON + timedelta(seconds=number)
    return Order(
        client_order_id=f"zg{number}", account=group.account, symbol=group.symbol, group_id=group.id, pyramid=0, leg=0,
        role=role, side=OrderSide.BUY, type=OrderType.LIMIT, quantity=D(2), price=D(90 + number), trigger_price=None,
        reduce_only=False, time_in_force=TimeInForce.GTC, number=number, attempt=1, status=status, created_at=at,
        updated_at=at, filled=filled,
    )  # fmt: skip


def counted(turn: Turn, account: str, quote: str) -> Decimal:
    """What is left of the balance, by the rule itself, over every order there is."""
    balance = turn.state.balances.get(account, {}).get(quote)
    if balance is None:
        return ZERO
    free = balance.free
    for order in turn.orders.values():
        group = GROUPS[order.group_id]
        if order.role is not OrderRole.ENTRY or (order.account, group.quote) != (account, quote):
            continue
        waits = order.status in {OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN}
        if waits or (order.created_at > balance.at and (order.is_live or order.filled > 0)):
            value = D(90 + order.number) * (order.quantity if order.is_live else order.filled)
            free -= value / group.leverage + value * FEE
    return free


def turn_of(state: EngineState) -> Turn:
    return Turn(state, NOON, Ids(), lambda: 0.5, Namespace("00000", 0))


def assert_equal(turn: Turn) -> None:
    assert [free_funds(turn, *purse, FEE) for purse in PURSES] == [counted(turn, *purse) for purse in PURSES]


@settings(deadline=None)
@given(st.lists(STEP, max_size=25))
def test_the_sums_are_those_of_a_count_over_every_order(steps: list[tuple[object, ...]]) -> None:
    state = EngineState(parse_config({}), groups=dict(GROUPS))
    for step in steps:
        match step:
            case ("balance", (str(account), str(asset)), int(second)):
                put_balance(state, account, asset, Balance(FREE, FREE, NOON + timedelta(seconds=second)))
            case ("orders", list(facts)):
                turn = turn_of(state)
                for each in facts:
                    turn.put_order(order_of(**each))
                assert_equal(turn)
                turn.apply()
        assert_equal(turn_of(state))


@settings(deadline=None)
@given(st.lists(STEP, max_size=10), st.lists(st.one_of(STEP, st.tuples(st.just("nothing of it"))), max_size=15))
def test_a_turn_that_goes_on_counts_what_it_takes_back_and_what_is_told_meanwhile(
    before: list[tuple[object, ...]], steps: list[tuple[object, ...]]
) -> None:
    state = EngineState(parse_config({}), groups=dict(GROUPS))
    turn = turn_of(state)
    for step in before:
        take(turn, step)
    turn.apply()
    turn = turn_of(state)
    savepoint = turn.savepoint()
    for step in steps:
        if step == ("nothing of it",):
            turn.rollback(savepoint)
        take(turn, step)
        assert_equal(turn)


def take(turn: Turn, step: tuple[object, ...]) -> None:
    match step:
        case ("balance", (str(account), str(asset)), int(second)):
            put_balance(turn.state, account, asset, Balance(FREE, FREE, NOON + timedelta(seconds=second)))
        case ("orders", list(facts)):
            for each in facts:
                turn.put_order(order_of(**each))
