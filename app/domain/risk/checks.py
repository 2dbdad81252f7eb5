"""The checks an entry passes before anything is sent, in the order of risk.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.base.config.grid import GridSettings
from app.base.config.groups import RiskConfig
from app.domain.grid import plan_legs
from app.domain.group import Leg
from app.domain.market import MarketRules, Quote
from app.domain.refusal import Refusal
from app.domain.sizing import SizeType, pyramid_capital
from app.domain.stop_loss import stop_refusal
from app.domain.values import HUNDRED, Identity

HARD_LEVERAGE_CAP = Decimal(25)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry under examination; the checks fill in `leverage`, `capital` and `legs`."""

    identity: Identity
    now: datetime
    risk: RiskConfig
    settings: GridSettings
    rules: MarketRules
    quote: Quote | None
    paused: str | None
    pyramid: int
    entry_price: Decimal
    size: Decimal | None
    size_type: SizeType
    equity: Decimal | None
    signal_price: Decimal
    signal_stop: Decimal | None
    signal_take_profit: Decimal | None
    max_slippage_percent: Decimal | None
    requested_leverage: Decimal | None
    book_leverage: tuple[Decimal, str] | None
    """Leverage and margin mode of the open book, None where nothing is open."""
    cooling_since: datetime | None
    """The later of the last new group's entry and the last losing close on this account and symbol."""
    is_reverse: bool
    leverage: Decimal = Decimal(1)
    capital: Decimal = Decimal(0)
    legs: tuple[Leg, ...] = ()


@dataclass(frozen=True, slots=True)
class Passed:
    """The candidate as it goes on, with what was adjusted in words."""

    candidate: Candidate
    note: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """Result of one check for the decision trace."""

    check: str
    result: str
    detail: str


def run_checks(candidate: Candidate) -> tuple[Candidate | Refusal, tuple[Checked, ...]]:
    """The candidate ready to open, or the first refusal; with the result of every check, later ones `not_reached`."""
    trace: list[Checked] = []
    verdict: Candidate | Refusal = candidate
    for name, check in CHECKS:
        if isinstance(verdict, Refusal):
            trace.append(Checked(name, "not_reached", ""))
            continue
        answer = check(verdict)
        if isinstance(answer, Refusal):
            trace.append(Checked(name, "failed", answer.detail))
            verdict = answer
        else:
            trace.append(Checked(name, "adjusted" if answer.note else "passed", answer.note))
            verdict = answer.candidate
    return verdict, tuple(trace)


def _paused(candidate: Candidate) -> Passed | Refusal:
    if candidate.paused is not None:
        return Refusal("paused", f"the engine is paused: {candidate.paused}")
    return Passed(candidate)


def cooldown_refusal(symbol: str, since: datetime | None, now: datetime, risk: RiskConfig) -> Refusal | None:
    """Whether a market that was entered, or lost on, at `since` is still to be left alone."""
    if since is None:
        return None
    over = since + timedelta(seconds=risk.cooldown_sec)
    if now >= over:
        return None
    return Refusal("cooldown", f"{symbol} is cooling down for another {int((over - now).total_seconds())} s")


def leverage_refusal(wanted: Decimal, risk: RiskConfig) -> Refusal | None:
    """Whether the leverage is above the cap, where that is not simply lowered."""
    cap = _leverage_cap(risk)
    if wanted <= cap or risk.leverage_action != "reject":
        return None
    return Refusal("leverage", f"leverage {wanted} is above the cap of {cap}")


def _leverage_cap(risk: RiskConfig) -> Decimal:
    return min(HARD_LEVERAGE_CAP, risk.max_leverage)


def is_exempt_from_cooldown(risk: RiskConfig, pyramid: int, *, is_reverse: bool) -> bool:
    return is_reverse or (pyramid > 0 and not risk.cooldown_applies_to_pyramids)


def _cooldown(candidate: Candidate) -> Passed | Refusal:
    if is_exempt_from_cooldown(candidate.risk, candidate.pyramid, is_reverse=candidate.is_reverse):
        return Passed(candidate)
    refusal = cooldown_refusal(candidate.identity.symbol, candidate.cooling_since, candidate.now, candidate.risk)
    return refusal or Passed(candidate)


def _leverage(candidate: Candidate) -> Passed | Refusal:
    wanted = candidate.requested_leverage or candidate.settings.leverage
    refusal = leverage_refusal(wanted, candidate.risk)
    if refusal is not None:
        return refusal
    cap = _leverage_cap(candidate.risk)
    note = f"leverage {wanted} was capped to {cap}" if wanted > cap else ""
    return Passed(replace(candidate, leverage=min(wanted, cap)), note)


def _leverage_in_use(candidate: Candidate) -> Passed | Refusal:
    wanted = (candidate.leverage, candidate.settings.margin_mode)
    if candidate.book_leverage is None or candidate.book_leverage == wanted:
        return Passed(candidate)
    if candidate.pyramid > 0:
        return Passed(replace(candidate, leverage=candidate.book_leverage[0]))
    leverage, mode = candidate.book_leverage
    return Refusal("leverage_in_use", f"the open position runs at {leverage}x {mode}, the entry wants {wanted[0]}x")


def _minimums(candidate: Candidate) -> Passed | Refusal:
    side = candidate.identity.side
    capital = pyramid_capital(
        candidate.settings,
        candidate.size,
        candidate.size_type,
        candidate.entry_price,
        candidate.equity,
        side,
        candidate.pyramid,
        candidate.signal_stop,
    )
    if isinstance(capital, Refusal):
        return capital
    legs = plan_legs(
        candidate.settings,
        candidate.rules,
        side,
        candidate.pyramid,
        candidate.entry_price,
        capital,
        candidate.signal_stop,
    )
    return legs if isinstance(legs, Refusal) else Passed(replace(candidate, capital=capital, legs=legs))


def _stop_sanity(candidate: Candidate) -> Passed | Refusal:
    refusal = stop_refusal(
        candidate.identity.side,
        candidate.entry_price,
        candidate.signal_stop,
        candidate.signal_take_profit,
        candidate.settings,
    )
    return refusal or Passed(candidate)


def _slippage(candidate: Candidate) -> Passed | Refusal:
    bound = candidate.risk.max_slippage_percent
    if candidate.max_slippage_percent is not None:
        bound = min(bound, candidate.max_slippage_percent)
    side = candidate.identity.side
    if candidate.quote is None:
        return Refusal("slippage", f"there is no current price of {candidate.identity.symbol}")
    price = candidate.quote.executable(side.entry_order_side)
    worse = side.gain(candidate.signal_price, price) * HUNDRED / candidate.signal_price
    if worse > bound:
        return Refusal(
            "slippage",
            f"the price {price:f} is {worse:.2f} % worse than {candidate.signal_price:f}, the bound is {bound} %",
        )
    return Passed(candidate)


CHECKS: tuple[tuple[str, Callable[[Candidate], Passed | Refusal]], ...] = (
    ("paused", _paused),
    ("cooldown", _cooldown),
    ("leverage", _leverage),
    ("leverage_in_use", _leverage_in_use),
    ("below_minimum", _minimums),
    ("stop_sanity", _stop_sanity),
    ("slippage", _slippage),
)
