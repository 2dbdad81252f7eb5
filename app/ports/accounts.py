"""The accounts as the API and the window see them beside the engine's snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """One thing that was asked of an exchange; `value` is None where it does not tell, `detail` a sentence."""

    value: T | None
    detail: str


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What a test of an account's keys found. `clock_skew_ms` is how far our clock is ahead of the exchange's."""

    reachable: Told[bool]
    may_trade: Told[bool]
    may_withdraw: Told[bool]
    address_restricted: Told[bool]
    position_mode: Told[str]
    clock_skew_ms: Told[int]


@dataclass(frozen=True, slots=True)
class Wire:
    """How an account's connection fares: the part used of each kind of budget, from 0 to 1, and when its market rules
    were fetched; None on the paper exchange and where it is not known."""

    limits_used: Mapping[str, float] = field(default_factory=dict)
    rules_at: datetime | None = None


class Accounts(Protocol):
    async def test(self, account_id: str) -> KeyReport:
        """Ask the exchange what the account's keys may do; nothing is changed there or here.

        Raises `app.ports.engine.CommandRefused` where there is no such account or it has no keys.
        """
        ...

    def wire(self, account_id: str) -> Wire: ...
