"""What the tests of the main job share: its grid, and how the fake's book judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import pytest

from app.domain import client_order_id
from app.domain.values import ZERO, OrderRole
from app.messages.snapshots import AccountSnapshot, GroupSnapshot
from app.ports.paper_store import PaperOrder
from tests.support.markets import PLACES
from tests.support.trading import Trading, grid

D = Decimal
ENTRY, PROFIT, STOP = OrderRole.ENTRY, OrderRole.TAKE_PROFIT, OrderRole.STOP_LOSS
LEVELS = (("0", "20", "1"), ("1", "20", "1"), ("2", "20", "1"), ("3", "20", "1"), ("4", "20", "1"))
GRID = {D(200): D("1.000"), D(198): D("1.010"), D(196): D("1.020"), D(194): D("1.030"), D(192): D("1.041")}
"""What 1000 USDT at 200 become: quantities by price; the first goes at market."""
RESTING = {price: quantity for price, quantity in GRID.items() if price != 200}
PLAIN = grid(*LEVELS, stop=None)
STOPPED = grid(*LEVELS, stop="10")
_ROUNDING = D("1e-12")

every_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
every_perpetual = pytest.mark.parametrize(
    "place", [place for place in PLACES if not place.is_spot], ids=lambda place: place.name
)


def role(order: PaperOrder) -> OrderRole | None:
    address = client_order_id.decode(order.client_order_id or "")
    return None if address is None else address.role


def live(trading: Trading, *roles: OrderRole) -> list[PaperOrder]:
    """The orders of these roles that rest at the venue."""
    return [order for order in trading.resting() if role(order) in roles]


def of_group(orders: Iterable[PaperOrder], group: GroupSnapshot) -> list[PaperOrder]:
    own = {order.client_order_id for order in group.orders}
    return [order for order in orders if order.client_order_id in own]


def total(orders: Iterable[PaperOrder]) -> Decimal:
    return sum((order.quantity - order.filled for order in orders), ZERO)


def placed(trading: Trading) -> Counter[OrderRole | None]:
    """How many orders of each role the venue has ever taken."""
    return Counter(role(order) for order in trading.fake.book.ledger.orders.values())


def on_step(trading: Trading, quantity: Decimal) -> Decimal:
    """What can be sold of it: on spot the fee was taken from what was bought."""
    return trading.place.rules("SOL").quantize_quantity(quantity)


def is_even(trading: Trading) -> bool:
    """Whether the group holds what the venue holds, and each leg's part of it is on its way out."""
    group = trading.group
    wanted = sorted(on_step(trading, leg.open_quantity) for leg in group.legs if leg.open_quantity > 0)
    resting = sorted(order.quantity - order.filled for order in live(trading, PROFIT))
    return group.open_quantity == trading.held() and resting == wanted and not is_waiting(trading)


def is_waiting(trading: Trading) -> bool:
    """Whether the engine has yet to hear of an order."""
    return any(order.status in {"pending", "submitted", "unknown"} for order in trading.group.orders)


async def settled(trading: Trading, legs: int) -> GroupSnapshot:
    """Wait until so many legs are filled and each one's take-profit rests."""
    await trading.until(lambda: len(trading.groups()) == 1 and len(live(trading, PROFIT)) == legs)
    await trading.until(lambda: is_even(trading))
    return trading.group


def stop_is_whole(trading: Trading) -> bool:
    """Whether the only group's stop is at the venue over all that is held, in as many parts as it has pairs."""
    stops, groups = live(trading, STOP), trading.groups()
    if len(groups) != 1 or not groups[0].protected or is_waiting(trading):
        return False
    parts = len(live(trading, PROFIT)) if trading.place.dialect.oco else 1
    whole = on_step(trading, trading.held())
    return groups[0].open_quantity == trading.held() and len(stops) == parts and total(stops) == whole


def judge_result(trading: Trading) -> None:
    """The P&L that was told is what the wallet gained; coins too few to sell are still there, at what they cost."""
    told = sum((group.realized_pnl for group in trading.engine.all_groups()), ZERO)
    dust = trading.gained("SOL")
    gained = trading.gained("USDT")
    assert dust == sum((group.dust for group in trading.engine.all_groups()), ZERO)
    assert gained + dust * 190 - _ROUNDING <= told <= gained + dust * 210 + _ROUNDING


def account_of(trading: Trading) -> AccountSnapshot:
    (account,) = trading.engine.snapshot().accounts
    return account


def external(trading: Trading) -> dict[str, Decimal]:
    """Positions that are not ours, as they are shown."""
    return dict(account_of(trading).external)
