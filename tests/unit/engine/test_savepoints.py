"""A turn can be taken back to where it was, whatever was done since."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.base.config import parse_config
from app.domain.client_order_id import Namespace
from app.domain.values import Side
from app.engine.state import EngineState
from app.engine.turn import Turn
from tests.support.examples import NOON
from tests.support.strategies import filled_group
from tests.unit.engine.test_reconciling import Ids
from tests.unit.engine.test_submitter import order

GROUP = filled_group(Side.LONG, ("100", "1"))
DEEDS = st.lists(
    st.tuples(st.sampled_from(["group", "order", "fact", "gone", "event", "trade", "flag"]), st.integers(1, 4))
)


def new_turn() -> Turn:
    state = EngineState(parse_config({}))
    state.facts["fact 1"] = "known"
    return Turn(state, NOON, Ids(), lambda: 0.0, Namespace("00000", 0))


def do(turn: Turn, deed: str, number: int) -> None:
    match deed:
        case "group":
            turn.put_group(replace(GROUP, id=f"g{number}", opened_at=NOON + timedelta(seconds=len(turn.ledger.events))))
        case "order":
            known = turn.orders.get(f"zg{number}")
            turn.put_order(order(number, "g1") if known is None else replace(known, attempt=known.attempt + 1))
        case "fact":
            turn.facts.put(f"fact {number}", str(len(turn.ledger.events)))
        case "gone":
            turn.facts.remove(f"fact {number}")
        case "event":
            turn.alert("info", "told")
            turn.wake(f"group/g{number}", NOON)
        case "trade":
            turn.note_trade(("paper", "BTC/USDT:USDT", str(number)), "g1")
        case "flag":
            turn.wants_promotion, turn.recovered, turn.day, turn.resumes = True, True, NOON.date(), True


def picture(turn: Turn) -> list[Any]:
    """All of it, in its order: what is written must be the same every time."""
    layers = (turn.groups, turn.orders, turn.queue, turn.last_exits, turn.facts, turn.actions)
    mappings = (*(layer.changes for layer in layers), turn.signals, turn.new_orders_of, turn.trade_ids, turn.touched)
    flags = (turn.wants_promotion, turn.recovered, turn.day, turn.resumes)
    return [*(list(mapping.items()) for mapping in mappings), repr(turn.ledger), flags]


@given(DEEDS, DEEDS, DEEDS)
def test_a_rollback_leaves_all_as_it_was_also_within_another(
    first: list[tuple[str, int]], second: list[tuple[str, int]], third: list[tuple[str, int]]
) -> None:
    turn = new_turn()
    for deed in first:
        do(turn, *deed)
    outer, before = turn.savepoint(), picture(turn)
    for deed in second:
        do(turn, *deed)
    inner, between = turn.savepoint(), picture(turn)
    for deed in third:
        do(turn, *deed)
    turn.rollback(inner)
    assert picture(turn) == between
    turn.rollback(outer)
    assert picture(turn) == before
    turn.rollback(outer)
    assert picture(turn) == before
