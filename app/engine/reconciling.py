"""Making the books equal to a venue's, the venue being right (orders.md, Reconciliation)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.base.clock import iso
from app.domain import client_order_id
from app.domain.group import Group, shrink
from app.domain.group import book_funding as group_with_funding
from app.domain.order import Order, OrderStatus
from app.domain.reconciliation import BookReading, Comparison, Verdict, compare, share
from app.domain.values import ZERO, CloseReason, MarketType, Side, TimeInForce
from app.engine.binding import put_balance
from app.engine.closing import begin_close
from app.engine.fills import apply_fill
from app.engine.holds import end_difference, holds_for_difference, is_ours, note_others_orders
from app.engine.inbox import AccountRead, AccountUnreachable
from app.engine.reports import apply_report
from app.engine.state import AccountState, Balance, BookKey, Suspicion, external_fact
from app.engine.turn import Turn
from app.messages.effects import CancelForeign, LookUpOrder, Reconcile
from app.messages.records import Finding, FundingPayment
from app.messages.reports import FillKind, FillReport, FundingReport, OrderReport

OVERLAP = timedelta(minutes=5)
_FORCED = {FillKind.LIQUIDATION: CloseReason.LIQUIDATED, FillKind.ADL: CloseReason.ADL}


def watermark_fact(account: str) -> str:
    return f"watermark/{account}"


def _take_balances(turn: Turn, read: AccountRead) -> None:
    for gone in turn.state.balances.get(read.account, {}).keys() - {item.asset for item in read.balances}:
        del turn.state.balances[read.account][gone]
    for item in read.balances:
        put_balance(turn.state, read.account, item.asset, Balance(item.total, item.free, item.at))


def account_read(turn: Turn, read: AccountRead) -> None:
    """Book what was missed, resolve what was open, compare book by book."""
    account = turn.state.accounts[read.account]
    turn.emit("reconcile.started", account=read.account)
    before = len(turn.ledger.findings)
    _take_balances(turn, read)
    account.fills_unsettled = account.activity != read.activity
    for fill in sorted(read.fills, key=lambda item: item.at):
        apply_fill(turn, fill)
    for payment in read.funding:
        book_funding(turn, payment)
    note_others_orders(turn, read, account)
    _resolve_orders(turn, read)
    _resolve_amendments(turn, read.account)
    settled = _compare_books(turn, read, account)
    turn.facts.put(watermark_fact(read.account), iso(read.started_at))
    was_stale = not account.reconciled
    account.reconciled, account.last_reconciled_at = True, turn.now
    if account.connected:
        account.stale_since, account.reason = None, None
    if was_stale and account.connected:
        account.ready_since = turn.now
        turn.emit("account.connected", account=read.account)
        turn.wants_promotion = True
    if not settled:
        turn.effect(Reconcile(read.account, turn.config.reconcile.confirm_after_sec))
    if was_stale:
        for group in turn.open_groups():
            if group.account == read.account:
                turn.touch(group.id)
    turn.emit("reconcile.finished", account=read.account, findings=len(turn.ledger.findings) - before)


def account_unreachable(turn: Turn, message: AccountUnreachable) -> None:
    """Nothing is changed: the account is stale, its entries are held."""
    account = turn.state.accounts[message.account]
    if account.stale_since is None:
        account.stale_since = turn.now
        turn.emit("account.stale", account=message.account, detail=message.reason)
    account.reconciled = False
    account.reason = message.reason


# ---------------------------------------------------------------------------------------------- orders


def _resolve_amendments(turn: Turn, account: str) -> None:
    """An amendment whose answer will not come any more is looked up: the venue may have taken it."""
    for group in turn.open_groups():
        for order in turn.live_orders(group.id) if group.account == account else ():
            if order.is_amending and ("amend", order.client_order_id) not in turn.state.in_flight:
                turn.effect(LookUpOrder(account, order.client_order_id))


def _resolve_orders(turn: Turn, read: AccountRead) -> None:
    listed: set[str] = set()
    for report in read.open_orders:
        if report.client_order_id is None:
            continue
        listed.add(report.client_order_id)
        order = turn.orders.get(report.client_order_id)
        if order is not None and order.is_live:
            apply_report(turn, report)
        else:
            _unexpected(turn, report, order)
    for order in list(turn.orders.values()):
        if order.account != read.account or order.client_order_id in listed or not _should_be_listed(order, read):
            continue
        turn.effect(LookUpOrder(order.account, order.client_order_id))


def _should_be_listed(order: Order, read: AccountRead) -> bool:
    resting = order.status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL}
    return resting and order.updated_at < read.started_at


def _unexpected(turn: Turn, report: OrderReport, order: Order | None) -> None:
    """An order at the venue that is not live here."""
    if report.client_order_id is None or not is_ours(turn, report.account, report.client_order_id):
        return
    address = client_order_id.decode(report.client_order_id)
    if address is None:
        return
    group = turn.groups.get(address.group_id)
    if order is not None and order.status is OrderStatus.LOST and group is not None and group.is_open:
        apply_report(turn, report)
        return
    if order is None and group is not None and group.is_open:
        _adopt(turn, report, address, group)
        return
    turn.find(Finding(report.account, report.symbol, "orphan_order", report.client_order_id, "", "cancelled", turn.now))
    turn.effect(
        CancelForeign(report.account, report.symbol, report.client_order_id, report.venue_order_id, report.type)
    )


def _adopt(turn: Turn, report: OrderReport, address: client_order_id.OrderAddress, group: Group) -> None:
    order = Order(
        client_order_id=report.client_order_id or "",
        account=report.account,
        symbol=report.symbol,
        group_id=group.id,
        pyramid=address.pyramid,
        leg=address.leg,
        role=address.role,
        side=report.side,
        type=report.type,
        quantity=report.quantity,
        price=report.price,
        trigger_price=report.trigger_price,
        reduce_only=report.reduce_only,
        time_in_force=TimeInForce.GTC,
        number=address.number,
        attempt=1,
        status=OrderStatus.SUBMITTED,
        created_at=report.at,
        updated_at=turn.now,
    )
    turn.put_order(order)
    turn.put_group(replace(group, next_number=max(group.next_number, address.number + 1)))
    apply_report(turn, report)
    turn.emit("order.adopted", order=order, role=order.role)
    turn.find(
        Finding(
            report.account, report.symbol, "order_adopted", "", order.client_order_id, "adopted", turn.now, group.id
        )
    )


# ---------------------------------------------------------------------------------------------- quantities


def _compare_books(turn: Turn, read: AccountRead, account: AccountState) -> bool:
    """False where something could not be told yet and the account must be read again."""
    if read.activity != account.activity:
        return False  # fills or orders came after the reading began: its quantities may be older than them
    settled = True
    verdicts: list[tuple[BookKey, list[Group], Comparison]] = []
    for book in _books(turn, read, account):
        groups = [group for group in turn.groups_on(book[0], book[1]) if group.side is book[2]]
        if any(_is_unsettled(turn, group) for group in groups):
            settled = False
            continue
        verdicts.append((book, groups, _judge(turn, read, account, book, groups)))
    losing = [
        group
        for book, groups, comparison in verdicts
        if comparison.verdict in {Verdict.MISSING, Verdict.DOUBTFUL} and not _is_explained(turn, book, comparison)
        for group in groups
        if group.open_quantity > 0
    ]
    if holds_for_difference(turn, account, losing):
        return True
    for book, groups, comparison in verdicts:
        settled = _settle_book(turn, book, groups, comparison) and settled
    if settled:
        end_difference(turn, account)
    return settled


def _books(turn: Turn, read: AccountRead, account: AccountState) -> list[BookKey]:
    books = {
        (group.account, group.symbol, group.side): None for group in turn.open_groups() if group.account == read.account
    }
    if account.market_type is MarketType.LINEAR:
        for position in read.positions:
            if position.side is not None:
                books[read.account, position.symbol, position.side] = None
        prefix = f"external/{read.account}/"
        for name, value in turn.state.facts.items():
            if name.startswith(prefix) and value not in {"", "0"}:
                symbol, _, side = name.removeprefix(prefix).rpartition("/")
                books[read.account, symbol, Side(side)] = None
    return list(books)


def _is_unsettled(turn: Turn, group: Group) -> bool:
    return any(order.is_unsettled for order in turn.orders_of(group.id))


def _judge(turn: Turn, read: AccountRead, account: AccountState, book: BookKey, groups: list[Group]) -> Comparison:
    venue = _venue_quantity(read, account, book, groups)
    ours = sum((group.open_quantity for group in groups), ZERO)
    suspicion = turn.state.suspicions.get(book)
    wait = timedelta(seconds=turn.config.reconcile.confirm_after_sec)
    confirmed = suspicion is not None and suspicion.quantity == venue and read.started_at - suspicion.at >= wait
    return compare(
        BookReading(
            ours=ours,
            external=turn.state.external(book),
            venue=venue,
            explained=sum((fill.quantity for fill in _reducing_fills(turn, book)), ZERO),
            confirmed=confirmed,
            counts_surplus=account.market_type is MarketType.LINEAR,
        )
    )


def _venue_quantity(read: AccountRead, account: AccountState, book: BookKey, groups: list[Group]) -> Decimal:
    if account.market_type is MarketType.SPOT:
        base = groups[0].base if groups else book[1].split("/")[0]
        return sum((item.total for item in read.balances if item.asset == base), ZERO)
    return sum((item.quantity for item in read.positions if (item.symbol, item.side) == (book[1], book[2])), ZERO)


def _reducing_fills(turn: Turn, book: BookKey) -> list[FillReport]:
    account, symbol, side = book
    return [
        fill
        for fill in turn.state.external_fills.get((account, symbol), ())
        if fill.side is side.exit_order_side and fill.position_side in {None, side}
    ]


def _is_explained(turn: Turn, book: BookKey, comparison: Comparison) -> bool:
    return sum((fill.quantity for fill in _reducing_fills(turn, book)), ZERO) >= comparison.missing


def _settle_book(turn: Turn, book: BookKey, groups: list[Group], comparison: Comparison) -> bool:
    account, symbol, _ = book
    match comparison.verdict:
        case Verdict.EQUAL:
            turn.state.suspicions.pop(book, None)
            turn.state.external_fills.pop((account, symbol), None)
        case Verdict.DOUBTFUL:
            venue = sum((group.open_quantity for group in groups), ZERO) - comparison.missing
            known = turn.state.suspicions.get(book)
            if known is None or known.quantity != venue:
                turn.state.suspicions[book] = Suspicion(venue, turn.now)
            return False
        case Verdict.SURPLUS | Verdict.EXTERNAL_SHRANK:
            _note_external(turn, book, comparison)
        case Verdict.MISSING:
            _shrink_groups(turn, book, groups, comparison)
            turn.facts.put(external_fact(book), f"{comparison.external:f}")
            turn.state.suspicions.pop(book, None)
            turn.state.external_fills.pop((account, symbol), None)
    return True


def _note_external(turn: Turn, book: BookKey, comparison: Comparison) -> None:
    account, symbol, side = book
    before = turn.state.external(book)
    turn.facts.put(external_fact(book), f"{comparison.external:f}")
    turn.find(
        Finding(
            account,
            symbol,
            "external_position",
            f"{before:f}",
            f"{comparison.external:f}",
            "shown, not touched",
            turn.now,
        )
    )
    if comparison.verdict is Verdict.SURPLUS:
        turn.alert("warning", f"{comparison.external:f} {symbol} {side} on {account} is not Ziggurat's")


def _shrink_groups(turn: Turn, book: BookKey, groups: list[Group], comparison: Comparison) -> None:
    fills = _reducing_fills(turn, book)
    held = [group for group in groups if group.open_quantity > 0]
    gone = comparison.missing >= sum((group.open_quantity for group in held), ZERO)
    reason = next((_FORCED[fill.kind] for fill in fills if fill.kind in _FORCED), CloseReason.RECONCILED)
    for group_id, lost in share(held, comparison.missing, _step(turn, book)).items():
        if lost > 0:
            _shrink(turn, turn.group(group_id), lost, fills, reason if gone else None)


def _step(turn: Turn, book: BookKey) -> Decimal:
    market = turn.state.market(book[0], book[1])
    return market.rules.step_size if market else Decimal(1)


def _shrink(turn: Turn, group: Group, lost: Decimal, fills: list[FillReport], reason: CloseReason | None) -> None:
    price, estimated = _price_of_loss(turn, group, fills)
    before = group.open_quantity
    smaller = shrink(group, lost, price)
    share_of_fees = sum((fill.fee for fill in fills if fill.fee_asset == group.quote), ZERO)
    filled = sum((fill.quantity for fill in fills), ZERO)
    fees = share_of_fees * lost / filled if filled else ZERO
    smaller = replace(
        smaller,
        estimated=group.estimated or estimated,
        fees=group.fees + fees,
        exit_fees=group.exit_fees + fees,
    )
    turn.put_group(smaller)
    whole = smaller.open_quantity == 0
    if whole:
        smaller = begin_close(turn, smaller, reason or CloseReason.RECONCILED)
    kind = "position_closed_at_venue" if whole else "position_reduced_at_venue"
    turn.find(
        Finding(
            group.account,
            group.symbol,
            kind,
            f"{before:f}",
            f"{smaller.open_quantity:f}",
            "closed" if whole else "shrunk",
            turn.now,
            group.id,
        )
    )
    turn.alert("warning", f"{lost:f} {group.symbol} was closed at the venue", group=smaller)


def _price_of_loss(turn: Turn, group: Group, fills: list[FillReport]) -> tuple[Decimal, bool]:
    """What the lost quantity is valued at, and whether that is an estimate."""
    quantity = sum((fill.quantity for fill in fills), ZERO)
    if quantity > 0:
        return sum((fill.price * fill.quantity for fill in fills), ZERO) / quantity, False
    quote = turn.state.quote(group.account, group.symbol)
    return (quote.mark if quote else group.average_entry or ZERO), True


# ---------------------------------------------------------------------------------------------- funding


def book_funding(turn: Turn, payment: FundingReport) -> None:
    """Share a payment among the book's groups by open quantity, once: told again, it is not for new ones."""
    key = (payment.account, payment.payment_id)
    told = (item[:2] for item in turn.state.funding_ids)
    if key in told or any((item.account, item.payment_id) == key for item in turn.ledger.funding):
        return
    groups = [
        group
        for group in turn.groups_on(payment.account, payment.symbol)
        if group.open_quantity > 0 and payment.position_side in {None, group.side}
    ]
    total = sum((group.open_quantity for group in groups), ZERO)
    rest = payment.amount
    for group in groups:
        amount = rest if group is groups[-1] else payment.amount * group.open_quantity / total
        rest -= amount
        turn.ledger.funding.append(
            FundingPayment(
                payment.account, payment.symbol, payment.payment_id, group.id, amount, payment.rate, payment.at
            )
        )
        turn.put_group(group_with_funding(group, amount))
