"""Start, crash, reconnect and waking from sleep are one path: load, connect, read, compare, go on."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from app.base.clock import Clock
from app.base.errors import AppError, OperatorActionNeeded
from app.base.ids import IdFactory
from app.base.waiting import together, within
from app.domain.client_order_id import Namespace
from app.engine.answers import in_doubt
from app.engine.forgetting import load_since, since_usually, watermark_fact
from app.engine.inbox import AccountRead, AccountUnreachable, DiskAnswered, Recovered
from app.engine.indexing import (
    ENTRIES_REMEMBERED,
    index_group,
    index_order,
    index_queued,
    note_closed,
    note_seen,
    note_trade,
    remember_signal,
)
from app.engine.markets import fetched
from app.engine.naming import keep_up, settle_namespace
from app.engine.state import EngineState
from app.messages.effects import LoadMarket
from app.messages.records import Changes, EventRecord, Finding, StoredGroup
from app.messages.reports import ConnectionReport, VenueReport
from app.messages.snapshots import ReconcileReport
from app.ports.store import Store, StoreFailed
from app.ports.tag import TagKeeper
from app.ports.venue import OVERLAP, REFUSED_RETRY_SEC, Venue

log = structlog.get_logger("system")
READ_TIMEOUT_SEC = 30.0
HISTORY_TIMEOUT_SEC = 300.0
"""After a long absence many pages are read, within the venue's limits; each request has a bound of its own."""
DISK_RETRY_SEC = 5.0
UNREACHABLE_RETRY_SEC = 5.0
FIRST_READ_SEC = 10.0
"""How long the start waits for its accounts before recorded signals of the others are acted on."""
CLOSE_SEC = 10.0
"""How long the connections of one venue may take to close."""
FIRST_WINDOW = timedelta(days=1)


class Recovery:
    """Loads the stored state and keeps it equal to the venues', one reading of an account at a time."""

    def __init__(
        self, state: EngineState, venues: Mapping[str, Venue], clock: Clock, post: Callable[[object], None]
    ) -> None:
        self._state = state
        self._venues = venues
        self._clock = clock
        self._post = post
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._of_account: dict[str, set[asyncio.Task[Any]]] = defaultdict(set)
        self._coming: set[str] = set()
        """Accounts that are being connected."""
        self._due: dict[str, float] = {}
        self._tag_keeper: TagKeeper | None = None
        self._is_up = False
        self._stopped = False

    # ------------------------------------------------------------------ loading

    async def load(self, store: Store, ids: IdFactory, tag_keeper: TagKeeper | None = None) -> Namespace:
        """Fill the state from the database; what was on its way when the process ended is of unknown outcome now."""
        now, state, self._tag_keeper = self._clock.now(), self._state, tag_keeper
        stored = await store.load(since_usually(state, now))
        state.facts.update(stored.facts)
        since = load_since(state, now)
        if since < since_usually(state, now):
            stored = await store.load(since)  # an account has not been read for long
        state.sequence = stored.last_sequence
        for item in stored.groups:
            self._restore_group(item, now)
        for item in sorted(stored.groups, key=lambda item: item.group.closed_at or now):
            if item.group.closed_at is not None:
                note_closed(state, item.group, item.group.closed_at)
        state.entry_times = deque(_entries_since(stored.groups, now - ENTRIES_REMEMBERED))
        for entry in stored.queue:
            index_queued(state, entry.signal_id, entry)
        state.actions = {action.id: action for action in stored.actions}
        for record in stored.pending_signals:
            remember_signal(state, record)
        for seen in stored.seen_signals:
            note_seen(state, seen)
        state.last_exits.update(stored.last_exits)
        state.funding_ids.update(stored.funding_ids)
        return await settle_namespace(state, store, ids, tag_keeper)

    def _restore_group(self, item: StoredGroup, now: datetime) -> None:
        state, group = self._state, item.group
        index_group(state, group, now)
        for fill in item.fills:
            note_trade(state, (group.account, group.symbol, fill.trade_id), group.id)
        state.fills_of[group.id] = list(item.fills)
        for order in item.orders:
            index_order(state, in_doubt(order, now))
            state.orders_of.setdefault(group.id, []).append(order.client_order_id)

    # ------------------------------------------------------------------ connecting

    async def connect(self, deliver: Callable[[VenueReport], None]) -> None:
        """Connect and read every account once, side by side; then recorded signals are acted on."""
        if self._tag_keeper is not None:
            self._spawn(keep_up(self._state, self._clock, self._tag_keeper))
        coming = [self._spawn(self._bring_up(account, deliver), account) for account in list(self._venues)]
        with suppress(TimeoutError):  # one that cannot be reached must not keep the others waiting
            known = (asyncio.shield(task) for task in coming if task is not None)
            await within(self._clock, FIRST_READ_SEC, asyncio.gather(*known, return_exceptions=True))
        self._is_up = True
        self.act_on_recorded()
        for account in list(self._venues):
            self._spawn(self._read_regularly(account), account)

    def act_on_recorded(self) -> None:
        """Have recorded signals acted on, unless they have been: a turn may fail."""
        if self._is_up and not self._state.recovered:
            self._post(Recovered())

    def join(self, account: str, deliver: Callable[[VenueReport], None]) -> None:
        """Connect and read an account that came later, or that is reached another way from now on."""
        self.leave(account)
        self._spawn(self._bring_up(account, deliver), account)
        self._spawn(self._read_regularly(account), account)

    def leave(self, account: str) -> None:
        """Ask nothing of this account any more."""
        self._due.pop(account, None)
        for task in list(self._of_account.pop(account, ())):
            task.cancel()

    async def close(self, venue: Venue) -> None:
        """Within a bound; what comes of it is only logged."""
        try:
            await within(self._clock, CLOSE_SEC, venue.close())
        except Exception as error:  # noqa: BLE001 - whatever it is, the next one is closed too
            log.warning("a venue could not be closed", account=venue.account, error=repr(error))

    async def _bring_up(self, account: str, deliver: Callable[[VenueReport], None]) -> None:
        venue = self._venues[account]
        self._coming.add(account)
        try:
            await within(self._clock, READ_TIMEOUT_SEC, venue.connect(partial(self._hear, account, deliver)))
            self._note_connected(venue)
            await self._load_markets(account)
        except Exception as error:  # noqa: BLE001 - whatever it is, the account is tried again and the others go on
            needs_person = isinstance(error, OperatorActionNeeded)
            self._post(AccountUnreachable(account, _told(error, "connecting"), needs_person))
            pause = REFUSED_RETRY_SEC if needs_person else UNREACHABLE_RETRY_SEC
            self._spawn(self._connect_again(account, deliver, pause), account)
            return
        finally:
            self._coming.discard(account)
        await self._read(account)

    def _note_connected(self, venue: Venue) -> None:
        known = self._state.accounts[venue.account]
        known.capabilities, known.connected = venue.capabilities, venue.health().connected
        if venue.capabilities.stop_type is not None:
            known.conditional_refused = None  # it is tried again

    def _hear(self, account: str, deliver: Callable[[VenueReport], None], report: VenueReport) -> None:
        deliver(report)
        if isinstance(report, ConnectionReport) and report.again_after is not None:
            self._spawn(self._connect_again(account, deliver, report.again_after), account)

    async def _connect_again(self, account: str, deliver: Callable[[VenueReport], None], pause: float) -> None:
        await self._clock.sleep(pause)
        await self._bring_up(account, deliver)

    async def _load_markets(self, account: str) -> None:
        """Rules of every market with an open group or a waiting signal, before anything is decided about them."""
        wanted = {
            group.symbol: group.average_entry or group.legs[0].price
            for group in map(self._state.groups.__getitem__, self._state.open_ids)
            if group.account == account
        }
        for entry in self._state.queue.values():
            if entry.identity.account == account:
                wanted.setdefault(entry.identity.symbol, entry.entry_price)
        await together(*(self._load_market(LoadMarket(account, symbol, hint)) for symbol, hint in wanted.items()))

    async def _load_market(self, wish: LoadMarket) -> None:
        """One that cannot be fetched now is asked for again by what needs it."""
        answer = await fetched(self._venues, self._clock, wish)
        if answer.failure is None:
            self._post(answer)
        else:
            log.info("market rules could not be fetched", symbol=wish.symbol, error=answer.failure)

    # ------------------------------------------------------------------ reading

    def read_soon(self, account: str, delay: float) -> None:
        """Read an account after `delay` seconds; an earlier wish that still waits is enough.

        One that is being connected is read at the end of that.
        """
        due = self._clock.monotonic() + delay
        if account not in self._venues or account in self._coming:
            return
        if account in self._due and self._due[account] <= due:
            return
        self._due[account] = due
        self._spawn(self._read_later(account, delay, due), account)

    async def _read_later(self, account: str, delay: float, due: float) -> None:
        if delay > 0:
            await self._clock.sleep(delay)
        if self._due.get(account) == due:
            del self._due[account]
            await self._read(account)

    async def _read_regularly(self, account: str) -> None:
        while True:
            await self._clock.sleep(self._state.config.reconcile.interval_sec)
            await self._read(account)

    async def _read(self, account: str) -> None:
        async with self._locks[account]:
            try:
                self._post(await within(self._clock, HISTORY_TIMEOUT_SEC, self._fetch(account)))
            except Exception as error:  # noqa: BLE001 - readings must never end
                needs_person = isinstance(error, OperatorActionNeeded)
                self._post(AccountUnreachable(account, _told(error, "reading the account"), needs_person))
                self.read_soon(account, UNREACHABLE_RETRY_SEC)

    async def _fetch(self, account: str) -> AccountRead:
        venue = self._venues[account]
        started_at, activity = self._clock.now(), self._state.accounts[account].activity
        since = self._since(account, started_at)
        open_orders, positions, balances, fills, funding = await together(
            venue.fetch_open_orders(),
            venue.fetch_positions(),
            venue.fetch_balances(),
            venue.fetch_fills(since),
            venue.fetch_funding(since),
        )
        return AccountRead(
            account,
            started_at,
            activity,
            tuple(open_orders),
            tuple(positions),
            tuple(balances),
            tuple(fills),
            tuple(funding),
        )

    def _since(self, account: str, now: datetime) -> datetime:
        mark = self._state.facts.get(watermark_fact(account))
        known = datetime.fromisoformat(mark) - OVERLAP if mark else now - FIRST_WINDOW
        return min(known, now - OVERLAP)  # the clock may have been ahead when the mark was set

    async def read_now(
        self, accounts: tuple[str, ...], subscribe: Callable[[Callable[[EventRecord], None]], Callable[[], None]]
    ) -> ReconcileReport:
        """Read `accounts` and wait until their findings are in the books."""
        waiting: dict[str, asyncio.Future[str | None]] = {
            account: asyncio.get_running_loop().create_future() for account in accounts
        }
        findings: list[Finding] = []

        def listen(event: EventRecord) -> None:
            if event.type == "reconcile.finding":
                findings.append(_finding(event))
            future = waiting.get(event.account or "")
            if future is None or future.done():
                return
            if event.type == "reconcile.finished":
                future.set_result(None)

        end = subscribe(listen)
        try:
            await asyncio.gather(*(self._read(account) for account in accounts))
            failed = {
                account: self._state.accounts[account].reason or "no answer"
                for account in accounts
                if not await self._settled(account, waiting[account])
            }
        finally:
            end()
        return ReconcileReport(accounts, failed, tuple(findings), self._clock.now())

    async def _settled(self, account: str, finished: asyncio.Future[str | None]) -> bool:
        try:
            await within(self._clock, READ_TIMEOUT_SEC if self._state.accounts[account].reconciled else 1.0, finished)
        except TimeoutError:
            return False
        return True

    # ------------------------------------------------------------------ after a failed disk

    async def after_halt(self, store: Store) -> None:
        """Try the disk until it takes a write again; what was missed meanwhile is read from the venues."""
        is_written = False
        while not is_written:
            await self._clock.sleep(DISK_RETRY_SEC)
            with suppress(StoreFailed):
                await store.commit(Changes(facts={"disk": self._clock.now().isoformat()}))
                is_written = True
        self._post(DiskAnswered(self._state.halted or "the disk could not be written"))
        self.act_on_recorded()
        for account in list(self._venues):
            self._spawn(self._read(account), account)

    def _spawn(self, work: Any, account: str | None = None) -> asyncio.Task[None] | None:
        if self._stopped:
            work.close()
            return None
        task = asyncio.get_running_loop().create_task(work)
        for tasks in (self._tasks,) if account is None else (self._tasks, self._of_account[account]):
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return task

    def stop(self) -> None:
        self._stopped = True
        for task in list(self._tasks):
            task.cancel()


def _entries_since(groups: Iterable[StoredGroup], moment: datetime) -> list[datetime]:
    added = (pyramid.created_at for item in groups for pyramid in item.group.pyramids)
    return sorted(at for at in added if at > moment)


def _finding(event: EventRecord) -> Finding:
    data = event.data
    return Finding(
        account=event.account or "",
        symbol=event.symbol,
        kind=str(data.get("kind", "")),
        before=str(data.get("before", "")),
        after=str(data.get("after", "")),
        action=str(data.get("action", "")),
        at=event.at,
        group_id=event.group_id,
    )


def _told(error: Exception, doing: str) -> str:
    """What a person is told of it. What nobody foresaw is kept in the log, and must not end the readings."""
    if isinstance(error, AppError | TimeoutError):
        return str(error) or "no answer"
    log.error("an account's reading broke", doing=doing, exc_info=error)
    return f"{doing} broke: {type(error).__name__}"
