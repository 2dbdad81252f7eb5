"""One Binance account on the paper exchange's matching engine, with what the wire tells beyond its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.domain.values import ZERO, MarketType, Side
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.journal import Row
from app.exchange.paper.ledger import is_conditional
from app.ports.paper_store import PaperBalance, PaperFill, PaperFunding, PaperOrder, PaperPosition
from tests.support.venues.account import PaperAccount

T = TypeVar("T")
ORDER_IDS = 8_000_000_000
ALGO_IDS = 3_000_000_000
FIRST_LEVERAGE = Decimal(20)


@dataclass(frozen=True, slots=True)
class Extras:
    """What a client said of an order that the engine does not need."""

    time_in_force: str = "GTC"
    working_type: str = "CONTRACT_PRICE"
    close_position: bool = False


@dataclass(frozen=True, slots=True)
class Trade:
    fill: PaperFill
    realized: Decimal


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """An order as it was at a moment, what happened to it, and the trade where it was one."""

    what: str
    order: PaperOrder
    trade: Trade | None = None


@dataclass(frozen=True, slots=True)
class AlgoEvent:
    status: str
    order: PaperOrder


@dataclass(frozen=True, slots=True)
class ForcedEvent:
    """A close by the venue itself."""

    trade: Trade


@dataclass(frozen=True, slots=True)
class AccountEvent:
    reason: str
    positions: tuple[tuple[str, Side], ...]
    assets: Mapping[str, Decimal]
    """What changed of each."""


BookEvent = OrderEvent | AlgoEvent | ForcedEvent | AccountEvent


class Book(PaperAccount):
    """The account, with its `trades` as the wire tells them."""

    def __init__(
        self,
        config: AccountConfig,
        board: PriceBoard,
        clock: Clock,
        tell: Callable[[BookEvent], None],
        show: Callable[[str, Quote], None],
    ) -> None:
        super().__init__(MarketType(config.market_type), config, board, clock)
        self.trades: list[Trade] = []
        self.extras: dict[int, Extras] = {}
        self._tell = tell
        self._show = show
        self._known: dict[int, PaperOrder] = {}
        self.delisted_ms: dict[str, int] = {}
        """When a market is taken off the list, by symbol."""
        self.wallet = dict(self.ledger.balances)
        """Totals as they were told last."""
        self.open()

    def _listed(self, symbol: str) -> None:
        self.act(lambda: self.core.set_leverage(symbol, FIRST_LEVERAGE, "cross"))

    # ------------------------------------------------------------------ what is told

    def _priced(self, symbol: str, quote: Quote) -> None:
        self._show(symbol, quote)

    def _changed(self, rows: Iterable[Row]) -> None:
        for event in _Telling(self).of(rows):
            self._tell(event)

    def seen_before(self, order: PaperOrder) -> PaperOrder | None:
        """The order as it was told last; from now on it counts as told as given."""
        before = self._known.get(order.number)
        self._known[order.number] = order
        return before

    # ------------------------------------------------------------------ reading

    def extras_of(self, order: PaperOrder) -> Extras:
        return self.extras.get(order.number, Extras())

    def trades_of(self, symbol: str) -> list[Trade]:
        return [trade for trade in self.trades if trade.fill.symbol == symbol]

    def position_margin(self, position: PaperPosition) -> Decimal:
        symbol = position.symbol
        worth = self.ledger.notional(symbol, self.ledger.quotes[symbol].mark, position.quantity)
        return worth / self.ledger.leverage(symbol)[0]

    def order_margin(self, symbol: str, slot: str) -> Decimal:
        """Of the orders in the matching engine that do not only reduce; `slot` is BOTH, LONG or SHORT."""
        orders = (order for order in self.ledger.resting.get(symbol, {}).values() if not is_waiting(order))
        opening = (order for order in orders if not self._only_reduces(order))
        own = (order for order in opening if slot in {"BOTH", order.position_side.upper()})
        worth = sum((self.ledger.notional(symbol, order.price or ZERO, order.remaining) for order in own), ZERO)
        return worth / self.ledger.leverage(symbol)[0]

    def _only_reduces(self, order: PaperOrder) -> bool:
        return self.ledger.only_reduces(order.side, order.position_side, order.reduce_only)

    def regular(self) -> list[PaperOrder]:
        """Orders in the matching engine: no conditional one that waits for its trigger."""
        return [order for order in self.ledger.orders.values() if not is_waiting(order)]

    def conditional(self) -> list[PaperOrder]:
        return [order for order in self.ledger.orders.values() if is_conditional(order.type)]


def is_waiting(order: PaperOrder) -> bool:
    """Whether an order is, or ended, with the algo service alone."""
    return is_conditional(order.type) and not order.triggered


class _Telling:
    """Turns the rows of one change into what the user stream says, in Binance's order."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._events: list[BookEvent] = []
        self._fill: PaperFill | None = None
        self._wallet: dict[str, Decimal] = {}
        self._realized = ZERO
        self._touched: dict[tuple[str, Side], None] = {}
        self._first_trade: int | None = None
        self._reason = "ORDER"

    def of(self, rows: Iterable[Row]) -> list[BookEvent]:
        for row in rows:
            match row:
                case PaperOrder():
                    self._order(row)
                case PaperFill():
                    self._flush()
                    self._begin(row)
                case PaperPosition():
                    self._touched[row.symbol, row.side] = None
                case PaperBalance():
                    self._balance(row)
                case PaperFunding():
                    self._reason = "FUNDING_FEE"
                    self._touched[row.symbol, row.position_side] = None
        self._flush()
        self._account()
        return self._events

    def _begin(self, fill: PaperFill) -> None:
        self._fill = fill
        self._realized = fill.fee

    def _balance(self, row: PaperBalance) -> None:
        change = row.total - self._book.wallet.get(row.asset, ZERO)
        self._book.wallet[row.asset] = row.total
        self._wallet[row.asset] = self._wallet.get(row.asset, ZERO) + change
        self._realized += change

    def _trade(self) -> Trade | None:
        if self._fill is None:
            return None
        trade = Trade(self._fill, self._realized)
        self._book.trades.append(trade)
        if self._first_trade is None:
            self._first_trade = len(self._events)
        self._fill = None
        return trade

    def _flush(self) -> None:
        """A fill that no order explains is the venue's own."""
        trade = self._trade()
        if trade is not None:
            self._events.append(ForcedEvent(trade))

    def _order(self, order: PaperOrder) -> None:
        before = self._book.seen_before(order)
        trade = self._trade()
        if is_waiting(order):
            self._events.append(AlgoEvent(_algo_status(order), order))
            return
        if before is None or is_waiting(before):
            if is_conditional(order.type):
                self._events += [AlgoEvent("TRIGGERING", order), AlgoEvent("TRIGGERED", order)]
            fresh = replace(order, filled=ZERO, filled_value=ZERO)
            self._events.append(OrderEvent("NEW", fresh))
        what = _what(order, before, trade)
        if what is not None:
            self._events.append(OrderEvent(what, order, trade))
        if is_conditional(order.type) and not order.is_live:
            self._events.append(AlgoEvent("FINISHED", order))

    def _account(self) -> None:
        """Balances and positions come before the trades that moved them."""
        if not self._wallet and not self._touched:
            return
        at = len(self._events) if self._first_trade is None else self._first_trade
        self._events.insert(at, AccountEvent(self._reason, tuple(self._touched), dict(self._wallet)))


def _algo_status(order: PaperOrder) -> str:
    if order.is_live:
        return "NEW"
    return "CANCELED" if order.status == "cancelled" else "EXPIRED"


def _what(order: PaperOrder, before: PaperOrder | None, trade: Trade | None) -> str | None:
    if trade is not None:
        return "TRADE"
    match order.status:
        case "cancelled":
            return "CANCELED"
        case "expired":
            return "EXPIRED"
    if before is not None and (before.price, before.quantity) != (order.price, order.quantity):
        return "AMENDMENT"
    return None
