"""Rows of lists, worked out from what is kept."""

from __future__ import annotations

from app.domain.group import Group
from app.domain.values import HUNDRED, ZERO
from app.ports.queries import TradeRow


def trade_row(group: Group) -> TradeRow:
    """A group that was filled, as history shows it.

    `average_entry` and `average_exit` are over all fills; `realized_percent` is of the quote that all entries took.
    """
    quantity = sum((leg.filled for leg in group.legs), ZERO)
    entered = sum((leg.filled_value for leg in group.legs), ZERO) * group.contract_size
    exited = sum((leg.exited for leg in group.legs), ZERO)
    return TradeRow(
        id=group.id,
        account=group.account,
        symbol=group.symbol,
        timeframe=group.timeframe,
        side=group.side.value,
        strategy_id=group.strategy_id,
        status="open" if group.is_open else "closed",
        close_reason=group.close_reason.value if group.close_reason else None,
        quantity=quantity,
        average_entry=group.average_of_all_fills or ZERO,
        average_exit=sum((leg.exit_value for leg in group.legs), ZERO) / exited if exited else None,
        invested=group.invested,
        realized_pnl=group.realized_pnl,
        realized_percent=group.realized_pnl / entered * HUNDRED if entered else None,
        fees=group.fees,
        funding=group.funding,
        quote_currency=group.quote,
        pyramids=len(group.pyramids),
        estimated=group.estimated,
        opened_at=group.opened_at,
        closed_at=group.closed_at,
    )
