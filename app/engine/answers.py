"""Answers to requests: what became of sending, cancelling, amending and looking up an order."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.base.changing import changed
from app.domain.order import RESTING, Order, OrderStatus, may_become, refusal_reason
from app.domain.values import CloseReason, OrderRole
from app.engine.altered import judge_doubted
from app.engine.closing import begin_close
from app.engine.conditional import note_conditional_orders
from app.engine.differences import judge_unlisted
from app.engine.inbox import AmendAnswered, CancelAnswered, LookUpAnswered, OrdersSent, SubmitAnswered
from app.engine.mending import LOOK_UP_DELAYS
from app.engine.pairs import tell_refused_pair
from app.engine.reports import (
    MOST_BACKOFF_SEC,
    apply_report,
    end_leg,
    end_order,
    exit_retry_at,
    fits,
    mark_sent,
    tell_failing_exit,
)
from app.engine.turn import Turn
from app.messages.effects import LoadMarket, LookUpOrder, Reconcile
from app.messages.reports import Accepted, Found, NotFound, NotSent, OrderReport, OutcomeUnknown, RefusalCode, Refused

SEND_BACKOFF_SEC = 0.5
ASK_BACKOFF_SEC = 1.0
TRIES_OF_ONE_WAY = 3
"""So often an amendment, or a pair of exits, is tried before what it is for is done another way."""
_BY_RULES = frozenset({RefusalCode.PRECISION, RefusalCode.MIN_NOTIONAL})
"""Refused by rules of the market that may not be those that are known here."""


def in_doubt(order: Order, now: datetime) -> Order:
    """An order that was being sent or cancelled: only the venue knows. One that was being amended keeps what it may
    have become, until the account has been read and it is looked up."""
    if order.status in {OrderStatus.PENDING, OrderStatus.SUBMITTED}:
        return changed(order, status=OrderStatus.UNKNOWN, unknown_since=now, look_ups=0, retry_at=None)
    if order.status is OrderStatus.UNKNOWN:
        return changed(order, unknown_since=now, look_ups=0)
    if order.status is OrderStatus.PENDING_CANCEL:
        return changed(order, retry_at=None, unknown_since=None, look_ups=0)
    return order


def sent(turn: Turn, message: OrdersSent) -> None:
    for order_id in message.client_order_ids:
        order = turn.orders.get(order_id)
        if order is not None and order.status is OrderStatus.PENDING:
            turn.put_order(order.moved(OrderStatus.SUBMITTED, turn.now))
            mark_sent(turn, order)


def submit_answered(turn: Turn, message: SubmitAnswered) -> None:
    order = turn.orders.get(message.client_order_id)
    if order is None:
        return
    mark_sent(turn, order)
    _note_activity(turn, order, message.outcome)
    match message.outcome:
        case Accepted(report):
            apply_report(turn, report)
            if order.role is OrderRole.STOP_LOSS:
                turn.wake(f"stop/{order.client_order_id}", turn.now + timedelta(seconds=1))
        case Refused(RefusalCode.DUPLICATE_ID, detail):
            # the venue knows the id: an earlier request landed, so it is looked up and adopted (hazard 2)
            _become_unknown(turn, order, detail)
        case Refused(code, detail):
            _refused(turn, order, code, detail)
        case OutcomeUnknown(detail):
            _become_unknown(turn, order, detail)
        case NotSent() as not_sent:
            _not_sent(turn, order, not_sent)
    if not isinstance(message.outcome, Accepted):
        turn.touch(order.group_id)


def _note_activity(turn: Turn, order: Order, outcome: object) -> None:
    """An order that is at the venue, or may be, changes what a reading finds there; one that was refused does not."""
    account = turn.state.accounts.get(order.account)
    match outcome:
        case Accepted() | OutcomeUnknown() | Refused(RefusalCode.DUPLICATE_ID) if account is not None:
            account.note_activity(order.symbol)


def _refused(turn: Turn, order: Order, code: RefusalCode, detail: str) -> None:
    if not fits(order, OrderStatus.REJECTED):
        return
    refused = order.moved(OrderStatus.REJECTED, turn.now, refusal_reason(code, detail))
    rejected = changed(refused, retry_at=exit_retry_at(turn, refused))
    turn.emit("order.rejected", order=rejected, role=order.role, reason=code.value, detail=detail)
    group = turn.group(order.group_id)
    _reload_rules(turn, order, code)
    if order.role is OrderRole.ENTRY:
        turn.put_order(changed(rejected, retry_at=None))
        end_leg(turn, rejected)
        if not _was_told(turn, rejected):
            turn.alert("warning", f"an entry of {order.symbol} was refused: {detail}", group=group)
        return
    if order.paired_with is not None:
        # whichever of the two was at fault: the stop goes alone and at once, and its own answer is plain (ADR 4)
        turn.put_order(changed(rejected, retry_at=turn.now))
        tell_refused_pair(turn, rejected, detail)
        return
    tell_failing_exit(turn, order, detail)
    if code is RefusalCode.UNSUPPORTED and order.role is OrderRole.STOP_LOSS:
        note_conditional_orders(turn, order.account, detail)
    if code is RefusalCode.WOULD_TRIGGER and order.role is OrderRole.STOP_LOSS:
        begin_close(turn, group, CloseReason.STOP_LOSS)
    if code is RefusalCode.REDUCE_ONLY and order.attempt < turn.config.protection.max_attempts:
        # the position is gone or smaller than thought: read it, do not try again before (exchanges.md); a venue that
        # goes on refusing what is there is asked after every regular reading
        turn.effect(Reconcile(order.account, 0))
    if code is RefusalCode.REDUCE_ONLY or code in _BY_RULES:
        after_scan = turn.now + timedelta(seconds=turn.config.protection.monitor_interval_sec)
        rejected = changed(rejected, retry_at=max(after_scan, rejected.retry_at or after_scan))
    turn.put_order(rejected)


def _was_told(turn: Turn, refused: Order) -> bool:
    """Whether another leg of its pyramid was refused in the same words: once is enough to be told."""
    return any(
        other.client_order_id != refused.client_order_id
        and other.pyramid == refused.pyramid
        and (other.status, other.reason) == (refused.status, refused.reason)
        for other in turn.orders_of(refused.group_id)
    )


def _reload_rules(turn: Turn, order: Order, code: RefusalCode) -> None:
    if code in _BY_RULES:
        turn.effect(LoadMarket(order.account, order.symbol, order.expected_price or order.price, fresh=True))


def rules_loaded(turn: Turn, account: str, symbol: str) -> None:
    """Exits that the market's old rules had refused need not wait longer than any other."""
    for group in turn.groups_on(account, symbol):
        for order in turn.orders_of(group.id):
            if order.status is OrderStatus.REJECTED and order.retry_at is not None and _was_refused_by_rules(order):
                turn.put_order(changed(order, retry_at=min(order.retry_at, exit_retry_at(turn, order))))


def _was_refused_by_rules(order: Order) -> bool:
    return any(order.was_refused_for(code) for code in _BY_RULES)


def _become_unknown(turn: Turn, order: Order, detail: str) -> None:
    if not may_become(order.status, OrderStatus.UNKNOWN) or order.status is OrderStatus.UNKNOWN:
        return
    unknown = changed(order.moved(OrderStatus.UNKNOWN, turn.now, detail), unknown_since=turn.now, look_ups=0)
    turn.put_order(unknown)
    turn.emit("order.unknown", order=unknown, role=order.role, detail=detail)


def _not_sent(turn: Turn, order: Order, not_sent: NotSent) -> None:
    """It never left, so the same id may go again after a pause; an entry is tried only so often."""
    if order.status not in {OrderStatus.PENDING, OrderStatus.SUBMITTED}:
        return
    detail = not_sent.detail
    tries = order.look_ups + (not_sent.tried or order.role is not OrderRole.ENTRY)
    if order.role is OrderRole.ENTRY and tries >= turn.config.order.max_attempts:
        abandon_entry(turn, order, f"{detail}; given up after {tries} attempts")
        return
    if order.paired_with is not None and tries >= TRIES_OF_ONE_WAY:
        failed = changed(order.moved(OrderStatus.REJECTED, turn.now, detail), retry_at=turn.now)
        turn.put_order(failed)  # the stop goes alone, as after a refusal
        tell_refused_pair(turn, failed, detail)
        turn.emit("order.failed", order=failed, role=order.role, detail=detail)
        return
    at = _again_at(turn, order, SEND_BACKOFF_SEC, not_sent.retry_after)
    waiting = changed(
        order, status=OrderStatus.PENDING, updated_at=turn.now, retry_at=at, look_ups=tries, reason=detail
    )
    turn.put_order(waiting)
    turn.wake(f"send/{order.client_order_id}", at)
    if order.role is OrderRole.CLOSE and order.look_ups == 0:
        turn.wake(f"late/{order.client_order_id}", turn.now + timedelta(seconds=turn.config.protection.grace_sec))


def _again_at(turn: Turn, order: Order, first: float, retry_after: float | None) -> datetime:
    """When what never left goes again: as told, else after pauses that double."""
    doubled = min(first * 2 ** min(order.look_ups, 10), MOST_BACKOFF_SEC) * (1 + turn.jitter() / 10)
    return turn.now + timedelta(seconds=retry_after or doubled)


def abandon_entry(turn: Turn, order: Order, detail: str, status: OrderStatus = OrderStatus.REJECTED) -> None:
    """An entry that never left and is not sent any more; `ABANDONED` where that is what a person wants."""
    abandoned = changed(order, status=status, updated_at=turn.now, retry_at=None, reason=detail)
    turn.put_order(abandoned)
    turn.emit("order.failed", order=abandoned, role=order.role, detail=detail)
    turn.alert("warning", f"an entry of {order.symbol} was not sent: {detail}", group=turn.group(order.group_id))
    end_leg(turn, abandoned)


def cancel_answered(turn: Turn, message: CancelAnswered) -> None:
    turn.state.in_flight.discard(("cancel", message.client_order_id))
    order = turn.orders.get(message.client_order_id)
    if order is None:
        return
    match message.outcome:
        case Accepted(report):
            apply_report(turn, report)
        case Refused(RefusalCode.NOT_FOUND):
            # filled, cancelled or never there: the order itself tells (hazard 5)
            turn.effect(LookUpOrder(order.account, order.client_order_id))
        case NotSent(_, retry_after) if retry_after and order.status is OrderStatus.PENDING_CANCEL:
            turn.put_order(changed(order, retry_at=turn.now + timedelta(seconds=retry_after)))
        case Refused() | OutcomeUnknown() | NotSent():
            pass  # repeated by care_for
    turn.touch(order.group_id)


def amend_answered(turn: Turn, message: AmendAnswered) -> None:
    turn.state.in_flight.discard(("amend", message.client_order_id))
    order = turn.orders.get(message.client_order_id)
    if order is None:
        return
    match message.outcome:
        case Accepted(report):
            turn.put_order(_found_amending(turn, order, report))
            apply_report(turn, report)
        case NotSent(_, retry_after) if order.is_amending:
            _amend_later(turn, order, retry_after)
        case NotSent():
            pass  # no longer wanted
        case Refused() | OutcomeUnknown():
            # it filled meanwhile, or nobody knows: what the venue has now decides
            if isinstance(message.outcome, Refused) and message.outcome.code is not RefusalCode.NOT_FOUND:
                turn.put_order(changed(order, retry_at=turn.now))  # another amendment would be refused too
                _reload_rules(turn, order, message.outcome.code)
            turn.effect(LookUpOrder(order.account, order.client_order_id))
    turn.touch(order.group_id)


def _amend_later(turn: Turn, order: Order, retry_after: float | None) -> None:
    """It never left; what is wanted after a pause is decided then."""
    tried = changed(order, look_ups=order.look_ups + 1)
    if tried.look_ups >= TRIES_OF_ONE_WAY:
        turn.put_order(_replaceable(tried.without_amendment(), turn.now))
        return
    at = _again_at(turn, order, ASK_BACKOFF_SEC, retry_after)
    turn.put_order(changed(tried, retry_at=at))
    turn.wake(f"amend/{order.client_order_id}", at)


def _replaceable(order: Order, now: datetime) -> Order:
    """The order, not to be amended any more: another one takes its place (`difference`)."""
    return changed(order, retry_at=now)


def _amended(turn: Turn, order: Order, report: OrderReport) -> Order:
    """The order with the price and quantity that the venue has; it answers, so that nothing waits any more."""
    waited = order.retry_at is not None and order.retry_at > turn.now
    return changed(
        order.without_amendment(),
        look_ups=0 if order.status in RESTING else order.look_ups,
        retry_at=None if waited else order.retry_at,
        quantity=report.quantity,
        price=report.price if order.price is not None else None,
        trigger_price=report.trigger_price if order.trigger_price is not None else None,
    )


def _found_amending(turn: Turn, order: Order, report: OrderReport) -> Order:
    """What the venue has of an order that was being amended; where that is something else, the amendment has failed."""
    found = _amended(turn, order, report)
    price = report.trigger_price if order.trigger_price is not None else report.price
    is_waited_for = order.is_amending and order.status in RESTING
    if not is_waited_for or (report.quantity, price) == (order.amend_quantity, order.amend_price):
        return found
    if order.retry_at is not None:
        return changed(found, look_ups=order.look_ups)
    tried = changed(found, look_ups=order.look_ups + 1)
    return _replaceable(tried, turn.now) if tried.look_ups >= TRIES_OF_ONE_WAY else tried


def look_up_answered(turn: Turn, message: LookUpAnswered) -> None:
    turn.state.in_flight.discard(("look_up", message.client_order_id))
    order = turn.orders.get(message.client_order_id)
    if order is None:
        return
    match message.outcome:
        case Found(report):
            if order.is_amending:
                turn.put_order(_found_amending(turn, order, report))
            if order.status in {OrderStatus.UNKNOWN, OrderStatus.LOST}:
                turn.emit("order.adopted", order=order, status=report.status)
            apply_report(turn, report, looked_up=True)
            judge_doubted(turn, order, report)
        case NotFound():
            _not_found(turn, order)
        case OutcomeUnknown():
            _look_up_later(turn, order, None)
        case NotSent(_, retry_after):
            _look_up_later(turn, order, retry_after)
    judge_unlisted(turn, order)
    turn.touch(order.group_id)


def _look_up_later(turn: Turn, order: Order, retry_after: float | None) -> None:
    """Only an answer of the venue counts (hazard 4): it is asked again after as long as it has been in doubt, or as
    its account has been back."""
    since, account = order.unknown_since or order.updated_at, turn.state.accounts.get(order.account)
    back_since = account.ready_since if account is not None else None
    doubted = (turn.now - max(since, back_since or since)).total_seconds()
    at = turn.now + timedelta(seconds=retry_after or min(max(doubted, ASK_BACKOFF_SEC), MOST_BACKOFF_SEC))
    if order.status is OrderStatus.UNKNOWN:
        turn.put_order(changed(order, look_ups=max(order.look_ups - 1, 0), retry_at=at))
    elif order.is_amending or order.status in RESTING or order.is_unsettled:
        turn.wake(f"lookup/{order.client_order_id}", at)


def _not_found(turn: Turn, order: Order) -> None:
    """One answer is not believed (hazard 3): it takes several, or the grace."""
    if not order.is_live or order.status in {OrderStatus.PENDING, OrderStatus.SUBMITTED}:
        return
    since = order.unknown_since
    if since is None:
        _forgotten(turn, order)
        return
    if order.status is OrderStatus.PENDING_CANCEL:
        order = changed(order, look_ups=order.look_ups + 1)
        turn.put_order(order)
    waited = (turn.now - since).total_seconds()
    asked_enough = order.role is not OrderRole.ENTRY and order.look_ups >= len(LOOK_UP_DELAYS)
    if not asked_enough and waited < turn.config.order.unknown_grace_sec:
        return
    end_order(turn, order, OrderStatus.LOST, "the venue has never seen it")
    turn.emit("order.lost", order=order, role=order.role)


def _forgotten(turn: Turn, order: Order) -> None:
    """An order that the venue had. One that is being cancelled stays so: the next cancel asks again."""
    doubted = changed(order.without_amendment(), unknown_since=turn.now, look_ups=1)
    if order.status is not OrderStatus.PENDING_CANCEL:
        doubted = changed(doubted, status=OrderStatus.UNKNOWN, retry_at=None)
    turn.put_order(doubted)
