"""How Binance words its refusals."""

from __future__ import annotations

from app.messages.reports import RefusalCode


class VenueRefusal(Exception):
    """An error answer. https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code"""

    def __init__(self, code: int, message: str, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.message}


_OF_BOOK: dict[RefusalCode, tuple[int, str]] = {
    RefusalCode.INSUFFICIENT_BALANCE: (-2019, "Margin is insufficient."),
    RefusalCode.PRECISION: (-1111, "Precision is over the maximum defined for this asset."),
    RefusalCode.MIN_NOTIONAL: (-4164, "Order's notional must be no smaller than {} (unless you choose reduce only)."),
    RefusalCode.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    RefusalCode.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    RefusalCode.HALTED: (-4140, "Invalid symbol status for opening position."),
    RefusalCode.DUPLICATE_ID: (-4116, "ClientOrderId is duplicated."),
    RefusalCode.NOT_FOUND: (-2011, "Unknown order sent."),
}


def refusal_of(code: RefusalCode, detail: str, minimum: object) -> VenueRefusal:
    """The book's refusal in the venue's words; `minimum` is the market's least notional."""
    number, text = _OF_BOOK.get(code, (-1106, detail))
    return VenueRefusal(number, text.format(minimum))


def mandatory(name: str) -> VenueRefusal:
    return VenueRefusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def malformed(name: str) -> VenueRefusal:
    return VenueRefusal(-1130, f"Data sent for parameter '{name}' is not valid.")


NO_SUCH_ORDER = (-2013, "Order does not exist.")
UNKNOWN_ORDER = (-2011, "Unknown order sent.")
