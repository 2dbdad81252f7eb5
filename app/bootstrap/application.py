"""One running instance."""

from __future__ import annotations

import asyncio
import random
import secrets
import shutil
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import structlog

from app import __version__
from app.accounts.administration import Administration
from app.accounts.engines import RunningEngine
from app.accounts.keys import AccountVault, Keys
from app.accounts.office import AccountOffice
from app.accounts.venues import VenueMaker, exchange_urls, is_loopback
from app.api.server import build_listeners
from app.base.clock import Timer, system_clock
from app.base.collecting import Collector
from app.base.config import Config
from app.base.errors import AppError, InvalidSignal, OperatorActionNeeded
from app.base.ids import RandomIds
from app.base.log import set_level, set_up
from app.base.waiting import within
from app.bootstrap.event_log import EventLog
from app.bootstrap.settings import Settings
from app.bootstrap.space import SpaceGuard
from app.bootstrap.unlocking import key_prints, open_keys, read_account_keys, unlock
from app.domain.placed import read_recorded
from app.domain.symbol import unify
from app.domain.values import MarketType
from app.engine.engine import Engine
from app.engine.recorded import record_reader
from app.engine.supervisor import LoopWatch
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.feeds import make_feed
from app.exchange.paper.kept import KeptMarkets
from app.exchange.paper.live import PublicVenue, RealMarket, TakeQuote
from app.exchange.paper.rules import RuleBook
from app.messages.commands import RaiseAlert, SampleEquity
from app.messages.records import EventRecord, SignalRecord
from app.metrics.metrics import Metrics
from app.persistence.database import Database, open_database
from app.persistence.lock import SingleInstance
from app.persistence.pruning import Pruner
from app.persistence.tag_file import TagFile
from app.persistence.tokens import SqliteTokens
from app.ports.engine import CommandRefused, EngineUnavailable
from app.ports.power import StayAwake
from app.ports.queries import Filter, PageRequest, Queries
from app.ports.secrets import SecretStore
from app.ports.venue import Venue
from app.power.keeper import SleepKeeper
from app.vault.webhook_keys import WebhookKeyring

log = structlog.get_logger("system")
EQUITY_EVERY_SEC = 60
SWITCH_SEC = 0.001
"""After how long another thread, as the log's, gives the interpreter back to the loop."""
CALM_AFTER = timedelta(seconds=1)
END_SEC = 20.0
"""How long each part of an instance may take to end, beyond the grace."""
FEED_URL_VARIABLE = "ZIGGURAT_FEED_URL"
SIGNALS_ASKED = 20


def _real_market(settings: Settings, maker: VenueMaker, queries: Queries) -> RealMarket:
    """The public prices of real exchanges, for the paper exchange."""
    url = settings.environ.get(FEED_URL_VARIABLE)
    if url and not is_loopback(url):
        raise OperatorActionNeeded(f"{FEED_URL_VARIABLE} names another machine; only this one may be")

    def open_venue(name: str, market_type: MarketType, take: TakeQuote) -> PublicVenue | None:
        return maker.public(name, market_type, take, url or None)

    async def exchange_of(symbol: str) -> str | None:
        with suppress(AppError):
            page = await queries.signals(Filter(symbol=symbol), PageRequest(SIGNALS_ASKED))
            return next(filter(None, (_exchange_named(record) for record in page.rows)), None)
        return None

    return RealMarket(open_venue, exchange_of, KeptMarkets(settings.data_dir / "markets" / "paper.json"))


def _exchange_named(record: SignalRecord) -> str | None:
    try:
        return read_recorded(record.payload, record.source).exchange
    except InvalidSignal:
        return None


class Application:
    """One running instance: lock, database, vault, paper exchange, engine, listeners."""

    def __init__(
        self,
        settings: Settings,
        lock: SingleInstance,
        database: Database,
        vault: SecretStore,
        keys: WebhookKeyring,
        account_keys: Mapping[str, Keys],
        stay_awake: StayAwake | None,
    ) -> None:
        self.settings = settings
        self.version = __version__
        self._lock = lock
        self._database = database
        self._vault = vault
        self.clock = self._clock = system_clock()
        self._tokens = SqliteTokens(database.writer, self._clock, secrets.token_urlsafe)
        if database.queries is None:
            raise ValueError("an application keeps its database on disk")
        config = settings.config
        self.board = PriceBoard(self._clock, RuleBook())
        urls = exchange_urls(settings.environ)
        self._maker = VenueMaker(self._clock, self.board, database.paper, urls, settings.data_dir)
        self.venues: dict[str, Venue] = {
            account.id: self._maker.make(account, account_keys.get(account.id), config) for account in config.accounts
        }
        market = _real_market(settings, self._maker, database.queries)
        self._feed = make_feed(config.paper, self.board, self._clock, settings.paper_feed, market)
        self._watch = LoopWatch(self._clock)
        self._pruner = Pruner(database.writer, self._clock, self._is_calm)
        self._collector = Collector(self._clock, self._is_calm)
        metrics = Metrics()
        self._sampler: Timer | None = None
        self._sampling: asyncio.Task[None] | None = None
        self.engine = Engine(
            config,
            database.store,
            self.venues,
            self._clock,
            RandomIds(),
            random.SystemRandom().random,
            record_reader(keys.by_name),
            metrics,
            key_prints=key_prints(account_keys),
            tag_keeper=TagFile(settings.data_dir),
        )
        self._space = SpaceGuard(
            self._clock,
            lambda: shutil.disk_usage(settings.data_dir).free,
            lambda: self.engine.state.paused is not None,
            self.engine.ask,
        )
        self._keeper = None if stay_awake is None else SleepKeeper(stay_awake, self._must_stay_awake, self._clock)
        self.accounts = AccountOffice(RunningEngine(self.engine), AccountVault(vault), self._maker, settings.file)
        self._listeners = build_listeners(
            engine=self.engine,
            accounts=self.accounts,
            queries=database.queries,
            tokens=self._tokens,
            keys=keys,
            paper=self.board,
            config=lambda: self.config,
            clock=self._clock,
            version=__version__,
            loop_lag_ms=self._watch.lag_ms,
            metrics=metrics,
            config_file=settings.file,
            sleep_held=lambda: self._keeper is not None and self._keeper.held,
            disk=lambda: self._space.said,
        )
        self._event_log = EventLog(self._clock)
        self.engine.subscribe(self._event_log.on_event)
        self.engine.subscribe(metrics.on_event)
        self.engine.subscribe(self._follow_level)
        self.administration = Administration(self._tokens, keys, self.accounts, self._listeners)
        self.queries: Queries = database.queries
        self.store = database.store
        self.loop_lag_ms = self._watch.lag_ms

    @property
    def config(self) -> Config:
        return self.engine.state.config

    def price_of(self, tradingview_symbol: str) -> str | None:
        """The paper price of a market as TradingView writes it; None before it has one."""
        base_and_quote = tradingview_symbol.removesuffix(".P")
        for symbol, quote in self.board.quotes.items():
            if symbol.partition(":")[0].replace("/", "") == base_and_quote:
                return f"{quote.last:f}"
        return None

    async def find_price(self, tradingview_symbol: str, exchange: str) -> str | None:
        """`price_of`, after the feed has had the time to ask `exchange` for it."""
        with suppress(ValueError):
            await self.board.prepare(unify(tradingview_symbol)[0], exchange)
        return self.price_of(tradingview_symbol)

    def _must_stay_awake(self) -> bool:
        return self.config.app.hold_off_sleep and bool(self.engine.state.open_ids)

    def _is_calm(self) -> bool:
        """Whether no alert came lately: they come in clusters."""
        last = self.engine.state.last_signal_at
        is_long_ago = last is None or self._clock.now() - last > CALM_AFTER
        return is_long_ago and not self.engine.is_busy()

    def _follow_level(self, event: EventRecord) -> None:
        """What is set while it runs counts more than what the command line asked for."""
        changes = event.data.get("changes") if event.type == "policy.updated" else None
        if isinstance(changes, dict) and "logging" in changes:
            set_level(self.config.logging.level)

    def _sample_equity(self) -> None:
        """Now and every minute, for the equity curve."""
        self._sampling = asyncio.get_running_loop().create_task(self._take_sample())
        self._sampler = self._clock.call_later(EQUITY_EVERY_SEC, self._sample_equity)

    async def _take_sample(self) -> None:
        with suppress(EngineUnavailable, CommandRefused):
            await self.engine.ask(SampleEquity())

    @classmethod
    async def open(cls, settings: Settings, stay_awake: StayAwake | None = None) -> Application:
        """Lock the data directory, read its settings again, open the database, unlock the vault.

        OperatorActionNeeded says why not. Without `stay_awake` the computer may fall asleep while positions are open.
        """
        async with AsyncExitStack() as undone:
            lock = SingleInstance(settings.data_dir)
            lock.acquire()
            undone.callback(lock.release)
            settings = settings.again()
            set_up(settings.log_level, settings.data_dir / "logs", settings.config.logging.keep_days)
            database = open_database(settings.data_dir)
            undone.push_async_callback(database.close)
            vault = await unlock(settings)
            keys = await open_keys(vault, system_clock(), settings.data_dir)
            account_keys = await read_account_keys(vault, settings.config)
            opened = cls(settings, lock, database, vault, keys, account_keys, stay_awake)
            undone.pop_all()
            return opened

    async def start(self) -> tuple[int, int]:
        """Listen first, so that signals are recorded at once; then connect and act. (API port, webhook port)."""
        sys.setswitchinterval(SWITCH_SEC)
        self._event_log.start()
        await self._tokens.load()
        await self.engine.open()
        ports = await self._listeners.start()
        if not self.settings.fault:
            await self.settings.file.remember(self.settings.document)
        await self._maker.warm_up(self.config.accounts)
        await self.engine.start()
        if self._feed is not None:
            self._feed.start()
        self._watch.start()
        if self._keeper is not None:
            self._keeper.start()
        self._sample_equity()
        self._collector.start()
        self._pruner.start()
        self._space.start()
        if self.settings.fault:
            await self._tell_fault(self.settings.fault)
        log.info("started", api_port=ports[0], webhook_port=ports[1], vault=self._vault.kind)
        return ports

    async def _tell_fault(self, fault: str) -> None:
        log.error("the last good configuration runs", detail=fault)
        with suppress(EngineUnavailable):
            await self.engine.ask(RaiseAlert("critical", fault))

    async def stop(self, grace: float) -> None:
        """Listeners first, then the engine, the disk last; one that does not end keeps no other open."""
        if self._sampler is not None:
            self._sampler.cancel()
        self._watch.stop()
        self._collector.stop()
        async with AsyncExitStack() as ends:  # what is pushed last ends first

            def then(end: Callable[..., Coroutine[Any, Any, None]], *told: float) -> None:
                ends.push_async_callback(self._end, 2 * grace + END_SEC, end, *told)

            ends.callback(self._lock.release)
            then(self._database.close)
            then(self._tokens.flush)
            then(self._pruner.stop)
            if self._keeper is not None:
                then(self._keeper.stop)
            then(self._event_log.stop)
            then(self.engine.stop, grace)
            then(self._space.stop)
            then(self._listeners.stop, grace)
            if self._feed is not None:
                then(self._feed.stop)

    async def _end(self, seconds: float, end: Callable[..., Coroutine[Any, Any, None]], *told: float) -> None:
        try:
            await within(self._clock, seconds, end(*told))
        except Exception as error:
            log.exception("a part could not be ended", part=end.__qualname__, error=repr(error))
