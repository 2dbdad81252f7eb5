"""Carries out effects through the venues; every answer goes back into the mailbox as a report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import structlog

from app.base.clock import Clock
from app.base.errors import AppError, LimitsUsedUp, OperatorActionNeeded, Retryable
from app.base.waiting import within
from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.values import MarketType, OrderRole, Side
from app.engine.inbox import (
    AmendAnswered,
    CancelAnswered,
    GroupLoaded,
    LeverageSet,
    LookUpAnswered,
    OrdersSent,
    SubmitAnswered,
)
from app.engine.leverage import runs_otherwise
from app.engine.markets import fetched
from app.engine.state import EngineState, MarketKey
from app.messages.effects import (
    AmendOrder,
    CancelForeign,
    CancelOrder,
    Effect,
    LoadGroup,
    LoadMarket,
    LookUpOrder,
    Reconcile,
    SubmitOrders,
)
from app.messages.reports import (
    AmendOutcome,
    CancelOutcome,
    LookUpOutcome,
    NotSent,
    OutcomeUnknown,
    RefusalCode,
    Refused,
    SubmitOutcome,
)
from app.ports.meter import Meter, Stage
from app.ports.store import Store
from app.ports.venue import OrderRef, OrderRequest, Venue

log = structlog.get_logger("order")
Answer = TypeVar("Answer")


class Post(Protocol):
    """Puts a message into the mailbox; a lazy one waits for the next that is not, a prompt one is not held back."""

    def __call__(self, message: object, *, lazy: bool = False, prompt: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What was set of a market, and the groups that were open in it then."""

    leverage: Decimal
    margin_mode: str
    groups: frozenset[str]


class Submitter:
    """One task a request. It decides nothing: what to do about an answer is the handlers' business."""

    def __init__(
        self,
        venues: Mapping[str, Venue],
        state: EngineState,
        store: Store,
        clock: Clock,
        post: Post,
        read_account: Callable[[str, float], None],
        meter: Meter,
    ) -> None:
        self._venues = venues
        self._state = state
        self._store = store
        self._clock = clock
        self._post = post
        self._read_account = read_account
        self._meter = meter
        self._tasks: set[asyncio.Task[None]] = set()
        self._settings: dict[MarketKey, Setting] = {}
        self._loading: set[tuple[str, str]] = set()
        self.waited: set[str] = set()
        """Signals that waited in the queue: what they took until they were sent is not the program's doing."""

    def perform(self, effect: Effect) -> None:
        """Start carrying out an effect whose turn is on disk."""
        match effect:
            case SubmitOrders():
                self._spawn(self._submit(effect))
            case CancelOrder(account, order_id):
                self._request("cancel", order_id, self._cancel(account, order_id))
            case AmendOrder(account, order_id):
                self._request("amend", order_id, self._amend(account, order_id))
            case LookUpOrder(account, order_id):
                self._request("look_up", order_id, self._look_up(account, order_id))
            case CancelForeign():
                self._spawn(self._cancel_foreign(effect))
            case LoadMarket():
                self._load_market(effect)
            case LoadGroup(group_id):
                self._spawn(self._load_group(group_id))
            case Reconcile(account, delay):
                self._read_account(account, delay)

    def note_waited(self, signal_ids: Iterable[str]) -> None:
        """Signals left the queue; those that were sent long ago are forgotten."""
        known = self._state.recent_signals
        self.waited = {signal_id for signal_id in (*self.waited, *signal_ids) if signal_id in known}

    def kill(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    @property
    def is_sending(self) -> bool:
        """Whether any request has not been answered."""
        return bool(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an effect broke", error=repr(error))

    def _request(self, kind: str, order_id: str, work: Coroutine[Any, Any, None]) -> None:
        """At most one request of a kind is under way for an order."""
        if (kind, order_id) in self._state.in_flight:
            work.close()
            return
        self._state.in_flight.add((kind, order_id))
        self._spawn(work)

    # ------------------------------------------------------------------ submitting

    async def _submit(self, effect: SubmitOrders) -> None:
        found = (self._state.orders.get(order_id) for order_id in effect.client_order_ids)
        orders = [order for order in found if order is not None and order.status is OrderStatus.PENDING]
        if not orders:
            return
        venue = self._venues.get(effect.account)
        if venue is None:
            self._answer(orders, [NotSent(f"{effect.account} is not connected")] * len(orders))
            return
        try:
            await self._carry_out(venue, orders, leverage_is_set=effect.leverage_is_set)
        except Exception as error:
            log.exception("sending orders broke")
            self._answer(orders, [OutcomeUnknown(f"the sending broke: {error!r}")] * len(orders))

    async def _carry_out(self, venue: Venue, orders: list[Order], *, leverage_is_set: bool) -> None:
        entries = [order for order in orders if order.role is OrderRole.ENTRY]
        is_ready = leverage_is_set or not entries
        if is_ready or self._is_leverage_known(venue, self._state.groups[entries[0].group_id]):
            await self._send(venue, orders)
            return
        exits = [order for order in orders if order.role is not OrderRole.ENTRY]
        await asyncio.gather(*([self._send(venue, exits)] if exits else []), self._prepare(venue, entries))

    async def _prepare(self, venue: Venue, entries: list[Order]) -> None:
        """Tell of one group's entries once their leverage is as it should be; where it cannot be, that is their answer.

        They are not sent from here: meanwhile they may have been forbidden.
        """
        refused = await self._set_leverage(venue, self._state.groups[entries[0].group_id])
        if refused is None:
            self._post(LeverageSet(entries[0].account, tuple(order.client_order_id for order in entries)), prompt=True)
        else:
            self._answer(entries, [refused] * len(entries))

    async def _send(self, venue: Venue, orders: list[Order]) -> None:
        self._post(OrdersSent(tuple(order.client_order_id for order in orders)), lazy=True)
        pairs = _pairs_in(orders)
        paired = {order.client_order_id for pair in pairs for order in pair}
        alone = [order for order in orders if order.client_order_id not in paired]
        work = [self._create_pair(venue, *pair) for pair in pairs]
        if len(alone) > 1 and venue.capabilities.batch_orders:
            work.append(self._create_batch(venue, alone))
        else:
            work.extend(self._create_one(venue, order) for order in alone)
        await (work[0] if len(work) == 1 else asyncio.gather(*work))

    def _is_leverage_known(self, venue: Venue, group: Group) -> bool:
        """Whether nothing need be asked before an entry: while nothing is open in a market, a person may change it."""
        if venue.capabilities.market_type is not MarketType.LINEAR:
            return True
        key = group.market_key
        known, here = self._settings.get(key), self._state.open_on.get(key, {})
        if known is None or known.groups.isdisjoint(here) or self._is_shared(*key) or runs_otherwise(self._state, key):
            return False
        return (known.leverage, known.margin_mode) == (group.leverage, group.margin_mode)

    async def _set_leverage(self, venue: Venue, group: Group) -> SubmitOutcome | None:
        """Before an entry; the outcome to give it where that fails."""
        try:
            await within(self._clock, self._timeout, self._have_leverage(venue, group))
        except (Retryable, TimeoutError) as error:
            is_tried = not isinstance(error, LimitsUsedUp)
            return NotSent(f"the leverage could not be set: {error}", tried=is_tried)
        except AppError as error:
            return Refused(RefusalCode.LEVERAGE, str(error))
        except Exception as error:
            log.exception("a venue call broke")
            return NotSent(f"the leverage could not be set, the call broke: {error!r}")
        return None

    async def _have_leverage(self, venue: Venue, group: Group) -> None:
        """Set it before the first entry, or where the market is the trader's own too, make sure each time that it is
        so: theirs is not changed, and may be changed by them."""
        key, wanted = group.market_key, (group.leverage, group.margin_mode)
        if not self._is_shared(*key):
            await venue.set_leverage(group.symbol, *wanted)
            self._settings[key] = Setting(*wanted, frozenset(self._state.open_on.get(key, ())))
            return
        self._settings.pop(key, None)
        leverage, mode = await venue.leverage(group.symbol, group.side)
        if (leverage, mode) != wanted:
            raise OperatorActionNeeded(
                f"positions or orders that are not ours run in {group.symbol} at {leverage:f}x {mode}, "
                f"the entry wants {group.leverage:f}x {group.margin_mode}; it is not changed under them"
            )

    def _is_shared(self, account_id: str, symbol: str) -> bool:
        orders = self._state.accounts[account_id].external_orders
        held = any(self._state.external((account_id, symbol, side)) for side in Side)
        return held or any(order.symbol == symbol for order in orders)

    @property
    def _timeout(self) -> float:
        return self._state.config.order.timeout_sec

    async def _create_batch(self, venue: Venue, orders: list[Order]) -> None:
        requests = [self._order_request(order) for order in orders]
        answer = await self._timed(orders[0], self._asked(venue.create_orders(requests)))
        self._answer(orders, [answer] * len(orders) if isinstance(answer, OutcomeUnknown) else list(answer))

    async def _create_pair(self, venue: Venue, take_profit: Order, stop: Order) -> None:
        request = venue.create_oco(self._order_request(take_profit), self._order_request(stop))
        answer = await self._timed(stop, self._asked(request))
        self._answer([take_profit, stop], [answer] * 2 if isinstance(answer, OutcomeUnknown) else list(answer))

    async def _create_one(self, venue: Venue, order: Order) -> None:
        outcome = await self._timed(order, self._asked(venue.create_order(self._order_request(order))))
        self._post(SubmitAnswered(order.client_order_id, outcome))

    async def _timed(self, order: Order, request: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer to an order's request, with how long signal and venue took."""
        sent_at = self._clock.monotonic()
        received_at = self._received_at(order)
        if received_at is not None:
            self._meter.observe(Stage.SIGNAL_SENT, (self._clock.now() - received_at).total_seconds())
        answer = await request
        self._meter.observe(Stage.ORDER_ANSWERED, self._clock.monotonic() - sent_at)
        return answer

    def _received_at(self, order: Order) -> datetime | None:
        """When the signal of a pyramid's first leg came; None for every other order."""
        if order.role is not OrderRole.ENTRY or order.leg != 0 or order.attempt > 1 or order.pyramid is None:
            return None
        pyramid = self._state.groups[order.group_id].pyramids[order.pyramid]
        record = self._state.recent_signals.get(pyramid.signal_id)
        if record is None or pyramid.signal_id in self.waited:
            return None
        return record.received_at

    async def _asked(self, request: Coroutine[Any, Any, Answer]) -> Answer | OutcomeUnknown:
        """The venue's answer. Whatever else comes of a request, it may have left: its outcome is unknown."""
        try:
            return await within(self._clock, self._timeout, request)
        except TimeoutError:
            return OutcomeUnknown(f"no answer within {self._timeout:g} s")
        except Exception as error:
            log.exception("a venue call broke")
            return OutcomeUnknown(f"the call broke: {error!r}")

    def _answer(self, orders: list[Order], outcomes: list[SubmitOutcome]) -> None:
        for order, outcome in zip(orders, outcomes, strict=True):
            self._post(SubmitAnswered(order.client_order_id, outcome))

    def _order_request(self, order: Order) -> OrderRequest:
        group = self._state.groups[order.group_id]
        return OrderRequest(
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            position_side=Side(group.side),
            type=order.type,
            quantity=order.quantity,
            price=order.price,
            trigger_price=order.trigger_price,
            reduce_only=order.reduce_only,
            time_in_force=order.time_in_force,
        )

    # ------------------------------------------------------------------ the rest

    def _ref(self, order_id: str) -> OrderRef:
        order = self._state.orders[order_id]
        is_exit = order.role is not OrderRole.ENTRY
        return OrderRef(order_id, order.venue_order_id, order.symbol, order.type, is_exit)

    async def _cancel(self, account: str, order_id: str) -> None:
        self._post(CancelAnswered(order_id, await self._asked(self._cancelled(account, order_id))))

    async def _cancelled(self, account: str, order_id: str) -> CancelOutcome:
        return await self._venues[account].cancel_order(self._ref(order_id))

    async def _amend(self, account: str, order_id: str) -> None:
        self._post(AmendAnswered(order_id, await self._asked(self._amended(account, order_id))))

    async def _amended(self, account: str, order_id: str) -> AmendOutcome:
        order = self._state.orders[order_id]
        if order.amend_quantity is None:
            return NotSent("the amendment is no longer wanted")
        return await self._venues[account].amend_order(self._ref(order_id), order.amend_quantity, order.amend_price)

    async def _look_up(self, account: str, order_id: str) -> None:
        self._post(LookUpAnswered(order_id, await self._asked(self._looked_up(account, order_id))))

    async def _looked_up(self, account: str, order_id: str) -> LookUpOutcome:
        return await self._venues[account].look_up(self._ref(order_id))

    async def _cancel_foreign(self, effect: CancelForeign) -> None:
        ref = OrderRef(effect.client_order_id, effect.venue_order_id, effect.symbol, effect.type)
        answer = await self._asked(self._venues[effect.account].cancel_order(ref))
        if isinstance(answer, OutcomeUnknown):
            log.info("an orphan order may not be cancelled", order=effect.client_order_id, reason=answer.detail)

    def _load_market(self, effect: LoadMarket) -> None:
        key = (effect.account, effect.symbol)
        if key not in self._loading:
            self._loading.add(key)
            self._spawn(self._fetch_market(effect))

    async def _fetch_market(self, effect: LoadMarket) -> None:
        try:
            self._post(await fetched(self._venues, self._clock, effect))
        finally:
            self._loading.discard((effect.account, effect.symbol))

    def forget(self, account: str) -> None:
        """Its markets' leverage is set anew before the next entry."""
        for key in [key for key in self._settings if key[0] == account]:
            del self._settings[key]

    async def _load_group(self, group_id: str) -> None:
        self._post(GroupLoaded(group_id, await self._store.load_group(group_id)))


def _pairs_in(orders: list[Order]) -> list[tuple[Order, Order]]:
    """(take-profit, stop) of every pair that goes whole."""
    stops = {order.client_order_id: order for order in orders if order.role is OrderRole.STOP_LOSS}
    profits = [order for order in orders if order.role is OrderRole.TAKE_PROFIT]
    return [(order, stops[order.paired_with]) for order in profits if order.paired_with in stops]
