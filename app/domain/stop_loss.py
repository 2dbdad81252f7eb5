"""Stops: where a group's stop lies, what tightens it, and what is no stop at all (grid.md, Stops)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from app.base.config.grid import GridSettings
from app.domain.booking import exit_average
from app.domain.group import Group
from app.domain.market import MarketRules, Quote, Rounding
from app.domain.refusal import Refusal
from app.domain.values import HUNDRED, ONE, SETTLED, Side

LEAST_MOVE_PERCENT = Decimal("0.05")
"""Of the price: a stop that trails is moved by no less (hazard 20)."""


def asked_stop(settings: GridSettings, side: Side, reference: Decimal, signal_stop: Decimal | None) -> Decimal | None:
    """The stop as asked for: the grid's percent from `reference`, else the signal's price, if any."""
    percent = _percent(settings)
    return signal_stop if percent is None else side.shifted(reference, -percent)


def _percent(settings: GridSettings) -> Decimal | None:
    return None if settings.stop_loss is None else settings.stop_loss.percent


def stop_level(settings: GridSettings, side: Side, reference: Decimal, signal_stop: Decimal | None) -> Decimal | None:
    """The stop before rounding: as asked for, moved to the minimum distance from `reference` where that is too near."""
    stop = asked_stop(settings, side, reference, signal_stop)
    return None if stop is None else _looser(side, stop, _at_least_distance(settings, side, reference))


def configured_stop(
    settings: GridSettings, rules: MarketRules, side: Side, reference: Decimal, signal_stop: Decimal | None
) -> Decimal | None:
    """`stop_level` on the tick: toward `reference`, save where that would bring it nearer than the minimum distance."""
    level = stop_level(settings, side, reference, signal_stop)
    if level is None:
        return None
    level = SETTLED.plus(level)
    stop = rules.quantize_stop(level, side, reference)
    nearest = SETTLED.plus(_at_least_distance(settings, side, reference))
    if side.is_better(reference, stop) and not side.is_better(stop, nearest):
        return stop
    away = rules.quantize_price(level, Rounding.DOWN if side is Side.LONG else Rounding.UP)
    return away if away > 0 else stop


def stop_mode_price(group: Group, rules: MarketRules, reference: Decimal) -> Decimal | None:
    """The group's configured stop, without break-even and trailing: a percent counts from `reference`; a signal's price
    keeps its distance from the entry of the newest pyramid, and may lie on the winning side of the average."""
    entry = group.newest_entry if _percent(group.grid) is None else reference
    return configured_stop(group.grid, rules, group.side, entry, group.signal_stop)


def _untightened(group: Group, rules: MarketRules, reference: Decimal) -> Decimal | None:
    """A person's stop, else the configured one counted from `reference`."""
    return group.manual_stop if group.manual_stop is not None else stop_mode_price(group, rules, reference)


def tightened_stop(group: Group, rules: MarketRules) -> Decimal | None:
    """The tighter of trailing and of what break-even and trailing reached before. None without either.

    The configured stop is not in it, since that moves with the average while deeper legs fill.
    """
    return _tightest(group.side, [_reached_stop(group), _on_tick(group, rules, _trailing)])


def secured_stop(group: Group, rules: MarketRules, taker_fee: Decimal, quote: Quote | None) -> Decimal | None:
    """`Group.stop_price` with break-even, which is worth its order as soon as the price is beyond it: before, it would
    sell at once what it is to keep from a loss, at one."""
    break_even = awaited_break_even(group, rules, taker_fee)
    is_there = break_even is not None and quote is not None and _has_passed(group.side, break_even, quote)
    return break_even if is_there else _reached_stop(group)


def awaited_break_even(group: Group, rules: MarketRules, taker_fee: Decimal) -> Decimal | None:
    """To where enough take-profits move the stop once the price is beyond it, while it is not as tight already."""
    break_even = _on_tick(group, rules, lambda group, average: _break_even(group, average, taker_fee))
    reached = group.stop_price
    is_tighter = break_even is not None and (reached is None or group.side.is_better(break_even, reached))
    return break_even if is_tighter else None


def _reached_stop(group: Group) -> Decimal | None:
    return None if exit_average(group) is None else group.stop_price


def _has_passed(side: Side, stop: Decimal, quote: Quote) -> bool:
    return not is_through(side, stop, quote) and side.is_better(quote.executable(side.exit_order_side), stop)


def trailed_stop(group: Group, rules: MarketRules) -> Decimal | None:
    """Where the stop should trail to; None while that is not far enough from where it rests to be worth an order."""
    trailed, rests = _on_tick(group, rules, _trailing), resting_stop(group, rules)
    if trailed is None or rests is None:
        return trailed
    least = max(rules.tick_size, trailed * LEAST_MOVE_PERCENT / HUNDRED)
    return trailed if group.side.gain(rests, trailed) >= least else None


def current_stop(group: Group, rules: MarketRules) -> Decimal | None:
    """The stop wanted now, on the tick: a person's, else the configured, or what is tighter; None without a stop or
    with nothing open.
    """
    average = exit_average(group) if _may_have_stop(group) else None
    if average is None:
        return None
    return _tightest(group.side, [_untightened(group, rules, average), tightened_stop(group, rules)])


def resting_stop(group: Group, rules: MarketRules) -> Decimal | None:
    """The stop that should rest at the venue: as `current_stop`, tightened only as far as `Group.stop_price` has been
    moved on, so that a price that runs does not move the order with every tick.
    """
    average = exit_average(group) if _may_have_stop(group) else None
    if average is None:
        return None
    return _tightest(group.side, [_untightened(group, rules, average), group.stop_price])


def with_price(group: Group, price: Decimal) -> Group:
    """The group with its best price moved on to `price`; itself where nothing trails or `price` is no better."""
    stop_loss = group.grid.stop_loss
    if stop_loss is None or stop_loss.trailing is None or not group.open_quantity:
        return group
    if group.best_price is not None and not group.side.is_better(price, group.best_price):
        return group
    return replace(group, best_price=price)


def is_through(side: Side, stop: Decimal, quote: Quote) -> bool:
    """Whether a stop of a position of `side` would trigger at once: the last price is at it or beyond."""
    return not side.is_better(quote.last, stop)


def stop_refusal(
    side: Side, entry: Decimal, stop: Decimal | None, take_profit: Decimal | None, settings: GridSettings
) -> Refusal | None:
    """Why a signal's `stop` and `take_profit` cannot protect an entry at `entry`, or None.

    A signal's stop is looked at only where it would be used: a percent stop of the grid goes before it.
    """
    if settings.stop_loss is not None and settings.stop_loss.mode == "signal" and stop is None:
        return Refusal("stop_sanity", "the grid takes its stop from the signal, and the signal carries none")
    used = asked_stop(settings, side, entry, stop)
    if used is not None and (used <= 0 or not side.is_better(entry, used)):
        return _wrong_side(side, "stop", used, entry)
    if take_profit is not None and (take_profit <= 0 or not side.is_better(take_profit, entry)):
        return _wrong_side(side, "take-profit", take_profit, entry)
    if settings.on_too_near == "refuse":
        return _too_near(settings, entry, {"stop": used, "take-profit": take_profit})
    return None


def legs_beyond_stop(group: Group, rules: MarketRules) -> frozenset[tuple[int, int]]:
    """Keys of the legs whose entry lies at or beyond the stop as it will be when all shallower ones have filled; none
    with nothing open."""
    quantity, value = group.open_quantity, group.open_value
    waiting = [leg for leg in group.legs if leg.wants_entry]
    if quantity <= 0 or not waiting or not has_configured_stop(group):
        return frozenset()
    tightened, beyond = tightened_stop(group, rules), set()
    for leg in sorted(waiting, key=lambda leg: -leg.price * group.side.sign):
        stop = _tightest(group.side, [_untightened(group, rules, value / quantity), tightened])
        if stop is not None and not group.side.is_better(leg.price, stop):
            beyond.add(leg.key)
        else:
            quantity, value = quantity + leg.unfilled, value + leg.unfilled * leg.price
    return frozenset(beyond)


def needs_stop(group: Group) -> bool:
    """Whether something is open that a configured stop, the grid's or the signal's, must protect."""
    return has_configured_stop(group) and group.open_quantity >= group.step_size


def has_configured_stop(group: Group) -> bool:
    """Whether the grid, the signal or a person gave it a stop."""
    stop_loss = group.grid.stop_loss
    by_percent = stop_loss is not None and stop_loss.mode == "percent"
    return by_percent or group.signal_stop is not None or group.manual_stop is not None


def _may_have_stop(group: Group) -> bool:
    """Whether anything could give it one, were something open."""
    return has_configured_stop(group) or group.grid.stop_loss is not None or group.stop_price is not None


def _on_tick(group: Group, rules: MarketRules, level_of: Callable[[Group, Decimal], Decimal | None]) -> Decimal | None:
    average = exit_average(group)
    level = None if average is None else level_of(group, average)
    if average is None or level is None:
        return None
    return rules.quantize_stop(SETTLED.plus(level), group.side, average)


def _at_least_distance(settings: GridSettings, side: Side, reference: Decimal) -> Decimal:
    return side.shifted(reference, -settings.min_distance_percent)


def _looser(side: Side, one: Decimal, other: Decimal) -> Decimal:
    return other if side.is_better(one, other) else one


def _tightest(side: Side, stops: Iterable[Decimal | None]) -> Decimal | None:
    known = [stop for stop in stops if stop is not None]
    if not known:
        return None
    return max(known) if side is Side.LONG else min(known)


def _break_even(group: Group, average: Decimal, taker_fee: Decimal) -> Decimal | None:
    """Where closing pays for both takers' fees: avg × (1 + fee) / (1 − fee) for a long, mirrored for a short."""
    stop_loss = group.grid.stop_loss
    if stop_loss is None or stop_loss.breakeven_after_tp is None or group.exit_fills < stop_loss.breakeven_after_tp:
        return None
    fee = taker_fee * group.side.sign
    return average * (ONE + fee) / (ONE - fee)


def _trailing(group: Group, average: Decimal) -> Decimal | None:
    stop_loss = group.grid.stop_loss
    if stop_loss is None or stop_loss.trailing is None or group.best_price is None:
        return None
    trailing = stop_loss.trailing
    if group.side.gain(average, group.best_price) * HUNDRED < trailing.activation_percent * average:
        return None
    return group.side.shifted(group.best_price, -trailing.callback_percent)


def _wrong_side(side: Side, what: str, price: Decimal, entry: Decimal) -> Refusal:
    detail = f"the {what} {price:f} of a {side} lies on the wrong side of its entry {entry:f}"
    return Refusal("stop_sanity", detail)


def _too_near(settings: GridSettings, entry: Decimal, prices: dict[str, Decimal | None]) -> Refusal | None:
    least = entry * settings.min_distance_percent / HUNDRED
    for what, price in prices.items():
        if price is not None and abs(price - entry) < least:
            distance = f"{settings.min_distance_percent:f} %"
            return Refusal("stop_sanity", f"the {what} {price:f} is nearer than {distance} to the entry {entry:f}")
    return None
