"""Requests that place, change and cancel orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.base.clock import Clock
from app.domain.order import OrderStatus
from app.domain.values import ZERO, OrderType, PositionMode, TimeInForce
from app.exchange.ccxt import mapping
from app.exchange.ccxt.asking import batches, order_arguments, priority_of, reference
from app.exchange.ccxt.dialects.base import CONDITIONAL_TYPES, Operation, spelled
from app.exchange.ccxt.errors import batch_refusal, row_detail, row_verdict, verdict
from app.exchange.ccxt.known import LIVE, Known
from app.exchange.ccxt.limits import Priority
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.oco import create_pair
from app.exchange.ccxt.poller import Poller
from app.exchange.ccxt.reads import Reader
from app.exchange.ccxt.session import RequestFailed, Session
from app.exchange.ccxt.verdicts import Kind
from app.messages.reports import (
    Accepted,
    AmendOutcome,
    CancelOutcome,
    Found,
    LookUpOutcome,
    NotFound,
    NotSent,
    OrderReport,
    OutcomeUnknown,
    RefusalCode,
    Refused,
    SubmitOutcome,
)
from app.ports.venue import OrderRef, OrderRequest


class Ordering:
    """Each answers with what became of the order; none of them raises for what a venue says."""

    def __init__(
        self,
        account: str,
        session: Session,
        clock: Clock,
        known: Known,
        reader: Reader,
        poller: Poller,
        mode: Callable[[str], PositionMode],
    ) -> None:
        self._account = account
        self._session = session
        self._dialect = session.dialect
        self._clock = clock
        self._known = known
        self._reader = reader
        self._poller = poller
        self._mode = mode

    async def create_orders(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        outcomes: dict[str, SubmitOutcome] = {}
        fitting = []
        for request in requests:
            off = self._off_rules(request)
            if off is None:
                fitting.append(request)
            else:
                outcomes[request.client_order_id] = off
        groups = batches(fitting, self._dialect)
        if len(groups) == 1:
            answers = [await self._create_group(groups[0])]
        else:
            answers = await asyncio.gather(*(self._create_group(group) for group in groups))
        for group, told in zip(groups, answers, strict=True):
            outcomes |= {request.client_order_id: each for request, each in zip(group, told, strict=True)}
        return [outcomes[request.client_order_id] for request in requests]

    def _off_rules(self, request: OrderRequest) -> Refused | None:
        """ccxt would round what is off the market's steps, and send something else than was decided."""
        rules = self._known.rules.get(request.symbol)
        if rules is None:
            return None
        tick = rules.tick_size
        if (
            request.quantity % rules.step_size
            or (request.price or ZERO) % tick
            or (request.trigger_price or ZERO) % tick
        ):
            return Refused(RefusalCode.PRECISION, "a quantity or price is off the market's steps; it was not sent")
        return None

    async def _create_group(self, group: list[OrderRequest]) -> list[SubmitOutcome]:
        return [await self._create_one(group[0])] if len(group) == 1 else await self._create_batch(group)

    async def create_order(self, request: OrderRequest) -> SubmitOutcome:
        return self._off_rules(request) or await self._create_one(request)

    async def _create_one(self, request: OrderRequest) -> SubmitOutcome:
        arguments = order_arguments(request, self._dialect, self._mode(request.symbol))
        self._known.touch(request.symbol)
        try:
            told = await self._session.call(
                Operation.CREATE, priority_of(request), lambda api: self._dialect.create(api, arguments), orders=1
            )
        except RequestFailed as failed:
            return self._session.outcome(failed.failure)
        accepted = self._accepted(told, request)
        is_told = self._dialect.has_private_stream and not self._dialect.answers_with_id_only
        return accepted if is_told else await self._followed(accepted, request)

    async def _followed(self, accepted: SubmitOutcome, request: OrderRequest) -> SubmitOutcome:
        """What became of an order that is over at once; told as if a stream did, where there is none."""
        is_short = request.type is OrderType.MARKET or request.time_in_force is TimeInForce.IOC
        if not isinstance(accepted, Accepted) or not (is_short or accepted.order.filled):
            return accepted
        ref = OrderRef(request.client_order_id, accepted.order.venue_order_id, request.symbol, request.type)
        now = await self._look_up(ref)
        if not isinstance(now, Found) or _lacks_fills(now.order):
            # Remembered as if untouched, so that the next look tells what has become of it.
            untouched = replace(accepted.order, status=OrderStatus.OPEN, filled=ZERO)
            self._known.live[request.client_order_id] = untouched
            return accepted
        if not self._dialect.has_private_stream:
            self._poller.tell(now.order)
        return Accepted(now.order)

    async def _create_batch(self, group: list[OrderRequest]) -> list[SubmitOutcome]:
        arguments = [order_arguments(request, self._dialect, self._mode(request.symbol)) for request in group]
        for symbol in {request.symbol for request in group}:
            self._known.touch(symbol)
        try:
            told = await self._session.call(
                Operation.CREATE_BATCH,
                priority_of(group[0]),
                lambda api: self._dialect.create_batch(api, arguments),
                orders=len(group),
            )
        except RequestFailed as failed:
            return [self._session.outcome(failed.failure) for _ in group]
        if len(told) != len(group):
            return [OutcomeUnknown("the exchange answered for another number of orders") for _ in group]
        return [self._batch_outcome(order, request) for order, request in zip(told, group, strict=True)]

    def _batch_outcome(self, order: Raw, request: OrderRequest) -> SubmitOutcome:
        info = mapping.info_of(order)
        refused = batch_refusal(info, self._dialect.codes)
        if refused is None:
            return self._accepted(order, request)
        meaning = row_verdict(info, self._dialect.codes)
        if meaning is not None:
            self._session.note(meaning.kind, row_detail(info))
        return refused

    def _accepted(self, order: Raw, request: OrderRequest) -> SubmitOutcome:
        try:
            now, ahead = self._clock.now(), self._session.ahead
            report = mapping.order_report(order, self._account, now, asked=request, ahead=ahead)
        except mapping.Unreadable as error:
            return OutcomeUnknown(str(error))
        self._known.learn(report, order)
        return Accepted(report)

    async def create_oco(self, take_profit: OrderRequest, stop: OrderRequest) -> tuple[SubmitOutcome, SubmitOutcome]:
        off = self._off_rules(take_profit) or self._off_rules(stop)
        if off is not None:
            return off, off
        self._known.touch(stop.symbol)
        told = await create_pair(self._session, take_profit, stop)
        if isinstance(told, tuple):
            return self._accepted(told[0], take_profit), self._accepted(told[1], stop)
        return told, told

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        found_by, params = reference(order, self._dialect)
        try:
            await self._session.call(
                Operation.CANCEL, Priority.EXIT, lambda api: api.cancel_order(found_by, order.symbol, params), orders=1
            )
        except RequestFailed as failed:
            return self._session.outcome(failed.failure)
        return await self._as_it_stands(order)

    async def amend_order(self, order: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        now = await self._look_up(order)
        if isinstance(now, NotFound) or (isinstance(now, Found) and now.order.status not in LIVE):
            return Refused(RefusalCode.NOT_FOUND, "the exchange has no such live order")
        if not isinstance(now, Found):
            return NotSent(now.detail)
        if order.type not in self._dialect.amend_types:
            return Refused(RefusalCode.INVALID_ORDER, "the exchange cannot amend such an order")
        try:
            await self._amend(order, now.order, quantity, price)
        except RequestFailed as failed:
            if verdict(failed.failure, self._dialect.codes).kind is not Kind.NO_CHANGE:
                return self._session.outcome(failed.failure)
        return await self._as_it_stands(order)

    async def _amend(self, order: OrderRef, now: OrderReport, quantity: Decimal, price: Decimal | None) -> None:
        params: dict[str, Any] = {self._dialect.client_id_create: order.client_order_id}
        wanted = price or now.price
        if order.type in CONDITIONAL_TYPES:
            wanted = None
            params |= {} if price is None else {"triggerPrice": spelled(price)}
        arguments = {
            "id": now.venue_order_id if self._dialect.id_beside_client_id else None,
            "symbol": order.symbol,
            "type": "limit" if wanted is not None else "market",
            "side": now.side.value,
            "amount": spelled(quantity),
            "price": None if wanted is None else spelled(wanted),
            "params": params,
        }
        priority = Priority.EXIT if order.is_exit or now.reduce_only else Priority.ENTRY
        await self._session.call(Operation.AMEND, priority, lambda api: api.edit_order(**arguments), orders=1)

    async def _as_it_stands(self, order: OrderRef) -> Accepted | OutcomeUnknown:
        """After a change that was taken: answers to changes tell too little of the order."""
        now = await self._look_up(order)
        if isinstance(now, Found):
            if not self._dialect.has_private_stream:
                self._poller.tell(now.order)
            return Accepted(now.order)
        return OutcomeUnknown("taken, but the order could not be read back")

    async def _look_up(self, order: OrderRef) -> LookUpOutcome:
        return await self._reader.look_up(order, Priority.EXIT)


def _lacks_fills(order: OrderReport) -> bool:
    """Whether the list of trades lags behind the order, or could not be read."""
    return sum((fill.quantity for fill in order.fills), ZERO) < order.filled
