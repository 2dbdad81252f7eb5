"""What venues tell: answers, order reports and fills. They may come twice, late, or in any order."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from app.base.changing import changed
from app.domain import client_order_id
from app.domain.fill import Fill
from app.domain.group import EntryState, Group, book_entry, book_exit, end_entry
from app.domain.order import RESTING, Order, OrderStatus, may_become
from app.domain.values import HUNDRED, ZERO, CloseReason, Liquidity, OrderRole, OrderType
from app.engine.care import LOOK_UP_DELAYS
from app.engine.closing import begin_close
from app.engine.conditional import note_conditional_orders
from app.engine.holds import is_ours
from app.engine.inbox import AmendAnswered, CancelAnswered, LookUpAnswered, OrdersSent, SubmitAnswered
from app.engine.pairs import partner_of
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.effects import LoadGroup, LoadMarket, LookUpOrder, Reconcile
from app.messages.reports import (
    Accepted,
    FillReport,
    Found,
    NotFound,
    NotSent,
    OrderReport,
    OutcomeUnknown,
    RefusalCode,
    Refused,
)

_SHOWN = Decimal("0.0001")
EXIT_BACKOFF_SEC = 0.5
SEND_BACKOFF_SEC = 0.5
ASK_BACKOFF_SEC = 1.0
MOST_BACKOFF_SEC = 30.0
_BY_RULES = frozenset({RefusalCode.PRECISION, RefusalCode.MIN_NOTIONAL})
"""Refused by rules of the market that may not be those that are known here."""


# ---------------------------------------------------------------------------------------------- answers to requests


def sent(turn: Turn, message: OrdersSent) -> None:
    for order_id in message.client_order_ids:
        order = turn.orders.get(order_id)
        if order is not None and order.status is OrderStatus.PENDING:
            turn.put_order(order.moved(OrderStatus.SUBMITTED, turn.now))
            group = turn.group(order.group_id)
            if not group.sent:
                turn.groups.put(group.id, changed(group, sent=True))


def submit_answered(turn: Turn, message: SubmitAnswered) -> None:
    order = turn.orders.get(message.client_order_id)
    if order is None:
        return
    _mark_sent(turn, order)
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
        case NotSent(detail, retry_after):
            _not_sent(turn, order, detail, retry_after)
    if not isinstance(message.outcome, Accepted):
        turn.touch(order.group_id)


def _mark_sent(turn: Turn, order: Order) -> None:
    group = turn.groups.get(order.group_id)
    if group is not None and not group.sent:
        turn.groups.put(group.id, changed(group, sent=True))


def _refused(turn: Turn, order: Order, code: RefusalCode, detail: str) -> None:
    if not may_become(order.status, OrderStatus.REJECTED):
        return
    reason = f"{code.value}: {detail}"
    rejected = changed(order.moved(OrderStatus.REJECTED, turn.now, reason), retry_at=_exit_retry_at(turn, order))
    turn.emit("order.rejected", order=rejected, role=order.role, reason=code.value, detail=detail)
    group = turn.group(order.group_id)
    _reload_rules(turn, order, code)
    if order.role is OrderRole.ENTRY:
        turn.put_order(changed(rejected, retry_at=None))
        _end_leg(turn, rejected)
        turn.alert("warning", f"an entry of {order.symbol} was refused: {detail}", group=group)
        return
    if order.paired_with is not None:
        # whichever of the two was at fault: the stop goes alone and at once, and its own answer is plain (ADR 4)
        turn.put_order(changed(rejected, retry_at=turn.now))
        return
    _tell_failing_exit(turn, order, detail)
    if code is RefusalCode.UNSUPPORTED and order.role is OrderRole.STOP_LOSS:
        note_conditional_orders(turn, order.account, detail)
    if code is RefusalCode.WOULD_TRIGGER and order.role is OrderRole.STOP_LOSS:
        begin_close(turn, group, CloseReason.STOP_LOSS)
    if code is RefusalCode.REDUCE_ONLY:
        # the position is gone or smaller than thought: read it, do not try again before (exchanges.md)
        turn.effect(Reconcile(order.account, 0))
    if code is RefusalCode.REDUCE_ONLY or code in _BY_RULES:
        wait = timedelta(seconds=turn.config.protection.monitor_interval_sec)
        rejected = changed(rejected, retry_at=turn.now + wait)
    turn.put_order(rejected)


def _reload_rules(turn: Turn, order: Order, code: RefusalCode) -> None:
    if code in _BY_RULES:
        turn.effect(LoadMarket(order.account, order.symbol, order.expected_price or order.price, fresh=True))


def rules_loaded(turn: Turn, account: str, symbol: str) -> None:
    """Exits that the market's old rules had refused need not wait longer than any other."""
    for group in turn.groups_on(account, symbol):
        for order in turn.orders_of(group.id):
            if order.status is OrderStatus.REJECTED and order.retry_at is not None and _was_refused_by_rules(order):
                turn.put_order(changed(order, retry_at=min(order.retry_at, _exit_retry_at(turn, order))))


def _was_refused_by_rules(order: Order) -> bool:
    return any((order.reason or "").startswith(f"{code.value}: ") for code in _BY_RULES)


def _exit_retry_at(turn: Turn, order: Order) -> datetime:
    if order.attempt >= turn.config.protection.max_attempts:
        return turn.now + timedelta(seconds=turn.config.protection.monitor_interval_sec)
    pause = EXIT_BACKOFF_SEC * 2 ** (order.attempt - 1)
    return turn.now + timedelta(seconds=pause * (1 + turn.jitter() / 10))


def _tell_failing_exit(turn: Turn, order: Order, reason: str | None) -> None:
    """Once, when an exit's quick tries are used up; what a missing stop brings about is `care`'s business."""
    if order.role in {OrderRole.CLOSE, OrderRole.TAKE_PROFIT} and order.attempt == turn.config.protection.max_attempts:
        severity = "critical" if order.role is OrderRole.CLOSE else "error"
        what = f"an exit of {order.symbol} failed {order.attempt} times and is tried on: {reason}"
        turn.alert(severity, what, group=turn.group(order.group_id))


def _become_unknown(turn: Turn, order: Order, detail: str) -> None:
    if not may_become(order.status, OrderStatus.UNKNOWN) or order.status is OrderStatus.UNKNOWN:
        return
    unknown = changed(order.moved(OrderStatus.UNKNOWN, turn.now, detail), unknown_since=turn.now, look_ups=0)
    turn.put_order(unknown)
    turn.emit("order.unknown", order=unknown, role=order.role, detail=detail)


def _not_sent(turn: Turn, order: Order, detail: str, retry_after: float | None) -> None:
    """It never left, so the same id may go again after a pause; an entry only so often, for its price grows old."""
    if order.status not in {OrderStatus.PENDING, OrderStatus.SUBMITTED}:
        return
    if order.role is OrderRole.ENTRY and order.look_ups + 1 >= turn.config.order.max_attempts:
        abandon_entry(turn, order, f"{detail}; given up after {order.look_ups + 1} attempts")
        return
    at = _again_at(turn, order, SEND_BACKOFF_SEC, retry_after)
    waiting = changed(
        order, status=OrderStatus.PENDING, updated_at=turn.now, retry_at=at, look_ups=order.look_ups + 1, reason=detail
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
    _end_leg(turn, abandoned)


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
            turn.put_order(_amended(turn, order, report))
            apply_report(turn, report)
        case NotSent(_, retry_after):
            _amend_later(turn, order, retry_after)
        case Refused() | OutcomeUnknown():
            # it filled meanwhile, or nobody knows: what the venue has now decides
            if isinstance(message.outcome, Refused) and message.outcome.code is not RefusalCode.NOT_FOUND:
                turn.put_order(changed(order, retry_at=turn.now))  # another amendment would be refused too
                _reload_rules(turn, order, message.outcome.code)
            turn.effect(LookUpOrder(order.account, order.client_order_id))
    turn.touch(order.group_id)


def _amend_later(turn: Turn, order: Order, retry_after: float | None) -> None:
    """It never left; what is wanted after a pause is decided then."""
    if not order.is_amending:
        return
    at = _again_at(turn, order, ASK_BACKOFF_SEC, retry_after)
    turn.put_order(changed(order, retry_at=at, look_ups=order.look_ups + 1))
    turn.wake(f"amend/{order.client_order_id}", at)


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


def look_up_answered(turn: Turn, message: LookUpAnswered) -> None:
    turn.state.in_flight.discard(("look_up", message.client_order_id))
    order = turn.orders.get(message.client_order_id)
    if order is None:
        return
    match message.outcome:
        case Found(report):
            if order.is_amending:
                turn.put_order(_amended(turn, order, report))
            if order.status in {OrderStatus.UNKNOWN, OrderStatus.LOST}:
                turn.emit("order.adopted", order=order, status=report.status)
            apply_report(turn, report, looked_up=True)
        case NotFound():
            _not_found(turn, order)
        case OutcomeUnknown():
            _look_up_later(turn, order, None)
        case NotSent(_, retry_after):
            _look_up_later(turn, order, retry_after)
    turn.touch(order.group_id)


def _look_up_later(turn: Turn, order: Order, retry_after: float | None) -> None:
    """Only an answer of the venue counts (hazard 4): it is asked again after as long as it has been in doubt."""
    doubted = (turn.now - (order.unknown_since or order.updated_at)).total_seconds()
    at = turn.now + timedelta(seconds=retry_after or min(max(doubted, ASK_BACKOFF_SEC), MOST_BACKOFF_SEC))
    if order.status is OrderStatus.UNKNOWN:
        turn.put_order(changed(order, look_ups=max(order.look_ups - 1, 0), retry_at=at))
    elif order.is_amending:
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
    _end(turn, order, OrderStatus.LOST, "the venue has never seen it")
    turn.emit("order.lost", order=order, role=order.role)


def _forgotten(turn: Turn, order: Order) -> None:
    """An order that the venue had. One that is being cancelled stays so: the next cancel asks again."""
    doubted = changed(order.without_amendment(), unknown_since=turn.now, look_ups=1)
    if order.status is not OrderStatus.PENDING_CANCEL:
        doubted = changed(doubted, status=OrderStatus.UNKNOWN, retry_at=None)
    turn.put_order(doubted)


# ---------------------------------------------------------------------------------------------- order reports


def is_known(state: EngineState, report: OrderReport) -> bool:
    """Whether the disk has the order exactly so: streams repeat what the answer to a request has told."""
    order = state.orders.get(report.client_order_id or "")
    if order is None or order.is_amending or report.fills:
        return False
    told = (report.status, report.filled, report.venue_order_id)
    return told == (order.status, order.filled, order.venue_order_id)


def is_awaited(state: EngineState, report: OrderReport) -> bool:
    """Whether it only says that an order rests whose answer, which says the same, is on its way."""
    order = state.orders.get(report.client_order_id or "")
    is_on_its_way = order is not None and order.status in {OrderStatus.PENDING, OrderStatus.SUBMITTED}
    return is_on_its_way and report.status is OrderStatus.OPEN and not report.filled and not report.fills


def apply_report(turn: Turn, report: OrderReport, *, looked_up: bool = False) -> None:
    """Bring an order to what the venue tells, booking the fills it carries first."""
    if report.client_order_id is None:
        return
    order = turn.orders.get(report.client_order_id)
    if order is None:
        _recall(turn, report.account, report.client_order_id)
        return
    for fill in report.fills:
        apply_fill(turn, fill)
    before, order = order, turn.orders.get(report.client_order_id) or order
    if report.filled > order.filled:
        order = _owed(turn, order, report, looked_up=looked_up)
    order = changed(order, venue_order_id=report.venue_order_id or order.venue_order_id)
    turn.put_order(order)
    _move(turn, order, report)
    if turn.orders.get(order.client_order_id) is not before:
        turn.touch(order.group_id)


def _owed(turn: Turn, order: Order, report: OrderReport, *, looked_up: bool) -> Order:
    """The venue counts more than was booked: ask for the fills, or book the difference where it gives none."""
    order = changed(order, seen_filled=max(order.seen_filled, report.filled))
    if not looked_up:
        turn.put_order(order)
        turn.wake(f"lookup/{order.client_order_id}", turn.now + timedelta(milliseconds=500))
        return order
    missing = report.filled - order.filled
    value = (report.average or order.price or order.expected_price or ZERO) * report.filled - order.filled_value
    turn.put_order(order)
    apply_fill(
        turn,
        FillReport(
            account=order.account,
            symbol=order.symbol,
            trade_id=f"sum:{order.client_order_id}:{report.filled:f}",
            client_order_id=order.client_order_id,
            side=order.side,
            price=value / missing,
            quantity=missing,
            fee=ZERO,
            fee_asset="",
            liquidity=Liquidity.UNKNOWN,
            at=report.at,
        ),
    )
    return turn.orders.get(order.client_order_id) or order


_ENDED = {
    OrderStatus.CANCELLED: "order.cancelled",
    OrderStatus.EXPIRED: "order.cancelled",
    OrderStatus.REJECTED: "order.rejected",
    OrderStatus.FILLED: None,
}


def _move(turn: Turn, order: Order, report: OrderReport) -> None:
    status = report.status
    if status is OrderStatus.FILLED and order.filled < order.quantity:
        return  # it counts as filled when its fills are booked
    if status is order.status or not may_become(order.status, status):
        return  # stale: a late `open` after `filled`, and the like
    if order.status is OrderStatus.PENDING_CANCEL and status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}:
        # told before our cancel arrived: the cancel's own answer decides, but the venue has it
        turn.put_order(changed(order, unknown_since=None, look_ups=0))
        return
    if status in _ENDED:
        _end(turn, order, status, report.reason)
        return
    retry_at = order.retry_at if order.is_amending else None
    turn.put_order(changed(order.moved(status, turn.now), unknown_since=None, look_ups=0, retry_at=retry_at))
    if status is OrderStatus.OPEN:
        turn.emit("order.placed", order=order, role=order.role, price=order.price, quantity=order.quantity)


def _end(turn: Turn, order: Order, status: OrderStatus, reason: str | None) -> None:
    """An order over: its leg's entry may be over with it, an exit is placed again by what is still wanted."""
    was = order.status
    over = changed(order.moved(status, turn.now, reason).without_amendment(), unknown_since=None, retry_at=None)
    if order.role is not OrderRole.ENTRY and status is not OrderStatus.FILLED:
        over = changed(over, retry_at=_next_exit_at(turn, order, was))
    turn.put_order(over)
    name = _ENDED.get(status)
    if name is not None:
        turn.emit(name, order=over, role=order.role, reason=reason, filled=order.filled)
    if order.role is OrderRole.ENTRY:
        _end_leg(turn, over)
    if was is not OrderStatus.PENDING_CANCEL:
        _doubt_partner(turn, over)
    turn.touch(order.group_id)


def _doubt_partner(turn: Turn, over: Order) -> None:
    """The venue ended one of a pair: the other is happening or gone too, and is asked for before it is touched."""
    partner = partner_of(turn, over)
    if over.status is not OrderStatus.FILLED and partner is not None and partner.status in RESTING:
        doubted = partner.moved(OrderStatus.UNKNOWN, turn.now)
        turn.put_order(changed(doubted, unknown_since=turn.now, look_ups=0, retry_at=None))


def _next_exit_at(turn: Turn, order: Order, was: OrderStatus) -> datetime | None:
    """None, a new start, where our own cancel or amendment ended it or it had rested for as long as the grace; else the
    first time at once, then with pauses."""
    lived = (turn.now - order.created_at).total_seconds()
    has_rested = order.venue_order_id is not None and lived >= turn.config.protection.grace_sec
    if was is OrderStatus.PENDING_CANCEL or order.filled > 0 or has_rested:
        return None
    if order.attempt == 1:
        return turn.now
    _tell_failing_exit(turn, order, order.reason)
    return _exit_retry_at(turn, order)


def _end_leg(turn: Turn, order: Order) -> None:
    """End a leg's entry with its order; a lost one is tried again while tries are left."""
    group = turn.group(order.group_id)
    if order.pyramid is None or order.leg is None or not group.is_open:
        return
    leg = group.leg(order.pyramid, order.leg)
    siblings = [
        other
        for other in turn.orders_of(group.id)
        if other.role is OrderRole.ENTRY
        and (other.pyramid, other.leg) == leg.key
        and other.is_live
        and other.client_order_id != order.client_order_id
    ]
    if siblings or not leg.wants_entry:
        return
    if order.status is OrderStatus.LOST and order.attempt < turn.config.order.max_attempts and group.closing is None:
        turn.put_order(changed(order, retry_at=turn.now))
        turn.put_group(group.with_leg(changed(leg, entry=EntryState.PLANNED)))
        return
    if order.status is not OrderStatus.FILLED or leg.is_whole:
        turn.put_group(group.with_leg(end_entry(leg)))


def _recall(turn: Turn, account: str, order_id: str) -> bool:
    """Have a group loaded that an order of ours belongs to and that is no longer in memory."""
    address = client_order_id.decode(order_id)
    if address is None or not is_ours(turn, account, order_id) or turn.groups.get(address.group_id) is not None:
        return False
    turn.effect(LoadGroup(address.group_id))
    return True


# ---------------------------------------------------------------------------------------------- fills


def apply_fill(turn: Turn, report: FillReport) -> None:
    """Book a fill once, whatever way and however often it is told."""
    key = (report.account, report.symbol, report.trade_id)
    if turn.has_trade(key):
        return
    order = turn.orders.get(report.client_order_id) if report.client_order_id else None
    if order is None:
        if report.client_order_id is None or not _recall(turn, report.account, report.client_order_id):
            _external(turn, report, key)
        return
    quantity = min(report.quantity, _most(order) - order.filled)
    if quantity <= 0:
        turn.note_trade(key)  # a sum booked before covers it
        return
    account = turn.state.accounts.get(order.account)
    if account is not None:
        account.activity += 1
        account.fills_unsettled = True
    group = turn.group(order.group_id)
    base_fee, fee_quote = _fees(turn, group, report)
    if fee_quote is None:
        group, fee_quote = changed(group, estimated=True), ZERO
    turn.put_fill(_fill_of(report, order, quantity, fee_quote))
    _book(turn, order, group, report, quantity, base_fee if order.role is OrderRole.ENTRY else ZERO, fee_quote)


def _most(order: Order) -> Decimal:
    """How much the order may fill at the most: an amendment under way may have reached the venue already."""
    return max(order.quantity, order.amend_quantity or ZERO)


def _fees(turn: Turn, group: Group, report: FillReport) -> tuple[Decimal, Decimal | None]:
    """(fee taken from the bought quantity, fee in quote); None where nobody knows what a third asset is worth."""
    if report.fee_asset == group.base:
        return report.fee, report.fee * report.price
    if report.fee_asset in {group.quote, ""} or not report.fee:
        return ZERO, report.fee
    price = _price_of(turn, report.account, (report.fee_asset, group.quote))
    return ZERO, None if price is None else report.fee * price


def _price_of(turn: Turn, account: str, pair: tuple[str, str]) -> Decimal | None:
    """The last price of a (base, quote) that any account knows, the given one's first."""
    known = {
        owner: market.quote.last
        for (owner, _), market in turn.state.markets.items()
        if market.quote is not None and (market.rules.base, market.rules.quote) == pair
    }
    return known.get(account) or next(iter(known.values()), None)


def _fill_of(report: FillReport, order: Order, quantity: Decimal, fee_quote: Decimal) -> Fill:
    return Fill(
        account=report.account,
        symbol=report.symbol,
        trade_id=report.trade_id,
        client_order_id=order.client_order_id,
        group_id=order.group_id,
        side=report.side,
        price=report.price,
        quantity=quantity,
        fee=report.fee,
        fee_asset=report.fee_asset,
        fee_quote=fee_quote,
        liquidity=report.liquidity,
        at=report.at,
    )


def _book(
    turn: Turn,
    order: Order,
    group: Group,
    report: FillReport,
    quantity: Decimal,
    base_fee: Decimal,
    fee_quote: Decimal,
) -> None:
    filled = order.filled + quantity
    status = OrderStatus.FILLED if filled >= _most(order) else OrderStatus.PARTIALLY_FILLED
    if not may_become(order.status, status) or (
        status is OrderStatus.PARTIALLY_FILLED and order.status is OrderStatus.PENDING_CANCEL
    ):
        status = order.status
    booked = changed(
        order,
        filled=filled,
        filled_value=order.filled_value + report.price * quantity,
        seen_filled=max(order.seen_filled, filled),
        status=status,
        updated_at=turn.now,
        unknown_since=None if status is not OrderStatus.UNKNOWN else order.unknown_since,
        retry_at=order.retry_at if status is OrderStatus.PENDING_CANCEL or order.is_amending else None,
    )
    if status is OrderStatus.FILLED:
        booked = changed(booked.without_amendment(), retry_at=None)
    turn.put_order(booked)
    if order.role is OrderRole.ENTRY:
        group = _book_entry(turn, order, group, report, quantity, base_fee, fee_quote)
    else:
        group = _book_exit(turn, order, group, report, quantity, fee_quote)
    turn.put_group(group)
    turn.emit(
        "order.filled" if status is OrderStatus.FILLED else "order.partially_filled",
        order=booked,
        role=order.role,
        price=report.price,
        quantity=quantity,
        fee=fee_quote,
        slippage_percent=_slippage(order, group, report.price),
    )


def _slippage(order: Order, group: Group, price: Decimal) -> Decimal | None:
    """How much worse than expected a market order filled, in percent; negative is better."""
    if order.type is not OrderType.MARKET or not order.expected_price or order.expected_price <= 0:
        return None
    worse = group.side.gain(order.expected_price, price) * HUNDRED / order.expected_price
    return (worse if order.role is OrderRole.ENTRY else -worse).quantize(_SHOWN)


def _book_entry(
    turn: Turn,
    order: Order,
    group: Group,
    report: FillReport,
    quantity: Decimal,
    base_fee: Decimal,
    fee_quote: Decimal,
) -> Group:
    if order.pyramid is None or order.leg is None:
        raise ValueError(f"the entry {order.client_order_id} has no leg")
    first = not group.was_filled
    _note_price(turn, report)
    grown = book_entry(group, (order.pyramid, order.leg), report.price, quantity, fee_quote, base_fee, report.at)
    if not group.is_open:
        # it filled after the group was closed: sold again, in the same group (orders.md)
        turn.alert("error", f"a late fill of {group.symbol} opened a closed group again", group=group)
        reopened = changed(grown, closed_at=None, close_reason=None, failed=False, forced=True)
        return changed(reopened, closing=group.closing or CloseReason.MANUAL, closing_at=turn.now)
    if first:
        turn.emit("trade.opened", group=grown, side=group.side, timeframe=group.timeframe)
    return grown


def _note_price(turn: Turn, report: FillReport) -> None:
    """Fills may be told before the prices they were made at: what is watched must not go by those of before."""
    market = turn.state.market(report.account, report.symbol)
    if market is not None and market.quote is not None:
        market.quote = market.quote.after_fill(report.side, report.price, report.at)


def _book_exit(
    turn: Turn, order: Order, group: Group, report: FillReport, quantity: Decimal, fee_quote: Decimal
) -> Group:
    shrunk, excess = book_exit(group, order.pyramid, order.leg, report.price, quantity, fee_quote)
    if excess > 0:
        turn.alert("error", f"{excess:f} {group.symbol} more was sold than was open", group=group)
        turn.effect(Reconcile(order.account, turn.config.reconcile.confirm_after_sec))
    if order.role is OrderRole.CLOSE and shrunk.reduce_quantity > 0:
        shrunk = changed(shrunk, reduce_quantity=max(shrunk.reduce_quantity - quantity, ZERO))
    _judge_slippage(turn, order, shrunk, report.price)
    return shrunk


def _judge_slippage(turn: Turn, order: Order, group: Group, price: Decimal) -> None:
    worse, risk = _slippage(order, group, price), turn.config.risk
    if worse is not None and worse > risk.max_slippage_percent and risk.slippage_action == "warn":
        turn.alert(
            "warning",
            f"an exit of {group.symbol} at {price:f} was {worse:.2f} % worse than {order.expected_price:f}",
            group=group,
        )


def _external(turn: Turn, report: FillReport, key: tuple[str, str, str]) -> None:
    """A fill that no order of ours made; the next reading of the account explains itself by it."""
    if key in turn.state.external_ids:
        return
    turn.state.external_ids.add(key)
    turn.state.external_fills.setdefault((report.account, report.symbol), []).append(report)
    if turn.groups_on(report.account, report.symbol):
        turn.effect(Reconcile(report.account, 0))
