"""Where a position would be liquidated, and whether that is far enough away (risk.md, liquidation)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.domain.market import MaintenanceTier
from app.domain.values import ONE, ZERO, Side

_NO_END = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class Rung:
    """An entry that may still fill: `quantity` contracts at `price`."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """A position as the venue sees it, all groups of one account, symbol and side together.

    `quantity` (contracts) and `value` (Σ price × quantity) are open, `rungs` may still fill. `wallet` backs it besides
    its own margin: 0 where the margin is isolated. `taker_fee` is a fraction of the notional.
    """

    side: Side
    quantity: Decimal
    value: Decimal
    rungs: tuple[Rung, ...]
    contract_size: Decimal
    tiers: tuple[MaintenanceTier, ...]
    taker_fee: Decimal
    wallet: Decimal = ZERO


def liquidation_price(book: Book, quantity: Decimal, value: Decimal, leverage: Decimal) -> Decimal | None:
    """Where margin and result are only the maintenance margin and the fee of closing; None where no price gets there.

    margin + sign × (q·p − v) = q·p × (rate + fee) − deduction, solved for p (Binance, "How to calculate liquidation
    price of USD-M futures"), where rate and deduction are those of the tier that holds q·p: a short's worth grows on
    its way through them, a long's shrinks.
    """
    if quantity <= 0:
        return None
    notional, sign, is_long = value * book.contract_size, Decimal(book.side.sign), book.side is Side.LONG
    kept = sign * notional - notional / leverage - book.wallet
    size = quantity * book.contract_size
    for tier, lowest, highest in _tiers_ahead(book, notional):
        worth = (kept - tier.deduction) / (sign - tier.rate - book.taker_fee)
        worth = min(worth, highest) if is_long else max(worth, lowest)
        if lowest <= worth <= highest:
            return worth / size if worth > 0 else None
    return None


def _tiers_ahead(book: Book, notional: Decimal) -> Iterator[tuple[MaintenanceTier, Decimal, Decimal]]:
    """The tiers through which a move against the position leads, the present one first, each with the worths it holds;
    the first holds all that lie behind too."""
    tiers = sorted(book.tiers, key=lambda tier: tier.floor)
    here = max(sum(tier.floor <= notional for tier in tiers) - 1, 0)
    ceilings = [*(tier.floor for tier in tiers[1:]), _NO_END]
    if book.side is Side.SHORT:
        for index in range(here, len(tiers)):
            yield tiers[index], ZERO if index == here else tiers[index].floor, ceilings[index]
        return
    for index in range(here, -1, -1):
        yield tiers[index], tiers[index].floor if index else ZERO, _NO_END if index == here else ceilings[index]


def prefixes(book: Book) -> Iterator[tuple[Decimal, Decimal]]:
    """(quantity, value) after each fill, the rungs as a price that moves against it meets them."""
    quantity, value = book.quantity, book.value
    if quantity > 0:
        yield quantity, value
    for rung in sorted(book.rungs, key=lambda item: -item.price * book.side.sign):
        quantity, value = quantity + rung.quantity, value + rung.quantity * rung.price
        yield quantity, value


def too_near(book: Book, bounds: Iterable[Decimal], leverage: Decimal, buffer_percent: Decimal) -> Decimal | None:
    """The liquidation price that does not lie beyond all `bounds` by the buffer, None where every prefix's does."""
    far = _farthest(book, bounds)
    if far is None:
        return None
    limit = book.side.shifted(far, -buffer_percent)
    for quantity, value in prefixes(book):
        price = liquidation_price(book, quantity, value, leverage)
        if price is not None and book.side.is_better(price, limit):
            return price
    return None


def _farthest(book: Book, bounds: Iterable[Decimal]) -> Decimal | None:
    """The stop or leg that lies deepest against the position."""
    prices = [*bounds, *(rung.price for rung in book.rungs)]
    if not prices:
        return None
    return min(prices) if book.side is Side.LONG else max(prices)


def highest_safe_leverage(
    book: Book, bounds: Sequence[Decimal], leverage: Decimal, buffer_percent: Decimal
) -> Decimal | None:
    """The largest whole leverage under `leverage` that would do; None where not even 1 does."""
    wanted = leverage.to_integral_value(rounding="ROUND_CEILING") - ONE
    while wanted >= ONE:
        if too_near(book, bounds, wanted, buffer_percent) is None:
            return wanted
        wanted -= ONE
    return None
