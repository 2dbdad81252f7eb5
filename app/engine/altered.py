"""Orders that rest at the venue otherwise than they were asked for: a person there, or the venue, has changed them."""

from __future__ import annotations

from decimal import Decimal

from app.base.changing import changed
from app.domain.order import RESTING, Order
from app.domain.values import OrderRole, OrderType
from app.domain.wishes import place_of
from app.engine.differences import find, was_wanted
from app.engine.external_fills import explained
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.effects import LookUpOrder
from app.messages.reports import OrderReport

MOST_PUT_BACK = 3
"""So often the exits of a place are put back without one being found as it was asked for: where a venue tells them
otherwise than it has them, they would be replaced for ever."""


def is_otherwise(state: EngineState, order: Order, report: OrderReport) -> bool:
    """Whether a report has another quantity or price of what rests than is known. What it does not tell is no
    difference, nor what is less than a step or a tick."""
    market = state.market(order.account, order.symbol)
    rests = order.status in RESTING and report.status in RESTING and order.type is not OrderType.MARKET
    if market is None or not rests or order.is_amending:
        return False
    prices = ((order.price, report.price), (order.trigger_price, report.trigger_price))
    is_moved = any(_differ(known, told, market.rules.tick_size) for known, told in prices)
    return is_moved or _differ(order.quantity, report.quantity, market.rules.step_size)


def _differ(known: Decimal | None, told: Decimal | None, unit: Decimal) -> bool:
    return known is not None and told is not None and abs(known - told) >= unit


def doubt(turn: Turn, order: Order, report: OrderReport) -> None:
    """Have it looked up where it was told otherwise, or was put back: what a stream or a list tells may be older than
    the last amendment."""
    is_asked = order.is_amending or ("look_up", order.client_order_id) in turn.state.in_flight
    if order.status not in RESTING or is_asked:
        return
    was_put_back = place_of(order) in turn.state.put_back.get(order.group_id, {})
    if was_put_back or is_otherwise(turn.state, order, report):
        turn.state.doubted[order.client_order_id] = order.updated_at
        turn.effect(LookUpOrder(order.account, order.client_order_id))


def judge_doubted(turn: Turn, before: Order, report: OrderReport) -> None:
    """The look-up has found it. An exit is known as it is from now on, so that it is put back; an entry is left, and
    fills as what it has become."""
    order = turn.orders.get(before.client_order_id) or before
    doubted_at = turn.state.doubted.pop(order.client_order_id, None)
    if doubted_at != before.updated_at or order.status not in RESTING:
        return
    put_back, place = turn.state.put_back.setdefault(order.group_id, {}), place_of(order)
    if not is_otherwise(turn.state, order, report):
        if sum(place_of(each) == place for each in turn.live_orders(order.group_id)) == 1:
            put_back.pop(place, None)
        return
    most = 0 if order.role is OrderRole.ENTRY else MOST_PUT_BACK
    times = put_back.get(place, 0)
    if times > most or not _is_all_there(turn, order):
        return
    put_back[place] = times + 1
    _tell(turn, order, report, is_left=times == most)
    if times < most:
        turn.put_order(_as_told(order, report))


def _is_all_there(turn: Turn, order: Order) -> bool:
    """Whether nothing of the position is missing: venues cut what only reduces to what there is to reduce."""
    book = (order.account, order.symbol, turn.group(order.group_id).side)
    account = turn.state.accounts.get(order.account)
    is_missing = book in turn.state.suspicions or account is None or account.mass_difference is not None
    return was_wanted(turn, order) and not is_missing and explained(turn, book) == 0


def _as_told(order: Order, report: OrderReport) -> Order:
    return changed(
        order,
        quantity=report.quantity,
        price=order.price and (report.price or order.price),
        trigger_price=order.trigger_price and (report.trigger_price or order.trigger_price),
    )


def _tell(turn: Turn, order: Order, report: OrderReport, *, is_left: bool) -> None:
    was, now = _spelled(order), _spelled(_as_told(order, report))
    find(turn, order, "order_changed", was, now, "left" if is_left else "put back")
    name = order.role.value.replace("_", " ")
    what = f"the {name} of {order.symbol} is {now} at the exchange, not {was} as asked for"
    done = "it is left so" if is_left else "it is put back"
    severity = "critical" if is_left and order.role is not OrderRole.ENTRY else "warning"
    turn.alert(severity, f"{what}: {done}", group=turn.group(order.group_id))


def _spelled(order: Order) -> str:
    price = order.trigger_price or order.price
    return f"{order.quantity:f}" if price is None else f"{order.quantity:f} at {price:f}"
