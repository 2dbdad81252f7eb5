from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from app.domain.group import EntryState
from app.domain.values import CloseReason, Side
from app.messages.snapshots import order_snapshot
from app.persistence.views import trade_row
from tests.unit.persistence.entities import T0, a_group, a_leg, an_order

D = Decimal


def test_a_closed_trade_tells_averages_money_and_percent() -> None:
    first = a_leg(0, filled=D(2), filled_value=D(200), exited=D(2), exit_value=D(220), entry=EntryState.ENDED)
    second = a_leg(1, filled=D(2), filled_value=D(180), exited=D(2), exit_value=D(200), entry=EntryState.ENDED)
    group = a_group(
        legs=(first, second),
        contract_size=D("0.1"),
        realized_gross=D(4),
        fees=D("0.5"),
        funding=D("-0.46"),
        first_fill_at=T0,
        closed_at=T0 + timedelta(hours=1),
        close_reason=CloseReason.TAKE_PROFIT,
    )
    row = trade_row(group)
    assert (row.status, row.close_reason) == ("closed", "take_profit")
    assert (row.quantity, row.average_entry, row.average_exit) == (D(4), D(95), D(105))
    assert (row.invested, row.realized_pnl, row.realized_percent) == (D(38), D("3.04"), D(8))


def test_an_open_trade_has_no_exit_and_counts_what_is_open_as_invested() -> None:
    leg = a_leg(0, filled=D(2), filled_value=D(200), open_quantity=D(2), open_value=D(200))
    row = trade_row(a_group(legs=(leg,), side=Side.SHORT, fees=D(1), first_fill_at=T0))
    assert (row.status, row.close_reason, row.average_exit, row.closed_at) == ("open", None, None, None)
    assert (row.side, row.invested, row.realized_percent) == ("short", D(200), D("-0.5"))


def test_an_order_is_shown_in_words() -> None:
    shown = order_snapshot(an_order(a_group(), 3, filled=D(1), filled_value=D(99), attempt=2))
    assert (shown.role, shown.side, shown.type, shown.status) == ("entry", "buy", "limit", "pending")
    assert (shown.group, shown.attempts, shown.average) == ("g0000001", 2, D(99))
