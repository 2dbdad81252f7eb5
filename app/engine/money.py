"""What the accounts are worth, what was realised on which day, what is bound: kept by facts, read from memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.group import Group
from app.domain.market import Quote
from app.domain.symbol import DOLLARS, market_type_of
from app.domain.values import ZERO, MarketType
from app.engine.state import Balance, EngineState, Stake
from app.messages.records import EquitySample
from app.messages.snapshots import MoneySnapshot

DOLLAR = "USDT"
_REALIZED = "realized/"


def realized_fact(account: str, at: datetime) -> str:
    """The fact that holds what `account` realised on the UTC day of `at`."""
    return f"{_REALIZED}{account}/{at:%Y-%m-%d}"


def started_fact(account: str) -> str:
    return f"started_with/{account}"


def purse_of(quote: str) -> frozenset[str]:
    """The assets that count together: all dollars as one, any other currency alone."""
    return DOLLARS if quote in DOLLARS else frozenset({quote})


def balances_of(state: EngineState, account: str, quote: str = DOLLAR) -> list[Balance]:
    """What the account has of a purse, none before its balances came."""
    balances = state.balances.get(account, {})
    return [balances[asset] for asset in purse_of(quote) if asset in balances]


def equity_of(state: EngineState, groups: Iterable[Group], account: str, quote: str = DOLLAR) -> Decimal | None:
    """The balances that count with `quote`, plus what groups traded in them hold: on perpetuals what is unrealised, on
    spot its worth. None before balances came."""
    balances, purse = balances_of(state, account, quote), purse_of(quote)
    if not balances:
        return None
    total = sum((balance.total for balance in balances), ZERO)
    for group in groups:
        if group.account == account and group.is_open and group.quote in purse:
            price = state.quote(account, group.symbol)
            stake = stake_of(state, group)
            if price is not None and stake.quantity > 0:
                total += _worth(stake, price, purse)
    return total


def _worth(stake: Stake, price: Quote, purse: frozenset[str]) -> Decimal:
    if market_type_of(stake.group.symbol) is MarketType.LINEAR:
        return stake.unrealized(price.mark)
    return ZERO if stake.group.base in purse else stake.quantity * price.last  # else it is among the balances


def realized_total(state: EngineState, account: str) -> Decimal:
    """All that the account ever realised."""
    prefix = f"{_REALIZED}{account}/"
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


def stake_of(state: EngineState, group: Group) -> Stake:
    """Made anew only where the group is another: the window asks for all of them again and again."""
    known = state.stakes.get(group.id)
    if known is None or known.group is not group:
        known = state.stakes[group.id] = Stake.of(group, reserved_by(group))
    return known


def _forget_closed(state: EngineState) -> None:
    if len(state.stakes) > 2 * len(state.open_ids):
        state.stakes = {group_id: state.stakes[group_id] for group_id in state.open_ids}


@dataclass(slots=True)
class _Sums:
    """What the open groups come to."""

    unrealized: Decimal = ZERO
    invested: Decimal = ZERO
    deployed: Decimal = ZERO
    reserved: Decimal = ZERO

    def add(self, state: EngineState, group: Group) -> None:
        stake = stake_of(state, group)
        if stake.quantity > 0:
            self.unrealized += _unrealized(state, stake) or ZERO
            self.invested += stake.invested
            self.deployed += stake.deployed
        self.reserved += stake.reserved


def money_view(state: EngineState, now: datetime, environment: str, accounts: Collection[str]) -> MoneySnapshot:
    """Of `accounts`, those of `environment`: money that is not real is not added to money that is."""
    groups = [group for group_id in state.open_ids if (group := state.groups[group_id]).account in accounts]
    equities = [equity_of(state, groups, account) for account in accounts]
    known = [equity for equity in equities if equity is not None]
    started = [first for name in map(started_fact, accounts) if (first := state.facts.get(name))]
    sums = _Sums()
    for group in groups:
        sums.add(state, group)
    _forget_closed(state)
    return MoneySnapshot(
        environment=environment,
        currency=_currency(state, accounts),
        equity=sum(known, ZERO) if known else None,
        started_with=sum(map(Decimal, started), ZERO) if started else None,
        realized_today=sum((realized_on(state, account, now) for account in accounts), ZERO),
        realized_total=sum((realized_total(state, account) for account in accounts), ZERO),
        trades_today=_trades_today(state, accounts, now),
        unrealized=sums.unrealized,
        invested=sums.invested,
        deployed=sums.deployed,
        reserved=sums.reserved,
        free=sum((free_of(state, account) for account in accounts), ZERO),
    )


def _trades_today(state: EngineState, accounts: Collection[str], now: datetime) -> int:
    count = 0
    for group_id, since in reversed(state.closed.items()):
        if since.date() != now.date():
            break
        group = state.groups[group_id]
        was_today = group.closed_at is not None and group.closed_at.date() == now.date()
        count += group.was_filled and was_today and group.account in accounts
    return count


def realized_on(state: EngineState, account: str, day: datetime) -> Decimal:
    """Of the UTC day of that moment."""
    return Decimal(state.facts.get(realized_fact(account, day), "0"))


def unrealized_of(state: EngineState, group: Group) -> Decimal | None:
    """None while there is no price."""
    return _unrealized(state, stake_of(state, group))


def _unrealized(state: EngineState, stake: Stake) -> Decimal | None:
    group = stake.group
    quote = state.quote(group.account, group.symbol)
    account = state.accounts.get(group.account)
    if quote is None or account is None:
        return None
    return stake.unrealized(quote.valuation(account.market_type))


def free_of(state: EngineState, account: str) -> Decimal:
    """What the venue calls free, in dollars of any kind."""
    return sum((balance.free for balance in balances_of(state, account)), ZERO)


def _currency(state: EngineState, accounts: Iterable[str]) -> str:
    """The name under which the money is shown: of the dollars the one there is most of."""
    totals = dict.fromkeys((DOLLAR, *sorted(DOLLARS)), ZERO)
    for account in accounts:
        balances = state.balances.get(account, {})
        for asset in DOLLARS & balances.keys():
            totals[asset] += balances[asset].total
    return max(totals, key=totals.__getitem__)
