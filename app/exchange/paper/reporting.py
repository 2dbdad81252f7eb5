"""The paper exchange's rows as the port's reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.domain.values import ZERO, Side
from app.exchange.paper.journal import PriceSeen, Row
from app.exchange.paper.ledger import Ledger
from app.exchange.paper.margin import Margin
from app.messages.reports import (
    BalanceReport,
    FillKind,
    FillReport,
    FundingReport,
    OrderReport,
    PositionReport,
    PriceReport,
    VenueReport,
)
from app.ports.paper_store import PaperBalance, PaperFill, PaperFunding, PaperOrder, PaperPosition


class Reporter:
    """Says how the books stand."""

    def __init__(self, ledger: Ledger, margin: Margin) -> None:
        self._ledger = ledger
        self._margin = margin

    def order(self, order: PaperOrder, *, with_fills: bool) -> OrderReport:
        fills = self._ledger.fills_of.get(order.number, ()) if with_fills else ()
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
            fills=tuple(self.fill(fill) for fill in fills),
            reason=order.reason,
        )

    def fill(self, fill: PaperFill) -> FillReport:
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
            position_side=fill.position_side if self._ledger.is_hedged or fill.kind is not FillKind.TRADE else None,
            kind=fill.kind,
        )

    def funding(self, payment: PaperFunding) -> FundingReport:
        return FundingReport(
            account=payment.account,
            symbol=payment.symbol,
            payment_id=f"{payment.account}-{payment.number}",
            amount=payment.amount,
            rate=payment.rate,
            at=payment.at,
            position_side=payment.position_side,
        )

    def position(self, symbol: str, side: Side, at: datetime) -> PositionReport:
        """A position, or that it is flat; in hedge mode a flat one keeps its side, to tell which."""
        held = self._ledger.positions.get((symbol, side))
        return PositionReport(
            account=self._ledger.account,
            symbol=symbol,
            side=side if held or self._ledger.is_hedged else None,
            quantity=held.quantity if held else ZERO,
            entry_price=held.entry_price if held else None,
            leverage=self._ledger.leverage(symbol)[0],
            liquidation_price=self._margin.liquidation_price(held) if held else None,
            at=at,
        )

    def positions(self, at: datetime) -> list[PositionReport]:
        return [self.position(symbol, side, at) for symbol, side in self._ledger.positions]

    def balance(self, asset: str, at: datetime) -> BalanceReport:
        total = self._ledger.balances.get(asset, ZERO)
        return BalanceReport(self._ledger.account, asset, total, min(self._margin.free(asset), total), at)

    def balances(self, at: datetime) -> list[BalanceReport]:
        return [self.balance(asset, at) for asset in self._ledger.balances]

    def fills_since(self, since: datetime) -> list[FillReport]:
        return [self.fill(fill) for fill in self._ledger.fills if fill.at >= since]

    def funding_since(self, since: datetime) -> list[FundingReport]:
        return [self.funding(payment) for payment in self._ledger.funding if payment.at >= since]

    # ------------------------------------------------------------------ what the streams tell of a change

    def stream(self, rows: Sequence[Row], at: datetime) -> list[VenueReport]:
        """Fills, orders and payments in the order they came, then how positions and balances stand, then prices.

        An order's report follows the fill that changed it, so that its cumulative quantity is explained by then.
        """
        reports: list[VenueReport] = []
        for row in rows:
            match row:
                case PaperOrder():
                    reports.append(self.order(row, with_fills=False))
                case PaperFill():
                    reports.append(self.fill(row))
                case PaperFunding():
                    reports.append(self.funding(row))
        reports += [self.position(symbol, side, at) for symbol, side in self._positions_in(rows)]
        reports += [self.balance(asset, at) for asset in self._assets_in(rows)]
        prices = (row for row in rows if isinstance(row, PriceSeen))
        reports += [PriceReport(self._ledger.account, row.symbol, row.quote) for row in prices]
        return reports

    def _positions_in(self, rows: Sequence[Row]) -> list[tuple[str, Side]]:
        """Each once; in one-way mode a flip is told as the side that is held now."""
        keys = dict.fromkeys((row.symbol, row.side) for row in rows if isinstance(row, PaperPosition))
        if self._ledger.is_hedged:
            return list(keys)
        held = {symbol: side for symbol, side in keys if (symbol, side) in self._ledger.positions}
        return list({symbol: (symbol, held.get(symbol, side)) for symbol, side in keys}.values())

    def _assets_in(self, rows: Sequence[Row]) -> list[str]:
        """Assets whose total changed, and those that orders bind or no longer bind."""
        assets: dict[str, None] = {}
        for row in rows:
            if isinstance(row, PaperBalance):
                assets[row.asset] = None
            elif isinstance(row, PaperOrder):
                rules = self._ledger.rules[row.symbol]
                assets[rules.quote] = None
                if self._ledger.is_spot:
                    assets[rules.base] = None
        return sorted(assets)
