"""The paper exchange's rows as the port's reports."""

from __future__ import annotations

from datetime import datetime

from app.domain.values import ZERO, Side
from app.exchange.paper.ledger import Ledger
from app.messages.reports import BalanceReport, FillKind, FillReport, FundingReport, OrderReport, PositionReport
from app.ports.paper_store import PaperFill, PaperFunding, PaperOrder
from app.ports.venue import OrderRequest


def order_report(ledger: Ledger, order: PaperOrder, *, with_fills: bool) -> OrderReport:
    fills: tuple[FillReport, ...] = ()
    if with_fills and order.filled:
        fills = tuple(fill_report(ledger, fill) for fill in ledger.fills if fill.order_number == order.number)
    return OrderReport(
        account=order.account,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        venue_order_id=str(order.number),
        side=order.side,
        type=order.type,
        status=order.status,
        quantity=order.quantity,
        filled=order.filled,
        average=order.filled_value / order.filled if order.filled else None,
        price=order.price,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        at=order.updated_at,
        fills=fills,
        reason=order.reason,
    )


def fill_report(ledger: Ledger, fill: PaperFill) -> FillReport:
    return FillReport(
        account=fill.account,
        symbol=fill.symbol,
        trade_id=f"{fill.account}-{fill.number}",
        client_order_id=fill.client_order_id,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        liquidity=fill.liquidity,
        at=fill.at,
        position_side=fill.position_side if ledger.is_hedged or fill.kind is not FillKind.TRADE else None,
        kind=fill.kind,
    )


def position_report(ledger: Ledger, symbol: str, side: Side, at: datetime) -> PositionReport:
    held = ledger.positions.get((symbol, side))
    return PositionReport(
        account=ledger.account,
        symbol=symbol,
        side=side if held else None,
        quantity=held.quantity if held else ZERO,
        entry_price=held.entry_price if held else None,
        leverage=ledger.leverage(symbol)[0],
        liquidation_price=ledger.liquidation_price(held) if held else None,
        at=at,
    )


def balance_report(ledger: Ledger, asset: str, at: datetime) -> BalanceReport:
    total = ledger.balances.get(asset, ZERO)
    return BalanceReport(ledger.account, asset, total, total - ledger.locked(asset), at)


def funding_report(payment: PaperFunding) -> FundingReport:
    return FundingReport(
        payment.account,
        payment.symbol,
        f"{payment.account}-{payment.number}",
        payment.amount,
        payment.rate,
        payment.at,
        payment.position_side,
    )


def request_of(order: PaperOrder) -> OrderRequest:
    """The order as a request, to have a change checked like a new one."""
    return OrderRequest(
        client_order_id=order.client_order_id or "",
        symbol=order.symbol,
        side=order.side,
        position_side=order.position_side,
        type=order.type,
        quantity=order.quantity,
        price=order.price,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        time_in_force=order.time_in_force,
    )
