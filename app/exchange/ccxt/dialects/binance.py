"""Binance, spot and USD-M perpetuals."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType, OrderType
from app.exchange.ccxt.dialects.base import (
    CONDITIONAL_TYPES,
    MINUTE,
    Budget,
    Dialect,
    HedgeStyle,
    Operation,
    Pool,
    facts,
)
from app.exchange.ccxt.verdicts import BUSY, CLOCK, LIMITED, NO_CHANGE, OPERATOR, UNKNOWN, Codes, refused
from app.messages.reports import RefusalCode

BINANCE_CODES = Codes(
    table=MappingProxyType(
        {
            "-1000": UNKNOWN,
            "-1001": UNKNOWN,
            "-1002": OPERATOR,
            "-1003": LIMITED,
            "-1006": UNKNOWN,
            "-1007": UNKNOWN,
            "-1008": BUSY,
            "-1010": refused(RefusalCode.INVALID_ORDER),
            "-1013": refused(RefusalCode.INVALID_ORDER),
            "-1015": LIMITED,
            "-1016": BUSY,
            "-1021": CLOCK,
            "-1022": OPERATOR,
            "-1111": refused(RefusalCode.PRECISION),
            "-1121": refused(RefusalCode.HALTED),
            "-2010": refused(RefusalCode.INVALID_ORDER),
            "-2011": refused(RefusalCode.NOT_FOUND),
            "-2013": refused(RefusalCode.NOT_FOUND),
            "-2014": OPERATOR,
            "-2015": OPERATOR,
            "-2018": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "-2019": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "-2021": refused(RefusalCode.WOULD_TRIGGER),
            "-2022": refused(RefusalCode.REDUCE_ONLY),
            "-2027": refused(RefusalCode.LEVERAGE),
            "-2028": refused(RefusalCode.LEVERAGE),
            "-4003": refused(RefusalCode.PRECISION),
            "-4005": refused(RefusalCode.INVALID_ORDER),
            "-4014": refused(RefusalCode.PRECISION),
            "-4023": refused(RefusalCode.PRECISION),
            "-4028": refused(RefusalCode.LEVERAGE),
            "-4045": refused(RefusalCode.INVALID_ORDER),
            "-4046": NO_CHANGE,
            "-4059": NO_CHANGE,
            "-4061": refused(RefusalCode.INVALID_ORDER),
            "-4116": refused(RefusalCode.DUPLICATE_ID),
            "-4118": refused(RefusalCode.REDUCE_ONLY),
            "-4120": refused(RefusalCode.INVALID_ORDER),
            "-4131": refused(RefusalCode.INVALID_ORDER),
            "-4140": refused(RefusalCode.HALTED),
            "-4141": refused(RefusalCode.HALTED),
            "-4161": refused(RefusalCode.LEVERAGE),
            "-4164": refused(RefusalCode.MIN_NOTIONAL),
            "-4192": refused(RefusalCode.PERMISSION),
            "-4400": refused(RefusalCode.PERMISSION),
            "-4411": refused(RefusalCode.PERMISSION),
            "-5022": refused(RefusalCode.INVALID_ORDER),
            "-5027": NO_CHANGE,
        }
    ),
    phrases=(
        ("insufficient balance", refused(RefusalCode.INSUFFICIENT_BALANCE)),
        ("duplicate order sent", refused(RefusalCode.DUPLICATE_ID)),
        ("trigger immediately", refused(RefusalCode.WOULD_TRIGGER)),
        ("market is closed", refused(RefusalCode.HALTED)),
        ("not permitted for this account", refused(RefusalCode.PERMISSION)),
        ("notional", refused(RefusalCode.MIN_NOTIONAL)),
        ("percent_price", refused(RefusalCode.INVALID_ORDER)),
        ("lot_size", refused(RefusalCode.PRECISION)),
        ("price_filter", refused(RefusalCode.PRECISION)),
    ),
    vague=frozenset({"-1013", "-2010"}),
)

_BINANCE_OPTIONS: Mapping[str, Any] = facts(
    adjustForTimeDifference=False,
    warnOnFetchOpenOrdersWithoutSymbol=False,
    recvWindow=5000,
    fetchCurrencies=False,
)

BINANCE_USDM = Dialect(
    name="binance_usdm",
    exchange="binanceusdm",
    codes=BINANCE_CODES,
    market_type=MarketType.LINEAR,
    client_id_create="newClientOrderId",
    client_id_read="origClientOrderId",
    trigger_id_create="clientAlgoId",
    trigger_id_read="clientAlgoId",
    triggers_apart=True,
    trigger_params=facts(trigger=True),
    hedge_style=HedgeStyle.POSITION_SIDE,
    exits_below_minimum=True,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    batch_size=5,
    amend_types=frozenset({OrderType.LIMIT}),
    trade_page=1000,
    options=MappingProxyType({**_BINANCE_OPTIONS, "fetchMarkets": {"types": ["linear"]}}),
    budgets=(
        Budget(Pool.WEIGHT, 2400, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 300, 10.0, "x-mbx-order-count-10s"),
        Budget(Pool.ORDERS, 1200, MINUTE, "x-mbx-order-count-1m"),
    ),
    weights=MappingProxyType(
        {
            Operation.CREATE: 0,
            Operation.CREATE_BATCH: 5,
            Operation.OPEN_ORDERS: 40,
            Operation.POSITIONS: 5,
            Operation.BALANCES: 5,
            Operation.FILLS: 5,
            Operation.FUNDING: 30,
            Operation.CANDLES: 5,
            Operation.TICKER: 2,
        }
    ),
)

BINANCE_SPOT = Dialect(
    name="binance_spot",
    exchange="binance",
    codes=BINANCE_CODES,
    market_type=MarketType.SPOT,
    client_id_create="newClientOrderId",
    client_id_read="origClientOrderId",
    hedge_style=HedgeStyle.NONE,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    trade_page=1000,
    options=MappingProxyType({**_BINANCE_OPTIONS, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}}),
    budgets=(
        Budget(Pool.WEIGHT, 6000, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 100, 10.0, "x-mbx-order-count-10s"),
        Budget(Pool.ORDERS, 200_000, 24 * 60 * MINUTE, "x-mbx-order-count-1d"),
    ),
    weights=MappingProxyType(
        {
            Operation.LOOK_UP: 4,
            Operation.OPEN_ORDERS: 80,
            Operation.BALANCES: 20,
            Operation.FILLS: 20,
            Operation.CANDLES: 2,
            Operation.MARKETS: 20,
            Operation.TICKER: 4,
        }
    ),
)
