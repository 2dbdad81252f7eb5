"""Bybit v5, spot and USD-M perpetuals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType, OrderSide, OrderType
from app.exchange.ccxt.dialects.base import CONDITIONAL_TYPES, Budget, Dialect, HedgeStyle, Params, Pool, facts, spelled
from app.exchange.ccxt.verdicts import BUSY, CLOCK, LIMITED, NO_CHANGE, OPERATOR, UNKNOWN, Codes, refused
from app.messages.reports import RefusalCode
from app.ports.venue import OrderRef, OrderRequest

BYBIT_CODES = Codes(
    table=MappingProxyType(
        {
            "10000": UNKNOWN,
            "10001": refused(RefusalCode.INVALID_ORDER),
            "10002": CLOCK,
            "10003": OPERATOR,
            "10004": OPERATOR,
            "10005": OPERATOR,
            "10006": LIMITED,
            "10010": OPERATOR,
            "10016": UNKNOWN,
            "10018": LIMITED,
            "10429": LIMITED,
            "33004": OPERATOR,
            "34040": NO_CHANGE,
            "110001": refused(RefusalCode.NOT_FOUND),
            "110003": refused(RefusalCode.INVALID_ORDER),
            "110004": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "110006": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "110007": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "110008": refused(RefusalCode.NOT_FOUND),
            "110010": refused(RefusalCode.NOT_FOUND),
            "110012": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "110013": refused(RefusalCode.LEVERAGE),
            "110017": refused(RefusalCode.REDUCE_ONLY),
            "110025": NO_CHANGE,
            "110026": NO_CHANGE,
            "110043": NO_CHANGE,
            "110045": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "110072": refused(RefusalCode.DUPLICATE_ID),
            "110074": refused(RefusalCode.HALTED),
            "110079": BUSY,
            "110092": refused(RefusalCode.WOULD_TRIGGER),
            "110093": refused(RefusalCode.WOULD_TRIGGER),
            "110094": refused(RefusalCode.MIN_NOTIONAL),
            "170121": refused(RefusalCode.HALTED),
            "170131": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "170134": refused(RefusalCode.PRECISION),
            "170136": refused(RefusalCode.MIN_NOTIONAL),
            "170137": refused(RefusalCode.PRECISION),
            "170140": refused(RefusalCode.MIN_NOTIONAL),
            "170141": refused(RefusalCode.DUPLICATE_ID),
            "170146": UNKNOWN,
            "170147": UNKNOWN,
            "170151": refused(RefusalCode.HALTED),
            "170157": refused(RefusalCode.HALTED),
            "170213": refused(RefusalCode.NOT_FOUND),
        }
    )
)


@dataclass(frozen=True, slots=True)
class BybitSpot(Dialect):
    def trigger_words(self, request: OrderRequest, trigger_price: Decimal) -> Params:  # noqa: ARG002 - one way for both kinds
        return {"triggerPrice": spelled(trigger_price)}

    def reference_words(self, order: OrderRef) -> Params:
        return {"trigger": True} if order.type in CONDITIONAL_TYPES else {}


@dataclass(frozen=True, slots=True)
class BybitLinear(Dialect):
    def trigger_words(self, request: OrderRequest, trigger_price: Decimal) -> Params:
        """Bybit wants to know from which side the price comes."""
        is_profit = request.type is OrderType.TAKE_PROFIT_MARKET
        is_rising = (request.side is OrderSide.BUY) != is_profit
        return {
            "triggerPrice": spelled(trigger_price),
            "triggerDirection": "ascending" if is_rising else "descending",
        }


_BYBIT_OPTIONS: Mapping[str, Any] = facts(
    adjustForTimeDifference=False, recvWindow=5000, loadAllOptions=False, fetchCurrencies=False
)
_BYBIT_BUDGETS = (Budget(Pool.WEIGHT, 600, 5.0), Budget(Pool.ORDERS, 10, 1.0, "x-bapi-limit-status", True))

BYBIT_LINEAR = BybitLinear(
    name="bybit_linear",
    exchange="bybit",
    codes=BYBIT_CODES,
    market_type=MarketType.LINEAR,
    client_id_create="clientOrderId",
    client_id_read="orderLinkId",
    hedge_style=HedgeStyle.POSITION_INDEX,
    margin_mode_by_symbol=False,
    reduce_only_in_hedge=True,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.00055"),
    batch_size=20,
    batch_types=frozenset(OrderType),
    amend_types=frozenset(OrderType) - {OrderType.MARKET},
    trade_page=100,
    trades_need_symbol=False,
    look_up_params=facts(acknowledged=True),
    id_beside_client_id=False,
    options=MappingProxyType(
        {**_BYBIT_OPTIONS, "defaultType": "swap", "defaultSubType": "linear", "fetchMarkets": {"types": ["linear"]}}
    ),
    budgets=_BYBIT_BUDGETS,
    weights=MappingProxyType({}),
)

BYBIT_SPOT = BybitSpot(
    name="bybit_spot",
    exchange="bybit",
    codes=BYBIT_CODES,
    market_type=MarketType.SPOT,
    client_id_create="clientOrderId",
    client_id_read="orderLinkId",
    hedge_style=HedgeStyle.NONE,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    batch_size=10,
    amend_types=frozenset({OrderType.LIMIT}),
    trade_page=100,
    trades_need_symbol=False,
    look_up_params=facts(acknowledged=True),
    id_beside_client_id=False,
    options=MappingProxyType({**_BYBIT_OPTIONS, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}),
    budgets=_BYBIT_BUDGETS,
    weights=MappingProxyType({}),
)
