"""What the engine holds in memory. Trading truth is written by the mailbox alone, the disk first."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.base.config import Config
from app.domain.churn import MOST_MOVES
from app.domain.fill import Fill
from app.domain.group import Group
from app.domain.market import MarketRules, Quote
from app.domain.order import Order
from app.domain.symbol import base_of
from app.domain.values import ZERO, Identity, MarketType, PositionMode, Side
from app.domain.wishes import Place
from app.engine.ranks import Ranks
from app.messages.records import QueueEntry, RiskAction, SeenSignal, SignalRecord
from app.messages.reports import FillReport, OrderReport
from app.ports.venue import Capabilities

REMEMBERED = timedelta(hours=24)
"""How long duplicates are known, and closed groups kept in memory for fills that come late."""

SIGNALS_REMEMBERED = 500

MarketKey = tuple[str, str]
BookKey = tuple[str, str, Side]
TradeKey = tuple[str, str, str]
"""Account, symbol, trade id."""
PaymentKey = tuple[str, str]
"""Account, payment id."""


@dataclass(slots=True)
class AccountState:
    """What is known of an account now; nothing of it outlives the process."""

    id: str
    capabilities: Capabilities
    connected: bool = False
    reconciled: bool = False
    stale_since: datetime | None = None
    reason: str | None = None
    last_reconciled_at: datetime | None = None
    foreign: str | None = None
    """Another instance's orders are live on it: no entries until the trader chooses, or they are gone."""
    mass_difference: str | None = None
    """Too much seems to be gone at once: no entries until a read finds it there again, or the trader accepts it."""
    external_orders: tuple[OrderReport, ...] = ()
    """Live orders that are not ours, as of the last reading."""
    orphans: frozenset[str] = frozenset()
    """Orders that are ours and of no group here, and what on spot they bought: what the trader has been told of."""
    breaker_since: datetime | None = None
    """Since when the venue's breaker is open: requests fail at once, entries wait."""
    breaker_told_at: datetime | None = None
    """When it opened or closed last in the outage of which the trader was told."""
    refused: str | None = None
    """Why nothing is asked of the venue before a person has acted: it refuses the keys, or there are none."""
    refusal_told_at: datetime | None = None
    """When the trader was told that last."""
    is_another: bool = False
    """Its keys are another account's now, and what was told through those of before may still be on its way."""
    clock_skew_ms: int | None = None
    """By how much this machine's clock is ahead of the venue's; None where nobody has measured it."""
    ready_since: datetime | None = None
    """Since when it has been connected and reconciled without a break."""
    conditional_refused: str | None = None
    """What the venue said when it took no conditional order of this account: its stops are watched here."""
    unsettled_since: datetime | None = None
    """When a fill was booked that no balance has been told since."""
    activity: Mapping[str, int] = field(default_factory=dict)
    """Counts, by market, fills and orders that reached the venue, so that a snapshot older than one is recognised."""
    stop_moves: deque[datetime] = field(default_factory=lambda: deque(maxlen=MOST_MOVES))
    """When stops were moved for a better price lately, oldest first."""

    @property
    def hold(self) -> str | None:
        """Why entries are held though the account is reachable."""
        return self.foreign or self.mass_difference

    @property
    def ready(self) -> bool:
        return self.connected and self.reconciled and self.hold is None and not self.is_another

    @property
    def market_type(self) -> MarketType:
        return self.capabilities.market_type

    def note_activity(self, symbol: str) -> None:
        self.activity = {**self.activity, symbol: self.activity.get(symbol, 0) + 1}

    def has_moved(self, symbol: str, since: Mapping[str, int]) -> bool:
        """Whether the market, on spot any of its coin, has been active since `since` was counted."""
        markets = {symbol}
        if self.market_type is MarketType.SPOT:
            markets = {other for other in self.activity if base_of(other) == base_of(symbol)}
        return any(self.activity.get(market, 0) != since.get(market, 0) for market in markets)

    @property
    def one_way(self) -> bool:
        return self.capabilities.position_mode is PositionMode.ONE_WAY


@dataclass(slots=True)
class Market:
    """Rules and prices of one market on one account."""

    rules: MarketRules
    quote: Quote | None
    loaded_at: datetime
    asked_at: datetime | None = None
    """When they were asked for again without an answer yet."""


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset of an account as the venue told it at `at`."""

    total: Decimal
    free: Decimal
    at: datetime


@dataclass(slots=True)
class Bound:
    """What entries of one account bind in one currency that its last balance could not know of."""

    values: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """Leverage and quote value, by client order id."""
    by_leverage: dict[Decimal, Decimal] = field(default_factory=dict)
    """The sums of the values."""

    def put(self, order_id: str, leverage: Decimal, value: Decimal) -> None:
        self.drop(order_id)
        self.values[order_id] = (leverage, value)
        self.by_leverage[leverage] = self.by_leverage.get(leverage, ZERO) + value

    def drop(self, order_id: str) -> None:
        known = self.values.pop(order_id, None)
        if known is not None:
            self.by_leverage[known[0]] -= known[1]


@dataclass(slots=True)
class Tally:
    """What the entries of one turn add to what is `known` to be bound as of a balance told at `at`."""

    known: Bound | None
    at: datetime
    fills: int
    """Of the turn: with each, prices move."""
    counted: int = 0
    """How many of the turn's puts are in it."""
    added: Bound = field(default_factory=Bound)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A first read that nothing explains; a second one that agrees makes it true."""

    quantity: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """Prices at or beyond which a group needs care; None where nothing waits on that side."""

    low: Decimal | None = None
    high: Decimal | None = None


NO_WATCH = Watch()


@dataclass(frozen=True, slots=True)
class Stake:
    """What of a group does not move with the price; `deployed` and `reserved` are by leverage."""

    group: Group
    quantity: Decimal
    value: Decimal
    invested: Decimal
    deployed: Decimal
    reserved: Decimal

    @classmethod
    def of(cls, group: Group, reserved: Decimal) -> Stake:
        invested, leverage = group.invested, group.leverage
        return cls(group, group.open_quantity, group.open_value, invested, invested / leverage, reserved / leverage)

    def unrealized(self, price: Decimal) -> Decimal:
        group = self.group
        return group.side.gain(self.value, price * self.quantity) * group.contract_size


@dataclass(slots=True)
class EngineState:
    """Persistent truth first, then what is only known while the process runs."""

    config: Config
    groups: dict[str, Group] = field(default_factory=dict)
    open_ids: dict[str, None] = field(default_factory=dict)
    """Ids of the open groups, in order of creation."""
    orders: dict[str, Order] = field(default_factory=dict)
    orders_of: dict[str, list[str]] = field(default_factory=dict)
    trade_ids: set[TradeKey] = field(default_factory=set)
    trades_of: dict[str, list[TradeKey]] = field(default_factory=dict)
    """The trade ids by the group they came for."""
    fills_of: dict[str, list[Fill]] = field(default_factory=dict)
    queue: dict[str, QueueEntry] = field(default_factory=dict)
    pending_signals: dict[str, SignalRecord] = field(default_factory=dict)
    queued_signals: dict[str, SignalRecord] = field(default_factory=dict)
    recent_signals: dict[str, SignalRecord] = field(default_factory=dict)
    """The last ones written, for those who watch."""
    seen_content: dict[str, SeenSignal] = field(default_factory=dict)
    seen_bars: dict[str, SeenSignal] = field(default_factory=dict)
    last_exits: dict[Identity, datetime] = field(default_factory=dict)
    funding_ids: dict[PaymentKey, datetime] = field(default_factory=dict)
    """When each payment that is booked was made."""
    facts: dict[str, str] = field(default_factory=dict)
    actions: dict[str, RiskAction] = field(default_factory=dict)
    """The last offset actions, oldest first."""
    sequence: int = 0

    key_prints: dict[str, str] = field(default_factory=dict)
    """Fingerprints of the keys in use, by account; an account on the paper exchange has none."""
    accounts: dict[str, AccountState] = field(default_factory=dict)
    markets: dict[MarketKey, Market] = field(default_factory=dict)
    balances: dict[str, dict[str, Balance]] = field(default_factory=dict)
    """Account → asset → balance."""
    bound: defaultdict[tuple[str, str], Bound] = field(default_factory=lambda: defaultdict(Bound))
    """By account and currency."""
    open_on: dict[MarketKey, dict[str, None]] = field(default_factory=dict)
    """Ids of the open groups by market, in order of creation; no market without one."""
    closed: dict[str, datetime] = field(default_factory=dict)
    """Groups that are over, and since when that is known here, in this order."""
    closed_on: dict[MarketKey, dict[str, None]] = field(default_factory=dict)
    """Their ids by market, in the same order."""
    live: dict[str, None] = field(default_factory=dict)
    """Client ids of the live orders."""
    watches: dict[str, Watch] = field(default_factory=dict)
    stakes: dict[str, Stake] = field(default_factory=dict)
    """By group; those of groups that have changed since are made anew when they are asked for."""
    suspicions: dict[BookKey, Suspicion] = field(default_factory=dict)
    other_leverages: dict[BookKey, Decimal] = field(default_factory=dict)
    """At what a book ran by the last reading, where that is not what was set."""
    unlisted: set[str] = field(default_factory=set)
    """Client ids of resting orders that a reading did not list, until a look-up has told what became of them."""
    doubted: dict[str, datetime] = field(default_factory=dict)
    """Client ids of resting orders that were told otherwise than they are known, until a look-up has told which they
    are, with when they were changed last before."""
    put_back: dict[str, dict[Place, int]] = field(default_factory=dict)
    """How often orders of a group's place were found otherwise than asked for, and not as asked for since."""
    external_fills: dict[MarketKey, list[FillReport]] = field(default_factory=dict)
    external_ids: dict[TradeKey, datetime] = field(default_factory=dict)
    """When each of them was made that has been told."""
    queued_of: dict[Identity, str] = field(default_factory=dict)
    """Which entry waits for an identity."""
    reserving: set[str] = field(default_factory=set)
    """Entries for which the slot of the group they reverse is kept."""
    ranks: Ranks = field(default_factory=Ranks)
    entry_times: deque[datetime] = field(default_factory=deque)
    """When pyramids were added lately, all accounts together, oldest first."""
    warnings: tuple[str, ...] = ()
    """What is near a limit, as of the last look."""
    day: date | None = None
    """The UTC day whose start has been taken."""
    evaluated_at: datetime | None = None
    """When the offset engine last looked."""
    suggested: str | None = None
    """The loser of the plan that the trader was told of last."""
    planning: set[str] = field(default_factory=set)
    """Open groups with legs that are to be sent later."""
    on_their_way: dict[str, None] = field(default_factory=dict)
    """Client ids of entries whose request has not been answered."""
    in_flight: set[tuple[str, str]] = field(default_factory=set)
    """(kind, client order id) of cancels, amends and look-ups that have not been answered."""
    halted: str | None = None
    """Why no signal is taken: the disk takes no writes, or what is in `broken`."""
    broken: str | None = None
    """How what memory holds came to be in doubt: trading stays halted until the process has been started anew."""
    recovered: bool = False
    stopping: bool = False
    last_signal_at: datetime | None = None
    revision: int = 0

    @property
    def paused(self) -> str | None:
        return self.facts.get("paused") or None

    def market(self, account: str, symbol: str) -> Market | None:
        return self.markets.get((account, symbol))

    def quote(self, account: str, symbol: str) -> Quote | None:
        market = self.markets.get((account, symbol))
        return None if market is None else market.quote

    def external(self, book: BookKey) -> Decimal:
        """Position quantity in a book that is not ours."""
        return Decimal(self.facts.get(external_fact(book), "0") or "0")


def external_fact(book: BookKey) -> str:
    account, symbol, side = book
    return f"{external_prefix(account)}{symbol}/{side}"


def external_prefix(account: str) -> str:
    return f"external/{account}/"
