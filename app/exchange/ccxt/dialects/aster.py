"""Aster, spot and perpetuals: order books in Binance's words, signed with the wallet of an agent.

Facts are from <https://github.com/asterdex/api-docs>, "V3(Recommended)", futures and spot.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType, PositionMode
from app.exchange.ccxt.dialects.aster_wire import mended
from app.exchange.ccxt.dialects.base import (
    CONDITIONAL_TYPES,
    MINUTE,
    NEW_ORDERS,
    PLAIN_TYPES,
    Budget,
    Dialect,
    HedgeStyle,
    Operation,
    Params,
    Pool,
    lively,
)
from app.exchange.ccxt.dialects.binance import ALWAYS, BINANCE_CODES
from app.exchange.ccxt.verdicts import CLOCK, KEYS, OPERATOR, Codes, refused
from app.messages.reports import RefusalCode
from app.ports.venue import OrderRequest

_LISTEN_KEY_MS = 1_800_000
"""Half of its life. Chapter "Keepalive User Data Stream"."""

ASTER_CODES = Codes(
    table=MappingProxyType(
        {
            **BINANCE_CODES.table,
            "-1004": OPERATOR,  # an address that is listed already; ccxt takes it for a duplicate order
            "-1011": KEYS,
            "-1109": OPERATOR,
            "-2016": refused(RefusalCode.HALTED),
            "-2023": refused(RefusalCode.HALTED),
            "-2024": refused(RefusalCode.INSUFFICIENT_BALANCE),
            # ccxt takes the limits of open orders for limits of requests, which would be tried again and again
            "-2025": refused(RefusalCode.INVALID_ORDER),
            "-4012": refused(RefusalCode.INVALID_ORDER),
            "-4082": refused(RefusalCode.INVALID_ORDER),
            "-4004": refused(RefusalCode.MIN_NOTIONAL),
            "-4022": refused(RefusalCode.HALTED),
            "-4050": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "-4051": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "-4056": OPERATOR,
            "-4057": OPERATOR,
            "-4062": refused(RefusalCode.REDUCE_ONLY),
            "-4087": refused(RefusalCode.PERMISSION),
            "-4088": refused(RefusalCode.PERMISSION),
            "-4142": refused(RefusalCode.WOULD_TRIGGER),
            "-4183": refused(RefusalCode.INVALID_ORDER),
            "-4184": refused(RefusalCode.INVALID_ORDER),
            "-4225": CLOCK,  # "Nonce Expired": used before or too old; chapter "Noop" has it, the list of codes has not
            "-5050": refused(RefusalCode.PERMISSION),
            "-5060": refused(RefusalCode.INVALID_ORDER),
            "-5076": refused(RefusalCode.MIN_NOTIONAL),
        }
    ),
    # -1000 is also what a wrong signature or an agent that is not registered is told; those two did nothing
    phrases=(
        ("signature check failed", KEYS),
        ("no agent found", KEYS),
        *BINANCE_CODES.phrases,
    ),
    vague=BINANCE_CODES.vague | {"-1000"},
)


@dataclass(frozen=True, slots=True)
class AsterDialect(Dialect):
    def refined(self, exchange: Any) -> Any:
        return mended(exchange)

    def order_words(self, request: OrderRequest) -> Params:  # noqa: ARG002 - it is the same for all
        """Perpetuals answer before anything happened unless told otherwise; spot does not know the word."""
        return {"newOrderRespType": "RESULT"} if self.is_linear else {}

    def position_words(self, request: OrderRequest, mode: PositionMode) -> Params:
        """`reduceOnly` is a word here; ccxt would write Python's `True`."""
        words = Dialect.position_words(self, request, mode)
        return words | {"reduceOnly": "true"} if words.get("reduceOnly") else words


def _options(kind: str) -> MappingProxyType[str, Any]:
    return MappingProxyType(
        {
            # With the builder fee on, the first order would approve a fee for ccxt and every order would carry it.
            "builderFee": False,
            "defaultType": kind,
            "fetchOpenOrders": {"warnIfNoSymbol": False},
            "listenKeyRefreshRate": {"spot": _LISTEN_KEY_MS, "swap": _LISTEN_KEY_MS},
            "listenKeyRefresh": {"listenKeyRefreshRate": _LISTEN_KEY_MS},
            "ws": lively(2000),
        }
    )


ASTER_LINEAR = AsterDialect(
    name="aster_linear",
    exchange="aster",
    codes=ASTER_CODES,
    market_type=MarketType.LINEAR,
    client_id_create="newClientOrderId",
    client_id_read="clientOrderId",
    hedge_style=HedgeStyle.POSITION_SIDE,
    exits_below_minimum=True,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0001"),
    taker_fee=Decimal("0.00035"),
    batch_size=5,
    batch_types=PLAIN_TYPES | CONDITIONAL_TYPES,
    trade_page=1000,
    trades_by_id=True,
    always=MappingProxyType({**ALWAYS, "/balance": list}),
    options=_options("swap"),
    budgets=(
        Budget(Pool.WEIGHT, 2400, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 1200, MINUTE, "x-mbx-order-count-1m", counts=NEW_ORDERS),
    ),
    weights=MappingProxyType(
        {
            Operation.CREATE_BATCH: 5,
            Operation.OPEN_ORDERS: 40,
            Operation.POSITIONS: 5,
            Operation.BALANCES: 5,
            Operation.FILLS: 5,
            Operation.FUNDING: 30,
            Operation.CANDLES: 5,
            Operation.TICKER: 1,
            Operation.LEVERAGE: 5,
        }
    ),
)

ASTER_SPOT = AsterDialect(
    name="aster_spot",
    exchange="aster",
    codes=ASTER_CODES,
    market_type=MarketType.SPOT,
    client_id_create="newClientOrderId",
    client_id_read="clientOrderId",
    hedge_style=HedgeStyle.NONE,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.0002"),  # chapter "Get symbol fees"
    taker_fee=Decimal("0.0007"),
    trade_page=1000,
    trades_by_id=True,
    always=MappingProxyType({**ALWAYS, "/account": {"balances": list}}),
    options=_options("spot"),
    budgets=(
        Budget(Pool.WEIGHT, 1200, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 100, MINUTE, "x-mbx-order-count-1m", counts=NEW_ORDERS),
    ),
    weights=MappingProxyType(
        {
            Operation.OPEN_ORDERS: 40,
            Operation.BALANCES: 5,
            Operation.FILLS: 5,
            Operation.CANDLES: 5,
        }
    ),
)
