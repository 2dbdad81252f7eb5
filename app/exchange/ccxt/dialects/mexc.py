"""MEXC, spot v3. Facts are from <https://www.mexc.com/api-docs/spot-v3>."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType
from app.exchange.ccxt.dialects.base import NEW_ORDERS, Budget, Dialect, HedgeStyle, Operation, Pool, facts
from app.exchange.ccxt.dialects.refining import refined
from app.exchange.ccxt.verdicts import BUSY, CLOCK, KEYS, LIMITED, OPERATOR, UNKNOWN, Codes, refused
from app.messages.reports import RefusalCode

_INVALID = refused(RefusalCode.INVALID_ORDER)
_FUNDS = refused(RefusalCode.INSUFFICIENT_BALANCE)
_HALTED = refused(RefusalCode.HALTED)
_GONE = refused(RefusalCode.NOT_FOUND)

MEXC_CODES = Codes(
    table=MappingProxyType(
        {
            "-1121": _HALTED,
            "-2010": _INVALID,
            "-2011": _GONE,
            "-2013": _GONE,
            "26": refused(RefusalCode.PERMISSION),
            "400": _INVALID,  # documented as a missing key, and told for whatever is wrong with a request
            "401": KEYS,
            "402": KEYS,
            "403": OPERATOR,
            "406": KEYS,
            "429": LIMITED,
            "500": UNKNOWN,
            "501": UNKNOWN,
            "503": UNKNOWN,
            "504": UNKNOWN,
            "510": LIMITED,
            "602": KEYS,
            "604": BUSY,
            "701": OPERATOR,
            "702": OPERATOR,
            "703": OPERATOR,
            "704": OPERATOR,
            "801": BUSY,
            "10001": OPERATOR,
            "10007": _HALTED,
            "10072": KEYS,
            "10073": CLOCK,
            "10096": refused(RefusalCode.PRECISION),
            "10101": _FUNDS,
            "20002": UNKNOWN,
            "30000": _HALTED,
            "30001": _HALTED,
            "30002": refused(RefusalCode.MIN_NOTIONAL),
            "30003": _INVALID,
            "30004": _FUNDS,
            "30005": _FUNDS,
            "30010": _INVALID,
            "30014": _HALTED,
            "30016": _HALTED,
            "30018": OPERATOR,
            "30020": OPERATOR,
            "30021": _HALTED,
            "30029": _INVALID,
            "30041": _INVALID,
            "30087": _INVALID,
            "60005": OPERATOR,
            "70011": OPERATOR,
            "700001": KEYS,
            "700002": KEYS,
            "700003": CLOCK,
            "700004": _INVALID,
            "700006": KEYS,
            "700007": KEYS,
            "700008": _INVALID,
        }
    ),
    phrases=(
        ("duplicate", refused(RefusalCode.DUPLICATE_ID)),
        ("scale is invalid", refused(RefusalCode.PRECISION)),
        ("api key", KEYS),
    ),
    vague=frozenset({"-2010", "400"}),
)


_STREAMED = ("watchTickers", "watchBidsAsks")


@dataclass(frozen=True, slots=True)
class MexcSpot(Dialect):
    def refined(self, exchange: Any) -> Any:
        """Of one market's best prices ccxt asks for all and takes the list for a row; it streams no tickers of spot,
        and best prices only with the package that reads them."""
        lacks = ("fetchBidsAsks", "watchTickers") if _reads_streams() else ("fetchBidsAsks", *_STREAMED)
        return _of_spot(refined(exchange, lacks=lacks))


def _of_spot(base: Any) -> Any:
    """`base`, asking for spot markets only: perpetuals are told by another host, which need not answer for us."""

    class OfSpot(base):  # type: ignore[misc]  # ccxt is untyped
        async def fetch_swap_markets(self, *_asked: Any) -> list[Any]:
            return []

    return OfSpot


def _reads_streams() -> bool:
    try:
        return find_spec("google.protobuf") is not None
    except ModuleNotFoundError:
        return False


MEXC_SPOT = MexcSpot(
    name="mexc_spot",
    exchange="mexc",
    codes=MEXC_CODES,
    market_type=MarketType.SPOT,
    client_id_create="clientOrderId",
    client_id_read="clientOrderId",
    hedge_style=HedgeStyle.NONE,
    stop_types=frozenset(),
    maker_fee=Decimal(0),
    taker_fee=Decimal("0.0005"),
    trade_page=100,
    has_private_stream=False,
    always=facts(
        **{
            "/openOrders": list,
            "/myTrades": list,
            "/account": {"balances": list},
            "/exchangeInfo": {"symbols": list},
        }
    ),
    options=facts(adjustForTimeDifference=False, recvWindow=5000, defaultType="spot"),
    # "General Info", LIMITS: 500 of weight in 10 s for each endpoint.
    budgets=(Budget(Pool.WEIGHT, 500, 10.0), Budget(Pool.ORDERS, 500, 10.0, counts=NEW_ORDERS)),
    weights=MappingProxyType(
        {
            Operation.LOOK_UP: 2,
            Operation.OPEN_ORDERS: 3,  # "Current Open Orders": of all markets where no symbol is named
            Operation.OPEN_ORDERS_OF_MARKET: 3,
            Operation.BALANCES: 10,
            Operation.FILLS: 10,
            Operation.MARKETS: 10,
        }
    ),
)
