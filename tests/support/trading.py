"""The whole engine over the real adapter and a fake venue, moved by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from app.base.clock import LoopClock, system_clock
from app.base.config import parse_config
from app.base.config.groups import AccountConfig
from app.base.config.tree import deep_merged
from app.base.ids import RandomIds
from app.domain import client_order_id
from app.domain.alert import validate
from app.domain.alert_keys import content_key, stored_payload
from app.domain.order import Order
from app.domain.values import ZERO, OrderRole, Side
from app.engine.engine import Engine
from app.engine.recorded import record_reader
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import Access, Environment
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.ledger import Ledger, is_conditional
from app.exchange.paper.rules import RuleBook
from app.messages.commands import AcceptSignal
from app.messages.effects import LoadMarket
from app.messages.records import EventRecord, SignalRecord
from app.messages.snapshots import GroupSnapshot, ReconcileReport
from app.persistence.database import open_database
from app.ports.store import Store
from app.ports.tag import TagKeeper
from app.replay.webhooks import body_of
from tests.support.markets import BINANCE, Place
from tests.support.venues.server import Asked

D = Decimal
ACCOUNT = "perp"
SOL = "SOL/USDT:USDT"
LINK = "LINK/USDT:USDT"
PATIENCE_SEC = 60.0
ORDER, ALGO_ORDER = "/fapi/v1/order", "/fapi/v1/algoOrder"
PLACINGS = frozenset({ORDER, ALGO_ORDER, "/fapi/v1/batchOrders"})
QUICK: Mapping[str, Any] = {
    "accounts": [{"id": ACCOUNT}],
    "order": {"timeout_sec": 5, "unknown_grace_sec": 0.5},
    "protection": {"monitor_interval_sec": 1, "grace_sec": 5},
    "reconcile": {"confirm_after_sec": 0.3},
    "risk": {"cooldown_sec": 0},
}
"""One account, and the pauses that a test would have to wait for."""
HASTY: dict[str, Any] = {"order": {"timeout_sec": 1}}
"""For tests in which an answer never comes: an order's outcome is unknown after a second."""


def grid(*levels: tuple[str, str, str], stop: str | None = "5", **settings: Any) -> dict[str, Any]:
    """A grid of (gap, weight, take-profit) percents, leg 0 at market, with a stop `stop` percent off the average."""
    rungs = [
        {"gap_percent": gap, "weight_percent": weight, "tp_percent": target}
        for gap, weight, target in levels or (("0", "100", "2"),)
    ]
    stop_loss = {} if stop is None else {"stop_loss": {"mode": "percent", "percent": stop}}
    return {"grid": {"default": {"levels": rungs, **stop_loss, **settings}}}


class Requests(list[Asked]):
    """What was asked of the fake, telling of each request that comes; `at` is when, in seconds."""

    def __init__(self, tell: Callable[[], None], seconds: Callable[[], float]) -> None:
        super().__init__()
        self.at: list[float] = []
        self._tell = tell
        self._seconds = seconds

    def append(self, item: Asked) -> None:
        super().append(item)
        self.at.append(self._seconds())
        self._tell()


class Trading:
    """As a context: a venue with SOL at 200 and LINK at 20, and an engine that trades on it as the account `perp`.

    `place` is the venue and market, Binance USD-M unless said otherwise. `config` is laid over `QUICK`, `account` is
    the fake's own.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        place: Place = BINANCE,
        account: AccountConfig | None = None,
        store: Store | None = None,
        clock: LoopClock | None = None,
        environment: Environment = Environment.LIVE,
        tag_keeper: TagKeeper | None = None,
    ) -> None:
        own = {"accounts": [{"id": ACCOUNT, "market_type": place.dialect.market_type.value}]}
        self.place = place
        self.environment = environment
        self.tag_keeper = tag_keeper
        self.symbol, self.other = place.symbol("SOL"), place.symbol("LINK")
        self.config = parse_config(deep_merged({**QUICK, **own}, dict(config or grid())))
        self.clock = clock or system_clock()
        rules = (place.rules("SOL"), place.rules("LINK"))
        board = PriceBoard(self.clock, RuleBook({rule.symbol: rule for rule in rules}))
        board.open(self.symbol, D(200))
        board.open(self.other, D(20))
        self.fake = place.fake(board, self.clock, account)
        self.began: dict[str, Decimal] = dict(self.fake.book.ledger.balances)
        """What the fake's wallet held at first, by asset."""
        self.store = store or open_database(None).store
        self.host = Host(place.dialect.budgets, self.clock)
        self.events: list[EventRecord] = []
        self._moved = asyncio.Event()
        self.requests = Requests(self._moved.set, self.clock.monotonic)
        self.fake.requests = self.requests
        self.engine: Engine
        self.venue: CcxtVenue

    async def __aenter__(self) -> Trading:
        await self.fake.start()
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.stop(0)
        await self.fake.stop()

    # ------------------------------------------------------------------ life

    async def start(self, *, ready: bool = True) -> None:
        """An engine over what is stored; with `ready` wait until it has read the account and knows the markets."""
        access = Access(
            **self.place.keys,
            environment=self.environment,
            base_url=self.fake.url,
            timeout_sec=self.config.order.timeout_sec + 1,
        )
        self.venue = CcxtVenue(ACCOUNT, self.place.dialect, access, self.clock, self.host)
        self.engine = Engine(
            self.config,
            self.store,
            {ACCOUNT: self.venue},
            self.clock,
            RandomIds(),
            lambda: 0.0,
            record_reader(lambda _: None),
            tag_keeper=self.tag_keeper,
        )
        self.engine.subscribe(self._note)
        await self.engine.open()
        await self.engine.start()
        if ready:
            for symbol in (self.symbol, self.other):
                self.engine.load_market(LoadMarket(ACCOUNT, symbol, None))
            await self.until(lambda: self.engine.state.accounts[ACCOUNT].ready and self._knows_markets())

    def _knows_markets(self) -> bool:
        return all(self.engine.state.quote(ACCOUNT, symbol) is not None for symbol in (self.symbol, self.other))

    async def crash(self) -> None:
        """End the engine at once, its connections with it; nothing is written."""
        self.engine.kill()
        await self.venue.close()

    async def restart(self, *, ready: bool = True) -> None:
        await self.crash()
        await self.start(ready=ready)

    def _note(self, event: EventRecord) -> None:
        self.events.append(event)
        self._moved.set()

    # ------------------------------------------------------------------ what happens

    async def signal(
        self, action: str = "buy", *, symbol: str | None = None, price: str = "200", **more: Any
    ) -> SignalRecord:
        """Post a signal as the webhook would; what became of it. The size is 1000 USDT unless said otherwise."""
        ticker = symbol or self.place.ticker("SOL")
        short = {"action": action, "symbol": ticker, "price": D(price), "size": D(1000), "size_type": "quote", **more}
        body = body_of(short, self.clock.now())
        command = AcceptSignal(
            received_at=self.clock.now(),
            source="test",
            payload=stored_payload(body),
            content_key=content_key(stored_payload(body)),
            signal=validate(body),
            errors=(),
        )
        answer = await self.engine.ask(command)
        record = self.engine.recent_signal(answer.signal_id)
        assert record is not None
        return record

    async def exit(
        self, *, symbol: str | None = None, price: str = "200", action: str = "sell", **more: Any
    ) -> SignalRecord:
        return await self.signal(action, symbol=symbol, price=price, intent="exit", size=D(0), **more)

    def price(self, price: str, symbol: str | None = None) -> None:
        self.fake.set_price(symbol or self.symbol, D(price))

    def delist(self, symbol: str) -> None:
        """The venue settles what is held of a market, and forgets it."""
        book = self.fake.book
        book.act(lambda: book.core.cancel_by_hand(lambda order: order.symbol == symbol, self.clock.now()))
        book.act(lambda: book.core.close_by_hand(symbol, None, self.clock.now()))
        book.trades[:] = [trade for trade in book.trades if trade.fill.symbol != symbol]
        del book.ledger.rules[symbol]

    async def enter(self, **signal: Any) -> GroupSnapshot:
        """A signal, and the wait until its position is whole at the venue, known here, and protected."""
        await self.signal(**signal)
        return await self.protected()

    async def protected(self) -> GroupSnapshot:
        await self.until(lambda: len(self.groups()) == 1 and self._is_protected(self.groups()[0]))
        return self.group

    def _is_protected(self, group: GroupSnapshot) -> bool:
        resting = {order.role for order in group.orders if order.status == "open"}
        return group.open_quantity > 0 and {"stop_loss", "take_profit"} <= resting

    async def flat(self, symbol: str | None = None) -> None:
        """Wait until no group is open, and nothing at the venue."""
        await self.until(lambda: not self.groups() and self.is_flat(symbol) and not self.resting())

    async def reconcile(self) -> ReconcileReport:
        return await self.engine.reconcile()

    # ------------------------------------------------------------------ waiting

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE_SEC) -> None:
        """Look again whenever the engine tells something or the venue is asked; AssertionError after `seconds`.

        A turn may change the state without an event, so it also looks twenty times a second.
        """
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._moved.clear()
                    look = self.clock.call_later(0.05, self._moved.set)
                    await self._moved.wait()
                    look.cancel()
        except TimeoutError:
            raise AssertionError(f"it did not come within {seconds:g} s; {self._told()}") from None

    def _told(self) -> str:
        last = [f"{event.type} {dict(event.data)}" for event in self.events[-12:]]
        asked = [(item.method, item.path, item.status, item.code) for item in self.requests[-12:]]
        return f"last events {last}; last requests {asked}"

    def seen(self, event_type: str, **data: object) -> list[EventRecord]:
        """The events of a type whose data has these entries."""
        return [
            event
            for event in self.events
            if event.type == event_type and all(event.data.get(name) == value for name, value in data.items())
        ]

    def alerts(self, severity: str) -> list[str]:
        """What the trader was told."""
        return [str(event.data["detail"]) for event in self.seen("alert.raised", severity=severity)]

    # ------------------------------------------------------------------ how it stands

    def groups(self) -> list[GroupSnapshot]:
        return list(self.engine.open_groups())

    @property
    def group(self) -> GroupSnapshot:
        """The only one that is open."""
        (group,) = self.groups()
        return group

    @property
    def last(self) -> GroupSnapshot:
        """The newest of all groups, closed ones too."""
        return self.engine.all_groups()[-1]

    def held(self, symbol: str | None = None, side: Side = Side.LONG) -> Decimal:
        """What the venue holds, on spot what has come to the coins that were there at first."""
        ledger: Ledger = self.fake.book.ledger
        symbol = symbol or self.symbol
        if self.place.is_spot:
            return self.gained(ledger.rules[symbol].base) if side is Side.LONG else ZERO
        position = ledger.positions.get((symbol, side))
        return D(0) if position is None else position.quantity

    def is_flat(self, symbol: str | None = None) -> bool:
        """Whether the venue holds nothing, or on spot less than it would take as an order."""
        ledger: Ledger = self.fake.book.ledger
        symbol = symbol or self.symbol
        held = self.held(symbol)
        if not self.place.is_spot or held <= 0:
            return held == 0
        return not ledger.rules[symbol].meets_minimum(ledger.quotes[symbol].last, held)

    def gained(self, asset: str) -> Decimal:
        """How the fake's wallet has changed since the beginning."""
        ledger: Ledger = self.fake.book.ledger
        return ledger.balances.get(asset, ZERO) - self.began.get(asset, ZERO)

    async def until_held(self, quantity: int) -> None:
        await self.until(lambda: self.held() == quantity)

    async def until_quoted(self, price: Decimal) -> None:
        await self.until(lambda: self.quoted() == price)

    def quoted(self, symbol: str | None = None) -> Decimal | None:
        """The engine's last price."""
        quote = self.engine.state.quote(ACCOUNT, symbol or self.symbol)
        return None if quote is None else quote.last

    def resting(self) -> list[Any]:
        """The venue's live orders, conditional ones too."""
        return [order for order in self.fake.book.ledger.orders.values() if order.is_live]

    def stops(self) -> list[Any]:
        """The venue's live conditional orders."""
        return [order for order in self.resting() if is_conditional(order.type)]

    def placed(self, role: OrderRole | None = None) -> list[Mapping[str, str]]:
        """Requests that would place an order alone, by the role that its id tells."""
        asked = [item.params for item in self.requests if item.method == "POST" and item.path in PLACINGS]
        return [params for params in asked if role is None or role_of(params) is role]

    def codes(self) -> list[int]:
        """What the venue refused with, in order."""
        return [item.code for item in self.requests if item.code is not None]

    def orders(self, role: OrderRole) -> list[Order]:
        """The engine's orders of a role, oldest first."""
        return [order for order in self.engine.state.orders.values() if order.role is role]


def role_of(params: Mapping[str, str]) -> OrderRole | None:
    """The role of the order that a request places, None for a batch or somebody else's."""
    own_id = params.get("newClientOrderId") or params.get("clientAlgoId") or ""
    address = client_order_id.decode(own_id)
    return None if address is None else address.role
