"""What a change of the books writes: rows to keep, and prices to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.market import Quote
from app.domain.values import Side
from app.ports.paper_store import (
    PaperBalance,
    PaperChanges,
    PaperFill,
    PaperFunding,
    PaperLeverage,
    PaperOrder,
    PaperPosition,
)


@dataclass(frozen=True, slots=True)
class PriceSeen:
    """A price as the books met it; told, but not kept."""

    symbol: str
    quote: Quote


Row = PaperOrder | PaperFill | PaperPosition | PaperBalance | PaperLeverage | PaperFunding | PriceSeen


def changes_of(rows: Sequence[Row]) -> PaperChanges:
    """The rows to keep, of each key only the last."""
    orders: dict[int, PaperOrder] = {}
    positions: dict[tuple[str, Side], PaperPosition] = {}
    leverages: dict[str, PaperLeverage] = {}
    balances: dict[str, PaperBalance] = {}
    changes = PaperChanges()
    for row in rows:
        match row:
            case PaperOrder():
                orders[row.number] = row
            case PaperFill():
                changes.fills.append(row)
            case PaperPosition():
                positions[row.symbol, row.side] = row
            case PaperBalance():
                balances[row.asset] = row
            case PaperLeverage():
                leverages[row.symbol] = row
            case PaperFunding():
                changes.funding.append(row)
    changes.orders = list(orders.values())
    changes.positions = list(positions.values())
    changes.leverages = list(leverages.values())
    changes.balances = list(balances.values())
    return changes
