"""Market rules of the paper exchange: given, bundled, or derived from a price."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

from app.domain.market import MarketRules
from app.domain.values import MarketType

BUNDLED = Path(__file__).resolve().parents[3] / "resources" / "paper_markets.json"
_DIGITS = 5
_STEP_WORTH = -2
_MIN_NOTIONAL = Decimal(5)
_ROOT_OF_TEN = Decimal("3.1623")
_SYMBOL = re.compile(r"([^/:\s]+)/([^/:\s]+)(?::([^/:\s]+))?")


class RuleBook:
    """`given` rules go before the bundled ones; a market that neither has gets rules derived from its first price."""

    def __init__(self, given: Mapping[str, MarketRules] | None = None) -> None:
        self._given = dict(given or {})
        self._derived: dict[str, MarketRules] = {}

    def rules(self, symbol: str, price: Decimal | None) -> MarketRules | None:
        """None where the market is not known and no price tells how to derive its rules."""
        known = self._given.get(symbol) or _bundled().get(symbol) or self._derived.get(symbol)
        if known is None and price is not None and price > 0:
            known = derived(symbol, price)
            if known is not None:
                self._derived[symbol] = known
        return known

    def give(self, rules: MarketRules) -> None:
        """Rules of a market that no account has met yet: they hold from then on."""
        self._given[rules.symbol] = rules

    def remember(self, rules: MarketRules) -> None:
        """Rules that were derived in an earlier run; given and bundled ones go before them."""
        if self.rules(rules.symbol, None) is None:
            self._derived[rules.symbol] = rules


@cache
def _bundled() -> Mapping[str, MarketRules]:
    rows = json.loads(BUNDLED.read_text(encoding="utf-8"))
    found: dict[str, MarketRules] = {}
    for base, tick, step, minimum in rows["markets"]:
        for symbol in (f"{base}/USDT", f"{base}/USDT:USDT"):
            rules = rules_of(symbol, Decimal(tick), Decimal(step), Decimal(step), Decimal(minimum))
            if rules is not None:
                found[symbol] = rules
    return found


def derived(symbol: str, price: Decimal) -> MarketRules | None:
    """Five significant digits of price; a step, a power of ten, worth about a cent."""
    magnitude = price.adjusted()
    is_nearer_to_next = price.scaleb(-magnitude) > _ROOT_OF_TEN
    tick = Decimal(10) ** (magnitude - _DIGITS + 1)
    step = Decimal(10) ** (_STEP_WORTH - magnitude - is_nearer_to_next)
    return rules_of(symbol, tick, step, step, _MIN_NOTIONAL)


def refined(rules: MarketRules, prices: Sequence[Decimal], quantities: Sequence[Decimal]) -> MarketRules:
    """The rules with tick and step as fine as these prices and quantities need."""
    tick = min([rules.tick_size, *map(_unit, prices)])
    step = min([rules.step_size, *map(_unit, quantities)])
    return replace(rules, tick_size=tick, step_size=step, min_qty=min(rules.min_qty, step))


def _unit(value: Decimal) -> Decimal:
    """The power of ten of the last digit that is not nought: 0.01 for 1.2300."""
    exponent = value.normalize().as_tuple().exponent
    return Decimal(10) ** exponent if isinstance(exponent, int) else value


def rules_of(
    symbol: str, tick_size: Decimal, step_size: Decimal, min_qty: Decimal, min_notional: Decimal
) -> MarketRules | None:
    """Rules of a market spelled BASE/QUOTE or BASE/QUOTE:QUOTE; None for any other."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None or found[3] not in {None, found[2]}:
        return None
    return MarketRules(
        symbol=symbol,
        market_type=MarketType.SPOT if found[3] is None else MarketType.LINEAR,
        base=found[1],
        quote=found[2],
        tick_size=tick_size,
        step_size=step_size,
        min_qty=min_qty,
        min_notional=min_notional,
    )
