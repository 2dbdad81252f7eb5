"""Every number that the window shows is the API's for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.api.models import Position, Status
from app.gui import formats
from app.gui.models.positions import position_columns, position_spec
from app.gui.models.tree import Spec
from app.messages.snapshots import GroupSnapshot
from tests.gui.conftest import group, leg
from tests.support.examples import NOON, engine_snapshot, money_snapshot

D = Decimal
prices = st.decimals("0.01", "100000", places=2)
amounts = st.decimals("0.001", "1000", places=3)
results = st.decimals(-10_000, 10_000, places=4)


@st.composite
def groups(draw: st.DrawFn) -> GroupSnapshot:
    count = draw(st.integers(1, 6))
    legs = tuple(
        leg(
            0,
            index,
            filled=draw(st.booleans()),
            price=draw(prices),
            quantity=draw(amounts),
            unrealized_pnl=draw(st.none() | results),
            unrealized_percent=draw(st.none() | results),
            tp_price=draw(st.none() | prices),
        )
        for index in range(count)
    )
    base = group(draw(st.integers(1, 99)), legs=count, filled=draw(st.integers(0, count)))
    return replace(
        base,
        legs=legs,
        open_quantity=draw(amounts | st.just(D(0))),
        average_entry=draw(st.none() | prices),
        mark=draw(st.none() | prices),
        unrealized_pnl=draw(st.none() | results),
        unrealized_percent=draw(st.none() | results),
        stop_price=draw(st.none() | prices),
        next_tp=draw(st.none() | prices),
        next_tp_distance_percent=draw(st.none() | st.decimals(0, 100, places=2)),
        tick_size=D("0.01"),
    )


def shown(spec: Spec) -> dict[str, str]:
    return {column.name: column.text(spec.row) for column in position_columns(lambda: NOON)}


def told(value: object) -> Decimal | None:
    return None if value is None else D(str(value))


@given(groups())
@settings(max_examples=150)
def test_a_groups_line_and_its_legs_are_what_the_api_tells(one: GroupSnapshot) -> None:
    answer = Position.model_validate(one).model_dump(mode="json")
    spec = position_spec(one, NOON + timedelta(seconds=1), None)
    line = shown(spec)
    assert line["average"] == formats.price(told(answer["average_entry"]), D("0.01"))
    assert line["mark"] == formats.price(told(answer["mark"]), D("0.01"))
    assert line["percent"] == formats.signed_percent(told(answer["unrealized_percent"]))
    assert line["next_tp"] == formats.price(told(answer["next_tp"]), D("0.01"))
    assert line["distance"] == formats.percent(told(answer["next_tp_distance_percent"]))
    assert line["pyramids"] == f"{answer['pyramids']} of {answer['max_pyramids']}"
    if told(answer["open_quantity"]):
        assert line["pnl"] == formats.signed_money(told(answer["unrealized_pnl"]))
        assert line["quantity"] == formats.quantity(told(answer["open_quantity"]), one.step_size)
    stop = told(answer["stop_price"])
    assert line["stop"] == ("none" if stop is None else formats.price(stop, D("0.01")))
    for child, leg_answer in zip(spec.children[0].children, answer["legs"], strict=True):
        assert shown(child)["pnl"] == formats.signed_money(told(leg_answer["unrealized_pnl"]))
        assert shown(child)["percent"] == formats.signed_percent(told(leg_answer["unrealized_percent"]))
        entry = leg_answer["average_fill"] or leg_answer["price"]
        assert shown(child)["average"] == formats.price(told(entry), D("0.01"))


@given(results, results, amounts)
def test_the_totals_are_the_status_answers(realised: Decimal, unrealised: Decimal, invested: Decimal) -> None:
    money = money_snapshot(realized_today=realised, unrealized=unrealised, invested=invested)
    answer = Status.model_validate(engine_snapshot(money=money)).model_dump(mode="json")["money"]
    assert formats.signed_money(money.realized_today) == formats.signed_money(told(answer["realized_today"]))
    assert formats.signed_money(money.unrealized) == formats.signed_money(told(answer["unrealized"]))
    assert formats.money(money.equity) == formats.money(told(answer["equity"]))
