"""Which queued signal goes first (pool-queue.md, Rank).

A key is (what comes before the loss, the loss, what comes after it): only the middle moves with prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from app.base.config.groups import RankRule
from app.domain.values import HUNDRED, ONE, ZERO, Identity

_TWO = Decimal(2)
_LOSS = "deepest_loss_percent"
RankKey = tuple[Any, ...]


class Waiting(Protocol):
    """What the rules look at in a waiting entry."""

    @property
    def signal_id(self) -> str: ...
    @property
    def replacement_count(self) -> int: ...
    @property
    def expected_profit(self) -> Decimal | None: ...
    @property
    def first_queued_at(self) -> datetime: ...
    @property
    def reserved_group(self) -> str | None: ...


def loss_percent(identity: Identity, entry_price: Decimal, price: Decimal | None) -> Decimal:
    """How far the price has moved in favour of `identity` since the signal: negative is a loss; 0 without a price."""
    if price is None or entry_price <= 0:
        return ZERO
    return identity.side.gain(entry_price, price) * HUNDRED / entry_price


def standing(is_long: bool, entry_price: Decimal, price: Decimal | None) -> Decimal:
    """Orders as the loss in percent does, by one division: 1 where the price has not moved, less the deeper it fell."""
    if price is None or entry_price <= 0:
        return ONE
    return price / entry_price if is_long else _TWO - price / entry_price


def static_key(
    entry: Waiting, rules: Sequence[RankRule], *, is_continuation: bool
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The parts of an entry's key before and after the loss: what keeps a place reserved, the rules, the id last.

    Where the loss does not count, it stands behind the id, which no two entries share.
    """
    at = rules.index(_LOSS) if _LOSS in rules else len(rules)
    head = [entry.reserved_group is None, *_values(entry, rules[:at], is_continuation)]
    tail = [*_values(entry, rules[at + 1 :], is_continuation), entry.signal_id]
    return (tuple(head), tuple(tail)) if _LOSS in rules else ((*head, *tail), ())


def _values(entry: Waiting, rules: Iterable[RankRule], is_continuation: bool) -> Iterable[Any]:
    for rule in rules:
        match rule:
            case "pyramid_continuation":
                yield not is_continuation
            case "highest_replacement_count":
                yield -entry.replacement_count
            case "highest_expected_profit":
                yield -(entry.expected_profit or ZERO)
            case _:
                yield entry.first_queued_at


def deciding_rule(key: RankKey, next_key: RankKey, rules: Sequence[RankRule]) -> str | None:
    """The rule that put `key` before `next_key`: `reserved`, one of `rules`, or `id`."""
    names = ("reserved", *rules, "id")
    pairs = zip(names, _flat(key), _flat(next_key), strict=False)
    return next((name for name, one, other in pairs if one != other), None)


def _flat(key: RankKey) -> tuple[Any, ...]:
    head, loss, tail = key
    return (*head, loss, *tail)
