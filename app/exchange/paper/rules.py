"""Market rules of the paper exchange: given, bundled, or derived from a price."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

from app.domain.market import MarketRules
from app.domain.values import MarketType

BUNDLED = Path(__file__).resolve().parents[3] / "resources" / "paper_markets.json"
_DIGITS = 5
_STEP_WORTH = 2
_MIN_NOTIONAL = Decimal(5)


class RuleBook:
    """`given` rules go before the bundled ones; a market that neither has gets rules derived from its price."""

    def __init__(self, given: Mapping[str, MarketRules] | None = None) -> None:
        self._known: dict[str, MarketRules] = dict(given or {})

    def rules(self, symbol: str, price: Decimal | None) -> MarketRules | None:
        """None where the market is not known and no price tells how to derive its rules."""
        if symbol not in self._known:
            found = _bundled().get(symbol) or (_derived(symbol, price) if price is not None and price > 0 else None)
            if found is None:
                return None
            self._known[symbol] = found
        return self._known[symbol]


@cache
def _bundled() -> Mapping[str, MarketRules]:
    rows = json.loads(BUNDLED.read_text(encoding="utf-8"))
    found: dict[str, MarketRules] = {}
    for base, tick, step, minimum in rows["markets"]:
        for symbol in (f"{base}/USDT", f"{base}/USDT:USDT"):
            found[symbol] = _rules(symbol, Decimal(tick), Decimal(step), Decimal(minimum))
    return found


def _derived(symbol: str, price: Decimal) -> MarketRules | None:
    """Five significant digits of price; a step worth about a cent."""
    if "/" not in symbol:
        return None
    tick = Decimal(1).scaleb(price.adjusted() - _DIGITS + 1)
    step = Decimal(1).scaleb(-_STEP_WORTH - price.adjusted())
    return _rules(symbol, tick, step, _MIN_NOTIONAL)


def _rules(symbol: str, tick: Decimal, step: Decimal, minimum: Decimal) -> MarketRules:
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    return MarketRules(
        symbol=symbol,
        market_type=MarketType.LINEAR if settle else MarketType.SPOT,
        base=base,
        quote=quote,
        tick_size=tick,
        step_size=step,
        min_qty=step,
        min_notional=minimum,
    )
