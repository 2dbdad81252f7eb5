"""Account-wide figures that the pre-trade checks and the emergency stop look at: exposure, funds, the day, the peak."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from app.base.clock import iso
from app.domain.group import EntryState, Group, Leg
from app.domain.order import Order
from app.domain.risk.checks import Exposure
from app.domain.risk.worth import fills_at_most
from app.domain.values import HUNDRED, ZERO, Identity
from app.engine.binding import is_unknown_to, value_of
from app.engine.money import balances_of, equity_of, realized_fact, unrealized_of
from app.engine.state import AccountState, EngineState, Tally
from app.engine.turn import Turn

_DAY = "day/"
_PEAK = "peak_equities/"


def environment_of(state: EngineState, account: str) -> str:
    config = state.config.account(account)
    return config.environment if config else ""


def environments(state: EngineState) -> tuple[str, ...]:
    """Paper is never added up with live."""
    return tuple(dict.fromkeys(environment_of(state, account) for account in state.accounts))


def accounts_of(state: EngineState, environment: str) -> list[str]:
    return [account for account in state.accounts if environment_of(state, account) == environment]


# ---------------------------------------------------------------------------------------------- exposure and funds


def worst_case(state: EngineState, group: Group) -> Decimal:
    """Quote value of what is open and of what may still fill."""
    waiting = (leg for leg in group.legs if leg.wants_entry)
    return group.open_value * group.contract_size + _worth(state, group, waiting)


def _worth(state: EngineState, group: Group, legs: Iterable[Leg]) -> Decimal:
    """What the unfilled of `legs` comes to at most, in quote."""
    side, quote = group.side.entry_order_side, state.quote(*group.market_key)
    prices = ((fills_at_most(side, leg.order_type, leg.price, quote), leg.unfilled) for leg in legs)
    return sum((price * quantity for price, quantity in prices), ZERO) * group.contract_size


def exposure(turn: Turn, identity: Identity) -> Exposure:
    """Worst case of the identity's environment, of its symbol there, and of its account."""
    environment = environment_of(turn.state, identity.account)
    total = symbol = account = ZERO
    for group in turn.open_groups():
        if environment_of(turn.state, group.account) != environment:
            continue
        worth = worst_case(turn.state, group)
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
    for leverage, value in _bound(turn, account, quote, balance.at).items():
        free -= _needs(leverage, value, taker_fee)
    for group_id in {*turn.state.planning, *turn.groups.changes}:
        planning = turn.groups.get(group_id)
        if planning is not None and planning.is_open and (planning.account, planning.quote) == (account, quote):
            free -= _needs(planning.leverage, _planned(turn.state, planning), taker_fee)
    return free


def _needs(leverage: Decimal, value: Decimal, taker_fee: Decimal) -> Decimal:
    return value / leverage + value * taker_fee if value else ZERO


def _bound(turn: Turn, account: str, quote: str, at: datetime) -> dict[Decimal, Decimal]:
    """By leverage, the quote value of the entries that a balance of `at` could not know of, this turn's included."""
    tally = _tally(turn, account, quote, at)
    values = {} if tally.known is None else dict(tally.known.by_leverage)
    for leverage, value in tally.added.by_leverage.items():
        values[leverage] = values.get(leverage, ZERO) + value
    return values


def _tally(turn: Turn, account: str, quote: str, at: datetime) -> Tally:
    """Of all that the turn has put; where nothing else has changed since it was asked for, what is new is added."""
    known, fills = turn.state.bound.get((account, quote)), len(turn.ledger.fills)
    tally = turn.tallies.get((account, quote))
    if tally is None or tally.known is not known or (tally.at, tally.fills) != (at, fills):
        tally = turn.tallies[account, quote] = Tally(known, at, fills)
    for order_id in turn.entries_put[tally.counted :]:
        order = turn.orders.get(order_id)
        if order is not None and order.account == account:
            _count(turn, tally, order, quote)
    tally.counted = len(turn.entries_put)
    return tally


def _count(turn: Turn, tally: Tally, order: Order, quote: str) -> None:
    order_id, group = order.client_order_id, turn.group(order.group_id)
    before = None if tally.known is None else tally.known.values.get(order_id)
    if before is not None:
        tally.added.put(f"-{order_id}", before[0], -before[1])
    if group.quote == quote and is_unknown_to(order, tally.at):
        tally.added.put(order_id, group.leverage, value_of(turn.state, group, order))
    else:
        tally.added.drop(order_id)


def _planned(state: EngineState, group: Group) -> Decimal:
    """Quote value of legs that are to be sent later."""
    planned = [leg for leg in group.legs if leg.entry is EntryState.PLANNED]
    return _worth(state, group, planned) if planned else ZERO


# ---------------------------------------------------------------------------------------------- the day


@dataclass(frozen=True, slots=True)
class DayStart:
    """From where a UTC day's result is counted: what was realised by then, and what each open group had unrealised.

    In quote; 0 for one that was flat. A group that held something at `at` and is not among them had no price then; it
    counts from its first one.
    """

    date: str
    at: datetime
    realized: Decimal
    unrealized: Mapping[str, Decimal]


def day_start(turn: Turn, environment: str) -> DayStart | None:
    """That of today, None before it was taken."""
    text = turn.fact(_DAY + environment)
    if text is None:
        return None
    document = json.loads(text)
    if document["date"] != f"{turn.now:%Y-%m-%d}":
        return None
    unrealized = {group_id: Decimal(value) for group_id, value in document["unrealized"].items()}
    at = datetime.fromisoformat(document["at"])
    return DayStart(document["date"], at, Decimal(document["realized"]), unrealized)


def begin_day(turn: Turn, environment: str, *, anew: bool = False) -> None:
    """Take the start of the day, and later the groups whose first price has come; `anew` counts from now on."""
    start = None if anew else day_start(turn, environment)
    if start is None:
        realized = realized_today(turn, environment) if anew else ZERO
        midnight = turn.now.replace(hour=0, minute=0, second=0, microsecond=0)
        unrealized = _unrealized_at(turn, environment, turn.now if anew else midnight)
        _put_start(turn, environment, DayStart(f"{turn.now:%Y-%m-%d}", turn.now, realized, unrealized))
        return
    if not any(_has_no_start(group, start) for group in turn.open_groups()):
        return
    late = dict(_unrealized(turn, environment))
    late = {group_id: gain for group_id, gain in late.items() if _has_no_start(turn.group(group_id), start)}
    if late:
        _put_start(turn, environment, replace(start, unrealized={**start.unrealized, **late}))


def _put_start(turn: Turn, environment: str, start: DayStart) -> None:
    document = {
        "date": start.date,
        "at": iso(start.at),
        "realized": f"{start.realized:f}",
        "unrealized": {group_id: f"{gain:f}" for group_id, gain in start.unrealized.items()},
    }
    turn.facts.put(_DAY + environment, json.dumps(document))


def _has_no_start(group: Group, start: DayStart) -> bool:
    return group.id not in start.unrealized and group.opened_at < start.at


def realized_today(turn: Turn, environment: str) -> Decimal:
    """By what is booked in this turn too."""
    total = ZERO
    for account in accounts_of(turn.state, environment):
        total += Decimal(turn.fact(realized_fact(account, turn.now)) or "0")
    return total + sum((gain for account, gain in turn.realized_now() if _is_in(turn, account, environment)), ZERO)


def _is_in(turn: Turn, account: str, environment: str) -> bool:
    return environment_of(turn.state, account) == environment


def _unrealized(turn: Turn, environment: str) -> Iterator[tuple[str, Decimal]]:
    """Of every group that has something open whose price is known."""
    for group in turn.open_groups():
        if group.open_quantity > 0 and _is_in(turn, group.account, environment):
            gain = unrealized_of(turn.state, group)
            if gain is not None:
                yield group.id, gain


def _unrealized_at(turn: Turn, environment: str, start: datetime) -> dict[str, Decimal]:
    """As it is now, but nothing for what was flat at `start`: what was bought since counts whole."""
    unrealized = dict(_unrealized(turn, environment))
    for group in turn.open_groups():
        was_flat = group.open_quantity <= 0 or (group.first_fill_at is not None and group.first_fill_at >= start)
        if was_flat and _is_in(turn, group.account, environment):
            unrealized[group.id] = ZERO
    return unrealized


def day_result(turn: Turn, environment: str) -> Decimal:
    """Realised since 00:00 UTC, and by `daily_loss_basis` the change in unrealised P&L with it.

    A group whose price is not known now counts as unchanged.
    """
    start = day_start(turn, environment)
    result = realized_today(turn, environment) - (start.realized if start else ZERO)
    if turn.config.risk.daily_loss_basis == "realized" or start is None:
        return result
    now = dict(_unrealized(turn, environment))
    for group_id, gain in now.items():
        if not _has_no_start(turn.group(group_id), start):
            result += gain
    for group_id, gain in start.unrealized.items():
        group = turn.groups.get(group_id)
        if group_id in now or group is None or group.open_quantity <= 0:
            result -= gain
    return result


# ---------------------------------------------------------------------------------------------- the peak


def equities(turn: Turn, environment: str) -> dict[str, Decimal] | None:
    """Of its accounts; None while one is not known."""
    told = _told(turn, environment)
    known = _known(told)
    return known if known and len(known) == len(told) else None


def _told(turn: Turn, environment: str) -> dict[str, Decimal | None]:
    """By account; None while a balance or a held price is not known, or a balance is older than a fill."""
    return {
        account: _equity(turn, account)
        for account in accounts_of(turn.state, environment)
        if balances_of(turn.state, account) or not turn.state.accounts[account].reconciled
    }


def _equity(turn: Turn, account: str) -> Decimal | None:
    groups = [group for group in turn.open_groups() if group.account == account]
    if turn.state.accounts[account].unsettled_since is not None:
        return None
    if any(group.open_quantity > 0 and turn.state.quote(*group.market_key) is None for group in groups):
        return None
    return equity_of(turn.state, groups, account)


def _known(told: Mapping[str, Decimal | None]) -> dict[str, Decimal]:
    return {account: equity for account, equity in told.items() if equity is not None}


def note_peak(turn: Turn, environment: str, *, anew: bool = False) -> None:
    """Keep the highest equity of each UTC day, account by account; `anew` forgets all that was before.

    A new account counts as if it had been there with what it has now, one that was removed as if it never had.
    """
    now = _known(_told(turn, environment)) if anew else equities(turn, environment)
    if now is None:
        return
    before = dict(_peaks(turn, environment))
    peaks = {} if anew else {name: {**now, **_kept(turn, peak)} for name, peak in before.items()}
    today = _peak_facts(environment, turn.now.date(), 1)[0]
    peak, here = peaks.get(today, {}), accounts_of(turn.state, environment)
    if sum(now.values(), ZERO) > _sum_of(peak, here):
        away = {account: equity for account, equity in peak.items() if account not in here}
        peaks[today] = {**away, **now}
    for name, peak in peaks.items():
        if peak != before.get(name):
            turn.facts.put(name, _written(peak))
    if anew or today not in before:
        for name in {*turn.facts_under(f"{_PEAK}{environment}/")} - peaks.keys():
            turn.facts.put(name, "")


def forget_peaks(turn: Turn, account: str) -> None:
    """As if the account had never been there."""
    for name in turn.facts_under(_PEAK):
        peak = _read(turn.fact(name) or "{}")
        if account in peak:
            turn.facts.put(name, _written({other: equity for other, equity in peak.items() if other != account}))


def _kept(turn: Turn, peak: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Without the accounts that were removed; one that is only out of reach may come back."""
    return {account: equity for account, equity in peak.items() if turn.config.account(account) is not None}


def _sum_of(peak: Mapping[str, Decimal], accounts: Iterable[str]) -> Decimal:
    return sum((peak.get(account, ZERO) for account in accounts), ZERO)


def _written(peak: Mapping[str, Decimal]) -> str:
    return json.dumps({account: f"{equity:f}" for account, equity in peak.items()}) if peak else ""


@lru_cache(maxsize=1024)
def _read(text: str) -> Mapping[str, Decimal]:
    """Asked for at every fill."""
    return {account: Decimal(equity) for account, equity in json.loads(text).items()}


@lru_cache(maxsize=16)
def _peak_facts(environment: str, today: date, days: int) -> tuple[str, ...]:
    """Of today and the days before it; asked for at every fill."""
    return tuple(f"{_PEAK}{environment}/{today - timedelta(days=ago)}" for ago in range(days))


def _peaks(turn: Turn, environment: str) -> Iterator[tuple[str, Mapping[str, Decimal]]]:
    """What each account had when together they had the most of a day, for the days of the window, by its fact."""
    for name in _peak_facts(environment, turn.now.date(), turn.config.risk.drawdown_window_days):
        value = turn.fact(name)
        if value is not None:
            yield name, _read(value)


def drawdown_percent(turn: Turn, environment: str) -> Decimal | None:
    """How far equity is under its peak within the window; an account of which nothing is known counts as unchanged.

    None while nothing can be told: no peak yet, or the balance that follows a fill is still to come.
    """
    told = _told(turn, environment)
    now = _known(told)
    if not now or any(map(_is_to_come, (turn.state.accounts[account] for account in told))):
        return None
    here = accounts_of(turn.state, environment)
    falls = (_fall(now, {a: peak[a] for a in here if a in peak}) for _, peak in _peaks(turn, environment))
    return max((fall for fall in falls if fall is not None), default=None)


def _is_to_come(account: AccountState) -> bool:
    return account.connected and account.reconciled and account.unsettled_since is not None


def _fall(now: Mapping[str, Decimal], peak: Mapping[str, Decimal]) -> Decimal | None:
    """In percent of what all had."""
    had = sum({**now, **peak}.values(), ZERO)
    lost = sum((peak[account] - equity for account, equity in now.items() if account in peak), ZERO)
    return max(lost, ZERO) * HUNDRED / had if had > 0 else None
