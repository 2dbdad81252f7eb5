"""The replayed world: a paper exchange that lives on, and an engine that can crash and start again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.base.config import Config, parse_config
from app.base.errors import AppError
from app.base.ids import CountedIds
from app.domain.alert import validate
from app.domain.alert_body import FieldError, InvalidFields, parse_body
from app.domain.alert_keys import content_key, stored_payload
from app.domain.market import Quote
from app.domain.signal import Signal
from app.domain.symbol import market_type_of
from app.engine.engine import Engine
from app.engine.recorded import record_reader
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.memory_store import MemoryPaperStore
from app.exchange.paper.rules import RuleBook
from app.exchange.paper.venue import PaperVenue
from app.messages.commands import AcceptSignal
from app.messages.effects import LoadMarket
from app.messages.records import Changes, EventRecord, Finding, SignalRecord
from app.messages.snapshots import GroupSnapshot
from app.persistence.database import open_database
from app.ports.engine import EngineUnavailable
from app.ports.secrets import WebhookKey
from app.ports.store import Store
from app.replay.model import Scenario
from app.replay.parts import ShortSignal, WholeSignal
from app.replay.trap import Trap, TrappedStore, TrappedVenue
from app.replay.virtual_loop import VirtualLoop, virtual_clock
from app.replay.webhooks import body_of

REMEMBER_SEC = 3600.0
"""How often the groups are looked at that the engine will have forgotten at the end."""


class World:
    """Everything of one replay. What the engine commits is collected for the output, across crashes."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop, store: Store) -> None:
        self.scenario = scenario
        self.loop = loop
        self.clock = virtual_clock(scenario.start, loop)
        self.document = scenario.document()
        self.config: Config = parse_config(self.document)
        self.signals: dict[str, SignalRecord] = {}
        self.findings: list[Finding] = []
        self.events: list[EventRecord] = []
        self._remembered: dict[str, GroupSnapshot] = {}
        """Groups as an engine knew them: those that closed a day ago it forgets, and its successor does not load."""
        self.trap = Trap(self.crash)
        self.keys: dict[str, WebhookKey] = {}
        """The webhook keys by which signals may come."""
        self._store = TrappedStore(store, self.trap, self._collect)
        self._ids = CountedIds()
        self._random = random.Random(scenario.seed)
        self.board = PriceBoard(
            self.clock, RuleBook({symbol: market.rules(symbol) for symbol, market in scenario.markets.items()})
        )
        for symbol, market in scenario.markets.items():
            self.board.quotes[symbol] = Quote.flat(market.price, self.clock.now())
        paper_store = MemoryPaperStore()
        self.venues = {
            account.id: PaperVenue(
                account,
                self.board,
                self.clock,
                paper_store,
                self.config.paper.latency_ms,
                self.config.order.timeout_sec,
                self.config.protection.monitor_interval_sec,
            )
            for account in self.config.accounts
        }
        self.engine = self._new_engine()
        self.clock.call_later(REMEMBER_SEC, self._remember)
        self._booting: asyncio.Task[None] | None = None

    def _new_engine(self) -> Engine:
        venues: dict[str, Any] = {account: TrappedVenue(venue, self.trap) for account, venue in self.venues.items()}
        store, chance, read = self._store, self._random.random, record_reader(self.keys.get)
        return Engine(self.config, store, venues, self.clock, self._ids, chance, read, linger_sec=0)

    def _collect(self, changes: Changes) -> None:
        self.signals.update({record.id: record for record in changes.signals})
        self.findings.extend(changes.findings)
        self.events.extend(changes.events)

    async def boot(self) -> None:
        """Start the engine the way every start goes; the scenario's markets are known to it at once."""
        engine = self.engine
        await engine.open()
        for account in self.config.accounts:
            for symbol, market in self.scenario.markets.items():
                if market_type_of(symbol) == account.market_type:
                    await self.venues[account.id].open()
                    engine.load_market(LoadMarket(account.id, symbol, market.price))
        await engine.start()

    def _remember(self) -> None:
        """Keep what the engine forgets a day after it closed."""
        self._remembered = self._known_groups()
        self.clock.call_later(REMEMBER_SEC, self._remember)

    def crash(self) -> None:
        """Drop the engine at once, and start another from the database."""
        self._remembered = self._known_groups()
        self.engine.kill()
        for venue in self.venues.values():
            venue.drop()
        self.engine = self._new_engine()
        self._booting = self.loop.create_task(self.boot())

    def body_of(self, signal: ShortSignal | WholeSignal | dict[str, Any]) -> dict[str, Any]:
        """A signal's webhook body; a short one comes from the exchange where all accounts are, else from paper's."""
        venues = {account.venue for account in self.config.accounts}
        return body_of(signal, self.clock.now(), venues.pop().upper() if len(venues) == 1 else "PAPER")

    def groups(self) -> Sequence[GroupSnapshot]:
        """All of the whole replay, in order of creation."""
        return list(self._known_groups().values())

    def _known_groups(self) -> dict[str, GroupSnapshot]:
        return self._remembered | {group.id: group for group in self.engine.all_groups()}

    async def send(self, body: dict[str, Any]) -> int:
        """Post a signal as the webhook would; the status it would have answered."""
        signal: Signal | None = None
        errors: tuple[FieldError, ...] = ()
        document = body
        try:
            document = parse_body(stored_payload(body).encode())
            signal = validate(document)
        except InvalidFields as error:
            errors, document = error.errors, dict(error.document or {})
        command = AcceptSignal(
            received_at=self.clock.now(),
            source="replay",
            payload=stored_payload(document),
            content_key=content_key(stored_payload(document)),
            signal=signal,
            errors=errors,
        )
        try:
            answer = await self.engine.ask(command)
        except EngineUnavailable:
            return 503
        return int(answer.http_status)

    async def ask(self, command: Any) -> str | None:
        """Have the engine do something; the refusal, if it refuses."""
        try:
            await self.engine.ask(command)
        except AppError as error:
            return str(error)
        return None

    def set_quote(
        self, symbol: str, last: Decimal, bid: Decimal | None, ask: Decimal | None, mark: Decimal | None
    ) -> None:
        at = self.clock.now()
        self.board.publish(symbol, Quote(bid or last, ask or last, last, mark or last, at))


def new_store() -> Store:
    """A database in memory."""
    return open_database(None).store
