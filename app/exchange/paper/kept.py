"""Which markets of the paper exchange were at real prices, and the rules that they were met with."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.base.private_file import write_private
from app.domain.market import MarketRules
from app.domain.values import MarketType

_TEXTS = ("symbol", "base", "quote")
_NUMBERS = ("tick_size", "step_size", "min_qty", "min_notional", "contract_size")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptMarket:
    """`venue` is whose prices the market had; what is held in it was made by these `rules`."""

    venue: str
    rules: MarketRules


class KeptMarkets:
    """Those of one data directory, by symbol, in one small JSON file that is read when this is made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._markets = self._load()

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._markets

    def of(self, symbol: str) -> KeptMarket | None:
        return self._markets.get(symbol)

    def rules(self) -> list[MarketRules]:
        return [kept.rules for kept in self._markets.values()]

    def put(self, market: KeptMarket) -> bool:
        """Remember; whether there is now something to `save`."""
        symbol = market.rules.symbol
        is_new = self._markets.get(symbol) != market
        self._markets[symbol] = market
        return is_new

    def _load(self) -> dict[str, KeptMarket]:
        """What was kept; nothing where that cannot be read."""
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {symbol: KeptMarket(row["venue"], _rules(row["rules"])) for symbol, row in document.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, ArithmeticError, KeyError, TypeError, AttributeError) as error:
            log.warning("the kept markets of the paper exchange cannot be read: %s", error)
            return {}

    def save(self) -> None:
        """Write all to the disk, beside the event loop; what was there stays where that fails."""
        markets = dict(self._markets)
        document = {symbol: {"venue": kept.venue, "rules": _row(kept.rules)} for symbol, kept in markets.items()}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path, json.dumps(document, indent=1, sort_keys=True))
        except OSError as error:
            log.warning("the markets of the paper exchange could not be kept: %s", error)


def _row(rules: MarketRules) -> dict[str, str | None]:
    """Maintenance tiers are left out: public market lists do not tell them."""
    row: dict[str, str | None] = {name: getattr(rules, name) for name in _TEXTS}
    row |= {name: f"{getattr(rules, name):f}" for name in _NUMBERS}
    return row | {
        "market_type": rules.market_type.value,
        "max_qty": None if rules.max_qty is None else f"{rules.max_qty:f}",
    }


def _rules(row: Mapping[str, Any]) -> MarketRules:
    texts: dict[str, Any] = {name: row[name] for name in _TEXTS}
    numbers: dict[str, Any] = {name: Decimal(row[name]) for name in _NUMBERS}
    return MarketRules(
        **texts,
        **numbers,
        market_type=MarketType(row["market_type"]),
        max_qty=None if row["max_qty"] is None else Decimal(row["max_qty"]),
    )
