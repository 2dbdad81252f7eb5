"""OKX v5, spot from the trading account without borrowing. Facts are from <https://www.okx.com/docs-v5/en/>."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType
from app.exchange.ccxt.dialects.base import NEW_ORDERS, Budget, Dialect, HedgeStyle, Operation, Params, Pool, facts
from app.exchange.ccxt.dialects.refining import ById, refined
from app.exchange.ccxt.verdicts import BUSY, CLOCK, KEYS, LIMITED, LIMITED_ACCOUNT, OPERATOR, UNKNOWN, Codes, refused
from app.messages.reports import RefusalCode
from app.ports.venue import OrderRequest

_INVALID = refused(RefusalCode.INVALID_ORDER)
_FUNDS = refused(RefusalCode.INSUFFICIENT_BALANCE)
_HALTED = refused(RefusalCode.HALTED)
_GONE = refused(RefusalCode.NOT_FOUND)
_SMALL = refused(RefusalCode.MIN_NOTIONAL)

OKX_CODES = Codes(
    table=MappingProxyType(
        {
            "50001": BUSY,
            "50004": UNKNOWN,
            "50005": BUSY,
            "50007": KEYS,
            "50008": KEYS,
            "50011": LIMITED,
            "50013": UNKNOWN,
            "50026": UNKNOWN,
            "50027": OPERATOR,
            "50061": LIMITED_ACCOUNT,
            "50100": KEYS,
            "50101": KEYS,
            "50102": CLOCK,
            "50103": KEYS,
            "50104": KEYS,
            "50105": KEYS,
            "50106": KEYS,
            "50107": KEYS,
            "50110": KEYS,
            "50111": KEYS,
            "50112": CLOCK,
            "50113": KEYS,
            "50114": KEYS,
            "50120": KEYS,
            "51000": _INVALID,
            "51001": _HALTED,
            "51006": _INVALID,
            "51008": _FUNDS,
            "51009": OPERATOR,
            "51010": OPERATOR,
            "51011": refused(RefusalCode.DUPLICATE_ID),
            "51016": refused(RefusalCode.DUPLICATE_ID),
            "51020": _SMALL,
            "51021": _HALTED,
            "51022": _HALTED,
            "51024": OPERATOR,
            "51025": _INVALID,
            "51054": UNKNOWN,
            "51100": _SMALL,
            "51118": _SMALL,
            "51119": _FUNDS,
            "51120": _SMALL,
            "51121": refused(RefusalCode.PRECISION),
            "51127": _FUNDS,
            "51131": _FUNDS,
            "51149": UNKNOWN,
            "51155": OPERATOR,
            "51400": _GONE,
            "51401": _GONE,
            "51402": _GONE,
            "51410": _GONE,
            "51603": _GONE,
        }
    ),
    # The outer code of a failed order says no more than 1 or 2, the order's own is inside.
    pattern=re.compile(r'"(?:sCode|code)"\s*:\s*"?(?!0\b|1\b|2\b)(\d+)'),
)


ORDERS_PAGE = 100
OLDER = ById("after", told_as="billId")
"""Chapter "Transaction details (last 3 months)"."""


@dataclass(frozen=True, slots=True)
class OkxSpot(Dialect):
    def order_words(self, request: OrderRequest) -> Params:  # noqa: ARG002 - the same for all
        """Without borrowing, and market orders in the base currency both ways ("Place order", `tgtCcy`)."""
        return {"tdMode": "cash", "tgtCcy": "base_ccy"}

    def refined(self, exchange: Any) -> Any:
        return _listing(refined(exchange, order_id_name="ordId", by_id=OLDER))


def _listing(base: Any) -> Any:
    """`base`, telling all open orders; the venue tells the newest hundred ("Get order list", `after`)."""

    class Listing(base):  # type: ignore[misc]  # ccxt is untyped
        async def fetch_open_orders(
            self, symbol: Any = None, since: Any = None, _limit: Any = None, params: Any = None
        ) -> list[Any]:
            words = dict(params or {})
            page: list[Any] = await super().fetch_open_orders(symbol, since, ORDERS_PAGE, words)
            rows = page
            while len(page) >= ORDERS_PAGE:
                words["after"] = str(min(int(row["id"]) for row in page))
                page = await super().fetch_open_orders(symbol, since, ORDERS_PAGE, words)
                rows = [*rows, *page]
            return rows

    return Listing


OKX_SPOT = OkxSpot(
    name="okx_spot",
    exchange="okx",
    codes=OKX_CODES,
    market_type=MarketType.SPOT,
    client_id_create="clOrdId",
    client_id_read="clOrdId",
    hedge_style=HedgeStyle.NONE,
    stop_types=frozenset(),
    maker_fee=Decimal("0.0008"),
    taker_fee=Decimal("0.001"),
    trade_page=100,
    trades_need_symbol=False,
    has_private_stream=False,
    always=facts(**{"": {"data": list}}),
    # A batch of one, which ccxt sends unless told otherwise, has budgets of its own.
    options=facts(createOrder="privatePostTradeOrder", defaultType="spot", fetchMarkets={"types": ["spot"]}),
    # Every endpoint has a limit of its own ("Rate Limit" of each): 60 in 2 s for orders and most questions about them.
    budgets=(Budget(Pool.WEIGHT, 60, 2.0), Budget(Pool.ORDERS, 60, 2.0, counts=NEW_ORDERS)),
    weights=MappingProxyType(
        {
            Operation.CREATE: 0,
            Operation.BALANCES: 6,
            Operation.FILLS: 6,
            Operation.CANDLES: 2,
            Operation.MARKETS: 3,
            Operation.TICKER: 3,
            Operation.TIME: 6,
        }
    ),
)
