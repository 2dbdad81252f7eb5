"""Hand-written stand-ins for what the listeners meet: a clock moved by hand, engine, queries, tokens, keys, prices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from app.base.secret import Secret
from app.domain.fill import Fill
from app.domain.performance import Outcome
from app.messages.commands import AcceptSignal, CommandResult, OrderAnswer, PlaceOrder, PreviewSignal, SignalAnswer
from app.messages.records import EquitySample, EventRecord, SignalRecord
from app.messages.reports import Candle
from app.messages.snapshots import (
    EngineSnapshot,
    GroupSnapshot,
    OrderSnapshot,
    QueueSnapshot,
    ReconcileReport,
    RiskSnapshot,
)
from app.ports.accounts import KeyReport, Told, Wire
from app.ports.engine import CommandRefused
from app.ports.queries import AlertRow, BadCursor, Filter, Page, PageRequest, TradeRow
from app.ports.secrets import WebhookKey
from app.ports.tokens import Role, TokenInfo
from tests.support.examples import NOON, PATH_TOKEN, SECRET, engine_snapshot, key_of, preview_of, risk_snapshot

Row = TypeVar("Row")


class _HandTimer:
    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class HandClock:
    """A clock that stands still until `advance` moves it; what falls due is called before `advance` returns."""

    def __init__(self, start: datetime = NOON) -> None:
        self._start = start
        self._seconds = 0.0
        self._timers: list[_HandTimer] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        await woken

    def call_later(self, seconds: float, callback: Callable[[], None]) -> _HandTimer:
        timer = _HandTimer(self._seconds + seconds, callback)
        self._timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        self._seconds += seconds
        due = sorted((timer for timer in self._timers if timer.due <= self._seconds), key=lambda timer: timer.due)
        self._timers = [timer for timer in self._timers if timer.due > self._seconds]
        for timer in due:
            if timer.callback is not None:
                timer.callback()

    @property
    def waiting(self) -> int:
        """How many timers are armed."""
        return sum(timer.callback is not None for timer in self._timers)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until something is so; a test that waits in vain is ended by its time-out."""
    while not condition():
        turned = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, turned.set_result, None)
        await turned


class FakeEngine:
    """Implements `app.ports.engine.Engine`: keeps what it is asked, answers what it is told to."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer = SignalAnswer(202, "s0000000000001", "accepted")
        self.preview = preview_of()
        self.failure: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.state = engine_snapshot()
        self.groups: list[GroupSnapshot] = []
        self.waiting: list[QueueSnapshot] = []
        self.listeners: list[Callable[[EventRecord], None]] = []
        self.price_listeners: list[Callable[[str, str], None]] = []
        self.bars: list[Candle] = []
        self.recent: dict[str, SignalRecord] = {}
        self.order_answer = OrderAnswer("s0000000000001", "executed", None, None, "g0000001")
        self.risk_state = risk_snapshot()
        self.busy = False

    async def ask(self, command: Any) -> Any:
        self.asked.append(command)
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if isinstance(command, AcceptSignal):
            return self.answer
        if isinstance(command, PlaceOrder):
            return self.order_answer
        return self.preview if isinstance(command, PreviewSignal) else CommandResult("done", ("g0000001",))

    async def reconcile(self, account: str | None = None) -> ReconcileReport:
        if self.failure is not None:
            raise self.failure
        return ReconcileReport((account or "paper",), {"other": "no answer"}, (), NOON)

    def is_busy(self) -> bool:
        return self.busy

    def snapshot(self) -> EngineSnapshot:
        return self.state

    def open_groups(self) -> Sequence[GroupSnapshot]:
        return self.groups

    def group(self, group_id: str) -> GroupSnapshot | None:
        return next((group for group in self.groups if group.id == group_id), None)

    def queue(self) -> Sequence[QueueSnapshot]:
        return self.waiting

    def subscribe(self, listener: Callable[[EventRecord], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def subscribe_prices(self, listener: Callable[[str, str], None]) -> Callable[[], None]:
        self.price_listeners.append(listener)
        return lambda: self.price_listeners.remove(listener)

    def risk(self) -> RiskSnapshot:
        return self.risk_state

    def recent_signal(self, signal_id: str) -> SignalRecord | None:
        return self.recent.get(signal_id)

    async def candles(self, account: str, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        return self.bars[-limit:]

    def publish(self, *events: EventRecord) -> None:
        """After its commit, as the engine does it."""
        for event in events:
            self.state = replace(self.state, last_sequence=event.sequence)
            for listener in list(self.listeners):
                listener(event)


class FakeQueries:
    """Implements `app.ports.queries.Queries` on lists; a cursor is the number of rows before the page."""

    def __init__(self) -> None:
        self.trade_rows: list[TradeRow] = []
        self.order_rows: list[OrderSnapshot] = []
        self.fill_rows: list[Fill] = []
        self.signal_rows: list[SignalRecord] = []
        self.event_rows: list[EventRecord] = []
        self.equity_rows: list[EquitySample] = []
        self.filters: list[Filter] = []
        self.failure: Exception | None = None
        self.before_events: Callable[[], None] = lambda: None

    async def equity(self, since: datetime, until: datetime) -> Sequence[EquitySample]:
        return [sample for sample in self.equity_rows if since <= sample.at <= until]

    async def trades(self, where: Filter, page: PageRequest) -> Page[TradeRow]:
        return self._page(self.trade_rows, where, page)

    async def trade(self, trade_id: str) -> TradeRow | None:
        return next((row for row in self.trade_rows if row.id == trade_id), None)

    async def orders(self, where: Filter, page: PageRequest) -> Page[OrderSnapshot]:
        return self._page(self.order_rows, where, page)

    async def fills(self, where: Filter, page: PageRequest) -> Page[Fill]:
        return self._page(self.fill_rows, where, page)

    async def signals(self, where: Filter, page: PageRequest) -> Page[SignalRecord]:
        return self._page(self.signal_rows, where, page)

    async def signal(self, signal_id: str) -> SignalRecord | None:
        return next((row for row in self.signal_rows if row.id == signal_id), None)

    async def signals_of_group(self, group_id: str) -> Sequence[SignalRecord]:
        return [row for row in self.signal_rows if row.group_id == group_id]

    async def events(self, after: int, types: frozenset[str] | None, limit: int) -> Sequence[EventRecord]:
        self.before_events()
        found = [row for row in self.event_rows if row.sequence > after and (types is None or row.type in types)]
        return found[:limit]

    async def newest_events(self, types: frozenset[str], page: PageRequest) -> Page[EventRecord]:
        return self._page([row for row in reversed(self.event_rows) if row.type in types], Filter(), page)

    async def alerts(self, page: PageRequest, *, acknowledged: bool | None = None) -> Page[AlertRow]:
        when = {row.data["sequence"]: row.at for row in self.event_rows if row.type == "alert.acknowledged"}
        raised = [row for row in reversed(self.event_rows) if row.type == "alert.raised"]
        found = [AlertRow(row, when.get(row.sequence)) for row in raised]
        wanted = [row for row in found if acknowledged in {None, row.acknowledged_at is not None}]
        return self._page(wanted, Filter(), page)

    async def outcomes(self, where: Filter) -> Sequence[Outcome]:
        self.filters.append(where)
        closed = [row for row in self.trade_rows if row.closed_at is not None]
        return [Outcome(row.id, row.closed_at, row.realized_pnl) for row in closed if row.closed_at is not None]

    async def check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _page(self, rows: list[Row], where: Filter, page: PageRequest) -> Page[Row]:
        if self.failure is not None:
            raise self.failure
        self.filters.append(where)
        if page.cursor is not None and not page.cursor.isdecimal():
            raise BadCursor("the cursor was not made by this list")
        start = min(int(page.cursor or 0), len(rows))
        end = start + page.limit
        return Page(tuple(rows[start:end]), str(end) if end < len(rows) else None)


class FakeTokens:
    """Implements `app.ports.tokens.Tokens`: one token a role, spelled `token-<role>`."""

    def __init__(self) -> None:
        self.verified: list[str] = []

    async def create(self, name: str, role: Role) -> str:
        raise NotImplementedError

    async def revoke(self, name: str) -> bool:
        raise NotImplementedError

    async def list(self) -> Sequence[TokenInfo]:
        return []

    async def load(self) -> None: ...

    def verify(self, token: str) -> TokenInfo | None:
        self.verified.append(token)
        role = token.removeprefix("token-")
        return TokenInfo(f"my-{role}", Role(role), NOON, None) if role != token and role in set(Role) else None


def bearer(role: Role) -> dict[str, str]:
    """The headers of a request by that role."""
    return {"Authorization": f"Bearer token-{role.value}"}


class FakeKeys:
    """Implements `app.ports.secrets.WebhookKeys`, and counts the comparisons that were asked for."""

    def __init__(self, *keys: WebhookKey) -> None:
        self.valid = keys or (key_of("default", SECRET),)
        self.matched = 0
        self.path_tokens_compared = 0

    def keys(self) -> tuple[WebhookKey, ...]:
        return self.valid

    def match(self, secret_text: str) -> WebhookKey | None:
        self.matched += 1
        return next((key for key in self.valid if key.secret.matches(secret_text)), None)

    def by_name(self, name: str) -> WebhookKey | None:
        return next((key for key in self.valid if key.name == name), None)

    def path_token_matches(self, text: str) -> bool:
        self.path_tokens_compared += 1
        return Secret(PATH_TOKEN).matches(text)


class FakePaper:
    """Implements `app.ports.paper.PaperPrices` with one market."""

    def __init__(self) -> None:
        self.prices: dict[str, Decimal | None] = {"BTC/USDT:USDT": None}

    def set_price(self, symbol: str, price: Decimal) -> None:
        self._known(symbol)
        if price <= 0:
            raise ValueError("a price is positive")
        self.prices[symbol] = price

    def release(self, symbol: str) -> None:
        self._known(symbol)
        self.prices[symbol] = None

    def _known(self, symbol: str) -> None:
        if symbol not in self.prices:
            raise LookupError(symbol)


class FakeAccounts:
    """Implements `app.ports.accounts.Accounts` with one account, `perp`."""

    def __init__(self) -> None:
        self.tested: list[str] = []
        self.wires: dict[str, Wire] = {}
        self.report = KeyReport(
            reachable=Told(True, "the exchange answers"),
            may_trade=Told(True, "these keys may trade"),
            may_withdraw=Told(None, "the exchange does not tell"),
            address_restricted=Told(False, "these keys work from every address"),
            position_mode=Told("one_way", "one position a market"),
            clock_skew_ms=Told(-12, "the clock is 12 ms behind the exchange's"),
        )

    async def test(self, account_id: str) -> KeyReport:
        if account_id != "perp":
            raise CommandRefused("unknown_account", f"there is no account {account_id}")
        self.tested.append(account_id)
        return self.report

    def wire(self, account_id: str) -> Wire:
        return self.wires.get(account_id, Wire())
