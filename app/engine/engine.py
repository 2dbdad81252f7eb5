"""The engine: decide, commit, apply, publish, then carry out. One task turns the mailbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from app.base.clock import Clock, Timer
from app.base.config import Config
from app.base.errors import AppError
from app.base.ids import IdFactory
from app.base.waiting import within
from app.domain.client_order_id import Namespace
from app.engine import reports
from app.engine.defects import Defects
from app.engine.dispatch import TOLD_TOGETHER, Dispatcher
from app.engine.forgetting import forget
from app.engine.inbox import (
    AccountLeft,
    AccountReplaced,
    AccountUnreachable,
    Broke,
    ClockStepped,
    PriceTouched,
    Stopping,
    TimerDue,
    Unwritable,
)
from app.engine.mailbox import LINGER_SEC, Envelope, Mailbox
from app.engine.measuring import measure, that_waited
from app.engine.recorded import ReadRecord
from app.engine.recovery import Recovery
from app.engine.state import AccountState, EngineState
from app.engine.submitter import Submitter
from app.engine.turn import Turn
from app.engine.views import engine_view, group_view, queue_views, risk_view
from app.engine.watching import reached, watch_of
from app.messages.commands import AcceptSignal, CancelEntries, CloseAll, CloseGroup, EmergencyStop, Pause, PlaceOrder
from app.messages.effects import LoadMarket
from app.messages.records import Changes, EventRecord, SignalRecord
from app.messages.reports import Candle, OrderReport, PriceReport
from app.messages.snapshots import EngineSnapshot, GroupSnapshot, QueueSnapshot, ReconcileReport, RiskSnapshot
from app.ports.engine import CommandRefused, EngineUnavailable
from app.ports.meter import Meter, NoMeter, Stage
from app.ports.store import ChangeRefused, Store, StoreFailed
from app.ports.tag import TagKeeper
from app.ports.venue import Venue

log = structlog.get_logger("engine")
_URGENT = (EmergencyStop, CloseAll, Pause, CloseGroup, CancelEntries)
QUEUE_TICK_SEC = 10.0
AT_REST_SEC = 0.02
"""How often it is looked whether what was begun at the end is done."""
LEAP_SEC = 60.0
"""A gap between two turns that no running machine makes: the queue's tick alone comes every ten seconds."""
STEP_SEC = 1.0
"""By so much between two turns no clock strays that was not set."""


class Engine:
    """The port `app.ports.engine.Engine` over one store and the accounts' venues.

    `open` makes it answer signals; `start` connects, reconciles and acts. `jitter` draws from [0, 1) to spread retries.
    `key_prints` are the fingerprints of the accounts' keys; `linger_sec` is the mailbox's.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        venues: MutableMapping[str, Venue],
        clock: Clock,
        ids: IdFactory,
        jitter: Callable[[], float],
        read_record: ReadRecord,
        meter: Meter | None = None,
        *,
        key_prints: Mapping[str, str] | None = None,
        linger_sec: float = LINGER_SEC,
        tag_keeper: TagKeeper | None = None,
    ) -> None:
        self._store = store
        self._venues = venues
        self._clock = clock
        self._ids = ids
        self._tag_keeper = tag_keeper
        self._jitter = jitter
        self._meter = meter or NoMeter()
        self._mailbox = Mailbox(linger_sec)
        self._touched: set[str] = set()
        """Groups whose care, for a price that was reached, waits in the mailbox: one message is enough."""
        self._turning = False
        self._moved: dict[tuple[str, str], None] = {}
        """Markets whose prices have come during the turn."""
        self.state = EngineState(config, key_prints=dict(key_prints or {}))
        self._defects = Defects()
        self._dispatch = Dispatcher(read_record, self._defects)
        for account_id, venue in venues.items():
            self.state.accounts[account_id] = AccountState(account_id, venue.capabilities)
        self._recovery = Recovery(self.state, venues, clock, self._mailbox.post)
        self._submitter = Submitter(
            venues, self.state, store, clock, self._mailbox.post, self._recovery.read_soon, self._meter
        )
        self._namespace = Namespace("00000", 0)
        self._listeners: list[Callable[[EventRecord], None]] = []
        self._price_listeners: list[Callable[[str, str], None]] = []
        self._timers: dict[str, tuple[datetime, Timer]] = {}
        self._turns: asyncio.Task[None] | None = None
        self._disk_watch: asyncio.Task[None] | None = None
        """Waits, after a commit that failed, until the disk takes writes again."""
        self._ticks: list[Timer] = []
        self._turned_at: tuple[datetime, float] | None = None
        """When the last turn was, by the wall and on the scale that never goes back."""
        self._watched = 0
        self._is_open = False
        self.defects = self._defects.told
        """What broke: each is a fault of the program, and none must ever be here."""

    # ------------------------------------------------------------------ life

    async def open(self) -> None:
        """Load what is stored and begin to take messages: from now on signals are recorded and answered."""
        self._namespace = await self._recovery.load(self._store, self._ids, self._tag_keeper)
        self._is_open = True
        self._turns = asyncio.get_running_loop().create_task(self._turn_mailbox())

    async def start(self) -> None:
        """Connect every account, reconcile, then act on what was recorded meanwhile."""
        await self._recovery.connect(self._deliver)
        self._repeat(self._scan, lambda: self.state.config.protection.monitor_interval_sec)
        self._repeat(self._tick, lambda: QUEUE_TICK_SEC)
        self._repeat(self._evaluate, lambda: self.state.config.offset.evaluate_interval_sec)

    async def stop(self, grace: float) -> None:
        """Take nothing more, leave things at the exchanges as they should be meanwhile, and end.

        What is under way after `grace` seconds is dropped, and looked up at the next start.
        """
        self.state.stopping = True
        if grace > 0 and self._is_open:
            with suppress(AppError, TimeoutError):
                await within(self._clock, grace, self._leave())
        self.kill()
        await asyncio.gather(*(self._recovery.close(venue) for venue in self._venues.values()))

    async def _leave(self) -> None:
        await self._mailbox.ask(Stopping())
        while self.is_busy():
            await self._clock.sleep(AT_REST_SEC)

    async def add_account(self, venue: Venue) -> None:
        """Trade on one more account, or reach one that is there already through `venue` from now on."""
        known = self._venues.get(venue.account)
        self._recovery.leave(venue.account)
        account = self.state.accounts.setdefault(venue.account, AccountState(venue.account, venue.capabilities))
        account.connected = account.reconciled = False
        account.refused = account.refusal_told_at = account.breaker_since = None
        self._venues[venue.account] = venue
        self._submitter.forget(venue.account)
        self._watched = 0
        if known is not None:
            await self._recovery.close(known)
            self._mailbox.post(AccountReplaced(venue.account))
        self._recovery.join(venue.account, self._deliver)

    async def remove_account(self, account_id: str) -> None:
        """Let go of an account on which nothing is open; what it told before is still read."""
        venue = self._venues.pop(account_id, None)
        if venue is not None:
            self._recovery.leave(account_id)
            await self._recovery.close(venue)
            await self._mailbox.ask(AccountLeft(account_id))

    def kill(self) -> None:
        """End at once, as a crash would; nothing is written."""
        self._is_open = False
        self._recovery.stop()
        self._submitter.kill()
        timers = (timer for _, timer in self._timers.values())
        for waiting in (*timers, *self._ticks, self._turns, self._disk_watch):
            if waiting is not None:
                waiting.cancel()
        self._mailbox.fail_all(EngineUnavailable("the engine has stopped"))

    def _repeat(self, work: Callable[[], None], seconds: Callable[[], float]) -> None:
        def fire() -> None:
            if self._is_open:
                work()
                self._repeat(work, seconds)

        self._ticks = [*self._ticks[-8:], self._clock.call_later(seconds(), fire)]

    def _tick(self) -> None:
        self._mailbox.post(TimerDue("queue"))
        self._recovery.act_on_recorded()

    def _evaluate(self) -> None:
        if self.state.config.offset.mode != "off":
            self._mailbox.post(TimerDue("offset"))

    def _scan(self) -> None:
        """Look at every open group once an interval, one after the other, so that no turn is long."""
        groups = list(self.state.open_ids)
        for index, group_id in enumerate(groups):
            pause = self.state.config.protection.monitor_interval_sec * index / len(groups)
            self._clock.call_later(pause, partial(self._look_at, group_id))

    def _look_at(self, group_id: str) -> None:
        if self._is_open:
            self._mailbox.post(TimerDue(f"group/{group_id}"))

    # ------------------------------------------------------------------ the port

    async def ask(self, command: Any) -> Any:
        if not self._is_open or self.state.stopping:
            raise EngineUnavailable("the engine is starting or stopping")
        if self.state.halted is not None and isinstance(command, AcceptSignal | PlaceOrder):
            raise EngineUnavailable(self.state.halted)
        return await self._mailbox.ask(command, urgent=isinstance(command, _URGENT))

    async def reconcile(self, account: str | None = None) -> ReconcileReport:
        if not self._is_open:
            raise EngineUnavailable("the engine is starting or stopping")
        if account is not None and account not in self.state.accounts:
            raise CommandRefused("unknown_account", f"there is no account {account}")
        return await self._recovery.read_now(tuple(self._venues) if account is None else (account,), self.subscribe)

    def load_market(self, wish: LoadMarket) -> None:
        """Fetch a market's rules and price ahead of its first signal."""
        self._submitter.perform(wish)

    def is_busy(self) -> bool:
        return self._turning or len(self._mailbox) > 0 or self._submitter.is_sending

    def snapshot(self) -> EngineSnapshot:
        return engine_view(self._new_turn())

    def risk(self) -> RiskSnapshot:
        return risk_view(self._new_turn())

    def open_groups(self) -> Sequence[GroupSnapshot]:
        return [group_view(self.state, group) for group in map(self.state.groups.__getitem__, self.state.open_ids)]

    def all_groups(self) -> Sequence[GroupSnapshot]:
        """Those closed recently too, in order of creation."""
        return [group_view(self.state, group) for group in self.state.groups.values()]

    def group(self, group_id: str) -> GroupSnapshot | None:
        found = self.state.groups.get(group_id)
        return None if found is None else group_view(self.state, found)

    def recent_signal(self, signal_id: str) -> SignalRecord | None:
        return self.state.recent_signals.get(signal_id)

    async def candles(self, account: str, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        venue = self._venues.get(account)
        return [] if venue is None else await venue.fetch_candles(symbol, timeframe, limit)

    def subscribe_prices(self, listener: Callable[[str, str], None]) -> Callable[[], None]:
        self._price_listeners.append(listener)
        return lambda: self._price_listeners.remove(listener) if listener in self._price_listeners else None

    def queue(self) -> Sequence[QueueSnapshot]:
        return queue_views(self.state)

    def subscribe(self, listener: Callable[[EventRecord], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    # ------------------------------------------------------------------ the mailbox's turn

    async def _turn_mailbox(self) -> None:
        while True:
            self._turning = False
            batch = await self._mailbox.take()
            self._turning = True
            batch = [*self._after_a_leap(), *batch]
            try:
                await self._turn(batch)
            except Exception as error:  # noqa: BLE001 - the mailbox must be turned on, for exits too
                self._break(error)
            finally:  # when the engine ends during a commit, too, nobody waits for ever
                for envelope in batch:
                    envelope.fail(EngineUnavailable(self.state.halted or "the engine has stopped"))

    def _break(self, error: Exception) -> None:
        """A turn was not carried through to its end: what memory holds is in doubt until it is loaded anew."""
        self._defects.note("the turn", error)
        if self.state.broken is None:
            reason = f"a turn broke by a fault of this program: {error!r}; look at the log, then start it anew"
            self.state.halted = self.state.broken = reason
            self._mailbox.post(Broke(reason))

    def _after_a_leap(self) -> list[Envelope]:
        """Turns come every few seconds: after a longer gap the machine has slept, or its clock was set.

        What is known of the accounts is old then: entries wait until they have been read (hazard 34).
        """
        last, self._turned_at = self._turned_at, (self._clock.now(), self._clock.monotonic())
        if last is None:
            return []
        passed = (self._turned_at[0] - last[0]).total_seconds()
        strayed = self._turned_at[1] - last[1] - passed
        told: list[object] = [ClockStepped()] if abs(strayed) > STEP_SEC else []
        if self._ticks and abs(passed) >= LEAP_SEC:
            log.info("the clock has leapt", before=last[0].isoformat())
            for account_id in self._venues:
                self._recovery.read_soon(account_id, 0)
            told += [AccountUnreachable(account_id, "this computer has slept") for account_id in self._venues]
        return [Envelope(message) for message in told]

    def _new_turn(self) -> Turn:
        return Turn(self.state, self._clock.now(), self._ids, self._jitter, self._namespace)

    async def _turn(self, batch: Sequence[Envelope]) -> None:
        began_at = self._clock.monotonic()
        turn = self._new_turn()
        answers = self._decide(turn, batch)
        not_written = await self._write(turn.changes())
        if not_written is not None:
            turn.journal.rewind(0)
            await self._not_written(batch, not_written)
            return
        turn.apply()
        if waited := that_waited(turn):
            self._submitter.note_waited(waited)
        for effect in turn.ledger.effects:
            self._submitter.perform(effect)
        if turn.ledger.effects:
            await self._clock.sleep(0)  # requests leave before anything is told
        for envelope, result, failure in answers:
            if failure is None:
                envelope.resolve(result)
            else:
                envelope.fail(failure)
        if not self.state.stopping and any(envelope.answer is not None for envelope in batch):
            await self._clock.sleep(0)  # who waits for an answer goes on first
        self._after(turn)
        self._meter.observe(Stage.TURN, self._clock.monotonic() - began_at)
        self._tell("the measures", measure, turn, self._meter, self._clock.now())
        if turn.forgets:
            forget(self.state, turn.now)

    async def _write(self, changes: Changes) -> StoreFailed | None:
        began_at = self._clock.monotonic()
        if changes.is_empty:
            return None
        try:
            await self._store.commit(changes)
        except StoreFailed as error:
            return error
        self._meter.observe(Stage.COMMIT, self._clock.monotonic() - began_at)
        return None

    async def _not_written(self, batch: Sequence[Envelope], error: StoreFailed) -> None:
        """Messages that were refused together are taken one by one; what one alone is refused for is told instead."""
        first = batch[0]
        if not isinstance(error, ChangeRefused) or isinstance(first.message, Unwritable):
            self._halt(str(error))
        elif len(batch) > 1:
            for envelope in batch:
                await self._turn([envelope])
        else:
            first.fail(CommandRefused("internal_error", str(error)))
            await self._turn([Envelope(Unwritable(first.message, error))])

    def _decide(self, turn: Turn, batch: Sequence[Envelope]) -> list[tuple[Envelope, Any, Exception | None]]:
        answers: list[tuple[Envelope, Any, Exception | None]] = []
        for envelope in batch:
            if isinstance(envelope.message, PriceTouched):
                self._touched.difference_update(envelope.message.group_ids)
            if type(envelope.message) not in TOLD_TOGETHER:
                self._settle(turn)
            savepoint = turn.savepoint()
            try:
                answers.append((envelope, self._dispatch(turn, envelope.message), None))
            except AppError as error:
                turn.rollback(savepoint)
                answers.append((envelope, None, error))
            except Exception as error:  # noqa: BLE001 - one message that breaks its handler must not stop the others
                turn.rollback(savepoint)
                self._defects.lost(turn, envelope.message, error)
                answers.append((envelope, None, CommandRefused("internal_error", repr(error))))
        self._settle(turn)
        return answers

    def _settle(self, turn: Turn) -> None:
        """Decide what follows from the reports before; if that breaks, they are booked all the same."""
        savepoint = turn.savepoint()
        try:
            self._dispatch.settle(turn)
        except Exception as error:  # noqa: BLE001 - as above
            turn.rollback(savepoint)
            turn.touched.clear()
            self._defects.broke(turn, "what follows from reports", error)

    def _after(self, turn: Turn) -> None:
        for key, at in turn.ledger.wakes:
            self._wake_at(key, at)
        for group_id in turn.groups.changes:
            group = self.state.groups.get(group_id)
            if group is not None and group.is_open:
                self.state.watches[group_id] = watch_of(self.state, group)
        for event in turn.ledger.events:
            for listener in list(self._listeners):
                self._tell(f"a listener of {event.type}", listener, event)
        moved, self._moved = self._moved, {}
        for account, symbol in moved:
            self._touch_reached(account, symbol)
        self._watch_prices()

    def _tell(self, what: str, listener: Callable[..., None], *told: Any) -> None:
        try:
            listener(*told)
        except Exception as error:  # noqa: BLE001 - a listener's fault is its own
            self._defects.note(what, error)

    def _watch_prices(self) -> None:
        """Stream the prices of every market that is known, anew when one has come."""
        if len(self.state.markets) == self._watched:
            return
        self._watched = len(self.state.markets)
        for account_id, venue in self._venues.items():
            symbols = (symbol for account, symbol in self.state.markets if account == account_id)
            venue.watch_prices(frozenset(symbols))

    def _wake_at(self, key: str, at: datetime) -> None:
        armed = self._timers.get(key)
        if armed is not None:
            if self._clock.now() < armed[0] <= at:
                return
            armed[1].cancel()

        def fire() -> None:
            self._timers.pop(key, None)
            self._mailbox.post(TimerDue(key))

        pause = (at - self._clock.now()).total_seconds()
        self._timers[key] = (at, self._clock.call_later(max(pause, 0.0), fire))

    def _halt(self, reason: str) -> None:
        """Trading stops; the disk is tried until it answers, then everything is read again."""
        if self.state.halted is None:
            log.error("trading is halted", reason=reason)
        self.state.halted = self.state.broken or reason
        if self._disk_watch is None or self._disk_watch.done():
            self._disk_watch = asyncio.get_running_loop().create_task(self._recovery.after_halt(self._store))

    # ------------------------------------------------------------------ what streams in

    def _deliver(self, report: Any) -> None:
        if isinstance(report, PriceReport):
            self._price(report)
        elif not isinstance(report, OrderReport):
            self._mailbox.post(report)
        elif not reports.is_known(self.state, report):
            self._mailbox.post(report, lazy=reports.is_awaited(self.state, report))

    def _price(self, report: PriceReport) -> None:
        """Held in memory, conflated; a message only where a group waits for this price."""
        market = self.state.markets.get((report.account, report.symbol))
        if market is None:
            return
        market.quote = report.quote
        if self._turning:  # the watches are of before the turn
            self._moved[report.account, report.symbol] = None
        self._touch_reached(report.account, report.symbol)
        for listener in list(self._price_listeners):
            self._tell("a listener of prices", listener, report.account, report.symbol)

    def _touch_reached(self, account: str, symbol: str) -> None:
        """Wake the groups that wait for what the market's price is now."""
        touched = [group_id for group_id in reached(self.state, account, symbol) if group_id not in self._touched]
        if touched:
            self._touched.update(touched)
            self._mailbox.post(PriceTouched(tuple(touched)))
