"""Making the books equal to a venue's, the venue being right (orders.md, Reconciliation)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from app.base.clock import iso
from app.domain import client_order_id
from app.domain.booking import shrink
from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.reconciliation import BookReading, Claim, Comparison, Verdict, compare, part_of_coin, share
from app.domain.values import ZERO, CloseReason, MarketType, Side
from app.engine import external_fills, markets
from app.engine.adoption import adopt, adopt_filled
from app.engine.binding import put_balance
from app.engine.closing import begin_close
from app.engine.differences import ask_for_unlisted, book_missed_fills
from app.engine.fills import settle_oversold
from app.engine.forgetting import watermark_fact
from app.engine.funding import book_funding
from app.engine.holds import end_difference, holds_for_difference, is_ours, note_others_orders
from app.engine.inbox import AccountRead
from app.engine.leverage import compare_leverages
from app.engine.orphans import settle_orphans
from app.engine.reports import apply_report, take_report
from app.engine.state import AccountState, Balance, BookKey, Suspicion, external_fact
from app.engine.turn import Turn
from app.messages.effects import LookUpOrder, Reconcile
from app.messages.records import Finding
from app.messages.reports import FillKind, FillReport, OrderReport

_TRUSTED = ("reconciled", "last_reconciled_at", "stale_since", "reason", "refused", "ready_since")
"""What is so only once the reading is on disk."""
_FORCED = {FillKind.LIQUIDATION: CloseReason.LIQUIDATED, FillKind.ADL: CloseReason.ADL}


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
    account.unsettled_since = None if account.activity == read.activity else account.unsettled_since or turn.now
    adopt_filled(turn, read)
    book_missed_fills(turn, read)
    for payment in read.funding:
        book_funding(turn, payment)
    note_others_orders(turn, read, account)
    _resolve_orders(turn, read)
    _look_up_again(turn, read.account)
    settled = _compare_books(turn, read, account)
    compare_leverages(turn, read)
    markets.refresh_for_groups(turn, read.account)
    turn.facts.put(watermark_fact(read.account), iso(read.started_at))
    was_stale = not account.reconciled
    turn.journal.keep(account, *_TRUSTED)
    account.reconciled, account.last_reconciled_at = True, turn.now
    if account.connected:
        account.stale_since, account.reason, account.refused = None, None, None
    if was_stale and account.connected:
        account.ready_since = turn.now
        turn.emit("account.connected", account=read.account)
        turn.wants_promotion = True
    if not settled:
        turn.effect(Reconcile(read.account, turn.config.reconcile.confirm_after_sec))
    if was_stale:
        _hurry_look_ups(turn, read.account)
        for group in turn.open_groups():
            if group.account == read.account:
                turn.touch(group.id)
    turn.emit("reconcile.finished", account=read.account, findings=len(turn.ledger.findings) - before)


# ---------------------------------------------------------------------------------------------- orders


def _look_up_again(turn: Turn, account: str) -> None:
    """What no answer will come of any more is asked for: an amendment, which the venue may have taken, and what an
    order that is over is said to have filled."""
    for group in turn.open_groups():
        for order in turn.orders_of(group.id) if group.account == account else ():
            is_owed = order.owed > 0 and not order.is_live
            if is_owed or (order.is_amending and ("amend", order.client_order_id) not in turn.state.in_flight):
                turn.effect(LookUpOrder(account, order.client_order_id))


def _resolve_orders(turn: Turn, read: AccountRead) -> None:
    listed: set[str] = set()
    orphans: list[OrderReport] = []
    for report in read.open_orders:
        if report.client_order_id is None:
            continue
        listed.add(report.client_order_id)
        order = turn.orders.get(report.client_order_id)
        if order is not None and order.is_live:
            take_report(turn, report)
        elif order is None or order.status is OrderStatus.LOST or order.updated_at < read.started_at:
            orphans += _unexpected(turn, report, order)
    settle_orphans(turn, read, orphans)
    for order in turn.orders_that_live():
        if order.account != read.account or order.client_order_id in listed or not _should_be_listed(order, read):
            continue
        ask_for_unlisted(turn, order)


def _hurry_look_ups(turn: Turn, account: str) -> None:
    """What nobody answered while the account was away is asked for at once: pauses grew with its absence."""
    for order in turn.orders_that_live():
        if order.account == account and order.status is OrderStatus.UNKNOWN and order.retry_at is not None:
            turn.put_order(replace(order, retry_at=None))


def _should_be_listed(order: Order, read: AccountRead) -> bool:
    resting = order.status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_CANCEL}
    return resting and order.updated_at < read.started_at


def _unexpected(turn: Turn, report: OrderReport, order: Order | None) -> list[OrderReport]:
    """Take up an order at the venue that is not live here; the answer has it where it is ours and no open group has a
    place for it."""
    if report.client_order_id is None or not is_ours(turn, report.account, report.client_order_id):
        return []
    address = client_order_id.decode(report.client_order_id)
    if address is None:
        return []
    group = turn.groups.get(address.group_id)
    if order is not None and order.status is OrderStatus.LOST and group is not None and group.is_open:
        apply_report(turn, report)
        return []
    if order is None and adopt(turn, report):
        return []
    return [report]


# ---------------------------------------------------------------------------------------------- quantities


@dataclass(frozen=True, slots=True)
class _Book:
    """What is known here of a book: its groups, what they hold, and what fills that are not ours took of that."""

    key: BookKey
    groups: list[Group]
    ours: Decimal
    explained: Decimal

    @property
    def symbol(self) -> str:
        return self.key[1]


def _compare_books(turn: Turn, read: AccountRead, account: AccountState) -> bool:
    """False where something could not be told yet and the account must be read again."""
    settle_oversold(turn, account, read.activity)
    unsettled: set[str] = set()
    verdicts: list[tuple[_Book, Comparison]] = []
    for books in _counted_together(turn, read, account):
        if account.has_moved(books[0].symbol, read.activity):
            # fills or orders came after the reading began: its quantities may be older than them
            unsettled.update(book.symbol for book in books)
            continue
        venue = _venue_quantity(read, account, books[0])
        groups = [group for book in books for group in book.groups]
        if any(_is_unsettled(turn, group) for group in groups) and not _is_explained(books, venue):
            unsettled.update(book.symbol for book in books)
            continue
        parts = [venue] if account.market_type is MarketType.LINEAR else _parts_of_coin(books, venue)
        verdicts += [(book, _judge(turn, read, book, part)) for book, part in zip(books, parts, strict=True)]
    losing = [
        group
        for book, comparison in verdicts
        if comparison.verdict in {Verdict.MISSING, Verdict.DOUBTFUL} and book.explained < comparison.missing
        for group in book.groups
        if group.open_quantity > 0
    ]
    if holds_for_difference(turn, account, losing, [group for book, _ in verdicts for group in book.groups]):
        return True
    unsettled.update(book.symbol for book, comparison in verdicts if not _settle_book(turn, book, comparison))
    external_fills.forget(turn, account.id, read.started_at, unsettled)
    if not unsettled:
        end_difference(turn, account)
    return not unsettled


def _counted_together(turn: Turn, read: AccountRead, account: AccountState) -> list[list[_Book]]:
    """The books of which the venue tells one quantity: on spot all of a coin, whatever it is traded for."""
    books = [_book(turn, key) for key in _books(turn, read, account)]
    if account.market_type is MarketType.LINEAR:
        return [[book] for book in books]
    coins: dict[str, list[_Book]] = {}
    for book in books:
        coins.setdefault(book.groups[0].base, []).append(book)
    return list(coins.values())


def _book(turn: Turn, key: BookKey) -> _Book:
    groups = [group for group in turn.groups_on(key[0], key[1]) if group.side is key[2]]
    ours = sum((group.open_quantity for group in groups), ZERO)
    return _Book(key, groups, ours, external_fills.explained(turn, key))


def _books(turn: Turn, read: AccountRead, account: AccountState) -> list[BookKey]:
    books = {
        (group.account, group.symbol, group.side): None for group in turn.open_groups() if group.account == read.account
    }
    if account.market_type is MarketType.LINEAR:
        for position in read.positions:
            if position.side is not None:
                books[read.account, position.symbol, position.side] = None
        prefix = f"external/{read.account}/"
        for name in turn.facts_under(prefix):
            if turn.fact(name) != "0":
                symbol, _, side = name.removeprefix(prefix).rpartition("/")
                books[read.account, symbol, Side(side)] = None
    return list(books)


def _is_unsettled(turn: Turn, group: Group) -> bool:
    return any(order.is_unsettled for order in turn.orders_of(group.id))


def _is_explained(books: list[_Book], venue: Decimal) -> bool:
    """Whether fills that are not ours make up all that is gone: what is in doubt has not filled then."""
    explained = sum((book.explained for book in books), ZERO)
    return explained > 0 and venue == sum((book.ours for book in books), ZERO) - explained


def _parts_of_coin(books: list[_Book], venue: Decimal) -> list[Decimal]:
    step = _step([group for book in books for group in book.groups])
    return part_of_coin(venue, [Claim(book.ours, book.explained) for book in books], step)


def _step(groups: list[Group]) -> Decimal:
    """The coarsest of theirs."""
    return max(group.step_size for group in groups)


def _judge(turn: Turn, read: AccountRead, book: _Book, venue: Decimal) -> Comparison:
    suspicion = turn.state.suspicions.get(book.key)
    wait = timedelta(seconds=turn.config.reconcile.confirm_after_sec)
    confirmed = suspicion is not None and suspicion.quantity == venue and read.started_at - suspicion.at >= wait
    return compare(
        BookReading(
            ours=book.ours,
            external=turn.external(book.key),
            venue=venue,
            explained=book.explained,
            confirmed=confirmed,
        )
    )


def _venue_quantity(read: AccountRead, account: AccountState, book: _Book) -> Decimal:
    if account.market_type is MarketType.SPOT:
        return sum((item.total for item in read.balances if item.asset == book.groups[0].base), ZERO)
    _, symbol, side = book.key
    return sum((item.quantity for item in read.positions if (item.symbol, item.side) == (symbol, side)), ZERO)


def _settle_book(turn: Turn, book: _Book, comparison: Comparison) -> bool:
    key, before = book.key, turn.external(book.key)
    match comparison.verdict:
        case Verdict.EQUAL:
            turn.state.suspicions.pop(key, None)
        case Verdict.DOUBTFUL:
            venue = book.ours - comparison.missing
            known = turn.state.suspicions.get(key)
            if known is None or known.quantity != venue:
                turn.state.suspicions[key] = Suspicion(venue, turn.now)
            return False
        case Verdict.SURPLUS | Verdict.EXTERNAL_SHRANK:
            _note_external(turn, key, comparison)
            external_fills.use_up(turn, key, before - comparison.external)
        case Verdict.MISSING:
            _shrink_groups(turn, key, book.groups, comparison)
            turn.facts.put(external_fact(key), f"{comparison.external:f}")
            turn.wants_promotion = True
            turn.state.suspicions.pop(key, None)
            external_fills.use_up(turn, key, before + comparison.missing)
    return True


def _note_external(turn: Turn, book: BookKey, comparison: Comparison) -> None:
    account, symbol, side = book
    before = turn.external(book)
    turn.facts.put(external_fact(book), f"{comparison.external:f}")
    turn.wants_promotion = True
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
        told = f"{comparison.external:f} {symbol} {side} on {account} is not Ziggurat's"
        turn.alert("warning", told, account=account, symbol=symbol)


def _shrink_groups(turn: Turn, book: BookKey, groups: list[Group], comparison: Comparison) -> None:
    fills = external_fills.newest(external_fills.reducing_fills(turn, book), comparison.missing)
    held = [group for group in groups if group.open_quantity > 0]
    gone = comparison.missing >= sum((group.open_quantity for group in held), ZERO)
    reason = next((_FORCED[fill.kind] for fill in fills if fill.kind in _FORCED), CloseReason.RECONCILED)
    for group_id, lost in share(held, comparison.missing, _step(held)).items():
        if lost > 0:
            _shrink(turn, turn.group(group_id), lost, fills, reason if gone else None)


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
