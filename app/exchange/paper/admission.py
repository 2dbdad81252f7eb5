"""What the paper exchange checks before it takes an order; as strict as a real venue."""

from __future__ import annotations

from decimal import Decimal

from app.domain.market import MarketRules, Quote
from app.domain.values import ZERO, OrderSide, OrderType, Side
from app.exchange.paper.ledger import Ledger, is_conditional
from app.exchange.paper.matching import trigger_is_reached
from app.messages.reports import RefusalCode, Refused
from app.ports.paper_store import PaperOrder
from app.ports.venue import OrderRequest


def refusal_of(ledger: Ledger, request: OrderRequest, amended: PaperOrder | None = None) -> Refused | None:
    """Why an order, or a change of `amended` to it, is not taken."""
    rules, quote = ledger.rules.get(request.symbol), ledger.quotes.get(request.symbol)
    if rules is None or quote is None:
        return Refused(RefusalCode.INVALID_ORDER, f"unknown symbol {request.symbol}")
    if amended is None and request.client_order_id in ledger.by_client_id:
        return Refused(RefusalCode.DUPLICATE_ID, "the client order id was used before")
    return (
        _shape(request)
        or _precision(request, rules)
        or _trigger(request, quote)
        or _reduce_only(ledger, request)
        or _minimums(request, rules, quote)
        or _funds(ledger, request, rules, quote, amended)
    )


def _shape(request: OrderRequest) -> Refused | None:
    needs_price = request.type in {OrderType.LIMIT, OrderType.STOP_LIMIT}
    if needs_price != (request.price is not None) or is_conditional(request.type) != (
        request.trigger_price is not None
    ):
        return Refused(RefusalCode.INVALID_ORDER, f"a {request.type} order has another shape")
    return None


def _precision(request: OrderRequest, rules: MarketRules) -> Refused | None:
    prices = [price for price in (request.price, request.trigger_price) if price is not None]
    if any(price <= 0 or price % rules.tick_size for price in prices):
        return Refused(RefusalCode.PRECISION, f"prices are multiples of {rules.tick_size:f}")
    if request.quantity <= 0 or request.quantity % rules.step_size:
        return Refused(RefusalCode.PRECISION, f"quantities are multiples of {rules.step_size:f}")
    return None


def _trigger(request: OrderRequest, quote: Quote) -> Refused | None:
    if request.trigger_price is None:
        return None
    if trigger_is_reached(request.type, request.side, request.trigger_price, quote):
        return Refused(
            RefusalCode.WOULD_TRIGGER, f"the price {quote.last:f} is through {request.trigger_price:f} already"
        )
    return None


def _reduce_only(ledger: Ledger, request: OrderRequest) -> Refused | None:
    if not request.reduce_only:
        return None
    if ledger.is_spot:
        return Refused(RefusalCode.INVALID_ORDER, "spot knows no reduce-only orders")
    held = ledger.positions.get((request.symbol, _closed_side(ledger, request)))
    if held is None:
        return Refused(RefusalCode.REDUCE_ONLY, "there is no position to reduce")
    return None


def _closed_side(ledger: Ledger, request: OrderRequest) -> Side:
    if ledger.is_hedged:
        return request.position_side
    return Side.SHORT if request.side is OrderSide.BUY else Side.LONG


def _minimums(request: OrderRequest, rules: MarketRules, quote: Quote) -> Refused | None:
    if request.quantity < rules.min_qty:
        return Refused(RefusalCode.MIN_NOTIONAL, f"at least {rules.min_qty:f}")
    if rules.max_qty is not None and request.quantity > rules.max_qty:
        return Refused(RefusalCode.INVALID_ORDER, f"at most {rules.max_qty:f} in one order")
    price = request.price or request.trigger_price or quote.last
    if not request.reduce_only and rules.notional(price, request.quantity) < rules.min_notional:
        return Refused(RefusalCode.MIN_NOTIONAL, f"worth at least {rules.min_notional:f} {rules.quote}")
    return None


def _funds(
    ledger: Ledger, request: OrderRequest, rules: MarketRules, quote: Quote, amended: PaperOrder | None
) -> Refused | None:
    if request.reduce_only:
        return None
    price = (
        request.price
        or request.trigger_price
        or ledger.slipped(request.symbol, request.side, quote.executable(request.side))
    )
    left = request.quantity - (amended.filled if amended else ZERO)
    if ledger.is_spot:
        return _spot_funds(ledger, request, rules, price, left, amended)
    opening = left - _closing(ledger, request, left)
    leverage = ledger.leverage(request.symbol)[0]
    needed = rules.notional(price, opening) * (1 / leverage + ledger.config.fees.taker)
    freed = _held_by(amended, rules) / leverage
    return _unless_enough(ledger.free(rules.quote) + freed, needed, rules.quote)


def _closing(ledger: Ledger, request: OrderRequest, quantity: Decimal) -> Decimal:
    opens = Side.LONG if request.side is OrderSide.BUY else Side.SHORT
    if ledger.is_hedged:
        if request.position_side is opens:
            return ZERO
        held = ledger.positions.get((request.symbol, request.position_side))
    else:
        held = ledger.positions.get((request.symbol, opens.opposite))
    return min(quantity, held.quantity) if held else ZERO


def _held_by(amended: PaperOrder | None, rules: MarketRules) -> Decimal:
    if amended is None or amended.price is None:
        return ZERO
    return rules.notional(amended.price, amended.quantity - amended.filled)


def _spot_funds(
    ledger: Ledger,
    request: OrderRequest,
    rules: MarketRules,
    price: Decimal,
    left: Decimal,
    amended: PaperOrder | None,
) -> Refused | None:
    if request.side is OrderSide.BUY:
        return _unless_enough(ledger.free(rules.quote) + _held_by(amended, rules), price * left, rules.quote)
    freed = amended.quantity - amended.filled if amended else ZERO
    return _unless_enough(ledger.free(rules.base) + freed, left, rules.base)


def _unless_enough(free: Decimal, needed: Decimal, asset: str) -> Refused | None:
    if needed <= free:
        return None
    return Refused(RefusalCode.INSUFFICIENT_BALANCE, f"{needed:f} {asset} needed, {free:f} free")
