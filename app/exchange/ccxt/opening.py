"""Accounts at real exchanges, opened from their settings and keys."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.domain.values import MarketType
from app.exchange.ccxt.dialects import dialect_of
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.keytest import ask_about_keys, look_at_keys
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.poller import SLOW_SEC
from app.exchange.ccxt.public_prices import PublicPrices, TakeQuote
from app.exchange.ccxt.rulesfile import KeptRules, RulesFile
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import Access, Environment, StreamHooks, make_exchange
from app.ports.accounts import KeyReport, Wire

Keys = Mapping[str, Secret]
ORDER_TIMEOUT_SEC: Final = 5.0
WAITING_PART: Final = 0.5
"""Of the time that an order may take; the rest is for its answer."""
DEMO: Final = frozenset({("binance", "linear")})
"""Where the test network has given way to the exchange's demo trading."""


class Exchanges:
    """Opens accounts and public prices; those of one exchange and environment share its limits.

    `urls` sends accounts, by id, to another host. `rules_dir` is where market rules are kept.
    """

    def __init__(self, clock: Clock, urls: Mapping[str, str], rules_dir: Path) -> None:
        self._clock = clock
        self._urls = urls
        self._rules_dir = rules_dir
        self._hosts: dict[tuple[str, str, str | None], Host] = {}
        self._opened: dict[str, tuple[CcxtVenue, KeptRules]] = {}

    @staticmethod
    async def load_library() -> None:
        """Import ccxt beside the loop: it takes half a second, whichever exchange is meant."""
        await asyncio.to_thread(import_module, "ccxt.pro")

    def venue(
        self,
        account: AccountConfig,
        keys: Keys | None,
        scan_sec: float = SLOW_SEC,
        order_timeout_sec: float = ORDER_TIMEOUT_SEC,
    ) -> CcxtVenue:
        """Not connected yet. Without `keys` it will say so whenever it is asked to connect.

        Who sends an order waits `order_timeout_sec` for its outcome.
        """
        dialect = _dialect(account)
        access = replace(self._access(account, keys or {}), patience_sec=order_timeout_sec * WAITING_PART)
        rules = self._rules(account, dialect)

        def make(dialect: Dialect, access: Access, hooks: StreamHooks) -> Any:
            if not keys:
                raise OperatorActionNeeded(f"there are no keys for {account.id} in the vault; see `account add`")
            return rules.around(make_exchange(dialect, access, hooks))

        host = self._host(dialect, account.environment, self._urls.get(account.id))
        venue = CcxtVenue(account.id, dialect, access, self._clock, host, make, scan_sec)
        self._opened[account.id] = (venue, rules)
        return venue

    def public(
        self, name: str, market_type: MarketType, take: TakeQuote, base_url: str | None = None
    ) -> PublicPrices | None:
        """What an exchange tells everybody, not connected yet; None where it has no markets of this type for us.

        `base_url` sends every request and stream to another host, for tests.
        """
        dialect = dialect_of(name, market_type)
        if dialect is None:
            return None
        return PublicPrices(dialect, self._clock, take, self._host(dialect, "live", base_url), base_url)

    def wire(self, account_id: str) -> Wire:
        if account_id not in self._opened:
            return Wire()
        venue, rules = self._opened[account_id]
        return Wire({pool.value: used for pool, used in venue.limiter.used().items()}, rules.fetched_at)

    async def test(self, account: AccountConfig, keys: Keys) -> KeyReport:
        """What the keys may do. Raises OperatorActionNeeded where they are of a kind that must not be kept."""
        await self.load_library()
        return await ask_about_keys(_dialect(account), self._access(account, keys))

    async def refuse_main_wallet(self, account: AccountConfig, keys: Keys) -> None:
        """Raises OperatorActionNeeded where they are of a kind that must not be kept. Nothing is asked."""
        if keys.get("private_key"):
            await self.load_library()
            await look_at_keys(_dialect(account), self._access(account, keys))

    def _rules(self, account: AccountConfig, dialect: Dialect) -> KeptRules:
        file = RulesFile(self._rules_dir / f"{dialect.name}-{account.environment}.json")
        return KeptRules(file, self._clock)

    def _access(self, account: AccountConfig, keys: Keys) -> Access:
        given: dict[str, Any] = {name: secret.reveal() for name, secret in keys.items()}
        return Access(**given, environment=_environment(account), base_url=self._urls.get(account.id))

    def _host(self, dialect: Dialect, environment: str, url: str | None) -> Host:
        key = (dialect.host, environment, url)
        if key not in self._hosts:
            self._hosts[key] = Host(dialect.budgets, self._clock)
        return self._hosts[key]


def _dialect(account: AccountConfig) -> Dialect:
    dialect = dialect_of(account.venue, MarketType(account.market_type))
    if dialect is None:
        raise OperatorActionNeeded(f"{account.id}: {account.venue} {account.market_type} is not offered")
    return dialect


def _environment(account: AccountConfig) -> Environment:
    if account.environment == "live":
        return Environment.LIVE
    return Environment.DEMO if (account.venue, account.market_type) in DEMO else Environment.TESTNET
