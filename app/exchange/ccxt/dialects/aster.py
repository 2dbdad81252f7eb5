"""Aster: an order book in Binance's words, signed with a wallet's key."""

from __future__ import annotations

from decimal import Decimal

from app.domain.values import MarketType
from app.exchange.ccxt.dialects.base import CONDITIONAL_TYPES, MINUTE, Budget, Dialect, HedgeStyle, Pool, facts
from app.exchange.ccxt.dialects.binance import BINANCE_CODES, BINANCE_USDM

ASTER_LINEAR = Dialect(
    name="aster_linear",
    exchange="aster",
    codes=BINANCE_CODES,
    market_type=MarketType.LINEAR,
    client_id_create="newClientOrderId",
    client_id_read="origClientOrderId",
    hedge_style=HedgeStyle.POSITION_SIDE,
    exits_below_minimum=True,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0001"),
    taker_fee=Decimal("0.00035"),
    batch_size=5,
    trade_page=1000,
    # With the builder fee on, the first order would approve a fee for ccxt and every order would carry it.
    options=facts(builderFee=False, defaultType="swap", recvWindow=5000, fetchCurrencies=False),
    budgets=(
        Budget(Pool.WEIGHT, 2400, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 300, 10.0, "x-mbx-order-count-10s"),
        Budget(Pool.ORDERS, 1200, MINUTE, "x-mbx-order-count-1m"),
    ),
    weights=BINANCE_USDM.weights,
)
