"""Whether an exchange takes this account's stops as we send them, tried once it is connected (hazard 9)."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from app.base.errors import AppError
from app.domain.market import MarketRules, Rounding
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.exchange.ccxt import mapping, market_mapping
from app.exchange.ccxt.asking import order_arguments
from app.exchange.ccxt.dialects.base import Operation
from app.exchange.ccxt.limits import Priority
from app.exchange.ccxt.reads import Reader
from app.exchange.ccxt.session import RequestFailed, Session
from app.messages.reports import ConditionalReport, NotSent, OrderReport, OutcomeUnknown, RefusalCode, Refused
from app.ports.venue import OrderRef, OrderRequest, Venue

_BASES = ("BTC", "ETH", "SOL")
_FAR = Decimal("0.5")
_PREFIX = "zgprobe-"
NEVER_PLACED = "Ziggurat places none at this exchange"


def is_probe(report: OrderReport) -> bool:
    """Whether an order was only placed to be tried: neither the trader's own nor one of the engine's."""
    return (report.client_order_id or "").startswith(_PREFIX)


async def ask_about_stops(
    venue: Venue, session: Session, reader: Reader, now: datetime, *, is_live: bool
) -> ConditionalReport | None:
    """Send a small stop at half the price, which never stays; None where nothing was learned.

    It goes to the venue's own test where there is one, and is placed and cancelled otherwise; not so on a live account,
    which learns from its first stop. What could not be cancelled is the next time. Only a refusal of the kind of order
    counts: any other has understood it.
    """
    if venue.capabilities.stop_type is None:
        return ConditionalReport(venue.account, NEVER_PLACED)
    if is_live and not session.dialect.tries_orders:
        return None
    try:
        request = await _far_stop(venue, session, now)
    except AppError:
        return None
    if request is None:
        return None
    if session.dialect.tries_orders:
        told = await _tried(venue, session, request)
    else:
        await _clear(venue, reader, request.symbol)
        told = await _placed(venue, request)
    if isinstance(told, OutcomeUnknown | NotSent):
        return None
    refused = told.detail if isinstance(told, Refused) and told.code is RefusalCode.UNSUPPORTED else None
    return ConditionalReport(venue.account, refused)


async def _far_stop(venue: Venue, session: Session, now: datetime) -> OrderRequest | None:
    markets, ending = session.exchange.markets, "/USDT:USDT" if session.dialect.is_linear else "/USDT"
    symbol = next((base + ending for base in _BASES if base + ending in markets), None)
    rules = None if symbol is None else market_mapping.market_rules(markets[symbol])
    if symbol is None or rules is None:
        return None
    ticker = await session.read(Operation.TICKER, lambda api: api.fetch_ticker(symbol))
    last = mapping.positive(ticker.get("last"))
    return None if last is None else _stop(venue, rules, last, mapping.milliseconds(now))


def _stop(venue: Venue, rules: MarketRules, last: Decimal, now_ms: int) -> OrderRequest:
    can = venue.capabilities
    trigger = rules.quantize_price(last * _FAR, Rounding.DOWN)
    return OrderRequest(
        client_order_id=f"{_PREFIX}{now_ms}",
        symbol=rules.symbol,
        side=OrderSide.SELL,
        position_side=Side.LONG,
        type=can.stop_type or OrderType.STOP_MARKET,
        quantity=rules.smallest_quantity(trigger),
        price=trigger if can.stop_type is OrderType.STOP_LIMIT else None,
        trigger_price=trigger,
        reduce_only=can.reduce_only,
        time_in_force=TimeInForce.GTC,
    )


async def _tried(venue: Venue, session: Session, request: OrderRequest) -> Refused | OutcomeUnknown | NotSent | None:
    """None where it would be taken."""
    arguments = order_arguments(request, session.dialect, venue.capabilities.position_mode)
    arguments["params"] |= {"test": True}
    try:
        await session.call(Operation.CREATE, Priority.READ, lambda api: api.create_order(**arguments))
    except RequestFailed as failed:
        return session.outcome(failed.failure)
    return None


async def _clear(venue: Venue, reader: Reader, symbol: str) -> None:
    """Cancel what earlier tries have left, as far as it can be read."""
    with suppress(AppError):
        for left in filter(is_probe, await reader.open_orders_of([symbol])):
            await venue.cancel_order(OrderRef(str(left.client_order_id), left.venue_order_id, symbol, left.type))


async def _placed(venue: Venue, request: OrderRequest) -> Refused | OutcomeUnknown | NotSent | None:
    """None where it was taken; it is gone again."""
    told = await venue.create_order(request)
    if isinstance(told, Refused | NotSent):
        return told
    known = None if isinstance(told, OutcomeUnknown) else told.order.venue_order_id
    await venue.cancel_order(OrderRef(request.client_order_id, known, request.symbol, request.type))
    return told if isinstance(told, OutcomeUnknown) else None
