"""What the accounts are worth, what was realised on which day, what is bound: kept by facts, read from memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.group import Group
from app.domain.market import Quote
from app.domain.values import ZERO
from app.engine.state import EngineState, Holding
from app.messages.records import EquitySample
from app.messages.snapshots import MoneySnapshot

QUOTES = ("USDT", "USDC", "USD")
_REALIZED = "realized/"


def realized_fact(account: str, at: datetime) -> str:
    """The fact that holds what `account` realised on the UTC day of `at`."""
    return f"{_REALIZED}{account}/{at:%Y-%m-%d}"


def started_fact(account: str) -> str:
    return f"started_with/{account}"


def quote_of(state: EngineState, account: str) -> str | None:
    """The currency in which the account counts; None before its balances came."""
    balances = state.balances.get(account, {})
    return next((asset for asset in QUOTES if asset in balances), None)


def equity_of(state: EngineState, groups: Iterable[Group], account: str) -> Decimal | None:
    """Quote balance plus what is unrealised on perpetuals, plus what spot groups hold; None before balances came."""
    quote = quote_of(state, account)
    if quote is None:
        return None
    total = state.balances[account][quote].total
    for group in groups:
        if group.account == account and group.is_open:
            price = state.quote(account, group.symbol)
            holding = holding_of(state, group)
            if price is not None and holding.quantity > 0:
                total += _worth(group, holding, price)
    return total


def _worth(group: Group, holding: Holding, price: Quote) -> Decimal:
    is_spot = ":" not in group.symbol
    return holding.quantity * price.last if is_spot else holding.unrealized(price.mark)


def realized_total(state: EngineState, account: str | None = None) -> Decimal:
    """All that was ever realised, by one account or by all."""
    prefix = _REALIZED if account is None else f"{_REALIZED}{account}/"
    return sum((Decimal(value) for name, value in state.facts.items() if name.startswith(prefix)), ZERO)


def reserved_by(group: Group) -> Decimal:
    """What the group's entries that have not filled would still invest, in quote."""
    value = ZERO
    for leg in group.legs:
        if leg.wants_entry:
            value += leg.price * leg.unfilled
    return value * group.contract_size


def samples(state: EngineState, now: datetime) -> Iterator[EquitySample]:
    """One of each account whose balances are known."""
    groups = [state.groups[group_id] for group_id in state.open_ids]
    for account in state.accounts:
        equity = equity_of(state, groups, account)
        if equity is not None:
            yield EquitySample(now, account, equity, realized_total(state, account))


def holding_of(state: EngineState, group: Group) -> Holding:
    """Made anew only where the group is another: the window asks for all of them again and again."""
    known = state.holdings.get(group.id)
    if known is None or known.group is not group:
        known = state.holdings[group.id] = Holding.of(group, reserved_by(group))
    return known


def _forget_closed(state: EngineState) -> None:
    if len(state.holdings) > 2 * len(state.open_ids):
        state.holdings = {group_id: state.holdings[group_id] for group_id in state.open_ids}


@dataclass(slots=True)
class _Sums:
    """What the open groups come to."""

    unrealized: Decimal = ZERO
    invested: Decimal = ZERO
    deployed: Decimal = ZERO
    reserved: Decimal = ZERO

    def add(self, state: EngineState, group: Group) -> None:
        holding = holding_of(state, group)
        if holding.quantity > 0:
            self.unrealized += _unrealized(state, holding) or ZERO
            self.invested += holding.invested
            self.deployed += holding.deployed
        self.reserved += holding.reserved


def money_view(state: EngineState, now: datetime) -> MoneySnapshot:
    groups = [state.groups[group_id] for group_id in state.open_ids]
    equities = [equity_of(state, groups, account) for account in state.accounts]
    known = [equity for equity in equities if equity is not None]
    started = [state.facts[name] for name in map(started_fact, state.accounts) if name in state.facts]
    sums = _Sums()
    for group in groups:
        sums.add(state, group)
    _forget_closed(state)
    return MoneySnapshot(
        currency=next((quote for quote in (quote_of(state, account) for account in state.accounts) if quote), "USDT"),
        equity=sum(known, ZERO) if known else None,
        started_with=sum(map(Decimal, started), ZERO) if started else None,
        realized_today=sum((_today(state, account, now) for account in state.accounts), ZERO),
        realized_total=realized_total(state),
        trades_today=sum(
            group.closed_at is not None and group.closed_at.date() == now.date() and group.was_filled
            for group in state.groups.values()
        ),
        unrealized=sums.unrealized,
        invested=sums.invested,
        deployed=sums.deployed,
        reserved=sums.reserved,
        free=sum((_free(state, account) for account in state.accounts), ZERO),
    )


def _today(state: EngineState, account: str, now: datetime) -> Decimal:
    return Decimal(state.facts.get(realized_fact(account, now), "0"))


def unrealized_of(state: EngineState, group: Group) -> Decimal | None:
    """None while there is no price."""
    return _unrealized(state, holding_of(state, group))


def _unrealized(state: EngineState, holding: Holding) -> Decimal | None:
    group = holding.group
    quote = state.quote(group.account, group.symbol)
    account = state.accounts.get(group.account)
    if quote is None or account is None:
        return None
    return holding.unrealized(quote.valuation(account.market_type))


def _free(state: EngineState, account: str) -> Decimal:
    quote = quote_of(state, account)
    return state.balances[account][quote].free if quote is not None else ZERO
