"""Orders that are ours and of no group or no leg here: the database is lost or an older one, or they were taken over
from another instance.

They are cancelled (orders.md, Reconciliation, 3), but not the exits of a position whose records are lost: what no group
explains is external and is never traded (4), and without them it would be bare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from app.domain import client_order_id
from app.domain.symbol import base_of
from app.domain.values import HUNDRED, ZERO, MarketType, OrderRole, OrderSide, Side
from app.engine.fills import recall
from app.engine.holds import is_ours
from app.engine.inbox import AccountRead
from app.engine.state import AccountState, BookKey
from app.engine.turn import Turn
from app.messages.effects import CancelForeign
from app.messages.records import Finding
from app.messages.reports import FillReport, OrderReport

LEFT = "left at the exchange"
CANCELLED = "cancelled"


def settle_orphans(turn: Turn, read: AccountRead, orders: Sequence[OrderReport]) -> None:
    """Leave or cancel each of `orders`, which bear our ids and have no place in an open group; what is new is told
    once."""
    account = turn.state.accounts[read.account]
    left = [report for report in orders if _stays(turn, read, account, report)]
    account.external_orders += tuple(left)
    fresh = {_id(report) for report in orders} - account.orphans
    for report in orders:
        _act(turn, report, is_left=report in left, is_fresh=_id(report) in fresh)
    bought = _bought(turn, read) if account.market_type is MarketType.SPOT else {}
    news = [_book(report) for report in orders if _id(report) in fresh and _is_unknown(turn, report)]
    news += [book for book in bought if book[1] not in account.orphans]
    for book in dict.fromkeys(news):
        of_book = [report for report in orders if _book(report) == book]
        _tell(turn, read, book, of_book, left, bought.get(book, ZERO))
    symbols = {symbol for _, symbol, _ in bought} | {report.symbol for report in orders}
    account.orphans = frozenset({_id(report) for report in orders} | symbols)


def _id(report: OrderReport) -> str:
    return report.client_order_id or ""


def _role(report: OrderReport) -> OrderRole:
    address = client_order_id.decode(_id(report))
    return OrderRole.ENTRY if address is None else address.role


def _book(report: OrderReport) -> BookKey:
    is_long = (report.side is OrderSide.BUY) is (_role(report) is OrderRole.ENTRY)
    return report.account, report.symbol, Side.LONG if is_long else Side.SHORT


def _is_unknown(turn: Turn, report: OrderReport | FillReport) -> bool:
    """Whether its group, or the legs of it that it is for, have no record; a group that was closed has."""
    address = client_order_id.decode(report.client_order_id or "")
    if address is None:
        return False
    group = turn.groups.get(address.group_id)
    return group is None or not group.legs_at(address.pyramid, address.leg)


def _stays(turn: Turn, read: AccountRead, account: AccountState, report: OrderReport) -> bool:
    """Whether it is the exit of a position that no group explains, until two readings have found that gone.

    Only where records are lost, that is of another epoch or instance: of this epoch's groups the database has all.
    """
    address = client_order_id.decode(_id(report))
    if address is None or address.namespace == turn.namespace:
        return False
    if address.role is OrderRole.ENTRY or not _is_unknown(turn, report):
        return False
    if account.has_moved(report.symbol, read.activity):
        return True  # the quantities may be older than what is booked
    book = _book(report)
    return _unexplained(turn, read, book) > 0 or turn.external(book) > 0


def _unexplained(turn: Turn, read: AccountRead, book: BookKey) -> Decimal:
    """What the venue holds of a book, on spot of its coin, and no group does."""
    account, symbol, side = book
    groups = turn.groups_on(account, symbol)
    if turn.state.accounts[account].market_type is MarketType.SPOT:
        base = base_of(symbol)
        held = sum((item.total for item in read.balances if item.asset == base), ZERO)
        groups = [group for group in turn.open_groups() if group.account == account and group.base == base]
    else:
        held = sum((item.quantity for item in read.positions if (item.symbol, item.side) == (symbol, side)), ZERO)
    return held - sum((group.open_quantity for group in groups if group.side is side), ZERO)


def _act(turn: Turn, report: OrderReport, *, is_left: bool, is_fresh: bool) -> None:
    account, symbol = report.account, report.symbol
    if is_fresh or not is_left:
        action = LEFT if is_left else CANCELLED
        turn.find(Finding(account, symbol, "orphan_order", _id(report), "", action, turn.now))
    if is_left:
        recall(turn, account, _id(report))  # of a group closed long ago it is cancelled after all
    else:
        turn.effect(CancelForeign(account, symbol, _id(report), report.venue_order_id, report.type))


# ---------------------------------------------------------------------------------------------- what is told


def _tell(
    turn: Turn, read: AccountRead, book: BookKey, orders: list[OrderReport], left: list[OrderReport], bought: Decimal
) -> None:
    account, symbol, side = book
    held = _unexplained(turn, read, book)
    if turn.state.accounts[account].market_type is MarketType.SPOT:
        held = min(held, max(bought, _to_be_sold(orders)))
    if held <= 0 and not orders:
        return  # what our fills bought was sold by others since
    stay = [report for report in orders if report in left]
    gone = [report for report in orders if report not in left]
    said = [f"cancelled: {_named(gone)}"] if gone else []
    if held <= 0 and not stay:
        turn.alert(
            "warning",
            f"orders of ours for {symbol} on {account} belong to no group here, and nothing is held: {said[0]}",
            account=account,
            symbol=symbol,
        )
        return
    said.insert(0, f"{LEFT}: {_named(stay)}" if stay else "no exit protects it")
    turn.alert(
        "critical",
        f"no group here knows of {_plain(held)} {symbol} {side} on {account} that orders of ours work on: it is not "
        f"Ziggurat's any more and nothing here watches it; {'; '.join(said)}. Look after it at the exchange",
        account=account,
        symbol=symbol,
    )


def _named(orders: Iterable[OrderReport]) -> str:
    return ", ".join(
        f"{_role(report).value.replace('_', ' ')} {_plain(report.quantity - report.filled)} at {_price(report)}"
        for report in orders
    )


def _price(report: OrderReport) -> str:
    price = report.trigger_price if report.trigger_price is not None else report.price
    return "market" if price is None else _plain(price)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _to_be_sold(orders: Iterable[OrderReport]) -> Decimal:
    """By the exits of the role that sells the most: take-profits and stops are for the same coins."""
    sums: dict[OrderRole, Decimal] = {}
    for report in orders:
        role = _role(report)
        if role is not OrderRole.ENTRY:
            sums[role] = sums.get(role, ZERO) + report.quantity - report.filled
    return max(sums.values(), default=ZERO)


def _bought(turn: Turn, read: AccountRead) -> dict[BookKey, Decimal]:
    """What fills of ours without a record bought and did not sell again, by book; not what fees and rounding leave."""
    bought: dict[BookKey, Decimal] = {}
    kept: dict[BookKey, Decimal] = {}
    for fill in read.fills:
        if not is_ours(turn, read.account, fill.client_order_id) or not _is_unknown(turn, fill):
            continue
        book = (read.account, fill.symbol, Side.LONG)
        is_buy = fill.side is OrderSide.BUY
        bought[book] = bought.get(book, ZERO) + (fill.quantity if is_buy else ZERO)
        kept[book] = kept.get(book, ZERO) + (fill.quantity if is_buy else -fill.quantity)
    return {book: quantity for book, quantity in kept.items() if quantity * HUNDRED > bought[book]}
