"""Binance, spot and USD-M perpetuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.domain.values import MarketType, OrderType
from app.exchange.ccxt.dialects.base import (
    CONDITIONAL_TYPES,
    MINUTE,
    NEW_ORDERS,
    Budget,
    Dialect,
    HedgeStyle,
    Operation,
    Params,
    Pool,
    Shape,
    facts,
    lively,
)
from app.exchange.ccxt.dialects.binance_wire import answered, listening, naming, row_of, signing
from app.exchange.ccxt.dialects.listen_key import outliving
from app.exchange.ccxt.verdicts import (
    BUSY,
    CLOCK,
    KEYS,
    LIMITED,
    LIMITED_ACCOUNT,
    MODE,
    NO_CHANGE,
    UNKNOWN,
    Codes,
    refused,
)
from app.messages.reports import RefusalCode

BINANCE_CODES = Codes(
    table=MappingProxyType(
        {
            "-1000": UNKNOWN,
            "-1001": UNKNOWN,
            "-1002": KEYS,
            "-1003": LIMITED,
            "-1006": UNKNOWN,
            "-1007": UNKNOWN,
            "-1008": BUSY,
            "-1010": refused(RefusalCode.INVALID_ORDER),
            "-1013": refused(RefusalCode.INVALID_ORDER),
            "-1015": LIMITED_ACCOUNT,
            "-1016": BUSY,
            "-1021": CLOCK,
            "-1022": KEYS,
            "-1111": refused(RefusalCode.PRECISION),
            "-1112": refused(RefusalCode.INVALID_ORDER),
            "-1116": refused(RefusalCode.UNSUPPORTED),
            "-1121": refused(RefusalCode.HALTED),
            "-1125": refused(RefusalCode.NOT_FOUND),
            "-2010": refused(RefusalCode.INVALID_ORDER),
            "-2011": refused(RefusalCode.NOT_FOUND),
            "-2013": refused(RefusalCode.NOT_FOUND),
            "-2014": KEYS,
            "-2015": KEYS,
            "-2017": KEYS,
            "-2018": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "-2019": refused(RefusalCode.INSUFFICIENT_BALANCE),
            "-2020": refused(RefusalCode.INVALID_ORDER),
            "-2021": refused(RefusalCode.WOULD_TRIGGER),
            "-2022": refused(RefusalCode.REDUCE_ONLY),
            "-2023": refused(RefusalCode.INVALID_ORDER),
            "-2027": refused(RefusalCode.LEVERAGE),
            "-2028": refused(RefusalCode.LEVERAGE),
            "-4003": refused(RefusalCode.PRECISION),
            "-4005": refused(RefusalCode.INVALID_ORDER),
            "-4014": refused(RefusalCode.PRECISION),
            "-4016": refused(RefusalCode.INVALID_ORDER),
            "-4023": refused(RefusalCode.PRECISION),
            "-4024": refused(RefusalCode.INVALID_ORDER),
            "-4028": refused(RefusalCode.LEVERAGE),
            "-4045": refused(RefusalCode.INVALID_ORDER),
            "-4046": NO_CHANGE,
            "-4047": refused(RefusalCode.LEVERAGE),
            "-4048": refused(RefusalCode.LEVERAGE),
            "-4059": NO_CHANGE,
            "-4061": MODE,
            "-4087": refused(RefusalCode.PERMISSION),
            "-4088": refused(RefusalCode.PERMISSION),
            "-4116": refused(RefusalCode.DUPLICATE_ID),
            "-4118": refused(RefusalCode.REDUCE_ONLY),
            "-4120": refused(RefusalCode.UNSUPPORTED),
            "-4131": refused(RefusalCode.INVALID_ORDER),
            "-4140": refused(RefusalCode.HALTED),
            "-4141": refused(RefusalCode.HALTED),
            "-4161": refused(RefusalCode.LEVERAGE),
            "-4164": refused(RefusalCode.MIN_NOTIONAL),
            "-4192": refused(RefusalCode.PERMISSION),
            "-4202": refused(RefusalCode.LEVERAGE),
            "-4203": refused(RefusalCode.LEVERAGE),
            "-4205": refused(RefusalCode.LEVERAGE),
            "-4206": refused(RefusalCode.LEVERAGE),
            "-4400": refused(RefusalCode.PERMISSION),
            "-4401": refused(RefusalCode.PERMISSION),
            "-4402": refused(RefusalCode.PERMISSION),
            "-4403": refused(RefusalCode.LEVERAGE),
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
    # ccxt opens a connection for every new set of markets; a few carry as many subscriptions as we need.
    # Spot has two of each market, and takes 1024 on a connection. Perpetuals have three, and older pages allow 200:
    # one of the three goes over a connection to /public and two over one to /market, which ccxt counts together.
    streamLimits={"spot": 2, "linear": 8},
    subscriptionLimitByStream={"spot": 1000, "linear": 300},
    watchPositions={"fetchPositionsSnapshot": False},
    ws=lively(2000),
)


_LISTS = ("/openOrders", "/openAlgoOrders", "/userTrades", "/myTrades", "/positionRisk", "/income", "/leverageBracket")
ALWAYS: Mapping[str, Shape] = MappingProxyType(
    {
        **dict.fromkeys(_LISTS, list),
        "/exchangeInfo": {"symbols": list},
        "/positionSide/dual": {"dualSidePosition": bool},
    }
)


@dataclass(frozen=True, slots=True)
class BinanceUsdm(Dialect):
    """Plain orders are put together, and what becomes of them is read, by ourselves.

    ccxt's deliberations over each take longer than all else between a decision and its bytes. Conditional orders go
    its way.
    """

    async def create(self, exchange: Any, order: Params) -> Any:
        """New Order, https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api"""
        if self.client_id_create not in order["params"]:
            return await exchange.create_order(**order)
        return answered(await exchange.fapiPrivatePostOrder(row_of(exchange, order)))

    async def create_batch(self, exchange: Any, orders: Sequence[Params]) -> list[Any]:
        """Place Multiple Orders, https://developers.binance.com/docs/derivatives/usds-margined-futures/trade/rest-api"""
        told = await exchange.fapiPrivatePostBatchOrders({"batchOrders": [row_of(exchange, each) for each in orders]})
        return [answered(each) for each in told]

    def refined(self, exchange: Any) -> Any:
        return listening(signing(naming(outliving(exchange))))


BINANCE_USDM = BinanceUsdm(
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
    trades_by_id=True,
    always=MappingProxyType({**ALWAYS, "/account": {"assets": list}}),
    options=MappingProxyType({**_BINANCE_OPTIONS, "fetchMarkets": {"types": ["linear"]}}),
    budgets=(
        Budget(Pool.WEIGHT, 2400, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 300, 10.0, "x-mbx-order-count-10s", counts=NEW_ORDERS),
        Budget(Pool.ORDERS, 1200, MINUTE, "x-mbx-order-count-1m", counts=NEW_ORDERS),
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
            Operation.LEVERAGE: 6,
        }
    ),
)

# https://developers.binance.com/docs/binance-spot-api-docs/errors
BINANCE_SPOT_CODES = Codes(
    table=MappingProxyType(
        {
            **BINANCE_CODES.table,
            "-1014": refused(RefusalCode.INVALID_ORDER),
            "-1020": refused(RefusalCode.INVALID_ORDER),
            "-1034": LIMITED,
            "-1099": KEYS,
            "-1112": refused(RefusalCode.HALTED),
            "-1122": refused(RefusalCode.HALTED),
            "-1158": refused(RefusalCode.INVALID_ORDER),
            "-1165": refused(RefusalCode.INVALID_ORDER),
            "-1166": refused(RefusalCode.INVALID_ORDER),
            "-1168": refused(RefusalCode.INVALID_ORDER),
            "-1196": refused(RefusalCode.INVALID_ORDER),
            "-1197": refused(RefusalCode.INVALID_ORDER),
            "-1198": refused(RefusalCode.INVALID_ORDER),
            "-1199": refused(RefusalCode.INVALID_ORDER),
            # These two are what became of a cancel-replace here, which nobody sends.
            "-2021": UNKNOWN,
            "-2022": refused(RefusalCode.INVALID_ORDER),
            "-2026": refused(RefusalCode.NOT_FOUND),
        }
    ),
    phrases=(
        *BINANCE_CODES.phrases,
        ("relationship of the prices", refused(RefusalCode.WOULD_TRIGGER)),
        ("immediately match and take", refused(RefusalCode.WOULD_TRIGGER)),
        ("trading phase", refused(RefusalCode.HALTED)),
        ("gtc for this phase", refused(RefusalCode.HALTED)),
        ("restricted for this account", refused(RefusalCode.PERMISSION)),
        ("may not place or cancel", refused(RefusalCode.PERMISSION)),
        ("disabled on this account", refused(RefusalCode.PERMISSION)),
        ("trading is not enabled", refused(RefusalCode.PERMISSION)),
    ),
    vague=frozenset({"-1010", "-1013", "-2010"}),
)


@dataclass(frozen=True, slots=True)
class BinanceSpot(Dialect):
    """Own orders and trades come over the WebSocket API, once it has confirmed the signed subscription."""

    def refined(self, exchange: Any) -> Any:
        class Confirmed(exchange):  # type: ignore[misc]  # ccxt is untyped
            async def ensure_user_data_stream_ws_subscribe_signature(self, market_type: str = "spot") -> None:
                """One asks, the others wait for the answer: ccxt lets them go on without it, and where it is a refusal
                its own way out breaks and leaves them waiting for ever."""
                client = self.client(self.urls["api"]["ws"]["ws-api"][market_type])
                topic = f"authenticate:signature:{market_type}"
                if topic in client.futures:
                    await client.future(topic)
                    return
                try:
                    await super().ensure_user_data_stream_ws_subscribe_signature(market_type)
                except Exception as error:
                    waiting = client.futures.pop(topic, None)
                    if waiting is not None:
                        waiting.reject(error)
                        waiting.exception()
                    raise

            def handle_user_data_stream_subscribe(self, client: Any, message: Any) -> None:
                super().handle_user_data_stream_subscribe(client, message)
                if (message.get("result") or {}).get("subscriptionId") is not None:
                    client.subscriptions["orders:confirmed"] = True
                    self.on_connected(client, message)

            def handle_event_stream_terminated(self, client: Any, message: Any) -> None:
                """ccxt goes on waiting on a connection that will say nothing more."""
                super().handle_event_stream_terminated(client, message)
                client.on_error(ConnectionError("the exchange has ended the account's stream"))

        return Confirmed


BINANCE_SPOT = BinanceSpot(
    name="binance_spot",
    exchange="binance",
    codes=BINANCE_SPOT_CODES,
    market_type=MarketType.SPOT,
    client_id_create="newClientOrderId",
    client_id_read="origClientOrderId",
    hedge_style=HedgeStyle.NONE,
    stop_types=CONDITIONAL_TYPES,
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    trade_page=1000,
    trades_by_id=True,
    # Account trade list: "The time between startTime and endTime can't be longer than 24 hours."
    trade_window=timedelta(hours=24) - timedelta(milliseconds=1),
    # No amending: ccxt's edit_order cancels and places anew, and it has no order/amend/keepPriority.
    oco=True,
    tries_orders=True,
    always=MappingProxyType({**ALWAYS, "/account": {"balances": list}}),
    options=MappingProxyType(
        {**_BINANCE_OPTIONS, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
    ),
    # Budgets are the rateLimits of exchangeInfo, weights those of the REST API's pages without what lowers them.
    budgets=(
        Budget(Pool.WEIGHT, 6000, MINUTE, "x-mbx-used-weight-1m"),
        Budget(Pool.ORDERS, 100, 10.0, "x-mbx-order-count-10s", counts=NEW_ORDERS),
        Budget(Pool.ORDERS, 200_000, 24 * 60 * MINUTE, "x-mbx-order-count-1d", counts=NEW_ORDERS),
    ),
    weights=MappingProxyType(
        {
            Operation.LOOK_UP: 4,
            Operation.OPEN_ORDERS: 80,
            Operation.OPEN_ORDERS_OF_MARKET: 6,
            Operation.BALANCES: 20,
            Operation.FILLS: 20,
            Operation.CANDLES: 2,
            Operation.MARKETS: 20,
            Operation.TICKER: 4,
        }
    ),
)
