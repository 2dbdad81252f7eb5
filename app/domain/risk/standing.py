"""The checks that need neither a slot nor a price: they run before queueing and again at promotion (risk.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from app.base.changing import changed, quick_dataclass
from app.base.config.grid import GridSettings
from app.base.config.groups import RiskConfig
from app.domain.refusal import Refusal
from app.domain.risk.results import Held, Passed, Trace
from app.domain.values import ONE, ZERO, Identity, MarketType

HARD_LEVERAGE_CAP = Decimal(25)


@quick_dataclass(frozen=True)
class Standing:
    """Whether this may trade at all now; the checks fill in `leverage`."""

    identity: Identity
    now: datetime
    risk: RiskConfig
    settings: GridSettings
    market_type: MarketType
    paused: str | None
    emergency: str | None
    """Why the emergency stop is critical, None where it is not."""
    hold: Held | None
    """Why the account takes no entries now."""
    allowed_symbols: tuple[str, ...] | None
    pyramid: int
    is_reverse: bool
    cooling_since: datetime | None
    """The later of the last new group's entry and the last losing close on this account and symbol."""
    stops: tuple[datetime, ...]
    """Stop-loss closes that the guard looks at."""
    results: tuple[Decimal, ...]
    """What the symbol's trades that closed within the window realised."""
    requested_leverage: Decimal | None
    book_leverage: tuple[Decimal, str] | None
    """Leverage and margin mode of what would be open beside it in the market, None where nothing is."""
    leverage: Decimal = ONE
    is_armed: bool = True
    """Whether the account may trade; only a live one has to be armed for it."""


def check_standing(standing: Standing) -> tuple[Standing | Refusal, Trace]:
    """The entry with its leverage or the first refusal, and every result; what it would have to wait for passes."""
    trace = Trace()
    for name, check in CHECKS:
        answer = check(standing)
        trace.note(name, answer)
        if isinstance(answer, Passed):
            standing = answer.examined
        elif isinstance(answer, Refusal):
            trace.not_reached(*(after for after, _ in CHECKS[len(trace.checked) :]))
            return answer, trace
    return standing, trace


Answer = Passed[Standing] | Refusal | Held | None


def _paused(standing: Standing) -> Answer:
    if standing.paused is not None:
        return Refusal("paused", f"the engine is paused: {standing.paused}")
    return None


def _emergency(standing: Standing) -> Answer:
    if standing.emergency is not None:
        return Refusal("emergency_stop", f"the emergency stop is critical: {standing.emergency}")
    return None


def _account(standing: Standing) -> Answer:
    return standing.hold


def _armed(standing: Standing) -> Answer:
    if standing.is_armed:
        return None
    account = standing.identity.account
    return Refusal("not_armed", f"{account} is live and not armed; arm it in the window or on the command line")


def _symbol(standing: Standing) -> Answer:
    allowed, symbol = standing.allowed_symbols, standing.identity.symbol
    if allowed is None or symbol in allowed:
        return None
    return Refusal("symbol_not_allowed", f"{symbol} is not among the {len(allowed)} markets of this account")


def _cooldown(standing: Standing) -> Answer:
    risk, since = standing.risk, standing.cooling_since
    exempt = standing.is_reverse or (standing.pyramid > 0 and not risk.cooldown_applies_to_pyramids)
    if exempt or since is None:
        return None
    over = since + timedelta(seconds=risk.cooldown_sec)
    if standing.now >= over:
        return None
    left = int((over - standing.now).total_seconds())
    return Refusal("cooldown", f"{standing.identity.symbol} is cooling down for another {left} s")


def _stop_guard(standing: Standing) -> Answer:
    risk = standing.risk
    if risk.stop_guard_count is None:
        return None
    window = timedelta(minutes=risk.stop_guard_window_minutes)
    stops = sorted(standing.stops)
    for index in range(risk.stop_guard_count - 1, len(stops)):
        last, over = stops[index], stops[index] + timedelta(minutes=risk.stop_guard_pause_minutes)
        if last - stops[index - risk.stop_guard_count + 1] <= window and standing.now < over:
            left = int((over - standing.now).total_seconds() / 60) + 1
            where = standing.identity.symbol if risk.stop_guard_scope == "symbol" else "all markets together"
            return Refusal(
                "stop_guard",
                f"{risk.stop_guard_count} stops within {risk.stop_guard_window_minutes} min on {where}; "
                f"entries go on in {left} min",
            )
    return None


def _low_profit(standing: Standing) -> Answer:
    risk, results = standing.risk, standing.results
    if risk.low_profit_bound_quote is None or len(results) < risk.low_profit_min_trades:
        return None
    total = sum(results, ZERO)
    if total >= risk.low_profit_bound_quote:
        return None
    return Refusal(
        "low_profit",
        f"{standing.identity.symbol} realised {total:f} with {len(results)} trades within "
        f"{risk.low_profit_window_minutes} min, the bound is {risk.low_profit_bound_quote:f}",
    )


def _leverage(standing: Standing) -> Answer:
    """What is asked for within the cap, as a whole number: exchanges take no other."""
    if standing.market_type is not MarketType.LINEAR:
        return None
    cap = min(HARD_LEVERAGE_CAP, standing.risk.max_leverage)
    wanted = standing.requested_leverage or standing.settings.leverage
    if wanted < ONE:
        return Refusal("leverage", f"leverage {wanted:f} is under 1")
    if wanted > cap and standing.risk.leverage_action == "reject":
        return Refusal("leverage", f"leverage {wanted:f} is above the cap of {cap:f}")
    taken = min(wanted, cap).to_integral_value(ROUND_FLOOR)
    how = "capped" if wanted > cap else "rounded down"
    note = "" if taken == wanted else f"leverage {wanted:f} was {how} to {taken:f}"
    return Passed(changed(standing, leverage=taken), note)


def _leverage_in_use(standing: Standing) -> Answer:
    """A market has one leverage for both its sides; a pyramid takes its group's."""
    if standing.book_leverage is None or standing.market_type is not MarketType.LINEAR:
        return None
    leverage, mode = standing.book_leverage
    if standing.pyramid > 0:
        return Passed(changed(standing, leverage=leverage))
    if (leverage, mode) == (standing.leverage, standing.settings.margin_mode):
        return None
    wanted = f"{standing.leverage:f}x {standing.settings.margin_mode}"
    what = f"what is open in {standing.identity.symbol} runs at {leverage:f}x {mode}"
    return Refusal("leverage_in_use", f"{what}, the entry wants {wanted}; a market has one for both its sides")


CHECKS: tuple[tuple[str, Callable[[Standing], Answer]], ...] = (
    ("paused", _paused),
    ("emergency_stop", _emergency),
    ("account", _account),
    ("not_armed", _armed),
    ("symbol_not_allowed", _symbol),
    ("cooldown", _cooldown),
    ("stop_guard", _stop_guard),
    ("low_profit", _low_profit),
    ("leverage", _leverage),
    ("leverage_in_use", _leverage_in_use),
)
