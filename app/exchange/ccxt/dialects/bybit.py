"""Bybit v5, spot and USD-M perpetuals of a unified account.

Pages are named by their path under <https://bybit-exchange.github.io/docs/v5>.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType, OrderSide, OrderType
from app.exchange.ccxt.dialects.base import (
    CONDITIONAL_TYPES,
    Budget,
    Dialect,
    HedgeStyle,
    Operation,
    Params,
    Pool,
    Shape,
    facts,
    lively,
    spelled,
)
from app.exchange.ccxt.dialects.bybit_wire import RISES, mended
from app.exchange.ccxt.verdicts import (
    BUSY,
    CLOCK,
    KEYS,
    LIMITED,
    LIMITED_ACCOUNT,
    MODE,
    NO_CHANGE,
    OPERATOR,
    UNKNOWN,
    Codes,
    Verdict,
    refused,
)
from app.messages.reports import RefusalCode
from app.ports.venue import OrderRef, OrderRequest

_C = RefusalCode
_REFUSALS: Mapping[RefusalCode, str] = {
    _C.INSUFFICIENT_BALANCE: (
        "110004 110006 110007 110012 110014 110044 110045 110051 110052 110053 170033 170034 170131 170223 170226"
    ),
    _C.INVALID_ORDER: (
        "10001 10017 110003 110005 110009 110011 110016 110019 110020 110021 110022 110032 110039 110040 110064"
        " 170010 170011 170019 170115 170116 170117 170124 170130 170132 170133 170135 170149 170159 170192 170193"
        " 170194 170197 170198 170202 170204 170206 170210 170217 170218 170227 170228 170229 170371 170372"
    ),
    _C.PRECISION: "170134 170137 170148",
    _C.MIN_NOTIONAL: "110094 170136 170140",
    _C.REDUCE_ONLY: "110017 110034",
    _C.WOULD_TRIGGER: "110092 110093",
    _C.HALTED: "110023 110042 110063 110066 110074 170031 170121 170151 170157 170221",
    _C.DUPLICATE_ID: "110030 110072 170141",
    _C.NOT_FOUND: "110001 110008 110010 170139 170142 170143 170190 170213",
    _C.LEVERAGE: "110013 110036 110038",
}
_OTHERS: Mapping[Verdict, str] = {
    UNKNOWN: "10000 10014 10016 170001 170007 170032 170035 170146 170147 170150 170234",
    CLOCK: "-1 10002",
    KEYS: "-2015 10003 10004 10007 10008 10009 10010 33004",
    OPERATOR: (
        "10005 10024 10027 10028 10029 100028 110067 110068 110069 170036 170037 170201 170209 170224 170241 3400045"
    ),
    LIMITED: "10018 10429 170222",
    LIMITED_ACCOUNT: "10006 170005",
    BUSY: "429 110079 170144 170191",
    NO_CHANGE: "34040 110025 110026 110027 110043",
}


def _table() -> Mapping[str, Verdict]:
    """Page `error`."""
    said = {code: refused(refusal) for refusal, codes in _REFUSALS.items() for code in codes.split()}
    said |= {code: verdict for verdict, codes in _OTHERS.items() for code in codes.split()}
    return MappingProxyType(said)


BYBIT_CODES = Codes(
    table=_table(),
    phrases=(
        ("remains unchanged", NO_CHANGE),
        ("position idx not match position mode", MODE),
        ("minimum limit", refused(_C.MIN_NOTIONAL)),
        ("qty invalid", refused(_C.PRECISION)),
        ("duplicate", refused(_C.DUPLICATE_ID)),
    ),
    vague=frozenset({"10001"}),
)


def _is_rising(request: OrderRequest) -> bool:
    """Whether the price comes to a conditional order's trigger from below."""
    return (request.side is OrderSide.BUY) != (request.type is OrderType.TAKE_PROFIT_MARKET)


@dataclass(frozen=True, slots=True)
class BybitSpot(Dialect):
    def refined(self, exchange: Any) -> Any:
        return mended(exchange)

    def trigger_words(self, request: OrderRequest, trigger_price: Decimal) -> Params:
        return {"triggerPrice": spelled(trigger_price), RISES: _is_rising(request)}

    def reference_words(self, order: OrderRef) -> Params:
        """Nothing is short on spot: a stop sells as the price falls, a take-profit as it rises."""
        if order.type not in CONDITIONAL_TYPES:
            return {}
        return {"trigger": True, RISES: order.type is OrderType.TAKE_PROFIT_MARKET}


@dataclass(frozen=True, slots=True)
class BybitLinear(Dialect):
    def refined(self, exchange: Any) -> Any:
        return mended(exchange)

    def trigger_words(self, request: OrderRequest, trigger_price: Decimal) -> Params:
        """Bybit wants to know from which side the price comes.

        Page `order/create-order`, `closeOnTrigger`: an exit goes through whatever margin is left when it triggers.
        """
        words = {
            "triggerPrice": spelled(trigger_price),
            "triggerDirection": "ascending" if _is_rising(request) else "descending",
        }
        return words | {"closeOnTrigger": True} if request.reduce_only else words


_BYBIT_OPTIONS: Mapping[str, Any] = facts(
    adjustForTimeDifference=False, recvWindow=5000, loadAllOptions=False, ws=lively(5000)
)
_LISTS = ("/realtime", "/history", "/execution/list", "/position/list", "/wallet-balance", "/instruments-info")
_LIST: Shape = MappingProxyType({"result": {"list": list}})
_ALWAYS: Mapping[str, Shape] = MappingProxyType(
    {**dict.fromkeys(_LISTS, _LIST), "/query-api": {"result": {"uta": object}}, "": {"retCode": object}}
)
_ADDRESS = Budget(Pool.WEIGHT, 600, 5.0, rolls=True)
"""Page `rate-limit`, as those of an account: all that comes from one place in five seconds."""
_O = Operation


def _of_account(amount: int) -> tuple[Budget, ...]:
    """In a second, of every path of the API by itself; a batch counts as its orders."""
    return (
        _path(Pool.ORDERS, amount, _O.CREATE),
        _path(Pool.ORDERS, amount, _O.CREATE_BATCH),
        _path(Pool.ORDERS, 10, _O.AMEND),
        _path(Pool.CANCELS, amount, _O.CANCEL),
        _path(Pool.REQUESTS, 10, _O.SET_LEVERAGE),
        _path(Pool.REQUESTS, 50, _O.LOOK_UP, _O.OPEN_ORDERS, _O.OPEN_ORDERS_OF_MARKET),
        _path(Pool.REQUESTS, 50, _O.POSITIONS, _O.LEVERAGE, _O.SETTING),
        _path(Pool.REQUESTS, 50, _O.FILLS, _O.FUNDING),
        _path(Pool.REQUESTS, 50, _O.BALANCES),
    )


def _path(pool: Pool, amount: int, *counts: Operation) -> Budget:
    return Budget(pool, amount, 1.0, "x-bapi-limit-status", tells_rest=True, rolls=True, counts=frozenset(counts))


BYBIT_LINEAR = BybitLinear(
    name="bybit_linear",
    exchange="bybit",
    shared_host="bybit",
    codes=BYBIT_CODES,
    market_type=MarketType.LINEAR,
    client_id_create="clientOrderId",
    client_id_read="orderLinkId",
    hedge_style=HedgeStyle.POSITION_INDEX,
    margin_mode_by_symbol=False,
    mode_by_market=True,  # page `position/position-mode`
    reduce_only_in_hedge=True,
    stop_types=CONDITIONAL_TYPES,
    conditional_orders=10,  # page `order/create-order`, as those of spot
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.00055"),
    batch_size=10,  # 20 may travel together, but count as 20 of 10 in a second
    batch_types=frozenset(OrderType) - {OrderType.STOP_MARKET, OrderType.STOP_LIMIT},  # no stop waits for a batch
    amend_types=frozenset(OrderType) - {OrderType.MARKET},
    trade_page=100,
    trades_need_symbol=False,
    id_beside_client_id=False,
    answers_with_id_only=True,
    always=_ALWAYS,
    options=MappingProxyType(
        {**_BYBIT_OPTIONS, "defaultType": "swap", "defaultSubType": "linear", "fetchMarkets": {"types": ["linear"]}}
    ),
    budgets=(_ADDRESS, *_of_account(10)),
    # Orders and positions are listed by settlement coin, fills by type, and what is over may be in the history only.
    weights=MappingProxyType(
        {Operation.OPEN_ORDERS: 2, Operation.POSITIONS: 2, Operation.FILLS: 3, Operation.LOOK_UP: 2}
    ),
)

BYBIT_SPOT = BybitSpot(
    name="bybit_spot",
    exchange="bybit",
    shared_host="bybit",
    codes=BYBIT_CODES,
    market_type=MarketType.SPOT,
    client_id_create="clientOrderId",
    client_id_read="orderLinkId",
    hedge_style=HedgeStyle.NONE,
    stop_types=CONDITIONAL_TYPES,
    followed_at_once=10,
    conditional_orders=30,
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    batch_size=10,
    amend_types=frozenset({OrderType.LIMIT}),
    trade_page=100,
    trades_need_symbol=False,
    id_beside_client_id=False,
    answers_with_id_only=True,
    always=_ALWAYS,
    options=MappingProxyType({**_BYBIT_OPTIONS, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}),
    budgets=(_ADDRESS, *_of_account(20)),
    weights=MappingProxyType({Operation.LOOK_UP: 2}),
)
