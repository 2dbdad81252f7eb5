"""The checks of what an entry would do to the account, in the order of risk.md; those before are in `standing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.base.changing import changed, quick_dataclass
from app.domain.grid import lay_legs, none_is_sent
from app.domain.group import Leg
from app.domain.market import MarketRules, Quote
from app.domain.refusal import Refusal
from app.domain.risk.liquidation import Book, Rung, highest_safe_leverage, too_near
from app.domain.risk.results import Held, Passed, Trace
from app.domain.risk.standing import Standing
from app.domain.risk.worth import fills_at_most
from app.domain.sizing import SizeType, pyramid_capital
from app.domain.stop_loss import configured_stop, stop_refusal
from app.domain.values import HUNDRED, ZERO, MarketType, Side

TRIPPING = frozenset({"daily_loss", "drawdown"})
"""Refusals that trip the emergency stop."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Worst case in quote of what is open or may still fill: of the environment, on the symbol, on the account."""

    total: Decimal
    symbol: Decimal
    account: Decimal


@dataclass(frozen=True, slots=True)
class OpenBook:
    """What the venue's position of this market and side holds already. `stops` are those of its groups.

    `backing` is what the account has free, for cross margin.
    """

    quantity: Decimal = ZERO
    value: Decimal = ZERO
    rungs: tuple[Rung, ...] = ()
    stops: tuple[Decimal, ...] = ()
    backing: Decimal = ZERO


@quick_dataclass(frozen=True)
class Candidate:
    """An entry with its market; the checks fill in `capital`, `legs` and `notional`.

    None means: not known, or not asked for.
    """

    standing: Standing
    rules: MarketRules
    quote: Quote | None
    entry_price: Decimal
    size: Decimal | None
    size_type: SizeType
    equity: Decimal | None
    signal_price: Decimal
    signal_stop: Decimal | None
    signal_take_profit: Decimal | None
    max_slippage_percent: Decimal | None
    max_quote: Decimal | None
    taker_fee: Decimal
    free: Decimal
    """Quote that nothing binds, less what is in flight."""
    groups_on_symbol: int
    groups_on_account: int
    is_forced: bool
    """Opened by hand despite the limits on open groups."""
    exposure: Exposure | None
    day_result: Decimal | None
    drawdown_percent: Decimal | None
    book: OpenBook
    entries_lately: int
    """Entries made within the last minute, all accounts together."""
    has_waited: bool
    """It was held for the order rate as long as it may be."""
    conditional_orders: int | None = None
    """How many conditional orders the account has in the market or will have; None where a new group needs none."""
    capital: Decimal = ZERO
    legs: tuple[Leg, ...] = ()
    notional: Decimal = ZERO
    """Worth in quote of all legs that will be sent, at most."""
    unsized: Refusal | None = None
    """Why its stop gives it no size, where that is a share of what is at risk."""

    @property
    def sent_legs(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.wants_entry)

    def worth(self, leg: Leg) -> Decimal:
        """In quote, at most."""
        return self.rules.notional(self.fills_at(leg), leg.quantity)

    def fills_at(self, leg: Leg) -> Decimal:
        """The highest price that it may fill at."""
        return fills_at_most(self.standing.identity.side.entry_order_side, leg.order_type, leg.price, self.quote)


Answer = Passed[Candidate] | Refusal | Held | None


def check_candidate(candidate: Candidate) -> tuple[Candidate | Refusal | Held, Trace]:
    """The entry ready to open, or what decided against it now; with the result of every check."""
    trace = Trace()
    for name, check in CHECKS:
        answer = check(candidate)
        trace.note(name, answer)
        if isinstance(answer, Passed):
            candidate = answer.examined
        elif answer is not None:
            trace.not_reached(*NAMES[len(trace.checked) :])
            return answer, trace
    return candidate, trace


def _market_open(candidate: Candidate) -> Answer:
    """What is opened in a market that closes may not be sold again (hazard 41)."""
    return None if candidate.rules.closed is None else Refusal("market_closed", candidate.rules.closed)


def _minimums(candidate: Candidate) -> Answer:
    """Sizes the legs; every one meets the venue's minimums, none is above `max_order_quote` and all together not above
    what their key may spend. Where only the stop is amiss it is the next check that says so."""
    standing = candidate.standing
    side, settings, pyramid = standing.identity.side, standing.settings, standing.pyramid
    capital = pyramid_capital(
        settings,
        candidate.size,
        candidate.size_type,
        candidate.entry_price,
        candidate.equity,
        side,
        pyramid,
        candidate.signal_stop,
    )
    if isinstance(capital, Refusal):
        return Passed(changed(candidate, unsized=capital)) if capital.code == "stop_sanity" else capital
    legs = lay_legs(settings, candidate.rules, side, pyramid, candidate.entry_price, capital, candidate.signal_stop)
    if isinstance(legs, Refusal):
        return legs
    sent = [leg for leg in legs if leg.wants_entry]
    notional = sum(map(candidate.worth, sent), ZERO)
    refusal = _above_key(candidate, notional) or _too_large(candidate, sent)
    return refusal or Passed(changed(candidate, capital=capital, legs=legs, notional=notional))


def _above_key(candidate: Candidate, notional: Decimal) -> Refusal | None:
    bound = candidate.max_quote
    if bound is None or notional <= bound:
        return None
    detail = f"its key may not spend {notional:.2f} {candidate.rules.quote}, at most {bound:f}"
    return Refusal("key_not_allowed", detail)


def _too_large(candidate: Candidate, sent: Sequence[Leg]) -> Refusal | None:
    bound = candidate.standing.risk.max_order_quote
    if bound is None:
        return None
    for leg in sent:
        worth = candidate.worth(leg)
        if worth > bound:
            quote = candidate.rules.quote
            return Refusal("max_order", f"leg {leg.index} would be {worth:f} {quote}, an order is at most {bound:f}")
    return None


def _stop_sanity(candidate: Candidate) -> Answer:
    refusal = stop_refusal(
        candidate.standing.identity.side,
        candidate.entry_price,
        candidate.signal_stop,
        candidate.signal_take_profit,
        candidate.standing.settings,
    )
    return refusal or candidate.unsized or none_is_sent(candidate.legs)


def _slippage(candidate: Candidate) -> Answer:
    bound = candidate.standing.risk.max_slippage_percent
    if candidate.max_slippage_percent is not None:
        bound = min(bound, candidate.max_slippage_percent)
    side = candidate.standing.identity.side
    if candidate.quote is None:
        return Refusal("slippage", f"there is no current price of {candidate.rules.symbol}")
    price = candidate.quote.executable(side.entry_order_side)
    worse = side.gain(candidate.signal_price, price) * HUNDRED / candidate.signal_price
    if worse <= bound:
        return None
    sentence = f"the price {price:f} is {worse:.2f} % worse than {candidate.signal_price:f}, the bound is {bound:f} %"
    return Refusal("slippage", sentence)


def _group_limits(candidate: Candidate) -> Answer:
    risk, identity = candidate.standing.risk, candidate.standing.identity
    if candidate.is_forced or candidate.standing.pyramid > 0:
        return None
    limits = (
        (candidate.groups_on_symbol, risk.max_open_groups_per_symbol, identity.symbol),
        (candidate.groups_on_account, risk.max_open_groups_per_account, identity.account),
    )
    for used, limit, where in limits:
        if limit is not None and used >= limit:
            return Held("symbol_limit", f"{used} of {limit} groups are open on {where}")
    return None


def _conditional_orders(candidate: Candidate) -> Answer:
    """A stop that could not be placed is found out before there is anything to protect (hazard 25)."""
    most, taken = candidate.rules.max_conditional_orders, candidate.conditional_orders
    if most is None or taken is None or taken < most:
        return None
    sentence = f"{candidate.rules.symbol} takes {most} conditional orders of an account; all are in use"
    return Refusal("conditional_orders", f"{sentence}, none is left for its stop")


def _max_exposure(candidate: Candidate) -> Answer:
    exposure, risk, identity = candidate.exposure, candidate.standing.risk, candidate.standing.identity
    if exposure is None:
        return None
    limits = (
        (exposure.total, risk.max_exposure_quote, "in total"),
        (exposure.symbol, risk.max_exposure_per_symbol_quote, f"on {identity.symbol}"),
        (exposure.account, risk.max_exposure_per_account_quote, f"on {identity.account}"),
    )
    for used, limit, where in limits:
        worst = used + candidate.notional
        if limit is not None and worst > limit:
            detail = f"{where} up to {worst:f} {candidate.rules.quote} would be exposed, at most {limit:f} may be"
            return Refusal("max_exposure", detail)
    return None


def _daily_loss(candidate: Candidate) -> Answer:
    return daily_loss(candidate.day_result, candidate.standing.risk.daily_loss_limit_quote)


def daily_loss(result: Decimal | None, limit: Decimal | None) -> Refusal | None:
    """Whether the day's result has reached the limit."""
    if limit is None or result is None or -result < limit:
        return None
    return Refusal("daily_loss", f"{-result:f} was lost since 00:00 UTC, the limit is {limit:f}")


def _drawdown(candidate: Candidate) -> Answer:
    return drawdown(candidate.drawdown_percent, candidate.standing.risk.max_drawdown_percent)


def drawdown(percent: Decimal | None, limit: Decimal | None) -> Refusal | None:
    """Whether equity has fallen from its peak as far as it may."""
    if limit is None or percent is None or percent < limit:
        return None
    return Refusal("drawdown", f"equity is {percent:.2f} % under its peak, the limit is {limit:f} %")


def _margin(candidate: Candidate) -> Answer:
    """Every leg is carried, fees included."""
    leverage = candidate.standing.leverage
    needed = candidate.notional / leverage + candidate.notional * candidate.taker_fee
    if needed <= candidate.free:
        return None
    sentence = f"{needed:.2f} {candidate.rules.quote} needed, {max(candidate.free, ZERO):.2f} free"
    return Refusal("insufficient_margin", sentence)


def _liquidation(candidate: Candidate) -> Answer:
    standing = candidate.standing
    if not can_be_liquidated(standing):
        return None
    book, bounds = _whole_book(candidate), (*candidate.book.stops, *_planned_stops(candidate))
    buffer = standing.risk.liquidation_buffer_percent
    price = too_near(book, bounds, standing.leverage, buffer)
    if price is None:
        return None
    safe = highest_safe_leverage(book, bounds, standing.leverage, buffer)
    advice = f"{safe:f}x or less would do" if safe is not None else "no leverage would do"
    tick = candidate.rules.tick_size
    return Refusal(
        "liquidation",
        f"at {standing.leverage:f}x it would be liquidated at {price.quantize(tick):f}, "
        f"before its stop or its deepest leg; {advice}",
    )


def can_be_liquidated(standing: Standing) -> bool:
    """A long whose margin is all it is worth has no liquidation price; nor has spot."""
    borrows = standing.leverage > 1 or standing.identity.side is Side.SHORT
    return borrows and standing.market_type is MarketType.LINEAR


def _whole_book(candidate: Candidate) -> Book:
    open_book = candidate.book
    own = tuple(Rung(candidate.fills_at(leg), leg.quantity) for leg in candidate.sent_legs)
    is_cross = candidate.standing.settings.margin_mode == "cross"
    return Book(
        side=candidate.standing.identity.side,
        quantity=open_book.quantity,
        value=open_book.value,
        rungs=(*open_book.rungs, *own),
        contract_size=candidate.rules.contract_size,
        tiers=candidate.rules.maintenance,
        taker_fee=candidate.taker_fee,
        wallet=max(open_book.backing, ZERO) if is_cross else ZERO,
    )


def _planned_stops(candidate: Candidate) -> Iterator[Decimal]:
    """Where the stop of the new legs lies after each of them has filled."""
    standing = candidate.standing
    quantity = value = ZERO
    for leg in candidate.sent_legs:
        quantity, value = quantity + leg.quantity, value + leg.quantity * candidate.fills_at(leg)
        stop = configured_stop(
            standing.settings,
            candidate.rules,
            standing.identity.side,
            value / quantity,
            candidate.signal_stop,
        )
        if stop is not None:
            yield stop


def _order_rate(candidate: Candidate) -> Answer:
    most = candidate.standing.risk.max_entries_per_minute
    if candidate.entries_lately < most:
        return None
    sentence = f"{candidate.entries_lately} entries were made within a minute, at most {most} may be"
    return Refusal("order_rate", sentence) if candidate.has_waited else Held("order_rate", sentence)


CHECKS: tuple[tuple[str, Callable[[Candidate], Answer]], ...] = (
    ("market_closed", _market_open),
    ("below_minimum", _minimums),
    ("stop_sanity", _stop_sanity),
    ("slippage", _slippage),
    ("symbol_limit", _group_limits),
    ("conditional_orders", _conditional_orders),
    ("max_exposure", _max_exposure),
    ("daily_loss", _daily_loss),
    ("drawdown", _drawdown),
    ("insufficient_margin", _margin),
    ("liquidation", _liquidation),
    ("order_rate", _order_rate),
)
NAMES = tuple(name for name, _ in CHECKS)
