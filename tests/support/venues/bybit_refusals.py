"""How Bybit words its refusals: HTTP 200 with a `retCode`."""

from __future__ import annotations

from app.domain.values import MarketType
from app.messages.reports import RefusalCode


class BybitRefusal(Exception):
    """An error answer. https://bybit-exchange.github.io/docs/v5/error"""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


_C = RefusalCode
_LINEAR: dict[RefusalCode, tuple[int, str]] = {
    _C.INSUFFICIENT_BALANCE: (110007, "ab not enough for new order"),
    _C.PRECISION: (10001, "Qty invalid"),
    _C.MIN_NOTIONAL: (110094, "Order does not meet minimum order value {}USDT"),
    _C.REDUCE_ONLY: (110017, "current position is zero, cannot fix reduce-only order qty"),
    _C.HALTED: (110074, "This contract is not live"),
    _C.DUPLICATE_ID: (110072, "OrderLinkedID is duplicate"),
    _C.NOT_FOUND: (110001, "order not exists or too late to cancel"),
}
_SPOT: dict[RefusalCode, tuple[int, str]] = {
    _C.INSUFFICIENT_BALANCE: (170131, "Insufficient balance."),
    _C.PRECISION: (170137, "Order quantity has too many decimals."),
    _C.MIN_NOTIONAL: (170140, "Order value exceeded lower limit."),
    _C.HALTED: (170121, "Invalid symbol."),
    _C.DUPLICATE_ID: (170141, "Duplicate clientOrderId."),
    _C.NOT_FOUND: (170213, "Order does not exist."),
}


def refusal_of(market_type: MarketType, code: RefusalCode, detail: str, minimum: object = "") -> BybitRefusal:
    """The book's refusal in the venue's words."""
    table = _SPOT if market_type is MarketType.SPOT else _LINEAR
    number, text = table.get(code, (10001, f"params error: {detail}"))
    return BybitRefusal(number, text.format(minimum))


def malformed(what: str) -> BybitRefusal:
    return BybitRefusal(10001, f"params error: {what}")
