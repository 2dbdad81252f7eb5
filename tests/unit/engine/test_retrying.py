"""How often an exit that the venue keeps refusing is tried."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.base.changing import changed
from app.domain.values import OrderRole, Side
from app.engine.inbox import AccountRead
from app.messages.commands import CloseGroup
from app.messages.effects import SubmitOrders
from app.messages.reports import PositionReport, RefusalCode, Refused
from tests.support.strategies import filled_group, grid_of
from tests.unit.engine.bench import Bench, gaps

D = Decimal
PROFIT, STOP, CLOSE = OrderRole.TAKE_PROFIT, OrderRole.STOP_LOSS, OrderRole.CLOSE
HOUR = 3600


def refusing(code: RefusalCode = RefusalCode.HALTED, **grid: Any) -> Bench:
    group = filled_group(Side.LONG, ("100", "1"), grid=grid_of(**{"tp_mode": "per_leg", **grid}))
    bench = Bench(group, protection={"on_failure": "alert_only"})
    bench.answers = {SubmitOrders: Refused(code, "no")}
    return bench


def pauses(bench: Bench, role: OrderRole) -> list[int]:
    """After the quick tries, in whole seconds."""
    tries = [(order.created_at - bench.state.groups[order.group_id].opened_at) for order in bench.orders(role)]
    return [round(gap) for gap in gaps([moment.total_seconds() for moment in tries])][4:]


def test_a_take_profit_that_stays_refused_is_tried_ever_more_rarely() -> None:
    bench = refusing()
    bench.care()
    bench.wait(HOUR)
    assert pauses(bench, PROFIT)[:7] == [10, 20, 40, 80, 160, 300, 300]
    assert len(bench.alerts("error")) == 1


def test_so_is_one_that_the_markets_rules_do_not_allow() -> None:
    bench = refusing(RefusalCode.MIN_NOTIONAL)
    bench.care()
    bench.wait(HOUR)
    assert pauses(bench, PROFIT)[-2:] == [300, 300]


def test_one_that_the_exchange_finds_nothing_to_sell_for_is_tried_every_half_minute_for_nothing_watches_it() -> None:
    bench = refusing(RefusalCode.REDUCE_ONLY)
    bench.care()
    for _ in range(100):
        bench.wait(10)
        group, seen = bench.group, bench.state.accounts[bench.group.account].activity
        held = PositionReport(group.account, group.symbol, group.side, D(1), D(100), None, None, bench.now)
        bench.tell(AccountRead(group.account, bench.now, seen, (), (held,), (), (), ()))
        bench.care()
    assert max(pauses(bench, PROFIT)) == 30


def test_a_stop_and_a_close_that_stay_refused_are_tried_every_half_minute() -> None:
    stopped: dict[str, Any] = {"stop_loss": {"mode": "percent", "percent": D(5)}}
    for role, grid in ((STOP, stopped), (CLOSE, {})):
        bench = refusing(**grid)
        if role is CLOSE:
            bench.tell(CloseGroup(bench.group.id))
        bench.care()
        bench.wait(600)
        assert pauses(bench, role)[:4] == [10, 20, 30, 30]


def test_a_take_profit_of_another_quantity_does_not_wait_so_long() -> None:
    bench = refusing()
    bench.care()
    bench.wait(HOUR)
    bench.answers = {}
    leg = bench.group.legs[0]
    less = changed(leg, open_quantity=D("0.5"), open_value=D(50), exited=D("0.5"))
    bench.state.groups[bench.group.id] = changed(bench.group, legs=(less,))
    bench.care()
    assert bench.orders(PROFIT)[-1].quantity == D("0.5")
    assert bench.orders(PROFIT)[-1].is_live


def test_a_group_never_runs_out_of_order_numbers() -> None:
    bench = refusing()
    bench.state.groups[bench.group.id] = changed(bench.group, next_number=36**3 - 1)
    bench.care()
    bench.wait(5)
    bench.answers = {}
    bench.tell(CloseGroup(bench.group.id))
    close = bench.orders(CLOSE)[-1]
    assert close.is_live
    assert close.number > 36**3
    assert len(close.client_order_id) <= 28
