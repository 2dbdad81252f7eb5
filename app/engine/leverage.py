"""The leverage at which positions run, compared with what was set for them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from app.domain.group import Group
from app.engine.inbox import AccountRead
from app.engine.state import EngineState, MarketKey
from app.engine.turn import Turn
from app.messages.records import Finding


def compare_leverages(turn: Turn, read: AccountRead) -> None:
    """Tell once where a position runs at another leverage than its groups: it is liquidated elsewhere than at the price
    that their stops were checked against."""
    account, told = turn.state.accounts[read.account], turn.state.other_leverages
    found = {(group.account, group.symbol, group.side): (group, leverage) for group, leverage in _differing(turn, read)}
    for book, (group, leverage) in found.items():
        if told.get(book) != leverage:
            _tell(turn, group, leverage)
    for book in [book for book in told if book[0] == read.account and not account.has_moved(book[1], read.activity)]:
        del told[book]
    told.update({book: leverage for book, (_, leverage) in found.items()})


def runs_otherwise(state: EngineState, market: MarketKey) -> bool:
    """Whether the last reading found a position of the market at another leverage than was set."""
    return any(book[:2] == market for book in state.other_leverages)


def _differing(turn: Turn, read: AccountRead) -> Iterator[tuple[Group, Decimal]]:
    account = turn.state.accounts[read.account]
    for position in read.positions:
        if account.has_moved(position.symbol, read.activity):
            continue  # what is open may not be what was read
        for group in turn.groups_on(read.account, position.symbol):
            is_its = group.side is position.side and group.open_quantity > 0
            if is_its and position.leverage not in {None, group.leverage}:
                yield group, position.leverage or group.leverage


def _tell(turn: Turn, group: Group, leverage: Decimal) -> None:
    wanted, found = f"{group.leverage:f}", f"{leverage:f}"
    turn.find(
        Finding(group.account, group.symbol, "other_leverage", wanted, found, "shown, not changed", turn.now, group.id)
    )
    turn.alert(
        "warning",
        f"{group.symbol} on {group.account} runs at {found}x at the exchange, {wanted}x was set for it: it may be "
        "liquidated before its stop",
        group=group,
    )
