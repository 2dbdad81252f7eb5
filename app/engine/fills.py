"""Fills: booked once, by trade id, into order and group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.base.changing import changed
from app.domain import client_order_id
from app.domain.booking import book_entry, book_exit, correct_entry, correct_exit, shrink
from app.domain.client_order_id import OrderAddress
from app.domain.fill import Fill
from app.domain.group import Group, share_of_value
from app.domain.order import Order, OrderStatus, may_become
from app.domain.symbol import market_type_of
from app.domain.values import HUNDRED, ZERO, CloseReason, Liquidity, MarketType, OrderRole
from app.engine.holds import is_ours
from app.engine.ledger import Layer
from app.engine.state import AccountState
from app.engine.sums import is_sum, take_place
from app.engine.turn import Turn
from app.messages.effects import LoadGroup, Reconcile
from app.messages.reports import FillReport, OrderReport

_SHOWN = Decimal("0.0001")


def recall(turn: Turn, account: str, order_id: str) -> bool:
    """Have a group loaded that an order of ours belongs to and that is no longer in memory."""
    address = client_order_id.decode(order_id)
    if address is None or not is_ours(turn, account, order_id) or turn.groups.get(address.group_id) is not None:
        return False
    turn.effect(LoadGroup(address.group_id))
    return True


def named_in(orders: Layer[str, Order] | Mapping[str, Order], report: FillReport | OrderReport) -> Order | None:
    """Our order that a report names, if it tells of the order's own account and market."""
    order = orders.get(report.client_order_id or "")
    is_there = order is not None and order.symbol == report.symbol and order.account == report.account
    return order if is_there else None


def owner_of(turn: Turn, report: FillReport | OrderReport) -> tuple[OrderAddress, Group] | None:
    """Where an order of ours without a record belongs: the open group that its id names and that has legs for it."""
    order_id = report.client_order_id or ""
    address = client_order_id.decode(order_id)
    if address is None or turn.orders.get(order_id) is not None or not is_ours(turn, report.account, order_id):
        return None
    group = turn.groups.get(address.group_id)
    if group is None or not group.is_open or group.market_key != (report.account, report.symbol):
        return None
    return (address, group) if group.legs_at(address.pyramid, address.leg) else None


def apply_fill(turn: Turn, report: FillReport) -> None:
    """Book a fill once, whatever way and however often it is told."""
    key = (report.account, report.symbol, report.trade_id)
    if turn.has_trade(key):
        return
    order = named_in(turn.orders, report)
    if order is None:
        _note_unrecorded(turn, report, key)
        return
    counted = value = ZERO
    if not is_sum(report):
        counted, value = take_place(turn, order, report)
    grown = max(min(report.quantity - counted, _most(order) - order.filled), ZERO)
    if counted + grown > 0:
        _put_down(turn, order, report, counted, value, grown)
    else:
        turn.note_trade(key, order.group_id)


def _put_down(turn: Turn, order: Order, report: FillReport, counted: Decimal, value: Decimal, grown: Decimal) -> None:
    """Of a fill `counted` was booked before, at `value`, and is put right; `grown` is new."""
    group = turn.group(order.group_id)
    base_fee, fee_quote = _fees(turn, group, report)
    if fee_quote is None:
        group, fee_quote = changed(group, estimated=True), ZERO
    whole = _Part(report, counted + grown, fee_quote, base_fee)
    turn.put_fill(_fill_of(whole, order))
    known, new = whole.split(counted)
    if known is not None:
        order, group = _correct(turn, order, group, known, value)
    if new is not None:
        _note_activity(turn, order)
        _book(turn, order, group, new)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some quantity of what was told, with its fees: in quote, and what of the coins was taken as one."""

    report: FillReport
    quantity: Decimal
    fee_quote: Decimal
    base_fee: Decimal

    def split(self, quantity: Decimal) -> tuple[_Part | None, _Part | None]:
        """The part of a quantity, and the rest."""
        if quantity == 0:
            return None, self
        if quantity == self.quantity:
            return self, None
        fee, base_fee = (share_of_value(whole, quantity, self.quantity) for whole in (self.fee_quote, self.base_fee))
        rest = _Part(self.report, self.quantity - quantity, self.fee_quote - fee, self.base_fee - base_fee)
        return _Part(self.report, quantity, fee, base_fee), rest


def _correct(turn: Turn, order: Order, group: Group, part: _Part, value: Decimal) -> tuple[Order, Group]:
    """Put what a trade was made at and cost in the place of the `value` that its quantity was booked at."""
    price = part.report.price
    more = price * part.quantity - value
    order = changed(order, filled_value=order.filled_value + more, updated_at=turn.now)
    if order.role is OrderRole.ENTRY:
        group = correct_entry(group, _place_of(order), more, part.fee_quote, part.base_fee, price)
    else:
        group = correct_exit(group, order.pyramid, order.leg, more, part.fee_quote)
        group = shrink(group, part.base_fee, price) if part.base_fee else group
    turn.put_order(order)
    turn.put_group(group)
    return order, group


def _place_of(entry: Order) -> tuple[int, int]:
    if entry.pyramid is None or entry.leg is None:
        raise ValueError(f"the entry {entry.client_order_id} has no leg")
    return entry.pyramid, entry.leg


def _note_activity(turn: Turn, order: Order) -> None:
    account = turn.state.accounts.get(order.account)
    if account is not None:
        account.note_activity(order.symbol)
        account.unsettled_since = turn.now


def _most(order: Order) -> Decimal:
    """How much the order may fill at the most: an amendment under way may have reached the venue already."""
    return max(order.quantity, order.amend_quantity or ZERO)


def is_of_unknown_size(order: Order) -> bool:
    """Whether only the venue knows how large it is: it is looked up."""
    return order.status is OrderStatus.UNKNOWN and order.is_amending


def _fees(turn: Turn, group: Group, report: FillReport) -> tuple[Decimal, Decimal | None]:
    """(fee taken from the coins that are held, fee in quote); None where nobody knows what a third asset is worth.

    No coins are held on a perpetual: a fee in its base coin comes out of the margin.
    """
    if report.fee_asset == group.base:
        is_spot = market_type_of(group.symbol) is MarketType.SPOT
        return report.fee if is_spot else ZERO, report.fee * report.price
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


def _fill_of(part: _Part, order: Order) -> Fill:
    report = part.report
    return Fill(
        account=report.account,
        symbol=report.symbol,
        trade_id=report.trade_id,
        client_order_id=order.client_order_id,
        group_id=order.group_id,
        side=report.side,
        price=report.price,
        quantity=part.quantity,
        fee=report.fee,
        fee_asset=report.fee_asset,
        fee_quote=part.fee_quote,
        liquidity=report.liquidity,
        at=report.at,
    )


def _book(turn: Turn, order: Order, group: Group, part: _Part) -> None:
    report = part.report
    filled = order.filled + part.quantity
    status = OrderStatus.FILLED if filled >= _most(order) else OrderStatus.PARTIALLY_FILLED
    is_open_still = order.status is OrderStatus.PENDING_CANCEL or is_of_unknown_size(order)
    if not may_become(order.status, status) or (status is OrderStatus.PARTIALLY_FILLED and is_open_still):
        status = order.status
    booked = changed(
        order,
        filled=filled,
        filled_value=order.filled_value + report.price * part.quantity,
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
        group = _book_entry(turn, order, group, part)
    else:
        group = _book_exit(turn, order, group, part)
    turn.put_group(group)
    turn.emit(
        "order.filled" if status is OrderStatus.FILLED else "order.partially_filled",
        order=booked,
        role=order.role,
        price=report.price,
        quantity=part.quantity,
        fee=part.fee_quote,
        slippage_percent=_slippage(order, group, report.price),
    )


def _slippage(order: Order, group: Group, price: Decimal) -> Decimal | None:
    """How much worse than expected an order at market filled, in percent; negative is better."""
    expected = _expected(order)
    if expected is None or expected <= 0:
        return None
    worse = group.side.gain(expected, price) * HUNDRED / expected
    return (worse if order.role is OrderRole.ENTRY else -worse).quantize(_SHOWN)


def _expected(order: Order) -> Decimal | None:
    """The price that an order at market was to fill at: its trigger, where it waited for one, which may have moved."""
    if not order.type.takes_any_price:
        return None
    return order.expected_price if order.trigger_price is None else order.trigger_price


def _book_entry(turn: Turn, order: Order, group: Group, part: _Part) -> Group:
    first, report = not group.was_filled, part.report
    _note_price(turn, report)
    grown = book_entry(group, _place_of(order), report.price, part.quantity, part.fee_quote, part.base_fee, report.at)
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


def _book_exit(turn: Turn, order: Order, group: Group, part: _Part) -> Group:
    price, quantity = part.report.price, part.quantity
    shrunk = book_exit(
        group,
        order.pyramid,
        order.leg,
        price,
        quantity,
        part.fee_quote,
        order.role,
        base_fee=part.base_fee,
        is_first=order.filled == 0,
    )
    if shrunk.oversold > group.oversold:
        turn.effect(Reconcile(order.account, turn.config.reconcile.confirm_after_sec))
    _judge_slippage(turn, order, shrunk, price)
    return shrunk


def settle_oversold(turn: Turn, account: AccountState, counted: Mapping[str, int]) -> None:
    """A reading has told all fills, save of markets that were active after `counted`: what was sold beyond what was
    open and no entry explains was somebody else's."""
    for group in turn.open_groups():
        is_read = group.account == account.id and not account.has_moved(group.symbol, counted)
        if is_read and group.oversold > 0 and not _may_tell_fills(turn, group):
            turn.alert("error", f"{group.oversold:f} {group.symbol} more was sold than was open", group=group)
            turn.state.external_fills.setdefault(group.market_key, []).append(_sold_for_others(turn, group))
            turn.put_group(changed(group, oversold=ZERO, oversold_value=ZERO))
            turn.touch(group.id)


def _sold_for_others(turn: Turn, group: Group) -> FillReport:
    """What a group sold of others as a fill that was not theirs: it explains and prices what its book has lost."""
    last = max((fill.at for fill in turn.fills_of(group.id)), default=turn.now)
    return FillReport(
        account=group.account,
        symbol=group.symbol,
        trade_id=f"oversold/{group.id}",
        client_order_id=None,
        side=group.side.exit_order_side,
        price=group.oversold_value / group.oversold,
        quantity=group.oversold,
        fee=ZERO,
        fee_asset=group.quote,
        liquidity=Liquidity.UNKNOWN,
        at=last,
        position_side=group.side,
    )


def _may_tell_fills(turn: Turn, group: Group) -> bool:
    asked = turn.state.unlisted
    return any(order.is_unsettled or order.client_order_id in asked for order in turn.orders_of(group.id))


def _judge_slippage(turn: Turn, order: Order, group: Group, price: Decimal) -> None:
    worse, risk = _slippage(order, group, price), turn.config.risk
    if worse is not None and worse > risk.max_slippage_percent and risk.slippage_action == "warn":
        turn.alert(
            "warning",
            f"an exit of {group.symbol} at {price:f} was {worse:.2f} % worse than {_expected(order):f}",
            group=group,
        )


def _note_unrecorded(turn: Turn, report: FillReport, key: tuple[str, str, str]) -> None:
    """A fill of an order without a record; one of ours is booked by a reading, which has its group and the order."""
    if owner_of(turn, report) is not None:
        turn.effect(Reconcile(report.account, 0))
    elif report.client_order_id is None or not recall(turn, report.account, report.client_order_id):
        _external(turn, report, key)


def _external(turn: Turn, report: FillReport, key: tuple[str, str, str]) -> None:
    """A fill that no order of ours made; the next reading of the account explains itself by it."""
    if key in turn.state.external_ids:
        return
    turn.state.external_ids[key] = report.at
    turn.state.external_fills.setdefault((report.account, report.symbol), []).append(report)
    if turn.groups_on(report.account, report.symbol):
        turn.effect(Reconcile(report.account, 0))
