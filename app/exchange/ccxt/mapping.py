"""From ccxt's dictionaries to our reports. Every number is read from its text.

The reports' moments are by our own clock, which is `ahead` of the venue's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, TypeVar

from app.base.clock import EPOCH
from app.base.errors import Retryable
from app.base.masking import masked
from app.domain.order import OrderStatus
from app.domain.symbol import quote_of
from app.domain.values import ONE, ZERO, Liquidity, OrderSide, OrderType, Side
from app.messages.reports import BalanceReport, FillKind, FillReport, FundingReport, OrderReport, PositionReport
from app.ports.venue import OrderRef, OrderRequest

Raw = Mapping[str, Any]
T = TypeVar("T")
NOTHING: Raw = MappingProxyType({})
LATEST_MS = 4_102_444_800_000
"""The year 2100: what is later was not told in milliseconds."""
IN_STEP = timedelta()
LIMIT_TYPES = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
"""The others have no price of their own; ccxt puts the average there."""


class Unreadable(Retryable):
    """An answer lacks what it must have."""


# ---------------------------------------------------------------------------------------------------------------- words


def number(value: Any) -> Decimal | None:
    """The number that `value` spells, None where it spells none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        spelled = Decimal(str(value))
    except InvalidOperation:
        return None
    return spelled if spelled.is_finite() else None


def positive(value: Any) -> Decimal | None:
    """The number that `value` spells where it is above zero; venues write zero for "none"."""
    spelled = None if value is None else number(value)
    return spelled if spelled is not None and spelled > 0 else None


def needed(value: T | None, what: str) -> T:
    """`value`, which the answer must have."""
    if value is None:
        raise Unreadable(f"the exchange's answer has no {what}")
    return value


def moment(milliseconds: Any, otherwise: datetime, ahead: timedelta = IN_STEP) -> datetime:
    """The moment that venues tell in milliseconds, by a clock that is `ahead` of theirs.

    `otherwise` where it tells none, or none that can be.
    """
    told = milliseconds if type(milliseconds) is int and milliseconds > 0 else positive(milliseconds)
    return otherwise if told is None or told > LATEST_MS else EPOCH + timedelta(milliseconds=int(told)) + ahead


def milliseconds(at: datetime) -> int:
    """A moment as venues want it."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def first(raw: Raw, *names: str) -> Any:
    """The first of these entries that is neither missing nor empty."""
    for name in names:
        value = raw.get(name)
        if value is not None and value != "":
            return value
    return None


def info_of(raw: Raw) -> Raw:
    """The venue's own words inside ccxt's."""
    info = raw.get("info")
    return info if isinstance(info, (dict, Mapping)) else NOTHING  # a dict is told from the rest at once


def text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def order_side(value: Any) -> OrderSide:
    return needed({"buy": OrderSide.BUY, "sell": OrderSide.SELL}.get(str(value).lower()), "side")


def position_side(info: Raw) -> Side | None:
    """Which position an order or fill belongs to, None in one-way mode."""
    told = str(first(info, "positionSide", "ps", "positionIdx") or "").lower()
    return {"long": Side.LONG, "1": Side.LONG, "short": Side.SHORT, "2": Side.SHORT}.get(told)


# --------------------------------------------------------------------------------------------------------------- orders

_S = OrderStatus

RAW_STATUSES: Mapping[str, OrderStatus] = MappingProxyType(
    {
        "NEW": _S.OPEN,
        "ACCEPTED": _S.OPEN,
        "PENDING_NEW": _S.OPEN,
        "NEW_INSURANCE": _S.OPEN,
        "NEW_ADL": _S.OPEN,
        "TRIGGERING": _S.OPEN,
        "TRIGGERED": _S.OPEN,
        "PARTIALLY_FILLED": _S.PARTIALLY_FILLED,
        "FILLED": _S.FILLED,
        "CANCELED": _S.CANCELLED,
        "CANCELLED": _S.CANCELLED,
        "PENDING_CANCEL": _S.PENDING_CANCEL,
        "REJECTED": _S.REJECTED,
        "EXPIRED": _S.EXPIRED,
        "EXPIRED_IN_MATCH": _S.EXPIRED,
        "CREATED": _S.OPEN,
        "UNTRIGGERED": _S.OPEN,
        "ACTIVE": _S.OPEN,
        "PARTIALLYFILLED": _S.PARTIALLY_FILLED,
        "PARTIALLYFILLEDCANCELED": _S.CANCELLED,
        "PARTIALLY_FILLED_CANCELLED": _S.CANCELLED,
        "PENDINGCANCEL": _S.PENDING_CANCEL,
        "DEACTIVATED": _S.CANCELLED,
    }
)
"""The venues' own words, in capitals. FINISHED is missing on purpose: it does not say how the order ended."""

UNIFIED_STATUSES: Mapping[str, OrderStatus] = MappingProxyType(
    {
        "open": _S.OPEN,
        "canceling": _S.PENDING_CANCEL,
        "canceled": _S.CANCELLED,
        "expired": _S.EXPIRED,
        "rejected": _S.REJECTED,
    }
)

RAW_TYPES: Mapping[str, OrderType] = MappingProxyType(
    {
        "MARKET": OrderType.MARKET,
        "LIMIT": OrderType.LIMIT,
        "LIMIT_MAKER": OrderType.LIMIT,
        "LIQUIDATION": OrderType.MARKET,
        "STOP_MARKET": OrderType.STOP_MARKET,
        "STOP_LOSS": OrderType.STOP_MARKET,
        "STOP": OrderType.STOP_LIMIT,
        "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
        "TAKE_PROFIT_LIMIT": OrderType.STOP_LIMIT,
        "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT_MARKET,
    }
)


def order_status(order: Raw, filled: Decimal, quantity: Decimal) -> OrderStatus:
    """How an order stands. One that rests with something filled is partially filled, whatever the venue calls it."""
    raw = str(first(info_of(order), "algoStatus", "orderStatus", "status", "X") or "").upper()
    status = RAW_STATUSES.get(raw) or UNIFIED_STATUSES.get(str(order.get("status")))
    if status is None and order.get("status") == "closed":
        status = _closed(raw, filled, quantity)
    if status in {None, _S.OPEN} and filled > 0:
        return _S.PARTIALLY_FILLED if filled < quantity else _S.FILLED
    return status or _S.OPEN


def _closed(raw: str, filled: Decimal, quantity: Decimal) -> OrderStatus:
    if filled > 0 and filled >= quantity:
        return _S.FILLED
    return _S.OPEN if raw == "FINISHED" else _S.CANCELLED


def order_type(order: Raw) -> OrderType:
    """An order's type; a conditional one keeps its type after it was triggered."""
    info = info_of(order)
    for name in ("origType", "ot", "type", "orderType", "o"):
        raw = str(info.get(name) or "")
        if raw.isupper() and raw in RAW_TYPES:
            return RAW_TYPES[raw]
    is_limit = str(order.get("type")).lower() == "limit"
    if positive(order.get("triggerPrice")) is None:
        return OrderType.LIMIT if is_limit else OrderType.MARKET
    if is_limit:
        return OrderType.STOP_LIMIT
    return OrderType.STOP_MARKET if positive(order.get("takeProfitPrice")) is None else OrderType.TAKE_PROFIT_MARKET


def child_order_id(order: Raw) -> str | None:
    """The id of the plain order that a triggered conditional order became, where the venue keeps both."""
    told = text(first(info_of(order), "actualOrderId", "ai"))
    return None if told == "0" else told


def order_report(
    order: Raw,
    account: str,
    now: datetime,
    asked: OrderRequest | None = None,
    ref: OrderRef | None = None,
    ahead: timedelta = IN_STEP,
) -> OrderReport:
    """An order as ccxt gives it. Answers to new orders may tell an id only: `asked` tells the rest."""
    filled = number(order.get("filled")) or ZERO
    quantity = positive(order.get("amount")) or (asked.quantity if asked else None)
    quantity = needed(quantity, "quantity") if quantity is not None or filled == 0 else filled
    side = asked.side if asked else order_side(order.get("side"))
    info = info_of(order)
    kind = asked.type if asked else ref.type if ref else order_type(order)
    return OrderReport(
        account=account,
        symbol=asked.symbol if asked else str(needed(order.get("symbol"), "symbol")),
        client_order_id=_client_id(order, asked, ref),
        venue_order_id=str(needed(order.get("id"), "order id")),
        side=side,
        type=kind,
        status=order_status(order, filled, quantity),
        quantity=quantity,
        filled=filled,
        average=_average(order, filled),
        price=_limit_price(order, asked) if kind in LIMIT_TYPES else None,
        trigger_price=positive(order.get("triggerPrice")) or (asked.trigger_price if asked else None),
        reduce_only=asked.reduce_only if asked else _reduces(order, side, info),
        at=moment(first(order, "lastUpdateTimestamp", "lastTradeTimestamp", "timestamp"), now, ahead),
        reason=_reason(info),
    )


def _client_id(order: Raw, asked: OrderRequest | None, ref: OrderRef | None) -> str | None:
    if asked is not None:
        return asked.client_order_id
    return ref.client_order_id if ref is not None else text(order.get("clientOrderId"))


def _limit_price(order: Raw, asked: OrderRequest | None) -> Decimal | None:
    return positive(order.get("price")) or (asked.price if asked else None)


def _average(order: Raw, filled: Decimal) -> Decimal | None:
    if filled <= 0:
        return None
    average = positive(order.get("average"))
    cost = positive(order.get("cost"))
    return average or (cost / filled if cost else None)


def _reduces(order: Raw, side: OrderSide, info: Raw) -> bool:
    """In hedge mode an order against its position reduces it, and venues do not say so."""
    held = position_side(info)
    return bool(order.get("reduceOnly")) or (held is not None and side is held.exit_order_side)


def _reason(info: Raw) -> str | None:
    told = text(first(info, "rejectReason", "rm"))
    return None if told is None or told in {"EC_NoError", "NONE"} else masked(told)


# ---------------------------------------------------------------------------------------------------------------- fills

_FORCED: Mapping[str, FillKind] = MappingProxyType(
    {"BustTrade": FillKind.LIQUIDATION, "AdlTrade": FillKind.ADL, "LIQUIDATION": FillKind.LIQUIDATION}
)
NOT_TRADES = frozenset({"Funding", "SessionSettlePnL"})


def is_trade(trade: Raw) -> bool:
    """Venues list funding among the executions; that is booked by itself."""
    return info_of(trade).get("execType") not in NOT_TRADES


def fill_kind(info: Raw, client_order_id: str | None) -> FillKind:
    """Whether the venue forced the trade."""
    forced = _FORCED.get(str(first(info, "execType", "o", "type")))
    if client_order_id is not None and client_order_id.startswith("adl_autoclose"):
        return FillKind.ADL
    if client_order_id is not None and client_order_id.startswith("autoclose-"):
        return FillKind.LIQUIDATION
    return forced or FillKind.TRADE


def fill_report(
    trade: Raw, account: str, now: datetime, client_order_id: str | None = None, ahead: timedelta = IN_STEP
) -> FillReport:
    """A trade as ccxt gives it; `client_order_id` tells whose it is where the trade does not."""
    info = info_of(trade)
    symbol = str(needed(trade.get("symbol"), "symbol"))
    client_id = client_order_id or client_id_of(trade)
    kind = fill_kind(info, client_id)
    fee, fee_asset = _fee(trade, symbol)
    return FillReport(
        account=account,
        symbol=symbol,
        trade_id=str(needed(trade.get("id"), "trade id")),
        client_order_id=client_id if kind is FillKind.TRADE else None,
        side=order_side(trade.get("side")),
        price=needed(positive(trade.get("price")), "price"),
        quantity=needed(positive(trade.get("amount")), "quantity"),
        fee=fee,
        fee_asset=fee_asset,
        liquidity=_liquidity(trade.get("takerOrMaker")),
        at=moment(trade.get("timestamp"), now, ahead),
        position_side=position_side(info),
        kind=kind,
    )


def client_id_of(trade: Raw) -> str | None:
    """The client id of a trade's order, None where the trade does not tell it."""
    return text(first(info_of(trade), "clientOrderId", "orderLinkId", "clOrdId", "c"))


def _liquidity(told: Any) -> Liquidity:
    return {"maker": Liquidity.MAKER, "taker": Liquidity.TAKER}.get(str(told), Liquidity.UNKNOWN)


def _fee(trade: Raw, symbol: str) -> tuple[Decimal, str]:
    """A fee's amount and asset, nothing in the quote currency where the venue does not tell.

    Gate tells one in every asset that fees are paid in, zero but for the one that it took.
    """
    told = [fee for fee in (trade.get("fee"), *(trade.get("fees") or ())) if isinstance(fee, Mapping)]
    pairs = [(number(fee.get("cost")), text(fee.get("currency"))) for fee in told]
    fees = [(cost, asset) for cost, asset in pairs if cost is not None and asset is not None]
    return next((fee for fee in fees if fee[0]), fees[0] if fees else (ZERO, quote_of(symbol)))


# ----------------------------------------------------------------------------------------- positions, balances, funding


def position_report(position: Raw, account: str, now: datetime, ahead: timedelta = IN_STEP) -> PositionReport:
    """A position as ccxt gives it."""
    quantity = abs(number(position.get("contracts")) or ZERO)
    side = {"long": Side.LONG, "short": Side.SHORT}.get(str(position.get("side")).lower())
    if quantity and side is None:
        side = needed(position_side(info_of(position)), "position side")
    return PositionReport(
        account=account,
        symbol=str(needed(position.get("symbol"), "symbol")),
        side=side if quantity else None,
        quantity=quantity,
        entry_price=positive(position.get("entryPrice")) if quantity else None,
        leverage=_leverage(position),
        liquidation_price=positive(position.get("liquidationPrice")) if quantity else None,
        at=moment(first(position, "lastUpdateTimestamp", "timestamp"), now, ahead),
    )


def _leverage(position: Raw) -> Decimal | None:
    """As the venue tells it, else as the position's own margin shows it: another includes that of open orders."""
    told, notional = positive(position.get("leverage")), number(position.get("notional"))
    margin = positive(info_of(position).get("positionInitialMargin", position.get("initialMargin")))
    if told is not None or margin is None or not notional:
        return told
    return max((abs(notional) / margin).to_integral_value(), ONE)


def positions(
    rows: Iterable[Raw],
    account: str,
    now: datetime,
    ahead: timedelta = IN_STEP,
) -> list[PositionReport]:
    """All that are not flat, one for each symbol and side."""
    reports = (position_report(row, account, now, ahead) for row in rows)
    return [report for report in reports if report.side is not None]


def balances(balance: Raw, account: str, now: datetime, ahead: timedelta = IN_STEP) -> list[BalanceReport]:
    """Every asset of which there is some."""
    at = moment(balance.get("timestamp"), now, ahead)
    totals = balance.get("total")
    reports = []
    for asset in needed(totals if isinstance(totals, Mapping) else None, "balances"):
        entry = balance.get(asset)
        report = _balance(asset, entry if isinstance(entry, Mapping) else NOTHING, account, at)
        if report is not None and (report.total or report.free):
            reports.append(report)
    return reports


def _balance(asset: str, entry: Raw, account: str, at: datetime) -> BalanceReport | None:
    free, used, total = (number(entry.get(name)) for name in ("free", "used", "total"))
    if total is None and free is None:
        return None
    if total is None:
        total = needed(free, "balance") + (used or ZERO)
    return BalanceReport(account, asset, total, total - (used or ZERO) if free is None else free, at)


def funding_report(
    payment: Raw, account: str, now: datetime, ahead: timedelta = IN_STEP, *, is_hedged: bool = False
) -> FundingReport:
    """A funding payment as ccxt gives it; negative was paid by us.

    Bybit lists funding among the executions, where a positive fee is one paid. These have no position index: in hedge
    mode the side of the execution is the position's, Buy where it is long.
    """
    info = info_of(payment)
    is_execution = info.get("execType") == "Funding"
    told = {"Buy": Side.LONG, "Sell": Side.SHORT}.get(str(info.get("side"))) if is_execution and is_hedged else None
    amount = needed(number(payment.get("amount")), "amount")
    return FundingReport(
        account=account,
        symbol=str(needed(payment.get("symbol"), "symbol")),
        payment_id=str(needed(payment.get("id"), "payment id")),
        amount=-amount if is_execution else amount,
        rate=number(first(info, "fundingRate", "feeRate")) or ZERO,
        at=moment(payment.get("timestamp"), now, ahead),
        position_side=position_side(info) or told,
    )
