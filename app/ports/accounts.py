"""The accounts as the API and the window see them beside the engine's snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """One thing that was asked of an exchange; `value` is None where it does not tell, `detail` a sentence.

    `failed` where it could not be asked, so that nothing is known: it might have told.
    """

    value: T | None
    detail: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What a test of an account's keys found. `clock_skew_ms` is how far our clock is ahead of the exchange's."""

    reachable: Told[bool]
    may_trade: Told[bool]
    may_withdraw: Told[bool]
    address_restricted: Told[bool]
    position_mode: Told[str]
    clock_skew_ms: Told[int]

    @property
    def unasked(self) -> str | None:
        """Why it is not known what the keys may do; None where the exchange was asked, whether or not it tells."""
        return next((told.detail for told in (self.may_trade, self.may_withdraw) if told.failed), None)


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


class AccountDesk(Accounts, Protocol):
    """What a person at this machine may do besides; no API token can. Raises errors of `app.base.errors`."""

    async def rows(self) -> Sequence[Mapping[str, Any]]:
        """`id`, `venue`, `market_type`, `environment`, `armed` and `key` of every account, the key masked."""
        ...

    def key_fields(self, venue: str) -> Sequence[tuple[str, str]]:
        """What a venue's keys consist of, as (name, words)."""
        ...

    async def try_keys(self, settings: Mapping[str, Any], given: Mapping[str, str]) -> KeyReport:
        """What keys could do that are not kept yet; nothing is changed."""
        ...

    async def add(
        self,
        settings: Mapping[str, Any],
        given: Mapping[str, str],
        *,
        with_test: bool = True,
        allow_withdrawal: bool = False,
    ) -> Mapping[str, Any]:
        """Keep the keys and trade on the account; `detail` says what that means. An account that is there gets them."""
        ...

    def plan(self, account_id: str) -> Mapping[str, Any]:
        """What arming takes and could cost: `missing`, `without_stop`, `watched_stops`, `worst_case`."""
        ...

    async def set_limits(self, limits: Mapping[str, str]) -> str:
        """Set limits that arming rests on, by their names in `risk`, in quote money."""
        ...

    async def arm(self, account_id: str, typed_name: str, typed_stop: str) -> str: ...

    async def disarm(self, account_id: str) -> str: ...

    async def settle_foreign(self, account_id: str, choice: Literal["ignore", "adopt"]) -> str:
        """What becomes of another instance's orders on the account."""
        ...

    async def accept_difference(self, account_id: str) -> str:
        """What is held as gone, is gone."""
        ...

    async def remove(self, account_id: str) -> str: ...
