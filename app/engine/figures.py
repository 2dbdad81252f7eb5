"""Account-wide figures that the pre-trade checks and the emergency stop look at: exposure, funds, the day, the peak."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.domain.group import EntryState, Group
from app.domain.order import Order, OrderStatus
from app.domain.risk.checks import Exposure
from app.domain.values import HUNDRED, ZERO, Identity, OrderRole
from app.engine.money import equity_of, quote_of, realized_fact, reserved_by, unrealized_of
from app.engine.state import EngineState
from app.engine.turn import Turn

_DAY = "day/"
_PEAK = "equity_peak/"
_ON_ITS_WAY = frozenset({OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN})


def environment_of(state: EngineState, account: str) -> str:
    config = state.config.account(account)
    return config.environment if config else ""


def environments(state: EngineState) -> tuple[str, ...]:
    """Paper is never added up with live."""
    return tuple(dict.fromkeys(environment_of(state, account) for account in state.accounts))


def accounts_of(state: EngineState, environment: str) -> list[str]:
    return [account for account in state.accounts if environment_of(state, account) == environment]


# ---------------------------------------------------------------------------------------------- exposure and funds


def worst_case(group: Group) -> Decimal:
    """Quote value of what is open and of what may still fill."""
    return group.open_value * group.contract_size + reserved_by(group)


def exposure(turn: Turn, identity: Identity) -> Exposure:
    """Worst case of the identity's environment, of its symbol there, and of its account."""
    environment = environment_of(turn.state, identity.account)
    total = symbol = account = ZERO
    for group in turn.open_groups():
        if environment_of(turn.state, group.account) != environment:
            continue
        worth = worst_case(group)
        total += worth
        symbol += worth if group.symbol == identity.symbol else ZERO
        account += worth if group.account == identity.account else ZERO
    return Exposure(total, symbol, account)


def free_funds(turn: Turn, account: str, quote: str, taker_fee: Decimal) -> Decimal:
    """What the venue calls free, less what entries bind that its last balance could not know of."""
    balance = turn.state.balances.get(account, {}).get(quote)
    if balance is None:
        return ZERO
    free = balance.free
    for order in _sent_since(turn, account, balance.at):
        free -= _needs(turn.group(order.group_id), _notional(turn, order), taker_fee)
    for group in turn.open_groups():
        if group.account == account:
            free -= _needs(group, _planned(group), taker_fee)
    return free


def _needs(group: Group, notional: Decimal, taker_fee: Decimal) -> Decimal:
    return notional / group.leverage + notional * taker_fee if notional else ZERO


def _sent_since(turn: Turn, account: str, at: datetime) -> Iterable[Order]:
    """Entries made after the balance was told, and those of the same instant whose answer has not come."""
    for order in [*turn.orders.changes.values(), *reversed(turn.state.orders.values())]:
        if order is None:
            continue
        if order.created_at < at:
            return
        current = turn.orders.get(order.client_order_id)
        if order.account != account or order.role is not OrderRole.ENTRY or current is not order:
            continue
        if (order.is_live or order.filled > 0) and (order.created_at > at or order.status in _ON_ITS_WAY):
            yield order


def _notional(turn: Turn, order: Order) -> Decimal:
    price = order.price or order.expected_price or ZERO
    quantity = order.quantity if order.is_live else order.filled
    return price * quantity * turn.group(order.group_id).contract_size


def _planned(group: Group) -> Decimal:
    """Quote value of legs that are to be sent later."""
    waiting = (leg for leg in group.legs if leg.entry is EntryState.PLANNED)
    return sum((leg.price * leg.unfilled for leg in waiting), ZERO) * group.contract_size


# ---------------------------------------------------------------------------------------------- the day


@dataclass(frozen=True, slots=True)
class DayStart:
    """From where a UTC day's result is counted: what was realised of it already, and what was unrealised, in quote."""

    date: str
    realized: Decimal
    unrealized: Decimal


def day_start(turn: Turn, environment: str) -> DayStart | None:
    """That of today, None before it was taken."""
    text = turn.fact(_DAY + environment)
    if text is None:
        return None
    date, realized, unrealized = json.loads(text)
    return DayStart(date, Decimal(realized), Decimal(unrealized)) if date == f"{turn.now:%Y-%m-%d}" else None


def begin_day(turn: Turn, environment: str, *, anew: bool = False) -> None:
    """Take the start of the day, once its unrealised P&L is known whole; `anew` counts from now on."""
    if not anew and day_start(turn, environment) is not None:
        return
    unrealized = unrealized_total(turn, environment)
    if unrealized is None:
        return
    realized = realized_today(turn, environment) if anew else ZERO
    document = [f"{turn.now:%Y-%m-%d}", f"{realized:f}", f"{unrealized:f}"]
    turn.facts.put(_DAY + environment, json.dumps(document))


def realized_today(turn: Turn, environment: str) -> Decimal:
    """By what is booked in this turn too."""
    total = ZERO
    for account in accounts_of(turn.state, environment):
        total += Decimal(turn.fact(realized_fact(account, turn.now)) or "0")
    return total + sum((gain for account, gain in turn.realized_now() if _is_in(turn, account, environment)), ZERO)


def _is_in(turn: Turn, account: str, environment: str) -> bool:
    return environment_of(turn.state, account) == environment


def unrealized_total(turn: Turn, environment: str) -> Decimal | None:
    """None while the price of something open is not known."""
    total = ZERO
    for group in turn.open_groups():
        if group.open_quantity <= 0 or not _is_in(turn, group.account, environment):
            continue
        gain = unrealized_of(turn.state, group)
        if gain is None:
            return None
        total += gain
    return total


def day_result(turn: Turn, environment: str) -> Decimal:
    """Realised since 00:00 UTC, and by `daily_loss_basis` the change in unrealised P&L with it."""
    start = day_start(turn, environment)
    result = realized_today(turn, environment) - (start.realized if start else ZERO)
    if turn.config.risk.daily_loss_basis == "realized" or start is None:
        return result
    now = unrealized_total(turn, environment)
    return result if now is None else result + now - start.unrealized


# ---------------------------------------------------------------------------------------------- the peak


def equity_total(turn: Turn, environment: str) -> Decimal | None:
    """Of all its accounts; None while the balance of one is not known."""
    groups = turn.open_groups()
    equities = [
        equity_of(turn.state, groups, account)
        for account in accounts_of(turn.state, environment)
        if quote_of(turn.state, account) is not None or not turn.state.accounts[account].reconciled
    ]
    known = [equity for equity in equities if equity is not None]
    return sum(known, ZERO) if known and len(known) == len(equities) else None


def note_peak(turn: Turn, environment: str, *, anew: bool = False) -> None:
    """Keep the highest equity of each UTC day; `anew` forgets all that was before."""
    equity = equity_total(turn, environment)
    if equity is None:
        return
    if anew:
        for name, _ in list(_peaks(turn, environment)):
            turn.facts.put(name, "")
    name = f"{_PEAK}{environment}/{turn.now:%Y-%m-%d}"
    known = turn.fact(name)
    if known is None or Decimal(known) < equity:
        turn.facts.put(name, f"{equity:f}")


def _peaks(turn: Turn, environment: str) -> Iterable[tuple[str, Decimal]]:
    prefix = f"{_PEAK}{environment}/"
    names = {*turn.state.facts, *turn.facts.changes}
    for name in names:
        value = turn.fact(name) if name.startswith(prefix) else None
        if value is not None:
            yield name, Decimal(value)


def peak_of(turn: Turn, environment: str) -> Decimal | None:
    """The highest equity within the window."""
    first = f"{turn.now - timedelta(days=turn.config.risk.drawdown_window_days - 1):%Y-%m-%d}"
    return max((value for name, value in _peaks(turn, environment) if name.rpartition("/")[2] >= first), default=None)


def drawdown_percent(turn: Turn, environment: str) -> Decimal | None:
    """How far equity is under its peak; None while either is not known."""
    peak, equity = peak_of(turn, environment), equity_total(turn, environment)
    if peak is None or equity is None or peak <= 0:
        return None
    return max(peak - equity, ZERO) * HUNDRED / peak
