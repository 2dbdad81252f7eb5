"""What a change by hand does to a group, in numbers, before it is asked for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from app.gui import formats
from app.messages.snapshots import GroupSnapshot

RESTING = frozenset({"open", "partially_filled"})
_PLAIN = re.compile(r"\d+(\.\d*)?|\.\d+", re.ASCII)
_GROUPED = re.compile(r"[1-9]\d{0,2}(,\d{3}){2,}(\.\d*)?|[1-9]\d{0,2},\d{3}\.\d*", re.ASCII)
_COMMA = "Write a decimal with a point, as in 1.5; thousands need no commas."


@dataclass(frozen=True, slots=True)
class Reading:
    """What was typed: a value, or why it is none. Where it changes nothing (`is_same`) both are told."""

    value: Decimal | None
    fault: str = ""
    is_same: bool = False

    @property
    def is_wrong(self) -> bool:
        return bool(self.fault) and not self.is_same


def read_number(text: str) -> Decimal | None:
    """A positive number; None for anything else.

    Commas count only where they can be nothing but thousands, as in 1,234,567 or 1,234.5: in 1,5 and 1,234 they
    may be a decimal comma.
    """
    given = text.strip()
    if _GROUPED.fullmatch(given):
        given = given.replace(",", "")
    if not _PLAIN.fullmatch(given):
        return None
    value = Decimal(given)
    return value if 0 < value < Decimal("1e15") else None


def _fault(text: str, otherwise: str) -> Reading:
    """Why `text` is no number; `otherwise` where no comma is to blame."""
    return Reading(None, _COMMA if "," in text else otherwise)


def read_limit(text: str) -> Reading:
    value = read_number(text)
    return _fault(text, "A limit is a number above 0.") if value is None else Reading(value)


def size(group: GroupSnapshot) -> Decimal:
    """What a move of the price by one is worth, in quote: contracts times the contract's size."""
    return group.invested / group.average_entry if group.average_entry else Decimal(0)


# ---------------------------------------------------------------------- the stop


def read_stop(group: GroupSnapshot, text: str) -> Reading:
    """A price on the market's tick, on the stop's side of the mark."""
    price = read_number(text)
    if price is None:
        return _fault(text, "Give a price above 0.")
    tick = group.tick_size
    if tick and price % tick:
        return Reading(None, f"Prices go in steps of {formats.plain(tick)}.")
    mark = group.mark
    if mark is not None and (price >= mark if group.side == "long" else price <= mark):
        side = "below" if group.side == "long" else "above"
        return Reading(None, f"The stop of a {group.side} lies {side} the price, now {formats.price(mark, tick)}.")
    if price == group.stop_price:
        return Reading(price, "The stop is there already.", is_same=True)
    return Reading(price)


def stepped(group: GroupSnapshot, price: Decimal, steps: int) -> Decimal:
    """`price` moved by so many ticks, never below one."""
    tick = group.tick_size or Decimal("0.01")
    return max((price // tick + steps) * tick, tick)


def pnl_at(group: GroupSnapshot, price: Decimal) -> Decimal:
    """The result of what is open at `price`, before fees."""
    if group.average_entry is None:
        return Decimal(0)
    gain = price - group.average_entry
    return (gain if group.side == "long" else -gain) * size(group)


def distance_percent(group: GroupSnapshot, price: Decimal) -> Decimal | None:
    """How far from the mark."""
    return abs(price - group.mark) * 100 / group.mark if group.mark else None


def stop_words(group: GroupSnapshot, price: Decimal) -> str | None:
    """What a stop dragged to `price` would mean; None where it may not lie."""
    if read_stop(group, f"{price:f}").value is None:
        return None
    distance = formats.percent(distance_percent(group, price))
    return f"{distance} away \u00b7 {formats.signed_money(pnl_at(group, price))} {group.quote_currency} there"


def stop_facts(group: GroupSnapshot, price: Decimal) -> list[tuple[str, str]]:
    at_stop = pnl_at(group, price)
    before = "none" if group.stop_price is None else formats.price(group.stop_price, group.tick_size)
    then = formats.signed_money(group.pnl_at_stop) if group.pnl_at_stop is not None else formats.NOTHING
    return [
        ("Stop now", before if group.stop_price is None else f"{before}, at it {then} {group.quote_currency}"),
        ("Stop then", formats.price(price, group.tick_size)),
        ("Distance to the price", formats.percent(distance_percent(group, price))),
        ("Result at the stop" if at_stop > 0 else "Loss at the stop",
         f"{formats.signed_money(at_stop)} {group.quote_currency} before fees"),
        ("Closes there", f"{formats.quantity(group.open_quantity, group.step_size)} on {group.account}"),
    ]  # fmt: skip


# ---------------------------------------------------------------------- more money


def read_quote(group: GroupSnapshot, text: str, free: Decimal) -> Reading:
    quote = read_number(text)
    if quote is None:
        return _fault(text, "Give an amount above 0.")
    if quote / group.leverage > free:
        need = formats.money(quote / group.leverage)
        return Reading(None, f"{need} {group.quote_currency} needed, {formats.money(free)} free.")
    return Reading(quote)


def funds_facts(group: GroupSnapshot, quote: Decimal, free: Decimal) -> list[tuple[str, str]]:
    mark, worth = group.mark, size(group)
    currency = group.quote_currency
    lines = [("Buys" if group.side == "long" else "Sells", f"{formats.money(quote)} {currency} at market")]
    if mark and worth:
        contracts = quote / mark * group.open_quantity / worth
        steps = contracts // group.step_size * group.step_size if group.step_size > 0 else contracts
        average = (group.invested + quote) / (worth + quote / mark)
        lines += [
            ("Quantity", f"about {formats.quantity(steps, group.step_size)} at {formats.price(mark, group.tick_size)}"),
            ("Average entry", f"{formats.price(group.average_entry, group.tick_size)} becomes about "
                              f"{formats.price(average, group.tick_size)}"),
        ]  # fmt: skip
    lines += [
        ("Pyramids", f"{group.pyramids + 1} of {group.max_pyramids}"),
        ("Free after that", f"{formats.money(free - quote / group.leverage)} {currency}"),
    ]
    return lines


# ---------------------------------------------------------------------- the take-profit mode

SAME_MODE = "It is in this mode already."
SAME_DISTANCE = "It is in this mode already, at this distance."
TP_MODES = (
    ("per_leg", "Per leg"),
    ("aggregate", "Aggregate"),
    ("pyramid_aggregate", "Per pyramid"),
    ("hybrid", "Hybrid"),
)
TP_SENTENCES = {
    "per_leg": "Each leg is sold at its own target.",
    "aggregate": "Everything is sold at one target, counted from the average entry.",
    "pyramid_aggregate": "Each pyramid is sold at one target, counted from its own average entry.",
    "hybrid": "Each leg has its own target; when the average has gained the distance, all the rest is sold.",
}


def needs_percent(mode: str) -> bool:
    return mode != "per_leg"


def read_mode(group: GroupSnapshot, mode: str, text: str) -> Reading:
    """The distance of a mode that has one. Pyramids may each have their own: setting it for all is a change."""
    if not needs_percent(mode):
        return Reading(None, SAME_MODE, is_same=True) if mode == group.tp_mode else Reading(None)
    value = read_number(text.strip().rstrip("%"))
    if value is None or value > 100:
        return _fault(text, "A distance is above 0 and at most 100 %.")
    is_same = mode == group.tp_mode != "pyramid_aggregate" and value == group.tp_aggregate_percent
    return Reading(value, SAME_DISTANCE if is_same else "", is_same)


def mode_facts(group: GroupSnapshot, mode: str, percent: Decimal | None) -> list[tuple[str, str]]:
    now = dict(TP_MODES).get(group.tp_mode, group.tp_mode)
    lines = [("TP mode now", now.lower()), ("TP mode then", dict(TP_MODES)[mode].lower())]
    if percent is not None and mode in {"aggregate", "hybrid"} and group.average_entry is not None:
        way = group.average_entry * percent / 100
        target = group.average_entry + (way if group.side == "long" else -way)
        result = formats.signed_money(pnl_at(group, target))
        lines.append(("Target", f"about {formats.price(target, group.tick_size)}: {result} {group.quote_currency}"))
    resting = sum(
        order.role == "take_profit" and order.status in {"open", "partially_filled"} for order in group.orders
    )
    lines.append(("Take-profits replaced", str(resting)))
    return lines
