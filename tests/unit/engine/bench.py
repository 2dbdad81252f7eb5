"""The real handlers over one group, with a venue that answers each request as a test says, on a clock it moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from app.base.config import parse_config
from app.domain.client_order_id import Namespace
from app.domain.group import Group
from app.domain.market import MarketRules, Quote
from app.domain.order import Order, OrderStatus
from app.domain.values import Liquidity, OrderRole, OrderType
from app.engine.defects import Defects
from app.engine.dispatch import TOLD_TOGETHER, Dispatcher
from app.engine.inbox import AmendAnswered, CancelAnswered, LookUpAnswered, MarketLoaded, SubmitAnswered, TimerDue
from app.engine.indexing import index_group
from app.engine.state import AccountState, EngineState, Market
from app.engine.turn import Turn
from app.engine.unheard import doubt
from app.messages.effects import AmendOrder, CancelOrder, Effect, LookUpOrder, SubmitOrders
from app.messages.records import EventRecord, SignalRecord
from app.messages.reports import Accepted, FillReport, Found, MarketReport, OrderReport
from tests.support.examples import NOON
from tests.support.strategies import rules_of
from tests.unit.engine.test_reconciling import CAN, Ids

D = Decimal
RULES = rules_of("0.1", "0.001")
TOO_MANY = 200
_KINDS: dict[type, str] = {AmendOrder: "amend", CancelOrder: "cancel", LookUpOrder: "look_up"}
"""At most one request of these is under way for an order."""


class Bench:
    """Whatever `answers` has no outcome for is accepted, a look-up finds the order open."""

    def __init__(self, group: Group, **config: Any) -> None:
        accounts = [{"id": group.account, "market_type": "linear"}]
        self.state = EngineState(parse_config({"accounts": accounts, **config}), recovered=True)
        can = replace(CAN, amend_types=frozenset({OrderType.STOP_MARKET}))
        self.state.accounts[group.account] = AccountState(group.account, can, connected=True, reconciled=True)
        self.now = NOON
        self.asked: list[tuple[datetime, Effect]] = []
        self.events: list[EventRecord] = []
        self.answers: dict[type[Effect], Any] = {}
        self._wakes: dict[str, datetime] = {}
        self._defects = Defects()
        self._dispatcher = Dispatcher(_no_records, self._defects)
        index_group(self.state, group, NOON)
        self._group_id = group.id
        self.quote("100")

    def quote(self, price: str, rules: MarketRules = RULES) -> None:
        key = (self.group.account, self.group.symbol)
        self.state.markets[key] = Market(rules, Quote.flat(D(price), self.now), self.now)

    def load(self, rules: MarketRules) -> None:
        report = MarketReport(rules, None)
        self.tell(MarketLoaded(self.group.account, self.group.symbol, report))

    # ------------------------------------------------------------------ what happens

    def fill(
        self, order: Order, price: str, fee: str = "0", fee_asset: str = "USDT", quantity: str | None = None
    ) -> None:
        """The whole order, or a quantity of it, at a price."""
        self.tell(
            FillReport(
                account=order.account, symbol=order.symbol, trade_id=f"t{order.number}",
                client_order_id=order.client_order_id, side=order.side, price=D(price),
                quantity=order.quantity if quantity is None else D(quantity), fee=D(fee), fee_asset=fee_asset,
                liquidity=Liquidity.TAKER, at=self.now,
            )
        )  # fmt: skip

    def care(self) -> None:
        self.tell(TimerDue(f"group/{self._group_id}"))

    def tell(self, message: Any) -> None:
        """Handle a message, and what the venue answers to all that follows from it."""
        messages = [message]
        while messages:
            messages.extend(answer for effect in self._turn(messages.pop(0)) for answer in self._answers_to(effect))
            assert len(self.asked) < TOO_MANY, "it asks and asks"

    def wait(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while self._wakes and min(self._wakes.values()) <= until:
            key, at = min(self._wakes.items(), key=lambda item: item[1])
            del self._wakes[key]
            self.now = max(self.now, at)
            self.tell(TimerDue(key))
        self.now = until

    def lose(self, message: Any) -> None:
        """Have a message come to nothing."""
        turn = self._new_turn()
        doubt(turn, message)
        self._end(turn)

    def _new_turn(self) -> Turn:
        return Turn(self.state, self.now, Ids(), lambda: 0.0, Namespace("ab", 1))

    def _turn(self, message: Any) -> list[Effect]:
        turn = self._new_turn()
        self._dispatcher(turn, message)
        if type(message) in TOLD_TOGETHER:
            self._dispatcher.settle(turn)
        assert self._defects.told == []
        return self._end(turn)

    def _end(self, turn: Turn) -> list[Effect]:
        turn.changes()
        turn.apply()
        for key, at in turn.ledger.wakes:
            self._wakes[key] = min(at, self._wakes.get(key, at))
        self.events.extend(turn.ledger.events)
        return turn.ledger.effects

    def _answers_to(self, effect: Effect) -> list[Any]:
        request = (_KINDS.get(type(effect), ""), getattr(effect, "client_order_id", ""))
        if request in self.state.in_flight:
            return []
        if request[0]:
            self.state.in_flight.add(request)
        self.asked.append((self.now, effect))
        outcome = self.answers.get(type(effect))
        match effect:
            case SubmitOrders(_, order_ids):
                return [SubmitAnswered(order_id, outcome or self._open(order_id)) for order_id in order_ids]
            case AmendOrder(_, order_id):
                return [AmendAnswered(order_id, outcome or self._open(order_id))]
            case CancelOrder(_, order_id):
                return [CancelAnswered(order_id, outcome or Accepted(self.report(order_id, OrderStatus.CANCELLED)))]
            case LookUpOrder(_, order_id):
                return [LookUpAnswered(order_id, outcome or Found(self.report(order_id)))]
            case _:
                return []

    def _open(self, order_id: str) -> Accepted:
        return Accepted(self.report(order_id))

    def report(self, order_id: str, status: OrderStatus = OrderStatus.OPEN) -> OrderReport:
        """The order as the venue has it, with what an amendment made of it."""
        order = self.state.orders[order_id]
        amended = order.amend_price or order.trigger_price
        return OrderReport(
            account=order.account, symbol=order.symbol, client_order_id=order_id, venue_order_id=f"v{order.number}",
            side=order.side, type=order.type, status=status, quantity=order.amend_quantity or order.quantity,
            filled=order.filled, average=None, price=order.price, trigger_price=amended,
            reduce_only=order.reduce_only, at=self.now,
        )  # fmt: skip

    # ------------------------------------------------------------------ how it stands

    @property
    def group(self) -> Group:
        return self.state.groups[self._group_id]

    def orders(self, role: OrderRole) -> list[Order]:
        return [order for order in self.state.orders.values() if order.role is role]

    def stop(self) -> Order:
        """The newest."""
        return self.orders(OrderRole.STOP_LOSS)[-1]

    def asked_at(self, kind: type[Effect], order: Order | None = None) -> list[float]:
        """Seconds after noon, of all requests of a kind or those about one order."""
        about = None if order is None else order.client_order_id
        asked = [item for item in self.asked if isinstance(item[1], kind)]
        return [
            (at - NOON).total_seconds()
            for at, effect in asked
            if about in {None, getattr(effect, "client_order_id", None)}
        ]

    def seen(self, *types: str) -> list[str]:
        return [event.type for event in self.events if event.type in types]

    def alerts(self, severity: str) -> list[str]:
        told = [event.data for event in self.events if event.type == "alert.raised"]
        return [str(data["detail"]) for data in told if data["severity"] == severity]


def _no_records(record: SignalRecord) -> Any:
    raise AssertionError(f"nothing waits in the queue, {record.id} is not read")


def gaps(moments: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(moments)]
