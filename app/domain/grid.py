"""The legs of a pyramid: on tick and step, nothing under a minimum (grid.md, Size and Precision)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from app.base.config.grid import GridSettings, Level
from app.domain.group import EntryState, Leg
from app.domain.market import MOST_PIECES, MarketRules
from app.domain.refusal import Refusal
from app.domain.stop_loss import asked_stop, configured_stop, stop_refusal
from app.domain.values import HUNDRED, WIDE, ZERO, OrderType, Side

_CAPITAL_UNIT = Decimal("1e-8")
_MOST_RAISES = 50


def leg_price(level: Level, side: Side, entry_price: Decimal) -> Decimal:
    """Where a level's entry lies, before rounding: its gap counts against the position, whatever its sign."""
    return side.shifted(entry_price, -abs(level.gap_percent))


def leg_type(settings: GridSettings, index: int, level: Level) -> OrderType:
    """How a level's entry is sent."""
    at_market = index == 0 and settings.entry_order_type == "market" and level.gap_percent == 0
    return OrderType.MARKET if at_market else OrderType.LIMIT


def plan_legs(
    settings: GridSettings,
    rules: MarketRules,
    side: Side,
    pyramid: int,
    entry_price: Decimal,
    capital: Decimal,
    signal_stop: Decimal | None,
) -> tuple[Leg, ...] | Refusal:
    """The legs of a pyramid of `capital` quote, or why there are none.

    A leg at or beyond the stop is planned with its entry ended: it is shown, never sent, and its share of the
    capital is not spent. Quantities are in contracts and may exceed the market's maximum: they are split when sent.
    """
    refusal = stop_refusal(side, entry_price, signal_stop, None, settings)
    if refusal is not None:
        return refusal
    plan = lay_legs(settings, rules, side, pyramid, entry_price, capital, signal_stop)
    return plan if isinstance(plan, Refusal) else none_is_sent(plan) or plan


def lay_legs(
    settings: GridSettings,
    rules: MarketRules,
    side: Side,
    pyramid: int,
    entry_price: Decimal,
    capital: Decimal,
    signal_stop: Decimal | None,
) -> tuple[Leg, ...] | Refusal:
    """As `plan_legs`, but refused for what the venue does not take alone: a stop that cannot protect holds no leg back,
    and none may be left to send."""
    has_stop = asked_stop(settings, side, entry_price, signal_stop) is not None
    heeds_stop = has_stop and stop_refusal(side, entry_price, signal_stop, None, settings) is None
    shape = _Shape(settings, rules, side, pyramid, entry_price, signal_stop, heeds_stop)
    plan = shape.plan(capital)
    if isinstance(plan, _Short):
        return Refusal("below_minimum", _too_small(shape, plan, capital))
    huge = next((leg for leg in plan if not rules.takes(leg.quantity) and leg.wants_entry), None)
    if huge is not None:
        most = rules.max_qty or huge.quantity
        sentence = f"leg {huge.index} would be {huge.quantity:f}; {MOST_PIECES} orders of {most:f} hold less"
        return Refusal("max_order", sentence)
    return plan


def none_is_sent(legs: Sequence[Leg]) -> Refusal | None:
    """Why a plan is none, or None."""
    if any(leg.wants_entry for leg in legs):
        return None
    return Refusal("stop_sanity", f"every leg lies at or beyond the stop, the first at {legs[0].price:f}")


@dataclass(frozen=True, slots=True)
class _Short:
    """A plan that fails at `leg`; `needed` is the capital its legs ask for, None where a price is under one tick."""

    leg: Leg
    needed: Decimal | None


@dataclass(frozen=True, slots=True)
class _Shape:
    """All of a grid but its capital."""

    settings: GridSettings
    rules: MarketRules
    side: Side
    pyramid: int
    entry_price: Decimal
    signal_stop: Decimal | None
    heeds_stop: bool
    """Whether there is a stop, and it can protect."""

    def plan(self, capital: Decimal) -> tuple[Leg, ...] | _Short:
        levels = self.settings.levels_of(self.pyramid)
        while True:
            legs = self._lay(levels, capital)
            short = [leg for leg in legs if not self._is_enough(leg) and leg.wants_entry]
            if not short:
                return legs
            fewer = _merged(levels, legs, short[-1].index) if self.settings.on_leg_below_minimum == "merge" else None
            if fewer is None:
                return _Short(short[0], self._needed([leg for leg in legs if leg.wants_entry]))
            levels = fewer

    def _lay(self, levels: Sequence[Level], capital: Decimal) -> tuple[Leg, ...]:
        legs: list[Leg] = []
        sent: list[Leg] = []
        for index, level in enumerate(levels):
            leg = self._leg(index, level, capital, sent)
            legs.append(leg)
            if leg.wants_entry:
                sent.append(leg)
        return tuple(legs)

    def _leg(self, index: int, level: Level, capital: Decimal, shallower: Sequence[Leg]) -> Leg:
        exact = leg_price(level, self.side, self.entry_price)
        price = self.rules.quantize_entry_price(exact, self.side.entry_order_side)
        is_beyond_stop = self.heeds_stop and self._is_beyond_stop(price, shallower)
        return Leg(
            pyramid=self.pyramid,
            index=index,
            gap_percent=level.gap_percent,
            weight_percent=level.weight_percent,
            tp_percent=level.tp_percent,
            order_type=leg_type(self.settings, index, level),
            price=price,
            quantity=self._quantity(price, capital, level.weight_percent),
            entry=EntryState.ENDED if is_beyond_stop else EntryState.PLANNED,
        )

    def _quantity(self, price: Decimal, capital: Decimal, weight_percent: Decimal) -> Decimal:
        if price <= 0:
            return ZERO
        share = capital * weight_percent / HUNDRED
        return self.rules.quantize_quantity(share / (price * self.rules.contract_size))

    def _is_beyond_stop(self, price: Decimal, shallower: Sequence[Leg]) -> bool:
        """Before any fill a stop counts from the planned average of the shallower legs, leg 0's from its own."""
        if price <= 0:
            return False
        reference = _planned_average(shallower) if shallower else price
        asked = asked_stop(self.settings, self.side, reference, self.signal_stop)
        placed = configured_stop(self.settings, self.rules, self.side, reference, self.signal_stop)
        return any(stop is not None and not self.side.is_better(price, stop) for stop in (asked, placed))

    def _is_enough(self, leg: Leg) -> bool:
        return leg.price > 0 and self.rules.meets_minimum(leg.price, leg.quantity)

    def _needed(self, legs: Sequence[Leg]) -> Decimal | None:
        if any(leg.price <= 0 for leg in legs):
            return None
        return max(
            self.rules.notional(leg.price, self.rules.smallest_quantity(leg.price)) * HUNDRED / leg.weight_percent
            for leg in legs
        ).quantize(_CAPITAL_UNIT, ROUND_CEILING, WIDE)


def _planned_average(legs: Sequence[Leg]) -> Decimal:
    """By planned quantities, or by weights where all of them are too small to have any."""
    quantity = sum((leg.quantity for leg in legs), ZERO)
    if quantity:
        return sum((leg.price * leg.quantity for leg in legs), ZERO) / quantity
    units = sum((leg.weight_percent / leg.price for leg in legs), ZERO)
    return sum((leg.weight_percent for leg in legs), ZERO) / units


def _merged(levels: Sequence[Level], legs: Sequence[Leg], index: int) -> tuple[Level, ...] | None:
    """The levels with `index` merged into the next shallower, or the next deeper that is sent into 0; else None."""
    deeper = max(index, 1)
    if deeper >= len(legs) or not legs[deeper].wants_entry:
        return None
    weight = levels[deeper - 1].weight_percent + levels[deeper].weight_percent
    into = levels[deeper - 1].model_copy(update={"weight_percent": weight})
    return (*levels[: deeper - 1], into, *levels[deeper + 1 :])


def _raised(shape: _Shape, capital: Decimal) -> Decimal | None:
    """Each raise meets all legs sent before it; it can bring more legs inside the stop, hence again."""
    for _ in range(_MOST_RAISES):
        plan = shape.plan(capital)
        if not isinstance(plan, _Short):
            return capital
        if plan.needed is None or plan.needed <= capital:
            return None
        capital = plan.needed
    return None


def _too_small(shape: _Shape, short: _Short, capital: Decimal) -> str:
    rules, leg = shape.rules, short.leg
    if leg.price <= 0:
        return f"leg {leg.index} would be priced under one tick of {rules.tick_size:f} {rules.quote}"
    notional = rules.notional(leg.price, leg.quantity)
    detail = (
        f"leg {leg.index} would be {_plain(leg.quantity)} at {_plain(leg.price)}, {_plain(notional)} {rules.quote}, "
        f"under the market's minimum of {_plain(rules.min_qty)} and {_plain(rules.min_notional)} {rules.quote}"
    )
    enough = _raised(shape, capital)
    if enough is None:
        return detail
    return f"{detail}; the smallest capital that would do is {_plain(enough)} {rules.quote}"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
