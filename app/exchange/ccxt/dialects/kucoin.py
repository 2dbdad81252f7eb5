"""KuCoin, spot from the trading account of a classic account, by its high-frequency endpoints.

Facts are from <https://www.kucoin.com/docs-new>. A unified account, or one that was never moved to high frequency,
refuses these endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType
from app.exchange.ccxt.dialects.base import NEW_ORDERS, Budget, Dialect, HedgeStyle, Operation, Pool, facts
from app.exchange.ccxt.dialects.refining import ById, refined
from app.exchange.ccxt.verdicts import CLOCK, KEYS, LIMITED, OPERATOR, UNKNOWN, Codes, refused
from app.messages.reports import RefusalCode

OLDER = ById("lastId", told_as="id")
"""Title: Get Trade History."""
_INVALID = refused(RefusalCode.INVALID_ORDER)
_FUNDS = refused(RefusalCode.INSUFFICIENT_BALANCE)
_HALTED = refused(RefusalCode.HALTED)
_GONE = refused(RefusalCode.NOT_FOUND)
_SMALL = refused(RefusalCode.MIN_NOTIONAL)

KUCOIN_CODES = Codes(
    table=MappingProxyType(
        {
            "100001": _GONE,
            "100004": _GONE,
            "126001": OPERATOR,
            "126044": refused(RefusalCode.DUPLICATE_ID),
            "200004": _FUNDS,
            "210021": _FUNDS,
            "230003": _FUNDS,
            "260100": _FUNDS,
            "300000": _HALTED,
            "400001": KEYS,
            "400002": CLOCK,
            "400003": KEYS,
            "400004": KEYS,
            "400005": KEYS,
            "400006": KEYS,
            "400007": KEYS,
            "400100": _INVALID,
            "400200": _HALTED,
            "400303": OPERATOR,
            "400330": _INVALID,
            "400350": _INVALID,
            "400370": _INVALID,
            "400500": OPERATOR,
            "400600": _HALTED,
            "400760": _INVALID,
            "401000": OPERATOR,
            "408000": UNKNOWN,
            "411100": KEYS,
            "429000": LIMITED,
            "500000": UNKNOWN,
            "600100": refused(RefusalCode.PRECISION),
            "600101": _SMALL,
            "900001": _HALTED,
        }
    ),
    phrases=(
        ("oidduplicated", refused(RefusalCode.DUPLICATE_ID)),
        ("order_not_exist", _GONE),
        ("order not exist", _GONE),
        ("order does not exist", _GONE),
        ("below the minimum requirement", _SMALL),
        ("increment", refused(RefusalCode.PRECISION)),
        ("available.amount", _FUNDS),
        ("unsupported trading pair", _HALTED),
    ),
    vague=frozenset({"400100", "600100"}),
)


@dataclass(frozen=True, slots=True)
class KucoinSpot(Dialect):
    def refined(self, exchange: Any) -> Any:
        return _by_market(refined(exchange, by_id=OLDER))

    def is_renamed(self, market: Mapping[str, Any]) -> bool:
        """A market keeps its id when it gets another name ("Get All Symbols", `name`), and another may get the old."""
        name = market["info"].get("name")
        return (name is not None and name != market["id"]) or Dialect.is_renamed(self, market)


def _by_market(base: Any) -> Any:
    """`base`, asking market by market for what KuCoin lists by market only, and for nothing of margin trading."""

    class ByMarket(base):  # type: ignore[misc]  # ccxt is untyped
        async def fetch_markets(self, params: Any = None) -> list[Any]:
            markets: list[Any] = await super().fetch_markets({"marginables": False, **(params or {})})
            return markets

        async def fetch_order(self, order_id: Any, symbol: Any = None, params: Any = None) -> Any:
            """Where there is no such order the answer may be well and empty."""
            told = await super().fetch_order(order_id, symbol, params or {})
            if not told["info"]:
                raise import_module("ccxt").OrderNotFound("the exchange has no such order")
            return told

        async def fetch_open_orders(
            self, symbol: Any = None, since: Any = None, limit: Any = None, params: Any = None
        ) -> list[Any]:
            """Titles: Get Symbols With Open Order, Get Open Orders."""
            symbols = [symbol]
            if symbol is None:
                told = await self.privateGetHfOrdersActiveSymbols()
                symbols = [self.safe_symbol(name) for name in told["data"]["symbols"] or ()]
            rows: list[Any] = []
            for each in symbols:
                rows += await super().fetch_open_orders(each, since, limit, params or {})
            return rows

    return ByMarket


KUCOIN_SPOT = KucoinSpot(
    name="kucoin_spot",
    exchange="kucoin",
    codes=KUCOIN_CODES,
    market_type=MarketType.SPOT,
    client_id_create="clientOid",
    client_id_read="clientOid",
    hedge_style=HedgeStyle.NONE,
    stop_types=frozenset(),
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    trade_page=100,
    has_private_stream=False,
    always=facts(
        **{
            # Of a market without open orders null is told where the document has a list.
            "/orders/active": {"data": list | None},
            "/active/symbols": {"data": {"symbols": list | None}},
            "/accounts": {"data": list},
            "/fills": {"data": {"items": list}},
            "/symbols": {"data": list},
            "": {"data": object},
        }
    ),
    # "Add Order Sync" answers when the order is in the book: the plain one answers sooner, and then a question about
    # the order may find none yet.
    options=facts(
        hf=True,
        uta=False,
        defaultType="spot",
        createOrder={"sync": True},
        cancelOrder={"sync": True},
        fetchMarkets={"types": ["spot"], "fetchTickersFees": False},
        partner={"spot": {"id": None, "key": None}},
    ),
    # "Rate Limit": 4000 in 30 s for trading, 2000 each for the account and for the market, told alike in the headers.
    budgets=(
        Budget(Pool.WEIGHT, 2000, 30.0, "gw-ratelimit-remaining", True),
        Budget(Pool.ORDERS, 2000, 30.0, counts=NEW_ORDERS),
    ),
    weights=MappingProxyType(
        {
            Operation.LOOK_UP: 2,
            Operation.OPEN_ORDERS: 4,
            Operation.OPEN_ORDERS_OF_MARKET: 2,
            Operation.BALANCES: 5,
            Operation.FILLS: 2,
            Operation.CANDLES: 3,
            Operation.MARKETS: 10,
            Operation.TICKER: 15,
            Operation.TIME: 3,
        }
    ),
)
