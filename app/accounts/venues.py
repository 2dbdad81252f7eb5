"""From an account's settings to the venue that it trades at."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.accounts.keys import Keys
from app.base.clock import LoopClock
from app.base.config import Config
from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.live import PublicVenue, TakeQuote
from app.exchange.paper.venue import PaperVenue
from app.ports.accounts import KeyReport, Wire
from app.ports.paper_store import PaperStore
from app.ports.venue import Venue

if TYPE_CHECKING:
    from app.exchange.ccxt.dialects.base import Dialect
    from app.exchange.ccxt.opening import Exchanges

URLS_VARIABLE = "ZIGGURAT_EXCHANGE_URLS"


class VenueMaker:
    """Makes venues; what real exchanges need is imported with the first account at one."""

    def __init__(
        self, clock: LoopClock, board: PriceBoard, paper_store: PaperStore, urls: Mapping[str, str], data_dir: Path
    ) -> None:
        self._clock = clock
        self._board = board
        self._paper_store = paper_store
        self._urls = urls
        self._rules_dir = data_dir / "markets"
        self._exchanges: Exchanges | None = None

    def make(self, account: AccountConfig, keys: Keys | None, config: Config) -> Venue:
        """Not connected yet. OperatorActionNeeded where the venue is not offered."""
        if account.venue == "paper":
            return PaperVenue(
                account,
                self._board,
                self._clock,
                self._paper_store,
                config.paper.latency_ms,
                config.order.timeout_sec,
                config.protection.monitor_interval_sec,
            )
        return self._real().venue(account, keys, config.protection.monitor_interval_sec, config.order.timeout_sec)

    def public(self, name: str, market_type: MarketType, take: TakeQuote, base_url: str | None) -> PublicVenue | None:
        """The public prices of a real exchange; None where it, or its markets of this type, are not offered."""
        return self._real().public(name, market_type, take, base_url)

    async def warm_up(self, accounts: Sequence[AccountConfig]) -> None:
        """Load beside the loop what accounts at real exchanges need."""
        if any(account.venue != "paper" for account in accounts):
            await self._real().load_library()

    def wire(self, account_id: str) -> Wire:
        return Wire() if self._exchanges is None else self._exchanges.wire(account_id)

    async def refuse_main_wallet(self, account: AccountConfig, keys: Keys) -> None:
        """OperatorActionNeeded where a key can move everything; no exchange is asked."""
        await self._real().refuse_main_wallet(account, keys)

    async def test(self, account: AccountConfig, keys: Keys) -> KeyReport:
        """What keys may do at a real exchange."""
        return await self._real().test(account, keys)

    def _real(self) -> Exchanges:
        if self._exchanges is None:
            from app.exchange.ccxt.opening import Exchanges  # noqa: PLC0415 - paper alone starts without it

            self._exchanges = Exchanges(self._clock, self._urls, self._rules_dir)
        return self._exchanges


def why_not(account: AccountConfig) -> str | None:
    """Why no venue can be made for the account; None where one can."""
    is_known = account.venue == "paper" or _dialect(account) is not None
    return None if is_known else f"{account.venue} {account.market_type} is not offered"


def watches_stops(account: AccountConfig) -> bool:
    """Whether no stop of the account rests at its venue, so that its stops hold only while Ziggurat runs."""
    dialect = None if account.venue == "paper" else _dialect(account)
    return dialect is not None and not dialect.stop_types


def _dialect(account: AccountConfig) -> Dialect | None:
    """How to speak to a real exchange; None where Ziggurat does not."""
    from app.exchange.ccxt.dialects import dialect_of  # noqa: PLC0415 - as above

    return dialect_of(account.venue, MarketType(account.market_type))


def exchange_urls(environ: Mapping[str, str]) -> dict[str, str]:
    """Base URLs by account, from `ZIGGURAT_EXCHANGE_URLS`. Keys are sent there: only this machine is accepted."""
    text = environ.get(URLS_VARIABLE)
    if not text:
        return {}
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or not all(isinstance(url, str) for url in document.values()):
        raise OperatorActionNeeded(f"{URLS_VARIABLE} is a JSON object of account names and base URLs")
    for account_id, url in document.items():
        if not is_loopback(url):
            raise OperatorActionNeeded(f"{URLS_VARIABLE} sends {account_id} to another machine; only this one may be")
    return document


def is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or parts.hostname is None:
        return False
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False
