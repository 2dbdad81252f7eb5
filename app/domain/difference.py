"""Wanted minus live: what must be placed, amended and cancelled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from app.domain.order import RESTING, Order, OrderStatus
from app.domain.values import ZERO, OrderRole, OrderType
from app.domain.wishes import Place, Wanted, place_of


@dataclass(frozen=True, slots=True)
class Amendment:
    """`quantity` is the order's new total, what has filled included; `price` is the trigger's for a stop."""

    order: Order
    quantity: Decimal
    price: Decimal | None


@dataclass(slots=True)
class Difference:
    place: list[Wanted] = field(default_factory=list)
    amend: list[Amendment] = field(default_factory=list)
    cancel: list[Order] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Means:
    """What may be done. `exit_room` is what may be sold beyond what exits bind, None where reduce-only guards it.

    `most` is the market's largest quantity of one order. Where `stops_beside`, a stop whose amendments failed ends once
    a whole one rests beside it; else it ends first.
    """

    amendable: frozenset[OrderType]
    exit_room: Decimal | None
    most: Decimal | None = None
    stops_beside: bool = False


def difference(wanted: Iterable[Wanted], live: Sequence[Order], means: Means) -> Difference:
    """What to do so that exactly `wanted` is live. Orders whose outcome is open count as present until it is known."""
    result = Difference()
    by_place: dict[Place, list[Order]] = {}
    for order in live:
        by_place.setdefault(place_of(order), []).append(order)
    growing: list[tuple[Wanted, ...]] = []
    for wishes in _bundled(wanted):
        wish, present = wishes[0], [order for wish in wishes for order in by_place.pop(wish.place, [])]
        if not present:
            growing.append(wishes)
        elif len(wishes) > 1:
            _keep_or_cancel(wishes, present, result)
        elif _are_met(wish, present):
            continue
        elif _is_met_by_more(wish, present, means):
            growing.append((replace(wish, quantity=wish.quantity - _left(present)),))
        else:
            _adjust(wish, present, means, result)
    for orders in by_place.values():
        result.cancel.extend(_cancellable(orders))
    _place_within_room(growing, means, result)
    return result


def _bundled(wanted: Iterable[Wanted]) -> list[tuple[Wanted, ...]]:
    """Each wish alone, save that a take-profit comes with the stop it is paired with."""
    wishes = {wish.place: wish for wish in wanted}
    partners = {wish.place: wishes.get(wish.paired_with) for wish in wishes.values() if wish.paired_with is not None}
    if not partners:
        return [(wish,) for wish in wishes.values()]
    return [
        (wish,) if partner is None else (wish, partner)
        for wish, partner in ((wish, partners.get(wish.place)) for wish in wishes.values())
        if partner is None or wish.place.role is OrderRole.TAKE_PROFIT
    ]


def _keep_or_cancel(pair: Sequence[Wanted], present: Sequence[Order], result: Difference) -> None:
    """A pair cannot be changed: it stays as it is, or both orders end and it is placed anew."""
    if _is_pair(present) and all(map(_is_met, pair, present)):
        return
    if any(order.status not in RESTING for order in present):
        result.cancel.extend(order for order in present if _waits_to_be_sent(order))
        return
    result.cancel.extend(present)


def _is_pair(orders: Sequence[Order]) -> bool:
    return len(orders) == 2 and orders[0].paired_with == orders[1].client_order_id


def _is_met(wish: Wanted, order: Order) -> bool:
    return _fits(wish, order) and order.remaining == wish.quantity


def _are_met(wish: Wanted, present: Sequence[Order]) -> bool:
    return all(_fits(wish, order) for order in present) and _left(present) == wish.quantity


def _cancellable(orders: Iterable[Order]) -> list[Order]:
    return [order for order in orders if order.status in RESTING or _waits_to_be_sent(order)]


def _waits_to_be_sent(order: Order) -> bool:
    return order.status is OrderStatus.PENDING and order.retry_at is not None


def _is_met_by_more(wish: Wanted, present: Sequence[Order], means: Means) -> bool:
    """Whether what is there can stay and more is placed beside it: one order cannot hold so much."""
    if means.most is None:
        return False
    settled = all(order.status in RESTING and not order.is_amending for order in present)
    if not settled or not all(_fits(wish, order) for order in present):
        return False
    beyond = len(present) > 1 or present[0].filled + wish.quantity > means.most
    return beyond and _left(present) < wish.quantity


def _adjust(wish: Wanted, present: Sequence[Order], means: Means, result: Difference) -> None:
    if means.stops_beside and wish.place.role is OrderRole.STOP_LOSS:
        present = [order for order in present if order.status is not OrderStatus.PENDING_CANCEL] or present
        whole = next((order for order in reversed(present) if _is_met(wish, order)), None)
        if whole is not None:
            if whole.status in RESTING and not whole.is_amending:
                result.cancel.extend(_cancellable(order for order in present if order is not whole))
            return
    if any(order.status not in RESTING or order.is_amending for order in present):
        result.cancel.extend(order for order in present if _waits_to_be_sent(order))
        return
    order = present[0]
    if len(present) == 1 and _can_become(wish, order, means):
        price = wish.trigger_price if wish.trigger_price is not None else wish.price
        result.amend.append(Amendment(order, order.filled + wish.quantity, price))
    elif len(present) == 1 and _is_replaced_beside(wish, order, means):
        result.place.append(wish)
    else:
        result.cancel.extend(present)


def _can_become(wish: Wanted, order: Order, means: Means) -> bool:
    """Whether the order can be amended to the wish; one whose amendments failed (it has a `retry_at`) cannot."""
    is_small_enough = means.most is None or order.filled + wish.quantity <= means.most
    is_open_to_it = wish.type in means.amendable and order.retry_at is None and is_small_enough
    return is_open_to_it and _same_kind(wish, order) and _has_room(wish, order, means)


def _is_replaced_beside(wish: Wanted, order: Order, means: Means) -> bool:
    is_small_enough = means.most is None or wish.quantity <= means.most
    is_stop = wish.place.role is OrderRole.STOP_LOSS and wish.type in means.amendable
    return means.stops_beside and is_stop and is_small_enough and order.retry_at is not None


def _fits(wish: Wanted, order: Order) -> bool:
    return _same_kind(wish, order) and order.price == wish.price and order.trigger_price == wish.trigger_price


def _same_kind(wish: Wanted, order: Order) -> bool:
    same = order.type is wish.type and order.time_in_force is wish.time_in_force and order.side is wish.side
    return same and (order.paired_with is None) is (wish.paired_with is None)


def _left(orders: Iterable[Order]) -> Decimal:
    return sum((order.remaining for order in orders), ZERO)


def _has_room(wish: Wanted, order: Order, means: Means) -> bool:
    return means.exit_room is None or wish.quantity <= order.remaining or wish.place.role is OrderRole.ENTRY


def _place_within_room(bundles: Iterable[tuple[Wanted, ...]], means: Means, result: Difference) -> None:
    taken = ZERO
    for wishes in bundles:
        wish = wishes[0]
        is_exit = wish.place.role is not OrderRole.ENTRY
        if is_exit and means.exit_room is not None:
            if taken + wish.quantity > means.exit_room:
                continue
            taken += wish.quantity
        result.place.extend(wishes)
